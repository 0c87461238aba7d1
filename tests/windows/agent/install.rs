//! An agent is installed, upgraded, and taken back.

use super::*;

#[test]
fn fifty_production_agents_are_installed_once_and_taken_back() {
    let scene = Scene::new(50);
    let before = scene.states();
    let first = scene.apply(0, "install-agent.yml", &[]);
    assert!(first.recap().values().all(|host| host.changed > 25 && host.failed == 0), "{:?}", first.recap());
    let settings = scene.file("appsettings.json");
    assert!(
        settings.starts_with("{\r\n  // shipped\r\n  \"ApplicationUri\": \"https://identity.corp.example\",")
    );
    assert!(settings.contains("\"X509KeyFilePassword\": \"@p@ss-identity\""), "{settings}");
    let own = scene.file("appsettings.agent.json");
    assert!(
        own.contains("\"Job\": \"clear-secret-of-job\"") && own.contains("secret-of-the-directory"),
        "{own}"
    );
    let config = scene.file("web.config");
    assert!(config.contains("arguments=\"./Usercube-Agent.dll\""), "{config}");
    assert!(
        config.contains("stdoutLogEnabled=\"false\"") && config.contains("initializationPage=\"/\""),
        "{config}"
    );

    let recycled = scene.recycled();
    for playbook in ["install-agent.yml", "configure-agent.yml", "verify-agent.yml"] {
        let again = scene.apply(0, playbook, &[]);
        assert!(again.recap().values().all(|host| host.changed == 0), "{playbook}: {:?}", again.recap());
    }
    assert_eq!(scene.recycled(), recycled, "a run that changes nothing recycles nothing");

    let runs = fs::read_dir(scene.environment.path(".paceline/runs")).unwrap();
    let run = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).min().unwrap();
    scene.environment.run(&["rollback", &run]).expect(0);
    assert_eq!(differences(&before, &scene.states()), "");
}

#[test]
fn an_upgrade_carries_settings_over_and_goes_back_when_the_agent_fails() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let settings = scene.file("appsettings.json");
    let upgrade = |code: i32, version: &str, more: &[&str]| {
        let (archive, sha256) = scene.archive(version);
        let variables = json!({"agent_archive": archive, "agent_archive_sha256": sha256}).to_string();
        scene.apply(code, "upgrade-agent.yml", &[&["-e", &variables], more].concat())
    };
    assert!(upgrade(0, "second", &[]).of(FIRST).changed > 5);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings.clone())
    );
    assert_eq!(upgrade(0, "second", &[]).of(FIRST).changed, 0);

    // The server does not know the agent any more: what was upgraded goes back.
    scene.answer_tokens(401);
    // What is looked at first would say so before anything is changed, and is left out here.
    upgrade(3, "third", &["-e", "agent_check_host=false"]);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings)
    );
}

#[test]
fn an_agent_that_was_taken_back_is_installed_again() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let taken_back = scene.environment.run(&["rollback", &scene.newest_run()]).expect(0);
    let said = taken_back.stdout + &taken_back.stderr;
    assert!(said.contains("Install the bundle"), "what stays is named: {said}");

    // The files of the bundle stayed, and IIS, which is new, does not know its module.
    let module = || scene.peer.host(1).model("get", &["modules", "aspnetcoremodulev2"], "");
    assert_eq!(module(), Value::Null);
    scene.apply(0, "install-agent.yml", &[]);
    assert_ne!(module(), Value::Null);
    assert_eq!(scene.peer.host(1).model("events", &["repair"], "").as_array().unwrap().len(), 1);
    scene.unchanged("install-agent.yml", &[]);

    // A runtime of another origin: there is no bundle to repair, so it is installed.
    scene.environment.run(&["rollback", &scene.newest_run()]);
    let packages = scene.peer.host(1).model("snapshot", &[], "")["packages"].clone();
    for product in packages.as_object().unwrap().keys() {
        scene.peer.host(1).model("put", &["packages", product, "null"], "");
    }
    scene.peer.host(1).model("put", &["modules", "aspnetcoremodulev2", "null"], "");
    scene.apply(0, "install-agent.yml", &[]);
    assert_ne!(module(), Value::Null);
}

#[test]
fn a_plan_says_what_it_cannot_plan_yet() {
    let scene = Scene::new(1);
    let playbook = playbook_path("install-agent.yml");
    let plan = ["plan", "-i", "inventory.yml", &playbook];
    let said = scene.environment.run(&plan).expect(0).stdout;
    let line =
        said.lines().find(|line| line.contains("could not be planned")).unwrap_or_else(|| panic!("{said}"));
    let count: usize = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(count > 10 && line.contains("`apply` may change more than this"), "{line}");
    let planned = scene.environment.events(0, &plan).of(FIRST).changed;
    let applied = scene.apply(0, "install-agent.yml", &[]).of(FIRST).changed;
    // Tasks that follow from the results of those that wait come on top.
    assert!(planned < applied, "{planned} and {count}, {applied}");
    // Where all is there, the plan is whole.
    let whole = scene.environment.events(0, &plan);
    let waiting =
        whole.0.iter().filter(|event| matches!(event.kind, EventKind::TaskFinished { unplanned: true, .. }));
    assert_eq!(waiting.filter_map(|event| event.task.clone()).collect::<Vec<_>>(), [""; 0]);
}
