//! Trusted text: order, statuses, values, blobs, payloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use paceline_remote::Group;

use super::lost::Metered;
use super::peer::{Peer, Session, Setting, in_group, quote};

pub(crate) async fn status_and_values_come_in_order(peer: &Peer) {
    let mut session = Session::open(peer).await;
    assert!(
        session.info.pid > 1
            && session.info.os == "Linux"
            && session.info.directory.starts_with(session.info.temp)
    );
    let answer = session.run("pl_v mode 0644; pl_v path '/a b'  two; pl_v empty ''; true").await;
    assert_eq!(answer.status, Some(0));
    let values: Vec<_> = answer.values.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(values, [("mode", "0644"), ("path", "/a b two"), ("empty", "")]);
    assert_eq!(session.run("return 3").await.status, Some(3));
    assert_eq!(session.run("pl_v id \"$pl_i\"; false").await.value("id"), "3");
    let hostile = "R 4 0\nK 9\\n\\c %s";
    let answer = session.run(format!("pl_v line {}", quote(hostile))).await;
    assert_eq!(answer.value("line"), hostile);
}

pub(crate) async fn a_failure_holds_back_the_rest_of_its_epoch(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let first = session.step("true");
    let failing = session.step("return 4");
    let mut third = session.step("true");
    third.payload = Some(Arc::new(vec![7; 70_000]));
    let fourth = session.step("true");
    let mut fifth = session.step("pl_v on yes");
    fifth.epoch = 2;
    let answers = session.run_all(vec![first, failing, third, fourth, fifth]).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [Some(0), Some(4), None, None, Some(0)]);
    assert!(!answers[2].started);
    let late = session.step("true");
    assert_eq!(session.run_step(late).await.status, None);
}

pub(crate) async fn items_fail_one_by_one(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let steps = vec![
        in_group(session.step("true"), Group::Item),
        in_group(session.step("false"), Group::Item),
        in_group(session.step("true"), Group::Item),
        in_group(session.step("true"), Group::LastItem),
        session.step("true"),
    ];
    let answers = session.run_all(steps).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [Some(0), Some(1), Some(0), Some(0), None]);
    let mut steps = vec![
        in_group(session.step("true"), Group::Item),
        in_group(session.step("true"), Group::LastItem),
        session.step("true"),
    ];
    steps.iter_mut().for_each(|step| step.epoch = 2);
    assert!(session.run_all(steps).await.iter().all(|answer| answer.status == Some(0)));
}

pub(crate) async fn status_75_holds_back_everything(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let steps = vec![
        in_group(session.step("return 75"), Group::Item),
        in_group(session.step("true"), Group::Item),
        in_group(session.step("true"), Group::LastItem),
        session.step("true"),
    ];
    let answers = session.run_all(steps).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [Some(75), None, None, None]);
}

pub(crate) async fn text_survives_in_a_line_and_in_a_body(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let mut word: String = (1_u8..=127).filter(|byte| *byte != b'\n').map(char::from).collect();
    word.push_str("äöü€ 'x' \"y\" $(z) `q` \\' # !");
    for (size, ending) in [(0, ""), (0, "\nsecond line\n\n"), (5_000, ""), (200_000, "\n")] {
        let word = format!("{word}{}{ending}", "y".repeat(size));
        let text = format!("printf %s {} >\"$pl_d/word\"; pl_b word \"$pl_d/word\"", quote(&word));
        let answer = session.run(text).await;
        assert_eq!(answer.blobs[0].1, word.as_bytes(), "{size}");
    }
}

pub(crate) async fn payloads_arrive_exactly(peer: &Peer) {
    let mut session = Session::open(peer).await;
    for size in [0, 1, 4095, 65_536, 65_537, 262_144, 262_145, 1_234_567] {
        let payload: Vec<u8> =
            (0..size).map(|place: u32| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let answer = session.run_with("pl_b back \"$pl_payload\"", payload.clone()).await;
        assert_eq!(answer.status, Some(0));
        assert!(answer.blobs[0].1 == payload, "{size} bytes");
    }
    let text = "mv \"$pl_payload\" \"$pl_d/kept\" && [ ! -e \"$pl_payload\" ]";
    assert_eq!(session.run_with(text, b"kept\n".to_vec()).await.status, Some(0));
    assert_eq!(session.run("read -r x <\"$pl_d/kept\"; pl_v x \"$x$pl_payload\"").await.value("x"), "kept");
}

pub(crate) async fn a_held_back_payload_stays_here(peer: &Peer) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let wrap = Box::new(move |inner| Metered::boxed(inner, counted, usize::MAX));
    let mut session = Session::open_with(peer, Setting { wrap, ..Setting::default() }).await;
    let failing = session.step("false");
    let mut large = session.step("true");
    large.payload = Some(Arc::new(vec![0; 64 << 20]));
    let answers = session.run_all(vec![failing, large]).await;
    assert_eq!(answers[1].status, None);
    // How much leaves before the failure is seen depends on the machine; the rest stays.
    assert!(count.load(Ordering::Acquire) < 32 << 20, "the rest of the payload was not sent");
    assert_eq!(session.run("true").await.status, Some(0));
}

pub(crate) async fn blobs_are_exact(peer: &Peer) {
    let mut session = Session::open_with(peer, Setting { output_cap: 131_072, ..Setting::default() }).await;
    let all: Vec<u8> = (0..=255).cycle().take(131_072).collect();
    let answer = session.run_with("pl_b all \"$pl_payload\"", all.clone()).await;
    assert_eq!((answer.status, &answer.blobs[0].1), (Some(0), &all));
    let answer = session.run_with("pl_b over \"$pl_payload\"; pl_v status $?", vec![1; 131_073]).await;
    assert_eq!((answer.blobs.len(), answer.value("pl_incomplete"), answer.value("status")), (0, "over", "9"));
    let answer = session.run("pl_b none /no/such/file; pl_v status $?; pl_b dir /; pl_v status $?").await;
    assert_eq!((answer.blobs.len(), answer.value("status"), answer.values.len()), (0, "1", 2));
}

pub(crate) async fn a_text_cannot_disturb_the_next(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let answer =
        session.run("set -- 9 9 9 9 9 9; pl_cwd=/; pl_stdin=/etc/hosts; pl_env='A=1; export A'; false").await;
    assert_eq!(answer.status, Some(1));
    let answer = session.run("pl_v left \"$#$pl_cwd$pl_stdin$pl_env$pl_payload$pl_rc\"").await;
    assert_eq!(answer.value("left"), "1");
    // A failing redirection of a regular command is a status, not the end.
    assert_ne!(session.run("true >/no/such/directory/file").await.status, Some(0));
    assert_eq!(session.run("true").await.status, Some(0));
}

pub(crate) async fn errors_of_trusted_text_come_with_a_failure(peer: &Peer) {
    let mut session = Session::open(peer).await;
    assert!(session.run("ls /no/such/thing; true").await.values.is_empty());
    let answer = session.run("ls /no/such/other").await;
    assert!(answer.value("pl_stderr").contains("/no/such/other"));
    assert_eq!(answer.values.len(), 1);
}

pub(crate) async fn many_steps_in_one_body_keep_their_order(peer: &Peer) {
    let mut session = Session::open(peer).await;
    let steps: Vec<_> = (0..1000).map(|number| session.step(format!("pl_v number {number}"))).collect();
    for (number, answer) in session.run_all(steps).await.iter().enumerate() {
        assert_eq!(answer.value("number"), number.to_string());
    }
}
