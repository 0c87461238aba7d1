# shellcheck shell=sh
# Rollback points. A point is a manifest `NUMBER` in the run's folder on the host and what it
# needs: `NUMBER.kept`, the old content, and `NUMBER.times`, the times of the folder whose entries
# change. Numbers grow within a run and host; points are restored newest first.

# BASE RUN HOST: where the points of this session go. Nothing is made before the first save.
pf_points() {
  pf_base=$1 pf_run=$2 pf_host=$3
  pl_points='' pf_number=0 pf_folders=: pf_unsynced='' pf_made='' pf_temporary='' pf_copier=''
  pf_limit=1073741824
}

# BYTES: the most that is copied for one point.
pf_points_limit() { pf_limit=$1; }

# Makes the folder of the points at the first save.
pf_points_open() {
  [ -z "$pf_armed" ] || pf_start || return 1
  [ -z "$pl_points" ] || return 0
  pf_points_at
  pf_new=''
  [ -d "$pf_points_dir" ] || pf_new=1
  mkdir -p -- "$pf_points_dir" 2>"$pl_d/pf_error" || pf_points_aside || {
    pf_failed "cannot make the folder for rollback points \`$pf_points_dir\`, so nothing was changed; make room there, or name another folder with the variable \`paceline_base\`"
    return 1
  }
  if [ ! -O "$pf_points_dir" ]; then
    pf_fail "the folder for rollback points \`$pf_points_dir\` belongs to somebody else"
    return 1
  fi
  pf_points_device=$(stat -c %d -- "$pf_points_dir")
  pl_points=$pf_points_dir
  pf_points_last
  [ -n "$pf_new" ] || return 0
  # The names of the folders that were made have to be durable too, as far as they can be read.
  pf_path=$pf_points_dir pf_count=0
  while [ $pf_count -lt 5 ]; do
    pf_parent "$pf_path"
    [ ! -r "$pf_folder" ] || pf_must_sync "$pf_folder"
    pf_path=$pf_folder pf_count=$((pf_count + 1))
  done
}

# PATH: it has to be durable before the next change.
pf_must_sync() {
  pf_quote "$1"
  pf_unsynced="$pf_unsynced $pf_quoted"
}

# Makes durable what was saved, with one process. Comes before the first change that it covers.
pf_sync() {
  [ -n "$pf_unsynced" ] || return 0
  pf_must_sync "$pf_points_dir"
  pf_words=$pf_unsynced pf_unsynced=''
  eval "sync $pf_words" 2>"$pl_d/pf_error" && return 0
  pf_unsaved
}

# Says that a point cannot be saved; pf_error has the reason, unless this shell only knows "I/O error".
pf_unsaved() {
  echo >"$pl_d/pf_probe"
  if { cat -- "$pl_d/pf_probe" >"$pf_points_dir/probe"; } 2>"$pl_d/pf_why"; then :; else
    cat -- "$pl_d/pf_why" >"$pl_d/pf_error"
  fi
  rm -f -- "$pf_points_dir/probe" 2>/dev/null
  pf_failed "cannot save a rollback point in \`$pf_points_dir\`, so nothing was changed; make room there, or name another folder with the variable \`paceline_base\`"
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
    *) pf_keep_times "$pf_folder" ;;
  esac
}

# FOLDER: keeps its times with the point that was begun.
pf_keep_times() {
  touch -r "$1" "$pl_points/$pf_number.times" 2>"$pl_d/pf_error" || {
    pf_unsaved
    return 1
  }
  pf_must_sync "$pl_points/$pf_number.times"
  pf_folders=$pf_folders$pf_mark$1$pf_mark
  pf_begun=1
}

# KIND PATH COMMAND: writes the manifest and reports the point. pf_made is what the run makes of the path, as far as
# that can be told before (file:SHA256, link:TARGET, hard:DEVICE:INODE, absent); pf_temporary is a
# name that may be left beside it.
pf_record() {
  pf_begun=''
  pf_quote "$pf_made"
  pf_words=" pf_made=$pf_quoted"
  pf_quote "$pf_temporary"
  pf_words="$pf_words pf_temporary=$pf_quoted"
  pf_quote "$2"
  pf_made=''
  printf '%s\n' "pf_kind=$1 pf_path=$pf_quoted$pf_words" "$3" '#END' 2>"$pl_d/pf_error" >"$pl_points/$pf_number" || {
    pf_folders=:
    pf_unsaved
    return 1
  }
  pf_must_sync "$pl_points/$pf_number"
  pf_say point "$pf_number $1 $2"
}

# PATH: saves what pf_stat saw of it, so that something else can take its place; pf_point came first.
# pf_how says what pf_swap has to do: absent, move, copy or take.
pf_save() {
  case $pf_kind in
    absent) pf_save_absent "$1" ;;
    directory | other) pf_save_taken "$1" ;;
    *) pf_save_replaced "$1" ;;
  esac
}

# PATH: it is about to be made.
pf_save_absent() {
  pf_how=absent
  pf_quote "$1"
  pf_record absent "$1" "pf_undo_absent $pf_quoted"
}

# TOP PATH: folders are about to be made, from TOP down to PATH.
pf_save_made() {
  pf_quote "$2"
  pf_part=$pf_quoted
  pf_quote "$1"
  pf_made='' pf_temporary=''
  pf_record absent "$1" "pf_undo_made $pf_quoted $pf_part"
}

# PATH: keeps the file or link that pf_stat saw, so that it can be replaced; pf_point came first.
# Not for FIFOs, sockets and devices: opening one may never end, and a copy is not the same.
pf_save_replaced() {
  pf_kept=$pl_points/$pf_number.kept pf_how=move
  if [ "$pf_device" = "$pf_points_device" ] && ln -- "$1" "$pf_kept" 2>/dev/null; then
    pf_save_kept "$1" "$pf_kind"
    return
  fi
  if pf_copyable; then
    pf_how=copy
    pf_copy "$1" "$pf_kept" || {
      pf_unsaved
      return 1
    }
    [ "$pf_kind" = link ] || pf_must_sync "$pf_kept"
    pf_save_kept "$1" "$pf_kind"
    return
  fi
  pf_save_taken "$1" beside
}

# PATH [beside]: what pf_stat saw is about to be moved away; pf_point came first. The record comes first: if the change
# never happens, restoring finds nothing kept and the path where it was.
pf_save_taken() {
  pf_how=take pf_kept=$pl_points/$pf_number.kept
  if [ -n "${2:-}" ] || [ "$pf_device" != "$pf_points_device" ] || { [ "$pf_kind" = directory ] && [ ! -w "$1" ]; }; then
    # A name beside the path, for what cannot lie with the points.
    pf_kept=${pf_folder%/}/.paceline-$pf_run-$pf_number
    [ ! -r "$pf_folder" ] || pf_must_sync "$pf_folder"
  fi
  pf_save_kept "$1" "$pf_kind"
}

# PATH: what pf_stat saw is about to be removed. What is small may be copied to another file system.
pf_save_removed() {
  if [ "$pf_device" != "$pf_points_device" ] && pf_copyable; then
    pf_save_replaced "$1"
  else
    pf_save_taken "$1"
  fi
}

# Whether what pf_stat saw is small, and a copy of it is the same in all that counts.
pf_copyable() {
  case $pf_kind in file | link) ;; *) return 1 ;; esac
  [ "$pf_links" = 1 ] && [ "$pf_size" -le 1048576 ] && [ "$pf_size" -le "$pf_limit" ] || return 1
  # Only root can copy an owner, and only GNU's cp copies extended attributes.
  case ${pl_uid:-0} in 0 | "$pf_uid") ;; *) return 1 ;; esac
  [ "$pf_kind" = link ] || { pf_copier && [ "$pf_copier" = gnu ]; }
}

# Which cp this is, into pf_copier.
pf_copier() {
  [ -z "$pf_copier" ] || return 0
  if cp --version >/dev/null 2>&1; then pf_copier=gnu; else pf_copier=plain; fi
}

# FROM TO: copies a file, link or folder with all that the tool can copy of it.
pf_copy() {
  cp -a -- "$1" "$2" 2>"$pl_d/pf_error" && touch -h -r "$1" "$2" 2>"$pl_d/pf_error"
}

# PATH: whether what is there may be copied for a point; pf_stat has seen it. In check mode, what is too large is a warning.
pf_within_limit() {
  case $pf_kind in
    file) pf_count=$pf_size ;;
    directory)
      pf_count=$(du -sk -- "$1" 2>/dev/null)
      pf_count=${pf_count%%[!0-9]*}
      pf_count=$((${pf_count:-0} * 1024))
      ;;
    other)
      pf_call
      pf_fail "cannot copy the $pf_called \`$1\` for a rollback point"
      return 1
      ;;
    *) return 0 ;;
  esac
  [ "$pf_count" -gt "$pf_limit" ] || return 0
  pf_words="has to copy $pf_count bytes, more than \`paceline_point_limit\` ($pf_limit) allows; set that variable to $pf_count or more to consent"
  if [ "$pf_check" = 1 ]; then
    pf_say warning "a rollback point for \`$1\` $pf_words"
    return 0
  fi
  pf_fail "a rollback point for \`$1\` $pf_words; nothing was changed"
}

# PATH: copies what is there and saves it, for something that is going to change it in place; pf_point came first.
# What is larger than the limit fails, before anything is changed.
pf_save_copied() {
  if ! pf_stat "$1"; then
    pf_save_absent "$1"
    return
  fi
  pf_within_limit "$1" || return 1
  pf_kept=$pl_points/$pf_number.kept pf_how=copy
  pf_copy "$1" "$pf_kept" || {
    pf_unsaved
    return 1
  }
  [ "$pf_kind" = link ] || pf_must_sync "$pf_kept"
  pf_save_kept "$1" "$pf_kind"
}

# PATH KIND: records pf_kept, to be brought back as pf_how says.
pf_save_kept() {
  pf_quote "$pf_kept"
  pf_part=$pf_quoted
  pf_quote "$1"
  pf_record "$2" "$1" "pf_undo_kept $pf_how $pf_quoted $pf_part" && return 0
  # A second name of the file is a change, too.
  [ "$pf_how" = take ] || rm -rf -- "$pf_kept"
  return 1
}

# PATH: gives what pf_save saved as taken its second name, in front of its successor; where there can be no second
# name, it is moved away.
pf_make_way() {
  ln -- "$1" "$pf_kept" 2>/dev/null || pf_take "$1"
}

# PATH: removes what pf_save_removed saved.
pf_take() {
  if [ "$pf_how" = take ]; then
    mv -f -- "$1" "$pf_kept" 2>"$pl_d/pf_error"
  else
    rm -f -- "$1" 2>"$pl_d/pf_error"
  fi || pf_failed "cannot remove \`$1\`"
}

# PATH: its mode is about to change, and its owner if pf_spec says so; pf_stat has seen it.
pf_save_mode() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_undo_mode_words "$1"
  if [ -n "$pf_spec" ] && [ "$pf_kind" = file ] && pf_copier && [ "$pf_copier" = gnu ]; then
    # A new owner takes capabilities from a file.
    if cp -a --attributes-only -- "$1" "$pl_points/$pf_number.kept" 2>/dev/null; then
      pf_must_sync "$pl_points/$pf_number.kept"
    fi
  fi
  pf_altered=$pl_points/$pf_number pf_made='' pf_temporary=''
  pf_record mode "$1" "$pf_undo"
}

# PATH: what brings its mode and owner back, into pf_undo; pf_stat has seen it.
pf_undo_mode_words() {
  pf_quote "$1"
  pf_octal_of "$pf_mode"
  pf_undo="pf_undo_mode $pf_quoted $pf_kind $pf_octal -"
  [ -z "$pf_spec" ] || pf_undo="pf_undo_mode $pf_quoted $pf_kind $pf_octal $pf_uid:$pf_gid"
}

# PATH: its times are about to change. Those of a folder are restored like those of any folder whose entries change.
pf_save_times() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_quote "$1"
  pf_undo="pf_undo_times $pf_quoted"
  if [ -d "$1" ]; then
    pf_keep_times "$1" || return 1
    pf_undo=:
  else
    touch -r "$1" "$pl_points/$pf_number.kept" 2>"$pl_d/pf_error" || {
      pf_unsaved
      return 1
    }
    pf_must_sync "$pl_points/$pf_number.kept"
  fi
  pf_touched=$pl_points/$pf_number pf_made='' pf_temporary=''
  pf_record times "$1" "$pf_undo"
}
