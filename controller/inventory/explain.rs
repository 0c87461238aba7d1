//! `inventory explain VARIABLE HOST`: every candidate, and why the winner won.

use serde_json::{Value, json};

use super::{GroupName, HostName, Inventory, Level, Variable, python};

/// Why a variable has its value on a host.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The variable.
    pub variable: String,
    /// The host.
    pub host: HostName,
    /// Every candidate, the winner first.
    pub candidates: Vec<Candidate>,
    /// Why the winner won over the next one, if there is one.
    pub reason: Option<String>,
    /// Set where only the alphabet decided.
    pub warning: Option<String>,
}

/// One value of the variable.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// `FILE:LINE:COLUMN`.
    pub place: String,
    /// The level, in words.
    pub level: &'static str,
    /// The group whose value it is.
    pub group: Option<GroupName>,
    /// The value as JSON, templates not rendered.
    pub value: Value,
    shown: String,
}

/// Explains a variable of a host; nothing if the inventory does not give it to this host.
pub fn explain(inventory: &Inventory, variable: &str, host: &HostName) -> Option<Explanation> {
    let known = inventory.hosts.get(host)?.variables.get(variable)?;
    let candidates = known
        .iter()
        .rev()
        .map(|candidate| Candidate {
            place: candidate.node.span.place(),
            level: words(candidate.origin.level),
            group: candidate.origin.group.clone(),
            value: candidate.node.to_shown(),
            shown: python::repr(&candidate.node),
        })
        .collect();
    let (mut reason, mut warning) = (None, None);
    if let [.., second, winner] = known.as_slice() {
        let (why, by_name) = compare(inventory, winner, second);
        if by_name && winner.node != second.node {
            warning = Some(format!(
                "only the alphabet decides here; give one of the groups an `ansible_group_priority` under its `vars:` in the inventory ({why})"
            ));
        }
        reason = Some(why);
    }
    Some(Explanation { variable: variable.to_owned(), host: host.clone(), candidates, reason, warning })
}

impl Explanation {
    /// Writes it for people.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} on {}\n", self.variable, self.host);
        for (at, candidate) in self.candidates.iter().enumerate() {
            let mark = if at == 0 { "=>" } else { "  " };
            let group =
                candidate.group.as_ref().map(|group| format!(" (group `{group}`)")).unwrap_or_default();
            text.push_str(&format!("{mark} {}\n", candidate.shown));
            text.push_str(&format!("     {}{group}, {}\n", candidate.level, candidate.place));
        }
        if let Some(reason) = &self.reason {
            text.push_str(&format!("the first one wins: {reason}\n"));
        }
        if let Some(warning) = &self.warning {
            text.push_str(&format!("warning: {warning}\n"));
        }
        text
    }

    /// Writes it as JSON.
    pub fn to_json(&self) -> Value {
        let candidates: Vec<Value> = self
            .candidates
            .iter()
            .map(|candidate| {
                json!({
                    "value": candidate.value,
                    "level": candidate.level,
                    "group": candidate.group.as_ref().map(ToString::to_string),
                    "place": candidate.place,
                })
            })
            .collect();
        json!({
            "variable": self.variable,
            "host": self.host.to_string(),
            "candidates": candidates,
            "reason": self.reason,
            "warning": self.warning,
        })
    }
}

fn words(level: Level) -> &'static str {
    match level {
        Level::InventoryGroup => "`vars` of the group in the inventory",
        Level::InventoryGroupVarsAll | Level::InventoryGroupVars => "group_vars beside the inventory",
        Level::PlaybookGroupVarsAll | Level::PlaybookGroupVars => "group_vars beside the playbook",
        Level::InventoryHost => "the host in the inventory",
        Level::InventoryHostVars => "host_vars beside the inventory",
        Level::PlaybookHostVars => "host_vars beside the playbook",
    }
}

/// Says why the first wins over the second, and whether only the alphabet decided.
fn compare(inventory: &Inventory, winner: &Variable, second: &Variable) -> (String, bool) {
    let (strong, weak) = (&winner.origin, &second.origin);
    if strong.level != weak.level {
        let all = |level| matches!(level, Level::InventoryGroupVarsAll | Level::PlaybookGroupVarsAll);
        let kind = |level| if all(level) { " of `all`" } else { "" };
        let reason = format!(
            "{}{} is stronger than {}{}",
            words(strong.level),
            kind(strong.level),
            words(weak.level),
            kind(weak.level)
        );
        return (reason, false);
    }
    let later = |what: &str| (format!("{what} comes later, and the later one wins"), false);
    let (Some(one), Some(other)) = (&strong.group, &weak.group) else {
        return later("its place");
    };
    if strong.level != Level::InventoryGroup && root_of(winner) != root_of(second) {
        return later("its inventory");
    }
    if one == other {
        return later("its place");
    }
    let (Some(first), Some(last)) = (inventory.groups.get(one), inventory.groups.get(other)) else {
        return later("its place");
    };
    if first.depth != last.depth {
        let reason = format!(
            "the group `{one}` (depth {}) is deeper than `{other}` (depth {})",
            first.depth, last.depth
        );
        return (reason, false);
    }
    if first.priority != last.priority {
        let reason = format!(
            "`ansible_group_priority` of `{one}` is {}, that of `{other}` is {}",
            first.priority, last.priority
        );
        return (reason, false);
    }
    (
        format!("the groups `{one}` and `{other}` are equally deep, and `{one}` comes later in the alphabet"),
        true,
    )
}

/// The folder that holds the `group_vars` of a value.
fn root_of(variable: &Variable) -> Option<std::path::PathBuf> {
    let path = variable.node.span.file.path();
    path.ancestors().find(|folder| folder.ends_with("group_vars")).map(ToOwned::to_owned)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::fixture::clean;
    use super::*;

    fn reason(files: &[(&str, &str)]) -> (String, bool) {
        let explanation = explain(&clean(files), "v", &"h".into()).unwrap();
        (explanation.reason.unwrap_or_default(), explanation.warning.is_some())
    }

    #[test]
    fn says_why_the_winner_won() {
        let deeper = "a: {children: {b: {hosts: {h: }, vars: {v: 1}}}, vars: {v: 2}}\n";
        assert_eq!(
            reason(&[("hosts.yml", deeper)]),
            ("the group `b` (depth 2) is deeper than `a` (depth 1)".to_owned(), false)
        );
        let priority =
            "a: {hosts: {h: }, vars: {v: 1, ansible_group_priority: 3}}\nb: {hosts: {h: }, vars: {v: 2}}\n";
        assert_eq!(
            reason(&[("hosts.yml", priority)]),
            ("`ansible_group_priority` of `a` is 3, that of `b` is 1".to_owned(), false)
        );
        let level = "a: {hosts: {h: {v: 1}}, vars: {v: 2}}\n";
        assert_eq!(
            reason(&[("hosts.yml", level)]),
            (
                "the host in the inventory is stronger than `vars` of the group in the inventory".to_owned(),
                false
            )
        );
        assert_eq!(reason(&[("hosts.yml", "a: {hosts: {h: {v: 1}}}\n")]), (String::new(), false));
    }

    #[test]
    fn warns_where_only_the_alphabet_decides() {
        let alphabet = "b: {hosts: {h: }, vars: {v: 2}}\na: {hosts: {h: }, vars: {v: 1}}\n";
        let (why, warned) = reason(&[("hosts.yml", alphabet)]);
        assert!(warned && why.contains("`b` comes later in the alphabet"), "{why}");
        let equal = "b: {hosts: {h: }, vars: {v: 1}}\na: {hosts: {h: }, vars: {v: 1}}\n";
        assert!(!reason(&[("hosts.yml", equal)]).1, "equal values need no warning");
    }

    #[test]
    fn shows_every_candidate_with_its_place() {
        let inventory =
            clean(&[("hosts.yml", "a: {hosts: {h: {v: 'x'}}}\n"), ("group_vars/a.yml", "v: [1]\n")]);
        let explanation = explain(&inventory, "v", &"h".into()).unwrap();
        let text = explanation.to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["v on h", "=> 'x'"]);
        assert!(
            lines[2].contains("the host in the inventory, ") && lines[2].ends_with("hosts.yml:1:20"),
            "{text}"
        );
        assert!(
            lines[4].contains("group_vars beside the inventory (group `a`), ")
                && lines[4].ends_with("a.yml:1:4"),
            "{text}"
        );
        assert_eq!(explanation.to_json()["candidates"][1]["value"], json!([1]));
        assert!(explain(&inventory, "nope", &"h".into()).is_none());
        assert!(explain(&inventory, "v", &"nope".into()).is_none());
    }
}
