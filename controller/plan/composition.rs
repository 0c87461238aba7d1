//! Waves of hosts that run agents: those of one maintenance group come together, and all hosts that serve the same thing
//! do not, where this can be avoided.
//!
//! Hosts without agents are cut by `waves` alone, as Ansible does.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exchange::exchange;
use super::waves::{SerialError, sizes};
use crate::inventory::HostName;

/// The waves of a play, and what is special about them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Composition {
    /// Waves in order; hosts of a wave in the order of the play.
    pub waves: Vec<Vec<HostName>>,
    /// Maintenance groups in the order of their waves, if waves are not as they would be without.
    pub groups: Vec<MaintenanceGroup>,
    /// Hosts that changed their wave, so that others go on serving what they serve.
    pub moved: Vec<Moved>,
}

/// The hosts of a maintenance group in a play.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MaintenanceGroup {
    /// Its name; nothing for hosts without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of its hosts.
    pub hosts: usize,
    /// Number of its waves.
    pub waves: usize,
}

/// A host that is in another wave than its place in the inventory gives.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Moved {
    /// The host.
    pub host: String,
    /// Number of the wave it would be in, from 1.
    pub from: usize,
    /// Number of the wave it is in.
    pub to: usize,
}

/// Composes waves. Each is of one maintenance group, groups come in the order of their first host, and the sizes of
/// `serial` go on from group to group: a wave is smaller where its group ends. Of each set in `units` (hosts that must not
/// stop together) at least one host is in another wave, as far as exchanges within groups can do it.
///
/// # Errors
/// Elements of `serial` as in [`super::waves()`].
pub fn compose<'u>(
    hosts: &[HostName],
    serial: Option<&Value>,
    group_of: &dyn Fn(&HostName) -> Option<String>,
    units: impl IntoIterator<Item = &'u IndexSet<HostName>>,
) -> Result<Composition, SerialError> {
    let mut groups: IndexMap<Option<String>, Vec<&HostName>> = IndexMap::new();
    for host in hosts {
        groups.entry(group_of(host)).or_default().push(host);
    }
    let place: HashMap<&HostName, usize> = hosts.iter().zip(0..).collect();
    let units: Vec<Vec<&HostName>> = units
        .into_iter()
        .filter(|unit| unit.iter().all(|host| place.contains_key(host)))
        .map(|unit| unit.iter().collect())
        .collect();
    let mut sizes = sizes(serial, hosts.len())?;
    let mut composition = Composition::default();
    for (name, members) in &groups {
        let before = composition.waves.len();
        let mut waves = Vec::new();
        while waves.len() < members.len() {
            let size = sizes.next().unwrap_or(usize::MAX).clamp(1, members.len() - waves.len());
            waves.extend(std::iter::repeat_n(composition.waves.len(), size));
            composition.waves.push(Vec::new());
        }
        let start = waves.clone();
        let local: HashMap<&HostName, usize> = members.iter().copied().zip(0..).collect();
        let inside =
            units.iter().filter_map(|unit| unit.iter().map(|host| local.get(host).copied()).collect());
        exchange(&mut waves, &inside.collect::<Vec<Vec<usize>>>());
        for ((host, wave), from) in members.iter().zip(waves).zip(start) {
            composition.waves[wave].push((*host).clone());
            if wave != from {
                composition.moved.push(Moved { host: host.to_string(), from: from + 1, to: wave + 1 });
            }
        }
        let waves = composition.waves.len() - before;
        composition.groups.push(MaintenanceGroup { name: name.clone(), hosts: members.len(), waves });
    }
    if composition.groups.len() < 2 {
        composition.groups.clear();
    }
    Ok(composition)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn host(number: usize) -> HostName {
        HostName::from(format!("h{number}").as_str())
    }

    fn shown(composition: &Composition) -> Vec<String> {
        let wave = |wave: &Vec<HostName>| wave.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        composition.waves.iter().map(wave).collect()
    }

    fn composed(groups: &[Option<&str>], serial: Value, units: &[&[usize]]) -> Composition {
        let hosts: Vec<HostName> = (0..groups.len()).map(host).collect();
        let group_of = |name: &HostName| {
            let index = hosts.iter().position(|host| host == name).unwrap();
            groups[index].map(str::to_owned)
        };
        let units: Vec<IndexSet<HostName>> =
            units.iter().map(|unit| unit.iter().map(|&number| host(number)).collect()).collect();
        compose(&hosts, Some(&serial), &group_of, &units).unwrap()
    }

    #[test]
    fn groups_come_together_and_sizes_go_on() {
        let (weekend, friday) = (Some("weekend"), Some("friday"));
        let groups = [weekend, friday, weekend, None, friday, weekend, weekend];
        let composition = composed(&groups, json!([1, 2]), &[]);
        assert_eq!(shown(&composition), ["h0", "h2 h5", "h6", "h1 h4", "h3"]);
        let told = composition.groups.iter().map(|group| (group.name.as_deref(), group.hosts, group.waves));
        assert_eq!(told.collect::<Vec<_>>(), [(weekend, 4, 3), (friday, 2, 1), (None, 1, 1)]);
        assert!(composition.moved.is_empty());
    }

    #[test]
    fn hosts_change_waves_within_their_group_only() {
        let (one, two) = (Some("one"), Some("two"));
        let composition = composed(&[one, one, one, one, two, two], json!(2), &[&[0, 1], &[4, 5]]);
        assert_eq!(shown(&composition), ["h0 h2", "h1 h3", "h4 h5"]);
        let moved = composition.moved.iter().map(|moved| (moved.host.as_str(), moved.from, moved.to));
        assert_eq!(moved.collect::<Vec<_>>(), [("h1", 1, 2), ("h2", 2, 1)]);
    }

    #[test]
    fn a_set_with_a_host_elsewhere_moves_nobody() {
        let composition = composed(&[None; 4], json!(2), &[&[0, 1, 9]]);
        assert_eq!(shown(&composition), ["h0 h1", "h2 h3"]);
        assert!(composition.groups.is_empty());
    }

    proptest! {
        #[test]
        fn waves_keep_their_promises(
            groups in prop::collection::vec(prop::option::of(0_u8..3), 1..40),
            sizes in prop::collection::vec(0_usize..7, 1..4),
            seeds in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 2..5), 0..20),
        ) {
            let hosts: Vec<HostName> = (0..groups.len()).map(host).collect();
            let names: HashMap<HostName, Option<String>> = hosts
                .iter()
                .cloned()
                .zip(groups.iter().map(|group| group.map(|number| number.to_string())))
                .collect();
            let units: Vec<IndexSet<HostName>> = seeds
                .iter()
                .map(|seed| seed.iter().map(|index| index.get(&hosts).clone()).collect::<IndexSet<_>>())
                .filter(|unit| unit.len() > 1)
                .collect();
            let serial = json!(sizes);
            let composition = compose(&hosts, Some(&serial), &|host| names[host].clone(), &units).unwrap();
            let mut all: Vec<&HostName> = composition.waves.iter().flatten().collect();
            prop_assert_eq!(all.len(), hosts.len());
            all.sort();
            all.dedup();
            prop_assert_eq!(all.len(), hosts.len(), "a host comes twice");
            let mut limits = sizes.iter().copied();
            let mut limit = 0;
            for wave in &composition.waves {
                limit = limits.next().unwrap_or(limit);
                prop_assert!(!wave.is_empty());
                prop_assert!(limit == 0 || wave.len() <= limit, "{} hosts in a wave of {limit}", wave.len());
                prop_assert!(wave.iter().all(|host| names[host] == names[&wave[0]]), "groups are mixed");
                prop_assert!(wave.windows(2).all(|pair| hosts.iter().position(|h| *h == pair[0]) < hosts.iter().position(|h| *h == pair[1])));
            }
            let changes = composition.waves.windows(2).filter(|pair| names[&pair[0][0]] != names[&pair[1][0]]).count();
            let distinct: IndexSet<_> = names.values().collect();
            prop_assert_eq!(changes + 1, distinct.len(), "a group is begun twice");
        }
    }
}
