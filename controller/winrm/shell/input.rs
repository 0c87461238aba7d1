//! Input between its writer and the task that sends it, in chunks as large as an envelope takes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;

use crate::error::Error;

/// Bytes that wait to be sent before a writer has to wait.
const ROOM: usize = 512 * 1024;

#[derive(Debug, Default)]
struct State {
    waiting: BytesMut,
    /// A chunk is on its way to the host.
    is_sending: bool,
    is_closed: bool,
    end: Option<Result<(), Error>>,
    writers: Vec<Waker>,
}

impl State {
    /// Remembers whom to wake, once.
    fn wait(&mut self, writer: &Waker) {
        if !self.writers.iter().any(|known| known.will_wake(writer)) {
            self.writers.push(writer.clone());
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Input of a command as a stream of bytes. Flushing waits until the host has it; shutting down, or dropping, tells the command that
/// there is no more.
#[derive(Debug)]
pub struct Input(Arc<Shared>);

/// The end that is emptied.
#[derive(Debug)]
pub(super) struct Sink(Arc<Shared>);

/// A piece of input to send.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) is_last: bool,
}

pub(super) fn input() -> (Input, Sink) {
    let shared = Arc::new(Shared::default());
    (Input(Arc::clone(&shared)), Sink(shared))
}

impl Sink {
    /// The next piece, of at most `longest` bytes; None after the last one.
    pub(super) async fn next(&self, longest: usize) -> Option<Chunk> {
        loop {
            {
                let mut state = self.0.state();
                if state.end.is_some() {
                    return None;
                }
                if !state.waiting.is_empty() || state.is_closed {
                    let length = state.waiting.len().min(longest);
                    let bytes = state.waiting.split_to(length).freeze();
                    state.is_sending = true;
                    return Some(Chunk { bytes, is_last: state.is_closed && state.waiting.is_empty() });
                }
            }
            self.0.more.notified().await;
        }
    }

    /// The host took the last piece.
    pub(super) fn sent(&self) {
        let mut state = self.0.state();
        state.is_sending = false;
        wake(state);
    }

    /// Nothing more will be sent.
    pub(super) fn end(&self, end: Result<(), Error>) {
        let mut state = self.0.state();
        state.end.get_or_insert(end);
        state.is_sending = false;
        state.waiting.clear();
        wake(state);
        self.0.more.notify_one();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.end(Err(Error::Closed));
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let writers = std::mem::take(&mut state.writers);
    drop(state);
    for writer in writers {
        writer.wake();
    }
}

fn broken(end: &Result<(), Error>) -> io::Error {
    match end {
        Ok(()) => io::ErrorKind::BrokenPipe.into(),
        Err(error) => io::Error::other(error.clone()),
    }
}

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if let Some(end) = &state.end {
            return Poll::Ready(Err(broken(end)));
        }
        if state.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = ROOM - state.waiting.len().min(ROOM);
        if room == 0 && !bytes.is_empty() {
            state.wait(cx.waker());
            return Poll::Pending;
        }
        let length = bytes.len().min(room);
        state.waiting.extend_from_slice(&bytes[..length]);
        drop(state);
        self.0.more.notify_one();
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if !state.waiting.is_empty() || state.is_sending {
            state.wait(cx.waker());
            return Poll::Pending;
        }
        match &state.end {
            Some(Err(error)) => Poll::Ready(Err(io::Error::other(error.clone()))),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        match &state.end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(io::Error::other(error.clone()))),
            None => {
                state.is_closed = true;
                state.wait(cx.waker());
                drop(state);
                self.0.more.notify_one();
                Poll::Pending
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.more.notify_one();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn input_comes_in_chunks_with_the_end_on_the_last() {
        let (mut input, sink) = input();
        input.write_all(b"12345").await.unwrap();
        let closing = tokio::spawn(async move { input.shutdown().await });
        tokio::task::yield_now().await;
        let chunk = sink.next(3).await.unwrap();
        assert_eq!(chunk, Chunk { bytes: Bytes::from_static(b"123"), is_last: false });
        sink.sent();
        let chunk = sink.next(3).await.unwrap();
        assert_eq!(chunk, Chunk { bytes: Bytes::from_static(b"45"), is_last: true });
        sink.sent();
        sink.end(Ok(()));
        closing.await.unwrap().unwrap();
        assert_eq!(sink.next(3).await, None);
    }

    #[tokio::test]
    async fn flushing_waits_for_the_host_and_writing_for_room() {
        let (mut input, sink) = input();
        input.write_all(&vec![1; ROOM]).await.unwrap();
        timeout(Duration::from_millis(50), input.write_all(b"x")).await.unwrap_err();
        timeout(Duration::from_millis(50), input.flush()).await.unwrap_err();
        sink.next(ROOM).await.unwrap();
        timeout(Duration::from_millis(50), input.flush()).await.unwrap_err();
        sink.sent();
        timeout(Duration::from_secs(5), input.flush()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_lost_host_is_an_error_for_the_writer() {
        let (mut input, sink) = input();
        input.write_all(b"x").await.unwrap();
        drop(sink);
        assert_eq!(input.write_all(b"y").await.unwrap_err().to_string(), "the shell is closed");
        assert!(input.flush().await.is_err());
        assert!(input.shutdown().await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_writer_ends_the_input() {
        let (mut input, sink) = input();
        input.write_all(b"x").await.unwrap();
        drop(input);
        assert!(sink.next(9).await.unwrap().is_last);
    }
}
