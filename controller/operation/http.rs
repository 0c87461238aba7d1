//! HTTP/1.1 as bytes: requests written, answers read, addresses taken apart. Knows no socket.

/// An address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
    /// User and password in it, percent-encoded.
    pub(super) login: Option<String>,
}

impl Address {
    /// Takes `http://` and `https://` apart.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => (Some(login.to_owned()), authority),
            None => (None, authority),
        };
        let (host, port) = match authority.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None | Some("") => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().ok()?,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let safe = |text: &str| !text.chars().any(|char| char.is_control() || char == ' ');
        (!host.is_empty() && safe(host) && safe(&path)).then(|| Self {
            secure,
            host: host.to_owned(),
            port,
            path,
            login,
        })
    }

    /// Host and port as the `Host` header has them.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// Resolves what a `Location` header says against the address that was asked.
pub(super) fn join(url: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return location.to_owned() };
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}");
    }
    let folder = rest.rsplit_once('/').map_or(rest, |(folder, _)| folder);
    format!("{scheme}://{folder}/{location}")
}

/// Writes a request that asks the server to close the connection after its answer.
pub(super) fn request(address: &Address, method: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let has = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let mut text = format!("{method} {} HTTP/1.1\r\n", address.path);
    let mut put = |name: &str, value: &str| {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    };
    if !has("host") {
        put("Host", &address.authority());
    }
    for (name, value) in headers {
        put(name, value);
    }
    if !has("content-length") && (!body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH")) {
        put("Content-Length", &body.len().to_string());
    }
    put("Connection", "close");
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// An answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    /// Names in lower case, in order.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns a header's first value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Reads the last head of those that stand one after the other (redirects, `100 Continue`), and what follows
    /// it as the body.
    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut last = None;
        while bytes.starts_with(b"HTTP/") {
            let (end, gap) = head_end(bytes)?;
            last = Some(&bytes[..end]);
            bytes = &bytes[end + gap..];
        }
        let head = String::from_utf8_lossy(last?).into_owned();
        let mut lines = head.lines();
        let mut words = lines.next()?.splitn(3, ' ');
        words.next()?;
        let status = words.next()?.trim().parse().ok()?;
        let reason = words.next().unwrap_or_default().trim().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { status, reason, headers, body: bytes.to_vec() })
    }

    /// Undoes the chunks of an answer that was read from a socket.
    pub(super) fn dechunk(&mut self) {
        let chunked =
            self.header("transfer-encoding").is_some_and(|value| value.to_lowercase().contains("chunked"));
        if !chunked {
            return;
        }
        let mut body = Vec::new();
        let mut rest = self.body.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let size = String::from_utf8_lossy(&rest[..end]);
            let size = size.split(';').next().unwrap_or_default().trim();
            let Ok(size) = usize::from_str_radix(size, 16) else { break };
            rest = &rest[end + 1..];
            if size == 0 {
                break;
            }
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            rest = rest.get(size..).unwrap_or_default();
            rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        }
        self.body = body;
    }
}

/// Where a head ends, and how wide the empty line after it is.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let wide = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| (at, 4));
    let narrow = bytes.windows(2).position(|window| window == b"\n\n").map(|at| (at, 2));
    wide.into_iter().chain(narrow).min()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, secure, host, port, path) in [
            ("http://a.example", false, "a.example", 80, "/"),
            ("HTTPS://a.example/x?y#z", true, "a.example", 443, "/x?y"),
            ("http://me:pw@a.example:81?q", false, "a.example", 81, "/?q"),
            ("http://[::1]:8080/x", false, "::1", 8080, "/x"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(
                (address.secure, address.host.as_str(), address.port, address.path.as_str()),
                (secure, host, port, path)
            );
        }
        for url in ["ftp://a", "a.example", "http://", "http://a:b/", "http://a/ x", "http://a/\r\nX: y"] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
        for (url, location, expected) in [
            ("http://a/b/c?d", "e", "http://a/b/e"),
            ("http://a/b/c", "/e", "http://a/e"),
            ("http://a", "e", "http://a/e"),
            ("https://a/b", "//x/e", "https://x/e"),
            ("http://a/b", "http://x/", "http://x/"),
        ] {
            assert_eq!(join(url, location), expected);
        }
    }

    #[test]
    fn answers_are_read() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 All right\r\nContent-Type: a/b; c\r\nX:y\r\n\r\nbody\n";
        let answer = Answer::read(text).unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (200, "All right"));
        assert_eq!(answer.header("content-type"), Some("a/b; c"));
        assert_eq!(answer.body, b"body\n");
        let mut answer = Answer::read(
            b"HTTP/2 204\nTransfer-Encoding: chunked\n\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        )
        .unwrap();
        answer.dechunk();
        assert_eq!(answer.body, b"abc0123456789");
        for bytes in [&b""[..], b"HTTP/1.1", b"HTTP/1.1 x\r\n\r\n", b"SSH-2.0\r\n\r\n"] {
            assert_eq!(Answer::read(bytes), None);
        }
    }
}
