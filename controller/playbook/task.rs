//! Reads one task or handler: its keywords around the module.

use super::call::Called;
use super::keywords::{Place, refused, supported};
use super::load::Loader;
use super::loops::is_loop;
use super::model::{Directives, Retry, Task};
use super::tasks::Folder;
use super::trial::may_fail;
use super::values::{is_templated, listed, scalar_text};
use crate::module;
use crate::source::{Diagnostic, Node, NodeValue, suggestion};

impl Loader<'_> {
    /// Reads a task.
    pub(super) fn task(&mut self, node: &Node, folder: &Folder) -> Option<Task> {
        let place = if folder.handlers { Place::Handler } else { Place::Task };
        let mut task = Keywords::default();
        let mut calls: Vec<Called> = Vec::new();
        let mut unknown = Vec::new();
        for (key, value) in node.entries() {
            match key.as_str() {
                Some(word) if self.task_keyword(&mut task, word, value, folder.handlers) => {}
                Some("args") => {}
                Some("action") => calls.extend(self.action("action", value)),
                Some("local_action") => {
                    self.local_action(&mut task.directives, key);
                    calls.extend(self.action("local_action", value));
                }
                Some(word) => match module::lookup(word) {
                    Some(found) => calls.push(Called::new(found.spec(), key, value)),
                    None => unknown.push((key, value)),
                },
                None => {
                    let message = format!("a keyword is text, not {}", key.kind());
                    self.report(Diagnostic::error(&key.span, message));
                }
            }
        }
        self.within(&mut task.directives, node);
        let looping = self.looping(node, &task.directives);
        let retry = self.retry(node, &mut task);
        let call = self.called(node, calls, &unknown, place);
        let call = call?;
        let known = self.errors();
        let around = self.begin_defaults(node);
        let (options, options_template) = self.options(&call, node.get("args"));
        self.end_defaults(around);
        if self.errors() == known && options_template.is_none() {
            let expected = may_fail(&task.directives, task.failed_when.is_some(), folder);
            self.try_out(&call, &options, folder, expected);
        }
        self.check_undone(node, call.spec.name);
        self.check_include(node, call.spec.name);
        let rollback = node.get("rollback").map(|list| self.rollback(list, folder));
        self.makes_files |= call.spec.name == "fetch";
        let file_names = self.check_template_file(call.spec, &options, folder);
        self.gathered.notified.extend(task.notify.iter().cloned());
        let includes = matches!(call.spec.name, "include_tasks" | "include_role") && self.errors() == known;
        let include =
            includes.then(|| self.include(call.spec.name, node, &options, looping.as_ref(), folder));
        let reads = call.spec.name == "include_vars" && self.errors() == known;
        let vars_files = reads.then(|| self.vars_candidates(&options, looping.as_ref(), folder));
        Some(Task {
            span: node.span.clone(),
            name: task.name,
            module: call.spec.name,
            module_as_written: call.name,
            module_span: call.span,
            options,
            options_template,
            directives: task.directives,
            looping,
            register: task.register,
            notify: task.notify,
            listen: task.listen,
            changed_when: task.changed_when,
            failed_when: task.failed_when,
            retry,
            covers: task.covers,
            rollback: rollback.unwrap_or_default(),
            file_names,
            role: folder.role.clone(),
            include,
            vars_files,
        })
    }

    fn task_keyword(&mut self, task: &mut Keywords, word: &str, value: &Node, handler: bool) -> bool {
        match word {
            "name" if value.is_null() => {}
            "name" => task.name = self.text(word, value),
            "register" => task.register = self.identifier(word, value),
            "notify" => task.notify = self.names(word, value),
            "listen" if handler => {
                for topic in self.names(word, value) {
                    task.listen.extend(self.literal(word, &topic).map(str::to_owned));
                }
            }
            "changed_when" => task.changed_when = self.some_conditions(word, value),
            "failed_when" => task.failed_when = self.some_conditions(word, value),
            "until" => task.until = self.some_conditions(word, value),
            "retries" => task.retries = self.number(word, value, true),
            "delay" => task.delay = self.number(word, value, false),
            "covers" => task.covers = self.covers(value),
            // They are read together when all keys are known.
            "loop" | "loop_control" | "rollback" | "async" | "poll" | "module_defaults" => {}
            _ if is_loop(word) => {}
            _ => return self.directive(&mut task.directives, word, value),
        }
        true
    }

    /// Reads conditions; an empty list is as good as none.
    fn some_conditions(&mut self, key: &str, value: &Node) -> Option<Vec<Node>> {
        Some(self.conditions(key, value)).filter(|conditions| !conditions.is_empty())
    }

    /// Reads names of handlers or topics.
    fn names(&mut self, key: &str, value: &Node) -> Vec<Node> {
        let mut names = Vec::new();
        for item in listed(value) {
            match scalar_text(item).filter(|name| !name.is_empty()) {
                Some(_) if is_templated(item) => names.extend(self.template(item)),
                Some(name) => names.push(Node::new(item.span.clone(), NodeValue::String(name))),
                None => self.wrong(key, item, "a name or a list of names"),
            }
        }
        names
    }

    /// Decides which of the keys names the module, and reports all others.
    fn called(
        &mut self,
        node: &Node,
        mut calls: Vec<Called>,
        unknown: &[(&Node, &Node)],
        place: Place,
    ) -> Option<Called> {
        let has_module = !calls.is_empty();
        for (key, _) in unknown {
            if has_module || refused(key.as_str().unwrap_or_default()).is_some() {
                self.unknown(key, place, &module::names());
            } else {
                self.unknown_module(key, place);
            }
        }
        if let [first, second, ..] = calls.as_slice() {
            let message =
                format!("a task has one module, this one has `{}` and `{}`", first.name, second.name);
            let error = Diagnostic::error(&second.span, message);
            self.report(error.hint("make it two tasks"));
        }
        if !has_module
            && unknown.is_empty()
            && node.get("action").or_else(|| node.get("local_action")).is_none()
        {
            let error = Diagnostic::error(&node.span, "the task has no module");
            self.report(error.hint("name what it does: `- debug: { msg: ... }`"));
        }
        (calls.len() == 1).then(|| calls.remove(0))
    }

    /// Reports a key that should have been a module.
    pub(super) fn unknown_module(&mut self, key: &Node, place: Place) {
        let word = key.as_str().unwrap_or_default();
        if super::keywords::is_ansible_module(word) {
            let error = Diagnostic::error(&key.span, format!("module `{word}` is not supported yet"));
            let short = word.rsplit('.').next().unwrap_or(word);
            let windows = short.starts_with("win_").then_some(());
            // Not every name that looks like one is a module of Ansible.
            let meant = windows.and_then(|()| suggestion(short, module::names()));
            let other = match windows {
                None if matches!(short, "add_host" | "group_by") => {
                    "hosts and groups that a run makes are not supported yet: name them in the inventory"
                }
                None if short == "async_status" => {
                    "tasks are waited for: `async` is a time limit, and its result is that of the task"
                }
                Some(()) => "use `win_command`, `win_shell` or `win_powershell` with `creates` instead",
                None => "use `command`, `shell` or `script` with `creates` instead",
            };
            self.report(error.hint(meant.unwrap_or_else(|| other.to_owned())));
            return;
        }
        if super::keywords::misplaced(word, place).is_some() {
            self.unknown(key, place, &[]);
            return;
        }
        let short = word.strip_prefix("ansible.builtin.").unwrap_or(word);
        let mut known = module::names();
        known.extend(supported(place));
        let error = Diagnostic::error(&key.span, format!("unknown module `{word}`"));
        self.report(error.maybe_hint(suggestion(short, known)));
    }

    /// Reads `until`, `retries`, `delay`.
    fn retry(&mut self, node: &Node, task: &mut Keywords) -> Option<Retry> {
        if task.until.is_none() && task.retries.is_none() {
            if let (Some(_), Some(delay)) = (&task.delay, key(node, "delay")) {
                let warning =
                    Diagnostic::warning(&delay.span, "`delay` has no effect without `until` or `retries`");
                self.report(warning);
            }
            return None;
        }
        Some(Retry {
            until: task.until.take().unwrap_or_default(),
            retries: task.retries.take(),
            delay: task.delay.take(),
        })
    }
}

/// Keywords of a task that has not been put together yet.
#[derive(Default)]
struct Keywords {
    name: Option<Node>,
    directives: Directives,
    register: Option<String>,
    notify: Vec<Node>,
    listen: Vec<String>,
    changed_when: Option<Vec<Node>>,
    failed_when: Option<Vec<Node>>,
    until: Option<Vec<Node>>,
    retries: Option<Node>,
    delay: Option<Node>,
    covers: Vec<Node>,
}

/// Returns the node of a key.
fn key<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.entries().iter().map(|(key, _)| key).find(|key| key.as_str() == Some(name))
}
