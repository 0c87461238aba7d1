//! What a Windows server offers, through whole runs on the model: everything is made once, a second run changes nothing,
//! and a rollback leaves the host as it was.

use super::rollout::Scene;
use crate::support::certificates::{Certificates, Wanted};

/// Runs a playbook of these tasks: once, again, and back. A plan would not change `unplanned` of them, as what they are
/// about comes with an earlier task.
fn there_and_back(tasks: &str, unplanned: u64, prepare: impl FnOnce(&Scene)) {
    let scene = Scene::new(&playbook(tasks));
    prepare(&scene);
    let before = scene.model.control(&["snapshot"], &[]);
    let checked = scene.apply(0, &["--check"]);
    assert_eq!(scene.model.control(&["snapshot"], &[]), before, "check mode changed something");
    let count = tasks.matches("    - ").count() as u64;
    assert_eq!(checked.of("h01").changed, count - unplanned, "in check mode");
    let first = scene.apply(0, &[]);
    assert_eq!(first.of("h01").changed, count);
    let second = scene.apply(0, &[]);
    let again: Vec<_> =
        second.0.iter().filter(|event| format!("{:?}", event.kind).contains("changed: true")).collect();
    assert_eq!(second.of("h01").changed, 0, "the second run: {again:#?}");
    let runs = std::fs::read_dir(scene.environment.path(".paceline/runs")).unwrap();
    let mut runs: Vec<String> = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
    runs.sort();
    scene.environment.run(&["rollback", &runs[1]]).expect(0);
    let after = scene.model.control(&["snapshot"], &[]);
    assert!(before == after, "{}", difference(&before, &after));
}

fn playbook(tasks: &str) -> String {
    format!("- hosts: web\n  gather_facts: false\n  tasks:\n{tasks}")
}

/// The SHA-1 of a certificate, as Windows names it.
fn thumbprint(path: &str) -> String {
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha1", "-in", path])
        .output()
        .expect("openssl is there: apt-get install openssl");
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().rsplit('=').next().unwrap().replace(':', "")
}

/// The records that differ.
pub(super) fn difference(before: &str, after: &str) -> String {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (before, after) = (read(before), read(after));
    let mut found = String::new();
    let empty = serde_json::Map::new();
    let sections = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for section in sections(&before).into_iter().chain(sections(&after)) {
        let (one, other) =
            (before[&section].as_object().unwrap_or(&empty), after[&section].as_object().unwrap_or(&empty));
        for key in one.keys().chain(other.keys()) {
            if one.get(key) != other.get(key) {
                found += &format!("{section} {key}: {:?} -> {:?}\n", one.get(key), other.get(key));
            }
        }
    }
    found
}

#[test]
fn services_accounts_rules_and_tasks() {
    there_and_back(
        r#"
    - win_service: { name: Spooler, state: stopped, start_mode: disabled }
    - win_service: { name: W32Time, state: started, start_mode: auto, description: Time }
    - win_service:
        name: Agent
        path: C:\Windows\System32\cmd.exe
        display_name: The agent
        start_mode: delayed
        dependencies: [RpcSs]
        failure_actions: [{ type: restart, delay_ms: 5000 }]
    - win_group: { name: Agents, description: Those who may }
    - win_user: { name: agent, password: "S3cret!-for-tests", fullname: Agent, password_never_expires: true, groups: [Users], groups_action: add }
    - win_group_membership: { name: Agents, members: [agent] }
    - win_firewall_rule: { name: Agent, localport: 443, protocol: tcp, profiles: [domain, private] }
    - win_firewall_rule: { name: Remote Desktop - User Mode (TCP-In), enabled: true }
    - win_scheduled_task:
        name: Clean
        username: SYSTEM
        actions: [{ path: cmd.exe, arguments: /c exit }]
        triggers: [{ type: daily, start_boundary: "2026-01-01T02:00:00" }]
"#,
        0,
        |_| {},
    );
}

#[test]
fn iis_with_certificate_and_binding() {
    let certificates = Certificates::new();
    certificates.make(Wanted { name: "agent", ..Wanted::default() });
    let pfx = certificates.argument("agent.pfx");
    let (crt, key) = (certificates.argument("agent.crt"), certificates.argument("agent.key"));
    let export = ["pkcs12", "-export", "-out", &pfx, "-passout", "pass:secret", "-in", &crt, "-inkey", &key];
    certificates.openssl(&export);
    let thumbprint = thumbprint(&crt);
    let tasks = r#"
    - win_feature: { name: [Web-Server, Web-AppInit], include_management_tools: true }
    - win_certificate_store: { src: agent.pfx, password: secret }
    - win_iis_webapppool:
        name: Usercube
        state: started
        attributes:
          managedRuntimeVersion: ""
          startMode: AlwaysRunning
          processModel.idleTimeout: "00:00:00"
          processModel.loadUserProfile: true
          recycling.periodicRestart.time: "00:00:00"
    - win_iis_website:
        name: Usercube
        state: started
        physical_path: C:\inetpub\wwwroot
        application_pool: Usercube
        port: 8080
    - win_iis_webbinding:
        name: Usercube
        protocol: https
        port: 443
        host_header: agent.example
        ssl_flags: 1
        certificate_hash: THUMBPRINT
    - win_iis_webapplication: { name: api, site: Usercube, physical_path: C:\inetpub\wwwroot, application_pool: Usercube }
    - win_iis_virtualdirectory: { name: files, site: Usercube, physical_path: C:\inetpub\wwwroot }
    - iis_config:
        section: system.webServer/applicationInitialization
        location: Usercube
        attributes: { doAppInitAfterRestart: true }
    - certificate_key_acl: { thumbprint: THUMBPRINT, identity: IIS AppPool\Usercube }
    - win_iis_website: { name: Default Web Site, state: absent }
"#;
    there_and_back(&tasks.replace("THUMBPRINT", &thumbprint), 1, |scene| {
        std::fs::copy(&pfx, scene.environment.path("agent.pfx")).unwrap();
    });
}

#[test]
fn packages_are_judged_by_their_codes() {
    let scene = Scene::new(&playbook(
        r#"
    - win_package: { path: C:\agent.msi, product_id: "{11111111-2222-3333-4444-555555555555}" }
      register: first
    - assert: { that: [first is changed, first.rc == 3010, first.reboot_required] }
    - win_package: { path: C:\agent.msi, product_id: "{11111111-2222-3333-4444-555555555555}" }
      register: second
    - assert: { that: [second is not changed] }
    - win_package: { path: C:\bad.msi, product_id: "{11111111-2222-3333-4444-666666666666}" }
      register: bad
      failed_when: bad.rc != 1603
"#,
    ));
    let package = |name: &str, product: &str, more: &str| {
        let text = format!(
            r#"{{"package": "msi", "product": "{product}", "version": "1.0", "name": "{name}"{more}}}"#
        );
        let path = scene.environment.write(name, &text);
        scene.model.write(&format!("C:\\{name}"), &path);
    };
    package("agent.msi", "{11111111-2222-3333-4444-555555555555}", r#", "code": 3010"#);
    package("bad.msi", "{11111111-2222-3333-4444-666666666666}", r#", "fails": 1603"#);
    scene.apply(0, &[]);
}

#[test]
fn a_restart_is_waited_for_and_the_run_goes_on() {
    let scene = Scene::new(&playbook(
        r#"
    - win_command: paceline-test count before
    - win_reboot: { reboot_timeout: 60, pre_reboot_delay: 2, test_command: hostname }
      register: restart
    - assert: { that: [restart.rebooted, restart is changed] }
    - win_command: paceline-test count behind
    - wait_for_connection: { timeout: 30 }
    - reboot: { msg: Again }
      check_mode: true
"#,
    ));
    scene.apply(0, &[]);
    assert_eq!((scene.model.count("before"), scene.model.count("behind")), (1, 1));
    assert_eq!(scene.model.control(&["get"], &["settings", "boots"]).trim(), "1");
}

/// A key that is removed with what is below it comes back with the rules that it and others had of their own.
#[test]
fn a_removed_key_comes_back_with_its_access_rules() {
    there_and_back(
        r"
    - win_regedit: { path: 'HKLM:\SOFTWARE\Example', state: absent, delete_key: true }
",
        0,
        |scene| {
            let put = |path: &str, record: &str| {
                scene.model.control(&["put"], &["registry", &path.to_uppercase(), record]);
            };
            put(
                r"HKLM:\SOFTWARE\Example",
                r#"{"n": "HKLM:\\SOFTWARE\\Example", "v": {"a": ["a", "dword", ["7"]]}, "sddl": "O:SYD:PAI(D;;0x3;;;BG)(A;CI;0xf003f;;;SY)(A;CI;0x20019;;;BU)"}"#,
            );
            put(r"HKLM:\SOFTWARE\Example\Plain", r#"{"n": "HKLM:\\SOFTWARE\\Example\\Plain", "v": {}}"#);
            put(
                r"HKLM:\SOFTWARE\Example\Plain\Own",
                r#"{"n": "HKLM:\\SOFTWARE\\Example\\Plain\\Own", "v": {}, "sddl": "O:BAD:AI(A;;0xf003f;;;NS)"}"#,
            );
        },
    );
}
