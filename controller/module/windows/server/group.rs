//! `win_group` and `win_group_membership`: local groups.

use serde_json::{Map, Value, json};

use super::values::{name, set_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::Ensure;

/// `win_group`.
pub(super) struct Group;
/// `win_group_membership`.
pub(super) struct Membership;

static GROUP: ModuleSpec = ModuleSpec {
    name: "win_group",
    aliases: &["ansible.windows.win_group"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("description", OptionKind::Text),
        OptionSpec::new("members", OptionKind::Any).refused("use `win_group_membership`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static MEMBERSHIP: ModuleSpec = ModuleSpec {
    name: "win_group_membership",
    aliases: &["ansible.windows.win_group_membership"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("members", OptionKind::List).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present", "pure"])),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

impl Module for Group {
    fn spec(&self) -> &'static ModuleSpec {
        &GROUP
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        let mut group = Ensure::new("group", vec![("name", name.clone())]);
        group.present = options.text("state") != Some("absent");
        if group.present {
            set_texts(&mut group, options, &[("description", "description")]);
        }
        group.describe = Box::new(move |_| Map::from_iter([("name".to_owned(), name.clone().into())]));
        Ok(Work::Host(Box::new(group)))
    }
}

impl Module for Membership {
    fn spec(&self) -> &'static ModuleSpec {
        &MEMBERSHIP
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        let members: Vec<String> = options
            .texts("members")
            .unwrap_or_default()
            .iter()
            .map(|member| member.trim().replace('/', "\\"))
            .filter(|member| !member.is_empty())
            .collect();
        let mut group = Ensure::new("group", vec![("name", name.clone())]);
        // The group itself is not made here.
        group.options.push(("must_exist", vec!["1".to_owned()]));
        let list = match options.text("state") {
            Some("absent") => &mut group.remove,
            Some("pure") => &mut group.set,
            _ => &mut group.add,
        };
        list.push(("members".to_owned(), members));
        group.describe = Box::new(move |states| {
            let (before, after) = (states.all_before("members"), states.all_now("members"));
            let only = |one: &[String], other: &[String]| -> Vec<String> {
                one.iter().filter(|member| !other.contains(member)).cloned().collect()
            };
            let result = json!({
                "name": name, "members": after, "added": only(after, before), "removed": only(before, after),
            });
            match result {
                Value::Object(result) => result,
                _ => Map::new(),
            }
        });
        Ok(Work::Host(Box::new(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, said};
    use super::*;

    #[test]
    fn what_is_asked_for_and_answered() {
        assert_eq!(
            said("win_group", json!({"name": "Agents", "description": "x"})),
            "ensure kind=group key.name=Agents want=present set.description=x"
        );
        assert_eq!(
            said(
                "win_group_membership",
                json!({"name": "Administrators", "members": "D/svc", "state": "pure"})
            ),
            "ensure kind=group key.name=Administrators want=present set.members=D\\svc must_exist=1"
        );
        let outcome = answered(
            "win_group_membership",
            json!({"name": "G", "members": ["a"]}),
            0,
            &[
                ("changed", "1"),
                ("before_exists", "1"),
                ("before.members", "S-1"),
                ("after_exists", "1"),
                ("after.members", "S-1|S-2"),
            ],
        );
        assert_eq!(
            Value::Object(outcome.result),
            json!({"name": "G", "members": ["S-1", "S-2"], "added": ["S-2"], "removed": []})
        );
    }
}
