# shellcheck shell=sh
# shellcheck disable=SC2154
# Looking for files, and files and folders with names that nobody else has.

# PATH FOLLOW DEPTH: reports names and states of what is below the folder PATH, down to this depth.
pf_find() {
  if [ ! -d "$1" ]; then
    pf_say nofolder "$1"
    return 0
  fi
  pf_path=$1 pf_option=-P
  # A slash, so that a link to a folder is looked into.
  case $pf_path in */) ;; *) pf_path=$pf_path/ ;; esac
  [ "$2" != 1 ] || pf_option=-L
  if [ -n "$3" ]; then set -- -maxdepth "$3"; else set --; fi
  pl_v umask "$pl_u"
  LC_ALL=C find "$pf_option" "$pf_path" -mindepth 1 "$@" -print0 >"$pl_d/pf_names" 2>"$pl_d/pf_error"
  find "$pf_option" "$pf_path" -mindepth 1 "$@" -exec stat -c '%f:%u:%g:%s:%h:%i:%d:%X:%Y:%Z:%U:%G|%x|%y|%z' -- '{}' + >"$pl_d/pf_states" 2>/dev/null
  pl_b names "$pl_d/pf_names"
  pl_b states "$pl_d/pf_states"
  pl_b errors "$pl_d/pf_error"
  date +%s >"$pl_d/pf_states"
  pl_b now "$pl_d/pf_states"
  rm -f -- "$pl_d/pf_names" "$pl_d/pf_states" "$pl_d/pf_error"
}

# ALGORITHM PATH...: reports the digests of files, in this order; an empty one where a file cannot be read.
pf_find_sums() {
  pf_tool=${1}sum
  shift
  for pf_path do
    pf_digest=$({ "$pf_tool" <"$pf_path"; } 2>/dev/null) || pf_digest=''
    pl_v sum "${pf_digest%% *}"
  done
}

# PATH...: reports the content of files, in this order; an empty one where a file cannot be read.
pf_find_content() {
  for pf_path do
    { cat -- "$pf_path" >"$pl_d/pf_content"; } 2>/dev/null
    pl_b content "$pl_d/pf_content"
  done
  rm -f -- "$pl_d/pf_content"
}

# KIND FOLDER PREFIX SUFFIX: makes a file or folder under a new name, for its owner alone.
pf_temporary_new() {
  pf_folder=$2
  if [ -z "$pf_folder" ]; then pf_folder=$(eval "${pl_env-}"; printf '%s' "${TMPDIR:-/tmp}"); fi
  if [ ! -d "$pf_folder" ]; then
    pf_fail "there is no folder \`$pf_folder\`"
    return 1
  fi
  pf_tries=0
  while [ $pf_tries -lt 20 ]; do
    pf_part=$(od -An -N5 -tx1 /dev/urandom 2>"$pl_d/pf_error" | tr -d ' \n')
    if [ ${#pf_part} != 10 ]; then
      pf_failed 'cannot get random bytes from `/dev/urandom`'
      return 1
    fi
    pf_at=${pf_folder%/}/$3$pf_part$4
    pf_tries=$((pf_tries + 1))
    if [ -e "$pf_at" ] || [ -L "$pf_at" ]; then continue; fi
    pf_made='' pf_temporary=''
    pf_point "$pf_at" || return 1
    pf_quote "$pf_at"
    # What somebody puts into it later goes with it.
    pf_record absent "$pf_at" "pf_undo_created $pf_quoted $pf_quoted" && pf_sync || return 1
    if [ "$1" = directory ]; then
      mkdir -m 700 -- "$pf_at" 2>"$pl_d/pf_error" && break
    else
      { set -C; true >"$pf_at"; pf_status=$?; set +C; } 2>"$pl_d/pf_error"
      [ $pf_status != 0 ] || break
    fi
    if [ ! -e "$pf_at" ] && [ ! -L "$pf_at" ]; then
      pf_failed "cannot make \`$pf_at\`"
      return 1
    fi
  done
  pl_v changed created
  pf_say path "$pf_at"
  pf_stat "$pf_at"
  pf_report now
}
