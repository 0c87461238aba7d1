//! Answers, to show that steps run on the host.

use serde_json::Map;

use super::library::call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// A ping.
#[derive(Clone, Debug)]
pub struct Ping {
    /// What to answer with.
    pub data: String,
}

impl Operation for Ping {
    fn first(&mut self, _mode: Mode) -> Program {
        Program { text: call("pl_ping", []), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let mut result = Map::new();
        let failed = reply.value("ping") != Some("pong");
        if failed {
            result.insert("msg".to_owned(), "the host did not answer".into());
        } else {
            result.insert("ping".to_owned(), self.data.as_str().into());
        }
        Progress::Done(Outcome { failed, result, ..Outcome::default() })
    }
}
