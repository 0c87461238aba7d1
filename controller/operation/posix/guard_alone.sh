# shellcheck shell=sh
# What the script of a guard has instead of a session: there is nobody to talk to, so results go to a file.

pf_g=$1
# shellcheck disable=SC1091 # written when the guard is armed
. "$pf_g/env"
# A user who became another one may not enter the folder that he came from.
cd -- "$pf_g_cwd" 2>/dev/null || cd /
umask 077
pl_d=$pf_g/work pl_i=0 pl_limit=0 pl_rc='' pl_stdin='' pl_cwd='' pl_env='' pl_payload=''

pl_v() {
  case $1 in
    guard_*) printf '%s %s\n' "$1" "$2" >>"$pf_g/told" ;;
    msg) pf_g_why=$2 ;;
  esac
}

pl_b() { :; }

# SECONDS WORDS...: a command of the user, with a limit, because nobody would end it.
pl_run() {
  pf_g_limit=$1
  shift
  [ "$pf_g_limit" != 0 ] || pf_g_limit=120
  (
    umask "$pl_u"
    [ -z "$pl_cwd" ] || cd -- "$pl_cwd" || exit 126
    eval "$pl_env"
    exec setsid timeout "$pf_g_limit" "$@"
  ) <"${pl_stdin:-/dev/null}" >>"$pf_g/out" 2>&1
  pl_rc=$?
  pl_stdin='' pl_cwd='' pl_env=''
  return "$pl_rc"
}
