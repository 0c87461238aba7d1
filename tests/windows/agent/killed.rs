//! The controller or the host's session dies in the middle of an installation, and the run is resumed.

use super::*;
use crate::support::running::Running;

/// Where the controller is killed, in parts of a hundred of the journal.
const MOMENTS: [u64; 6] = [8, 25, 42, 58, 75, 92];

impl Scene {
    fn records(&self) -> u64 {
        let journal = self.environment.path(".paceline/runs").join(self.newest_run()).join("journal.jsonl");
        fs::read_to_string(journal).unwrap().lines().count() as u64
    }

    /// Starts an installation and has it killed behind a record of its journal.
    fn killed_behind(&self, record: u64, host: &str) {
        let playbook = playbook_path("install-agent.yml");
        let mut run = self.environment.paceline(&["apply", "-i", "inventory.yml", &playbook, "-l", host]);
        run.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut run).end().expect(-1);
    }
}

#[test]
fn a_killed_installation_is_resumed_wherever_it_was() {
    let scene = Scene::new(MOMENTS.len() + 1);
    let before = scene.states();
    let name = |number: usize| scene.peer.host(number).name().to_owned();
    let reference = scene.apply(0, "install-agent.yml", &["-l", &name(1)]);
    let records = scene.records();
    assert!(records > 300, "{records}");
    for (index, moment) in MOMENTS.iter().enumerate() {
        let (number, record) = (index + 2, records * moment / 100);
        let host = name(number);
        scene.killed_behind(record, &host);
        let run = scene.newest_run();
        let resumed = scene.environment.events(0, &["resume", &run]);
        let said = format!("killed behind record {record} of {records}");
        assert_eq!(resumed.of(&host), reference.of(&name(1)), "{said}");
        let again = scene.apply(0, "install-agent.yml", &["-l", &host]);
        assert_eq!(again.of(&host).changed, 0, "{said}");
        scene.environment.run(&["rollback", &run]).expect(0);
        let after = scene.states();
        assert_eq!(differences(&before[number - 1..number], &after[number - 1..number]), "", "{said}");
    }
}

/// After how many changes of its host a session dies, as when Windows ends it.
const DEATHS: [u64; 8] = [1, 12, 40, 60, 80, 100, 120, 140];

/// Only a command can be in doubt: an installer, a probe. Everything else of an installation is looked at and repeated.
#[test]
fn an_installation_whose_session_dies_is_resumed() {
    let scene = Scene::new(DEATHS.len());
    let before = scene.states();
    let mut doubts = 0;
    for (index, changes) in DEATHS.iter().enumerate() {
        let host = scene.peer.host(index + 1);
        let limit = ["-l", host.name()];
        host.model("set", &["dies_after", &changes.to_string()], "");
        let lost = scene.apply(4, "install-agent.yml", &limit);
        let run = scene.newest_run();
        let said = format!("died after {changes} changes: {}", lost.reason(host.name()));
        let mut resumed = scene.environment.run(&["resume", &run, "--output", "json"]);
        if resumed.code == 2 {
            let reason = Events::read(&resumed).reason(host.name());
            assert!(reason.contains("nobody knows") && reason.contains("its `win_shell` does"), "{reason}");
            doubts += 1;
            resumed = scene.environment.run(&["resume", &run, "--assume", "not-done", "--output", "json"]);
        }
        assert_eq!(resumed.code, 0, "{said}\n{}{}", resumed.stdout, resumed.stderr);
        scene.unchanged("install-agent.yml", &limit);
        scene.environment.run(&["rollback", &run]).expect(0);
        let after = scene.states();
        assert_eq!(differences(&before[index..=index], &after[index..=index]), "", "{said}");
    }
    assert!(doubts <= 1, "{doubts} of {} in doubt", DEATHS.len());
}
