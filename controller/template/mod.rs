//! Jinja2 expressions and templates with Ansible's filters, tests and native types.
//!
//! Only text of the user's files ([`crate::source::Node`], [`crate::source::SourceFile`]) is ever
//! compiled; what a host sent is a [`Binding::Data`] and stays data.
//!
//! Text is parsed by minijinja; `rewrite` replaces the operators whose meaning differs from
//! Python's, and notes what is unknown; minijinja's machine runs the result. `session` turns names
//! into values, `value` holds them without copying, and the filters, tests and functions are listed
//! in `registry`.

mod collections;
mod compile;
#[cfg(test)]
mod declared;
mod depth;
mod directory;
mod encodings;
mod engine;
mod error;
mod files;
mod formats;
mod functions;
mod listing;
mod lookups;
mod machine;
mod methods;
mod numbers;
mod operators;
mod paths;
mod place;
mod predicates;
mod python;
pub(crate) mod regexes;
mod registry;
mod rewrite;
mod scope;
mod selection;
mod session;
mod statements;
#[cfg(test)]
mod suite;
mod texts;
mod value;
mod yaml;

pub use engine::Engine;
pub use error::TemplateError;
pub use files::TextOptions;
pub use listing::{loop_lookup, loop_lookups};
pub use lookups::Lookups;
pub use scope::{Binding, Scope, ScopeDirectory};
