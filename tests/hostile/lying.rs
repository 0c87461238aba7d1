//! Hosts whose login is fine, but whose shell is not one.

use rstest::rstest;

use super::{FIVE_TASKS, Scene};
use crate::support::environment::Events;
use crate::support::sshd::Sshd;

/// What runs in place of every command.
#[rstest]
#[case::says_nothing_and_leaves("true")]
#[case::no_account("echo This account is not available.; exit 1")]
#[case::bytes_without_end("exec cat /dev/urandom")]
#[case::lines_without_end("exec yes")]
#[case::cut_off_in_the_middle(r#"sh -c "$SSH_ORIGINAL_COMMAND" | head -c 300"#)]
#[case::turns_into_zeros(r#"sh -c "$SSH_ORIGINAL_COMMAND" | (head -n 6; exec cat /dev/zero)"#)]
#[case::lengths_of_4_gib(r#"sh -c "$SSH_ORIGINAL_COMMAND" | sed -u "s/^S [0-9]*$/&\nW 1 x 4294967295\nP 4294967295\nO 1 4294967295/""#)]
#[case::frames_of_nobody(r#"sh -c "$SSH_ORIGINAL_COMMAND" | sed -u "s/^S [0-9]*$/&\nR 99999999 0/""#)]
#[case::numbers_that_are_none(
    r#"sh -c "$SSH_ORIGINAL_COMMAND" | sed -u "s/^R [0-9]* .*/R 18446744073709551616 -9/""#
)]
fn a_host_that_answers_nonsense_fails_alone(#[case] command: &str) {
    let sshd = Sshd::with_config(1, &format!("ForceCommand {command}"));
    let scene = Scene::new().bad_behind(&sshd);
    scene.write(FIVE_TASKS);
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-T", "10", "--output", "json"];
    let ended = scene.environment.run(&arguments);
    assert!(matches!(ended.code, 2 | 4), "exit code {}\n{}\n{}", ended.code, ended.stdout, ended.stderr);
    let events = Events::read(&ended);
    scene.good_has_all(&events);
    let bad = events.of("bad");
    assert_eq!(bad.unreachable + bad.failed, 1, "{bad:?}");
    assert!(!events.reason("bad").is_empty());
    assert!(ended.peak_memory < 150 * 1024, "{} KiB", ended.peak_memory);
}
