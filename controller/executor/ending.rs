//! How a host ends its play: what is told of it, and what counts when more than one thing went wrong.

use super::event::{EventKind, HostStatus};
use super::wave::WaveStop;
use super::worker::{Condition, Stop, Worker};

/// How a host stands after something that runs although it failed: that failure is not forgotten, and a lost
/// connection or Ctrl-C counts for more.
pub(super) fn worse(before: Result<(), Stop>, after: Result<(), Stop>) -> Result<(), Stop> {
    match (before, after) {
        (Ok(()), after) => after,
        (
            Err(_),
            after
            @ Err(Stop::Unreachable { .. } | Stop::Held { .. } | Stop::InDoubt { .. } | Stop::Cancelled),
        ) => after,
        (Err(Stop::Wave), after @ Err(Stop::Failed | Stop::FailedElsewhere)) => after,
        (before, _) => before,
    }
}

impl Worker<'_> {
    /// Settles how the host stands after the play.
    pub(super) async fn end(&mut self, result: Result<(), Stop>) {
        let (condition, event) = match result {
            Ok(()) | Err(Stop::EndHost) => return,
            Err(Stop::Wave) => match self.wave.stopped() {
                Some(WaveStop::Budget { limit }) => {
                    let message = Some(format!("the failure budget is spent ({limit})"));
                    let status = HostStatus::Cancelled;
                    (Condition::Stopped, EventKind::HostFinished { status, message, hint: None })
                }
                _ => return,
            },
            Err(stop @ (Stop::Failed | Stop::FailedElsewhere)) => {
                let message = matches!(stop, Stop::FailedElsewhere)
                    .then(|| "what one host did for all failed there".to_owned());
                (
                    Condition::Failed,
                    EventKind::HostFinished { status: HostStatus::Failed, message, hint: None },
                )
            }
            Err(Stop::Unreachable { message, hint }) => {
                let message = Some(message);
                (
                    Condition::Unreachable,
                    EventKind::HostFinished { status: HostStatus::Unreachable, message, hint },
                )
            }
            Err(Stop::InDoubt { message, hint }) => {
                let (message, hint) = (Some(message), Some(hint));
                (Condition::InDoubt, EventKind::HostFinished { status: HostStatus::InDoubt, message, hint })
            }
            Err(Stop::Held { message, hint }) => {
                let (status, message) = (HostStatus::Held, Some(message));
                (Condition::Held, EventKind::HostFinished { status, message, hint })
            }
            Err(Stop::Cancelled) => {
                self.abandon();
                let status = HostStatus::Cancelled;
                (Condition::Cancelled, EventKind::HostFinished { status, message: None, hint: None })
            }
        };
        self.host.condition = condition;
        self.host.ended = true;
        let failed = matches!(
            condition,
            Condition::Failed | Condition::Unreachable | Condition::Held | Condition::InDoubt
        );
        if failed {
            self.play.scope.participants.remove([&self.host.name]);
        }
        self.host.sink.host_event(event).await;
        let skips_held = self.run.claimant.as_ref().is_some_and(|claimant| claimant.skip_held);
        if condition == Condition::Held && skips_held {
            self.wave.left_out();
        }
        if condition == Condition::Held
            && !skips_held
            && let Some((failed, of, limit)) = self.wave.held(self.key())
        {
            self.run.emitter.emit(EventKind::BudgetExceeded { failed, of, limit }).await;
        } else if failed && let Some((failed, of, limit)) = self.wave.failed(self.key(), false) {
            self.run.emitter.emit(EventKind::BudgetExceeded { failed, of, limit }).await;
        }
    }

    /// Tells whether the host stops because it failed, or because others did: then `always` and forced handlers run.
    pub(super) fn gave_up(&self, result: &Result<(), Stop>) -> bool {
        match result {
            Err(Stop::Failed | Stop::FailedElsewhere) => true,
            Err(Stop::Wave) => matches!(self.wave.stopped(), Some(WaveStop::Budget { .. })),
            _ => false,
        }
    }
}
