//! Includes within whole runs: resumed in the middle of a loop, in lockstep, once for all, taken back, started behind.

use std::fs;

use super::Fleet;

const SITE: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Before
      copy: { content: "before\n", dest: "{{ work }}/before" }
    - include_tasks: "part-{{ item }}.yml"
      loop: [a, b]
      vars: { which: "{{ item }}" }
    - include_vars: given.yml
    - name: Last
      include_tasks: part-a.yml
      vars: { which: "last-{{ given }}" }
"#;

/// Two steps, the second of which fails as long as `go-WHICH` is missing.
const PART_A: &str = r#"
- shell: echo first-{{ which }} >> {{ work }}/log
- shell: test -e {{ work }}/go-{{ which }} && echo second-{{ which }} >> {{ work }}/log
"#;

const PART_B: &str = r#"
- include_tasks: part-a.yml
  loop: [x, y]
  loop_control: { loop_var: inner }
  vars: { which: "b-{{ inner }}" }
"#;

const LOG: &str =
    "first-a\nsecond-a\nfirst-b-x\nsecond-b-x\nfirst-b-y\nsecond-b-y\nfirst-last-v\nsecond-last-v\n";

fn write(fleet: &Fleet) {
    let files = [
        ("playbook.yml", SITE),
        ("part-a.yml", PART_A),
        ("part-b.yml", PART_B),
        ("vars/given.yml", "given: v\n"),
    ];
    for (name, text) in files {
        fleet.environment.write(name, text);
    }
}

fn go(fleet: &Fleet, host: &str, names: &[&str]) {
    for name in names {
        fs::write(fleet.work(host).join(format!("go-{name}")), "").unwrap();
    }
}

#[test]
fn a_run_that_stops_inside_of_includes_is_resumed_and_taken_back() {
    let fleet = Fleet::of(2);
    write(&fleet);
    go(&fleet, "h01", &["a", "b-x", "b-y", "last-v"]);
    go(&fleet, "h02", &["a"]);
    let log = |host: &str| fs::read_to_string(fleet.work(host).join("log")).unwrap();
    assert_eq!(fleet.apply(2, &[]).of("h02").failed, 1);
    assert_eq!((log("h01").as_str(), log("h02").as_str()), (LOG, "first-a\nsecond-a\nfirst-b-x\n"));
    // Another text of what may be included is another run.
    fleet.environment.write("part-b.yml", "- ping:\n");
    let refused = fleet.environment.run(&["resume", "latest"]).expect(1);
    assert!(refused.stderr.contains("part-b.yml"), "{}", refused.stderr);
    fleet.environment.write("part-b.yml", PART_B);
    go(&fleet, "h02", &["b-x"]);
    fleet.environment.events(2, &["resume", "latest"]);
    go(&fleet, "h02", &["b-y", "last-v"]);
    let events = fleet.environment.events(0, &["resume", "latest"]);
    assert_eq!(log("h02"), LOG, "nothing runs twice and nothing is left out");
    assert_eq!(events.of("h01"), events.of("h02"), "the recap is that of the whole run");
    assert!(fleet.work("h01").join("before").exists());
    fleet.environment.run(&["rollback", "latest", "-i", "inventory.yml"]).expect(0);
    assert!(!fleet.work("h01").join("before").exists() && !fleet.work("h02").join("before").exists());
}

#[test]
fn hosts_meet_inside_of_includes() {
    let fleet = Fleet::of(3);
    let site = r#"
- hosts: web
  gather_facts: false
  strategy: linear
  tasks:
    - include_tasks: { file: "{{ 'slow' if inventory_hostname == 'h01' else 'fast' }}.yml" }
      loop: [1, 2]
    - name: Behind
      shell: echo behind >> {{ playbook_dir }}/order
"#;
    let slow = "- shell: sleep 0.3; echo slow-{{ item }} >> {{ playbook_dir }}/order\n- shell: echo once-{{ item }} >> {{ playbook_dir }}/order\n  run_once: true\n";
    let fast = "- shell: echo fast-{{ item }} >> {{ playbook_dir }}/order\n- shell: echo once-fast-{{ item }} >> {{ playbook_dir }}/order\n  run_once: true\n";
    for (name, text) in [("playbook.yml", site), ("slow.yml", slow), ("fast.yml", fast)] {
        fleet.environment.write(name, text);
    }
    fleet.apply(0, &[]);
    let order = fs::read_to_string(fleet.environment.path("order")).unwrap();
    let lines: Vec<&str> = order.lines().collect();
    let count = |line: &str| lines.iter().filter(|other| **other == line).count();
    for (line, expected) in
        [("slow-1", 1), ("fast-1", 2), ("once-1", 1), ("once-fast-1", 1), ("once-fast-2", 1), ("behind", 3)]
    {
        assert_eq!(count(line), expected, "{line} in {order}");
    }
    let last = lines.iter().rposition(|line| line.starts_with("slow") || line.starts_with("once"));
    let first = lines.iter().position(|line| *line == "behind");
    assert!(last < first, "all are through with their includes before the next task: {order}");
    let second = lines.iter().position(|line| *line == "slow-2" || *line == "fast-2");
    let ended = lines.iter().rposition(|line| line.ends_with("-1"));
    assert!(ended < second, "the first item is over before the second one begins: {order}");
}

#[test]
fn a_run_starts_at_a_task_and_stops_where_a_name_is_unknown() {
    let fleet = Fleet::of(1);
    write(&fleet);
    go(&fleet, "h01", &["last-v"]);
    // `given` was left out, as in Ansible.
    let events = fleet.apply(0, &["--start-at-task", "La*", "-e", "given=v"]);
    assert_eq!(events.of("h01").ok, 3);
    assert_eq!(fs::read_to_string(fleet.work("h01").join("log")).unwrap(), "first-last-v\nsecond-last-v\n");
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--start-at-task", "Nowhere"];
    let refused = fleet.environment.run(&arguments).expect(1);
    assert!(refused.stderr.contains("no task is called `Nowhere`"), "{}", refused.stderr);
}

#[test]
fn what_a_failed_include_chose_is_not_for_the_next_one() {
    let fleet = Fleet::of(1);
    let site = r#"
- hosts: web
  gather_facts: false
  vars: { log: "{{ work }}/log", three: [one, one, missing], two: [one, missing] }
  tasks:
    - block:
        - include_tasks: "parts/{{ item }}.yml"
          loop: "{{ three }}"
      rescue:
        - shell: echo rescued >> {{ log }}
    - include_tasks: parts/two.yml
    - include_tasks: "parts/{{ item }}.yml"
      loop: "{{ two }}"
      ignore_errors: true
    - include_tasks: parts/two.yml
    - include_tasks: parts/two.yml
      when: false
"#;
    fleet.environment.write("playbook.yml", site);
    for name in ["one", "two"] {
        let text = format!("- shell: echo {name}-{{{{ item | default('none') }}}} >> {{{{ log }}}}\n");
        fleet.environment.write(&format!("parts/{name}.yml"), &text);
    }
    fleet.apply(0, &[]);
    let log = fs::read_to_string(fleet.work("h01").join("log")).unwrap();
    assert_eq!(log, "rescued\ntwo-none\none-one\ntwo-none\n");
}
