//! `paceline runs report`: the page of a run as a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::list::write_json;
use super::{ReportError, html};
use crate::hostlog::sanitize_line;
use crate::journal::RunFolder;
use crate::ui::OutputFormat;

/// The name of the page within the run's folder.
const NAME: &str = "report.html";

#[derive(Serialize)]
struct Document<'a> {
    run: &'a str,
    file: String,
    bytes: u64,
}

/// Writes the page of a run to a file, beside its journal if none is named, and tells which. With `-` the page itself
/// goes to `out`.
///
/// # Errors
/// The journal cannot be read, or the file not be written. A page that was there before is kept then.
pub fn run_page(
    folder: &RunFolder,
    file: Option<&Path>,
    output: OutputFormat,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let now = Timestamp::now();
    if file == Some(Path::new("-")) {
        if output == OutputFormat::Json {
            return Err(ReportError::PageJson);
        }
        return html::run(folder, now, out);
    }
    let file = file.map_or_else(|| folder.path().join(NAME), Path::to_owned);
    let bytes = write_file(&file, |out| html::run(folder, now, out))?;
    let shown = file.display().to_string();
    match output {
        OutputFormat::Json => write_json(&Document { run: folder.id(), file: shown, bytes }, out),
        OutputFormat::Human => Ok(writeln!(out, "{}", sanitize_line(&shown))?),
    }
}

/// Writes a file that only its owner can read: it names hosts and holds their logs. It takes its name when it is whole.
/// What is no ordinary file (a pipe, a terminal) is written to as it is.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ReportError>,
) -> Result<u64, ReportError> {
    let told = |source: io::Error| ReportError::Page { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        let mut out = Counted { out: File::options().write(true).open(path).map_err(told)?, bytes: 0 };
        write(&mut out)?;
        return Ok(out.bytes);
    }
    // A link stays one: the file that it names is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut fresh = tempfile::Builder::new().prefix(".report-").tempfile_in(parent).map_err(told)?;
    let mut out = Counted { out: fresh.as_file_mut(), bytes: 0 };
    write(&mut out)?;
    let bytes = out.bytes;
    fresh.persist(&path).map_err(|error| told(error.error))?;
    Ok(bytes)
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.out.write(data)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::testing::State;
    use super::*;

    fn told(state: &State, file: Option<&Path>, output: OutputFormat) -> Result<String, String> {
        let mut out = Vec::new();
        run_page(&state.run(), file, output, &mut out)
            .map(|()| String::from_utf8(out).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_page_lies_in_the_folder_of_the_run_and_its_path_is_told() {
        let state = State::new();
        let path = state.run().path().join("report.html");
        assert_eq!(told(&state, None, OutputFormat::Human).unwrap(), format!("{}\n", path.display()));
        let html = fs::read_to_string(&path).unwrap();
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>"), "{html}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let json: serde_json::Value =
            serde_json::from_str(&told(&state, None, OutputFormat::Json).unwrap()).unwrap();
        assert_eq!(json["file"], path.display().to_string());
        assert_eq!(json["bytes"], fs::metadata(&path).unwrap().len());
        let names: Vec<_> =
            fs::read_dir(state.run().path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".report-")), "{names:?}");
    }

    #[test]
    fn another_file_or_standard_output_can_be_named() {
        let state = State::new();
        let path = state.path().join("mine.html");
        told(&state, Some(&path), OutputFormat::Human).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("agent : Start"));
        assert!(
            told(&state, Some(Path::new("-")), OutputFormat::Human).unwrap().starts_with("<!doctype html>")
        );
        assert!(told(&state, Some(Path::new("-")), OutputFormat::Json).unwrap_err().contains("hint: "));
        let error = told(&state, Some(&state.path().join("no/where.html")), OutputFormat::Human).unwrap_err();
        assert!(error.starts_with("cannot write the page `"), "{error}");
    }

    #[test]
    fn a_run_that_broke_off_has_a_page_too() {
        let state = State::new();
        for lines in [0, 1, 3, 8] {
            state.keep_lines(lines);
            let html = told(&state, Some(Path::new("-")), OutputFormat::Human).unwrap();
            assert!(html.contains("Broke off"), "{lines} lines");
        }
    }
}
