# shellcheck shell=sh
# Content of files.

# DEST NAME SHA256 SIZE FLAGS DIRMODE VALIDATE OLD: makes sure that DEST holds this content.
# FLAGS: p the content is in pf_text, less a newline at its end, or else in pl_payload; s DEST was written with a slash behind it; d DEST may be
# a folder, into which NAME goes; f follow a link; k keep what exists, whatever it holds; b keep a
# copy beside the new file; m make the missing folders above it; c do as if the content differed.
# DIRMODE is for folders that are made. VALIDATE is a command whose words are quoted, with
# $pf_temporary in them. OLD is the digest that the file must have now, or `absent`.
# 75: the content is wanted.
pf_put() {
  pf_given=$1 pf_at=$1 pf_flags=$5 pf_again=''
  case $pf_flags in
    *d*) case $pf_flags in
      *s*) pf_at=${1%/}/$2 ;;
      *) [ ! -d "$1" ] || pf_at=${1%/}/$2 ;;
    esac ;;
    *) if [ -d "$1" ]; then
      pl_v state directory
      pf_fail "\`$1\` is a folder"
      return 1
    fi ;;
  esac
  pf_stat "$pf_at"
  if [ "$pf_kind" = link ] && [ -e "$pf_at" ]; then
    case $pf_flags in *f*)
      pf_resolve "$pf_at"
      pf_at=$pf_real
      pf_stat "$pf_at"
      ;;
    esac
  fi
  if [ "$pf_kind" = directory ]; then
    pf_fail "\`$pf_at\` is a folder"
    return 1
  fi
  if [ -n "$8" ]; then
    pf_digest=absent
    [ "$pf_kind" != file ] || pf_sum "$pf_at" || pf_digest=unreadable
    if [ "$pf_digest" != "$8" ]; then
      pl_v moved 1
      return 75
    fi
  fi
  if [ "$pf_kind" != absent ]; then
    case $pf_flags in *k*)
      pl_v kept 1
      pf_done "$pf_at"
      return 0
      ;;
    esac
    if [ "$pf_kind" = file ] && [ "$pf_size" = "$4" ] && pf_sum "$pf_at" && [ "$pf_digest" = "$3" ]; then
      pl_v same 1
      pf_attributes "$pf_at" || return 1
      pf_done "$pf_at"
      return 0
    fi
    pf_report was
    if [ "$pf_diff" = 1 ] && [ "$pf_kind" = file ]; then
      if [ "$pf_size" -le 1048576 ]; then pl_b old "$pf_at"; else pl_v old large; fi
    fi
  else
    pl_v was absent
  fi
  pl_v changed content
  if [ "$pf_check" = 1 ]; then
    [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
    return 0
  fi
  case $pf_flags in
    *p*) pf_write "$3" "$4" "$6" "$7" && pf_done "$pf_at" ;;
    *)
      [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
      pf_forget
      return 75
      ;;
  esac
}

pf_stream='' pf_like='' pf_printf=''

# Writes pf_text. Where printf is a program, the text must not be among its arguments, which everybody can see.
pf_write_text() {
  if [ -z "$pf_printf" ]; then
    command -v printf >"$pl_d/pf_printf"
    read -r pf_printf <"$pl_d/pf_printf"
  fi
  if [ "$pf_printf" = printf ]; then
    printf '%s\n' "$pf_text"
  else
    cat <<EOF
$pf_text
EOF
  fi
}

# SHA256 SIZE DIRMODE VALIDATE: writes the payload to pf_at, whose state pf_stat saw.
pf_write() {
  pf_parent "$pf_at"
  pf_missing=''
  if [ ! -d "$pf_folder" ]; then
    case $pf_flags in
      *m*)
        pf_missing=$pf_folder
        pf_save_folders "$pf_missing" || return 1
        pf_parent "$pf_at"
        pf_number=$((pf_number + 1))
        ;;
      *)
        pf_fail "the folder \`$pf_folder\` does not exist"
        return 1
        ;;
    esac
  fi
  pf_old_owner='' pf_narrow='' pf_copied=''
  if [ "$pf_kind" = file ]; then
    pf_old_owner=$pf_uid:$pf_gid
    pf_mode_of "${pf_like:-$pf_mode}" file
    { [ -O "$pf_at" ] && [ -G "$pf_at" ]; } || pf_narrow=1
  else
    pf_mode_of $((438 & ~0$pl_u)) file
  fi
  [ -z "$pf_wo$pf_wg" ] || pf_narrow=1
  [ -n "$pf_missing" ] || pf_point "$pf_at" || return 1
  case $pf_flags in *b*) [ "$pf_kind" != file ] || pf_save_backup || return 1 ;; esac
  pf_temporary_name
  pf_made=file:$1
  pf_save "$pf_at" && pf_sync || return 1
  if [ -n "$pf_missing" ]; then
    pf_saved_m=$pf_m pf_saved=$pf_wm pf_wm=$3
    pf_make_folders "$pf_missing"
    pf_status=$?
    pf_m=$pf_saved_m pf_wm=$pf_saved pf_kind=absent
    [ $pf_status = 0 ] || return 1
  fi
  # A mode that open(2) can give saves a chmod; any other is given before the name is.
  if [ $((pf_m & ~438)) = 0 ] && [ -z "$pf_narrow" ]; then
    pf_octal_of $((~pf_m & 511))
    umask "$pf_octal"
  fi
  {
    set -C
    if [ -n "$pf_stream" ]; then
      pf_stream=''
      dd bs=65536 count="$2" iflag=fullblock,count_bytes <&3 >"$pf_temporary"
    elif [ -n "$pf_text" ]; then
      pf_write_text >"$pf_temporary"
    else
      cat -- "$pl_payload" >"$pf_temporary"
    fi
    pf_status=$?
    set +C
  } 2>"$pl_d/pf_error"
  umask 077
  if [ $pf_status != 0 ]; then
    pf_failed "cannot write \`$pf_at\`"
    rm -f -- "$pf_temporary"
    return 1
  fi
  pf_write_checked "$1" "$4" || {
    rm -f -- "$pf_temporary"
    return 1
  }
  pf_line_new=$pf_line
  if [ -n "$pf_copied" ]; then
    cp -p -- "$pf_at" "$pf_copied" 2>"$pl_d/pf_error" || {
      pf_failed "cannot make the backup \`$pf_copied\`"
      rm -f -- "$pf_temporary"
      return 1
    }
    pf_say backup_file "$pf_copied"
  fi
  pf_swap "$pf_at" || return 1
  pf_line=$pf_line_new pf_kind=file
}

# SHA256 VALIDATE: checks the new file and gives it its attributes; pf_m is the wanted mode.
pf_write_checked() {
  if ! pf_sum "$pf_temporary" || [ "$pf_digest" != "$1" ]; then
    pf_fail "the content for \`$pf_at\` arrived damaged"
    return 1
  fi
  if [ -n "$2" ]; then
    eval "set -- $2"
    pl_stdin='' pl_cwd=''
    pl_run 0 "$@"
    pf_status=$?
    if [ $pf_status != 0 ]; then
      pl_v exit_status "$pf_status"
      pf_fail 'failed to validate'
      return 1
    fi
  fi
  pf_stat "$pf_temporary"
  if [ -n "$pf_old_owner" ] && [ "$pf_old_owner" != "$pf_uid:$pf_gid" ]; then
    # As far as this user may.
    if chown "$pf_old_owner" "$pf_temporary" 2>/dev/null; then pf_stat "$pf_temporary"; fi
  fi
  pf_saved=$pf_wm pf_wm=$pf_m pf_fresh=1
  pf_attributes "$pf_temporary"
  pf_status=$?
  pf_wm=$pf_saved pf_fresh=''
  return $pf_status
}

# Saves that the copy of the old file, which is kept beside it under the name that Ansible would give
# it (into pf_copied), is not there.
pf_save_backup() {
  pf_copied=$pf_at.$$.$(date '+%Y-%m-%d@%H:%M:%S')~
  pf_temporary=''
  pf_sum "$pf_at" || {
    pf_failed "cannot read \`$pf_at\`"
    return 1
  }
  pf_made=file:$pf_digest
  pf_save_absent "$pf_copied" || return 1
  pf_number=$((pf_number + 1))
}
