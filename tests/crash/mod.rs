//! The controller dies, or the connection does, at every place where it can: what a resumed run ends with is what one
//! without interruption ends with, and no command runs twice.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use paceline::executor::event::Recap;

use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;
use crate::support::tree::{Tree, difference, tree};

mod cut;
mod killed;

/// Every way in which a task can go on or off, with commands that count how often they ran.
const PLAY: &str = r#"
- hosts: web
  gather_facts: false
  vars: { count: "{{ work }}/count" }
  tasks:
    - name: Folders
      file: { path: "{{ work }}/d/e", state: directory, mode: "0750" }
    - name: Settings
      copy: { content: "one\n", dest: "{{ work }}/d/conf" }
      notify: Restart
    - name: Value
      shell: echo x >> {{ count }}-value; echo value-1
      register: value
    - name: Written value
      copy: { content: "{{ value.stdout }}\n", dest: "{{ work }}/d/value" }
    - name: Loop
      shell: echo {{ item }} >> {{ count }}-loop; echo {{ item }}
      loop: [a, b, c, d]
      register: looped
    - name: Line
      lineinfile: { path: "{{ work }}/d/conf", line: "two" }
      notify: Restart
    - name: Fact
      set_fact: { joined: "{{ looped.results | map(attribute='stdout') | join('-') }}" }
    - name: Written fact
      copy: { content: "{{ joined }}\n", dest: "{{ work }}/d/joined", mode: "0600" }
    - block:
        - name: Try
          shell: echo x >> {{ count }}-try; exit 3
        - name: Never
          shell: echo x >> {{ count }}-never
      rescue:
        - name: Rescue
          shell: echo {{ ansible_failed_result.rc }} >> {{ count }}-rescue
      always:
        - name: Always
          shell: echo x >> {{ count }}-always
    - name: Until
      shell: echo x >> {{ count }}-until; wc -l < {{ count }}-until
      register: lines
      until: lines.stdout | int >= 3
      retries: 5
      delay: 0
    - name: Ignored
      shell: echo x >> {{ count }}-ignored; echo gone >&2; false
      ignore_errors: true
      register: ignored
    - name: Written error
      copy: { content: "{{ ignored.stderr }} {{ ignored.rc }}\n", dest: "{{ work }}/d/ignored" }
    - meta: flush_handlers
    - name: Much output
      shell: echo x >> {{ count }}-much; seq 1 3000
      register: much
    - name: Written length
      copy: { content: "{{ much.stdout_lines | length }}\n", dest: "{{ work }}/d/much" }
    - name: Hidden
      shell: echo x >> {{ count }}-hidden; echo pass-word
      no_log: true
      register: hidden
    - name: Written digest
      copy: { content: "{{ hidden.stdout | hash('sha256') }}\n", dest: "{{ work }}/d/hidden" }
    - name: Skipped
      shell: echo x >> {{ count }}-skipped
      when: value.stdout != 'value-1'
    - name: Mode
      file: { path: "{{ work }}/d/joined", mode: "0644" }
    - name: Link
      file: { src: conf, dest: "{{ work }}/d/link", state: link }
    - name: Gone
      file: { path: "{{ work }}/d/e", state: absent }
    - name: Again
      copy: { content: "three\n", dest: "{{ work }}/d/conf" }
      notify: [Restart, Last]
    - name: Once
      shell: echo x >> {{ count }}-once; touch {{ work }}/d/once
      args: { creates: "{{ work }}/d/once" }
    - name: Second
      command: sh -c "echo x >> {{ count }}-second"
  post_tasks:
    - name: Post
      shell: echo x >> {{ count }}-post
  handlers:
    - name: Restart
      shell: echo x >> {{ count }}-restart
    - name: Last
      shell: echo x >> {{ count }}-last
"#;

/// One host and the play.
struct Scene {
    environment: Environment,
    sshd: Sshd,
}

impl Scene {
    fn new() -> Self {
        let (environment, sshd) = (Environment::new(), Sshd::start(1));
        Hosts::numbered(&environment, &sshd, 1).write(&environment);
        environment.write("playbook.yml", PLAY);
        Self { environment, sshd }
    }

    /// As if nothing had been.
    fn reset(&self) {
        for folder in ["hosts", ".paceline"] {
            let _ = fs::remove_dir_all(self.environment.path(folder));
        }
        fs::create_dir_all(self.environment.path("hosts/h01/work")).unwrap();
    }

    fn apply(&self) -> Command {
        self.environment.paceline(&[
            "apply",
            "-i",
            "inventory.yml",
            "playbook.yml",
            "--yes",
            "--output",
            "json",
        ])
    }

    fn resume(&self, code: i32) -> Events {
        self.environment.events(code, &["resume", "latest"])
    }

    /// What the play left on the host.
    fn left(&self) -> Tree {
        tree(&self.environment.path("hosts/h01/work"))
    }

    /// How many records the journal of the last run has.
    fn records(&self) -> u64 {
        let runs = fs::read_dir(self.environment.path(".paceline/runs")).unwrap();
        let newest = runs.map(|run| run.unwrap().path()).max().unwrap();
        fs::read_to_string(newest.join("journal.jsonl")).unwrap().lines().count() as u64
    }

    /// Waits until no shell of the host is left.
    fn quiet(&self) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !self.sshd.left_behind().is_empty() {
            assert!(Instant::now() < patience, "processes go on without a controller");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What an uninterrupted run ends with.
struct Reference {
    left: Tree,
    recap: Recap,
    records: u64,
}

impl Reference {
    fn of(scene: &Scene) -> Self {
        scene.reset();
        let events = scene.environment.events(0, &["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        let reference = Self { left: scene.left(), recap: events.of("h01"), records: scene.records() };
        assert_eq!(scene.environment.read("hosts/h01/work/count-restart"), "x\nx\n");
        assert_eq!(scene.environment.read("hosts/h01/work/d/hidden").len(), 65);
        reference
    }

    #[track_caller]
    fn compare(&self, scene: &Scene, events: &Events, place: &str) {
        assert_eq!(difference(&self.left, &scene.left()), "", "{place}");
        assert_eq!(events.of("h01"), self.recap, "{place}");
    }
}

/// The places from 1 to `all` that are tried: all of them, or the one that `PACELINE_TEST_PLACE` names.
fn places(all: u64) -> impl Iterator<Item = u64> {
    let only: Option<u64> = std::env::var("PACELINE_TEST_PLACE").ok().and_then(|place| place.parse().ok());
    (1..=all).filter(move |place| only.is_none_or(|only| only == *place))
}
