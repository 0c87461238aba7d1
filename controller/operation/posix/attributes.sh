# shellcheck shell=sh
# Mode, owner, group and times of a path.

# MODE KIND: the wanted mode of something that has this mode now, into pf_m.
# A word of a symbolic mode is OP:CLEAR:BITS:X:COPY:SHIFT:UMASK, numbers decimal: OP is = + or -;
# CLEAR is what = takes away; X is set for folders and what somebody may execute; COPY names the
# classes whose bits are copied, moved left by SHIFT; UMASK is 1 if the login's umask applies.
pf_mode_of() {
  pf_m=$1
  case $pf_wm in
    '') ;;
    s*)
      pf_isdir=$2
      # shellcheck disable=SC2086 # words on purpose
      set -- ${pf_wm#s}
      for pf_word do
        IFS=:
        # shellcheck disable=SC2086
        set -- $pf_word
        IFS=$pf_ifs
        pf_bits=$3
        case $5 in *u*) pf_bits=$((pf_bits | (pf_m >> 6 & 7) << $6)) ;; esac
        case $5 in *g*) pf_bits=$((pf_bits | (pf_m >> 3 & 7) << $6)) ;; esac
        case $5 in *o*) pf_bits=$((pf_bits | (pf_m & 7) << $6)) ;; esac
        [ "$7" = 0 ] || pf_bits=$((pf_bits & ~0$pl_u))
        if [ "$pf_isdir" = directory ] || [ $((pf_m & 73)) != 0 ]; then pf_bits=$((pf_bits | $4)); fi
        case $1 in
          =) pf_m=$((pf_m & ~$2 | pf_bits)) ;;
          +) pf_m=$((pf_m | pf_bits)) ;;
          *) pf_m=$((pf_m & ~pf_bits)) ;;
        esac
      done
      ;;
    *) pf_m=$pf_wm ;;
  esac
}

# MODE: five octal digits, which clear the special bits of folders too, into pf_octal.
pf_octal_of() {
  pf_octal=0$(($1 >> 9 & 7))$(($1 >> 6 & 7))$(($1 >> 3 & 7))$(($1 & 7))
}

# What chown has to be told for the path that pf_stat saw, into pf_spec; empty if nothing.
pf_owner_of() {
  pf_spec=''
  case $pf_wo in
    '' | "$pf_user") case $pf_wo in *[!0-9]* | '') ;; "$pf_uid") ;; *) pf_spec=$pf_wo ;; esac ;;
    *[!0-9]*) pf_spec=$pf_wo ;;
    "$pf_uid") ;;
    *) pf_spec=$pf_wo ;;
  esac
  case $pf_wg in
    '' | "$pf_group") case $pf_wg in *[!0-9]* | '') ;; "$pf_gid") ;; *) pf_spec=$pf_spec:$pf_wg ;; esac ;;
    *[!0-9]*) pf_spec=$pf_spec:$pf_wg ;;
    "$pf_gid") ;;
    *) pf_spec=$pf_spec:$pf_wg ;;
  esac
}

# Reports the numbers of the wanted owner and group for a difference, or fails if there is no such user.
pf_wanted_ids() {
  if [ -n "$pf_wo" ]; then
    case $pf_wo in
      *[!0-9]*)
        pf_id=$(id -u -- "$pf_wo" 2>/dev/null) || {
          pf_fail "there is no user \`$pf_wo\`"
          return 1
        }
        ;;
      *) pf_id=$pf_wo ;;
    esac
    pl_v wanted_uid "$pf_id"
  fi
  if [ -n "$pf_wg" ]; then
    pf_id=$pf_wg
    case $pf_wg in
      *[!0-9]*)
        pf_id=''
        while IFS=: read -r pf_name pf_part pf_found pf_part; do
          [ "$pf_name" != "$pf_wg" ] || pf_id=$pf_found
        done </etc/group
        if [ -z "$pf_id" ] && command -v getent >/dev/null 2>&1; then
          pf_id=$(getent group "$pf_wg" 2>/dev/null)
          pf_id=${pf_id#*:*:} pf_id=${pf_id%%:*}
        fi
        if [ -z "$pf_id" ]; then
          pf_fail "there is no group \`$pf_wg\`"
          return 1
        fi
        ;;
    esac
    pl_v wanted_gid "$pf_id"
  fi
}

# PATH: gives it the wanted owner, group, mode and times; pf_stat has seen it. With pf_fresh set
# it was made by this step, so that nothing has to be saved. Leaves its new state as pf_stat does.
pf_attributes() {
  pf_owner_of
  pf_altered='' pf_touched='' pf_which=''
  if [ "$pf_kind" = link ]; then pf_m=$pf_mode; else pf_mode_of "$pf_mode" "$pf_kind"; fi
  if [ -n "$pf_spec" ] || [ "$pf_m" != "$pf_mode" ]; then
    if [ -z "$pf_fresh" ]; then
      pf_report before
      pl_v mode "$pf_m"
      pl_v changed attributes
      if [ -n "$pf_spec" ] && [ "$pf_check" = 1 ]; then pf_wanted_ids || return 1; fi
      [ "$pf_check" = 1 ] || pf_save_mode "$1" || return 1
    else
      pf_altered=$pf_fresh
    fi
  fi
  if [ -n "$pf_wa$pf_wt" ]; then pf_look_at_times "$1" || return 1; fi
  [ "$pf_check" = 0 ] && [ -n "$pf_altered$pf_which" ] || return 0
  pf_sync || return 1
  if [ -n "$pf_altered" ]; then pf_alter "$1" || return 1; fi
  if [ -n "$pf_which" ]; then pf_set_times "$1"; fi
}

# PATH: gives it the owner in pf_spec and the mode in pf_m.
pf_alter() {
  pf_forget
  if [ -n "$pf_spec" ]; then
    chown -h "$pf_spec" "$1" 2>"$pl_d/pf_error" || {
      pf_failed "cannot change the owner of \`$1\` to \`$pf_spec\`"
      return 1
    }
    pf_stat "$1"
  fi
  if [ "$pf_m" != "$pf_mode" ] && [ "$pf_kind" != link ]; then
    pf_octal_of "$pf_m"
    chmod "$pf_octal" "$1" 2>"$pl_d/pf_error" || {
      pf_failed "cannot change the mode of \`$1\` to \`$pf_octal\`"
      return 1
    }
    pf_stat "$1"
  fi
  [ -n "$pf_fresh" ] || { echo "$pf_line" >"$pf_altered.after"; } 2>/dev/null
}

# PATH: which of the times differ from the wanted ones, into pf_which: a, m, both or nothing. Those are empty to keep
# them, `now`, or `YYYY-MM-DD hh:mm:ss` in the host's time zone. Saves the old ones.
pf_look_at_times() {
  for pf_word in a m; do
    if [ $pf_word = a ]; then pf_when=$pf_wa pf_field=%x; else pf_when=$pf_wt pf_field=%y; fi
    case $pf_when in
      '') continue ;;
      now) ;;
      *)
        touch -d "$pf_when" "$pl_d/pf_time" 2>"$pl_d/pf_error" || {
          pf_failed "cannot read the time \`$pf_when\`"
          return 1
        }
        [ "$(stat -c "$pf_field" -- "$pl_d/pf_time" 2>/dev/null)" != "$(stat -c "$pf_field" -- "$1" 2>/dev/null)" ] || continue
        ;;
    esac
    pf_which=$pf_which$pf_word
  done
  [ -n "$pf_which" ] || return 0
  pl_v changed times
  pf_say times_before "$(stat -c '%x|%y' -- "$1" 2>/dev/null)"
  [ "$pf_check" = 0 ] || return 0
  [ -n "$pf_fresh" ] || pf_save_times "$1"
}

# PATH: gives it the times in pf_which.
pf_set_times() {
  pf_forget
  for pf_word in a m; do
    case $pf_which in *$pf_word*) ;; *) continue ;; esac
    if [ $pf_word = a ]; then pf_when=$pf_wa; else pf_when=$pf_wt; fi
    if [ "$pf_when" = now ]; then set -- "$1"; else set -- "$1" -d "$pf_when"; fi
    pf_path=$1
    shift
    touch -c -$pf_word "$@" "$pf_path" 2>"$pl_d/pf_error" || {
      pf_failed "cannot change the times of \`$pf_path\`"
      return 1
    }
    set -- "$pf_path"
  done
  [ -n "$pf_touched" ] || return 0
  case $pf_which in *m*) [ -d "$1" ] || stat -c %y -- "$1" >"$pf_touched.after" 2>/dev/null ;; esac
  return 0
}
