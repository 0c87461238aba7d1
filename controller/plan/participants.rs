//! Who takes part in a play: `ansible_play_hosts` and its relatives, which change while the play runs.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::inventory::HostName;

/// The hosts of a play. Those that failed or could not be reached take part no longer.
#[derive(Debug, Default)]
pub struct Participants {
    /// `ansible_play_hosts_all`: all targets, whatever became of them.
    all: Arc<Value>,
    targets: Vec<HostName>,
    now: RwLock<Now>,
}

#[derive(Debug, Default)]
struct Now {
    removed: HashSet<HostName>,
    wave: HashSet<HostName>,
    /// `ansible_play_hosts`, made again when a host leaves.
    hosts: Arc<Value>,
    /// `ansible_play_batch`, the same for the wave at work.
    batch: Arc<Value>,
}

impl Participants {
    /// The targets of a play as its pattern names them: `order` decides who begins, and not how they are listed.
    pub fn new(targets: Vec<HostName>) -> Self {
        let all = Arc::new(listed(targets.iter()));
        let now = Now { hosts: all.clone(), batch: all.clone(), ..Now::default() };
        Self { all, targets, now: RwLock::new(now) }
    }

    /// A wave begins.
    pub fn begin(&self, wave: &[HostName]) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.wave = wave.iter().cloned().collect();
        self.settle(&mut now);
    }

    /// These hosts failed or could not be reached.
    pub fn remove<'a>(&self, hosts: impl IntoIterator<Item = &'a HostName>) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.removed.extend(hosts.into_iter().cloned());
        self.settle(&mut now);
    }

    fn settle(&self, now: &mut Now) {
        let left = || self.targets.iter().filter(|host| !now.removed.contains(*host));
        let (hosts, batch) = (listed(left()), listed(left().filter(|host| now.wave.contains(*host))));
        (now.hosts, now.batch) = (Arc::new(hosts), Arc::new(batch));
    }

    /// Looks up one of the variables that hold these hosts (Ansible: Special Variables).
    pub fn variable(&self, name: &str) -> Option<Arc<Value>> {
        let now = || self.now.read().unwrap_or_else(PoisonError::into_inner);
        match name {
            "ansible_play_hosts_all" => Some(self.all.clone()),
            "ansible_play_hosts" => Some(now().hosts.clone()),
            "ansible_play_batch" | "play_hosts" => Some(now().batch.clone()),
            _ => None,
        }
    }

    /// The names that [`Self::variable`] knows.
    pub const NAMES: [&str; 4] =
        ["ansible_play_hosts_all", "ansible_play_hosts", "ansible_play_batch", "play_hosts"];
}

fn listed<'a>(hosts: impl Iterator<Item = &'a HostName>) -> Value {
    hosts.map(|host| json!(&*host.0)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn those_that_failed_are_in_the_list_of_all_only() {
        let hosts = ["a", "b", "c"].map(HostName::from);
        let participants = Participants::new(hosts.to_vec());
        participants.begin(&[hosts[1].clone(), hosts[0].clone()]);
        assert_eq!(*participants.variable("ansible_play_batch").unwrap(), json!(["a", "b"]));
        participants.remove([&hosts[0]]);
        let seen = Participants::NAMES.map(|name| (*participants.variable(name).unwrap()).clone());
        assert_eq!(seen, [json!(["a", "b", "c"]), json!(["b", "c"]), json!(["b"]), json!(["b"])]);
    }
}
