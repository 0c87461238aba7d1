//! Connects a run to the terminal: reporter, signals, questions.

use std::future::Future;
use std::io::{IsTerminal, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::CommandError;
use super::args::{Global, Output};
use super::interrupt::{self, Interruption, Interruptions};
use super::terminal::Environment;
use crate::executor::event::{Event, EventKind};
use crate::executor::{Canceller, Dispatcher, Emitter, Observer};
use crate::ui::{self, Json, Options, Plain, Progress, Screen};

struct Forward(Option<mpsc::Sender<Arc<Event>>>);

impl Observer for Forward {
    fn event(&mut self, event: &Arc<Event>) {
        if let Some(sender) = &self.0 {
            // The reporter takes everything until this sender is gone.
            let _ = sender.blocking_send(event.clone());
        }
    }

    fn finish(&mut self) {
        self.0 = None;
    }
}

/// Starts the reporter that fits the output format and the terminal.
pub(super) fn reporter(
    global: &Global,
    environment: &Environment,
    diff: bool,
    may_roll_back: bool,
) -> Result<(Box<dyn Observer>, Screen), CommandError> {
    let columns = environment.stdout_terminal.then(|| ui::terminal_size().0);
    let options = Options {
        verbosity: global.verbose,
        color: environment.color,
        diff,
        state_dir: Some(global.state_dir.clone()),
        name_state_dir: global.state_dir != std::path::Path::new(".paceline"),
        suggest_resume: may_roll_back,
        // The hosts of a lab are gone when it could be followed.
        suggest_rollback: may_roll_back,
        columns: columns.map_or(79, |columns| columns.saturating_sub(1).min(79)),
        terminal: columns,
    };
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let bars = environment.stdout_terminal && stderr.is_terminal() && !environment.dumb_terminal;
    let reporter: Box<dyn ui::Reporter> = match global.output {
        Output::Json => Box::new(Json::new(stdout)),
        _ if bars => Box::new(Progress::new(options, stdout)),
        _ => Box::new(Plain::new(options, stdout, stderr)),
    };
    let (sender, screen) = ui::spawn(reporter)?;
    Ok((Box::new(Forward(Some(sender))), screen))
}

/// Turns Ctrl-C, SIGTERM and a lost terminal into the three steps of cancellation.
pub(super) async fn watch_signals(mut interruptions: Interruptions, canceller: Canceller, emitter: Emitter) {
    let mut level = 0;
    while let Some(interruption) = interruptions.next().await {
        if interruption == Interruption::Hangup && level > 0 {
            continue;
        }
        level = canceller.escalate();
        if level >= 3 {
            ui::restore_terminal();
            interrupt::leave();
        }
        emitter.emit(EventKind::RunCancelled { level }).await;
    }
}

/// Waits until journal and screen have taken everything and returns the exit code: that of the run, unless the
/// journal could not be written.
pub(super) async fn conclude(dispatcher: Dispatcher, screen: Screen, code: u8) -> Result<u8, CommandError> {
    let journal = tokio::task::spawn_blocking(move || dispatcher.finish()).await;
    if let Err(error) = screen.join() {
        // The hosts are as the run left them, whether somebody could read about it or not.
        let _ = writeln!(
            std::io::stderr(),
            "warning: the output could not be written: {error}; the journal and the exit code tell how the run ended"
        );
    }
    journal.map_err(CommandError::internal)?.map_err(|error| {
        CommandError::internal(format!("{error}; what the run did is not fully recorded"))
            .hint("free space for the state folder, then look at the hosts: they may have been changed")
    })?;
    Ok(code)
}

/// Waits for a line of the person at the terminal. The reporter has shown the question.
pub(super) fn ask(echo: bool) -> Pin<Box<dyn Future<Output = String> + Send>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A thread of its own, that nobody waits for: after Ctrl-C it still waits for a line when the program ends.
    std::thread::spawn(move || {
        let line = if echo {
            let mut line = String::new();
            let _ = std::io::stdin().read_line(&mut line);
            line
        } else {
            rpassword::read_password().unwrap_or_default()
        };
        let _ = sender.send(line.trim_end_matches(['\n', '\r']).to_owned());
    });
    Box::pin(async { receiver.await.unwrap_or_default() })
}

/// The answer to every question of `pause` where nobody can be asked and `--yes` was given: Enter.
pub(super) fn answered(_: bool) -> Pin<Box<dyn Future<Output = String> + Send>> {
    Box::pin(async { String::new() })
}
