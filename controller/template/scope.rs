//! Where a template finds its variables.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::source::Node;

/// What a variable name stands for.
#[derive(Clone, Debug)]
pub enum Binding {
    /// Text and structure from the user's files, rendered when it is read.
    Source(Arc<Node>),
    /// A finished value: a result, a fact, a loop item. Never compiled.
    Data(Arc<Value>),
    /// Scopes by name: `hostvars`.
    Scopes(Arc<dyn ScopeDirectory>),
    /// The result of a step that is still on its way: the reader has to wait for it, then render again.
    Pending,
}

/// The variables of one host at one point of its play.
pub trait Scope: Sync {
    /// Returns what `name` stands for, if it is defined.
    fn lookup(&self, name: &str) -> Option<Binding>;

    /// Lists every defined name, for `vars` and for "did you mean".
    fn names(&self) -> Vec<String>;

    /// Lists the folders where lookups search for files, the first one first: those of the task. None means
    /// those of the run.
    fn folders(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Scopes that are found by a name, as hosts are in `hostvars`.
pub trait ScopeDirectory: std::fmt::Debug + Send + Sync {
    /// Hands the scope called `name` to `read`; tells whether there is one.
    fn with_scope(&self, name: &str, read: &mut dyn FnMut(&dyn Scope)) -> bool;

    /// Lists the names.
    fn names(&self) -> Vec<String>;
}
