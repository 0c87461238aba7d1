//! Text files as trees whose every node knows its place, and the diagnostics drawn from them.
//!
//! First stop of the data path: `inventory` and `playbook` read only what this folder produces.
//! Nothing here knows what a host or a task is.

mod count;
mod diagnostic;
mod file;
mod merge;
mod node;
mod render;
mod scalar;
mod search;
mod span;
mod suggest;
mod syntax;
mod yaml;

pub use count::counted;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use file::{load, read, read_bytes};
pub use node::{Node, NodeValue};
pub use search::{NotFound, expand, search};
pub use span::{SourceFile, Span};
pub use suggest::{did_you_mean, suggestion};
pub use yaml::{Limits, parse, parse_documents, parse_with};
