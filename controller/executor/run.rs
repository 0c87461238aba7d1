//! A whole run: plays in order, waves in order, hosts in parallel.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;
use tokio::task::JoinSet;

use super::context::{PlayContext, RunContext};
use super::event::{EventKind, HostStatus, NOT_STARTED};
use super::failure::{Left, Settling};
use super::prepare::PreparedPlay;
use super::replay::HostReplay;
use super::sink::Sink;
use super::standing::Next;
use super::wave::{Budget, Wave, WaveStop};
use super::worker::{Condition, HostState, Worker};
use crate::inventory::HostName;
use crate::plan::{Serving, Stop};

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Hosts that were changed, or would be.
    pub changed: usize,
    /// Hosts whose task failed.
    pub failed: usize,
    /// Hosts that could not be reached.
    pub unreachable: usize,
    /// Hosts that another run holds.
    pub held: usize,
    /// Hosts of which it is not known what a step did.
    pub in_doubt: usize,
    /// Hosts that failed and were restored.
    pub rolled_back: usize,
    /// Hosts that could not be restored.
    pub rollback_failed: usize,
    /// Whether a person or a signal stopped it.
    pub cancelled: bool,
    /// Whether something of Paceline's own crashed.
    pub internal: bool,
}

impl Verdict {
    /// Returns the exit code (DESIGN 3.1): the first rule that fits.
    pub fn exit_code(self) -> u8 {
        match self {
            Self { internal: true, .. } => 250,
            Self { cancelled: true, .. } => 99,
            Self { unreachable: 1.., .. } => 4,
            Self { failed: 1.., .. } | Self { held: 1.., .. } => 2,
            Self { in_doubt: 1.., .. } | Self { rollback_failed: 1.., .. } => 2,
            Self { rolled_back: 1.., .. } => 3,
            _ => 0,
        }
    }
}

/// Rolls out `plays`; the last event is `run_finished`.
pub async fn execute(
    run: Arc<RunContext>,
    command: &str,
    playbooks: Vec<String>,
    plays: Vec<PreparedPlay>,
) -> Verdict {
    let start = Instant::now();
    let mut fleet = Fleet::of(&run, &plays);
    let again = fleet.again(&run);
    run.emitter
        .emit(EventKind::RunStarted {
            command: command.to_owned(),
            playbooks,
            hosts: fleet.hosts.keys().map(|host| host.to_string()).collect(),
            check: run.options.check,
            forks: run.options.forks,
            incarnation: run.replay.as_ref().map_or(1, |replay| replay.incarnation() + 1),
            again,
        })
        .await;
    let last = plays.len().saturating_sub(1);
    for (index, play) in plays.into_iter().enumerate() {
        if run.cancel.level() > 0 || !fleet.play(&run, play, index, index == last).await {
            break;
        }
    }
    fleet.finish(&run, start).await
}

/// All hosts of a run.
struct Fleet {
    hosts: IndexMap<HostName, Option<HostState>>,
    /// The last play of each host: its connection is closed behind it.
    last_play: HashMap<HostName, usize>,
    /// Whether the failure budget ended the rollout.
    stopped: bool,
}

impl Fleet {
    fn of(run: &RunContext, plays: &[PreparedPlay]) -> Self {
        let mut last_play = HashMap::new();
        let mut hosts = IndexMap::new();
        let log_folder = run.folder.as_ref().map(|folder| folder.hosts());
        for (index, play) in plays.iter().enumerate() {
            for host in play.waves.iter().flatten() {
                last_play.insert(host.clone(), index);
                hosts.entry(host.clone()).or_insert_with(|| {
                    let masks = (*run.masks).clone();
                    let sink = Sink::new(run.emitter.clone(), host.0.clone(), log_folder.clone(), masks)
                        .learning(run.engine.vault().learned().clone());
                    let replay = run.replay.as_ref().and_then(|replay| replay.host(&host.0)).cloned();
                    let left_out = run.left_out.contains(&*host.0);
                    let status = replay.as_ref().and_then(HostReplay::status);
                    Some(HostState {
                        name: host.clone(),
                        learned: run.scope.facts.of(host),
                        link: None,
                        sink: sink.keeping(run.seal.clone()),
                        condition: if left_out { Condition::left(status) } else { Condition::Active },
                        steps: replay.as_ref().map_or(0, HostReplay::last_step),
                        left: Left::default(),
                        changed: false,
                        eager: false,
                        ended: left_out || status == Some(HostStatus::Ok),
                        replay: replay.map(Arc::new),
                        desk: run.desks.of(run, host),
                        seat: None,
                    })
                });
            }
        }
        // Targets are listed in the order of the inventory, whatever the order of the plays.
        let inventory = &run.scope.inventory.hosts;
        hosts.sort_by_cached_key(|host: &HostName, _| inventory.get_index_of(host).unwrap_or(usize::MAX));
        Self { hosts, last_play, stopped: false }
    }

    /// The hosts that a resumed run goes on with or tries again.
    fn again(&self, run: &RunContext) -> Vec<String> {
        if run.replay.is_none() {
            return Vec::new();
        }
        let open = self.hosts.values().flatten().filter(|state| !state.ended);
        open.map(|state| state.name.to_string()).collect()
    }

    fn is_active(&self, host: &HostName) -> bool {
        matches!(self.hosts.get(host), Some(Some(state)) if state.condition == Condition::Active)
    }

    /// Runs a play; tells whether the next one may start.
    async fn play(
        &mut self,
        run: &Arc<RunContext>,
        mut play: PreparedPlay,
        index: usize,
        last: bool,
    ) -> bool {
        let targets: Vec<String> = play
            .waves
            .iter()
            .flatten()
            .filter(|host| self.is_active(host))
            .map(|host| host.to_string())
            .collect();
        if targets.is_empty() {
            // Ansible: "NO MORE HOSTS LEFT" ends the playbook when all of them failed.
            return !play.waves.iter().flatten().any(|host| self.hosts.contains_key(host));
        }
        run.emitter
            .emit(EventKind::PlayStarted {
                play: play.context.name.clone(),
                hosts: targets,
                tasks: play.context.compiled.tasks,
                maintenance_groups: std::mem::take(&mut play.composition.groups),
                moved: std::mem::take(&mut play.composition.moved),
            })
            .await;
        let mut breaches = play.breaches();
        let context = Arc::new(play.context);
        let gone = play.waves.iter().flatten().filter(|host| !self.is_active(host));
        context.scope.participants.remove(gone);
        let waves = play.waves.len();
        for (number, hosts) in play.waves.into_iter().enumerate() {
            let hosts: Vec<HostName> = hosts.into_iter().filter(|host| self.is_active(host)).collect();
            if hosts.is_empty() {
                continue;
            }
            let next = Next { play: &context.name, wave: (number + 1, waves) };
            let works = self.works(&play.touched, &hosts);
            let down = |host: &HostName| self.is_down(host);
            if !next.may_begin(run, &play.serving, &works, &down).await {
                self.stopped = true;
                return false;
            }
            run.emitter
                .emit(EventKind::WaveStarted {
                    wave: number + 1,
                    waves,
                    hosts: hosts.iter().map(|host| host.to_string()).collect(),
                    stops: self.stops(&play.serving, &play.touched, &hosts),
                    breaches: std::mem::take(&mut breaches[number]),
                })
                .await;
            let more = number + 1 < waves || !last;
            let stop = self.wave(run, &context, hosts, (play.lockstep, play.budget), index, more).await;
            match stop {
                None | Some(WaveStop::EndBatch) => {}
                Some(WaveStop::EndPlay) => break,
                Some(WaveStop::Budget { .. }) => {
                    self.stopped = true;
                    return false;
                }
            }
            if run.cancel.level() > 0 {
                return false;
            }
        }
        true
    }

    /// What stops while these hosts are worked on. Those that are done already, in a resumed run, are not worked on;
    /// those that ended badly serve nothing.
    fn stops(&self, serving: &Serving, touched: &HashSet<HostName>, wave: &[HostName]) -> Vec<Stop> {
        serving.stops(&self.works(touched, wave), &|host| self.is_down(host))
    }

    fn state(&self, host: &HostName) -> Option<&HostState> {
        self.hosts.get(host).and_then(Option::as_ref)
    }

    /// The hosts of a wave that are worked on.
    fn works<'h>(&self, touched: &HashSet<HostName>, wave: &'h [HostName]) -> HashSet<&'h HostName> {
        let works =
            |host: &&HostName| touched.contains(*host) && self.state(host).is_none_or(|state| !state.ended);
        wave.iter().filter(works).collect()
    }

    fn is_down(&self, host: &HostName) -> bool {
        let condition = self.state(host).map(|state| state.condition).unwrap_or_default();
        matches!(
            condition,
            Condition::Failed
                | Condition::Unreachable
                | Condition::Held
                | Condition::InDoubt
                | Condition::RollbackFailed
        )
    }

    async fn wave(
        &mut self,
        run: &Arc<RunContext>,
        play: &Arc<PlayContext>,
        hosts: Vec<HostName>,
        (lockstep, budget): (bool, Budget),
        index: usize,
        more: bool,
    ) -> Option<WaveStop> {
        let order: Arc<Vec<Arc<str>>> = Arc::new(hosts.iter().map(|host| host.0.clone()).collect());
        let wave = Arc::new(Wave::new(&order, lockstep, budget));
        play.scope.participants.begin(&hosts);
        let together = play.rolls_back_waves(run);
        let mut workers = JoinSet::new();
        for host in hosts {
            let Some(state) = self.hosts.get_mut(&host).and_then(Option::take) else { continue };
            let (run, play, wave, order) = (run.clone(), play.clone(), wave.clone(), order.clone());
            let is_last = self.last_play.get(&host) == Some(&index);
            workers.spawn(async move {
                let mut state = Worker::new(&run, &play, &wave, &order, state).run().await;
                if !together {
                    state.leave(is_last).await;
                    state.leave_desk();
                }
                state
            });
        }
        let mut over = Vec::new();
        while let Some(joined) = workers.join_next().await {
            match joined {
                Ok(state) => over.push(state),
                Err(error) => {
                    let message = format!("internal error: a worker ended: {error}");
                    run.emitter.emit(EventKind::Warning { message }).await;
                }
            }
        }
        let mut stopped = wave.stopped();
        let going_on = over.iter().any(|state| state.condition == Condition::Active);
        if stopped.is_none() && wave.all_failed() && !going_on {
            let limit = "all hosts of the wave failed".to_owned();
            if more {
                let failed = order.iter().map(|host| host.to_string()).collect();
                let event = EventKind::BudgetExceeded { failed, of: order.len(), limit: limit.clone() };
                run.emitter.emit(event).await;
            }
            stopped = Some(WaveStop::Budget { limit });
        }
        if together {
            let settling = Settling { run, play, stopped: stopped.as_ref(), failed: wave.failed_hosts() };
            let is_last = |host: &HostState| self.last_play.get(&host.name) == Some(&index);
            let hosts = over.into_iter().map(|host| (is_last(&host), host)).map(|(last, host)| (host, last));
            over = settling.settle(hosts.collect()).await;
        }
        for mut state in over {
            state.leave_desk();
            self.hosts.insert(state.name.clone(), Some(state));
        }
        stopped
    }

    async fn finish(mut self, run: &RunContext, start: Instant) -> Verdict {
        let mut verdict = Verdict { cancelled: run.cancel.level() > 0, ..Verdict::default() };
        for state in self.hosts.values_mut().flatten() {
            state.take_desk().await;
            state.part().await;
            if !state.ended {
                if state.left.failures == 0 && (verdict.cancelled || self.stopped) {
                    let message = Some(NOT_STARTED.to_owned()).filter(|_| state.steps == 0);
                    let status = HostStatus::Cancelled;
                    state.sink.host_event(EventKind::HostFinished { status, message, hint: None }).await;
                } else {
                    state.conclude().await;
                }
                state.sink.rest();
            }
            verdict.changed += usize::from(state.changed);
            match state.condition {
                Condition::Failed => verdict.failed += 1,
                Condition::Unreachable => verdict.unreachable += 1,
                Condition::Held => verdict.held += 1,
                Condition::InDoubt => verdict.in_doubt += 1,
                Condition::RolledBack => verdict.rolled_back += 1,
                Condition::RollbackFailed => verdict.rollback_failed += 1,
                Condition::Cancelled => verdict.cancelled = true,
                Condition::Active | Condition::Stopped => {}
            }
            state.leave_desk();
        }
        run.desks.close().await;
        // A worker that crashed left no state behind: its host counts as failed.
        let crashed = self.hosts.values().filter(|state| state.is_none()).count();
        verdict.failed += crashed;
        verdict.internal = crashed > 0;
        run.emitter
            .emit(EventKind::RunFinished {
                // The dispatcher fills in the recap, which is a fold over the events.
                hosts: IndexMap::new(),
                exit_code: run.options.exit_code(verdict),
                duration_ms: start.elapsed().as_millis() as u64,
            })
            .await;
        verdict
    }
}
