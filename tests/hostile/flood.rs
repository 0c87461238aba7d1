//! A command that prints 1 GiB: memory stays small, the log is capped, the host beside it goes on.

use paceline::executor::event::{EventKind, HostStatus};

use super::{FIVE_TASKS, Scene, ended, last_task};
use crate::support::environment::Events;
use crate::support::proxy::Proxy;
use crate::support::sshd::address;

#[test]
fn a_gibibyte_of_output_is_drained_and_counted() {
    let scene = Scene::new();
    let port = Proxy::to(&address(1), scene.sshd.port(1)).port;
    let scene = scene.bad_at(&address(1), port);
    let (start, tasks) = FIVE_TASKS.split_once("  tasks:\n").unwrap();
    let flood =
        "    - shell: head -c 1073741824 /dev/zero | tr '\\0' x\n      when: inventory_hostname == 'bad'\n";
    scene.write(&format!("{start}  tasks:\n{flood}{tasks}"));
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"];
    let end = scene.environment.run(&arguments).expect(0);
    let events = Events::read(&end);
    assert_eq!((events.of("good").ok, events.of("bad").ok), (5, 6));
    let (good, bad) = (last_task(&events, "good"), ended(&events, "bad", HostStatus::Ok));
    assert!(good < bad, "`good` took {good:?}, `bad` took {bad:?}");
    assert!(end.peak_memory < 200 * 1024, "{} KiB", end.peak_memory);

    let (mut kept, mut dropped) = (0, 0);
    for event in &events.0 {
        if let EventKind::StepOutput { length, dropped: lost, .. } = event.kind {
            kept += length;
            dropped += lost;
        }
    }
    assert!(kept <= 64 << 20, "{kept} bytes kept");
    // The host counts what it drops in intervals, and what is written at their edges escapes it.
    assert!(kept + dropped >= (1 << 30) / 100 * 95, "{kept} kept and {dropped} dropped are not all");
    let run = &events.0[0].run;
    let log = scene.environment.path(&format!(".paceline/runs/{run}/hosts/bad.log"));
    let size = std::fs::metadata(log).unwrap().len();
    assert!(size < 80 << 20, "the host log has {size} bytes");
}
