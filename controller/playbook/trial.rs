//! Tries out tasks whose options are written out: what their module would refuse in the run, and local files
//! that are not there, are found before any host is touched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::call::{Called, is_literal};
use super::load::Loader;
use super::tasks::Folder;
use super::values::is_template;
use crate::module::{self, Files, ModuleContext, ModuleError, Options};
use crate::operation::Content;
use crate::shell::Platform;
use crate::source::{Diagnostic, Node, NodeValue, SourceFile, search};

/// Modules whose `src` is a local file, unless `remote_src` says otherwise.
const LOCAL_SOURCES: &[(&str, &str)] = &[("copy", "files"), ("template", "templates")];

impl Loader<'_> {
    /// Tries a task out. A missing file is passed over where the playbook may make it, or `expected` says that
    /// the task may fail.
    pub(super) fn try_out(
        &mut self,
        call: &Called,
        options: &[(String, Node)],
        folder: &Folder,
        expected: bool,
    ) {
        let files = self.local_files(call, folder);
        let may_miss = expected || self.makes_files;
        if options.iter().all(|(name, value)| !is_template(name) && is_literal(value)) {
            let Err(error) = planned(call, options, &files) else { return };
            if !(may_miss && files.missed.load(Ordering::Relaxed)) {
                let place = place_of(&error.message, options).map_or(&call.span, |node| &node.span).clone();
                self.report_text(&place, &error.message);
            }
            return;
        }
        let kind = LOCAL_SOURCES.iter().find(|(name, _)| *name == call.spec.name).map(|(_, kind)| *kind);
        let given = |name: &str| options.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let source = given("src").filter(|value| is_literal(value) && given("remote_src").is_none());
        if let (Some(kind), Some(source), false) = (kind, source, may_miss)
            && let Some(name) = source.as_str()
            && let Err(error) = files.find(kind, name)
        {
            self.report(Diagnostic::error(&source.span, error.message));
        }
    }

    fn local_files(&self, call: &Called, folder: &Folder) -> LocalFiles {
        let task = call.span.file.path().parent().map(Path::to_path_buf);
        let role = folder.role.as_ref().map(|role| role.path.clone());
        LocalFiles {
            roots: role.into_iter().chain(task).chain([self.directory.clone()]).collect(),
            home: self.options.home.clone(),
            missed: AtomicBool::new(false),
        }
    }
}

/// Asks the module for its work, as the executor does; what only a host knows has any value. Which kind of hosts is meant
/// is not known here: the module refuses if it refuses all that it is for, and says what it says of the first.
fn planned(call: &Called, options: &[(String, Node)], files: &LocalFiles) -> Result<(), ModuleError> {
    let meant = [Platform::Posix, Platform::Windows].into_iter();
    let mut meant = meant.filter(|platform| call.spec.platforms.include(*platform));
    let Some(first) = meant.next() else { return Ok(()) };
    planned_on(first, call, options, files).or_else(|error| {
        let other = meant.next().map(|platform| planned_on(platform, call, options, files));
        if matches!(other, Some(Ok(()))) { Ok(()) } else { Err(error) }
    })
}

fn planned_on(
    platform: Platform,
    call: &Called,
    options: &[(String, Node)],
    files: &LocalFiles,
) -> Result<(), ModuleError> {
    let Some(module) = module::lookup(call.spec.name) else { return Ok(()) };
    let given = options.iter().filter(|(name, _)| !call.spec.is_raw(name));
    let given = given.map(|(name, value)| (name.clone(), value.to_value())).collect();
    let converted = module::convert(call.spec, given)?;
    let context = ModuleContext {
        host: "host",
        platform,
        files,
        render: &|_: &Arc<SourceFile>, _: &Options| Ok(String::new()),
        raw: options,
        condition: &|_: &Node| Ok(true),
        variable: &|_: &Node| Ok(Value::Null),
        verbosity: u8::MAX,
    };
    module.plan(&converted, &context).map(drop)
}

/// Finds the option that a message is about: the first whose value or name it has in backticks.
fn place_of<'n>(message: &str, options: &'n [(String, Node)]) -> Option<&'n Node> {
    let quoted = |text: &str| message.contains(&format!("`{text}`"));
    let by_value = options.iter().find(|(_, value)| value.as_str().is_some_and(quoted));
    by_value.or_else(|| options.iter().find(|(name, _)| quoted(name))).map(|(_, value)| value)
}

/// Local files without their content.
struct LocalFiles {
    roots: Vec<PathBuf>,
    home: Option<PathBuf>,
    /// Whether one was not there.
    missed: AtomicBool,
}

impl Files for LocalFiles {
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, ModuleError> {
        let roots = self.roots.iter().map(PathBuf::as_path);
        search(roots, kind, name, self.home.as_deref()).map_err(|error| {
            self.missed.store(true, Ordering::Relaxed);
            ModuleError::new(error.to_string())
        })
    }

    fn opened(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        self.content(path)
    }

    fn content(&self, _: &Path) -> Result<Arc<Content>, ModuleError> {
        Ok(Arc::new(Content::new(Vec::new())))
    }

    fn source(&self, path: &Path) -> Result<Arc<SourceFile>, ModuleError> {
        Ok(SourceFile::new(path.display().to_string(), path, ""))
    }

    fn walk(&self, _: &Path) -> Result<Vec<(PathBuf, bool)>, ModuleError> {
        Ok(Vec::new())
    }
}

/// Tells whether a task is meant to fail, or not to run at all.
pub(super) fn may_fail(directives: &super::model::Directives, failed_when: bool, folder: &Folder) -> bool {
    let never = |node: &Node| matches!(node.value, NodeValue::Bool(false));
    folder.rescued || failed_when || directives.ignore_errors.is_some() || directives.when.iter().any(never)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Files, site};

    fn task(task: &str) -> String {
        site(&format!("- hosts: web\n  tasks:\n    - {task}\n")).messages()
    }

    #[test]
    fn mistakes_that_are_written_out_are_found_before_the_run() {
        for (text, expected) in [
            ("command:", "command"),
            ("debug: { msg: a, var: b }", "`debug` takes `msg` or `var`, not both"),
            ("copy: { dest: /x }", "`copy` needs"),
            ("copy: { dest: /x, src: a, content: b }", "`content`"),
            ("wait_for: { port: 1, path: /x }", "port and path"),
            ("lineinfile: { path: /x, line: a, regexp: '(' }", "the regular expression `(` is not valid"),
            ("uri: { url: nowhere }", "`nowhere`"),
        ] {
            let messages = task(text);
            assert!(messages.contains("site.yml:3:") && messages.contains(expected), "{text}: {messages}");
            assert_eq!(messages.matches("error: ").count(), 1, "{text}: {messages}");
        }
        for text in [
            "debug:",
            "copy: { dest: /x, content: '{{ a }}' }",
            "wait_for: { port: 1 }",
            "fail:",
            "assert: { that: [a is defined] }",
            "debug: { var: a }",
            "fetch: { src: /x, dest: y }",
            "meta: noop",
            "setup:",
        ] {
            assert_eq!(task(text), "", "{text}");
        }
    }

    #[test]
    fn what_one_kind_of_hosts_can_do_is_no_mistake() {
        for text in [
            "certificate_check: { thumbprint: 0123456789012345678901234567890123456789 }",
            "certificate_check: { subject: CN=agent }",
            "{ script: s.ps1, args: { chdir: '%TEMP%' }, ignore_errors: true }",
        ] {
            assert_eq!(task(text), "", "{text}");
        }
        // Neither kind can.
        let messages = task("certificate_check: { path: /x, src: y }");
        assert!(messages.contains("wants one of `path`"), "{messages}");
        let messages = task("{ script: s.ps1, args: { chdir: folder }, ignore_errors: true }");
        assert!(messages.contains("`folder` is not an absolute path"), "{messages}");
    }

    #[test]
    fn local_files_have_to_be_there() {
        for text in [
            "template: { src: nothere, dest: /x }",
            "copy: { src: nothere, dest: /x }",
            "copy: { src: nothere, dest: '{{ x }}' }",
            "template: { src: nothere, dest: '{{ x }}' }",
            "script: nothere -a",
        ] {
            let messages = task(text);
            assert!(messages.contains("could not find `nothere`; searched `"), "{text}: {messages}");
        }
        for text in [
            "copy: { src: /nothere, dest: /x, remote_src: true }",
            "copy: { src: '{{ x }}', dest: /x }",
            "{ copy: { src: nothere, dest: /x }, ignore_errors: true }",
            "{ copy: { src: nothere, dest: /x }, when: false }",
            "{ block: [{ copy: { src: nothere, dest: /x } }], rescue: [{ debug: }] }",
        ] {
            assert_eq!(task(text), "", "{text}");
        }
    }

    #[test]
    fn what_the_playbook_may_make_need_not_be_there() {
        let later = "- hosts: web\n  tasks:\n    - copy: { src: made, dest: /x }\n";
        for first in [
            "- hosts: localhost\n  tasks: [{ command: make }]\n",
            "- hosts: web\n  connection: local\n  tasks: [{ command: make }]\n",
            "- hosts: web\n  tasks: [{ fetch: { src: /x, dest: made, flat: true } }]\n",
        ] {
            assert_eq!(site(&format!("{first}{later}")).messages(), "", "{first}");
        }
        assert!(site(&format!("- hosts: db\n{later}")).messages().contains("could not find `made`"));
    }

    #[test]
    fn names_that_are_templates_are_checked() {
        assert_eq!(task("set_fact: { \"{{ 'dyn_' ~ 'key' }}\": v }"), "");
        assert!(task("set_fact: { \"{{ 'a' | nope }}\": v }").contains("`nope`"));
    }

    #[test]
    fn files_of_a_role_are_found() {
        let files = Files::new(&[
            ("site.yml", "- hosts: web\n  roles: [r]\n"),
            (
                "roles/r/tasks/main.yml",
                "- copy: { src: f, dest: /x }\n- script: s.sh\n- template: { src: t, dest: /y }\n",
            ),
            ("roles/r/files/f", ""),
            ("roles/r/files/s.sh", ""),
            ("roles/r/templates/t", ""),
        ]);
        assert_eq!(files.messages(), "");
    }
}
