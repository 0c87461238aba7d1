//! The PowerShell functions that the operations call: static text, loaded once into every session.

use std::sync::OnceLock;

use crate::operation::library::without_comments;

const PARTS: &[&str] = &[
    include_str!("ledger.ps1"),
    include_str!("lease.ps1"),
    include_str!("lease_look.ps1"),
    include_str!("found.ps1"),
    include_str!("prune.ps1"),
    include_str!("seam.ps1"),
    include_str!("point.ps1"),
    include_str!("point_file.ps1"),
    include_str!("restore.ps1"),
    include_str!("restore_file.ps1"),
    include_str!("ensure.ps1"),
    include_str!("service.ps1"),
    include_str!("feature.ps1"),
    include_str!("iis.ps1"),
    include_str!("iis_pool.ps1"),
    include_str!("iis_binding.ps1"),
    include_str!("iis_site.ps1"),
    include_str!("iis_application.ps1"),
    include_str!("iis_config.ps1"),
    include_str!("certificate.ps1"),
    include_str!("key_acl.ps1"),
    include_str!("firewall.ps1"),
    include_str!("task.ps1"),
    include_str!("account.ps1"),
    include_str!("package.ps1"),
    include_str!("versions.ps1"),
    include_str!("chocolatey.ps1"),
    include_str!("xml.ps1"),
    include_str!("psmodule.ps1"),
    include_str!("dsc.ps1"),
    include_str!("reboot.ps1"),
    include_str!("preflight.ps1"),
    include_str!("verify.ps1"),
    include_str!("audit.ps1"),
];
/// What keeps a claim alive in a shell of its own.
const BESIDE: &[&str] = &[include_str!("lease.ps1"), include_str!("lease_renew.ps1")];

/// Returns the text of all functions, without the comment lines that start in the first column.
#[must_use]
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| without_comments(PARTS) + &without_comments(super::files::PARTS))
}

/// Returns the text of the functions that renew a lease beside a session.
#[must_use]
pub fn beside_library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| without_comments(BESIDE))
}
