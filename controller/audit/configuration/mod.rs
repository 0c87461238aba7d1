//! What the server's configuration says: its XML files and the overrides in its `appsettings.json`.
//!
//! [`read()`] takes a folder, and is all that looks at the disk (`read.rs`). A file's bytes become text (`encoding.rs`), text
//! becomes tags with places (`xml.rs`), tags become definitions (`elements.rs`, with `names.rs`, `values.rs` and `drafts.rs`), and the definitions of all
//! files one [`Configuration`] (`assemble.rs`, `scaffolding.rs`). The server's settings are read by `settings.rs`.
//! Whether the names in it fit together is for the checks to say; here only what cannot be read is wrong.
//!
//! The schema is large and grows. Elements that have nothing to do with agents, connectors and jobs are passed over; the ones
//! that have are read strictly. Sources of the rules: the pages "Connectors", "Jobs", "OpenIdClient" and "Scaffoldings" of
//! the product's XML reference, 6.2.

mod assemble;
mod drafts;
mod elements;
mod encoding;
#[cfg(test)]
mod hostile;
mod model;
mod names;
mod read;
mod scaffolding;
mod settings;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod values;
mod xml;

pub use model::{
    Client, Configuration, ConfiguredAgent, ConfiguredConnector, Connection, Job, Oddity, OddityKind,
    Scaffolding, ServerSettings, Task,
};
pub use read::{Limits, read};
