//! Kerberos against a KDC and the peer. The library reads the environment of its process, so each case runs in one of its own: this
//! program once more, with `inside` as its only test.

use std::io::Write as _;
use std::process::Command;

use paceline_winrm::{Client, Credentials, Endpoint, Service, Trust};
use serde_json::{Value, json};

use super::client::{bounded, field, pattern, quick, run, shell};
use crate::support::kdc::{Kdc, REALM};
use crate::support::winrm::{PASSWORD, Peer};

const CASE: &str = "WINRM_KERBEROS_CASE";

struct Realm {
    kdc: Kdc,
    peer: Peer,
}

impl Realm {
    fn new() -> Self {
        let kdc = Kdc::start(1);
        let environment = kdc.environment();
        let borrowed: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let peer = Peer::with_environment(1, &json!({"kerberos": true, "cbt": "strict"}), &borrowed);
        Self { kdc, peer }
    }

    /// Logs in as `case` says and runs a program; what came of it.
    fn log_in(&self, case: &Value, more: &[(&str, &str)]) -> Value {
        let host = self.peer.host(1);
        let mut case = case.clone();
        let is_tls = case["tls"] == json!(true);
        case["name"] = host.name().into();
        case["address"] = host.address().into();
        case["port"] = if is_tls { host.https() } else { host.http() }.into();
        case["ca"] = self.peer.authority().to_str().unwrap().into();
        let realm = self.kdc.environment();
        let mut environment: Vec<_> =
            realm.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        environment.extend(more);
        in_a_process(&case, &environment)
    }
}

/// Runs `inside` in a process of its own.
fn in_a_process(case: &Value, environment: &[(&str, &str)]) -> Value {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "winrm::kerberos::inside", "--nocapture"]).env(CASE, case.to_string());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = text.lines().find_map(|line| line.split_once("RESULT ").map(|(_, json)| json.to_owned()));
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&result.unwrap_or_else(|| panic!("{text}\n{errors}"))).unwrap()
}

/// One case, in a process whose environment is that of the realm; without one, that of a host which is not there.
#[tokio::test(flavor = "multi_thread")]
async fn inside() {
    let Ok(case) = std::env::var(CASE) else {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let case = json!({"name": "gone.example", "address": "127.0.0.1", "port": closed});
        let failed = in_a_process(&case, &[]);
        assert_eq!(failed["rejected"], json!(false), "{failed}");
        assert!(field(&failed, "error").contains("cannot connect"), "{failed}");
        return;
    };
    let case: Value = serde_json::from_str(&case).unwrap();
    let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let port = u16::try_from(case["port"].as_u64().unwrap()).unwrap();
    let endpoint = if case["tls"] == json!(true) {
        let extra_pem = std::fs::read(text("ca")).unwrap();
        Endpoint::https(&text("name"), port).with_trust(Trust::Authorities { system: false, extra_pem })
    } else {
        Endpoint::http(&text("name"), port)
    };
    let credentials = Credentials::Kerberos {
        account: case["account"].as_str().map(|account| account.parse().unwrap()),
        password: case["password"].as_str().map(Into::into),
        service: if case["service"] == json!("WSMAN") { Service::Wsman } else { Service::Http },
        host: case["host"].as_str().map(str::to_owned),
    };
    let endpoint = endpoint.with_address(&text("address"));
    let result = match bounded(Client::connect(endpoint, credentials, quick())).await {
        Err(error) => json!({
            "error": error.to_string(),
            "hint": error.hint(),
            "retryable": error.is_retryable(),
            "rejected": matches!(error, paceline_winrm::Error::Rejected { .. }),
        }),
        Ok(client) => {
            let shell = shell(&client).await;
            let ran = run(&shell, "out 2000003").await.unwrap();
            bounded(shell.close()).await.unwrap();
            json!({"ok": ran.stdout == pattern(2_000_003)})
        }
    };
    writeln!(std::io::stdout(), "RESULT {result}").unwrap();
}

#[test]
fn a_password_a_ticket_and_a_keytab_log_in_over_http_and_https() {
    let realm = Realm::new();
    let account = format!("svc-rollout@{}", REALM.to_lowercase());
    for is_tls in [false, true] {
        let case = json!({"account": account, "password": PASSWORD, "tls": is_tls});
        assert_eq!(realm.log_in(&case, &[]), json!({"ok": true}), "password, tls: {is_tls}");
    }
    let cache = format!("FILE:{}", realm.kdc.log_in("ticket").display());
    let case = json!({"service": "WSMAN"});
    assert_eq!(realm.log_in(&case, &[("KRB5CCNAME", &cache)]), json!({"ok": true}), "ticket");
    let keytab = format!("FILE:{}", realm.kdc.users_keytab().display());
    let case = json!({"account": account});
    assert_eq!(realm.log_in(&case, &[("KRB5_CLIENT_KTNAME", &keytab)]), json!({"ok": true}), "keytab");
    let host = realm.peer.host(1);
    let logons = host.log(Some("logon"));
    assert!(logons.len() >= 4, "{logons:?}");
    for logon in &logons {
        assert_eq!(
            (field(logon, "protocol"), field(logon, "principal")),
            ("kerberos", "svc-rollout@CORP.EXAMPLE")
        );
    }
    assert!(
        logons.iter().any(|logon| logon["cbt"] == json!(true)),
        "bound to the TLS connection: {logons:?}"
    );
    let over_http = host.log(Some("request"));
    assert!(over_http.iter().any(|request| request["sealed"] == json!(true)));
    assert_eq!(host.count("logon_failed"), 0);
}

/// A host that answers everything with a bare 200; how many tickets it was handed.
fn takes_tickets() -> (u16, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{BufRead as _, BufReader};
    use std::sync::atomic::{AtomicUsize, Ordering};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), std::sync::Arc::new(AtomicUsize::new(0)));
    let counted = std::sync::Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 0 {
                if line.to_ascii_lowercase().starts_with("authorization: kerberos ") {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                if line == "\r\n" {
                    let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
                line.clear();
            }
        }
    });
    (port, count)
}

#[test]
fn a_host_that_proves_nothing_is_not_logged_in_to() {
    let kdc = Kdc::start(1);
    let environment = kdc.environment();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (port, tickets) = takes_tickets();
    let case = json!({
        "account": format!("svc-rollout@{REALM}"), "password": PASSWORD, "name": "win1.example",
        "address": "127.0.0.1", "port": port,
    });
    let result = in_a_process(&case, &environment);
    assert_eq!(result["rejected"], json!(true), "{result}");
    assert!(field(&result, "hint").contains("did not prove that it is the one"), "{result}");
    assert_eq!(result["retryable"], json!(false), "{result}");
    assert_eq!(tickets.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn what_fails_is_named() {
    let realm = Realm::new();
    let account = format!("svc-rollout@{REALM}");
    let hint = |result: &Value| field(result, "hint").to_owned();

    let wrong = realm.log_in(&json!({"account": account, "password": "wrong"}), &[]);
    assert_eq!(wrong["rejected"], json!(true), "{wrong}");
    assert!(hint(&wrong).contains("password") && wrong["retryable"] == json!(false), "{wrong}");

    let log = std::fs::read_to_string(realm.kdc.folder().join("kdc.log")).unwrap();
    let attempts =
        log.lines().filter(|line| line.contains("AS_REQ") && !line.contains("NEEDED_PREAUTH")).count();
    assert_eq!(attempts, 1, "{log}");

    let stranger = realm.log_in(&json!({"account": format!("nobody@{REALM}"), "password": PASSWORD}), &[]);
    assert!(hint(&stranger).contains("does not know the user"), "{stranger}");

    let nothing = realm.log_in(&json!({}), &[]);
    assert!(hint(&nothing).contains("kinit") && nothing["rejected"] == json!(false), "{nothing}");

    let service = json!({"account": account, "password": PASSWORD, "host": "win9.example"});
    let unknown = realm.log_in(&service, &[]);
    assert!(hint(&unknown).contains("full DNS name"), "{unknown}");

    let domain = realm.log_in(&json!({"account": "CORP\\svc-rollout", "password": PASSWORD}), &[]);
    assert!(hint(&domain).contains("user@REALM"), "{domain}");

    realm.peer.host(1).set(&json!({"kerberos": false}));
    let off = realm.log_in(&json!({"account": account, "password": PASSWORD}), &[]);
    assert!(hint(&off).contains("auth/Kerberos"), "{off}");
    assert_eq!(realm.peer.host(1).count("execute"), 0);
}
