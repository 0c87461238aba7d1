//! Facts about processors, memory, mounts, firmware and virtualization.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::sections::Sections;

type Facts = Map<String, Value>;

pub(super) fn read(sections: &Sections, facts: &mut Facts) {
    processors(sections, facts);
    memory(sections, facts);
    let number = |name: &str, at: usize| {
        sections.line(name).and_then(|line| line.split_whitespace().nth(at)?.parse::<f64>().ok())
    };
    if let Some(uptime) = number("uptime", 0) {
        facts.insert("uptime_seconds".to_owned(), json!(uptime.trunc() as i64));
    }
    if let (Some(one), Some(five), Some(fifteen)) = (number("load", 0), number("load", 1), number("load", 2))
    {
        facts.insert("loadavg".to_owned(), json!({"1m": one, "5m": five, "15m": fifteen}));
    }
    for (name, file) in [
        ("bios_date", "bios_date"),
        ("bios_vendor", "bios_vendor"),
        ("bios_version", "bios_version"),
        ("board_name", "board_name"),
        ("board_vendor", "board_vendor"),
        ("chassis_vendor", "chassis_vendor"),
        ("product_name", "product_name"),
        ("product_serial", "product_serial"),
        ("product_uuid", "product_uuid"),
        ("product_version", "product_version"),
        ("system_vendor", "sys_vendor"),
    ] {
        let value = sections.line(&format!("dmi_{file}")).unwrap_or("NA");
        facts.insert(name.to_owned(), value.into());
    }
    facts.insert("mounts".to_owned(), mounts(sections));
}

fn processors(sections: &Sections, facts: &mut Facts) {
    let mut shown = Vec::new();
    let mut sockets = HashSet::new();
    let (mut count, mut cores, mut siblings) = (0_u64, 1_u64, 1_u64);
    for line in sections.lines("cpu") {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "processor" => {
                count += 1;
                shown.push(value);
            }
            "vendor_id" | "model name" | "Processor" => shown.push(value),
            "physical id" => {
                sockets.insert(value);
            }
            "cpu cores" => cores = value.parse().unwrap_or(1).max(1),
            "siblings" => siblings = value.parse().unwrap_or(1),
            _ => {}
        }
    }
    let sockets = if sockets.is_empty() { count } else { sockets.len() as u64 };
    let threads = (siblings / cores).max(1);
    facts.insert("processor".to_owned(), shown.into());
    facts.insert("processor_count".to_owned(), sockets.into());
    facts.insert("processor_cores".to_owned(), cores.into());
    facts.insert("processor_threads_per_core".to_owned(), threads.into());
    facts.insert("processor_vcpus".to_owned(), (threads * sockets * cores).into());
}

fn memory(sections: &Sections, facts: &mut Facts) {
    let sizes: HashMap<&str, i64> = sections
        .lines("memory")
        .filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            Some((key, value.split_whitespace().next()?.parse::<i64>().ok()? / 1024))
        })
        .collect();
    if sizes.is_empty() {
        return;
    }
    let get = |name: &str| sizes.get(name).copied().unwrap_or(0);
    let (total, free) = (get("MemTotal"), get("MemFree"));
    let nocache = free + get("Cached") + get("Buffers");
    let (swap, swap_free) = (get("SwapTotal"), get("SwapFree"));
    facts.insert("memtotal_mb".to_owned(), total.into());
    facts.insert("memfree_mb".to_owned(), free.into());
    facts.insert("swaptotal_mb".to_owned(), swap.into());
    facts.insert("swapfree_mb".to_owned(), swap_free.into());
    facts.insert(
        "memory_mb".to_owned(),
        json!({
            "real": {"total": total, "free": free, "used": total - free},
            "nocache": {"free": nocache, "used": total - nocache},
            "swap": {"total": swap, "free": swap_free, "used": swap - swap_free, "cached": get("SwapCached")},
        }),
    );
}

fn mounts(sections: &Sections) -> Value {
    let sizes: HashMap<&str, Vec<i64>> = sections
        .lines("sizes")
        .filter_map(|line| {
            let words: Vec<&str> = line.splitn(7, ' ').collect();
            let (path, numbers) = words.split_last()?;
            Some((*path, numbers.iter().filter_map(|word| word.parse().ok()).collect()))
        })
        .collect();
    let mut mounts = Vec::new();
    for line in sections.lines("mounts") {
        let words: Vec<&str> = line.split(' ').collect();
        let [device, path, kind, options, dump, pass, ..] = words.as_slice() else { continue };
        if !(device.starts_with('/') || device.contains(":/")) || *kind == "none" {
            continue;
        }
        let mut mount = Map::new();
        mount.insert("mount".to_owned(), unescape(path).into());
        mount.insert("device".to_owned(), unescape(device).into());
        mount.insert("fstype".to_owned(), (*kind).into());
        mount.insert("options".to_owned(), (*options).into());
        mount.insert("dump".to_owned(), dump.parse::<i64>().unwrap_or(0).into());
        mount.insert("passno".to_owned(), pass.parse::<i64>().unwrap_or(0).into());
        mount.insert("uuid".to_owned(), "N/A".into());
        if let Some([block, unit, blocks, available, inodes, inodes_free]) =
            sizes.get(path).map(Vec::as_slice)
        {
            for (name, value) in [
                ("size_total", unit.saturating_mul(*blocks)),
                ("size_available", unit.saturating_mul(*available)),
                ("block_size", *block),
                ("block_total", *blocks),
                ("block_available", *available),
                ("block_used", blocks.saturating_sub(*available)),
                ("inode_total", *inodes),
                ("inode_available", *inodes_free),
                ("inode_used", inodes.saturating_sub(*inodes_free)),
            ] {
                mount.insert(name.to_owned(), value.into());
            }
        }
        mounts.push(Value::Object(mount));
    }
    Value::Array(mounts)
}

/// Undoes the octal escapes of `/proc/mounts`.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, char)| text.replace(escape, char))
}

pub(super) fn read_virtual(sections: &Sections, facts: &mut Facts) {
    let (kind, role) = virtualization(sections);
    facts.insert("virtualization_type".to_owned(), kind.into());
    facts.insert("virtualization_role".to_owned(), role.into());
}

fn virtualization(sections: &Sections) -> (String, &'static str) {
    let has = |path: &str| sections.has("virtual", path);
    let guest = |kind: &str| (kind.to_owned(), "guest");
    let groups = sections.text("virtual_group").unwrap_or_default();
    if has("/.dockerenv") || has("/.dockerinit") || groups.contains("/docker") {
        return guest("docker");
    }
    if groups.contains("/lxc") {
        return guest("lxc");
    }
    match sections.line("virtual_init") {
        Some("systemd-nspawn") => return guest("container"),
        Some(kind) => return guest(kind),
        None if has("/run/.containerenv") => return guest("podman"),
        None => {}
    }
    if has("/proc/vz") {
        return ("openvz".to_owned(), if has("/proc/bc") { "host" } else { "guest" });
    }
    if has("/proc/xen") {
        return guest("xen");
    }
    let dmi = |name: &str| sections.line(&format!("dmi_{name}")).unwrap_or_default();
    let (product, vendor, bios) = (dmi("product_name"), dmi("sys_vendor"), dmi("bios_vendor"));
    let kind = match (product, vendor) {
        ("KVM" | "KVM Server" | "Bochs" | "AHV", _)
        | (_, "QEMU" | "Amazon EC2" | "Google" | "DigitalOcean" | "Hetzner" | "Linode") => "kvm",
        ("OpenStack Compute" | "OpenStack Nova", _) => "openstack",
        ("VirtualBox", _) => "virtualbox",
        ("HVM domU", _) => "xen",
        ("Virtual Machine", "Microsoft Corporation") => "VirtualPC",
        ("Parallels Virtual Platform" | "Parallels ARM Virtual Machine", _) => "parallels",
        (product, _) if product.starts_with("VMware") => "VMware",
        (_, "oVirt") => "oVirt",
        (_, "Red Hat") => "RHEV",
        _ if bios == "Xen" => "xen",
        _ if bios == "innotek GmbH" => "virtualbox",
        _ => "",
    };
    if !kind.is_empty() {
        return guest(kind);
    }
    let modules: Vec<&str> = sections.lines("virtual_modules").collect();
    if modules.contains(&"kvm") {
        return ("kvm".to_owned(), "host");
    }
    if modules.contains(&"vboxdrv") {
        return ("virtualbox".to_owned(), "host");
    }
    let flags = sections.text("cpu_flags").unwrap_or_default();
    if modules.contains(&"virtio") || flags.split_whitespace().any(|flag| flag == "hypervisor") {
        return guest("kvm");
    }
    ("NA".to_owned(), "NA")
}
