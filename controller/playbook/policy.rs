//! What becomes of a host on which a task failed (`on_failure`), and how far back it goes when the failure budget
//! is exceeded (`rollback_scope`). Ansible has neither.

use super::load::Loader;
use crate::source::{Diagnostic, Node, suggestion};

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
        let task = site("- hosts: web\n  tasks:\n    - ping:\n      on_failure: stop\n").messages();
        assert!(task.contains("it belongs to a play"), "{task}");
    }
}
