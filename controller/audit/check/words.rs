//! Small things that several rules say or compare alike.

use crate::inventory::Agent;
use crate::preflight::Finding;

/// Names beyond this many are counted only.
const NAMES: usize = 6;

/// `` `a`, `b` and `c` ``.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let mut shown: Vec<String> = all.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    if all.len() > NAMES {
        shown.push(format!("{} more", all.len() - NAMES));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Equal but for upper and lower case.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || fold(a) == fold(b)
}

/// What is equal for names that differ in case only.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// Asks whether the name that differs in upper and lower case only is meant, if there is one.
pub(super) fn hinted(mut finding: Finding, meant: Option<&str>) -> Finding {
    if let Some(meant) = meant {
        finding.hint = format!("did you mean `{meant}`? the server tells names apart by case");
    }
    finding
}

/// The identifiers of agents.
pub(super) fn identifiers(agents: &[Agent]) -> impl Iterator<Item = &str> {
    agents.iter().map(|agent| agent.identifier.as_str())
}

/// Numbers of a version: 6.2.1.0 and 6.2.1 are one, and what is behind `+` or `-` does not count.
pub(super) fn version(text: &str) -> Option<Vec<u64>> {
    let plain = text.trim().split(['+', '-', ' ']).next().unwrap_or_default();
    let mut numbers = plain.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    (numbers.len() <= 8).then_some(numbers)
}

/// A version as it is shown and kept: at least two numbers, no zeros behind the third.
pub(crate) fn version_text(text: &str) -> String {
    match version(text) {
        None => text.to_owned(),
        Some(mut numbers) => {
            numbers.resize(numbers.len().max(2), 0);
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert_eq!(version("6.2.1.0"), version("6.2.1+build.7"));
        assert!(version("6.2.10") > version("6.2.9.8"));
        assert_eq!(version("latest"), None);
        assert_eq!(version_text("6.0.0.0"), "6.0");
        assert_eq!(version_text("6.2.1.0"), "6.2.1");
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(names(["a"]), "`a`");
        assert_eq!(names(["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(names(["a"; 9]).ends_with("`a` and 3 more"));
    }
}
