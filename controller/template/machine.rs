//! The machine behind the engine: minijinja's environment with our operations in it, the compiled
//! texts, and one evaluation with its limits.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::machinery::{eval, make_string_output};
use minijinja::value::{Rest, Value, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior};

use super::compile::{Compiled, Form, Kind, compile};
use super::error::{Cause, fail_with_hint};
use super::files::trailing;
use super::lookups::Lookups;
use super::session::{Handle, MAX_DEPTH, SESSION};
use super::value::{Omit, is_omit};
use super::{methods, python, registry};
use crate::secrets::vault::Vault;

/// What one evaluation may cost, in minijinja's units (about one instruction or 64 bytes each).
const FUEL: u64 = 5_000_000;
/// How deep macros and loops may nest.
const RECURSION: usize = 60;
/// How many compiled texts are kept.
const CACHE: usize = 16_384;

/// What all clones of an engine share.
pub(super) struct Inner {
    environment: Environment<'static>,
    cache: RwLock<HashMap<Form, Texts>>,
    pub(super) lookups: Box<dyn Lookups>,
    pub(super) vault: Vault,
    pub(super) omit: Value,
}

/// Compiled texts of one form.
type Texts = HashMap<Box<str>, Arc<Compiled>>;

/// An error and the part of the text that it is about.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) range: Option<Range<usize>>,
}

/// What is written at the outer level of a template without text of its own.
#[derive(Default)]
struct Pieces {
    count: usize,
    only: Option<Value>,
}

impl Inner {
    pub(super) fn new(lookups: Box<dyn Lookups>, vault: Vault) -> Self {
        let omit = Value::from_object(Omit);
        Self { environment: environment(), cache: RwLock::default(), lookups, vault, omit }
    }

    /// Returns the compiled form of a text.
    pub(super) fn compiled(&self, text: &str, form: &Form) -> Arc<Compiled> {
        {
            let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(compiled) = cache.get(form).and_then(|texts| texts.get(text)) {
                return compiled.clone();
            }
        }
        let compiled = Arc::new(compile(text, form));
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        let texts = cache.entry(form.clone()).or_default();
        if texts.len() >= CACHE {
            texts.clear();
        }
        texts.insert(text.into(), compiled.clone());
        compiled
    }

    /// Runs compiled text once.
    pub(super) fn evaluate(&self, compiled: &Compiled, root: &Value) -> Result<Value, Failure> {
        if let Some(problem) = compiled.problems.first() {
            let cause = Cause {
                message: problem.message.clone(),
                hint: problem.hint.clone(),
                undefined: false,
                variable: None,
                diagnostic: None,
            };
            return Err(Failure { error: cause.into_error(), range: problem.range.clone() });
        }
        let Some(_depth) = Depth::enter() else {
            let message = format!("variables refer to each other more than {MAX_DEPTH} times in a row");
            let error = fail_with_hint(message, "is there a cycle, perhaps through `hostvars`?");
            return Err(Failure { error, range: None });
        };
        let mut text = String::new();
        let mut output = make_string_output(&mut text);
        let (value, mut state) = eval(
            &self.environment,
            &compiled.instructions,
            root.clone(),
            &compiled.blocks,
            &mut output,
            AutoEscape::None,
        )
        .map_err(|error| Failure { range: error.range(), error })?;
        let value = match compiled.kind {
            Kind::Expression => value.unwrap_or_else(|| Value::from(())),
            Kind::Text => Value::from(text),
            Kind::Pieces => match state.get_extension_mut::<Pieces>() {
                None => Value::from(()),
                Some(Pieces { count: 0, .. }) => Value::from(()),
                Some(Pieces { count: 1, only }) => only.take().unwrap_or_else(|| Value::from(())),
                Some(_) => Value::from(text),
            },
        };
        Ok(match value.as_str() {
            Some(text) if compiled.newlines > 0 => {
                Value::from(closed(text.to_owned(), compiled.newlines, "\n"))
            }
            _ => value,
        })
    }
}

/// Counts the evaluations that are under way on a thread: each variable's stands on top of the one
/// that reads it, across hosts too, and the stack is finite.
struct Depth;

impl Depth {
    fn enter() -> Option<Self> {
        DEPTH.with(|depth| {
            let inside = depth.get();
            (inside <= MAX_DEPTH).then(|| {
                depth.set(inside + 1);
                Self
            })
        })
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_debug(false);
    environment.set_formatter(|out, _, value| {
        // An `if` without `else`, nothing and `omit` leave no text.
        if value.is_undefined() || value.is_none() || is_omit(value) {
            return Ok(());
        }
        if let Some(text) = value.as_str() {
            return Ok(out.write_str(text)?);
        }
        Ok(out.write_str(&python::emitted(value)?)?)
    });
    environment.set_unknown_method_callback(|_, value, name, args| methods::call(value, name, args));
    for (name, spec) in registry::filters() {
        environment.add_filter(*name, move |input: Value, args: Rest<ValueOrKwargs>| {
            spec.call(input, plain(args), None)
        });
    }
    environment.add_filter("op:emit", |state: &mut State<'_, '_>, value: Value| {
        if !value.is_none() && !value.is_undefined() {
            let pieces = state.get_or_insert_extension_with(Pieces::default);
            pieces.count += 1;
            pieces.only = Some(value.clone());
        }
        value
    });
    for (name, spec) in registry::tests() {
        environment.add_test(*name, move |input: Value, args: Rest<ValueOrKwargs>| {
            spec.call(input, plain(args), None).map(|value| value.is_true())
        });
    }
    for (name, spec) in registry::functions() {
        environment.add_function(*name, move |state: &State<'_, '_>, args: Rest<ValueOrKwargs>| {
            let session = state.lookup(SESSION).and_then(|handle| handle.downcast_object::<Handle>());
            spec.call(Value::from(()), plain(args), session.map(|handle| handle.0.clone()))
        });
    }
    environment.add_function("namespace", minijinja::functions::namespace);
    environment
}

/// Closes text with as many line ends as its template has.
pub(super) fn closed(mut text: String, newlines: usize, newline: &str) -> String {
    for _ in trailing(&text)..newlines {
        text.push_str(newline);
    }
    text
}

fn plain(args: Rest<ValueOrKwargs>) -> Vec<Value> {
    args.0.into_iter().map(Value::from).collect()
}
