//! Keys as tables for people.

use super::{Listed, Scan, ScannedKey, Status, Waiting};

/// The scan as a table, a line for each key and for each host without one.
#[must_use]
pub fn render_scan(scan: &Scan) -> String {
    let mut text = String::new();
    let names: Vec<String> = scan.keys.iter().map(label).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let kind = scan.keys.iter().map(|key| key.algorithm.len()).max().unwrap_or(0);
    for (name, key) in names.iter().zip(&scan.keys) {
        let status = match &key.status {
            Status::Known => "known".to_owned(),
            Status::Unknown => "new".to_owned(),
            Status::Changed { place, fingerprint } => format!("CHANGED: {place} has {fingerprint}"),
            Status::Revoked { place } => format!("REVOKED by {place}"),
        };
        let algorithm = &key.algorithm;
        text.push_str(&format!("{name:width$}  {algorithm:kind$}  {}  {status}\n", key.fingerprint));
    }
    for Waiting { host, jump } in &scan.waiting {
        text.push_str(&format!(
            "{host:width$}  no key yet: it is behind the jump host `{jump}`, whose key is not known\n"
        ));
    }
    for (host, error) in &scan.failures {
        text.push_str(&format!("{host:width$}  no key: {error}\n"));
    }
    text
}

/// A jump host need not be in the inventory, so its address says which one it is.
fn label(key: &ScannedKey) -> String {
    if key.jump { format!("{} (jump host)", key.name) } else { key.host.clone() }
}

/// Known keys as a table.
#[must_use]
pub fn render_list(listed: &[Listed]) -> String {
    let width = listed.iter().map(|entry| entry.place.len()).max().unwrap_or(0);
    let kind = listed.iter().map(|entry| entry.algorithm.len()).max().unwrap_or(0);
    listed
        .iter()
        .map(|entry| {
            let marker = if entry.marker.is_empty() { String::new() } else { format!("{} ", entry.marker) };
            let names = if entry.names.starts_with('|') { "(hashed)" } else { &entry.names };
            let Listed { place, algorithm, fingerprint, .. } = entry;
            format!("{place:width$}  {algorithm:kind$}  {fingerprint}  {marker}{names}\n")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::list;
    use super::super::testing::{FINGERPRINT, file, scanned};
    use super::*;
    use crate::transport::TransportError;

    #[test]
    fn lists_and_tables_show_what_a_person_compares() {
        let (_folder, path) = file("a,b KEY\n@revoked * KEY\n|1|c2FsdA==|AAAA KEY\n");
        let table = render_list(&list(&[path], None).unwrap());
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].contains("known_hosts:1") && lines[0].ends_with(&format!("{FINGERPRINT}  a,b")),
            "{table}"
        );
        assert!(lines[1].ends_with("@revoked *") && lines[2].ends_with("(hashed)"), "{table}");
        let scan = Scan {
            keys: vec![
                ScannedKey { jump: true, ..scanned("edge", 2222, Status::Unknown) },
                scanned("web-01", 22, Status::Unknown),
                scanned("db", 22, Status::Known),
            ],
            waiting: vec![Waiting { host: "inner".to_owned(), jump: "[edge]:2222".to_owned() }],
            failures: vec![("dead".to_owned(), TransportError::Lost { reason: "gone".to_owned() })],
        };
        let expected = format!(
            "[edge]:2222 (jump host)  ssh-ed25519  {FINGERPRINT}  new\n\
             web-01                   ssh-ed25519  {FINGERPRINT}  new\n\
             db                       ssh-ed25519  {FINGERPRINT}  known\n\
             inner                    no key yet: it is behind the jump host `[edge]:2222`, whose key is not known\n\
             dead                     no key: connection lost: gone\n"
        );
        assert_eq!(render_scan(&scan), expected);
    }
}
