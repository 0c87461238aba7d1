//! `certificate_check` in a playbook.

use paceline::executor::event::{EventKind, Status};

use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;

#[test]
fn a_playbook_stops_at_a_bad_certificate() {
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    certificates.make(Wanted { name: "old.example", days: (-300, -3), ..Wanted::default() });
    let environment = Environment::new();
    environment.write("files/local.pem", &certificates.text("agent.example.pem"));
    environment.write(
        "p.yml",
        r#"
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Here
      certificate_check: { src: local.pem, issuers: [Example CA] }
    - name: There
      certificate_check: { path: "{{ folder }}/agent.example.pem" }
      register: good
    - assert:
        that:
          - not good.changed
          - good.findings == []
          - good.certificates[0].key_size == 3072
          - good.certificates[0].place == 'localhost:' ~ folder ~ '/agent.example.pem'
    - name: Only told
      certificate_check: { path: "{{ folder }}/missing.pem", fail_on: never }
      register: missing
    - assert: { that: ["missing.findings[0].id == 'certificate-unreadable'", "'not found' in missing.findings[0].message"] }
    - name: Too late
      certificate_check: { path: "{{ folder }}/old.example.pem" }
    - name: Never
      command: touch changed
"#,
    );
    let folder = format!("folder={}", certificates.argument(""));
    let folder = folder.trim_end_matches('/');
    let events = environment.events(2, &["apply", "p.yml", "-e", folder]);
    let failed = events.0.iter().find_map(|event| match &event.kind {
        EventKind::TaskFinished { status: Status::Failed, message: Some(message), .. } => {
            Some((event.task.clone().unwrap_or_default(), message.clone()))
        }
        _ => None,
    });
    let (task, message) = failed.unwrap();
    assert_eq!(task, "Too late");
    assert!(message.contains("certificate-expired: `CN=old.example, O=Example` expired on"), "{message}");
    let recap = events.of("localhost");
    assert_eq!((recap.ok, recap.changed, recap.failed), (5, 0, 1));
    // A plan judges as well: looking changes nothing.
    let events = environment.events(2, &["plan", "p.yml", "-e", folder]);
    assert_eq!(events.of("localhost").failed, 1);
}
