//! The sample agent that the shipped playbook installs on POSIX hosts: it reads the settings files,
//! answers over HTTP, and reads and writes in its working folders. It stands in for a real agent when a
//! rollout is tried out, so that the verification has something true to ask.
//!
//! It serves `GET /health` and `GET /work` on loopback, one request a connection, and ends by itself
//! when its settings disappear, so that a lab that is cleaned up leaves nothing behind.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

/// How often the agent looks whether it is still installed.
const LOOK: Duration = Duration::from_millis(500);
/// Longest request line.
const LINE: u64 = 8192;

/// The agent cannot start.
#[derive(Debug, Error)]
pub enum AgentError {
    /// A settings file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A setting is missing.
    #[error("`{path}` has no `{key}`")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// The port is taken.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
}

struct Agent {
    root: PathBuf,
    identifier: String,
    server: String,
}

/// Serves until the settings disappear. `root` is the working folder with `Runtime`, `Work`, `Temp`, ...
///
/// # Errors
/// Settings that are missing or broken, a port that is taken.
pub fn serve(root: &Path, port: u16) -> Result<(), AgentError> {
    let agent = Agent::read(root)?;
    let listener =
        TcpListener::bind(("127.0.0.1", port)).map_err(|source| AgentError::Listen { port, source })?;
    listener.set_nonblocking(true).map_err(|source| AgentError::Listen { port, source })?;
    let settings = root.join("Runtime/appsettings.agent.json");
    loop {
        match listener.accept() {
            // A client that goes away or sends nonsense concerns only itself.
            Ok((stream, _)) => drop(agent.answer(stream)),
            Err(_) if !settings.exists() => return Ok(()),
            Err(_) => std::thread::sleep(LOOK / 10),
        }
    }
}

fn json_file(path: &Path) -> Result<Value, AgentError> {
    let problem = |reason: String| AgentError::Settings { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| problem(error.to_string()))
}

fn setting(path: &Path, value: &Value, pointer: &str, key: &'static str) -> Result<String, AgentError> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or_else(|| AgentError::Missing { path: path.to_owned(), key })
}

impl Agent {
    fn read(root: &Path) -> Result<Self, AgentError> {
        let (main, own) =
            (root.join("Runtime/appsettings.json"), root.join("Runtime/appsettings.agent.json"));
        let (main_json, own_json) = (json_file(&main)?, json_file(&own)?);
        Ok(Self {
            root: root.to_owned(),
            server: setting(&main, &main_json, "/ApplicationUri", "ApplicationUri")?,
            identifier: setting(&own, &own_json, "/OpenId/AgentIdentifier", "OpenId.AgentIdentifier")?,
        })
    }

    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        let mut reader = BufReader::new(io::Read::take(&stream, LINE));
        let mut request = String::new();
        reader.read_line(&mut request)?;
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let (status, body) = match request.split(' ').nth(1) {
            Some("/health") => {
                ("200 OK", json!({"status": "Healthy", "agent": self.identifier, "server": self.server}))
            }
            Some("/work") => match self.work() {
                Ok(written) => ("200 OK", json!({"status": "Healthy", "written": written})),
                Err(error) => {
                    ("500 Internal Server Error", json!({"status": "Unhealthy", "reason": error.to_string()}))
                }
            },
            _ => ("404 Not Found", json!({"status": "not found"})),
        };
        let body = body.to_string();
        let head = "Content-Type: application/json\r\nConnection: close";
        write!(&stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// Writes a file into each working folder, reads it back and removes it.
    fn work(&self) -> io::Result<Vec<&'static str>> {
        let folders = ["Mails", "Temp", "Work"];
        for folder in folders {
            let path = self.root.join(folder).join(format!("probe-{}", std::process::id()));
            fs::write(&path, &self.identifier)?;
            let read = fs::read_to_string(&path)?;
            fs::remove_file(&path)?;
            if read != self.identifier {
                return Err(io::Error::other(format!("`{folder}` did not keep what was written")));
            }
        }
        fs::read_dir(self.root.join("Sources"))?;
        Ok(folders.to_vec())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_missing_identifier_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("Runtime")).unwrap();
        fs::write(root.path().join("Runtime/appsettings.json"), r#"{"ApplicationUri": "https://s"}"#)
            .unwrap();
        fs::write(root.path().join("Runtime/appsettings.agent.json"), "{}").unwrap();
        let error = serve(root.path(), 0).unwrap_err().to_string();
        assert!(error.ends_with("has no `OpenId.AgentIdentifier`"), "{error}");
    }
}
