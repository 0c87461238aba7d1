# shellcheck shell=sh
# The lease of a host: one run at a time works on what lies below one BASE. In BASE/lease the
# highest number is the claim that counts, and the number is the fence that is looked at before
# every step. `N` is a claim, made whole by `ln`, so that one of many racers gets a number and
# nobody sees half a claim; `N.until` says until when it holds, in seconds since this boot; `N.free` that its
# run has left; `N.SESSION.shell` is a shell that works under it. Numbers are never given twice.

pl_fence='' pl_until=0 pl_why='' pf_steps=0 pf_claim='' pf_shell=''

# LIMIT: whether a step may start. No fork, and no look at anything but the clock and two names.
pl_allow() {
  [ -n "$pl_fence" ] || return 0
  if [ ! -e "$pl_lease/$pl_fence" ] || [ -e "$pl_lease/$((pl_fence + 1))" ]; then
    pl_why='the lease was taken over'
    return 1
  fi
  pf_uptime
  if [ "$pf_now" -ge "$pl_until" ]; then
    pf_lease_until "$pl_fence" "$pl_until"
    pl_until=$pf_c_until
    if [ "$pf_now" -ge "$pl_until" ]; then
      pl_why='the lease ran out'
      return 1
    fi
  fi
  # Who takes over has to know whether this shell is within a step, and how long that may take.
  { echo "S ${1:-0}" >>"$pl_d/steps"; } 2>/dev/null || plr_die "$pl_d cannot be written"
}

# The step that was allowed is over.
pl_over() {
  [ -n "$pl_fence" ] || return 0
  pf_steps=$((pf_steps + 1))
  if [ "$pf_steps" -lt 1000 ]; then
    echo R >>"$pl_d/steps"
  else
    true >"$pl_d/steps"
    pf_steps=0
  fi
}

# Seconds since this boot, into pf_now.
pf_uptime() {
  read -r pf_now pf_x </proc/uptime
  pf_now=${pf_now%%.*}
}

# RUN INCARNATION SECONDS OPERATOR SINCE NAME: takes the lease for a session, or joins it where the
# run has it already, and reports what came of it. Without a lease no step is allowed.
pf_lease() {
  pf_l_run=$1 pf_l_incarnation=$2 pf_l_seconds=$3 pf_l_operator=$4 pf_l_since=$5 pf_l_name=$6
  pl_fence=0 pf_l_why=''
  pf_lease_session
  trap pf_lease_leave EXIT
  for pf_l_place in base own; do
    pf_lease_at "$pf_l_place" || continue
    pf_lease_try && return 0
    [ -n "$pf_l_why" ] || return 0
  done
  plr_info lease "none ${pf_l_why:-no folder for it can be made below $pf_base}"
}

# What tells this session from all others.
pf_lease_session() {
  pf_me=${pl_d##*.paceline-} pf_boot=unknown
  [ ! -r /proc/sys/kernel/random/boot_id ] || read -r pf_boot </proc/sys/kernel/random/boot_id
}

# base|own: finds the folder of the lease, into pl_lease, as the rollback points have it: below BASE, or
# where this user may write if BASE belongs to somebody else.
pf_lease_at() {
  pf_points_at
  if [ "$1" = base ]; then
    pl_lease=$pf_base/lease
    [ -d "$pl_lease" ] || mkdir -p -- "$pl_lease" 2>/dev/null
  else
    pf_x=$pf_base pf_y=''
    while :; do
      case $pf_x in
        */*) pf_y=$pf_y${pf_x%%/*}% pf_x=${pf_x#*/} ;;
        *) break ;;
      esac
    done
    mkdir -m 700 -- "$pf_own" 2>/dev/null
    pl_lease=$pf_own/lease/$pf_y$pf_x
    [ -O "$pf_own" ] && [ ! -L "$pf_own" ] && mkdir -p -- "$pl_lease" 2>/dev/null
  fi
  [ -d "$pl_lease" ] && [ -O "$pl_lease" ] && [ ! -L "$pl_lease" ] && [ -w "$pl_lease" ]
}

# Takes, joins or is refused. Fails if the folder is of no use, and says why in pf_l_why.
pf_lease_try() {
  pf_tries=0
  while [ "$pf_tries" -lt 100 ]; do
    pf_tries=$((pf_tries + 1))
    pf_lease_last
    pf_lease_judge
    case $pf_verdict in
      held)
        pf_lease_holder
        return 0
        ;;
      join) pf_lease_join && return 0 ;;
      take)
        pf_lease_take || return 1
        [ "$pl_fence" = 0 ] || {
          pf_lease_settle
          return 0
        }
        ;;
    esac
  done
  pf_l_why="the claim $pl_lease/$pf_n cannot be read"
  return 1
}

# The highest number, into pf_n; how many claims lie there, into pf_count.
pf_lease_last() {
  pf_n=0 pf_count=0
  for pf_x in "$pl_lease"/[0-9]*; do
    pf_x=${pf_x##*/}
    case $pf_x in *[!0-9]*) continue ;; esac
    pf_count=$((pf_count + 1))
    [ "$pf_x" -le "$pf_n" ] || pf_n=$pf_x
  done
}

# NUMBER: takes a claim apart, into pf_c_. Fails if it is not there, or not whole.
pf_lease_read() {
  pf_c_end=''
  {
    {
      read -r pf_c_run pf_c_incarnation pf_c_boot pf_c_until pf_c_seconds
      IFS= read -r pf_c_operator
      IFS= read -r pf_c_since
      IFS= read -r pf_c_name
      IFS= read -r pf_c_end
    } <"$pl_lease/$1"
  } 2>/dev/null
  [ "$pf_c_end" = '#END' ] || return 1
  for pf_x in "$pf_c_incarnation" "$pf_c_until"; do
    case $pf_x in '' | *[!0-9]*) return 1 ;; esac
  done
  pf_lease_until "$1" "$pf_c_until"
}

# NUMBER SECONDS: until when a claim holds, into pf_c_until; SECONDS is what it said at first.
pf_lease_until() {
  pf_c_until=$2 pf_x=''
  { read -r pf_x <"$pl_lease/$1.until"; } 2>/dev/null
  case $pf_x in '' | *[!0-9]*) ;; *) pf_c_until=$pf_x ;; esac
}

# What this session may do about the claim pf_n, into pf_verdict; why it may take, into pf_from.
pf_lease_judge() {
  pf_verdict=take pf_from=''
  [ "$pf_n" != 0 ] && [ ! -e "$pl_lease/$pf_n.free" ] || return 0
  if ! pf_lease_read "$pf_n"; then
    # It was collected in this moment; or it is there, and a crash of the machine tore it.
    [ -e "$pl_lease/$pf_n" ] || pf_verdict=again
    return 0
  fi
  pf_uptime
  pf_from=over
  [ "$pf_c_boot" = "$pf_boot" ] || return 0
  if [ "$pf_c_run" = "$pf_l_run" ]; then
    [ "$pf_c_incarnation" -ge "$pf_l_incarnation" ] || return 0
    if [ "$pf_c_incarnation" -gt "$pf_l_incarnation" ]; then
      pf_verdict=held
    elif [ "$pf_now" -lt "$pf_c_until" ]; then
      # The same controller, and not another one with a copy of its state folder.
      if [ "$pf_c_since" = "$pf_l_since" ]; then pf_verdict=join; else pf_verdict=held; fi
    fi
    return 0
  fi
  [ "$pf_now" -ge "$pf_c_until" ] || pf_verdict=held
}

# Makes the claim behind pf_n. Fails if that is not possible here; pl_fence stays 0 if another was faster.
pf_lease_take() {
  pf_uptime
  pl_until=$((pf_now + pf_l_seconds)) pf_claim=$pl_lease/.claim-$pf_me
  printf '%s\n' "$pf_l_run $pf_l_incarnation $pf_boot $pl_until $pf_l_seconds" "$pf_l_operator" "$pf_l_since" \
    "$pf_l_name" '#END' 2>/dev/null >"$pf_claim" || {
    pf_l_why="cannot write to $pl_lease"
    return 1
  }
  if ! ln -- "$pf_claim" "$pl_lease/$((pf_n + 1))" 2>/dev/null; then
    [ ! -e "$pl_lease/$((pf_n + 1))" ] || return 0
    pf_l_why="cannot make a link in $pl_lease"
    return 1
  fi
  pl_fence=$((pf_n + 1))
  pf_lease_present && return 0
  pf_l_why="cannot write to $pl_lease"
  echo 2>/dev/null >"$pl_lease/$pl_fence.free"
  pl_fence=0
  return 1
}

# Notes that this shell works under the claim.
pf_lease_present() {
  pf_lease_process $$
  pf_shell=$pl_lease/$pl_fence.$pf_me.shell
  printf '%s\n' "$$ $pf_p_start $pf_boot" "$pl_d" 2>/dev/null >"$pf_shell"
}

# Joins the claim of the same run. Fails if it was left or taken over meanwhile.
pf_lease_join() {
  pl_fence=$pf_n pl_until=$pf_c_until
  if pf_lease_present && [ ! -e "$pl_lease/$pf_n.free" ] && [ ! -e "$pl_lease/$((pf_n + 1))" ]; then
    plr_info lease "joined $pl_fence $pl_lease"
    return 0
  fi
  rm -f -- "$pf_shell"
  pl_fence=0 pf_shell=''
  return 1
}

# Says who holds the lease.
pf_lease_holder() {
  plr_info lease "held $pf_n $pl_lease"
  plr_info lease_run "$pf_c_run"
  plr_info lease_operator "$pf_c_operator"
  plr_info lease_since "$pf_c_since"
  plr_info lease_host "$pf_c_name"
  plr_info lease_left "$((pf_c_until - pf_now))"
}

# The shells of earlier claims are over before this session takes a step. A step in hand is waited
# for, and ended if it outlives its limit; without a limit the lease is given back.
pf_lease_settle() {
  pf_waited=''
  for pf_f in "$pl_lease"/*.shell; do
    pf_k=${pf_f##*/}
    pf_k=${pf_k%%.*}
    case $pf_k in '' | *[!0-9]*) continue ;; esac
    [ "$pf_k" -lt "$pl_fence" ] || continue
    if ! pf_lease_end "$pf_f"; then
      echo >"$pl_lease/$pl_fence.free"
      pl_fence=0
      plr_info lease "busy $pf_o_pid $pf_waited"
      return 0
    fi
  done
  pf_lease_guards
  [ "$pf_count" -lt 50 ] || pf_lease_collect
  plr_info lease "taken $pl_fence $pl_lease"
  if [ -n "$pf_from" ]; then
    plr_info lease_run "$pf_c_run"
    plr_info lease_operator "$pf_c_operator"
    plr_info lease_since "$pf_c_since"
    [ -z "$pf_waited" ] || plr_info lease_waited "$pf_waited"
  fi
}

# FILE: sees to it that one shell is over. Fails if its step goes on and has no time limit.
pf_lease_end() {
  pf_o_dir=''
  { { read -r pf_o_pid pf_o_start pf_o_boot && IFS= read -r pf_o_dir; } <"$1"; } 2>/dev/null
  case $pf_o_dir in */.paceline-*) ;; *) pf_o_dir='' ;; esac
  if [ -n "$pf_o_dir" ]; then
    pf_uptime
    pf_began=$pf_now pf_bound=''
    while pf_lease_alive; do
      if ! pf_lease_busy; then
        # Between its last look at the lease and its next step it is stopped, and looked at once more.
        kill -s STOP "$pf_o_pid" 2>/dev/null
        pf_k=0
        while pf_lease_alive && [ "$pf_p_state" != T ] && [ "$pf_k" -lt 1000 ]; do pf_k=$((pf_k + 1)); done
        if ! pf_lease_busy; then
          kill -s KILL "$pf_o_pid" 2>/dev/null
          pf_lease_nap
          continue
        fi
        kill -s CONT "$pf_o_pid" 2>/dev/null
      fi
      [ -n "$pf_bound" ] || case $pf_o_limit in
        '' | *[!0-9]* | 0) pf_bound=600 pf_o_limit=0 ;;
        *) pf_bound=$((pf_o_limit + 15)) ;;
      esac
      pf_uptime
      pf_waited=$((pf_now - pf_began))
      if [ "$pf_waited" -ge "$pf_bound" ]; then
        [ "$pf_o_limit" != 0 ] || return 1
        pf_x='' pf_y=''
        { read -r pf_x pf_y <"$pf_o_dir/cur"; } 2>/dev/null
        case $pf_x in '' | 0 | *[!0-9]*) ;; *) kill -s KILL -- "-$pf_x" 2>/dev/null ;; esac
        kill -s KILL "$pf_o_pid" 2>/dev/null
      fi
      plr_info lease_wait "$pf_o_pid $pf_waited $pf_bound"
      # The claim is kept while its session waits.
      pl_until=$((pf_now + pf_l_seconds))
      echo "$pl_until" >"$pl_lease/.until-$pf_me" && mv -f -- "$pl_lease/.until-$pf_me" "$pl_lease/$pl_fence.until"
      pf_lease_nap
    done
  fi
  rm -rf -- ${pf_o_dir:+"$pf_o_dir" "$pl_lease/.claim-${pf_o_dir##*.paceline-}"} "$1"
}

# A guard that a dead run left armed would undo its block in the middle of this run's work: it fires now.
pf_lease_guards() {
  for pf_f in "${pl_lease%/lease}"/runs/*/*/guards/*/script; do
    # It is text that is going to run.
    [ -f "$pf_f" ] && [ -O "$pf_f" ] && [ ! -L "$pf_f" ] || continue
    pf_x=${pf_f%/script}
    [ ! -e "$pf_x/verdict" ] && [ -s "$pf_x/armed" ] || continue
    read -r pf_y <"$pf_x/armed"
    # One whose process is gone does not fire any more: the host was restarted.
    case $pf_y in systemd) ;; *[!0-9]* | '') continue ;; *) [ -d "/proc/$pf_y" ] || continue ;; esac
    (setsid /bin/sh "$pf_f" "$pf_x" now </dev/null >/dev/null 2>&1 4>&- 7>&- 8<&- &)
    pf_k=0
    while [ ! -s "$pf_x/rc" ] && [ "$pf_k" -lt 300 ]; do
      pf_k=$((pf_k + 1))
      pf_lease_nap
      [ $((pf_k % 20)) != 0 ] || plr_info lease_wait "$pf_y $((pf_k / 5)) 60"
    done
    plr_info lease_guard "$pf_x"
  done
}

pf_lease_nap() { sleep 0.2 2>/dev/null || sleep 1; }

# Whether the shell pf_o_pid is the one that was noted, and goes on.
pf_lease_alive() {
  [ "$pf_o_boot" = "$pf_boot" ] && pf_lease_process "$pf_o_pid" && [ "$pf_p_start" = "$pf_o_start" ] || return 1
  case $pf_p_state in Z | X) return 1 ;; esac
}

# Whether that shell is within a step, and how long that may take, into pf_o_limit.
pf_lease_busy() {
  pf_o_limit='' pf_x=R
  [ -f "$pf_o_dir/steps" ] || return 1
  while read -r pf_y pf_z; do pf_x=$pf_y pf_o_limit=$pf_z; done <"$pf_o_dir/steps"
  [ "$pf_x" = S ]
}

# PID: state and start of a process, into pf_p_.
pf_lease_process() {
  pf_x=''
  { IFS= read -r pf_x <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$pf_x" ] || return 1
  # A name may hold anything, a closing parenthesis included.
  # shellcheck disable=SC2086 # split on purpose
  set -- ${pf_x##*) }
  pf_p_state=$1 pf_p_start=${20}
}

# This session leaves; the last one of its claim frees it.
pf_lease_leave() {
  rm -rf -- "$pl_d" ${plr_gone:+"$pl_o"} ${pf_claim:+"$pf_claim"} ${pf_shell:+"$pf_shell"}
  [ "${pl_fence:-0}" != 0 ] && [ ! -e "$pl_lease/$((pl_fence + 1))" ] || return 0
  ! pf_lease_others || return 0
  echo >"$pl_lease/$pl_fence.free"
  # A session that joined in this moment goes on.
  ! pf_lease_others || rm -f -- "$pl_lease/$pl_fence.free"
}

pf_lease_others() {
  for pf_f in "$pl_lease/$pl_fence".*.shell; do
    [ ! -e "$pf_f" ] || return 0
  done
  return 1
}

# Removes claims that no longer count, the lowest first: a shell whose own claim is gone takes no step.
pf_lease_collect() {
  pf_lease_last
  pf_k=0
  set --
  while :; do
    pf_y=$pf_n
    for pf_x in "$pl_lease"/[0-9]*; do
      pf_x=${pf_x##*/}
      case $pf_x in *[!0-9]*) continue ;; esac
      [ "$pf_x" -le "$pf_k" ] || [ "$pf_x" -ge "$pf_y" ] || pf_y=$pf_x
    done
    [ "$pf_y" -lt "$pf_n" ] || break
    pf_k=$pf_y
    set -- "$@" "$pl_lease/$pf_k" "$pl_lease/$pf_k.until" "$pl_lease/$pf_k.free"
  done
  [ $# = 0 ] || rm -f -- "$@"
}

# Reports the claim that counts, for who asks without taking part: state, number, and whose it is.
pf_lease_show() {
  pf_lease_session
  for pf_l_place in base own; do
    pf_points_at
    if [ "$pf_l_place" = base ]; then pl_lease=$pf_base/lease; else pf_lease_at own || continue; fi
    [ -d "$pl_lease" ] || continue
    pf_lease_last
    [ "$pf_n" = 0 ] || break
  done
  if [ "${pf_n:-0}" = 0 ] || [ -e "$pl_lease/$pf_n.free" ] || ! pf_lease_read "$pf_n"; then
    pl_v lease "free $pf_n"
    return 0
  fi
  pf_uptime
  pf_state=held
  if [ "$pf_c_boot" != "$pf_boot" ] || [ "$pf_now" -ge "$pf_c_until" ]; then pf_state=late; fi
  pl_v lease "$pf_state $pf_n"
  pl_v lease_run "$pf_c_run"
  pl_v lease_operator "$pf_c_operator"
  pl_v lease_since "$pf_c_since"
  pl_v lease_host "$pf_c_name"
  pl_v lease_left "$((pf_c_until - pf_now))"
}

# NUMBER OPERATOR SINCE NAME: breaks the claim NUMBER, if it still counts, by a later one that is free.
pf_lease_break() {
  pf_lease_show
  if [ "$pf_n" != "$1" ]; then
    pf_fail 'the lease changed hands meanwhile; look again'
    return 1
  fi
  pf_l_run=unlock pf_l_incarnation=0 pf_l_seconds=0 pf_l_operator=$2 pf_l_since=$3 pf_l_name=$4 pf_l_why=''
  pl_fence=0
  pf_lease_break_now
  pf_x=$?
  rm -f -- "$pf_claim" ${pf_shell:+"$pf_shell"}
  # This session takes part in nothing.
  pl_fence='' pf_claim='' pf_shell=''
  return "$pf_x"
}

pf_lease_break_now() {
  if ! pf_lease_take; then
    pf_fail "$pf_l_why"
    return 1
  fi
  if [ "$pl_fence" = 0 ]; then
    pf_fail 'the lease changed hands meanwhile; look again'
    return 1
  fi
  echo >"$pl_lease/$pl_fence.free"
}
