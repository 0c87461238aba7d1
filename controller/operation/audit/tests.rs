use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::super::testing::{Rehearsal, SHELLS};
use super::*;
use crate::audit::{RunState, Usage};
use crate::preflight::host::Reached;

const ON_WINDOWS: Mode = Mode { check: true, diff: false, eager: false, platform: Platform::Windows };

fn plant(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn question(folders: &[&Path]) -> AuditQuestion {
    let folders = folders.iter().map(|folder| folder.to_str().unwrap().to_owned()).collect();
    AuditQuestion { host: "h01".to_owned(), agents: true, folders, ..AuditQuestion::default() }
}

fn ask(shell: &'static str, question: AuditQuestion) -> ObservedHost {
    let (mut operation, answer) = HostAudit::new(question, Policy::default());
    let outcome = Rehearsal::new(shell).run(&mut operation, Mode::default());
    assert!(!outcome.failed && outcome.result.is_empty(), "{outcome:?}");
    answer.get().unwrap().clone()
}

#[test]
fn every_shell_reads_the_files_of_agents() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("a b'$(x)"), folder.path().join("two"));
    plant(
        &one,
        &[
            (
                "Runtime/appsettings.json",
                r#"{"ApplicationUri": "https://s.example", "EncryptionCertificate": {"File": "../key.pem", "Thumbprint": ""}}"#,
            ),
            ("Runtime/appsettings.agent.json", r#"{"OpenId": {"AgentIdentifier": "One"}}"#),
            ("Runtime/appsettings.agent.Production.json", r#"{"OpenId": {"AgentIdentifier": "Won"}}"#),
            ("Runtime/web.config", "<a><aspNetCore stdoutLogEnabled='true'/></a>"),
            ("Work/appsettings.connection.json", r#"{"Connections": {"Made": {"Password": "x"}}}"#),
        ],
    );
    plant(
        &two,
        &[
            ("Runtime/appsettings.json", r#"{"WorkFolderPath": "../State"}"#),
            ("State/appsettings.connection.json", r#"{"Connections": {"Elsewhere": {"Path": "/x"}}}"#),
            ("Runtime/appsettings.large.json", &" ".repeat(LARGEST + 1)),
        ],
    );
    let fifo = std::process::Command::new("mkfifo").arg(two.join("Runtime/appsettings.agent.json")).status();
    assert!(fifo.unwrap().success());
    fs::create_dir(folder.path().join("empty")).unwrap();
    for shell in SHELLS {
        let asked = [&one, &two, &folder.path().join("empty"), &folder.path().join("none")];
        let found = ask(shell, question(&asked.map(|path| path.as_path())));
        let [first, second] = found.installations.as_slice() else { panic!("{shell}: {found:?}") };
        assert_eq!(first.folder, one.to_str().unwrap(), "{shell}");
        let place = format!("h01:{}/Runtime/appsettings.agent.Production.json", one.display());
        assert_eq!(first.agent, Some(("Won".to_owned(), place)), "{shell}");
        assert!(first.connections["Made"].secret && first.stdout_log.as_ref().unwrap().0, "{shell}");
        let [certificate] = first.certificates.as_slice() else { panic!("{shell}: {first:?}") };
        assert_eq!(certificate.usage, Usage::Encryption);
        assert_eq!(certificate.place, format!("h01:{}/key.pem", one.display()));
        assert_eq!(certificate.findings[0].id, "certificate-unreadable");
        assert_eq!(second.connections["Elsewhere"].path.as_deref(), Some("/x"), "{shell}");
        let odd: Vec<_> = second.oddities.iter().map(|(_, what)| what.as_str()).collect();
        assert!(odd.iter().any(|what| what.contains("it is no regular file")), "{shell}: {odd:?}");
        assert!(odd.iter().any(|what| what.contains("more than 1048576 bytes")), "{shell}: {odd:?}");
    }
    // Root reads everything, so this is only about other users.
    fs::set_permissions(two.join("Runtime/appsettings.json"), fs::Permissions::from_mode(0o000)).unwrap();
    ask("dash", question(&[&two]));
}

#[test]
fn a_host_without_an_agent_has_none() {
    let found = ask("dash", question(&[Path::new("/nosuch/folder")]));
    assert!(found.installations.is_empty() && found.no_answer.is_none());
    let nothing = AuditQuestion { host: "h01".to_owned(), ..AuditQuestion::default() };
    assert!(ask("dash", nothing).installations.is_empty());
}

#[test]
fn what_a_host_reaches_is_kept_by_the_name_that_was_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shut = format!("127.0.0.1:{port}");
    let at = |address: &String| (address.clone(), Endpoint::of_system(address).unwrap());
    let asked = AuditQuestion {
        host: "h01".to_owned(),
        addresses: vec![at(&shut), at(&open)],
        ..AuditQuestion::default()
    };
    let found = ask("bash", asked);
    assert_eq!(found.reached[&open], Reached::Yes);
    assert_eq!(found.reached[&shut], Reached::No("connection refused".to_owned()));
    assert_eq!(Endpoint::of_system("dc1.example"), None);
}

/// What a Windows host would answer, one program after the other.
fn replies(operation: &mut HostAudit, replies: Vec<Reply>) -> Vec<String> {
    let mut asked = vec![operation.first(ON_WINDOWS).text];
    for reply in replies {
        match operation.next(reply, ON_WINDOWS) {
            Progress::Again(program) => asked.push(program.text),
            Progress::Done(outcome) => assert!(!outcome.failed, "{outcome:?}"),
        }
    }
    asked
}

fn values(values: &[(&str, &str)], blobs: &[(&str, &str)]) -> Reply {
    Reply {
        values: values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        blobs: blobs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
        ..Reply::default()
    }
}

const THUMBPRINT: &str = "0C4F4B1C9C4AF8C7DF5F4C6BE2C9D0F9C8A7B6D5";

#[test]
fn windows_tells_site_pool_version_and_variables() {
    let question = AuditQuestion {
        host: "win-1".to_owned(),
        agents: true,
        pool: Some("Usercube".to_owned()),
        ..AuditQuestion::default()
    };
    let (mut operation, answer) = HostAudit::new(question, Policy::default());
    let settings = format!(
        r#"{{"EncryptionCertificate": {{"Thumbprint": "{THUMBPRINT}"}}, "IdentityServer": {{"X509Thumbprint": "{THUMBPRINT}"}}}}"#
    );
    let binding = format!("https|*:443:idm.example|1|{}|My", THUMBPRINT.to_lowercase());
    let first = values(
        &[
            ("path", r"C:\IdentityAgent"),
            ("state", "directory"),
            ("file", r"1 C:\IdentityAgent\Runtime\appsettings.json"),
            ("file", r"2 C:\IdentityAgent\Runtime\web.config"),
            ("unread", "2 Access to the path is denied."),
            ("program", "1 Usercube-Agent.dll"),
            ("version", "1 6.2.1.0"),
            ("variable", "1 OpenId__AgentIdentifier"),
            ("site", "UsercubeCorp"),
            ("site_state", "started"),
            ("binding", &binding),
            ("binding", "http|*:80:|0||"),
            ("pool", "Usercube"),
            ("pool_state", "stopped"),
            ("identity", r"IIS AppPool\Usercube"),
            ("missing", "programs no right"),
        ],
        &[("file.1", &settings), ("variable.1", "ParisAD")],
    );
    let none = || values(&[], &[]);
    let asked = replies(&mut operation, vec![first, none(), none(), none()]);
    let store = |identity: Option<&str>| {
        let call = Call::new("preflight_certificates").with("location", "LocalMachine").with("store", "My");
        call.with("thumbprint", THUMBPRINT).maybe("identity", identity).text()
    };
    let call = Call::new("audit").with("folder", r"C:\IdentityAgent").with("limit", "1048576");
    assert_eq!(
        asked,
        [
            call.with("pool", "Usercube").text(),
            store(None),
            store(Some(r"IIS AppPool\Usercube")),
            store(None)
        ]
    );
    let found = answer.get().unwrap();
    let [agent] = found.installations.as_slice() else { panic!("{found:?}") };
    assert_eq!(agent.agent.as_ref().unwrap().0, "ParisAD");
    assert_eq!(agent.version.as_deref(), Some("6.2.1.0"));
    let run = |name: &str, state: &str| Some(RunState { name: name.to_owned(), state: state.to_owned() });
    assert_eq!((&agent.site, &agent.pool), (&run("UsercubeCorp", "Started"), &run("Usercube", "Stopped")));
    assert_eq!(agent.host_names, ["idm.example"]);
    let usages: Vec<Usage> = agent.certificates.iter().map(|certificate| certificate.usage).collect();
    assert_eq!(usages, [Usage::Identity, Usage::Encryption, Usage::Tls]);
    let odd: Vec<String> = agent.oddities.iter().map(|(place, what)| format!("{place}: {what}")).collect();
    assert_eq!(
        odd,
        [
            r"win-1:C:\IdentityAgent\Runtime\web.config: the file cannot be read: Access to the path is denied.",
            r"win-1:C:\IdentityAgent: its programs cannot be looked at: no right"
        ]
    );
}

#[test]
fn what_a_hostile_host_says_is_bounded() {
    let question = || AuditQuestion { host: "win-1".to_owned(), agents: true, ..AuditQuestion::default() };
    let long = "x".repeat(5000);
    let mut noise =
        vec![("state", "directory"), ("path", long.as_str()), ("site", &long), ("site_state", "\u{e9}")];
    noise.extend([
        ("file", "y"),
        ("file", "1"),
        ("program", "99999999999999999999999 a"),
        ("binding", "|||"),
    ]);
    noise.extend(std::iter::repeat_n(("file", "7 z"), 2000));
    noise.extend(std::iter::repeat_n(("missing", "a b"), 2000));
    let (mut operation, answer) = HostAudit::new(question(), Policy::default());
    replies(&mut operation, vec![values(&noise, &[("file.7", "{}"), ("file.8", "{}")])]);
    let found = answer.get().unwrap();
    assert!(found.installations[0].oddities.len() <= 1000 && found.installations[0].folder.is_empty());
    let failed = Reply { status: 1, values: vec![("msg".to_owned(), "no".to_owned())], ..Reply::default() };
    let (mut operation, answer) = HostAudit::new(question(), Policy::default());
    operation.first(ON_WINDOWS);
    let Progress::Done(outcome) = operation.next(failed, ON_WINDOWS) else { panic!("not over") };
    assert!(outcome.failed && answer.get().is_none());
}

#[test]
fn the_password_of_a_file_opens_it_and_goes_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |line: &str| {
        let words = line.split(' ');
        let output = std::process::Command::new("openssl").args(words).current_dir(folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("install the Debian package `openssl`: {error}"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("req -x509 -days 100 -newkey rsa:3072 -nodes -keyout k.pem -out c.pem -subj /CN=files.example");
    openssl("pkcs12 -export -inkey k.pem -in c.pem -out files.pfx -passout pass:a@hush");
    let text = r#"{"EncryptionCertificate": {"File": "../files.pfx", "Password": "@a@hush"}}"#;
    plant(folder.path(), &[("Runtime/appsettings.json", text)]);
    let (mut operation, answer) = HostAudit::new(question(&[folder.path()]), Policy::default());
    let rehearsal = Rehearsal::new("dash");
    let mut shown = String::new();
    let mut program = operation.first(Mode::default());
    loop {
        shown.push_str(&program.text);
        let reply = rehearsal.program(&program);
        let progress = operation.next(reply, Mode::default());
        shown.push_str(&format!("{operation:?}"));
        match progress {
            Progress::Again(next) => program = next,
            Progress::Done(outcome) => break shown.push_str(&format!("{outcome:?}")),
        }
    }
    let found = answer.get().unwrap();
    let [certificate] = found.installations[0].certificates.as_slice() else { panic!("{found:?}") };
    assert_eq!(certificate.judged[0].subject, "CN=files.example");
    assert!(certificate.judged[0].has_private_key);
    let ids: Vec<&str> = certificate.findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids, ["certificate-signatory"]);
    shown.push_str(&format!("{found:?}"));
    assert!(!shown.contains("hush"), "{shown}");
}
