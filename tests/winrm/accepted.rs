//! `pywinrm`, `pypsrp` and Ansible get along with the test peer. Only then does what our own client does with it say
//! anything.

use std::process::Command;

use crate::support::winrm::{python, script};

#[test]
fn pywinrm_and_pypsrp_accept_the_peer() {
    let output = Command::new(python()).arg("-B").arg(script("accept.py")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let passed = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= 75, "only {passed} checks ran:\n{said}\n{errors}");
}
