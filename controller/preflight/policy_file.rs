//! The certificate policy of a site, in a YAML file: what differs from the default.

use std::path::Path;

use super::certificate::{Policy, is_thumbprint};
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, Node, suggestion};

const KEYS: [&str; 6] = ["strict", "expires_within", "key_size", "issuers", "private_key", "sdk"];
const SDK_KEYS: [&str; 2] = ["subjects", "thumbprints"];

/// Reads a policy. What the file does not say stays as the default has it; lists of the SDK are added to.
///
/// # Errors
/// The file cannot be read, or says what is not known; all of it is told at once.
pub fn read_policy(path: &Path, name: &str) -> Result<Policy, Diagnostics> {
    let (node, mut diagnostics) = source::load(path, name, &Vault::default());
    let mut policy = Policy::default();
    if let Some(node) = node.filter(|node| !node.is_null()) {
        let mut read = ReadPolicy { policy: &mut policy, diagnostics: &mut diagnostics };
        read.all(&node);
    }
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(policy) }
}

struct ReadPolicy<'a> {
    policy: &'a mut Policy,
    diagnostics: &'a mut Diagnostics,
}

impl ReadPolicy<'_> {
    fn all(&mut self, node: &Node) {
        if !node.is_mapping() {
            self.wrong(node, "a policy is a mapping");
            return;
        }
        for (key, value) in node.entries() {
            match key.key_text().as_str() {
                "strict" => self.policy.strict = self.flag(value).unwrap_or_default(),
                "private_key" => self.policy.private_key = self.flag(value).unwrap_or_default(),
                "expires_within" => {
                    if let Some(days) = self.number(value, 0, 36_500, "days") {
                        self.policy.expires_within = u32::try_from(days).unwrap_or_default();
                    }
                }
                "key_size" => {
                    if let Some(bits) = self.number(value, 1024, 16_384, "bits") {
                        self.policy.key_size = usize::try_from(bits).unwrap_or_default();
                    }
                }
                "issuers" => self.policy.issuers = self.texts(value),
                "sdk" => self.sdk(value),
                other => self.unknown(key, other, &KEYS),
            }
        }
    }

    fn sdk(&mut self, node: &Node) {
        if !node.is_mapping() {
            self.wrong(node, "`sdk` is a mapping with `subjects` and `thumbprints`");
            return;
        }
        for (key, value) in node.entries() {
            match key.key_text().as_str() {
                "subjects" => {
                    let subjects = self.texts(value);
                    self.policy.sdk.subjects.extend(subjects);
                }
                "thumbprints" => {
                    for item in value.items() {
                        if item.as_str().is_some_and(|text| !text.trim().is_empty() && !is_thumbprint(text)) {
                            self.wrong(item, "a thumbprint has 40 or 64 hexadecimal digits");
                        }
                    }
                    let thumbprints = self.texts(value);
                    self.policy.sdk.thumbprints.extend(thumbprints);
                }
                other => self.unknown(key, other, &SDK_KEYS),
            }
        }
    }

    fn unknown(&mut self, key: &Node, name: &str, keys: &[&'static str]) {
        let hint = suggestion(name, keys.iter().copied())
            .unwrap_or_else(|| format!("known are `{}`", keys.join("`, `")));
        let message = format!("a policy has no `{name}`");
        self.diagnostics.push(Diagnostic::error(&key.span, message).hint(hint));
    }

    fn wrong(&mut self, node: &Node, message: &str) {
        self.diagnostics.push(Diagnostic::error(&node.span, message));
    }

    fn flag(&mut self, node: &Node) -> Option<bool> {
        let flag = node.as_bool();
        if flag.is_none() {
            self.wrong(node, "`true` or `false` belongs here");
        }
        flag
    }

    fn number(&mut self, node: &Node, least: i64, most: i64, what: &str) -> Option<i64> {
        let number = node.as_int().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(node, &format!("a number of {what} from {least} to {most} belongs here"));
        }
        number
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        if !node.is_sequence() {
            self.wrong(node, "a list of texts belongs here");
        }
        let mut texts = Vec::new();
        for item in node.items() {
            match item.as_str().filter(|text| !text.trim().is_empty()) {
                Some(text) => texts.push(text.to_owned()),
                None => self.diagnostics.push(
                    Diagnostic::error(&item.span, "a text belongs here")
                        .hint("put digits of thumbprints into quotes"),
                ),
            }
        }
        texts
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policy, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read_policy(file.path(), "policy.yml").map_err(|diagnostics| diagnostics.render(false))
    }

    #[test]
    fn says_what_differs_from_the_default() {
        let policy =
            read("strict: true\nissuers: [Corp CA]\nsdk:\n  thumbprints: [\"00:112233445566778899 aabbccddeeff00112233\"]\nexpires_within: 60\n")
                .unwrap();
        assert!(policy.strict && policy.private_key);
        assert_eq!((policy.expires_within, policy.key_size), (60, 2048));
        assert_eq!(policy.issuers, ["Corp CA"]);
        assert_eq!(policy.sdk.thumbprints, ["00:112233445566778899 aabbccddeeff00112233"]);
        assert_eq!(policy.sdk.subjects, Policy::default().sdk.subjects);
        assert_eq!(read("").unwrap(), Policy::default());
    }

    #[test]
    fn a_thumbprint_that_no_certificate_can_have_is_refused() {
        for text in ["zz", "00ff", "00112233445566778899aabbccddeeff001122zz"] {
            let error = read(&format!("sdk: {{thumbprints: ['{text}']}}")).unwrap_err();
            assert!(error.contains("40 or 64 hexadecimal digits"), "{error}");
        }
        assert!(read("issuers: ['']").unwrap_err().contains("a text belongs here"));
    }

    #[test]
    fn tells_all_that_is_wrong() {
        let error = read("strikt: true\nkey_size: 12\nissuers: x\nsdk: {thumbprint: []}\n").unwrap_err();
        for part in
            ["no `strikt`", "did you mean `strict`", "from 1024 to 16384", "a list", "no `thumbprint`"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
