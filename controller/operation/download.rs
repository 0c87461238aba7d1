//! Downloads a file, from the host: through its `curl` or GNU `wget` into the session's private folder, and into its place when
//! all of it is there and its digest is right.

use serde_json::{Map, Value};

use super::answer::{changed, failure, points, said, state};
use super::http::Answer;
use super::library::{Seldom, seldom};
use super::put::{PutOptions, flags};
use super::script::Script;
use super::uri::Uri;
use super::{Diff, Mode, Operation, Outcome, Payload, Program, Progress, Reply};
use crate::shell::quote;

/// A digest that a download must have.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Its hexadecimal digits.
    Digits(String),
    /// A request for a file with digests, in the form of `sha256sum`.
    From(Box<Uri>),
}

/// Downloads a file.
#[derive(Clone, Debug)]
pub struct Download {
    /// What is asked for.
    pub request: Uri,
    /// Where it goes: a file or a folder.
    pub dest: String,
    /// Its name in a folder, unless the server says another one.
    pub name: String,
    /// Whether it is downloaded although something is there.
    pub force: bool,
    /// Name of the algorithm, and the digest.
    pub checksum: Option<(String, Expected)>,
    /// Mode, owner and backup.
    pub options: PutOptions,
    /// How far it came.
    pub(crate) progress: DownloadProgress,
}

/// How far it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct DownloadProgress {
    stage: Stage,
    digits: String,
    directory: bool,
    path: String,
    message: String,
    status: u16,
    elapsed: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Sums,
    Look,
    Fetch,
    Put,
}

/// What a client says about an answer: status, reason, headers.
fn answer(request: &Uri, reply: &Reply) -> Result<Answer, String> {
    let said = String::from_utf8_lossy(&reply.stderr).into_owned();
    let head = match reply.value("client") {
        Some("wget") => request.wget_heads(&said).0.into_bytes(),
        _ => reply.blob("head").unwrap_or_default().to_vec(),
    };
    let reason =
        if said.trim().is_empty() { "the client gave no reason".to_owned() } else { said.trim().to_owned() };
    match Answer::read(&head) {
        Some(answer) if (200..300).contains(&answer.status) && reply.rc == Some(0) => Ok(answer),
        Some(answer) if !(200..300).contains(&answer.status) => {
            Err(format!("Request failed: HTTP Error {}: {}", answer.status, answer.reason))
        }
        _ if reply.timed_out => Err("Request failed: timed out".to_owned()),
        _ => Err(format!("Request failed: {reason}")),
    }
}

/// The name that a server gives a file, without any folder in it.
fn disposition(answer: &Answer) -> Option<String> {
    let header = answer.header("content-disposition")?;
    let name = header.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = name.trim_matches('"').rsplit(['/', '\\']).next()?;
    let odd = name.is_empty() || name == "." || name == ".." || name.chars().any(char::is_control);
    (!odd).then(|| name.to_owned())
}

/// Finds the digest of a file in lines of `sha256sum`; a digest that stands alone is that of any file.
fn digest_in(text: &str, name: &str) -> Option<String> {
    let hex = |word: &str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for line in &lines {
        let mut words = line.splitn(2, char::is_whitespace);
        let (digest, rest) = (words.next()?, words.next().unwrap_or_default().trim_start());
        let file = rest.strip_prefix('*').unwrap_or(rest);
        if hex(digest) && file.rsplit('/').next() == Some(name) && !name.is_empty() {
            return Some(digest.to_lowercase());
        }
    }
    match lines.as_slice() {
        [one] if hex(one) => Some(one.to_lowercase()),
        _ => None,
    }
}

impl Download {
    /// Makes the operation.
    pub fn new(request: Uri, dest: String, name: String, options: PutOptions) -> Self {
        Self {
            request,
            dest,
            name,
            force: false,
            checksum: None,
            options,
            progress: DownloadProgress::default(),
        }
    }

    fn fetch(&self, script: &mut Script, request: &Uri, function: &str) -> Payload {
        let (curl, wget) = (request.curl(), request.wget());
        let lengths = [curl.len(), wget.len(), request.url.len()].map(|length| length.to_string());
        let words: Vec<&str> = std::iter::once("pf_got").chain(lengths.iter().map(String::as_str)).collect();
        script.call(function, &[], &words);
        Payload::Bytes([curl.as_bytes(), wget.as_bytes(), request.url.as_bytes()].concat().into())
    }

    fn fetched(&self, request: &Uri, function: &str, mode: Mode) -> Program {
        let mut script = Script::bringing(seldom(Seldom::Download), mode, &self.options.attributes);
        let payload = self.fetch(&mut script, request, function);
        let mut program = script.with_payload(payload);
        program.content = false;
        program
    }

    fn look(&mut self, mode: Mode) -> Program {
        self.progress.stage = Stage::Look;
        let mut script = Script::bringing(seldom(Seldom::Download), mode, &self.options.attributes);
        let dest = script.path(&self.dest);
        let algorithm = self.checksum.as_ref().map_or("", |(algorithm, _)| algorithm);
        let force = if self.force { "1" } else { "" };
        script.call("pf_get_look", &[&dest], &[&self.name, algorithm, &self.progress.digits, force]);
        script.program()
    }

    fn put(&mut self, mode: Mode) -> Program {
        self.progress.stage = Stage::Put;
        let mut script = Script::bringing(seldom(Seldom::Download), mode, &self.options.attributes);
        let path = if self.progress.path.starts_with('/') {
            quote(&self.progress.path)
        } else {
            script.path(&self.progress.path)
        };
        let algorithm = self.checksum.as_ref().map_or("", |(algorithm, _)| algorithm);
        let flags = flags("", &PutOptions { name: None, ..self.options.clone() }, true);
        script.call("pf_get_put", &["pf_got", &path], &[algorithm, &self.progress.digits, &flags]);
        script.program()
    }

    fn failed(&self, message: String) -> Progress {
        let mut result = self.common();
        result.insert("msg".to_owned(), message.into());
        Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
    }

    fn common(&self) -> Map<String, Value> {
        let mut result = Map::new();
        result.insert("url".to_owned(), self.request.url.clone().into());
        let dest = if self.progress.path.is_empty() { &self.dest } else { &self.progress.path };
        result.insert("dest".to_owned(), dest.clone().into());
        result.insert("elapsed".to_owned(), self.progress.elapsed.into());
        result
    }

    fn ended(&mut self, reply: &Reply, message: &str, mode: Mode) -> Progress {
        if reply.status != 0 {
            let mut outcome = failure(reply);
            for (name, value) in self.common() {
                outcome.result.entry(name).or_insert(value);
            }
            return Progress::Done(outcome);
        }
        let mut result = self.common();
        result.insert("msg".to_owned(), message.into());
        if let Some(now) = state(reply, "now") {
            now.describe(&mut result);
        }
        if self.progress.status != 0 {
            result.insert("status_code".to_owned(), self.progress.status.into());
        }
        for (name, field) in [("sha1", "checksum_src"), ("sha1", "checksum_dest"), ("md5", "md5sum")] {
            if let Some(sum) = reply.value(name) {
                result.insert(field.to_owned(), sum.into());
            }
        }
        if let Some(copy) = said(reply, "backup_file") {
            result.insert("backup_file".to_owned(), copy.into());
        }
        let mut outcome =
            Outcome { changed: changed(reply), result, points: points(reply), ..Outcome::default() };
        if mode.diff && outcome.changed {
            let after = format!("downloaded from {}\n", self.request.url);
            let diff = Diff { after_header: self.progress.path.clone(), after, ..Diff::default() };
            outcome.diff.push(diff);
        }
        Progress::Done(outcome)
    }
}

impl Operation for Download {
    fn first(&mut self, mode: Mode) -> Program {
        self.progress = DownloadProgress::default();
        match self.checksum.clone() {
            Some((_, Expected::From(request))) => self.fetched(&request, "pf_download_sums", mode),
            Some((_, Expected::Digits(digits))) => {
                self.progress.digits = digits;
                self.look(mode)
            }
            None => self.look(mode),
        }
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn judged_here(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.progress.elapsed += reply.duration_ms / 1000;
        match self.progress.stage {
            Stage::Sums => {
                let Some((_, Expected::From(request))) = &self.checksum else {
                    return Progress::Done(failure(&reply));
                };
                if reply.status != 75 {
                    return Progress::Done(failure(&reply));
                }
                if let Err(message) = answer(request, &reply) {
                    return self.failed(format!("the digests at `{}`: {message}", request.url));
                }
                let sums = String::from_utf8_lossy(reply.blob("sums").unwrap_or_default()).into_owned();
                match digest_in(&sums, &self.name) {
                    Some(digits) => self.progress.digits = digits,
                    None => {
                        let message = format!(
                            "Unable to find a checksum for file '{}' in '{}'",
                            self.name, request.url
                        );
                        return self.failed(message);
                    }
                }
                Progress::Again(self.look(mode))
            }
            Stage::Look => {
                self.progress.path = said(&reply, "path").unwrap_or_else(|| self.dest.clone());
                self.progress.directory = reply.value("directory").is_some();
                if reply.value("need").is_none() || reply.status != 0 {
                    return self.ended(&reply, "file already exists", mode);
                }
                if mode.check && reply.value("absent").is_some() {
                    let mut result = self.common();
                    result.insert("msg".to_owned(), "would be downloaded".into());
                    return Progress::Done(Outcome { changed: true, result, ..Outcome::default() });
                }
                self.progress.stage = Stage::Fetch;
                let request = self.request.clone();
                Progress::Again(self.fetched(&request, "pf_download", mode))
            }
            Stage::Fetch => {
                if reply.status != 75 {
                    return Progress::Done(failure(&reply));
                }
                let answer = match answer(&self.request, &reply) {
                    Ok(answer) => answer,
                    Err(message) => return self.failed(message),
                };
                self.progress.status = answer.status;
                self.progress.message =
                    format!("OK ({} bytes)", answer.header("content-length").unwrap_or("unknown"));
                if self.progress.directory {
                    let name = disposition(&answer).unwrap_or_else(|| self.name.clone());
                    if name.is_empty() {
                        return self.failed(format!(
                            "`{}` names no file\nhint: write the whole path as `dest`",
                            self.request.url
                        ));
                    }
                    self.progress.path = format!("{}/{name}", self.progress.path.trim_end_matches('/'));
                }
                Progress::Again(self.put(mode))
            }
            Stage::Put => {
                let message = self.progress.message.clone();
                self.ended(&reply, &message, mode)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_by_the_name_of_the_file() {
        let (one, two) = ("a".repeat(64), "B".repeat(64));
        let text = format!("{one}  other.tgz\n{two} *./agent.tgz\n");
        assert_eq!(digest_in(&text, "agent.tgz"), Some(two.to_lowercase()));
        assert_eq!(digest_in(&text, "nothing"), None);
        assert_eq!(digest_in(&format!("{one}\n"), "agent.tgz"), Some(one));
        assert_eq!(digest_in("<html>", "agent.tgz"), None);
    }

    #[test]
    fn a_server_names_a_file_and_no_folder() {
        let name = |header: &str| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Disposition: {header}\r\n\r\n");
            disposition(&Answer::read(head.as_bytes()).unwrap())
        };
        assert_eq!(name("attachment; filename=\"a b.tgz\"").as_deref(), Some("a b.tgz"));
        assert_eq!(name("attachment; filename=../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(name("attachment; filename=\"..\""), None);
        assert_eq!(name("inline"), None);
    }
}
