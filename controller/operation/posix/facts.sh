# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Raw material for facts: sections that start with a line `@@NAME`, read by the controller.
# Most of it costs no process: files of /proc, /sys and /etc are read by the shell itself.

# pl_lines NAME FILE: a section with the lines of a file, if it can be read.
pl_lines() {
[ -f "$2" ] && [ -r "$2" ] || return 0
echo "@@$1"
{
while IFS= read -r pl_line || [ -n "$pl_line" ]; do printf '%s\n' "$pl_line"; done <"$2"
} 2>/dev/null
}

# pl_has NAME FILE...: a section with those of the files that exist.
pl_has() {
echo "@@$1"
shift
for pl_f; do
if [ -e "$pl_f" ] || [ -L "$pl_f" ]; then echo "$pl_f"; fi
done
}

pl_facts_system() {
pl_lines kernel /proc/sys/kernel/osrelease
pl_lines version /proc/sys/kernel/version
pl_lines hostname /proc/sys/kernel/hostname
echo '@@machine'
if [ -r /proc/sys/kernel/arch ]; then pl_lines machine /proc/sys/kernel/arch; else uname -m; fi
echo '@@fqdn'
read -r pl_f </proc/sys/kernel/hostname
if command -v getent >/dev/null 2>&1; then
# As Python's getfqdn does: the address of the name, then the names of the address.
getent ahosts "$pl_f" 2>/dev/null | { read -r pl_f pl_x && getent hosts "$pl_f" 2>/dev/null; }
elif command -v hostname >/dev/null 2>&1; then
pl_f=$(hostname -f 2>/dev/null)
echo "- $pl_f"
fi
if [ -r /etc/os-release ]; then pl_lines os /etc/os-release; else pl_lines os /usr/lib/os-release; fi
pl_lines debian /etc/debian_version
pl_lines redhat /etc/redhat-release
pl_lines lsb /etc/lsb-release
pl_lines init /proc/1/comm
pl_lines machine_id /etc/machine-id
pl_lines resolv /etc/resolv.conf
pl_lines fips /proc/sys/crypto/fips_enabled
pl_lines cmdline /proc/cmdline
pl_lines selinux_enforce /sys/fs/selinux/enforce
pl_lines selinux_policy /sys/fs/selinux/policyvers
pl_lines selinux_config /etc/selinux/config
pl_has there /run/systemd/system /dev/.run/systemd /dev/.systemd /etc/init /sbin/openrc /etc/init.d /etc/runit \
/usr/bin/apt-get /usr/bin/dnf5 /usr/bin/dnf /usr/bin/dnf-3 /usr/bin/microdnf /usr/bin/yum /usr/bin/zypper /sbin/apk /usr/bin/apk \
/usr/bin/pacman /usr/bin/emerge /usr/bin/xbps-install /usr/bin/lsb_release /usr/bin/rpm-ostree \
/sys/kernel/security/apparmor /etc/ansible/facts.d/*.fact
for pl_f in dsa rsa ecdsa ed25519; do
for pl_x in /etc/ssh /etc/openssh /etc; do
[ -r "$pl_x/ssh_host_${pl_f}_key.pub" ] || continue
pl_lines "key_$pl_f" "$pl_x/ssh_host_${pl_f}_key.pub"
break
done
done
echo '@@ids'
while read -r pl_x pl_line; do
case $pl_x in
Uid: | Gid: | Cpus_allowed_list:) echo "$pl_x $pl_line" ;;
esac
done </proc/self/status
pl_uid=
while read -r pl_x pl_f pl_uid pl_line; do
[ "$pl_x" != Uid: ] || break
done </proc/self/status
echo '@@passwd'
if command -v getent >/dev/null 2>&1; then
getent passwd "$pl_uid"
else
while IFS=: read -r pl_x pl_f pl_n pl_line; do
[ "$pl_n" != "$pl_uid" ] || { printf '%s\n' "$pl_x:x:$pl_n:$pl_line"; break; }
done </etc/passwd
fi
echo '@@date'
date '+%Y|%m|%d|%H|%M|%S|%Z|%z|%A|%w|%W|%s|%N'
}

pl_facts_hardware() {
echo '@@cpu'
grep -E '^(processor|vendor_id|model name|Processor|physical id|siblings|cpu cores)[[:space:]]*:' /proc/cpuinfo
echo '@@cpu_flags'
{
while IFS= read -r pl_line; do
case $pl_line in
flags*)
printf '%s\n' "$pl_line"
break
;;
esac
done </proc/cpuinfo
} 2>/dev/null
pl_lines memory /proc/meminfo
pl_lines uptime /proc/uptime
pl_lines load /proc/loadavg
for pl_f in bios_date bios_vendor bios_version board_name board_vendor chassis_vendor product_name product_serial product_uuid product_version sys_vendor; do
pl_lines "dmi_$pl_f" "/sys/class/dmi/id/$pl_f"
done
pl_lines mounts /proc/mounts
set --
while read -r pl_x pl_f pl_n; do
case $pl_x$pl_f in
*\\*) ;;
/dev/*) [ $# -ge 200 ] || set -- "$@" "$pl_f" ;;
esac
done </proc/mounts
if [ $# -gt 0 ]; then
echo '@@sizes'
stat -f -c '%s %S %b %a %c %d %n' "$@" 2>/dev/null
fi
}

pl_facts_network() {
echo '@@interfaces'
for pl_f in /sys/class/net/*; do
[ -e "$pl_f/type" ] || continue
pl_line=${pl_f##*/}
for pl_x in address mtu type flags operstate; do
pl_n=-
{ read -r pl_n <"$pl_f/$pl_x"; } 2>/dev/null
pl_line="$pl_line ${pl_n:--}"
done
[ ! -d "$pl_f/bridge" ] || pl_line="$pl_line bridge"
[ ! -d "$pl_f/bonding" ] || pl_line="$pl_line bonding"
printf '%s\n' "$pl_line"
done
if command -v ip >/dev/null 2>&1; then
echo '@@addresses'
ip -o addr show 2>/dev/null
fi
pl_lines route4 /proc/net/route
pl_lines route6 /proc/net/ipv6_route
}

pl_facts_virtual() {
pl_has virtual /.dockerenv /.dockerinit /run/.containerenv /proc/xen /proc/vz /proc/bc /dev/kvm /sys/hypervisor/type
pl_lines virtual_init /run/systemd/container
pl_lines virtual_group /proc/1/cgroup
echo '@@virtual_modules'
while read -r pl_x pl_line; do
case $pl_x in
kvm | vboxdrv | virtio) echo "$pl_x" ;;
esac
done </proc/modules
}

# pl_facts HARDWARE NETWORK VIRTUAL: each 1 or nothing.
pl_facts() {
{
pl_facts_system
[ -z "$1" ] || pl_facts_hardware
[ -z "$2" ] || pl_facts_network
[ -z "$3" ] || pl_facts_virtual
echo '@@env'
(eval "${pl_env-}" && exec env -0)
} >"$pl_d/facts" 2>/dev/null
pl_b facts "$pl_d/facts"
pl_r=$?
rm -f "$pl_d/facts"
return $pl_r
}

# pl_ping: answers.
pl_ping() {
pl_v ping pong
}
