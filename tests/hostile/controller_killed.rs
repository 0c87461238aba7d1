//! The controller dies with steps queued on a host: the one in hand may end, no other begins.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Scene;

#[test]
fn queued_steps_do_not_run_on() {
    let scene = Scene::new();
    let mut playbook = String::from("- hosts: web\n  gather_facts: false\n  tasks:\n");
    for number in 0..30 {
        playbook.push_str(&format!(
            "    - shell: sleep 0.3; touch {number}\n      args: {{ chdir: \"{{{{ work }}}}\" }}\n"
        ));
    }
    scene.write(&playbook);
    let work = scene.environment.path("hosts/good/work");
    let done = || std::fs::read_dir(&work).unwrap().count();

    let mut run = scene.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml"]);
    run.until("a step that is over", |_| done() > 0);
    run.signal(Signal::KILL);
    let at_death = done();
    assert_eq!(run.end().code, -1);

    let patience = Instant::now() + Duration::from_secs(30);
    while !scene.sshd.left_behind().is_empty() {
        assert!(Instant::now() < patience, "processes go on without a controller");
        std::thread::sleep(Duration::from_millis(50));
    }
    // One step was in hand, and another may have begun before the death was seen.
    assert!(done() <= at_death + 2, "{at_death} steps were over at the death, {} now", done());
    assert!(done() < 30);
}
