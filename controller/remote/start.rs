//! From an opened command to a session: sentinel, sudo's prompt, the program, the first frames.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::dialect::Dialect;
use crate::error::{StartError, StartPhase};
use crate::frame::{Frame, Limits, Parser, excerpt, position};
use crate::login::{Login, prompt};
use crate::nonce::Nonce;
use crate::outstanding::Outstanding;
use crate::program::{Settings, TEMPORARY};
use crate::reader::{READ, Reader, StepCounts};
use crate::session::{Pipes, ShellHandle, ShellInfo, Started};
use crate::writer::Writer;

/// Longest line of a frame.
const LINE_CAP: usize = 1024 * 1024;
/// Most noise before the sentinel, and most of standard error that is kept.
const NOISE_CAP: usize = 1024 * 1024;
const STDERR_KEPT: usize = 8 * 1024;
/// Events that wait for their consumer.
const EVENTS: usize = 64;
/// Most that a library may say, and how long it may wait for something.
const INFOS: usize = 100;
const WAITING: Duration = Duration::from_secs(2 * 3600);
/// Most words about waiting: ten a second. The library says five.
const WAITS: u64 = WAITING.as_secs() * 10;

/// How to start.
#[derive(Debug)]
pub struct StartOptions {
    /// Which shell the command line starts.
    pub dialect: Dialect,
    /// The nonce of the command line.
    pub nonce: Nonce,
    /// The login of the command line.
    pub login: Login,
    /// For sudo. Sent only when its prompt was seen, at most once.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// Limit for each phase.
    pub timeout: Duration,
    /// Trusted text that is evaluated once, before the first step: functions.
    pub library: String,
    /// What is run once, behind the library: shell text on POSIX, calls for PowerShell.
    pub opening: String,
    /// Most bytes of output per step, and of a blob; on the host and here.
    pub output_cap: u64,
    /// Told what the library says while it waits for a step of an earlier session (`plr_info lease_wait`): the process, and the
    /// seconds of its wait and of its limit, 44 bytes at most. Each such word extends the limit; together they extend it by two
    /// hours at most. What finds no room is not told.
    pub waiting: Option<mpsc::Sender<String>>,
}

/// Starts a session over the streams of a command that [`crate::command_line`] made.
pub async fn start(pipes: Pipes, options: StartOptions) -> Result<Started, StartError> {
    let StartOptions {
        dialect,
        nonce,
        login,
        password,
        timeout,
        library,
        opening: calls,
        output_cap,
        waiting,
    } = options;
    let token = Nonce::new();
    let directory = Nonce::new();
    let output_cap = output_cap.clamp(4096, 1 << 40);
    // The shell counts a blob in blocks.
    let blob_cap = output_cap.next_multiple_of(65536);
    let settings = Settings {
        token: token.as_str(),
        directory: directory.as_str(),
        output_cap,
        blob_cap,
        library: &library,
        opening: &calls,
    };
    let program = dialect.bootstrap(&settings);
    if dialect == Dialect::PowerShell && login != Login::Plain {
        return Err(StartError::NoBecome);
    }

    let Pipes { mut stdin, stdout, stderr } = pipes;
    let mut opening = Opening::new(stdout, stderr, dialect, &nonce, &login, timeout);
    opening.waiting = waiting;
    let mut frames = Vec::new();
    let limits = Limits { line: LINE_CAP, blob: usize::try_from(blob_cap).unwrap_or(usize::MAX) };
    let mut parser = Parser::new(token.as_str(), limits);
    if login == Login::Plain {
        // Nothing here is secret, so the program goes out at once and saves a round trip.
        let opened = async {
            opening.sentinel(None, password).await?;
            opening.phase(StartPhase::Shell);
            opening.ready(&mut parser, &mut frames).await
        };
        while_sending(&mut stdin, &program, opened).await?;
    } else {
        opening.sentinel(Some(&mut stdin), password).await?;
        opening.phase(StartPhase::Shell);
        while_sending(&mut stdin, &program, opening.ready(&mut parser, &mut frames)).await?;
    }
    let info = info(&frames, dialect, directory.as_str())?;
    let Opening { stdout, stderr, .. } = opening;

    let (orders, queue) = mpsc::unbounded_channel();
    let (sender, events) = mpsc::channel(EVENTS);
    let outstanding = Arc::new(Outstanding::default());
    let closing = Arc::new(AtomicBool::new(false));
    let writer = Writer {
        stdin,
        orders: queue,
        outstanding: Arc::clone(&outstanding),
        closing: Arc::clone(&closing),
        token: token.to_string(),
        dialect,
    };
    let writer = tokio::spawn(writer.run()).abort_handle();
    let stderr = tokio::spawn(drain(stderr)).abort_handle();
    let reader = Reader {
        stdout,
        parser,
        events: sender,
        outstanding: Arc::clone(&outstanding),
        closing: Arc::clone(&closing),
        output_cap,
        writer,
        stderr,
        step: StepCounts::default(),
    };
    tokio::spawn(reader.run());
    let handle = ShellHandle {
        orders,
        outstanding,
        closing,
        nonce,
        directory: info.directory.clone(),
        name: directory,
        dialect,
    };
    Ok(Started { handle, events, info })
}

pub(crate) async fn send(stdin: &mut (dyn AsyncWrite + Send + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stdin.write_all(bytes).await?;
    stdin.flush().await
}

/// Sends while `opened` reads. Whatever happens to the sending is told by what is read: the shell is
/// not ready before it has taken everything.
async fn while_sending(
    stdin: &mut (dyn AsyncWrite + Send + Unpin),
    bytes: &[u8],
    opened: impl Future<Output = Result<(), StartError>>,
) -> Result<(), StartError> {
    let sending = send(stdin, bytes);
    tokio::pin!(sending, opened);
    let mut sent = false;
    loop {
        tokio::select! {
            biased;
            result = &mut opened => return result,
            _ = &mut sending, if !sent => sent = true,
        }
    }
}

/// Reads to the end, so that nobody waits for room.
async fn drain(mut stream: Box<dyn AsyncRead + Send + Unpin>) {
    let mut buffer = vec![0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(count) if count > 0) {}
}

/// The streams before the session.
pub(crate) struct Opening<'a> {
    pub(crate) stdout: Box<dyn AsyncRead + Send + Unpin>,
    stderr: Box<dyn AsyncRead + Send + Unpin>,
    dialect: Dialect,
    nonce: &'a Nonce,
    login: &'a Login,
    phase: StartPhase,
    timeout: Duration,
    pub(crate) deadline: Instant,
    /// What came on standard output and is not taken yet.
    pub(crate) pending: Vec<u8>,
    /// The beginning of what came before the sentinel.
    noise: Vec<u8>,
    /// Bytes before the sentinel.
    noise_count: usize,
    /// The end of standard error.
    errors: Vec<u8>,
    stderr_open: bool,
    /// Who is told what the library waits for, and since when it does.
    waiting: Option<mpsc::Sender<String>>,
    waits_since: Option<Instant>,
    waits: u64,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(
        stdout: Box<dyn AsyncRead + Send + Unpin>,
        stderr: Box<dyn AsyncRead + Send + Unpin>,
        dialect: Dialect,
        nonce: &'a Nonce,
        login: &'a Login,
        timeout: Duration,
    ) -> Self {
        let phase = if *login == Login::Plain { StartPhase::Login } else { StartPhase::Become };
        Self {
            stdout,
            stderr,
            dialect,
            nonce,
            login,
            phase,
            timeout,
            deadline: Instant::now() + timeout,
            pending: Vec::new(),
            noise: Vec::new(),
            noise_count: 0,
            errors: Vec::new(),
            stderr_open: true,
            waiting: None,
            waits_since: None,
            waits: 0,
        }
    }

    pub(crate) fn phase(&mut self, phase: StartPhase) {
        self.phase = phase;
        self.deadline = Instant::now() + self.timeout;
    }

    pub(crate) fn late(&self) -> StartError {
        StartError::Timeout { phase: self.phase }
    }

    /// Reads from whichever stream has something; false at the end of standard output.
    async fn more(&mut self) -> Result<bool, StartError> {
        let mut out = [0; READ / 8];
        let mut err = [0; 1024];
        let late = StartError::Timeout { phase: self.phase };
        let wait = tokio::time::sleep_until(self.deadline);
        tokio::select! {
            () = wait => Err(late),
            count = self.stdout.read(&mut out) => {
                let count = count.unwrap_or(0);
                self.pending.extend_from_slice(&out[..count]);
                Ok(count > 0)
            }
            count = self.stderr.read(&mut err), if self.stderr_open => {
                let count = count.unwrap_or(0);
                self.stderr_open = count > 0;
                self.errors.extend_from_slice(&err[..count]);
                Ok(true)
            }
        }
    }

    /// Reads up to the sentinel, answering sudo's prompt on the way.
    pub(crate) async fn sentinel(
        &mut self,
        mut stdin: Option<&mut Box<dyn AsyncWrite + Send + Unpin>>,
        mut password: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), StartError> {
        let line = self.dialect.sentinel(self.nonce).into_bytes();
        let prompt = prompt(self.nonce).into_bytes();
        let mut asked = false;
        let mut searched = 0;
        loop {
            while let Some(end) = position(&self.pending[searched..], b'\n') {
                let end = searched + end;
                searched = 0;
                // PowerShell that may not call methods writes it with a carriage return.
                let came = self.pending[..end].strip_suffix(b"\r").unwrap_or(&self.pending[..end]);
                let found = came == &line[..];
                self.keep_noise(end + 1);
                if found {
                    return Ok(());
                }
            }
            searched = self.pending.len();
            if self.noise_count + self.pending.len() > NOISE_CAP {
                return Err(StartError::NoShell { what: self.what_came() });
            }
            if !self.more().await? {
                return Err(self.ended().await);
            }
            if let Some(at) = find(&self.errors, &prompt) {
                self.errors.drain(..at + prompt.len());
                if asked {
                    return Err(StartError::SudoPasswordWrong);
                }
                let (Some(password), Some(stdin)) = (password.take(), stdin.as_deref_mut()) else {
                    return Err(StartError::SudoNeedsPassword);
                };
                asked = true;
                let mut answer = Zeroizing::new(Vec::with_capacity(password.len() + 1));
                answer.extend_from_slice(&password);
                answer.push(b'\n');
                // A sudo that is gone says why on its standard error.
                drop(send(stdin, &answer).await);
            } else if self.errors.len() > STDERR_KEPT {
                self.errors.drain(..self.errors.len() - STDERR_KEPT / 2);
            }
        }
    }

    /// Takes `count` bytes as noise and keeps the beginning of it for messages.
    fn keep_noise(&mut self, count: usize) {
        self.noise_count += count;
        let taken: Vec<u8> = self.pending.drain(..count).collect();
        if self.noise.len() < 400 {
            self.noise.extend_from_slice(&taken);
        }
    }

    /// Reads frames up to the one that says the session is ready.
    async fn ready(&mut self, parser: &mut Parser, frames: &mut Vec<Frame>) -> Result<(), StartError> {
        loop {
            let bytes = std::mem::take(&mut self.pending);
            let came = parser.feed(&bytes).map_err(|what| StartError::NoShell { what })?;
            for frame in came {
                match frame {
                    Frame::Unsupported { tool } => return Err(unsupported(self.dialect, tool)),
                    Frame::Failed { text } => return Err(StartError::Failed { text }),
                    Frame::Info { key, value } if key == "lease_wait" => self.wait_on(value)?,
                    Frame::Info { .. } if frames.len() < INFOS => frames.push(frame),
                    Frame::Ready => {
                        frames.push(frame);
                        return Ok(());
                    }
                    _ => return Err(StartError::NoShell { what: "frames out of turn".to_owned() }),
                }
            }
            if !self.more().await? {
                return Err(self.ended().await);
            }
            if self.errors.len() > STDERR_KEPT {
                self.errors.drain(..self.errors.len() - STDERR_KEPT / 2);
            }
        }
    }

    /// The library waits for something and says so: the limit begins anew, but not for ever.
    fn wait_on(&mut self, text: String) -> Result<(), StartError> {
        self.waits += 1;
        if !is_wait(&text) || self.waits > WAITS {
            return Err(StartError::NoShell { what: "words about waiting that are none".to_owned() });
        }
        let now = Instant::now();
        if *self.waits_since.get_or_insert(now) + WAITING > now {
            self.deadline = now + self.timeout;
        }
        if let Some(waiting) = &self.waiting {
            // Whoever asked may have lost interest, or be behind.
            let _ = waiting.try_send(text);
        }
        Ok(())
    }

    /// The command ended too early: finds out why.
    async fn ended(&mut self) -> StartError {
        // What it said last may still be on its way.
        let patience = Instant::now() + Duration::from_secs(1);
        let mut buffer = [0; 1024];
        while self.errors.len() < STDERR_KEPT
            && let Ok(Ok(count @ 1..)) =
                tokio::time::timeout_at(patience, self.stderr.read(&mut buffer)).await
        {
            self.errors.extend_from_slice(&buffer[..count]);
        }
        let text = excerpt(self.errors.trim_ascii());
        if *self.login != Login::Plain && self.phase == StartPhase::Become {
            if text.contains("password is required") || text.contains("no password was provided") {
                return StartError::SudoNeedsPassword;
            }
            if text.contains("incorrect password") {
                return StartError::SudoPasswordWrong;
            }
            if !text.is_empty() {
                return StartError::SudoNotAllowed { text };
            }
        }
        let what = self.what_came();
        if what.is_empty() { StartError::Lost } else { StartError::NoShell { what } }
    }

    /// What came instead of a shell, for a person.
    fn what_came(&self) -> String {
        let mut all = self.noise.clone();
        all.extend_from_slice(&self.pending);
        let (out, err) = (excerpt(all.trim_ascii()), excerpt(self.errors.trim_ascii()));
        [out, err].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// Whether it is a process and two numbers of seconds.
fn is_wait(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').take(4).collect();
    let [process, waited, bound] = words[..] else { return false };
    let is_number =
        |word: &str| matches!(word.len(), 1..=10) && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_process =
        matches!(process.len(), 1..=20) && process.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_process && is_number(waited) && is_number(bound)
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

/// What a shell lacks, in the words of its system.
fn unsupported(dialect: Dialect, tool: String) -> StartError {
    match dialect {
        Dialect::Posix => StartError::Unsupported { tool },
        Dialect::PowerShell => StartError::PowerShell { what: tool.trim_end_matches('.').to_owned() },
    }
}

/// Reads the facts of the start.
fn info(frames: &[Frame], dialect: Dialect, directory: &str) -> Result<ShellInfo, StartError> {
    let value = |name: &str| {
        frames.iter().find_map(|frame| match frame {
            Frame::Info { key, value } if key == name => Some(value.clone()),
            _ => None,
        })
    };
    let number = |name: &str| {
        let missing = || StartError::NoShell { what: format!("the shell did not tell its {name}") };
        value(name).and_then(|value| value.parse::<u32>().ok()).ok_or_else(missing)
    };
    let place = match dialect {
        Dialect::Posix => TEMPORARY.get(number("temp")? as usize),
        Dialect::PowerShell => Some(&"%TEMP%"),
    };
    let temp = place.ok_or_else(|| StartError::NoShell { what: "an unknown directory".to_owned() })?;
    let text = |name: &str| value(name).unwrap_or_default();
    const OWN: [&str; 10] =
        ["pid", "uid", "user", "home", "umask", "temp", "os", "kernel", "hostname", "boot_id"];
    let extra = frames.iter().filter_map(|frame| match frame {
        Frame::Info { key, value } if !OWN.contains(&key.as_str()) => Some((key.clone(), value.clone())),
        _ => None,
    });
    Ok(ShellInfo {
        pid: number("pid")?,
        uid: number("uid")?,
        user: text("user"),
        home: text("home"),
        umask: text("umask"),
        os: text("os"),
        kernel: text("kernel"),
        hostname: text("hostname"),
        boot_id: value("boot_id").filter(|id| !id.is_empty()),
        temp,
        directory: format!("{temp}/.paceline-{directory}"),
        extra: extra.collect(),
    })
}
