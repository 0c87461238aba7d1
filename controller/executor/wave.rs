//! Where the hosts of a wave meet: lockstep, `run_once`, the failure budget.
//!
//! Every host publishes the ordinal of the task that it is about to start. A host may pass a barrier
//! at ordinal N once no host of the wave is at a smaller one. In lockstep every task is a barrier;
//! otherwise only those that need the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// The limit that a held host spends, unless it was said to go on without.
pub(super) const HELD: &str = "a host is held; `--skip-held` goes on with the others";

/// The place of a task in its play: its number, and below an include the item, the body, and the number in there. Compared
/// from the left.
pub(super) type Ordinal = Vec<usize>;

/// When a wave gives up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// `max_fail_percentage`: the wave ends when more than this share of its hosts failed.
    pub max_fail_percentage: Option<f64>,
    /// `any_errors_fatal` of the play.
    pub any_errors_fatal: bool,
}

/// Why a wave stopped early.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum WaveStop {
    /// The failure budget is spent.
    Budget {
        /// As the user wrote it.
        limit: String,
    },
    /// `meta: end_play`.
    EndPlay,
    /// `meta: end_batch`.
    EndBatch,
}

/// What a `run_once` task did, for all hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Facts that it set.
    pub values: Vec<(String, Value)>,
    /// Whether it failed (and was not ignored).
    pub failed: bool,
}

/// The meeting point of one wave.
#[derive(Debug)]
pub(super) struct Wave {
    /// Whether every task is a barrier.
    pub lockstep: bool,
    budget: Budget,
    hosts: usize,
    state: Mutex<State>,
    lowest: watch::Sender<Ordinal>,
    stop: watch::Sender<Option<WaveStop>>,
    shared: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    positions: HashMap<Arc<str>, Ordinal>,
    counts: BTreeMap<Ordinal, usize>,
    failed: Vec<Arc<str>>,
    once: HashMap<Ordinal, Shared>,
    elected: HashMap<Ordinal, Arc<str>>,
    /// Hosts that other runs hold and that do not stop the rollout.
    left_out: usize,
}

impl Wave {
    /// Opens the meeting point for these hosts.
    pub(super) fn new(hosts: &[Arc<str>], lockstep: bool, budget: Budget) -> Self {
        let positions = hosts.iter().map(|host| (host.clone(), vec![0])).collect();
        let state = State { positions, counts: BTreeMap::from([(vec![0], hosts.len())]), ..State::default() };
        Self {
            lockstep,
            budget,
            hosts: hosts.len(),
            state: Mutex::new(state),
            lowest: watch::Sender::new(vec![0]),
            stop: watch::Sender::new(None),
            shared: watch::Sender::new(0),
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes that `host` is about to start the task at `ordinal`.
    pub(super) fn reach(&self, host: &Arc<str>, ordinal: &Ordinal) {
        self.publish(host, Some(ordinal));
    }

    /// Publishes that `host` has left the wave, well or not.
    pub(super) fn leave(&self, host: &Arc<str>) {
        self.publish(host, None);
        self.shared.send_modify(|version| *version += 1);
    }

    fn publish(&self, host: &Arc<str>, ordinal: Option<&Ordinal>) {
        let mut state = self.locked();
        let old = match ordinal {
            Some(ordinal) => state.positions.insert(host.clone(), ordinal.clone()),
            None => state.positions.remove(host),
        };
        if let Some(old) = old
            && let Some(count) = state.counts.get_mut(&old)
        {
            *count -= 1;
            if *count == 0 {
                state.counts.remove(&old);
            }
        }
        if let Some(ordinal) = ordinal {
            *state.counts.entry(ordinal.clone()).or_default() += 1;
        }
        let lowest =
            state.counts.first_key_value().map_or_else(|| vec![usize::MAX], |(ordinal, _)| ordinal.clone());
        drop(state);
        self.lowest.send_if_modified(|now| {
            let other = *now != lowest;
            *now = lowest;
            other
        });
    }

    /// Waits until no host of the wave is in front of `ordinal`.
    pub(super) async fn all_at(&self, ordinal: &Ordinal) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.lowest.subscribe().wait_for(|lowest| lowest >= ordinal).await;
    }

    /// Counts a failed or unreachable host against the budget; `fatal` is `any_errors_fatal` of the
    /// task. Returns the event to emit when this spends the budget.
    pub(super) fn failed(&self, host: &Arc<str>, fatal: bool) -> Option<(Vec<String>, usize, String)> {
        let mut state = self.locked();
        if !state.failed.contains(host) {
            state.failed.push(host.clone());
        }
        let failed: Vec<String> = state.failed.iter().map(|host| host.to_string()).collect();
        drop(state);
        let share = failed.len() as f64 * 100.0 / self.hosts as f64;
        let limit = if fatal || self.budget.any_errors_fatal {
            "any_errors_fatal".to_owned()
        } else {
            let limit = self.budget.max_fail_percentage.filter(|limit| share > *limit)?;
            format!("max_fail_percentage: {limit}")
        };
        self.end(WaveStop::Budget { limit: limit.clone() }).then_some((failed, self.hosts, limit))
    }

    /// Notes a host that another run holds, which the rollout goes on without.
    pub(super) fn left_out(&self) {
        self.locked().left_out += 1;
    }

    /// Counts a host that another run holds, and ends the wave for it.
    pub(super) fn held(&self, host: &Arc<str>) -> Option<(Vec<String>, usize, String)> {
        let mut state = self.locked();
        if !state.failed.contains(host) {
            state.failed.push(host.clone());
        }
        let failed: Vec<String> = state.failed.iter().map(|host| host.to_string()).collect();
        drop(state);
        let limit = HELD.to_owned();
        self.end(WaveStop::Budget { limit: limit.clone() }).then_some((failed, self.hosts, limit))
    }

    /// Whether all hosts failed or were unreachable; not if the rollout goes on without all of them anyway.
    pub(super) fn all_failed(&self) -> bool {
        let state = self.locked();
        state.failed.len() == self.hosts && state.left_out < self.hosts
    }

    /// The hosts that failed or were unreachable so far, by name.
    pub(super) fn failed_hosts(&self) -> Vec<Arc<str>> {
        let mut failed = self.locked().failed.clone();
        failed.sort_unstable();
        failed
    }

    /// Ends the wave for all hosts; returns whether this was the first reason.
    pub(super) fn end(&self, stop: WaveStop) -> bool {
        self.stop.send_if_modified(|now| {
            let first = now.is_none();
            if first {
                *now = Some(stop);
            }
            first
        })
    }

    /// Returns why the wave stopped early, if it did.
    pub(super) fn stopped(&self) -> Option<WaveStop> {
        self.stop.borrow().clone()
    }

    /// Decides which host runs the `run_once` task at `ordinal`: the first of `order` that has come to it, or the one that
    /// did it before the run was resumed. Asked once all are at `ordinal` or behind it.
    pub(super) fn elects(
        &self,
        host: &Arc<str>,
        ordinal: &Ordinal,
        order: &[Arc<str>],
        before: Option<&Arc<str>>,
    ) -> bool {
        let mut state = self.locked();
        let elected = match state.elected.get(ordinal) {
            Some(elected) => elected.clone(),
            None => {
                // Nobody is in front of the task any more; who is behind it took another way, through a rescue or an include.
                let here = |host: &&Arc<str>| state.positions.get(*host) == Some(ordinal);
                let first = before.into_iter().chain(order).find(here);
                let first = first.unwrap_or(host).clone();
                state.elected.insert(ordinal.clone(), first.clone());
                first
            }
        };
        elected == *host
    }

    /// Publishes what the `run_once` task at `ordinal` did.
    pub(super) fn share(&self, ordinal: &Ordinal, shared: Shared) {
        self.locked().once.insert(ordinal.clone(), shared);
        self.shared.send_modify(|version| *version += 1);
    }

    /// Waits for what the `run_once` task at `ordinal` did; nothing when its host left without a result.
    pub(super) async fn shared(&self, ordinal: &Ordinal) -> Option<Shared> {
        let mut version = self.shared.subscribe();
        loop {
            {
                let state = self.locked();
                if let Some(shared) = state.once.get(ordinal) {
                    return Some(shared.clone());
                }
                let runs = state.elected.get(ordinal).is_some_and(|host| state.positions.contains_key(host));
                if !runs {
                    return None;
                }
            }
            if version.changed().await.is_err() {
                return None;
            }
        }
    }
}
