//! What hosts ask the server, and what they are told: with the agent's proxy, and with its secret out of sight.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::certificates::found;
use super::hosts::{Fleet, LITTLE};
use crate::support::{processes, proxy};

const SECRET: &str = "zebra-crossing-4711";

/// One request: its first line, and its body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// A server that gives tokens for the secret, and looks at all processes of the machine while it is asked.
fn identity_server(error: Option<&'static str>) -> (u16, Seen, Arc<Mutex<Vec<String>>>) {
    let (seen, shown) = (Seen::default(), Arc::new(Mutex::new(Vec::new())));
    let (noted, found) = (Arc::clone(&seen), Arc::clone(&shown));
    let port = proxy::server("127.0.0.1", move |stream| answer(stream, error, &noted, &found));
    (port, seen, shown)
}

fn answer(mut stream: TcpStream, error: Option<&str>, seen: &Seen, shown: &Mutex<Vec<String>>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let request = loop {
        let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break (head.lines().next().unwrap_or_default().to_owned(), body.to_owned());
        }
    };
    shown.lock().unwrap().extend(processes::all().into_iter().filter_map(shows));
    let host = stream.local_addr().unwrap();
    let (status, body) = match request.0.split(' ').nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => {
            (200, json!({"issuer": format!("http://{host}"), "token_endpoint": "http://evil.example/token"}))
        }
        "/connect/token" if error.is_some() => (400, json!({"error": error, "error_description": request.1})),
        "/connect/token" if request.1.contains(SECRET) => (200, json!({"access_token": "token"})),
        _ => (407, Value::Null),
    };
    seen.lock().unwrap().push(request);
    let body = body.to_string();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    let _ = stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes());
}

/// A process that shows the secret to others.
fn shows(process: i32) -> Option<String> {
    let arguments = processes::arguments(process)?;
    let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    let all = format!("{arguments}{}", String::from_utf8_lossy(&environment));
    all.contains(SECRET).then_some(arguments)
}

#[test]
fn a_host_gets_a_token_and_shows_the_secret_to_nobody() {
    let mut fleet = Fleet::of(1);
    let (port, seen, shown) = identity_server(None);
    fleet.hosts.set("h01", "server_uri", &format!("'http://127.0.0.1:{port}'"));
    fleet.hosts.set("h01", "agent_secrets", &format!("{{ Job: {SECRET} }}"));
    // Of the secret itself.
    let hash = "1eNA+ZLxGwmnE6mj5V4xVNdAAcajiKht9VS3RmYQZvE=";
    fleet.hosts.set("h01", "agent_hashed_secrets", &format!("{{ Job: '{hash}' }}"));
    let document = fleet.ask(0, &[]);
    assert_eq!(found(&document), [""; 0]);
    let lines: Vec<String> = seen.lock().unwrap().iter().map(|(line, _)| line.clone()).collect();
    assert_eq!(lines, ["GET /.well-known/openid-configuration HTTP/1.1", "POST /connect/token HTTP/1.1"]);
    let body = seen.lock().unwrap()[1].1.clone();
    assert!(
        body.starts_with(&format!("client_id=Job@127.0.0.1&client_secret={SECRET}&scope=usercube_api")),
        "{body}"
    );
    assert_eq!(*shown.lock().unwrap(), [""; 0]);
    assert!(!document.to_string().contains(SECRET));
}

#[test]
fn a_server_that_sends_the_secret_back_changes_nothing() {
    let mut fleet = Fleet::of(1);
    let (port, _, shown) = identity_server(Some(SECRET));
    let options = format!("{{ {LITTLE}, server: 'http://127.0.0.1:{port}', secret: {SECRET} }}");
    fleet.hosts.set("h01", "preflight", &options);
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["error server-token"]);
    assert!(!document.to_string().contains(SECRET), "{document}");
    // As a task of a playbook neither: not on the screen, not in the journal, not on the host.
    fleet.environment.write(
        "p.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - preflight:
        processors: 1
        memory_gb: 0.1
        disk_gb: 0.01
        connect_seconds: 2
        server: "{{ preflight.server }}"
        secret: "{{ preflight.secret }}"
        fail_on: never
      register: looked
    - debug: { var: looked }
"#,
    );
    fleet.hosts.write(&fleet.environment);
    let ended = fleet.environment.run(&["apply", "p.yml", "-i", "inventory.yml", "-vvv"]).expect(0);
    assert!(
        ended.stdout.contains("server-token") || ended.stderr.contains("server-token"),
        "{}",
        ended.stderr
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(SECRET));
    for entry in ["hosts", ".paceline"] {
        let left = files(&fleet.environment.path(entry));
        let showing: Vec<_> =
            left.iter().filter(|(_, text)| text.contains(SECRET)).map(|(path, _)| path).collect();
        assert!(showing.is_empty(), "{showing:?}");
    }
    assert_eq!(*shown.lock().unwrap(), [""; 0]);
}

fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let of = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![(
            path.clone(),
            String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned(),
        )],
    };
    entries.flatten().flat_map(|entry| of(entry.path())).collect()
}

#[test]
fn the_proxy_of_the_agent_is_asked_and_no_other() {
    let mut fleet = Fleet::of(1);
    let (port, seen, _) = identity_server(None);
    let proxied = |form: &str| {
        format!("{{ {LITTLE}, server: 'https://identity.example', secret: {SECRET}, https_proxy: '{form}' }}")
    };
    fleet.hosts.set("h01", "preflight", &proxied(&format!("me:{SECRET}@127.0.0.1:{port}")));
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["warning proxy-variable", "error server-discovery"]);
    assert_eq!(seen.lock().unwrap()[0].0, "CONNECT identity.example:443 HTTP/1.1");
    assert!(!document.to_string().contains(SECRET), "{document}");
    // A form that the agent would ignore: it would go straight, and so does the question.
    fleet.hosts.set("h01", "preflight", &proxied(&format!("https://127.0.0.1:{port}")));
    let before = seen.lock().unwrap().len();
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["error proxy-variable", "error server-unreachable"]);
    assert_eq!(seen.lock().unwrap().len(), before);
    let closed = proxy::closed_port("127.0.0.1");
    fleet.hosts.set("h01", "preflight", &proxied(&format!("127.0.0.1:{closed}")));
    assert_eq!(found(&fleet.ask(2, &[])), ["error proxy-unreachable"]);
}

#[test]
fn what_is_going_to_be_installed_is_looked_at_on_this_machine() {
    let mut fleet = Fleet::of(1);
    let archive = fleet.environment.write("agent.zip", "abc");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    fleet.hosts.set("h01", "agent_archive", &format!("'{}'", archive.display()));
    fleet.hosts.set("h01", "agent_archive_sha256", &format!("'{digest}'"));
    fleet.hosts.set("h01", "agent_version", "'6.2.1'").set("h01", "server_version", "'6.2.1'");
    assert_eq!(found(&fleet.ask(0, &[])), [""; 0]);
    std::fs::write(&archive, "abd").unwrap();
    fleet.hosts.set("h01", "server_version", "'6.1'");
    fleet.hosts.set("h01", "agent_license", "'{{ vault_license }}'");
    fleet.hosts.set("h01", "agent_connections", r"{ AD: { Login: '<login>' } }");
    assert_eq!(
        found(&fleet.ask(2, &[])),
        [
            "info preflight-variable",
            "error settings-placeholder",
            "error archive-digest",
            "error agent-version",
        ]
    );
}

#[test]
fn settings_on_a_host_are_judged() {
    let mut fleet = Fleet::of(1);
    let runtime = fleet.environment.path("hosts/h01/work/Runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    std::fs::write(runtime.join("appsettings.json"), r#"{"Path": "C:\Users", "a": 1}"#).unwrap();
    std::fs::write(runtime.join("web.config"), vec![b' '; 2 << 20]).unwrap();
    let options = format!("{{ {LITTLE}, folder: '{{{{ work }}}}' }}");
    fleet.hosts.set("h01", "preflight", &options);
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["error settings-invalid", "warning settings-unreadable"]);
    let finding = &document["findings"][0];
    assert!(finding["hint"].as_str().unwrap().contains("each backslash twice"), "{finding}");
    assert_eq!(finding["place"], format!("h01:{}", runtime.join("appsettings.json").display()));
}
