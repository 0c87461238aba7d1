#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::path::Path;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Method, WinRmSetting};
use crate::shell::Platform;
use crate::transport::Via;
use crate::transport::resolve::{ConnectionOptions, target};
use crate::transport::ssh::config::SshConfig;

fn resolve(variables: Value) -> Result<WinRmSetting, String> {
    let mut variables: HashMap<String, Value> = serde_json::from_value(variables).unwrap();
    variables.entry("ansible_connection".to_owned()).or_insert(json!("winrm"));
    let options = ConnectionOptions {
        user: None,
        private_key: None,
        timeout: None,
        known_hosts: Vec::new(),
        password: None,
        passphrase: None,
        agent: None,
        home: "/home/ann".into(),
        local_user: "ann".into(),
        accept_any: false,
        warn: &|_| {},
    };
    let config = SshConfig::parse("", Path::new("config"), Path::new("/home/ann")).unwrap();
    let target = target("par-1", &|name| Ok(variables.get(name).cloned()), &options, &config)
        .map_err(|error| error.to_string())?;
    assert_eq!(target.platform, Platform::Windows);
    match target.via {
        Via::WinRm(setting) => Ok(setting),
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_those_of_ansible_but_for_clear_text() {
    let plain = resolve(json!({})).unwrap();
    assert_eq!((plain.address.as_str(), plain.port, plain.path.as_str()), ("par-1", 5986, "wsman"));
    assert!(plain.tls.is_some());
    assert_eq!(plain.methods, [Method::Basic]);
    let http = resolve(json!({"ansible_port": 5985, "ansible_user": "ann"})).unwrap();
    assert!(http.tls.is_none());
    assert_eq!(http.methods, [Method::Ntlm]);
    let domain = resolve(json!({"ansible_port": 5985, "ansible_user": "ann@CORP.EXAMPLE"})).unwrap();
    assert_eq!(domain.methods, [Method::Kerberos, Method::Ntlm]);
    let secure = resolve(json!({"ansible_user": "ann@CORP.EXAMPLE"})).unwrap();
    assert_eq!(secure.methods, [Method::Kerberos, Method::Ntlm], "Basic follows nothing by itself");
    let written = resolve(json!({"ansible_winrm_transport": ["kerberos", "basic"]})).unwrap();
    assert_eq!(written.methods, [Method::Kerberos, Method::Basic]);
    let psrp = resolve(json!({"ansible_connection": "psrp", "ansible_psrp_protocol": "http"})).unwrap();
    assert_eq!((psrp.port, &psrp.methods[..]), (5985, &[Method::Ntlm][..]));
}

#[test]
fn variables_of_both_connections_are_read() {
    let winrm = resolve(json!({
        "ansible_host": "10.0.0.9", "ansible_user": "CORP\\ann", "ansible_password": "p",
        "ansible_winrm_transport": "ntlm, kerberos", "ansible_winrm_scheme": "https",
        "ansible_winrm_ca_trust_path": "~/ca.pem", "ansible_winrm_path": "/wsman/x",
        "ansible_winrm_operation_timeout_sec": 60, "ansible_winrm_message_encryption": "always",
        "ansible_winrm_kerberos_hostname_override": "par-1.corp.example",
    }))
    .unwrap();
    assert_eq!(winrm.methods, [Method::Ntlm, Method::Kerberos]);
    assert_eq!(winrm.tls.unwrap().ca.as_deref(), Some(Path::new("/home/ann/ca.pem")));
    assert_eq!((winrm.path.as_str(), winrm.operation_timeout.as_secs()), ("wsman/x", 60));
    assert_eq!(winrm.password.unwrap().expose_secret(), "p");
    assert_eq!(winrm.kerberos_name.1.as_deref(), Some("par-1.corp.example"));
    assert!(winrm.seal_always);
    let psrp = resolve(json!({
        "ansible_connection": "psrp", "ansible_psrp_auth": "certificate",
        "ansible_psrp_certificate_pem": "c.pem", "ansible_psrp_certificate_key_pem": "k.pem",
        "ansible_psrp_cert_validation": "ignore", "ansible_psrp_host": "there",
    }))
    .unwrap();
    assert_eq!(psrp.methods, [Method::Certificate]);
    assert!(psrp.certificate.is_some() && psrp.tls.unwrap().accept_any);
    assert_eq!(psrp.address, "there");
}

#[test]
fn what_is_unsafe_or_missing_is_refused_with_a_hint() {
    for (variables, word) in [
        (json!({"ansible_winrm_transport": "plaintext", "ansible_port": 5985}), "clear text"),
        (json!({"ansible_winrm_transport": "plaintext"}), "`basic` over https"),
        (json!({"ansible_winrm_transport": []}), "names no way to log in"),
        (json!({"ansible_winrm_transport": ""}), "names no way to log in"),
        (json!({"ansible_winrm_message_encryption": "always"}), "`basic` has no key"),
        (
            json!({"ansible_connection": "psrp", "ansible_psrp_auth": ["negotiate", "basic"],
                "ansible_psrp_message_encryption": "always"}),
            "set `ansible_psrp_auth`",
        ),
        (json!({"ansible_winrm_transport": "basic", "ansible_winrm_scheme": "http"}), "needs https"),
        (json!({"ansible_winrm_transport": "credssp"}), "hands the password"),
        (json!({"ansible_winrm_transport": "magic"}), "`magic` is not supported"),
        (json!({"ansible_winrm_transport": 3}), "a name or a list"),
        (json!({"ansible_winrm_transport": "certificate"}), "none is given"),
        (json!({"ansible_winrm_cert_pem": "c.pem"}), "belong together"),
        (json!({"ansible_winrm_scheme": "ftp"}), "not `http` or `https`"),
        (json!({"ansible_winrm_path": "a b"}), "path of a URL"),
        (json!({"ansible_winrm_message_encryption": "never", "ansible_port": 5985}), "always sealed"),
        (json!({"ansible_winrm_server_cert_validation": "maybe"}), "not `validate` or `ignore`"),
        (json!({"ansible_winrm_kerberos_delegation": true}), "delegation"),
        (json!({"ansible_winrm_kinit_cmd": "kinit"}), "system's Kerberos library"),
        (json!({"ansible_psrp_proxy": "http://x"}), "proxy"),
        (json!({"paceline_tls_pin": "abc"}), "SHA-256"),
        (json!({"paceline_tls_pin": []}), "refuse every"),
    ] {
        let error = resolve(variables.clone()).unwrap_err();
        assert!(error.contains(word), "{variables}: {error}");
    }
}

#[test]
fn pins_are_written_in_three_ways() {
    let colons = vec!["AB"; 32].join(":");
    let plain = "ab".repeat(32);
    let base64 = format!("SHA256:{}", "q6ur".repeat(10) + "q6s");
    for pin in [json!(colons), json!([plain]), json!(base64)] {
        let setting = resolve(json!({"paceline_tls_pin": pin})).unwrap();
        assert_eq!(setting.tls.unwrap().pins, [plain.as_str()]);
    }
}
