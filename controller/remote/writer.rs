//! The task that writes to the shell's standard input.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::dialect::Dialect;
use crate::outstanding::{BYTES_AHEAD, Outstanding};
use crate::session::Order;
use crate::step::Step;

/// Smallest and largest piece of a payload. A piece is acknowledged before the next one is sent,
/// and costs the host a `dd`; a large payload is sent in sixteen, unless it is the next thing the host does.
const PIECE: (usize, usize) = (BYTES_AHEAD, 4 * 1024 * 1024);
/// Further bytes that a step costs beyond its text.
const OVERHEAD: usize = 64;

/// Why the writer ends early.
enum Stop {
    /// The session is over; the reader says why.
    Over,
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Over
    }
}

/// The writer's state.
pub(crate) struct Writer {
    pub(crate) stdin: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) closing: Arc<AtomicBool>,
    pub(crate) token: String,
    pub(crate) dialect: Dialect,
}

impl Writer {
    /// Writes until everything is sent and the session is closed, or until it is over.
    pub(crate) async fn run(mut self) {
        if self.write_orders().await.is_ok() {
            self.closing.store(true, Ordering::Release);
            // A shell that is gone already needs no end of file.
            let _ = self.stdin.shutdown().await;
        }
    }

    async fn write_orders(&mut self) -> Result<(), Stop> {
        let mut queue = VecDeque::new();
        let mut closed = None;
        loop {
            if queue.is_empty() {
                if let Some(forget) = closed {
                    if forget {
                        self.stdin.write_all(self.dialect.bye(&self.token).as_bytes()).await?;
                        self.stdin.flush().await?;
                    }
                    return Ok(());
                }
                match self.orders.recv().await {
                    Some(order) => take(order, &mut queue, &mut closed),
                    None => closed = Some(false),
                }
            }
            // Steps that were handed over one by one in the meantime travel together as well.
            while let Ok(order) = self.orders.try_recv() {
                take(order, &mut queue, &mut closed);
            }
            self.outstanding.wait_for_room().await.map_err(|_| Stop::Over)?;
            if queue.front().is_some_and(|step: &Step| step.payload.is_some()) {
                if let Some(step) = queue.pop_front() {
                    self.write_with_payload(&step).await?;
                }
            } else {
                self.write_batch(&mut queue).await?;
            }
        }
    }

    /// Writes as many steps without a payload as there is room for, in one body.
    async fn write_batch(&mut self, queue: &mut VecDeque<Step>) -> Result<(), Stop> {
        let (mut steps, mut bytes) = self.outstanding.room();
        let mut units = Vec::new();
        while steps > 0
            && bytes > 0
            && queue.front().is_some_and(|step| step.payload.is_none())
            && let Some(step) = queue.pop_front()
        {
            let unit = self.dialect.unit(&step);
            let size = unit.len() + OVERHEAD;
            self.outstanding.push(step.id, size);
            steps -= 1;
            bytes = bytes.saturating_sub(size);
            units.push(unit);
        }
        self.write_units(&units).await
    }

    async fn write_units(&mut self, units: &[String]) -> Result<(), Stop> {
        let text = self.dialect.units(units, &self.token);
        self.stdin.write_all(text.as_bytes()).await?;
        Ok(self.stdin.flush().await?)
    }

    /// Writes a payload piece by piece, then its step. When the host says that the step is held
    /// back, the rest stays here.
    async fn write_with_payload(&mut self, step: &Step) -> Result<(), Stop> {
        let payload = step.payload.as_deref().map_or(&[][..], |payload| payload.as_ref());
        let unit = self.dialect.unit(step);
        // Nothing in front of the step can hold it back.
        let alone = self.outstanding.is_empty();
        let piece_size = if alone { PIECE.1 } else { (payload.len() / 16).clamp(PIECE.0, PIECE.1) };
        self.outstanding.push(step.id, unit.len() + OVERHEAD + payload.len().min(piece_size));
        let mut rest = payload;
        let mut first = true;
        loop {
            let (piece, following) = rest.split_at(rest.len().min(piece_size));
            rest = following;
            let more = !rest.is_empty();
            let stored = more.then(|| self.outstanding.expect_stored(step.id));
            let head = self.dialect.piece(step, piece.len(), more, first, &self.token);
            self.stdin.write_all(head.as_bytes()).await?;
            self.stdin.write_all(piece).await?;
            self.stdin.write_all(format!("{}\n", self.token).as_bytes()).await?;
            let Some(stored) = stored else { break };
            self.stdin.flush().await?;
            match stored.await {
                Ok(true) => first = false,
                Ok(false) => break,
                Err(_) => return Err(Stop::Over),
            }
        }
        self.write_units(&[unit]).await
    }
}

fn take(order: Order, queue: &mut VecDeque<Step>, closed: &mut Option<bool>) {
    match order {
        // What comes behind the end is not sent; `send` refuses it.
        Order::Steps(steps) if closed.is_none() => queue.extend(steps),
        Order::Steps(_) => {}
        Order::Close { forget } => *closed = Some(forget),
    }
}
