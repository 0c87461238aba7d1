//! What the playbooks refuse says why, though secrets are about: a file of secrets that was forgotten, a client, a job or a
//! maintenance group that is not there.

use super::*;

#[test]
fn what_is_missing_is_named_before_anything_is_changed() {
    let scene = Scene::with_variables(1, |_| json!({"maintenance_group": "weekend"}));
    let before = scene.states();
    for (playbook, variables, wanted) in [
        (
            "install-agent.yml",
            json!({"agent_secrets": {}}),
            "`agent_secrets` has no secret of the client `Job`",
        ),
        (
            "install-agent.yml",
            json!({"agent_client": "Jop"}),
            "no secret of the client `Jop` (`agent_client`)",
        ),
        ("rotate-secret.yml", json!({"agent_secrets": {}}), "give the file of secrets with `-e @FILE`"),
        (
            "install-agent.yml",
            json!({"agent_encryption_certificate": {}}),
            "`agent_encryption_certificate` and",
        ),
        (
            "install-agent.yml",
            json!({"window": "nope"}),
            "has the maintenance group `nope`; there are `weekend`",
        ),
    ] {
        // Some of these end as failures that were taken back, and nothing was to take back.
        let variables = variables.to_string();
        let playbook = playbook_path(playbook);
        let all = ["apply", "-i", "inventory.yml", &playbook, "-e", &variables, "--output", "json"];
        let ended = scene.environment.run(&all);
        assert_ne!(ended.code, 0, "{wanted}");
        assert!(ended.stdout.contains(wanted), "{wanted}: {}", ended.stdout);
        assert!(!ended.stdout.contains("hidden because"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("clear-secret-of-job"), "{}", ended.stdout);
        assert_eq!(differences(&before, &scene.states()), "", "{wanted}");
    }
}

#[test]
fn a_task_with_a_secret_says_how_it_ended() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &["-e", "window=weekend", "-e", "maintenance_group=weekend"]);
    let refused = |playbook: &str, code: i32, more: &[&str], wanted: &str| {
        let said = scene.apply(code, playbook, more).reason(FIRST);
        assert!(said.contains(wanted), "{wanted}: {said}");
        assert!(!said.contains("clear-secret-of-job"), "{said}");
    };
    let job = ["-e", "verify_job=NoSuchJob"];
    refused("verify-agent.yml", 2, &job, "the job `NoSuchJob` ended with 1");
    scene.answer_tokens(400);
    let unchecked = ["-e", "agent_check_host=false"];
    refused(
        "verify-agent.yml",
        2,
        &unchecked,
        "gives the client `Job` no token for its secret: it answered 400",
    );
    refused("rotate-secret.yml", 3, &unchecked, "so the agent keeps what it has: it answered 400");
}
