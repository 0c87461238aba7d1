//! The connection is cut behind every piece of traffic, in both directions. One run has many hosts, each behind a door of
//! its own that is shut at another place.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{PLAY, Reference, Scene};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::sshd::{Sshd, address};
use crate::support::tree::{difference, tree};

/// Where a door is shut.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Never; the pieces are counted.
    Never,
    /// Behind so many pieces to the host.
    Up(u64),
    /// Behind so many pieces from the host.
    Down(u64),
}

/// Passes connections on, and shuts the first one at its place.
struct Door {
    port: u16,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Door {
    fn to(address: &str, port: u16, place: Place) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let (up, down) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (address, counts) = (address.to_owned(), (up.clone(), down.clone()));
        std::thread::spawn(move || {
            let first = AtomicBool::new(true);
            for client in listener.incoming() {
                let (client, server) =
                    (client.unwrap(), TcpStream::connect((address.as_str(), port)).unwrap());
                let place = if first.swap(false, Ordering::SeqCst) { place } else { Place::Never };
                let limit = |mine| match place {
                    Place::Up(pieces) if mine => pieces,
                    Place::Down(pieces) if !mine => pieces,
                    _ => u64::MAX,
                };
                let pair = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (limit_up, count_up) = (limit(true), counts.0.clone());
                std::thread::spawn(move || pass(pair.0, pair.1, limit_up, &count_up));
                let (limit_down, count_down) = (limit(false), counts.1.clone());
                std::thread::spawn(move || pass(server, client, limit_down, &count_down));
            }
        });
        Self { port: own, up, down }
    }
}

/// Passes pieces on as they come; both directions end behind the last one.
fn pass(mut from: TcpStream, mut to: TcpStream, limit: u64, count: &AtomicU64) {
    let mut buffer = [0; 65536];
    let mut pieces = 0;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
        count.fetch_add(1, Ordering::SeqCst);
        pieces += 1;
        if pieces >= limit {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

#[test]
fn a_cut_connection_is_resumed_as_if_it_had_not_been() {
    let scene = Scene::new();
    let reference = Reference::of(&scene);
    let (up, down) = pieces(&scene);
    assert!(up > 10 && down > 20, "{up} pieces up and {down} down");
    let places: Vec<Place> = (1..=up).map(Place::Up).chain((1..=down).map(Place::Down)).collect();
    let mut cut = 0;
    for places in places.chunks(40) {
        cut += round(places, &reference);
    }
    // Where a connection is cut behind its last piece, nothing is lost. Forty hosts at once give fewer, larger pieces than the one
    // that was counted.
    assert!(cut as u64 >= (up + down) / 3, "only {cut} of {} connections were cut in time", up + down);
}

/// How many pieces an uninterrupted run takes.
fn pieces(scene: &Scene) -> (u64, u64) {
    scene.reset();
    let door = Door::to(&address(1), scene.sshd.port(1), Place::Never);
    let mut hosts = Hosts::numbered(&scene.environment, &scene.sshd, 1);
    hosts.know(scene.sshd.known_host(&address(1), door.port));
    hosts.set("h01", "ansible_port", &door.port.to_string());
    hosts.write(&scene.environment);
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--yes"];
    scene.environment.events(0, &arguments);
    (door.up.load(Ordering::SeqCst), door.down.load(Ordering::SeqCst))
}

/// One run with a host for each place; returns how many connections were cut.
fn round(places: &[Place], reference: &Reference) -> usize {
    let (environment, sshd) = (Environment::new(), Sshd::start(places.len()));
    let mut hosts = Hosts::numbered(&environment, &sshd, places.len());
    let name = |index: usize| format!("h{:02}", index + 1);
    for (index, place) in places.iter().enumerate() {
        let address = address(index + 1);
        let door = Door::to(&address, sshd.port(index + 1), *place);
        hosts.know(sshd.known_host(&address, door.port));
        hosts.set(&name(index), "ansible_port", &door.port.to_string());
        fs::create_dir_all(environment.path(&format!("hosts/{}/work", name(index)))).unwrap();
    }
    hosts.write(&environment);
    environment.write("playbook.yml", PLAY);
    // Few at once: their traffic comes in the same pieces as that of one alone.
    let run = environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "-f", "2"]);
    assert!(matches!(run.code, 0 | 4), "{}", run.stdout);
    let cut = run.stdout.matches("UNREACHABLE").count();
    let events = environment.events(0, &["resume", "latest"]);
    for (index, place) in places.iter().enumerate() {
        let left = tree(&environment.path(&format!("hosts/{}/work", name(index))));
        assert_eq!(difference(&reference.left, &left), "", "{place:?}");
        assert_eq!(events.of(&name(index)), reference.recap, "{place:?}");
    }
    cut
}
