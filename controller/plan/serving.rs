//! Which hosts serve which connector and managed system, and what of it stops while a wave works.
//!
//! The inventory decides: a host serves the connectors of its agents, in every play and for all hosts, selected or not. Who
//! of them may be changed is for the caller to say (see `touched`).

use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::inventory::{Agent, HostName};

/// What the hosts of an inventory serve, in its order.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    connectors: IndexMap<String, Served>,
    /// Hosts by the name of the managed system that their agents connect to.
    systems: IndexMap<String, IndexSet<HostName>>,
}

/// Who serves a connector.
#[derive(Clone, Debug, Default)]
struct Served {
    hosts: IndexSet<HostName>,
    systems: IndexSet<String>,
}

/// A connector that stops while a wave works.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stop {
    /// Its identifier.
    pub connector: String,
    /// Names of the managed systems behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_systems: Vec<String>,
    /// Hosts of the wave that serve it.
    pub hosts: Vec<String>,
    /// How many other hosts go on serving it.
    pub others: usize,
}

/// All hosts, two or more, that serve a connector or connect to a managed system, in one wave.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Breach {
    /// Connectors that all of them serve, and nobody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<String>,
    /// Managed systems that all of them connect to, and nobody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_systems: Vec<String>,
    /// The hosts, in the order of the inventory.
    pub hosts: Vec<String>,
}

/// Names that a text lists before it only counts.
const NAMES_SHOWN: usize = 3;

impl Breach {
    /// Says what its hosts do, and nobody else: "serve `CorpAD` and connect to `corp.example`".
    pub fn what(&self) -> String {
        let listed = |names: &[String]| {
            let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
            let more = names.len().saturating_sub(NAMES_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            shown.join(", ") + &more
        };
        let both = [("serve ", &self.connectors), ("connect to ", &self.managed_systems)];
        let parts = both.into_iter().filter(|(_, names)| !names.is_empty());
        parts.map(|(verb, names)| format!("{verb}{}", listed(names))).collect::<Vec<_>>().join(" and ")
    }
}

impl Serving {
    /// Adds a host with its agents.
    pub fn add(&mut self, host: &HostName, agents: &[Agent]) {
        for connector in agents.iter().flat_map(|agent| &agent.connectors) {
            let served = self.connectors.entry(connector.identifier.clone()).or_default();
            served.hosts.insert(host.clone());
            if let Some(system) = &connector.managed_system {
                served.systems.insert(system.name.clone());
                self.systems.entry(system.name.clone()).or_default().insert(host.clone());
            }
        }
    }

    /// Tells whether no host serves anything.
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty()
    }

    /// Returns what stops while the hosts `stopped` are worked on; hosts that are `down` serve nothing either.
    pub fn stops(&self, stopped: &HashSet<&HostName>, down: &dyn Fn(&HostName) -> bool) -> Vec<Stop> {
        let mut stops = Vec::new();
        for (connector, served) in &self.connectors {
            let (hosts, others): (Vec<_>, Vec<_>) =
                served.hosts.iter().partition(|host| stopped.contains(host));
            if !hosts.is_empty() {
                stops.push(Stop {
                    connector: connector.clone(),
                    managed_systems: served.systems.iter().cloned().collect(),
                    hosts: hosts.into_iter().map(ToString::to_string).collect(),
                    others: others.into_iter().filter(|host| !down(host)).count(),
                });
            }
        }
        stops
    }

    /// Finds what stops altogether when the hosts `works` are worked on, because all others that serve it are `down`. What
    /// stops whoever is down or not is a breach that was known before the run.
    pub fn last_standing(&self, works: &HashSet<&HostName>, down: &dyn Fn(&HostName) -> bool) -> Vec<Breach> {
        let mut found: Vec<Breach> = Vec::new();
        let connectors = self.connectors.iter().map(|(name, served)| (name, &served.hosts, true));
        let systems = self.systems.iter().map(|(name, hosts)| (name, hosts, false));
        for (name, hosts, is_connector) in connectors.chain(systems) {
            let (working, others): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| works.contains(host));
            if working.is_empty() || others.is_empty() || !others.into_iter().all(down) {
                continue;
            }
            note(&mut found, name, hosts, is_connector);
        }
        found
    }

    /// Sets of two or more hosts that must not stop together: those of a connector, those of a managed system.
    pub fn units(&self) -> impl Iterator<Item = &IndexSet<HostName>> {
        let connectors = self.connectors.values().map(|served| &served.hosts);
        connectors.chain(self.systems.values()).filter(|hosts| hosts.len() > 1)
    }

    /// Finds the breaches of each wave, of which the hosts `touched` may be changed. What the same hosts serve is one.
    pub fn breaches(&self, waves: &[Vec<HostName>], touched: &HashSet<HostName>) -> Vec<Vec<Breach>> {
        let numbered = waves.iter().enumerate();
        let wave_of: HashMap<&HostName, usize> = numbered
            .flat_map(|(number, wave)| wave.iter().map(move |host| (host, number)))
            .filter(|(host, _)| touched.contains(*host))
            .collect();
        let mut found: Vec<Vec<Breach>> = vec![Vec::new(); waves.len()];
        let connectors = self.connectors.iter().map(|(name, served)| (name, &served.hosts, true));
        let systems = self.systems.iter().map(|(name, hosts)| (name, hosts, false));
        for (name, hosts, is_connector) in connectors.chain(systems).filter(|(_, hosts, _)| hosts.len() > 1) {
            let Some(wave) = hosts.first().and_then(|host| wave_of.get(host).copied()) else { continue };
            if !hosts.iter().all(|host| wave_of.get(host) == Some(&wave)) {
                continue;
            }
            note(&mut found[wave], name, hosts, is_connector);
        }
        found
    }
}

/// Adds a connector or managed system to the breach of its hosts.
fn note(found: &mut Vec<Breach>, name: &str, hosts: &IndexSet<HostName>, is_connector: bool) {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let index = found.iter().position(|breach| breach.hosts == hosts).unwrap_or_else(|| {
        found.push(Breach { hosts, ..Breach::default() });
        found.len() - 1
    });
    let Some(breach) = found.get_mut(index) else { return };
    let names = if is_connector { &mut breach.connectors } else { &mut breach.managed_systems };
    names.push(name.to_owned());
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn serving() -> Serving {
        let ad = |name: &str| json!({"identifier": name, "managed_system": "corp.example"});
        let mut serving = Serving::default();
        for (host, agent) in [
            ("a", json!({"identifier": "A", "connectors": [ad("CorpAD"), "HR"]})),
            ("b", json!({"identifier": "B", "connectors": [ad("CorpAD")]})),
            (
                "c",
                json!([{"identifier": "C", "connectors": [ad("CorpLDAP")]}, {"identifier": "C2", "connectors": ["HR"]}]),
            ),
            ("d", json!({"identifier": "D"})),
        ] {
            serving.add(&host.into(), &Agent::read(&agent).unwrap());
        }
        serving
    }

    fn waves(waves: &[&[&str]]) -> Vec<Vec<HostName>> {
        waves.iter().map(|wave| wave.iter().map(|&host| host.into()).collect()).collect()
    }

    fn all() -> HashSet<HostName> {
        ["a", "b", "c", "d"].map(HostName::from).into()
    }

    #[test]
    fn what_stops_says_who_goes_on() {
        let (a, c) = (HostName::from("a"), HostName::from("c"));
        let stops = serving().stops(&[&a].into(), &|host| *host == c);
        let told: Vec<_> = stops.iter().map(|stop| (stop.connector.as_str(), stop.others)).collect();
        assert_eq!(told, [("CorpAD", 1), ("HR", 0)]);
        assert_eq!(stops[0].managed_systems, ["corp.example"]);
        assert_eq!(stops[0].hosts, ["a"]);
    }

    #[test]
    fn a_wave_with_everybody_is_a_breach() {
        let serving = serving();
        let found = serving.breaches(&waves(&[&["a", "b"], &["c", "d"]]), &all());
        let breach = Breach {
            connectors: vec!["CorpAD".into()],
            hosts: vec!["a".into(), "b".into()],
            ..Breach::default()
        };
        assert_eq!(breach.what(), "serve `CorpAD`");
        assert_eq!(found, [vec![breach], vec![]]);
        let found = serving.breaches(&waves(&[&["c", "a", "b"]]), &all());
        let told: Vec<_> = found[0]
            .iter()
            .map(|b| (b.connectors.join(" "), b.managed_systems.join(" "), b.hosts.join(" ")))
            .collect();
        let told: Vec<_> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        assert_eq!(told, [("CorpAD", "", "a b"), ("HR", "", "a c"), ("", "corp.example", "a b c")]);
    }

    #[test]
    fn the_last_host_that_is_left_is_told_from_one_of_two() {
        let (a, b, c) = (HostName::from("a"), HostName::from("b"), HostName::from("c"));
        let told = |works: &[&HostName], down: &[&HostName]| {
            let works = works.iter().copied().collect();
            let found = serving().last_standing(&works, &|host| down.contains(&host));
            found.iter().map(Breach::what).collect::<Vec<_>>()
        };
        assert_eq!(told(&[&b], &[&a]), ["serve `CorpAD`"]);
        assert_eq!(told(&[&b, &c], &[&a]), ["serve `CorpAD`", "serve `HR`", "connect to `corp.example`"]);
        assert!(told(&[&b], &[]).is_empty(), "`a` goes on");
        assert!(told(&[&a, &b], &[]).is_empty(), "was known before the run");
        assert!(told(&[], &[&a, &b]).is_empty(), "nobody is worked on");
    }

    #[test]
    fn who_is_not_changed_goes_on_serving() {
        let serving = serving();
        let some = ["a", "c"].map(HostName::from).into();
        let found = serving.breaches(&waves(&[&["a", "b", "c"]]), &some);
        assert_eq!(found[0].iter().map(|breach| breach.connectors.concat()).collect::<Vec<_>>(), ["HR"]);
        assert!(serving.breaches(&waves(&[&["a"]]), &all()).concat().is_empty(), "`c` is not in the play");
    }
}
