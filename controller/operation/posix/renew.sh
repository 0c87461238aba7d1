# shellcheck shell=sh
# What a channel beside a session runs to keep its claim alive; `l`, `n` and `s` are the folder, the
# number and the seconds. It neither brings back a claim that ran out nor one that was taken over, and says what it found.
pf_renew() {
  u=0 x='' now=0
  { read -r x x x u x <"$l/$n"; } 2>/dev/null
  { read -r x <"$l/$n.until"; } 2>/dev/null && case $x in '' | *[!0-9]*) ;; *) u=$x ;; esac
  read -r now x </proc/uptime
  now=${now%%.*}
  if [ -e "$l/$n" ] && [ ! -e "$l/$((n + 1))" ]; then
    if [ -e "$l/$n.free" ]; then
      echo left
      return
    fi
    if [ "$now" -ge "$u" ]; then
      echo late
      return
    fi
    umask 077
    echo $((now + s)) >"$l/.until-$$" && mv -f -- "$l/.until-$$" "$l/$n.until" || {
      echo failed
      return
    }
    if [ -e "$l/$n" ] && [ ! -e "$l/$((n + 1))" ]; then
      echo renewed
      return
    fi
  fi
  k=$n
  for x in "$l"/[0-9]*; do
    x=${x##*/}
    case $x in *[!0-9]*) continue ;; esac
    [ "$x" -le "$k" ] || k=$x
  done
  if [ "$k" = "$n" ]; then
    echo gone
    return
  fi
  {
    {
      read -r run x
      IFS= read -r operator
      IFS= read -r since
    } <"$l/$k"
  } 2>/dev/null
  printf '%s\n' "taken $run" "$operator" "$since"
}
pf_renew
