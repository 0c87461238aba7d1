//! A command that runs: one task asks for its output, one sends its input, both stop with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Core;
use super::input::{Chunk, Input, Sink, input};
use super::pipe::{Output, Source, pipe};
use crate::answer::{Answer, Stream, unreadable};
use crate::client::is_too_large;
use crate::command::{CommandLine, Signal};
use crate::envelope::{self, Common};
use crate::error::{Error, Operation};
use crate::fault::FaultKind;

/// Waits between attempts while the host is busy with earlier input.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Waits between questions for output to a host that says too early that it has none.
const QUICK_WAIT: Duration = Duration::from_millis(10);
const SLOW_WAIT: Duration = Duration::from_secs(1);
/// How often output is asked for while the host is too busy to look at the question.
const MOST_REFUSALS: u32 = 3;

type Exit = Option<Result<i32, Error>>;

/// A command with its streams. All three can be used at once. A command that writes to a stream which nobody reads is held up
/// after a while, with both streams; drop the one that does not matter.
#[derive(Debug)]
pub struct Process {
    /// Its input.
    pub stdin: Input,
    /// Its output.
    pub stdout: Output,
    /// Its errors.
    pub stderr: Output,
    /// Its end.
    pub control: Control,
}

impl Process {
    /// Waits for the end; see [`Control::wait`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn wait(&mut self) -> Result<i32, Error> {
        self.control.wait().await
    }

    /// Signals the command.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.control.signal(signal).await
    }
}

/// The end of a command. Dropping it before the command ended terminates the command.
#[derive(Debug)]
pub struct Control {
    core: Arc<Core>,
    command: String,
    exit: watch::Receiver<Exit>,
    tasks: [AbortHandle; 2],
}

impl Control {
    /// Waits until the command ended and its output was fetched, and gives the exit code. May be called again.
    ///
    /// # Errors
    ///
    /// What kept the output or the end away; [`Error::OutputLost`] if output is missing.
    pub async fn wait(&mut self) -> Result<i32, Error> {
        let exit = self.exit.wait_for(Option::is_some).await;
        exit.ok().and_then(|exit| exit.clone()).unwrap_or(Err(Error::Closed))
    }

    /// Signals the command. One that ended already is no error.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn signal(&self, signal: Signal) -> Result<(), Error> {
        if self.exit.borrow().is_some() {
            return Ok(());
        }
        match tell(&self.core, &self.command, signal).await {
            Err(Error::Fault { .. }) if self.exit.borrow().is_some() => Ok(()),
            other => other,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        if self.exit.borrow().is_some() {
            return;
        }
        let (core, command) = (Arc::clone(&self.core), self.command.clone());
        if !core.is_closed.load(std::sync::atomic::Ordering::SeqCst) {
            let limit = core.client.cleanup();
            self.core.runtime.spawn(async move {
                let _ = timeout(limit, tell(&core, &command, Signal::Terminate)).await;
            });
        }
    }
}

async fn tell(core: &Core, command: &str, signal: Signal) -> Result<(), Error> {
    let write = |common: &Common<'_>| envelope::signal(common, &core.id, command, signal);
    core.ask(Operation::Signal, write).await.map(|_| ())
}

/// Starts a command in a shell.
pub(super) async fn start(core: Arc<Core>, line: CommandLine) -> Result<Process, Error> {
    let operation = Operation::Command;
    let answer = core.ask(operation, |common| envelope::command(common, &core.id, &line)).await?;
    let source = unreadable("it has no id of the command");
    let command =
        answer.command.filter(|id| !id.is_empty()).ok_or(Error::Unreadable { operation, source })?;
    let limit = core.client.limits().output;
    let ((output_source, stdout), (error_source, stderr), (stdin, sink)) =
        (pipe(limit), pipe(limit), input());
    let (ended, exit) = watch::channel(None);
    let fetch = Fetch {
        core: Arc::clone(&core),
        command: command.clone(),
        output: output_source,
        error: error_source,
    };
    let receiving = tokio::spawn(async move {
        let result = fetch.all().await;
        let end = result.as_ref().map(|_| ()).map_err(Clone::clone);
        fetch.output.end(end.clone());
        fetch.error.end(end);
        ended.send_replace(Some(result));
    });
    let feed = Feed { core: Arc::clone(&core), command: command.clone(), exit: exit.clone() };
    let sending = tokio::spawn(async move {
        let end = feed.all(&sink).await;
        sink.end(end);
    });
    let tasks = [receiving.abort_handle(), sending.abort_handle()];
    Ok(Process { stdin, stdout, stderr, control: Control { core, command, exit, tasks } })
}

/// How fast output is asked for. A host has the question for the operation's timeout when it has no output; one that says at once that
/// there is none would be asked as fast as it answers.
struct Pace {
    operation: Duration,
    wait: Duration,
}

impl Pace {
    fn new(operation: Duration) -> Self {
        Self { operation, wait: Duration::ZERO }
    }

    /// Output came.
    fn reset(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// How long to wait after an answer without output that took so long.
    fn after(&mut self, taken: Duration) -> Duration {
        if taken >= self.operation / 2 {
            self.reset();
        } else {
            self.wait = (self.wait * 2).clamp(QUICK_WAIT, SLOW_WAIT);
        }
        self.wait
    }
}

/// Asks for output until the command is done.
struct Fetch {
    core: Arc<Core>,
    command: String,
    output: Source,
    error: Source,
}

impl Fetch {
    async fn all(&self) -> Result<i32, Error> {
        let mut refusals = 0;
        let mut pace = Pace::new(self.core.client.limits().operation);
        loop {
            self.output.room().await;
            self.error.room().await;
            let asked = Instant::now();
            let write = |common: &Common<'_>| envelope::receive(common, &self.core.id, &self.command);
            match self.core.ask(Operation::Receive, write).await {
                Ok(answer) => {
                    refusals = 0;
                    let is_empty = answer.pieces.iter().all(|piece| piece.bytes.is_empty());
                    if let Some(code) = self.take(answer)? {
                        // The host keeps a command that ended until it is told ([MS-WSMV] 3.1.4.13). What comes of it
                        // does not matter any more.
                        let limit = self.core.client.cleanup();
                        let _ = timeout(limit, tell(&self.core, &self.command, Signal::Terminate)).await;
                        return Ok(code);
                    }
                    if is_empty {
                        sleep(pace.after(asked.elapsed())).await;
                    } else {
                        pace.reset();
                    }
                }
                Err(Error::Fault { fault, .. }) if fault.kind() == FaultKind::TimedOut => {
                    refusals = 0;
                    sleep(pace.after(asked.elapsed())).await;
                }
                // Windows refuses so before it looks at a request, so no output went with it.
                Err(Error::Status { status: 503, .. }) if refusals < MOST_REFUSALS => {
                    refusals += 1;
                    sleep(FIRST_WAIT * 5 * refusals).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands output on; gives the exit code with the last of it.
    fn take(&self, answer: Answer) -> Result<Option<i32>, Error> {
        let failed = |what| Error::Unreadable { operation: Operation::Receive, source: unreadable(what) };
        if answer.of_command.is_some_and(|id| !id.eq_ignore_ascii_case(&self.command)) {
            return Err(failed("it is about another command"));
        }
        for piece in answer.pieces {
            match piece.stream {
                Stream::Output => self.output.push(piece.bytes),
                Stream::Error => self.error.push(piece.bytes),
            }
        }
        if !answer.is_done {
            return Ok(None);
        }
        let code = answer.exit_code.ok_or(failed("it has no exit code"))?;
        // Windows has codes of 32 bits and writes them with or without a sign.
        let code = i32::try_from(code).or_else(|_| u32::try_from(code).map(u32::cast_signed));
        code.map(Some).map_err(|_| failed("its exit code has more than 32 bits"))
    }
}

/// Sends input until there is no more, or nobody to take it.
struct Feed {
    core: Arc<Core>,
    command: String,
    exit: watch::Receiver<Exit>,
}

impl Feed {
    async fn all(self, sink: &Sink) -> Result<(), Error> {
        let mut exit = self.exit.clone();
        tokio::select! {
            biased;
            // Nobody takes input any more, whatever is on its way.
            _ = exit.wait_for(Option::is_some) => Ok(()),
            result = self.until_last(sink) => match result {
                Err(_) if self.has_ended() => Ok(()),
                other => other,
            },
        }
    }

    async fn until_last(&self, sink: &Sink) -> Result<(), Error> {
        while let Some(chunk) = sink.next(envelope::input_chunk(self.core.client.envelope())).await {
            let is_last = chunk.is_last;
            self.send(chunk).await?;
            sink.sent();
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Sends a chunk, once. It goes out again only if the host refused it as a whole.
    async fn send(&self, mut chunk: Chunk) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        loop {
            let used = self.core.client.envelope();
            let length = chunk.bytes.len().min(envelope::input_chunk(used));
            let is_last = chunk.is_last && length == chunk.bytes.len();
            let part = chunk.bytes.slice(..length);
            let write =
                |common: &Common<'_>| envelope::send(common, &self.core.id, &self.command, &part, is_last);
            match self.core.ask(Operation::Send, write).await {
                Ok(_) => {}
                Err(Error::Fault { fault, .. }) => match fault.kind() {
                    // The host has the input and still feeds it to a command that does not read.
                    FaultKind::TimedOut => {}
                    // It refuses more until then.
                    FaultKind::Busy if !self.has_ended() => {
                        sleep(wait).await;
                        wait = (wait * 2).min(LONGEST_WAIT);
                        continue;
                    }
                    FaultKind::TooLarge if self.core.client.shrink(used) => continue,
                    _ => return Err(Error::Fault { operation: Operation::Send, fault }),
                },
                Err(error) if is_too_large(&error) && self.core.client.shrink(used) => continue,
                Err(error) => return Err(error),
            }
            let _ = chunk.bytes.split_to(length);
            if chunk.bytes.is_empty() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_has_never_anything_is_asked_about_once_a_second() {
        let mut pace = Pace::new(Duration::from_secs(20));
        let waits: Vec<_> = (0..200).map(|_| pace.after(Duration::from_millis(1))).collect();
        assert!(waits.iter().sum::<Duration>() > Duration::from_secs(180), "{waits:?}");
        assert_eq!(waits.first(), Some(&QUICK_WAIT));
        assert_eq!(waits.last(), Some(&SLOW_WAIT));
        // The host waited itself, and output makes it quick again.
        assert_eq!(pace.after(Duration::from_secs(20)), Duration::ZERO);
        assert_eq!(pace.after(Duration::from_millis(1)), QUICK_WAIT);
    }
}
