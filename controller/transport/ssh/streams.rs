//! The standard streams of a channel: exact bytes, stdout and stderr apart, paced by the window.
//!
//! One task per channel takes its messages apart. It stops reading when a stream is full, so nothing is
//! buffered without bound; because the library grants SSH's window as it receives, a stream that is neither
//! read nor dropped holds up the other channels of its connection too.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::connection::Link;
use crate::transport::{BoxedWrite, ExitStatus};

/// Messages of at most 32 KiB that wait for a reader.
const QUEUE: usize = 8;
/// Bytes that are sent before the writer waits for the host to have read some, or for [`PAUSE`]. Without
/// it a large upload fills the host's whole window at once, which costs its sshd several times the work.
const BURST: usize = 128 * 1024;
/// The longest wait after a burst; servers that adjust the window late are slowed down by no more than this.
const PAUSE: Duration = Duration::from_millis(3);
/// The `data_type_code` of standard error (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// A channel taken apart.
pub(super) struct Streams {
    pub(super) stdin: Writer,
    pub(super) stdout: Reader,
    pub(super) stderr: Reader,
    pub(super) exit: oneshot::Receiver<ExitStatus>,
}

/// Takes a channel apart. `link` is kept alive as long as one of the streams.
pub(super) fn split(channel: Channel<Msg>, link: &Arc<Link>) -> Streams {
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let (stdout, stdout_queue) = mpsc::channel(QUEUE);
    let (stderr, stderr_queue) = mpsc::channel(QUEUE);
    let (exit, exit_receiver) = oneshot::channel();
    // Every stream holds a sender; receiving ends when all of them are dropped.
    let (alive, dropped) = mpsc::channel(1);
    let failure = Arc::new(OnceLock::new());
    let progress = Arc::new(Notify::new());
    let closed = CancellationToken::new();
    let reader = |queue| Reader {
        queue,
        rest: None,
        failure: Arc::clone(&failure),
        _alive: alive.clone(),
        _link: Arc::clone(link),
    };
    let streams = Streams {
        stdout: reader(stdout_queue),
        stderr: reader(stderr_queue),
        stdin: Writer {
            inner: Box::new(write.make_writer()),
            write: Arc::clone(&write),
            ended: false,
            sent: 0,
            progress: Arc::clone(&progress),
            pause: None,
            closed: Box::pin(closed.clone().cancelled_owned()),
            _alive: alive.clone(),
            _link: Arc::clone(link),
        },
        exit: exit_receiver,
    };
    let pump = Pump {
        read,
        write,
        outputs: [Some(stdout), Some(stderr)],
        exit: Some(exit),
        failure,
        progress,
        closed,
        finished: false,
        link: Arc::downgrade(link),
    };
    let cut = link.cut.clone();
    tokio::spawn(async move {
        let mut pump = pump;
        tokio::select! {
            () = pump.run(dropped) => {}
            // Lets go of the channel, so that the session is not held up by it while it is being cut.
            () = cut.cancelled() => {}
        }
        pump.finish().await;
    });
    streams
}

/// Takes the messages of a channel apart.
struct Pump {
    read: ChannelReadHalf,
    write: Arc<ChannelWriteHalf<Msg>>,
    outputs: [Option<mpsc::Sender<ChannelMsg>>; 2],
    exit: Option<oneshot::Sender<ExitStatus>>,
    failure: Arc<OnceLock<String>>,
    progress: Arc<Notify>,
    closed: CancellationToken,
    /// The host closed the channel in order.
    finished: bool,
    link: std::sync::Weak<Link>,
}

impl Pump {
    async fn run(&mut self, mut dropped: mpsc::Receiver<()>) {
        loop {
            let message = tokio::select! {
                message = self.read.wait() => message,
                () = unused(&mut dropped, &mut self.exit) => return,
            };
            match message {
                Some(message @ ChannelMsg::Data { .. }) => self.pass(0, message).await,
                Some(message @ ChannelMsg::ExtendedData { ext: STDERR, .. }) => self.pass(1, message).await,
                Some(ChannelMsg::ExitStatus { exit_status }) => self.exited(ExitStatus::Code(exit_status)),
                Some(ChannelMsg::ExitSignal { .. }) => self.exited(ExitStatus::Signal),
                Some(ChannelMsg::WindowAdjusted { .. }) => self.progress.notify_one(),
                Some(ChannelMsg::Eof) => {
                    // Nothing may follow on either stream (RFC 4254, 5.3); the status still does.
                    self.outputs = [None, None];
                }
                Some(ChannelMsg::Failure) => {
                    let _ = self.failure.set("the host refused to run a command".to_owned());
                    return;
                }
                Some(ChannelMsg::Close) => {
                    self.finished = true;
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    async fn pass(&mut self, output: usize, message: ChannelMsg) {
        if let Some(sender) = &self.outputs[output]
            && sender.send(message).await.is_err()
        {
            // Nobody reads this stream any more: what comes is taken and thrown away.
            self.outputs[output] = None;
        }
    }

    fn exited(&mut self, status: ExitStatus) {
        if let Some(exit) = self.exit.take() {
            let _ = exit.send(status);
        }
    }

    async fn finish(mut self) {
        if !self.finished {
            let reason = self.link.upgrade().map_or_else(|| "closed".to_owned(), |link| link.ended_because());
            let _ = self.failure.set(reason);
        }
        self.outputs = [None, None];
        self.exited(ExitStatus::Lost);
        // A writer may be waiting for a window that will never open.
        self.closed.cancel();
        let _ = self.write.close().await;
    }
}

/// Resolves when all streams are dropped and nobody waits for the exit status.
async fn unused(dropped: &mut mpsc::Receiver<()>, exit: &mut Option<oneshot::Sender<ExitStatus>>) {
    let _ = dropped.recv().await;
    if let Some(exit) = exit {
        exit.closed().await;
    }
}

/// One output stream of a channel.
pub(super) struct Reader {
    queue: mpsc::Receiver<ChannelMsg>,
    rest: Option<(ChannelMsg, usize)>,
    failure: Arc<OnceLock<String>>,
    _alive: mpsc::Sender<()>,
    _link: Arc<Link>,
}

fn bytes(message: &ChannelMsg) -> &[u8] {
    match message {
        ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => data,
        _ => &[],
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (message, from) = loop {
            if let Some((message, from)) = self.rest.take()
                && from < bytes(&message).len()
            {
                break (message, from);
            }
            match ready!(self.queue.poll_recv(context)) {
                Some(message) => self.rest = Some((message, 0)),
                // The end of the stream and the loss of the connection must not look alike.
                None => {
                    return Poll::Ready(match self.failure.get() {
                        Some(failure) => {
                            Err(io::Error::new(io::ErrorKind::ConnectionAborted, failure.clone()))
                        }
                        None => Ok(()),
                    });
                }
            }
        };
        let data = &bytes(&message)[from..];
        let taken = data.len().min(buffer.remaining());
        buffer.put_slice(&data[..taken]);
        self.rest = Some((message, from + taken));
        Poll::Ready(Ok(()))
    }
}

/// The input stream of a channel. Dropping it is end of file, as for a pipe.
pub(super) struct Writer {
    inner: BoxedWrite,
    write: Arc<ChannelWriteHalf<Msg>>,
    ended: bool,
    /// Bytes since the host last made room.
    sent: usize,
    progress: Arc<Notify>,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _alive: mpsc::Sender<()>,
    _link: Arc<Link>,
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.closed.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.sent >= BURST && self.pause.is_none() {
            let progress = Arc::clone(&self.progress);
            self.pause = Some(Box::pin(async move {
                let _ = tokio::time::timeout(PAUSE, progress.notified()).await;
            }));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
            self.sent = 0;
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, buffer))?;
        self.sent += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(Pin::new(&mut self.inner).poll_shutdown(context))?;
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let write = Arc::clone(&self.write);
            runtime.spawn(async move {
                let _ = write.eof().await;
            });
        }
    }
}
