//! `module_defaults`: options that tasks have unless they say something else.

use super::load::Loader;
use super::values::is_template;
use crate::module::{self, ModuleSpec};
use crate::source::{Diagnostic, Node, suggestion};

/// Options of one module, by place.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// Short name of the module.
    module: &'static str,
    options: Vec<(Node, Node)>,
}

impl Loader<'_> {
    /// Takes the `module_defaults` of a play, block, task or import; returns what was in force before.
    pub(super) fn begin_defaults(&mut self, node: &Node) -> usize {
        let before = self.defaults.len();
        let Some(value) = node.get("module_defaults") else { return before };
        for mapping in super::values::listed(value) {
            if !mapping.is_mapping() {
                self.wrong(
                    "module_defaults",
                    mapping,
                    "a mapping of modules, each with a mapping of options",
                );
                continue;
            }
            for (key, options) in mapping.entries() {
                self.defaults_of(key, options);
            }
        }
        before
    }

    /// Goes back to what was in force before.
    pub(super) fn end_defaults(&mut self, before: usize) {
        self.defaults.truncate(before);
    }

    /// What is in force, as text to compare.
    pub(super) fn defaults_in_force(&self) -> String {
        let of = |defaults: &Defaults| {
            let options = defaults.options.iter();
            let options = options.map(|(name, value)| format!("{}={};", name.key_text(), value.to_json()));
            format!("{}:{}", defaults.module, options.collect::<String>())
        };
        self.defaults.iter().map(of).collect()
    }

    fn defaults_of(&mut self, key: &Node, options: &Node) {
        let word = key.as_str().unwrap_or_default();
        if is_template(word) {
            self.wrong("module_defaults", key, "names of modules without templates");
            return;
        }
        if word.starts_with("group/") {
            let error =
                Diagnostic::error(&key.span, format!("`{word}` names a group of modules of a collection"));
            self.report(error.hint("none of its modules is supported: name modules one by one"));
            return;
        }
        let Some(found) = module::lookup(word) else {
            // A module that no task can use needs no defaults, but a mistyped name would go unnoticed.
            let error =
                Diagnostic::error(&key.span, format!("`module_defaults` names the unknown module `{word}`"));
            self.report(error.maybe_hint(suggestion(word, module::names())));
            return;
        };
        if !options.is_mapping() && !options.is_null() {
            self.wrong("module_defaults", options, "a mapping of options");
            return;
        }
        let spec = found.spec();
        for (name, value) in options.entries() {
            if let Err(text) = spec.check_name(&name.key_text()) {
                self.report_text(&name.span, &text);
            }
            self.templates(value);
        }
        self.defaults.push(Defaults { module: spec.name, options: options.entries().to_vec() });
    }

    /// Adds the options in force that a task does not give itself.
    pub(super) fn add_defaults(&self, spec: &ModuleSpec, given: &mut Vec<(Node, Node)>) {
        let canonical = |key: &Node| {
            let name = key.key_text();
            spec.option(&name).map_or(name, |option| option.name.to_owned())
        };
        for defaults in self.defaults.iter().rev().filter(|defaults| defaults.module == spec.name) {
            for (key, value) in &defaults.options {
                if !given.iter().any(|(other, _)| canonical(other) == canonical(key)) {
                    given.push((key.clone(), value.clone()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Entry;
    use super::super::testing::{Files, site};

    #[test]
    fn the_innermost_default_counts_and_the_task_has_the_last_word() {
        let files = Files::new(&[
            (
                "site.yml",
                "- hosts: web
  module_defaults:
    file: { mode: '0600', owner: a }
    ansible.builtin.debug: { msg: hello }
  tasks:
    - file: { path: /x, state: touch }
    - block:
        - file: { path: /y, state: touch, owner: c }
          module_defaults: { file: { group: g } }
        - include_tasks: more.yml
      module_defaults: { file: { mode: '0640', owner: b } }
    - include_tasks: more.yml
    - debug:
",
            ),
            ("more.yml", "- file: { path: /z, state: touch }\n"),
        ]);
        let playbook = files.good();
        let mut found = Vec::new();
        fn collect(entries: &[Entry], found: &mut Vec<String>) {
            for entry in entries {
                match entry {
                    Entry::Block(block) => collect(&block.entries, found),
                    Entry::Task(task) => {
                        let mut options: Vec<String> = task
                            .options
                            .iter()
                            .map(|(name, node)| format!("{name}={}", node.key_text()))
                            .filter(|option| !option.starts_with("state"))
                            .collect();
                        options.sort();
                        if task.include.is_none() {
                            found.push(options.join(" "));
                        }
                        for body in task.include.iter().flat_map(|include| &include.bodies) {
                            collect(body.entries(), found);
                        }
                    }
                }
            }
        }
        collect(&playbook.plays[0].tasks, &mut found);
        assert_eq!(
            found,
            [
                "mode=0600 owner=a path=/x",
                "group=g mode=0640 owner=c path=/y",
                "mode=0640 owner=b path=/z",
                "mode=0600 owner=a path=/z",
                "msg=hello"
            ]
        );
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        for (defaults, expected) in [
            ("{ group/aws: { region: x } }", "`group/aws` names a group of modules"),
            ("{ fiel: { mode: x } }", "did you mean `file`?"),
            ("{ file: { moode: x } }", "did you mean `mode`?"),
            ("{ file: [1] }", "takes a mapping of options"),
            ("'{{ x }}'", "takes a mapping of modules"),
        ] {
            let text = format!("- hosts: web\n  module_defaults: {defaults}\n  tasks: [{{ ping: }}]\n");
            let messages = site(&text).messages();
            assert!(
                messages.contains("site.yml:2:") && messages.contains(expected),
                "{defaults}: {messages}"
            );
        }
    }
}
