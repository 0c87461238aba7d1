//! The keywords that plays, roles, blocks and tasks share, and the answer to a keyword that stands
//! where it is not understood.

use super::keywords::{Place, misplaced, refused, supported};
use super::load::Loader;
use super::model::Directives;
use super::values::{is_templated, listed};
use crate::source::{Diagnostic, Node, NodeValue, suggestion};

/// Tells whether an option is a boolean that is written out as true.
pub(super) fn is_flag(node: &Node) -> bool {
    match &node.value {
        NodeValue::Bool(value) => *value,
        NodeValue::Int(number) => *number == 1,
        _ => node.as_str().and_then(super::values::spelled_bool).unwrap_or(false),
    }
}

impl Loader<'_> {
    /// Takes one of the shared keywords; answers whether it was one. `name` and, for a play, what the
    /// play keeps itself are left to the caller.
    pub(super) fn directive(&mut self, directives: &mut Directives, key: &str, value: &Node) -> bool {
        match key {
            "when" => directives.when = self.conditions(key, value),
            "vars" => directives.vars = self.variables(key, value),
            "environment" => directives.environment = self.environment(value),
            "become" => directives.r#become.enabled = self.boolean(key, value),
            "become_user" => directives.r#become.user = self.text(key, value),
            "become_method" => directives.r#become.method = self.become_method(value),
            "become_flags" => directives.r#become.flags = self.text(key, value),
            "become_exe" => directives.r#become.exe = self.text(key, value),
            "tags" => directives.tags = self.tags(value),
            "ignore_errors" => directives.ignore_errors = self.boolean(key, value),
            "ignore_unreachable" => directives.ignore_unreachable = self.boolean(key, value),
            "any_errors_fatal" => directives.any_errors_fatal = self.boolean(key, value),
            "no_log" => directives.no_log = self.boolean(key, value),
            "check_mode" => directives.check_mode = self.boolean(key, value),
            "diff" => directives.diff = self.boolean(key, value),
            "run_once" => directives.run_once = self.boolean(key, value),
            "timeout" => directives.timeout = self.number(key, value, true),
            "delegate_to" => directives.delegate_to = self.delegate_to(value),
            "delegate_facts" => directives.delegate_facts = self.boolean(key, value),
            // They only say where short names of modules are looked up; ours have one meaning.
            "collections" => {}
            _ => return false,
        }
        true
    }

    fn become_method(&mut self, value: &Node) -> Option<Node> {
        let method = self.text("become_method", value)?;
        let literal = method.as_str().filter(|_| !is_templated(&method));
        if literal.is_some_and(|name| !["sudo", "ansible.builtin.sudo"].contains(&name)) {
            let message = format!("`become_method: {}` is not supported", literal.unwrap_or_default());
            self.report(Diagnostic::error(&value.span, message).hint("use `sudo`"));
            return None;
        }
        Some(method)
    }

    fn environment(&mut self, value: &Node) -> Vec<Node> {
        let mut found = Vec::new();
        for item in listed(value) {
            if matches!(item.value, NodeValue::Mapping(_)) || is_templated(item) {
                self.templates(item);
                found.push(item.clone());
            } else {
                self.wrong("environment", item, "a mapping or a list of mappings");
            }
        }
        found
    }

    /// Refuses a keyword: says why if it is one of Ansible's, else guesses what was meant.
    pub(super) fn unknown(&mut self, key: &Node, place: Place, more: &[&str]) {
        let word = key.as_str().unwrap_or_default();
        if let Some(hint) = refused(word) {
            let meant = word.strip_prefix("with_").and_then(|name| {
                let meant = suggestion(name, crate::template::loop_lookups())?;
                Some(meant.replacen('`', "`with_", 1))
            });
            let meant = meant.filter(|_| !super::keywords::is_known(word));
            let error = Diagnostic::error(&key.span, format!("`{word}` is not supported"));
            self.report(error.hint(meant.unwrap_or_else(|| hint.to_owned())));
            return;
        }
        if let Some(hint) = misplaced(word, place) {
            let message = format!("`{word}` does not belong here");
            self.report(Diagnostic::error(&key.span, message).hint(hint));
            return;
        }
        let mut known = supported(place);
        known.extend(more);
        let error = Diagnostic::error(&key.span, format!("unknown keyword `{word}`"));
        self.report(error.maybe_hint(suggestion(word, known)));
    }
}
