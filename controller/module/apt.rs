//! `apt`, and `package` for whatever manager the host has.

use serde_json::Value;

use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::packages::{Manager, Packages, State};

/// The module for Debian and its relatives.
pub(super) struct Apt;

/// The module for any manager.
pub(super) struct Package;

static APT: ModuleSpec = ModuleSpec {
    name: "apt",
    options: &[
        OptionSpec::new("name", OptionKind::List).aliases(&["package", "pkg"]),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&[
                "absent",
                "build-dep",
                "fixed",
                "latest",
                "present",
                "installed",
                "removed",
            ]),
        )
        .limited(no_build_dep),
        OptionSpec::new("deb", OptionKind::Path).limited(no_address),
        OptionSpec::new("update_cache", OptionKind::Bool).aliases(&["update-cache"]),
        OptionSpec::new("cache_valid_time", OptionKind::Int),
        OptionSpec::new("upgrade", OptionKind::Choice(&["dist", "full", "no", "safe", "yes"])),
        OptionSpec::new("autoremove", OptionKind::Bool),
        OptionSpec::new("purge", OptionKind::Bool),
        OptionSpec::new("only_upgrade", OptionKind::Bool),
        OptionSpec::new("install_recommends", OptionKind::Bool).aliases(&["install-recommends"]),
        OptionSpec::new("default_release", OptionKind::Text).aliases(&["default-release"]),
        OptionSpec::new("dpkg_options", OptionKind::Text),
        OptionSpec::new("allow_change_held_packages", OptionKind::Bool),
        OptionSpec::new("allow_downgrade", OptionKind::Bool).aliases(&[
            "allow-downgrade",
            "allow_downgrades",
            "allow-downgrades",
        ]),
        OptionSpec::new("allow_unauthenticated", OptionKind::Bool).aliases(&["allow-unauthenticated"]),
        OptionSpec::new("fail_on_autoremove", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("lock_timeout", OptionKind::Int),
        OptionSpec::new("clean", OptionKind::Bool),
        OptionSpec::new("autoclean", OptionKind::Bool),
        OptionSpec::new("force_apt_get", OptionKind::Bool).refused("leave it out: `apt-get` is always used"),
        OptionSpec::new("auto_install_module_deps", OptionKind::Bool)
            .refused("leave it out: no library of Python is needed"),
        OptionSpec::new("policy_rc_d", OptionKind::Int)
            .refused("write `/usr/sbin/policy-rc.d` with `copy` before, and remove it afterwards"),
        OptionSpec::new("update_cache_retries", OptionKind::Int).refused("use `until` and `retries`"),
        OptionSpec::new("update_cache_retry_max_delay", OptionKind::Int)
            .refused("use `until`, `retries` and `delay`"),
    ],
    ..ModuleSpec::EMPTY
};

static PACKAGE: ModuleSpec = ModuleSpec {
    name: "package",
    options: &[
        OptionSpec::new("name", OptionKind::List).required(),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "installed", "latest", "present", "removed"]),
        )
        .required(),
        OptionSpec::new("use", OptionKind::Choice(&["apt", "auto", "dnf", "yum"])),
    ],
    ..ModuleSpec::EMPTY
};

fn no_build_dep(state: &Value) -> Result<(), String> {
    match state.as_str() {
        Some("build-dep") => {
            Err("`build-dep` is not supported\nhint: use `command: apt-get -y build-dep NAME`".to_owned())
        }
        _ => Ok(()),
    }
}

fn no_address(path: &Value) -> Result<(), String> {
    match path.as_str() {
        Some(path) if path.contains("://") => {
            Err(format!("`{path}` is an address\nhint: download it with `get_url` before"))
        }
        _ => Ok(()),
    }
}

/// Checks the names of packages.
///
/// # Errors
/// One of them would be an option or a pattern.
pub(super) fn names(module: &str, options: &Options, everything: bool) -> Result<Vec<String>, ModuleError> {
    let given = options.texts("name").unwrap_or_default();
    let mut names = Vec::new();
    for name in given.iter().flat_map(|name| name.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
        no_nul([name])?;
        let version = name.find('=').unwrap_or(name.len());
        if name.starts_with('-') || name.contains(char::is_whitespace) || name.contains(['<', '>']) {
            return Err(ModuleError::new(format!(
                "`{name}` cannot be the name of a package for `{module}`\nhint: write `NAME` or `NAME=VERSION`"
            )));
        }
        if name[..version].contains(['*', '?', '[']) && !(everything && name == "*") {
            return Err(ModuleError::new(format!(
                "`{name}` is a pattern, and `{module}` takes names\nhint: name each package"
            )));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn state(options: &Options) -> State {
    match options.text("state") {
        Some("absent" | "removed") => State::Absent,
        Some("latest") => State::Latest,
        Some("fixed") => State::Fixed,
        _ => State::Present,
    }
}

/// Checks a word that goes into an option of apt.
fn word(options: &Options, name: &str) -> Result<Option<String>, ModuleError> {
    let Some(word) = options.text(name).filter(|word| !word.is_empty()) else { return Ok(None) };
    no_nul([word])?;
    if word.starts_with('-') || word.contains(char::is_whitespace) {
        return Err(ModuleError::new(format!("option `{name}` of `apt`: `{word}` is not possible here")));
    }
    Ok(Some(word.to_owned()))
}

impl Module for Apt {
    fn spec(&self) -> &'static ModuleSpec {
        &APT
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let all = names("apt", options, true)?;
        let everything = all.iter().any(|name| name == "*");
        if everything && (all.len() > 1 || state(options) != State::Latest) {
            return Err(ModuleError::new("`*` of `apt` stands alone, and with `state: latest`"));
        }
        let mut packages =
            Packages::new(Manager::Apt, if everything { Vec::new() } else { all }, state(options));
        packages.files =
            options.text("deb").filter(|deb| !deb.is_empty()).map(str::to_owned).into_iter().collect();
        no_nul(packages.files.iter().map(String::as_str))?;
        if packages.files.iter().any(|file| !file.starts_with(['/', '~', '$'])) {
            return Err(ModuleError::new("option `deb` of `apt` has to be an absolute path of the host"));
        }
        packages.upgrade = match options.text("upgrade") {
            Some("dist" | "full") => Some("dist"),
            Some("yes" | "safe") => Some("safe"),
            _ if everything => Some("dist"),
            _ => None,
        };
        if packages.upgrade.is_some() && !packages.names.is_empty() {
            return Err(ModuleError::new("`apt` takes `upgrade` or `name`, not both"));
        }
        if !packages.files.is_empty() && (!packages.names.is_empty() || packages.upgrade.is_some()) {
            return Err(ModuleError::new("`apt` takes `deb` alone, without `name` and `upgrade`"));
        }
        let valid = options.int("cache_valid_time").unwrap_or(0).max(0);
        let update = options.bool("update_cache").unwrap_or(valid > 0);
        packages.update = update.then(|| u64::try_from(valid).unwrap_or_default());
        packages.autoremove = options.flag("autoremove", false);
        packages.purge = options.flag("purge", false);
        packages.only_upgrade = options.flag("only_upgrade", false);
        for (name, word) in [("clean", "clean"), ("autoclean", "autoclean")] {
            if options.flag(name, false) {
                packages.clean.push(word);
            }
        }
        let mut words = Vec::new();
        let dpkg = options.text("dpkg_options").unwrap_or("force-confdef,force-confold");
        for word in dpkg.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            no_nul([word])?;
            if word.starts_with('-') || word.contains(char::is_whitespace) {
                return Err(ModuleError::new(format!(
                    "option `dpkg_options` of `apt`: `{word}` is not possible here"
                )));
            }
            words.extend(["-o".to_owned(), format!("Dpkg::Options::=--{word}")]);
        }
        let timeout = options.int("lock_timeout").unwrap_or(60);
        words.extend(["-o".to_owned(), format!("DPkg::Lock::Timeout={timeout}")]);
        if let Some(recommends) = options.bool("install_recommends") {
            let value = if recommends { "yes" } else { "no" };
            words.extend(["-o".to_owned(), format!("APT::Install-Recommends={value}")]);
        }
        if let Some(release) = word(options, "default_release")? {
            words.extend(["-t".to_owned(), release]);
        }
        let force = options.flag("force", false);
        for (name, option) in [
            ("allow_change_held_packages", "--allow-change-held-packages"),
            ("allow_downgrade", "--allow-downgrades"),
            ("allow_unauthenticated", "--allow-unauthenticated"),
        ] {
            if force || options.flag(name, false) {
                words.push(option.to_owned());
            }
        }
        if force {
            words.push("--allow-remove-essential".to_owned());
        }
        if options.flag("fail_on_autoremove", false) {
            words.push("--no-remove".to_owned());
        }
        packages.options = words;
        let nothing = packages.names.is_empty()
            && packages.files.is_empty()
            && packages.upgrade.is_none()
            && packages.update.is_none()
            && packages.clean.is_empty()
            && !packages.autoremove
            && packages.state != State::Fixed
            && !options.contains_key("name");
        if nothing {
            return Err(ModuleError::new(
                "`apt` has nothing to do\nhint: give it `name`, `deb`, `upgrade`, `update_cache` or `autoremove`",
            ));
        }
        Ok(Work::Host(Box::new(packages)))
    }
}

impl Module for Package {
    fn spec(&self) -> &'static ModuleSpec {
        &PACKAGE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let manager = match options.text("use") {
            Some("apt") => Manager::Apt,
            Some("dnf" | "yum") => Manager::Dnf,
            _ => Manager::Any,
        };
        Ok(Work::Host(Box::new(Packages::new(manager, names("package", options, false)?, state(options)))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (module, options, expected) in [
            ("apt", json!({}), "nothing to do"),
            ("apt", json!({"name": "-x"}), "cannot be the name"),
            ("apt", json!({"name": "a b"}), "cannot be the name"),
            ("apt", json!({"name": "a*"}), "is a pattern"),
            ("apt", json!({"name": "a>=1"}), "cannot be the name"),
            ("apt", json!({"name": "*"}), "stands alone"),
            ("apt", json!({"name": "a", "upgrade": "dist"}), "not both"),
            ("apt", json!({"name": "a", "deb": "/x.deb"}), "alone"),
            ("apt", json!({"deb": "https://a.example/x.deb"}), "get_url"),
            ("apt", json!({"name": "a", "state": "build-dep"}), "build-dep"),
            ("apt", json!({"name": "a", "policy_rc_d": 101}), "policy-rc.d"),
            ("apt", json!({"name": "a", "default_release": "-o x"}), "not possible"),
            ("package", json!({"name": "a"}), "needs `state`"),
            ("package", json!({"name": "a", "state": "present", "use": "apk"}), "one of"),
        ] {
            let error = plan(module, options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }

    #[test]
    fn options_reach_apt_get() {
        let options = json!({
            "name": "a,b=1*", "install_recommends": false, "default_release": "stable", "force": true,
            "cache_valid_time": 60, "fail_on_autoremove": true, "clean": true,
        });
        let work = format!("{:?}", plan("apt", options).unwrap());
        for word in [
            "\"a\", \"b=1*\"",
            "APT::Install-Recommends=no",
            "\"-t\", \"stable\"",
            "--allow-remove-essential",
            "--no-remove",
            "update: Some(60)",
            "DPkg::Lock::Timeout=60",
            "clean: [\"clean\"]",
        ] {
            assert!(work.contains(word), "{word}: {work}");
        }
    }
}
