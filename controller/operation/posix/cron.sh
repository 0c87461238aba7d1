# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# The crontab of a user, which only `crontab` reads and writes.

# USER: reads it into $pl_d/pf_table; there may be none.
pf_crontab_get() {
  command -v crontab >/dev/null 2>&1 || {
    pf_fail 'the host has no `crontab`; install `cron` or `cronie`'
    return 1
  }
  if [ -n "$1" ]; then set -- -u "$1"; fi
  if LC_ALL=C crontab "$@" -l >"$pl_d/pf_table" 2>"$pl_d/pf_error"; then return 0; fi
  true >"$pl_d/pf_table"
  case $(cat -- "$pl_d/pf_error") in
    *'no crontab'* | *'o such file'* | *"can't open"* | '') return 0 ;;
  esac
  pf_failed 'cannot read the crontab'
}

# USER: reports it.
pf_crontab_read() {
  pf_crontab_get "$1" || return 1
  pl_b content "$pl_d/pf_table"
  rm -f -- "$pl_d/pf_table"
  return 75
}

# USER FILE: writes it; an empty one is removed.
pf_crontab_put() {
  pf_path=$2
  if [ -n "$1" ]; then set -- -u "$1"; else set --; fi
  [ "${pl_limit:-0}" != 0 ] || pl_limit=600
  if [ -s "$pf_path" ]; then
    pl_run "$pl_limit" crontab "$@" "$pf_path"
  else
    pl_run "$pl_limit" crontab "$@" -r
  fi && return 0
  pl_v tool crontab
  pf_fail 'cannot write the crontab'
}

# USER DIGEST BACKUP: writes the payload, if the crontab still has this digest.
pf_crontab_write() {
  pf_crontab_get "$1" && pf_sum "$pl_d/pf_table" || return 1
  if [ "$pf_digest" != "$2" ]; then
    pf_fail 'the crontab is being changed by somebody else; run the task again'
    return 1
  fi
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_forget
  cat -- "$pl_d/pf_table" 2>"$pl_d/pf_error" >"$pl_points/$pf_number.kept" || {
    pf_unsaved
    return 1
  }
  pf_must_sync "$pl_points/$pf_number.kept"
  pf_made='' pf_temporary='' pf_sum "$pl_payload" && pf_u_digest=$pf_digest
  pf_quote "$1"
  pf_record crontab "crontab ${1:-of the login}" "pf_undo_crontab $pf_quoted $pf_u_digest" && pf_sync || return 1
  if [ "$3" = 1 ] && [ -s "$pl_d/pf_table" ]; then
    pf_u_copy=$(mktemp "${TMPDIR:-/tmp}/crontab.XXXXXX" 2>"$pl_d/pf_error") && cat -- "$pl_d/pf_table" >"$pf_u_copy" || {
      pf_failed 'cannot make the backup of the crontab'
      return 1
    }
    pf_say backup_file "$pf_u_copy"
  fi
  # The user whose table it is may have to read it.
  chmod 644 "$pl_payload"
  pf_crontab_put "$1" "$pl_payload"
}

# USER DIGEST: the crontab as it was before the run made it what has this digest.
pf_undo_crontab() {
  [ -z "$pf_listing" ] || return 0
  pf_crontab_get "$1" && pf_sum "$pl_d/pf_table" || return 1
  pf_u_now=$pf_digest
  pf_sum "$pf_file.kept" || return 1
  [ "$pf_u_now" != "$pf_digest" ] || return 0
  if [ "$pf_u_now" != "$2" ]; then
    pf_refuse "$pf_path" "the \`$pf_path\` was changed after this run" || return 1
    cat -- "$pl_d/pf_table" >"$pf_file.replaced" && pf_say replaced "$pf_file.replaced"
  fi
  pf_crontab_put "$1" "$pf_file.kept"
}
