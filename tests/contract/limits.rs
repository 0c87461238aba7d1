//! Limits of time, size and patience.

use std::time::{Duration, Instant};

use paceline_remote::{Login, ShellEvent};
use tokio::io::AsyncReadExt;

use super::peer::{Peer, Session, Setting, quote};

pub(crate) async fn the_time_limit_ends_the_group(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let start = Instant::now();
    let answer =
        session.run("pl_run 1 /bin/sh -c 'echo begun; sleep 30 & sleep 30 & wait; echo never'").await;
    assert_eq!((answer.rc, answer.timed_out, answer.out()), (Some(143), true, "begun\n"));
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(6));
    let mut limited = session.step("pl_run 0 sleep 30");
    limited.epoch = limited.id;
    limited.timeout = Some(Duration::from_millis(700));
    assert!(session.run_step(limited).await.timed_out);
    assert!(!session.run("pl_run 1 true").await.timed_out);
}

pub(crate) async fn what_ignores_term_is_killed(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let script = "trap '' TERM; echo $$; while :; do sleep 0.2; done";
    let answer = session.run(format!("pl_run 1 /bin/sh -c {}", quote(script))).await;
    assert_eq!((answer.rc, answer.timed_out), (Some(137), true));
    let child =
        "( trap '' TERM; read -r me rest </proc/self/stat; echo $me; while :; do sleep 0.2; done ) & wait";
    let answer = session.run(format!("pl_run 1 /bin/sh -c {}", quote(child))).await;
    assert_eq!((answer.rc, answer.timed_out), (Some(143), true));
    let pid = answer.out().trim().to_owned();
    let text = format!(
        "pl_run 0 /bin/sh -c 'sleep 3; read -r pid name state rest </proc/{pid}/stat && echo $state'"
    );
    let answer = session.run(text).await;
    // A zombie waits for whoever adopted it.
    assert!(["", "Z\n"].contains(&answer.out()), "the grandchild is gone: {}", answer.out());
}

pub(crate) async fn output_beyond_the_cap_is_counted(peer: &Peer) {
    let cap = 1 << 20;
    let mut session = Session::open_with(peer, Setting { output_cap: cap, ..Setting::default() }).await;
    for pause in ["", "sleep 0.8;"] {
        let script =
            format!("head -c 1500000 /dev/zero; {pause} head -c 300000 /dev/zero; echo why >&2; exit 5");
        let answer = session.run(format!("pl_run 0 /bin/sh -c {}", quote(&script))).await;
        assert_eq!(answer.rc, Some(5), "{pause}");
        assert_eq!(answer.stdout.len() as u64, cap - cap / 8);
        assert_eq!(answer.stderr, b"why\n");
        assert_eq!(answer.dropped, 1_800_000 - (cap - cap / 8));
    }
}

pub(crate) async fn an_endless_output_neither_grows_nor_dies(peer: &Peer) {
    let cap = 4 << 20;
    let mut session = Session::open_with(peer, Setting { output_cap: cap, ..Setting::default() }).await;
    let script = "i=0; while [ $i -lt 60 ]; do head -c 2000000 /dev/zero; sleep 0.03; i=$((i+1)); done; echo end >&2; exit 6";
    let text =
        format!("pl_run 0 /bin/sh -c {}; pl_v left \"$(du -sk \"$pl_d\" | cut -f1)\"; true", quote(script));
    let answer = session.run(text).await;
    assert_eq!((answer.rc, answer.stderr.as_slice()), (Some(6), &b"end\n"[..]));
    assert_eq!(answer.stdout.len() as u64, cap - cap / 8);
    assert!(answer.dropped > 60_000_000, "{}", answer.dropped);
    assert!(answer.value("left").parse::<u32>().unwrap() < 1000, "nothing is left on the host");
}

pub(crate) async fn a_slow_consumer_gets_everything(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let size = 20_000_000;
    let first = session.step(format!("pl_run 0 head -c {size} /dev/zero"));
    let rest: Vec<_> = (0..500).map(|_| session.step("pl_v x y")).collect();
    let ids: Vec<_> = rest.iter().map(|step| step.id).collect();
    let first_id = first.id;
    session.handle.send(first).await.unwrap();
    // Sending never waits, although nobody receives.
    session.handle.send_all(rest).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    let answer = session.answer(first_id).await;
    assert_eq!((answer.stdout.len(), answer.dropped), (size, 0));
    for id in ids {
        assert_eq!(session.answer(id).await.status, Some(0));
    }
}

pub(crate) async fn an_interrupt_ends_the_command(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let step = session.step("pl_run 0 sleep 30");
    let id = step.id;
    session.handle.send(step).await.unwrap();
    assert_eq!(session.events.recv().await, Some(ShellEvent::Started { step: id }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    let mut second = (peer.exec)(session.handle.interrupt_line(&Login::Plain)).await;
    let mut told = Vec::new();
    second.stdout.read_to_end(&mut told).await.unwrap();
    let answer = session.answer(id).await;
    assert_eq!((answer.rc, answer.timed_out), (Some(143), false));
    assert!(start.elapsed() < Duration::from_secs(5));
    // Nothing runs now, so nothing is ended.
    let mut second = (peer.exec)(session.handle.interrupt_line(&Login::Plain)).await;
    second.stdout.read_to_end(&mut told).await.unwrap();
    assert_eq!(session.run("pl_run 0 true").await.status, Some(0));
}
