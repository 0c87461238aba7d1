//! The lease of a host: one run at a time, whatever happens to its sessions.

use std::path::Path;
use std::time::{Duration, Instant};

use paceline::operation::{Claim, LeaseAnswer, Renewal, library, open_points};
use paceline_remote::{CloseReason, Nonce, Step};

use super::peer::{Peer, Session, Setting, pipes, quote};

fn claim(run: &str, incarnation: u64, seconds: u64) -> Claim {
    Claim {
        run: run.to_owned(),
        incarnation,
        operator: "ann@desk.example".to_owned(),
        since: "2026-05-09T07:29:33Z".to_owned(),
        host: "web".to_owned(),
        seconds,
    }
}

async fn open(peer: &Peer, base: &Path, claim: &Claim) -> Session {
    let points = open_points(base.to_str(), &claim.run, "web");
    let library = [library(), &points, "\n", &claim.take()].concat();
    Session::open_with(peer, Setting { library, ..Setting::default() }).await
}

fn answer(session: &Session) -> LeaseAnswer {
    LeaseAnswer::read(|name| session.info.extra(name).map(str::to_owned)).expect("the lease is told of")
}

/// The number of the claim, if the session has it.
fn number(session: &Session) -> Option<u64> {
    match answer(session) {
        LeaseAnswer::Taken { number, .. } => Some(number),
        _ => None,
    }
}

async fn leave(mut session: Session) {
    session.handle.clone().close(false).await;
    session.closed().await;
}

pub(crate) async fn one_of_many_racers_gets_it(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let claims: Vec<Claim> = (0..8).map(|racer| claim(&format!("r{round}-{racer}"), 1, 120)).collect();
        let racers = claims.iter().map(|claim| open(peer, base.path(), claim));
        let sessions = futures(racers).await;
        let winners: Vec<u64> = sessions.iter().filter_map(number).collect();
        assert_eq!(winners, [round], "one racer gets the next number");
        let winner = sessions.iter().position(|session| number(session).is_some()).unwrap();
        for session in &sessions {
            if let LeaseAnswer::Held { holder, .. } = answer(session) {
                assert_eq!(holder.run, claims[winner].run);
                assert_eq!((holder.operator.as_str(), holder.host.as_str()), ("ann@desk.example", "web"));
            }
        }
        for session in sessions {
            leave(session).await;
        }
    }
}

/// Runs all of them at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (one, done) in waiting.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = one.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        match waiting.iter().all(|(_, done)| done.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, done)| done).collect()
}

pub(crate) async fn sessions_of_a_run_join_and_the_last_one_frees_it(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let (ours, theirs) = (claim("ours", 1, 120), claim("theirs", 1, 120));
    let mut one = open(peer, base.path(), &ours).await;
    let two = open(peer, base.path(), &ours).await;
    assert_eq!((number(&one), number(&two)), (Some(1), Some(1)));
    leave(two).await;
    assert_eq!(one.run("true").await.status, Some(0));
    let refused = open(peer, base.path(), &theirs).await;
    assert_eq!(number(&refused), None);
    leave(one).await;
    let next = open(peer, base.path(), &theirs).await;
    assert_eq!(number(&next), Some(2));
    let LeaseAnswer::Taken { over: None, .. } = answer(&next) else { panic!("{:?}", answer(&next)) };
    leave(next).await;
    // Nothing of a session stays but what counts.
    let mut left: Vec<String> = std::fs::read_dir(base.path().join("lease"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["1", "1.free", "2", "2.free"]);
}

pub(crate) async fn a_claim_that_ran_out_starts_nothing_and_is_taken_over(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let mark = base.path().join("mark");
    let touch = format!("echo x >>{}", quote(mark.to_str().unwrap()));
    let mut late = open(peer, base.path(), &claim("late", 1, 2)).await;
    assert_eq!(late.run(&touch).await.status, Some(0));
    tokio::time::sleep(Duration::from_millis(3100)).await;
    // Nobody else wants the host, and still nothing more is started.
    assert_eq!(late.run(&touch).await.status, None);
    assert_eq!(late.closed().await, CloseReason::Fenced("the lease ran out".to_owned()));

    let mut paused = open(peer, base.path(), &claim("paused", 1, 2)).await;
    assert_eq!(paused.run(&touch).await.status, Some(0));
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let mut next = open(peer, base.path(), &claim("next", 1, 120)).await;
    let LeaseAnswer::Taken { over: Some((holder, _)), .. } = answer(&next) else {
        panic!("{:?}", answer(&next))
    };
    assert_eq!(holder.run, "paused");
    // The idle shell of the earlier run is gone before the next one does anything.
    assert_eq!(paused.closed().await, CloseReason::Lost);
    assert!(!Path::new(&paused.info.directory).exists());
    assert_eq!(next.run(&touch).await.status, Some(0));
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\nx\nx\n");
}

pub(crate) async fn a_higher_incarnation_waits_for_the_step_in_hand_only(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let mark = base.path().join("mark");
    let quoted = quote(mark.to_str().unwrap());
    let mut old = open(peer, base.path(), &claim("run", 1, 120)).await;
    let begun = base.path().join("begun");
    let slow = format!(
        "pl_run 0 /bin/sh -c {}",
        quote(&format!("echo >{}; sleep 1.5; echo slow >>{quoted}", quote(begun.to_str().unwrap())))
    );
    let mut steps = vec![old.step(slow)];
    steps.extend((0..5).map(|_| old.step(format!("echo queued >>{quoted}"))));
    old.handle.send_all(steps).await.unwrap();
    while !begun.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    let mut new = open(peer, base.path(), &claim("run", 2, 120)).await;
    assert_eq!(number(&new), Some(2));
    assert!(start.elapsed() > Duration::from_millis(700), "it waited: {:?}", start.elapsed());
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "slow\n", "no queued step ran");
    assert_eq!(new.run(format!("echo new >>{quoted}")).await.status, Some(0));
    assert!(matches!(old.closed().await, CloseReason::Fenced(_) | CloseReason::Lost));
    // The lower one does not come back.
    let refused = open(peer, base.path(), &claim("run", 1, 120)).await;
    assert_eq!(number(&refused), None);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "slow\nnew\n");
}

pub(crate) async fn a_step_that_outlives_its_limit_is_ended(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let mark = base.path().join("mark");
    let mut old = open(peer, base.path(), &claim("run", 1, 120)).await;
    let quoted = quote(mark.to_str().unwrap());
    // It is the shell that outlives the limit: a trusted text has no watcher.
    let text = format!("echo >{quoted}; while :; do sleep 0.1; done");
    let step = Step { id: 1, epoch: 1, text, timeout: Some(Duration::from_secs(1)), ..Step::default() };
    old.handle.send(step).await.unwrap();
    while !mark.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let new = open(peer, base.path(), &claim("run", 2, 120)).await;
    assert_eq!(number(&new), Some(2));
    assert_eq!(old.closed().await, CloseReason::Lost);
}

pub(crate) async fn a_claim_of_an_earlier_boot_does_not_count(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("lease");
    std::fs::create_dir(&folder).unwrap();
    let text = "gone 1 00000000-0000-0000-0000-000000000000 999999999999 120\nbob@x\nlong ago\nweb\n#END\n";
    std::fs::write(folder.join("41"), text).unwrap();
    // A shell of that boot has a number that is somebody else's now.
    let own = std::process::id();
    std::fs::write(folder.join("41.x.shell"), format!("{own} 1 other\n/tmp/.paceline-x\n")).unwrap();
    let session = open(peer, base.path(), &claim("run", 1, 120)).await;
    assert_eq!(number(&session), Some(42));
    // One that a crash tore is passed over too.
    leave(session).await;
    std::fs::write(folder.join("43"), "torn 1 ").unwrap();
    let session = open(peer, base.path(), &claim("run", 1, 120)).await;
    assert_eq!(number(&session), Some(44));
}

pub(crate) async fn renewing_keeps_a_claim_and_brings_none_back(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let ours = claim("run", 1, 3);
    let mut session = open(peer, base.path(), &ours).await;
    let folder = base.path().join("lease").display().to_string();
    let renew = async |number: u64| {
        let nonce = Nonce::new();
        let login = paceline_remote::Login::Plain;
        let line = paceline_remote::command_line_for(&nonce, &login, peer.shell);
        let (text, limit) = (ours.renew(&folder, number), Duration::from_secs(5));
        let process = (peer.exec)(line).await;
        let said = paceline_remote::beside(pipes(process), &nonce, &login, None, &text, limit).await;
        Renewal::read(&said.unwrap())
    };
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1300)).await;
        assert_eq!(renew(1).await, Renewal::Renewed);
    }
    assert_eq!(session.run("true").await.status, Some(0));
    tokio::time::sleep(Duration::from_millis(4100)).await;
    assert_eq!(renew(1).await, Renewal::Late);
    let next = open(peer, base.path(), &claim("other", 1, 120)).await;
    assert_eq!(number(&next), Some(2));
    let Renewal::Taken(holder) = renew(1).await else { panic!() };
    assert_eq!((holder.run.as_str(), holder.operator.as_str()), ("other", "ann@desk.example"));
}

pub(crate) async fn a_lease_is_shown_and_broken(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let mut held = open(peer, base.path(), &claim("run", 1, 120)).await;
    assert_eq!(held.run("true").await.status, Some(0));
    let points = open_points(base.path().to_str(), "none", "web");
    let library = [library(), &points, "\n"].concat();
    let mut visitor = Session::open_with(peer, Setting { library, ..Setting::default() }).await;
    let shown = visitor.run(paceline::operation::show_lease()).await;
    assert_eq!((shown.value("lease"), shown.value("lease_run")), ("held 1", "run"));
    let break_it = |number| paceline::operation::break_lease(number, "bob@desk.example", "now", "web");
    assert_eq!(visitor.run(break_it(7)).await.status, Some(1), "another number is not broken");
    assert_eq!(visitor.run(break_it(1)).await.status, Some(0));
    assert_eq!(held.run("true").await.status, None);
    assert_eq!(held.closed().await, CloseReason::Fenced("the lease was taken over".to_owned()));
    assert_eq!(visitor.run(paceline::operation::show_lease()).await.value("lease"), "free 2");
    let next = open(peer, base.path(), &claim("next", 1, 120)).await;
    assert_eq!(number(&next), Some(3));
}

pub(crate) async fn a_base_of_others_has_its_lease_aside(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    // A file stands where the folder would be made.
    std::fs::write(base.path().join("lease"), "").unwrap();
    let one = open(peer, base.path(), &claim("one", 1, 120)).await;
    let LeaseAnswer::Taken { folder, number, .. } = answer(&one) else { panic!("{:?}", answer(&one)) };
    assert!(folder.starts_with("/var/tmp/.paceline-"), "{folder}");
    let refused = open(peer, base.path(), &claim("two", 1, 120)).await;
    assert!(matches!(answer(&refused), LeaseAnswer::Held { number: held, .. } if held == number));
    leave(one).await;
    std::fs::remove_dir_all(folder).unwrap();
}

pub(crate) async fn old_claims_are_collected(peer: &Peer) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("lease");
    std::fs::create_dir(&folder).unwrap();
    for number in (1..=20).chain(40..=80) {
        std::fs::write(folder.join(number.to_string()), "").unwrap();
        std::fs::write(folder.join(format!("{number}.free")), "").unwrap();
    }
    let session = open(peer, base.path(), &claim("run", 1, 120)).await;
    assert_eq!(number(&session), Some(81));
    let left = std::fs::read_dir(&folder).unwrap().count();
    assert!(left <= 4, "{left} files are left");
}
