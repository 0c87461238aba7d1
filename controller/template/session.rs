//! One rendering: the variables it has read so far, and how a name becomes a value.
//!
//! minijinja's objects own what they hold, so they cannot borrow the scope. A name that was not
//! fetched yet is therefore noted, the evaluation is given up, the name is fetched, and the
//! evaluation is repeated; names that stand in the text are fetched ahead, so that is rare.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use minijinja::Error;
use minijinja::value::{Enumerator, Object, Value};

use super::compile::Form;
use super::directory::Directory;
use super::error::{Cause, cause_of, fail, fail_with_hint};
use super::files::trailing;
use super::lookups::Lookups;
use super::machine::{Inner, closed};
use super::place;
use super::registry;
use super::scope::{Binding, Scope};
use super::value::{Missing, from_data, from_source};
use crate::source::{Diagnostic, Node, NodeValue};

/// How deep variables may refer to each other.
pub(super) const MAX_DEPTH: usize = 24;

/// The name under which functions find the session.
pub(super) const SESSION: &str = "\0session";

/// One rendering.
pub(super) struct Session {
    pub(super) engine: Arc<Inner>,
    myself: Weak<Self>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bindings: HashMap<String, Option<Binding>>,
    memo: HashMap<String, Value>,
    /// The nodes in work, by address, with the variables they belong to.
    active: Vec<(usize, String)>,
    wanted: Vec<String>,
    wants_names: bool,
    names: Option<Vec<String>>,
    wants_folders: bool,
    folders: Option<Vec<PathBuf>>,
    pending: Option<String>,
}

impl Session {
    pub(super) fn new(engine: &Arc<Inner>) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            engine: engine.clone(),
            myself: myself.clone(),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches names, and what their own templates name.
    pub(super) fn fetch(&self, names: &[&str], scope: &dyn Scope) {
        let mut waiting: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        while let Some(name) = waiting.pop() {
            if self.state().bindings.contains_key(&name) {
                continue;
            }
            let binding = scope.lookup(&name);
            if let Some(Binding::Source(node)) = &binding
                && let NodeValue::String(text) = &node.value
                && is_template(text)
            {
                let compiled = self.engine.compiled(text, &Form::String);
                waiting.extend(compiled.names.iter().map(|name| (*name).to_owned()));
            }
            self.state().bindings.insert(name, binding);
        }
    }

    /// Fetches what the last evaluation lacked; tells whether it has to be repeated.
    pub(super) fn fetch_wanted(&self, scope: &dyn Scope) -> bool {
        let (wanted, wants_names, wants_folders) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.wanted),
                std::mem::take(&mut state.wants_names),
                std::mem::take(&mut state.wants_folders),
            )
        };
        if wants_folders {
            let folders = scope.folders();
            self.state().folders = Some(folders);
        }
        if wants_names {
            let names = scope.names();
            self.state().names = Some(names);
        }
        self.fetch(&wanted.iter().map(String::as_str).collect::<Vec<_>>(), scope);
        wants_names || wants_folders || !wanted.is_empty()
    }

    /// Returns the variable that has to be waited for.
    pub(super) fn pending(&self) -> Option<String> {
        self.state().pending.clone()
    }

    /// Tells whether what was computed lacks something and must not be kept.
    fn incomplete(&self) -> bool {
        let state = self.state();
        state.pending.is_some() || !state.wanted.is_empty() || state.wants_names || state.wants_folders
    }

    /// Returns the value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let binding = {
            let mut state = self.state();
            if let Some(value) = state.memo.get(name) {
                return Some(value.clone());
            }
            match state.bindings.get(name) {
                Some(binding) => binding.clone(),
                None => {
                    state.wanted.push(name.to_owned());
                    return Some(unfinished(name));
                }
            }
        };
        let value = match binding? {
            Binding::Pending => {
                self.state().pending = Some(name.to_owned());
                return Some(unfinished(name));
            }
            Binding::Data(data) => from_data(&data),
            Binding::Scopes(scopes) => Directory::value(&scopes, &self.engine),
            Binding::Source(node) => from_source(&node, name, &self.myself.upgrade()?),
        };
        if !self.incomplete() {
            self.state().memo.insert(name.to_owned(), value.clone());
        }
        Some(value)
    }

    /// Returns what stands for a name that nothing defines.
    fn undefined(name: &str) -> Value {
        Missing::value(Cause {
            message: format!("`{name}` is undefined"),
            hint: None,
            undefined: true,
            variable: Some(name.to_owned()),
            diagnostic: None,
        })
    }

    /// Lists the names of all variables; nothing while they are not fetched yet.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let mut state = self.state();
        if state.names.is_none() {
            state.wants_names = true;
        }
        state.names.clone()
    }

    /// Lists the folders where lookups search; nothing while they are not fetched yet.
    pub(super) fn folders(&self) -> Option<Vec<PathBuf>> {
        let mut state = self.state();
        state.wants_folders |= state.folders.is_none();
        state.folders.clone()
    }

    /// Renders the text of a variable. A failure becomes a value that fails when it is used.
    pub(super) fn variable(&self, node: &Node, text: &str, name: &str) -> Value {
        if !is_template(text) {
            return Value::from(text);
        }
        let address = std::ptr::from_ref(node).addr();
        {
            let mut state = self.state();
            if let Some(start) = state.active.iter().position(|(active, _)| *active == address) {
                let chain: Vec<&str> = state.active[start..].iter().map(|(_, name)| name.as_str()).collect();
                let chain = chain.join("` -> `");
                return Missing::value(Cause {
                    message: format!("`{name}` refers to itself: `{chain}` -> `{name}`"),
                    hint: Some("give one of them a name of its own".to_owned()),
                    undefined: false,
                    variable: None,
                    diagnostic: None,
                });
            }
            if state.active.len() >= MAX_DEPTH {
                let message =
                    format!("`{name}` stands behind {MAX_DEPTH} other variables, which is too deep");
                return Missing::value(Cause {
                    message,
                    hint: None,
                    undefined: false,
                    variable: None,
                    diagnostic: None,
                });
            }
            state.active.push((address, name.to_owned()));
        }
        let compiled = self.engine.compiled(text, &Form::String);
        let result = self.engine.evaluate(&compiled, &self.root());
        self.state().active.pop();
        result.unwrap_or_else(|failure| {
            let mut cause = cause_of(&failure.error);
            if cause.diagnostic.is_none() {
                let span = place::inside(node, failure.range);
                let mut diagnostic = Diagnostic::error(&span, cause.message.clone());
                diagnostic.hint.clone_from(&cause.hint);
                cause.diagnostic = Some(Box::new(diagnostic));
            }
            Missing::value(cause)
        })
    }

    /// Makes the context that templates look their names up in.
    pub(super) fn root(&self) -> Value {
        match self.myself.upgrade() {
            Some(session) => Value::from_object(Root(session)),
            None => Value::from(()),
        }
    }

    /// Reads a file or an environment variable for a lookup.
    pub(super) fn lookups(&self) -> &dyn Lookups {
        &*self.engine.lookups
    }

    /// Renders a file for `lookup('template', ...)`.
    pub(super) fn template(&self, name: &str, text: &str) -> Result<Value, Error> {
        let address = usize::MAX;
        {
            let mut state = self.state();
            if state.active.len() >= MAX_DEPTH {
                return Err(fail_with_hint(
                    format!("the template `{name}` is rendered inside too many others"),
                    "does it render itself?",
                ));
            }
            state.active.push((address, name.to_owned()));
        }
        let compiled = self.engine.compiled(text, &super::engine::lookup_form());
        let result = self.engine.evaluate(&compiled, &self.root());
        self.state().active.pop();
        let failed = |error: &Error, range: Option<std::ops::Range<usize>>| {
            let line = range.map_or(1, |range| text[..range.start.min(text.len())].matches('\n').count() + 1);
            fail(format!("{name}:{line}: {}", cause_of(error).message))
        };
        let value = result.map_err(|failure| failed(&failure.error, failure.range))?;
        // As in Ansible, one expression alone keeps its type.
        let Some(made) = value.as_str() else { return Ok(value) };
        Ok(Value::from(closed(made.to_owned(), trailing(text), "\n")))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// Tells whether text has to be compiled.
pub(super) fn is_template(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// What stands for a value until it was fetched.
pub(super) fn unfinished(name: &str) -> Value {
    let message = format!("`{name}` is not known yet");
    Missing::value(Cause { message, hint: None, undefined: false, variable: None, diagnostic: None })
}

/// The context of a template.
#[derive(Debug)]
struct Root(Arc<Session>);

/// What functions get the session from.
#[derive(Debug)]
pub(super) struct Handle(pub(super) Arc<Session>);

impl Object for Handle {}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        match name {
            SESSION => return Some(Value::from_object(Handle(self.0.clone()))),
            "omit" => return Some(self.0.engine.omit.clone()),
            _ => {}
        }
        match self.0.get(name) {
            Some(value) => Some(value),
            None if registry::function(name).is_some() || matches!(name, "loop" | "caller") => None,
            None if name == "vars" => Some(Value::from_object(Vars(self.0.clone()))),
            None => Some(Session::undefined(name)),
        }
    }
}

/// The variable `vars`: all variables by name.
#[derive(Debug)]
struct Vars(Arc<Session>);

impl Object for Vars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.names().unwrap_or_default().iter().map(Value::from).collect())
    }
}
