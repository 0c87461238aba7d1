//! `uri`: asks an HTTP server, from the host.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::windows;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, python, to_int,
};
use crate::operation::uri::Uri as Request;
use crate::shell::Platform;

/// The module.
pub(super) struct Uri;

const NO_DEST: &str = "use `return_content: true`, `register`, and `copy` with `content`";

static SPEC: ModuleSpec = ModuleSpec {
    name: "uri",
    options: &[
        OptionSpec::new("url", OptionKind::Text).required(),
        OptionSpec::new("method", OptionKind::Text),
        OptionSpec::new("body", OptionKind::Any),
        OptionSpec::new("body_format", OptionKind::Choice(&["raw", "json", "form-urlencoded"])),
        OptionSpec::new("headers", OptionKind::Map),
        OptionSpec::new("status_code", OptionKind::List),
        OptionSpec::new("return_content", OptionKind::Bool),
        OptionSpec::new("timeout", OptionKind::Int),
        OptionSpec::new("validate_certs", OptionKind::Bool),
        OptionSpec::new("ca_path", OptionKind::Path),
        OptionSpec::new("client_cert", OptionKind::Path),
        OptionSpec::new("client_key", OptionKind::Path),
        OptionSpec::new("url_username", OptionKind::Text).aliases(&["user"]),
        OptionSpec::new("url_password", OptionKind::Text).aliases(&["password"]),
        OptionSpec::new("force_basic_auth", OptionKind::Bool),
        OptionSpec::new(
            "follow_redirects",
            OptionKind::Choice(&["all", "no", "none", "safe", "urllib2", "yes"]),
        ),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("http_agent", OptionKind::Text),
        OptionSpec::new("use_proxy", OptionKind::Bool),
        OptionSpec::new("use_netrc", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("dest", OptionKind::Path).refused(NO_DEST),
        OptionSpec::new("remote_src", OptionKind::Bool).refused("`src` is a local file: leave it out"),
        OptionSpec::new("unix_socket", OptionKind::Path).refused("use `command` with curl"),
        OptionSpec::new("use_gssapi", OptionKind::Bool).refused("use `command` with curl --negotiate"),
        OptionSpec::new("ciphers", OptionKind::List).refused("the host's defaults are used"),
        OptionSpec::new("decompress", OptionKind::Bool).refused("no compressed content is asked for"),
        OptionSpec::new("unredirected_headers", OptionKind::List)
            .refused("`Authorization` and `Cookie` stay with their server anyway"),
        OptionSpec::new("mode", OptionKind::Mode).refused(NO_DEST),
        OptionSpec::new("owner", OptionKind::Text).refused(NO_DEST),
        OptionSpec::new("group", OptionKind::Text).refused(NO_DEST),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

impl Module for Uri {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            for (name, hint) in [
                ("ca_path", "put the authority into the host's store with `win_certificate_store`"),
                ("client_cert", "use `win_uri` with the thumbprint of a certificate of the host"),
                ("client_key", "use `win_uri` with the thumbprint of a certificate of the host"),
            ] {
                windows::place::without("uri", options, name, hint)?;
            }
        }
        request(options, context)
    }
}

/// A login: user and password.
pub(super) type Login = (String, String);

/// Takes the login out of `SCHEME://USER:PASSWORD@HOST/...`: an address is shown, logged and kept.
fn without_login(url: &str) -> (String, Option<Login>) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let Some(at) = url[start..end].rfind('@').map(|at| start + at) else { return (url.to_owned(), None) };
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = url[start..at].split_once(':').unwrap_or((&url[start..at], ""));
    (format!("{}{}", &url[..start], &url[at + 1..]), Some((plain(user), plain(password))))
}

/// The address of a request without a login in it, and the login: that of the options, else that of the address.
pub(super) fn address(options: &Options) -> Result<(String, Option<Login>), ModuleError> {
    let (url, mut login) = without_login(options.text("url").unwrap_or_default());
    let (user, password) = (options.text("url_username"), options.text("url_password"));
    if user.is_some() || password.is_some() {
        login = Some((user.unwrap_or_default().to_owned(), password.unwrap_or_default().to_owned()));
    }
    let known = ["http://", "https://"].iter().any(|scheme| url.to_lowercase().starts_with(scheme));
    if !known || url.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(ModuleError::new(format!(
            "`{url}` is not an address that can be asked\nhint: write `http://` or `https://` in front, and encode spaces as `%20`"
        )));
    }
    Ok((url, login))
}

/// Makes the operation, for `win_uri` too.
pub(super) fn request(options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
    Ok(Work::Host(Box::new(asked(options, context)?)))
}

/// The request.
pub(super) fn asked(options: &Options, context: &ModuleContext<'_>) -> Result<Request, ModuleError> {
    let (url, login) = address(options)?;
    let method = options.text("method").unwrap_or("GET").to_uppercase();
    if method.is_empty() || !method.chars().all(|char| char.is_ascii_alphabetic()) {
        return Err(ModuleError::new(format!("`{method}` is not an HTTP method")));
    }
    let mut headers = headers(options)?;
    let body = body(options, context, &mut headers)?;
    let mut default = |name: &str, value: &str| {
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    default("User-Agent", options.text("http_agent").unwrap_or("ansible-httpget"));
    if options.flag("force", false) {
        default("Cache-Control", "no-cache");
    }
    if !body.is_empty() {
        default("Content-Type", "application/x-www-form-urlencoded");
    }
    let status = match options.list("status_code") {
        None => vec![200],
        Some(list) => list
            .iter()
            .map(to_int)
            .collect::<Result<_, _>>()
            .map_err(|message| ModuleError::new(format!("option `status_code` of `uri`: {message}")))?,
    };
    let follow = match options.text("follow_redirects").unwrap_or("safe") {
        "all" | "yes" => true,
        "safe" | "urllib2" => matches!(method.as_str(), "GET" | "HEAD"),
        _ => false,
    };
    let path = |name: &str| options.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let request = Request {
        platform: context.platform,
        url,
        method,
        headers,
        body,
        login,
        force_login: options.flag("force_basic_auth", false),
        follow,
        status,
        timeout: options.int("timeout").and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(30).max(1),
        validate: options.flag("validate_certs", true),
        content: options.flag("return_content", false),
        proxy: options.flag("use_proxy", true),
        through: None,
        harmless: false,
        looks: false,
        netrc: options.flag("use_netrc", true),
        files: [path("ca_path"), path("client_cert"), path("client_key")],
        creates: path("creates"),
        removes: path("removes"),
        visited: Vec::new(),
    };
    // They become lines of a configuration on the host.
    let login = request.login.iter().flat_map(|(user, password)| [user, password]);
    let lines = login.chain(request.files.iter().flatten());
    if lines.clone().any(|text| text.contains(['\n', '\r'])) {
        return Err(ModuleError::new("a name, password or path of `uri` has a line break in it"));
    }
    no_nul(lines.chain(request.creates.iter()).chain(request.removes.iter()).map(String::as_str))?;
    Ok(request)
}

pub(super) fn headers(options: &Options) -> Result<Vec<(String, String)>, ModuleError> {
    let mut headers = Vec::new();
    for (name, value) in options.map("headers").into_iter().flatten() {
        let value = python::text(value);
        let token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        if name.is_empty() || !name.chars().all(token) || value.contains(['\n', '\r', '\0']) {
            return Err(ModuleError::new(format!(
                "`{name}` cannot be sent as a header: it has characters that end one"
            )));
        }
        headers.push((name.clone(), value));
    }
    Ok(headers)
}

fn body(
    options: &Options,
    context: &ModuleContext<'_>,
    headers: &mut Vec<(String, String)>,
) -> Result<Vec<u8>, ModuleError> {
    let format = options.text("body_format").unwrap_or("raw");
    let mut kind = |kind: &str| {
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
    };
    match format {
        "json" => kind("application/json"),
        "form-urlencoded" => kind("application/x-www-form-urlencoded"),
        _ => {}
    }
    if let Some(name) = options.text("src") {
        if options.contains_key("body") {
            return Err(ModuleError::new("`uri` takes `body` or `src`, not both"));
        }
        let path = context.files.find("files", name)?;
        return Ok(context.files.content(&path)?.bytes.clone());
    }
    let Some(body) = options.get("body") else { return Ok(Vec::new()) };
    let text = match (format, body) {
        (_, Value::String(text)) => text.clone(),
        ("json", value) => json(value),
        ("form-urlencoded", value) => form(value)?,
        (_, Value::Null) => String::new(),
        (_, value) => python::text(value),
    };
    Ok(text.into_bytes())
}

/// Writes JSON as Python's `json.dumps` does, so that a server sees the same bytes as from Ansible.
fn json(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", ascii(key), json(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::String(text) => ascii(text),
        Value::Number(_) => python::repr(value),
        other => other.to_string(),
    }
}

fn ascii(text: &str) -> String {
    let mut out = String::new();
    for char in Value::from(text).to_string().chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn form(value: &Value) -> Result<String, ModuleError> {
    let mut pairs = Vec::new();
    let mut put = |name: &str, value: &Value| {
        let mut one = |value: &Value| pairs.push(format!("{}={}", plus(name), plus(&python::text(value))));
        match value {
            Value::Array(items) => items.iter().for_each(one),
            value => one(value),
        }
    };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(name, value)| put(name, value)),
        Value::Array(items) => {
            for item in items {
                match item.as_array().map(Vec::as_slice) {
                    Some([name, value]) => put(&python::text(name), value),
                    _ => {
                        return Err(ModuleError::new(
                            "option `body` of `uri` wants a mapping or a list of pairs for `form-urlencoded`",
                        ));
                    }
                }
            }
        }
        other => return Ok(python::text(other)),
    }
    Ok(pairs.join("&"))
}

/// Encodes as forms do: letters, digits and `_.-~` stay, a space is `+`.
fn plus(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json as value;

    #[test]
    fn bodies_are_written_as_python_writes_them() {
        assert_eq!(
            json(&value!({"a": [1, "x é\u{1f600}", null, 1.0]})),
            r#"{"a": [1, "x \u00e9\ud83d\ude00", null, 1.0]}"#
        );
        assert_eq!(form(&value!({"a": [1, "x y"], "b": "é&"})).unwrap(), "a=1&a=x+y&b=%C3%A9%26");
        assert_eq!(form(&value!([["a", 1], ["a", true]])).unwrap(), "a=1&a=True");
        assert!(form(&value!([1])).is_err());
    }

    #[test]
    fn options_are_checked() {
        let url = "http://a.example/";
        for options in [
            value!({"url": "a.example"}),
            value!({"url": "ftp://a.example"}),
            value!({"url": "file:///etc/passwd"}),
            value!({"url": "http://a b"}),
            value!({"url": url, "method": "GET X"}),
            value!({"url": url, "headers": {"A": "b\r\nC: d"}}),
            value!({"url": url, "headers": {"A b": "c"}}),
            value!({"url": url, "status_code": ["ok"]}),
            value!({"url": url, "body_format": "form-multipart"}),
            value!({"url": url, "dest": "/tmp/x"}),
            value!({"url": url, "user": "a\nb"}),
            value!({"url": url, "src": "x", "body": "y"}),
        ] {
            assert!(plan("uri", options.clone()).is_err(), "{options}");
        }
        let work = plan(
            "uri",
            value!({"url": url, "password": "hunter2", "headers": {"X-Token": "hunter2"}, "body": "hunter2"}),
        );
        assert!(!format!("{work:?}").contains("hunter2"));
    }
}
