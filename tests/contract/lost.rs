//! Ends of a session: in order, by a dead controller, by a killed shell, in the middle of a body.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use paceline::transport::BoxedWrite;
use paceline_remote::{CloseReason, ShellEvent};
use tokio::io::AsyncWrite;

use super::peer::{Peer, Session, Setting, quote};

/// Counts what is written, and swallows what is beyond a limit: a connection that was cut.
pub(crate) struct Metered {
    inner: Option<BoxedWrite>,
    count: Arc<AtomicUsize>,
    limit: Arc<AtomicUsize>,
}

impl Metered {
    pub(crate) fn boxed(inner: BoxedWrite, count: Arc<AtomicUsize>, limit: usize) -> BoxedWrite {
        Box::new(Self { inner: Some(inner), count, limit: Arc::new(AtomicUsize::new(limit)) })
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = self.count.load(Ordering::Acquire);
        let room = self.limit.load(Ordering::Acquire).saturating_sub(done);
        if room == 0 {
            self.inner = None;
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(Ok(bytes.len())) };
        let written = Pin::new(inner).poll_write(cx, &bytes[..bytes.len().min(room)]);
        if let Poll::Ready(Ok(written)) = written {
            self.count.store(done + written, Ordering::Release);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().map_or(Poll::Ready(Ok(())), |inner| Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().map_or(Poll::Ready(Ok(())), |inner| Pin::new(inner).poll_shutdown(cx))
    }
}

/// Waits until a path is gone.
async fn gone(path: &str) {
    let start = Instant::now();
    while Path::new(path).exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "{path} is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn closing_runs_what_was_sent_and_leaves_nothing(peer: &Peer) {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    let mut session = Session::open(peer).await;
    let text = format!("pl_run 0 /bin/sh -c 'sleep 0.3; echo x >>{}'", mark.display());
    let steps = vec![session.step(text.clone()), session.step(text)];
    session.handle.send_all(steps).await.unwrap();
    session.handle.clone().close(false).await;
    assert_eq!(session.closed().await, CloseReason::Closed);
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\nx\n");
    gone(&session.info.directory).await;
    let step = session.step("true");
    assert!(session.handle.send(step).await.is_err());
}

pub(crate) async fn a_dead_controller_runs_no_queued_step(peer: &Peer) {
    let directory = tempfile::tempdir().unwrap();
    let (mark, ledger) = (directory.path().join("mark"), directory.path().join("ledger"));
    let library = format!("pl_keep {}", quote(ledger.to_str().unwrap()));
    // The controller is a runtime of its own, which is shut down as a whole: nothing says goodbye.
    let controller =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
    let exec = (peer.exec)("true".to_owned()).await;
    drop(exec);
    let nonce = paceline_remote::Nonce::new();
    let line = paceline_remote::command_line_for(&nonce, &paceline_remote::Login::Plain, peer.shell);
    let opened = (peer.exec)(line);
    let (text, later) = (
        // What it says and reports when nobody listens any more is in the ledger.
        format!(
            "pl_run 0 /bin/sh -c 'sleep 1; echo x >>{0}; echo said'; pl_v told 'a value'",
            mark.display()
        ),
        format!("echo y >>{}", mark.display()),
    );
    let (sender, started) = tokio::sync::oneshot::channel();
    controller.spawn(async move {
        let mut options = super::peer::options(nonce, paceline_remote::Login::Plain);
        options.library = library;
        let mut session = paceline_remote::start(super::peer::pipes(opened.await), options).await.unwrap();
        let step = |id, text: &str| paceline_remote::Step {
            id,
            epoch: 1,
            text: text.to_owned(),
            name: Some(format!("{id}.1")),
            ..Default::default()
        };
        let mut steps = vec![step(1, &text)];
        steps.extend((2..=20).map(|id| step(id, &later)));
        session.handle.send_all(steps).await.unwrap();
        assert_eq!(session.events.recv().await, Some(ShellEvent::Started { step: 1 }));
        sender.send(session.info.directory).unwrap();
        std::future::pending::<()>().await;
    });
    let session_directory = started.await.unwrap();
    controller.shutdown_background();
    gone(&session_directory).await;
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n", "the step in hand ended, no other began");
    let ledger_text = std::fs::read_to_string(&ledger).unwrap();
    let mut lines: Vec<&str> = ledger_text.lines().collect();
    let output =
        lines.remove(1).strip_prefix("B ").and_then(|output| output.strip_suffix(" 1")).unwrap().to_owned();
    assert!(
        matches!(lines[..], ["S 1.1", "C 0 0 0", "V told a value", "R 1.1 0"])
            || matches!(lines[..], ["S 1.1", "C 0 0 0", "V told a value", "R 1.1 0", "S 2.1", "X 2.1"]),
        "{ledger_text}"
    );
    assert_eq!(std::fs::read_to_string(ledger.with_file_name(output).join("o1")).unwrap(), "said\n");
}

pub(crate) async fn a_body_cut_off_does_not_run(peer: &Peer) {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    let text = format!("echo ran >{}; : {}", mark.display(), "x".repeat(5_000));
    for (with_payload, text, further) in [
        (false, text.clone(), 600),
        (false, format!("echo ran >{}; : {}", mark.display(), "x".repeat(500)), 300),
        (true, format!("echo ran >{}", mark.display()), 60_000),
        // Only the end mark of the payload is missing.
        (true, format!("echo ran >{}", mark.display()), 100_000 + 70),
    ] {
        let (count, limit) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
        let (counted, limited) = (Arc::clone(&count), Arc::clone(&limit));
        let wrap: Box<dyn FnOnce(BoxedWrite) -> BoxedWrite + Send> =
            Box::new(move |inner| Box::new(Metered { inner: Some(inner), count: counted, limit: limited }));
        let mut session = Session::open_with(peer, Setting { wrap, ..Setting::default() }).await;
        assert_eq!(session.run("true").await.status, Some(0));
        limit.store(count.load(Ordering::Acquire) + further, Ordering::Release);
        let mut step = session.step(text);
        step.epoch = 9;
        step.payload = with_payload.then(|| Arc::new(vec![1_u8; 100_000]) as _);
        session.handle.send(step).await.unwrap();
        // The cut is noticed with the next byte.
        session.handle.clone().close(false).await;
        let next = session.events.recv().await;
        assert_eq!(next, Some(ShellEvent::Closed(CloseReason::Lost)));
        gone(&session.info.directory).await;
        assert!(!mark.exists(), "a body cut off at {further} ran");
    }
}

pub(crate) async fn a_killed_shell_is_reported(peer: &Peer) {
    for text in ["kill -9 $PPID; sleep 30", "kill -9 $PPID"] {
        let mut session = Session::open(peer).await;
        let start = Instant::now();
        let step = session.step(format!("pl_run 0 /bin/sh -c {}", quote(text)));
        session.handle.send(step).await.unwrap();
        assert_eq!(session.closed().await, CloseReason::Lost);
        assert!(start.elapsed() < Duration::from_secs(5), "the streams are not held");
        gone(&session.info.directory).await;
    }
    let mut session = Session::open(peer).await;
    let step = session.step("kill -9 $$");
    session.handle.send(step).await.unwrap();
    assert_eq!(session.closed().await, CloseReason::Lost);
    // Without a user command there is no watcher that would clean up.
    std::fs::remove_dir_all(&session.info.directory).unwrap();
}

pub(crate) async fn a_lost_lease_stops_everything(peer: &Peer) {
    let directory = tempfile::tempdir().unwrap();
    let taken = quote(directory.path().join("taken").to_str().unwrap());
    let library = format!("pl_allow(){{ pl_why=gone; [ ! -e {taken} ]; }}");
    let mut session = Session::open_with(peer, Setting { library, ..Setting::default() }).await;
    assert_eq!(session.run("true").await.status, Some(0));
    let steps = vec![session.step(format!("echo >{taken}")), session.step("true"), session.step("true")];
    session.handle.send_all(steps).await.unwrap();
    assert_eq!(session.answer(2).await.status, Some(0));
    assert_eq!(session.answer(3).await.status, None);
    assert_eq!(session.closed().await, CloseReason::Fenced("gone".to_owned()));
}
