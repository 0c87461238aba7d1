# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Running what the user asks for: words, paths and guards, then pl_run of the session.
#
# Runs inside the session's shell, which gives pl_run, pl_v, pl_payload, pl_d, pl_i and the variables
# pl_env (exports of `environment`), pl_stdin, pl_cwd and pl_limit (seconds, 0 for none).

# pl_word TEXT: TEXT with `$NAME`, `${NAME}`, `~` and `~user` expanded, in pl_w. Only exported variables
# count, anything else stays as it is, and nothing is evaluated.
pl_word() {
pl_w=$1
case $1 in
*'$'* | '~'*) ;;
*) return 0 ;;
esac
pl_w=$(eval "${pl_env-}"; pl_expand "$1")
pl_w=${pl_w%.}
}

# pl_expand TEXT: prints TEXT expanded, and a dot that keeps newlines at its end. Runs in a subshell.
pl_expand() {
pl_exports=$(export -p)
pl_left=$1 pl_done=
while :; do
case $pl_left in
*'$'*) ;;
*) break ;;
esac
pl_done=$pl_done${pl_left%%'$'*}
pl_left=${pl_left#*'$'}
case $pl_left in
'{'*'}'*)
pl_name=${pl_left#'{'}
pl_name=${pl_name%%'}'*}
pl_written="{$pl_name}"
;;
[A-Za-z0-9_]*)
pl_name=${pl_left%%[!A-Za-z0-9_]*}
pl_written=$pl_name
;;
*)
pl_done=$pl_done'$'
continue
;;
esac
pl_left=${pl_left#"$pl_written"}
pl_value="\$$pl_written"
case $pl_name in
'' | [0-9]* | *[!A-Za-z0-9_]*) ;;
*)
case "
$pl_exports" in
*"
export $pl_name="* | *"
declare -x $pl_name="*) eval "pl_value=\$$pl_name" ;;
esac
;;
esac
pl_done=$pl_done$pl_value
done
pl_done=$pl_done$pl_left
case $pl_done in
'~' | '~'/*)
pl_home=${HOME-}
pl_done=${pl_home%/}${pl_done#'~'}
;;
'~'*)
pl_name=${pl_done#'~'}
pl_name=${pl_name%%/*}
case $pl_name in
*[!A-Za-z0-9._-]*) ;;
*)
eval "pl_home=~$pl_name"
[ "$pl_home" = "~$pl_name" ] || pl_done=${pl_home%/}${pl_done#"~$pl_name"}
;;
esac
;;
esac
printf '%s.' "$pl_done"
}

# pl_there PATTERN: whether a file is there, dangling links included.
pl_there() {
if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
case $1 in
*'*'* | *'?'* | *'['*) ;;
*) return 1 ;;
esac
pl_ifs=$IFS
IFS=
# The pattern is meant to be expanded, and without separators it is not split.
# shellcheck disable=SC2086
set -- $1
IFS=$pl_ifs
if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
return 1
}

# pl_there_in DIRECTORY PATTERN: the same for a pattern that is relative to a directory.
pl_there_in() {
pl_word "$2"
case $pl_w in
/*) pl_there "$pl_w" ;;
*) if [ -n "$1" ]; then (cd "$1" && pl_there "$pl_w"); else pl_there "$pl_w"; fi ;;
esac
}

# pl_startable WORD: 0 when a program of that name can be started, 2 when there is none, 13 when it is not a program.
# Looks where pl_user ran it. Runs in a subshell.
pl_startable() {
eval "$pl_kept"
[ -z "$pl_folder" ] || cd "$pl_folder" || return 2
case $1 in
*/*)
[ -e "$1" ] || return 2
[ -f "$1" ] && [ -x "$1" ] && return 0
return 13
;;
esac
pl_left=$PATH: pl_found=2
while [ -n "$pl_left" ]; do
pl_w=${pl_left%%:*}
pl_w=${pl_w:-.}/$1
pl_left=${pl_left#*:}
[ -f "$pl_w" ] || continue
[ -x "$pl_w" ] && return 0
pl_found=13
done
return $pl_found
}

# pl_guard_files DIRECTORY CREATES REMOVES: prepares pl_cwd, and tells whether there is something to do. Reports
# `fault chdir`, `skip creates` or `skip removes`; status 0 go on, 1 nothing to do, 2 failed.
pl_guard_files() {
pl_cwd=
if [ -n "$1" ]; then
pl_word "$1"
if [ -d "$pl_w" ] && [ -x "$pl_w" ]; then pl_cwd=$pl_w; else pl_v fault chdir; return 2; fi
fi
if [ -n "$2" ] && pl_there_in "$pl_cwd" "$2"; then pl_v skip creates; return 1; fi
if [ -n "$3" ] && ! pl_there_in "$pl_cwd" "$3"; then pl_v skip removes; return 1; fi
return 0
}

# pl_user ARGV...: runs a command for the user, says when it could not be started, and clears what was set for it.
pl_user() {
pl_kept=${pl_env-} pl_folder=$pl_cwd
if [ -z "${pl_quiet-}" ]; then
pl_run "${pl_limit:-0}" "$@"
else
pl_run "${pl_limit:-0}" /bin/sh -c 'exec "$@" >/dev/null 2>&1' sh "$@"
fi
pl_r=$?
case $pl_r in
126 | 127)
(pl_startable "$1")
pl_found=$?
[ "$pl_found" = 0 ] || pl_v missing "$pl_found"
;;
esac
pl_stdin='' pl_cwd=''
pf_finish_command
[ "$pl_r" = 0 ]
}

# pl_command run|check DIRECTORY CREATES REMOVES EXPAND STDIN ARGV...: EXPAND and STDIN are 1 or nothing.
pl_command() {
pl_how=$1 pl_words=$5 pl_in=$6
pl_guard_files "$2" "$3" "$4"
pl_r=$?
if [ "$pl_how" = check ] || [ $pl_r != 0 ]; then
pl_cwd=''
[ $pl_r -lt 2 ]
return
fi
pl_guards_in=$pl_cwd
pf_start_command "$3" "$4" || return 1
shift 6
if [ -n "$pl_words" ]; then
pl_n=$#
while [ $pl_n -gt 0 ]; do
pl_word "$1"
shift
set -- "$@" "$pl_w"
pl_n=$((pl_n - 1))
done
fi
pl_stdin=''
[ -z "$pl_in" ] || pl_stdin=$pl_payload
pl_user "$@"
}

# pl_script run|check DIRECTORY CREATES REMOVES NAME TEXT: runs the payload as a file called NAME; TEXT is the
# command line, with the path of the file as $0.
pl_script() {
pl_how=$1 pl_name=$5 pl_text=$6
# As in Ansible, these paths are not relative to the folder that the script runs in.
pl_guard_files '' "$3" "$4"
pl_r=$?
if [ $pl_r = 0 ]; then
pl_guard_files "$2" '' ''
pl_r=$?
fi
if [ "$pl_how" = check ] || [ $pl_r != 0 ]; then
pl_cwd=''
[ $pl_r -lt 2 ]
return
fi
pl_guards_in=
pf_start_command "$3" "$4" || return 1
pl_home=$pl_d/script$pl_i
if mkdir -m 700 "$pl_home" && mv "$pl_payload" "$pl_home/$pl_name" && chmod 700 "$pl_home/$pl_name"; then
pl_stdin=''
pl_user /bin/sh -c "$pl_text" "$pl_home/$pl_name"
else
pl_v fault payload
pl_cwd='' pl_r=1
fi
rm -rf "$pl_home"
[ "$pl_r" = 0 ]
}
