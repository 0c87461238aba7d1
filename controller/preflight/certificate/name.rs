//! Distinguished names as Windows writes them: the most specific part first, `CN=agent.example, O=Example`.

use x509_parser::prelude::X509Name;
use x509_parser::x509::AttributeTypeAndValue;

/// Longest name that is shown, in characters.
const LONGEST: usize = 1024;

/// The text of a name.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> =
        name.iter().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join(" + ")).collect();
    parts.reverse();
    let text = parts.join(", ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The common names of a name, most specific first.
pub(super) fn common_names(name: &X509Name<'_>) -> Vec<String> {
    let mut names: Vec<String> = name.iter_common_name().map(value).collect();
    names.reverse();
    names
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let label = match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "S",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "T",
        "2.5.4.42" => "G",
        "1.2.840.113549.1.9.1" => "E",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        other => return format!("OID.{other}={}", quoted(value(attribute))),
    };
    format!("{label}={}", quoted(value(attribute)))
}

/// Text in quotes where commas and the like would be read as something else.
fn quoted(text: String) -> String {
    let special = text.contains([',', '+', '=', '"', '<', '>', '#', ';', '\n', '\r']);
    if special || text.trim() != text { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    use x509_parser::asn1_rs::Tag;
    let bytes = attribute.as_slice();
    let units = |bytes: &[u8]| -> Vec<u16> {
        bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    };
    match attribute.attr_value().tag() {
        Tag::BmpString => String::from_utf16_lossy(&units(bytes)),
        // Nearly always Latin-1, whatever the standard says.
        Tag::T61String => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Tag::UniversalString => bytes
            .chunks_exact(4)
            .map(|unit| {
                let unit = u32::from_be_bytes([unit[0], unit[1], unit[2], unit[3]]);
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            })
            .collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A name as it is compared: without spaces around its parts, in lower case, whichever end it begins with.
pub(super) fn comparable(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut part, mut in_quotes) = (String::new(), false);
    for c in text.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| {
            let (label, value) = part.split_once('=').unwrap_or(("", part));
            let label = match label.trim().to_lowercase().as_str() {
                "st" => "s".to_owned(),
                "emailaddress" => "e".to_owned(),
                label => label.to_owned(),
            };
            format!("{label}={}", value.trim().to_lowercase())
        })
        .collect();
    parts.sort();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_their_parts() {
        let same = |one, other| comparable(one) == comparable(other);
        assert!(same("CN=Corp CA, O=Example", "O=example,CN=corp ca"));
        assert!(same("CN=a, ST=x", "s=X, cn=A"));
        assert!(same("O=\"Foo, Inc.\"", "o=\"foo, inc.\""));
        assert!(!same("CN=Corp CA, O=Example", "CN=Corp CA"));
        assert!(!same("CN=a", "OU=a"));
    }

    #[test]
    fn commas_are_quoted() {
        assert_eq!(quoted("Foo, \"Inc\"".to_owned()), "\"Foo, \"\"Inc\"\"\"");
        assert_eq!(quoted("plain".to_owned()), "plain");
    }
}
