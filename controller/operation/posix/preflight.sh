# shellcheck shell=sh
# shellcheck disable=SC2154
# What preflight looks at. Nothing is changed, and no answer is waited for longer than a few seconds.

# pf_machine FOLDER NAME...: the machine, the place where FOLDER is going to be, and what it knows about NAMEs.
pf_machine() {
  pl_v now "$(date +%s)"
  pl_v uid "$(id -u)"
  pf_line=$(nproc 2>/dev/null) || pf_line=$(getconf _NPROCESSORS_ONLN 2>/dev/null)
  [ -z "$pf_line" ] || pl_v processors "$pf_line"
  if [ -r /proc/meminfo ]; then
    while read -r pf_part pf_line pf_to; do
      case $pf_part in
        MemTotal:)
          pl_v memory "$pf_line"
          break
          ;;
      esac
    done </proc/meminfo
  fi
  pf_at=$1
  while [ ! -d "$pf_at" ] && [ "$pf_at" != / ]; do pf_parent "$pf_at"; pf_at=$pf_folder; done
  if timeout 5 df -Pk -- "$pf_at" >"$pl_d/pf_disk" 2>/dev/null; then pl_b disk "$pl_d/pf_disk"; fi
  pf_ports
  if ! timeout 5 ip -o addr show >"$pl_d/pf_addresses" 2>/dev/null; then
    timeout 5 hostname -I >"$pl_d/pf_addresses" 2>/dev/null || rm -f -- "$pl_d/pf_addresses"
  fi
  pl_b addresses "$pl_d/pf_addresses" || :
  pf_leftovers "$1"
  pf_settings "$1"
  shift
  command -v getent >/dev/null 2>&1 || return 0
  pf_count=0
  for pf_part; do
    pf_count=$((pf_count + 1))
    timeout 5 getent ahosts "$pf_part" >"$pl_d/pf_names" 2>/dev/null
    # 2 is an unknown name; when it took too long nobody knows.
    case $? in
      0 | 2) pl_b "name.$pf_count" "$pl_d/pf_names" ;;
    esac
  done
  return 0
}

# The ports that something listens on, as the kernel tells them: hexadecimal, behind the last colon.
pf_ports() {
  pf_found='' pf_listening=''
  for pf_at in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$pf_at" ] || continue
    while read -r pf_part pf_line pf_to pf_name pf_from; do
      [ "$pf_name" != 0A ] || pf_found="$pf_found ${pf_line##*:}"
    done <"$pf_at"
    pf_listening=1
  done
  [ -z "$pf_listening" ] || pl_v listening "$pf_found"
}

# FOLDER: what an earlier attempt left there.
pf_leftovers() {
  for pf_part in "$1"/RuntimeOld "$1"/Runtime.new "$1"/*.new "$1"/.paceline-* "$1"/Runtime/*.new \
    "$1"/Runtime/appsettings.Production.json "$1"/Runtime/appsettings.*.Production.json; do
    if [ -e "$pf_part" ] || [ -L "$pf_part" ]; then pf_say leftover "$pf_part"; fi
  done
}

# FOLDER: the settings files of the agent, `settings NUMBER PATH` and the bytes `settings.NUMBER`, if they are not too large.
pf_settings() {
  pf_count=0
  for pf_part in appsettings.json appsettings.agent.json web.config; do
    pf_count=$((pf_count + 1)) pf_at=$1/Runtime/$pf_part
    [ -f "$pf_at" ] || continue
    pf_say settings "$pf_count $pf_at"
    pf_size=$(stat -L -c %s -- "$pf_at" 2>/dev/null)
    if [ -r "$pf_at" ] && [ "${pf_size:-1048577}" -le 1048576 ]; then pl_b "settings.$pf_count" "$pf_at"; fi
  done
  return 0
}

# pf_reach LIMIT HOST PORT HOST PORT...: tries them all at once, each for LIMIT seconds; 0 is a connection that was made.
pf_reach() {
  pf_limit=$1
  shift
  if ! command -v bash >/dev/null 2>&1; then
    pl_v client none
    return 0
  fi
  pf_count=0 pf_found=''
  while [ $# -ge 2 ]; do
    pf_count=$((pf_count + 1))
    # $0 and $1 are for the shell that is started.
    # shellcheck disable=SC2016
    timeout "$pf_limit" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" </dev/null >/dev/null 2>"$pl_d/pf_reach.$pf_count" &
    pf_found="$pf_found $!"
    shift 2
  done
  pf_count=0
  for pf_part in $pf_found; do
    pf_count=$((pf_count + 1))
    wait "$pf_part"
    pl_v reach "$pf_count $?"
    pf_line=''
    IFS= read -r pf_line <"$pl_d/pf_reach.$pf_count"
    [ -z "$pf_line" ] || pf_say why "$pf_count $pf_line"
    rm -f -- "$pl_d/pf_reach.$pf_count"
  done
  return 0
}
