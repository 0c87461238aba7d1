//! Paceline's library: everything but the command line.
//!
//! Files become spanned trees ([`source`]), trees become an [`inventory`] and a [`playbook`], a
//! [`pattern`] selects targets, [`plan`] turns tasks into steps, and the [`executor`] sends the
//! steps to hosts through a [`transport`] and emits one ordered stream of events, from which
//! [`journal`], [`hostlog`], [`report`] and [`ui`] are made. `controller/ARCHITECTURE.md` has the
//! whole picture and the glossary.

pub mod audit;
pub mod cli;
pub mod document;
pub mod executor;
pub mod hostlog;
pub mod inventory;
pub mod journal;
pub mod lab;
pub mod module;
pub mod operation;
pub mod pattern;
pub mod plan;
pub mod playbook;
pub mod preflight;
pub mod report;
pub mod rollback;
pub mod secrets;
pub mod settings;
pub mod shell;
pub mod source;
pub mod template;
pub mod transport;
pub mod ui;
