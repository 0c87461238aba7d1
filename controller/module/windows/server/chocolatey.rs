//! `win_chocolatey`: packages of Chocolatey. What the module does not do is fetch Chocolatey itself from the internet.

use std::time::Duration;

use serde_json::Value;

use super::values::name;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Act, Call, said};
use crate::operation::{Outcome, Reply};

/// The module.
pub(super) struct Chocolatey;

const SOURCE: &str = "choco.exe would be told it in its command line, which every user of the host may read; make the \
                      source known to the host once, with its login (`choco source add`), and name it in `source`";
const PROXY: &str = "choco.exe would be told it in its command line, which every user of the host may read; set it once \
                     (`choco config set --name proxyPassword`), and `proxyUser` too";
const BOOTSTRAP: &str = "Chocolatey is not fetched from the internet; install it first, with `win_package` and the MSI of its releases";
/// Seconds that choco.exe gives an installer.
const TIMEOUT: i64 = 2700;
/// Options of choco.exe with a secret behind them.
const SECRET: &[&str] = &[
    "-p",
    "--password",
    "--proxy-password",
    "--certpassword",
    "-cp",
    "--install-arguments-sensitive",
    "--package-parameters-sensitive",
];

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_chocolatey",
    aliases: &["chocolatey.chocolatey.win_chocolatey"],
    options: &[
        OptionSpec::new("name", OptionKind::List).required(),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "downgrade", "upgrade", "latest", "present", "reinstalled"]),
        ),
        OptionSpec::new("version", OptionKind::Text),
        OptionSpec::new("source", OptionKind::Text),
        OptionSpec::new("package_params", OptionKind::Text).aliases(&["params"]),
        OptionSpec::new("install_args", OptionKind::Text),
        OptionSpec::new("override_args", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("pinned", OptionKind::Bool),
        OptionSpec::new("allow_prerelease", OptionKind::Bool),
        OptionSpec::new("allow_empty_checksums", OptionKind::Bool),
        OptionSpec::new("ignore_checksums", OptionKind::Bool),
        OptionSpec::new("ignore_dependencies", OptionKind::Bool),
        OptionSpec::new("remove_dependencies", OptionKind::Bool),
        OptionSpec::new("skip_scripts", OptionKind::Bool),
        OptionSpec::new("architecture", OptionKind::Choice(&["default", "x86"])),
        OptionSpec::new("timeout", OptionKind::Int).aliases(&["execution_timeout"]),
        OptionSpec::new("proxy_url", OptionKind::Text),
        OptionSpec::new("choco_args", OptionKind::List),
        OptionSpec::new("allow_multiple", OptionKind::Bool)
            .refused("Chocolatey 2 has no versions side by side any more"),
        OptionSpec::new("source_username", OptionKind::Text).refused(SOURCE),
        OptionSpec::new("source_password", OptionKind::Text).refused(SOURCE),
        OptionSpec::new("proxy_username", OptionKind::Text).refused(PROXY),
        OptionSpec::new("proxy_password", OptionKind::Text).refused(PROXY),
        OptionSpec::new("validate_certs", OptionKind::Bool).refused(BOOTSTRAP),
        OptionSpec::new("bootstrap_script", OptionKind::Text).aliases(&["install_ps1", "bootstrap_ps1"]).refused(BOOTSTRAP),
        OptionSpec::new("bootstrap_tls_version", OptionKind::List).aliases(&["tls_version", "tls_versions", "bootstrap_tls_versions"]).refused(BOOTSTRAP),
        OptionSpec::new("package_params_sensitive", OptionKind::Text).refused(
            "only licensed editions of Chocolatey have it, and it stands in the command line; use `win_powershell` with `sensitive_parameters`",
        ),
        OptionSpec::new("install_args_sensitive", OptionKind::Text).refused(
            "only licensed editions of Chocolatey have it, and it stands in the command line; use `win_powershell` with `sensitive_parameters`",
        ),
        OptionSpec::new("checksum", OptionKind::Text).refused("the package says the digest of what it downloads"),
        OptionSpec::new("checksum_type", OptionKind::Text)
            .refused("the package says the digest of what it downloads"),
        OptionSpec::new("checksum64", OptionKind::Text)
            .refused("the package says the digest of what it downloads"),
        OptionSpec::new("checksum_type64", OptionKind::Text)
            .refused("the package says the digest of what it downloads"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn error<T>(message: String) -> Result<T, ModuleError> {
    Err(ModuleError::new(message))
}

/// The names of packages: ids of NuGet, which choco.exe cannot take for options or files.
fn names(options: &Options) -> Result<Vec<String>, ModuleError> {
    let mut names: Vec<String> = Vec::new();
    for name in options.texts("name").unwrap_or_default() {
        let name = name.trim().to_lowercase();
        let fits = |char: char| char.is_ascii_alphanumeric() || char == '.' || char == '_' || char == '-';
        if name.is_empty() || name.len() > 100 || name.starts_with(['-', '.']) || !name.chars().all(fits) {
            return error(format!(
                "`{name}` is no name of a package\nhint: for a file, name its folder in `source`"
            ));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return error("`name` of `win_chocolatey` is empty".to_owned());
    }
    Ok(names)
}

/// A word behind an option: it must not be one itself.
fn word<'o>(options: &'o Options, option: &str) -> Result<Option<&'o str>, ModuleError> {
    let Some(text) = options.text(option) else { return Ok(None) };
    if text.trim().is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        return error(format!("`{option}` cannot be `{text}`"));
    }
    Ok(Some(text))
}

/// An address or a name; a login in an address would stand in the command line.
fn address<'o>(options: &'o Options, option: &str, hint: &str) -> Result<Option<&'o str>, ModuleError> {
    let text = word(options, option)?;
    let rest = text.and_then(|text| text.split_once("://")).map(|(_, rest)| rest);
    if rest.is_some_and(|rest| rest.split('/').next().is_some_and(|place| place.contains('@'))) {
        return error(format!("`{option}` holds a login\nhint: {hint}"));
    }
    if text.is_some_and(|text| {
        ["webpi", "ruby", "python", "cygwin", "windowsfeatures"].contains(&text.to_lowercase().as_str())
    }) {
        return error(format!(
            "`{option}` is one of the other package managers that Chocolatey 2 left behind\nhint: use `win_feature` or \
             `win_command`"
        ));
    }
    Ok(text)
}

/// Further words for choco.exe.
fn more(options: &Options) -> Result<Vec<String>, ModuleError> {
    let words = options.texts("choco_args").unwrap_or_default();
    for word in &words {
        let flag = word.split(['=', ' ']).next().unwrap_or_default().to_lowercase();
        if SECRET.contains(&flag.as_str()) {
            return error(format!("`choco_args` holds `{flag}`\nhint: {SOURCE}"));
        }
    }
    Ok(words)
}

fn judge(reply: &Reply, outcome: &mut Outcome) {
    let rc = said(reply, "rc").and_then(|rc| rc.parse::<i64>().ok()).unwrap_or(0);
    outcome.result.insert("rc".to_owned(), rc.into());
    outcome.result.insert("reboot_required".to_owned(), reply.value("reboot").is_some().into());
    for name in ["command", "stdout"] {
        if let Some(text) = said(reply, name) {
            outcome.result.insert(name.to_owned(), Value::String(text));
        }
    }
}

impl Module for Chocolatey {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let names = names(options)?;
        // `upgrade` is what choco.exe calls it.
        let want = match options.text("state") {
            Some("upgrade") => "latest",
            Some(state) => state,
            None => "present",
        };
        let all = names.iter().any(|name| name == "all");
        if all && (want != "latest" || names.len() > 1 || options.contains_key("version")) {
            return error(
                "`all` stands for all packages, which can only be brought to `state: latest`\nhint: name the \
                 packages"
                    .to_owned(),
            );
        }
        if all && options.contains_key("pinned") {
            return error("`pinned` needs the names of packages".to_owned());
        }
        let version = word(options, "version")?;
        if let Some(version) = version
            && !(version.starts_with(|first: char| first.is_ascii_digit())
                && version.chars().all(|char| char.is_ascii_alphanumeric() || ".-+".contains(char)))
        {
            return error(format!("`{version}` is no version of a package"));
        }
        let timeout = options.int("timeout").unwrap_or(TIMEOUT);
        if !(1..=86_400).contains(&timeout) {
            return error("`timeout` is between 1 and 86400 seconds".to_owned());
        }
        let source = address(options, "source", SOURCE)?;
        let proxy = address(options, "proxy_url", PROXY)?;
        // choco.exe ends an installer after its time; what it does around that needs some more.
        let limit = timeout.saturating_mul(names.len() as i64).saturating_add(600).min(7 * 86_400);
        let force = options.flag("force", false);
        let more = more(options)?;
        let mut call = Call::new("chocolatey")
            .list("names", names.iter().map(String::as_str))
            .with("want", want)
            .maybe("version", version)
            .maybe("source", source)
            .maybe("proxy", proxy)
            .with("timeout", &timeout.to_string())
            .with("limit", &limit.to_string());
        for (option, argument) in [("package_params", "parameters"), ("install_args", "install_arguments")] {
            if options.contains_key(option) {
                call = call.with(argument, &name(options, option)?);
            }
        }
        for (option, argument) in [
            ("override_args", "override_arguments"),
            ("allow_prerelease", "prerelease"),
            ("allow_empty_checksums", "allow_empty_checksums"),
            ("ignore_checksums", "ignore_checksums"),
            ("ignore_dependencies", "ignore_dependencies"),
            ("remove_dependencies", "remove_dependencies"),
            ("skip_scripts", "skip_scripts"),
        ] {
            call = call.flag(argument, options.flag(option, false));
        }
        call = call.flag("force", force).flag("x86", options.text("architecture") == Some("x86"));
        if let Some(pinned) = options.bool("pinned") {
            call = call.with("pinned", if pinned { "1" } else { "0" });
        }
        if !more.is_empty() {
            call = call.list("more", more.iter().map(String::as_str));
        }
        let act = Act {
            // The same version is installed once more: nobody knows what that made otherwise.
            irreversible: force || want == "reinstalled",
            limit: Some(Duration::from_secs(limit.unsigned_abs())),
            ..Act::new(call, Box::new(judge))
        };
        Ok(Work::Host(Box::new(act)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, operation, refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"name": "Git, 7zip"}),
                "chocolatey names=[git|7zip] want=present timeout=2700 limit=6000",
            ),
            (
                json!({"name": ["git"], "state": "downgrade", "version": "2.1.0-rc1", "source": "https://nuget.example/v2/",
                       "package_params": "/GitOnlyOnPath /Shell:\"a b\"", "pinned": false, "architecture": "x86",
                       "proxy_url": "http://proxy.example:8080", "force": true, "timeout": 60,
                       "choco_args": ["--no-color", "--skip-compatibility-checks"]}),
                "chocolatey names=git want=downgrade version=2.1.0-rc1 source=https://nuget.example/v2/ \
                 proxy=http://proxy.example:8080 timeout=60 limit=660 parameters=/GitOnlyOnPath /Shell:\"a b\" \
                 force=1 x86=1 pinned=0 more=[--no-color|--skip-compatibility-checks]",
            ),
            (
                json!({"name": "all", "state": "upgrade"}),
                "chocolatey names=all want=latest timeout=2700 limit=3300",
            ),
            (
                json!({"name": "git", "state": "absent", "remove_dependencies": true, "skip_scripts": true}),
                "chocolatey names=git want=absent timeout=2700 limit=3300 remove_dependencies=1 skip_scripts=1",
            ),
        ] {
            assert_eq!(said("win_chocolatey", options), expected);
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (options, expected) in [
            (json!({"name": []}), "empty"),
            (json!({"name": "--help"}), "no name"),
            (json!({"name": "C:\\a.nupkg"}), "its folder in `source`"),
            (json!({"name": "all"}), "all packages"),
            (json!({"name": "git", "version": "-x"}), "version"),
            (json!({"name": "git", "version": "1 --force"}), "no version"),
            (json!({"name": "git", "timeout": 0}), "timeout"),
            (json!({"name": "git", "source": "https://me:secret@nuget.example/"}), "choco source add"),
            (json!({"name": "git", "source": "windowsfeatures"}), "win_feature"),
            (json!({"name": "git", "source_password": "x"}), "choco source add"),
            (json!({"name": "git", "proxy_password": "x"}), "choco config set"),
            (json!({"name": "git", "choco_args": ["--password=x"]}), "choco source add"),
            (json!({"name": "git", "allow_multiple": true}), "side by side"),
            (json!({"name": "git", "bootstrap_script": "x"}), "win_package"),
        ] {
            let error = refused("win_chocolatey", options);
            assert!(error.contains(expected), "{error}");
        }
        assert!(!operation("win_chocolatey", json!({"name": "git"})).irreversible());
        assert!(operation("win_chocolatey", json!({"name": "git", "force": true})).irreversible());
        assert!(operation("win_chocolatey", json!({"name": "git", "state": "reinstalled"})).irreversible());
    }

    #[test]
    fn results_are_those_of_ansible() {
        let options = json!({"name": "git"});
        let done = answered(
            "win_chocolatey",
            options.clone(),
            0,
            &[
                ("changed", "1"),
                ("rc", "3010"),
                ("command", "choco.exe install git"),
                ("stdout", "x"),
                ("reboot", "1"),
            ],
        );
        assert!(done.changed && !done.failed);
        assert_eq!(done.result["rc"], 3010);
        assert_eq!(done.result["reboot_required"], true);
        assert_eq!(done.result["command"], "choco.exe install git");
        let none = answered("win_chocolatey", options, 0, &[]);
        assert!(!none.changed);
        assert_eq!(none.result["rc"], 0);
    }
}
