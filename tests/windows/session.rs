//! The frames of a session on Windows: steps, payloads, output, limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paceline::operation::windows::Call;
use paceline_remote::{Aside, Dialect, Group, Login, Nonce, ShellEvent, StartError, Step, beside_powershell};

use super::peer::{Model, Setting, Way, pipes, program, within_limit};
use crate::contract::peer::{Session, in_group};

/// Starts a session on a model and looks at it.
async fn on_a_model<F: Future<Output = ()>>(check: impl FnOnce(Session, Way) -> F) {
    let model = Model::new();
    let way = model.child();
    within_limit(async {
        let session = way.open().await;
        check(session, way).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_tells_where_it_is() {
    on_a_model(|mut session, _| async move {
        assert_eq!((session.info.os.as_str(), session.info.temp), ("Windows", "%TEMP%"));
        assert!(session.info.kernel.starts_with("10.0."), "{:?}", session.info);
        assert_eq!(session.info.uid, 0, "an elevated administrator");
        assert!(session.info.boot_id.is_some() && session.info.extra("ps_version").is_some());
        assert_eq!(session.handle.dialect(), Dialect::PowerShell);
        assert_eq!(session.run("ping").await.status, Some(0));
    })
    .await;
}

#[tokio::test]
async fn noise_in_front_of_the_session_does_no_harm() {
    let model = Model::new();
    model.control(&["set"], &["banner", "\"Authorized users only\\r\\nS 1\\nY 0\""]);
    within_limit(async { assert_eq!(model.child().open().await.run("ping").await.status, Some(0)) }).await;
}

#[tokio::test]
async fn what_is_not_powershell_is_told_by_name() {
    let way = Way::Child("/nonexistent".into());
    let Err(error) = way.start(Setting::default()).await else { panic!("it starts") };
    assert!(matches!(error, StartError::NoShell { .. } | StartError::Lost), "{error}");
}

#[tokio::test]
async fn steps_run_in_order_and_a_failure_holds_back_its_epoch() {
    on_a_model(|mut session, _| async move {
        let good = program(&["say", "x"]);
        let mut steps: Vec<_> = (0..100).map(|_| session.step(good.clone())).collect();
        steps.push(session.step(program(&["exit", "3"])));
        steps.push(session.step(good.clone()));
        let mut later = session.step(good.clone());
        later.epoch = 2;
        steps.push(later);
        let answers = session.run_all(steps).await;
        assert!(answers[..100].iter().all(|answer| answer.out() == "x\r\n" && answer.status == Some(0)));
        assert_eq!((answers[100].rc, answers[100].status), (Some(3), Some(1)));
        assert_eq!((answers[101].started, answers[101].status), (false, None));
        assert_eq!(answers[102].status, Some(0));
    })
    .await;
}

#[tokio::test]
async fn items_fail_one_by_one() {
    on_a_model(|mut session, _| async move {
        let (good, bad) = (program(&["say", "x"]), program(&["exit", "1"]));
        let steps =
            [(Group::Item, &bad), (Group::Item, &good), (Group::LastItem, &good), (Group::Alone, &good)];
        let steps = steps.map(|(group, text)| in_group(session.step(text.clone()), group)).to_vec();
        let status: Vec<_> = session.run_all(steps).await.iter().map(|answer| answer.status).collect();
        assert_eq!(status, [Some(1), Some(0), Some(0), None]);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_operation_fails_and_the_session_lives() {
    on_a_model(|mut session, _| async move {
        let answer = session.run("no_such_thing a:QQ==").await;
        assert_eq!(answer.status, Some(1));
        assert!(answer.value("msg").contains("no_such_thing"), "{answer:?}");
        assert_eq!(session.run("ping").await.status, Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_payload_arrives_whole_and_the_rest_of_one_that_is_held_back_stays_here() {
    on_a_model(|mut session, _| async move {
        let payload: Vec<u8> = (0..10_000_000_u32).flat_map(|n| [(n % 251) as u8]).collect();
        let cat = Call::new("command").list("argv", ["paceline-test", "cat"]).flag("stdin", true).text();
        let answer = session.run_with(&cat, payload.clone()).await;
        assert_eq!((answer.status, answer.stdout == payload), (Some(0), true));
        for size in [0, 1, 65_535, 65_536, 65_537, 1 << 20] {
            let answer = session.run_with(&cat, payload[..size].to_vec()).await;
            assert_eq!((answer.status, answer.stdout.len()), (Some(0), size));
        }
        let mut failing = session.step(program(&["exit", "1"]));
        let mut held = session.step(cat);
        (failing.epoch, held.epoch) = (100, 100);
        held.payload = Some(Arc::new(payload));
        let answers = session.run_all(vec![failing, held]).await;
        assert_eq!((answers[0].status, answers[1].status), (Some(1), None));
        assert_eq!(session.run("ping").await.status, None, "its epoch is lower");
    })
    .await;
}

#[tokio::test]
async fn output_is_exact_and_both_streams_are_apart() {
    on_a_model(|mut session, _| async move {
        let answer = session.run(program(&["out", "10000000", "err", "300000", "exit", "7"])).await;
        assert_eq!((answer.stdout.len(), answer.stderr.len()), (10_000_000, 300_000));
        assert!(answer.stdout.iter().enumerate().all(|(place, byte)| *byte == place as u8));
        assert_eq!((answer.rc, answer.dropped, answer.timed_out), (Some(7), 0, false));
    })
    .await;
}

#[tokio::test]
async fn output_beyond_the_cap_is_counted() {
    let model = Model::new();
    within_limit(async {
        let setting = Setting { output_cap: 1 << 20, ..Setting::default() };
        let mut session = model.child().open_with(setting).await;
        let answer = session.run(program(&["out", "5000000", "err", "1000"])).await;
        assert_eq!(answer.stderr.len(), 1000, "errors have room left for them");
        assert_eq!(answer.stdout.len() as u64 + answer.dropped, 5_000_000);
        assert!(answer.stdout.len() >= (1 << 20) / 8 * 7 - 65_536, "{}", answer.stdout.len());
    })
    .await;
}

#[tokio::test]
async fn output_comes_while_the_command_runs() {
    on_a_model(|mut session, _| async move {
        let step = session.step(program(&["say", "first", "sleep", "8", "say", "last"]));
        session.handle.send(step).await.unwrap();
        let start = Instant::now();
        loop {
            if let ShellEvent::Output { bytes, .. } = session.events.recv().await.unwrap() {
                assert_eq!(bytes, b"first\r\n");
                break;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        assert_eq!(session.answer(1).await.out(), "last\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_time_limit_ends_the_command_and_keeps_the_session() {
    on_a_model(|mut session, _| async move {
        let mut step = session.step(program(&["say", "x", "sleep", "60"]));
        (step.timeout, step.epoch) = (Some(Duration::from_secs(1)), 1);
        let start = Instant::now();
        let answer = session.run_step(step).await;
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(answer.timed_out && answer.status == Some(1), "{answer:?}");
        assert_eq!(session.run("ping").await.status, Some(0));
    })
    .await;
}

/// Does something beside a session.
async fn beside(way: &Way, session: &Session, what: Aside<'_>) {
    let nonce = Nonce::new();
    let process = way.exec(&Dialect::PowerShell.command_line(&nonce, &Login::Plain)).await;
    let folder = session.handle.folder_name();
    beside_powershell(pipes(process), &nonce, folder, what, Duration::from_secs(20)).await.unwrap();
}

/// Waits until a step has begun and said something.
async fn at_work(session: &mut Session) {
    while !matches!(session.events.recv().await.unwrap(), ShellEvent::Output { .. }) {}
}

#[tokio::test]
async fn a_second_channel_ends_the_command_in_hand() {
    on_a_model(|mut session, way| async move {
        let step = session.step(program(&["say", "x", "sleep", "60"]));
        session.handle.send(step).await.unwrap();
        at_work(&mut session).await;
        let start = Instant::now();
        beside(&way, &session, Aside::Interrupt).await;
        let answer = session.answer(1).await;
        assert!(start.elapsed() < Duration::from_secs(10) && !answer.timed_out);
        assert_eq!(answer.status, Some(1));
        assert_eq!(session.run("ping").await.status, Some(0), "the next command is not meant");
    })
    .await;
}

#[tokio::test]
async fn a_second_channel_holds_back_what_is_queued() {
    on_a_model(|mut session, way| async move {
        let steps = vec![
            session.step(program(&["say", "x", "sleep", "15"])),
            session.step("ping"),
            session.step("ping"),
        ];
        session.handle.send_all(steps).await.unwrap();
        at_work(&mut session).await;
        beside(&way, &session, Aside::Hold).await;
        assert_eq!(session.answer(1).await.status, Some(0), "the step in hand goes on");
        assert_eq!(session.answer(2).await.status, None);
        assert_eq!(session.answer(3).await.status, None);
    })
    .await;
}

/// The same over a real SSH server: its channels take the place of pipes.
#[tokio::test]
async fn a_session_runs_over_ssh() {
    let model = Model::new();
    let forced = format!(
        "ForceCommand PYTHONPATH={} exec python3 -m windows.shell {}\n",
        super::peer::support().display(),
        model.folder().display()
    );
    let sshd = crate::transport::sshd::Sshd::start(&forced);
    within_limit(async {
        let connection = paceline::transport::connect(&sshd.target(), &|_| {}).await.unwrap();
        let way = Way::Ssh(connection);
        let mut session = way.open().await;
        let answer = session.run(program(&["out", "3000000", "exit", "7"])).await;
        assert_eq!((answer.stdout.len(), answer.rc), (3_000_000, Some(7)));
        let cat = Call::new("command").list("argv", ["paceline-test", "cat"]).flag("stdin", true).text();
        let payload: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
        let answer = session.run_with(&cat, payload.clone()).await;
        assert!(answer.stdout == payload);
        let step = session.step(program(&["say", "x", "sleep", "60"]));
        let id = step.id;
        session.handle.send(Step { epoch: 100, ..step }).await.unwrap();
        at_work(&mut session).await;
        beside(&way, &session, Aside::Interrupt).await;
        assert_eq!(session.answer(id).await.status, Some(1));
    })
    .await;
}
