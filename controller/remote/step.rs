//! Steps and the text that carries them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Steps of a loop fail one by one, other steps hold back what follows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Group {
    /// Its failure holds back all later steps of its epoch.
    #[default]
    Alone,
    /// One of several; its failure does not hold back the others. Status 75 does.
    Item,
    /// The last one: a failure of any holds back all later steps of the epoch.
    LastItem,
}

/// One step.
#[derive(Clone, Default)]
pub struct Step {
    /// Number, used once in a session.
    pub id: u64,
    /// From 1. A failing step holds back later steps of the same or a lower epoch; the controller
    /// goes on by sending steps of a higher one.
    pub epoch: u64,
    /// Trusted text: shell text on POSIX, calls for PowerShell. Its exit status is the step's: 0 done, 75 the
    /// controller decides, anything else failed.
    pub text: String,
    /// Bytes that the text finds in the file `$pl_payload` (PowerShell: `pl_payload_stream`), complete or not at all.
    pub payload: Option<Arc<dyn AsRef<[u8]> + Send + Sync>>,
    /// Limit for a `pl_run` without one of its own, in whole seconds (rounded up).
    pub timeout: Option<Duration>,
    /// What its failure holds back.
    pub group: Group,
    /// Its name in the ledger, for a session that keeps one: letters, digits and dots. Nothing is noted of a step without.
    pub name: Option<String>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("id", &self.id)
            .field("epoch", &self.epoch)
            .field("text", &self.text.len())
            .field("payload", &self.payload.as_deref().map(|payload| payload.as_ref().len()))
            .field("timeout", &self.timeout)
            .field("group", &self.group)
            .field("name", &self.name)
            .finish()
    }
}

/// The shell text that runs a step on POSIX: a call with the text as one quoted word.
pub(crate) fn posix_unit(step: &Step) -> String {
    let group = match step.group {
        Group::Alone => 'a',
        Group::Item => 'i',
        Group::LastItem => 'l',
    };
    let payload = u8::from(step.payload.is_some());
    let limit = step.timeout.map_or(0, whole_seconds);
    let text = quote(&step.text);
    let name = step.name.as_deref().map(|name| [" ", &quote(name)].concat()).unwrap_or_default();
    format!("plr_step {} {} {group} {limit} {payload} {text}{name}", step.id, step.epoch)
}

/// Rounds up, so that a limit is never shorter than asked for.
pub(crate) fn whole_seconds(limit: Duration) -> u64 {
    (limit.as_secs() + u64::from(limit.subsec_nanos() > 0)).max(1)
}

/// One word of POSIX sh.
pub(crate) fn quote(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for (number, part) in word.split('\'').enumerate() {
        if number > 0 {
            quoted.push_str("'\\''");
        }
        quoted.push_str(part);
    }
    quoted.push('\'');
    quoted
}
