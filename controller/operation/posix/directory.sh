# shellcheck shell=sh
# Folders.

# PATH FOLLOW: makes sure that PATH is a folder with the wanted attributes.
pf_directory() {
  pf_given=$1 pf_at=$1
  pf_stat "$1"
  if [ "$pf_kind" = link ] && [ "$2" = 1 ]; then
    pf_resolve "$1" || {
      pf_failed "cannot follow the link \`$1\`"
      return 1
    }
    pf_at=$pf_real
    pf_stat "$pf_at"
  fi
  case $pf_kind in
    absent) ;;
    directory)
      pf_attributes "$pf_at" || return 1
      pf_done "$pf_at"
      return 0
      ;;
    *)
      pf_done "$pf_at"
      pf_call
      pf_fail "\`$pf_at\` already exists as a $pf_called"
      return 1
      ;;
  esac
  pl_v was absent
  pl_v changed created
  if [ "$pf_check" = 1 ]; then
    [ "$pf_at" = "$1" ] || pf_say path "$pf_at"
    return 0
  fi
  pf_mkdirs "$pf_at" || return 1
  pf_done "$pf_at"
}

# PATH: makes it and the missing folders above it, all with the wanted attributes.
pf_mkdirs() {
  pf_save_folders "$1" && pf_sync && pf_make_folders "$1"
}

# PATH: saves that it and some folders above it, from pf_top on, are not there.
pf_save_folders() {
  if [ -e "$1" ] || [ -L "$1" ]; then
    pf_fail "cannot make the folder \`$1\`: there is something else in its place"
    return 1
  fi
  pf_top=$1
  while :; do
    pf_parent "$pf_top"
    [ ! -d "$pf_folder" ] || break
    if [ -e "$pf_folder" ] || [ -L "$pf_folder" ] || [ "$pf_folder" = "$pf_top" ]; then
      pf_fail "cannot make \`$1\`: \`$pf_folder\` is not a folder"
      return 1
    fi
    pf_top=$pf_folder
  done
  pf_point "$pf_top" && pf_save_made "$pf_top" "$1"
}

# PATH: makes the folders that pf_save_folders saved.
pf_make_folders() {
  # Where the mode can be had from the umask, mkdir alone does it, for all of them.
  pf_octal=$pl_u pf_each=1
  case $pf_wm in
    s*) ;;
    '') pf_each='' ;;
    *)
      if [ $((pf_wm & 192)) = 192 ] && [ $((pf_wm & 3584)) = 0 ]; then
        pf_octal_of $((~pf_wm & 511))
        pf_each=''
      fi
      ;;
  esac
  [ -z "$pf_wo$pf_wg" ] || pf_each=1
  umask "$pf_octal"
  mkdir -p -- "$1" 2>"$pl_d/pf_error"
  pf_status=$?
  umask 077
  if [ $pf_status != 0 ]; then
    pf_failed "cannot make the folder \`$1\`"
    return 1
  fi
  pf_fresh=1 pf_path=$pf_top pf_rest=${1#"$pf_top"}
  while :; do
    pf_folders=$pf_folders$pf_mark$pf_path$pf_mark
    if [ -n "$pf_each" ] || [ "$pf_path" = "$1" ]; then
      pf_stat "$pf_path"
      pf_attributes "$pf_path" || return 1
    fi
    pf_rest=${pf_rest#/}
    [ -n "$pf_rest" ] || break
    pf_path=$pf_path/${pf_rest%%/*}
    case $pf_rest in
      */*) pf_rest=/${pf_rest#*/} ;;
      *) pf_rest='' ;;
    esac
  done
  pf_fresh=''
}
