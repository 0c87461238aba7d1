# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Services and activations in rollback points. A point of kind `service` holds the state before a
# step; one of kind `activation` holds what made a changed configuration count: a restart, a reload,
# a handler's command. A restore stops what the run started, restores everything else, brings services
# to their old state, repeats activations, and then looks whether the services are as they were.

pf_phase='' pf_activated='' pf_manager=''

# Looks at the service pl_unit of pf_manager: pf_there, pf_active, pf_enabled, pf_masked are 1 or 0.
pf_service_look() {
  pf_there=1 pf_active=0 pf_enabled=0 pf_masked=0
  case $pf_manager in
    systemd)
      if ! command -v systemctl >/dev/null 2>&1 || ! systemctl show -- "$pl_unit" >"$pl_d/unit" 2>/dev/null; then
        pf_there=0
        return
      fi
      while IFS='=' read -r pl_x pl_line; do
        case $pl_x=$pl_line in
          LoadState=not-found) pf_there=0 ;;
          LoadState=masked) pf_masked=1 ;;
          ActiveState=active | ActiveState=activating | ActiveState=reloading) pf_active=1 ;;
        esac
      done <"$pl_d/unit"
      rm -f "$pl_d/unit"
      systemctl is-enabled -- "$pl_unit" >/dev/null 2>&1 && pf_enabled=1
      ;;
    *)
      if [ ! -e "${pl_root-}/etc/init.d/$pl_unit" ] && [ -z "$pl_pattern" ]; then
        pf_there=0
        return
      fi
      pl_${pf_manager}_enabled
      pf_enabled=$pl_is
      [ $pf_manager$pl_is != sysv0 ] || pf_registered || pf_enabled=n
      pl_${pf_manager}_control
      pl_script_active
      pf_active=$pl_is
      ;;
  esac
  return 0
}

# Whether an init script has links in any run level, be it only to stop it there.
pf_registered() {
  for pf_u_name in "${pl_root-}"/etc/rc[0-6].d/[SK][0-9][0-9]"$pl_unit" "${pl_root-}"/etc/rc.d/rc[0-6].d/[SK][0-9][0-9]"$pl_unit"; do
    if [ -e "$pf_u_name" ] || [ -L "$pf_u_name" ]; then return 0; fi
  done
  return 1
}

# Takes an init script out of all run levels.
pf_unregister() {
  if command -v chkconfig >/dev/null 2>&1; then
    pl_run 600 chkconfig --del "$pl_unit"
  else
    pl_run 600 update-rc.d -f "$pl_unit" remove
  fi || pf_fail "cannot take the service \`$pl_unit\` out of the run levels"
  pf_u_did=now
}

# WORD ARGV...: the step is about to do this to the service pl_unit.
pf_start_service() {
  [ -z "$pf_restoring" ] || return 0
  pf_start || return 1
  if [ -z "$pl_saved" ] && [ -n "$pl_unit" ]; then
    pl_saved=1
    pf_save_service || {
      pl_v unarmed 1
      return 1
    }
  fi
  pf_made='' pf_temporary=''
  case $1 in
    restart | reload)
      pf_u_word=$1 pf_u_program=''
      shift
      for pf_u_name in "$pl_unit" "$pf_manager" "${pl_pattern-}" "${pl_level-}" "${pl_kept-}" "$@"; do
        pf_quote "$pf_u_name"
        pf_u_program="$pf_u_program $pf_quoted"
      done
      pf_save_program activation "$pf_u_word $pl_unit" "pf_activate_service$pf_u_program"
      ;;
    daemon-reload) pf_save_program activation 'systemctl daemon-reload' pf_daemon_reload ;;
  esac && pf_sync || {
    pl_v unarmed 1
    return 1
  }
}

# Saves of the service's state what the step is about.
pf_save_service() {
  pf_points_open || return 1
  pf_made='' pf_temporary=''
  pf_u_is=$pl_is
  pf_service_look
  pl_is=$pf_u_is
  [ -n "$pl_want" ] || pf_active=-
  [ -n "$pl_on" ] || pf_enabled=-
  [ -n "$pl_mask" ] || pf_masked=-
  pf_number=$((pf_number + 1))
  pf_quote "${pl_pattern-}"
  pf_u_quoted=$pf_quoted
  pf_quote "${pl_level-}"
  pf_u_quoted="$pf_u_quoted $pf_quoted"
  pf_quote "$pl_unit"
  pf_record service "$pl_unit" "pf_undo_service $pf_quoted $pf_manager $pf_active $pf_enabled $pf_masked $pf_u_quoted"
}

# PHASE NUMBER: one of the looks that a restore takes at a point of a service.
pf_service_phase() {
  pf_points_ours || return 1
  pf_file=$pf_points_dir/$2 pf_bad='' pf_begun='' pf_listing='' pf_again='' pf_force='' pf_unsynced=''
  if [ -e "$pf_file.$1" ] && ! pf_overtaken "$pf_file.$1"; then
    pl_v restored again
    return 0
  fi
  pf_manifest=$(cat -- "$pf_file" 2>"$pl_d/pf_error")
  case $pf_manifest in
    *"$pf_nl#END") ;;
    *)
      pf_failed "rollback point $2 in \`$pf_points_dir\` is not complete"
      return 1
      ;;
  esac
  pf_phase=$1 pf_u_did=again
  eval "$pf_manifest"
  pf_phase=''
  [ -z "$pf_bad" ] || return 1
  pf_marking "$pf_file.$1" || return 1
  pf_sync_if_possible
  pl_v restored $pf_u_did
}

# PHASE NUMBER: that phase for all points of services above this number, for a restore without a controller. The newest
# comes first; `start` and `check` are for the oldest point of each service.
pf_services() {
  pf_points_at
  pf_number=0
  pf_points_last
  pf_u_at=$pf_number pf_u_failed=0 pf_u_least=$2
  while [ "$pf_u_at" -gt "$pf_u_least" ]; do
    pf_u_older=$((pf_u_at - 1))
    if pf_service_named "$pf_u_at"; then
      pf_u_service=$pf_u_named pf_u_oldest=1
      while [ "$1" != stop ] && [ "$pf_u_older" -gt "$pf_u_least" ]; do
        if pf_service_named "$pf_u_older" && [ "$pf_u_named" = "$pf_u_service" ]; then pf_u_oldest=''; fi
        pf_u_older=$((pf_u_older - 1))
      done
      if [ -n "$pf_u_oldest" ]; then pf_service_phase "$1" "$pf_u_at" || pf_u_failed=1; fi
    fi
    pf_u_at=$((pf_u_at - 1))
  done
  return $pf_u_failed
}

# NUMBER: whether it is the point of a service, whose first line goes into pf_u_named.
pf_service_named() {
  { IFS= read -r pf_u_named <"$pf_points_dir/$1"; } 2>/dev/null || return 1
  case $pf_u_named in pf_kind=service\ *) return 0 ;; esac
  return 1
}

# NAME MANAGER ACTIVE ENABLED MASKED PATTERN LEVEL: the state is 1, 0, n for no links in any run level, or -
# where the step did not touch it.
pf_undo_service() {
  [ -z "$pf_listing" ] || return 0
  pl_unit=$1 pf_manager=$2 pl_pattern=$6 pl_level=$7 pl_kept='' pl_want='' pl_on='' pl_mask=''
  [ "${pl_limit:-0}" != 0 ] || pl_limit=600
  pf_service_look
  case $pf_phase in
    stop)
      # Whatever the run started of it goes before its files do; what was running comes back later.
      if [ "$3$pf_active" = 01 ]; then pf_service_bring "$1" stopped '' ''; fi
      ;;
    start)
      pf_daemon_reload || return 1
      case $3$pf_active in
        01) pf_service_bring "$1" stopped '' '' ;;
        10) pf_service_bring "$1" started '' '' ;;
      esac
      ;;
    check)
      # It may take a moment until it counts as running.
      pf_u_tries=0 pf_u_not=''
      while [ "$3$pf_active" = 10 ] && [ $pf_u_tries -lt 5 ]; do
        sleep 1
        pf_u_tries=$((pf_u_tries + 1))
        pf_service_look
      done
      case $3$pf_active in
        01) pf_u_not='running, and was stopped before' ;;
        10) pf_u_not='stopped, and was running before' ;;
      esac
      case $4$pf_enabled in
        01 | n1) pf_u_not="${pf_u_not:+$pf_u_not; }enabled, and was not before" ;;
        1[0n]) pf_u_not="${pf_u_not:+$pf_u_not; }not enabled, and was before" ;;
      esac
      case $5$pf_masked in
        01) pf_u_not="${pf_u_not:+$pf_u_not; }masked, and was not before" ;;
        10) pf_u_not="${pf_u_not:+$pf_u_not; }not masked, and was before" ;;
      esac
      [ -n "$pf_u_not" ] || return 0
      # Another rollback tries again.
      rm -f -- "$pf_file.start"
      pf_fail "the service \`$1\` is $pf_u_not; look at its log, bring it to its old state, then roll back again"
      ;;
    *)
      if [ "$4" = n ] && pf_registered; then
        pf_unregister
      elif [ $pf_there = 1 ]; then
        pf_u_on='' pf_u_mask=''
        case $4$pf_enabled in 01) pf_u_on=0 ;; 1[0n]) pf_u_on=1 ;; esac
        case $5$pf_masked in 01) pf_u_mask=0 ;; 10) pf_u_mask=1 ;; esac
        [ -z "$pf_u_on$pf_u_mask" ] || pf_service_bring "$1" '' "$pf_u_on" "$pf_u_mask"
      fi
      ;;
  esac
}

# NAME STATE ENABLED MASKED: does it, through pf_manager.
pf_service_bring() {
  pf_restoring=1 pl_env='' pf_u_did=now
  if [ "$pf_manager" = systemd ]; then
    pl_systemd run "$1" "$2" "$3" "$4" ''
  else
    pl_how=run pl_want=$2 pl_on=$3 pl_pause=''
    shift 4
    "pl_$pf_manager"
  fi
  pf_u_status=$?
  pf_restoring=''
  [ $pf_u_status = 0 ] || pf_fail "cannot bring the service \`$pl_unit\` to its old state"
}

# Unit files may have been restored: systemd reads them again, once a session.
pf_daemon_reload() {
  [ -z "$pf_reloaded" ] && [ "${pf_manager:-systemd}" = systemd ] || return 0
  command -v systemctl >/dev/null 2>&1 || return 0
  pl_run 600 systemctl daemon-reload || {
    pf_fail 'systemd cannot read its unit files again'
    return 1
  }
  pf_reloaded=1
}
pf_reloaded=''

# NAME: repeats an activation of the run, the same one once.
pf_undo_activation() {
  [ -z "$pf_listing" ] || return 0
  pf_u_program=$(cat -- "$pf_file.program" 2>/dev/null)
  case $pf_activated in *"$pf_mark$pf_u_program$pf_mark"*) return 0 ;; esac
  pf_u_activation=$pf_u_program pl_rc=''
  [ "${pl_limit:-0}" != 0 ] || pl_limit=600
  pf_run_program "$1" || {
    # What the run had brought along is gone again, and has nothing to take note of.
    if [ "$pl_rc" = 127 ]; then pf_bad=''; else return 1; fi
  }
  pf_activated=$pf_activated$pf_mark$pf_u_activation$pf_mark
}

# NAME MANAGER PATTERN LEVEL EXPORTS ARGV...: for a service that is meant to run, so that it does.
pf_activate_service() {
  pl_unit=$1 pf_manager=$2 pl_pattern=$3 pl_level=$4 pl_kept=$5
  shift 5
  pf_service_look
  [ $pf_active = 1 ] || return 0
  if [ "$pf_manager" = systemd ]; then pf_daemon_reload || return 1; fi
  pl_env=$pl_kept
  pl_run "${pl_limit:-600}" "$@"
}
