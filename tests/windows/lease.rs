//! The lease of a Windows host: taken, joined, refused, renewed, fenced, broken.

use std::time::Duration;

use paceline::operation::{Claim, LeaseAnswer, Renewal};
use paceline_remote::{Aside, CloseReason, Dialect, Login, Nonce, Step, beside_powershell};

use super::peer::{Model, Setting, TEXTS, Way, pipes, program, within_limit};
use crate::contract::peer::Session;

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

async fn open(way: &Way, claim: &Claim) -> Session {
    let opening = [TEXTS.open_points(None, &claim.run, "web"), TEXTS.take(claim)].join("\n");
    way.open_with(Setting { opening, ..Setting::default() }).await
}

fn answer(session: &Session) -> LeaseAnswer {
    LeaseAnswer::read(|name| session.info.extra(name).map(str::to_owned)).expect("the lease is told of")
}

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

/// Renews a claim beside its session.
async fn renew(way: &Way, session: &Session, claim: &Claim) -> Renewal {
    let LeaseAnswer::Taken { number, folder, .. } = answer(session) else { panic!("not taken") };
    let nonce = Nonce::new();
    let process = way.exec(&Dialect::PowerShell.command_line(&nonce, &Login::Plain)).await;
    let text = TEXTS.renew(claim, &folder, number);
    let what = Aside::Calls { library: TEXTS.beside_library(), calls: &text };
    let limit = Duration::from_secs(20);
    let said = beside_powershell(pipes(process), &nonce, session.handle.folder_name(), what, limit).await;
    Renewal::read(&said.unwrap())
}

#[tokio::test]
async fn a_run_shares_its_lease_and_keeps_others_out() {
    let model = Model::new();
    let way = model.child();
    within_limit(async {
        let first = open(&way, &claim("r1", 1, 120)).await;
        assert_eq!(number(&first), Some(1));
        let mut second = open(&way, &claim("r1", 1, 120)).await;
        assert_eq!(number(&second), Some(1), "it joins");
        let mut other = open(&way, &claim("r2", 1, 120)).await;
        let LeaseAnswer::Held { holder, .. } = answer(&other) else { panic!("{:?}", answer(&other)) };
        assert_eq!((holder.run.as_str(), holder.operator.as_str()), ("r1", "ann@desk.example"));
        let step = other.step("ping");
        other.handle.send(step).await.unwrap();
        assert!(matches!(other.closed().await, CloseReason::Fenced(_)), "without a lease no step runs");
        assert_eq!(second.run("ping").await.status, Some(0));
        leave(first).await;
        let third = open(&way, &claim("r2", 1, 120)).await;
        assert_eq!(number(&third), None, "one session of the run is left");
        leave(third).await;
        leave(second).await;
        assert_eq!(number(&open(&way, &claim("r2", 1, 120)).await), Some(2));
    })
    .await;
}

#[tokio::test]
async fn a_later_start_of_the_run_takes_over_and_fences_the_earlier() {
    let model = Model::new();
    let way = model.child();
    within_limit(async {
        let mut first = open(&way, &claim("r1", 1, 120)).await;
        assert_eq!(first.run(program(&["count", "before"])).await.status, Some(0));
        let second = open(&way, &claim("r1", 2, 120)).await;
        assert_eq!(number(&second), Some(2));
        let step = Step { id: 9, epoch: 9, text: program(&["count", "after"]), ..Step::default() };
        // It was ended, or looks and ends by itself.
        let _ = first.handle.send(step).await;
        assert!(!matches!(first.closed().await, CloseReason::Closed));
        assert_eq!((model.count("before"), model.count("after")), (1, 0));
        assert_eq!(renew(&way, &second, &claim("r1", 2, 120)).await, Renewal::Renewed);
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_ran_out_is_not_brought_back() {
    let model = Model::new();
    let way = model.child();
    within_limit(async {
        let mine = claim("r1", 1, 15);
        let mut session = open(&way, &mine).await;
        assert_eq!(renew(&way, &session, &mine).await, Renewal::Renewed);
        assert_eq!(session.run("ping").await.status, Some(0));
        tokio::time::sleep(Duration::from_millis(16_100)).await;
        assert_eq!(renew(&way, &session, &mine).await, Renewal::Late);
        let step = Step { id: 9, epoch: 9, text: "ping".to_owned(), ..Step::default() };
        session.handle.send(step).await.unwrap();
        let CloseReason::Fenced(why) = session.closed().await else { panic!("it goes on") };
        assert_eq!(why, "the lease ran out");
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_shown_and_broken() {
    let model = Model::new();
    let way = model.child();
    within_limit(async {
        let mut held = open(&way, &claim("r1", 1, 120)).await;
        let opening = TEXTS.open_points(None, "none", "web");
        let mut visitor = way.open_with(Setting { opening, ..Setting::default() }).await;
        let shown = visitor.run(TEXTS.show_lease()).await;
        assert_eq!((shown.value("lease"), shown.value("lease_run")), ("held 1", "r1"));
        let break_it = |number| TEXTS.break_lease(number, "bob@desk.example", "now", "web");
        assert_eq!(visitor.run(break_it(7)).await.status, Some(1), "it is another one");
        assert_eq!(visitor.run(break_it(1)).await.status, Some(0));
        assert_eq!(visitor.run(TEXTS.show_lease()).await.value("lease"), "free 2");
        let Renewal::Taken(by) = renew(&way, &held, &claim("r1", 1, 120)).await else { panic!("it holds") };
        assert_eq!((by.run.as_str(), by.operator.as_str()), ("unlock", "bob@desk.example"));
        let step = held.step("ping");
        held.handle.send(step).await.unwrap();
        assert!(matches!(held.closed().await, CloseReason::Fenced(_)));
    })
    .await;
}
