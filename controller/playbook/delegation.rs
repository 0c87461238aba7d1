//! `delegate_to`, `local_action` and `async`: who does the work of a task, and how long it may take.

use super::load::Loader;
use super::model::Directives;
use super::values::is_templated;
use crate::source::{Diagnostic, Node, NodeValue};

impl Loader<'_> {
    /// Reads `delegate_to`: the name of a host, or a template that gives one.
    pub(super) fn delegate_to(&mut self, value: &Node) -> Option<Node> {
        let name = self.text("delegate_to", value)?;
        if name.as_str().is_some_and(|name| name.trim().is_empty()) {
            let error = Diagnostic::error(&value.span, "`delegate_to` names no host");
            self.report(error.hint("name a host of the inventory, or `localhost` for the controller"));
            return None;
        }
        Some(name)
    }

    /// `local_action` is `action` with `delegate_to: localhost`.
    pub(super) fn local_action(&mut self, directives: &mut Directives, key: &Node) {
        if directives.delegate_to.is_none() {
            directives.delegate_to =
                Some(Node::new(key.span.clone(), NodeValue::String("localhost".to_owned())));
        }
    }

    /// Refuses who and how long for an include, which every host does by itself.
    pub(super) fn check_include(&mut self, node: &Node, module: &str) {
        if !matches!(module, "include_tasks" | "include_role" | "include_vars") {
            return;
        }
        for (key, _) in node.entries() {
            if let Some(word @ ("delegate_to" | "delegate_facts" | "async" | "local_action")) = key.as_str() {
                let error = Diagnostic::error(&key.span, format!("`{word}` cannot be used with `{module}`"));
                self.report(error.hint("give it to the tasks that are included"));
            }
        }
    }

    /// Reads `async` and `poll` of a task: a time limit, unless nobody would wait for the end.
    pub(super) fn within(&mut self, directives: &mut Directives, node: &Node) {
        let (limit, poll) = (node.get("async"), node.get("poll"));
        if let Some(limit) = limit {
            directives.within = self.number("async", limit, true);
        }
        let Some(poll) = poll else { return };
        if is_templated(poll) {
            let error = Diagnostic::error(&poll.span, "`poll` has to be known before the run");
            self.report(error.hint("write a number of seconds over 0"));
            return;
        }
        let zero = self.number("poll", poll, true).is_some_and(|poll| {
            let text = poll.as_str().map(str::to_owned).unwrap_or_else(|| poll.to_json().to_string());
            text.trim().parse::<f64>().is_ok_and(|seconds| seconds <= 0.0)
        });
        if zero && limit.is_some() {
            let error = Diagnostic::error(&poll.span, "`poll: 0` is not supported");
            self.report(error.hint(
                "a task that nobody waits for cannot be resumed or rolled back: leave `poll` out, and use \
                 `strategy: host_pinned` so that hosts do not wait for each other",
            ));
        }
    }
}
