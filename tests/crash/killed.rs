//! `kill -9` of the controller behind every record of its journal.

use super::{Reference, Scene, places};
use crate::support::running::Running;

#[test]
fn a_killed_controller_is_resumed_as_if_it_had_not_been() {
    let scene = Scene::new();
    let reference = Reference::of(&scene);
    for record in places(reference.records - 1) {
        scene.reset();
        let mut apply = scene.apply();
        apply.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut apply).end().expect(-1);
        scene.quiet();
        let events = scene.resume(0);
        reference.compare(&scene, &events, &format!("killed behind record {record}"));
    }
}
