# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Packages of the host, through apt-get and dpkg, or dnf (or yum) and rpm. $pl_root stands in front of the paths it
# looks at: nothing, but for tests.

# MANAGER NAME...: which manager the host has, and which of these it knows as what. MANAGER may be empty.
pf_packages_look() {
  pf_u_manager=$1
  shift
  if [ -z "$pf_u_manager" ]; then
    if command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
      pf_u_manager=apt
    elif command -v rpm >/dev/null 2>&1; then
      pf_u_manager=dnf
    fi
  fi
  case $pf_u_manager in
    apt)
      pf_u_tool=apt-get
      command -v dpkg-query >/dev/null 2>&1 || pf_u_tool=dpkg-query
      ;;
    dnf)
      pf_u_tool=dnf
      command -v dnf >/dev/null 2>&1 || pf_u_tool=yum
      command -v rpm >/dev/null 2>&1 || pf_u_tool=rpm
      ;;
    *)
      pf_fail 'the host has neither `apt-get` nor `dnf`; use the command of its package manager'
      return 1
      ;;
  esac
  command -v "$pf_u_tool" >/dev/null 2>&1 || {
    pf_fail "the host has no \`$pf_u_tool\`"
    return 1
  }
  pl_v manager "$pf_u_manager"
  pl_v command "$pf_u_tool"
  date +%s >"$pl_d/pf_known"
  read -r pf_u_now <"$pl_d/pf_known"
  pl_v now "$pf_u_now"
  if [ $pf_u_manager = apt ]; then
    pf_u_stamp=${pl_root-}/var/lib/apt/periodic/update-success-stamp
    [ -e "$pf_u_stamp" ] || pf_u_stamp=${pl_root-}/var/lib/apt/lists
    [ ! -e "$pf_u_stamp" ] || pl_v cache "$(stat -c %Y -- "$pf_u_stamp" 2>/dev/null)"
    if [ $# != 0 ]; then
      dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Package} ${Version}\n' -- "$@" >"$pl_d/pf_known" 2>/dev/null
      pl_b known "$pl_d/pf_known"
    fi
  else
    for pf_u_name do
      if rpm -q --whatprovides -- "$pf_u_name" >"$pl_d/pf_known" 2>/dev/null || rpm -q -- "$pf_u_name" >"$pl_d/pf_known" 2>/dev/null; then
        pf_say installed "$pf_u_name"
      fi
    done
  fi
  rm -f -- "$pl_d/pf_known"
  return 75
}

# FILE...: what is in files of packages: name, architecture and version, and what is installed of it.
pf_deb_look() {
  for pf_path do
    if [ ! -f "$pf_path" ]; then
      pf_fail "there is no file \`$pf_path\`"
      return 1
    fi
    dpkg-deb -W --showformat='${Package} ${Architecture} ${Version}\n' -- "$pf_path" >"$pl_d/pf_known" 2>"$pl_d/pf_error" || {
      pf_failed "\`$pf_path\` is not a package of Debian"
      return 1
    }
    read -r pf_u_name pf_part pf_u_version <"$pl_d/pf_known"
    pf_say file "$pf_u_name $pf_u_version"
    pf_part=$(dpkg-query -W -f '${db:Status-Status} ${Version}' -- "$pf_u_name" 2>/dev/null)
    pf_say has "$pf_u_name ${pf_part:-none}"
  done
  rm -f -- "$pl_d/pf_known"
}

# MANAGER: lists what is installed, a name and a version a line.
pf_packages_list() {
  case $1 in
    apt) dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\n' 2>"$pl_d/pf_error" | sed -n 's/^installed //p' | LC_ALL=C sort ;;
    *) rpm -qa --qf '%{NAME}.%{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n' 2>"$pl_d/pf_error" | LC_ALL=C sort ;;
  esac
}

# MANAGER COMMAND LABEL: saves what is installed before that changes.
pf_packages_save() {
  pf_points_open || return 1
  pf_number=$((pf_number + 1))
  pf_forget
  pf_packages_list "$1" >"$pl_points/$pf_number.kept" 2>/dev/null
  if [ ! -s "$pl_points/$pf_number.kept" ]; then
    pf_failed 'cannot list the installed packages'
    return 1
  fi
  pf_must_sync "$pl_points/$pf_number.kept"
  pf_made='' pf_temporary='' pf_u_point=$pf_number
  pf_record packages "$3" "pf_undo_packages $1 $2" && pf_sync
}

# MANAGER COMMAND: brings back exactly what the step changed: what came goes, what went or has another version comes
# as it was, as far as the host's sources still have it.
pf_undo_packages() {
  [ -z "$pf_listing" ] || return 0
  [ -s "$pf_file.after" ] || pf_packages_list "$1" >"$pf_file.after"
  pf_packages_list "$1" >"$pl_d/pf_now"
  # Of both lists only what differs, then what is still as the run left it.
  grep -vxF -f "$pf_file.after" "$pf_file.kept" >"$pl_d/pf_went"
  grep -vxF -f "$pf_file.kept" "$pf_file.after" >"$pl_d/pf_came"
  pf_u_manager=$1 pf_u_command=$2
  set --
  if [ "$pf_u_manager" = apt ]; then
    while read -r pf_u_name pf_u_version; do
      grep -qxF -e "$pf_u_name $pf_u_version" "$pl_d/pf_now" || set -- "$@" "$pf_u_name=$pf_u_version"
    done <"$pl_d/pf_went"
    while read -r pf_u_name pf_u_version; do
      if pf_came_new; then set -- "$@" "$pf_u_name-"; fi
    done <"$pl_d/pf_came"
    pf_u_status=0
    if [ $# != 0 ]; then
      pf_tool 'export DEBIAN_FRONTEND=noninteractive LC_ALL=C' "$pf_u_command" -y --purge --allow-downgrades -o Dpkg::Options::=--force-confold install -- "$@"
      pf_u_status=$?
    fi
  else
    while read -r pf_u_name pf_u_version; do
      if pf_came_new; then set -- "$@" "$pf_u_name"; fi
    done <"$pl_d/pf_came"
    pf_u_status=0
    if [ $# != 0 ]; then
      pf_tool 'export LC_ALL=C' "$pf_u_command" -y --setopt=clean_requirements_on_remove=False remove "$@"
      pf_u_status=$?
    fi
    set --
    while read -r pf_u_name pf_u_version; do
      grep -qxF -e "$pf_u_name $pf_u_version" "$pl_d/pf_now" && continue
      # NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE
      set -- "$@" "${pf_u_name%.*}-$pf_u_version.${pf_u_name##*.}"
    done <"$pl_d/pf_went"
    if [ $pf_u_status = 0 ] && [ $# != 0 ]; then
      pf_tool 'export LC_ALL=C' "$pf_u_command" -y install "$@"
      pf_u_status=$?
    fi
  fi
  rm -f -- "$pl_d/pf_now" "$pl_d/pf_went" "$pl_d/pf_came"
  return $pf_u_status
}

# Whether pf_u_name came with the run, not as another version of what was there, and is still as the run left it.
pf_came_new() {
  while read -r pf_part pf_u_old; do
    [ "$pf_part" != "$pf_u_name" ] || return 1
  done <"$pl_d/pf_went"
  grep -qxF -e "$pf_u_name $pf_u_version" "$pl_d/pf_now"
}

# MANAGER EXPORTS ARGV...: changes packages, and notes what is installed afterwards whatever became of it.
pf_packages_act() {
  pf_u_manager=$1
  shift
  pf_tool "$@"
  pf_u_result=$?
  pf_packages_list "$pf_u_manager" >"$pl_points/$pf_u_point.after" 2>/dev/null
  if cmp -s "$pl_points/$pf_u_point.kept" "$pl_points/$pf_u_point.after"; then :; else pl_v changed packages; fi
  return $pf_u_result
}
