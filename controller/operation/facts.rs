//! Gathers the facts of a host: one program collects raw text, the rest is reading it here.

mod hardware;
mod network;
mod sections;
mod system;

use std::collections::HashSet;

use serde_json::{Map, Value};

use self::sections::Sections;
use super::library::call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// Parts of the facts, each of which `gather_subset` can name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Subset {
    /// The small things that are gathered unless `!min` says otherwise.
    Minimal,
    /// Processors, memory, mounts, firmware.
    Hardware,
    /// Interfaces and addresses.
    Network,
    /// Kind of virtualization.
    Virtual,
}

/// Gathers facts.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What to gather.
    pub subsets: HashSet<Subset>,
    /// Single facts to gather in addition, by name without `ansible_`.
    pub names: Vec<String>,
    /// Patterns of which a name has to match one; none lets everything through.
    pub filter: Vec<String>,
    /// `gather_subset` as given.
    pub given: Vec<String>,
}

impl Operation for Facts {
    fn first(&mut self, _mode: Mode) -> Program {
        let wanted = |subset| {
            if self.subsets.contains(&subset) || !self.names.is_empty() { "1" } else { "" }
        };
        let parts = [Subset::Hardware, Subset::Network, Subset::Virtual].map(wanted);
        Program { text: call("pl_facts", parts), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let mut result = Map::new();
        let Some(bytes) = reply.blob("facts") else {
            result.insert("msg".to_owned(), "the host did not answer with its facts".into());
            return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
        };
        let sections = Sections::read(bytes);
        let mut gathered = Map::new();
        let mut gather = |subset, read: fn(&Sections, &mut Map<String, Value>)| {
            let mut part = Map::new();
            read(&sections, &mut part);
            let all = self.subsets.contains(&subset);
            part.retain(|name, _| all || self.names.contains(name));
            gathered.extend(part);
        };
        gather(Subset::Minimal, system::read);
        gather(Subset::Hardware, hardware::read);
        gather(Subset::Network, network::read);
        gather(Subset::Virtual, hardware::read_virtual);
        let facts: Map<String, Value> = gathered
            .into_iter()
            .map(|(name, value)| (format!("ansible_{name}"), value))
            .filter(|(name, _)| passes(&self.filter, name))
            .chain([
                ("gather_subset".to_owned(), self.given.clone().into()),
                ("module_setup".to_owned(), true.into()),
            ])
            .collect();
        Progress::Done(Outcome { facts, result, ..Outcome::default() })
    }
}

/// Whether one of the patterns lets a fact through, by its name with or without `ansible_`.
pub(super) fn passes(filter: &[String], name: &str) -> bool {
    let short = name.strip_prefix("ansible_").unwrap_or(name);
    filter.is_empty()
        || filter
            .iter()
            .any(|pattern| pattern.is_empty() || matches(pattern, name) || matches(pattern, short))
}

/// Matches a shell pattern of `*`, `?` and `[...]`, as Python's `fnmatch` does.
fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut chars = text.chars();
    match first {
        '*' => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..])),
        '?' => chars.next().is_some() && matches(rest, chars.as_str()),
        '[' => match class(rest) {
            Some((class, rest)) => {
                chars.next().is_some_and(|char| is_in(class, char)) && matches(rest, chars.as_str())
            }
            None => chars.next() == Some('[') && matches(rest, chars.as_str()),
        },
        char => chars.next() == Some(char) && matches(rest, chars.as_str()),
    }
}

/// Splits `a-z]rest` into the class and the rest.
fn class(text: &str) -> Option<(&str, &str)> {
    let from = text.len() - text.trim_start_matches('!').len();
    let from = from + usize::from(text[from..].starts_with(']'));
    let end = from + text[from..].find(']')?;
    Some((&text[..end], &text[end + 1..]))
}

fn is_in(class: &str, char: char) -> bool {
    let (members, wanted) = match class.strip_prefix('!') {
        Some(members) => (members, false),
        None => (class, true),
    };
    let members: Vec<char> = members.chars().collect();
    let mut at = 0;
    let mut found = false;
    while at < members.len() {
        if members.get(at + 1) == Some(&'-') && at + 2 < members.len() {
            found |= (members[at]..=members[at + 2]).contains(&char);
            at += 3;
        } else {
            found |= members[at] == char;
            at += 1;
        }
    }
    found == wanted
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;
    use serde_json::json;

    fn everything() -> Facts {
        let subsets = [Subset::Minimal, Subset::Hardware, Subset::Network, Subset::Virtual];
        Facts { subsets: subsets.into(), names: vec![], filter: vec![], given: vec!["all".to_owned()] }
    }

    fn parse(text: &str) -> Map<String, Value> {
        let reply = Reply { blobs: vec![("facts".to_owned(), text.as_bytes().to_vec())], ..Reply::default() };
        match everything().next(reply, Mode::default()) {
            Progress::Done(outcome) => outcome.facts,
            Progress::Again(program) => panic!("{program:?}"),
        }
    }

    #[test]
    fn this_machine_answers_alike_in_all_shells() {
        let mut seen = SHELLS.iter().map(|shell| {
            let mut rehearsal = Rehearsal::new(shell);
            rehearsal.environment = "export FOO='a\nb'".to_owned();
            let mut facts = rehearsal.run(&mut everything(), Mode::default()).facts;
            assert_eq!(facts["ansible_system"], "Linux");
            assert_eq!(facts["ansible_env"]["FOO"], "a\nb");
            assert_eq!(facts["ansible_env"].get("pl_d"), None);
            let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
            assert_eq!(facts["ansible_nodename"], hostname.trim());
            assert!(facts["ansible_memtotal_mb"].as_i64().unwrap() > 0);
            assert!(facts["ansible_processor_vcpus"].as_i64().unwrap() > 0);
            assert!(facts["ansible_interfaces"].as_array().unwrap().contains(&json!("lo")));
            assert_eq!(facts["ansible_lo"]["ipv4"]["address"], "127.0.0.1");
            assert_eq!(facts["ansible_date_time"]["iso8601"].as_str().unwrap().len(), 20);
            // Not every system has something to ask for the whole name with.
            facts.remove("ansible_domain");
            for name in
                ["env", "date_time", "fqdn", "memfree_mb", "memory_mb", "mounts", "loadavg", "uptime_seconds"]
            {
                assert!(facts.remove(&format!("ansible_{name}")).is_some(), "{name}");
            }
            facts
        });
        let first = seen.next().unwrap();
        for facts in seen {
            assert_eq!(facts, first);
        }
    }

    #[test]
    fn distributions_have_the_names_that_ansible_gives() {
        for (text, expected) in [
            (
                "@@os\nID=ubuntu\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\n@@there\n/usr/bin/apt-get\n",
                json!(["Ubuntu", "22.04", "22", "jammy", "Debian", "apt"]),
            ),
            (
                "@@os\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n@@debian\n12.11\n@@there\n/usr/bin/apt-get\n",
                json!(["Debian", "12.11", "12", "bookworm", "Debian", "apt"]),
            ),
            (
                "@@os\nID=\"rhel\"\nVERSION=\"8.6 (Ootpa)\"\nVERSION_ID=\"8.6\"\n@@redhat\nRed Hat Enterprise Linux release 8.6 (Ootpa)\n@@there\n/usr/bin/dnf\n/usr/bin/yum\n",
                json!(["RedHat", "8.6", "8", "Ootpa", "RedHat", "dnf"]),
            ),
            (
                "@@os\nID=\"centos\"\nVERSION=\"7 (Core)\"\nVERSION_ID=\"7\"\n@@redhat\nCentOS Linux release 7.9.2009 (Core)\n@@there\n/usr/bin/yum\n",
                json!(["CentOS", "7.9", "7", "Core", "RedHat", "yum"]),
            ),
            (
                "@@os\nID=alpine\nVERSION_ID=3.18.4\n@@there\n/sbin/apk\n",
                json!(["Alpine", "3.18.4", "3", "NA", "Alpine", "apk"]),
            ),
            (
                "@@os\nID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"\n@@there\n/usr/bin/zypper\n",
                json!(["openSUSE Leap", "15.5", "15", "NA", "Suse", "zypper"]),
            ),
        ] {
            let facts = parse(text);
            let names = [
                "distribution",
                "distribution_version",
                "distribution_major_version",
                "distribution_release",
                "os_family",
                "pkg_mgr",
            ];
            let seen: Vec<&Value> = names.iter().map(|name| &facts[&format!("ansible_{name}")]).collect();
            assert_eq!(json!(seen), expected);
        }
    }

    #[test]
    fn text_of_a_host_is_read_with_care() {
        for text in [
            "",
            "@@",
            "@@cpu",
            "@@cpu\n:\nprocessor\n",
            "@@addresses\n1: lo inet 300.1/99 x\n2: a inet\n",
            "\n@@env\nx\0=\0=y",
            "@@route4\neth0 00000000 zz 0 0 0 0 00000000\n",
            "@@ids\nUid: x\nCpus_allowed_list: 5-3,9-\n",
            "@@passwd\na:b\n",
            "@@date\n1|2|3\n",
            "@@date\na|b|c|d|e|f|g|h|i|j|k|99999999999999999|n\n",
            "@@mounts\n/dev/a\n",
            "@@sizes\n1 2\n",
            "@@interfaces\nx\ny - - - - -\n",
            "@@uptime\n-1 nan\n@@memory\nMemTotal: 9999999999999999999 kB\n",
        ] {
            let facts = parse(text);
            assert_eq!(facts["module_setup"], true);
        }
    }

    #[test]
    fn interfaces_are_put_together() {
        let facts = parse(
            "@@interfaces\nlo 00:00:00:00:00:00 65536 772 0x9 unknown\nbr-1 02:00:00:00:00:01 1500 1 0x1103 up bridge\n\
             @@addresses\n1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n\
             2: br-1    inet 10.1.2.3/20 brd 10.1.15.255 scope global br-1\\       valid_lft forever\n\
             2: br-1    inet 10.1.2.4/20 scope global secondary br-1:1\\       valid_lft forever\n\
             2: br-1    inet6 fe80::1/64 scope link \\       valid_lft forever\n\
             2: br-1    inet6 fd00::2/64 scope global nodad \\       valid_lft forever\n\
             @@route4\nbr-1\t00000000\t0102010A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             @@route6\n00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 0 0 00000003 br-1\n",
        );
        assert_eq!(facts["ansible_all_ipv4_addresses"], json!(["10.1.2.3", "10.1.2.4"]));
        assert_eq!(
            facts["ansible_default_ipv4"],
            json!({"address": "10.1.2.3", "broadcast": "10.1.15.255", "prefix": "20", "netmask": "255.255.240.0", "network": "10.1.0.0",
                "interface": "br-1", "alias": "br-1", "gateway": "10.1.2.1", "macaddress": "02:00:00:00:00:01", "mtu": 1500, "type": "bridge"})
        );
        assert_eq!(facts["ansible_default_ipv6"]["address"], "fd00::2");
        assert_eq!(facts["ansible_default_ipv6"]["gateway"], "fd00::1");
        assert_eq!(facts["ansible_br_1"]["promisc"], true);
        assert_eq!(facts["ansible_br_1"]["ipv4_secondaries"][0]["address"], "10.1.2.4");
    }

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("dist*", "distribution", true),
            ("*_ipv?", "default_ipv4", true),
            ("*_ipv[45]", "default_ipv6", false),
            ("*_ipv[!4]", "default_ipv6", true),
            ("*_ipv[0-5]", "default_ipv4", true),
            ("a[", "a[", true),
            ("a?", "aé", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let facts =
            Facts { filter: vec!["ansible_distribution*".to_owned(), "env".to_owned()], ..everything() };
        let passes = |name: &str| passes(&facts.filter, name);
        assert!(passes("ansible_distribution_version") && passes("ansible_env"));
        assert!(!passes("ansible_fqdn"));
    }
}
