//! Text and pages from a journal: the list of runs, the story of a run, its host logs; and tables of findings and audits.
//!
//! Reads the state folder only; nothing here knows an inventory or a playbook. Pages (`html/`) also show audits.

mod account;
mod audit;
mod audit_csv;
mod audit_query;
mod error;
mod findings;
mod history;
pub mod html;
mod list;
mod logs;
mod page_file;
mod show;
mod story;
mod summary;
mod table;
#[cfg(test)]
mod testing;
mod unknown;

pub use audit::{audit, audit_json};
pub use audit_csv::audit_csv;
pub use audit_query::{audit_of_agent, audit_of_connector, could_serve};
pub use error::ReportError;
pub use findings::{Findings, findings};
pub use history::{History, history};
pub use list::list;
pub use logs::logs;
pub use page_file::run_page;
pub use show::{show, show_host};
pub use story::{HostStory, Story};
pub use summary::{RunResult, RunSummary};
pub use unknown::UnknownStep;
