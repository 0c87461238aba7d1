//! Asks an HTTP server, from the host.
//!
//! The host's `curl` or GNU `wget` does it; a host without them lends the controller a TCP channel, which is
//! enough for plain HTTP.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value};

use super::answer::failure;
use super::http::{self, Address, Answer};
use super::library::call;
use super::{Mode, Operation, Outcome, Payload, Program, Progress, Reply, Tcp, windows};
use crate::shell::Platform;

/// Bytes of content that a registered variable may hold.
const REGISTERED: usize = 16 << 20;
const REDIRECTS: usize = 10;

/// A request. `Debug` shows nothing of what may be secret.
#[derive(Clone)]
pub struct Uri {
    /// Who asks: a program of the host, or .NET.
    pub platform: Platform,
    /// The address.
    pub url: String,
    /// The method, in upper case.
    pub method: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Whether they are sent without being asked for.
    pub force_login: bool,
    /// Whether redirects are followed.
    pub follow: bool,
    /// Statuses that are right.
    pub status: Vec<i64>,
    /// Seconds without progress after which it is given up.
    pub timeout: u64,
    /// Whether the server's certificate is checked.
    pub validate: bool,
    /// Whether the content is returned.
    pub content: bool,
    /// Whether proxies of the environment are used.
    pub proxy: bool,
    /// The proxy to go through, whatever the environment says: `http://HOST:PORT`. May hold a login.
    pub through: Option<String>,
    /// Whether it changes nothing over there, whatever its method.
    pub harmless: bool,
    /// Whether it is sent in check mode too, as it only looks.
    pub looks: bool,
    /// Whether `~/.netrc` of the host is used.
    pub netrc: bool,
    /// Files of the host: authorities, client certificate, client key.
    pub files: [Option<String>; 3],
    /// Nothing is asked if this pattern matches a file.
    pub creates: Option<String>,
    /// Nothing is asked unless this pattern matches a file.
    pub removes: Option<String>,
    /// Addresses that were asked through a channel, the last one being the present one.
    pub visited: Vec<String>,
}

impl std::fmt::Debug for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uri({}, {} headers, {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}

/// Joins lines of `name = "value"` for curl.
fn curl_line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(" = \"");
    for char in value.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            char => text.push(char),
        }
    }
    text.push_str("\"\n");
}

impl Uri {
    pub(super) fn curl(&self) -> String {
        let mut text =
            String::from("silent\nshow-error\nproto = \"=http,https\"\nproto-redir = \"=http,https\"\n");
        let timeout = self.timeout.to_string();
        let mut put = |name: &str, value: &str| curl_line(&mut text, name, value);
        put("url", &self.url);
        put("connect-timeout", &timeout);
        put("speed-limit", "1");
        put("speed-time", &timeout);
        put("write-out", "%{url_effective}");
        for (name, value) in &self.headers {
            // A header without a value is written with a semicolon, or curl would drop it.
            let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            put("header", &header);
        }
        if !self.body.is_empty() {
            put("header", "Expect:");
        }
        if let Some((user, password)) = &self.login {
            put("user", &format!("{user}:{password}"));
        }
        for (name, file) in ["cacert", "cert", "key"].into_iter().zip(&self.files) {
            if let Some(file) = file {
                put(name, file);
            }
        }
        if let Some(proxy) = &self.through {
            put("proxy", proxy);
        }
        let implied = if self.body.is_empty() { "GET" } else { "POST" };
        if self.method != implied && self.method != "HEAD" {
            put("request", &self.method);
        }
        if self.follow {
            put("max-redirs", &REDIRECTS.to_string());
            text.push_str("location\n");
        }
        for (flag, wanted) in [
            ("head", self.method == "HEAD"),
            ("anyauth", self.login.is_some() && !self.force_login),
            ("insecure", !self.validate),
            ("netrc-optional", self.netrc && self.login.is_none()),
            ("noproxy = \"*\"", !self.proxy && self.through.is_none()),
            // What the environment has in `NO_PROXY` does not count either.
            ("noproxy = \"\"", self.through.is_some()),
        ] {
            if wanted {
                text.push_str(flag);
                text.push('\n');
            }
        }
        text
    }

    pub(super) fn wget(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, value: &str| {
            for part in [name, " = ", value, "\n"] {
                text.push_str(part);
            }
        };
        let on = |flag: bool| if flag { "on" } else { "off" };
        put("method", &self.method);
        put("content_on_error", "on");
        put("server_response", "on");
        put("tries", "1");
        put("timeout", &self.timeout.to_string());
        put("max_redirect", &if self.follow { REDIRECTS } else { 0 }.to_string());
        put("check_certificate", on(self.validate));
        put("use_proxy", on(self.proxy || self.through.is_some()));
        if let Some(proxy) = &self.through {
            put("http_proxy", proxy);
            put("https_proxy", proxy);
            put("no_proxy", "");
        }
        put("netrc", on(self.netrc));
        for (name, value) in &self.headers {
            put("header", &format!("{name}: {value}"));
        }
        if let Some((user, password)) = &self.login {
            put("http_user", user);
            put("http_password", password);
            put("auth_no_challenge", on(self.force_login));
        }
        for (name, file) in ["ca_certificate", "certificate", "private_key"].into_iter().zip(&self.files) {
            if let Some(file) = file {
                put(name, file);
            }
        }
        text
    }

    /// The same through a channel of the connection.
    fn channel(&self, url: &str) -> Result<Program, String> {
        const NEEDS: &str = "the host has neither curl nor GNU wget\nhint: install one of them";
        let address = Address::parse(url).ok_or_else(|| format!("`{url}` is not an http address"))?;
        if address.secure || self.through.is_some() || self.files.iter().any(Option::is_some) {
            let what = if address.secure { "https" } else { "a proxy" };
            return Err(format!("{what} cannot be spoken: {NEEDS}"));
        }
        let mut headers = self.headers.clone();
        if let Some((user, password)) = &self.login {
            let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            headers.push(("Authorization".to_owned(), format!("Basic {token}")));
        }
        let tcp = Tcp {
            send: http::request(&address, &self.method, &headers, &self.body),
            host: address.host,
            port: address.port,
            delay: Duration::ZERO,
            timeout: Duration::from_secs(self.timeout),
            read: REGISTERED + (1 << 16),
        };
        Ok(Program { tcp: Some(tcp), ..Program::default() })
    }

    /// Takes the heads, the address it ended at and the rest from what wget says: heads are indented.
    pub(super) fn wget_heads(&self, said: &str) -> (String, String, String) {
        let (mut heads, mut url, mut rest) = (String::new(), self.url.clone(), String::new());
        for line in said.lines() {
            let Some(line) = line.strip_prefix("  ") else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            if line.starts_with("HTTP/") && !heads.is_empty() {
                heads.push('\n');
            }
            if let Some((name, to)) = line.split_once(':')
                && name.eq_ignore_ascii_case("location")
                && self.follow
            {
                url = http::join(&url, to.trim());
            }
            heads.push_str(line);
            heads.push('\n');
        }
        if !heads.is_empty() {
            heads.push('\n');
        }
        (heads, url, rest)
    }

    fn failed(&self, message: String, mut result: Map<String, Value>) -> Progress {
        result.insert("msg".to_owned(), message.into());
        Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
    }

    fn unanswered(&self, url: &str, reason: &str, elapsed: u64) -> Progress {
        let mut result = Map::new();
        result.insert("redirected".to_owned(), false.into());
        result.insert("url".to_owned(), url.into());
        result.insert("status".to_owned(), (-1).into());
        if self.platform == Platform::Windows {
            result.insert("status_code".to_owned(), (-1).into());
        }
        result.insert("elapsed".to_owned(), elapsed.into());
        let reason = if reason.trim().is_empty() { "the client gave no reason" } else { reason.trim() };
        let message = format!("Status code was -1 and not {}: Request failed: {reason}", self.expected());
        if self.status.contains(&-1) {
            result.insert("msg".to_owned(), message.into());
            return Progress::Done(Outcome { result, ..Outcome::default() });
        }
        self.failed(message, result)
    }

    fn expected(&self) -> String {
        let list: Vec<String> = self.status.iter().map(i64::to_string).collect();
        format!("[{}]", list.join(", "))
    }

    fn answered(&self, answer: &Answer, url: &str, elapsed: u64, mut cut: bool) -> Progress {
        let status = i64::from(answer.status);
        let right = self.status.contains(&status);
        let good = (200..300).contains(&status);
        let mut result = Map::new();
        let mut put = |name: &str, value: Value| {
            result.insert(name.to_owned(), value);
        };
        put("redirected", (url != self.url).into());
        put("url", url.into());
        put("status", status.into());
        put("elapsed", elapsed.into());
        for (name, value) in headers(answer) {
            let value = if name == "location" { http::join(url, &value) } else { value };
            put(&name, value.into());
        }
        if good {
            let cookies = cookies(answer);
            let text: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            put("cookies_string", text.join("; ").into());
            put(
                "cookies",
                Value::Object(cookies.into_iter().map(|(name, value)| (name, value.into())).collect()),
            );
        }
        let message = if good {
            format!("OK ({} bytes)", answer.header("content-length").unwrap_or("unknown"))
        } else {
            format!("HTTP Error {status}: {}", answer.reason)
        };
        let kind = answer.header("content-type").unwrap_or_default().to_lowercase();
        let mut body = answer.body.as_slice();
        if body.len() > REGISTERED {
            body = &body[..REGISTERED];
            cut = true;
        }
        let latin = kind.contains("charset=iso-8859-1") || kind.contains("charset=latin");
        let text = if latin {
            body.iter().map(|byte| char::from(*byte)).collect()
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        if (kind.contains("json") || kind.contains("javascript"))
            && let Ok(json) = serde_json::from_str::<Value>(&text)
        {
            put("json", json);
        }
        if self.content {
            put("content", text.into());
        }
        if self.platform == Platform::Windows {
            put("status_code", status.into());
            put("status_description", answer.reason.clone().into());
            put("response_uri", url.into());
        }
        if right {
            put("msg", message.into());
            return Progress::Done(Outcome { result, cut, ..Outcome::default() });
        }
        self.failed(format!("Status code was {status} and not {}: {message}", self.expected()), result)
    }
}

/// Header names as Ansible registers them; values of the same name are joined.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &answer.headers {
        let name = name.replace('-', "_");
        if matches!(name.as_str(), "transfer_encoding" | "connection") {
            continue;
        }
        match headers.iter_mut().find(|(given, _)| *given == name) {
            Some((_, values)) => {
                values.push_str(", ");
                values.push_str(value);
            }
            None => headers.push((name, value.clone())),
        }
    }
    headers
}

fn cookies(answer: &Answer) -> Vec<(String, String)> {
    answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .filter_map(|(_, value)| value.split(';').next()?.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

impl Operation for Uri {
    fn judged_here(&self) -> bool {
        true
    }

    fn first(&mut self, mode: Mode) -> Program {
        if mode.check && !self.looks {
            return Program::default();
        }
        self.visited = vec![self.url.clone()];
        if self.platform == Platform::Windows {
            return windows::uri::program(self);
        }
        let (curl, wget) = (self.curl(), self.wget());
        let lengths =
            [curl.len(), wget.len(), self.url.len(), self.body.len()].map(|length| length.to_string());
        let path = |path: &Option<String>| path.clone().unwrap_or_default();
        let (creates, removes) = (path(&self.creates), path(&self.removes));
        let always = if self.content { "1" } else { "" };
        let head = [creates.as_str(), removes.as_str(), always];
        let text = call("pl_uri", head.into_iter().chain(lengths.iter().map(String::as_str)));
        let payload = [curl.as_bytes(), wget.as_bytes(), self.url.as_bytes(), &self.body].concat();
        Program { text, payload: Some(Payload::Bytes(payload.into())), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check && !self.looks {
            let mut result = Map::new();
            result.insert("msg".to_owned(), "This action (uri) does not support check mode.".into());
            return Progress::Done(Outcome { skipped: true, result, ..Outcome::default() });
        }
        if let Some(guard) = reply.value("skip") {
            let (path, state) = match guard {
                "creates" => (self.creates.as_deref().unwrap_or_default(), "exists"),
                _ => (self.removes.as_deref().unwrap_or_default(), "does not exist"),
            };
            let mut result = Map::new();
            result.insert("stdout".to_owned(), format!("skipped, since '{path}' {state}").into());
            return Progress::Done(Outcome { result, ..Outcome::default() });
        }
        let elapsed = reply.duration_ms / 1000;
        if self.platform == Platform::Windows {
            let url = self.url.clone();
            return match windows::uri::answer(&reply) {
                Ok((answer, to)) => self.answered(&answer, &to, elapsed, reply.value("cut").is_some()),
                Err(Some(reason)) => self.unanswered(&url, &reason, elapsed),
                Err(None) => Progress::Done(failure(&reply)),
            };
        }
        let said = String::from_utf8_lossy(&reply.stderr).into_owned();
        match reply.value("client") {
            Some("none") => {
                let url = self.url.clone();
                match self.channel(&url) {
                    Ok(program) => Progress::Again(program),
                    Err(message) => self.failed(message, Map::new()),
                }
            }
            Some("wget") => {
                let (head, url, said) = self.wget_heads(&said);
                let bytes = [head.as_bytes(), reply.blob("body").unwrap_or_default()].concat();
                match Answer::read(&bytes) {
                    Some(answer) => self.answered(&answer, &url, elapsed, reply.value("cut").is_some()),
                    None => self.unanswered(&url, &said, elapsed),
                }
            }
            Some(_) => {
                let stdout = String::from_utf8_lossy(&reply.stdout);
                let url = if stdout.trim().is_empty() { &self.url } else { stdout.trim() };
                let blob = |name: &str| reply.blob(name).unwrap_or_default();
                match Answer::read(&[blob("head"), blob("body")].concat()) {
                    Some(answer) if reply.rc == Some(0) => {
                        self.answered(&answer, url, elapsed, reply.value("cut").is_some())
                    }
                    _ => self.unanswered(url, &said, elapsed),
                }
            }
            None => {
                let url = self.visited.last().cloned().unwrap_or_default();
                let Some(mut answer) = Answer::read(&reply.stdout).filter(|_| reply.status == 0) else {
                    let reason = match reply.timed_out {
                        true => "timed out",
                        false if said.is_empty() => "the host did not make the connection",
                        false => &said,
                    };
                    return self.unanswered(&url, reason, elapsed);
                };
                answer.dechunk();
                let to = answer.header("location").filter(|_| matches!(answer.status, 301..=303 | 307 | 308));
                if let Some(to) = to
                    && self.follow
                    && self.visited.len() <= REDIRECTS
                {
                    let to = http::join(&url, to);
                    // Passwords and headers that hold some stay with the server they are for.
                    let origin = |url: &str| Address::parse(url).map(|address| (address.host, address.port));
                    if origin(&to) != origin(&url) {
                        self.login = None;
                        self.headers.retain(|(name, _)| {
                            !["authorization", "cookie"].contains(&name.to_lowercase().as_str())
                        });
                    }
                    if matches!(answer.status, 301..=303) && !matches!(self.method.as_str(), "GET" | "HEAD") {
                        self.method = "GET".to_owned();
                        self.body.clear();
                    }
                    self.visited.push(to.clone());
                    return match self.channel(&to) {
                        Ok(program) => Progress::Again(program),
                        Err(message) => self.failed(message, Map::new()),
                    };
                }
                self.answered(&answer, &url, elapsed, reply.stdout.len() >= REGISTERED)
            }
        }
    }

    fn repeatable(&self) -> bool {
        !self.irreversible()
    }

    fn irreversible(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "uri_tests.rs"]
mod tests;
