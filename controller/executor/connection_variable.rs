//! A variable that decides how a host is reached, rendered.
//!
//! One that is set and cannot be rendered is an error: to go on without it would be to connect to another place, as
//! another user, or without the pinned key.

use std::sync::Arc;

use serde_json::Value;

use crate::plan::HostScope;
use crate::source::Node;
use crate::template::{Binding, Engine, Scope as _, TemplateError};
use crate::transport::Unrendered;

/// Returns the variable `name` of a host; `keyword` is what holds if none is set. `omit` is as if it was not set.
///
/// # Errors
/// It needs something that is not defined, not known yet, or wrong.
pub fn connection_variable(
    engine: &Engine,
    scope: &HostScope<'_>,
    name: &str,
    keyword: Option<&Arc<Node>>,
) -> Result<Option<Value>, Unrendered> {
    let node = match scope.lookup(name) {
        Some(Binding::Data(value)) => return Ok(Some((*value).clone())),
        Some(Binding::Source(node)) => node,
        Some(Binding::Pending) => return Err(unrendered(TemplateError::Pending { name: name.to_owned() })),
        Some(Binding::Scopes(_)) => return Ok(None),
        None => match keyword {
            Some(node) => node.clone(),
            None => return Ok(None),
        },
    };
    engine.render_option(&node, scope).map_err(unrendered)
}

fn unrendered(error: TemplateError) -> Unrendered {
    let diagnostic = error.into_diagnostic();
    Unrendered {
        reason: diagnostic.message,
        place: diagnostic.span.as_ref().map(|span| span.place()),
        hint: diagnostic.hint,
    }
}
