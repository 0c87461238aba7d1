//! The variables of Ansible's `winrm` and `psrp` connections that are known: a name with these prefixes that is not
//! among them is a typing error, which must not pass in silence (`ansible_winrm_server_cert_validaton`).

/// Those that are read or refused where they are used ([`super::setting`]).
const READ: &[&str] = &[
    "ansible_winrm_host",
    "ansible_winrm_port",
    "ansible_winrm_user",
    "ansible_winrm_password",
    "ansible_winrm_pass",
    "ansible_winrm_scheme",
    "ansible_winrm_path",
    "ansible_winrm_transport",
    "ansible_winrm_server_cert_validation",
    "ansible_winrm_ca_trust_path",
    "ansible_winrm_cert_pem",
    "ansible_winrm_cert_key_pem",
    "ansible_winrm_message_encryption",
    "ansible_winrm_operation_timeout_sec",
    "ansible_winrm_connection_timeout",
    "ansible_winrm_service",
    "ansible_winrm_kerberos_hostname_override",
    "ansible_winrm_kerberos_delegation",
    "ansible_winrm_kinit_cmd",
    "ansible_winrm_kinit_args",
    "ansible_psrp_host",
    "ansible_psrp_port",
    "ansible_psrp_user",
    "ansible_psrp_password",
    "ansible_psrp_protocol",
    "ansible_psrp_path",
    "ansible_psrp_auth",
    "ansible_psrp_cert_validation",
    "ansible_psrp_ca_cert",
    "ansible_psrp_certificate_pem",
    "ansible_psrp_certificate_key_pem",
    "ansible_psrp_message_encryption",
    "ansible_psrp_operation_timeout",
    "ansible_psrp_connection_timeout",
    "ansible_psrp_negotiate_service",
    "ansible_psrp_negotiate_hostname_override",
    "ansible_psrp_negotiate_delegate",
    "ansible_psrp_proxy",
    "ansible_psrp_configuration_name",
];

/// Those that Ansible's clients need and that change nothing here: the reader's limit follows from the operation's, the
/// envelope's size is negotiated, channel bindings are always sent, tickets come from the system's Kerberos library.
const WITHOUT_EFFECT: &[&str] = &[
    "ansible_winrm_read_timeout_sec",
    "ansible_winrm_realm",
    "ansible_winrm_kinit_mode",
    "ansible_winrm_send_cbt",
    "ansible_psrp_read_timeout",
    "ansible_psrp_reconnection_retries",
    "ansible_psrp_reconnection_backoff",
    "ansible_psrp_max_envelope_size",
    "ansible_psrp_negotiate_send_cbt",
    "ansible_psrp_ignore_proxy",
];

/// What is wrong with the name of a variable, if it should be one of these and is not; a hint follows behind `\nhint: `.
#[must_use]
pub fn unknown(name: &str) -> Option<String> {
    let ours = name.starts_with("ansible_winrm_") || name.starts_with("ansible_psrp_");
    let mut known = READ.iter().chain(WITHOUT_EFFECT).copied();
    if !ours || known.any(|known| known == name) {
        return None;
    }
    let all = READ.iter().chain(WITHOUT_EFFECT).copied();
    let hint = crate::source::suggestion(name, all)
        .unwrap_or_else(|| "remove it; the README lists the variables of WinRM".to_owned());
    Some(format!("no such setting of WinRM is known\nhint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_found() {
        assert_eq!(unknown("ansible_winrm_transport"), None);
        assert_eq!(unknown("ansible_ssh_transport"), None);
        let said = unknown("ansible_winrm_server_cert_validaton").unwrap_or_default();
        assert!(said.contains("did you mean `ansible_winrm_server_cert_validation`?"), "{said}");
        assert!(unknown("ansible_psrp_zzz").unwrap_or_default().contains("README"));
    }
}
