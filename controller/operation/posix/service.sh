# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Services: systemd, OpenRC, and init scripts. Looks first and does only what is missing.
# $pl_root stands in front of the paths it looks at: nothing, but for tests.
# Reports `did WORD` for what was done (or, in check mode, would be), `fault WORD` for what failed.

# pl_service_do WORD ARGV...: one step, as a child of the session.
pl_service_do() {
pl_v did "$1"
pl_doing=$1
shift
[ "$pl_how" = run ] || return 0
pf_start_service "$pl_doing" "$@" || return 1
pl_env=$pl_kept
pl_run "${pl_limit:-0}" "$@" && return 0
pl_v fault "$pl_doing"
return 1
}

# pl_systemd run|check UNIT STATE ENABLED MASKED RELOAD OPTIONS...: the switches are 1, 0 or nothing; the options go to
# systemctl.
pl_systemd() {
pl_how=$1 pl_unit=$2 pl_want=$3 pl_on=$4 pl_mask=$5 pl_reload=$6 pl_kept=${pl_env-}
pf_manager=systemd pl_pattern='' pl_level='' pl_saved=''
shift 6
if ! command -v systemctl >/dev/null 2>&1; then
pl_v fault systemctl
return 1
fi
[ "$pl_reload" != 1 ] || pl_service_do daemon-reload systemctl daemon-reload || return 1
[ -n "$pl_unit" ] || return 0
if ! systemctl show -- "$pl_unit" >"$pl_d/unit"; then
pl_v fault show
return 1
fi
pl_load='' pl_active=''
while IFS='=' read -r pl_x pl_line; do
case $pl_x in
LoadState) pl_load=$pl_line ;;
ActiveState) pl_active=$pl_line ;;
esac
done <"$pl_d/unit"
pl_b status "$pl_d/unit"
rm -f "$pl_d/unit"
if [ "$pl_load" = not-found ] && [ -n "$pl_want$pl_on" ]; then
pl_v fault missing
return 1
fi
case $pl_mask$pl_load in
1masked) ;;
1*) pl_service_do mask systemctl "$@" mask -- "$pl_unit" || return 1 ;;
0masked) pl_service_do unmask systemctl "$@" unmask -- "$pl_unit" || return 1 ;;
esac
if [ -n "$pl_on" ]; then
pl_is=0
systemctl is-enabled -- "$pl_unit" >/dev/null 2>&1 && pl_is=1
pl_v enabled $pl_is
case $pl_is$pl_on in
01) pl_service_do enable systemctl "$@" enable -- "$pl_unit" || return 1 ;;
10) pl_service_do disable systemctl "$@" disable -- "$pl_unit" || return 1 ;;
esac
fi
case $pl_active in
active | activating | reloading) pl_is=1 ;;
deactivating) pl_is=2 ;;
*) pl_is=0 ;;
esac
case $pl_want$pl_is in
started[02] | reloaded[02]) pl_service_do start systemctl "$@" start -- "$pl_unit" ;;
stopped[12]) pl_service_do stop systemctl "$@" stop -- "$pl_unit" ;;
reloaded1) pl_service_do reload systemctl "$@" reload -- "$pl_unit" ;;
restarted*) pl_service_do restart systemctl "$@" restart -- "$pl_unit" ;;
esac
}

# pl_service run|check NAME STATE ENABLED PATTERN SLEEP LEVEL ARGUMENTS...: whatever manager the host has.
pl_service() {
if [ -d "${pl_root-}/run/systemd/system" ] && command -v systemctl >/dev/null 2>&1; then
pl_v manager systemd
pl_systemd "$1" "$2" "$3" "$4" '' ''
return
fi
pl_how=$1 pl_unit=$2 pl_want=$3 pl_on=$4 pl_pattern=$5 pl_pause=$6 pl_level=$7 pl_kept=${pl_env-}
pl_mask='' pl_saved=''
shift 7
if command -v rc-service >/dev/null 2>&1 && command -v rc-update >/dev/null 2>&1; then
pl_v manager openrc
pf_manager=openrc
pl_openrc "$@"
else
pl_v manager sysvinit
pf_manager=sysv
pl_sysv "$@"
fi
}

# pl_matches PATTERN: whether the command line of a process holds the pattern.
pl_matches() {
ps -ef 2>/dev/null >"$pl_d/ps" || ps >"$pl_d/ps" 2>/dev/null
pl_found=1
while IFS= read -r pl_line; do
case $pl_line in
*"$1"*)
pl_found=0
break
;;
esac
done <"$pl_d/ps"
rm -f "$pl_d/ps"
return $pl_found
}

# Whether the service runs, into pl_is.
pl_script_active() {
pl_is=0
if [ -n "$pl_pattern" ]; then
pl_matches "$pl_pattern" && pl_is=1
elif (eval "$pl_kept"; exec "$pl_control" ${pl_word:+"$pl_word"} status) >"$pl_d/said" 2>&1 </dev/null 5>&- 6>&- 7>&- 8<&-; then
# Some scripts say it and end with 0 all the same.
pl_is=1
while IFS= read -r pl_line; do
case $pl_line in
*'not running'* | *'is stopped'* | *'is dead'*) pl_is=0 ;;
esac
done <"$pl_d/said"
fi
rm -f "$pl_d/said"
return 0
}

# pl_script_state ARGV...: brings a service to its state through `$pl_control [$pl_word] start`, stop, status ...
pl_script_state() {
[ -n "$pl_want" ] || return 0
pl_script_active
case $pl_want$pl_is in
started0 | reloaded0) pl_service_do start "$pl_control" ${pl_word:+"$pl_word"} start "$@" ;;
stopped1) pl_service_do stop "$pl_control" ${pl_word:+"$pl_word"} stop "$@" ;;
reloaded1) pl_service_do reload "$pl_control" ${pl_word:+"$pl_word"} reload "$@" ;;
restarted*)
if [ -n "$pl_pause" ] && [ "$pl_how" = run ]; then
pl_v did restart
pf_start_service restart "$pl_control" ${pl_word:+"$pl_word"} restart "$@" || return 1
pl_env=$pl_kept
pl_run "${pl_limit:-0}" "$pl_control" ${pl_word:+"$pl_word"} stop "$@"
pl_run "${pl_limit:-0}" sleep "$pl_pause"
pl_env=$pl_kept
pl_run "${pl_limit:-0}" "$pl_control" ${pl_word:+"$pl_word"} start "$@" && return 0
pl_v fault restart
return 1
fi
pl_service_do restart "$pl_control" ${pl_word:+"$pl_word"} restart "$@"
;;
esac
}

# Whether the service starts with the host, into pl_is.
pl_openrc_enabled() {
pl_level=${pl_level:-default}
pl_is=0
[ ! -e "${pl_root-}/etc/runlevels/$pl_level/$pl_unit" ] || pl_is=1
}

# What starts and stops the service, into pl_control and pl_word.
pl_openrc_control() { pl_control=rc-service pl_word=$pl_unit; }

pl_openrc() {
if [ ! -e "${pl_root-}/etc/init.d/$pl_unit" ]; then
pl_v fault missing
return 1
fi
pl_openrc_enabled
case $pl_is$pl_on in
01) pl_service_do enable rc-update add "$pl_unit" "$pl_level" || return 1 ;;
10) pl_service_do disable rc-update del "$pl_unit" "$pl_level" || return 1 ;;
esac
pl_openrc_control
pl_script_state "$@"
}

pl_sysv_control() {
if command -v service >/dev/null 2>&1; then
pl_control=service pl_word=$pl_unit
else
pl_control=${pl_root-}/etc/init.d/$pl_unit pl_word=
fi
}

pl_sysv_enabled() {
pl_is=0
for pl_f in "${pl_root-}"/etc/rc[2345].d/S[0-9][0-9]"$pl_unit" "${pl_root-}"/etc/rc.d/rc[2345].d/S[0-9][0-9]"$pl_unit"; do
[ ! -e "$pl_f" ] || pl_is=1
done
}

pl_sysv() {
pl_sysv_control
if [ ! -x "${pl_root-}/etc/init.d/$pl_unit" ] && [ -z "$pl_pattern" ]; then
pl_v fault missing
return 1
fi
if [ -n "$pl_on" ]; then
pl_sysv_enabled
pl_tool=
for pl_f in chkconfig update-rc.d; do
command -v $pl_f >/dev/null 2>&1 && pl_tool=$pl_f && break
done
case $pl_is$pl_on$pl_tool in
01 | 10)
pl_v fault tool
return 1
;;
01chkconfig) pl_service_do enable chkconfig --level "${pl_level:-2345}" "$pl_unit" on || return 1 ;;
10chkconfig) pl_service_do disable chkconfig --level "${pl_level:-2345}" "$pl_unit" off || return 1 ;;
01*)
# `enable` alone does nothing for a service that was never registered.
pl_service_do enable update-rc.d "$pl_unit" defaults || return 1
[ "$pl_how" != run ] || { pl_env=$pl_kept; pl_run "${pl_limit:-0}" update-rc.d "$pl_unit" enable; }
;;
10*) pl_service_do disable update-rc.d "$pl_unit" disable || return 1 ;;
esac
fi
pl_script_state "$@"
}
