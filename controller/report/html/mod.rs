//! Pages that people look at: one HTML file each, with everything in it and nothing fetched.
//!
//! The templates beside this file are compiled into the program. What they show comes from inventories, configurations
//! and hosts, so every value goes through `Inert`; style and script are fixed texts and the only ones that the
//! page's policy allows. Without script a page shows the same, only filters are missing.

mod audit;
mod certificates;
mod escape;
mod page;
mod picture;
mod run;

pub use audit::{Drift, Meta, audit};
pub(crate) use escape::Inert;
pub use run::run;
