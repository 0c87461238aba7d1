//! `dnf`, with its other names `dnf5` and `yum`: packages of hosts with rpm.

use super::apt::names;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::packages::{Manager, Packages, State};

/// The module.
pub(super) struct Dnf;

static SPEC: ModuleSpec = ModuleSpec {
    name: "dnf",
    aliases: &[
        "dnf5",
        "ansible.builtin.dnf5",
        "yum",
        "ansible.builtin.yum",
        "ansible.legacy.yum",
        "ansible.legacy.dnf5",
    ],
    options: &[
        OptionSpec::new("name", OptionKind::List).aliases(&["pkg"]),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "installed", "latest", "present", "removed"]),
        ),
        OptionSpec::new("enablerepo", OptionKind::List),
        OptionSpec::new("disablerepo", OptionKind::List),
        OptionSpec::new("exclude", OptionKind::List),
        OptionSpec::new("enable_plugin", OptionKind::List),
        OptionSpec::new("disable_plugin", OptionKind::List),
        OptionSpec::new("disable_excludes", OptionKind::Text),
        OptionSpec::new("conf_file", OptionKind::Text),
        OptionSpec::new("releasever", OptionKind::Text),
        OptionSpec::new("disable_gpg_check", OptionKind::Bool),
        OptionSpec::new("sslverify", OptionKind::Bool),
        OptionSpec::new("skip_broken", OptionKind::Bool),
        OptionSpec::new("best", OptionKind::Bool),
        OptionSpec::new("nobest", OptionKind::Bool),
        OptionSpec::new("allowerasing", OptionKind::Bool),
        OptionSpec::new("install_weak_deps", OptionKind::Bool),
        OptionSpec::new("cacheonly", OptionKind::Bool),
        OptionSpec::new("security", OptionKind::Bool),
        OptionSpec::new("bugfix", OptionKind::Bool),
        OptionSpec::new("update_cache", OptionKind::Bool).aliases(&["expire-cache"]),
        OptionSpec::new("update_only", OptionKind::Bool),
        OptionSpec::new("autoremove", OptionKind::Bool),
        OptionSpec::new("allow_downgrade", OptionKind::Bool)
            .refused("name the older version with its package: it is installed"),
        OptionSpec::new("download_only", OptionKind::Bool).refused("use `command: dnf download`"),
        OptionSpec::new("download_dir", OptionKind::Text).refused("use `command: dnf download`"),
        OptionSpec::new("installroot", OptionKind::Text)
            .refused("only packages of the host itself are managed"),
        OptionSpec::new("install_repoquery", OptionKind::Bool)
            .refused("leave it out: it has no effect in Ansible"),
        OptionSpec::new("list", OptionKind::Text)
            .refused("use `command: dnf list` with `changed_when: false`"),
        OptionSpec::new("lock_timeout", OptionKind::Int)
            .refused("`dnf` waits by itself: limit the task with `timeout`"),
        OptionSpec::new("use_backend", OptionKind::Text)
            .refused("the host's `dnf`, or `yum`, is found by itself"),
        OptionSpec::new("validate_certs", OptionKind::Bool)
            .refused("packages at an address are not taken: use `get_url`"),
    ],
    ..ModuleSpec::EMPTY
};

impl Module for Dnf {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let names = names("dnf", options, true)?;
        if let Some(name) = names.iter().find(|name| name.contains("://")) {
            return Err(ModuleError::new(format!(
                "`{name}` is an address\nhint: download it with `get_url` before"
            )));
        }
        let autoremove = options.flag("autoremove", false);
        let state = match options.text("state") {
            Some("absent" | "removed") => State::Absent,
            Some("latest") => State::Latest,
            None if autoremove => State::Absent,
            _ => State::Present,
        };
        let update = options.flag("update_cache", false);
        if names.is_empty() && !autoremove && !update {
            return Err(ModuleError::new(
                "`dnf` has nothing to do\nhint: give it `name`, `update_cache` or `autoremove`",
            ));
        }
        if autoremove && state != State::Absent {
            return Err(ModuleError::new("`autoremove` of `dnf` goes with `state: absent`"));
        }
        if names.iter().any(|name| name == "*") && (names.len() > 1 || state != State::Latest) {
            return Err(ModuleError::new("`*` of `dnf` stands alone, and with `state: latest`"));
        }
        if options.contains_key("best") && options.contains_key("nobest") {
            return Err(ModuleError::new("`dnf` takes `best` or `nobest`, not both"));
        }
        let mut words = Vec::new();
        for (name, option) in [
            ("enablerepo", "--enablerepo"),
            ("disablerepo", "--disablerepo"),
            ("exclude", "--exclude"),
            ("enable_plugin", "--enableplugin"),
            ("disable_plugin", "--disableplugin"),
        ] {
            for value in options.texts(name).unwrap_or_default() {
                no_nul([value.as_str()])?;
                words.push(format!("{option}={}", value.trim()));
            }
        }
        for (name, option) in [
            ("disable_excludes", "--disableexcludes"),
            ("conf_file", "--config"),
            ("releasever", "--releasever"),
        ] {
            if let Some(value) = options.text(name).filter(|value| !value.is_empty()) {
                no_nul([value])?;
                words.push(format!("{option}={value}"));
            }
        }
        for (name, wanted, option) in [
            ("disable_gpg_check", true, "--nogpgcheck"),
            ("sslverify", false, "--setopt=sslverify=False"),
            ("skip_broken", true, "--skip-broken"),
            ("best", true, "--best"),
            ("best", false, "--nobest"),
            ("nobest", true, "--nobest"),
            ("nobest", false, "--best"),
            ("allowerasing", true, "--allowerasing"),
            ("install_weak_deps", false, "--setopt=install_weak_deps=False"),
            ("cacheonly", true, "--cacheonly"),
            ("security", true, "--security"),
            ("bugfix", true, "--bugfix"),
        ] {
            if options.bool(name) == Some(wanted) {
                words.push(option.to_owned());
            }
        }
        let mut packages = Packages::new(Manager::Dnf, names, state);
        packages.options = words;
        packages.autoremove = autoremove;
        packages.only_upgrade = options.flag("update_only", false);
        packages.update = update.then_some(0);
        Ok(Work::Host(Box::new(packages)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn options_are_words_or_refused() {
        for (options, expected) in [
            (json!({}), "nothing to do"),
            (json!({"name": "-x"}), "cannot be the name"),
            (json!({"name": "https://a.example/x.rpm"}), "get_url"),
            (json!({"name": "x", "autoremove": true, "state": "present"}), "state: absent"),
            (json!({"name": "x", "best": true, "nobest": true}), "not both"),
            (json!({"name": "x", "installroot": "/mnt"}), "host itself"),
        ] {
            let error = plan("yum", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let options = json!({"name": "x", "enablerepo": "a,b", "disable_gpg_check": true, "nobest": false});
        let work = format!("{:?}", plan("ansible.builtin.dnf", options).unwrap());
        assert!(work.contains(r#"["--enablerepo=a", "--enablerepo=b", "--nogpgcheck", "--best"]"#), "{work}");
    }
}
