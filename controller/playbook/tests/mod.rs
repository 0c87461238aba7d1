//! Whole playbooks: what is understood, and what every mistake is answered with.

use insta::assert_snapshot;

mod declared;
mod imports;
mod includes;
mod options;
mod roles;

use super::testing::{Files, site};
use super::{Entry, Order, Strategy};

#[test]
fn ten_mistakes_are_found_in_one_go() {
    let files = site(
        "- hosts: agents
  gather_fact: false
  order: sortd
  strategy: free
  serial: [1, many]
  tasks:
    - name: typo in the module
      debgu: { msg: hello }
    - debug: { mgs: hello }
      whne: ready
    - debug: { msg: hello, verbosity: loud }
      register: not-a-name
    - fail: { msg: no }
      throttle: 1
    - pause: { seconds: 1 }
      debug: { msg: two }
    - meta: flush_handler
    - debug: msg='open
      notify: restart agnet
    - name: nothing to do
    - set_fact: { a: 1 }
      ignore_errors: maybe
      with_lines: ls
  handlers:
    - name: restart agent
      debug: { msg: restarted }
- tasks: []
",
    );
    assert_snapshot!(files.messages(), @r#"
    site.yml:2:3: error: unknown keyword `gather_fact` | did you mean `gather_facts`?
    site.yml:3:10: error: unknown order `sortd` | did you mean `sorted`?
    site.yml:4:13: error: `strategy: free` is not supported | `host_pinned` lets each host go on by itself too; without `strategy` hosts wait only where they must
    site.yml:5:15: error: `serial` takes a number of hosts, a percentage, or a list of them, not `many`
    site.yml:8:7: error: unknown module `debgu` | did you mean `debug`?
    site.yml:9:16: error: `debug` has no option `mgs` | did you mean `msg`?
    site.yml:10:7: error: unknown keyword `whne` | did you mean `when`?
    site.yml:11:39: error: option `verbosity` of `debug`: 'loud' is not an integer
    site.yml:12:17: error: `not-a-name` cannot be the name of a variable | use letters, digits and underscores
    site.yml:14:7: error: `throttle` is not supported | not supported yet: use `serial` for the play, or `--forks`
    site.yml:16:7: error: a task has one module, this one has `pause` and `debug` | make it two tasks
    site.yml:17:13: error: `meta`: 'flush_handler' is not possible here | did you mean `flush_handlers`?
    site.yml:18:14: error: the text has a quote that is not closed | close it, or write the options as a mapping (commands: `cmd: |`)
    site.yml:19:15: error: no handler is called `restart agnet` or listens to it | did you mean `restart agent`?
    site.yml:20:7: error: the task has no module | name what it does: `- debug: { msg: ... }`
    site.yml:22:22: error: `ignore_errors` takes a boolean, not `maybe`
    site.yml:23:7: error: `with_lines` is not supported | register the output of a command and loop over its `stdout_lines`
    site.yml:27:3: error: a play needs `hosts`
    "#);
}

#[test]
fn words_that_nothing_is_like_are_answered_with_those_there_are() {
    for (text, expected) in [
        ("- hosts: []\n", "site.yml:1:10: error: `hosts` is empty | name a group, a host or a pattern"),
        ("- hosts: ''\n", "site.yml:1:10: error: `hosts` is empty | name a group, a host or a pattern"),
        (
            "- { hosts: a, order: xyz }\n",
            "site.yml:1:22: error: unknown order `xyz` | one of `inventory`, `reverse_inventory`, `sorted`, `reverse_sorted`, `shuffle`",
        ),
        (
            "- { hosts: a, strategy: fre }\n",
            "site.yml:1:25: error: unknown strategy `fre` | one of `linear`, `host_pinned`",
        ),
        (
            "$ANSIBLE_VAULT;1.1;AES256\n3061\n",
            "site.yml:1:1: error: cannot decrypt `site.yml`: the encrypted text is damaged: a part of it is missing",
        ),
    ] {
        assert_eq!(site(text).messages(), expected, "{text}");
    }
}

#[test]
fn keywords_of_a_play_are_kept() {
    let files = site(
        "- name: roll out
  hosts: [agents, '!old']
  gather_facts: \"{{ facts | default(false) }}\"
  serial: [1, '30%', '{{ rest }}']
  max_fail_percentage: 30
  any_errors_fatal: no
  order: reverse_sorted
  strategy: host_pinned
  force_handlers: 'yes'
  connection: smart
  remote_user: deploy
  port: 2222
  timeout: 30
  become: true
  become_user: root
  environment: { A: b }
  collections: [ansible.builtin]
  tags: one, two
  vars: { a: 1 }
  tasks:
    - debug: msg={{ a }}
",
    );
    let playbook = files.good();
    let play = &playbook.plays[0];
    assert_eq!(play.name.as_str(), Some("roll out"));
    assert_eq!((play.order, play.strategy), (Some(Order::ReverseSorted), Some(Strategy::HostPinned)));
    assert_eq!(play.force_handlers.as_ref().and_then(crate::source::Node::as_bool), Some(true));
    assert_eq!(play.directives.tags, ["one", "two"]);
    let connection: Vec<_> = play.connection.iter().map(|(name, value)| (*name, value.key_text())).collect();
    let expected = [("ansible_connection", "ssh"), ("ansible_user", "deploy"), ("ansible_port", "2222")];
    assert_eq!(connection, expected.map(|(name, value)| (name, value.to_owned())));
    assert!(play.directives.timeout.is_some() && play.directives.r#become.enabled.is_some());
}

#[test]
fn options_are_given_as_text_mapping_or_args() {
    let files = site(
        "- hosts: all
  tasks:
    - debug: msg=\"a b\" verbosity=1
    - ansible.builtin.debug: { msg: x }
    - debug:
      args: { msg: x }
    - action: debug msg=x
    - action: { module: debug, msg: x }
    - set_fact: a=1 b=\"{{ c | default('x y') }}\"
    - meta: flush_handlers
    - assert: { that: a is defined }
",
    );
    let playbook = files.good();
    let shown: Vec<String> = playbook.plays[0]
        .tasks
        .iter()
        .map(|entry| match entry {
            Entry::Task(task) => {
                let options: Vec<String> =
                    task.options.iter().map(|(name, value)| format!("{name}={}", value.key_text())).collect();
                format!("{} {}", task.module, options.join(" "))
            }
            Entry::Block(_) => "block".to_owned(),
        })
        .collect();
    assert_snapshot!(shown.join("\n"), @r"
    debug msg=a b verbosity=1
    debug msg=x
    debug msg=x
    debug msg=x
    debug msg=x
    set_fact a=1 b={{ c | default('x y') }}
    meta free_form=flush_handlers
    assert that=a is defined
    ");
}

#[test]
fn keywords_of_ansible_are_refused_by_name() {
    let files = site(
        "- hosts: all
  vars_prompt: []
  module_defaults: { group/aws: {} }
  gather_subset: min
  fact_path: /x
  when: true
  tasks:
    - include_tasks: more.yml
    - include_role: { name: x }
    - local_action: debug msg=x
    - pip: { name: x }
    - win_updates: { name: x }
    - debug: { msg: x }
      async: 10
      poll: 0
    - debug: { msg: x }
      throttle: 1
      debugger: always
      remote_user: root
      listen: x
    - debug: { msg: x }
      loop: text
      loop_control: { loop_vra: x, extended_allitems: false }
    - debug: { msg: x }
      become_method: su
      when: []
      tags: '{{ x }}'
      vars: { a-b: 1 }
      loop_control: { label: x }
  handlers:
    - block: []
",
    );
    assert_snapshot!(files.messages(), @r"
    site.yml:2:3: error: `vars_prompt` is not supported | questions in the middle of a rollout are not supported: use `--extra-vars` or `vars_files`
    site.yml:3:22: error: `group/aws` names a group of modules of a collection | none of its modules is supported: name modules one by one
    site.yml:4:3: error: `gather_subset` is not supported | not supported yet: use `gather_facts: false` and a `setup` task
    site.yml:5:3: error: `fact_path` is not supported | not supported yet: leave it out
    site.yml:6:3: error: `when` does not belong here | it belongs to a task
    site.yml:8:22: error: there is no file `more.yml` | looked for `more.yml`
    site.yml:9:29: error: there is no role `x` | looked in `roles`, `FOLDER`
    site.yml:11:7: error: module `pip` is not supported yet | use `command`, `shell` or `script` with `creates` instead
    site.yml:12:7: error: module `win_updates` is not supported yet | use `win_command`, `win_shell` or `win_powershell` with `creates` instead
    site.yml:15:13: error: `poll: 0` is not supported | a task that nobody waits for cannot be resumed or rolled back: leave `poll` out, and use `strategy: host_pinned` so that hosts do not wait for each other
    site.yml:17:7: error: `throttle` is not supported | not supported yet: use `serial` for the play, or `--forks`
    site.yml:18:7: error: `debugger` is not supported | there is no task debugger: use `plan`, `--check --diff` and the host logs
    site.yml:19:7: error: `remote_user` does not belong here | a host has one connection: set it on the play, or as a variable of the host
    site.yml:20:7: error: `listen` does not belong here | it belongs to a handler
    site.yml:22:13: error: `loop` takes a list, or a template that gives one, not `text`
    site.yml:23:23: error: `loop_control` has no `loop_vra` | did you mean `loop_var`?
    site.yml:25:22: error: `become_method: su` is not supported | use `sudo`
    site.yml:27:13: error: `tags` takes words without templates, not `{{ x }}`
    site.yml:28:15: error: `a-b` cannot be the name of a variable | use letters, digits and underscores
    site.yml:29:7: warning: `loop_control` has no effect without a loop
    site.yml:31:7: error: a block cannot be a handler | give each handler its own entry, with the same `listen`
    ");
}

#[test]
fn a_typing_error_in_a_module_for_windows_is_told() {
    let files = site("- hosts: all\n  tasks:\n    - ansible.windows.win_servce: { name: x }\n");
    assert_snapshot!(files.messages(), @"site.yml:3:7: error: module `ansible.windows.win_servce` is not supported yet | did you mean `win_service`?");
}

#[test]
fn a_notification_has_to_reach_a_handler() {
    let files = Files::new(&[
        (
            "site.yml",
            "- hosts: all
  roles: [agent]
  tasks:
    - debug: { msg: x }
      notify: [restart, 'agent : restart', topic, '{{ anything }}', missing]
  handlers:
    - name: restart
      debug: { msg: play }
    - name: other
      debug: { msg: x }
      listen: [topic]
",
        ),
        ("roles/agent/handlers/main.yml", "- name: restart\n  debug: { msg: role }\n  listen: topic\n"),
    ]);
    assert_snapshot!(files.messages(), @"site.yml:5:69: error: no handler is called `missing` or listens to it | add it under `handlers` of the play");
}

#[test]
fn options_in_text_have_their_own_places() {
    let files = site(
        "- hosts: all
  tasks:
    - debug: msg=hello verbosty=1
    - debug: 'msg=\"a b\"  verbosity=loud'
    - debug: \"plain text\"
",
    );
    assert_snapshot!(files.messages(), @r"
    site.yml:3:24: error: `debug` has no option `verbosty` | did you mean `verbosity`?
    site.yml:4:36: error: option `verbosity` of `debug`: 'loud' is not an integer
    site.yml:5:15: error: `debug` takes `option=value` pairs, not `plain text` | write the options as a mapping
    ");
}

#[test]
fn templates_and_conditions_are_compiled_before_the_run() {
    let files = site(
        "- hosts: '{{ target | defalt(1) }}'
  vars: { a: '{{ 1 + }}', deep: [{ b: '{{ x' }] }
  tasks:
    - name: '{{ name | uper }}'
      debug: msg=\"{{ a | nofilter }}\"
      when: [a ==, 'b is undefind', '{{ c }}', d | bool]
      loop: '{{ list | flaten }}'
      environment: { A: '{% if %}' }
      vars: { v: !unsafe '{{ not a template' }
    - assert: { that: [a is defned, b == 1] }
    - debug: { var: a. }
    - debug: { msg: \"{{ lookup('pipe', 'id') }}\" }
      failed_when: a in
      until: b |
",
    );
    assert_snapshot!(files.messages(), @r"
    site.yml:1:23: error: unknown filter `defalt` | did you mean `default`?
    site.yml:2:22: error: unexpected end of variable block | close what was opened
    site.yml:2:43: error: unexpected end of input, expected end of variable block | close what was opened
    site.yml:4:24: error: unknown filter `uper` | did you mean `upper`?
    site.yml:5:26: error: unknown filter `nofilter`
    site.yml:6:16: error: unexpected end of input, expected expression | close what was opened
    site.yml:6:26: error: unknown test `undefind` | did you mean `undefined`?
    site.yml:7:24: error: unknown filter `flaten` | did you mean `flatten`?
    site.yml:8:32: error: unexpected end of block | close what was opened
    site.yml:10:29: error: unknown test `defned` | did you mean `defined`?
    site.yml:11:22: error: unexpected end of input, expected identifier or integer | close what was opened
    site.yml:12:32: error: the lookup `pipe` is not supported | it runs a command on the controller; run it in a task and `register` its result
    site.yml:13:22: error: unexpected end of input, expected expression | close what was opened
    site.yml:14:16: error: unexpected end of input, expected identifier | close what was opened
    ");
}

/// A rollout as people write it: ten tasks, ten ways to give options.
#[test]
fn a_rollout_of_ten_tasks_is_understood() {
    let files = Files::new(&[
        (
            "site.yml",
            "- hosts: agents
  gather_facts: \"{{ facts | default(false) }}\"
  vars:
    controller: ctl.example
    port: 8443
    base: \"{{ root }}/{{ tag | default('a') }}-{{ inventory_hostname }}\"
  tasks:
    - name: 1 folders
      ansible.builtin.file: { path: \"{{ base }}/{{ item }}\", state: directory, mode: \"0755\" }
      loop: [bin, conf, logs, work]
    - name: 2 settings in json
      ansible.builtin.template: { src: agent.json.j2, dest: \"{{ base }}/conf/agent.json\", mode: \"0644\" }
      register: settings
    - name: 3 settings in xml
      template: src=agent.xml.j2 dest={{ base }}/conf/agent.xml mode=u=rw,go=r
    - name: 4 notes
      copy: { content: \"{{ controller }}:{{ port }}\\n\", dest: \"{{ base }}/notes\" }
    - name: 5 payload
      ansible.builtin.copy: { src: payload.bin, dest: \"{{ base }}/bin/payload.bin\", mode: \"0755\" }
    - name: 6 permissions
      ansible.builtin.file: { path: \"{{ base }}/logs\", state: directory, mode: \"0755\", recurse: true }
    - name: 7 install once
      ansible.builtin.shell: \"uname -r > {{ base }}/installed\"
      args: { creates: \"{{ base }}/installed\" }
    - name: 8 status
      ansible.builtin.shell: \"wc -c < {{ base }}/bin/payload.bin\"
      register: status
      changed_when: false
    - name: 9 restart when the settings changed
      ansible.builtin.command: \"{{ base }}/bin/restart --wait={{ status.stdout }} chdir=/tmp\"
      when: settings is changed and status.stdout | int > 0
    - name: 10 wait
      wait_for: { port: \"{{ port }}\", timeout: 10 }
",
        ),
        ("templates/agent.json.j2", "{ \"controller\": {{ controller | to_json }} }\n"),
        ("payload.bin", ""),
        ("agent.xml.j2", "{% for x in [1] %}<x/>{% endfor %}\n"),
    ]);
    let playbook = files.good();
    let tasks: Vec<_> = playbook.plays[0]
        .tasks
        .iter()
        .map(|entry| match entry {
            Entry::Task(task) => task,
            Entry::Block(_) => panic!("there is no block"),
        })
        .collect();
    assert_eq!(tasks.len(), 10);
    let option = |task: usize, name: &str| {
        let found = tasks[task].options.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
    };
    assert_eq!(option(2, "mode").as_deref(), Some("u=rw,go=r"));
    assert_eq!(option(6, "creates").as_deref(), Some("{{ base }}/installed"));
    assert_eq!(option(8, "chdir").as_deref(), Some("/tmp"));
    let command = "{{ base }}/bin/restart --wait={{ status.stdout }}";
    assert!(tasks[8].options.iter().any(|(_, value)| value.as_str() == Some(command)));
}

#[test]
fn template_files_and_literal_options_are_checked() {
    let files = Files::new(&[
        (
            "site.yml",
            "- hosts: all
  tasks:
    - template: { src: bad.j2, dest: /x }
    - template: { src: bad.j2, dest: /y }
    - template: { src: not-there.j2, dest: /x }
    - copy: { src: a, dest: /a, mode: 644 }
    - file: { path: /a, state: directroy, mode: rwx }
    - file: { pth: /a }
    - copy: { dest: /a, remote_src: sometimes, owner: }
    - command: { cmd: ls, creats: /x }
    - shell: ls creates=/x
      args: { creates: /y }
",
        ),
        ("a", ""),
        ("templates/bad.j2", "fine\n{{ x | uper }}\n{% if x %}\n"),
    ]);
    assert_snapshot!(files.messages(), @r#"
    templates/bad.j2:3:9: error: unexpected end of input, expected end of block | close what was opened
    site.yml:5:24: error: could not find `not-there.j2`; searched `templates/not-there.j2`, `not-there.j2`
    site.yml:6:39: warning: mode 644 is a decimal number, 1204 in octal | write `"0644"`
    site.yml:7:32: error: option `state` of `file`: 'directroy' is not possible here | did you mean `directory`?
    site.yml:7:49: error: option `mode` of `file`: 'rwx' is not a file mode | write it as text in octal (`"0644"`) or symbolic (`u=rw,g=r,o=`)
    site.yml:8:15: error: `file` has no option `pth` | did you mean `path`?
    site.yml:9:37: error: option `remote_src` of `copy`: 'sometimes' is not a boolean | write `true` or `false`
    site.yml:10:27: error: `command` has no option `creats` | did you mean `creates`?
    site.yml:12:15: error: option `creates` is given behind `shell` too | give it once
    "#);
}
