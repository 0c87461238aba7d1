//! The functions for what every Windows host has: files, commands, the registry, the environment, requests.

/// In an order in which each part finds what it hooks into.
pub(super) const PARTS: &[&str] = &[
    include_str!("path.ps1"),
    include_str!("file.ps1"),
    include_str!("put.ps1"),
    include_str!("read.ps1"),
    include_str!("stat.ps1"),
    include_str!("tree.ps1"),
    include_str!("here.ps1"),
    include_str!("find.ps1"),
    include_str!("unzip.ps1"),
    include_str!("acl.ps1"),
    include_str!("registry.ps1"),
    include_str!("environment.ps1"),
    include_str!("undo.ps1"),
    include_str!("command.ps1"),
    include_str!("http.ps1"),
    include_str!("wait_for.ps1"),
    include_str!("facts.ps1"),
];
