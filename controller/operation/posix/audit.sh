# shellcheck shell=sh
# shellcheck disable=SC2154
# What an audit reads of an agent. Nothing is changed.

# FOLDER LIMIT: the settings files of the agent in FOLDER, each with at most LIMIT bytes: `file NUMBER PATH` with the bytes
# `file.NUMBER`, or `unread NUMBER WHY`. `state` is `absent` where no agent is.
pf_audit() {
  pf_say path "$1"
  if [ ! -d "$1"/Runtime ]; then
    pl_v state absent
    return 0
  fi
  pl_v state directory
  pf_count=0
  if [ ! -r "$1"/Runtime ] || [ ! -x "$1"/Runtime ]; then
    pf_audit_unread "$1"/Runtime 'the folder cannot be read'
    return 0
  fi
  for pf_part in "$1"/Runtime/web.config "$1"/Runtime/appsettings.json "$1"/Runtime/appsettings.*.json \
    "$1"/Work/appsettings.connection.json; do
    if [ -e "$pf_part" ] || [ -L "$pf_part" ]; then pf_audit_file "$pf_part" "$2"; fi
  done
  return 0
}

# PATH LIMIT: one file. Only a regular file is read: a FIFO would never end.
pf_audit_file() {
  if [ "$pf_count" -ge 40 ]; then
    [ "$pf_count" -gt 40 ] || pf_audit_unread "$1" 'there are too many files of settings'
    return 0
  fi
  if [ ! -f "$1" ]; then
    pf_audit_unread "$1" 'it is no regular file'
  elif [ ! -r "$1" ]; then
    pf_audit_unread "$1" 'access is denied'
  elif pf_size=$(stat -L -c %s -- "$1" 2>/dev/null) && [ "$pf_size" -le "$2" ]; then
    pf_count=$((pf_count + 1))
    pf_say 'file' "$pf_count $1"
    pl_b "file.$pf_count" "$1" || :
  else
    pf_audit_unread "$1" "it has more than $2 bytes"
  fi
}

# PATH WHY
pf_audit_unread() {
  pf_count=$((pf_count + 1))
  pf_say 'file' "$pf_count $1"
  pl_v unread "$pf_count $2"
}
