//! `win_firewall_rule`: rules of the Windows firewall.

use serde_json::Map;

use super::values::{name, set_flags, set_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::Ensure;

/// The module.
pub(super) struct FirewallRule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_firewall_rule",
    aliases: &["community.windows.win_firewall_rule"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("enabled", OptionKind::Bool).aliases(&["enable"]),
        OptionSpec::new("direction", OptionKind::Choice(&["in", "out"])),
        OptionSpec::new("action", OptionKind::Choice(&["allow", "block"])),
        OptionSpec::new("description", OptionKind::Text),
        OptionSpec::new("group", OptionKind::Text),
        OptionSpec::new("localip", OptionKind::Text),
        OptionSpec::new("remoteip", OptionKind::Text),
        OptionSpec::new("localport", OptionKind::Text),
        OptionSpec::new("remoteport", OptionKind::Text),
        OptionSpec::new("program", OptionKind::Text),
        OptionSpec::new("service", OptionKind::Text),
        OptionSpec::new("protocol", OptionKind::Text),
        OptionSpec::new("interfacetypes", OptionKind::List),
        OptionSpec::new("icmp_type_code", OptionKind::List),
        OptionSpec::new("profiles", OptionKind::List).aliases(&["profile"]),
        OptionSpec::new("edge", OptionKind::Text).refused("edge traversal is left as it is"),
        OptionSpec::new("security", OptionKind::Text).refused("rules for IPsec are not supported"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// A list that the firewall keeps as one text.
fn joined(options: &Options, option: &str) -> Option<String> {
    Some(options.texts(option)?.iter().map(|text| text.trim().to_owned()).collect::<Vec<_>>().join(","))
}

impl Module for FirewallRule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut rule = Ensure::new("firewall", vec![("name", name(options, "name")?)]);
        rule.present = options.text("state") != Some("absent");
        if !rule.present {
            return Ok(Work::Host(Box::new(rule)));
        }
        set_flags(&mut rule, options, &[("enabled", "enabled")]);
        if let Some(protocol) = options.text("protocol") {
            let protocol = protocol.to_lowercase();
            let known = ["any", "tcp", "udp", "icmpv4", "icmpv6", "igmp", "gre", "ipv6", "vrrp", "pgm"];
            if !known.contains(&protocol.as_str()) && protocol.parse::<u8>().is_err() {
                return Err(ModuleError::new(format!(
                    "`{protocol}` is no protocol\nhint: `tcp`, `udp`, `icmpv4`, `any`, or a number up to 255"
                )));
            }
            rule.set.push(("protocol".to_owned(), vec![protocol]));
        }
        for option in ["localport", "remoteport"] {
            let all = options.text(option).is_none_or(|ports| matches!(ports, "" | "any" | "*"));
            let protocol = options.text("protocol").map(str::to_lowercase);
            if !all && !matches!(protocol.as_deref(), Some("tcp" | "udp" | "6" | "17")) {
                return Err(ModuleError::new(format!(
                    "`{option}` of `win_firewall_rule` needs a protocol that has ports\nhint: add `protocol: tcp` or `protocol: udp`"
                )));
            }
        }
        set_texts(
            &mut rule,
            options,
            &[
                ("direction", "direction"),
                ("action", "action"),
                ("description", "description"),
                ("group", "group"),
                ("localip", "localip"),
                ("remoteip", "remoteip"),
                ("localport", "localport"),
                ("remoteport", "remoteport"),
                ("program", "program"),
                ("service", "service"),
            ],
        );
        for option in ["interfacetypes", "icmp_type_code"] {
            if let Some(text) = joined(options, option) {
                rule.set.push((option.to_owned(), vec![text]));
            }
        }
        if let Some(profiles) = options.texts("profiles") {
            let profiles: Vec<String> =
                profiles.iter().map(|profile| profile.trim().to_lowercase()).collect();
            if let Some(odd) =
                profiles.iter().find(|name| !["domain", "private", "public"].contains(&name.as_str()))
            {
                return Err(ModuleError::new(format!(
                    "`{odd}` is no profile\nhint: `domain`, `private` and `public`"
                )));
            }
            rule.set.push(("profiles".to_owned(), profiles));
        }
        let default = |name: &'static str, value: &str| (name, vec![value.to_owned()]);
        rule.options = vec![
            default("new.direction", "in"),
            default("new.action", "allow"),
            default("new.enabled", "true"),
        ];
        rule.describe = Box::new(|_| Map::new());
        Ok(Work::Host(Box::new(rule)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        assert_eq!(
            said(
                "win_firewall_rule",
                json!({"name": "Agent", "localport": 443, "protocol": "TCP", "action": "allow",
                       "direction": "in", "profile": "domain,private", "enable": true})
            ),
            "ensure kind=firewall key.name=Agent want=present set.enabled=true set.protocol=tcp set.direction=in \
             set.action=allow set.localport=443 set.profiles=[domain|private] new.direction=in new.action=allow \
             new.enabled=true"
        );
        assert_eq!(
            said("win_firewall_rule", json!({"name": "Agent", "state": "absent"})),
            "ensure kind=firewall key.name=Agent want=absent"
        );
        refused("win_firewall_rule", json!({"name": "A", "protocol": "tpc"}));
        refused("win_firewall_rule", json!({"name": "A", "profiles": ["all"]}));
        for options in [
            json!({"name": "A", "localport": 443}),
            json!({"name": "A", "remoteport": "1-5", "protocol": "icmpv4"}),
        ] {
            assert!(refused("win_firewall_rule", options).contains("protocol: tcp"));
        }
        said("win_firewall_rule", json!({"name": "A", "localport": "any"}));
        refused("win_firewall_rule", json!({"name": "A", "edge": "yes"}));
    }
}
