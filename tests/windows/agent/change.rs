//! What changes about an agent that is there: certificates, secrets, connections; and its end.

use super::*;

#[test]
fn secrets_and_connections_change_without_being_shown() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let secrets = json!({"agent_secrets": {"Job": "clear-secret-of-job", "Job2": "second-secret"}, "agent_client": "Job2"});
    let rotated = scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string()]);
    assert_eq!(rotated.of(FIRST).failed, 0);
    let own = scene.file("appsettings.agent.json");
    assert!(own.contains("second-secret") && own.contains("\"DefaultOpenIdClient\": \"Job2\""), "{own}");
    let gone =
        scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string(), "-e", "old_client=Job"]);
    assert!(!scene.file("appsettings.agent.json").contains("clear-secret-of-job"));
    let told = format!("{:?}{:?}", rotated.0, gone.0);
    assert!(!told.contains("second-secret") && !told.contains("clear-secret-of-job"));
}
