//! The certificate that a host shows, for a person who decides whether to pin it. Nothing is sent to the host but the
//! beginning of TLS.

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::endpoint::{Endpoint, Trust};
use crate::error::Error;
use crate::limits::Limits;
use crate::{http, tls};

/// What a host shows.
#[derive(Clone, Debug)]
pub struct ShownCertificate {
    /// The certificate itself, DER.
    pub der: Vec<u8>,
    /// Its SHA-256, as [`Trust::pin`] takes it.
    pub sha256: [u8; 32],
    /// Why the endpoint's own trust does not take it, if that is so.
    pub refused: Option<Error>,
}

impl Endpoint {
    /// Asks for the certificate without logging in.
    ///
    /// # Errors
    ///
    /// [`Error`], also for an endpoint without TLS.
    pub async fn shown_certificate(&self, limits: &Limits) -> Result<ShownCertificate, Error> {
        if !self.is_tls {
            return Err(Error::Setting {
                what: "a listener of http has no certificate".into(),
                hint: "ask the one of https, as a rule on port 5986",
            });
        }
        let any = tls::config(&Trust::Ignore, None)?;
        let mut stream = http::over_tls(self, &any, limits).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let der = chain.first().map(|certificate| certificate.to_vec()).unwrap_or_default();
        // The host does not have to wait for the end of TLS.
        let _ = stream.shutdown().await;
        let own = tls::config(&self.trust, None)?;
        let refused = match http::over_tls(self, &own, limits).await {
            Ok(mut stream) => {
                let _ = stream.shutdown().await;
                None
            }
            Err(error) => Some(error),
        };
        Ok(ShownCertificate { sha256: Sha256::digest(&der).into(), der, refused })
    }
}
