//! `hostvars`: the variables of other hosts, each rendered with its own.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::engine::Engine;
use super::error::{Cause, TemplateError};
use super::machine::Inner;
use super::scope::{Binding, Scope, ScopeDirectory};
use super::value::{Missing, from_data, from_json};
use crate::source::Diagnostic;

/// All scopes of a directory.
pub(super) struct Directory {
    scopes: Arc<dyn ScopeDirectory>,
    engine: Arc<Inner>,
}

/// One scope of it.
struct Entry {
    scopes: Arc<dyn ScopeDirectory>,
    engine: Arc<Inner>,
    name: String,
}

impl Directory {
    /// Makes the value that stands for a directory.
    pub(super) fn value(scopes: &Arc<dyn ScopeDirectory>, engine: &Arc<Inner>) -> Value {
        Value::from_object(Self { scopes: scopes.clone(), engine: engine.clone() })
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.name)
    }
}

impl Object for Directory {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?.to_owned();
        self.scopes.with_scope(&name, &mut |_| {}).then(|| {
            Value::from_object(Entry { scopes: self.scopes.clone(), engine: self.engine.clone(), name })
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.scopes.names().into_iter().map(Value::from).collect())
    }
}

impl Object for Entry {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let variable = key.as_str()?;
        let mut found = None;
        self.scopes.with_scope(&self.name, &mut |scope| found = named(&self.engine, variable, scope));
        found
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names = Vec::new();
        self.scopes.with_scope(&self.name, &mut |scope| names = scope.names());
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

/// Returns the value of a variable of another scope.
fn named(engine: &Arc<Inner>, variable: &str, scope: &dyn Scope) -> Option<Value> {
    let broken = |message: String, undefined: bool, diagnostic: Option<Box<Diagnostic>>| {
        Missing::value(Cause { message, hint: None, undefined, variable: None, diagnostic })
    };
    Some(match scope.lookup(variable)? {
        Binding::Data(data) => from_data(&data),
        Binding::Scopes(scopes) => Directory::value(&scopes, engine),
        Binding::Pending => broken(format!("`{variable}` of the other host is not known yet"), false, None),
        Binding::Source(node) => match (Engine { inner: engine.clone() }).render(&node, scope) {
            Ok(json) => from_json(&json),
            Err(TemplateError::Pending { name }) => {
                broken(format!("`{name}` of the other host is not known yet"), false, None)
            }
            Err(TemplateError::Undefined(diagnostic)) => {
                broken(diagnostic.message.clone(), true, Some(diagnostic))
            }
            Err(TemplateError::Failed(diagnostic)) => {
                broken(diagnostic.message.clone(), false, Some(diagnostic))
            }
        },
    })
}
