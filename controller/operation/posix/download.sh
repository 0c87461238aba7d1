# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Downloads by the host. Address, headers and logins are in the payload, as for pl_uri; what arrives lies in the session's
# private folder until the controller has judged it.

# NAME CURL WGET ADDRESS: downloads into $pl_d/NAME. The payload holds a configuration for curl, one for wget, and the address,
# which have these lengths.
pf_download() {
  pf_u_home=$pl_d/download
  rm -rf -- "$pf_u_home"
  mkdir -m 700 "$pf_u_home" || return 1
  pf_u_to=$pl_d/$1
  if command -v curl >/dev/null 2>&1; then
    pl_name=curl
    head -c "$2" "$pl_payload" >"$pf_u_home/config"
    pl_stdin=$pf_u_home/config
    set -- curl -q -K - -D "$pf_u_home/head" -o "$pf_u_to"
  elif wget --version 2>/dev/null | grep -q 'GNU Wget'; then
    pl_name=wget
    tail -c "+$(($2 + 1))" "$pl_payload" | head -c "$3" >"$pf_u_home/config"
    tail -c "+$(($2 + $3 + 1))" "$pl_payload" | head -c "$4" >"$pf_u_home/address"
    pl_stdin=$pf_u_home/address
    set -- "$(command -v wget)" -nv "--config=$pf_u_home/config" -i - -O "$pf_u_to"
  else
    rm -rf -- "$pf_u_home"
    pf_fail 'the host has neither `curl` nor GNU `wget`; install one of them, or copy the file with `copy`'
    return 1
  fi
  rm -f -- "$pf_u_to"
  pl_run "${pl_limit:-0}" "$@"
  pl_v client "$pl_name"
  [ ! -s "$pf_u_home/head" ] || pl_b head "$pf_u_home/head"
  # Nothing is written for an answer without content.
  [ -e "$pf_u_to" ] || true >"$pf_u_to"
  rm -rf -- "$pf_u_home"
  return 75
}

# The same for a small file whose content the controller wants.
pf_download_sums() {
  pf_download "$@"
  pf_status=$?
  if [ -f "$pl_d/$1" ]; then
    head -c 1048576 "$pl_d/$1" >"$pl_d/$1.head"
    pl_b sums "$pl_d/$1.head"
  fi
  rm -f -- "$pl_d/$1" "$pl_d/$1.head"
  return $pf_status
}

# DEST NAME ALGORITHM DIGEST FORCE: whether a download is needed, as `need 1`. NAME is for a DEST that is a folder.
pf_get_look() {
  pf_given=$1 pf_at=$1
  if [ -d "$1" ]; then
    pl_v directory 1
    pf_at=${1%/}/$2
    # Its name may be another one, which only the answer tells.
    [ -n "$4" ] || {
      pl_v need 1
      return 0
    }
  fi
  if [ ! -e "$pf_at" ]; then
    pl_v absent 1
    pl_v need 1
    return 0
  fi
  if [ -n "$4" ]; then
    pf_digest=$({ "${3}sum" <"$pf_at"; } 2>/dev/null)
    [ "${pf_digest%% *}" = "$4" ] || {
      pl_v need 1
      return 0
    }
  elif [ "$5" = 1 ]; then
    pl_v need 1
    return 0
  fi
  pf_existing "$pf_at" 1
}

# NAME DEST ALGORITHM DIGEST FLAGS: puts what was downloaded into its place.
pf_get_put() {
  pf_u_got=$pl_d/$1
  if [ ! -f "$pf_u_got" ]; then
    pf_fail 'what was downloaded is gone'
    return 1
  fi
  if [ -n "$4" ]; then
    pf_digest=$({ "${3}sum" <"$pf_u_got"; } 2>"$pl_d/pf_error")
    pf_digest=${pf_digest%% *}
    if [ "$pf_digest" != "$4" ]; then
      rm -f -- "$pf_u_got"
      pf_fail "The checksum for $2 did not match $4; it was $pf_digest."
      return 1
    fi
  fi
  pf_digest=$(sha1sum <"$pf_u_got") && pl_v sha1 "${pf_digest%% *}"
  pf_digest=$(md5sum <"$pf_u_got") && pl_v md5 "${pf_digest%% *}"
  pf_sum "$pf_u_got" || {
    pf_failed 'cannot read what was downloaded'
    return 1
  }
  pf_u_saved=$pl_payload pl_payload=$pf_u_got pf_text=''
  pf_put "$2" '' "$pf_digest" "$(stat -c %s -- "$pf_u_got")" "$5" '' '' ''
  pf_u_result=$?
  pl_payload=$pf_u_saved
  rm -f -- "$pf_u_got"
  return $pf_u_result
}
