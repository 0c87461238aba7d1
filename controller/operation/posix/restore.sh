# shellcheck shell=sh
# Restores rollback points. Each `pf_undo_` is what a manifest calls; all may run again.

# NUMBER FORCE: restores one point. With FORCE, what somebody changed after the run does not stop it: it is put aside.
pf_restore() {
  pf_points_ours || return 1
  pf_file=$pf_points_dir/$1 pf_force=${2:-} pf_begun='' pf_bad='' pf_listing='' pf_again='' pf_unsynced=''
  pf_forget
  if [ -e "$pf_file.restored" ] && ! pf_activation_again; then
    pl_v restored again
    return 0
  fi
  if [ ! -f "$pf_file" ]; then
    pf_fail "there is no rollback point $1 in \`$pf_points_dir\`"
    return 1
  fi
  # It is text that is going to run.
  if [ ! -O "$pf_file" ] || [ -L "$pf_file" ]; then
    pf_fail "rollback point $1 in \`$pf_points_dir\` belongs to somebody else"
    return 1
  fi
  pf_manifest=$(cat -- "$pf_file")
  case $pf_manifest in
    *"$pf_nl#END") ;;
    *)
      pf_fail "rollback point $1 in \`$pf_points_dir\` is not complete: its step ended before it changed anything"
      return 1
      ;;
  esac
  [ ! -e "$pf_file.restoring" ] || pf_again=1
  # Empty files, as a full disk must not keep anybody from going back.
  pf_marking "$pf_points_dir/times-due" && pf_marking "$pf_file.restoring" || return 1
  pf_sync_if_possible
  pf_made='' pf_temporary=''
  eval "$pf_manifest"
  [ -z "$pf_bad" ] || return 1
  if [ -n "$pf_temporary" ] && { [ -e "$pf_temporary" ] || [ -L "$pf_temporary" ]; }; then
    rm -f -- "$pf_temporary" 2>/dev/null
  fi
  pf_parent "$pf_path"
  if [ ! -d "$pf_folder" ] || [ ! -r "$pf_folder" ]; then :; else pf_must_sync "$pf_folder"; fi
  if [ -e "$pf_file.times" ]; then
    if [ "$pf_kind" = times ]; then pf_folder=$pf_path; fi
    pf_first_times
  fi
  pf_marking "$pf_file.restored" || return 1
  pf_sync_if_possible
  # What made the changed files count has to be repeated behind this.
  [ "$pf_kind" = activation ] || echo 2>/dev/null >"$pf_points_dir/restored-last"
  pl_v restored now
}

# MARK: whether something was restored since this mark was set, in an earlier rollback that left points out.
pf_overtaken() { [ -e "$pf_points_dir/restored-last" ] && [ "$pf_points_dir/restored-last" -nt "$1" ]; }

# Whether the point pf_file is an activation that has to be repeated, although that was done before.
pf_activation_again() {
  { IFS= read -r pf_from <"$pf_file"; } 2>/dev/null || return 1
  case $pf_from in 'pf_kind=activation '*) pf_overtaken "$pf_file.restored" ;; *) return 1 ;; esac
}

# A disk that is dying, or cannot do this, must not keep anybody from going back.
pf_sync_if_possible() {
  pf_must_sync "$pf_points_dir"
  pf_words=$pf_unsynced pf_unsynced=''
  eval "sync $pf_words" 2>/dev/null
  return 0
}

# FILE: makes an empty file that has to be durable.
pf_marking() {
  { true >"$1"; } 2>"$pl_d/pf_error" || {
    pf_failed "cannot write in \`$pf_points_dir\`"
    return 1
  }
  pf_must_sync "$1"
}

# Gives pf_folder its times, and notes what it is: an older point may put something else in its place.
pf_first_times() {
  [ -d "$pf_folder" ] && pf_resolve "$pf_folder" || return 0
  touch -r "$pf_file.times" "$pf_real" 2>/dev/null
  pf_part=$(stat -c %d:%i -- "$pf_real")
  { printf '%s\n' "$pf_part $pf_real" >"$pf_file.folder"; } 2>/dev/null
}

# NUMBER...: gives folders their times at the end, as restoring one point changes the times that
# another brought back. The newest comes first, so that the oldest has the last word.
pf_restore_times() {
  pf_points_at
  [ -e "$pf_points_dir/times-due" ] || return 0
  for pf_part do
    pf_file=$pf_points_dir/$pf_part
    [ -e "$pf_file.restored" ] && [ -e "$pf_file.folder" ] || continue
    pf_words=$(cat -- "$pf_file.folder")
    pf_folder=${pf_words#* }
    [ -d "$pf_folder" ] && [ "$(stat -c %d:%i -- "$pf_folder")" = "${pf_words%% *}" ] || continue
    touch -r "$pf_file.times" "$pf_folder" 2>/dev/null
    [ ! -r "$pf_folder" ] || pf_must_sync "$pf_folder"
  done
  return 0
}

# Says that the folders have their times.
pf_restored_times() {
  [ -e "$pf_points_dir/times-due" ] || return 0
  # What was kept for a step that was cut off before its point was complete, and so changed nothing.
  for pf_path in "$pf_points_dir"/*.kept; do
    [ -e "$pf_path" ] || [ -L "$pf_path" ] || continue
    [ -e "${pf_path%.kept}" ] || rm -rf -- "$pf_path"
  done
  pf_sync_if_possible
  rm -f -- "$pf_points_dir/times-due"
}

# Reports the points of the session's folder, newest first: number, kind, state, path.
pf_points_list() {
  pf_points_ours || return 1
  pf_points_last
  pf_count=$pf_number pf_listing=1
  while [ "$pf_count" -gt 0 ]; do
    pf_file=$pf_points_dir/$pf_count
    if [ -f "$pf_file" ] && [ -O "$pf_file" ] && [ ! -L "$pf_file" ]; then
      pf_manifest=$(cat -- "$pf_file")
      case $pf_manifest in
        *"$pf_nl#END")
          eval "$pf_manifest"
          pf_state=saved
          [ ! -e "$pf_file.restored" ] || pf_state=restored
          ;;
        *) pf_kind=unknown pf_path='' pf_state=incomplete ;;
      esac
      pf_say listed "$pf_count $pf_kind $pf_state $pf_path"
    fi
    pf_count=$((pf_count - 1))
  done
  pf_listing=''
}

# PATH: it was not there. A folder in its place was made by somebody else.
pf_undo_absent() {
  [ -z "$pf_listing" ] || return 0
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    pf_remove_folder "$1"
    return
  fi
  [ -e "$1" ] || [ -L "$1" ] || return 0
  pf_as_made "$1" '' || return 1
  rm -f -- "$1" 2>"$pl_d/pf_error" || pf_failed "cannot remove \`$1\`"
}

# PATH KEPT: whether PATH may go: it is what the run made of it, or what it was before (KEPT), or it could be put aside.
pf_as_made() {
  [ -n "$pf_made" ] || return 0
  pf_now=''
  case $pf_made in
    hard:*) if pf_stat "$1" && [ "$pf_made" = "hard:$pf_device:$pf_inode" ]; then return 0; fi ;;
  esac
  if [ -L "$1" ]; then
    if pf_readlink "$1"; then pf_now=link:$pf_target; fi
  elif [ -f "$1" ]; then
    if pf_sum "$1"; then pf_now=file:$pf_digest; fi
  fi
  [ "$pf_now" != "$pf_made" ] || return 0
  case $pf_now in
    file:*) if [ -f "$2" ] && [ ! -L "$2" ] && pf_sum "$2" && [ "$pf_now" = "file:$pf_digest" ]; then return 0; fi ;;
    link:*) if [ -L "$2" ] && pf_readlink "$2" && [ "$pf_now" = "link:$pf_target" ]; then return 0; fi ;;
  esac
  case $pf_made in
    absent) pf_refuse "$1" "\`$1\` was removed by this run, and there is something in its place" ;;
    *) pf_refuse "$1" "\`$1\` was changed after this run" ;;
  esac && pf_put_aside "$1"
}

# PATH TEXT: refuses what was changed later, unless it is forced.
pf_refuse() {
  [ -z "$pf_force" ] || return 0
  pf_later_runs "$1"
  if [ -n "$pf_later" ]; then
    pf_fail "$2, by run $pf_later; roll that one back first, or let \`rollback --force\` restore this one all the same: it keeps what is there now"
  else
    pf_fail "$2; look at it, then let \`rollback --force\` restore it all the same: it keeps what is there now"
  fi
  return 1
}

# PATH: the runs after this one that have a point for PATH which is not restored, into pf_later. Names of runs sort by time.
pf_later_runs() {
  pf_later='' pf_passed=''
  pf_quote "$1"
  for pf_dir in "${pf_points_dir%/*/*/points}"/*/"$pf_host"/points; do
    pf_part=${pf_dir%/*/points}
    pf_part=${pf_part##*/}
    if [ "$pf_part" = "$pf_run" ]; then
      pf_passed=1
      continue
    fi
    [ -n "$pf_passed" ] && [ -d "$pf_dir" ] || continue
    for pf_name in "$pf_dir"/*[0-9]; do
      case ${pf_name##*/} in *[!0-9]*) continue ;; esac
      [ ! -e "$pf_name.restored" ] && grep -qF -e " pf_path=$pf_quoted " -- "$pf_name" 2>/dev/null || continue
      pf_later="$pf_later, \`$pf_part\`"
      break
    done
  done
  pf_later=${pf_later#, }
}

# PATH: moves what is newer away and reports where it is.
pf_put_aside() {
  pf_stat "$1"
  pf_aside=$pf_file.replaced pf_count=1
  if [ "$pf_device" != "$(stat -c %d -- "$pf_points_dir")" ] \
    && { [ "$pf_kind" = directory ] || [ "$pf_kind" = other ] || [ "$pf_size" -gt 1048576 ]; }; then
    pf_parent "$1"
    pf_aside=${pf_folder%/}/.paceline-$pf_run-${pf_file##*/}.replaced
  fi
  pf_part=$pf_aside
  while [ -e "$pf_aside" ] || [ -L "$pf_aside" ]; do
    pf_count=$((pf_count + 1))
    pf_aside=$pf_part.$pf_count
  done
  mv -f -- "$1" "$pf_aside" 2>"$pl_d/pf_error" || {
    pf_failed "cannot put \`$1\` aside"
    return 1
  }
  pf_say replaced "$pf_aside"
}

# TOP PATH: the folders from TOP down to PATH were not there. What the run itself put into them is
# gone by now, as newer points come first.
pf_undo_made() {
  [ -z "$pf_listing" ] || return 0
  pf_at=$2
  while :; do
    case $pf_at in
      */. | */..) ;;
      *)
        if [ -L "$pf_at" ] || { [ -e "$pf_at" ] && [ ! -d "$pf_at" ]; }; then
          if [ -n "$pf_force" ]; then
            pf_put_aside "$pf_at" || return 1
            continue
          fi
          pf_fail "\`$pf_at\` is no longer the folder that this run made; move it away or remove it, then roll back again"
          return 1
        fi
        if [ -d "$pf_at" ]; then pf_remove_folder "$pf_at" || return 1; fi
        ;;
    esac
    [ "$pf_at" != "$1" ] || break
    pf_at=${pf_at%/*}
  done
}

# PATH: removes a folder, but nothing that is in it: nobody could bring that back.
pf_remove_folder() {
  rmdir -- "$1" 2>"$pl_d/pf_error" && return 0
  if [ -n "$pf_force" ]; then
    pf_put_aside "$1"
    return
  fi
  pf_left='' pf_count=0
  for pf_name in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$pf_name" ] || [ -L "$pf_name" ] || continue
    pf_count=$((pf_count + 1))
    [ "$pf_count" -gt 3 ] || pf_left="$pf_left, \`${pf_name##*/}\`"
  done
  if [ "$pf_count" = 0 ]; then
    pf_failed "cannot remove the folder \`$1\`"
    return 1
  fi
  [ "$pf_count" -le 3 ] || pf_left="$pf_left and $((pf_count - 3)) more"
  pf_fail "the folder \`$1\` holds what no rollback point covers: ${pf_left#, }; move it away or remove it, then roll back again, or let \`rollback --force\` put the folder aside"
}

# HOW PATH KEPT: brings kept content back. HOW is move (a link or a file that was moved aside),
# copy, or take (PATH itself was moved away).
pf_undo_kept() {
  [ -z "$pf_listing" ] || return 0
  if [ ! -e "$3" ] && [ ! -L "$3" ]; then
    # Moved back by an attempt that ended before it could say so, or never moved away.
    if [ -e "$2" ] || [ -L "$2" ]; then
      if [ "$1" = take ] || [ -n "$pf_again" ]; then return 0; fi
    fi
    pf_fail "the kept content of \`$2\` is gone: \`$3\`"
    return 1
  fi
  if [ ! -L "$2" ] && [ ! -L "$3" ] && [ "$2" -ef "$3" ]; then
    # Nothing took its place: the second name is all that there is to undo.
    rm -f -- "$3" 2>"$pl_d/pf_error" || pf_failed "cannot remove \`$3\`"
    return
  fi
  if [ -d "$2" ] && [ ! -L "$2" ]; then
    if [ "$1" = take ]; then
      # It was removed by the step, so that what is there now came later.
      pf_remove_folder "$2" || return 1
    elif [ "$1" = copy ] && [ -d "$3" ]; then
      # A folder that was copied before something changed it.
      pf_put_aside "$2" || return 1
    elif [ -n "$pf_force" ]; then
      pf_put_aside "$2" || return 1
    else
      pf_fail "cannot restore \`$2\`: there is a folder in its place; move it away, or let \`rollback --force\` put it aside"
      return 1
    fi
  elif [ -e "$2" ] || [ -L "$2" ]; then
    pf_as_made "$2" "$3" || return 1
  fi
  pf_parent "$2"
  if [ ! -d "$pf_folder" ]; then
    pf_fail "cannot restore \`$2\`: its folder is gone"
    return 1
  fi
  # Moving onto a link to a folder would move into that folder, and a link onto what it leads to is refused.
  if [ -L "$2" ] || { [ -L "$3" ] && [ "$3" -ef "$2" ]; }; then
    rm -f -- "$2" 2>"$pl_d/pf_error" || {
      pf_failed "cannot replace \`$2\`"
      return 1
    }
  fi
  if [ "$1" = copy ]; then
    pf_temporary=$pf_folder/.paceline-restore-$pf_run
    rm -rf -- "$pf_temporary"
    pf_must_sync "$2"
    [ ! -L "$3" ] || pf_unsynced=''
    if pf_copy "$3" "$pf_temporary" \
      && mv -f -- "$pf_temporary" "$2" 2>"$pl_d/pf_error"; then return 0; fi
    pf_failed "cannot restore \`$2\`"
    return 1
  fi
  mv -f -- "$3" "$2" 2>"$pl_d/pf_error" || pf_failed "cannot restore \`$2\`"
}

# PATH KIND MODE OWNER [NEW]: OWNER is `-` where it was not changed; NEW is the mode that the run gave, in a point for many paths.
pf_undo_mode() {
  [ -z "$pf_listing" ] || return 0
  if ! pf_stat "$1"; then
    [ -n "$pf_force" ] || pf_fail "\`$1\` is gone, so that its mode cannot be restored; \`rollback --force\` passes over it"
    return
  fi
  if [ "$pf_kind" = link ] && [ "$2" != link ] && [ -n "${5:-}" ] && [ -e "$1" ] && pf_resolve "$1"; then
    # A tree whose links were followed.
    set -- "$pf_real" "$2" "$3" "$4" "$5"
    pf_stat "$1"
  fi
  pf_octal_of "$pf_mode"
  if [ "$pf_kind" = "$2" ]; then
    if [ "$pf_octal" = "$3" ] || [ "$2" = link ]; then
      case $4 in - | "$pf_uid:$pf_gid") return 0 ;; esac
    fi
    # An attempt that was cut off may have left it half way.
    [ -n "$pf_again" ] || case ${5:-} in
      '')
        pf_now=$pf_kind:$pf_mode:$pf_uid:$pf_gid
        if [ -s "$pf_file.after" ]; then
          read -r pf_line <"$pf_file.after"
          pf_split
        fi
        [ "$pf_now" = "$pf_kind:$pf_mode:$pf_uid:$pf_gid" ]
        ;;
      - | "$pf_octal") true ;;
      *) false ;;
    esac || pf_refuse "$1" "mode or owner of \`$1\` was changed after this run" || return 1
  else
    pf_refuse "$1" "there is something else at \`$1\` than the run saw"
    return
  fi
  [ "$4" = - ] || chown -h "$4" "$1" 2>"$pl_d/pf_error" || {
    pf_failed "cannot restore the owner of \`$1\`"
    return 1
  }
  [ "$2" = link ] || chmod "$3" "$1" 2>"$pl_d/pf_error" || {
    pf_failed "cannot restore the mode of \`$1\`"
    return 1
  }
  [ -z "${5:-}" ] && [ -f "$pf_file.kept" ] || return 0
  # What a change of the owner took: capabilities are extended attributes.
  if command -v getcap >/dev/null 2>&1 && [ -z "$(getcap "$pf_file.kept" 2>/dev/null)" ]; then return 0; fi
  cp --attributes-only --preserve=mode,ownership,xattr -- "$pf_file.kept" "$1" 2>"$pl_d/pf_error" \
    || pf_failed "cannot restore the attributes of \`$1\`"
}

# PATH
pf_undo_times() {
  [ -z "$pf_listing" ] || return 0
  if [ -s "$pf_file.after" ] && [ -e "$1" ] && [ ! -e "$pf_file.restored" ]; then
    pf_now=$(stat -c %y -- "$1" 2>/dev/null)
    if [ "$pf_now" != "$(cat -- "$pf_file.after")" ] && [ "$pf_now" != "$(stat -c %y -- "$pf_file.kept")" ]; then
      pf_refuse "$1" "\`$1\` was changed after this run" || return 1
    fi
  fi
  touch -c -r "$pf_file.kept" "$1" 2>"$pl_d/pf_error" || pf_failed "cannot restore the times of \`$1\`"
}

# NUMBER...: removes what steps that were cut off left under the temporary names that these points know.
pf_sweep() {
  pf_points_at
  pf_points_ours || return 0
  for pf_swept do
    [ -f "$pf_points_dir/$pf_swept" ] || continue
    pf_text=$(cat -- "$pf_points_dir/$pf_swept")
    case $pf_text in *"$pf_nl#END") ;; *) continue ;; esac
    pf_listing=1 pf_temporary=''
    eval "$pf_text"
    [ -z "$pf_temporary" ] || rm -f -- "$pf_temporary"
    pf_listing='' pf_temporary='' pf_made=''
  done
}
