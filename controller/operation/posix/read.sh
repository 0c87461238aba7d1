# shellcheck shell=sh
# Reading: the state of a path, and content.

# PATH: nothing is there. Fails if it cannot be, because what is above it is not a folder.
pf_above() {
  pf_folder=$1
  while [ ! -e "$pf_folder" ]; do
    pf_path=$pf_folder
    pf_parent "$pf_folder"
    [ "$pf_folder" != "$pf_path" ] || return 0
  done
  if [ ! -d "$pf_folder" ]; then
    pf_fail "\`$1\` cannot be there: \`$pf_folder\` is not a folder"
    return 1
  fi
}

# PATH FOLLOW ALGORITHM: reports all that stat knows; ALGORITHM is empty for no checksum.
pf_facts() {
  pf_given=$1
  if [ ! -e "$1" ]; then
    if [ ! -L "$1" ] || [ "$2" = 1 ]; then
      pf_above "$1"
      return
    fi
  fi
  pf_dereference=''
  if [ "$2" = 1 ]; then pf_dereference=-L; fi
  # shellcheck disable=SC2086 # nothing or one word
  pf_line=$(stat $pf_dereference -c '%f:%u:%g:%s:%h:%i:%d:%X:%Y:%Z:%b:%o:%t:%T:%U:%G|%x|%y|%z' -- "$1" 2>"$pl_d/pf_error") || {
    pf_failed "cannot read the state of \`$1\`"
    return 1
  }
  pf_access=''
  [ ! -r "$1" ] || pf_access=r
  [ ! -w "$1" ] || pf_access=${pf_access}w
  [ ! -x "$1" ] || pf_access=${pf_access}x
  pf_say facts "$pf_access|$pf_line"
  if [ -L "$1" ] && [ "$2" != 1 ]; then
    pf_readlink "$1" && pf_say target "$pf_target"
    if pf_resolve "$1"; then pf_say source "$pf_real"; fi
  elif [ -f "$1" ] && [ -n "$3" ] && [ -r "$1" ]; then
    pf_digest=$("${3}sum" <"$1" 2>"$pl_d/pf_error") || {
      pf_failed "cannot compute the $3 digest of \`$1\`"
      return 1
    }
    pl_v checksum "${pf_digest%% *}"
  fi
  pf_say path "$1"
}

# PATH LIMIT SUM: reports the content of a file; with SUM its SHA-256 too.
pf_read() {
  pf_given=$1
  pf_say path "$1"
  if [ ! -e "$1" ]; then
    pl_v state absent
    pf_fail "file not found: \`$1\`"
    return 1
  fi
  if [ -d "$1" ]; then
    pl_v state directory
    pf_fail "\`$1\` is a folder and must be a file"
    return 1
  fi
  if [ ! -f "$1" ]; then
    pf_fail "\`$1\` is not a regular file"
    return 1
  fi
  if [ ! -r "$1" ]; then
    pl_v state unreadable
    pf_fail "\`$1\` cannot be read"
    return 1
  fi
  pf_size=$(stat -L -c %s -- "$1" 2>/dev/null)
  if [ "$pf_size" -gt "$2" ]; then
    pf_fail "\`$1\` has $pf_size bytes, more than the limit of $2"
    return 1
  fi
  if [ "$3" = 1 ]; then
    pf_sum "$1" || {
      pf_failed "\`$1\` cannot be read"
      return 1
    }
    pl_v sha256 "$pf_digest"
  fi
  pl_b content "$1"
}

# PATH LIMIT: what an edit has to know: the state, and the content if it is a file.
pf_read_for_edit() {
  pf_given=$1 pf_at=$1
  pf_stat "$1"
  if [ "$pf_kind" = link ] && pf_resolve "$1"; then
    pf_at=$pf_real
    pf_stat "$pf_at"
  fi
  [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
  pl_v umask "$pl_u"
  pf_report was
  if [ "$pf_kind" = file ]; then
    if [ "$pf_size" -gt "$2" ]; then
      pf_fail "\`$1\` has $pf_size bytes, more than an edit takes ($2)"
      return 1
    fi
    pf_sum "$pf_at" || {
      pf_failed "\`$1\` cannot be read"
      return 1
    }
    pl_v sha256 "$pf_digest"
    pl_b content "$pf_at"
  fi
  return 75
}
