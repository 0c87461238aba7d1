//! The engine: one for all hosts. It compiles text once and renders nodes and files.

use std::ops::Range;
use std::sync::Arc;

use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use serde_json::Value as Json;

use super::compile::{Compiled, FileForm, Form, Kind, Problem};
use super::error::{Cause, TemplateError, cause_of};
use super::lookups::{Lookups, NoLookups};
use super::machine::Inner;
use super::scope::Scope;
use super::session::{Session, is_template};
use super::value::{is_omit, to_json};
use super::{place, python, registry};
use crate::secrets::vault::{OpenError, Vault};
use crate::source::{Diagnostic, Diagnostics, Node, NodeValue, Span};

/// Renders the expressions and templates of the user's files. Cheap to clone; all hosts share one.
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Makes an engine whose lookups find nothing.
    pub fn new() -> Self {
        Self::new_with(Box::new(NoLookups), Vault::default())
    }

    /// Makes an engine that reads files and environment variables through `lookups`, and opens encrypted values with `vault`.
    pub fn new_with(lookups: Box<dyn Lookups>, vault: Vault) -> Self {
        Self { inner: Arc::new(Inner::new(lookups, vault)) }
    }

    /// Makes an engine whose lookups find nothing, and which opens encrypted values with `vault`.
    pub fn with_vault(vault: Vault) -> Self {
        Self::new_with(Box::new(NoLookups), vault)
    }

    /// What opens encrypted values and files.
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// Renders a node and everything in it. Text that is one expression gives the expression's
    /// value, other text gives text; entries and items that are `omit` are left out.
    pub fn render(&self, node: &Node, scope: &dyn Scope) -> Result<Json, TemplateError> {
        self.render_option(node, scope)?.ok_or_else(|| {
            let diagnostic = Diagnostic::error(&node.span, "this value is `omit`, which leaves nothing");
            TemplateError::Failed(Box::new(diagnostic.hint("`omit` leaves out options, entries and items")))
        })
    }

    /// Renders like [`Engine::render`]; nothing if the whole is `omit`.
    pub fn render_option(&self, node: &Node, scope: &dyn Scope) -> Result<Option<Json>, TemplateError> {
        self.node(&Session::new(&self.inner), node, scope)
    }

    /// Renders a node and turns the result into text as Ansible does.
    pub fn render_string(&self, node: &Node, scope: &dyn Scope) -> Result<String, TemplateError> {
        let json = self.render(node, scope)?;
        to_text(&json).map_err(|error| failed(&cause_of(&error), &node.span, scope))
    }

    /// Evaluates a condition: a bare expression, a boolean, or a list of which all have to hold.
    pub fn condition(&self, node: &Node, scope: &dyn Scope) -> Result<bool, TemplateError> {
        let text = match &node.value {
            NodeValue::Bool(value) => return Ok(*value),
            NodeValue::Sequence(conditions) => {
                for condition in conditions {
                    if !self.condition(condition, scope)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            NodeValue::String(text) => text,
            _ => return Err(TemplateError::Failed(Box::new(not_a_condition(node)))),
        };
        let (compiled, shift) = self.compiled_condition(text);
        let session = Session::new(&self.inner);
        let place =
            |range: Option<Range<usize>>| place::inside(node, range.map(|r| r.start + shift..r.end + shift));
        let value = self.value(&session, &compiled, scope, &place)?;
        if value.kind() == ValueKind::Bool {
            return Ok(value.is_true());
        }
        python::check(&value)
            .map_err(|error| failed(&cause_of(&error), &place(compiled.whole.clone()), scope))?;
        let message =
            format!("a conditional must have a boolean result, not `{}`", python::type_name(&value));
        let hint = "compare it (`x == 'a'`, `x | length > 0`, `x is not none`) or use the filter `bool`";
        Err(TemplateError::Failed(Box::new(Diagnostic::error(&node.span, message).hint(hint))))
    }

    /// Makes the items of a `with_...` from what stands behind it. `kind` is the folder where files are looked for first.
    pub fn loop_items(
        &self,
        lookup: &str,
        terms: Json,
        scope: &dyn Scope,
        kind: &str,
    ) -> Result<Vec<Json>, String> {
        let terms = match terms {
            Json::Array(terms) => terms,
            term => vec![term],
        };
        let folders = scope.folders();
        let disk = super::listing::Disk { lookups: &*self.inner.lookups, folders: &folders, kind };
        super::listing::run(lookup, &terms, &serde_json::Map::new(), &disk)
    }

    /// Finds everything that is wrong in a node before it is rendered.
    pub fn check(&self, node: &Node, diagnostics: &mut Diagnostics) {
        match &node.value {
            NodeValue::String(text) if is_template(text) => {
                let compiled = self.inner.compiled(text, &Form::String);
                report(&compiled, &|range| place::inside(node, range), diagnostics);
            }
            NodeValue::Sequence(items) => items.iter().for_each(|item| self.check(item, diagnostics)),
            NodeValue::Mapping(entries) => {
                entries.iter().for_each(|(_, value)| self.check(value, diagnostics));
            }
            _ => {}
        }
    }

    /// Finds everything that is wrong in a condition before it is evaluated.
    pub fn check_condition(&self, node: &Node, diagnostics: &mut Diagnostics) {
        match &node.value {
            NodeValue::Bool(_) => {}
            NodeValue::Sequence(conditions) => {
                conditions.iter().for_each(|condition| self.check_condition(condition, diagnostics));
            }
            NodeValue::String(text) => {
                let (compiled, shift) = self.compiled_condition(text);
                let place = |range: Option<Range<usize>>| {
                    place::inside(node, range.map(|r| r.start + shift..r.end + shift))
                };
                report(&compiled, &place, diagnostics);
            }
            _ => diagnostics.push(not_a_condition(node)),
        }
    }

    /// Lists the names that a node may look up, for finding out what it waits for.
    pub fn names(&self, node: &Node) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.collect_names(node, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Lists the names that a condition may look up.
    pub fn condition_names(&self, node: &Node) -> Vec<&'static str> {
        match &node.value {
            NodeValue::String(text) => self.compiled_condition(text).0.names.clone(),
            NodeValue::Sequence(conditions) => {
                conditions.iter().flat_map(|condition| self.condition_names(condition)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn collect_names(&self, node: &Node, names: &mut Vec<&'static str>) {
        match &node.value {
            NodeValue::String(text) if is_template(text) => {
                names.extend(&self.inner.compiled(text, &Form::String).names);
            }
            NodeValue::Sequence(items) => items.iter().for_each(|item| self.collect_names(item, names)),
            NodeValue::Mapping(entries) => {
                entries.iter().for_each(|(_, value)| self.collect_names(value, names));
            }
            _ => {}
        }
    }

    /// Compiles a condition; what is wholly wrapped in `{{ }}` is taken out of it.
    fn compiled_condition(&self, text: &str) -> (Arc<Compiled>, usize) {
        let trimmed = text.trim();
        if let Some(inner) = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            let wrapped = self.inner.compiled(trimmed, &Form::String);
            if wrapped.kind == Kind::Expression && !inner.contains("{{") {
                let shift = text.len() - text.trim_start().len();
                return (wrapped, shift);
            }
        }
        let compiled = self.inner.compiled(text, &Form::Expression);
        if compiled.problems.is_empty() || !is_template(text) && !trimmed.is_empty() {
            return (compiled, 0);
        }
        let problem = if trimmed.is_empty() {
            Problem { message: "the condition is empty".to_owned(), hint: None, range: None }
        } else {
            Problem {
                message: "a condition is an expression already: `{{ }}` and `{% %}` cannot stand in it"
                    .to_owned(),
                hint: Some("write the variables without `{{ }}`".to_owned()),
                range: None,
            }
        };
        (Arc::new(compiled.with_problem(problem)), 0)
    }

    fn node(
        &self,
        session: &Arc<Session>,
        node: &Node,
        scope: &dyn Scope,
    ) -> Result<Option<Json>, TemplateError> {
        Ok(Some(match &node.value {
            NodeValue::Null => Json::Null,
            NodeValue::Bool(value) => Json::Bool(*value),
            NodeValue::Int(value) => Json::from(*value),
            NodeValue::Large(value) => Json::from(*value),
            NodeValue::Float(value) => serde_json::Number::from_f64(*value).map_or(Json::Null, Json::Number),
            NodeValue::Unsafe(text) => Json::String(text.clone()),
            NodeValue::Vault(text) => match self.inner.vault.open_value(text) {
                Ok(text) => Json::String(Vault::plain(&text).to_owned()),
                Err(error) => {
                    return Err(TemplateError::Failed(Box::new(unopened(node, "this value", &error))));
                }
            },
            NodeValue::String(text) if !is_template(text) => Json::String(text.clone()),
            NodeValue::String(text) => {
                let compiled = self.inner.compiled(text, &Form::String);
                let value = self.value(session, &compiled, scope, &|range| place::inside(node, range))?;
                if is_omit(&value) {
                    return Ok(None);
                }
                return self.finish(session, &value, scope, &place::inside(node, compiled.whole.clone()));
            }
            NodeValue::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.node(session, item, scope)?);
                }
                Json::Array(list)
            }
            NodeValue::Mapping(entries) => {
                let mut map = serde_json::Map::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = self.node(session, value, scope)? {
                        map.insert(key_text(key), value);
                    }
                }
                Json::Object(map)
            }
        }))
    }

    /// Converts a result. That may read variables for the first time, so it is repeated like an
    /// evaluation.
    fn finish(
        &self,
        session: &Arc<Session>,
        value: &Value,
        scope: &dyn Scope,
        span: &Span,
    ) -> Result<Option<Json>, TemplateError> {
        loop {
            let result = to_json(value, 0);
            if let Some(name) = session.pending() {
                return Err(TemplateError::Pending { name });
            }
            if session.fetch_wanted(scope) {
                continue;
            }
            return result.map(Some).map_err(|error| failed(&cause_of(&error), span, scope));
        }
    }

    /// Evaluates compiled text until no name is lacking.
    pub(super) fn value(
        &self,
        session: &Arc<Session>,
        compiled: &Compiled,
        scope: &dyn Scope,
        place: &dyn Fn(Option<Range<usize>>) -> Span,
    ) -> Result<Value, TemplateError> {
        session.fetch(&compiled.names, scope);
        loop {
            let result = self.inner.evaluate(compiled, &session.root());
            if let Some(name) = session.pending() {
                return Err(TemplateError::Pending { name });
            }
            if session.fetch_wanted(scope) {
                continue;
            }
            return result.map_err(|failure| failed(&cause_of(&failure.error), &place(failure.range), scope));
        }
    }
}

/// How `lookup('template', ...)` reads a file.
pub(super) fn lookup_form() -> Form {
    Form::File(Box::new(FileForm {
        trim_blocks: true,
        lstrip_blocks: false,
        block: ("{%".to_owned(), "%}".to_owned()),
        variable: ("{{".to_owned(), "}}".to_owned()),
        comment: ("{#".to_owned(), "#}".to_owned()),
        newline: "\n".to_owned(),
    }))
}

pub(super) fn report(
    compiled: &Compiled,
    place: &dyn Fn(Option<Range<usize>>) -> Span,
    diagnostics: &mut Diagnostics,
) {
    for problem in &compiled.problems {
        let mut diagnostic = Diagnostic::error(&place(problem.range.clone()), problem.message.clone());
        diagnostic.hint.clone_from(&problem.hint);
        diagnostics.push(diagnostic);
    }
}

/// Turns a cause into an error with a place; an undefined variable gets "did you mean".
pub(super) fn failed(cause: &Cause, span: &Span, scope: &dyn Scope) -> TemplateError {
    let mut diagnostic = match &cause.diagnostic {
        Some(diagnostic) => (**diagnostic).clone(),
        None => Diagnostic::error(span, cause.message.clone()),
    };
    if diagnostic.hint.is_none() {
        diagnostic.hint.clone_from(&cause.hint);
    }
    if let (None, Some(variable)) = (&diagnostic.hint, &cause.variable) {
        let names = scope.names();
        diagnostic.hint = registry::suggest(variable, names.iter().map(String::as_str));
    }
    if cause.undefined {
        TemplateError::Undefined(Box::new(diagnostic))
    } else {
        TemplateError::Failed(Box::new(diagnostic))
    }
}

/// Says that an encrypted value was not opened, at its place.
pub(super) fn unopened(node: &Node, what: &str, error: &OpenError) -> Diagnostic {
    let text = error.to_string();
    let (message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (&*text, None),
    };
    let start = Span::new(node.span.file.clone(), node.span.start, node.span.start);
    Diagnostic::error(&start, format!("cannot decrypt {what}: {message}")).maybe_hint(hint)
}

fn not_a_condition(node: &Node) -> Diagnostic {
    Diagnostic::error(&node.span, format!("a conditional must have a boolean result, not {}", node.kind()))
        .hint("write an expression, `true` or `false`")
}

fn key_text(key: &Node) -> String {
    match &key.value {
        NodeValue::String(text) | NodeValue::Unsafe(text) | NodeValue::Vault(text) => text.clone(),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Large(value) => value.to_string(),
        NodeValue::Float(value) => python::float(*value),
        NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_) => "null".to_owned(),
    }
}

/// Writes a result as text, the way Ansible does for options that are text.
fn to_text(json: &Json) -> Result<String, Error> {
    match json {
        Json::String(text) => Ok(text.clone()),
        other => python::emitted(&super::value::from_json(other)),
    }
}
