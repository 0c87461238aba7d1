//! Which handlers a `notify` reaches, and the check that it reaches one.

use std::sync::Arc;

use super::load::Loader;
use super::model::Task;
use super::values::is_templated;
use crate::source::{Diagnostic, Node, suggestion};

/// Finds the handlers that `notify: NOTIFICATION` reaches, in the order in which they run. `names` holds
/// the rendered name of each handler.
///
/// A name reaches one handler; a topic every handler that listens to it, of those with the same name one.
/// Where several fit, the role or play that comes last has it, and in there the one that stands first, as in
/// ansible-core 2.19.
/// Only those that are `here` count, and of their roles those with the largest number come last.
pub fn notified(
    handlers: &[Arc<Task>],
    names: &[Option<String>],
    notification: &str,
    here: &dyn Fn(usize) -> Option<usize>,
) -> Vec<usize> {
    let mut order = order_of_search(handlers);
    order.retain(|at| here(*at).is_some());
    order.sort_by_key(|at| std::cmp::Reverse(here(*at)));
    let named = order.iter().find(|at| is_called(&handlers[**at], names[**at].as_deref(), notification));
    let mut found: Vec<usize> = named.into_iter().copied().collect();
    let mut seen: Vec<&str> = Vec::new();
    for at in order {
        if !handlers[at].listen.iter().any(|topic| topic == notification) {
            continue;
        }
        if let Some(name) = names[at].as_deref() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
        }
        if !found.contains(&at) {
            found.push(at);
        }
    }
    found.sort_unstable();
    found
}

/// Lists the handlers of the last role or play first.
fn order_of_search(handlers: &[Arc<Task>]) -> Vec<usize> {
    let role = |at: usize| handlers[at].role.as_ref().map(Arc::as_ptr);
    let mut sections: Vec<Vec<usize>> = Vec::new();
    for at in 0..handlers.len() {
        match sections.last_mut() {
            Some(section) if role(section[0]) == role(at) => section.push(at),
            _ => sections.push(vec![at]),
        }
    }
    sections.into_iter().rev().flatten().collect()
}

/// A handler of a role answers to `ROLE : NAME` too.
fn is_called(handler: &Task, name: Option<&str>, notification: &str) -> bool {
    let Some(name) = name else { return false };
    let of_role = handler.role.as_ref().is_some_and(|role| {
        notification.strip_prefix(role.name.as_str()).and_then(|rest| rest.strip_prefix(" : ")) == Some(name)
    });
    name == notification || of_role
}

impl Loader<'_> {
    /// Reports every literal `notify` that no handler answers to.
    pub(super) fn check_notified(&mut self, handlers: &[Arc<Task>]) {
        let notifications = std::mem::take(&mut self.gathered.notified);
        let name_of = |handler: &Arc<Task>| handler.name.as_ref().map(Node::key_text);
        let names: Vec<Option<String>> = handlers.iter().map(name_of).collect();
        if handlers.iter().any(|handler| handler.name.as_ref().is_some_and(is_templated)) {
            // Only the run knows what such a handler is called.
            return;
        }
        for notification in notifications.iter().filter(|node| !is_templated(node)) {
            let Some(word) = notification.as_str() else { continue };
            if !notified(handlers, &names, word, &|_| Some(0)).is_empty() {
                continue;
            }
            let topics = handlers.iter().flat_map(|handler| handler.listen.iter().map(String::as_str));
            let known = names.iter().flatten().map(String::as_str).chain(topics);
            let error = Diagnostic::error(
                &notification.span,
                format!("no handler is called `{word}` or listens to it"),
            );
            let hint =
                suggestion(word, known).unwrap_or_else(|| "add it under `handlers` of the play".to_owned());
            self.report(error.hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Files;
    use crate::source::Node;

    /// What ansible-core 2.19 runs for each of these was observed.
    #[test]
    fn the_last_section_has_the_name_and_in_it_the_first_handler() {
        let handler = |name: &str, more: &str| format!("- {{ name: {name}, debug: {{ msg: x }}{more} }}\n");
        let listening = ", listen: topic";
        let one = handler("x", listening) + &handler("q", listening) + &handler("w", "");
        let two = [("x", listening), ("x", listening), ("q", listening), ("w", ""), ("w", "")];
        let two: String = two.iter().map(|(name, more)| handler(name, more)).collect();
        let files = Files::new(&[
            (
                "site.yml",
                "- hosts: all
  roles: [one, two]
  tasks:
    - import_role: { name: last }
  handlers:
    - { name: q, debug: { msg: x }, listen: topic }
    - { name: y, debug: { msg: x } }
    - { name: last, debug: { msg: x }, listen: both }
    - { name: both, debug: { msg: x } }
",
            ),
            ("roles/one/handlers/main.yml", &one),
            ("roles/two/handlers/main.yml", &two),
            ("roles/last/handlers/main.yml", &handler("y", "")),
        ]);
        let playbook = files.good();
        let handlers = &playbook.plays[0].handlers;
        let names: Vec<_> =
            handlers.iter().map(|handler| handler.name.as_ref().map(Node::key_text)).collect();
        let written: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
        assert_eq!(written, ["x", "q", "w", "x", "x", "q", "w", "w", "q", "y", "last", "both", "y"]);
        let reached = |notification: &str| super::notified(handlers, &names, notification, &|_| Some(0));
        assert_eq!(reached("topic"), [3, 8]);
        assert_eq!(reached("w"), [6]);
        assert_eq!(reached("one : x"), [0]);
        assert_eq!(reached("y"), [12]);
        assert_eq!(reached("both"), [10, 11]);
        assert!(reached("one : y").is_empty());
    }
}
