//! Audits to draw.

use jiff::Timestamp;
use paceline::audit::Audit;
use paceline::report::html::{self, Drift, Meta};
use serde_json::{Value, json};

/// The time at which the pages are made.
pub(super) const NOW: &str = "2026-05-09T07:29:33Z";

pub(super) fn meta() -> Meta {
    Meta {
        at: NOW.parse::<Timestamp>().unwrap(),
        inventories: vec!["inventory/production".to_owned()],
        configuration: Some("configuration/production".to_owned()),
        limit: None,
        live: true,
        drift: Some(Drift {
            since: "audit.json".to_owned(),
            changes: vec!["connector `Exchange` moved from `ParisAD` to `LyonAD`".to_owned()],
        }),
    }
}

/// The page of an audit.
pub(super) fn page(audit: &Audit) -> String {
    let mut out = Vec::new();
    html::audit(audit, &meta(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn certificate(host: &str, usage: &str, number: usize, not_after: &str) -> Value {
    json!({
        "host": host, "usage": usage, "place": format!("{host}:C:/agent"), "subject": format!("CN={host}"),
        "issuer": "CN=Corp Issuing CA 2", "serial": "01", "thumbprint": format!("{number:040X}"),
        "thumbprint_sha256": format!("{number:064X}"), "not_before": "2025-02-01T00:00:00Z", "not_after": not_after,
        "key_algorithm": "RSA", "key_size": 3072, "signature": "sha256WithRSAEncryption",
        "has_private_key": true, "self_signed": false, "chain": false,
    })
}

/// A fleet: `agents` agents with a host and two connectors each, and every `fault`th with an error and a warning.
pub(super) fn fleet(agents: usize, fault: usize) -> Audit {
    let (mut rows, mut connectors, mut systems, mut findings, mut certificates) =
        (vec![], vec![], vec![], vec![], vec![]);
    for n in 0..agents {
        let (agent, host) = (format!("Agent{n:04}"), format!("site{:02}-srv-{n:04}.corp.example", n % 20));
        let names = [format!("AD{n:04}"), format!("HR{n:04}")];
        rows.push(json!({
            "identifier": agent, "hosts": [host], "connectors": names, "uri": format!("https://{host}"),
            "jobs": [{"identifier": format!("Sync{n}"), "schedule": "0 2 * * *", "agent": agent}],
            "versions": ["6.2.1.0"], "maintenance_groups": ["blue"],
        }));
        for (kind, name) in ["directory", "database"].iter().zip(&names) {
            let system = format!("{kind}{:03}.example", n % 300);
            connectors.push(json!({
                "identifier": name, "agent": agent, "hosts": [host], "declared": [agent],
                "managed_systems": [system], "jobs": [{"identifier": format!("Sync{n}"), "schedule": "0 2 * * *", "agent": agent}],
                "place": format!("Conf/connectors.xml:{}", n + 3),
            }));
            if n < 300 {
                systems.push(json!({"name": system, "kind": kind, "address": format!("{system}:636"), "connectors": [name]}));
            }
        }
        if n % fault == 0 {
            findings.push(json!({
                "id": "connection-settings-missing", "severity": "error", "host": host, "agent": agent, "connector": names[0],
                "place": format!("{host}:C:/agent/appsettings.agent.json"),
                "message": format!("`{}` has no connection settings on `{host}`", names[0]), "hint": "write them with the playbook `configure`",
            }));
            findings.push(json!({
                "id": "stdout-log-enabled", "severity": "warning", "host": host, "agent": agent,
                "place": format!("{host}:C:/agent/web.config"),
                "message": "the standard output log is on", "hint": "set `stdoutLogEnabled` to false",
            }));
        }
        certificates.push(certificate(
            &host,
            "encryption",
            n,
            ["2026-01-03T00:00:00Z", "2026-05-20T00:00:00Z", "2028-01-03T00:00:00Z"][n % 3],
        ));
    }
    findings.sort_by_key(|finding| finding["severity"] != "error");
    let hosts: Vec<Value> =
        rows.iter().map(|row| json!({"host": row["hosts"][0], "answered": true})).collect();
    serde_json::from_value(json!({
        "findings": findings, "connectors": connectors, "agents": rows, "managed_systems": systems,
        "certificates": certificates, "hosts": hosts,
        "waived": [{
            "finding": {"id": "certificate-sha1", "severity": "error", "place": "old.example:C:/x.pfx", "message": "it is signed with SHA-1", "hint": "replace it"},
            "reason": "replaced with the host in June", "until": "2026-06-30",
        }],
    }))
    .unwrap()
}

/// What no page may take for more than text.
pub(super) const HOSTILE: &str = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>\u{202e}gnp\u{0}\u{1b}[31m{{7*7}}";

/// An audit in which every text is hostile.
pub(super) fn hostile() -> Audit {
    fn poison(value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(poison),
            Value::Object(all) => {
                let kept = ["severity", "not_before", "not_after", "until"];
                all.iter_mut()
                    .filter(|(key, _)| !kept.contains(&key.as_str()))
                    .for_each(|(_, value)| poison(value));
            }
            Value::String(text) => *text = format!("{HOSTILE}{text}"),
            _ => {}
        }
    }
    let mut audit = serde_json::to_value(fleet(3, 1)).unwrap();
    poison(&mut audit);
    serde_json::from_value(audit).unwrap()
}
