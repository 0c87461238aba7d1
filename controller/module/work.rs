//! What a module is given and what it answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::operation::attributes::FileMode;
use crate::operation::{Content, Operation};
use crate::shell::Platform;
use crate::source::{Node, SourceFile};

/// Rendered options, checked and converted by the module's spec; names are the canonical ones.
pub type Options = Map<String, Value>;

/// Renders a template file; the options are those of the module (`trim_blocks`, ...).
pub type Render<'a> = dyn Fn(&Arc<SourceFile>, &Options) -> Result<String, ModuleError> + Sync + 'a;

/// Evaluates text of the user's files with the host's variables.
pub type Evaluate<'a, T> = dyn Fn(&Node) -> Result<T, ModuleError> + Sync + 'a;

/// What a module may look at while it plans.
pub struct ModuleContext<'a> {
    /// Name of the host.
    pub host: &'a str,
    /// Which shell it has, so which operations do the work.
    pub platform: Platform,
    /// Local files: content for `copy`, `template`, `script`.
    pub files: &'a dyn Files,
    /// Renders the text of a template file with the host's variables.
    pub render: &'a Render<'a>,
    /// The task's options as written, under their canonical names: where [`super::ModuleSpec::raw_options`]
    /// are found.
    pub raw: &'a [(String, Node)],
    /// Evaluates a condition (`assert.that`) as `when` would be.
    pub condition: &'a Evaluate<'a, bool>,
    /// Evaluates an expression (`debug.var`): the node's text without braces around it.
    pub variable: &'a Evaluate<'a, Value>,
    /// How many `-v` were given.
    pub verbosity: u8,
}

impl ModuleContext<'_> {
    /// Returns a raw option as written, if it was given.
    pub fn raw_option(&self, name: &str) -> Option<&Node> {
        self.raw.iter().find(|(given, _)| given == name).map(|(_, node)| node)
    }
}

/// Local files as modules see them. Implementations cache: 1,000 hosts read a payload once.
pub trait Files: Sync {
    /// Finds a file or folder by Ansible's search path: the role's `kind` folder (`files`,
    /// `templates`), the role, the playbook's `kind` folder, the playbook's folder.
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, ModuleError>;
    /// Reads a file whole, as it lies on the disk.
    fn content(&self, path: &Path) -> Result<Arc<Content>, ModuleError>;
    /// Reads a file whole; one that is encrypted is opened.
    fn opened(&self, path: &Path) -> Result<Arc<Content>, ModuleError>;
    /// Reads a template file.
    fn source(&self, path: &Path) -> Result<Arc<SourceFile>, ModuleError>;
    /// Lists the files and folders below `path`, relative to it, sorted, folders first; `true` marks a folder.
    fn walk(&self, path: &Path) -> Result<Vec<(PathBuf, bool)>, ModuleError>;
    /// Returns the permission bits of a local file (`mode: preserve`).
    fn mode(&self, path: &Path) -> Result<FileMode, ModuleError> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path)
            .map(|metadata| FileMode::Bits(metadata.permissions().mode() & 0o7777))
            .map_err(|error| {
                ModuleError::new(format!("cannot read the mode of `{}`: {error}", path.display()))
            })
    }
}

/// Why a module cannot plan: the task fails with this message.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ModuleError {
    /// What is wrong.
    pub message: String,
    /// A template that failed because a value is still on its way.
    pub pending: bool,
    /// A template that failed because it names what nothing defines.
    pub undefined: bool,
}

impl ModuleError {
    /// Makes an error from a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), pending: false, undefined: false }
    }
}

/// What a task has to do.
#[derive(Debug)]
pub enum Work {
    /// One operation on the host.
    Host(Box<dyn Operation>),
    /// Something that the controller does by itself.
    Control(Control),
}

/// What the executor does without a step on the host.
#[derive(Debug)]
pub enum Control {
    /// The task is over with this result (`debug`, `assert`, `fail`): `failed`, `changed`, `msg` and so on.
    Result(Map<String, Value>),
    /// Takes the host through the tasks of a file or role (`include_tasks`, `include_role`), chosen by these options.
    Include(Map<String, Value>),
    /// Gives the host the variables of files (`include_vars`), chosen by these options.
    IncludeVars(Map<String, Value>),
    /// Sets facts of the host, then is over with this result.
    SetFacts(Map<String, Value>),
    /// `meta: flush_handlers`, `end_host`, `end_play`, `end_batch`,
    /// `reset_connection`, `noop`, `clear_facts`.
    Meta(String),
    /// Waits; once for the whole batch. Nothing given asks a person to press Enter.
    Pause {
        /// Seconds to wait.
        seconds: Option<u64>,
        /// What to say.
        prompt: Option<String>,
        /// Whether what a person types is shown.
        echo: bool,
    },
    /// Restarts the host, and waits until it is there again.
    Reboot(Restart),
    /// Waits until a shell of the host can be opened (`wait_for_connection`).
    WaitForConnection(Reconnect),
    /// Writes what the operation fetched to a local file chosen by the controller (`fetch`).
    Fetch {
        /// The operation that reads the remote file; its outcome carries the bytes.
        operation: Box<dyn Operation>,
        /// Where the bytes go: computed by the controller only.
        destination: PathBuf,
        /// Whether a missing remote file is a failure.
        fail_on_missing: bool,
    },
}

/// How long to wait for a host that is away.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// Before the first attempt.
    pub delay: Duration,
    /// Between two attempts.
    pub pause: Duration,
    /// Limit of one attempt.
    pub connect: Duration,
    /// Limit for all of it.
    pub limit: Duration,
}

/// A restart of a host.
#[derive(Debug)]
pub struct Restart {
    /// Asks for it; its result has the number of the present boot as `boot`.
    pub ask: Box<dyn Operation>,
    /// A command that has to succeed before the host counts as being there.
    pub test_command: Option<String>,
    /// How long the host goes on before it restarts.
    pub delay: Duration,
    /// How long it is left alone when it is there again.
    pub settle: Duration,
    /// How to wait for it.
    pub wait: Reconnect,
}
