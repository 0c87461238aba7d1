# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Users and groups of the host: looks, rollback points, and the tools that change them. $pl_root stands in front of
# the paths it looks at: nothing, but for tests.

# DATABASE NAME: the line of a user or group, into pf_found; nothing if there is none.
pf_account_line() {
  pf_found=''
  while IFS= read -r pf_line; do
    case $pf_line in "$2":*)
      pf_found=$pf_line
      return 0
      ;;
    esac
  done 2>/dev/null <"${pl_root-}/etc/$1"
  if [ -z "${pl_root-}" ] && [ "$1" != shadow ] && command -v getent >/dev/null 2>&1; then
    pf_found=$(getent "$1" "$2" 2>/dev/null)
  fi
  [ -n "$pf_found" ]
}

# NAME WANTED: reports what is known of a user. WANTED is 1 if the payload is a password's digest to compare.
pf_user_look() {
  if pf_account_line passwd "$1"; then
    pf_say passwd "$pf_found"
    pf_u_home=${pf_found%:*}
    pf_u_home=${pf_u_home##*:}
    if [ -d "$pf_u_home" ]; then pl_v home 1; fi
  fi
  if [ -r "${pl_root-}/etc/group" ]; then pl_b groups "${pl_root-}/etc/group"; fi
  for pf_u_name in useradd usermod userdel chpasswd chage; do
    command -v $pf_u_name >/dev/null 2>&1 || pl_v notool $pf_u_name
  done
  [ -r "${pl_root-}/etc/shadow" ] && pf_account_line shadow "$1" || return 75
  # What is told of the password is only whether it is the wanted one, and whether it is locked.
  pf_u_rest=${pf_found#*:}
  pf_u_digest=${pf_u_rest%%:*}
  pl_v aging "${pf_u_rest#*:}"
  case $pf_u_digest in '!'*) pl_v locked 1 ;; *) pl_v locked 0 ;; esac
  if [ "$2" = 1 ]; then
    IFS= read -r pf_u_wanted <"$pl_payload"
    pf_u_digest=${pf_u_digest#'!'} pf_u_wanted=${pf_u_wanted#'!'}
    if [ "${pf_u_digest#'!'}" = "${pf_u_wanted#'!'}" ]; then pl_v password same; fi
  fi
  return 75
}

# NAME: reports what is known of a group.
pf_group_look() {
  if pf_account_line group "$1"; then pf_say group "$pf_found"; fi
  for pf_u_name in groupadd groupmod groupdel; do
    command -v $pf_u_name >/dev/null 2>&1 || pl_v notool $pf_u_name
  done
  return 75
}

# NAME: the groups that have this member, into pf_u_groups.
pf_user_groups() {
  pf_u_groups=''
  while IFS=: read -r pf_u_name pf_part pf_part pf_u_members; do
    case ,$pf_u_members, in *,"$1",*) pf_u_groups=$pf_u_groups,$pf_u_name ;; esac
  done <"${pl_root-}/etc/group"
  pf_u_groups=${pf_u_groups#,}
}

# KIND NAME WORD...: begins and records a point whose manifest calls pf_undo_KIND with NAME and these words.
pf_save_thing() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_forget
  pf_made='' pf_temporary='' pf_u_kind=$1 pf_u_thing=$2
  shift
  pf_u_text=pf_undo_$pf_u_kind
  for pf_u_name do
    pf_quote "$pf_u_name"
    pf_u_text="$pf_u_text $pf_quoted"
  done
  pf_record "$pf_u_kind" "$pf_u_thing" "$pf_u_text"
}

# NAME: saves all that the host knows of a user.
pf_user_save() {
  pf_account_line passwd "$1"
  pf_u_user=$pf_found pf_u_shadow='' pf_u_primary=''
  if [ -r "${pl_root-}/etc/shadow" ] && pf_account_line shadow "$1"; then pf_u_shadow=$pf_found; fi
  pf_user_groups "$1"
  if [ -n "$pf_u_user" ]; then
    pf_u_rest=${pf_u_user#*:*:*:}
    pf_u_rest=${pf_u_rest%%:*}
    while IFS= read -r pf_line; do
      case $pf_line in *:*:"$pf_u_rest":*) pf_u_primary=$pf_line ;; esac
    done <"${pl_root-}/etc/group"
  fi
  pf_save_thing user "$1" "$pf_u_user" "$pf_u_shadow" "$pf_u_groups" "$pf_u_primary" && pf_sync
}

# NAME: saves a group.
pf_group_save() {
  pf_account_line group "$1"
  pf_save_thing group "$1" "$pf_found" && pf_sync
}

# EXPORTS ARGV...: runs a tool of the host, in addition to the task's environment with these exports.
pf_tool() {
  pf_u_env=${pl_env-} pl_env="${pl_env-}$pf_nl$1" pf_u_tool=$2
  shift
  pl_run "${pl_limit:-0}" "$@"
  pf_u_status=$?
  pl_env=$pf_u_env
  [ $pf_u_status = 0 ] && return 0
  pl_v tool "$pf_u_tool"
  pf_fail "\`$pf_u_tool\` ended with status $pf_u_status"
}

# ARGV...: the same with the payload as its standard input.
pf_tool_fed() {
  pl_stdin=$pl_payload
  pf_tool '' "$@"
}

# HOME SKELETON UID GID MODE: makes the home of a user that has none.
pf_user_home() {
  pf_save_created "$1" && pf_sync || return 1
  pf_parent "$1"
  (umask 022; mkdir -p -- "$pf_folder") 2>"$pl_d/pf_error" && mkdir -- "$1" 2>"$pl_d/pf_error" || {
    pf_failed "cannot make the home \`$1\`"
    return 1
  }
  if [ -d "$2" ]; then cp -a -- "$2/." "$1/" 2>"$pl_d/pf_error"; fi
  chown -R "$3:$4" "$1" 2>"$pl_d/pf_error" && chmod "$5" "$1" 2>"$pl_d/pf_error" || pf_failed "cannot give the home \`$1\` to its user"
}

# PATH: a home is about to be made there.
pf_user_home_ahead() {
  if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
  pf_save_created "$1" && pf_sync || return 1
  pf_parent "$1"
  [ -d "$pf_folder" ] || (umask 022; mkdir -p -- "$pf_folder") 2>"$pl_d/pf_error" || pf_failed "cannot make \`$pf_folder\`"
}

# PATH: the home, or the mailbox, of a user that was removed.
pf_user_remains() {
  case $1 in / | /root | /home | /var | /usr | /etc | /bin | /nonexistent | '') return 0 ;; /*) ;; *) return 0 ;; esac
  [ -e "$1" ] && [ ! -L "$1" ] || return 0
  pf_plain "$1" || return 0
  if [ -d "$1" ] && pf_mounted "$1"; then
    pf_fail "the home \`$1\` is not removed: \`$pf_u_mount\` is a mount point"
    return 1
  fi
  pf_absent "$1"
}

# WORD...: a tool that restores.
pf_undo_tool() {
  [ "${pl_limit:-0}" != 0 ] || pl_limit=600
  pl_env=''
  pl_run "$pl_limit" "$@" && return 0
  pf_fail "cannot bring \`$pf_path\` back: \`$1\` ended with status $?; see the host's log, then roll back again"
}

# NAME LINE SHADOW GROUPS PRIMARY: a user as it was; no LINE, and it was not there.
pf_undo_user() {
  [ -z "$pf_listing" ] || return 0
  pf_account_line passwd "$1"
  pf_u_now=$pf_found
  if [ -z "$2" ]; then
    [ -n "$pf_u_now" ] || return 0
    pf_undo_tool userdel "$1"
    return
  fi
  pf_u_rest=${2#*:*:}
  pf_u_uid=${pf_u_rest%%:*} pf_u_rest=${pf_u_rest#*:}
  pf_u_gid=${pf_u_rest%%:*} pf_u_rest=${pf_u_rest#*:}
  pf_u_comment=${pf_u_rest%%:*} pf_u_rest=${pf_u_rest#*:}
  pf_u_home=${pf_u_rest%%:*} pf_u_login=${pf_u_rest#*:}
  if ! grep -q "^[^:]*:[^:]*:$pf_u_gid:" "${pl_root-}/etc/group" 2>/dev/null && [ -n "$5" ]; then
    pf_undo_tool groupadd -o -g "$pf_u_gid" "${5%%:*}" || return 1
  fi
  if [ -z "$pf_u_now" ]; then
    pf_undo_tool useradd -M -N -o -u "$pf_u_uid" -g "$pf_u_gid" -d "$pf_u_home" -s "$pf_u_login" -c "$pf_u_comment" "$1" || return 1
  elif [ "$pf_u_now" != "$2" ]; then
    pf_u_rest=${pf_u_now%:*}
    pf_u_moved=''
    if [ "${pf_u_rest##*:}" != "$pf_u_home" ] && [ ! -e "$pf_u_home" ] && [ -d "${pf_u_rest##*:}" ]; then pf_u_moved=-m; fi
    pf_undo_tool usermod -o -u "$pf_u_uid" -g "$pf_u_gid" -d "$pf_u_home" ${pf_u_moved:+"$pf_u_moved"} -s "$pf_u_login" -c "$pf_u_comment" "$1" || return 1
  fi
  pf_user_groups "$1"
  [ "$pf_u_groups" = "$4" ] || pf_undo_tool usermod -G "$4" "$1" || return 1
  [ -n "$3" ] || return 0
  if pf_account_line shadow "$1" && [ "$pf_found" = "$3" ]; then return 0; fi
  pf_u_rest=${3#*:}
  # Reaches the tool on its standard input.
  printf '%s\n' "$1:${pf_u_rest%%:*}" >"$pl_d/pf_password"
  pl_stdin=$pl_d/pf_password
  pf_undo_tool chpasswd -e
  pf_u_status=$?
  rm -f -- "$pl_d/pf_password"
  [ $pf_u_status = 0 ] || return 1
  IFS=: read -r pf_u_changed pf_u_least pf_u_most pf_u_warn pf_u_inactive pf_u_expires pf_part <<EOF
${pf_u_rest#*:}
EOF
  pf_undo_tool chage -d "${pf_u_changed:--1}" -m "${pf_u_least:--1}" -M "${pf_u_most:--1}" -W "${pf_u_warn:--1}" -I "${pf_u_inactive:--1}" -E "${pf_u_expires:--1}" "$1"
}

# NAME LINE: a group as it was; no LINE, and it was not there.
pf_undo_group() {
  [ -z "$pf_listing" ] || return 0
  pf_account_line group "$1"
  pf_u_now=$pf_found
  if [ -z "$2" ]; then
    [ -n "$pf_u_now" ] || return 0
    pf_undo_tool groupdel "$1"
    return
  fi
  pf_u_rest=${2#*:*:}
  pf_u_gid=${pf_u_rest%%:*} pf_u_members=${pf_u_rest#*:}
  if [ -z "$pf_u_now" ]; then
    pf_undo_tool groupadd -o -g "$pf_u_gid" "$1" || return 1
    # Members that are gone as well come back with their own points.
    pf_u_left=$pf_u_members,
    while [ -n "${pf_u_left%,}" ]; do
      pf_u_name=${pf_u_left%%,*} pf_u_left=${pf_u_left#*,}
      if pf_account_line passwd "$pf_u_name"; then pf_undo_tool usermod -a -G "$1" "$pf_u_name" || return 1; fi
    done
  elif [ "$pf_u_now" != "$2" ]; then
    pf_undo_tool groupmod -o -g "$pf_u_gid" "$1"
  fi
}
