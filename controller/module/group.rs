//! `group`: a group of a POSIX host.

use super::place::account;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::account::group::Group as Operation;

/// The module.
pub(super) struct Group;

static SPEC: ModuleSpec = ModuleSpec {
    name: "group",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required().limited(account),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("gid", OptionKind::Int),
        OptionSpec::new("system", OptionKind::Bool),
        OptionSpec::new("non_unique", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("gid_min", OptionKind::Int),
        OptionSpec::new("gid_max", OptionKind::Int),
        OptionSpec::new("local", OptionKind::Bool)
            .refused("`groupadd` of the host is used: leave it out, groups of a directory are not changed"),
    ],
    ..ModuleSpec::EMPTY
};

/// A number that is not negative.
///
/// # Errors
/// It is.
pub(super) fn number(options: &Options, name: &str) -> Result<Option<u64>, ModuleError> {
    match options.int(name) {
        None => Ok(None),
        Some(number) => u64::try_from(number)
            .map(Some)
            .map_err(|_| ModuleError::new(format!("option `{name}`: `{number}` is negative"))),
    }
}

impl Module for Group {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = options.text("name").unwrap_or_default().to_owned();
        no_nul([name.as_str()])?;
        if name.is_empty() {
            return Err(ModuleError::new("option `name` of `group` is empty"));
        }
        let gid = number(options, "gid")?;
        let non_unique = options.flag("non_unique", false);
        if non_unique && gid.is_none() {
            return Err(ModuleError::new("`non_unique` of `group` needs `gid`"));
        }
        Ok(Work::Host(Box::new(Operation {
            name,
            present: options.text("state") != Some("absent"),
            gid,
            system: options.flag("system", false),
            non_unique,
            force: options.flag("force", false),
            range: [number(options, "gid_min")?, number(options, "gid_max")?],
            ..Operation::default()
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for options in [
            json!({"name": ""}),
            json!({"name": "-x"}),
            json!({"name": "a:b"}),
            json!({"name": "x", "non_unique": true}),
            json!({"name": "x", "gid": -1}),
            json!({"name": "x", "local": true}),
        ] {
            assert!(plan("group", options.clone()).is_err(), "{options}");
        }
    }
}
