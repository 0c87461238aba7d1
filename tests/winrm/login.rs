//! Logging in: every method against the peer, every refusal with one attempt and the right name.

use paceline_winrm::{Client, Credentials, Endpoint, Error, Trust};
use serde_json::json;

use super::client::{basic, bounded, field, http, https, ntlm, once, quick, sealed};
use crate::support::winrm::{ADMINISTRATOR, PASSWORD, Peer};

#[tokio::test(flavor = "multi_thread")]
async fn sealed_ntlm_runs_a_program_with_a_login_per_connection() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for account in [
        ADMINISTRATOR,
        ".\\Administrator",
        "WIN1.EXAMPLE\\administrator",
        "CORP\\svc-rollout",
        "svc-rollout@corp.example",
    ] {
        let ran = once(http(&host), ntlm(account), "hostname").await.unwrap();
        assert_eq!((ran.code, ran.stdout.as_slice()), (0, b"win1.example\r\n".as_slice()), "{account}");
    }
    assert_eq!(host.count("logon_failed"), 0);
    let logons = host.log(Some("logon"));
    assert!(logons.len() <= usize::try_from(host.count("connect")).unwrap(), "{logons:?}");
    assert!(logons.iter().all(|logon| logon["mic"] == json!(true) && field(logon, "protocol") == "ntlm"));
    assert!(host.shells().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ntlm_over_https_is_bound_to_the_connection_and_logs_in_once() {
    let peer = Peer::start(1, &json!({"cbt": "strict"}));
    let host = peer.host(1);
    for certificate in ["good", "sha384", "ecdsa"] {
        host.set(&json!({"server_certificate": certificate}));
        let ran = once(https(&peer, &host), ntlm(ADMINISTRATOR), "hostname").await.unwrap();
        assert_eq!(ran.code, 0, "{certificate}");
    }
    let logons = host.log(Some("logon"));
    assert!(logons.iter().all(|logon| logon["cbt"] == json!(true)), "{logons:?}");
    assert!(logons.len() <= usize::try_from(host.count("connect")).unwrap(), "{logons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_within_tls_are_sealed_where_that_is_asked_for() {
    let peer = Peer::start(1, &json!({"cbt": "strict"}));
    let host = peer.host(1);
    let sealed = || https(&peer, &host).with_sealing();
    assert_eq!(once(sealed(), ntlm(ADMINISTRATOR), "hostname").await.unwrap().code, 0);
    let requests = host.log(Some("request"));
    assert!(!requests.is_empty() && requests.iter().all(|request| request["sealed"] == json!(true)));
    let error =
        bounded(Client::connect(sealed(), basic(ADMINISTRATOR, PASSWORD), quick())).await.unwrap_err();
    assert!(error.to_string().contains("no key to seal"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_and_certificates_work_over_https() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for account in [ADMINISTRATOR, ".\\Administrator"] {
        assert_eq!(once(https(&peer, &host), basic(account, PASSWORD), "exit 7").await.unwrap().code, 7);
    }
    let (certificate, key) = peer.client();
    let credentials = Credentials::Certificate {
        certificate_pem: std::fs::read(certificate).unwrap(),
        key_pem: std::fs::read_to_string(key).unwrap().into(),
    };
    assert_eq!(once(https(&peer, &host), credentials, "exit -5").await.unwrap().code, -5);
    let protocols: Vec<_> = host.log(Some("logon")).iter().map(|l| field(l, "protocol").to_owned()).collect();
    assert!(protocols.contains(&"certificate".to_owned()) && protocols.contains(&"basic".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_exactly_once() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let wrong = || Credentials::Ntlm { account: ADMINISTRATOR.parse().unwrap(), password: "wrong".into() };
    for (endpoint, credentials) in [
        (http(&host), wrong()),
        (https(&peer, &host), wrong()),
        (https(&peer, &host), basic(ADMINISTRATOR, "wrong")),
    ] {
        let before = host.count("logon_failed");
        let method = format!("{credentials:?}");
        let error = bounded(Client::connect(endpoint, credentials, quick())).await.unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "{method}: {error}");
        assert!(!error.is_retryable());
        assert!(error.hint().unwrap().contains("password"), "{error}");
        assert_eq!(host.count("logon_failed") - before, 1, "{method}");
        assert!(!format!("{error:?} {error} {}", error.hint().unwrap()).contains("wrong"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_administrator_learns_what_is_missing() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let error = once(http(&host), ntlm("operator"), "hostname").await.unwrap_err();
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("LocalAccountTokenFilterPolicy"), "{error}: {hint}");
    assert!(!error.is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_the_host_are_checked_by_authority_name_and_time() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let connect = |endpoint: Endpoint| Client::connect(endpoint, ntlm(ADMINISTRATOR), quick());
    for (kind, what) in [
        ("wrong_host", "for another name"),
        ("expired", "has expired"),
        ("not_yet", "not valid yet"),
        ("self_signed", "not signed by a trusted authority"),
        ("self_signed_ca", "of an authority, not of a host"),
        ("other_ca", "not signed by a trusted authority"),
    ] {
        host.set(&json!({"server_certificate": kind}));
        let error = bounded(connect(https(&peer, &host))).await.unwrap_err();
        assert!(error.to_string().contains(what), "{kind}: {error}");
        assert!(error.hint().is_some() && !error.is_retryable());
        let pinned = https(&peer, &host).with_trust(Trust::pin(&peer.pin(kind)).unwrap());
        bounded(connect(pinned)).await.unwrap();
        bounded(connect(https(&peer, &host).with_trust(Trust::Ignore))).await.unwrap();
        let error =
            bounded(connect(https(&peer, &host).with_trust(Trust::Pins(vec![[7; 32]])))).await.unwrap_err();
        assert!(error.to_string().contains("not the pinned one"), "{kind}: {error}");
    }
    assert_eq!(host.count("logon_failed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_protocol_for_a_port_is_named() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let swapped = Endpoint::http(host.name(), host.https()).with_address(host.address());
    let error = bounded(Client::connect(swapped, ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(error.hint().unwrap().contains("https"), "{error:?}");
    let swapped =
        Endpoint::https(host.name(), host.http()).with_address(host.address()).with_trust(Trust::Ignore);
    let error = bounded(Client::connect(swapped, ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(error.hint().unwrap().contains("use http"), "{error:?}");
    let nobody = Endpoint::http(host.name(), 1).with_address(host.address());
    let error = bounded(Client::connect(nobody, ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_no_wrong_password() {
    let peer = Peer::start(1, &json!({"basic": false}));
    let host = peer.host(1);
    let error = bounded(Client::connect(https(&peer, &host), basic(ADMINISTRATOR, PASSWORD), quick()))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotOffered { method: "Basic", .. }), "{error}");
    let error =
        bounded(Client::connect(http(&host), basic(ADMINISTRATOR, PASSWORD), quick())).await.unwrap_err();
    assert!(error.to_string().contains("plain text"), "{error}");
    let plain = Credentials::Basic {
        account: ADMINISTRATOR.parse().unwrap(),
        password: PASSWORD.into(),
        allow_plain: true,
    };
    host.set(&json!({"basic": true, "negotiate": false}));
    let error = bounded(Client::connect(http(&host), plain, quick())).await.unwrap_err();
    assert!(!matches!(error, Error::Rejected { .. }), "{error:?}");
    let error = bounded(Client::connect(http(&host), ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(matches!(error, Error::NotOffered { method: "NTLM", .. }), "{error}");
    assert_eq!(host.count("logon_failed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_says_who_it_is() {
    let peer = Peer::start(1, &json!({}));
    let identity = bounded(sealed(&peer.host(1)).await.identify()).await.unwrap();
    assert!(identity.version.contains("OS:") && !identity.vendor.is_empty(), "{identity:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_up_on_a_client_certificate_is_told_how_to_ask_for_it() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let (certificate, key) = peer.client();
    let credentials = Credentials::Certificate {
        certificate_pem: std::fs::read(certificate).unwrap(),
        key_pem: std::fs::read_to_string(key).unwrap().into(),
    };
    host.inject(&json!({"on": "Identify", "do": "drop"}));
    let error = bounded(Client::connect(https(&peer, &host), credentials, quick())).await.unwrap_err();
    assert!(error.hint().unwrap().contains("clientcertnegotiation=enable"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_that_does_answer_is_named() {
    // An address of its own, so that nothing else listens there.
    let _listener = tokio::net::TcpListener::bind("127.0.99.85:5985").await.unwrap();
    let endpoint = Endpoint::https("h.example", 5986).with_address("127.0.99.85");
    let error = bounded(Client::connect(endpoint, ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(matches!(error, Error::Connect { other_port: Some(5985), .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("no listener for https"), "{error:?}");
}
