//! The command: what it prints, what it refuses, how it ends.

use serde_json::Value;

use crate::support::environment::Environment;

const HOSTS: &str = "identity_agents:
  hosts:
    par-ad-01.example:
      agent:
        identifier: ParisAD
        uri: https://idm-par-ad.example
        connectors:
          - { identifier: CorpAD, managed_system: { name: corp.example, kind: active-directory, address: 'dc1.corp.example:636' } }
          - HRExports
      maintenance_group: weekend
    lyo-ad-01.example:
      agent: { identifier: \"{{ site }}AD\", uri: https://idm-lyo-ad.example, connectors: [PlantAD] }
      site: Lyon
    db-01.example:
      agent: telegraf
";

const CONFIGURATION: &str = "<?xml version=\"1.0\"?>
<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">
  <Agent Identifier=\"ParisAD\" DisplayName_L1=\"Paris\" URI=\"https://idm-par-ad.example\"/>
  <Agent Identifier=\"LyonAD\" DisplayName_L1=\"Lyon\" URI=\"https://idm-lyo-ad.example\"/>
  <Connector Identifier=\"CorpAD\" DisplayName_L1=\"x\" Agent=\"LyonAD\"/>
  <Connector Identifier=\"HRExports\" DisplayName_L1=\"x\" Agent=\"ParisAD\"/>
  <Connector Identifier=\"PlantAD\" DisplayName_L1=\"x\" Agent=\"LyonAD\"/>
  <Job Identifier=\"HR-Fast\" DisplayName_L1=\"x\" Agent=\"ParisAD\" CronTabExpression=\"*/15 * * * *\">
    <PrepareSynchronizationTask Identifier=\"HR-Prepare\" Agent=\"ParisAD\" Connector=\"HRExports\" DisplayName_L1=\"x\"/>
  </Job>
</ConfigurationFile>
";

fn environment() -> Environment {
    let environment = Environment::new();
    environment.write("hosts.yml", HOSTS);
    environment.write("conf/all.xml", CONFIGURATION);
    environment
}

#[track_caller]
fn json(environment: &Environment, code: i32, more: &[&str]) -> Value {
    let all = [&["audit", "-i", "hosts.yml", "--output", "json"], more].concat();
    serde_json::from_str(&environment.run(&all).expect(code).stdout).unwrap()
}

fn ids(document: &Value) -> Vec<&str> {
    document["findings"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect()
}

#[test]
fn the_inventory_alone_is_judged_alone() {
    let environment = environment();
    let document = json(&environment, 0, &[]);
    assert_eq!(ids(&document), ["agent-variable"]);
    assert_eq!(document["findings"][0]["host"], "db-01.example");
    // A template in `agent` is rendered.
    let agents: Vec<_> =
        document["agents"].as_array().unwrap().iter().map(|row| &row["identifier"]).collect();
    assert_eq!(agents, ["LyonAD", "ParisAD"]);
    assert_eq!(document["connectors"][0]["identifier"], "CorpAD");
    assert_eq!(document["connectors"][0]["agent"], "ParisAD");
    assert_eq!(document["connectors"][0]["hosts"], serde_json::json!(["par-ad-01.example"]));
    let people = environment.run(&["audit", "-i", "hosts.yml"]).expect(0).stdout;
    assert!(people.lines().all(|line| line.chars().count() < 80), "{people}");
    assert!(people.contains("why: ") && people.ends_with("3 connectors, 2 agents, 1 note\n"), "{people}");
    environment.run(&["audit", "-i", "hosts.yml", "--fail-on", "info"]).expect(2);
}

#[test]
fn a_configuration_decides_and_differences_are_errors() {
    let environment = environment();
    let document = json(&environment, 2, &["--config", "conf"]);
    assert_eq!(ids(&document), ["connector-agent-mismatch", "agent-variable"]);
    let finding = &document["findings"][0];
    assert_eq!((&finding["connector"], &finding["agent"]), (&"CorpAD".into(), &"LyonAD".into()));
    assert_eq!(finding["place"], "conf/all.xml:5");
    assert_eq!(document["connectors"][0]["agent"], "LyonAD");
    assert_eq!(document["connectors"][0]["declared"], serde_json::json!(["ParisAD"]));
    assert_eq!(document["connectors"][1]["jobs"][0]["schedule"], "*/15 * * * *");
    // What `--limit` leaves out is neither shown nor judged, and still known.
    let paris = json(&environment, 0, &["--config", "conf", "-l", "db-01.example"]);
    assert_eq!((ids(&paris), &paris["connectors"]), (vec!["agent-variable"], &serde_json::json!([])));
    environment.write("conf/broken.xml", "<ConfigurationFile");
    let ended = environment.run(&["audit", "-i", "hosts.yml", "--config", "conf"]).expect(1);
    assert!(ended.stderr.contains("broken.xml:1:"), "{}", ended.stderr);
}

#[test]
fn questions_are_answered_and_unknown_names_are_refused() {
    let environment = environment();
    let ask = |code: i32, more: &[&str]| {
        let all = [&["audit", "-i", "hosts.yml", "--config", "conf"], more].concat();
        environment.run(&all).expect(code)
    };
    let text = ask(2, &["--connector", "CorpAD"]).stdout;
    assert!(text.starts_with("`CorpAD` is served by `LyonAD` on `lyo-ad-01.example`\n"), "{text}");
    assert!(
        text.contains("the inventory gives it to `ParisAD`") && !text.contains("agent-variable"),
        "{text}"
    );
    let text = ask(0, &["--agent", "ParisAD"]).stdout;
    assert!(
        text.contains("when `par-ad-01.example` stops, `ParisAD` stops, and with it 1 connector, 1 job"),
        "{text}"
    );
    let document = json(&environment, 2, &["--config", "conf", "--agent", "LyonAD"]);
    let connectors: Vec<_> =
        document["connectors"].as_array().unwrap().iter().map(|row| &row["identifier"]).collect();
    assert_eq!(connectors, ["CorpAD", "PlantAD"]);
    assert_eq!(document["managed_systems"][0]["agents"], serde_json::json!(["LyonAD"]));
    let error = ask(1, &["--connector", "CropAD"]).stderr;
    assert!(
        error.contains("there is no connector `CropAD`") && error.contains("did you mean `CorpAD`?"),
        "{error}"
    );
    assert!(ask(1, &["--agent", "Rome"]).stderr.contains("there is no agent `Rome`"));
    ask(1, &["--connector", "CorpAD", "--agent", "ParisAD"]);
    ask(1, &["--who-could-serve", "CorpAD"]);
}

#[test]
fn waivers_accept_for_a_time() {
    let environment = environment();
    environment.write(
        "waivers.yml",
        "severity: { agent-variable: warning }\nwaive:\n  - { id: connector-agent-mismatch, connector: CorpAD, reason: moves on Sunday, until: 2999-12-31 }\n  - { id: agent-idle, agent: Rome, reason: gone, until: 2020-01-01 }\n",
    );
    let arguments = ["--config", "conf", "--waivers", "waivers.yml"];
    let document = json(&environment, 0, &arguments);
    assert_eq!(ids(&document), ["agent-variable", "waiver-expired"]);
    assert_eq!(document["findings"][1]["place"], "waivers.yml:4");
    assert_eq!(document["waived"][0]["reason"], "moves on Sunday");
    environment.write("waivers.yml", "waive:\n  - { id: agent-idel, reason: x, until: 2999-12-31 }\n");
    let all = [&["audit", "-i", "hosts.yml"], arguments.as_slice()].concat();
    let error = environment.run(&all).expect(1).stderr;
    assert!(error.contains("waivers.yml:2:") && error.contains("did you mean `agent-idle`?"), "{error}");
}

#[test]
fn drift_is_told_and_can_fail() {
    let environment = environment();
    let ask = |code: i32, more: &[&str]| {
        let all = [&["audit", "-i", "hosts.yml", "--config", "conf"], more].concat();
        environment.run(&all).expect(code)
    };
    ask(2, &["--save", "audit.json"]);
    let saved = environment.read("audit.json");
    assert_eq!(
        saved,
        environment
            .run(&["audit", "-i", "hosts.yml", "--config", "conf", "--output", "json"])
            .expect(2)
            .stdout
    );
    let text = ask(2, &["--baseline", "audit.json"]).stdout;
    assert!(text.contains("nothing changed since the baseline"), "{text}");
    environment.write(
        "conf/all.xml",
        &CONFIGURATION.replace(
            "\"CorpAD\" DisplayName_L1=\"x\" Agent=\"LyonAD\"",
            "\"CorpAD\" DisplayName_L1=\"x\" Agent=\"ParisAD\"",
        ),
    );
    ask(0, &["--baseline", "audit.json"]);
    let document =
        json(&environment, 2, &["--config", "conf", "--baseline", "audit.json", "--fail-on-drift"]);
    let changes: Vec<_> =
        document["drift"].as_array().unwrap().iter().map(|one| one["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["connector-moved", "finding-gone"]);
    assert_eq!(document["drift"][0]["message"], "the connector `CorpAD` moved from `LyonAD` to `ParisAD`");
    // A baseline of other sources, or none at all, is no baseline.
    let error = environment.run(&["audit", "-i", "hosts.yml", "--baseline", "audit.json"]).expect(1).stderr;
    assert!(error.contains("another `--config`"), "{error}");
    let error = ask(1, &["--baseline", "hosts.yml"]).stderr;
    assert!(error.contains("`hosts.yml` is no result of an audit"), "{error}");
    let error = ask(1, &["--save", "no/folder/audit.json"]).stderr;
    assert!(error.contains("cannot save `no/folder/audit.json`"), "{error}");
}

#[test]
fn spreadsheets_and_pages_have_forms_of_their_own() {
    let environment = environment();
    let csv = environment.run(&["audit", "-i", "hosts.yml", "--output", "csv"]).expect(0).stdout;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[1], "CorpAD,ParisAD,par-ad-01.example,ParisAD,corp.example,,,,no,");
    let page = environment.run(&["audit", "-i", "hosts.yml", "--output", "html"]).expect(0).stdout;
    assert!(page.starts_with("<!doctype html>") && page.contains("CorpAD"));
    let error =
        environment.run(&["inventory", "list", "-i", "hosts.yml", "--output", "csv"]).expect(1).stderr;
    assert!(error.contains("no `--output csv`"), "{error}");
}

#[test]
fn a_host_that_does_not_answer_decides_how_it_ends() {
    let environment = environment();
    let document = json(
        &environment,
        4,
        &["--live", "-T", "1", "-l", "par-ad-01.example", "-e", "ansible_host=127.0.9.7 ansible_port=1"],
    );
    assert_eq!(ids(&document), ["host-unreachable"]);
    assert_eq!(document["hosts"][0], serde_json::json!({"host": "par-ad-01.example", "answered": false}));
}

#[test]
fn the_servers_settings_and_version_and_the_policy_are_read_or_refused() {
    let environment = environment();
    environment.write(
        "server/one.json",
        "{ \"NotUseAgent\": true, \"Agents\": { \"Rome\": { \"Uri\": \"https://r.example\" } } }",
    );
    // UTF-16, as PowerShell 5.1 writes it; a later file counts.
    let wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain("{ \"notuseagent\": false }".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(environment.path("server/two.json"), wide).unwrap();
    let settings = ["--config", "conf", "--server-settings", "server/one.json"];
    let document = json(&environment, 2, &settings);
    assert!(ids(&document).contains(&"not-use-agent") && ids(&document).contains(&"agent-override-unknown"));
    let document =
        json(&environment, 2, &[&settings[..], &["--server-settings", "server/two.json"]].concat());
    assert!(!ids(&document).contains(&"not-use-agent") && ids(&document).contains(&"agent-override-unknown"));
    environment.write("server/three.json", "{ \"ApplicationUri\": 5, \"Password\": \"geheim\" }");
    environment.write("policy.yml", "expires_whithin: 3\n");
    for (more, what) in [
        (&["--server-settings", "server/one.json"][..], "--config"),
        (&["--config", "conf", "--server-settings", "server/none.json"], "cannot read `server/none.json`"),
        (&["--config", "conf", "--server-settings", "server/three.json"], "`ApplicationUri` is not text"),
        (&["--server-version", "latest"], "write it as 6.2.1"),
        (&["--policy", "policy.yml"], "policy.yml:1:"),
        (&["--policy", "none.yml"], "none.yml"),
        (&["--config", "nowhere"], "cannot read `nowhere`"),
        (&["--config", "hosts.yml"], "`hosts.yml` is not a folder"),
        (&["--config", "server"], "there is no file of the server's configuration in `server`"),
        (&["--waivers", "none.yml"], "none.yml"),
        (&["--fail-on", "fatal"], "--fail-on"),
        (&["--fail-on-drift"], "--baseline"),
        (&["--output", "xml"], "xml"),
    ] {
        let all = [&["audit", "-i", "hosts.yml"], more].concat();
        let ended = environment.run(&all).expect(1);
        assert!(ended.stderr.contains(what), "{more:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("geheim") && ended.stdout.is_empty(), "{more:?}: {}", ended.stderr);
    }
}

#[test]
fn what_fails_is_chosen_and_misspelt_elements_count() {
    let environment = environment();
    environment.write(
        "conf/more.xml",
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n<Conector Identifier=\"New\" Agent=\"ParisAD\"/>\n</ConfigurationFile>\n",
    );
    let moved = environment.read("conf/all.xml").replace(
        "\"CorpAD\" DisplayName_L1=\"x\" Agent=\"LyonAD\"",
        "\"CorpAD\" DisplayName_L1=\"x\" Agent=\"ParisAD\"",
    );
    environment.write("conf/all.xml", &moved);
    let document = json(&environment, 0, &["--config", "conf"]);
    assert_eq!(ids(&document), ["configuration-misspelt", "agent-variable"]);
    assert_eq!(document["findings"][0]["place"], "conf/more.xml:2");
    assert_eq!(document["findings"][0]["hint"], "did you mean `Connector`? names are told apart by case");
    for (severity, code) in [("error", 0), ("warning", 2), ("info", 2)] {
        for form in ["human", "json", "csv", "html"] {
            let all =
                ["audit", "-i", "hosts.yml", "--config", "conf", "--fail-on", severity, "--output", form];
            environment.run(&all).expect(code);
        }
    }
    let text = environment.run(&["audit", "-i", "hosts.yml", "--config", "conf"]).expect(0).stdout;
    assert!(text.ends_with("3 connectors, 2 agents, 1 warning, 1 note\n"), "{text}");
}

#[test]
fn names_with_tricks_in_them_are_inert_in_every_form() {
    let environment = environment();
    environment.write(
        "conf/odd.xml",
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\"><Conector Identifier=\"&#x1b;[31m&lt;script&gt;alert(1)&lt;/script&gt;&#x202e;\"/><Connector Identifier=\"&#x1b;]0;x&#x7;&lt;img src=x onerror=alert(1)&gt;\" Agent=\"ParisAD\"/></ConfigurationFile>",
    );
    for form in ["human", "json", "csv", "html"] {
        let out = environment
            .run(&["audit", "-i", "hosts.yml", "--config", "conf", "--output", form])
            .expect(2)
            .stdout;
        assert!(!out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{form}: {out:?}");
        assert!(form != "html" || !out.contains("<img") && !out.contains("<script>alert"), "{out}");
    }
}

/// The most memory that an audit of these files takes, in KiB, beside what one of an empty file takes.
fn memory(environment: &Environment, file: &[u8]) -> u64 {
    let peak = |bytes: &[u8]| {
        std::fs::create_dir_all(environment.path("big")).unwrap();
        std::fs::write(environment.path("big/a.xml"), bytes).unwrap();
        let measure = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], stdout=-3, stderr=-3)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
        let out = std::process::Command::new("python3")
            .args([
                "-c",
                measure,
                env!("CARGO_BIN_EXE_paceline"),
                "audit",
                "-i",
                "hosts.yml",
                "--config",
                "big",
            ])
            .current_dir(environment.folder())
            .output()
            .expect("python3 is needed: apt-get install python3");
        String::from_utf8(out.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let empty = "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\"/>";
    peak(file).saturating_sub(peak(empty.as_bytes()))
}

#[test]
fn hostile_files_take_memory_by_their_size() {
    let environment = environment();
    let within = |elements: &str| {
        format!(
            "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">{elements}</ConfigurationFile>"
        )
    };
    let connectors: String =
        (0..10_000).map(|n| format!("<Connector Identifier='C{n}' Agent='A{n}'/>\n")).collect();
    let laughs: String =
        (1..12).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let bomb = format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>{}", within("<Agent Identifier='&l11;'/>"));
    let mut wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain(within(&connectors.repeat(5)).encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    wide.pop();
    let deep = within(&"<x>".repeat(1_000_000));
    let value = within(&format!("<Agent Identifier='{}'/>", "x".repeat(4 << 20)));
    // Every connector here is a finding of half a page; the others are refused in their place.
    for (what, file, times) in [
        ("10,000 connectors", within(&connectors).as_bytes(), 60),
        ("a billion laughs", bomb.as_bytes(), 0),
        ("UTF-16 that is cut off", wide.as_slice(), 5),
        ("elements without an end", deep.as_bytes(), 4),
        ("a value without an end", value.as_bytes(), 5),
    ] {
        let (taken, size) = (memory(&environment, file), file.len() as u64 >> 10);
        assert!(taken < 8_192 + size * times, "{what}: {taken} KiB for a file of {size} KiB");
    }
}

#[test]
fn a_result_is_saved_in_the_place_of_files_only() {
    let environment = environment();
    let save =
        |code: i32, path: &str| environment.run(&["audit", "-i", "hosts.yml", "--save", path]).expect(code);
    save(0, "kept.json");
    save(0, "kept.json");
    std::fs::create_dir(environment.path("folder")).unwrap();
    std::os::unix::fs::symlink("kept.json", environment.path("link.json")).unwrap();
    for path in ["folder", "link.json", "/dev/null"] {
        let said = save(1, path).stderr;
        assert!(said.contains("it is no regular file"), "{path}: {said}");
    }
    let kept = environment.read("kept.json");
    assert!(serde_json::from_str::<Value>(&kept).is_ok());
}
