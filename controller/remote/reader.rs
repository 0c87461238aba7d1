//! The task that reads the shell's standard output and tells the consumer.
//!
//! It waits for two things only: bytes, and room in the channel of events. It never waits for the
//! writer, and the writer's queue never waits for the host, so a consumer that sends and receives
//! in one task cannot lock up. A consumer that is slow makes the host's shell wait in a write; it
//! holds no more memory than the channel's few events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::error::CloseReason;
use crate::frame::{Frame, Parser};
use crate::outstanding::Outstanding;
use crate::session::ShellEvent;

/// Bytes per read, and so the most in one event of output.
pub(crate) const READ: usize = 32 * 1024;
/// A frame that has begun goes on within this time.
const STALL: Duration = Duration::from_secs(120);

/// What a value or blob costs beside its bytes, so that empty ones count, and most of them in a step.
const REPORT: u64 = 128;
const REPORTS: u64 = 1 << 17;

/// The reader's state.
pub(crate) struct Reader {
    pub(crate) stdout: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) parser: Parser,
    pub(crate) events: mpsc::Sender<ShellEvent>,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) closing: Arc<AtomicBool>,
    /// Most bytes of output and most bytes of values and blobs per step.
    pub(crate) output_cap: u64,
    pub(crate) writer: AbortHandle,
    pub(crate) stderr: AbortHandle,
    pub(crate) step: StepCounts,
}

/// What the step in hand has sent.
#[derive(Debug, Default)]
pub(crate) struct StepCounts {
    output: u64,
    reported: u64,
    reports: u64,
    dropped: u64,
}

impl Reader {
    /// Reads until the session is over.
    pub(crate) async fn run(mut self) {
        let reason = self.read().await;
        self.outstanding.close();
        self.writer.abort();
        self.stderr.abort();
        // Nobody needs the last event when the receiver is gone.
        let _ = self.events.send(ShellEvent::Closed(reason)).await;
    }

    async fn read(&mut self) -> CloseReason {
        let mut buffer = vec![0; READ];
        loop {
            let read = self.stdout.read(&mut buffer);
            let count = if self.parser.within_frame() {
                match tokio::time::timeout(STALL, read).await {
                    Ok(count) => count,
                    Err(_) => return CloseReason::Broken("a frame stopped halfway".to_owned()),
                }
            } else {
                read.await
            };
            let count = match count {
                Ok(0) => return self.ended(),
                Err(_) if self.closing.load(Ordering::Acquire) => return self.ended(),
                Err(error) => return CloseReason::Disconnected(error.to_string()),
                Ok(count) => count,
            };
            let frames = match self.parser.feed(&buffer[..count]) {
                Ok(frames) => frames,
                Err(what) => return CloseReason::Broken(what),
            };
            for frame in frames {
                if let Err(reason) = self.take(frame).await {
                    return reason;
                }
            }
        }
    }

    /// The stream ended: in order, if the end was asked for and nothing is left.
    fn ended(&self) -> CloseReason {
        let nothing_left = self.outstanding.is_empty() && !self.parser.within_frame();
        if self.closing.load(Ordering::Acquire) && nothing_left {
            CloseReason::Closed
        } else {
            CloseReason::Lost
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), CloseReason> {
        let event = match frame {
            Frame::Started { id } => {
                self.check(self.outstanding.start(id))?;
                self.step = StepCounts::default();
                ShellEvent::Started { step: id }
            }
            Frame::Value { id, name, text } => {
                self.report(id, name.len() + text.len())?;
                ShellEvent::Value { step: id, name, text }
            }
            Frame::Blob { id, name, bytes, complete } => {
                self.report(id, name.len() + bytes.len())?;
                if complete {
                    ShellEvent::Blob { step: id, name, bytes }
                } else {
                    ShellEvent::Value { step: id, name: "pl_incomplete".to_owned(), text: name }
                }
            }
            Frame::Output { id, stderr, mut bytes } => {
                self.check(self.outstanding.in_hand(id, true))?;
                let room = self.output_cap.saturating_sub(self.step.output);
                let kept = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                self.step.output += kept as u64;
                self.step.dropped += (bytes.len() - kept) as u64;
                bytes.truncate(kept);
                if bytes.is_empty() {
                    return Ok(());
                }
                ShellEvent::Output { step: id, stderr, bytes }
            }
            Frame::Command { id, rc, timed_out, dropped } => {
                self.report(id, 64)?;
                let dropped = dropped.saturating_add(std::mem::take(&mut self.step.dropped));
                ShellEvent::CommandEnded { step: id, rc, timed_out, dropped }
            }
            Frame::Finished { id, status } => {
                self.check(self.outstanding.in_hand(id, true))?;
                self.outstanding.pop();
                ShellEvent::Finished { step: id, status }
            }
            Frame::Skipped { id } => {
                self.check(self.outstanding.in_hand(id, false))?;
                self.outstanding.pop();
                ShellEvent::Skipped { step: id }
            }
            Frame::Fenced { id, why } => {
                self.check(self.outstanding.in_hand(id, false))?;
                self.outstanding.pop();
                self.tell(ShellEvent::Skipped { step: id }).await?;
                return Err(CloseReason::Fenced(why));
            }
            Frame::Stored { id, wanted } => return self.check(self.outstanding.stored(id, wanted)),
            Frame::Failed { text } => return Err(CloseReason::Failed(text)),
            Frame::Info { .. } | Frame::Ready | Frame::Unsupported { .. } => {
                return Err(CloseReason::Broken("a frame of the start in a running session".to_owned()));
            }
        };
        self.tell(event).await
    }

    /// A step must be in hand to report, and not too much.
    fn report(&mut self, id: u64, bytes: usize) -> Result<(), CloseReason> {
        self.check(self.outstanding.in_hand(id, true))?;
        self.step.reported += bytes as u64 + REPORT;
        self.step.reports += 1;
        if self.step.reported > self.output_cap.saturating_mul(2) || self.step.reports > REPORTS {
            return Err(CloseReason::Broken("a step reports too much".to_owned()));
        }
        Ok(())
    }

    fn check(&self, expected: bool) -> Result<(), CloseReason> {
        if expected { Ok(()) } else { Err(CloseReason::Broken("a frame out of turn".to_owned())) }
    }

    async fn tell(&mut self, event: ShellEvent) -> Result<(), CloseReason> {
        self.events.send(event).await.map_err(|_| CloseReason::Closed)
    }
}
