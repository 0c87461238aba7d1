# shellcheck shell=sh
# Rollback points. A point is a manifest `NUMBER` in the run's folder on the host and what it
# needs: `NUMBER.kept`, the old content, and `NUMBER.times`, the times of the folder whose entries
# change. Numbers grow within a run and host; points are restored newest first.

# BASE RUN HOST: where the points of this session go. Nothing is made before the first save.
pf_points() {
  pf_base=$1 pf_run=$2 pf_host=$3
  pl_points='' pf_number=0 pf_folders=:
}

# Makes the folder of the points at the first save.
pf_points_open() {
  [ -z "$pf_armed" ] || pf_start || return 1
  [ -z "$pl_points" ] || return 0
  pf_points_at
  mkdir -p -- "$pf_points_dir" 2>"$pl_d/pf_error" || pf_points_aside || {
    pf_failed "cannot make the folder for rollback points \`$pf_points_dir\`"
    return 1
  }
  if [ ! -O "$pf_points_dir" ]; then
    pf_fail "the folder for rollback points \`$pf_points_dir\` belongs to somebody else"
    return 1
  fi
  pf_points_device=$(stat -c %d -- "$pf_points_dir")
  pl_points=$pf_points_dir
  pf_points_last
}

# A user who may not write to BASE, or has no home, keeps the points in a folder of its own. Nobody
# else can have made it, or it would not belong to this user.
pf_points_aside() {
  [ "$pf_points_dir" != "$pf_points_own/points" ] || return 1
  mkdir -m 700 -- "$pf_own" 2>/dev/null
  [ -O "$pf_own" ] && [ ! -L "$pf_own" ] && mkdir -p -- "$pf_points_own/points" 2>/dev/null || return 1
  pf_points_dir=$pf_points_own/points
}

# Where the points are, into pf_points_dir.
pf_points_at() {
  if [ -z "$pf_base" ]; then
    if [ "${pl_uid:-$(id -u)}" = 0 ]; then pf_base=/var/lib/paceline; else pf_base=$HOME/.paceline; fi
  fi
  pf_points_dir=$pf_base/runs/$pf_run/$pf_host/points
  pf_own=/var/tmp/.paceline-${pl_uid:-$(id -u)} pf_points_own=$pf_own/runs/$pf_run/$pf_host
  if [ ! -O "$pf_points_dir" ] && [ -O "$pf_own" ] && [ ! -L "$pf_own" ] && [ -O "$pf_points_own/points" ]; then
    pf_points_dir=$pf_points_own/points
  fi
}

# The highest number that was given so far, into pf_number.
pf_points_last() {
  for pf_path in "$pf_points_dir"/[0-9]*; do
    pf_part=${pf_path##*/}
    pf_part=${pf_part%%.*}
    case $pf_part in *[!0-9]*) continue ;; esac
    [ "$pf_part" -le "$pf_number" ] || pf_number=$pf_part
  done
}

# PATH: begins a point for something that changes an entry of PATH's folder. Must come before the
# first change of the folder, a new file under a temporary name included.
pf_point() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_forget
  pf_parent "$1"
  case $pf_folders in
    *"$pf_mark$pf_folder$pf_mark"*) ;;
    *)
      touch -r "$pf_folder" "$pl_points/$pf_number.times" 2>"$pl_d/pf_error" || {
        pf_failed "cannot keep the times of \`$pf_folder\`"
        return 1
      }
      pf_folders=$pf_folders$pf_mark$pf_folder$pf_mark
      pf_begun=1
      ;;
  esac
}

# KIND PATH COMMAND: writes the manifest and reports the point.
pf_record() {
  pf_begun=''
  pf_quote "$2"
  printf '%s\n' "pf_kind=$1 pf_path=$pf_quoted" "$3" '#END' 2>"$pl_d/pf_error" >"$pl_points/$pf_number" || {
    pf_failed "cannot write a rollback point in \`$pl_points\`"
    return 1
  }
  pf_say point "$pf_number $1 $2"
}

# PATH: it is about to be made.
pf_save_absent() {
  pf_quote "$1"
  pf_record absent "$1" "pf_undo_absent $pf_quoted"
}

# TOP PATH: folders are about to be made, from TOP down to PATH.
pf_save_made() {
  pf_quote "$2"
  pf_made=$pf_quoted
  pf_quote "$1"
  pf_record absent "$1" "pf_undo_made $pf_quoted $pf_made"
}

# PATH: keeps the file or link that pf_stat saw, so that it can be replaced; pf_point came first.
# Not for FIFOs, sockets and devices: opening one may never end, and a copy is not the same.
pf_save_replaced() {
  pf_kept=$pl_points/$pf_number.kept pf_how=move
  if [ "$pf_device" != "$pf_points_device" ] || ! ln -- "$1" "$pf_kept" 2>/dev/null; then
    pf_sibling=${pf_folder%/}/.paceline-$pf_run-$pf_number
    if [ "$pf_size" -gt 1048576 ] && ln -- "$1" "$pf_sibling" 2>/dev/null; then
      pf_kept=$pf_sibling
    else
      pf_how=copy
      if cp -pP -- "$1" "$pf_kept" 2>"$pl_d/pf_error" && touch -h -r "$1" "$pf_kept" 2>"$pl_d/pf_error"; then :; else
        pf_failed "cannot keep \`$1\` in \`$pl_points\`"
        return 1
      fi
    fi
  fi
  pf_save_kept "$1" "$pf_kind"
}

# PATH KIND: records pf_kept, to be brought back as pf_how says.
pf_save_kept() {
  pf_quote "$pf_kept"
  pf_kept_quoted=$pf_quoted
  pf_quote "$1"
  pf_record "$2" "$1" "pf_undo_kept $pf_how $pf_quoted $pf_kept_quoted"
}

# PATH: removes what pf_stat saw, and keeps it. What is small, a file or a link, may be copied to
# another file system; all else is renamed. The record comes first: if the change never
# happens, restoring finds nothing kept and the path where it was.
pf_take() {
  pf_kept=$pl_points/$pf_number.kept pf_how=take
  if [ "$pf_device" != "$pf_points_device" ]; then
    if [ "$pf_kind" = directory ] || [ "$pf_kind" = other ] || [ "$pf_size" -gt 1048576 ]; then
      pf_kept=${pf_folder%/}/.paceline-$pf_run-$pf_number
    else
      pf_save_replaced "$1" || return 1
      rm -f -- "$1" 2>"$pl_d/pf_error" || {
        pf_failed "cannot remove \`$1\`"
        return 1
      }
      return 0
    fi
  fi
  pf_save_kept "$1" "$pf_kind" || return 1
  mv -f -- "$1" "$pf_kept" 2>"$pl_d/pf_error" || {
    pf_failed "cannot remove \`$1\`"
    return 1
  }
}

# PATH: its mode is about to change, and its owner if pf_spec says so; pf_stat has seen it.
pf_save_mode() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_undo_mode_text "$1"
  pf_record mode "$1" "$pf_text"
}

# PATH: what brings its mode and owner back, into pf_text; pf_stat has seen it.
pf_undo_mode_text() {
  pf_quote "$1"
  pf_octal_of "$pf_mode"
  pf_text="pf_undo_mode $pf_quoted $pf_kind $pf_octal -"
  [ -z "$pf_spec" ] || pf_text="pf_undo_mode $pf_quoted $pf_kind $pf_octal $pf_uid:$pf_gid"
}

# PATH: its times are about to change.
pf_save_times() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  touch -r "$1" "$pl_points/$pf_number.kept" 2>"$pl_d/pf_error" || {
    pf_failed "cannot keep the times of \`$1\`"
    return 1
  }
  pf_quote "$1"
  pf_record times "$1" "pf_undo_times $pf_quoted"
}
