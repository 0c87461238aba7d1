# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# What undoes the steps that rollback points of files do not cover: commands, and whatever a task
# names under `covers` and `rollback`. Saving comes first, then what manifests call; all may run again.

pf_armed='' pf_restoring='' pf_watched='' pf_arm_covers='' pf_arm_rollback='' pf_arm_activation=''

# COVERS ROLLBACK ACTIVATION: what the step with the number pl_i has to save before it changes
# anything: paths as quoted words; what undoes it and what it activates as a name and a program.
pf_arm() {
  pf_armed=$pl_i pf_arm_covers=$1 pf_arm_rollback=$2 pf_arm_activation=$3
}

# The step is about to change something. Once a step; every way to a change passes here.
pf_start() {
  [ -n "$pf_armed" ] || return 0
  if [ "$pf_armed" != "$pl_i" ]; then
    pf_armed=''
    return 0
  fi
  pf_armed='' pf_u_folder=${pf_folder-} pf_u_made=$pf_made pf_u_temporary=$pf_temporary
  pf_made='' pf_temporary=''
  eval "set -- $pf_arm_covers"
  for pf_u_covered do
    pl_word "$pf_u_covered"
    pf_save_any "$pl_w" covers || {
      pl_v unarmed 1
      return 1
    }
  done
  for pf_u_as in rollback activation; do
    eval "eval \"set -- \$pf_arm_$pf_u_as\""
    [ $# = 0 ] || pf_save_program "$pf_u_as" "$1" "$2" || {
      pl_v unarmed 1
      return 1
    }
  done
  pf_folder=$pf_u_folder pf_made=$pf_u_made pf_temporary=$pf_u_temporary
}

# A command of the user is about to start: CREATES and REMOVES are its guards, which let it pass.
pf_start_command() {
  pf_watched=''
  pf_start || return 1
  pf_made='' pf_temporary=''
  if [ -n "$1" ] && pf_guarded "$1"; then
    pf_save_created "$pf_u_guarded" || {
      pl_v unarmed 1
      return 1
    }
  fi
  if [ -n "$2" ] && pf_guarded "$2"; then
    pf_save_any "$pf_u_guarded" removes || {
      pl_v unarmed 1
      return 1
    }
  fi
  pf_sync || {
    pl_v unarmed 1
    return 1
  }
}

# The command of the user has ended: notes what it made of the files and links that were saved for it, so
# that a rollback can tell what somebody changed later. Not where tasks of `rollback` come first.
pf_finish_command() {
  [ -n "$pf_watched" ] || return 0
  eval "set -- $pf_watched"
  pf_watched=''
  [ -z "$pf_arm_rollback" ] || return 0
  pf_forget
  while [ $# -gt 1 ]; do
    pf_now=''
    if [ -L "$2" ]; then
      pf_readlink "$2" && pf_now=link:$pf_target
    elif [ -f "$2" ]; then
      pf_sum "$2" && pf_now=file:$pf_digest
    elif [ ! -e "$2" ]; then
      pf_now=absent
    fi
    [ -z "$pf_now" ] || printf '%s\n' "$pf_now" 2>/dev/null >"$pl_points/$1.after"
    shift 2
  done
}

# PATH: the point that was begun is for this path.
pf_watch() {
  pf_quote "$1"
  pf_watched="$pf_watched $pf_number $pf_quoted"
}

# What the command made of the path of the point, into pf_made; nothing if that is not known.
pf_made_then() {
  pf_made=''
  [ ! -s "$pf_file.after" ] || pf_made=$(cat -- "$pf_file.after" 2>/dev/null)
}

# PATTERN: the path that a guard names, into pf_u_guarded; 1 for one that could be several, or that
# nobody should remove.
pf_guarded() {
  pl_word "$1"
  case $pl_w in *'*'* | *'?'* | *'['*) return 1 ;; esac
  case $pl_w in
    /*) ;;
    *)
      case $pl_guards_in in
        '') pl_w=$PWD/$pl_w ;;
        /*) pl_w=$pl_guards_in/$pl_w ;;
        *) pl_w=$PWD/$pl_guards_in/$pl_w ;;
      esac
      ;;
  esac
  pf_plain "$pl_w" || return 1
  pf_u_guarded=$pf_u_plain
}

# PATH: the same without needless slashes and dots, into pf_u_plain; 1 if it leads upwards or is `/`.
pf_plain() {
  pf_u_plain='' pf_u_rest=$1/
  while [ -n "$pf_u_rest" ]; do
    pf_u_part=${pf_u_rest%%/*}
    pf_u_rest=${pf_u_rest#*/}
    case $pf_u_part in
      '' | .) ;;
      ..) return 1 ;;
      *) pf_u_plain=$pf_u_plain/$pf_u_part ;;
    esac
  done
  [ -n "$pf_u_plain" ]
}

# PATH WORD: saves whatever is there, or that nothing is, before a command may change it in place;
# WORD is what named it. Where a link leads to a file, that is saved too.
pf_save_any() {
  case $1 in
    /*) ;;
    *)
      pf_fail "\`$2\` needs absolute paths, not \`$1\`"
      return 1
      ;;
  esac
  pf_plain "$1" || {
    pf_fail "\`$2\` takes neither \`/\` nor a path with \`..\`: \`$1\`"
    return 1
  }
  set -- "$pf_u_plain" "$2"
  if [ -L "$1" ]; then
    pf_u_kind=link
    if [ -f "$1" ] && pf_resolve "$1"; then
      pf_save_any "$pf_real" "$2" || return 1
      pf_u_kind=link
    fi
  elif [ -d "$1" ]; then
    pf_u_kind=directory
    if pf_mounted "$1"; then
      pf_fail "\`$2\` cannot save \`$1\`: \`$pf_u_mount\` is a mount point"
      return 1
    fi
  elif [ -f "$1" ]; then
    pf_u_kind=file
  elif [ -e "$1" ]; then
    pf_u_kind=other
  else
    pf_save_created "$1"
    return
  fi
  pf_check=0
  pf_stat "$1" && pf_within_limit "$1" || return 1
  pf_point "$1" || return 1
  pf_u_kept=$pl_points/$pf_number.kept
  pf_copy_any "$1" "$pf_u_kept" || {
    rm -rf -- "$pf_u_kept"
    pf_unsaved
    return 1
  }
  pf_sync_copy "$pf_u_kept" || return 1
  pf_watch "$1"
  pf_quote "$pf_u_kept"
  pf_u_quoted=$pf_quoted
  pf_quote "$1"
  pf_record "$pf_u_kind" "$1" "pf_undo_covered $pf_quoted $pf_u_quoted"
}

# PATH: all that was copied has to be durable.
pf_sync_copy() {
  if [ -L "$1" ]; then return 0; fi
  if [ -d "$1" ]; then
    find "$1" '(' -type f -o -type d ')' -exec sync '{}' + 2>"$pl_d/pf_error" || {
      pf_unsaved
      return 1
    }
  elif [ -f "$1" ]; then
    pf_must_sync "$1"
  fi
}

# PATH: a command is about to make it, and perhaps the folders above it.
pf_save_created() {
  pf_u_top=$1
  while :; do
    pf_parent "$pf_u_top"
    if [ -e "$pf_folder" ] || [ -L "$pf_folder" ] || [ "$pf_folder" = / ]; then break; fi
    pf_u_top=$pf_folder
  done
  pf_point "$pf_u_top" || return 1
  pf_watch "$1"
  pf_quote "$pf_u_top"
  pf_u_quoted=$pf_quoted
  pf_quote "$1"
  pf_record absent "$1" "pf_undo_created $pf_quoted $pf_u_quoted"
}

# KIND NAME PROGRAM: keeps a program that the restore runs.
pf_save_program() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_u_text=$pf_text pf_text=$3$pf_nl'#END'
  pf_write_text 2>"$pl_d/pf_error" >"$pl_points/$pf_number.program"
  pf_u_status=$?
  pf_text=$pf_u_text
  if [ $pf_u_status != 0 ]; then
    pf_unsaved
    return 1
  fi
  pf_must_sync "$pl_points/$pf_number.program"
  pf_quote "$2"
  pf_record "$1" "$2" "pf_undo_$1 $pf_quoted"
}

# SRC DST: copies anything with all that belongs to it.
pf_copy_any() {
  pf_copier
  if [ "$pf_copier" = gnu ]; then
    cp -a --reflink=auto -- "$1" "$2" 2>"$pl_d/pf_error"
    return
  fi
  # busybox drops the parts of seconds, and cannot set the times of a link: another name of the link has them.
  if [ -L "$1" ]; then
    ln -- "$1" "$2" 2>/dev/null || cp -a -- "$1" "$2" 2>"$pl_d/pf_error"
    return
  fi
  cp -a -- "$1" "$2" 2>"$pl_d/pf_error" || return 1
  if [ ! -d "$1" ]; then
    touch -r "$1" "$2" 2>"$pl_d/pf_error"
    return
  fi
  # shellcheck disable=SC2016
  (cd -- "$1" && find . -depth -exec sh -c 'd=$1; shift
    for p do
      if [ -L "$p" ]; then ln -f -- "$p" "$d/$p" 2>/dev/null; else touch -r "$p" "$d/$p" || exit; fi
    done
    exit 0' sh "$2" '{}' +) 2>"$pl_d/pf_error"
}

# PATH: whether it is a mount point, or one is below it: pf_u_mount.
pf_mounted() {
  pf_resolve "$1" || return 1
  # The kernel writes these characters in octal.
  pf_u_rest=$pf_real pf_u_plain=''
  while :; do
    case $pf_u_rest in
      '') break ;;
      ' '*) pf_u_part='\040' ;;
      '	'*) pf_u_part='\011' ;;
      "$pf_nl"*) pf_u_part='\012' ;;
      \\*) pf_u_part='\134' ;;
      *)
        pf_u_part=${pf_u_rest%%[ "	$pf_nl"\\]*}
        pf_u_plain=$pf_u_plain$pf_u_part pf_u_rest=${pf_u_rest#"$pf_u_part"}
        continue
        ;;
    esac
    pf_u_plain=$pf_u_plain$pf_u_part pf_u_rest=${pf_u_rest#?}
  done
  while read -r pf_u_part pf_u_part pf_u_part pf_u_part pf_u_mount pf_u_rest; do
    case $pf_u_mount/ in "$pf_u_plain"/*) return 0 ;; esac
  done </proc/self/mountinfo
  return 1
}

# PATH: removes it, a tree too. What takes time happens under another name, so that nobody sees half of it.
pf_remove_any() {
  pf_parent "$1"
  pf_u_gone=${pf_folder%/}/.paceline-gone-$pf_run-${pf_file##*/}
  if [ -L "$1" ] || { [ -e "$1" ] && [ ! -d "$1" ]; }; then
    rm -f -- "$1" 2>"$pl_d/pf_error" || {
      pf_failed "cannot remove \`$1\`"
      return 1
    }
  elif [ -d "$1" ]; then
    pf_plain "$1" || return 1
    if pf_mounted "$1"; then
      pf_fail "cannot remove \`$1\`: \`$pf_u_mount\` is a mount point; unmount it, then roll back again"
      return 1
    fi
    rm -rf -- "$pf_u_gone" 2>/dev/null
    mv -- "$1" "$pf_u_gone" 2>"$pl_d/pf_error" || {
      pf_failed "cannot remove \`$1\`"
      return 1
    }
  fi
  if [ -e "$pf_u_gone" ]; then
    rm -rf -- "$pf_u_gone" 2>"$pl_d/pf_error" || {
      pf_failed "cannot remove \`$pf_u_gone\`"
      return 1
    }
  fi
}

# PATH TOP: it was not there, nor were the folders from TOP down to it; they go as far as they are empty.
pf_undo_created() {
  [ -z "$pf_listing" ] || return 0
  pf_made_then
  if [ -e "$1" ] || [ -L "$1" ]; then pf_as_made "$1" '' || return 1; fi
  pf_remove_any "$1" || return 1
  pf_u_at=$1
  while [ "$pf_u_at" != "$2" ]; do
    pf_u_at=${pf_u_at%/*}
    [ ! -d "$pf_u_at" ] || rmdir -- "$pf_u_at" 2>/dev/null || break
  done
  # Kept times are those of the folder above.
  pf_path=$2
}

# PATH KEPT: brings back a copy of whatever was there.
pf_undo_covered() {
  [ -z "$pf_listing" ] || return 0
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then
    pf_fail "the kept content of \`$1\` is gone: \`$2\`"
    return 1
  fi
  pf_parent "$1"
  if [ ! -d "$pf_folder" ]; then
    pf_fail "cannot restore \`$1\`: its folder is gone; make \`$pf_folder\`, then roll back again"
    return 1
  fi
  pf_made_then
  if [ -e "$1" ] || [ -L "$1" ]; then pf_as_made "$1" "$2" || return 1; fi
  if [ -f "$1" ] && [ ! -L "$1" ] && [ -f "$2" ] && [ ! -L "$2" ] && pf_stat "$1" && [ "$pf_links" -gt 1 ]; then
    pf_undo_in_place "$1" "$2"
    return
  fi
  pf_temporary=${pf_folder%/}/.paceline-restore-$pf_run
  rm -rf -- "$pf_temporary" 2>/dev/null
  pf_copy_any "$2" "$pf_temporary" || {
    rm -rf -- "$pf_temporary"
    pf_failed "cannot restore \`$1\`"
    return 1
  }
  if [ -d "$1" ] || [ -L "$1" ] || [ -d "$2" ]; then
    pf_remove_any "$1" || {
      rm -rf -- "$pf_temporary"
      return 1
    }
  fi
  mv -f -- "$pf_temporary" "$1" 2>"$pl_d/pf_error" || pf_failed "cannot restore \`$1\`"
}

# PATH KEPT: the file has other names, which stay its names.
pf_undo_in_place() {
  if pf_stat "$2" && cat -- "$2" >"$1" 2>"$pl_d/pf_error"; then
    pf_octal_of "$pf_mode"
    if chown "$pf_uid:$pf_gid" "$1" 2>"$pl_d/pf_error" && chmod "$pf_octal" "$1" 2>"$pl_d/pf_error" \
      && touch -r "$2" "$1" 2>"$pl_d/pf_error"; then return 0; fi
  fi
  pf_failed "cannot restore \`$1\`"
}

# NAME: runs the tasks that undo a step.
pf_undo_rollback() {
  [ -z "$pf_listing" ] || return 0
  pf_run_program "$1"
}

# NAME: runs the program of the point. Its operations change things for good: what they would save
# goes to a folder that is removed.
pf_run_program() {
  pf_u_program=$(cat -- "$pf_file.program" 2>"$pl_d/pf_error")
  case $pf_u_program in
    *"$pf_nl#END") ;;
    *)
      pf_failed "the program of rollback point ${pf_file##*/} is not complete"
      return 1
      ;;
  esac
  pf_quote "$pf_file"
  pf_u_state="pf_file=$pf_quoted pf_number=$pf_number pf_again=$pf_again pf_kind=$pf_kind"
  pf_quote "$pf_path"
  pf_u_state="$pf_u_state pf_path=$pf_quoted"
  pf_quote "$pl_points"
  pf_u_state="$pf_u_state pl_points=$pf_quoted"
  pf_quote "$pf_run"
  pf_u_state="$pf_u_state pf_run=$pf_quoted"
  pf_u_state="$pf_u_state pf_made='' pf_temporary=''"
  pf_u_folders=$pf_folders pf_u_limit=${pl_limit:-0}
  pf_u_scratch=$pf_file.scratch
  rm -rf -- "$pf_u_scratch"
  mkdir -- "$pf_u_scratch" 2>"$pl_d/pf_error" || {
    pf_failed "cannot make \`$pf_u_scratch\`"
    return 1
  }
  pf_points_device=$(stat -c %d -- "$pf_u_scratch")
  pl_points=$pf_u_scratch pf_number=0 pf_folders=: pf_run=undo-$pf_run pf_restoring=1 pf_u_name=$1
  eval "$pf_u_program"
  pf_u_status=$?
  # What a command ended with says more.
  if [ $pf_u_status != 0 ] && [ "${pl_rc:-0}" != 0 ]; then pf_u_status=$pl_rc; fi
  pf_scratch_clear
  pf_folders=$pf_u_folders pl_limit=$pf_u_limit pl_env='' pl_quiet='' pf_restoring='' pf_begun=''
  eval "$pf_u_state"
  [ $pf_u_status = 0 ] || [ -n "$pf_bad" ] || pf_fail "\`$pf_u_name\` ended with status $pf_u_status"
  return $pf_u_status
}

# What the operations of a program kept is of no use.
pf_scratch_clear() {
  pf_u_number=0 pf_listing=1
  while [ -e "$pf_u_scratch/$((pf_u_number + 1))" ]; do
    pf_u_number=$((pf_u_number + 1))
    eval "$(cat -- "$pf_u_scratch/$pf_u_number")"
    pf_parent "$pf_path"
    rm -rf -- "${pf_folder%/}/.paceline-$pf_run-$pf_u_number"
  done
  pf_listing=''
  rm -rf -- "$pf_u_scratch"
}

# NAME SECONDS QUIET EXPORTS PAYLOAD TEXT: one task of a program. PAYLOAD is in base64; QUIET hides
# the output of commands.
pf_program_task() {
  pf_u_name=$1 pl_quiet=$3 pl_env=$4 pl_payload='' pl_cwd='' pl_stdin='' pl_rc=''
  pl_limit=$2
  if [ -n "$5" ]; then
    pl_payload=$pl_d/pf_payload
    base64 -d >"$pl_payload" 2>"$pl_d/pf_error" <<EOF || {
$5
EOF
      pf_failed "cannot write \`$pl_payload\`"
      return 1
    }
  fi
  eval "$6"
  pf_u_status=$?
  [ -z "$pl_payload" ] || rm -f -- "$pl_d/pf_payload"
  pl_payload=''
  return $pf_u_status
}
