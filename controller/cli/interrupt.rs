//! Ctrl-C, SIGTERM and a lost terminal: what they do before a run is at work, while it is, and at its third time.
//!
//! One thread takes the signals from the start of the program to its end. Without a run at work a signal ends the
//! program with 99; a run takes them over and stops in three steps. Either way, what must not be left behind is
//! cleaned up first.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What was received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interruption {
    /// Ctrl-C or SIGTERM.
    Stop,
    /// The terminal is gone. It may be said more than once and is no sign of impatience.
    Hangup,
}

struct State {
    /// Where signals go while a run is at work.
    run: Option<mpsc::UnboundedSender<Interruption>>,
    cleanups: Vec<(u64, Box<dyn FnOnce() + Send>)>,
    next: u64,
}

static STATE: Mutex<State> = Mutex::new(State { run: None, cleanups: Vec::new(), next: 0 });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to take the signals.
pub(super) fn watch() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // `nohup` means that a lost terminal does not matter.
    let mut hangup = if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    drop(entered);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let lost = async {
                    match &mut hangup {
                        Some(hangup) => hangup.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let received = tokio::select! {
                    _ = interrupt.recv() => Interruption::Stop,
                    _ = terminate.recv() => Interruption::Stop,
                    _ = lost => Interruption::Hangup,
                };
                let taken = state().run.as_ref().is_some_and(|run| run.send(received).is_ok());
                if !taken {
                    leave();
                }
            }
        });
    })?;
    Ok(())
}

/// Whether SIGHUP was ignored when the program started. Where there is no `/proc` it was not.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

/// Cleans up and ends the program with 99.
pub(super) fn leave() -> ! {
    // Whoever comes second waits for the exit of the first.
    static LEAVING: Mutex<()> = Mutex::new(());
    let _first = LEAVING.lock().unwrap_or_else(PoisonError::into_inner);
    let cleanups = std::mem::take(&mut state().cleanups);
    for (_, cleanup) in cleanups.into_iter().rev() {
        cleanup();
    }
    std::process::exit(99);
}

/// The signals, taken over by a run until this is dropped.
pub(super) struct Interruptions(mpsc::UnboundedReceiver<Interruption>);

impl Interruptions {
    /// Takes the signals over.
    pub(super) fn take() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        state().run = Some(sender);
        Self(receiver)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Option<Interruption> {
        self.0.recv().await
    }
}

impl Drop for Interruptions {
    fn drop(&mut self) {
        state().run = None;
    }
}

/// Something to clean up if the program is interrupted before this is dropped.
#[must_use = "it is forgotten when this is dropped"]
pub(super) struct Cleanup(u64);

impl Cleanup {
    /// Registers what to do. The newest is done first; it must not wait for a lock that a prompt may hold.
    pub(super) fn register(cleanup: impl FnOnce() + Send + 'static) -> Self {
        let mut state = state();
        state.next += 1;
        let number = state.next;
        state.cleanups.push((number, Box::new(cleanup)));
        Self(number)
    }

    /// Restores the terminal as it is now, and ends the line of the prompt on it.
    pub(super) fn terminal() -> Self {
        let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
        let before = terminal.as_ref().and_then(|terminal| rustix::termios::tcgetattr(terminal).ok());
        Self::register(move || {
            if let (Some(mut terminal), Some(before)) = (terminal, before) {
                let _ = rustix::termios::tcsetattr(&terminal, rustix::termios::OptionalActions::Now, &before);
                let _ = terminal.write_all(b"\n");
            }
        })
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        state().cleanups.retain(|(number, _)| *number != self.0);
    }
}
