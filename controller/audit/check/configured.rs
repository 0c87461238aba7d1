//! The server's files themselves: what stands in them and is not read, though somebody meant it to be.

use super::view::View;
use crate::audit::OddityKind;
use crate::audit::catalogue as rules;
use crate::preflight::Finding;

/// Names that are nearly right, and merges that are none.
pub(super) fn oddities(view: &View<'_>, findings: &mut Vec<Finding>) {
    for odd in view.configuration.into_iter().flat_map(|configuration| &configuration.oddities) {
        let whose = odd.identifier.as_ref().map(|own| format!(" {own}")).unwrap_or_default();
        // The place is none of a subject: it changes with every line that is written above it.
        let (rule, subject, message) = match &odd.kind {
            OddityKind::Element { name, .. } => (
                &rules::CONFIGURATION_MISSPELT,
                format!("element {name}{whose}"),
                format!("the configuration has no element `{name}`"),
            ),
            OddityKind::Attribute { element, name, .. } => (
                &rules::CONFIGURATION_MISSPELT,
                format!("attribute {name} of {element}{whose}"),
                format!("`{element}` has no attribute `{name}`"),
            ),
            OddityKind::Merge { name } => (
                &rules::CONFIGURATION_MERGE,
                format!("{name}{whose}"),
                format!("this `{name}` says `Merge`, which an audit does for `OpenIdClient` only"),
            ),
        };
        let mut finding = rule.found(subject, &*odd.place, message);
        if let OddityKind::Element { meant, .. } | OddityKind::Attribute { meant, .. } = &odd.kind {
            finding.hint = format!("did you mean `{meant}`? names are told apart by case");
        }
        findings.push(finding);
    }
}
