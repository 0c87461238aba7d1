//! TLS: whose certificate is taken, which one is shown, and what ties a login to the connection.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::auth::der;
use crate::endpoint::{Endpoint, Trust};
use crate::error::Error;

/// The authorities of this system; reading them takes long enough to do it once.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
});

/// Verifiers that are in use, by what they trust: a hundred authorities for each of a thousand hosts would be the
/// largest thing in memory.
static VERIFIERS: Mutex<Vec<([u8; 32], Weak<WebPkiServerVerifier>)>> = Mutex::new(Vec::new());

fn shared_verifier(
    system: bool,
    extra_pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let key = Sha256::new().chain_update([u8::from(system)]).chain_update(extra_pem).finalize().into();
    let mut known = VERIFIERS.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|(_, verifier)| verifier.strong_count() > 0);
    let found = known.iter().find(|(other, _)| *other == key).and_then(|(_, verifier)| verifier.upgrade());
    if let Some(verifier) = found {
        return Ok(verifier);
    }
    let roots = Arc::new(authorities(system, extra_pem)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| setting(&format!("the trusted authorities cannot be used: {error}"), PEM))?;
    known.push((key, Arc::downgrade(&verifier)));
    Ok(verifier)
}

/// Settings for all connections of a client.
pub(crate) fn config(trust: &Trust, own: Option<(&[u8], &SecretString)>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Authorities { system, extra_pem } => shared_verifier(*system, extra_pem, &provider)?,
        Trust::Pins(pins) => Arc::new(Other { pins: Some(pins.clone()), provider: Arc::clone(&provider) }),
        Trust::Ignore => Arc::new(Other { pins: None, provider: Arc::clone(&provider) }),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setting(&format!("TLS cannot be used: {error}"), PEM))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, key) = (chain(certificate)?, private_key(key)?);
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                setting(
                    &format!("the client certificate cannot be used: {error}"),
                    "give the certificate and the private key that belongs to it",
                )
            })?
        }
    };
    config.resumption = Resumption::in_memory_sessions(4);
    Ok(Arc::new(config))
}

const PEM: &str = "give certificates in PEM, `-----BEGIN CERTIFICATE-----`";

fn setting(what: &str, hint: &'static str) -> Error {
    Error::Setting { what: what.to_owned(), hint }
}

fn authorities(system: bool, extra_pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut store = if system { SYSTEM.clone() } else { RootCertStore::empty() };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(extra_pem) {
        let certificate = certificate
            .map_err(|e| setting(&format!("the trusted certificates cannot be read: {e}"), PEM))?;
        store.add(certificate).map_err(|e| {
            setting(
                &format!("a trusted certificate cannot be used: {e}"),
                "give the certificate of an authority",
            )
        })?;
        count += 1;
    }
    if !extra_pem.is_empty() && count == 0 {
        return Err(setting("the file of trusted certificates holds none", PEM));
    }
    if store.is_empty() {
        return Err(setting(
            "this system has no trusted authorities",
            "install `ca-certificates`, give the certificate of the authority, or pin the host's",
        ));
    }
    Ok(store)
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| setting(&format!("the client certificate cannot be read: {e}"), PEM))?;
    if chain.is_empty() {
        return Err(setting("the file of the client certificate holds none", PEM));
    }
    Ok(chain)
}

fn private_key(pem: &SecretString) -> Result<PrivateKeyDer<'static>, Error> {
    let text = pem.expose_secret();
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let is_encrypted = text.contains("ENCRYPTED");
        setting(
            if is_encrypted {
                "the key of the client certificate is encrypted"
            } else {
                "the key of the client certificate cannot be read"
            },
            if is_encrypted {
                "decrypt it with `openssl pkey -in KEY -out PLAIN`, and keep it readable for its owner only"
            } else {
                "give a private key in PEM, `-----BEGIN PRIVATE KEY-----`"
            },
        )
    })
}

/// Takes one certificate, or any. That the peer has its private key is checked all the same.
#[derive(Debug)]
struct Other {
    /// Nothing takes any certificate.
    pins: Option<Vec<[u8; 32]>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Other {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.pins {
            Some(pins) if !pins.contains(&Sha256::digest(end_entity).into()) => {
                Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Names what failed in a handshake.
pub(crate) fn failure(endpoint: &Endpoint, error: &std::io::Error) -> Error {
    use rustls::Error as Tls;
    let (host, port) = (endpoint.host.clone(), endpoint.port);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    let (is_permanent, reason, hint) = match inner {
        Some(Tls::InvalidCertificate(certificate)) => {
            let (reason, hint) = certificate_problem(certificate);
            (true, reason, hint)
        }
        Some(Tls::InvalidMessage(_)) => (
            true,
            "TLS is not what answers".to_owned(),
            "the port may be one of http: use http, or port 5986 for https",
        ),
        Some(Tls::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)) => (
            true,
            "the host and this program have no TLS version or cipher in common".to_owned(),
            "TLS 1.2 with ECDHE and AES-GCM or TLS 1.3 is needed; Windows Server 2012 R2 has that with an ECDSA certificate only",
        ),
        Some(Tls::AlertReceived(alert)) => (
            true,
            format!("the host refuses the TLS handshake ({alert:?})"),
            "if a client certificate is used, the host has to trust its issuer",
        ),
        _ => (
            false,
            format!("the TLS handshake was cut off: {error}"),
            "the listener may have no certificate, or the port may not be one of https",
        ),
    };
    Error::Tls { host, port, reason, hint, is_permanent }
}

fn certificate_problem(error: &CertificateError) -> (String, &'static str) {
    let (reason, hint) = match error {
        CertificateError::UnknownIssuer => (
            "the certificate is not signed by a trusted authority",
            "give the certificate of the authority, or pin the host's certificate",
        ),
        // rustls hands this one of webpki through without a variant of its own.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "the certificate is one of an authority, not of a host",
            "pin the host's certificate: self-signed ones often claim to be an authority",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the certificate is for another name",
            "use the name in the certificate as the host's, with `ansible_host` for the address, or pin the certificate",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the certificate has expired", "renew it, and check this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the certificate is not valid yet", "check the clocks of the host and of this machine")
        }
        CertificateError::ApplicationVerificationFailure => (
            "the certificate is not the pinned one",
            "find out why it changed before you pin the new one: somebody may be in between",
        ),
        _ => return (format!("the certificate cannot be used: {error}"), "renew the certificate, or pin it"),
    };
    (reason.to_owned(), hint)
}

/// The data of the channel binding `tls-server-end-point` ([RFC 5929] 4.1): a digest of the host's certificate by the hash
/// of its signature, or SHA-256 in place of weaker ones.
pub(crate) fn server_end_point(certificate: &[u8]) -> Vec<u8> {
    let digest = match signature_algorithm(certificate).unwrap_or_default() {
        // sha384WithRSAEncryption, ecdsa-with-SHA384
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0c] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => {
            Sha384::digest(certificate).to_vec()
        }
        // sha512WithRSAEncryption, ecdsa-with-SHA512
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0d] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => {
            Sha512::digest(certificate).to_vec()
        }
        _ => Sha256::digest(certificate).to_vec(),
    };
    [b"tls-server-end-point:".as_slice(), &digest].concat()
}

/// The object identifier of a certificate's signature ([RFC 5280] 4.1.1.2); for RSASSA-PSS that of its hash, which stands in
/// the parameters.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let mut fields = der::expect(&mut { certificate }, der::SEQUENCE)?;
    der::take(&mut fields)?;
    let mut algorithm = der::expect(&mut fields, der::SEQUENCE)?;
    let object = der::expect(&mut algorithm, der::OBJECT)?;
    if object != [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a] {
        return Some(object);
    }
    let mut parameters = der::expect(&mut algorithm, der::SEQUENCE)?;
    let mut tagged = der::expect(&mut parameters, der::context(0))?;
    let hash = der::expect(&mut der::expect(&mut tagged, der::SEQUENCE)?, der::OBJECT)?;
    // id-sha384 and id-sha512, as the signatures with RSA of the same hash.
    Some(match hash {
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0c],
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0d],
        _ => hash,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["h.example".to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_channel_binding_uses_the_hash_of_the_signature() {
        let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(
            server_end_point(&der),
            [b"tls-server-end-point:".as_slice(), &Sha256::digest(&der)].concat()
        );
        let der = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(
            server_end_point(&der),
            [b"tls-server-end-point:".as_slice(), &Sha384::digest(&der)].concat()
        );
        // Neither MD5 nor SHA-1 nor what cannot be read.
        assert_eq!(server_end_point(b"?").len(), 21 + 32);
    }

    #[test]
    fn clients_that_trust_the_same_share_it() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let one = shared_verifier(false, pem.as_bytes(), &provider).unwrap();
        let other = shared_verifier(false, pem.as_bytes(), &provider).unwrap();
        assert!(Arc::ptr_eq(&one, &other));
        let more = format!("{pem}\n");
        assert!(!Arc::ptr_eq(&one, &shared_verifier(false, more.as_bytes(), &provider).unwrap()));
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        for (trust, what) in [
            (Trust::Authorities { system: false, extra_pem: Vec::new() }, "no trusted authorities"),
            (Trust::Authorities { system: false, extra_pem: b"x".to_vec() }, "holds none"),
        ] {
            let error = config(&trust, None).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                certificate(&rcgen::PKCS_ECDSA_P256_SHA256)
            )
        );
        let error = config(&Trust::Ignore, Some((pem.as_bytes(), &encrypted.into()))).unwrap_err();
        assert!(error.to_string().contains("is encrypted"), "{error}");
    }
}
