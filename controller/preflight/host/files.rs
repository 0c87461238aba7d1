//! Files that an earlier attempt left behind.

use super::super::{Finding, Severity};
use super::{Facts, Question};

/// Settings for another environment win over the ones that are installed, silently; a runtime that was put aside means
/// that an upgrade was not finished.
pub(super) fn leftovers(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    for path in &facts.leftovers {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let settings = name.starts_with("appsettings");
        let (severity, hint) = match settings {
            true => {
                (Severity::Warning, "it wins over `appsettings.json`: remove it, or carry its values over")
            }
            false => (Severity::Info, "an earlier attempt left it; remove it when nobody needs it any more"),
        };
        let place = format!("{}:{path}", question.host);
        let message = format!("`{path}` is left on `{}`", question.host);
        findings.push(Finding::new("leftover-file", severity, place, message, hint).on(&question.host));
    }
}
