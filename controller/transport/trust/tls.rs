//! The certificates that WinRM hosts show over https. They are pinned in the inventory, so nothing is written: a person compares the
//! digest with what the host itself says and sets `paceline_tls_pin`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use paceline_winrm::Limits;
use tokio::task::JoinSet;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::transport::{Target, TransportError, Via, winrm};

/// The certificate of a host.
#[derive(Clone, Debug)]
pub struct ShownPin {
    /// Name or address that was connected to.
    pub address: String,
    /// Port.
    pub port: u16,
    /// `SHA256:...` of the certificate, as `paceline_tls_pin` takes it.
    pub pin: String,
    /// The same digest in hexadecimal capitals, as browsers and `certutil` show it.
    pub sha256: String,
    /// What the certificate says about itself; nothing if it cannot be read. It is the host's word.
    pub says: Option<CertificateWords>,
    /// Whether the inventory pins certificates of this host.
    pub pinned: bool,
    /// Why a run would not take it; nothing if it would.
    pub refused: Option<String>,
}

/// What a certificate says, without control characters and at most 200 characters each.
#[derive(Clone, Debug)]
pub struct CertificateWords {
    /// For whom it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Until when it is valid, such as `2027-03-01 12:00:00 +00:00`.
    pub until: String,
}

/// A host by its name in the inventory, and what it shows.
pub type AskedPin = (String, Result<ShownPin, Box<TransportError>>);

/// Asks the hosts that are reached by WinRM over https, in parallel; what came of it in the order of the targets.
pub async fn shown_pins(targets: &[Target]) -> Vec<AskedPin> {
    let mut asking = JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        if matches!(&target.via, Via::WinRm(setting) if setting.tls.is_some()) {
            let target = target.clone();
            asking.spawn(async move { (index, (target.host.clone(), ask(&target).await.map_err(Box::new))) });
        }
    }
    let mut found = Vec::new();
    while let Some(asked) = asking.join_next().await {
        found.extend(asked.ok());
    }
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, shown)| shown).collect()
}

async fn ask(target: &Target) -> Result<ShownPin, TransportError> {
    let Via::WinRm(setting) = &target.via else {
        return Err(TransportError::Local { message: "it is not reached by WinRM".to_owned() });
    };
    let endpoint = winrm::endpoint(&target.host, setting, &|_| {})?;
    let limits = Limits { connect: setting.connect_timeout, ..Limits::default() };
    let shown = endpoint.shown_certificate(&limits).await.map_err(|error| winrm::of(&error, setting.psrp))?;
    Ok(ShownPin {
        address: setting.address.clone(),
        port: setting.port,
        pin: format!("SHA256:{}", STANDARD_NO_PAD.encode(shown.sha256)),
        sha256: shown.sha256.iter().map(|byte| format!("{byte:02X}")).collect(),
        says: words(&shown.der),
        pinned: setting.tls.as_ref().is_some_and(|tls| !tls.pins.is_empty()),
        refused: shown.refused.map(|error| error.to_string()),
    })
}

fn words(der: &[u8]) -> Option<CertificateWords> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let clean = |text: String| -> String {
        text.chars().map(|c| if c.is_control() || is_invisible(c) { '?' } else { c }).take(200).collect()
    };
    Some(CertificateWords {
        subject: clean(certificate.subject().to_string()),
        issuer: clean(certificate.issuer().to_string()),
        until: clean(certificate.validity().not_after.to_datetime().to_string()),
    })
}

/// Marks that change the direction of text or cannot be seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The hosts that are reached by WinRM over http, which have no certificate.
pub fn without_certificate(targets: &[Target]) -> impl Iterator<Item = &str> {
    targets
        .iter()
        .filter(|target| matches!(&target.via, Via::WinRm(setting) if setting.tls.is_none()))
        .map(|target| target.host.as_str())
}

/// The pins that the inventory sets, as pairs of a host and 64 lower case digits.
pub fn inventory_pins(targets: &[Target]) -> impl Iterator<Item = (&str, &str)> {
    targets.iter().flat_map(|target| {
        let tls = match &target.via {
            Via::WinRm(setting) => setting.tls.as_ref(),
            _ => None,
        };
        tls.into_iter().flat_map(|tls| &tls.pins).map(|pin| (target.host.as_str(), pin.as_str()))
    })
}

/// The certificates as a table: a line for each host, and what a certificate says below it.
#[must_use]
pub fn render_pins(asked: &[AskedPin]) -> String {
    let width = asked.iter().map(|(host, _)| host.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (host, answer) in asked {
        let said = match answer {
            Err(error) => format!("no certificate: {error}"),
            Ok(shown) => {
                let status = match (&shown.refused, shown.pinned) {
                    (None, true) => "pinned".to_owned(),
                    (None, false) => "trusted by its authority".to_owned(),
                    (Some(_), true) => "NOT THE PINNED ONE".to_owned(),
                    (Some(reason), false) => format!("not trusted: {reason}"),
                };
                format!("certificate  {}  {status}", shown.pin)
            }
        };
        text.push_str(&format!("{host:width$}  {said}\n"));
        if let Ok(shown) = answer {
            text.push_str(&format!("  SHA-256  {}\n", shown.sha256));
            if let Some(CertificateWords { subject, issuer, until }) = &shown.says {
                text.push_str(&format!("  subject  {subject}\n  issuer   {issuer}\n  until    {until}\n"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_a_run_would_do() {
        let shown = |host: &str, pinned: bool, refused: Option<&str>| {
            let shown = ShownPin {
                address: host.to_owned(),
                port: 5986,
                pin: "SHA256:x".to_owned(),
                sha256: "AB".to_owned(),
                says: pinned.then(|| CertificateWords {
                    subject: "CN=par".to_owned(),
                    issuer: "CN=CA".to_owned(),
                    until: "2027".to_owned(),
                }),
                pinned,
                refused: refused.map(str::to_owned),
            };
            (host.to_owned(), Ok(shown))
        };
        let gone = TransportError::Lost { reason: "gone".to_owned() };
        let table = render_pins(&[
            shown("par-1", true, None),
            shown("par-10", true, Some("another")),
            shown("par-2", false, None),
            shown("par-3", false, Some("self-signed")),
            ("par-4".to_owned(), Err(Box::new(gone))),
        ]);
        let expected = [
            "par-1   certificate  SHA256:x  pinned",
            "  SHA-256  AB",
            "  subject  CN=par",
            "  issuer   CN=CA",
            "  until    2027",
            "par-10  certificate  SHA256:x  NOT THE PINNED ONE",
            "  SHA-256  AB",
            "  subject  CN=par",
            "  issuer   CN=CA",
            "  until    2027",
            "par-2   certificate  SHA256:x  trusted by its authority",
            "  SHA-256  AB",
            "par-3   certificate  SHA256:x  not trusted: self-signed",
            "  SHA-256  AB",
            "par-4   no certificate: connection lost: gone",
        ];
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
        assert!(words(b"no certificate").is_none());
        assert!(is_invisible('\u{202e}') && !is_invisible('ü'));
    }
}
