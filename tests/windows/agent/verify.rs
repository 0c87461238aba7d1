//! What verify-agent finds: an agent that is installed is right, and each thing that is broken is named.

use paceline::executor::event::Status;

use super::*;

impl Scene {
    /// Breaks something with tasks, has it found, and takes it back.
    #[track_caller]
    fn found(&self, tasks: &str, wanted: &str) {
        let playbook = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        let playbook = self.environment.write("break.yml", &playbook);
        self.environment.events(0, &["apply", "-i", "inventory.yml", playbook.to_str().unwrap()]);
        let run = self.newest_run();
        self.fails(wanted);
        self.environment.run(&["rollback", &run]).expect(0);
    }

    #[track_caller]
    fn fails(&self, wanted: &str) {
        let found = self.apply(2, "verify-agent.yml", &[]);
        let failed = found.0.iter().filter_map(|event| match &event.kind {
            EventKind::TaskFinished { status: Status::Failed, .. } => event.task.clone(),
            _ => None,
        });
        let reason = failed.chain([found.reason(FIRST)]).collect::<Vec<_>>().join(": ");
        assert!(reason.contains(wanted), "{wanted}: {reason}");
        assert_eq!(found.of(FIRST).changed, 0);
    }

    fn put(&self, section: &str, key: &str, record: &Value) {
        self.peer.host(1).model("put", &[section, key, &record.to_string()], "");
    }
}

#[test]
fn an_agent_is_verified_and_what_is_broken_is_named() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    scene.unchanged("verify-agent.yml", &[]);

    // Rights, as they come out of all rules.
    let deny = "    - win_acl: { path: 'C:\\IdentityAgent\\Work', user: BUILTIN\\Users, rights: Delete, type: deny }\n";
    scene.found(deny, "may not do all that is needed with `C:\\IdentityAgent\\Work`");
    let write = "    - win_acl: { path: 'C:\\IdentityAgent\\Runtime', user: Everyone, rights: Modify, type: allow }\n";
    scene.found(write, "may do with `C:\\IdentityAgent\\Runtime` what it must not");
    let read = "    - win_acl: { path: 'C:\\IdentityAgent\\Runtime\\appsettings.agent.json', user: BUILTIN\\Users, rights: Read, type: allow }\n";
    scene.found(read, "`BUILTIN\\Users` may do with `C:\\IdentityAgent\\Runtime\\appsettings.agent.json`");

    // The pool, and a setting that was left as it was for a look.
    let pool = "    - win_iis_webapppool: { name: Usercube, attributes: { startMode: OnDemand } }\n";
    scene.found(pool, "The pool is as planned and runs");
    let open = "    - settings_json: { path: 'C:\\IdentityAgent\\Runtime\\appsettings.json', set: { EncryptionCertificate: { EncryptFile: false } } }\n";
    scene.found(open, "Files of the agent are encrypted");
    let log = "    - settings_xml: { path: 'C:\\IdentityAgent\\Runtime\\web.config', edits: [{ path: //aspNetCore, attributes: { stdoutLogEnabled: true } }] }\n";
    scene.found(log, "`stdoutLogEnabled` was left on");

    // Errors of another application, or from before the process began, are none of the agent's.
    let event = |text: &str| json!({"source": "IIS AspNetCore Module V2", "text": text});
    let now = scene.peer.host(1).model("get", &["workers", "usercube"], "").as_f64().unwrap() as u64;
    let at = |seconds: u64| ((seconds + 11_644_473_600) * 10_000_000).to_string();
    scene.put("event_log", &at(now + 2), &event("Application 'C:\\Other' failed"));
    scene.put(
        "event_log",
        &at(now - 60),
        &event("Application 'C:\\IdentityAgent\\Runtime\\' failed to start"),
    );
    scene.unchanged("verify-agent.yml", &[]);
    scene.put("event_log", &at(now + 3), &event("Application 'C:\\IdentityAgent\\Runtime\\' lost its way"));
    scene.fails("lost its way");
    scene.put("event_log", &at(now + 3), &event("nothing"));

    // A bundle that was there before IIS: its file is there, and IIS does not know it.
    let module = scene.peer.host(1).model("get", &["modules", "aspnetcoremodulev2"], "");
    scene.put("modules", "aspnetcoremodulev2", &Value::Null);
    scene.fails("came before IIS");
    scene.put("modules", "aspnetcoremodulev2", &module);

    // With the log on for once, and no request afterwards: the process is there again.
    let accepted = scene.apply(0, "verify-agent.yml", &["-e", "acceptance=true"]);
    assert!(accepted.of(FIRST).changed > 0);
    scene.unchanged("verify-agent.yml", &[]);
}
