//! `win_get_url`, `get_url` on a Windows host, and `win_uri`: requests that the host makes.

use serde_json::{Map, Value};

use super::place;
use crate::module::uri::{self, headers};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Call, Step};

/// The module that downloads.
pub(super) struct WinGetUrl;

/// The module that asks.
pub(super) struct WinUri;

const PROXY_LOGIN: &str = "a proxy gets the host's own credentials: set them up on the host";

static WIN_GET_URL: ModuleSpec = ModuleSpec {
    name: "win_get_url",
    aliases: &["ansible.windows.win_get_url"],
    options: &[
        OptionSpec::new("url", OptionKind::Text).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("checksum", OptionKind::Text),
        OptionSpec::new(
            "checksum_algorithm",
            OptionKind::Choice(&["md5", "sha1", "sha256", "sha384", "sha512"]),
        ),
        OptionSpec::new("checksum_url", OptionKind::Text)
            .refused("put the digest into `checksum`: a digest from the same server proves nothing"),
        OptionSpec::new("headers", OptionKind::Map),
        OptionSpec::new("http_agent", OptionKind::Text),
        OptionSpec::new("url_timeout", OptionKind::Int).aliases(&["timeout"]),
        OptionSpec::new("url_username", OptionKind::Text).aliases(&["user", "username"]),
        OptionSpec::new("url_password", OptionKind::Text).aliases(&["password"]),
        OptionSpec::new("force_basic_auth", OptionKind::Bool),
        OptionSpec::new("use_default_credential", OptionKind::Bool),
        OptionSpec::new("validate_certs", OptionKind::Bool),
        OptionSpec::new("use_proxy", OptionKind::Bool),
        OptionSpec::new("proxy_url", OptionKind::Text),
        OptionSpec::new("follow_redirects", OptionKind::Choice(&["all", "none", "safe"])),
        OptionSpec::new("maximum_redirection", OptionKind::Int),
        OptionSpec::new("url_method", OptionKind::Text).aliases(&["method"]),
        OptionSpec::new("proxy_username", OptionKind::Text).refused(PROXY_LOGIN),
        OptionSpec::new("proxy_password", OptionKind::Text).refused(PROXY_LOGIN),
        OptionSpec::new("proxy_use_default_credential", OptionKind::Bool).refused(PROXY_LOGIN),
        OptionSpec::new("client_cert", OptionKind::Text)
            .refused("use `win_uri` with the thumbprint of a certificate"),
        OptionSpec::new("client_cert_password", OptionKind::Text).refused("see `client_cert`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static WIN_URI: ModuleSpec = ModuleSpec {
    name: "win_uri",
    aliases: &["ansible.windows.win_uri"],
    options: &[
        OptionSpec::new("url", OptionKind::Text).required(),
        OptionSpec::new("method", OptionKind::Text).aliases(&["url_method"]),
        OptionSpec::new("body", OptionKind::Any),
        OptionSpec::new("content_type", OptionKind::Text),
        OptionSpec::new("headers", OptionKind::Map),
        OptionSpec::new("status_code", OptionKind::List),
        OptionSpec::new("return_content", OptionKind::Bool),
        OptionSpec::new("timeout", OptionKind::Int).aliases(&["url_timeout"]),
        OptionSpec::new("validate_certs", OptionKind::Bool),
        OptionSpec::new("client_cert", OptionKind::Text).limited(a_thumbprint),
        OptionSpec::new("url_username", OptionKind::Text).aliases(&["user", "username"]),
        OptionSpec::new("url_password", OptionKind::Text).aliases(&["password"]),
        OptionSpec::new("force_basic_auth", OptionKind::Bool),
        OptionSpec::new("follow_redirects", OptionKind::Choice(&["all", "none", "safe"])),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("http_agent", OptionKind::Text),
        OptionSpec::new("use_proxy", OptionKind::Bool),
        OptionSpec::new("dest", OptionKind::Path).refused("use `win_get_url`"),
        OptionSpec::new("maximum_redirection", OptionKind::Int).refused("50 are followed"),
        OptionSpec::new("use_default_credential", OptionKind::Bool)
            .refused("name `url_username` and `url_password`"),
        OptionSpec::new("client_cert_password", OptionKind::Text)
            .refused("`client_cert` is a thumbprint of the host's store"),
        OptionSpec::new("proxy_url", OptionKind::Text).refused("the host's proxy is used"),
        OptionSpec::new("proxy_username", OptionKind::Text).refused(PROXY_LOGIN),
        OptionSpec::new("proxy_password", OptionKind::Text).refused(PROXY_LOGIN),
        OptionSpec::new("proxy_use_default_credential", OptionKind::Bool).refused(PROXY_LOGIN),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn a_thumbprint(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.len() != 40 || !text.chars().all(|char| char.is_ascii_hexdigit()) => Err(format!(
            "`{text}` is not the thumbprint of a certificate\nhint: 40 hexadecimal digits of a certificate in the host's `My` store"
        )),
        _ => Ok(()),
    }
}

impl Module for WinGetUrl {
    fn spec(&self) -> &'static ModuleSpec {
        &WIN_GET_URL
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let algorithm = options.text("checksum_algorithm").unwrap_or("sha1");
        let checksum = options.text("checksum").filter(|sum| !sum.is_empty());
        let method = options.text("url_method").unwrap_or("GET").to_uppercase();
        if method != "GET" {
            return Err(ModuleError::new(
                "`win_get_url` asks with `GET` only\nhint: use `win_uri` for other methods",
            ));
        }
        let redirect = options.text("follow_redirects") != Some("none");
        let call = download(options, true, checksum.map(|sum| (sum, algorithm)))?
            .with("timeout", &seconds(options, "url_timeout"))
            .flag("default_login", options.flag("use_default_credential", false))
            .maybe("proxy", options.text("proxy_url"))
            .flag("no_redirect", !redirect)
            .maybe("redirects", options.int("maximum_redirection").map(|most| most.to_string()).as_deref());
        Ok(Work::Host(Box::new(told(call, options, true))))
    }
}

/// `get_url` on a Windows host.
///
/// # Errors
/// An option means nothing there, or cannot be read.
pub(in crate::module) fn plain_get_url(options: &Options) -> Result<Work, ModuleError> {
    place::no_posix("get_url", options)?;
    for (name, hint) in [
        ("client_cert", "use `win_uri`"),
        ("client_key", "use `win_uri`"),
        ("use_netrc", "Windows has no netrc"),
    ] {
        place::without("get_url", options, name, hint)?;
    }
    let checksum = options.text("checksum").filter(|sum| !sum.is_empty());
    let checksum = match checksum.map(|sum| sum.split_once(':').ok_or(sum)) {
        None => None,
        Some(Ok((algorithm, sum))) if !sum.contains("//") => Some((sum, algorithm)),
        Some(Ok((_, sum)) | Err(sum)) => {
            return Err(ModuleError::new(format!(
                "option `checksum` of `get_url`: `{sum}` is not supported\nhint: write `sha256:DIGITS`"
            )));
        }
    };
    let call = download(options, false, checksum)?
        .with("timeout", &seconds(options, "timeout"))
        .flag("backup", options.flag("backup", false));
    Ok(Work::Host(Box::new(told(call, options, false))))
}

fn seconds(options: &Options, name: &str) -> String {
    let default = if name == "timeout" { 10 } else { 30 };
    options.int(name).unwrap_or(default).clamp(1, 86_400).to_string()
}

/// What both modules ask for.
fn download(options: &Options, force: bool, checksum: Option<(&str, &str)>) -> Result<Call, ModuleError> {
    let (url, login) = uri::address(options)?;
    let dest = place::path(options, "dest")?;
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.splitn(4, '/').nth(3).and_then(place::last_name);
    if name.is_none() && place::is_folder(&dest) {
        return Err(ModuleError::new(format!("`{url}` names no file\nhint: write the whole path as `dest`")));
    }
    if let Some((sum, algorithm)) = checksum {
        let known = ["md5", "sha1", "sha256", "sha384", "sha512"];
        if !known.contains(&algorithm) || !sum.chars().all(|char| char.is_ascii_hexdigit()) {
            return Err(ModuleError::new(format!(
                "`{algorithm}:{sum}` is not a digest\nhint: one of {} and hexadecimal digits",
                known.join(", ")
            )));
        }
    }
    let mut headers = headers(options)?;
    if let Some(agent) = options.text("http_agent") {
        headers.push(("User-Agent".to_owned(), agent.to_owned()));
    }
    Ok(Call::new("get_url")
        .with("url", &url)
        .with("method", "GET")
        .with("path", &dest)
        .maybe("name", name.as_deref())
        .flag("force", options.flag("force", force))
        .maybe("checksum", checksum.map(|(sum, _)| sum))
        .maybe("algorithm", checksum.map(|(_, algorithm)| algorithm))
        .list("names", headers.iter().map(|(name, _)| name.as_str()))
        .list("values", headers.iter().map(|(_, value)| value.as_str()))
        .maybe("user", login.as_ref().map(|(user, _)| user.as_str()))
        .maybe("password", login.as_ref().map(|(_, password)| password.as_str()))
        .flag("force_login", options.flag("force_basic_auth", false))
        .flag("no_check", !options.flag("validate_certs", true))
        .flag("no_proxy", !options.flag("use_proxy", true)))
}

fn told(call: Call, options: &Options, windows: bool) -> Step {
    let url = uri::address(options).map(|(url, _)| url).unwrap_or_default();
    let dest = options.text("dest").unwrap_or_default().to_owned();
    Step::new(call).judged().telling(move |reply, _, outcome| {
        let unanswered = reply.text("unanswered");
        let result: &mut Map<String, Value> = &mut outcome.result;
        let mut put = |name: &str, value: Value| {
            result.insert(name.to_owned(), value);
        };
        put("url", url.clone().into());
        put("dest", reply.text("path").unwrap_or_else(|| dest.clone()).into());
        put("elapsed", (reply.duration_ms / 1000).into());
        if let Some(status) = reply.value("status").and_then(|status| status.parse::<i64>().ok()) {
            put("status_code", status.into());
            let reason = reply.text("reason").unwrap_or_default();
            if reply.status == 0 {
                put("msg", reason.into());
            }
        }
        if let Some(size) = reply.value("size").and_then(|size| size.parse::<u64>().ok()) {
            put("size", size.into());
        }
        if let Some(digest) = reply.value("sha256").filter(|_| !windows) {
            put("checksum_src", digest.into());
        }
        if let Some(copy) = reply.text("backup_file") {
            put("backup_file", copy.into());
        }
        if let Some(reason) = unanswered {
            put("msg", format!("`{url}` was not answered: {reason}").into());
            outcome.failed = true;
        }
    })
}

impl Module for WinUri {
    fn spec(&self) -> &'static ModuleSpec {
        &WIN_URI
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut options = options.clone();
        if let Some(kind) = options.remove("content_type") {
            let headers = options.entry("headers").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(headers) = headers
                && !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"))
            {
                headers.insert("Content-Type".to_owned(), kind);
            }
        }
        // A structure is sent as JSON, as `win_uri` does it.
        if matches!(options.get("body"), Some(Value::Array(_) | Value::Object(_))) {
            options.insert("body_format".to_owned(), "json".into());
        }
        let mut request = uri::asked(&options, context)?;
        // What `win_uri` of Ansible sends in check mode too.
        request.looks = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        Ok(Work::Host(Box::new(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{operation, refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            (
                "win_get_url",
                json!({"url": "https://a.example/b/c.msi?x=1", "dest": "C:\\t\\", "checksum": "AB12", "checksum_algorithm": "sha256"}),
                "get_url url=https://a.example/b/c.msi?x=1 method=GET path=C:\\t\\ name=c.msi force=1 checksum=AB12 algorithm=sha256 names values timeout=30",
            ),
            (
                "get_url",
                json!({"url": "https://a.example/c.msi", "dest": "C:\\t\\d.msi", "checksum": "sha1:ab", "validate_certs": false, "url_username": "u"}),
                "get_url url=https://a.example/c.msi method=GET path=C:\\t\\d.msi name=c.msi checksum=ab algorithm=sha1 names values user=u password= no_check=1 timeout=10",
            ),
            (
                "win_get_url",
                json!({"url": "http://u:P%40W@a.example/c.msi", "dest": "C:\\d.msi"}),
                "get_url url=http://a.example/c.msi method=GET path=C:\\d.msi name=c.msi force=1 names values user=u password=P@W timeout=30",
            ),
            (
                "win_uri",
                json!({"url": "http://u:PW@a.example:81?x=@", "method": "GET"}),
                "uri url=http://a.example:81?x=@ method=GET names=User-Agent values=ansible-httpget user=u password=PW timeout=30 limit=16777217",
            ),
            (
                "win_uri",
                json!({"url": "https://a.example/", "method": "POST", "body": {"a": 1}, "client_cert": "aa".repeat(20)}),
                "uri url=https://a.example/ method=POST names=Content-Type|User-Agent values=application/json|ansible-httpget timeout=30 no_redirect=1 certificate=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa changes=1 limit=16777217",
            ),
        ] {
            assert_eq!(text(module, options), expected);
        }
        assert!(operation("win_uri", json!({"url": "https://a.example/", "method": "PUT"})).irreversible());
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (module, options, expected) in [
            ("win_get_url", json!({"url": "ftp://a", "dest": "C:\\x"}), "is not an address"),
            ("win_get_url", json!({"url": "https://a.example/", "dest": "C:\\x\\"}), "names no file"),
            (
                "win_get_url",
                json!({"url": "https://a.example/x", "dest": "C:\\x", "checksum": "zz"}),
                "is not a digest",
            ),
            (
                "get_url",
                json!({"url": "https://a.example/x", "dest": "C:\\x", "checksum": "sha256:https://b"}),
                "sha256:DIGITS",
            ),
            ("get_url", json!({"url": "https://a.example/x", "dest": "C:\\x", "mode": "0644"}), "win_acl"),
            ("win_uri", json!({"url": "https://a.example/x", "client_cert": "C:\\x.pfx"}), "thumbprint"),
            ("win_uri", json!({"url": "https://a.example/x", "dest": "C:\\x"}), "win_get_url"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_login_in_an_address_is_not_told() {
        let options = json!({"url": "http://u:PW@a.example/x", "dest": "C:\\x"});
        let (_, result) = told("win_get_url", options, 1, &[("unanswered", "no such host")]);
        assert_eq!(result["url"], "http://a.example/x");
        let said = serde_json::to_string(&result).unwrap_or_default();
        assert!(!said.contains("PW"), "{said}");
        let error = refused("win_uri", json!({"url": "http://u:PW@a.example/a b"}));
        assert!(error.contains("is not an address") && !error.contains("PW"), "{error}");
    }

    #[test]
    fn answers_are_told() {
        let options = json!({"url": "https://a.example/x", "dest": "C:\\x"});
        let values =
            [("path", "C:\\x"), ("status", "200"), ("reason", "OK"), ("size", "12"), ("changed", "1")];
        let (outcome, result) = told("win_get_url", options.clone(), 0, &values);
        assert!(outcome.changed && !outcome.failed);
        assert_eq!(
            (&result["status_code"], &result["size"], &result["msg"]),
            (&json!(200), &json!(12), &json!("OK"))
        );
        let (outcome, result) = told("win_get_url", options, 1, &[("unanswered", "no such host")]);
        assert!(outcome.failed);
        assert_eq!(result["msg"], "`https://a.example/x` was not answered: no such host");
        let values = [("status", "404"), ("reason", "Not Found"), ("url", "https://a.example/x")];
        let (outcome, result) = told("win_uri", json!({"url": "https://a.example/x"}), 0, &values);
        assert!(outcome.failed);
        assert_eq!(
            (&result["status_code"], &result["status_description"]),
            (&json!(404), &json!("Not Found"))
        );
    }
}
