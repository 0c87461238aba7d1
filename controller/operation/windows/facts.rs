//! Gathers the facts of a Windows host, under Ansible's names.

mod read;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::call::Call;
use crate::operation::answer::{failure, said};
use crate::operation::facts::Subset;
use crate::operation::facts::passes;
use crate::operation::{Mode, Operation, Outcome, Program, Progress, Reply};

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

impl Facts {
    /// The parts of the library's function.
    fn parts(&self) -> Vec<&'static str> {
        let mut parts = Vec::new();
        let all = !self.names.is_empty();
        for (subset, of) in [
            (Subset::Minimal, &["platform", "user", "env", "time", "domain", "reboot"][..]),
            (Subset::Hardware, &["hardware"]),
            (Subset::Network, &["network"]),
            (Subset::Virtual, &["hardware"]),
        ] {
            if all || self.subsets.contains(&subset) {
                parts.extend(of);
            }
        }
        parts.dedup();
        if parts.is_empty() {
            parts.push("none");
        }
        parts
    }
}

/// Values that were reported under `fact.NAME`.
pub(super) struct Raw<'r> {
    reply: &'r Reply,
}

impl Raw<'_> {
    /// Text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        said(self.reply, &format!("fact.{name}")).filter(|text| !text.is_empty())
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Whether it is `True`, as .NET writes it.
    pub(super) fn holds(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Lists of values that were reported under a name of their own.
    pub(super) fn lists<'n>(&'n self, name: &'n str) -> impl Iterator<Item = Vec<String>> + 'n {
        let named = self.reply.values.iter().filter(move |(given, _)| given == name);
        named.filter_map(|(_, text)| super::call::Values::read(text)).map(|values| values.0)
    }
}

impl Operation for Facts {
    fn first(&mut self, _mode: Mode) -> Program {
        let call = Call::new("facts").list("subsets", self.parts());
        Program { text: call.text(), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        if reply.status != 0 {
            return Progress::Done(failure(&reply));
        }
        let raw = Raw { reply: &reply };
        let mut gathered = Map::new();
        let mut gather = |subset, read: fn(&Raw<'_>, &mut Map<String, Value>)| {
            let mut part = Map::new();
            read(&raw, &mut part);
            let all = self.subsets.contains(&subset);
            part.retain(|name, value| !value.is_null() && (all || self.names.contains(name)));
            gathered.extend(part);
        };
        gather(Subset::Minimal, read::minimal);
        gather(Subset::Hardware, read::hardware);
        gather(Subset::Network, read::network);
        gather(Subset::Virtual, read::virtualization);
        let facts = gathered
            .into_iter()
            .map(|(name, value)| (format!("ansible_{name}"), value))
            .filter(|(name, _)| passes(&self.filter, name))
            .chain([
                ("gather_subset".to_owned(), self.given.clone().into()),
                ("module_setup".to_owned(), true.into()),
            ])
            .collect();
        let mut outcome = Outcome { facts, ..Outcome::default() };
        let missing: Vec<Value> = reply
            .values
            .iter()
            .filter(|(name, _)| name == "missing")
            .map(|(_, text)| text.clone().into())
            .collect();
        if !missing.is_empty() {
            outcome.result.insert("warnings".to_owned(), missing.into());
        }
        Progress::Done(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn everything() -> Facts {
        let subsets = [Subset::Minimal, Subset::Hardware, Subset::Network, Subset::Virtual];
        Facts { subsets: subsets.into(), names: vec![], filter: vec![], given: vec!["all".to_owned()] }
    }

    fn facts(of: &mut Facts, values: &[(&str, &str)]) -> Map<String, Value> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match of.next(Reply { values, ..Reply::default() }, Mode::default()) {
            Progress::Done(outcome) => outcome.facts,
            Progress::Again(program) => panic!("{program:?}"),
        }
    }

    #[test]
    fn a_server_is_told_under_the_names_of_ansible() {
        let facts = facts(
            &mut everything(),
            &[
                ("fact.version", "10.0.17763.0"),
                ("fact.caption", "Microsoft Windows Server 2019 Standard"),
                ("fact.product_type", "3"),
                ("fact.architecture", "AMD64"),
                ("fact.bits64", "True"),
                ("fact.powershell", "5.1.17763.1"),
                ("fact.hostname", "PAR-AD-01"),
                ("fact.machine", "PAR-AD-01"),
                ("fact.domain", "corp.example"),
                ("fact.domain_member", "True"),
                ("fact.domain_role", "3"),
                ("fact.memory_kb", "8388608"),
                ("fact.logical", "4"),
                ("fact.processors", "1"),
                ("processor", "R2VudWluZUludGVs,WGVvbg==,Mg==,NA=="),
                ("fact.now", "638082144015000000"),
                ("fact.offset", "60"),
                ("fact.zone", "Romance Standard Time"),
                ("fact.model", "VMware Virtual Platform"),
                ("fact.reboot_pending", "False"),
                ("env", "UEFUSA==,QzpcYg=="),
                (
                    "interface",
                    "e30=,RXRoZXJuZXQ=,SW50ZWw=,MDA1MDU2MDAwMDAx,,MTAuMS4wLjExLzI0,ZmU4MDo6MSUzLzY0,Z2F0ZXdheS8xMC4xLjAuMQ==",
                ),
            ],
        );
        for (name, expected) in [
            ("os_family", json!("Windows")),
            ("system", json!("Win32NT")),
            ("distribution", json!("Microsoft Windows Server 2019 Standard")),
            ("distribution_version", json!("10.0.17763.0")),
            ("distribution_major_version", json!("10")),
            ("os_product_type", json!("server")),
            ("architecture", json!("64-bit")),
            ("fqdn", json!("PAR-AD-01.corp.example")),
            ("windows_domain_role", json!("Member server")),
            ("memtotal_mb", json!(8192)),
            ("processor_vcpus", json!(4)),
            ("processor_cores", json!(2)),
            ("processor_threads_per_core", json!(2)),
            ("powershell_version", json!(5)),
            ("reboot_pending", json!(false)),
            ("virtualization_type", json!("VMware")),
            ("ip_addresses", json!(["10.1.0.11", "fe80::1%3"])),
        ] {
            assert_eq!(facts[&format!("ansible_{name}")], expected, "{name}");
        }
        assert_eq!(facts["ansible_env"]["PATH"], "C:\\b");
        assert_eq!(facts["ansible_date_time"]["iso8601"], "2023-01-02T00:00:01Z");
        assert_eq!(facts["ansible_date_time"]["hour"], "01");
        assert_eq!(facts["ansible_interfaces"][0]["default_gateway"], "10.1.0.1");
    }

    #[test]
    fn what_was_not_told_is_left_out() {
        let told = facts(&mut everything(), &[("fact.now", "x"), ("interface", "*"), ("env", "eA==")]);
        assert_eq!(told["ansible_os_family"], "Windows");
        assert!(!told.contains_key("ansible_date_time") && !told.contains_key("ansible_memtotal_mb"));
        let mut few = Facts { subsets: HashSet::new(), names: vec!["system".to_owned()], ..everything() };
        let told = facts(&mut few, &[]);
        assert!(told.contains_key("ansible_system") && !told.contains_key("ansible_os_family"));
    }

    #[test]
    fn parts_follow_the_subsets() {
        let mut network = Facts { subsets: [Subset::Network].into(), ..everything() };
        assert!(network.first(Mode::default()).text.ends_with(" subsets:bmV0d29yaw=="));
    }
}
