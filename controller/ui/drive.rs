//! Carries events from the dispatcher to a reporter on a thread of its own.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::executor::event::Event;

/// Events that may wait for a slow terminal before the dispatcher waits with them.
const WAITING: usize = 4096;
/// Longest time without a tick.
const TICK: Duration = Duration::from_millis(250);
/// Events that are taken together before a tick.
const BATCH: usize = 256;

/// Shows a run.
pub trait Reporter: Send {
    /// Takes the next event.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Shows what is waiting; called after every batch of events and a few times a second.
    fn tick(&mut self) -> io::Result<()>;

    /// No more events come: shows the rest and leaves the terminal as it was.
    fn finish(&mut self) -> io::Result<()>;
}

/// A reporter at work.
pub struct Screen {
    thread: JoinHandle<io::Result<()>>,
}

impl Screen {
    /// Waits until everything is shown; to be called after the sender was dropped. The error is the first
    /// that writing met; a reader that went away (`| head`) is none.
    pub fn join(self) -> io::Result<()> {
        let result = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
    }
}

/// Starts a reporter. A reporter that fails is told nothing more, but events are still taken: a full disk or a
/// closed pipe on this side never stops a rollout.
pub fn spawn(mut reporter: Box<dyn Reporter>) -> io::Result<(mpsc::Sender<Arc<Event>>, Screen)> {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = thread::Builder::new().name("ui".to_owned()).spawn(move || {
        let result = runtime.block_on(show(reporter.as_mut(), &mut receiver));
        let finished = reporter.finish();
        if result.is_err() {
            while receiver.blocking_recv().is_some() {}
        }
        result.and(finished)
    })?;
    Ok((sender, Screen { thread }))
}

async fn show(reporter: &mut dyn Reporter, receiver: &mut mpsc::Receiver<Arc<Event>>) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        match tokio::time::timeout(TICK, receiver.recv_many(&mut batch, BATCH)).await {
            Ok(0) => return Ok(()),
            Ok(_) => batch.drain(..).try_for_each(|event| reporter.event(&event))?,
            Err(_) => {}
        }
        reporter.tick()?;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write;

    use super::super::testing::*;
    use super::super::{Options, Plain};
    use super::*;
    use crate::executor::event::Status;

    fn feed(reporter: Box<dyn Reporter>, events: usize) -> io::Result<()> {
        let (sender, screen) = spawn(reporter).unwrap();
        for _ in 0..events {
            sender.blocking_send(Arc::new(finished("a", "t", Status::Changed, true))).unwrap();
        }
        drop(sender);
        screen.join()
    }

    #[test]
    fn everything_is_shown_in_order() {
        let out = Paper::default();
        feed(Box::new(Plain::new(Options::default(), out.clone(), io::sink())), 10_000).unwrap();
        assert_eq!(out.text().lines().count(), 10_000);
    }

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_does_not_stop_the_run() {
        let plain = |kind| Box::new(Plain::new(Options::default(), Fails(kind), io::sink()));
        feed(plain(io::ErrorKind::BrokenPipe), 10_000).unwrap();
        let error = feed(plain(io::ErrorKind::StorageFull), 10_000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
