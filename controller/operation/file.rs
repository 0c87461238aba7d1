//! Makes a path be a folder, a file, a link, or nothing, with the wanted attributes.

use serde_json::{Value, json};

use super::answer::{Properties, changed, failure, points, said, state};
use super::attributes::Attributes;
use super::script::{Script, known};
use super::walk::Walk;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// What shall be at a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileState {
    /// A folder; missing ones above it are made.
    Directory,
    /// A regular file that is there already.
    File,
    /// Whatever is there already.
    Any,
    /// A file; an empty one is made, or the times of what is there are set.
    Touch,
    /// Nothing.
    Absent,
    /// A symbolic link.
    Link {
        /// Its target; nothing keeps the target that it has.
        src: Option<String>,
        /// Whether the target may be missing, and a file or an empty folder in the way is replaced.
        force: bool,
    },
    /// A hard link.
    Hard {
        /// The file to link to.
        src: Option<String>,
        /// Whether a file in the way is replaced.
        force: bool,
    },
}

/// Makes a path be what it shall be.
#[derive(Debug)]
pub struct FileOperation {
    /// The path; `~` and `$NAME` are expanded on the host.
    pub path: String,
    /// What shall be there.
    pub state: FileState,
    /// Its attributes.
    pub attributes: Attributes,
    /// Whether a link at the path is followed.
    pub follow: bool,
    /// Whether what is below a folder gets the attributes too.
    pub recurse: bool,
    walk: Option<Walk>,
    first: Option<Outcome>,
}

impl FileOperation {
    /// Makes the operation.
    pub fn new(path: String, state: FileState, attributes: Attributes, follow: bool) -> Self {
        Self { path, state, attributes, follow, recurse: false, walk: None, first: None }
    }

    /// The name under which the result has the path.
    fn path_name(&self, reply: &Reply) -> &'static str {
        match self.state {
            FileState::Touch | FileState::Link { .. } | FileState::Hard { .. } => "dest",
            FileState::Any if reply.value("as").is_some() => "dest",
            _ => "path",
        }
    }

    fn outcome(&self, reply: &Reply, mode: Mode) -> Outcome {
        let given = said(reply, "path").unwrap_or_else(|| self.path.clone());
        let mut outcome = if reply.status == 0 { Outcome::default() } else { failure(reply) };
        let name = if reply.status == 0 { self.path_name(reply) } else { "path" };
        outcome.result.insert(name.to_owned(), given.clone().into());
        outcome.changed = reply.status == 0 && changed(reply);
        match &self.state {
            FileState::Link { .. } | FileState::Hard { .. } => {
                let src = said(reply, "src").map_or_else(|| self.source(), Value::String);
                outcome.result.insert("src".to_owned(), src);
            }
            FileState::Any if reply.value("as").is_some() => {
                outcome
                    .result
                    .insert("src".to_owned(), said(reply, "src").map_or(Value::Null, Value::String));
            }
            _ => {}
        }
        if let Some(now) = state(reply, "now") {
            now.describe(&mut outcome.result);
        } else if self.state == FileState::Absent || reply.value("state") == Some("absent") {
            outcome.result.insert("state".to_owned(), "absent".into());
        }
        if mode.diff && reply.status == 0 {
            let properties = self.properties(reply, &given);
            if outcome.changed {
                outcome.result.insert("diff".to_owned(), properties.value());
                if !properties.is_equal() {
                    outcome.diff.push(properties.diff());
                }
            }
        }
        outcome.points = points(reply);
        outcome
    }

    fn source(&self) -> Value {
        match &self.state {
            FileState::Link { src, .. } | FileState::Hard { src, .. } => json!(src),
            _ => Value::Null,
        }
    }

    fn properties(&self, reply: &Reply, path: &str) -> Properties {
        let mut properties = Properties::new(path);
        let was = state(reply, "was");
        let was_state = was.as_ref().map_or("absent", |was| was.state()).to_owned();
        match reply.value("changed") {
            Some("created") if self.state == FileState::Touch => properties.add("state", was_state, "touch"),
            Some("created") => properties.add("state", was_state, "directory"),
            Some("removed") => {
                properties.add("state", was_state, "absent");
                if let (Some(folders), Some(files)) = (reply.blob("folders"), reply.blob("files")) {
                    let content = json!({ "directories": names(folders), "files": names(files) });
                    properties.add_before("path_content", content);
                }
            }
            Some("link") => match said(reply, "old_target") {
                Some(target) => {
                    let source = said(reply, "src").map_or_else(|| self.source(), Value::String);
                    properties.add("src", target, source);
                }
                None => properties.add("state", was_state, "link"),
            },
            Some("hard") => properties.add("state", was_state, "hard"),
            _ => {}
        }
        properties.add_attributes(reply);
        properties
    }

    fn walked(&mut self, walked: Outcome) -> Progress {
        let Some(mut outcome) = self.first.take() else { return Progress::Done(walked) };
        outcome.changed |= walked.changed;
        outcome.points.extend(walked.points);
        outcome.diff.extend(walked.diff);
        if walked.failed {
            outcome.failed = true;
            outcome.changed = false;
        }
        outcome.result.extend(walked.result);
        Progress::Done(outcome)
    }
}

/// Paths that `find -print0` wrote.
pub(super) fn names(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

impl Operation for FileOperation {
    fn first(&mut self, mode: Mode) -> Program {
        self.walk = None;
        let mut script = Script::new(mode, &self.attributes);
        let path = script.path(&self.path);
        let follow = if self.follow { "1" } else { "0" };
        let flag = |force: bool| if force { "1" } else { "0" };
        match &self.state {
            FileState::Directory => script.call("pf_directory", &[&path], &[follow]),
            FileState::File => script.call("pf_existing", &[&path], &[follow, "0"]),
            FileState::Any => script.call("pf_default", &[&path], &[follow]),
            FileState::Touch => script.call("pf_touch", &[&path], &[follow]),
            FileState::Absent => script.call("pf_absent", &[&path], &[]),
            FileState::Link { src, force } => {
                let src = src.as_deref().unwrap_or_default();
                script.call("pf_link", &[&path], &[src, flag(*force), follow]);
            }
            FileState::Hard { src, force } => {
                let src = match src {
                    Some(src) => script.quiet_path(src),
                    None => "''".to_owned(),
                };
                script.call("pf_hard", &[&path, &src], &[flag(*force)]);
            }
        }
        if self.recurse && self.state == FileState::Directory {
            Walk::begin(&mut script, &path, self.follow, &self.attributes);
        }
        script.program()
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        (!self.recurse).then(|| self.first(Mode::default()))
    }

    fn looks_at(&self) -> Vec<String> {
        known(&self.path).into_iter().collect()
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if let Some(walk) = &mut self.walk {
            let outcome = walk.finish(&reply);
            return self.walked(outcome);
        }
        if reply.status == 75 && self.recurse {
            let mut accepted = reply.clone();
            accepted.status = 0;
            let mut outcome = self.outcome(&accepted, mode);
            let root = said(&reply, "path").unwrap_or_else(|| self.path.clone());
            return match Walk::read(&root, &reply, &self.attributes) {
                Err(message) => {
                    outcome.failed = true;
                    outcome.result.insert("msg".to_owned(), message.into());
                    Progress::Done(outcome)
                }
                Ok(walk) if walk.is_empty() => Progress::Done(outcome),
                Ok(_) if mode.check => {
                    outcome.changed = true;
                    Progress::Done(outcome)
                }
                Ok(walk) => {
                    let program = walk.apply(mode);
                    self.walk = Some(walk);
                    self.first = Some(outcome);
                    Progress::Again(program)
                }
            };
        }
        Progress::Done(self.outcome(&reply, mode))
    }
}
