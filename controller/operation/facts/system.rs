//! Facts about the system: distribution, names, user, time, managers.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::sections::Sections;

type Facts = Map<String, Value>;

pub(super) fn read(sections: &Sections, facts: &mut Facts) {
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    let line = |name: &str| sections.line(name).unwrap_or_default();
    let nodename = line("hostname");
    put("system", "Linux".into());
    put("kernel", line("kernel").into());
    put("kernel_version", line("version").into());
    put("nodename", nodename.into());
    put("hostname", nodename.split('.').next().unwrap_or_default().into());
    // The first field is an address; of the names that follow, the first one with a dot, else the first one.
    let names = || sections.line("fqdn").unwrap_or_default().split_whitespace().skip(1);
    let fqdn = names().find(|name| name.contains('.')).or_else(|| names().next()).unwrap_or(nodename);
    put("fqdn", fqdn.into());
    put("domain", fqdn.split_once('.').map_or("", |(_, domain)| domain).into());
    let machine = line("machine");
    put("machine", machine.into());
    put("architecture", if machine == "i686" { "i386" } else { machine }.into());
    put("userspace_architecture", if machine == "i686" { "i386" } else { machine }.into());
    put("userspace_bits", if machine.contains("64") || machine == "s390x" { "64" } else { "32" }.into());
    if let Some(id) = sections.line("machine_id") {
        put("machine_id", id.into());
    }
    put("fips", (line("fips") == "1").into());
    put("cmdline", command_line(line("cmdline")));
    put("env", sections.environment().into());
    put("dns", dns(sections));
    put("selinux", selinux(sections));
    let apparmor = sections.has("there", "/sys/kernel/security/apparmor");
    put("apparmor", json!({"status": if apparmor { "enabled" } else { "disabled" }}));
    if !sections.lines("there").any(|path| path.starts_with("/etc/ansible/facts.d/")) {
        put("local", json!({}));
    }
    put("service_mgr", service_manager(sections).into());
    for (name, value) in distribution(sections).into_iter().chain(user(sections)).chain(keys(sections)) {
        put(&name, value);
    }
    if let Some(time) = date_time(line("date")) {
        put("date_time", time);
    }
}

fn command_line(text: &str) -> Value {
    let words = text.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.trim_matches('"').into()),
        None => (word.to_owned(), true.into()),
    });
    Value::Object(words.collect())
}

fn dns(sections: &Sections) -> Value {
    let mut dns = Map::new();
    for line in sections.lines("resolv") {
        let mut words = line.split_whitespace();
        let (key, words) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        match key {
            "nameserver" => {
                let servers = dns.entry("nameservers").or_insert_with(|| json!([]));
                if let Some(servers) = servers.as_array_mut() {
                    servers.extend(words.into_iter().map(Value::from));
                }
            }
            "domain" => {
                dns.insert(key.to_owned(), words.first().copied().unwrap_or_default().into());
            }
            "search" | "sortlist" => {
                dns.insert(key.to_owned(), words.into());
            }
            "options" => {
                let options = words.into_iter().map(|word| match word.split_once(':') {
                    Some((name, value)) => (name.to_owned(), value.into()),
                    None => (word.to_owned(), true.into()),
                });
                dns.insert(key.to_owned(), Value::Object(options.collect()));
            }
            _ => {}
        }
    }
    Value::Object(dns)
}

fn selinux(sections: &Sections) -> Value {
    let Some(enforce) = sections.line("selinux_enforce") else { return json!({"status": "disabled"}) };
    let config = sections.assignments("selinux_config");
    let get = |name: &str| config.get(name).cloned().unwrap_or_else(|| "unknown".to_owned());
    json!({
        "status": "enabled",
        "mode": if enforce == "1" { "enforcing" } else { "permissive" },
        "config_mode": get("SELINUX"),
        "type": get("SELINUXTYPE"),
        "policyvers": sections.line("selinux_policy").and_then(|text| text.parse::<i64>().ok()),
    })
}

/// Follows Ansible: the name of process 1 unless it is `init` or a shell, else what is installed.
fn service_manager(sections: &Sections) -> String {
    let there = |path: &str| sections.has("there", path);
    match sections.line("init").unwrap_or("init") {
        "procd" => "openwrt_init".to_owned(),
        "runit-init" => "runit".to_owned(),
        "svscan" => "svc".to_owned(),
        "openrc-init" => "openrc".to_owned(),
        name if name != "init" && !name.ends_with("sh") => name.to_owned(),
        _ if ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"].iter().any(|path| there(path)) => {
            "systemd".to_owned()
        }
        _ if there("/etc/init") => "upstart".to_owned(),
        _ if there("/sbin/openrc") => "openrc".to_owned(),
        _ if there("/etc/init.d") => "sysvinit".to_owned(),
        _ if there("/etc/runit") => "runit".to_owned(),
        _ => "service".to_owned(),
    }
}

const FAMILIES: &[(&str, &[&str])] = &[
    ("Debian", &["Debian", "Ubuntu", "Devuan", "Kali", "Linux Mint", "Neon", "Pop!_OS", "Deepin", "Parrot"]),
    (
        "RedHat",
        &[
            "RedHat",
            "Fedora",
            "CentOS",
            "Rocky",
            "AlmaLinux",
            "OracleLinux",
            "Amazon",
            "CloudLinux",
            "Scientific",
            "Virtuozzo",
            "openEuler",
            "EuroLinux",
            "Alibaba",
            "TencentOS",
        ],
    ),
    ("Suse", &["SLES", "SLED", "SLES_SAP", "openSUSE Leap", "openSUSE Tumbleweed", "openSUSE MicroOS"]),
    ("Archlinux", &["Archlinux", "Manjaro", "Antergos"]),
    ("Gentoo", &["Gentoo", "Funtoo"]),
];

fn name_of(id: &str) -> String {
    let known = match id {
        "debian" | "raspbian" => "Debian",
        "rhel" => "RedHat",
        "centos" => "CentOS",
        "almalinux" => "AlmaLinux",
        "ol" => "OracleLinux",
        "amzn" => "Amazon",
        "cloudlinux" => "CloudLinux",
        "euleros" => "EulerOS",
        "openEuler" => "openEuler",
        "eurolinux" => "EuroLinux",
        "tencentos" => "TencentOS",
        "sles" => "SLES",
        "sled" => "SLED",
        "sles_sap" => "SLES_SAP",
        "opensuse-leap" => "openSUSE Leap",
        "opensuse-tumbleweed" => "openSUSE Tumbleweed",
        "opensuse-microos" => "openSUSE MicroOS",
        "arch" => "Archlinux",
        "linuxmint" => "Linux Mint",
        "pop" => "Pop!_OS",
        "" => "Linux",
        other => {
            let mut chars = other.chars();
            let first = chars.next().map(|char| char.to_ascii_uppercase());
            return first.into_iter().chain(chars).collect();
        }
    };
    known.to_owned()
}

fn distribution(sections: &Sections) -> Facts {
    let os = sections.assignments("os");
    let get = |name: &str| os.get(name).map_or("", String::as_str);
    let name = name_of(get("ID"));
    let family = FAMILIES
        .iter()
        .find(|(_, members)| members.contains(&name.as_str()))
        .map_or(name.as_str(), |(family, _)| family)
        .to_owned();
    let released = sections.line("redhat").and_then(|line| {
        line.split_once("release ")
            .map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default().to_owned())
    });
    let version = match (name.as_str(), sections.line("debian")) {
        ("Debian", Some(version)) if version.starts_with(|char: char| char.is_ascii_digit()) => {
            version.to_owned()
        }
        ("CentOS", _) => released
            .map(|version| version.split('.').take(2).collect::<Vec<_>>().join("."))
            .unwrap_or_else(|| get("VERSION_ID").to_owned()),
        _ => get("VERSION_ID").to_owned(),
    };
    let inner = get("VERSION").split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let release = match (get("VERSION_CODENAME"), inner) {
        ("", Some((codename, _))) if family == "RedHat" || family == "Debian" => codename,
        ("", _) => "NA",
        (codename, _) => codename,
    };
    let mut facts = Facts::new();
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    let (major, rest) = version.split_once('.').unwrap_or((&version, ""));
    put("distribution", name.as_str().into());
    put("distribution_version", if version.is_empty() { "NA" } else { &version }.into());
    put("distribution_major_version", if major.is_empty() { "NA" } else { major }.into());
    if name == "Debian" && !rest.is_empty() {
        put("distribution_minor_version", rest.into());
    }
    put("distribution_release", release.into());
    put("os_family", family.as_str().into());
    put("pkg_mgr", package_manager(sections, &family).into());
    put("lsb", lsb(sections, &os));
    facts
}

fn package_manager(sections: &Sections, family: &str) -> &'static str {
    const MANAGERS: &[(&str, &str)] = &[
        ("/usr/bin/apt-get", "apt"),
        ("/usr/bin/dnf5", "dnf5"),
        ("/usr/bin/dnf", "dnf"),
        ("/usr/bin/dnf-3", "dnf"),
        ("/usr/bin/microdnf", "dnf"),
        ("/usr/bin/yum", "yum"),
        ("/usr/bin/zypper", "zypper"),
        ("/sbin/apk", "apk"),
        ("/usr/bin/apk", "apk"),
        ("/usr/bin/pacman", "pacman"),
        ("/usr/bin/emerge", "portage"),
        ("/usr/bin/xbps-install", "xbps"),
    ];
    let there = |path: &str| sections.has("there", path);
    // Fedora 41 and later have `dnf` as another name of `dnf5`; elsewhere both being there means `dnf`.
    if family == "RedHat" && there("/usr/bin/rpm-ostree") && !there("/usr/bin/dnf") {
        return "atomic_container";
    }
    let preferred = ["dnf5", "dnf", "yum"];
    MANAGERS
        .iter()
        .filter(|(path, _)| there(path))
        .map(|(_, manager)| *manager)
        .min_by_key(|manager| family == "RedHat" && !preferred.contains(manager))
        .unwrap_or("unknown")
}

/// What `lsb_release` says, without its start-up time of a tenth of a second.
fn lsb(sections: &Sections, os: &HashMap<String, String>) -> Value {
    let file = sections.assignments("lsb");
    let from_os = sections.has("there", "/usr/bin/lsb_release");
    let get = |key: &str, os_key: &str| file.get(key).or_else(|| os.get(os_key).filter(|_| from_os)).cloned();
    let mut lsb = Map::new();
    for (name, key, os_key) in [
        ("codename", "DISTRIB_CODENAME", "VERSION_CODENAME"),
        ("description", "DISTRIB_DESCRIPTION", "PRETTY_NAME"),
        ("release", "DISTRIB_RELEASE", "VERSION_ID"),
    ] {
        if let Some(value) = get(key, os_key) {
            lsb.insert(name.to_owned(), value.into());
        }
    }
    let id = file.get("DISTRIB_ID").cloned();
    if let Some(id) = id.or_else(|| os.get("ID").filter(|_| from_os).map(|id| name_of(id))) {
        lsb.insert("id".to_owned(), id.into());
    }
    let major = lsb.get("release").and_then(Value::as_str).and_then(|text| text.split('.').next());
    if let Some(major) = major.map(str::to_owned) {
        lsb.insert("major_release".to_owned(), major.into());
    }
    Value::Object(lsb)
}

fn user(sections: &Sections) -> Facts {
    let mut facts = Facts::new();
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    for line in sections.lines("ids") {
        let mut words = line.split_whitespace();
        let kind = match words.next() {
            Some("Uid:") => "user",
            Some("Gid:") => "group",
            Some("Cpus_allowed_list:") => {
                let count = words.next().map_or(0, count_of_ranges);
                put("processor_nproc", count.into());
                continue;
            }
            _ => continue,
        };
        for side in ["real", "effective"] {
            if let Some(id) = words.next().and_then(|word| word.parse::<u64>().ok()) {
                put(&format!("{side}_{kind}_id"), id.into());
            }
        }
    }
    let fields: Vec<&str> = sections.line("passwd").unwrap_or_default().split(':').collect();
    if let [name, _, uid, gid, gecos, dir, shell] = fields.as_slice() {
        put("user_id", (*name).into());
        put("user_uid", uid.parse::<u64>().map_or(Value::Null, Value::from));
        put("user_gid", gid.parse::<u64>().map_or(Value::Null, Value::from));
        put("user_gecos", (*gecos).into());
        put("user_dir", (*dir).into());
        put("user_shell", (*shell).into());
    }
    facts
}

/// Counts `0-3,8`.
fn count_of_ranges(text: &str) -> u64 {
    text.split(',')
        .filter_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            (to.parse::<u64>().ok()? + 1).checked_sub(from.parse().ok()?)
        })
        .sum()
}

fn keys(sections: &Sections) -> Facts {
    let mut facts = Facts::new();
    for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
        let mut words = sections.line(&format!("key_{kind}")).unwrap_or_default().split_whitespace();
        if let (Some(keytype), Some(key)) = (words.next(), words.next()) {
            facts.insert(format!("ssh_host_key_{kind}_public"), key.into());
            facts.insert(format!("ssh_host_key_{kind}_public_keytype"), keytype.into());
        }
    }
    facts
}

fn date_time(line: &str) -> Option<Value> {
    let fields: Vec<&str> = line.split('|').collect();
    let [year, month, day, hour, minute, second, tz, offset, weekday, number, week, epoch, nano] =
        fields.as_slice()
    else {
        return None;
    };
    let micro = if nano.len() == 9 { &nano[..6] } else { "000000" };
    let utc = jiff::Timestamp::from_second(epoch.parse().ok()?).ok()?;
    let utc = utc.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    Some(json!({
        "year": year, "month": month, "day": day, "hour": hour, "minute": minute, "second": second,
        "weekday": weekday, "weekday_number": number, "weeknumber": week, "epoch": epoch, "epoch_int": epoch,
        "date": format!("{year}-{month}-{day}"), "time": format!("{hour}:{minute}:{second}"),
        "tz": tz, "tz_offset": offset,
        "iso8601": format!("{utc}Z"), "iso8601_micro": format!("{utc}.{micro}Z"),
        "iso8601_basic": format!("{year}{month}{day}T{hour}{minute}{second}{micro}"),
        "iso8601_basic_short": format!("{year}{month}{day}T{hour}{minute}{second}"),
    }))
}
