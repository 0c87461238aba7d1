//! Ends of a session on Windows: in order, by a dead controller, in the middle of a body. What ran is in the ledger.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use paceline_remote::{CloseReason, Dialect, Login, Nonce, ShellEvent, Step, start};

use super::peer::{Model, Setting, TEXTS, Way, options, pipes, program, within_limit};
use crate::contract::lost::Metered;

/// Waits until no session is left on the model.
async fn all_gone(model: &Model) {
    let start = Instant::now();
    while model.sessions() > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "a session is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn opening(run: &str) -> String {
    [TEXTS.open_points(None, run, "web"), TEXTS.open_ledger()].join("\n")
}

fn named(id: u64, text: String) -> Step {
    Step { id, epoch: 1, text, name: Some(format!("{id}.1")), ..Step::default() }
}

#[tokio::test]
async fn closing_runs_what_was_sent_and_leaves_nothing() {
    let model = Model::new();
    within_limit(async {
        let mut session = model.child().open().await;
        let steps = (0..3).map(|_| session.step(program(&["count", "x"]))).collect();
        session.handle.send_all(steps).await.unwrap();
        session.handle.clone().close(false).await;
        assert_eq!(session.closed().await, CloseReason::Closed);
        all_gone(&model).await;
    })
    .await;
    assert_eq!(model.count("x"), 3);
}

/// Kills the controller while the first of many steps runs.
async fn a_dead_controller(model: &Model, way: Way) {
    let controller = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let nonce = Nonce::new();
            let process = way.exec(&Dialect::PowerShell.command_line(&nonce, &Login::Plain)).await;
            let options = options(nonce, opening("r1"), 64 << 20);
            let mut session = start(pipes(process), options).await.unwrap();
            let mut steps =
                vec![named(1, program(&["count", "first", "say", "said", "sleep", "1", "say", "later"]))];
            steps.extend((2..=20).map(|id| named(id, program(&["count", "second"]))));
            session.handle.send_all(steps).await.unwrap();
            while !matches!(session.events.recv().await.unwrap(), ShellEvent::Output { .. }) {}
        });
        // Nothing says goodbye.
        runtime.shutdown_background();
    });
    tokio::task::spawn_blocking(move || controller.join().unwrap()).await.unwrap();
    all_gone(model).await;
    assert_eq!((model.count("first"), model.count("second")), (1, 0), "no queued step runs");
}

#[tokio::test]
async fn a_dead_controller_runs_no_queued_step_and_the_ledger_knows() {
    let model = Model::new();
    within_limit(async {
        a_dead_controller(&model, model.child()).await;
        // Whoever comes next asks the host.
        let setting = Setting { opening: opening("r1"), ..Setting::default() };
        let mut session = model.child().open_with(setting).await;
        let ledger = session.run(TEXTS.tell_ledger()).await;
        let text = String::from_utf8(ledger.blobs[0].1.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "S 1.1", "{text}");
        let output = lines.iter().find_map(|line| line.strip_prefix("B ")).unwrap();
        let (folder, number) = output.split_once(' ').unwrap();
        assert!(lines.contains(&"C 0 0 0") && lines.contains(&"R 1.1 0"), "{text}");
        assert!(!lines.iter().any(|line| line.starts_with("R 2.1")), "{text}");
        let kept = session.run(TEXTS.tell_output(folder, number)).await;
        let stdout = kept.blobs.iter().find(|(name, _)| name == "stdout").unwrap();
        assert_eq!(String::from_utf8_lossy(&stdout.1), "1\r\nsaid\r\nlater\r\n");
    })
    .await;
}

#[tokio::test]
async fn outputs_are_kept_until_the_controller_says_goodbye() {
    let model = Model::new();
    within_limit(async {
        for (forget, kept) in [(false, 1), (true, 0)] {
            let run = format!("r{kept}");
            let setting = Setting { opening: opening(&run), ..Setting::default() };
            let mut session = model.child().open_with(setting).await;
            let answer = session.run_step(named(1, program(&["say", "x"]))).await;
            assert_eq!(answer.status, Some(0));
            session.handle.clone().close(forget).await;
            assert_eq!(session.closed().await, CloseReason::Closed);
            all_gone(&model).await;
            let entries = std::fs::read_dir(model.run_folder(&run)).unwrap().flatten();
            let outputs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("out-"));
            assert_eq!(outputs.count(), kept, "forget: {forget}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_cut_off_never_runs() {
    let model = Model::new();
    let total = |limit: usize| {
        let model = &model;
        async move {
            let count = Arc::new(AtomicUsize::new(0));
            let counter = count.clone();
            let setting = Setting {
                wrap: Box::new(move |stdin| Metered::boxed(stdin, counter, limit)),
                ..Setting::default()
            };
            let started = model.child().start(setting).await;
            let opened = count.load(std::sync::atomic::Ordering::Acquire);
            if let Ok(mut session) = started {
                let step = Step { id: 1, epoch: 1, text: program(&["count", "cut"]), ..Step::default() };
                session.handle.send(step).await.unwrap();
                session.handle.close(false).await;
                while session.events.recv().await.is_some() {}
            }
            (opened, count.load(std::sync::atomic::Ordering::Acquire))
        }
    };
    within_limit(async {
        let (opened, all) = total(usize::MAX).await;
        assert_eq!(model.count("cut"), 1);
        assert!(all > opened);
        // In the program, in front of the step, and within it, up to the last byte but one.
        for limit in [opened / 2, opened, opened + 1, opened + (all - opened) / 2, all - 2, all - 1] {
            total(limit).await;
            all_gone(&model).await;
            assert_eq!(model.count("cut"), 1, "cut behind {limit} of {all}");
        }
    })
    .await;
}
