//! Connects a run to the terminal: reporter, signals, questions.

use std::future::Future;
use std::io::IsTerminal;
use std::pin::Pin;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::CommandError;
use super::args::{Global, Output};
use super::terminal::Environment;
use crate::executor::event::{Event, EventKind};
use crate::executor::{Canceller, Emitter, Observer};
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
) -> Result<(Box<dyn Observer>, Screen), CommandError> {
    let columns = environment.stdout_terminal.then(|| ui::terminal_size().0);
    let options = Options {
        verbosity: global.verbose,
        color: environment.color,
        diff,
        state_dir: Some(global.state_dir.clone()),
        name_state_dir: global.state_dir != std::path::Path::new(".paceline"),
        suggest_resume: false,
        columns: columns.map_or(79, |columns| columns.saturating_sub(1).min(79)),
        terminal: columns,
        ..Options::default()
    };
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let bars = environment.stdout_terminal && stderr.is_terminal() && !environment.dumb_terminal;
    let reporter: Box<dyn ui::Reporter> = match global.output {
        Output::Json => Box::new(Json::new(stdout)),
        Output::Human if bars => Box::new(Progress::new(options, stdout)),
        Output::Human => Box::new(Plain::new(options, stdout, stderr)),
    };
    let (sender, screen) = ui::spawn(reporter)?;
    Ok((Box::new(Forward(Some(sender))), screen))
}

/// Turns Ctrl-C and SIGTERM into the three steps of cancellation.
pub(super) async fn watch_signals(canceller: Canceller, emitter: Emitter) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            received = interrupt.recv() => if received.is_none() { return },
            received = terminate.recv() => if received.is_none() { return },
        }
        let level = canceller.escalate();
        if level >= 3 {
            ui::restore_terminal();
            std::process::exit(99);
        }
        emitter.emit(EventKind::RunCancelled { level }).await;
    }
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
