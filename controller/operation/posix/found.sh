# shellcheck shell=sh
# Finds the runs that left rollback points on this host, for a controller that has lost its journals.

# Where the points are, into pf_points_dir. What they say is run, so they have to be this user's own.
pf_points_ours() {
  pf_points_at
  [ -d "$pf_points_dir" ] && [ ! -O "$pf_points_dir" ] || return 0
  pf_begun=''
  pf_fail "the folder for rollback points \`$pf_points_dir\` belongs to somebody else"
}

# Reports the runs with points of this user for the session's host: run, points, points not restored.
pf_runs_list() {
  pf_points_at
  for pf_u_runs in "$pf_base/runs" "$pf_own/runs"; do
    for pf_u_at in "$pf_u_runs"/*/"$pf_host"/points; do
      [ -d "$pf_u_at" ] && [ -O "$pf_u_at" ] || continue
      pf_u_name=${pf_u_at#"$pf_u_runs/"}
      pf_u_name=${pf_u_name%%/*}
      pf_u_all=0 pf_u_left=0
      for pf_u_number in "$pf_u_at"/[0-9]*; do
        case ${pf_u_number##*/} in *[!0-9]*) continue ;; esac
        pf_u_all=$((pf_u_all + 1))
        [ -e "$pf_u_number.restored" ] || pf_u_left=$((pf_u_left + 1))
      done
      [ $pf_u_all = 0 ] || pf_say run "$pf_u_name $pf_u_all $pf_u_left"
    done
  done
}
