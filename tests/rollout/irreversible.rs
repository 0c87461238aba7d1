//! What nothing can undo is said by `plan`, and has to be agreed to before `apply` does it.

use paceline::executor::event::EventKind;

use super::Fleet;
use crate::support::environment::Events;
use crate::support::running::{Ended, Running};

const PLAYBOOK: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - { name: Settings, copy: { content: x, dest: "{{ work }}/x" }, notify: Reload }
    - { name: Migrate, shell: "echo {{ inventory_hostname }} >> {{ work }}/migrated" }
    - { name: Install, command: "touch {{ work }}/installed", args: { creates: "{{ work }}/installed" } }
    - { name: Look, command: uptime, changed_when: false }
    - { name: Never, command: "false", when: false }
    - { name: Only look, command: uptime, check_mode: true }
    - { name: Whatever, raw: "true" }
  handlers:
    - { name: Reload, command: uptime }
"#;

fn unanswered(fleet: &Fleet, arguments: &[&str]) -> Ended {
    let mut all = vec!["apply", "-i", "inventory.yml", "playbook.yml"];
    all.extend(arguments);
    Running::start(&mut fleet.environment.unanswered(&all)).end()
}

fn marked(events: &Events) -> Vec<&str> {
    let marked = events.0.iter().filter(|event| {
        event.host.as_deref() == Some("h01")
            && matches!(event.kind, EventKind::TaskFinished { irreversible: true, .. })
    });
    marked.filter_map(|event| event.task.as_deref()).collect()
}

#[test]
fn nothing_is_touched_until_somebody_agrees() {
    let fleet = Fleet::of(2);
    fleet.environment.write("playbook.yml", PLAYBOOK);
    let said = unanswered(&fleet, &[]).expect(1).stderr;
    for part in [
        "nothing here can undo what 2 tasks do, and nobody can be asked:\n",
        "  `Migrate` (playbook.yml:6:7)\n",
        "  `Whatever` (playbook.yml:11:7)\n",
        "`--yes`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!fleet.environment.path(".paceline/runs").exists(), "a run was begun");
    // A task that the tags leave out is not asked about, and a check asks nothing.
    let tagged = PLAYBOOK.replace("- { name: Migrate,", "- { name: Migrate, tags: [never],");
    fleet.environment.write("playbook.yml", &tagged);
    let said = unanswered(&fleet, &[]).expect(1).stderr;
    assert!(said.contains("nothing here can undo what `Whatever` (playbook.yml:11:7) does"), "{said}");
    unanswered(&fleet, &["--check"]).expect(0);
    fleet.environment.write("playbook.yml", &tagged.replace("raw: \"true\"", "ping:"));
    unanswered(&fleet, &[]).expect(0);
}

#[test]
fn a_plan_marks_what_nothing_can_undo() {
    let fleet = Fleet::of(1);
    fleet.environment.write("playbook.yml", PLAYBOOK);
    let plan = ["plan", "-i", "inventory.yml", "playbook.yml"];
    assert_eq!(marked(&fleet.environment.events(0, &plan)), ["Migrate", "Whatever"]);
    let said = fleet.environment.run(&plan).expect(0).stdout;
    assert!(
        said.contains("irreversible: [h01] Migrate => would run, and nothing here can undo it\n"),
        "{said}"
    );
    assert_eq!(said.matches("irreversible").count(), 2, "{said}");
    assert_eq!(marked(&fleet.apply(0, &[])), ["Migrate", "Whatever"]);
}

#[test]
fn a_person_is_asked_once_and_may_say_no() {
    let fleet = Fleet::of(1);
    fleet.environment.write("playbook.yml", PLAYBOOK);
    let program = fleet.environment.unanswered(&[]);
    let program = paceline::shell::quote(program.get_program().to_str().unwrap());
    for (answer, code, migrated) in [("n", 1, false), ("y", 0, true)] {
        // The answer is typed when the question is there, so that nothing else swallows it.
        let apply = format!("{program} apply -i inventory.yml playbook.yml");
        let line = format!(
            "(sleep 2; echo {answer}; sleep 2) | script -qefc {} /dev/null",
            paceline::shell::quote(&apply)
        );
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &line])
            .current_dir(fleet.environment.folder())
            .env_clear()
            .env("HOME", fleet.environment.path("home"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "dumb");
        let said = Running::start(&mut command).end().expect(code).stdout;
        assert_eq!(said.matches("Go on? [y/N]").count(), 1, "{said}");
        assert!(
            said.contains("Nothing here can undo what these tasks do:\r\n  `Migrate` (playbook.yml:6:7)"),
            "{said}"
        );
        assert_eq!(fleet.work("h01").join("migrated").exists(), migrated, "{answer}: {said}");
    }
}
