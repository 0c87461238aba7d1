# shellcheck shell=sh
# Removal.

# PATH: makes sure that nothing is there.
pf_absent() {
  pf_given=$1
  if ! pf_stat "$1"; then return 0; fi
  pf_report was
  pl_v changed removed
  if [ "$pf_diff" = 1 ] && [ "$pf_kind" = directory ]; then
    find "$1" ! -path "$1" -type d -print0 >"$pl_d/pf_list" 2>/dev/null
    pl_b folders "$pl_d/pf_list"
    find "$1" ! -path "$1" ! -type d -print0 >"$pl_d/pf_list" 2>/dev/null
    pl_b files "$pl_d/pf_list"
  fi
  if [ "$pf_check" = 1 ]; then
    pf_report now
    return 0
  fi
  pf_made=absent pf_temporary=''
  pf_point "$1" && pf_save_removed "$1" && pf_sync && pf_take "$1"
}
