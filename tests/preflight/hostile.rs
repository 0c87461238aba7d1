//! Files that are made to keep the program busy, to fill its memory or to crash it.

use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use super::certificates::{found, judged};
use crate::support::certificates::{Certificates, Wanted};

/// Judges a file that has to be refused, within seconds.
#[track_caller]
fn refused(path: &str, said: &str, password: &str) {
    let started = Instant::now();
    let document = judged(2, &["--certificate", path, "--password-file", password]);
    assert!(started.elapsed() < Duration::from_secs(20), "{path} took {:?}", started.elapsed());
    assert_eq!(found(&document)[0], "error certificate-unreadable", "{path}");
    let message = document["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains(said), "{path}: {message}");
}

#[test]
fn large_files_are_not_read() {
    let certificates = Certificates::new();
    let password = certificates.write("password", "x");
    let path = certificates.write("large.pfx", "0");
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(100 << 20)).unwrap();
    file.write_all(b"end").unwrap();
    refused(&path, "more than 1024 KiB", &password);
    refused("/dev/zero", "no regular file", &password);
}

#[test]
fn deep_and_endless_structures_are_refused() {
    let certificates = Certificates::new();
    let password = certificates.write("password", "x");
    let raw = |name: &str, bytes: &[u8]| {
        std::fs::write(certificates.path(name), bytes).unwrap();
        certificates.argument(name)
    };
    // 200,000 sequences, each in the one before it.
    let mut nested = Vec::new();
    for behind in (0..200_000_u32).rev() {
        let length = (behind * 5).to_be_bytes();
        nested.extend([0x30, 0x83, length[1], length[2], length[3]]);
    }
    refused(&raw("nested.der", &nested), "not an X.509", &password);
    refused(&raw("open.der", &[0x30, 0x80].repeat(1000)), "not an X.509", &password);
    refused(&raw("huge.pfx", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 3]), "", &password);
    let blocks = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(10_000);
    let document = judged(2, &["--certificate", &certificates.write("blocks.pem", &blocks)]);
    assert_eq!(document["findings"].as_array().unwrap().len(), 257);
}

/// Rounds of key derivation that would take years, in the integrity check, in parts, and in keys.
#[test]
fn absurd_rounds_are_refused_before_the_first_one() {
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    let password = certificates.write("password", "x");
    let key = certificates.argument("agent.example.key");
    let certificate = certificates.argument("agent.example.crt");
    let out = certificates.argument("agent.pfx");
    certificates.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        &key,
        "-in",
        &certificate,
        "-passout",
        "pass:x",
        "-iter",
        "77777",
        "-out",
        &out,
    ]);
    let encrypted = certificates.argument("encrypted.key");
    certificates.openssl(&[
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-iter",
        "77777",
        "-passout",
        "pass:x",
        "-in",
        &key,
        "-outform",
        "DER",
        "-out",
        &encrypted,
    ]);
    let rounds = [0x02, 0x03, 0x01, 0x2f, 0xd1];
    let absurd_rounds = [0x02, 0x03, 0x7f, 0xff, 0xff];
    // The rounds of the integrity check are the last thing in an archive.
    let mut absurd = std::fs::read(&out).unwrap();
    assert!(absurd.ends_with(&rounds));
    let at = absurd.len() - rounds.len();
    absurd[at..].copy_from_slice(&absurd_rounds);
    std::fs::write(&out, absurd).unwrap();
    refused(&out, "more than 5000000 rounds", &password);
    let mut absurd = std::fs::read(&encrypted).unwrap();
    let at = absurd.windows(rounds.len()).position(|window| window == rounds).unwrap();
    absurd[at..at + rounds.len()].copy_from_slice(&absurd_rounds);
    let text = base64(&absurd);
    let pem = format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let path = certificates.write("absurd.pem", &(pem + &certificates.text("agent.example.crt")));
    refused(&path, "more than 5000000 rounds", &password);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
