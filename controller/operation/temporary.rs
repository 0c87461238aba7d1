//! Makes a file or folder under a name that nobody else has.

use serde_json::Map;

use super::answer::{changed, failure, points, said, state};
use super::attributes::Attributes;
use super::library::{Seldom, seldom};
use super::script::Script;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// Makes a file or folder under a new name.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// Whether it is a folder.
    pub directory: bool,
    /// Where; the host's folder for such files if nothing is given.
    pub path: Option<String>,
    /// What the name begins with.
    pub prefix: String,
    /// What it ends with.
    pub suffix: String,
}

impl Operation for Temporary {
    fn first(&mut self, mode: Mode) -> Program {
        if mode.check {
            return Program::default();
        }
        let mut script = Script::bringing(seldom(Seldom::Find), mode, &Attributes::default());
        let path = match &self.path {
            Some(path) => script.quiet_path(path),
            None => "''".to_owned(),
        };
        let kind = if self.directory { "directory" } else { "file" };
        script.call("pf_temporary_new", &[kind, &path], &[&self.prefix, &self.suffix]);
        script.program()
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            let message = "remote module (tempfile) does not support check mode";
            let result = Map::from_iter([("msg".to_owned(), message.into())]);
            return Progress::Done(Outcome { skipped: true, result, ..Outcome::default() });
        }
        if reply.status != 0 {
            return Progress::Done(failure(&reply));
        }
        let mut result = Map::from_iter([("path".to_owned(), said(&reply, "path").into())]);
        if let Some(now) = state(&reply, "now") {
            now.describe(&mut result);
        }
        let points = points(&reply);
        Progress::Done(Outcome { changed: changed(&reply), result, points, ..Outcome::default() })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;
    use crate::rollback::newest_first;

    #[test]
    fn it_is_new_private_and_goes_with_what_is_in_it() {
        for shell in SHELLS {
            let root = tempfile::TempDir::new().unwrap();
            let folder = root.path().join("t");
            std::fs::create_dir(&folder).unwrap();
            let base = root.path().join("base");
            let mut host = Rehearsal::new(shell);
            host.prelude = crate::operation::open_points(base.to_str(), "run1", "web1");
            for directory in [false, true] {
                let mut make = Temporary {
                    directory,
                    path: folder.to_str().map(str::to_owned),
                    prefix: "-a b.".to_owned(),
                    suffix: ".x".to_owned(),
                };
                let outcome = host.run(&mut make, Mode::default());
                assert!(outcome.changed && !outcome.failed, "{shell} {:?}", outcome.result);
                let path = std::path::PathBuf::from(outcome.result["path"].as_str().unwrap());
                assert_eq!(outcome.result["mode"], if directory { "0700" } else { "0600" }, "{shell}");
                assert!(path.is_dir() == directory && path.exists(), "{shell}");
                if directory { std::fs::write(path.join("in"), "x") } else { std::fs::write(&path, "x") }
                    .unwrap();
                for mut restore in newest_first(&outcome.points, None) {
                    let restored = host.run(&mut restore, Mode::default());
                    assert!(!restored.failed, "{shell} {:?}", restored.result);
                }
                assert!(!path.exists(), "{shell}");
            }
        }
    }
}
