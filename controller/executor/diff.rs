//! Unified diffs of what operations report.

use similar::TextDiff;

use crate::operation::Diff;

/// Returns the unified diff of all pairs, or nothing when there is no difference.
pub(super) fn unified(diffs: &[Diff]) -> Option<String> {
    let mut text = String::new();
    for diff in diffs.iter().filter(|diff| diff.before != diff.after) {
        let (before, after) = (ended(&diff.before), ended(&diff.after));
        let lines = TextDiff::from_lines(&before, &after);
        let header = |name: &str, side: &str| if name.is_empty() { side.to_owned() } else { name.to_owned() };
        text.push_str(
            &lines
                .unified_diff()
                .context_radius(3)
                .header(
                    &format!("before: {}", header(&diff.before_header, "-")),
                    &format!("after: {}", header(&diff.after_header, "-")),
                )
                .to_string(),
        );
    }
    (!text.is_empty()).then_some(text)
}

/// Text whose last line has an end, so that the diff shows contents and not line ends.
fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sides_have_no_diff() {
        assert_eq!(unified(&[Diff { before: "a".into(), after: "a".into(), ..Diff::default() }]), None);
    }

    #[test]
    fn headers_name_both_sides() {
        let diff = Diff {
            before_header: "/etc/motd".into(),
            after_header: "motd.j2".into(),
            before: "old\n".into(),
            after: "new\n".into(),
        };
        assert_eq!(
            unified(&[diff]).as_deref(),
            Some("--- before: /etc/motd\n+++ after: motd.j2\n@@ -1 +1 @@\n-old\n+new\n")
        );
    }
}
