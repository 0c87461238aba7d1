//! Reads `covers` and `rollback` of a task: what is saved before it runs, and the tasks that undo it.

use std::sync::Arc;

use super::keywords::{Place, refused, supported};
use super::load::Loader;
use super::model::Task;
use super::tasks::Folder;
use super::values::{is_template, is_templated, listed};
use crate::source::{Diagnostic, Node};

/// Modules that change a host, and may do more than their own rollback points cover.
const CHANGING: &[&str] = &[
    "apt",
    "authorized_key",
    "blockinfile",
    "cron",
    "dnf",
    "group",
    "known_hosts",
    "package",
    "replace",
    "tempfile",
    "user",
    "command",
    "copy",
    "file",
    "lineinfile",
    "raw",
    "script",
    "service",
    "shell",
    "systemd_service",
    "template",
    "unarchive",
    "uri",
    "get_url",
    "win_acl",
    "win_acl_inheritance",
    "win_chocolatey",
    "win_command",
    "win_copy",
    "win_dsc",
    "win_environment",
    "win_feature",
    "win_file",
    "win_get_url",
    "win_lineinfile",
    "win_owner",
    "win_package",
    "win_path",
    "win_powershell",
    "win_psmodule",
    "win_regedit",
    "win_service",
    "win_shell",
    "win_template",
    "win_unzip",
    "win_uri",
    "win_xml",
];

/// Modules that a host can run again without the controller.
const KEPT: &[&str] = &[
    "command",
    "copy",
    "file",
    "script",
    "service",
    "shell",
    "systemd_service",
    "win_acl",
    "win_command",
    "win_copy",
    "win_environment",
    "win_file",
    "win_regedit",
    "win_service",
    "win_shell",
];

/// What a task of `rollback` is made of, besides its module.
const OWN: &[&str] = &["name", "when", "vars", "args", "action"];

impl Loader<'_> {
    /// Reads the paths of `covers`.
    pub(super) fn covers(&mut self, value: &Node) -> Vec<Node> {
        let mut paths = Vec::new();
        for item in listed(value) {
            let Some(path) = self.text("covers", item) else { continue };
            if let Some(literal) = path.as_str().filter(|_| !is_templated(&path))
                && let Some(problem) = unfit(literal)
            {
                let error = Diagnostic::error(&item.span, format!("`covers` takes {problem}: `{literal}`"));
                self.report(error.hint("name each file or folder by its whole path"));
                continue;
            }
            paths.push(path);
        }
        if paths.is_empty() && listed(value).is_empty() {
            self.wrong("covers", value, "a path or a list of paths");
        }
        paths
    }

    /// Refuses `covers` and `rollback` where they could not do anything.
    pub(super) fn check_undone(&mut self, node: &Node, module: &str) {
        if CHANGING.contains(&module) {
            return;
        }
        for (key, _) in node.entries() {
            if let Some(word @ ("covers" | "rollback")) = key.as_str() {
                let message = format!("`{word}` has no effect on `{module}`");
                let error = Diagnostic::error(&key.span, message);
                self.report(error.hint(format!("leave it out: `{module}` changes nothing on the host")));
            }
        }
    }

    /// Reads the tasks of `rollback`.
    pub(super) fn rollback(&mut self, value: &Node, folder: &Folder) -> Vec<Arc<Task>> {
        if !value.is_sequence() || listed(value).is_empty() {
            self.wrong("rollback", value, "a list of tasks");
            return Vec::new();
        }
        listed(value).iter().filter_map(|item| self.rollback_task(item, folder)).map(Arc::new).collect()
    }

    fn rollback_task(&mut self, node: &Node, folder: &Folder) -> Option<Task> {
        if !node.is_mapping() {
            let message = format!("a task is a mapping, not {}", node.kind());
            self.report(Diagnostic::error(&node.span, message).hint("write `- module: { option: value }`"));
            return None;
        }
        let known = self.errors();
        let keywords = [supported(Place::Task), vec!["block", "rescue", "always", "listen"]].concat();
        for (key, _) in node.entries() {
            let word = key.as_str().unwrap_or_default();
            let short = word.strip_prefix("ansible.builtin.").unwrap_or(word);
            let import = matches!(short, "import_tasks" | "import_role");
            if !OWN.contains(&word) && (keywords.contains(&word) || import) && refused(word).is_none() {
                let message = format!("`{word}` cannot be used in a task of `rollback`");
                let hint = "it has a module with its options, `name`, `when` and `vars`; it becomes the same user as its task";
                self.report(Diagnostic::error(&key.span, message).hint(hint));
            }
        }
        if self.errors() > known {
            return None;
        }
        let task = self.task(node, folder)?;
        let option = |name: &str| task.options.iter().find(|(given, _)| given == name).map(|(_, node)| node);
        let problem = match task.module {
            module @ ("copy" | "win_copy") => {
                option("src").map(|src| (&src.span, format!("`{module}` with `src`")))
            }
            "file" => option("recurse").map(|recurse| (&recurse.span, "`file` with `recurse`".to_owned())),
            module if KEPT.contains(&module) => None,
            _ => Some((&task.module_span, format!("module `{}`", task.module_as_written))),
        };
        if let Some((span, what)) = problem {
            let error = Diagnostic::error(span, format!("{what} cannot be used in `rollback`"));
            self.report(error.hint(
                "the host keeps these tasks and runs them without the controller: use `command`, `shell`, `script`, `service`, `systemd`, `file`, `copy` with `content`, or their twins of Windows",
            ));
            return None;
        }
        Some(task)
    }
}

/// Tells what is wrong with a path that is written out.
fn unfit(path: &str) -> Option<&'static str> {
    // A drive of a Windows host, or a variable of one.
    let drive = matches!(path.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let (windows, rest) = if drive { (true, &path[2..]) } else { (path.starts_with('%'), path) };
    let separators: &[char] = if windows { &['/', '\\'] } else { &['/'] };
    let parts = || rest.split(separators).filter(|part| !matches!(*part, "" | "."));
    if is_template(path) {
        return None;
    }
    if !windows && !path.starts_with(['/', '~', '$']) {
        return Some("absolute paths");
    }
    if parts().next().is_none() {
        return Some("no `/`");
    }
    if path.contains(['*', '?', '[']) {
        return Some("no patterns");
    }
    parts().any(|part| part == "..").then_some("no path with `..`")
}

#[cfg(test)]
mod tests {
    use super::super::testing::site;

    fn task(task: &str) -> String {
        site(&format!("- hosts: web\n  tasks:\n    - {task}\n")).messages()
    }

    #[test]
    fn a_task_may_say_what_undoes_it() {
        for text in [
            "{ command: make, covers: /opt/agent }",
            "{ command: make, covers: ['{{ a }}', ~/x, /y], register: r, loop: [1] }",
            "{ shell: make, rollback: [{ command: unmake, name: 'Un {{ x }}', when: a, vars: { b: c } }] }",
            "{ raw: make, rollback: [{ file: { path: /x, state: absent } }, { copy: { dest: /x, content: y } }] }",
            "{ service: { name: x, state: started }, rollback: [{ systemd: { daemon_reload: true } }] }",
        ] {
            assert_eq!(task(text), "", "{text}");
        }
        let handler = "- hosts: web\n  handlers:\n    - { name: H, command: make, covers: /x }\n";
        assert_eq!(site(handler).messages(), "");
    }

    #[test]
    fn what_a_host_cannot_keep_is_refused_by_name() {
        for (text, expected) in [
            ("{ command: a, covers: [x] }", "`covers` takes absolute paths: `x`"),
            ("{ command: a, covers: / }", "`covers` takes no `/`"),
            ("{ command: a, covers: /a/../b }", "no path with `..`"),
            ("{ command: a, covers: [] }", "`covers` takes a path"),
            ("{ debug: { msg: a }, covers: /x }", "`covers` has no effect on `debug`"),
            ("{ setup: , rollback: [{ command: b }] }", "`rollback` has no effect on `setup`"),
            ("{ command: a, rollback: [] }", "`rollback` takes a list of tasks"),
            ("{ command: a, rollback: { command: b } }", "`rollback` takes a list of tasks"),
            ("{ command: a, rollback: [b] }", "a task is a mapping"),
            (
                "{ command: a, rollback: [{ command: b, loop: [1] }] }",
                "`loop` cannot be used in a task of `rollback`",
            ),
            ("{ command: a, rollback: [{ command: b, register: c }] }", "`register` cannot"),
            ("{ command: a, rollback: [{ command: b, notify: c }] }", "`notify` cannot"),
            ("{ command: a, rollback: [{ command: b, become: true }] }", "`become` cannot"),
            ("{ command: a, rollback: [{ block: [{ command: b }] }] }", "`block` cannot"),
            ("{ command: a, rollback: [{ import_tasks: b }] }", "`import_tasks` cannot"),
            (
                "{ command: a, rollback: [{ lineinfile: { path: /x, line: y } }] }",
                "module `lineinfile` cannot be used in `rollback`",
            ),
            (
                "{ command: a, rollback: [{ copy: { src: /x, dest: /y, remote_src: true } }] }",
                "`copy` with `src`",
            ),
            (
                "{ command: a, rollback: [{ file: { path: /x, state: directory, recurse: true } }] }",
                "`file` with `recurse`",
            ),
            ("{ command: a, rollback: [{ command: b, delegate_to: c }] }", "`delegate_to` cannot"),
            ("{ command: a, rollback: [{ command: b, rollback: [{ command: c }] }] }", "`rollback` cannot"),
        ] {
            let messages = task(text);
            assert!(messages.contains(expected), "{text}: {messages}");
            assert_eq!(messages.matches("error: ").count(), 1, "{text}: {messages}");
        }
        let block = "- hosts: web\n  tasks:\n    - { block: [{ command: a }], covers: /x }\n";
        assert!(site(block).messages().contains("`covers` does not belong here"));
    }
}
