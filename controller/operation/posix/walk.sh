# shellcheck shell=sh
# Attributes of a whole tree.

# Begins the list of what has other attributes than wanted.
pf_walk_begin() {
  { true >"$pl_d/pf_names" && true >"$pl_d/pf_states"; } 2>/dev/null
}

# PATH OPTION FILTER...: lists what is below PATH and PATH itself and is selected by the words of
# find in FILTER. OPTION is -P, or -L to follow links; `-l` lists the links themselves.
pf_walk() {
  pf_walked=$1 pf_option=$2
  shift 2
  [ -e "$pf_walked" ] || return 0
  if [ "$pf_option" = -l ]; then set -- -type l "$@"; else set -- ! -type l "$@"; fi
  case $pf_option in -L) pf_dereference=-L ;; *) pf_dereference='' ;; esac
  case $pf_option in -l) pf_option=-P ;; esac
  # shellcheck disable=SC2086 # nothing or one word
  if find "$pf_option" "$pf_walked" "$@" -print0 >>"$pl_d/pf_names" 2>"$pl_d/pf_error" \
    && { [ -s "$pl_d/pf_names" ] || return 0; } \
    && find "$pf_option" "$pf_walked" "$@" -exec stat $pf_dereference -c "$pf_format" -- '{}' + >>"$pl_d/pf_states" 2>"$pl_d/pf_error"; then return 0; fi
  pf_failed "cannot walk through \`$pf_walked\`"
}

# Reports the list; 75 if there is something in it.
pf_walk_end() {
  [ -s "$pl_d/pf_names" ] || return 0
  pl_v umask "$pl_u"
  pl_b names "$pl_d/pf_names"
  pl_b states "$pl_d/pf_states"
  return 75
}

# ROOT: begins one rollback point for the attributes of many paths.
pf_tree_point() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_forget
  pf_quote "$1"
  printf '%s\n' "pf_kind=mode pf_path=$pf_quoted pf_made='' pf_temporary=''" 2>"$pl_d/pf_error" >"$pl_points/$pf_number" || pf_unsaved
}

# PATH KIND MODE OWNER NEW ...: adds the old attributes of paths to it; NEW is the mode that follows, or `-`.
pf_tree_save() {
  while [ $# -ge 5 ]; do
    pf_quote "$1"
    printf '%s\n' "pf_undo_mode $pf_quoted $2 $3 $4 $5" 2>"$pl_d/pf_error" >>"$pl_points/$pf_number" || {
      pf_unsaved
      return 1
    }
    shift 5
  done
}

# ROOT: ends it.
pf_tree_saved() {
  printf '%s\n' '#END' 2>"$pl_d/pf_error" >>"$pl_points/$pf_number" || {
    pf_unsaved
    return 1
  }
  pf_must_sync "$pl_points/$pf_number"
  pf_say point "$pf_number mode $1"
  pl_v changed attributes
  pf_sync
}

# HOW OWNER PATH...: HOW is -h for links themselves, -L for what is not one, or what one leads to.
pf_tree_chown() {
  pf_option=$1 pf_spec=$2
  shift 2
  case $pf_option in
    -h) chown -h "$pf_spec" "$@" 2>"$pl_d/pf_error" ;;
    *) chown "$pf_spec" "$@" 2>"$pl_d/pf_error" ;;
  esac || pf_failed "cannot change owners to \`$pf_spec\`"
}

# MODE PATH...
pf_tree_chmod() {
  pf_octal=$1
  shift
  chmod "$pf_octal" "$@" 2>"$pl_d/pf_error" || pf_failed "cannot change modes to \`$pf_octal\`"
}

# ROOT: the final report.
pf_tree_done() {
  if pf_stat "$1"; then pf_report now; fi
}
