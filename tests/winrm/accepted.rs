//! `pywinrm` and `pypsrp` get along with the test peer. Only then does what our own client does with it say anything.

use std::process::Command;

use serde_json::json;

use crate::support::winrm::{Peer, python, script};

#[test]
fn pywinrm_and_pypsrp_accept_the_peer() {
    let output = Command::new(python()).arg("-B").arg(script("accept.py")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let passed = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= 40, "only {passed} checks ran:\n{said}\n{errors}");
}

#[test]
fn the_peer_serves_many_hosts_and_records_each_one_apart() {
    let peer = Peer::start(50, &json!({}));
    let addresses: Vec<_> = (1..=50).map(|number| peer.host(number).address().to_owned()).collect();
    for number in [1, 50] {
        let host = peer.host(number);
        let address = (addresses[number - 1].as_str(), host.http());
        drop(std::net::TcpStream::connect(address).unwrap());
        while host.count("disconnect") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    let connected: Vec<_> = (1..=50).filter(|&number| peer.host(number).count("connect") > 0).collect();
    assert_eq!(connected, [1, 50]);
    let mut unique = addresses.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 50);
    assert_ne!(peer.pin("good"), peer.pin("expired"));
}
