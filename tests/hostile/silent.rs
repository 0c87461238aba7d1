//! Hosts that refuse, say nothing, or talk nonsense instead of SSH.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use paceline::executor::event::HostStatus;

use super::{FIVE_TASKS, Scene, good_did_not_wait};
use crate::support::environment::Events;
use crate::support::proxy::{closed_port, server};

const ADDRESS: &str = "127.0.1.9";

fn unreachable(port: u16, arguments: &[&str]) -> (Scene, Events) {
    let scene = Scene::new().bad_at(ADDRESS, port);
    scene.write(FIVE_TASKS);
    let events = scene.apply(4, arguments);
    scene.good_has_all(&events);
    assert_eq!(events.of("bad").unreachable, 1);
    (scene, events)
}

fn until_closed(mut client: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = client.read(&mut buffer) {}
}

#[test]
fn a_refused_port_is_said_to_be_refused() {
    let port = closed_port(ADDRESS);
    let (_, events) = unreachable(port, &[]);
    let reason = events.reason("bad");
    assert!(reason.contains("refused") && reason.contains(&port.to_string()), "{reason}");
}

#[test]
fn a_host_that_never_answers_holds_nobody_up() {
    let (_, events) = unreachable(server(ADDRESS, until_closed), &["-T", "10"]);
    good_did_not_wait(&events, HostStatus::Unreachable);
}

#[test]
fn a_host_that_stops_after_its_greeting_holds_nobody_up() {
    let port = server(ADDRESS, |mut client| {
        client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        until_closed(client);
    });
    let (_, events) = unreachable(port, &["-T", "10"]);
    good_did_not_wait(&events, HostStatus::Unreachable);
}

#[test]
fn a_host_that_drips_its_greeting_is_given_up() {
    let port = server(ADDRESS, |mut client| {
        while client.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let (_, events) = unreachable(port, &["-T", "10"]);
    good_did_not_wait(&events, HostStatus::Unreachable);
}

fn flood(start: &'static [u8], then: &'static [u8]) -> u16 {
    server(ADDRESS, move |mut client| {
        let mut going_on = client.write_all(start);
        while going_on.is_ok() {
            going_on = client.write_all(then);
        }
    })
}

#[test]
fn another_protocol_is_named() {
    let (_, events) = unreachable(flood(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html>\r\n"), &["-T", "10"]);
    assert!(events.reason("bad").contains("SSH"), "{}", events.reason("bad"));
}

#[test]
fn garbage_without_end_is_not_kept() {
    let scene = Scene::new().bad_at(ADDRESS, flood(b"", &[0xa5; 65536]));
    scene.write(FIVE_TASKS);
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-T", "10", "--output", "json"];
    let ended = scene.environment.run(&arguments).expect(4);
    let events = Events::read(&ended);
    scene.good_has_all(&events);
    assert!(ended.peak_memory < 150 * 1024, "{} KiB", ended.peak_memory);
}

#[test]
fn a_packet_of_4_gib_is_refused() {
    let scene = Scene::new().bad_at(ADDRESS, flood(b"SSH-2.0-x\r\n\xff\xff\xff\xff", &[0xff; 65536]));
    scene.write(FIVE_TASKS);
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-T", "10", "--output", "json"];
    let ended = scene.environment.run(&arguments).expect(4);
    let events = Events::read(&ended);
    scene.good_has_all(&events);
    assert!(ended.peak_memory < 150 * 1024, "{} KiB", ended.peak_memory);
}
