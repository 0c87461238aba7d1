//! `paceline runs logs`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use super::ReportError;
use super::list::write_json;
use super::story::unknown_host;
use crate::executor::event::EventKind;
use crate::hostlog::Sanitizer;
use crate::journal::{RunFolder, last, read};
use crate::ui::OutputFormat;

/// Time between two looks at a log that is followed.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Document<'a> {
    run: &'a str,
    host: &'a str,
    path: String,
    text: String,
}

/// Writes the log of a host. With `follow`, goes on until the run ends: its last event is written, or no
/// controller is at work on it.
pub fn logs(
    folder: &RunFolder,
    host: &str,
    follow: bool,
    output: OutputFormat,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    if follow && output == OutputFormat::Json {
        return Err(ReportError::FollowJson);
    }
    let path = folder.host_log(host);
    let mut file = None;
    let mut clean = Cleaner::default();
    loop {
        // Looked at before the log, so that what was written last is not missed.
        let ended = !follow || !folder.is_running() || has_finished(folder);
        if file.is_none() {
            file = match File::open(&path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    check_host(folder, host)?;
                    None
                }
                Err(source) => return Err(ReportError::Log { path, source }),
            };
        }
        match &mut file {
            Some(file) if output == OutputFormat::Json => {
                let mut text = Vec::new();
                clean.copy(file, &mut text).map_err(|fault| fault.told(&path))?;
                clean.finish(&mut text)?;
                let text = String::from_utf8_lossy(&text).into_owned();
                let document = Document { run: folder.id(), host, path: path.display().to_string(), text };
                return write_json(&document, out);
            }
            Some(file) => {
                clean.copy(file, out).map_err(|fault| fault.told(&path))?;
                out.flush()?;
            }
            None if ended => {
                return Err(ReportError::NoLog { host: host.to_owned(), run: folder.id().to_owned() });
            }
            None => {}
        }
        if ended {
            clean.finish(out)?;
            return Ok(());
        }
        sleep(LOOK);
    }
}

fn has_finished(folder: &RunFolder) -> bool {
    matches!(last(&folder.journal()), Ok(Some(event)) if matches!(event.kind, EventKind::RunFinished { .. }))
}

/// Refuses a host that is no target of the run, as far as the journal tells already.
fn check_host(folder: &RunFolder, host: &str) -> Result<(), ReportError> {
    let started = read(&folder.journal())?.find_map(|event| match event.ok()?.kind {
        EventKind::RunStarted { hosts, .. } => Some(hosts),
        _ => None,
    });
    match started {
        Some(hosts) if !hosts.iter().any(|target| target == host) => Err(unknown_host(folder, host, &hosts)),
        _ => Ok(()),
    }
}

/// Copies a log and sanitises it again: the file may have been changed since.
#[derive(Default)]
struct Cleaner {
    sanitizer: Sanitizer,
    clean: Vec<u8>,
}

enum Fault {
    Read(io::Error),
    Write(io::Error),
}

impl Fault {
    fn told(self, path: &std::path::Path) -> ReportError {
        match self {
            Self::Read(source) => ReportError::Log { path: path.to_owned(), source },
            Self::Write(error) => ReportError::Write(error),
        }
    }
}

impl Cleaner {
    /// Copies from where the file stands to its end.
    fn copy(&mut self, file: &mut File, out: &mut (impl Write + ?Sized)) -> Result<(), Fault> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = file.read(&mut piece).map_err(Fault::Read)?;
            if length == 0 {
                return Ok(());
            }
            self.clean.clear();
            self.sanitizer.feed(&piece[..length], &mut self.clean);
            out.write_all(&self.clean).map_err(Fault::Write)?;
        }
    }

    fn finish(&mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        self.clean.clear();
        self.sanitizer.finish(&mut self.clean);
        out.write_all(&self.clean)?;
        out.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::sync::mpsc;
    use std::thread;

    use super::super::testing::State;
    use super::*;

    fn logged(state: &State, host: &str, follow: bool, output: OutputFormat) -> Result<String, String> {
        let mut out = Vec::new();
        logs(&state.run(), host, follow, output, &mut out)
            .map(|()| String::from_utf8(out).unwrap().replace(state.path().to_str().unwrap(), "STATE"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn prints_a_log_without_escapes() {
        let state = State::new();
        fs::write(state.run().host_log("web-1"), "| one\x1b[2J\n| two\n").unwrap();
        assert_eq!(logged(&state, "web-1", false, OutputFormat::Human).unwrap(), "| one\\x1b[2J\n| two\n");
        assert_eq!(logged(&state, "web-1", true, OutputFormat::Human).unwrap(), "| one\\x1b[2J\n| two\n");
        insta::assert_snapshot!(logged(&state, "web-1", false, OutputFormat::Json).unwrap(), @r#"
        {
          "run": "0198f1e2-9999-7000-8000-000000000002",
          "host": "web-1",
          "path": "STATE/runs/0198f1e2-9999-7000-8000-000000000002/hosts/web-1.log",
          "text": "| one\\x1b[2J\n| two\n"
        }
        "#);
    }

    #[test]
    fn says_why_there_is_nothing() {
        let state = State::new();
        let error = |host| logged(&state, host, false, OutputFormat::Human).unwrap_err();
        assert!(error("web-4").starts_with("`web-4` has no log in run "));
        assert!(error("web-11").ends_with("hint: did you mean `web-1`?"));
        assert!(error("../../run.json").contains("is not a host of run"));
        let error = logged(&state, "web-1", true, OutputFormat::Json).unwrap_err();
        assert!(error.starts_with("`-f` follows a log as text"));
    }

    /// A writer that tells of every piece it is given.
    struct Tell(mpsc::Sender<Vec<u8>>);

    impl Write for Tell {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn follows_a_log_from_before_its_start_until_the_lock_is_released() {
        let state = State::new();
        state.cut_last_line();
        let run = state.run();
        let lock = File::create(run.lock()).unwrap();
        lock.lock().unwrap();
        let (sender, told) = mpsc::channel();
        let follower = thread::spawn({
            let run = run.clone();
            move || logs(&run, "web-1", true, OutputFormat::Human, &mut Tell(sender))
        });
        let mut log = OpenOptions::new().create(true).append(true).open(run.host_log("web-1")).unwrap();
        for text in ["| one\n", "| two\n"] {
            log.write_all(text.as_bytes()).unwrap();
            assert_eq!(told.recv_timeout(Duration::from_secs(20)).unwrap(), text.as_bytes());
        }
        drop(lock);
        follower.join().unwrap().unwrap();
    }

    #[test]
    fn follows_a_log_until_the_last_event() {
        let state = State::new();
        let lock = File::create(state.run().lock()).unwrap();
        lock.lock().unwrap();
        fs::write(state.run().host_log("web-1"), "| one\n").unwrap();
        assert_eq!(logged(&state, "web-1", true, OutputFormat::Human).unwrap(), "| one\n");
    }
}
