//! Answers, to show that steps run on the host.

use serde_json::Map;

use super::library::call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply, windows};
use crate::shell::Platform;

/// A ping.
#[derive(Clone, Debug)]
pub struct Ping {
    /// Which shell answers.
    pub platform: Platform,
    /// What to answer with.
    pub data: String,
}

impl Operation for Ping {
    fn first(&mut self, _mode: Mode) -> Program {
        let text = match self.platform {
            Platform::Posix => call("pl_ping", []),
            Platform::Windows => windows::Call::new("ping").text(),
        };
        Program { text, ..Program::default() }
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
