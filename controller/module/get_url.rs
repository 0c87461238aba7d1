//! `get_url`: a download that the host makes.

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::uri::{address, asked};
use super::windows;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::download::{Download, Expected};
use crate::operation::put::PutOptions;
use crate::shell::Platform;

/// The module.
pub(super) struct GetUrl;

/// Algorithms and the number of their digits.
const ALGORITHMS: [(&str, usize); 6] =
    [("md5", 32), ("sha1", 40), ("sha224", 56), ("sha256", 64), ("sha384", 96), ("sha512", 128)];

static SPEC: ModuleSpec = ModuleSpec {
    name: "get_url",
    options: &[
        OptionSpec::new("url", OptionKind::Text).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("checksum", OptionKind::Text),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("headers", OptionKind::Map),
        OptionSpec::new("http_agent", OptionKind::Text),
        OptionSpec::new("timeout", OptionKind::Int),
        OptionSpec::new("url_username", OptionKind::Text).aliases(&["username"]),
        OptionSpec::new("url_password", OptionKind::Text).aliases(&["password"]),
        OptionSpec::new("force_basic_auth", OptionKind::Bool),
        OptionSpec::new("validate_certs", OptionKind::Bool),
        OptionSpec::new("use_proxy", OptionKind::Bool),
        OptionSpec::new("use_netrc", OptionKind::Bool),
        OptionSpec::new("client_cert", OptionKind::Path),
        OptionSpec::new("client_key", OptionKind::Path),
        OptionSpec::new("mode", OptionKind::Mode).limited(place::not_preserved),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("tmp_dest", OptionKind::Path).refused("it is kept in the session's private folder"),
        OptionSpec::new("ciphers", OptionKind::List).refused("the host's defaults are used"),
        OptionSpec::new("decompress", OptionKind::Bool).refused("no compressed content is asked for"),
        OptionSpec::new("unredirected_headers", OptionKind::List)
            .refused("`Authorization` and `Cookie` stay with their server anyway"),
        OptionSpec::new("use_gssapi", OptionKind::Bool).refused("use `command` with curl --negotiate"),
        OptionSpec::new("attributes", OptionKind::Text).aliases(&["attr"]).refused(CHATTR),
        OptionSpec::new("selevel", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("serole", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("setype", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("seuser", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("unsafe_writes", OptionKind::Bool).refused(UNSAFE),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

/// The last part of the path of an address, as it is written there.
fn name_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.splitn(4, '/').nth(3).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if name == ".." || name == "." { String::new() } else { name.to_owned() }
}

impl Module for GetUrl {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::web::plain_get_url(options);
        }
        let mut asking = options.clone();
        asking.insert("follow_redirects".to_owned(), "yes".into());
        asking.entry("timeout").or_insert_with(|| 10.into());
        asking.remove("force");
        let mut request = asked(&asking, context)?;
        request.looks = true;
        let (url, _) = address(options)?;
        let attributes = place::attributes(options)?;
        let put = PutOptions {
            attributes,
            backup: options.flag("backup", false),
            // As in Ansible, what a link leads to is replaced.
            follow: true,
            ..PutOptions::default()
        };
        let mut download = Download::new(request, place::path(options, "dest")?, name_of(&url), put);
        download.force = options.flag("force", false);
        if let Some(text) = options.text("checksum").filter(|text| !text.is_empty()) {
            let wrong = || {
                let names: Vec<&str> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
                ModuleError::new(format!(
                    "option `checksum` of `get_url`: `{text}` is not a digest\nhint: write `ALGORITHM:DIGITS` or `ALGORITHM:ADDRESS`, with one of {}",
                    names.join(", ")
                ))
            };
            let (algorithm, rest) = text.split_once(':').ok_or_else(wrong)?;
            let (name, digits) =
                ALGORITHMS.iter().find(|(name, _)| *name == algorithm.to_lowercase()).ok_or_else(wrong)?;
            let rest = rest.trim();
            let expected = if rest.starts_with("http://") || rest.starts_with("https://") {
                asking.insert("url".to_owned(), rest.into());
                let mut sums = asked(&asking, context)?;
                sums.looks = true;
                Expected::From(Box::new(sums))
            } else {
                let plain: String =
                    rest.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
                if plain.len() != *digits || !plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(wrong());
                }
                Expected::Digits(plain)
            };
            download.checksum = Some(((*name).to_owned(), expected));
        }
        Ok(Work::Host(Box::new(download)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::name_of;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, expected) in [
            (json!({"url": "ftp://a.example/x", "dest": "/x"}), "not an address"),
            (json!({"url": "https://a.example/x", "dest": "/x", "checksum": "sha256:12"}), "is not a digest"),
            (json!({"url": "https://a.example/x", "dest": "/x", "checksum": "crc:12"}), "one of md5"),
            (json!({"url": "https://a.example/x", "dest": "/x", "tmp_dest": "/t"}), "private folder"),
            (json!({"url": "https://a.example/x", "dest": ""}), "is empty"),
        ] {
            let error = plan("get_url", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let options = json!({"url": "https://u:secret@a.example/x%20y.tgz?q", "dest": "/x", "headers": {"X": "secret"}});
        let work = format!("{:?}", plan("get_url", options).unwrap());
        assert!(work.contains("x%20y.tgz") && !work.contains("secret"), "{work}");
        assert_eq!(name_of("https://a.example/a/..%2fb"), "..%2fb");
    }
}
