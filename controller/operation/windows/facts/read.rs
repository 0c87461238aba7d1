//! Raw values of a Windows host as facts with Ansible's names and types.

use serde_json::{Map, Value, json};

use super::Raw;

type Facts = Map<String, Value>;

/// Ticks of 100 ns from the year 1 to 1970.
const EPOCH: i64 = 621_355_968_000_000_000;

fn value<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

pub(super) fn minimal(raw: &Raw<'_>, facts: &mut Facts) {
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    let version = raw.text("version");
    let name = raw.text("caption").or_else(|| raw.text("product")).map(|name| name.trim().to_owned());
    put("os_family", "Windows".into());
    put("system", "Win32NT".into());
    put("system_description", "".into());
    put("distribution", value(name.clone()));
    put("os_name", value(name));
    put("distribution_version", value(version.clone()));
    put("distribution_major_version", value(version.as_deref().and_then(|all| all.split('.').next())));
    put("kernel", value(version));
    put("os_installation_type", value(raw.text("installation")));
    let product = raw.text("product_type").map(|number| match number.as_str() {
        "1" => "workstation",
        "2" => "domain_controller",
        "3" => "server",
        _ => "unknown",
    });
    put("os_product_type", value(product));
    let bits = raw.holds("bits64").map(|wide| if wide { "64-bit" } else { "32-bit" });
    put("architecture", value(bits));
    let machine = raw.text("architecture").map(|name| match name.to_uppercase().as_str() {
        "AMD64" => "x86_64".to_owned(),
        "X86" => "i386".to_owned(),
        _ => name.to_lowercase(),
    });
    put("architecture2", value(machine));
    put(
        "powershell_version",
        value(raw.text("powershell").and_then(|all| all.split('.').next()?.parse::<i64>().ok())),
    );
    put("machine_id", value(raw.text("machine_sid")));
    names(raw, &mut put);
    user(raw, &mut put);
    let env = raw.lists("env").filter_map(|pair| match <[String; 2]>::try_from(pair) {
        Ok([name, value]) => Some((name, value.into())),
        Err(_) => None,
    });
    put("env", Value::Object(env.collect()));
    put("date_time", value(date_time(raw)));
    put("reboot_pending", value(raw.holds("reboot_pending")));
}

fn names(raw: &Raw<'_>, put: &mut impl FnMut(&str, Value)) {
    let host = raw.text("hostname");
    let member = raw.holds("domain_member");
    let domain = raw.text("dns_domain").or_else(|| raw.text("domain").filter(|_| member == Some(true)));
    let full = host.as_ref().map(|host| match &domain {
        Some(domain) if !host.contains('.') => format!("{host}.{domain}"),
        _ => host.clone(),
    });
    put("hostname", value(host.as_deref().map(|host| host.split('.').next().unwrap_or(host))));
    put("netbios_name", value(raw.text("machine")));
    put("fqdn", value(full.clone()));
    put("nodename", value(full));
    put("domain", domain.unwrap_or_default().into());
    put("windows_domain", value(raw.text("domain").or_else(|| raw.text("workgroup"))));
    put("windows_domain_member", value(member));
    // Win32_ComputerSystem.DomainRole.
    let role = raw.number("domain_role").map(|role| match role {
        0 => "Stand-alone workstation",
        1 => "Member workstation",
        2 => "Stand-alone server",
        3 => "Member server",
        4 => "Backup domain controller",
        5 => "Primary domain controller",
        _ => "unknown",
    });
    put("windows_domain_role", value(role));
}

fn user(raw: &Raw<'_>, put: &mut impl FnMut(&str, Value)) {
    put("user_id", value(raw.text("user")));
    put("user_dir", value(raw.text("user_dir")));
    put("user_sid", value(raw.text("user_sid")));
    put("user_gecos", "".into());
}

pub(super) fn hardware(raw: &Raw<'_>, facts: &mut Facts) {
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    let megabytes = |name: &str| value(raw.number(name).map(|kilobytes| (kilobytes + 512) / 1024));
    put("memtotal_mb", megabytes("memory_kb"));
    put("memfree_mb", megabytes("memory_free_kb"));
    put("swaptotal_mb", megabytes("swap_kb"));
    put("pagefiletotal_mb", megabytes("swap_kb"));
    put("system_vendor", value(raw.text("vendor")));
    put("product_name", value(raw.text("model").map(|model| model.trim().to_owned())));
    put("product_serial", value(raw.text("serial")));
    put("bios_version", value(raw.text("bios_version")));
    put("bios_date", value(raw.text("bios_date").and_then(|date| day(&date, "%m/%d/%Y"))));
    put("owner_name", value(raw.text("owner_name")));
    put("lastboot", value(raw.text("boot_time").and_then(|date| day(&date, "%Y-%m-%d %H:%M:%SZ"))));
    let processors: Vec<Vec<String>> = raw.lists("processor").collect();
    let words = processors.iter().enumerate().flat_map(|(number, fields)| {
        let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
        [number.to_string(), field(0), field(1).trim().to_owned()]
    });
    let words: Vec<String> = words.collect();
    let count = |at: usize| processors.first().and_then(|fields| fields.get(at)?.parse::<i64>().ok());
    let (cores, logical) = (count(2), count(3));
    if !words.is_empty() {
        put("processor", words.into());
    }
    put("processor_count", value(raw.number("processors")));
    put("processor_cores", value(cores));
    put("processor_vcpus", value(raw.number("logical")));
    let threads = cores.zip(logical).filter(|(cores, _)| *cores > 0).map(|(cores, logical)| logical / cores);
    put("processor_threads_per_core", value(threads));
}

/// `yyyymmddHHMMSS.mmmmmm+UUU`: a time with the minutes that its zone is ahead of UTC
/// (learn.microsoft.com/windows/win32/wmisdk/cim-datetime).
fn day(text: &str, format: &str) -> Option<String> {
    let local = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text.get(..14)?).ok()?;
    let minutes: i64 = text.get(21..).and_then(|zone| zone.trim_start_matches('+').parse().ok()).unwrap_or(0);
    let utc = local.checked_sub(jiff::SignedDuration::from_mins(minutes)).ok()?;
    Some(utc.strftime(format).to_string())
}

pub(super) fn network(raw: &Raw<'_>, facts: &mut Facts) {
    let mut addresses = Vec::new();
    let mut interfaces = Vec::new();
    for fields in raw.lists("interface") {
        let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
        if fields.len() < 5 {
            continue;
        }
        let mut own = Vec::new();
        let (mut gateway, mut servers) = (Value::Null, Vec::new());
        for word in &fields[5..] {
            match word.split_once('/') {
                Some(("gateway", address)) if gateway.is_null() => gateway = address.into(),
                Some(("gateway", _)) | None => {}
                Some(("dns", address)) => servers.push(address.to_owned()),
                Some((address, prefix)) => {
                    own.push(json!({"address": address, "prefix": prefix}));
                    addresses.push(address.to_owned());
                }
            }
        }
        interfaces.push(json!({
            "connection_name": field(1), "interface_name": field(2), "macaddress": mac(&field(3)),
            "dns_domain": field(4), "default_gateway": gateway, "addresses": own, "dns_servers": servers,
        }));
    }
    facts.insert("ip_addresses".to_owned(), addresses.into());
    facts.insert("interfaces".to_owned(), interfaces.into());
}

fn mac(digits: &str) -> String {
    let pairs: Vec<String> =
        digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
    pairs.join(":")
}

/// By what the firmware says the machine is.
pub(super) fn virtualization(raw: &Raw<'_>, facts: &mut Facts) {
    let (Some(vendor), Some(model)) = (raw.text("vendor").or(Some(String::new())), raw.text("model")) else {
        return;
    };
    let is = |word: &str| vendor.contains(word) || model.contains(word);
    let kind = [
        ("VMware", "VMware"),
        ("VirtualBox", "VirtualBox"),
        ("Virtual Machine", "Hyper-V"),
        ("KVM", "kvm"),
        ("QEMU", "kvm"),
        ("Xen", "xen"),
        ("amazon", "kvm"),
        ("Google", "kvm"),
    ]
    .iter()
    .find(|(word, _)| is(word))
    .map(|(_, kind)| *kind);
    facts.insert("virtualization_type".to_owned(), kind.unwrap_or("NA").into());
    let role = if kind.is_some() { "guest" } else { "NA" };
    facts.insert("virtualization_role".to_owned(), role.into());
}

/// The host's own time, in its zone.
fn date_time(raw: &Raw<'_>) -> Option<Value> {
    let ticks = raw.number("now")?.checked_sub(EPOCH)?;
    let utc = jiff::Timestamp::from_microsecond(ticks / 10).ok()?;
    let minutes = i32::try_from(raw.number("offset").unwrap_or(0)).ok()?;
    let offset = jiff::tz::Offset::from_seconds(minutes.checked_mul(60)?).ok()?;
    let local = offset.to_datetime(utc);
    let part = |format: &str| local.strftime(format).to_string();
    let zulu = |format: &str| offset_zero(utc).strftime(format).to_string();
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    Some(json!({
        "year": part("%Y"), "month": part("%m"), "day": part("%d"), "hour": part("%H"), "minute": part("%M"),
        "second": part("%S"), "weekday": part("%A"), "weekday_number": part("%w"), "weeknumber": part("%U"),
        "epoch": utc.as_second().to_string(), "epoch_int": utc.as_second(),
        "date": part("%Y-%m-%d"), "time": part("%H:%M:%S"),
        "tz": raw.text("zone"), "tz_offset": format!("{sign}{hours:02}{rest:02}"),
        "iso8601": zulu("%Y-%m-%dT%H:%M:%SZ"), "iso8601_micro": zulu("%Y-%m-%dT%H:%M:%S%.6fZ"),
        "iso8601_basic": part("%Y%m%dT%H%M%S%6f"), "iso8601_basic_short": part("%Y%m%dT%H%M%S"),
    }))
}

fn offset_zero(utc: jiff::Timestamp) -> jiff::civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(utc)
}
