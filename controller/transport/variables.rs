//! The connection variables of a host: read one by one, refused if they have the wrong shape.
//!
//! Rendering them is left to the caller, who knows the host's other variables.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::TransportError;
use super::ssh::setting::{Setting, parse_setting, split_words};

/// Looks up a variable of a host and renders it; `None` if it is not set.
pub type Lookup<'a> = dyn Fn(&str) -> Result<Option<Value>, Unrendered> + 'a;

/// Why a variable that is set has no value.
#[derive(Clone, Debug, Error)]
#[error("{reason}{}", place.as_ref().map(|place| format!(" (at {place})")).unwrap_or_default())]
pub struct Unrendered {
    /// What is wrong with its template.
    pub reason: String,
    /// `FILE:LINE:COLUMN`.
    pub place: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Unrendered {
    /// The error of the host that cannot be reached for it.
    #[must_use]
    pub fn of(self, host: &str, variable: &str) -> TransportError {
        TransportError::Variable { host: host.to_owned(), variable: variable.to_owned(), source: self }
    }
}

/// The connection variables of a host. Where two names mean the same, the one that Ansible lets win comes first.
pub(super) struct Variables<'a> {
    host: &'a str,
    get: &'a Lookup<'a>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(host: &'a str, get: &'a Lookup<'a>) -> Self {
        Self { host, get }
    }

    pub(super) fn error(&self, name: &str, what: &str) -> TransportError {
        TransportError::Setting {
            host: self.host.to_owned(),
            variable: name.to_owned(),
            what: what.to_owned(),
        }
    }

    pub(super) fn value(&self, name: &str) -> Result<Option<Value>, TransportError> {
        let value = (self.get)(name).map_err(|error| error.of(self.host, name))?;
        Ok(value.filter(|value| !value.is_null()))
    }

    fn first<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, Value)>, TransportError> {
        for name in names {
            if let Some(value) = self.value(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, TransportError> {
        Ok(self.named_text(names)?.map(|(_, text)| text))
    }

    fn named_text<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, String)>, TransportError> {
        match self.first(names)? {
            None => Ok(None),
            Some((name, Value::String(text))) => Ok(Some((name, text)).filter(|(_, text)| !text.is_empty())),
            Some((name, Value::Number(number))) => Ok(Some((name, number.to_string()))),
            Some((name, _)) => Err(self.error(name, "it must be a text")),
        }
    }

    pub(super) fn truth(&self, names: &[&str]) -> Result<Option<bool>, TransportError> {
        let Some((name, value)) = self.first(names)? else { return Ok(None) };
        let text = match &value {
            Value::Bool(truth) => return Ok(Some(*truth)),
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        match text.as_str() {
            "yes" | "true" | "on" | "y" | "t" | "1" | "1.0" => Ok(Some(true)),
            "no" | "false" | "off" | "n" | "f" | "0" | "0.0" => Ok(Some(false)),
            _ => Err(self.error(name, "it must be true or false")),
        }
    }

    pub(super) fn port(&self, names: &[&str]) -> Result<Option<u16>, TransportError> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        match text.trim().parse::<u16>() {
            Ok(port @ 1..) => Ok(Some(port)),
            _ => Err(self.error(name, &format!("`{text}` is not a port"))),
        }
    }

    pub(super) fn seconds(&self, names: &[&str]) -> Result<Option<Duration>, TransportError> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        match text.trim().parse::<u64>() {
            Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.error(name, &format!("`{text}` is not a number of seconds"))),
        }
    }

    /// `paceline_host_key`: one fingerprint or a list of them.
    pub(super) fn pins(&self) -> Result<Vec<String>, TransportError> {
        const NAME: &str = "paceline_host_key";
        let pins = match self.value(NAME)? {
            None => return Ok(Vec::new()),
            Some(Value::String(pin)) => vec![Value::String(pin)],
            Some(Value::Array(pins)) => pins,
            Some(_) => return Err(self.error(NAME, "it must be a fingerprint or a list of fingerprints")),
        };
        if pins.is_empty() {
            return Err(self.error(NAME, "an empty list would refuse every key"));
        }
        let mut fingerprints = Vec::new();
        for pin in pins {
            let text = pin.as_str().map(|text| text.trim().trim_end_matches('='));
            match text.filter(|text| text.strip_prefix("SHA256:").is_some_and(|hash| hash.len() == 43)) {
                Some(text) => fingerprints.push(text.to_owned()),
                None => {
                    let what = format!(
                        "{pin} is not a fingerprint `SHA256:...`\nhint: `paceline trust scan` shows it"
                    );
                    return Err(self.error(NAME, &what));
                }
            }
        }
        Ok(fingerprints)
    }

    /// The arguments for the ssh program, as settings stronger than the files.
    pub(super) fn arguments(&self) -> Result<Vec<Setting>, TransportError> {
        let mut settings = Vec::new();
        for name in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            let Some(text) = self.text(&[name])? else { continue };
            let words = split_words(&text, false).ok_or_else(|| self.error(name, "a quote is not closed"))?;
            let mut words = words.into_iter();
            while let Some(word) = words.next() {
                if let Some(line) = self.argument(name, &word, &mut words)? {
                    let place = format!("`{}`: `{name}`", self.host);
                    settings.extend(parse_setting(&line, &place)?);
                }
            }
        }
        Ok(settings)
    }

    /// One argument as a line of an ssh configuration; `None` if it is of no consequence.
    fn argument(
        &self,
        name: &str,
        word: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<Option<String>, TransportError> {
        let unsupported = || {
            let what = format!(
                "`{word}` is not supported\nhint: `-J`, `-p`, `-l`, `-i` and `-o Keyword=value` with the keywords of hosts, \
                 keys and host keys are"
            );
            self.error(name, &what)
        };
        // `-C`, `-q`, `-v`, `-T`, `-4` and the like come without a value.
        if matches!(word, "-C" | "-q" | "-v" | "-vv" | "-vvv" | "-T" | "-x" | "-a") {
            return Ok(None);
        }
        let letter = word.get(..2).unwrap_or(word);
        let keyword = match letter {
            "-o" => "",
            "-J" => "ProxyJump ",
            "-p" => "Port ",
            "-l" => "User ",
            "-i" => "IdentityFile ",
            _ => return Err(unsupported()),
        };
        let value = match &word[letter.len()..] {
            "" => rest.next().ok_or_else(|| self.error(name, &format!("`{word}` lacks a value")))?,
            attached => attached.to_owned(),
        };
        let line = match keyword {
            "" => value,
            _ => format!("{keyword}\"{value}\""),
        };
        let given = line.split(['=', ' ']).next().unwrap_or_default().to_lowercase();
        if SUPPORTED.contains(&given.as_str()) {
            Ok(Some(line))
        } else if HARMLESS.contains(&given.as_str()) {
            Ok(None)
        } else {
            let hint = "hint: only options about hosts, keys and host keys are supported here";
            Err(self.error(name, &format!("`{line}` is not supported\n{hint}")))
        }
    }
}

/// Keywords of `-o` that are honoured.
const SUPPORTED: &[&str] = &[
    "connecttimeout",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "port",
    "proxyjump",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Keywords of `-o` that change nothing here: there is one connection anyway, without a terminal.
const HARMLESS: &[&str] = &[
    "batchmode",
    "checkhostip",
    "compression",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "loglevel",
    "requesttty",
    "serveralivecountmax",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
];
