# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Archives: listed first, unpacked into the session's private folder when the controller has seen every name, and then put
# into their places one by one, each behind its rollback point.

# SRC DEST: reports the form of an archive and what is in it. No SRC means the payload.
pf_archive_list() {
  pf_given=$2
  if [ ! -d "$2" ]; then
    pf_fail "dest '$2' must be an existing dir"
    return 1
  fi
  if [ -n "$1" ]; then
    pf_archive=$1
    if [ ! -f "$1" ] || [ ! -r "$1" ]; then
      pf_fail "Source '$1' does not exist"
      return 1
    fi
  else
    pf_archive=$pl_d/pf_archive
    mv -f -- "$pl_payload" "$pf_archive" 2>"$pl_d/pf_error" || {
      pf_failed 'cannot keep the archive for the steps that follow'
      return 1
    }
  fi
  pf_u_form=$(od -An -N6 -tx1 <"$pf_archive" 2>/dev/null | tr -d ' \n')
  case $pf_u_form in
    504b0304* | 504b0506*) pf_u_form=zip ;;
    1f8b*) pf_u_form=gz ;;
    425a68*) pf_u_form=bz2 ;;
    fd377a585a00) pf_u_form=xz ;;
    28b52ffd*) pf_u_form=zst ;;
    *) pf_u_form=tar ;;
  esac
  pl_v form $pf_u_form
  pf_unpack_words $pf_u_form || return 1
  if [ $pf_u_form = zip ]; then
    (LC_ALL=C; export LC_ALL; exec unzip -l "$pf_archive") >"$pl_d/pf_names" 2>"$pl_d/pf_error" </dev/null
  else
    (LC_ALL=C; export LC_ALL; exec tar $pf_u_words -tvf "$pf_archive") >"$pl_d/pf_names" 2>"$pl_d/pf_error" </dev/null
  fi || {
    pf_failed "Failed to find handler for \"$pf_archive\". Make sure the required command to extract the file is installed"
    return 1
  }
  pl_b list "$pl_d/pf_names"
  rm -f -- "$pl_d/pf_names"
  return 75
}

# FORM: what tar is told of it, into pf_u_words.
pf_unpack_words() {
  pf_u_words='' pf_u_tool=tar
  case $1 in
    zip) pf_u_tool=unzip ;;
    gz) pf_u_words=-z ;;
    bz2) pf_u_words=-j ;;
    xz) pf_u_words=-J ;;
    zst) pf_u_words=--zstd ;;
  esac
  command -v $pf_u_tool >/dev/null 2>&1 || pf_fail "the host has no \`$pf_u_tool\`, which unpacks this archive; install it"
}

# SRC FORM: unpacks the archive into the private folder, and reports what is there.
pf_archive_unpack() {
  pf_archive=${1:-$pl_d/pf_archive} pf_u_home=$pl_d/unpacked
  pf_unpack_words "$2" || return 1
  rm -rf -- "$pf_u_home"
  mkdir -m 700 -- "$pf_u_home" || return 1
  if [ "$2" = zip ]; then
    (umask "$pl_u"; cd -- "$pf_u_home" && exec unzip -q -o "$pf_archive") >"$pl_d/pf_names" 2>"$pl_d/pf_error" </dev/null
  else
    (umask "$pl_u"; cd -- "$pf_u_home" && exec tar $pf_u_words -xf "$pf_archive") >"$pl_d/pf_names" 2>"$pl_d/pf_error" </dev/null
  fi || {
    pf_failed "cannot unpack \`$pf_archive\`, so nothing was changed"
    pf_archive_end
    return 1
  }
  find "$pf_u_home" -mindepth 1 -print0 >"$pl_d/pf_names" 2>/dev/null
  find "$pf_u_home" -mindepth 1 -exec stat -c "$pf_format" -- '{}' + >"$pl_d/pf_states" 2>/dev/null
  pl_v umask "$pl_u"
  pf_say root "$pf_u_home"
  pl_b names "$pl_d/pf_names"
  pl_b states "$pl_d/pf_states"
  find "$pf_u_home" -mindepth 1 -type l >"$pl_d/pf_states" 2>/dev/null
  while IFS= read -r pf_path; do
    pf_readlink "$pf_path" && pf_say link "$pf_path$pf_mark$pf_target"
  done <"$pl_d/pf_states"
  rm -f -- "$pl_d/pf_names" "$pl_d/pf_states"
  return 75
}

# What was unpacked is of no use any more.
pf_archive_end() {
  chmod -R u+rwX "$pl_d/unpacked" 2>/dev/null
  rm -rf -- "$pl_d/unpacked" "$pl_d/pf_archive"
  return 0
}

# FROM TO KEEP: a file; with KEEP one that is newer there stays.
pf_archive_file() {
  if [ -n "$3" ] && [ -e "$2" ] && [ "$2" -nt "$1" ]; then return 0; fi
  pf_put_remote "$1" "$2" '' m 493 '' 2
}
