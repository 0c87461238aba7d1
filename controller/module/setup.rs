//! `setup`: gathers facts.

use std::collections::HashSet;

use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::facts::{Facts, Subset};
use crate::operation::windows;
use crate::shell::Platform;

/// The module.
pub(super) struct Setup;

static SPEC: ModuleSpec = ModuleSpec {
    name: "setup",
    aliases: &["ansible.builtin.gather_facts", "gather_facts"],
    options: &[
        OptionSpec::new("gather_subset", OptionKind::List),
        OptionSpec::new("filter", OptionKind::List),
        OptionSpec::new("gather_timeout", OptionKind::Int),
        OptionSpec::new("fact_path", OptionKind::Path).refused("facts from files on the host are not read"),
        OptionSpec::new("parallel", OptionKind::Bool).refused("leave it out: one program gathers everything"),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

/// Names of Ansible's collectors, and the facts (a name, or the start of one with `*`) they give.
const COLLECTORS: &[(&str, &[&str])] = &[
    ("apparmor", &["apparmor"]),
    ("cmdline", &["cmdline"]),
    ("date_time", &["date_time"]),
    (
        "distribution",
        &[
            "distribution",
            "distribution_version",
            "distribution_release",
            "distribution_major_version",
            "distribution_minor_version",
            "os_family",
        ],
    ),
    ("dns", &["dns"]),
    ("env", &["env"]),
    ("fips", &["fips"]),
    ("local", &["local"]),
    ("lsb", &["lsb"]),
    ("pkg_mgr", &["pkg_mgr"]),
    (
        "platform",
        &[
            "system",
            "kernel",
            "kernel_version",
            "machine",
            "architecture",
            "userspace_bits",
            "nodename",
            "hostname",
            "fqdn",
            "domain",
            "machine_id",
        ],
    ),
    ("selinux", &["selinux"]),
    ("service_mgr", &["service_mgr"]),
    (
        "ssh_pub_keys",
        &[
            "ssh_host_key_rsa_public",
            "ssh_host_key_rsa_public_keytype",
            "ssh_host_key_ecdsa_public",
            "ssh_host_key_ecdsa_public_keytype",
            "ssh_host_key_ed25519_public",
            "ssh_host_key_ed25519_public_keytype",
        ],
    ),
    (
        "user",
        &[
            "user_id",
            "user_uid",
            "user_gid",
            "user_gecos",
            "user_dir",
            "user_shell",
            "real_user_id",
            "effective_user_id",
            "real_group_id",
            "effective_group_id",
        ],
    ),
    ("default_ipv4", &["default_ipv4"]),
    ("default_ipv6", &["default_ipv6"]),
    ("interfaces", &["interfaces"]),
    ("all_ipv4_addresses", &["all_ipv4_addresses"]),
    ("all_ipv6_addresses", &["all_ipv6_addresses"]),
    ("loadavg", &["loadavg"]),
    ("mounts", &["mounts"]),
];

impl Module for Setup {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let given = options.texts("gather_subset").unwrap_or_else(|| vec!["all".to_owned()]);
        let (subsets, names) = select(&given)?;
        let filter = options.texts("filter").unwrap_or_default();
        Ok(Work::Host(match context.platform {
            Platform::Posix => Box::new(Facts { subsets, names, filter, given }),
            Platform::Windows => Box::new(windows::Facts { subsets, names, filter, given }),
        }))
    }
}

/// Reads `gather_subset`: without a plain name everything is wanted, `!NAME` takes away, and the minimum
/// stays unless `!min` is there.
fn select(given: &[String]) -> Result<(HashSet<Subset>, Vec<String>), ModuleError> {
    use Subset::{Hardware, Minimal, Network, Virtual};
    let words: Vec<&str> = given.iter().map(|word| word.trim()).collect();
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('!')).collect();
    let mut wanted = HashSet::from([Minimal]);
    let mut names = Vec::new();
    if plain.is_empty() && !words.contains(&"!all") {
        wanted.extend([Hardware, Network, Virtual]);
    }
    for word in &plain {
        match subset(word)? {
            Named::All => wanted.extend([Hardware, Network, Virtual]),
            Named::Subset(subset) => {
                wanted.insert(subset);
            }
            Named::Facts(facts) => names.extend(facts.iter().map(|fact| (*fact).to_owned())),
        }
    }
    for word in words.iter().filter_map(|word| word.strip_prefix('!')) {
        match word {
            // Collectors that exist in Ansible only: not having them is what is asked for.
            "facter" | "ohai" | "python" | "caps" | "systemd" | "chroot" | "iscsi" | "nvme" => {}
            "min" => {
                wanted.remove(&Minimal);
            }
            "all" => {}
            word => match subset(word)? {
                Named::Subset(subset) if !plain.contains(&word) => {
                    wanted.remove(&subset);
                }
                Named::Facts(_) => {
                    return Err(ModuleError::new(format!(
                        "`!{word}` in `gather_subset` is not supported\nhint: leave out `hardware`, `network`, `virtual` or `min`, or use `filter`"
                    )));
                }
                _ => {}
            },
        }
    }
    Ok((wanted, names))
}

enum Named {
    All,
    Subset(Subset),
    Facts(&'static [&'static str]),
}

fn subset(word: &str) -> Result<Named, ModuleError> {
    Ok(match word {
        "all" => Named::All,
        "min" => Named::Subset(Subset::Minimal),
        "hardware" | "processor" | "processor_cores" | "processor_count" | "memory" | "devices" | "dmi" => {
            Named::Subset(Subset::Hardware)
        }
        "network" => Named::Subset(Subset::Network),
        "virtual" | "virtualization_type" | "virtualization_role" => Named::Subset(Subset::Virtual),
        word => match COLLECTORS.iter().find(|(name, facts)| *name == word || facts.contains(&word)) {
            Some((_, facts)) => Named::Facts(facts),
            None => {
                return Err(ModuleError::new(format!(
                    "`{word}` in `gather_subset` is not supported\nhint: `all`, `min`, `hardware`, `network`, `virtual`, or a collector such as `distribution`, with `!` in front to leave it out"
                )));
            }
        },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use Subset::{Hardware, Minimal, Network, Virtual};

    fn chosen(words: &[&str]) -> Option<(Vec<Subset>, Vec<String>)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (subsets, names) = select(&words).ok()?;
        let order = [Minimal, Hardware, Network, Virtual];
        Some((order.into_iter().filter(|subset| subsets.contains(subset)).collect(), names))
    }

    #[test]
    fn subsets_are_chosen_as_in_ansible() {
        for (words, expected) in [
            (&["all"][..], &[Minimal, Hardware, Network, Virtual][..]),
            (&["!all"], &[Minimal]),
            (&["!all", "!min"], &[]),
            (&["min"], &[Minimal]),
            (&["network"], &[Minimal, Network]),
            (&["!all", "network"], &[Minimal, Network]),
            (&["!hardware"], &[Minimal, Network, Virtual]),
            (&["!min", "network"], &[Network]),
            (&["all", "!facter", "!ohai"], &[Minimal, Hardware, Network, Virtual]),
        ] {
            let (subsets, names) = chosen(words).unwrap();
            assert_eq!(subsets, expected, "{words:?}");
            assert!(names.is_empty());
        }
        let (subsets, names) = chosen(&["!all", "!min", "default_ipv4"]).unwrap();
        assert!(subsets.is_empty());
        assert_eq!(names, ["default_ipv4"]);
        assert!(chosen(&["facter"]).is_none());
        assert!(chosen(&["!env"]).is_none());
    }
}
