//! Roles: where they are found, in which order they run, what is wrong with them.

use std::sync::Arc;

use insta::assert_snapshot;

use super::super::testing::{Files, below, site};
use super::super::{Entry, Listing, LoadOptions, list};

fn fleet() -> Files {
    Files::new(&[
        (
            "site.yml",
            "- name: first
  hosts: h1
  tags: play
  pre_tasks:
    - debug: msg=pre
  roles:
    - { role: agent, tags: x, when: '1 == 1', port_number: 5 }
    - web
    - role: web
    - { role: agent, tags: x, when: '1 == 1', port_number: 5 }
    - { role: agent, tags: x, when: '1 == 1', port_number: 6 }
  tasks:
    - import_tasks: more.yml
      tags: [more]
    - name: import the role
      import_role: { name: base, tasks_from: other.yml }
      tags: imported
      vars: { v: 1 }
    - block:
        - debug: msg=in
          name: inner
      rescue:
        - debug: msg=rescue
      tags: never
- import_playbook: second.yml
  tags: pb
",
        ),
        ("more.yml", "- debug: msg=more\n  tags: [m2]\n"),
        ("second.yml", "- hosts: [h1, all]\n  tasks: []\n"),
        ("roles/base/defaults/main.yml", "base_default: 1\n"),
        ("roles/base/tasks/main.yml", "- { name: base task, debug: { msg: '{{ base_default }}' } }\n"),
        ("roles/base/tasks/other.yml", "- debug: msg=other\n"),
        ("roles/base/handlers/main.yaml", "- { name: h, debug: { msg: base } }\n"),
        ("roles/agent/meta/main.yml", "dependencies: [base]\ngalaxy_info: { author: x }\n"),
        ("roles/agent/tasks/main.yml", "- { name: agent task, debug: { msg: x }, tags: [ag, always] }\n"),
        ("roles/agent/vars/main/b.yml", "b: 2\nc: 2\n"),
        ("roles/agent/vars/main/a.yaml", "a: 1\nb: 1\n"),
        ("roles/web/meta/main.yml", "dependencies:\n  - role: base\n"),
        ("roles/web/tasks/main", "- { name: web task, debug: { msg: web } }\n"),
    ])
}

/// The layout is that of ansible-core 2.19, which lists uses that never run as well.
#[test]
fn tasks_are_listed_in_the_order_in_which_they_run() {
    let files = fleet();
    let playbook = files.good();
    let text = |listing: &Listing<'_>| {
        list(&playbook, listing).replace(&format!("{}/", files.path().display()), "").replace('\t', " <TAB> ")
    };
    assert_snapshot!(text(&Listing { tasks: true, ..Listing::default() }), @r"

    playbook: site.yml

      play #1 (h1): first <TAB> TAGS: [play]
        tasks:
          debug <TAB> TAGS: [play]
          base : base task <TAB> TAGS: [play, x]
          agent : agent task <TAB> TAGS: [ag, always, play, x]
          base : base task <TAB> TAGS: [play]
          web : web task <TAB> TAGS: [play]
          agent : agent task <TAB> TAGS: [ag, always, play, x]
          debug <TAB> TAGS: [m2, more, play]
          debug <TAB> TAGS: [imported, play]

      play #2 (h1,all): h1,all <TAB> TAGS: [pb]
        tasks:
    ");
    assert_snapshot!(text(&Listing { tags: true, ..Listing::default() }), @r"

    playbook: site.yml

      play #1 (h1): first <TAB> TAGS: [play]
          TASK TAGS: [ag, always, imported, m2, more, never, play, x]

      play #2 (h1,all): h1,all <TAB> TAGS: [pb]
          TASK TAGS: [pb]
    ");
    let hosts = [vec!["h1".to_owned()], vec!["h1".to_owned()]];
    let skip = ["x".to_owned()];
    let listing = Listing { tasks: true, hosts: Some(&hosts), skip: &skip, ..Listing::default() };
    assert_snapshot!(text(&listing), @r"

    playbook: site.yml

      play #1 (h1): first <TAB> TAGS: [play]
        pattern: ['h1']
        hosts (1):
          h1
        tasks:
          debug <TAB> TAGS: [play]
          base : base task <TAB> TAGS: [play]
          web : web task <TAB> TAGS: [play]
          debug <TAB> TAGS: [m2, more, play]
          debug <TAB> TAGS: [imported, play]

      play #2 (h1,all): h1,all <TAB> TAGS: [pb]
        pattern: ['h1', 'all']
        hosts (1):
          h1
        tasks:
    ");
}

#[test]
fn one_role_is_one_object_in_all_its_equal_uses() {
    let playbook = fleet().good();
    let play = &playbook.plays[0];
    let names: Vec<&str> = play.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["base", "agent", "web", "agent", "base"]);
    let mut bases = Vec::new();
    for entry in &play.tasks[..2] {
        let Entry::Block(used) = entry else { panic!("a role is a block") };
        assert!(used.role_use);
        let Entry::Block(base) = &used.entries[0] else { panic!("the dependency is a block") };
        bases.push(Arc::clone(base.role.as_ref().expect("its role")));
    }
    assert!(Arc::ptr_eq(&bases[0], &bases[1]), "the host that ran one of them skips the other");
    let agent = &play.roles[1];
    let vars: Vec<(&str, String)> =
        agent.vars.iter().map(|(name, value)| (name.as_str(), value.key_text())).collect();
    assert_eq!(vars, [("a", "1".to_owned()), ("b", "2".to_owned()), ("c", "2".to_owned())]);
    assert_eq!(agent.params[0].0, "port_number");
    // The dependency sees the parameters of the role that needs it.
    let Entry::Block(used) = &play.tasks[0] else { panic!("a role is a block") };
    let Entry::Block(base) = &used.entries[0] else { panic!("the dependency is a block") };
    assert_eq!(base.directives.vars[0].0, "port_number");
    assert_eq!(play.handlers.len(), 2, "those of the two objects called `base`");
}

#[test]
fn roles_are_looked_for_beside_the_playbook_then_in_the_path() {
    let elsewhere = Files::new(&[
        ("shared/tasks/main.yml", "- debug: msg=x\n"),
        ("own/tasks/main.yml", "- no_module: x\n"),
    ]);
    let files = Files::new(&[
        ("site.yml", "- hosts: all\n  roles: [own, shared, beside, ./roles/own]\n"),
        ("roles/own/tasks/main.yml", "- debug: msg=x\n"),
        ("beside/tasks/main.yml", "- debug: msg=x\n"),
    ]);
    let options = LoadOptions { roles_path: vec![elsewhere.path().to_path_buf()], ..LoadOptions::default() };
    let (playbook, diagnostics) = files.load_with(&options);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let paths: Vec<_> =
        playbook.expect("a playbook").plays[0].roles.iter().map(|role| role.path.clone()).collect();
    assert_eq!(paths, [below(&files, "roles/own"), below(&elsewhere, "shared"), below(&files, "beside")]);
}

#[test]
fn allow_duplicates_runs_a_role_again() {
    let files = Files::new(&[
        ("site.yml", "- hosts: all\n  roles: [again, again, once, once]\n"),
        ("roles/again/meta/main.yml", "allow_duplicates: yes\n"),
        ("roles/again/tasks/main.yml", "- debug: msg=x\n"),
        ("roles/once/tasks/main.yml", "- debug: msg=x\n"),
    ]);
    assert_eq!(files.good().plays[0].tasks.len(), 3);
}

#[test]
fn mistakes_around_roles_are_found() {
    let files = Files::new(&[
        (
            "site.yml",
            "- hosts: all
  roles:
    - agnet
    - { name: agent, tasg: x, delegate_to: h, become: perhaps }
    - { tags: x }
    - '{{ which }}'
    - circle
    - broken
  tasks:
    - import_role: { name: agent, tasks_from: missing, public: yes }
    - import_role: { nam: agent }
      loop: [1]
",
        ),
        ("roles/agent/tasks/main.yml", "- debgu: msg=x\n"),
        ("roles/agent/defaults/main.yml", "- a\n"),
        ("roles/agent/meta/argument_specs.yml", "argument_specs: {}\n"),
        ("roles/circle/meta/main.yml", "dependencies:\n  - circle\ndependencis: []\n"),
        ("roles/broken/tasks/main.yml", "- debug: { msg: x\n"),
        ("roles/broken/vars/main.yml", "not-a-name: 1\n"),
    ]);
    assert_snapshot!(files.messages(), @r"
    site.yml:3:7: error: there is no role `agnet` | did you mean `agent`?
    site.yml:4:22: warning: `tasg` is taken as a parameter of the role | did you mean `tags`?
    site.yml:4:55: error: `become` takes a boolean, not `perhaps`
    site.yml:5:7: error: the role has no name | write `- role: NAME`
    site.yml:6:7: error: `role` has to be known before the run, `{{ which }}` is a template | write it out
    site.yml:10:28: error: role `roles/agent` has no `tasks/missing`
    site.yml:11:7: error: `import_role` needs `name` | write `import_role: { name: NAME }`
    site.yml:11:22: error: `import_role` does not take `nam` | did you mean `name`?
    site.yml:12:7: error: `loop` cannot be used with an import, which is read before the run
    roles/agent/defaults/main.yml:1:1: error: a file of variables is a mapping, not a list
    roles/agent/tasks/main.yml:1:3: error: unknown module `debgu` | did you mean `debug`?
    roles/circle/meta/main.yml:2:5: error: role `roles/circle` depends on itself
    roles/circle/meta/main.yml:3:1: error: `meta` of a role has no `dependencis` | did you mean `dependencies`?
    roles/broken/vars/main.yml:1:1: error: `not-a-name` cannot be the name of a variable | use letters, digits and underscores
    roles/broken/tasks/main.yml:1:10: error: `{` is opened and not closed
    ");
    assert!(site("- hosts: all\n  roles: agent\n").messages().contains("`roles` takes a list of roles"));
}
