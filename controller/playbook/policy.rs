//! What becomes of a host on which a task failed (`on_failure`), how far back it goes when the failure budget is
//! exceeded (`rollback_scope`), and blocks that undo themselves (`guard`). Ansible has none of these.

use super::load::Loader;
use super::model::{Block, Entry};
use crate::source::{Diagnostic, Node, NodeValue, Span, suggestion};

/// `on_failure`: what becomes of a host on which a task failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnFailure {
    /// It stops, as in Ansible.
    #[default]
    Stop,
    /// It stops, and what the run changed on it is restored.
    Rollback,
    /// It goes on with the next task.
    Continue,
}

/// `rollback_scope`: whom a spent failure budget takes back under `on_failure: rollback`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RollbackScope {
    /// The hosts that failed.
    #[default]
    Host,
    /// Every host of the wave that the run changed.
    Wave,
}

/// `guard` of a block: what it changes is restored by the host itself, unless the controller confirms in time.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Place of the keyword.
    pub span: Span,
    /// Seconds until the host restores by itself.
    pub seconds: u64,
}

/// The shortest and the longest time of a guard, in seconds.
const GUARD: std::ops::RangeInclusive<i64> = 5..=86_400;

const ON_FAILURE: &[(&str, OnFailure)] =
    &[("stop", OnFailure::Stop), ("rollback", OnFailure::Rollback), ("continue", OnFailure::Continue)];
const SCOPES: &[(&str, RollbackScope)] = &[("host", RollbackScope::Host), ("wave", RollbackScope::Wave)];

impl Loader<'_> {
    /// Reads `on_failure`.
    pub(super) fn on_failure(&mut self, value: &Node) -> Option<OnFailure> {
        self.word_of("on_failure", value, ON_FAILURE)
    }

    /// Reads `rollback_scope`.
    pub(super) fn rollback_scope(&mut self, value: &Node) -> Option<RollbackScope> {
        self.word_of("rollback_scope", value, SCOPES)
    }

    /// Reads `guard` of a block.
    pub(super) fn guard(&mut self, key: &Node, value: &Node) -> Option<Guard> {
        match value.value {
            NodeValue::Int(seconds) if GUARD.contains(&seconds) => {
                Some(Guard { span: key.span.clone(), seconds: seconds.unsigned_abs() })
            }
            _ => {
                let (least, most) = (GUARD.start(), GUARD.end());
                self.wrong("guard", value, &format!("a whole number of seconds from {least} to {most}"));
                None
            }
        }
    }

    /// Refuses a guard inside of another one: the outer one would undo what the inner one has confirmed.
    pub(super) fn check_guards(&mut self, block: &Block) {
        if block.guard.is_none() {
            return;
        }
        let lists = [&block.entries, &block.rescue, &block.always];
        if let Some(inner) = lists.into_iter().find_map(|list| guard_among(list)) {
            let error = Diagnostic::error(&inner.span, "a guard inside of a guarded block");
            self.report(error.hint("put the blocks behind each other, each with a `guard` of its own"));
        }
    }

    fn word_of<T: Copy>(&mut self, key: &str, value: &Node, known: &[(&str, T)]) -> Option<T> {
        let word = self.literal(key, value)?;
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names = || known.iter().map(|(name, _)| *name);
            let hint = suggestion(word, names())
                .unwrap_or_else(|| format!("one of `{}`", names().collect::<Vec<_>>().join("`, `")));
            let error = Diagnostic::error(&value.span, format!("`{key}` cannot be `{word}`"));
            self.report(error.hint(hint));
        }
        found
    }
}

/// Finds the first guard in a list of tasks.
fn guard_among(entries: &[Entry]) -> Option<Guard> {
    entries.iter().find_map(|entry| match entry {
        Entry::Task(_) => None,
        Entry::Block(block) => block.guard.clone().or_else(|| {
            [&block.entries, &block.rescue, &block.always].into_iter().find_map(|list| guard_among(list))
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::site;

    #[test]
    fn policies_are_words_that_are_written_out() {
        let play =
            |keywords: &str| site(&format!("- hosts: web\n{keywords}  tasks:\n    - ping:\n")).messages();
        for word in ["stop", "rollback", "continue"] {
            assert_eq!(play(&format!("  on_failure: {word}\n  rollback_scope: wave\n")), "", "{word}");
        }
        for (keyword, expected) in [
            ("on_failure: rolback", "did you mean `rollback`?"),
            ("on_failure: never", "one of `stop`, `rollback`, `continue`"),
            ("on_failure: \"{{ policy }}\"", "has to be known before the run"),
            ("rollback_scope: fleet", "one of `host`, `wave`"),
        ] {
            let messages = play(&format!("  {keyword}\n"));
            assert!(messages.contains("site.yml:2:") && messages.contains(expected), "{keyword}: {messages}");
        }
        let guarded = |guard: &str, inner: &str| {
            let text = format!("- hosts: web\n  tasks:\n    - block: [{inner}]\n      guard: {guard}\n");
            site(&text).messages()
        };
        assert_eq!(guarded("5", "{ ping: }"), "");
        for value in ["4", "-1", "soon", "\"{{ time }}\"", "[10]", "1.5"] {
            let messages = guarded(value, "{ ping: }");
            let expected = "`guard` takes a whole number of seconds from 5 to 86400";
            assert!(messages.contains("site.yml:4:14") && messages.contains(expected), "{value}: {messages}");
        }
        let nested = guarded("30", "{ block: [{ block: [{ ping: }], guard: 10 }] }");
        assert!(
            nested.contains("site.yml:3:") && nested.contains("a guard inside of a guarded block"),
            "{nested}"
        );
        let task = site("- hosts: web\n  tasks:\n    - ping:\n      guard: 10\n").messages();
        assert!(task.contains("it belongs to a block"), "{task}");
        let task = site("- hosts: web\n  tasks:\n    - ping:\n      on_failure: stop\n").messages();
        assert!(task.contains("it belongs to a play"), "{task}");
    }
}
