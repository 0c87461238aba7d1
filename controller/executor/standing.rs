//! In front of a wave: hosts that ended badly since the rollout began may make it stop the last ones that serve something.
//! Before the run nobody could be asked about that, so that it is asked now, with the same answers.

use std::collections::HashSet;

use super::context::RunContext;
use super::event::EventKind;
use crate::inventory::HostName;
use crate::plan::{Breach, Serving};

/// A wave that is about to begin.
pub(super) struct Next<'a> {
    /// The play.
    pub play: &'a str,
    /// Its number, from 1, and how many there are.
    pub wave: (usize, usize),
}

impl Next<'_> {
    /// Says what would stop, with the hosts that serve it no longer.
    fn question(&self, breaches: &[Breach], down: &[String]) -> String {
        let what: Vec<String> = breaches.iter().map(Breach::what).collect();
        let gone: Vec<String> = down.iter().map(|host| format!("`{host}`")).collect();
        let (wave, waves) = self.wave;
        format!(
            "wave {wave} of {waves} of `{}` would stop the last hosts that {}, after {}",
            self.play,
            what.join("; "),
            gone.join(", ")
        )
    }

    /// Tells whether the wave may begin: nothing of the kind would happen, or somebody agrees to it. Without a terminal and
    /// without `--yes` nobody does, and an event says why the rollout ends.
    pub(super) async fn may_begin(
        &self,
        run: &RunContext,
        serving: &Serving,
        works: &HashSet<&HostName>,
        down: &(dyn Fn(&HostName) -> bool + Sync),
    ) -> bool {
        let breaches = serving.last_standing(works, down);
        // A plan tells what the rollout would do if all goes well.
        if breaches.is_empty() || run.options.check {
            return true;
        }
        let all: HashSet<&String> = breaches.iter().flat_map(|breach| &breach.hosts).collect();
        let is_down = |host: &&&String| down(&HostName::from(host.as_str()));
        let mut failed: Vec<String> = all.iter().filter(is_down).map(|host| (**host).clone()).collect();
        failed.sort();
        let question = self.question(&breaches, &failed);
        if run.options.agreed {
            run.emitter.emit(EventKind::Warning { message: question }).await;
            return true;
        }
        if let Some(ask) = &run.ask {
            let answer = ask(true);
            run.emitter.emit(EventKind::Paused { prompt: Some(question), seconds: None }).await;
            return tokio::select! {
                _ = answer => true,
                () = run.cancel.reached(1) => false,
            };
        }
        let limit = format!("{question}; `resume` tries them again, and with `--yes` goes on");
        run.emitter.emit(EventKind::BudgetExceeded { failed, of: all.len(), limit }).await;
        false
    }
}
