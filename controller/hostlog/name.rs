//! File names for hosts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Everything is escaped but letters, digits and these; a `~` marks a name that was cut.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Longest name that is used as it is; file systems take 255 bytes, and an ending is added.
const LONGEST: usize = 200;

/// The host's name as a file name: percent-encoded, never `.` or `..`, never too long for a file
/// system, and different for different hosts.
pub fn percent_encode_host(host: &str) -> String {
    let encoded = utf8_percent_encode(host, KEPT).to_string();
    if encoded.len() > LONGEST {
        let digest = Sha256::digest(host.as_bytes());
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        return format!("{}~{digits}", &encoded[..LONGEST - 40]);
    }
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None if encoded.is_empty() => "%".to_owned(),
        None => encoded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_stay_as_they_are() {
        assert_eq!(percent_encode_host("par-ad-01.corp.example"), "par-ad-01.corp.example");
        assert_eq!(percent_encode_host("WEB_01"), "WEB_01");
    }

    #[test]
    fn nothing_leaves_the_folder_or_hides_in_it() {
        assert_eq!(percent_encode_host("../../etc/x"), "%2E.%2F..%2Fetc%2Fx");
        assert_eq!(percent_encode_host(".."), "%2E.");
        assert_eq!(percent_encode_host("fe80::1%eth0"), "fe80%3A%3A1%25eth0");
        assert_eq!(percent_encode_host("é\n\0"), "%C3%A9%0A%00");
        assert_eq!(percent_encode_host(""), "%");
    }

    #[test]
    fn long_names_fit_and_differ() {
        let (one, two) = ("a".repeat(300), format!("{}b", "a".repeat(299)));
        assert!(percent_encode_host(&one).len() <= LONGEST);
        assert_ne!(percent_encode_host(&one), percent_encode_host(&two));
    }
}
