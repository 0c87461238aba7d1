# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Probes of wait_for. Each one looks once; the controller asks again. Status 0 it is as wanted, 75 not yet.
# They sleep first, as a child of the session, so that a time limit and Ctrl-C end it.

# pl_wait_time SECONDS: only waits.
pl_wait_time() {
pl_run 0 sleep "$1"
}

# pl_wait_path SECONDS present|absent PATH
pl_wait_path() {
[ "$1" = 0 ] || pl_run 0 sleep "$1"
pl_word "$3"
pl_found=absent
[ ! -e "$pl_w" ] || pl_found=present
if [ "$pl_found" = present ]; then
pf_forget
if pf_stat "$pl_w"; then pf_report now; fi
fi
[ "$pl_found" = "$2" ] || return 75
}

# pl_wait_text SECONDS PATH: sends the content of a file, for the controller to search in.
pl_wait_text() {
pl_wait_path "$1" present "$2" || return 75
pl_b text "$pl_w" || pl_v unreadable 1
return 75
}

# pl_wait_port SECONDS open|closed|text HOST PORT LIMIT: `text` reads what the port says until LIMIT.
pl_wait_port() {
[ "$1" = 0 ] || pl_run 0 sleep "$1"
# $0 and $1 are for the shell that is started.
# shellcheck disable=SC2016
if command -v bash >/dev/null 2>&1; then
if [ "$2" = text ]; then
pl_run "$5" bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat <&3' "$3" "$4"
return 75
fi
pl_run "$5" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$3" "$4"
pl_r=$?
elif [ "$2" != text ] && command -v curl >/dev/null 2>&1; then
case $3 in
*:*) pl_run "$5" curl -s --connect-timeout "$5" "telnet://[$3]:$4" ;;
*) pl_run "$5" curl -s --connect-timeout "$5" "telnet://$3:$4" ;;
esac
pl_r=$?
case $pl_r in
5 | 6 | 7 | 28 | 137 | 143) ;;
*) pl_r=0 ;;
esac
else
pl_v client none
return 75
fi
case $2$pl_r in
open0) return 0 ;;
open* | closed0) return 75 ;;
esac
return 0
}
