//! Includes: what is read for them, and what is wrong with them.

use super::super::testing::{Files, site};
use crate::playbook::{BodyKey, Entry, Task};

fn task(files: &Files) -> std::sync::Arc<Task> {
    let playbook = files.good();
    let Entry::Task(task) = &playbook.plays[0].tasks[0] else { panic!("no task") };
    task.clone()
}

/// The bodies of the first task, each with its number of tasks and its problem.
fn bodies(files: &Files) -> Vec<(String, usize, Option<String>)> {
    let here = files.path().to_path_buf();
    let bodies = task(files).include.as_ref().map(|include| include.bodies.clone()).unwrap_or_default();
    let name = |key: &BodyKey| match key {
        BodyKey::File(path) => path.strip_prefix(&here).unwrap_or(path).display().to_string(),
        BodyKey::Role(_) => key.to_string(),
    };
    bodies.iter().map(|body| (name(&body.key), body.entries().len(), body.problem())).collect()
}

fn named(files: &Files) -> Vec<String> {
    bodies(files).into_iter().map(|(name, _, _)| name).collect()
}

const PING: &str = "- ping:\n";

#[test]
fn a_name_with_a_template_stands_for_the_files_that_fit() {
    let files = |name: &str| {
        let site = format!("- hosts: web\n  tasks:\n    - include_tasks: {name}\n");
        Files::new(&[
            ("site.yml", site.as_str()),
            ("tasks/a-1.yml", PING),
            ("tasks/a-2.yml", "- ping:\n- debgu:\n"),
            ("tasks/b-1.yml", PING),
            ("tasks/vars.yml", "a: 1\n"),
            ("tasks/play.yml", "- hosts: all\n"),
            ("tasks/more/a-3.yml", PING),
        ])
    };
    let of = |name: &str| named(&files(name));
    assert_eq!(of("tasks/b-1.yml"), ["tasks/b-1.yml"]);
    assert_eq!(of("\"tasks/a-{{ x }}.yml\""), ["tasks/a-1.yml", "tasks/a-2.yml"]);
    assert_eq!(of("\"{{ playbook_dir }}/tasks/b-1.yml\"").len(), 1);
    assert_eq!(of("\"tasks/{{ x }}\"").len(), 4);
    let broken = files("\"tasks/a-{{ x }}.yml\"");
    assert!(bodies(&broken)[1].2.as_ref().is_some_and(|problem| problem.contains("unknown module `debgu`")));
    let messages = broken.messages();
    assert!(messages.contains("site.yml:3:23: warning: ") && !messages.contains("error: "), "{messages}");
    let plain = files("tasks/a-2.yml").messages();
    assert!(plain.contains("tasks/a-2.yml:2:3: error: unknown module `debgu`"), "{plain}");
    let nothing = files("\"nowhere/{{ x }}.yml\"").messages();
    assert!(nothing.contains("no file is known that `nowhere/{{ x }}.yml` may name"), "{nothing}");
}

#[test]
fn items_that_are_written_out_give_plain_names() {
    let files = |items: &str| {
        let site = format!(
            "- hosts: web\n  tasks:\n    - include_tasks: \"{{{{ item }}}}.yml\"\n      loop: {items}\n"
        );
        Files::new(&[("site.yml", site.as_str()), ("a.yml", PING), ("b.yml", PING), ("c.yml", PING)])
    };
    assert_eq!(named(&files("[a, c]")), ["a.yml", "c.yml"]);
    let messages = files("[a, d]").messages();
    assert!(messages.contains("there is no file `d.yml`"), "{messages}");
    assert_eq!(named(&files("\"{{ names }}\"")), ["a.yml", "b.yml", "c.yml"]);
}

#[test]
fn a_file_may_include_itself_and_is_read_once() {
    let files = Files::new(&[
        ("site.yml", "- hosts: web\n  tasks:\n    - include_tasks: a.yml\n    - include_tasks: a.yml\n"),
        ("a.yml", "- ping:\n- include_tasks: b.yml\n"),
        ("b.yml", "- include_tasks: a.yml\n  when: false\n"),
    ]);
    let playbook = files.good();
    let body = |at: usize| match &playbook.plays[0].tasks[at] {
        Entry::Task(task) => task.include.as_ref().map(|include| include.bodies[0].clone()),
        Entry::Block(_) => None,
    };
    let (first, second) = (body(0).expect("a body"), body(1).expect("a body"));
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert_eq!(first.entries().len(), 2);
}

#[test]
fn roles_are_read_with_the_files_that_are_asked_for() {
    let files = |options: &str| {
        let site = format!("- hosts: web\n  tasks:\n    - include_role: {{ {options} }}\n");
        Files::new(&[
            ("site.yml", site.as_str()),
            ("roles/one/tasks/main.yml", PING),
            ("roles/one/tasks/other.yml", "- ping:\n- ping:\n- include_role: { name: one }\n"),
            ("roles/two/tasks/main.yml", PING),
            ("roles/three/files/x", ""),
        ])
    };
    let of = |options: &str| named(&files(options));
    assert_eq!(of("name: one"), ["one"]);
    assert_eq!(of("name: one, tasks_from: other"), ["one, other"]);
    assert_eq!(of("name: '{{ x }}'"), ["one", "two"]);
    assert_eq!(
        of("name: one, tasks_from: '{{ x }}'"),
        ["one", "one, main.yml", "one, other", "one, other.yml"]
    );
    for (options, expected) in [
        ("name: oen", "did you mean `one`?"),
        ("name: one, tasks_from: missing", "has no `tasks/missing`"),
        ("tasks_from: main", "`include_role` needs `name`"),
        ("name: one, publik: true", "did you mean `public`?"),
    ] {
        let messages = files(options).messages();
        assert!(messages.contains(expected), "{options}: {messages}");
    }
}

#[test]
fn keywords_that_mean_nothing_beside_an_include_are_refused() {
    for (keyword, expected) in [
        ("become: true", "`become` cannot be used with `include_tasks`"),
        ("notify: x", "`notify` cannot be used with `include_tasks`"),
        ("environment: {}", "give it to its tasks, under `apply`"),
    ] {
        let text = format!("- hosts: web\n  tasks:\n    - include_tasks: a.yml\n      {keyword}\n");
        let messages = Files::new(&[("site.yml", text.as_str()), ("a.yml", PING)]).messages();
        assert!(messages.contains("site.yml:4:7") && messages.contains(expected), "{keyword}: {messages}");
    }
    let apply =
        site("- hosts: web\n  tasks:\n    - include_tasks: { file: a.yml, apply: { becom: true } }\n");
    assert!(apply.messages().contains("did you mean `become`?"), "{}", apply.messages());
}

#[test]
fn files_of_variables_are_read_before_the_run() {
    let files = |task: &str| {
        let site = format!("- hosts: web\n  tasks:\n    - include_vars: {task}\n");
        Files::new(&[
            ("site.yml", site.as_str()),
            ("vars/a.yml", "one: 1\n"),
            ("vars/bad.yml", "not-a-name: 1\n"),
            ("vars/deep/x.yml", "two: 2\n"),
        ])
    };
    assert_eq!(files("a.yml").messages(), "");
    assert_eq!(files("{ dir: vars/deep, name: x }").messages(), "");
    for (task, expected) in [
        ("missing.yml", "could not find `missing.yml`"),
        ("bad.yml", "`not-a-name` cannot be the name of a variable"),
        ("{ dir: nowhere }", "there is no folder"),
        ("{ file: a.yml, dir: vars }", "`include_vars` takes `file` or `dir`, not both"),
        ("{ file: a.yml, depth: 1 }", "option `depth` of `include_vars` goes with `dir`"),
    ] {
        let messages = files(task).messages();
        assert!(messages.contains(expected), "{task}: {messages}");
    }
}
