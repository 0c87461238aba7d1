//! Reads a file of the host: into a result (`slurp`), or for the controller (`fetch`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::answer::{failure, said};
use super::attributes::Attributes;
use super::content::sha1_of;
use super::script::Script;
use super::{Content, Mode, Operation, Outcome, Program, Progress, Reply, windows};
use crate::shell::Platform;

/// Largest file that fits into a registered variable, which may hold 16 MiB: base64 adds a third.
const REGISTERED: usize = 12 << 20;

/// Largest file that is fetched.
const FETCHED: usize = 64 << 20;

/// Reads a file into a result.
#[derive(Clone, Debug)]
pub struct Slurp {
    /// Which shell reads it.
    pub platform: Platform,
    /// The file.
    pub path: String,
}

impl Operation for Slurp {
    fn first(&mut self, mode: Mode) -> Program {
        program(self.platform, &self.path, REGISTERED, false, mode)
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let Some(content) = reply.blob("content").filter(|_| reply.status == 0) else {
            return Progress::Done(failure(&reply));
        };
        let mut result = Map::new();
        result.insert("content".to_owned(), STANDARD.encode(content).into());
        result.insert("source".to_owned(), said(&reply, "path").unwrap_or_else(|| self.path.clone()).into());
        result.insert("encoding".to_owned(), "base64".into());
        Progress::Done(Outcome { result, ..Outcome::default() })
    }
}

/// Reads a file for the controller: the outcome carries its bytes. Whether something changed is
/// for the one who writes them.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Which shell reads it.
    pub platform: Platform,
    /// The file.
    pub path: String,
    /// Where it goes, for the result.
    pub destination: String,
    /// Whether a missing file is a failure.
    pub fail_on_missing: bool,
    /// Whether the digest that the host computed is compared.
    pub validate: bool,
}

impl Operation for Fetch {
    fn first(&mut self, mode: Mode) -> Program {
        if mode.check {
            return Program::default();
        }
        program(self.platform, &self.path, FETCHED, self.validate, mode)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            let result = message("check mode cannot fetch");
            return Progress::Done(Outcome { skipped: true, result, ..Outcome::default() });
        }
        let Some(bytes) = reply.blob("content").filter(|_| reply.status == 0) else {
            let mut outcome = failure(&reply);
            if reply.value("state").is_some() && !self.fail_on_missing {
                outcome.failed = false;
                outcome.result.insert("file".to_owned(), self.path.clone().into());
            }
            return Progress::Done(outcome);
        };
        let content = Content::new(bytes.to_vec());
        if self.validate && reply.value("sha256") != Some(content.sha256.as_str()) {
            let result =
                message(format!("`{}` changed while it was read\nhint: run the task again", self.path));
            return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
        }
        let sha1 = sha1_of(&content.bytes);
        let mut result = Map::new();
        result.insert("checksum".to_owned(), sha1.clone().into());
        result.insert("remote_checksum".to_owned(), sha1.into());
        result.insert("md5sum".to_owned(), content.md5().into());
        result.insert("remote_md5sum".to_owned(), Value::Null);
        result.insert("dest".to_owned(), self.destination.clone().into());
        Progress::Done(Outcome { result, bytes: Some(content.bytes), ..Outcome::default() })
    }
}

fn program(platform: Platform, path: &str, limit: usize, sum: bool, mode: Mode) -> Program {
    if platform == Platform::Windows {
        let call = windows::Call::new("read").with("path", path).with("limit", &limit.to_string());
        return Program { text: call.flag("digest", sum).text(), ..Program::default() };
    }
    let mut script = Script::new(mode, &Attributes::default());
    let path = script.path(path);
    script.call("pf_read", &[&path], &[&limit.to_string(), if sum { "1" } else { "" }]);
    script.program()
}

fn message(text: impl Into<String>) -> Map<String, Value> {
    Map::from_iter([("msg".to_owned(), Value::String(text.into()))])
}
