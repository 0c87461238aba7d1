//! How a Windows host is reached by WinRM: from Ansible's variables of the `winrm` and `psrp` connections.
//!
//! Both name the same wire settings differently; PowerShell remoting itself is not spoken. Where Ansible's default would send
//! a password in clear text (`plaintext` over http), NTLM with sealed messages is taken instead.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::transport::TransportError;
use crate::transport::resolve::{ConnectionOptions, expand_home};
use crate::transport::variables::Variables;

/// How to prove who we are, in the order in which it is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Name and password, over https only.
    Basic,
    /// NTLMv2 within SPNEGO.
    Ntlm,
    /// Kerberos through the system's library.
    Kerberos,
    /// A client certificate, over https only.
    Certificate,
}

impl Method {
    /// Finds one by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Basic, Self::Ntlm, Self::Kerberos, Self::Certificate]
            .into_iter()
            .find(|method| method.name() == name)
    }

    /// Whether it agrees on keys that messages can be sealed with.
    pub(super) fn can_seal(self) -> bool {
        matches!(self, Self::Ntlm | Self::Kerberos)
    }

    /// As Ansible names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Ntlm => "ntlm",
            Self::Kerberos => "kerberos",
            Self::Certificate => "certificate",
        }
    }
}

/// How the host proves who it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsPolicy {
    /// A file or folder of CA certificates instead of the system's.
    pub ca: Option<PathBuf>,
    /// SHA-256 of certificates (`SHA256:` and base64, or hexadecimal digits); if there are any, only they count.
    pub pins: Vec<String>,
    /// Accept any certificate, with a warning on every run.
    pub accept_any: bool,
}

impl TlsPolicy {
    /// Whether authorities decide, and not pins or nobody.
    pub(super) fn is_by_authority(&self) -> bool {
        self.pins.is_empty() && !self.accept_any
    }
}

/// Everything that the connection needs to know.
#[derive(Clone, Debug)]
pub struct WinRmSetting {
    /// Name or address to connect to.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// TLS, or nothing for http.
    pub tls: Option<TlsPolicy>,
    /// Path of the service.
    pub path: String,
    /// Login user, with its domain if it has one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// What is tried, the first one first; never empty.
    pub methods: Vec<Method>,
    /// Client certificate and its key, PEM files.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Service and host of the Kerberos name, if not `HTTP` and the address.
    pub kerberos_name: (Option<String>, Option<String>),
    /// Whether messages over https are sealed too; never with methods that have no key for it.
    pub seal_always: bool,
    /// Whether its variables are those of `psrp`.
    pub psrp: bool,
    /// Limit for connecting.
    pub connect_timeout: Duration,
    /// How long the host waits for output before it answers that there is none.
    pub operation_timeout: Duration,
}

/// Names of one setting, for `winrm` and for `psrp`.
struct Names(&'static str, &'static str);

const TRANSPORT: Names = Names("ansible_winrm_transport", "ansible_psrp_auth");

/// Variables that ask for what is not there, with the reason.
const REFUSED: &[(&str, &str)] = &[
    (
        "ansible_psrp_proxy",
        "a proxy is not supported\nhint: reach the host directly, or by SSH with `ProxyJump`",
    ),
    ("ansible_psrp_configuration_name", "only the default shell is used"),
    (
        "ansible_winrm_kinit_cmd",
        "tickets are asked for by the system's Kerberos library\nhint: remove it, or run `kinit` before",
    ),
    (
        "ansible_winrm_kinit_args",
        "tickets are asked for by the system's Kerberos library\nhint: remove it, or run `kinit` before",
    ),
];

/// Reads the settings of a host.
///
/// # Errors
/// A variable of the wrong shape, one that is not supported, or one that cannot be rendered.
pub(in crate::transport) fn setting(
    host: &str,
    kind: &str,
    variables: &Variables<'_>,
    options: &ConnectionOptions<'_>,
) -> Result<WinRmSetting, TransportError> {
    let reader = Reader { variables, psrp: kind == "psrp" };
    for (name, what) in REFUSED {
        if variables.value(name)?.is_some() {
            return Err(variables.error(name, what));
        }
    }
    for (name, what) in [
        ("ansible_winrm_kerberos_delegation", "delegation of credentials is not supported"),
        ("ansible_psrp_negotiate_delegate", "delegation of credentials is not supported"),
    ] {
        if variables.truth(&[name])? == Some(true) {
            return Err(variables.error(name, what));
        }
    }
    let port = variables.port(&reader.own("port", &["ansible_port"]))?;
    let https = reader.scheme(port)?;
    let port = port.unwrap_or(if https { 5986 } else { 5985 });
    let user = variables.text(&reader.own("user", &["ansible_user"]))?.or_else(|| options.user.clone());
    let password = variables
        .text(&reader.own_all(&["password", "pass"], &["ansible_password"]))?
        .map(SecretString::from)
        .or_else(|| options.password.clone());
    let path_of = |names: &Names| -> Result<Option<PathBuf>, TransportError> {
        Ok(variables.text(&[reader.pick(names)])?.map(|path| expand_home(&path, &options.home)))
    };
    let pem = path_of(&Names("ansible_winrm_cert_pem", "ansible_psrp_certificate_pem"))?;
    let key = path_of(&Names("ansible_winrm_cert_key_pem", "ansible_psrp_certificate_key_pem"))?;
    let certificate = match (pem, key) {
        (Some(pem), Some(key)) => Some((pem, key)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let name = reader.pick(&Names("ansible_winrm_cert_pem", "ansible_psrp_certificate_pem"));
            return Err(variables.error(name, "certificate and key (`..._key_pem`) belong together"));
        }
    };
    let methods = reader.methods(https, user.as_deref())?;
    if methods.contains(&Method::Certificate) && certificate.is_none() {
        let name = reader.pick(&Names("ansible_winrm_cert_pem", "ansible_psrp_certificate_pem"));
        return Err(variables.error(name, "a client certificate is to be used, and none is given"));
    }
    let seal = Names("ansible_winrm_message_encryption", "ansible_psrp_message_encryption");
    let seal = reader.pick(&seal);
    let seal_always = match variables.text(&[seal])?.as_deref() {
        None | Some("auto") => false,
        Some("always") => true,
        Some("never") if https => false,
        Some("never") => {
            let what = "messages over http are always sealed\nhint: remove it, or use https";
            return Err(variables.error(seal, what));
        }
        Some(other) => {
            return Err(variables.error(seal, &format!("`{other}` is not `auto`, `always` or `never`")));
        }
    };
    if seal_always && let Some(method) = methods.iter().find(|method| !method.can_seal()) {
        let (method, names) = (method.name(), reader.pick(&TRANSPORT));
        let what = format!(
            "`{method}` has no key to seal messages with\nhint: set `{names}` to `ntlm` or `kerberos`, or remove this: TLS protects \
             the messages"
        );
        return Err(variables.error(seal, &what));
    }
    let tls = https.then(|| reader.tls(options)).transpose()?;
    let seconds = |names: &[&str], default: u64| -> Result<Duration, TransportError> {
        Ok(variables.seconds(names)?.unwrap_or(Duration::from_secs(default)))
    };
    let operation = seconds(
        &[reader.pick(&Names("ansible_winrm_operation_timeout_sec", "ansible_psrp_operation_timeout"))],
        20,
    )?;
    let connect = variables
        .seconds(&reader.own_all(&["connection_timeout"], &["ansible_timeout"]))?
        .or(options.timeout)
        .unwrap_or(Duration::from_secs(30));
    let service = Names("ansible_winrm_service", "ansible_psrp_negotiate_service");
    let spn_host =
        Names("ansible_winrm_kerberos_hostname_override", "ansible_psrp_negotiate_hostname_override");
    Ok(WinRmSetting {
        address: variables.text(&reader.own("host", &["ansible_host"]))?.unwrap_or_else(|| host.to_owned()),
        port,
        tls,
        path: reader.service_path()?,
        user,
        password,
        methods,
        certificate,
        kerberos_name: (
            variables.text(&[reader.pick(&service)])?,
            variables.text(&[reader.pick(&spn_host)])?,
        ),
        seal_always,
        psrp: reader.psrp,
        connect_timeout: connect,
        operation_timeout: operation,
    })
}

struct Reader<'a, 'v> {
    variables: &'a Variables<'v>,
    psrp: bool,
}

impl Reader<'_, '_> {
    fn pick(&self, names: &Names) -> &'static str {
        if self.psrp { names.1 } else { names.0 }
    }

    /// The connection's own variable in front of the general ones.
    fn own(&self, name: &'static str, general: &[&'static str]) -> Vec<&'static str> {
        self.own_all(&[name], general)
    }

    fn own_all(&self, names: &[&'static str], general: &[&'static str]) -> Vec<&'static str> {
        const WINRM: &[(&str, &str)] = &[
            ("host", "ansible_winrm_host"),
            ("port", "ansible_winrm_port"),
            ("user", "ansible_winrm_user"),
            ("password", "ansible_winrm_password"),
            ("pass", "ansible_winrm_pass"),
            ("connection_timeout", "ansible_winrm_connection_timeout"),
        ];
        const PSRP: &[(&str, &str)] = &[
            ("host", "ansible_psrp_host"),
            ("port", "ansible_psrp_port"),
            ("user", "ansible_psrp_user"),
            ("password", "ansible_psrp_password"),
            ("connection_timeout", "ansible_psrp_connection_timeout"),
        ];
        let table = if self.psrp { PSRP } else { WINRM };
        let own = names.iter().filter_map(|name| table.iter().find(|(key, _)| key == name));
        own.map(|(_, variable)| *variable).chain(general.iter().copied()).collect()
    }

    /// Whether it is https: said, or by the port (5985 is http).
    fn scheme(&self, port: Option<u16>) -> Result<bool, TransportError> {
        let name = self.pick(&Names("ansible_winrm_scheme", "ansible_psrp_protocol"));
        match self.variables.text(&[name])?.as_deref() {
            Some("https") => Ok(true),
            Some("http") => Ok(false),
            Some(other) => Err(self.variables.error(name, &format!("`{other}` is not `http` or `https`"))),
            None => Ok(port != Some(5985)),
        }
    }

    fn service_path(&self) -> Result<String, TransportError> {
        let name = self.pick(&Names("ansible_winrm_path", "ansible_psrp_path"));
        let path = self.variables.text(&[name])?.unwrap_or_else(|| "wsman".to_owned());
        let path = path.trim_start_matches('/').to_owned();
        let plain = |part: char| part.is_ascii_alphanumeric() || "/_-.~%".contains(part);
        if !path.chars().all(plain) {
            return Err(self.variables.error(name, &format!("`{path}` is not the path of a URL")));
        }
        Ok(path)
    }

    fn methods(&self, https: bool, user: Option<&str>) -> Result<Vec<Method>, TransportError> {
        let name = self.pick(&TRANSPORT);
        let given = match self.variables.value(name)? {
            None => return Ok(self.usual(https, user)),
            Some(serde_json::Value::String(text)) => text
                .split(',')
                .map(|word| word.trim().to_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
            Some(serde_json::Value::Array(words)) => {
                let word = |word: &serde_json::Value| word.as_str().map(|word| word.trim().to_lowercase());
                words
                    .iter()
                    .map(word)
                    .collect::<Option<Vec<String>>>()
                    .ok_or_else(|| self.variables.error(name, "it must be a name or a list of names"))?
            }
            Some(_) => return Err(self.variables.error(name, "it must be a name or a list of names")),
        };
        if given.is_empty() {
            let what = "it names no way to log in\nhint: name `ntlm`, `kerberos`, `basic` or `certificate`, or remove it";
            return Err(self.variables.error(name, what));
        }
        let mut methods = Vec::new();
        for word in given {
            for method in self.method(name, &word, https)? {
                if !methods.contains(&method) {
                    methods.push(method);
                }
            }
        }
        Ok(methods)
    }

    /// What is done where nothing is said. Basic never follows another method here: a host that makes the first one fail would get the
    /// password in clear text.
    fn usual(&self, https: bool, user: Option<&str>) -> Vec<Method> {
        match (https, user.is_some_and(|user| user.contains('@')), self.psrp) {
            (_, true, _) => vec![Method::Kerberos, Method::Ntlm],
            (true, false, false) => vec![Method::Basic],
            (_, false, _) => vec![Method::Ntlm],
        }
    }

    fn method(&self, name: &str, word: &str, https: bool) -> Result<Vec<Method>, TransportError> {
        let over_https = |method: Method| {
            if https {
                return Ok(vec![method]);
            }
            let what =
                format!("`{word}` needs https\nhint: use `ntlm` or `kerberos` over http, or port 5986");
            Err(self.variables.error(name, &what))
        };
        match word {
            "basic" | "ssl" => over_https(Method::Basic),
            "plaintext" => {
                let what = "`plaintext` would send the password and everything else in clear text\nhint: use `ntlm`, \
                            which seals the messages, or `basic` over https";
                Err(self.variables.error(name, what))
            }
            "certificate" => over_https(Method::Certificate),
            "ntlm" => Ok(vec![Method::Ntlm]),
            "kerberos" => Ok(vec![Method::Kerberos]),
            "negotiate" => Ok(vec![Method::Kerberos, Method::Ntlm]),
            "credssp" => {
                let what = "`credssp` is not supported: it hands the password to the host\nhint: use `kerberos` or `ntlm`; \
                            what needs a second hop is pushed by the controller, or runs as a scheduled task";
                Err(self.variables.error(name, what))
            }
            other => {
                let what = format!(
                    "`{other}` is not supported\nhint: `ntlm`, `kerberos`, `basic`, `certificate` are"
                );
                Err(self.variables.error(name, &what))
            }
        }
    }

    fn tls(&self, options: &ConnectionOptions<'_>) -> Result<TlsPolicy, TransportError> {
        let name = self.pick(&Names("ansible_winrm_server_cert_validation", "ansible_psrp_cert_validation"));
        let accept_any = match self.variables.text(&[name])?.as_deref() {
            None | Some("validate") => false,
            Some("ignore") => true,
            Some(other) => {
                return Err(self.variables.error(name, &format!("`{other}` is not `validate` or `ignore`")));
            }
        };
        let ca = self.pick(&Names("ansible_winrm_ca_trust_path", "ansible_psrp_ca_cert"));
        // pywinrm writes the system's own roots this way.
        let ca = self.variables.text(&[ca])?.filter(|path| path != "legacy_requests");
        let ca = ca.map(|path| expand_home(&path, &options.home));
        Ok(TlsPolicy { ca, pins: self.pins()?, accept_any })
    }

    /// `paceline_tls_pin`: SHA-256 of the host's certificate, or a list of them.
    fn pins(&self) -> Result<Vec<String>, TransportError> {
        const NAME: &str = "paceline_tls_pin";
        let pins = match self.variables.value(NAME)? {
            None => return Ok(Vec::new()),
            Some(serde_json::Value::Array(pins)) if !pins.is_empty() => pins,
            Some(serde_json::Value::Array(_)) => {
                return Err(self.variables.error(NAME, "an empty list would refuse every certificate"));
            }
            Some(pin) => vec![pin],
        };
        pins.iter()
            .map(|pin| {
                pin.as_str().and_then(pin_digits).ok_or_else(|| {
                    let what = format!(
                        "{pin} is not the SHA-256 of a certificate\nhint: 64 hexadecimal digits, with or without colons, or \
                         `SHA256:` and base64; `paceline trust scan` shows it"
                    );
                    self.variables.error(NAME, &what)
                })
            })
            .collect()
    }
}

/// The 64 lower case digits of a pin.
fn pin_digits(text: &str) -> Option<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let text = text.trim();
    if let Some(hash) = text.strip_prefix("SHA256:") {
        let bytes =
            STANDARD_NO_PAD.decode(hash.trim_end_matches('=')).ok().filter(|bytes| bytes.len() == 32)?;
        return Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    let digits: String = text.chars().filter(|digit| *digit != ':').collect();
    let hexadecimal = digits.len() == 64 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then(|| digits.to_lowercase())
}
