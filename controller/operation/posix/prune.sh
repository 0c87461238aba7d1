# shellcheck shell=sh
# Removes what an old run left on a host: its folder below BASE, and the hidden siblings that its points name.

# RUN HOST
pf_prune() {
  pf_run=$1 pf_host=$2 pf_pruned=0
  pf_points_at
  for pf_l_place in base own; do
    if [ "$pf_l_place" = base ]; then
      pf_top=$pf_base pl_lease=$pf_base/lease
    else
      [ -O "$pf_own" ] && [ ! -L "$pf_own" ] || continue
      pf_top=$pf_own
      pf_lease_at own || pl_lease=''
    fi
    pf_prune_allowed || return 1
    pf_prune_folder "$pf_top/runs/$pf_run/$pf_host" || return 1
    rmdir -- "$pf_top/runs/$pf_run" 2>/dev/null
  done
  pl_v pruned "$pf_pruned"
}

# A run that holds the host is at work, whoever started it.
pf_prune_allowed() {
  [ -n "$pl_lease" ] && [ -d "$pl_lease" ] || return 0
  pf_lease_session
  pf_lease_last
  [ "$pf_n" != 0 ] && [ ! -e "$pl_lease/$pf_n.free" ] && pf_lease_read "$pf_n" || return 0
  pf_uptime
  [ "$pf_c_run" = "$pf_run" ] && [ "$pf_c_boot" = "$pf_boot" ] && [ "$pf_now" -lt "$pf_c_until" ] || return 0
  pf_fail "run \`$pf_run\` is at work on this host"
  return 1
}

# FOLDER: removes it, and before it what its points keep elsewhere.
pf_prune_folder() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if [ -L "$1" ] || [ ! -d "$1" ] || [ ! -O "$1" ]; then
    pf_fail "\`$1\` belongs to somebody else"
    return 1
  fi
  pf_top_folder=$1 pf_listing=1
  set --
  for pf_manifest in "$pf_top_folder"/points/[0-9]*; do
    pf_count=${pf_manifest##*/}
    case $pf_count in *[!0-9]*) continue ;; esac
    [ -f "$pf_manifest" ] && [ -O "$pf_manifest" ] && [ ! -L "$pf_manifest" ] || continue
    pf_text=$(cat -- "$pf_manifest") pf_path=''
    # Only a whole one says where it keeps something; it is our own text, and `pf_listing` keeps it from acting.
    case $pf_text in *"$pf_nl#END") pf_file=$pf_manifest && eval "$pf_text" ;; esac
    pf_pruned=$((pf_pruned + 1))
    [ -n "$pf_path" ] || continue
    pf_parent "$pf_path"
    for pf_sibling in "${pf_folder%/}/.paceline-$pf_run-$pf_count" "${pf_folder%/}/.paceline-$pf_run-$pf_count".* \
      "${pf_folder%/}/.paceline-gone-$pf_run-$pf_count"; do
      if [ -e "$pf_sibling" ] || [ -L "$pf_sibling" ]; then set -- "$@" "$pf_sibling"; fi
    done
  done
  pf_listing=''
  if [ $# -gt 0 ]; then
    rm -rf -- "$@" 2>"$pl_d/pf_error" || {
      pf_failed "cannot remove what the points in \`$pf_top_folder\` keep"
      return 1
    }
  fi
  rm -rf -- "$pf_top_folder" 2>"$pl_d/pf_error" || pf_failed "cannot remove \`$pf_top_folder\`"
}

# Removes claims that no longer count, unless a session may still look at them.
pf_prune_claims() {
  pf_points_at
  pl_lease=$pf_base/lease
  [ -d "$pl_lease" ] && [ -O "$pl_lease" ] || return 0
  for pf_f in "$pl_lease"/*.shell; do
    [ ! -e "$pf_f" ] || return 0
  done
  pf_lease_collect
}
