//! What changes about an agent that is there: settings, certificates, secrets, connections; and its end. Each is done once,
//! a second time without a change, and taken back.

use super::*;

/// Variables as `-e` takes them.
fn variables(value: &Value) -> Vec<String> {
    vec!["-e".to_owned(), value.to_string()]
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

impl Scene {
    /// The status of a host's site, and the thumbprint that it shows.
    fn site(&self, host: usize) -> (u64, String) {
        let answer = self.peer.host(host).model("http", &[&format!("https://idm-{host}.example/")], "");
        (answer[0].as_u64().unwrap(), answer[2].as_str().unwrap().to_owned())
    }

    fn settings(&self, host: usize, name: &str) -> Value {
        let text = self.file_of(host, name);
        let plain: Vec<&str> = text.lines().filter(|line| !line.trim().starts_with("//")).collect();
        serde_json::from_str(&plain.join("\n").replace(",\n}", "\n}"))
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[test]
fn an_agent_is_configured_anew_and_taken_back() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let more = variables(&json!({
        "mail_from": "identity@corp.example", "agent_https_proxy": "proxy.example:3128", "agent_no_proxy": ".example",
        "agent_pool_attributes": {"managedRuntimeVersion": "", "startMode": "AlwaysRunning", "queueLength": 2000},
    }));
    let recycled = scene.recycled();
    scene.there_and_back("configure-agent.yml", &words(&more), || {
        let own = scene.settings(1, "appsettings.agent.json");
        assert_eq!(own["PasswordResetSettings"]["MailSettings"]["FromAddress"], "identity@corp.example");
        let config = scene.file("web.config");
        assert!(config.contains("value=\"proxy.example:3128\"") && config.contains("NO_PROXY"), "{config}");
        assert!(scene.recycled() > recycled, "new settings count after a restart only");
        assert_eq!(scene.site(1).0, 200);
    });
    scene.unchanged("verify-agent.yml", &[]);
}

#[test]
fn certificates_are_changed_for_others_and_taken_back() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let (old, new) = (scene.pfx("site"), scene.pfx("site2"));
    let thumbprint = |of: &Value| of["thumbprint"].as_str().unwrap().to_owned();
    let stored = |of: &Value| {
        let key = format!("LocalMachine\\My\\{}", thumbprint(of));
        scene.states()[0]["certificates"]
            .as_object()
            .unwrap()
            .keys()
            .any(|one| one.eq_ignore_ascii_case(&key) || one.to_uppercase().contains(&thumbprint(of)))
    };

    // The site's: imported, bound, shown; the old one stays.
    let mut more = variables(&json!({"agent_tls_certificate": new}));
    more.extend(["-e".to_owned(), "which=site".to_owned()]);
    scene.there_and_back("rotate-certificate.yml", &words(&more), || {
        assert_eq!(scene.site(1), (200, thumbprint(&new)));
        assert!(stored(&old) && stored(&new));
    });
    assert_eq!(scene.site(1), (200, thumbprint(&old)));
    assert!(stored(&old) && !stored(&new));

    // The one that encrypts files: from a file to one of the store, whose key the pool may then read.
    let encryption = scene.pfx("encryption2");
    let import = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - win_certificate_store: {{ src: '{}', password: '{}' }}\n",
        encryption["file"].as_str().unwrap(),
        encryption["password"].as_str().unwrap()
    );
    let import = scene.environment.write("import.yml", &import);
    scene.environment.events(0, &["apply", "-i", "inventory.yml", import.to_str().unwrap()]);
    let mut more =
        variables(&json!({"agent_encryption_certificate": {"thumbprint": thumbprint(&encryption)}}));
    more.extend(["-e".to_owned(), "which=encryption".to_owned()]);
    scene.there_and_back("rotate-certificate.yml", &words(&more), || {
        let settings = &scene.settings(1, "appsettings.json")["EncryptionCertificate"];
        assert_eq!(settings["Thumbprint"], thumbprint(&encryption));
        assert!(settings.get("File").is_none() && settings.get("Password").is_none(), "{settings}");
        assert_eq!(scene.site(1).0, 200, "the agent starts with the key of the store");
    });
    assert_eq!(scene.settings(1, "appsettings.json")["EncryptionCertificate"]["File"], "../encryption.pfx");

    // What was encrypted on the host is bound to the old certificate.
    let bound = format!("{RUNTIME}\\appsettings.encrypted.agent.json");
    scene.peer.host(1).model("write", &[&bound], "{}");
    let refused = scene.apply(3, "rotate-certificate.yml", &words(&more));
    assert!(
        refused.reason(FIRST).contains("was encrypted with the old certificate"),
        "{}",
        refused.reason(FIRST)
    );

    // The server's and that of password resets, from other files.
    for (which, variable, key) in [
        ("identity", "agent_identity_certificate", "IdentityServer"),
        ("reset", "agent_reset_certificate", "PasswordResetSettings"),
    ] {
        let mut made = scene.pfx(&format!("{which}2"));
        made.as_object_mut().unwrap().remove("thumbprint");
        let mut more = variables(&json!({variable: made}));
        more.extend(["-e".to_owned(), format!("which={which}")]);
        scene.there_and_back("rotate-certificate.yml", &words(&more), || {
            let name = if which == "identity" { "appsettings.json" } else { "appsettings.agent.json" };
            let settings = scene.settings(1, name)[key].to_string();
            assert!(settings.contains(&format!("@p@ss-{which}2")), "{settings}");
            assert_eq!(scene.site(1).0, 200);
        });
    }
}

#[test]
fn secrets_change_in_two_steps_and_are_never_shown() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let secrets = variables(&json!({
        "agent_secrets": {"Job": "clear-secret-of-job", "Job2": "second-secret"}, "agent_client": "Job2",
    }));
    let mut first = words(&secrets);
    first.push("--diff");
    let rotated = scene.there_and_back("rotate-secret.yml", &first, || {
        let open = &scene.settings(1, "appsettings.agent.json")["OpenId"];
        assert_eq!(
            (&open["DefaultOpenIdClient"], &open["OpenIdClients"]["Job2"]),
            (&json!("Job2"), &json!("second-secret"))
        );
        assert_eq!(open["OpenIdClients"]["Job"], "clear-secret-of-job");
    });
    scene.apply(0, "rotate-secret.yml", &first);
    let mut second = first.clone();
    second.extend(["-e", "old_client=Job"]);
    let gone = scene.there_and_back("rotate-secret.yml", &second, || {
        assert!(!scene.file("appsettings.agent.json").contains("clear-secret-of-job"));
    });
    let told = format!("{:?}{:?}", rotated.0, gone.0);
    assert!(!told.contains("second-secret") && !told.contains("clear-secret-of-job"));

    // A secret that the server does not take never reaches the agent.
    scene.answer_tokens(400);
    let before = scene.states();
    let third = variables(
        &json!({"agent_secrets": {"Job2": "second-secret", "Job3": "wrong"}, "agent_client": "Job3"}),
    );
    // What is looked at first would say so, and is left out here.
    let mut third = words(&third);
    third.extend(["-e", "agent_check_host=false"]);
    scene.apply(3, "rotate-secret.yml", &third);
    assert_eq!(differences(&before, &scene.states()), "");
}

/// What the two hosts of a move have, before it and after.
fn ends(number: usize, moved: bool) -> Value {
    let here = (number == 1) != moved;
    let connector = json!({"identifier": "CorpAD", "managed_system": {"name": "corp.example", "kind": "active-directory", "address": "dc1.example:636"}});
    let agent = json!({
        "identifier": format!("Agent{number}"), "uri": format!("https://idm-{number}.example"),
        "connectors": if here { json!([connector]) } else { json!([]) },
    });
    let (plain, secret) = if here {
        (
            json!({"AD": {"Server": "dc1.example", "Login": "CORP\\svc"}}),
            json!({"AD": {"Password": "secret-of-the-directory"}}),
        )
    } else {
        (json!({}), json!({}))
    };
    json!({"agent": agent, "agent_connections": plain, "agent_connection_secrets": secret})
}

#[test]
fn a_connector_moves_to_another_agent_and_back() {
    let scene = Scene::with_variables(2, |number| ends(number, false));
    scene.apply(0, "install-agent.yml", &[]);
    let connections = |host: usize| scene.settings(host, "appsettings.agent.json")["Connections"].clone();
    let system = json!({"ports": [636]}).to_string();
    scene.peer.host(2).model("put", &["endpoints", "dc1.example", &system], "");
    let more = ["-e", "from=Agent1", "-e", "to=Agent2", "-e", r#"{"connections": ["AD"]}"#];

    // The inventory still says where it was.
    let refused = scene.apply(2, "move-connector.yml", &more);
    assert!(refused.reason("win2.example").contains("lacks AD"), "{}", refused.reason("win2.example"));

    scene.write_inventory(|number| ends(number, true));
    scene.there_and_back("move-connector.yml", &more, || {
        let moved = &connections(2)["AD"];
        assert_eq!(
            (&moved["Server"], &moved["Password"]),
            (&json!("dc1.example"), &json!("secret-of-the-directory"))
        );
        assert_eq!(
            connections(1)["AD"]["Server"],
            "dc1.example",
            "the old agent serves until the configuration is deployed"
        );
        assert_eq!(scene.site(2).0, 200);
    });
    assert!(connections(2).get("AD").is_none());
    scene.apply(0, "move-connector.yml", &more);
    let finish = [&more[..], &["-e", "finish=true"]].concat();
    scene.there_and_back("move-connector.yml", &finish, || {
        assert!(connections(1).get("AD").is_none(), "{}", connections(1));
        assert_eq!(connections(2)["AD"]["Password"], "secret-of-the-directory");
        assert_eq!((scene.site(1).0, scene.site(2).0), (200, 200));
    });
    assert_eq!(connections(1)["AD"]["Password"], "secret-of-the-directory");
}

#[test]
fn a_new_agent_that_does_not_reach_the_system_gets_nothing() {
    let scene = Scene::with_variables(2, |number| ends(number, false));
    scene.apply(0, "install-agent.yml", &[]);
    scene.write_inventory(|number| ends(number, true));
    let before = scene.states();
    let more = ["-e", "from=Agent1", "-e", "to=Agent2", "-e", r#"{"connections": ["AD"]}"#];
    let failed = scene.apply(3, "move-connector.yml", &more);
    assert!(failed.reason("win2.example").contains("dc1.example:636"), "{}", failed.reason("win2.example"));
    assert_eq!(differences(&before, &scene.states()), "");
}

#[test]
fn the_old_agent_keeps_its_connections_until_the_new_one_works() {
    let scene = Scene::with_variables(3, |number| ends(number, false));
    scene.apply(0, "install-agent.yml", &[]);
    let connections = |host: usize| scene.settings(host, "appsettings.agent.json")["Connections"].clone();
    let more =
        ["-e", "from=Agent1", "-e", "to=Agent2", "-e", r#"{"connections": ["AD"]}"#, "-e", "finish=true"];
    let before = scene.states();

    // One end refuses: the inventory still says where it was.
    scene.apply(2, "move-connector.yml", &more);
    assert_eq!(differences(&before, &scene.states()), "");

    // The new agent does not reach the system.
    scene.write_inventory(|number| if number == 3 { ends(number, false) } else { ends(number, true) });
    scene.apply(3, "move-connector.yml", &more);
    assert_eq!(differences(&before, &scene.states()), "");
    assert!(scene.settings(1, "appsettings.agent.json")["Connections"]["AD"].is_object());

    // The new host is not among those of the run.
    let alone = scene.apply(3, "move-connector.yml", &[&more[..], &["-l", FIRST]].concat());
    assert!(alone.reason(FIRST).contains("`Agent2` was not verified in this run"), "{}", alone.reason(FIRST));
    assert_eq!(differences(&before, &scene.states()), "");

    let system = json!({"ports": [636]}).to_string();
    scene.peer.host(2).model("put", &["endpoints", "dc1.example", &system], "");
    scene.apply(0, "move-connector.yml", &more);
    assert!(connections(1).get("AD").is_none(), "{}", connections(1));
    assert_eq!(connections(2)["AD"]["Password"], "secret-of-the-directory");
    assert_eq!(scene.site(2).0, 200);
}

#[test]
fn an_agent_is_removed_and_brought_back() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    scene.peer.host(1).model("write", &["C:\\IdentityAgent\\Work\\state.bin"], "state");
    scene.peer.host(1).model("write", &["C:\\IdentityAgent\\Mails\\a.eml"], "mail");
    let refused = scene.apply(2, "remove-agent.yml", &[]);
    assert!(refused.reason(FIRST).contains("-e confirm=Agent1"), "{}", refused.reason(FIRST));
    let there = |path: &str| scene.states()[0]["files"].get(path.to_uppercase()).is_some();
    for (more, kept) in
        [(vec!["-e", "confirm=Agent1"], true), (vec!["-e", "confirm=Agent1", "-e", "purge=true"], false)]
    {
        scene.there_and_back("remove-agent.yml", &more, || {
            assert!(!there(RUNTIME) && !there("C:\\IdentityAgent\\identity.pfx"));
            assert_eq!(
                (there("C:\\IdentityAgent\\Work\\state.bin"), there("C:\\IdentityAgent\\Mails\\a.eml")),
                (kept, kept)
            );
            assert_eq!(scene.site(1).0, 0, "nothing answers");
        });
        assert_eq!(scene.site(1).0, 200);
    }
    scene.unchanged("verify-agent.yml", &[]);
}
