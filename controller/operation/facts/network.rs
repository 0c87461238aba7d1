//! Facts about interfaces, addresses and default routes.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use super::sections::Sections;

type Facts = Map<String, Value>;

#[derive(Debug)]
struct Address {
    interface: String,
    label: String,
    value: Value,
    address: String,
    six: bool,
    secondary: bool,
}

pub(super) fn read(sections: &Sections, facts: &mut Facts) {
    let mut interfaces: Vec<(String, Facts)> = sections.lines("interfaces").filter_map(interface).collect();
    let addresses: Vec<Address> = sections.lines("addresses").filter_map(address).collect();
    for (name, entry) in &mut interfaces {
        for address in addresses.iter().filter(|address| address.interface == *name) {
            match (address.six, address.secondary) {
                (true, _) => push(entry, "ipv6", address.value.clone()),
                (false, true) => push(entry, "ipv4_secondaries", address.value.clone()),
                (false, false) if entry.contains_key("ipv4") => {
                    push(entry, "ipv4_secondaries", address.value.clone());
                }
                (false, false) => {
                    entry.insert("ipv4".to_owned(), address.value.clone());
                }
            }
        }
    }
    let names: Vec<&str> = interfaces.iter().map(|(name, _)| name.as_str()).collect();
    facts.insert("interfaces".to_owned(), names.into());
    if sections.text("addresses").is_some() {
        let all = |six: bool| -> Vec<&str> {
            addresses
                .iter()
                .filter(|address| address.six == six && !address.is_loopback())
                .map(|address| address.address.as_str())
                .collect()
        };
        facts.insert("all_ipv4_addresses".to_owned(), all(false).into());
        facts.insert("all_ipv6_addresses".to_owned(), all(true).into());
    }
    for (six, name, route) in
        [(false, "default_ipv4", default_route4(sections)), (true, "default_ipv6", default_route6(sections))]
    {
        let default =
            route.and_then(|(device, gateway)| default(six, &device, &gateway, &interfaces, &addresses));
        facts.insert(name.to_owned(), default.unwrap_or_else(|| json!({})));
    }
    for (name, entry) in interfaces {
        facts.insert(name.replace('-', "_"), Value::Object(entry));
    }
}

impl Address {
    fn is_loopback(&self) -> bool {
        self.address.starts_with("127.") || self.address == "::1"
    }
}

fn push(entry: &mut Facts, name: &str, value: Value) {
    if let Some(list) = entry.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        list.push(value);
    }
}

/// Reads `NAME ADDRESS MTU TYPE FLAGS STATE [bridge|bonding]`.
fn interface(line: &str) -> Option<(String, Facts)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, mac, mtu, kind, flags, state, more @ ..] = words.as_slice() else { return None };
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
    let kind = match (*kind, more.first()) {
        (_, Some(more)) => more,
        ("1", _) => "ether",
        ("32", _) => "infiniband",
        ("512", _) => "ppp",
        ("772", _) => "loopback",
        ("65534", _) => "tunnel",
        _ => "unknown",
    };
    let mut entry = Facts::new();
    entry.insert("device".to_owned(), (*name).into());
    entry.insert("active".to_owned(), (*state != "down").into());
    entry.insert("type".to_owned(), kind.into());
    entry.insert("promisc".to_owned(), (flags & 0x100 != 0).into());
    if let Ok(mtu) = mtu.parse::<u64>() {
        entry.insert("mtu".to_owned(), mtu.into());
    }
    if *mac != "-" && *mac != "00:00:00:00:00:00" {
        entry.insert("macaddress".to_owned(), (*mac).into());
    }
    Some(((*name).to_owned(), entry))
}

/// Reads a line of `ip -o addr show`.
fn address(line: &str) -> Option<Address> {
    let line = line.split('\\').next().unwrap_or(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, interface, family, network, rest @ ..] = words.as_slice() else { return None };
    let after = |name: &str| {
        let at = rest.iter().position(|word| *word == name)?;
        rest.get(at + 1).copied()
    };
    let (address, prefix) = match (network.split_once('/'), after("peer")) {
        (_, Some(peer)) => (*network, peer.split_once('/').map_or("32", |(_, prefix)| prefix)),
        (Some(split), None) => split,
        (None, None) => (*network, if *family == "inet6" { "128" } else { "32" }),
    };
    let interface = interface.split('@').next().unwrap_or(interface).trim_end_matches(':');
    let value = match *family {
        "inet" => {
            let bits: u32 = prefix.parse().ok().filter(|bits| *bits <= 32)?;
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            let number = u32::from(address.parse::<Ipv4Addr>().ok()?);
            json!({
                "address": address, "broadcast": after("brd").unwrap_or(""), "prefix": prefix,
                "netmask": Ipv4Addr::from(mask).to_string(), "network": Ipv4Addr::from(number & mask).to_string(),
            })
        }
        "inet6" => json!({"address": address, "prefix": prefix, "scope": after("scope").unwrap_or("global")}),
        _ => return None,
    };
    // The label is the last word unless flags or life times follow it.
    let label = rest.iter().rev().find(|word| word.starts_with(interface)).unwrap_or(&interface);
    Some(Address {
        interface: interface.to_owned(),
        label: (*label).to_owned(),
        address: address.to_owned(),
        value,
        six: *family == "inet6",
        secondary: rest.contains(&"secondary"),
    })
}

fn default_route4(sections: &Sections) -> Option<(String, String)> {
    sections
        .lines("route4")
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [device, "00000000", gateway, _, _, _, metric, "00000000", ..] = words.as_slice() else {
                return None;
            };
            let gateway = u32::from_str_radix(gateway, 16).ok()?;
            let gateway = Ipv4Addr::from(gateway.swap_bytes()).to_string();
            Some((metric.parse::<u32>().ok()?, (*device).to_owned(), gateway))
        })
        .min()
        .map(|(_, device, gateway)| (device, gateway))
}

fn default_route6(sections: &Sections) -> Option<(String, String)> {
    sections
        .lines("route6")
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [to, "00", _, "00", gateway, metric, _, _, _, device] = words.as_slice() else { return None };
            if !to.trim_matches('0').is_empty() || *device == "lo" {
                return None;
            }
            let gateway = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?).to_string();
            Some((u32::from_str_radix(metric, 16).ok()?, (*device).to_owned(), gateway))
        })
        .min()
        .map(|(_, device, gateway)| (device, gateway))
}

fn default(
    six: bool,
    device: &str,
    gateway: &str,
    interfaces: &[(String, Facts)],
    addresses: &[Address],
) -> Option<Value> {
    let usable = |address: &&Address| {
        address.interface == device && address.six == six && address.value["scope"] != "link"
    };
    let address = addresses.iter().find(usable)?;
    let (_, interface) = interfaces.iter().find(|(name, _)| name == device)?;
    let mut entry = address.value.as_object().cloned().unwrap_or_default();
    entry.insert("interface".to_owned(), device.into());
    if !six {
        entry.insert("alias".to_owned(), address.label.as_str().into());
    }
    if gateway != "0.0.0.0" && gateway != "::" {
        entry.insert("gateway".to_owned(), gateway.into());
    }
    for name in ["macaddress", "mtu", "type"] {
        if let Some(value) = interface.get(name) {
            entry.insert(name.to_owned(), value.clone());
        }
    }
    Some(Value::Object(entry))
}
