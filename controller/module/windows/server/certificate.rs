//! `win_certificate_store`, and `certificate_key_acl` (of ours): certificates in Windows stores, and who may use their
//! private keys.

use serde_json::{Map, Value};

use super::iis_binding::thumbprint;
use super::values::name;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::Payload;
use crate::operation::windows::{Act, Call, Ensure, all_said};

/// `win_certificate_store`.
pub(super) struct CertificateStore;
/// `certificate_key_acl`.
pub(super) struct KeyAcl;

/// Bytes of a certificate file that are sent along.
const LARGEST: usize = 1 << 20;

static STORE: ModuleSpec = ModuleSpec {
    name: "win_certificate_store",
    aliases: &["ansible.windows.win_certificate_store"],
    options: &[
        OptionSpec::new("state", OptionKind::Choice(&["absent", "exported", "present"])),
        OptionSpec::new("path", OptionKind::Path),
        // Of ours: a file of the controller, which never lies on the host's disk.
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("thumbprint", OptionKind::Text),
        OptionSpec::new("store_name", OptionKind::Text),
        OptionSpec::new("store_location", OptionKind::Choice(&["CurrentUser", "LocalMachine"])),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("key_exportable", OptionKind::Bool),
        OptionSpec::new("key_storage", OptionKind::Choice(&["default", "machine", "user"])),
        OptionSpec::new("file_type", OptionKind::Text)
            .refused("it belongs to `state: exported`, and private keys are not taken out of a host"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static ACL: ModuleSpec = ModuleSpec {
    name: "certificate_key_acl",
    options: &[
        OptionSpec::new("thumbprint", OptionKind::Text).required(),
        OptionSpec::new("identity", OptionKind::Text).required(),
        OptionSpec::new("right", OptionKind::Choice(&["read", "full"])),
        OptionSpec::new("store_name", OptionKind::Text),
        OptionSpec::new("store_location", OptionKind::Choice(&["CurrentUser", "LocalMachine"])),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// Where: location and store.
fn place(options: &Options) -> Result<[(&'static str, String); 2], ModuleError> {
    let store = options.text("store_name").unwrap_or("My");
    if store.is_empty() || !store.chars().all(|char| char.is_ascii_alphanumeric() || " _-".contains(char)) {
        return Err(ModuleError::new(format!(
            "`{store}` is no name of a store\nhint: `My`, `Root`, `WebHosting`"
        )));
    }
    let location = options.text("store_location").unwrap_or("LocalMachine").to_owned();
    Ok([("location", location), ("store", store.to_owned())])
}

/// Certificates in a file, on the host or on the controller.
fn from_file(options: &Options, context: &ModuleContext<'_>, present: bool) -> Result<Work, ModuleError> {
    let mut call = Call::new("import_certificate");
    for (name, value) in place(options)? {
        call = call.with(name, &value);
    }
    call = call
        .with("want", if present { "present" } else { "absent" })
        .maybe("path", options.text("path"))
        .maybe("secret.password", options.text("password"))
        .flag("exportable", options.flag("key_exportable", true))
        .maybe("key_storage", options.text("key_storage").filter(|storage| *storage != "default"));
    let payload = match options.text("src") {
        None => None,
        Some(source) => {
            let content = context.files.opened(&context.files.find("files", source)?)?;
            if content.bytes.len() > LARGEST {
                return Err(ModuleError::new(format!("`{source}` is too large for a file of certificates")));
            }
            Some(Payload::Content(content))
        }
    };
    let judge = Box::new(|reply: &crate::operation::Reply, outcome: &mut crate::operation::Outcome| {
        let thumbprints: Vec<Value> = all_said(reply, "thumbprint").into_iter().map(Value::from).collect();
        outcome.result.insert("thumbprints".to_owned(), thumbprints.into());
    });
    Ok(Work::Host(Box::new(Act { payload, ..Act::new(call, judge) })))
}

impl Module for CertificateStore {
    fn spec(&self) -> &'static ModuleSpec {
        &STORE
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let given =
            ["path", "src", "thumbprint"].into_iter().filter(|name| options.contains_key(*name)).count();
        let present = match options.text("state") {
            Some("exported") => {
                return Err(ModuleError::new(
                    "`state: exported` of `win_certificate_store` is not supported\nhint: `certificate_check` tells \
                     about certificates in stores; private keys are not taken out of a host",
                ));
            }
            Some("absent") => false,
            _ => true,
        };
        if given != 1 || (present && options.contains_key("thumbprint")) {
            return Err(ModuleError::new(
                "`win_certificate_store` needs one of `path` (a file of the host), `src` (a file of the controller), \
                 and, for `state: absent`, `thumbprint`",
            ));
        }
        let Some(text) = options.text("thumbprint") else { return from_file(options, context, present) };
        let thumbprint = thumbprint(text)?;
        let [location, store] = place(options)?;
        let mut certificate =
            Ensure::new("certificate", vec![location, store, ("thumbprint", thumbprint.clone())]);
        certificate.present = false;
        certificate.describe = Box::new(move |_| {
            Map::from_iter([("thumbprints".to_owned(), Value::from(vec![thumbprint.clone()]))])
        });
        Ok(Work::Host(Box::new(certificate)))
    }
}

impl Module for KeyAcl {
    fn spec(&self) -> &'static ModuleSpec {
        &ACL
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let [location, store] = place(options)?;
        let thumbprint = thumbprint(options.text("thumbprint").unwrap_or_default())?;
        // The documentation of the product writes principals with `/`, which Windows does not know.
        let identity = name(options, "identity")?.replace('/', "\\");
        let key = vec![location, store, ("thumbprint", thumbprint), ("identity", identity)];
        let mut rule = Ensure::new("key_acl", key);
        rule.present = options.text("state") != Some("absent");
        if rule.present {
            let right = options.text("right").unwrap_or("read");
            rule.set.push(("right".to_owned(), vec![right.to_owned()]));
            if right == "read" {
                rule.options.push(("like.right", vec!["full".to_owned()]));
            }
        }
        rule.describe = Box::new(|states| {
            let right = states.now("right").unwrap_or("none");
            Map::from_iter([("right".to_owned(), right.into())])
        });
        Ok(Work::Host(Box::new(rule)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, operation, refused, said};
    use crate::operation::Mode;
    use serde_json::json;

    const HASH: &str = "B04B000000000000000000000000000000000001";

    #[test]
    fn what_is_asked_for() {
        for (module, options, expected) in [
            (
                "win_certificate_store",
                json!({"path": "C:\\c.pfx", "password": "p", "key_storage": "machine"}),
                "import_certificate location=LocalMachine store=My want=present path=C:\\c.pfx secret.password=p \
                 exportable=1 key_storage=machine",
            ),
            (
                "win_certificate_store",
                json!({"src": "c.pfx", "store_name": "Root", "key_exportable": false}),
                "import_certificate location=LocalMachine store=Root want=present",
            ),
            (
                "win_certificate_store",
                json!({"thumbprint": HASH, "state": "absent", "store_location": "CurrentUser"}),
                "ensure kind=certificate key.location=CurrentUser key.store=My \
                 key.thumbprint=B04B000000000000000000000000000000000001 want=absent",
            ),
            (
                "certificate_key_acl",
                json!({"thumbprint": HASH, "identity": "IIS AppPool/Usercube"}),
                "ensure kind=key_acl key.location=LocalMachine key.store=My \
                 key.thumbprint=B04B000000000000000000000000000000000001 key.identity=IIS AppPool\\Usercube \
                 want=present set.right=read like.right=full",
            ),
        ] {
            assert_eq!(said(module, options), expected);
        }
        let program = operation("win_certificate_store", json!({"src": "c.pfx"})).first(Mode::default());
        assert!(program.payload.is_some());
        for options in [
            json!({}),
            json!({"path": "a", "thumbprint": HASH}),
            json!({"thumbprint": HASH}),
            json!({"thumbprint": "12", "state": "absent"}),
            json!({"path": "a", "state": "exported"}),
            json!({"path": "a", "store_name": "My\\Root"}),
        ] {
            refused("win_certificate_store", options);
        }
    }

    #[test]
    fn results_are_those_of_ansible() {
        let outcome = answered(
            "win_certificate_store",
            json!({"path": "C:\\c.pfx", "password": "p"}),
            0,
            &[("thumbprint", HASH), ("changed", "1"), ("point", "2 certificate certificate x")],
        );
        assert!(outcome.changed);
        assert_eq!(outcome.result["thumbprints"], json!([HASH]));
        assert_eq!(outcome.points.len(), 1);
    }
}
