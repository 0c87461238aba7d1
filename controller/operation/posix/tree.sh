# shellcheck shell=sh
# Trees of files: many folders and files in one step, told apart in the reports by their numbers.

# NUMBER FUNCTION ARGUMENT...: one of them. Content that is wanted is asked for at the end.
pf_item() {
  pl_v item "$1"
  shift
  "$@"
  pf_status=$?
  [ $pf_status != 75 ] || pf_asked=1
  [ $pf_status = 0 ] || [ $pf_status = 75 ]
}

# NUMBER SIZE FUNCTION ARGUMENT...: one whose content comes next in the payload, on descriptor 3.
pf_item_content() {
  pl_v item "$1"
  pf_stream=$2
  shift 2
  "$@"
  pf_status=$?
  if [ -n "$pf_stream" ]; then
    # Not needed after all: it has to be passed over.
    dd bs=65536 count="$pf_stream" iflag=fullblock,count_bytes <&3 >/dev/null 2>&1
    pf_stream=''
  fi
  return $pf_status
}

pf_items_begin() { pf_asked='' pf_stored=''; }

# DIGEST PATH ...: saves what the items that follow are going to write or make, all with one sync. DIGEST is that of a
# file, or `folder`. What this does not fit, the items save by themselves.
pf_save_ahead() {
  pf_stored='' pf_temporary=''
  [ "$pf_check" = 0 ] || return 0
  while [ $# -ge 2 ]; do
    pf_digest=$1 pf_at=$2
    shift 2
    case $pf_at in *"$pf_nl"* | *"$pf_mark"*) continue ;; esac
    pf_parent "$pf_at"
    if [ "$pf_digest" = folder ]; then
      if [ -e "$pf_at" ] || [ -L "$pf_at" ]; then continue; fi
      if [ ! -d "$pf_folder" ]; then
        # One that is made in front of it: its times are new, too.
        case $pf_stored in *"$pf_nl$pf_folder$pf_mark"*) ;; *) continue ;; esac
        pf_number=$((pf_number + 1))
      else
        pf_point "$pf_at" || return 1
      fi
      pf_save_made "$pf_at" "$pf_at" || return 1
      pf_how=made
    else
      pf_stat "$pf_at"
      case $pf_kind in absent | file) ;; *) continue ;; esac
      [ -d "$pf_folder" ] || continue
      pf_point "$pf_at" || return 1
      pf_temporary_name
      pf_made=file:$pf_digest
      pf_save "$pf_at" || return 1
    fi
    pf_stored=$pf_stored$pf_nl$pf_at$pf_mark$pf_number:$pf_how$pf_nl
  done
  pf_sync
}

# PATH: whether it was saved ahead: then its number and pf_how.
pf_was_stored() {
  case $pf_stored in
    *"$pf_nl$1$pf_mark"*) ;;
    *) return 1 ;;
  esac
  pf_part=${pf_stored#*"$pf_nl$1$pf_mark"}
  pf_part=${pf_part%%"$pf_nl"*}
  pf_ready=${pf_part%%:*} pf_how=${pf_part#*:}
}

pf_items_end() {
  pf_stored=''
  [ -z "$pf_asked" ] || return 75
}

# PATH: makes it a folder if nothing is there, and leaves a folder as it is.
pf_ensure() {
  [ -d "$1" ] || pf_directory "$1" 1
}

# SRC DEST: makes DEST a folder like SRC, if nothing is there.
pf_folder_like() {
  [ -d "$2" ] && return 0
  pf_parent "$2"
  [ -d "$pf_folder" ] || [ "$pf_check" = 1 ] || pf_mkdirs "$pf_folder" || return 1
  pf_stat "$1"
  pf_saved=$pf_wm
  [ -n "$pf_wm" ] || pf_wm=$pf_mode
  pf_directory "$2" 1
  pf_status=$?
  pf_wm=$pf_saved
  return $pf_status
}

# SRC DEST NAME FLAGS DIRMODE VALIDATE PRESERVE: content of a file of the host. 75 with the list of
# what is in it if SRC is a folder.
pf_put_remote() {
  if [ ! -e "$1" ]; then
    pf_fail "source \`$1\` not found"
    return 1
  fi
  if [ -d "$1" ]; then
    pf_list "$1" "$2" "$4"
    return
  fi
  if [ ! -f "$1" ]; then
    # Reading a FIFO or a device may never end.
    pf_fail "cannot copy \`$1\`: it is neither a folder nor a file"
    return 1
  fi
  if pf_resolve "$1" && pf_stat "$pf_real" && pf_sum "$pf_real"; then :; else
    pf_failed "cannot read \`$1\`"
    return 1
  fi
  pf_saved_mode=$pf_wm pf_like=$pf_mode pf_saved_payload=$pl_payload
  [ "$7" != 1 ] || pf_wm=$pf_mode
  [ -z "$pf_wm" ] || pf_like=''
  pl_payload=$pf_real
  pl_v sha256 "$pf_digest"
  pf_put "$2" "$3" "$pf_digest" "$pf_size" "${4}p" "$5" "$6" ''
  pf_status=$?
  pf_wm=$pf_saved_mode pf_like='' pl_payload=$pf_saved_payload
  if [ $pf_status = 0 ] && [ "$7" != 2 ]; then
    pf_digest=$(sha1sum <"$1" 2>/dev/null)
    pl_v sha1 "${pf_digest%% *}"
    pf_digest=$(md5sum <"$1" 2>/dev/null)
    pl_v md5 "${pf_digest%% *}"
  fi
  return $pf_status
}

# SRC DEST FLAGS: reports the folders, files and links below SRC. With l in FLAGS a link is what it leads to.
pf_list() {
  pl_v state directory
  pf_path=$1 pf_follow=-H
  case $3 in *l*) pf_follow=-L ;; esac
  [ ! -d "$2" ] || pl_v into 1
  find "$pf_follow" "$1" ! -type d ! -type f ! -type l -print >"$pl_d/pf_names" 2>"$pl_d/pf_error"
  # What still is a link where links are followed leads to nothing.
  [ "$pf_follow" = -H ] || find -L "$1" -type l -print >>"$pl_d/pf_names" 2>>"$pl_d/pf_error"
  if [ -s "$pl_d/pf_names" ] || [ -s "$pl_d/pf_error" ]; then
    pf_failed "below \`$1\` there is something that cannot be copied: no folder, file or link, or a link to nothing"
    return 1
  fi
  find "$pf_follow" "$1" -type d -print0 >"$pl_d/pf_names" 2>/dev/null
  pl_b folders "$pl_d/pf_names"
  find "$pf_follow" "$1" -type f -print0 >"$pl_d/pf_names" 2>/dev/null
  pl_b files "$pl_d/pf_names"
  find "$pf_follow" "$1" -type l -print0 >"$pl_d/pf_names" 2>/dev/null
  pl_b links "$pl_d/pf_names"
  return 75
}

# SRC DEST FLAGS: makes DEST a link with the target of SRC; with k in FLAGS what is there stays.
pf_link_like() {
  case $3 in *k*) if [ -e "$2" ] || [ -L "$2" ]; then return 0; fi ;; esac
  pf_readlink "$1" || {
    pf_failed "cannot read the link \`$1\`"
    return 1
  }
  pf_link "$2" "$pf_target" 1 0
}
