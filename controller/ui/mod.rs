//! What the user sees: reads events only; the only writer to the terminal.
//!
//! Three reporters show the same stream: [`Progress`] on a terminal, [`Plain`] without one, [`Json`] for
//! programs. Data (results, diffs, the recap) goes to standard output, warnings and bars to standard
//! error. Texts of hosts were sanitised where they entered; what is shown is sanitised again.

mod board;
mod diff;
mod drive;
mod echo;
mod fit;
mod json;
mod lines;
mod options;
mod plain;
mod progress;
mod recap;
mod stops;
#[cfg(test)]
pub(crate) mod testing;
mod tone;

pub use crate::source::counted;
pub use drive::{Reporter, Screen, spawn};
pub use echo::restore_terminal;
pub use fit::{shorten, width};
pub use json::Json;
pub use options::{Options, OutputFormat, color_wanted};
pub use plain::Plain;
pub use progress::{Progress, terminal_size};
pub use recap::{duration, recap_lines};
pub use tone::{Palette, Tone};
