//! Damaged files: whatever bytes come, there is an answer, and it is soon there.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;
use std::sync::OnceLock;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// A PFX archive and a PEM file with an encrypted key, both with the password `x`, made by `openssl`.
fn files() -> &'static [Vec<u8>; 3] {
    static FILES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |line: &str| {
            let output = Command::new("openssl")
                .args(line.split(' '))
                .current_dir(folder.path())
                .output()
                .unwrap_or_else(|error| panic!("install the Debian package `openssl`: {error}"));
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        };
        openssl("req -x509 -days 100 -newkey rsa:1024 -nodes -keyout a.key -out a.crt -subj /O=Example/CN=a.example");
        openssl("pkcs12 -export -inkey a.key -in a.crt -passout pass:x -iter 2 -out a.pfx");
        openssl("pkcs8 -topk8 -v2 aes-128-cbc -iter 2 -passout pass:x -in a.key -out b.key");
        openssl("x509 -in a.crt -outform DER -out a.der");
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        [read("a.pfx"), [read("a.crt"), read("b.key")].concat(), read("a.der")]
    })
}

fn judged(bytes: &[u8]) -> Judged {
    judge(vec![open(bytes, Source::file("a"), Some("x"))], &Policy::default(), Timestamp::now())
}

#[test]
fn the_whole_files_are_readable() {
    let ids = |bytes| judged(bytes).findings.into_iter().map(|finding| finding.id).collect::<Vec<_>>();
    let [pfx, pem, der] = files();
    let expected = ["certificate-weak-key", "certificate-signatory"];
    assert_eq!(ids(pfx), expected);
    assert_eq!(ids(pem), expected);
    assert_eq!(ids(der), [expected[0], expected[1], "certificate-no-private-key"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_give_findings(
        which in 0_usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = files()[which].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let judged = judged(&bytes);
        prop_assert!(!judged.findings.is_empty());
    }

    #[test]
    fn noise_is_no_certificate(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let judged = judged(&noise);
        prop_assert!(judged.findings.iter().any(|finding| finding.id == "certificate-unreadable"));
        prop_assert!(judged.certificates.is_empty());
    }
}
