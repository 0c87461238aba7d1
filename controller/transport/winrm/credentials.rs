//! What a host is logged in to with: the settings of its variables as credentials of a method.

use paceline_winrm::{Credentials, Service};

use super::files::client_certificate;
use super::{Method, WinRmSetting};
use crate::transport::TransportError;

/// What a host is logged in to with by a method.
pub(super) fn credentials(
    host: &str,
    setting: &WinRmSetting,
    method: Method,
) -> Result<Credentials, TransportError> {
    let missing = |variable: &str, what: &str| TransportError::Setting {
        host: host.to_owned(),
        variable: variable.to_owned(),
        what: what.to_owned(),
    };
    if method == Method::Certificate {
        let (certificate_pem, key_pem) = client_certificate(host, setting)?;
        return Ok(Credentials::Certificate { certificate_pem, key_pem });
    }
    let account = setting.user.as_deref().map(str::parse).transpose();
    let account =
        account.map_err(|error: paceline_winrm::AccountError| missing("ansible_user", &error.to_string()))?;
    if method == Method::Kerberos {
        let (service, spn_host) = &setting.kerberos_name;
        let service = match service.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("HTTP") => Service::Http,
            Some("WSMAN") => Service::Wsman,
            Some("HOST") => Service::Host,
            Some(other) => {
                let what =
                    format!("`{other}` is not a service of WinRM\nhint: `HTTP`, `WSMAN` and `HOST` are");
                return Err(missing(
                    setting.variable("ansible_winrm_service", "ansible_psrp_negotiate_service"),
                    &what,
                ));
            }
        };
        let password = setting.password.clone();
        return Ok(Credentials::Kerberos { account, password, service, host: spn_host.clone() });
    }
    let account = account
        .ok_or_else(|| missing("ansible_user", "WinRM needs a user\nhint: set it, or give `-u USER`"))?;
    let password = setting.password.clone().ok_or_else(|| {
        missing("ansible_password", "WinRM needs a password\nhint: set it in a vault, or give `-k`")
    })?;
    Ok(match method {
        Method::Basic => Credentials::Basic { account, password, allow_plain: false },
        _ => Credentials::Ntlm { account, password },
    })
}
