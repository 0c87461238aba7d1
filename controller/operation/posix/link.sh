# shellcheck shell=sh
# Symbolic and hard links.

# PATH SRC FORCE FOLLOW: makes sure that PATH is a symbolic link to SRC. SRC empty keeps the target.
pf_link() {
  pf_given=$1 pf_at=$1 pf_target=$2
  pf_stat "$1"
  if [ -z "$2" ]; then
    if [ "$pf_kind" != link ] || [ "$4" != 1 ]; then
      pf_fail 'src is required for creating new symlinks'
      return 1
    fi
    pf_readlink "$1"
  fi
  pf_wanted=$pf_target
  case $pf_wanted in
    /*) pf_real=$pf_wanted ;;
    *)
      if [ "$pf_kind" = directory ]; then pf_folder=$1; else pf_parent "$1"; fi
      pf_real=${pf_folder%/}/$pf_wanted
      ;;
  esac
  if [ -n "$2" ] && [ "$3" != 1 ] && [ ! -e "$pf_real" ]; then
    pf_say path "$1"
    [ "$pf_kind" = absent ] || pf_report now
    pf_fail "the target \`$pf_real\` does not exist; \`force: true\` links to it nevertheless"
    return 1
  fi
  case $pf_kind in
    absent) ;;
    link)
      pf_readlink "$1"
      if [ "$pf_target" = "$pf_wanted" ]; then
        pf_link_attributes "$1" "$4"
        return
      fi
      pf_say old_target "$pf_target"
      ;;
    *)
      if [ "$3" != 1 ]; then
        pf_report now
        pf_call
        pf_fail "refusing to turn the $pf_called \`$1\` into a link"
        return 1
      fi
      if [ "$pf_kind" = directory ] && [ -n "$(find "$1" ! -path "$1" -print 2>/dev/null)" ]; then
        pf_report now
        pf_fail "the folder \`$1\` is not empty, refusing to turn it into a link"
        return 1
      fi
      ;;
  esac
  if [ "$pf_kind" = absent ]; then pl_v was absent; else pf_report was; fi
  pl_v changed link
  if [ "$pf_check" = 1 ]; then
    [ "$pf_kind" = absent ] || pf_report now
    return 0
  fi
  pf_parent "$1"
  if [ ! -d "$pf_folder" ]; then
    pf_fail "the folder \`$pf_folder\` does not exist"
    return 1
  fi
  pf_point "$1" || return 1
  pf_temporary_name
  pf_made=link:$pf_wanted
  pf_save "$1" && pf_sync || return 1
  ln -s -- "$pf_wanted" "$pf_temporary" 2>"$pl_d/pf_error" || {
    pf_failed "cannot make the link \`$1\`"
    return 1
  }
  pf_swap "$1" || return 1
  pf_stat "$1"
  pf_fresh=1
  pf_link_attributes "$1" "$4"
}

# Puts pf_temporary in the place of PATH, which pf_save saved.
pf_swap() {
  if [ "$pf_how" = take ] && ! pf_make_way "$1"; then
    rm -f -- "$pf_temporary"
    return 1
  fi
  if [ -d "$1" ] && [ -L "$1" ]; then
    # A link to a folder would take the new file into that folder.
    rm -f -- "$1" 2>/dev/null
  fi
  mv -f -- "$pf_temporary" "$1" 2>"$pl_d/pf_error" || {
    rm -f -- "$pf_temporary"
    pf_failed "cannot replace \`$1\`"
    return 1
  }
}

# A name beside the path whose point was begun, into pf_temporary.
pf_temporary_name() {
  pf_temporary=${pl_d##*/}
  pf_temporary=${pf_folder%/}/.paceline-${pf_temporary##*[!0-9A-Za-z]}-$pf_number
}

# PATH FOLLOW: attributes of a link or of what it points to, then the report.
pf_link_attributes() {
  if [ "$2" != 1 ]; then
    pf_attributes "$1" || return 1
  elif [ -e "$1" ]; then
    if [ -n "$pf_wm$pf_wo$pf_wg$pf_wa$pf_wt" ]; then
      pf_resolve "$1" && pf_stat "$pf_real"
      pf_fresh=''
      pf_attributes "$pf_real" || return 1
      pf_stat "$1"
    fi
  fi
  pf_say src "$pf_wanted"
  pf_report now
}

# PATH SRC FORCE: makes sure that PATH is another name of SRC.
pf_hard() {
  pf_given=$1 pf_at=$1
  if [ -z "$2" ]; then
    [ ! -e "$1" ] || return 0
    pf_fail 'src is required for creating new hardlinks'
    return 1
  fi
  if ! pf_stat "$2"; then
    pf_fail "the file \`$2\` to link to does not exist"
    return 1
  fi
  if [ "$pf_kind" = directory ]; then
    pf_fail "cannot make a hard link to the folder \`$2\`"
    return 1
  fi
  pf_source=$pf_device:$pf_inode
  if [ -d "$1" ] && [ ! -L "$1" ]; then pf_at=${1%/}/${2##*/}; fi
  if pf_stat "$pf_at"; then
    if [ "$pf_device:$pf_inode" = "$pf_source" ]; then
      pf_attributes "$pf_at" || return 1
      pf_done "$pf_at"
      return 0
    fi
    if [ "$pf_kind" = directory ] || { [ "$pf_kind" != link ] && [ "$3" != 1 ]; }; then
      pf_done "$pf_at"
      pf_call
      pf_fail "cannot link: the $pf_called \`$pf_at\` is in the way"
      return 1
    fi
    pf_report was
  else
    pl_v was absent
  fi
  pl_v changed hard
  if [ "$pf_check" = 1 ]; then
    [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
    [ "$pf_kind" = absent ] || pf_report now
    return 0
  fi
  pf_point "$pf_at" || return 1
  pf_temporary_name
  pf_made=hard:$pf_source
  pf_save "$pf_at" && pf_sync || return 1
  ln -- "$2" "$pf_temporary" 2>"$pl_d/pf_error" || {
    pf_failed "cannot link \`$pf_at\` to \`$2\`"
    return 1
  }
  pf_swap "$pf_at" || return 1
  pf_stat "$pf_at"
  pf_attributes "$pf_at" || return 1
  pf_done "$pf_at"
}
