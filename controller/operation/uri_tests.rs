//! What `uri` makes of answers, with the programs of the host and without.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::super::testing::{Rehearsal, SHELLS, bare};
use super::*;

/// Serves `/echo` (the request as text), `/json`, `/redirect`, `/login`, `/fail` and `/cookies`.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let head = loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
        }
        if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&seen[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    while seen.len() < head + length.unwrap_or(0) {
        let count = stream.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..count]);
    }
    let first = text.lines().next().unwrap().to_owned();
    let path = first.split(' ').nth(1).unwrap();
    let (status, more, body) = match path {
        "/json" => ("200 OK", "Content-Type: application/json\r\n", br#"{"a": [1]}"#.to_vec()),
        "/redirect" => ("302 Found", "Location: /json\r\n", Vec::new()),
        "/fail" => ("500 Broken", "Content-Type: text/plain\r\n", b"oops".to_vec()),
        "/cookies" => {
            ("200 OK", "X-Two: a\r\nX-Two: b\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n", Vec::new())
        }
        "/login" if !text.contains("authorization: basic bwu6cciidxq=") => {
            ("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", Vec::new())
        }
        _ => ("200 OK", "Content-Type: text/plain\r\n", seen.clone()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

fn get(url: String) -> Uri {
    Uri {
        platform: crate::shell::Platform::Posix,
        url,
        method: "GET".to_owned(),
        headers: vec![("X-Odd".to_owned(), "it's \"\\ $x".to_owned())],
        body: Vec::new(),
        login: None,
        force_login: false,
        follow: true,
        status: vec![200],
        timeout: 5,
        validate: true,
        content: true,
        proxy: false,
        through: None,
        harmless: false,
        looks: false,
        netrc: false,
        files: [None, None, None],
        creates: None,
        removes: None,
        visited: Vec::new(),
    }
}

/// Plays the executor's part for an operation that asks for a channel.
fn over_channel(operation: &mut Uri, host: &Rehearsal) -> Outcome {
    let mut program = operation.first(Mode::default());
    loop {
        let reply = match program.tcp {
            None => host.program(&program),
            Some(tcp) => match TcpStream::connect((tcp.host.as_str(), tcp.port)) {
                Err(error) => Reply { status: 1, stderr: error.to_string().into_bytes(), ..Reply::default() },
                Ok(mut stream) => {
                    stream.write_all(&tcp.send).unwrap();
                    let mut stdout = Vec::new();
                    stream.read_to_end(&mut stdout).unwrap();
                    Reply { stdout, ..Reply::default() }
                }
            },
        };
        match operation.next(reply, Mode::default()) {
            Progress::Again(next) => program = next,
            Progress::Done(outcome) => return outcome,
        }
    }
}

/// Asks in all the ways there are.
fn ask(operation: &Uri) -> Vec<(String, Outcome)> {
    let mut outcomes: Vec<(String, Outcome)> = SHELLS[..2]
        .iter()
        .map(|shell| {
            ((*shell).to_owned(), Rehearsal::new(shell).run(&mut operation.clone(), Mode::default()))
        })
        .collect();
    for program in [Some("curl"), Some("wget"), None] {
        let (host, _folder) = bare(program);
        outcomes.push((format!("{program:?}"), over_channel(&mut operation.clone(), &host)));
    }
    outcomes
}

#[test]
fn a_request_arrives_as_it_was_meant() {
    let server = serve();
    let body = b"a\0b\n\"\\ '$x\xff".to_vec();
    for (method, body) in [("GET", Vec::new()), ("POST", body.clone()), ("PUT", body), ("DELETE", Vec::new())]
    {
        let request = Uri { method: method.to_owned(), body: body.clone(), ..get(format!("{server}/echo")) };
        for (way, outcome) in ask(&request) {
            assert!(!outcome.failed, "{way}: {:?}", outcome.result);
            let content = outcome.result["content"].as_str().unwrap();
            assert!(content.starts_with(&format!("{method} /echo HTTP/1.1\r\n")), "{way}: {content}");
            assert!(content.contains("X-Odd: it's \"\\ $x\r\n"), "{way}: {content}");
            let end = format!("\r\n\r\n{}", String::from_utf8_lossy(&body));
            assert!(content.ends_with(&end), "{way}: {content:?}");
        }
    }
}

#[test]
fn answers_become_results() {
    let server = serve();
    for (way, outcome) in ask(&Uri { content: false, ..get(format!("{server}/json")) }) {
        assert_eq!(outcome.result["json"], serde_json::json!({"a": [1]}), "{way}");
        assert_eq!(outcome.result["msg"], "OK (10 bytes)", "{way}");
        assert_eq!(outcome.result["content_type"], "application/json", "{way}");
        assert_eq!(outcome.result.get("content"), None, "{way}");
    }
    for (way, outcome) in ask(&get(format!("{server}/redirect"))) {
        assert_eq!(outcome.result["status"], 200, "{way}");
        assert_eq!(outcome.result["json"], serde_json::json!({"a": [1]}), "{way}");
        assert_eq!(outcome.result["redirected"], true, "{way}");
        assert_eq!(outcome.result["url"], format!("{server}/json"), "{way}");
    }
    for (way, outcome) in ask(&Uri { follow: false, ..get(format!("{server}/redirect")) }) {
        assert!(outcome.failed, "{way}");
        assert_eq!(outcome.result["location"], format!("{server}/json"), "{way}");
        assert_eq!(
            outcome.result["msg"], "Status code was 302 and not [200]: HTTP Error 302: Found",
            "{way}"
        );
    }
    for (way, outcome) in ask(&Uri { status: vec![200, 500], ..get(format!("{server}/fail")) }) {
        assert!(!outcome.failed, "{way}: {:?}", outcome.result);
        assert_eq!(outcome.result["content"], "oops", "{way}");
        assert_eq!(outcome.result["msg"], "HTTP Error 500: Broken", "{way}");
    }
    for (way, outcome) in ask(&get(format!("{server}/cookies"))) {
        assert_eq!(outcome.result["x_two"], "a, b", "{way}");
        assert_eq!(outcome.result["cookies"], serde_json::json!({"a": "1", "b": "2"}), "{way}");
        assert_eq!(outcome.result["cookies_string"], "a=1; b=2", "{way}");
    }
    for (way, outcome) in ask(&get("http://127.0.0.1:1/".to_owned())) {
        assert!(outcome.failed, "{way}");
        assert_eq!(outcome.result["status"], -1, "{way}");
    }
}

#[test]
fn a_login_is_sent_and_never_in_arguments() {
    let server = serve();
    for force_login in [false, true] {
        let login = Some(("me".to_owned(), "p\"\"ut".to_owned()));
        let request = Uri { login, force_login, ..get(format!("{server}/login")) };
        for (way, outcome) in ask(&request) {
            assert!(!outcome.failed, "{way}: {:?}", outcome.result);
        }
        let program = request.clone().first(Mode::default());
        assert!(!program.text.contains("p\""), "{}", program.text);
        assert!(!program.text.contains("login"), "{}", program.text);
    }
}

#[test]
fn guards_and_check_mode_ask_nothing() {
    let creates = Uri { creates: Some("/etc/pass*".to_owned()), ..get("http://127.0.0.1:1/".to_owned()) };
    for (_, outcome) in ask(&creates) {
        assert!(!outcome.failed);
        assert_eq!(outcome.result["stdout"], "skipped, since '/etc/pass*' exists");
    }
    let check = Mode { check: true, ..Mode::default() };
    let outcome = Rehearsal::new("dash").run(&mut get("http://127.0.0.1:1/".to_owned()), check);
    assert!(outcome.skipped);
}

#[test]
fn a_channel_speaks_no_https_and_keeps_secrets_at_home() {
    let (host, _folder) = bare(None);
    let outcome = over_channel(&mut get("https://a.example/".to_owned()), &host);
    assert!(outcome.failed);
    assert!(outcome.result["msg"].as_str().unwrap().contains("curl"), "{:?}", outcome.result);
    let mut request = get("http://a.example/".to_owned());
    request.login = Some(("me".to_owned(), "pw".to_owned()));
    request.headers.push(("Cookie".to_owned(), "a=1".to_owned()));
    request.visited = vec![request.url.clone()];
    let stdout = b"HTTP/1.1 302 x\r\nLocation: http://b.example/\r\n\r\n".to_vec();
    let Progress::Again(program) = request.next(Reply { stdout, ..Reply::default() }, Mode::default()) else {
        panic!("not followed")
    };
    let sent = String::from_utf8(program.tcp.unwrap().send).unwrap();
    assert!(
        sent.contains("Host: b.example") && !sent.contains("Basic") && !sent.contains("Cookie"),
        "{sent}"
    );
}
