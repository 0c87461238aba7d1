//! A program at work: its output as it comes, its signals, its end within a limit.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{patience::PATIENCE, processes};

/// No run of a test takes longer than this.
const LIMIT: Duration = Duration::from_secs(400);

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    what: String,
    stdout: Stream,
    stderr: Stream,
    peak: u64,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The most memory it had in use when last looked at, in KiB.
    pub(crate) peak_memory: u64,
}

struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Closed at the end of the stream.
    end: Receiver<()>,
}

impl Stream {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let (open, end) = channel::<()>();
        std::thread::spawn(move || {
            let _open = open;
            let mut buffer = [0; 65536];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, end }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Everything up to the end, which has to come soon after that of the program: what it leaves running must not hold its
    /// output open.
    #[track_caller]
    fn all(&self) -> String {
        let ended = self.end.recv_timeout(PATIENCE);
        assert_eq!(
            ended,
            Err(RecvTimeoutError::Disconnected),
            "something holds the output open: {}",
            self.so_far()
        );
        self.so_far()
    }
}

impl Running {
    /// Starts a command with nothing on its standard input.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Stream::of(child.stdout.take().unwrap());
        let stderr = Stream::of(child.stderr.take().unwrap());
        Self { child, started: Instant::now(), what: format!("{command:?}"), stdout, stderr, peak: 0 }
    }

    pub(crate) fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Standard output up to now.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        processes::signal(self.id(), signal);
    }

    /// Waits until `seen` says so; the program must not end before.
    pub(crate) fn until(&mut self, what: &str, mut seen: impl FnMut(&Self) -> bool) {
        while !seen(self) {
            assert!(self.started.elapsed() < LIMIT, "{what}: not seen in time\n{}", self.story());
            assert!(!self.ended(), "{what}: not seen before the end\n{}", self.story());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ended(&mut self) -> bool {
        self.peak = self.peak.max(processes::peak_memory(self.id()).unwrap_or_default());
        self.child.try_wait().unwrap().is_some()
    }

    fn story(&self) -> String {
        format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.what, self.stdout(), self.stderr.so_far())
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        while !self.ended() {
            assert!(self.started.elapsed() < LIMIT, "does not end in time\n{}", self.story());
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        Ended { code, stdout, stderr, peak_memory: self.peak }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Checks the exit code and shows everything when it is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert!(
            self.code == code,
            "exit code {} instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }
}
