//! Output between the task that fetches it and its reader: nothing is lost, and memory stays bounded, because nothing is fetched while
//! too much waits.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

use crate::error::Error;

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    waiting: usize,
    end: Option<Result<(), Error>>,
    is_read: bool,
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    room: Notify,
    limit: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Output of a command as a stream of bytes. A reader that stops holds the command up, as with a pipe; one that is dropped
/// lets the rest go. The end comes when the command has ended.
#[derive(Debug)]
pub struct Output(Arc<Shared>);

/// The end that is filled.
#[derive(Debug)]
pub(super) struct Source(Arc<Shared>);

/// A pipe that has room as long as less than `limit` bytes wait in it.
pub(super) fn pipe(limit: usize) -> (Source, Output) {
    let state = Mutex::new(State { is_read: true, ..State::default() });
    let shared = Arc::new(Shared { state, room: Notify::new(), limit: limit.max(1) });
    (Source(Arc::clone(&shared)), Output(shared))
}

impl Source {
    /// Waits until there is room for more.
    pub(super) async fn room(&self) {
        loop {
            let has_room = {
                let state = self.0.state();
                !state.is_read || state.waiting < self.0.limit
            };
            if has_room {
                return;
            }
            // A permit is kept if the reader makes room between the look and the wait.
            self.0.room.notified().await;
        }
    }

    pub(super) fn push(&self, piece: Bytes) {
        let mut state = self.0.state();
        if state.is_read && state.end.is_none() {
            state.waiting += piece.len();
            state.pieces.push_back(piece);
            wake(state);
        }
    }

    /// The end, or what kept the rest away; the first one counts.
    pub(super) fn end(&self, end: Result<(), Error>) {
        let mut state = self.0.state();
        state.end.get_or_insert(end);
        wake(state);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.end(Err(Error::Closed));
    }
}

impl AsyncRead for Output {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        let mut has_read = false;
        while buffer.remaining() > 0 {
            let Some(piece) = state.pieces.front_mut() else { break };
            let length = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece[..length]);
            piece.advance(length);
            if piece.is_empty() {
                state.pieces.pop_front();
            }
            state.waiting -= length;
            has_read = true;
        }
        if has_read || buffer.remaining() == 0 {
            self.0.room.notify_one();
            return Poll::Ready(Ok(()));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(io::Error::other(error.clone()))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_read = false;
        state.pieces.clear();
        state.waiting = 0;
        drop(state);
        self.0.room.notify_one();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_then_the_end() {
        let (source, mut output) = pipe(4);
        source.push(Bytes::from_static(b"one"));
        source.push(Bytes::from_static(b"two"));
        source.end(Ok(()));
        source.push(Bytes::from_static(b"late"));
        let mut all = Vec::new();
        output.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"onetwo");
    }

    #[tokio::test]
    async fn an_error_comes_behind_the_data() {
        let (source, mut output) = pipe(4);
        source.push(Bytes::from_static(b"one"));
        drop(source);
        let mut all = Vec::new();
        assert_eq!(output.read_to_end(&mut all).await.unwrap_err().to_string(), "the shell is closed");
        assert_eq!(all, b"one");
    }

    #[tokio::test]
    async fn a_full_pipe_has_room_again_when_somebody_reads_or_goes() {
        let (source, mut output) = pipe(4);
        source.push(Bytes::from_static(b"12345"));
        timeout(Duration::from_millis(50), source.room()).await.unwrap_err();
        output.read_exact(&mut [0; 2]).await.unwrap();
        timeout(Duration::from_secs(5), source.room()).await.unwrap();
        source.push(Bytes::from_static(b"12345"));
        timeout(Duration::from_millis(50), source.room()).await.unwrap_err();
        drop(output);
        timeout(Duration::from_secs(5), source.room()).await.unwrap();
    }
}
