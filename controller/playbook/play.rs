//! Reads plays and `import_playbook`.

use std::path::PathBuf;
use std::sync::Arc;

use super::keywords::Place;
use super::load::Loader;
use super::model::{Directives, Entry, Order, Play, Strategy};
use super::tasks::Folder;
use super::values::{is_template, is_templated, listed, scalar_text};
use crate::source::{Diagnostic, Node, NodeValue, Span, suggestion};

impl Loader<'_> {
    /// Reads one entry of a playbook: a play, or the import of another playbook.
    pub(super) fn playbook_entry(&mut self, entry: &Node, plays: &mut Vec<Play>) {
        if !entry.is_mapping() {
            let message = format!("a play is a mapping, not {}", entry.kind());
            self.report(Diagnostic::error(&entry.span, message));
        } else if let Some((key, _)) = entry.entries().iter().find(|(key, _)| {
            matches!(key.as_str(), Some("import_playbook" | "ansible.builtin.import_playbook"))
        }) {
            self.import_playbook(entry, key, plays);
        } else {
            plays.extend(self.play(entry));
        }
    }

    fn import_playbook(&mut self, entry: &Node, import: &Node, plays: &mut Vec<Play>) {
        let mut directives = Directives::default();
        let mut name = None;
        for (key, value) in entry.entries() {
            match key.as_str().unwrap_or_default() {
                word if Some(word) == import.as_str() => {
                    name = self.literal(word, value).map(|name| (name, value));
                }
                "name" => {}
                word @ ("tags" | "vars" | "when") => {
                    self.directive(&mut directives, word, value);
                }
                _ => self.unknown(key, Place::ImportPlaybook, &[]),
            }
        }
        let Some((name, place)) = name else { return };
        let path = self.directory.join(name);
        if !path.is_file() {
            let message = format!("there is no playbook `{}`", path.display());
            self.report(Diagnostic::error(&place.span, message));
            return;
        }
        for mut play in self.playbook(&path, Some(&place.span)) {
            let inner = Arc::make_mut(&mut play.directives);
            inner.when.splice(0..0, directives.when.iter().cloned());
            inner.tags.splice(0..0, directives.tags.iter().cloned());
            play.vars.retain(|(name, _)| !directives.vars.iter().any(|(other, _)| other == name));
            play.vars.extend(directives.vars.iter().cloned());
            plays.push(play);
        }
    }

    fn play(&mut self, node: &Node) -> Option<Play> {
        let hosts = match node.get("hosts") {
            Some(hosts) => self.hosts(hosts),
            None => {
                let mut error = Diagnostic::error(&node.span, "a play needs `hosts`");
                let looks_like_a_task = node.entries().iter().any(|(key, _)| {
                    key.as_str().is_some_and(|word| crate::module::lookup(word).is_some() || word == "block")
                });
                if looks_like_a_task {
                    error = error.hint("this looks like a task: put it under `tasks:` of a play");
                }
                self.report(error);
                None
            }
        };
        let hosts = hosts.unwrap_or_else(|| Node::new(node.span.clone(), NodeValue::Null));
        let mut play = Play::new(node.span.clone(), self.directory.clone(), hosts);
        let mut directives = Directives::default();
        self.gathered = super::load::Gathered::default();
        self.makes_files |= is_local(node);
        let around = self.begin_defaults(node);
        for (key, value) in node.entries() {
            self.play_keyword(&mut play, &mut directives, key, value);
        }
        self.play_tasks(&mut play, node);
        self.end_defaults(around);
        play.directives = Arc::new(directives);
        node.get("hosts").is_some().then_some(play)
    }

    fn play_keyword(&mut self, play: &mut Play, directives: &mut Directives, key: &Node, value: &Node) {
        let word = key.as_str().unwrap_or_default();
        match word {
            // `hosts` was read already; lists of tasks and roles are read in the order in which they run.
            "hosts" | "roles" | "pre_tasks" | "tasks" | "post_tasks" | "handlers" => {}
            "name" if value.is_null() => {}
            "name" => {
                if let Some(name) = self.text(word, value) {
                    play.name = name;
                }
            }
            "vars" => play.vars = self.variables(word, value),
            "vars_files" => play.vars_files = self.vars_files(value),
            "gather_facts" => play.gather_facts = self.boolean(word, value),
            "serial" => play.serial = self.serial(value),
            "max_fail_percentage" => play.max_fail_percentage = self.number(word, value, false),
            "any_errors_fatal" => play.any_errors_fatal = self.boolean(word, value),
            "force_handlers" => play.force_handlers = self.boolean(word, value),
            "on_failure" => play.on_failure = self.on_failure(value),
            "rollback_scope" => play.rollback_scope = self.rollback_scope(value),
            "order" => play.order = self.order(value),
            "strategy" => play.strategy = self.strategy(value),
            "remote_user" | "user" => {
                let user = self.text(word, value).map(Arc::new);
                play.connection.extend(user.map(|user| ("ansible_user", user)));
            }
            "port" => {
                let port = self.number(word, value, true).map(Arc::new);
                play.connection.extend(port.map(|port| ("ansible_port", port)));
            }
            "connection" => {
                let connection = self.connection(value).map(Arc::new);
                play.connection.extend(connection.map(|kind| ("ansible_connection", kind)));
            }
            "when" | "delegate_to" | "delegate_facts" => self.unknown(key, Place::Play, &[]),
            "module_defaults" => {}
            _ if self.directive(directives, word, value) => {}
            _ => self.unknown(key, Place::Play, &[]),
        }
    }

    /// Reads roles first, because what they set comes before what imports set; then tasks and handlers, and
    /// checks what is notified.
    fn play_tasks(&mut self, play: &mut Play, node: &Node) {
        let place = Folder::playbook(&self.directory);
        if let Some(roles) = node.get("roles") {
            play.tasks = self.roles(roles).into_iter().map(Entry::Block).collect();
        }
        let of_roles = self.gathered.handlers.len();
        if let Some(pre_tasks) = node.get("pre_tasks") {
            play.pre_tasks = self.entries("pre_tasks", pre_tasks, &place);
        }
        if let Some(tasks) = node.get("tasks") {
            play.tasks.extend(self.entries("tasks", tasks, &place));
        }
        if let Some(post_tasks) = node.get("post_tasks") {
            play.post_tasks = self.entries("post_tasks", post_tasks, &place);
        }
        let mut own = Vec::new();
        if let Some(handlers) = node.get("handlers") {
            own = self.handlers(handlers, &place);
        }
        play.roles = std::mem::take(&mut self.gathered.roles);
        play.handlers = std::mem::take(&mut self.gathered.handlers);
        play.included_roles = std::mem::take(&mut self.gathered.included_roles);
        // Handlers of `roles:` stand in front of those of the play, those of `import_role` behind.
        play.handlers.splice(of_roles..of_roles, own);
        self.check_notified(&play.handlers);
    }

    fn hosts(&mut self, hosts: &Node) -> Option<Node> {
        let patterns = listed(hosts);
        let empty = |node: &Node| node.as_str().is_none_or(|text| text.trim().is_empty());
        if patterns.is_empty() || patterns.iter().any(|node| node.as_str().is_some() && empty(node)) {
            let error = Diagnostic::error(&hosts.span, "`hosts` is empty");
            self.report(error.hint("name a group, a host or a pattern"));
            return None;
        }
        if patterns.iter().any(empty) {
            self.wrong("hosts", hosts, "a pattern or a list of patterns");
            return None;
        }
        self.template(hosts)
    }

    fn vars_files(&mut self, value: &Node) -> Vec<Node> {
        let mut files = Vec::new();
        for item in listed(value) {
            let choices = listed(item);
            if choices.is_empty() || choices.iter().any(|choice| choice.as_str().is_none()) {
                self.wrong("vars_files", item, "names of files, or lists of names");
                continue;
            }
            self.templates(item);
            if !choices.iter().any(is_templated) {
                self.check_vars_file(choices);
            }
            files.push(item.clone());
        }
        files
    }

    /// Reads the first of the files that exists, to report its mistakes before the run.
    fn check_vars_file(&mut self, choices: &[Node]) {
        let found = choices
            .iter()
            .filter_map(Node::as_str)
            .find_map(|name| super::vars_file::find(&self.directory, name));
        match found {
            Some(path) => {
                let (_, diagnostics) = super::vars_file::read(&path, &self.options.vault);
                self.report_all(diagnostics);
            }
            None => {
                let names: Vec<String> =
                    choices.iter().filter_map(Node::as_str).map(|name| format!("`{name}`")).collect();
                let message = format!("there is no file {}", names.join(" or "));
                let hint = format!("looked in `{}` and its folder `vars`", self.directory.display());
                self.report(Diagnostic::error(&choices[0].span, message).hint(hint));
            }
        }
    }

    fn serial(&mut self, value: &Node) -> Option<Node> {
        for item in listed(value) {
            let fits = match &item.value {
                NodeValue::Int(number) => *number >= 0,
                NodeValue::String(text) if is_template(text) => self.template(item).is_some(),
                NodeValue::String(text) => {
                    let text = text.trim();
                    let number = text.strip_suffix('%').unwrap_or(text);
                    number.parse::<f64>().is_ok_and(|number| number >= 0.0)
                }
                _ => false,
            };
            if !fits {
                self.wrong("serial", item, "a number of hosts, a percentage, or a list of them");
                return None;
            }
        }
        Some(value.clone())
    }

    fn order(&mut self, value: &Node) -> Option<Order> {
        const WORDS: &[(&str, Order)] = &[
            ("inventory", Order::Inventory),
            ("reverse_inventory", Order::ReverseInventory),
            ("sorted", Order::Sorted),
            ("reverse_sorted", Order::ReverseSorted),
            ("shuffle", Order::Shuffle),
        ];
        let word = self.literal("order", value)?;
        let known = WORDS.iter().find(|(name, _)| *name == word).map(|(_, order)| *order);
        if known.is_none() {
            let error = Diagnostic::error(&value.span, format!("unknown order `{word}`"));
            self.report(error.hint(one_of(word, &WORDS.iter().map(|(name, _)| *name).collect::<Vec<_>>())));
        }
        known
    }

    fn strategy(&mut self, value: &Node) -> Option<Strategy> {
        let word = self.literal("strategy", value)?;
        match word.strip_prefix("ansible.builtin.").unwrap_or(word) {
            "linear" => return Some(Strategy::Linear),
            "host_pinned" => return Some(Strategy::HostPinned),
            "free" => self.report(
                Diagnostic::error(&value.span, "`strategy: free` is not supported")
                    .hint("`host_pinned` lets each host go on by itself too; without `strategy` hosts wait only where they must"),
            ),
            "debug" => self.report(
                Diagnostic::error(&value.span, "`strategy: debug` is not supported")
                    .hint("there is no task debugger: use `plan`, `--check --diff` and the host logs"),
            ),
            _ => {
                let error = Diagnostic::error(&value.span, format!("unknown strategy `{word}`"));
                self.report(error.hint(one_of(word, &["linear", "host_pinned"])));
            }
        }
        None
    }

    fn connection(&mut self, value: &Node) -> Option<Node> {
        let kind = self.text("connection", value)?;
        let word = scalar_text(&kind)?;
        if is_template(&word) {
            return Some(kind);
        }
        let known = match word.strip_prefix("ansible.builtin.").unwrap_or(&word) {
            "ssh" | "smart" => "ssh",
            "local" => "local",
            _ => {
                let error = Diagnostic::error(&value.span, format!("`connection: {word}` is not supported"));
                self.report(error.hint("use `ssh` or `local`"));
                return None;
            }
        };
        Some(Node::new(value.span.clone(), NodeValue::String(known.to_owned())))
    }
}

/// Says which word was meant, or which ones there are.
fn one_of(word: &str, known: &[&str]) -> String {
    suggestion(word, known.iter().copied()).unwrap_or_else(|| format!("one of `{}`", known.join("`, `")))
}

/// Tells whether the tasks of a play run on the controller.
fn is_local(play: &Node) -> bool {
    let word = |node: &Node, words: &[&str]| node.as_str().is_some_and(|word| words.contains(&word.trim()));
    let on = |hosts: &Node| listed(hosts).iter().any(|host| word(host, &["localhost", "127.0.0.1", "::1"]));
    play.get("hosts").is_some_and(on) || play.get("connection").is_some_and(|kind| word(kind, &["local"]))
}

impl Play {
    /// Makes a play without tasks.
    fn new(span: Span, directory: PathBuf, hosts: Node) -> Self {
        let patterns: Vec<&str> = listed(&hosts).iter().filter_map(Node::as_str).collect();
        let name = Node::new(hosts.span.clone(), NodeValue::String(patterns.join(",")));
        Self {
            span,
            directory,
            name,
            hosts,
            gather_facts: None,
            vars: Vec::new(),
            vars_files: Vec::new(),
            serial: None,
            max_fail_percentage: None,
            any_errors_fatal: None,
            on_failure: None,
            rollback_scope: None,
            order: None,
            strategy: None,
            force_handlers: None,
            connection: Vec::new(),
            directives: Arc::default(),
            roles: Vec::new(),
            included_roles: Vec::new(),
            pre_tasks: Vec::new(),
            tasks: Vec::new(),
            post_tasks: Vec::new(),
            handlers: Vec::new(),
        }
    }
}
