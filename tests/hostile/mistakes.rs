//! A playbook with many mistakes: all of them are told in one go, each with its place and its text, before any host is touched.

use crate::support::environment::Environment;

const SITE: &str = r#"- hosts: all
  gather_fact: false
  vars:
    port: 80
    port: 81
  tasks:
    - coppy: { src: a, dest: /b }
    - copy: { src: nothere.txt, dest: /b }
    - file: { path: /x, state: directry }
    - name: Mode
      file: { path: /x, mod: "0644" }
    - command: echo {{ x }
    - service: { name: x, enabled: perhaps }
    - debug: { msg: "{{ x | defualt('') }}" }
      notify: restart
      tag: now
    - include_tasks: nothere.yml
    - shell: echo
      register: a-b
    - debug: { msg: "{{ lookup('pipe', 'ls') }}" }
"#;

/// Place, what is underlined, message, hint.
const TOLD: [[&str; 4]; 14] = [
    ["2:3", "gather_fact", "unknown keyword `gather_fact`", "did you mean `gather_facts`?"],
    ["5:5", "port", "the key `port` stands here a second time", "the first one is at site.yml:4:5"],
    ["7:7", "coppy", "unknown module `coppy`", "did you mean `copy`?"],
    [
        "8:20",
        "nothere.txt",
        "could not find `nothere.txt`; searched `files/nothere.txt`, `nothere.txt`\n",
        "",
    ],
    ["9:32", "directry", "option `state` of `file`: 'directry' is not possible", "did you mean `directory`?"],
    ["11:25", "mod", "`file` has no option `mod`", "did you mean `mode`?"],
    ["12:16", "echo {{ x }", "template braces that are not closed", "close it"],
    ["13:36", "perhaps", "'perhaps' is not a boolean", "write `true` or `false`"],
    ["14:29", "defualt('')", "unknown filter `defualt`", "did you mean `default`?"],
    ["15:15", "restart", "no handler is called `restart`", "`handlers` of the play"],
    ["16:7", "tag", "unknown keyword `tag`", "did you mean `tags`?"],
    ["17:22", "nothere.yml", "there is no file `nothere.yml`", "looked for `nothere.yml`"],
    ["19:17", "a-b", "`a-b` cannot be the name of a variable", "use letters, digits and underscores"],
    ["20:32", "'pipe'", "the lookup `pipe` is not supported", "run it in a task and `register` its result"],
];

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let environment = Environment::new();
    // Nothing listens there: to reach out for it would be a failure of a host.
    environment.write("hosts.ini", "a.example ansible_host=127.0.0.9 ansible_port=1\n");
    environment.write("site.yml", SITE);
    for command in [
        &["plan", "-i", "hosts.ini", "site.yml"][..],
        &["apply", "-i", "hosts.ini", "site.yml", "--yes"],
        &["apply", "-i", "hosts.ini", "site.yml", "--syntax-check"],
    ] {
        let ended = environment.run(command).expect(1);
        assert_eq!(ended.stdout, "", "{command:?}");
        let told: Vec<&str> = ended.stderr.split("\n\n").collect();
        assert_eq!(told.len(), TOLD.len() + 1, "{command:?}: {}", ended.stderr);
        for (told, [place, text, message, hint]) in told.iter().zip(TOLD) {
            let line = place.split_once(':').unwrap().0;
            let source = SITE.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
            assert!(told.contains(message) && told.contains(hint), "{message}, {hint}: {told}");
            assert!(told.contains(&format!(" --> site.yml:{place}\n")), "{place}: {told}");
            assert!(told.contains(&format!("{line} | {source}\n")), "{source}: {told}");
            let marks = "^".repeat(text.len());
            let marked = told.lines().any(|line| line.trim_start_matches([' ', '|']).trim_end() == marks);
            assert!(marked || text.starts_with('\''), "{text} is not marked: {told}");
        }
        assert!(told.last().unwrap().contains("13 errors, 1 warning"), "{}", ended.stderr);
        assert!(!environment.path(".paceline").exists(), "{command:?} left a run");
    }
}

#[test]
fn a_playbook_without_mistakes_passes_and_touches_nothing() {
    let environment = Environment::new();
    environment.write("hosts.ini", "a.example ansible_host=127.0.0.9 ansible_port=1\n");
    environment.write("site.yml", "- hosts: all\n  tasks:\n    - ping:\n");
    let ended = environment.run(&["apply", "-i", "hosts.ini", "site.yml", "--syntax-check"]).expect(0);
    assert!(ended.stdout.contains("site.yml"), "{ended:?}");
    assert!(!environment.path(".paceline").exists());
}
