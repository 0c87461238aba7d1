//! What the tests of this folder share: one key, and files that hold it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use super::{ScannedKey, Status};
use crate::transport::ssh::known_hosts;

/// A key, and its fingerprint.
pub(super) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN4YDE8kZKtfwcNWLXowKA0fDvhp4wGAzm1xfE8WVKxT";
pub(super) const FINGERPRINT: &str = "SHA256:Urm0dS8isLhp0nhIU3D6O81VseftmAXc7ErEV3tgB8Y";

/// A key that a host showed.
pub(super) fn scanned(host: &str, port: u16, status: Status) -> ScannedKey {
    ScannedKey {
        host: host.to_owned(),
        address: host.to_owned(),
        port,
        name: known_hosts::host_name(host, port),
        algorithm: "ssh-ed25519".to_owned(),
        fingerprint: FINGERPRINT.to_owned(),
        key: KEY.to_owned(),
        status,
        file: None,
        jump: false,
    }
}

/// A `known_hosts` file with this text, in which `KEY` stands for the key.
pub(super) fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::fs::write(&path, text.replace("KEY", KEY)).unwrap();
    (folder, path)
}
