//! Writes a host log.
//!
//! ```text
//! 2026-05-09T07:29:33.186512Z connected in 84 ms
//! 2026-05-09T07:29:33.190001Z step 7 TASK Ask the agent [command]
//! | HTTP 200
//! ! warning: slow
//! 2026-05-09T07:29:33.245120Z step 7 changed rc=0 in 55 ms
//! ```
//!
//! Lines of the program begin with a time or two spaces, lines of the host with `| ` (standard output)
//! or `! ` (standard error), so that a host cannot forge a result.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::lines::lines_of;
use super::output::StreamState;
use super::{HostLogError, OutputPiece, OutputStream, percent_encode_host, sanitize_line, sanitize_text};
use crate::executor::event::{Event, EventKind, Status};
use crate::secrets::Masks;

/// Output that is kept at most; the rest is drained, counted and marked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one step, both streams together.
    pub step: u64,
    /// Bytes of the log of one host in one run, resumed parts included.
    pub run: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step: 64 << 20, run: 256 << 20 }
    }
}

/// The log of one host. Every call leaves the file complete: there is nothing to flush.
pub struct HostLog {
    path: PathBuf,
    file: File,
    masks: Masks,
    limits: Limits,
    /// Bytes of output in the file so far.
    written: u64,
    /// Bytes of output of the step at work.
    step_written: u64,
    /// Whether the step's output went over a limit and the log says so.
    marked: bool,
    stdout: StreamState,
    stderr: StreamState,
    /// Whose unfinished line is last in the file.
    open_line: Option<OutputStream>,
    /// Steps that were handed to the host and have no result, with their first lines; only that of the first,
    /// which is at work, is in the file.
    ahead: VecDeque<(u64, String)>,
    /// Whether the result of a step was written since the last task ended.
    step_told: bool,
    clean: Vec<u8>,
    lines: Vec<u8>,
}

impl HostLog {
    /// Opens the log of a host in a folder (`STATE/runs/RUN/hosts`), which must exist; appends if the
    /// run is resumed.
    pub fn create(folder: &Path, host: &str, masks: Masks) -> Result<Self, HostLogError> {
        Self::with_limits(folder, host, masks, Limits::default())
    }

    /// As [`create`](Self::create), with other limits.
    pub fn with_limits(
        folder: &Path,
        host: &str,
        masks: Masks,
        limits: Limits,
    ) -> Result<Self, HostLogError> {
        let path = folder.join(format!("{}.log", percent_encode_host(host)));
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, written) =
            open(&path).map_err(|source| HostLogError::Open { path: path.clone(), source })?;
        let (stdout, stderr) = streams(&masks);
        Ok(Self {
            path,
            file,
            masks,
            limits,
            written,
            step_written: 0,
            marked: false,
            stdout,
            stderr,
            open_line: None,
            ahead: VecDeque::new(),
            step_told: false,
            clean: Vec::new(),
            lines: Vec::new(),
        })
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// More secrets to mask: from now on, and in output from the next step on that has shown none yet.
    pub fn set_masks(&mut self, masks: Masks) {
        for (state, stream) in
            [(&mut self.stdout, OutputStream::Stdout), (&mut self.stderr, OutputStream::Stderr)]
        {
            if state.is_unused() {
                *state = StreamState::new(stream, &masks);
            }
        }
        self.masks = masks;
    }

    /// Takes raw output of the step at work; it is in the file when this returns.
    pub fn output(&mut self, stream: OutputStream, bytes: &[u8]) -> Result<(), HostLogError> {
        let room = self.room();
        let state = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        self.clean.clear();
        let kept = state.take(bytes, room, &mut self.clean);
        let over = state.overflowed();
        self.count(kept, over, stream);
        self.flush()
    }

    /// Ends the output of the step at work and tells what reached the log; nothing for a stream that
    /// was silent. `dropped` more bytes were over a limit already on the host. To be called before the step's
    /// `step_finished` is written.
    pub fn finish_output(&mut self, dropped: u64) -> Result<Vec<OutputPiece>, HostLogError> {
        let (stdout, stderr) = streams(&self.masks);
        let mut pieces = Vec::new();
        let states = [
            (OutputStream::Stdout, std::mem::replace(&mut self.stdout, stdout)),
            (OutputStream::Stderr, std::mem::replace(&mut self.stderr, stderr)),
        ];
        for (stream, mut state) in states {
            self.clean.clear();
            let kept = state.finish(self.room(), &mut self.clean);
            self.count(kept, state.overflowed(), stream);
            pieces.extend(state.piece());
        }
        // The host counts both streams together; nearly always one of them is to blame.
        if let Some(longest) = pieces.iter_mut().max_by_key(|piece: &&mut OutputPiece| piece.length) {
            longest.dropped += dropped;
        }
        self.end_line();
        let dropped: u64 = pieces.iter().map(|piece| piece.dropped).sum();
        if dropped > 0 {
            self.lines.extend_from_slice(format!("  {dropped} bytes of output were dropped\n").as_bytes());
        }
        self.step_written = 0;
        self.marked = false;
        self.flush()?;
        Ok(pieces)
    }

    /// Writes the lines of an event of this host (others leave no trace).
    ///
    /// Steps are sent ahead of their results, so the first line of a step is written when the one before it has
    /// its result: output stands below the step that it belongs to.
    pub fn event(&mut self, event: &Event) -> Result<(), HostLogError> {
        let step_told = self.step_told;
        match event.kind {
            EventKind::StepFinished { .. } => self.step_told = true,
            EventKind::TaskFinished { .. } => self.step_told = false,
            _ => {}
        }
        let Some((head, body)) = lines_of(event, step_told) else { return Ok(()) };
        let head = format!("{} {head}", event.at);
        let step = event.step.unwrap_or_default();
        match event.kind {
            EventKind::StepStarted { .. } => {
                if self.ahead.is_empty() {
                    self.head(&head);
                }
                self.ahead.push_back((step, head));
            }
            EventKind::StepFinished { status, .. } => {
                while self.ahead.front().is_some_and(|(number, _)| *number < step) {
                    self.begin_next();
                }
                self.head(&head);
                self.body(&body);
                // A host takes no further step of those it has once one failed.
                if status == Status::Failed {
                    self.ahead.clear();
                } else if self.ahead.front().is_some_and(|(number, _)| *number == step) {
                    self.begin_next();
                }
            }
            EventKind::HostFinished { .. } => {
                self.ahead.clear();
                self.head(&head);
                self.body(&body);
            }
            _ => {
                self.head(&head);
                self.body(&body);
            }
        }
        self.flush()
    }

    /// The step at work is over: writes the first line of the one after it.
    fn begin_next(&mut self) {
        self.ahead.pop_front();
        if let Some((_, head)) = self.ahead.front().cloned() {
            self.head(&head);
        }
    }

    fn head(&mut self, head: &str) {
        self.end_line();
        self.lines.extend_from_slice(sanitize_line(&self.masks.mask(head)).as_bytes());
        self.lines.push(b'\n');
    }

    fn body(&mut self, body: &[String]) {
        for text in body {
            for line in sanitize_text(&self.masks.mask(text)).lines() {
                self.lines.extend_from_slice(b"  ");
                self.lines.extend_from_slice(line.as_bytes());
                self.lines.push(b'\n');
            }
        }
    }

    fn room(&self) -> u64 {
        let step = self.limits.step.saturating_sub(self.step_written);
        step.min(self.limits.run.saturating_sub(self.written))
    }

    /// Moves `clean` into `lines`, each line marked, and says so once if they are not all.
    fn count(&mut self, kept: u64, over: bool, stream: OutputStream) {
        self.step_written += kept;
        self.written += kept;
        for line in self.clean.split_inclusive(|&byte| byte == b'\n') {
            if self.open_line != Some(stream) {
                if self.open_line.is_some() {
                    self.lines.push(b'\n');
                }
                self.lines.extend_from_slice(stream.mark());
            }
            self.lines.extend_from_slice(line);
            self.open_line = (!line.ends_with(b"\n")).then_some(stream);
        }
        if over && !self.marked {
            self.marked = true;
            self.end_line();
            let what = if self.step_written >= self.limits.step { "step" } else { "host" };
            let text = format!("  output over the limit of this {what}: the rest is drained and counted\n");
            self.lines.extend_from_slice(text.as_bytes());
        }
    }

    fn end_line(&mut self) {
        if self.open_line.take().is_some() {
            self.lines.push(b'\n');
        }
    }

    fn flush(&mut self) -> Result<(), HostLogError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let result = self.file.write_all(&self.lines);
        self.lines.clear();
        self.lines.shrink_to(256 << 10);
        result.map_err(|source| HostLogError::Write { path: self.path.clone(), source })
    }
}

fn streams(masks: &Masks) -> (StreamState, StreamState) {
    (StreamState::new(OutputStream::Stdout, masks), StreamState::new(OutputStream::Stderr, masks))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::executor::event::HostStatus;

    fn event(step: Option<u64>, kind: EventKind) -> Event {
        Event {
            seq: 1,
            at: "2026-05-09T07:29:33.000001Z".to_owned(),
            run: "r".to_owned(),
            host: Some("web-1".to_owned()),
            task: Some("Ask the agent".to_owned()),
            step,
            kind,
            kept: None,
        }
    }

    fn started() -> Event {
        event(
            Some(7),
            EventKind::StepStarted {
                item: Some("a".to_owned()),
                module: "command".to_owned(),
                for_host: None,
            },
        )
    }

    fn finished(status: Status) -> Event {
        let kind = EventKind::StepFinished {
            status,
            changed: status == Status::Changed,
            rc: Some(0),
            duration_ms: 55,
            item: None,
            message: None,
            diff: None,
        };
        event(Some(7), kind)
    }

    struct Fixture {
        folder: tempfile::TempDir,
        log: HostLog,
    }

    fn log(secrets: &[&str], limits: Limits) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let masks = Masks::new(secrets.iter().copied());
        let log = HostLog::with_limits(folder.path(), "web-1", masks, limits).unwrap();
        Fixture { folder, log }
    }

    impl Fixture {
        fn text(&self) -> String {
            fs::read_to_string(self.folder.path().join("web-1.log")).unwrap()
        }
    }

    #[test]
    fn writes_steps_output_and_results() {
        let mut f = log(&["hunter2"], Limits::default());
        f.log.event(&event(None, EventKind::HostConnected { duration_ms: 84, reached: None })).unwrap();
        f.log.event(&started()).unwrap();
        f.log.output(OutputStream::Stdout, b"one\ntw").unwrap();
        assert!(f.text().ends_with("\n| one\n| tw"), "output is in the file at once");
        f.log.output(OutputStream::Stderr, b"pw hun").unwrap();
        f.log.output(OutputStream::Stderr, b"ter2\x1b[2J\n").unwrap();
        f.log.output(OutputStream::Stdout, b"three").unwrap();
        let pieces = f.log.finish_output(0).unwrap();
        let point = EventKind::RollbackPoint {
            point: 3,
            covers: "file".into(),
            path: "/etc/a\nb".into(),
            become_user: None,
        };
        f.log.event(&event(Some(7), point)).unwrap();
        f.log.event(&finished(Status::Changed)).unwrap();
        insta::assert_snapshot!(f.text(), @r"
        2026-05-09T07:29:33.000001Z connected in 84 ms
        2026-05-09T07:29:33.000001Z step 7 TASK Ask the agent (item=a) [command]
        | one
        | tw
        ! pw ********\x1b[2J
        | three
        2026-05-09T07:29:33.000001Z step 7 rollback point 3: file /etc/a\nb
        2026-05-09T07:29:33.000001Z step 7 changed rc=0 in 55 ms
        ");
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].length, pieces[0].dropped), (11, 0));
        assert_eq!(pieces[0].sha256, sha256(b"one\ntwthree"));
        assert_eq!(pieces[1].sha256, sha256(b"pw ********\x1b[2J\n"));
    }

    #[test]
    fn output_stands_below_its_step_although_steps_are_sent_ahead() {
        let mut f = log(&[], Limits::default());
        let step = |number, event: Event| Event { step: Some(number), ..event };
        for number in 1..=4 {
            f.log.event(&step(number, started())).unwrap();
        }
        for (number, status) in [(1, Status::Ok), (2, Status::Failed)] {
            f.log.output(OutputStream::Stdout, format!("of {number}\n").as_bytes()).unwrap();
            f.log.finish_output(0).unwrap();
            f.log.event(&step(number, finished(status))).unwrap();
        }
        f.log.event(&step(5, started())).unwrap();
        let text = f.text().replace("2026-05-09T07:29:33.000001Z ", "");
        insta::assert_snapshot!(text, @r"
        step 1 TASK Ask the agent (item=a) [command]
        | of 1
        step 1 ok rc=0 in 55 ms
        step 2 TASK Ask the agent (item=a) [command]
        | of 2
        step 2 failed rc=0 in 55 ms
        step 5 TASK Ask the agent (item=a) [command]
        ");
    }

    #[test]
    fn a_host_cannot_forge_a_result() {
        let mut f = log(&[], Limits::default());
        f.log.output(OutputStream::Stdout, b"\n2026 step 1 ok\r2026 step 2 ok\r\n").unwrap();
        f.log.finish_output(0).unwrap();
        assert_eq!(f.text(), "| \n| 2026 step 1 ok\\r2026 step 2 ok\n");
    }

    #[test]
    fn failures_say_why_and_secrets_stay_out() {
        let mut f = log(&["hunter2"], Limits::default());
        let mut failed = finished(Status::Failed);
        if let EventKind::StepFinished { message, diff, .. } = &mut failed.kind {
            *message = Some("bad password hunter2\nsecond line".to_owned());
            *diff = Some("-old\n+hunter2\n".to_owned());
        }
        f.log.event(&failed).unwrap();
        let kind = EventKind::HostFinished {
            status: HostStatus::Failed,
            message: Some("1 task failed".to_owned()),
            hint: Some("look above".to_owned()),
        };
        f.log.event(&event(None, kind)).unwrap();
        insta::assert_snapshot!(f.text(), @r"
        2026-05-09T07:29:33.000001Z step 7 failed rc=0 in 55 ms
          bad password ********
          second line
          -old
          +********
        2026-05-09T07:29:33.000001Z host failed
          1 task failed
          hint: look above
        ");
    }

    #[test]
    fn a_task_is_told_if_its_steps_did_not_tell_it() {
        let mut f = log(&[], Limits::default());
        let task = |status, message: &str| {
            let kind = EventKind::TaskFinished {
                irreversible: false,
                unplanned: false,
                status,
                changed: false,
                message: Some(message.to_owned()),
                output_tail: Vec::new(),
                handler: false,
                place: Some("site.yml:3:7".to_owned()),
                delegates: Vec::new(),
            };
            event(None, kind)
        };
        f.log.event(&task(Status::Skipped, "`when` was false")).unwrap();
        f.log.event(&finished(Status::Failed)).unwrap();
        f.log.event(&task(Status::Failed, "told by the step")).unwrap();
        f.log.event(&finished(Status::Failed)).unwrap();
        f.log.event(&task(Status::Ignored, "told by the step")).unwrap();
        insta::assert_snapshot!(f.text(), @r"
        2026-05-09T07:29:33.000001Z TASK Ask the agent skipped (site.yml:3:7)
          `when` was false
        2026-05-09T07:29:33.000001Z step 7 failed rc=0 in 55 ms
        2026-05-09T07:29:33.000001Z step 7 failed rc=0 in 55 ms
        2026-05-09T07:29:33.000001Z TASK Ask the agent ignored (site.yml:3:7)
        ");
    }

    #[test]
    fn output_over_the_limit_of_a_step_is_counted() {
        let mut f = log(&[], Limits { step: 10, run: 100 });
        f.log.output(OutputStream::Stdout, b"0123456").unwrap();
        f.log.output(OutputStream::Stderr, b"789abc").unwrap();
        f.log.output(OutputStream::Stdout, &[b'x'; 1000]).unwrap();
        let pieces = f.log.finish_output(5).unwrap();
        f.log.output(OutputStream::Stdout, b"next\n").unwrap();
        assert_eq!(pieces.iter().map(|p| (p.length, p.dropped)).collect::<Vec<_>>(), [(7, 1005), (3, 3)]);
        insta::assert_snapshot!(f.text(), @"
        | 0123456
        ! 789
          output over the limit of this step: the rest is drained and counted
          1008 bytes of output were dropped
        | next
        ");
    }

    #[test]
    fn output_over_the_limit_of_a_host_is_counted_over_resumes() {
        let f = log(&[], Limits { step: 10, run: 12 });
        for text in ["0123", "4567", "89ab"] {
            let mut log =
                HostLog::with_limits(f.folder.path(), "web-1", Masks::default(), f.log.limits).unwrap();
            log.output(OutputStream::Stdout, text.as_bytes()).unwrap();
            log.finish_output(0).unwrap();
        }
        insta::assert_snapshot!(f.text(), @"
        | 0123
        | 4567
          output over the limit of this host: the rest is drained and counted
          4 bytes of output were dropped
        ");
    }

    #[test]
    fn the_file_is_private() {
        let f = log(&[], Limits::default());
        assert_eq!(f.log.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    fn sha256(bytes: &[u8]) -> String {
        use sha2::Digest;
        sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
