//! `win_iis_webbinding`: bindings of IIS sites, and what other modules of sites need of them.

use serde_json::{Map, Value, json};

use super::values::{name, scalar};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, to_bool, to_int,
};
use crate::operation::windows::{Call, Ensure, States};

/// The module.
pub(super) struct WebBinding;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_iis_webbinding",
    aliases: &["community.windows.win_iis_webbinding"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).aliases(&["website"]).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("port", OptionKind::Int),
        OptionSpec::new("ip", OptionKind::Text),
        OptionSpec::new("host_header", OptionKind::Text),
        OptionSpec::new("protocol", OptionKind::Text),
        OptionSpec::new("certificate_hash", OptionKind::Text),
        OptionSpec::new("certificate_store_name", OptionKind::Text),
        OptionSpec::new("ssl_flags", OptionKind::Int),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// A binding.
#[derive(Clone, Debug, Default)]
pub(super) struct Binding {
    pub protocol: String,
    pub ip: String,
    pub port: i64,
    pub host: String,
    /// Bits: 1 a host name of its own (SNI), 2 the central certificate store.
    pub flags: Option<i64>,
    pub hash: Option<String>,
    pub store: Option<String>,
}

impl Binding {
    /// Reads one of `microsoft.iis.website`.
    pub(super) fn of_value(value: &Value) -> Result<Self, ModuleError> {
        let Value::Object(fields) = value else {
            return Err(ModuleError::new("each binding is a mapping: `{port: 443, protocol: https}`"));
        };
        let known = [
            "ip",
            "port",
            "hostname",
            "protocol",
            "use_sni",
            "use_ccs",
            "certificate_hash",
            "certificate_store_name",
        ];
        if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(ModuleError::new(format!(
                "a binding has no `{other}`\nhint: it has `{}`",
                known.join("`, `")
            )));
        }
        let text = |name: &str| fields.get(name).filter(|value| !value.is_null()).map(scalar);
        let flag = |name: &str| fields.get(name).map_or(Ok(false), to_bool).map_err(ModuleError::new);
        let flags = i64::from(flag("use_sni")?) + 2 * i64::from(flag("use_ccs")?);
        let port = fields.get("port").map_or(Ok(80), to_int).map_err(ModuleError::new)?;
        Self {
            protocol: text("protocol").unwrap_or_else(|| "http".to_owned()),
            ip: text("ip").unwrap_or_else(|| "*".to_owned()),
            port,
            host: text("hostname").unwrap_or_default(),
            flags: Some(flags).filter(|flags| *flags != 0),
            hash: text("certificate_hash"),
            store: text("certificate_store_name"),
        }
        .checked()
    }

    /// Checks what does not go together, and puts the thumbprint into its form.
    pub(super) fn checked(mut self) -> Result<Self, ModuleError> {
        let error = |message: String| Err(ModuleError::new(message));
        if !(1..=65535).contains(&self.port) {
            return error(format!("{} is no port", self.port));
        }
        if !self.protocol.chars().all(|char| char.is_ascii_alphanumeric() || ".-_".contains(char))
            || self.protocol.is_empty()
        {
            return error(format!("`{}` is no protocol", self.protocol));
        }
        if self.host.contains(['|', ':', ' ']) || self.ip.contains(['|', ' ']) {
            return error(format!("`{}` or `{}` cannot be part of a binding", self.ip, self.host));
        }
        if let Ok(std::net::IpAddr::V6(address)) = self.ip.parse() {
            self.ip = format!("[{address}]");
        }
        self.protocol = self.protocol.to_lowercase();
        let https = self.protocol == "https";
        if let Some(hash) = self.hash.take().filter(|hash| !hash.is_empty()) {
            if !https {
                return error("a certificate needs `protocol: https`".to_owned());
            }
            self.hash = Some(thumbprint(&hash)?);
        }
        match self.flags {
            Some(flags) if !(0..=3).contains(&flags) => {
                return error(format!(
                    "`ssl_flags: {flags}` means nothing\nhint: 0, 1 (SNI), 2 or 3 (central store)"
                ));
            }
            Some(flags) if flags != 0 && !https => {
                return error("`ssl_flags` needs `protocol: https`".to_owned());
            }
            Some(flags) if flags & 1 == 1 && self.host.is_empty() => {
                return error("SNI (`ssl_flags: 1`) needs a host name".to_owned());
            }
            Some(flags) if flags & 2 == 2 && self.hash.is_some() => {
                return error(
                    "a binding with the central store (`ssl_flags: 2`) has no certificate of its own"
                        .to_owned(),
                );
            }
            _ => {}
        }
        Ok(self)
    }

    /// It as IIS writes it: `ip:port:host`.
    fn information(&self) -> String {
        format!("{}:{}:{}", self.ip, self.port, self.host)
    }

    /// It as an element of a site's list.
    pub(super) fn row(&self) -> String {
        let hash = self.hash.as_deref().unwrap_or_default();
        let store = match &self.store {
            Some(store) => store.as_str(),
            None if hash.is_empty() => "",
            None => "My",
        };
        format!("{}|{}|{}|{hash}|{store}", self.protocol, self.information(), self.flags.unwrap_or(0))
    }

    fn key(&self, site: &str) -> Vec<(&'static str, String)> {
        vec![
            ("site", site.to_owned()),
            ("protocol", self.protocol.clone()),
            ("ip", self.ip.clone()),
            ("port", self.port.to_string()),
            ("host", self.host.clone()),
        ]
    }

    /// What is said of it beyond its key.
    fn attributes(&self) -> Vec<(String, Vec<String>)> {
        let mut set = Vec::new();
        if let Some(flags) = self.flags {
            set.push(("sslFlags".to_owned(), vec![flags.to_string()]));
        }
        if let Some(hash) = &self.hash {
            set.push(("certificateHash".to_owned(), vec![hash.clone()]));
            let store = self.store.clone().unwrap_or_else(|| "My".to_owned());
            set.push(("certificateStoreName".to_owned(), vec![store]));
        }
        set
    }

    /// The call that makes it so.
    pub(super) fn call(&self, site: &str, present: bool) -> Call {
        let mut call = Call::new("ensure").with("kind", "binding");
        for (name, value) in self.key(site) {
            call = call.with(&format!("key.{name}"), &value);
        }
        call = call.with("want", if present { "present" } else { "absent" });
        if present {
            for (name, values) in self.attributes() {
                call = call.list(&format!("set.{name}"), values.iter().map(String::as_str));
            }
        }
        call
    }
}

/// A thumbprint in the form of Windows: 40 hexadecimal digits in capitals. Blanks and the mark that the certificate
/// dialog copies along are dropped.
pub(super) fn thumbprint(text: &str) -> Result<String, ModuleError> {
    let hash: String =
        text.chars().filter(|char| !char.is_whitespace() && *char != '\u{200e}' && *char != ':').collect();
    if hash.len() != 40 || !hash.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(ModuleError::new(format!(
            "`{text}` is no thumbprint of a certificate\nhint: 40 hexadecimal digits (SHA-1), as Windows shows them"
        )));
    }
    Ok(hash.to_uppercase())
}

/// A row of a site's list as a result.
pub(super) fn describe_row(row: &str) -> Value {
    let mut parts = row.split('|').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let (protocol, information, flags, hash, store) = (next(), next(), next(), next(), next());
    json!({
        "protocol": protocol, "binding_information": information,
        "ssl_flags": flags.parse::<i64>().unwrap_or_default(),
        "certificate_hash": hash, "certificate_store_name": store,
    })
}

fn describe(states: &States, binding: &Binding) -> Map<String, Value> {
    let operation = match (&states.before, &states.after, states.changed) {
        (None, Some(_), _) => "added",
        (Some(_), None, _) => "removed",
        (Some(_), Some(_), true) => "updated",
        _ => "matched",
    };
    let mut result = Map::from_iter([("operation_type".to_owned(), operation.into())]);
    let side = if states.there() { &states.after } else { &states.before };
    if let Some(state) = side {
        let first =
            |name: &str| state.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
        let info = json!({
            "bindingInformation": binding.information(), "protocol": binding.protocol,
            "ip": binding.ip, "port": binding.port, "hostheader": binding.host,
            "sslFlags": first("sslFlags").parse::<i64>().unwrap_or_default(),
            "certificateHash": first("certificateHash"),
            "certificateStoreName": first("certificateStoreName"),
            "isDsMapperEnabled": false,
        });
        result.insert("binding_info".to_owned(), info);
    }
    result
}

impl Module for WebBinding {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let site = name(options, "name")?;
        let binding = Binding {
            protocol: options.text("protocol").unwrap_or("http").to_owned(),
            ip: options.text("ip").unwrap_or("*").to_owned(),
            port: options.int("port").unwrap_or(80),
            host: options.text("host_header").unwrap_or_default().to_owned(),
            flags: options.int("ssl_flags"),
            hash: options.text("certificate_hash").map(str::to_owned),
            store: options.text("certificate_store_name").map(str::to_owned),
        }
        .checked()?;
        let mut ensure = Ensure::new("binding", binding.key(&site));
        ensure.present = options.text("state") != Some("absent");
        if ensure.present {
            ensure.set = binding.attributes();
        }
        ensure.describe = Box::new(move |states| describe(states, &binding));
        Ok(Work::Host(Box::new(ensure)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    const HASH: &str = "b0 4b 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01";

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"name": "A", "protocol": "https", "port": 443, "host_header": "a.example",
                       "ssl_flags": 1, "certificate_hash": HASH}),
                "ensure kind=binding key.site=A key.protocol=https key.ip=* key.port=443 key.host=a.example \
                 want=present set.sslFlags=1 set.certificateHash=B04B000000000000000000000000000000000001 \
                 set.certificateStoreName=My",
            ),
            (
                json!({"website": "A", "state": "absent", "ip": "::1", "port": 8080}),
                "ensure kind=binding key.site=A key.protocol=http key.ip=[::1] key.port=8080 key.host= want=absent",
            ),
        ] {
            assert_eq!(said("win_iis_webbinding", options), expected);
        }
        for options in [
            json!({"name": "A", "certificate_hash": HASH}),
            json!({"name": "A", "protocol": "https", "certificate_hash": "abc"}),
            json!({"name": "A", "protocol": "https", "ssl_flags": 1}),
            json!({"name": "A", "protocol": "https", "ssl_flags": 2, "certificate_hash": HASH}),
            json!({"name": "A", "protocol": "https", "ssl_flags": 9}),
            json!({"name": "A", "ssl_flags": 1, "host_header": "a"}),
            json!({"name": "A", "port": 0}),
            json!({"name": "A", "host_header": "a|b"}),
        ] {
            refused("win_iis_webbinding", options);
        }
    }

    #[test]
    fn results_are_those_of_ansible() {
        let added = answered(
            "win_iis_webbinding",
            json!({"name": "A", "port": 81}),
            0,
            &[("before_exists", "0"), ("changed", "1"), ("after_exists", "1"), ("after.sslFlags", "0")],
        );
        assert_eq!(added.result["operation_type"], "added");
        assert_eq!(added.result["binding_info"]["bindingInformation"], "*:81:");
        let matched = answered(
            "win_iis_webbinding",
            json!({"name": "A", "port": 81}),
            0,
            &[("before_exists", "1"), ("after_exists", "1")],
        );
        assert_eq!(matched.result["operation_type"], "matched");
    }
}
