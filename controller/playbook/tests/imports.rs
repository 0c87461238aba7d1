//! Imports of tasks and playbooks, files of variables.

use insta::assert_snapshot;

use super::super::testing::{Files, below, site};
use super::super::{Entry, find_vars_file};

#[test]
fn imported_tasks_stand_where_the_import_stood() {
    let files = Files::new(&[
        (
            "site.yml",
            "- hosts: all
  tasks:
    - import_tasks: tasks/one.yml
      when: ready
      vars: { a: 1 }
    - ansible.builtin.import_tasks: { file: tasks/two.yml }
  handlers:
    - import_tasks: handlers.yml
",
        ),
        ("tasks/one.yml", "- debug: msg=1\n  notify: restart\n- import_tasks: two.yml\n"),
        ("tasks/two.yml", "- debug: msg=2\n"),
        ("handlers.yml", "- { name: restart, debug: { msg: x } }\n"),
    ]);
    let playbook = files.good();
    let play = &playbook.plays[0];
    let Entry::Block(one) = &play.tasks[0] else { panic!("an import is a block") };
    assert_eq!((one.directives.when.len(), one.directives.vars.len(), one.entries.len()), (1, 1, 2));
    assert!(matches!(&one.entries[1], Entry::Block(two) if two.entries.len() == 1));
    assert_eq!(play.handlers.len(), 1);
}

#[test]
fn an_imported_playbook_has_its_own_folder_and_takes_variables_and_tags() {
    let files = Files::new(&[
        ("site.yml", "- import_playbook: sub/play.yml\n  vars: { ip: 1 }\n  tags: [t]\n  when: ip == 1\n"),
        (
            "sub/play.yml",
            "- hosts: all\n  vars: { ip: 2, other: 3 }\n  vars_files: [v.yml]\n  tags: own\n  roles: [r]\n",
        ),
        ("sub/v.yml", "v: 1\n"),
        ("sub/roles/r/tasks/main.yml", "- debug: msg=x\n"),
    ]);
    let playbook = files.good();
    let play = &playbook.plays[0];
    assert_eq!((&playbook.directory, &play.directory), (&below(&files, ""), &below(&files, "sub")));
    let vars: Vec<_> = play.vars.iter().map(|(name, value)| (name.as_str(), value.key_text())).collect();
    assert_eq!(vars, [("other", "3".to_owned()), ("ip", "1".to_owned())]);
    assert_eq!(
        (play.directives.tags.clone(), play.directives.when.len()),
        (vec!["t".into(), "own".into()], 1)
    );
}

#[test]
fn mistakes_around_imports_are_found_in_all_files() {
    let files = Files::new(&[
        (
            "site.yml",
            "- import_playbook: missing.yml
- import_playbook: site.yml
- import_playbook: other.yml
  hosts: all
- hosts: all
  vars_files: [nowhere.yml, [a.yml, b.yml], '{{ x }}.yml', bad.yml]
  tasks:
    - import_tasks: nowhere.yml
    - import_tasks: '{{ x }}.yml'
    - import_tasks: loop.yml
    - import_tasks: two.yml a=1
    - import_tasks: two.yml
      register: x
  handlers:
    - import_tasks: two.yml
      when: x
- a text
",
        ),
        ("other.yml", "hosts: all\n"),
        ("bad.yml", "- 1\n"),
        ("loop.yml", "- import_tasks: loop.yml\n"),
        ("two.yml", "- debgu: msg=1\n- text\n"),
    ]);
    assert_snapshot!(files.messages(), @r"
    site.yml:1:20: error: there is no playbook `missing.yml`
    site.yml:2:20: error: `site.yml` imports itself
    site.yml:4:3: error: `hosts` does not belong here | it belongs to a play
    site.yml:6:16: error: there is no file `nowhere.yml` | looked in `FOLDER` and its folder `vars`
    site.yml:6:30: error: there is no file `a.yml` or `b.yml` | looked in `FOLDER` and its folder `vars`
    site.yml:8:21: error: there is no file `nowhere.yml` | looked for `nowhere.yml`
    site.yml:9:21: error: `import_tasks` has to be known before the run, `{{ x }}.yml` is a template | write it out
    site.yml:11:21: error: `import_tasks` takes the name of a file | give variables under `vars`
    site.yml:13:7: error: `register` does not belong here | it belongs to a task
    site.yml:15:7: error: keywords beside an import of handlers are not supported | give them to each handler
    site.yml:17:3: error: a play is a mapping, not a string
    other.yml:1:1: error: a playbook is a list of plays, not a mapping | begin each play with `- hosts:`
    bad.yml:1:1: error: a file of variables is a mapping, not a list
    loop.yml:1:17: error: `loop.yml` imports itself
    two.yml:1:3: error: unknown module `debgu` | did you mean `debug`?
    two.yml:2:3: error: a task is a mapping, not a string | write `- module: { option: value }`
    ");
}

#[test]
fn variables_beside_an_imported_playbook_are_not_ignored_in_silence() {
    let play = "- hosts: all\n  tasks: []\n";
    let files = Files::new(&[
        ("site.yml", "- import_playbook: sub/a.yml\n- import_playbook: b.yml\n"),
        ("sub/a.yml", play),
        ("sub/group_vars/all.yml", "x: 1\n"),
        ("b.yml", play),
        ("group_vars/all.yml", "x: 1\n"),
    ]);
    assert_snapshot!(files.messages(), @"site.yml:1:20: warning: `sub/group_vars` is not read | only those beside the playbook of the command line are");
}

#[test]
fn a_playbook_without_plays_is_an_error() {
    assert!(site("").messages().ends_with("holds no play"));
    assert!(site("- hosts: all\n").load().0.is_some());
    assert!(site("- debug: msg=x\n").messages().contains("put it under `tasks:`"));
    let (playbook, diagnostics) = super::super::load("/nonexistent/site.yml".as_ref(), &Default::default());
    assert!(playbook.is_none() && diagnostics.0[0].message.contains("cannot read"));
}

#[test]
fn a_file_of_variables_is_looked_for_in_vars_first() {
    let files = Files::new(&[("vars/a.yml", ""), ("a.yml", ""), ("b.yml", "")]);
    assert_eq!(find_vars_file(files.path(), "a.yml"), Some(below(&files, "vars/a.yml")));
    assert_eq!(find_vars_file(files.path(), "b.yml"), Some(below(&files, "b.yml")));
    assert_eq!(find_vars_file(files.path(), "c.yml"), None);
}
