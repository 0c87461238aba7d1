# shellcheck shell=sh
# Restores rollback points. Each `pf_undo_` is what a manifest calls; all may run again.

# NUMBER: restores one point.
pf_restore() {
  pf_points_at
  pf_file=$pf_points_dir/$1 pf_begun='' pf_bad='' pf_listing='' pf_again=''
  pf_forget
  if [ -e "$pf_file.restored" ]; then
    pl_v restored again
    return 0
  fi
  if [ ! -f "$pf_file" ]; then
    pf_fail "there is no rollback point $1 in \`$pf_points_dir\`"
    return 1
  fi
  pf_text=$(cat -- "$pf_file")
  case $pf_text in
    *"$pf_nl#END") ;;
    *)
      pf_fail "rollback point $1 in \`$pf_points_dir\` is not complete"
      return 1
      ;;
  esac
  [ ! -e "$pf_file.restoring" ] || pf_again=1
  echo >"$pf_file.restoring" || return 1
  eval "$pf_text"
  [ -z "$pf_bad" ] || return 1
  if [ -e "$pf_file.times" ]; then
    if [ "$pf_kind" = times ]; then pf_folder=$pf_path; else pf_parent "$pf_path"; fi
    if [ -d "$pf_folder" ]; then touch -r "$pf_file.times" "$pf_folder" 2>/dev/null; fi
  fi
  echo >"$pf_file.restored" || return 1
  pl_v restored now
}

# Reports the points of the session's folder, newest first: number, kind, state, path.
pf_points_list() {
  pf_points_at
  pf_points_last
  pf_count=$pf_number pf_listing=1
  while [ "$pf_count" -gt 0 ]; do
    pf_file=$pf_points_dir/$pf_count
    if [ -f "$pf_file" ]; then
      pf_text=$(cat -- "$pf_file")
      case $pf_text in
        *"$pf_nl#END")
          eval "$pf_text"
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
  rm -f -- "$1" 2>"$pl_d/pf_error" || pf_failed "cannot remove \`$1\`"
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
  pf_fail "the folder \`$1\` holds what no rollback point covers: ${pf_left#, }; move it away or remove it, then roll back again"
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
  if [ -d "$2" ] && [ ! -L "$2" ]; then
    if [ "$1" = take ]; then
      # It was removed by the step, so that what is there now came later.
      pf_remove_folder "$2" || return 1
    else
      pf_fail "cannot restore \`$2\`: there is a folder in its place"
      return 1
    fi
  fi
  pf_parent "$2"
  if [ ! -d "$pf_folder" ]; then
    pf_fail "cannot restore \`$2\`: its folder is gone"
    return 1
  fi
  # Moving onto a link to a folder would move into that folder.
  if [ -L "$2" ]; then
    rm -f -- "$2" 2>"$pl_d/pf_error" || {
      pf_failed "cannot replace \`$2\`"
      return 1
    }
  fi
  if [ "$1" = copy ]; then
    pf_temporary=$pf_folder/.paceline-restore-$pf_run
    rm -f -- "$pf_temporary"
    if cp -pP -- "$3" "$pf_temporary" 2>"$pl_d/pf_error" && touch -h -r "$3" "$pf_temporary" 2>"$pl_d/pf_error" \
      && mv -f -- "$pf_temporary" "$2" 2>"$pl_d/pf_error"; then return 0; fi
    pf_failed "cannot restore \`$2\`"
    return 1
  fi
  mv -f -- "$3" "$2" 2>"$pl_d/pf_error" || pf_failed "cannot restore \`$2\`"
}

# PATH KIND MODE OWNER: OWNER is `-` where it was not changed.
pf_undo_mode() {
  [ -z "$pf_listing" ] || return 0
  [ "$4" = - ] || chown -h "$4" "$1" 2>"$pl_d/pf_error" || {
    pf_failed "cannot restore the owner of \`$1\`"
    return 1
  }
  [ "$2" = link ] || chmod "$3" "$1" 2>"$pl_d/pf_error" || pf_failed "cannot restore the mode of \`$1\`"
}

# PATH
pf_undo_times() {
  [ -z "$pf_listing" ] || return 0
  touch -c -r "$pf_file.kept" "$1" 2>"$pl_d/pf_error" || pf_failed "cannot restore the times of \`$1\`"
}
