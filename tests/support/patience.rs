//! Waits of tests that end: for a child, for a line of a child, for the end of what a child writes. A test that waits for ever tells
//! nobody which one it is.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a helper of the tests may take for an answer. Long, since tests run beside each other on small machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Waits for a child to end, and kills it when it does not within `limit`.
pub(crate) fn ends(child: &mut Child, limit: Duration) {
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lines that a child writes, read beside the test.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(from: impl Read + Send + 'static) -> Self {
        let (into, lines) = channel();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = String::new();
            // What is not taken any more is read all the same: a full pipe would stop the child.
            while from.read_line(&mut line).unwrap_or(0) > 0 {
                let _ = into.send(std::mem::take(&mut line));
            }
        });
        Self(lines)
    }

    /// The next line with its line feed; nothing when the child closed its end.
    #[track_caller]
    pub(crate) fn next(&self, of: &str) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{of} says nothing for {} s", PATIENCE.as_secs()),
        }
    }
}
