# shellcheck shell=sh
# What the file operations share: options of the step, reports, and the state of a path.
# Everything here runs in the session's shell itself: no `local`, no fork where a builtin does.

pf_nl='
'
pf_ifs=$IFS
pf_mark=$(printf '\001')
pf_format='%f:%u:%g:%s:%h:%i:%d:%Y:%U:%G'
pf_cache='' pf_sums='' pf_ahead=0

# CHECK DIFF MODE OWNER GROUP ATIME MTIME: the options of the step that follows.
# MODE is empty, a decimal number, or `s` and the words of a symbolic mode (see pf_mode).
pf_begin() {
  pf_check=$1 pf_diff=$2 pf_wm=$3 pf_wo=$4 pf_wg=$5 pf_wa=$6 pf_wt=$7
  pf_fresh='' pf_begun='' pf_given='' pf_text=''
  pf_ahead=$((pf_ahead - 1))
  [ "$pf_ahead" -ge 0 ] || pf_forget
}

# NUMBER PATH [QUIET]: expands a path as a user writes it into pf_path_NUMBER, and reports it.
pf_expand() {
  pl_word "$2"
  case $pl_w in /*) ;; *) pl_w=./$pl_w ;; esac
  eval "pf_path_$1=\$pl_w"
  [ -n "$3" ] || pf_say path "$pl_w"
}

# NAME TEXT: reports text that may hold any byte.
pf_say() {
  case $2 in
    *%* | *\\* | *"$pf_nl"*)
      pf_from=$2 pf_to=''
      while :; do
        case $pf_from in
          [%\\"$pf_nl"]*) ;;
          *[%\\"$pf_nl"]*)
            pf_part=${pf_from%%[%\\"$pf_nl"]*}
            pf_to=$pf_to$pf_part pf_from=${pf_from#"$pf_part"}
            ;;
          *) break ;;
        esac
        case $pf_from in
          %*) pf_to=$pf_to%25 ;;
          \\*) pf_to=$pf_to%5C ;;
          *) pf_to=$pf_to%0A ;;
        esac
        pf_from=${pf_from#?}
      done
      pl_v "$1" "$pf_to$pf_from"
      ;;
    *) pl_v "$1" "$2" ;;
  esac
}

# TEXT: the step fails with this message.
pf_fail() {
  pf_bad=1
  pf_forget
  pf_say msg "$1"
  # The times that were kept have no point to belong to: the next one keeps them anew.
  [ -z "$pf_begun" ] || pf_folders=: pf_begun=''
  return 1
}

# TEXT: the step fails because a tool failed, which said why in pf_error.
pf_failed() {
  [ ! -s "$pl_d/pf_error" ] || pl_b why "$pl_d/pf_error"
  pf_fail "$1"
}

# TEXT: puts it in single quotes, into pf_quoted.
pf_quote() {
  pf_quoted='' pf_from=$1
  while :; do
    case $pf_from in
      *\'*) pf_quoted=$pf_quoted${pf_from%%\'*}"'\\''" pf_from=${pf_from#*\'} ;;
      *) break ;;
    esac
  done
  pf_quoted="'$pf_quoted$pf_from'"
}

# PATH: its parent, into pf_folder.
pf_parent() {
  pf_folder=${1%/*}
  [ -n "$pf_folder" ] || pf_folder=/
}

# Something changes, fails, or is up to others: what was probed ahead is stale.
pf_forget() { pf_cache='' pf_sums='' pf_ahead=0; }

# COUNT PATH...: reads ahead the states and digests of paths, for the next COUNT steps.
pf_probe_ahead() {
  pf_forget
  pf_count=$1
  shift
  pf_probe "$@"
  pf_probe_sums "$@"
  pf_ahead=$pf_count
}

# The line of stat in pf_line, taken apart.
pf_split() {
  IFS=:
  set -f
  # shellcheck disable=SC2086 # split on purpose
  set -- $pf_line
  set +f
  IFS=$pf_ifs
  pf_raw=$((0x$1)) pf_uid=$2 pf_gid=$3 pf_size=$4 pf_links=$5 pf_inode=$6 pf_device=$7 pf_user=$9
  pf_mode=$((pf_raw & 4095))
  shift 9
  pf_group=$1
  case $((pf_raw >> 12)) in
    4) pf_kind=directory ;;
    8) pf_kind='file' ;;
    10) pf_kind='link' ;;
    *) pf_kind=other ;;
  esac
}

# What people call what pf_stat saw, into pf_called.
pf_call() {
  case $pf_kind in
    directory) pf_called=folder ;;
    other)
      case $((pf_raw >> 12)) in
        1) pf_called=FIFO ;;
        2 | 6) pf_called=device ;;
        12) pf_called=socket ;;
        *) pf_called='special file' ;;
      esac
      ;;
    *) pf_called=$pf_kind ;;
  esac
}

# PATH: its own state (of a link, not of its target) into pf_kind, pf_mode and so on; 1 if absent.
pf_stat() {
  pf_kind=absent pf_line=''
  [ -e "$1" ] || [ -L "$1" ] || return 1
  case $pf_cache in
    *"$pf_nl$1$pf_mark"*)
      pf_line=${pf_cache#*"$pf_nl$1$pf_mark"}
      pf_line=${pf_line%%"$pf_nl"*}
      ;;
    *)
      pf_line=$(stat -c "$pf_format" -- "$1" 2>"$pl_d/pf_error") || {
        pf_kind=absent
        return 1
      }
      ;;
  esac
  pf_split
}

# NAME: reports the state that pf_stat found.
pf_report() { pf_say "$1" "$pf_kind:$pf_line"; }

# PATH: SHA-256 of a regular file, into pf_digest.
pf_sum() {
  case $pf_sums in
    *"$pf_nl$1$pf_mark"*)
      pf_digest=${pf_sums#*"$pf_nl$1$pf_mark"}
      pf_digest=${pf_digest%%"$pf_nl"*}
      ;;
    *)
      pf_digest=$(sha256sum <"$1" 2>"$pl_d/pf_error") || return 1
      pf_digest=${pf_digest%% *}
      ;;
  esac
}

# PATH...: reads the state of all of them with one stat, for the steps that follow at once.
pf_probe() {
  pf_cache=''
  for pf_path do
    shift
    case $pf_path in
      *"$pf_nl"* | *"$pf_mark"* | -*) ;;
      *) if [ -e "$pf_path" ] || [ -L "$pf_path" ]; then set -- "$@" "$pf_path"; fi ;;
    esac
  done
  [ $# -gt 1 ] || return 0
  pf_lines=$(stat -c "$pf_format" -- "$@" 2>/dev/null) || return 0
  for pf_path do
    pf_cache=$pf_cache$pf_nl$pf_path$pf_mark${pf_lines%%"$pf_nl"*}
    pf_lines=${pf_lines#*"$pf_nl"}
  done
}

# PATH...: reads the digests of those that are regular files with one sha256sum.
pf_probe_sums() {
  pf_sums=''
  for pf_path do
    shift
    case $pf_path in
      *"$pf_nl"* | *"$pf_mark"* | *\\* | -*) ;;
      *) if [ -f "$pf_path" ] && [ ! -L "$pf_path" ]; then set -- "$@" "$pf_path"; fi ;;
    esac
  done
  [ $# -gt 1 ] || return 0
  pf_lines=$(sha256sum -- "$@" 2>/dev/null) || return 0
  for pf_path do
    pf_sums=$pf_sums$pf_nl$pf_path$pf_mark${pf_lines%% *}
    pf_lines=${pf_lines#*"$pf_nl"}
  done
}

# PATH: what it really is, all links followed, into pf_real; the last part need not exist.
pf_resolve() {
  if [ -e "$1" ] || [ ! -L "$1" ]; then
    pf_real=$(readlink -f -- "$1" 2>"$pl_d/pf_error" && echo .) || return 1
    pf_real=${pf_real%"$pf_nl".}
    return 0
  fi
  # busybox takes the target of a link to nothing as relative to the current folder.
  pf_readlink "$1" || return 1
  pf_parent "$1"
  case $pf_target in
    /*) pf_real=$pf_target ;;
    *) pf_real=${pf_folder%/}/$pf_target ;;
  esac
}

# PATH: target of a link, into pf_target.
pf_readlink() {
  pf_target=$(readlink -- "$1" 2>"$pl_d/pf_error" && echo .) || return 1
  pf_target=${pf_target%"$pf_nl".}
}

# PATH: the final report of a path.
pf_done() {
  [ "$1" = "$pf_given" ] || pf_say path "$1"
  pf_report now
}
