//! The questions to POSIX hosts, and how their answers are read: see `posix/preflight.sh`.

use super::super::attributes::Attributes;
use super::super::library::call;
use super::super::script::Script;
use super::super::{Mode, Program, Reply};
use super::{ahead, all};
use crate::preflight::host::{Endpoint, Facts, Question};

/// Asks for the machine.
pub(super) fn machine(question: &Question) -> Program {
    let folder = question.folder.as_deref().unwrap_or("/");
    let mut script = Script::new(Mode::default(), &Attributes::default());
    let folder = script.quiet_path(folder);
    let names = question.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    script.call("pf_machine", &[&folder], &names);
    script.program()
}

/// Asks whether these can be reached, each within so many seconds.
pub(super) fn reach(endpoints: &[Endpoint], limit: u64) -> String {
    let limit = limit.to_string();
    let ports: Vec<String> = endpoints.iter().map(|endpoint| endpoint.port.to_string()).collect();
    let pairs = endpoints.iter().zip(&ports).flat_map(|(endpoint, port)| [endpoint.host.as_str(), port]);
    call("pf_reach", std::iter::once(limit.as_str()).chain(pairs))
}

/// Reads what `pf_machine` said; the answer came at `now`, in seconds since 1970.
pub(super) fn facts(question: &Question, reply: &Reply, now: i64) -> Facts {
    let number = |name: &str| reply.value(name).and_then(|text| text.trim().parse::<u64>().ok());
    let text = |name: &str| reply.blob(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let listening = reply.value("listening").map(|ports| {
        ports.split_whitespace().filter_map(|port| u16::from_str_radix(port, 16).ok()).collect()
    });
    let names = question.names().into_iter().enumerate();
    let names = names.filter_map(|(at, name)| {
        let answer = text(&format!("name.{}", at + 1))?;
        let mut addresses: Vec<String> = Vec::new();
        for address in answer.lines().filter_map(|line| line.split_whitespace().next()) {
            if !addresses.iter().any(|known| known == address) && addresses.len() < 64 {
                addresses.push(address.to_owned());
            }
        }
        Some((name, addresses))
    });
    Facts {
        privileged: number("uid").map(|uid| uid == 0),
        processors: number("processors"),
        memory: number("memory").map(|kibibytes| kibibytes.saturating_mul(1024)),
        disk: text("disk").as_deref().and_then(disk),
        clock: ahead(number("now"), reply, now),
        listening,
        addresses: text("addresses").map(|text| addresses(&text)),
        names: names.collect(),
        leftovers: all(reply, "leftover"),
        ..Facts::default()
    }
}

/// Size and free space of `df -Pk`, in bytes.
pub(super) fn disk(text: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    // A device with blanks in its name pushes the columns to the right; they are counted from the percent sign.
    let percent = fields.iter().position(|field| field.ends_with('%'))?;
    let column = |back: usize| fields.get(percent.checked_sub(back)?)?.parse::<u64>().ok();
    Some((column(3)?.checked_mul(1024)?, column(1)?.checked_mul(1024)?))
}

/// Addresses in the output of `ip -o addr show` or `hostname -I`, without those of loopback.
pub(super) fn addresses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |word: &str| {
        let address = word.split('/').next().unwrap_or_default();
        let is_address = address.parse::<std::net::IpAddr>().is_ok_and(|address| !address.is_loopback());
        if is_address && found.len() < 1000 {
            found.push(address.to_owned());
        }
    };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.iter().position(|word| matches!(*word, "inet" | "inet6")) {
            Some(at) => words.get(at + 1).into_iter().for_each(|word| add(word)),
            None => words.iter().for_each(|word| add(word)),
        }
    }
    found
}
