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
