//! What stands on a terminal of 80 columns, and what comes where there is none.

use std::process::Command;

use super::Fleet;
use crate::support::running::{Ended, Running};

/// Runs the program on a terminal of its own.
fn on_a_terminal(fleet: &Fleet, columns: u16) -> Ended {
    let program = fleet.environment.paceline(&[]);
    let program = program.get_program().to_str().unwrap();
    let line = format!(
        "stty cols {columns} rows 24 && exec {} apply -i inventory.yml playbook.yml --yes",
        paceline::shell::quote(program)
    );
    let mut command = Command::new("script");
    command
        .args(["-qefc", &line, "/dev/null"])
        .current_dir(fleet.environment.folder())
        .env_clear()
        .env("HOME", fleet.environment.path("home"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8");
    Running::start(&mut command).end()
}

/// What is left of a line when the terminal took out what it does not print.
fn visible(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.peek() == Some(&'[') => {
                letters.next();
                // Colours stay in the line; all else moves the cursor.
                let end = letters.find(char::is_ascii_alphabetic);
                if end != Some('m') {
                    lines.push(String::new());
                }
            }
            '\n' | '\r' => lines.push(String::new()),
            letter => lines.last_mut().unwrap().push(letter),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn some_fail(fleet: &Fleet) {
    let long = "a very long name that goes on and on ".repeat(6);
    fleet.environment.write(
        "playbook.yml",
        &format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Works a little, {long}\n      shell: sleep 1; echo {long}\n    - name: Fails\n      shell: echo last words >&2; exit 3\n      when: inventory_hostname == 'h02'\n"
        ),
    );
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let fleet = Fleet::of(6);
    some_fail(&fleet);
    for columns in [80, 40] {
        let ended = on_a_terminal(&fleet, columns).expect(2);
        let lines = visible(&ended.stdout);
        assert!(lines.iter().any(|line| line.contains("PLAY RECAP")), "{}", ended.stdout);
        assert!(lines.iter().any(|line| line.contains("last words")), "{}", ended.stdout);
        let progress = lines.iter().take_while(|line| !line.contains("PLAY RECAP"));
        // A line of the board fills its row, so rows follow each other without a line end.
        let rows = progress.flat_map(|line| {
            let letters: Vec<char> = line.chars().collect();
            let rows: Vec<String> = letters.chunks(columns.into()).map(|row| row.iter().collect()).collect();
            rows
        });
        let at_work: Vec<String> =
            rows.filter(|row| row.contains("0:0") && row.trim_start().starts_with('h')).collect();
        assert!(!at_work.is_empty(), "no host is shown at work: {}", ended.stdout);
        for row in at_work {
            let whole = row.starts_with("  h0") && row.trim_end().ends_with(|end: char| end.is_ascii_digit());
            assert!(whole, "a line is wider than {columns} columns: {row:?}");
        }
    }
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let fleet = Fleet::of(2);
    some_fail(&fleet);
    let ended = fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(2);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
    }
    let all = ended.stdout + &ended.stderr;
    for word in ["PLAY RECAP", "last words", "h02", "runs logs"] {
        assert!(all.contains(word), "no `{word}` in {all}");
    }
}

#[test]
fn json_is_nothing_but_events_in_order() {
    let fleet = Fleet::of(3);
    some_fail(&fleet);
    let ended = fleet
        .environment
        .run(&["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"])
        .expect(2);
    let lines: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], index as u64 + 1);
        assert!(line["at"].is_string() && line["run"] == lines[0]["run"] && line["kind"].is_string());
    }
    assert_eq!(lines[0]["kind"], "run_started");
    assert_eq!(lines.last().unwrap()["kind"], "run_finished");
    assert_eq!(lines.last().unwrap()["exit_code"], 2);
    let run = lines[0]["run"].as_str().unwrap();
    let journal = fleet.environment.read(&format!(".paceline/runs/{run}/journal.jsonl"));
    assert_eq!(journal.lines().count(), lines.len(), "the journal has other events than the output");
}
