# shellcheck shell=sh
# Attributes of what exists, and `touch`.

# PATH FOLLOW ANY: makes sure that PATH, a file (or with ANY anything), has the wanted attributes. FIFOs,
# sockets and devices are files, as for Ansible.
pf_existing() {
  pf_given=$1 pf_at=$1
  pf_stat "$1"
  if [ "$pf_kind" = link ] && [ "$2" = 1 ]; then
    pf_resolve "$1"
    pf_at=$pf_real
    pf_stat "$pf_at"
  fi
  case $pf_kind in
    absent)
      [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
      pl_v state absent
      pf_fail "\`$pf_at\` is absent, cannot go on"
      return 1
      ;;
    file | other) ;;
    *)
      if [ "$3" != 1 ]; then
        pf_done "$pf_at"
        pf_call
        pf_fail "\`$pf_at\` is a $pf_called, cannot go on"
        return 1
      fi
      ;;
  esac
  pf_attributes "$pf_at" || return 1
  pf_done "$pf_at"
}

# PATH FOLLOW: attributes of whatever is there, as if its kind had been asked for.
pf_default() {
  if [ -L "$1" ]; then
    pl_v as link
    if [ "$2" = 1 ]; then
      pf_link "$1" '' 0 1
      return
    fi
    pf_stat "$1"
    pf_attributes "$1" || return 1
    pf_report now
  elif [ -d "$1" ]; then
    pf_directory "$1" "$2"
  else
    pf_existing "$1" "$2" 1 || return 1
    [ "$pf_links" = 1 ] || pl_v as hard
  fi
}

# The digest of nothing.
pf_empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# PATH FOLLOW: makes an empty file, or sets the times of what exists.
pf_touch() {
  pf_given=$1 pf_at=$1
  pf_stat "$1"
  if [ "$pf_kind" = link ] && [ "$2" = 1 ]; then
    pf_resolve "$1"
    pf_at=$pf_real
    if ! pf_stat "$pf_at"; then
      pf_say path "$pf_at"
      pf_fail "the link \`$1\` leads to nothing"
      return 1
    fi
  fi
  if [ "$pf_kind" != absent ]; then
    pf_report was
    pf_attributes "$pf_at" || return 1
    pf_done "$pf_at"
    return 0
  fi
  pl_v was absent
  pl_v changed created
  [ "$pf_check" = 0 ] || return 0
  pf_parent "$pf_at"
  if [ ! -d "$pf_folder" ]; then
    pf_say path "$pf_at"
    pf_fail "cannot touch \`$pf_at\`: the folder \`$pf_folder\` does not exist"
    return 1
  fi
  pf_made=file:$pf_empty pf_temporary=''
  pf_point "$pf_at" && pf_save_absent "$pf_at" && pf_sync || return 1
  umask "$pl_u"
  { true >"$pf_at"; } 2>"$pl_d/pf_error"
  pf_status=$?
  umask 077
  if [ $pf_status != 0 ]; then
    pf_failed "cannot touch \`$pf_at\`"
    return 1
  fi
  pf_fresh=1
  [ "$pf_wa" != now ] || pf_wa=''
  [ "$pf_wt" != now ] || pf_wt=''
  pf_stat "$pf_at"
  pf_attributes "$pf_at" || return 1
  pf_done "$pf_at"
}
