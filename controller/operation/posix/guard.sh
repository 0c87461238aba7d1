# shellcheck shell=sh
# The dead-man guard: what a block changed is restored by the host itself unless the controller confirms over a new
# connection. Sent with the steps that need it, and part of the script that the guard runs, which holds the
# whole operation library. Confirming and firing begin with the same exclusive create, so never both happen.

# SECONDS NAME: arms a guard in the folder NAME for the points that are saved from now on. The payload is its script.
pf_guard_arm() {
  pf_points_open || return 1
  pf_g=${pf_points_dir%/points}/guards/$2
  case $pf_g in /*) ;; *) pf_g=$PWD/$pf_g ;; esac
  mkdir -p -- "${pf_g%/*}" 2>"$pl_d/pf_error" && mkdir -- "$pf_g" 2>"$pl_d/pf_error" \
    && mv -- "$pl_payload" "$pf_g/script" 2>"$pl_d/pf_error" || {
    pf_failed "cannot make the folder for the guard \`$pf_g\`"
    return 1
  }
  pf_guard_started $$
  pf_g_how=process pf_g_unit=paceline-guard-$pf_run-$2-$$
  pf_guard_words HOME "${HOME-}" PATH "$PATH" pf_g_cwd "$PWD" pf_g_session "$pl_d" pf_g_lease "${pl_lease-}" \
    pf_g_fence "${pl_fence-}" pf_g_claim "${pf_claim-}" pf_g_shell "${pf_shell-}" >"$pf_g/env" \
    && printf '%s\n' 'export HOME PATH' "pl_uid=${pl_uid:-$(id -u)} pl_u=${pl_u:-022}" \
      "pf_g_mark=$pf_number pf_g_pid=$$ pf_g_start=$pf_started" >>"$pf_g/env" || {
    pf_fail "cannot write the guard in \`$pf_g\`"
    return 1
  }
  if [ "$pl_uid" = 0 ] && [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 \
    && systemd-run --quiet --collect --unit="$pf_g_unit" --on-active="$1" --timer-property=AccuracySec=1s --property=KillMode=process \
      /bin/sh "$pf_g/script" "$pf_g" now >/dev/null 2>&1; then
    pf_g_how=systemd
    echo systemd >"$pf_g/armed"
  fi
  echo "$pf_g_how $pf_g_unit" >"$pf_g/how"
  [ "$pf_g_how" = systemd ] || pf_guard_start "$pf_g" wait "$1"
  pf_count=0
  while [ ! -s "$pf_g/armed" ] && [ "$pf_count" -lt 250 ]; do
    sleep 0.02 2>/dev/null || sleep 1
    pf_count=$((pf_count + 1))
  done
  if [ ! -s "$pf_g/armed" ]; then
    pf_fail "the guard in \`$pf_g\` did not start"
    return 1
  fi
  pf_say guard_folder "$pf_g"
  pl_v guard_mark "$pf_number"
  pl_v guard_by "$pf_g_how"
}

# NAME VALUE...: prints assignments.
pf_guard_words() {
  while [ $# -gt 1 ]; do
    pf_quote "$2"
    printf '%s=%s\n' "$1" "$pf_quoted"
    shift 2
  done
}

# DIR MODE SECONDS: runs the script beside the session, which may end meanwhile.
pf_guard_start() {
  (setsid /bin/sh "$1/script" "$@" </dev/null >/dev/null 2>&1 5>&- 6>&- 7>&- 8<&- &)
}

# PID: when it started, into pf_started; a number may be given to another process later.
pf_guard_started() {
  pf_started=''
  { IFS= read -r pf_from <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -f
  # shellcheck disable=SC2086 # split on purpose
  set -- ${pf_from##*) }
  set +f
  pf_started=${20}
}

# DIR VERDICT: decides, unless that was done before.
pf_guard_claim() {
  set -C
  if { echo "$2" >"$1/verdict"; } 2>/dev/null; then
    set +C
    return 0
  fi
  set +C
  return 1
}

# DIR: the controller is there, over a new connection.
pf_guard_confirm() {
  if pf_guard_claim "$1" confirmed; then
    read -r pf_g_how pf_g_unit <"$1/how"
    [ "$pf_g_how" != systemd ] || systemctl stop "$pf_g_unit.timer" >/dev/null 2>&1
    rm -f -- "$1/script"
  fi
  pf_guard_look "$1"
}

# DIR: restores at once, and waits for it.
pf_guard_fire() {
  if [ -d "$1" ] && [ ! -e "$1/verdict" ]; then
    echo $$ >"$1/request"
    read -r pf_g_how pf_g_unit <"$1/how"
    if [ "$pf_g_how" != systemd ] || ! systemctl start --no-block "$pf_g_unit.service" >/dev/null 2>&1; then
      pf_guard_start "$1" now
    fi
  fi
  pf_count=0
  while [ -d "$1" ] && [ ! -s "$1/rc" ] && [ "$pf_count" -lt 300 ]; do
    sleep 0.2 2>/dev/null || sleep 1
    pf_count=$((pf_count + 1))
  done
  pf_guard_look "$1"
}

# Fires the guards that earlier sessions left armed, and waits for those that are restoring.
pf_guard_fire_left() {
  pf_points_at
  for pf_g_left in "${pf_points_dir%/points}"/guards/*; do
    [ -d "$pf_g_left" ] && [ ! -e "$pf_g_left/seen" ] || continue
    if [ -s "$pf_g_left/verdict" ]; then
      read -r pf_from <"$pf_g_left/verdict"
      [ "$pf_from" = fired ] || continue
    fi
    pf_guard_fire "$pf_g_left"
  done
}

# DIR: reports what became of it.
pf_guard_look() {
  pf_from=armed
  if [ ! -d "$1" ]; then pf_from=gone; elif [ -s "$1/verdict" ]; then read -r pf_from <"$1/verdict"; fi
  pl_v guard "$pf_from"
  if [ -s "$1/rc" ]; then
    read -r pf_from <"$1/rc"
    pl_v guard_rc "$pf_from"
    echo >"$1/seen"
  fi
  [ -s "$1/told" ] || return 0
  while IFS= read -r pf_from; do pl_v "${pf_from%% *}" "${pf_from#* }"; done <"$1/told"
}

# DIR MODE SECONDS: what the script does. It waits for a verdict, by the time since the host started, and counts
# no clock that somebody may set.
pf_guard_main() {
  trap '' HUP INT TERM PIPE
  if [ "$2" = wait ]; then
    read -r pf_from pf_to </proc/uptime
    pf_end=$((${pf_from%%.*} + $3))
    echo $$ >"$pf_g/armed"
    while :; do
      if [ -e "$pf_g/verdict" ] || [ ! -d "$pf_g" ]; then return 0; fi
      read -r pf_from pf_to </proc/uptime
      [ "${pf_from%%.*}" -lt "$pf_end" ] || break
      sleep 1
    done
  fi
  pf_guard_claim "$pf_g" fired || return 0
  pf_from='' pf_g_ended=''
  [ ! -s "$pf_g/request" ] || read -r pf_from <"$pf_g/request"
  [ "$pf_from" = "$pf_g_pid" ] || pf_guard_end_session
  mkdir -m 700 -- "$pl_d" 2>/dev/null
  pf_guard_restore
  pf_from=$?
  rm -rf -- "$pl_d"
  # The session had no time to give its lease back.
  if [ -n "$pf_g_ended" ]; then
    pl_d=$pf_g_session pl_lease=$pf_g_lease pl_fence=$pf_g_fence pf_claim=$pf_g_claim pf_shell=$pf_g_shell
    pf_lease_leave
  fi
  echo "$pf_from" >"$pf_g/rc"
}

# Ends the session that armed the guard, so that nothing changes what is restored.
pf_guard_end_session() {
  pf_from=0
  [ ! -s "$pf_g_session/cur" ] || read -r pf_from pf_to <"$pf_g_session/cur"
  pf_to=$pf_from
  if pf_guard_started "$pf_g_pid" && [ "$pf_started" = "$pf_g_start" ]; then
    pf_g_ended=1
    kill -s KILL "$pf_g_pid"
    [ "$pf_to" = 0 ] || kill -s KILL -- "-$pf_to"
    # What the session had started may still be at work for a moment.
    sleep 1
  fi 2>/dev/null
}

# Restores the points above the mark as a rollback does: services that the block started stop, everything else comes
# back, the newest first, services start, activations are repeated, services are looked at, folders get their times.
pf_guard_restore() {
  pf_points_ours || return 1
  pf_points_last
  pf_g_last=$pf_number pf_g_at=$pf_number pf_g_bad=0 pf_g_restored=''
  pf_services stop "$pf_g_mark" || pf_g_bad=1
  set --
  while [ "$pf_g_at" -gt "$pf_g_mark" ]; do
    if pf_guard_read "$pf_g_at" && [ "$pf_kind" != activation ]; then
      case $pf_kind in service | rollback) pf_path='' ;; esac
      if [ -n "$pf_path" ] && pf_guard_waits "$@"; then
        set -- "$@" "$pf_path"
      elif ! pf_guard_point "$pf_g_at" && [ -n "$pf_path" ]; then
        set -- "$@" "$pf_g_path"
      fi
    fi
    pf_g_at=$((pf_g_at - 1))
  done
  pf_services start "$pf_g_mark" || pf_g_bad=1
  while [ "$pf_g_at" -lt "$pf_g_last" ]; do
    pf_g_at=$((pf_g_at + 1))
    if pf_guard_read "$pf_g_at" && [ "$pf_kind" = activation ]; then pf_guard_point "$pf_g_at"; fi
  done
  pf_services check "$pf_g_mark" || pf_g_bad=1
  # shellcheck disable=SC2086 # numbers
  pf_restore_times $pf_g_restored
  [ "$pf_g_bad" != 0 ] || pf_restored_times
  return "$pf_g_bad"
}

# NUMBER: what a point covers, into pf_kind and pf_path. One that is not complete changed nothing. While pf_listing
# is set, evaluating a manifest does no more than that.
pf_guard_read() {
  pf_listing=1 pf_kind='' pf_path='' pf_made='' pf_temporary=''
  [ -f "$pf_points_dir/$1" ] || return 1
  pf_text=$(cat -- "$pf_points_dir/$1")
  case $pf_text in
    *"$pf_nl#END") eval "$pf_text" ;;
    *) return 1 ;;
  esac
  pf_listing='' pf_g_kind=$pf_kind pf_g_path=$pf_path
}

# FAILED...: whether a newer point that could not be restored covers pf_path, or what is above or below it.
pf_guard_waits() {
  for pf_from in "$@"; do
    case ${pf_from%/}/ in "${pf_path%/}"/*)
      pf_g_bad=1
      return 0
      ;;
    esac
    case ${pf_path%/}/ in "${pf_from%/}"/*)
      pf_g_bad=1
      return 0
      ;;
    esac
  done
  return 1
}

# NUMBER: restores a point and tells how that went.
pf_guard_point() {
  pf_g_why=''
  # What somebody else changed meanwhile is put aside: there is nobody to ask.
  if pf_restore "$1" 1; then
    pf_g_restored="$pf_g_restored $1"
    pf_say guard_point "ok $1 $pf_g_kind $pf_g_path"
    return 0
  fi
  pf_g_bad=1
  pf_say guard_point "failed $1 $pf_g_kind $pf_g_path"
  [ -z "$pf_g_why" ] || pl_v guard_why "$pf_g_why"
  return 1
}
