//! `win_psmodule`: modules of PowerShell from a repository that the host knows.

use super::values::name;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Act, Call};
use crate::operation::{Outcome, Reply};

/// The module.
pub(super) struct PsModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_psmodule",
    aliases: &["community.windows.win_psmodule"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "latest", "present"])),
        OptionSpec::new("required_version", OptionKind::Text),
        OptionSpec::new("minimum_version", OptionKind::Text),
        OptionSpec::new("maximum_version", OptionKind::Text),
        OptionSpec::new("repository", OptionKind::Text),
        OptionSpec::new("allow_clobber", OptionKind::Bool),
        OptionSpec::new("allow_prerelease", OptionKind::Bool),
        OptionSpec::new("skip_publisher_check", OptionKind::Bool),
        OptionSpec::new("accept_license", OptionKind::Bool),
        // Nobody is there to be asked, so a module is always installed with it, as it is in Ansible from an untrusted repository.
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("username", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("url", OptionKind::Text)
            .refused("make the repository known with `win_powershell: Register-PSRepository`, and name it in `repository`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn error<T>(message: &str) -> Result<T, ModuleError> {
    Err(ModuleError::new(message))
}

/// A version: up to four numbers, with a label behind a `-` where that is allowed.
fn version<'o>(options: &'o Options, option: &str) -> Result<Option<&'o str>, ModuleError> {
    let Some(text) = options.text(option) else { return Ok(None) };
    let (numbers, label) =
        text.split_once('-').map_or((text, None), |(numbers, label)| (numbers, Some(label)));
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| part.len() <= 9 && part.parse::<u32>().is_ok() && !part.starts_with('+');
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|char| char.is_ascii_alphanumeric() || char == '.')
    };
    if parts.len() > 4 || !parts.iter().all(is_number) || label.is_some_and(|label| !is_label(label)) {
        return Err(ModuleError::new(format!(
            "`{option}` of `win_psmodule` cannot be `{text}`\nhint: numbers with points between them, in quotes: '1.2.0'"
        )));
    }
    Ok(Some(text))
}

impl Module for PsModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let module = name(options, "name")?;
        if module.contains(['*', '?', '[', '|', ',', '/', '\\']) {
            return Err(ModuleError::new(format!(
                "`{module}` is no name of a module\nhint: patterns and paths are not taken"
            )));
        }
        let want = options.text("state").unwrap_or("present").to_owned();
        let required = version(options, "required_version")?;
        let minimum = version(options, "minimum_version")?;
        let maximum = version(options, "maximum_version")?;
        let prerelease = options.flag("allow_prerelease", false);
        let bounds = minimum.is_some() || maximum.is_some();
        if required.is_some() && bounds {
            return error("`required_version` goes with neither `minimum_version` nor `maximum_version`");
        }
        if prerelease && (bounds || want == "absent") {
            return error("`allow_prerelease` goes with neither bounds of the version nor `state: absent`");
        }
        if want == "latest" && (bounds || required.is_some()) {
            return error("`state: latest` goes with no version");
        }
        if required.is_some_and(|version| version.contains('-')) && !prerelease && want != "absent" {
            return error("`required_version` is a prerelease\nhint: set `allow_prerelease: true`");
        }
        if options.contains_key("username") != options.contains_key("password") {
            return error("`username` and `password` go together");
        }
        let message = match want.as_str() {
            "absent" => format!("Module {module} removed"),
            _ => format!("Module {module} installed"),
        };
        let unchanged = match want.as_str() {
            "absent" => message.clone(),
            "latest" => format!("Module {module} is already up to date"),
            _ => format!("Module {module} already present"),
        };
        let mut call = Call::new("psmodule")
            .with("name", &module)
            .with("want", &want)
            .maybe("required", required)
            .maybe("minimum", minimum)
            .maybe("maximum", maximum)
            .maybe("repository", options.text("repository"));
        if let (Some(user), Some(secret)) = (options.text("username"), options.text("password")) {
            call = call.with("username", user).with("secret.password", secret);
        }
        call = call
            .flag("prerelease", prerelease)
            .flag("clobber", options.flag("allow_clobber", false))
            .flag("skip_publisher", options.flag("skip_publisher_check", false))
            .flag("accept_license", options.flag("accept_license", false));
        let judge = move |_: &Reply, outcome: &mut Outcome| {
            let output = if outcome.changed { &message } else { &unchanged };
            outcome.result.insert("output".to_owned(), output.clone().into());
            // Neither is done here: a provider or repository that is missing is an error.
            for field in ["nuget_changed", "repository_changed"] {
                outcome.result.insert(field.to_owned(), false.into());
            }
        };
        Ok(Work::Host(Box::new(Act::new(call, Box::new(judge)))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, operation, refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (json!({"name": "Pester"}), "psmodule name=Pester want=present"),
            (
                json!({"name": "Az", "repository": "Own", "minimum_version": "1.2", "maximum_version": "2.0.0.1",
                       "allow_clobber": true, "skip_publisher_check": true, "accept_license": true}),
                "psmodule name=Az want=present minimum=1.2 maximum=2.0.0.1 repository=Own clobber=1 skip_publisher=1 \
                 accept_license=1",
            ),
            (
                json!({"name": "Az", "required_version": "3.0.0-rc.1", "allow_prerelease": true, "username": "me",
                       "password": "geheim"}),
                "psmodule name=Az want=present required=3.0.0-rc.1 username=me secret.password=geheim prerelease=1",
            ),
            (json!({"name": "Az", "state": "absent"}), "psmodule name=Az want=absent"),
        ] {
            assert_eq!(said("win_psmodule", options), expected);
        }
        let secret = operation("win_psmodule", json!({"name": "A", "username": "me", "password": "geheim"}));
        assert!(!format!("{secret:?}").contains("geheim"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, expected) in [
            (json!({"name": "A*"}), "patterns"),
            (json!({"name": "A", "required_version": "x"}), "numbers"),
            (json!({"name": "A", "required_version": "1", "minimum_version": "1"}), "goes with neither"),
            (json!({"name": "A", "state": "latest", "required_version": "1"}), "latest"),
            (json!({"name": "A", "state": "absent", "allow_prerelease": true}), "absent"),
            (json!({"name": "A", "required_version": "1.0-rc"}), "allow_prerelease"),
            (json!({"name": "A", "username": "x"}), "together"),
            (json!({"name": "A", "url": "https://nuget.example"}), "Register-PSRepository"),
        ] {
            let error = refused("win_psmodule", options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn results_are_those_of_ansible() {
        let done = answered("win_psmodule", json!({"name": "Pester"}), 0, &[("changed", "1")]);
        assert_eq!(done.result["output"], "Module Pester installed");
        assert_eq!(done.result["nuget_changed"], false);
        let none = answered("win_psmodule", json!({"name": "Pester"}), 0, &[]);
        assert_eq!(none.result["output"], "Module Pester already present");
    }
}
