//! Every format in which a certificate and its key may come.

use super::certificates::{found, judged};
use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;

const PASSWORD: &str = "öffne @dich 7";

fn made() -> Certificates {
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    certificates.write("password", &format!("{PASSWORD}\n"));
    certificates.write("wrong", "wrong");
    certificates
}

/// Exports with `openssl pkcs12`.
fn pfx(certificates: &Certificates, name: &str, password: &str, options: &[&str]) -> String {
    let out = certificates.argument(name);
    let password = format!("pass:{password}");
    let mut arguments = vec!["pkcs12", "-export", "-out", &out, "-passout", &password];
    let (key, certificate) =
        (certificates.argument("agent.example.key"), certificates.argument("agent.example.crt"));
    if !options.contains(&"-nokeys") {
        arguments.extend(["-inkey", &key]);
    }
    arguments.extend(["-in", &certificate]);
    arguments.extend(options);
    certificates.openssl(&arguments);
    out
}

const LEGACY: [&str; 6] = ["-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg"];

#[test]
fn pfx_of_every_kind_opens_with_its_password() {
    let certificates = made();
    let with_sha1 = [&LEGACY[..], &["sha1"]].concat();
    let rc2_128 =
        ["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128", "-macalg", "sha1"];
    for (name, options) in [
        ("modern", &[][..]),
        ("legacy", &with_sha1),
        ("rc2-128", &rc2_128),
        ("3des", &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"]),
        ("sha512", &["-macalg", "sha512", "-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC"]),
        ("plain parts", &["-certpbe", "NONE", "-keypbe", "NONE"]),
        ("rounds", &["-iter", "100000"]),
    ] {
        let path = pfx(&certificates, name, PASSWORD, options);
        let document =
            judged(0, &["--certificate", &path, "--password-file", &certificates.argument("password")]);
        assert_eq!(found(&document), [""; 0], "{name}");
        assert_eq!(document["certificates"][0]["has_private_key"], true, "{name}");
        assert_eq!(document["certificates"][0]["place"], path, "{name}");
        let wrong = judged(2, &["--certificate", &path, "--password-file", &certificates.argument("wrong")]);
        assert_eq!(found(&wrong), ["error certificate-unreadable"], "{name}");
        let message = wrong["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains("the password does not open it"), "{name}: {message}");
        let without = judged(2, &["--certificate", &path]);
        let message = without["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains("no password is given"), "{name}: {message}");
    }
}

#[test]
fn pfx_without_a_password() {
    let certificates = made();
    let path = pfx(&certificates, "open.pfx", "", &[]);
    let empty = certificates.write("empty", "\n");
    assert_eq!(found(&judged(0, &["--certificate", &path])), [""; 0]);
    assert_eq!(found(&judged(0, &["--certificate", &path, "--password-file", &empty])), [""; 0]);
    let wrong = judged(2, &["--certificate", &path, "--password-file", &certificates.argument("wrong")]);
    let message = wrong["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("made without a password"), "{message}");
}

#[test]
fn pfx_with_a_chain_and_without_a_key() {
    let certificates = made();
    let (authority, password) = (certificates.argument("Example CA.crt"), certificates.argument("password"));
    let path = pfx(&certificates, "chain.pfx", PASSWORD, &["-certfile", &authority]);
    let document = judged(0, &["--certificate", &path, "--password-file", &password]);
    assert_eq!(found(&document), [""; 0]);
    let chain = document["certificates"].as_array().unwrap().iter().filter(|one| one["chain"] == true);
    assert_eq!(chain.count(), 1);
    let path = pfx(&certificates, "keyless.pfx", PASSWORD, &["-nokeys"]);
    let document = judged(2, &["--certificate", &path, "--password-file", &password]);
    assert_eq!(found(&document), ["error certificate-no-private-key"]);
}

#[test]
fn keys_of_every_kind_in_pem() {
    let certificates = made();
    let key = certificates.argument("agent.example.key");
    let pass = format!("pass:{PASSWORD}");
    let encrypted: &[&str] = &["pkcs8", "-topk8", "-passout", &pass, "-v2"];
    for (name, arguments) in [
        ("pkcs1", vec!["rsa", "-traditional"]),
        ("pkcs8", vec!["pkcs8", "-topk8", "-nocrypt"]),
        ("aes", [encrypted, &["aes-256-cbc"]].concat()),
        ("sha1", [encrypted, &["aes-128-cbc", "-v2prf", "hmacWithSHA1"]].concat()),
        ("3des", [encrypted, &["des3"]].concat()),
        ("scrypt", [encrypted, &["aes-256-cbc", "-scrypt"]].concat()),
        ("old", vec!["pkcs8", "-topk8", "-passout", &pass, "-v1", "PBE-SHA1-3DES"]),
    ] {
        let out = certificates.argument("converted.key");
        let mut all = arguments;
        all.extend(["-in", &key, "-out", &out]);
        certificates.openssl(&all);
        let text = certificates.text("converted.key") + &certificates.text("agent.example.crt");
        let path = certificates.write("both.pem", &text);
        let password = certificates.argument("password");
        let document = judged(0, &["--certificate", &path, "--password-file", &password]);
        assert_eq!(found(&document), [""; 0], "{name}");
        if text.contains("ENCRYPTED") {
            for (password, said) in [(Some("wrong"), "does not open"), (None, "no password is given")] {
                let mut arguments = vec!["--certificate".to_owned(), path.clone()];
                if let Some(password) = password {
                    arguments.extend(["--password-file".to_owned(), certificates.argument(password)]);
                }
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let document = judged(2, &arguments);
                assert_eq!(found(&document), ["error certificate-unreadable"], "{name}");
                assert_eq!(document["findings"][0]["place"], format!("{path}:1"), "{name}");
                let message = document["findings"][0]["message"].as_str().unwrap();
                assert!(message.contains(said), "{name}: {message}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let certificates = made();
    let der = certificates.argument("agent.der");
    certificates.openssl(&[
        "x509",
        "-in",
        &certificates.argument("agent.example.crt"),
        "-outform",
        "DER",
        "-out",
        &der,
    ]);
    assert_eq!(found(&judged(2, &["--certificate", &der])), ["error certificate-no-private-key"]);
    let bytes = std::fs::read(&der).unwrap();
    std::fs::write(&der, &bytes[..bytes.len() - 1]).unwrap();
    let key = certificates.argument("agent.example.key");
    let old = certificates.argument("old.key");
    certificates.openssl(&[
        "rsa",
        "-traditional",
        "-aes128",
        "-passout",
        "pass:x",
        "-in",
        &key,
        "-out",
        &old,
    ]);
    let nomac = pfx(&certificates, "nomac.pfx", PASSWORD, &["-nomac"]);
    let rc4 = pfx(
        &certificates,
        "rc4.pfx",
        PASSWORD,
        &["-legacy", "-certpbe", "PBE-SHA1-RC4-128", "-keypbe", "PBE-SHA1-RC4-128"],
    );
    let folder = certificates.argument("folder");
    std::fs::create_dir(&folder).unwrap();
    for (path, said) in [
        (der, "not an X.509 certificate"),
        (certificates.write("text", "no certificate\n"), "neither PEM nor DER nor PFX"),
        (certificates.write("empty", ""), "neither PEM nor DER nor PFX"),
        (certificates.write("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"), "no matching `END`"),
        (
            certificates.write("noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "not an X.509",
        ),
        (key, "it holds no certificate"),
        (old, "Proc-Type: 4,ENCRYPTED"),
        (nomac, "no integrity check"),
        (rc4, "encryption 1.2.840.113549.1.12.1.1"),
        (folder, "no regular file"),
        ("missing.pfx".to_owned(), "No such file"),
    ] {
        let document =
            judged(2, &["--certificate", &path, "--password-file", &certificates.argument("password")]);
        let reason = document["findings"][0]["message"].as_str().unwrap();
        assert_eq!(document["findings"][0]["id"], "certificate-unreadable", "{path}");
        assert!(reason.contains(said), "{path}: {reason}");
    }
}

#[test]
fn neither_password_nor_key_is_ever_printed() {
    let certificates = made();
    let path = pfx(&certificates, "agent.pfx", PASSWORD, &[]);
    let pem = certificates.argument("agent.example.pem");
    let secret_line = certificates.text("agent.example.key").lines().nth(3).unwrap().to_owned();
    for password in ["password", "wrong"] {
        for output in ["human", "json"] {
            let password = certificates.argument(password);
            let arguments = [
                "preflight",
                "-vvv",
                "--output",
                output,
                "--certificate",
                &path,
                &pem,
                "--password-file",
                &password,
            ];
            let ended = Environment::new().run(&arguments);
            for text in [&ended.stdout, &ended.stderr] {
                assert!(!text.contains(PASSWORD) && !text.contains(&secret_line), "{text}");
            }
        }
    }
}
