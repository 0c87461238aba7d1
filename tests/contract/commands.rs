//! User commands: output, surroundings, signals, daemons.

use std::time::{Duration, Instant};

use paceline_remote::ShellEvent;

use super::peer::{Peer, Session, quote};

/// Text that runs a script as a user command.
fn script(limit: u32, text: &str) -> String {
    format!("pl_run {limit} /bin/sh -c {}", quote(text))
}

pub(crate) async fn output_is_exact_and_apart(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let all: Vec<u8> = (0..=255).collect();
    let payload = all.clone();
    let answer = session
        .run_with(
            "pl_stdin=$pl_payload; pl_run 0 /bin/sh -c 'tee /dev/fd/3 3>&2; printf end >&2; exit 7'",
            payload,
        )
        .await;
    assert_eq!((answer.rc, answer.status, answer.timed_out, answer.dropped), (Some(7), Some(7), false, 0));
    assert_eq!(answer.stdout, all);
    assert_eq!(answer.stderr, [all, b"end".to_vec()].concat());
    let answer = session.run("pl_run 0 true; pl_v rc $pl_rc; pl_run 0 false; pl_v rc $pl_rc; true").await;
    let rcs: Vec<_> = answer.values.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!((rcs, answer.status), (vec!["0", "1"], Some(0)));
    let answer = session.run(script(0, "cat")).await;
    assert_eq!((answer.rc, answer.stdout.len()), (Some(0), 0), "standard input is empty");
}

pub(crate) async fn surroundings_are_those_of_the_login(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let first = session.run(script(0, "pwd; umask; echo $HOME")).await;
    let answer = session
        .run(format!(
            "pl_cwd=/usr pl_env='GREETING=\"a  b\"; export GREETING'; {}",
            script(0, "pwd; echo \"$GREETING\"; cd /; umask 0; exit 0")
        ))
        .await;
    assert_eq!(answer.out(), "/usr\na  b\n");
    let again = session.run(script(0, "pwd; umask; echo $HOME$GREETING")).await;
    assert_eq!(first.out(), again.out());
    assert_eq!(first.out().lines().nth(1), Some(session.info.umask.as_str()));
    let missing = session.run(format!("pl_cwd=/no/such/place; {}", script(0, "echo ran"))).await;
    assert_eq!((missing.out(), missing.status), ("", Some(126)));
    let environment = session.run("pl_run 0 env").await;
    assert!(
        !environment.out().contains("pl_") && !environment.out().contains("plr_"),
        "{}",
        environment.out()
    );
}

/// The ignored signals of a line of `/proc/PID/status`, one bit each.
fn ignored(line: &str) -> u64 {
    u64::from_str_radix(line.trim_start_matches("SigIgn:").trim(), 16).unwrap()
}

pub(crate) async fn a_command_has_its_own_session_and_nothing_of_ours(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let answer = session.run(script(0, "cd /proc/self/fd; echo *; grep SigIgn /proc/self/status")).await;
    let mut lines = answer.out().lines();
    let open: Vec<_> = lines.next().unwrap().split(' ').filter(|fd| fd.len() == 1 && *fd > "2").collect();
    // The shell of the script may hold the directory it lists.
    assert!(open.len() <= 1 && !open.contains(&"7") && !open.contains(&"8"), "{open:?}");
    // What the tests themselves were started with (a shell starts jobs without INT and QUIT) is inherited. Signals 32 and up
    // belong to the C library.
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find(|line| line.starts_with("SigIgn:")).map_or(0, ignored);
    // Programs in Rust start without PIPE, but no command may.
    let own = own & !(1 << (rustix::process::Signal::PIPE.as_raw() - 1));
    assert_eq!(ignored(lines.next().unwrap()) & !own & 0x7fff_ffff, 0);
    let answer = session
        .run(script(
            0,
            "read -r pid name state parent group session rest </proc/self/stat; echo $group $session $PPID",
        ))
        .await;
    let ids: Vec<_> = answer.out().split_whitespace().collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[2], session.info.pid.to_string());
}

pub(crate) async fn signals_are_statuses(peer: &Peer) {
    let mut session = Session::open(peer).await;
    assert_eq!(session.run(script(0, "kill -TERM $$")).await.rc, Some(143));
    assert_eq!(session.run(script(0, "kill -KILL $$")).await.rc, Some(137));
    let answer = session.run("pl_run 0 /no/such/program").await;
    assert!(answer.rc.unwrap() > 0 && !answer.stderr.is_empty());
    assert_eq!(session.run("true").await.status, Some(0));
}

pub(crate) async fn signals_to_the_shell_do_not_end_it(peer: &Peer) {
    let mut session = Session::open(peer).await;
    for signal in ["TERM", "HUP", "INT"] {
        let answer = session.run(script(0, &format!("kill -s {signal} $PPID; sleep 0.1; exit 3"))).await;
        assert_eq!(answer.rc, Some(3), "{signal}");
    }
    assert_eq!(session.run("true").await.status, Some(0));
}

pub(crate) async fn arguments_arrive_exactly(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let word: String = (1_u8..=127).map(char::from).chain("äöü€\n\n".chars()).collect();
    let answer = session.run(format!("pl_run 0 printf %s {}", quote(&word))).await;
    assert_eq!(answer.out(), word);
}

pub(crate) async fn a_daemon_does_not_hold_the_session(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let start = Instant::now();
    let answer = session.run(script(0, "sleep 20 & echo started")).await;
    assert_eq!((answer.rc, answer.out()), (Some(0), "started\n"));
    let answer = session.run(script(0, "setsid sleep 20 & echo again")).await;
    assert_eq!(answer.out(), "again\n");
    let handle = session.handle.clone();
    drop(handle);
    session.handle.clone().close(false).await;
    session.closed().await;
    assert!(start.elapsed() < Duration::from_secs(5));
}

pub(crate) async fn a_daemon_does_not_write_into_later_steps(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let daemon =
        "( i=0; while [ $i -lt 40 ]; do echo noise; echo noise >&2; sleep 0.05; i=$((i+1)); done ) & exit 0";
    session.run(script(0, daemon)).await;
    for _ in 0..3 {
        let answer = session.run(script(0, "sleep 0.4; echo clean")).await;
        assert_eq!((answer.out(), answer.stderr.len()), ("clean\n", 0));
    }
}

pub(crate) async fn output_is_live(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let step = session.step(script(0, "echo first; sleep 2; echo second >&2; sleep 1.2; printf third"));
    session.handle.send(step).await.unwrap();
    let mut seen = Vec::new();
    let start = Instant::now();
    loop {
        match session.events.recv().await.unwrap() {
            ShellEvent::Output { stderr, bytes, .. } => {
                seen.push((stderr, String::from_utf8(bytes).unwrap(), start.elapsed()));
            }
            ShellEvent::Finished { .. } => break,
            _ => {}
        }
    }
    let texts: Vec<_> = seen.iter().map(|(stderr, text, _)| (*stderr, text.as_str())).collect();
    assert_eq!(texts, [(false, "first\n"), (true, "second\n"), (false, "third")]);
    assert!(seen[0].2 < Duration::from_millis(1500), "{:?}", seen[0].2);
    assert!(seen[1].2 < Duration::from_millis(3100), "{:?}", seen[1].2);
}

pub(crate) async fn a_large_output_is_exact(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let count = 3_000_000;
    let text = format!("seq 1 {count}; echo done >&2");
    let answer = session.run(script(0, &text)).await;
    assert_eq!((answer.rc, answer.dropped, answer.stderr), (Some(0), 0, b"done\n".to_vec()));
    let mut expected = 1_u32;
    for line in answer.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert_eq!(line, expected.to_string().as_bytes());
        expected += 1;
    }
    assert_eq!(expected, count + 1);
}
