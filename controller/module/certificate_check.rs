//! `certificate_check`: judges certificates by the install guide's rules, or those of a site. It changes nothing.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::place;
use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::certificate::{CertificateCheck, outcome};
use crate::preflight::Severity;
use crate::preflight::certificate::{Policy, Source, is_thumbprint, judge, open};
use crate::preflight::host::{CertificateAt, InStore};
use crate::shell::Platform;

/// The module.
pub(super) struct CertificateCheckModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "certificate_check",
    options: &[
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("thumbprint", OptionKind::Text),
        OptionSpec::new("subject", OptionKind::Text),
        OptionSpec::new("store_location", OptionKind::Choice(&["LocalMachine", "CurrentUser"])),
        OptionSpec::new("store_name", OptionKind::Text),
        OptionSpec::new("identity", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("strict", OptionKind::Bool),
        OptionSpec::new("expires_within", OptionKind::Int).limited(|days| within(days, 0, 36_500)),
        OptionSpec::new("key_size", OptionKind::Int).limited(|bits| within(bits, 1024, 16_384)),
        OptionSpec::new("issuers", OptionKind::List).limited(issuers),
        OptionSpec::new("private_key", OptionKind::Bool),
        OptionSpec::new("sdk_subjects", OptionKind::List),
        OptionSpec::new("sdk_thumbprints", OptionKind::List).limited(thumbprints),
        OptionSpec::new("fail_on", OptionKind::Choice(&["error", "warning", "info", "never"])),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

pub(super) fn within(number: &Value, least: i64, most: i64) -> Result<(), String> {
    match number.as_i64() {
        Some(number) if (least..=most).contains(&number) => Ok(()),
        _ => Err(format!("{number} is not from {least} to {most}")),
    }
}

/// A limit of `sdk_thumbprints`: what is no thumbprint would void the check without a word.
pub(super) fn thumbprints(list: &Value) -> Result<(), String> {
    for item in list.as_array().into_iter().flatten() {
        let text = super::to_text(item);
        if !is_thumbprint(&text) {
            return Err(format!("`{text}` is no thumbprint: it has 40 or 64 hexadecimal digits"));
        }
    }
    Ok(())
}

/// A limit of `issuers`: an empty name is nobody's.
pub(super) fn issuers(list: &Value) -> Result<(), String> {
    let empty =
        list.as_array().is_some_and(|list| list.iter().any(|one| super::to_text(one).trim().is_empty()));
    if empty { Err("the name of an issuer is empty".to_owned()) } else { Ok(()) }
}

impl Module for CertificateCheckModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let policy = policy(options);
        let fail_on = fail_on(options);
        let password = options.text("password").map(SecretString::from);
        let store = InStore::read(options)
            .map_err(|error| ModuleError::new(format!("`certificate_check`: {error}")))?;
        let check = |at: CertificateAt, password| {
            let host = context.host.to_owned();
            Work::Host(Box::new(CertificateCheck { host, at, password, policy: policy.clone(), fail_on }))
        };
        match (options.text("path"), options.text("src"), store) {
            (Some(_), None, None) => Ok(check(CertificateAt::File(place::path(options, "path")?), password)),
            (None, None, Some(store)) if context.platform == Platform::Windows => {
                Ok(check(CertificateAt::Store(store), password))
            }
            (None, None, Some(_)) => Err(ModuleError::new(
                "`thumbprint` and `subject` name certificates in the stores of Windows\nhint: give the file as `path`",
            )),
            (None, Some(src), None) => {
                let path = context.files.find("files", src)?;
                let content = context.files.opened(&path)?;
                let place = path.display().to_string();
                let password = password.as_ref().map(|password| password.expose_secret());
                let opened = open(&content.bytes, Source::file(&place), password);
                let judged = judge(vec![opened], &policy, Timestamp::now());
                let (failed, mut result) = outcome(&judged, fail_on);
                result.insert("failed".to_owned(), failed.into());
                result.insert("changed".to_owned(), false.into());
                Ok(Work::Control(Control::Result(result)))
            }
            _ => Err(ModuleError::new(
                "`certificate_check` wants one of `path`, `src`, `thumbprint` and `subject`\nhint: `path` is a file of the host, `src` one of the controller, the others name one in a store of Windows",
            )),
        }
    }
}

/// The rules that the options state; the default is the install guide's.
pub(super) fn policy(options: &Options) -> Policy {
    let mut policy = Policy::default();
    let number = |name: &str| options.int(name).and_then(|number| u32::try_from(number).ok());
    policy.strict = options.flag("strict", policy.strict);
    policy.private_key = options.flag("private_key", policy.private_key);
    policy.expires_within = number("expires_within").unwrap_or(policy.expires_within);
    policy.key_size = number("key_size").map_or(policy.key_size, |bits| bits as usize);
    policy.issuers = options.texts("issuers").unwrap_or_default();
    policy.sdk.subjects.extend(options.texts("sdk_subjects").unwrap_or_default());
    policy.sdk.thumbprints.extend(options.texts("sdk_thumbprints").unwrap_or_default());
    policy
}

/// From which severity on the task fails; nothing for never.
pub(super) fn fail_on(options: &Options) -> Option<Severity> {
    match options.text("fail_on").unwrap_or("error") {
        "never" => None,
        "info" => Some(Severity::Info),
        "warning" => Some(Severity::Warning),
        _ => Some(Severity::Error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::super::testing::plan;
    use super::super::{Control, Work};

    #[test]
    fn names_and_thumbprints_that_fit_nothing_are_refused() {
        for (options, expected) in [
            (json!({"src": "agent.pem", "sdk_thumbprints": ["zz"]}), "40 or 64 hexadecimal digits"),
            (json!({"src": "agent.pem", "issuers": [" "]}), "the name of an issuer is empty"),
        ] {
            for module in ["certificate_check", "preflight"] {
                let mut options = options.clone();
                if module == "preflight" {
                    options.as_object_mut().unwrap().remove("src");
                }
                let error = plan(module, options).unwrap_err().message;
                assert!(error.contains(expected), "{module}: {error}");
            }
        }
    }

    #[test]
    fn a_local_file_is_judged_without_the_host() {
        let work = plan("certificate_check", json!({"src": "agent.pem"})).unwrap();
        let Work::Control(Control::Result(result)) = work else { panic!("it asks the host") };
        assert_eq!(result["failed"], true);
        assert_eq!(result["findings"][0]["id"], "certificate-unreadable");
        let lenient = plan("certificate_check", json!({"src": "agent.pem", "fail_on": "never"})).unwrap();
        let Work::Control(Control::Result(result)) = lenient else { panic!("it asks the host") };
        assert_eq!(result["failed"], false);
    }

    #[test]
    fn it_says_where_the_certificate_is() {
        for options in [json!({}), json!({"path": "/a", "src": "b"})] {
            let error = plan("certificate_check", options).unwrap_err().message;
            assert!(error.contains("one of `path`, `src`"), "{error}");
        }
        assert!(plan("certificate_check", json!({"path": "/a", "key_size": 12})).is_err());
        let work = plan("certificate_check", json!({"path": "/a", "password": "secret"})).unwrap();
        assert!(!format!("{work:?}").contains("secret"));
    }
}
