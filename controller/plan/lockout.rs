//! Tasks that may lock the controller out of a host: a plan warns where no guard is around them.

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use crate::source::{Diagnostic, Diagnostics};

/// Folders and files of sshd, of firewalls and of the network; a folder ends in a slash.
const PATHS: [&str; 18] = [
    "/etc/ssh/",
    "/etc/network/",
    "/etc/netplan/",
    "/etc/NetworkManager/",
    "/etc/systemd/network/",
    "/etc/sysconfig/network",
    "/etc/sysconfig/network-scripts/",
    "/etc/nftables.conf",
    "/etc/nftables/",
    "/etc/sysconfig/nftables.conf",
    "/etc/iptables/",
    "/etc/iptables.rules",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
    "/etc/firewalld/",
    "/etc/ufw/",
    "/etc/default/ufw",
    "/etc/default/ssh",
];
/// Their services.
const SERVICES: [&str; 13] = [
    "ssh",
    "sshd",
    "networking",
    "network",
    "NetworkManager",
    "systemd-networkd",
    "nftables",
    "iptables",
    "ip6tables",
    "netfilter-persistent",
    "firewalld",
    "ufw",
    "netplan",
];

/// Warns of each task that touches sshd, the firewall or the network as it is written, without a guard around it.
/// Handlers are not looked at: they follow a task that is.
pub fn unguarded(play: &CompiledPlay) -> Diagnostics {
    let mut found = Diagnostics::default();
    for section in &play.sections {
        collect(&section.entries, &mut found);
    }
    found
}

fn collect(entries: &[CompiledEntry], found: &mut Diagnostics) {
    for entry in entries {
        match entry {
            CompiledEntry::Task(task) => {
                for body in &task.bodies {
                    collect(body.entries.as_deref().unwrap_or_default(), found);
                }
                if let Some(diagnostic) = warning(task) {
                    found.push(diagnostic);
                }
            }
            CompiledEntry::Block(block) => {
                for list in [&block.entries, &block.rescue, &block.always] {
                    collect(list, found);
                }
            }
        }
    }
}

fn warning(task: &CompiledTask) -> Option<Diagnostic> {
    if task.guarded {
        return None;
    }
    let option = |name: &str| task.task.options.iter().find(|(given, _)| given == name).map(|(_, node)| node);
    let (what, place) = match task.task.module {
        "copy" | "file" | "lineinfile" | "template" => {
            let node = option("dest").or_else(|| option("path"))?;
            let path = node.as_str()?;
            let is_it = |known: &str| match known.strip_suffix('/') {
                Some(folder) => path == folder || path.starts_with(known),
                None => path == known,
            };
            PATHS.into_iter().find(|known| is_it(known))?;
            (format!("`{path}`"), &node.span)
        }
        "service" | "systemd_service" => {
            let node = option("name")?;
            let name = node.as_str()?;
            let name = name.strip_suffix(".service").or_else(|| name.strip_suffix(".socket")).unwrap_or(name);
            SERVICES.into_iter().find(|known| *known == name)?;
            (format!("the service `{name}`"), &node.span)
        }
        _ => return None,
    };
    let message = format!("this changes {what} without a guard: a mistake may lock you out of the host");
    Some(Diagnostic::warning(place, message).hint(
        "put it into a block with `guard: 60`: the host undoes the block unless it can be reached again in that time",
    ))
}
