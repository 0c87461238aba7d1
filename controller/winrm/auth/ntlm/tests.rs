//! The example of [MS-NLMP] 4.2.4, and a whole handshake as a host sees it.

use super::*;

const HOST_NONCE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn info() -> Vec<u8> {
    hex("02000c00 44006f006d00610069006e00 01000c00 530065007200760065007200 00000000")
}

#[test]
fn response_and_keys_are_those_of_the_specification() {
    let key = response_key("User", "Domain", &"Password".into());
    let response = respond(&key, &HOST_NONCE, &[0xaa; 8], &[0; 8], &info());
    assert_eq!(response.text[..16], hex("68cd0ab851e51c96aabc927bebef6a1c"));
    assert_eq!(response.session_base.to_vec(), hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    let lm = hmac_md5(key.as_slice(), &[&HOST_NONCE, &[0xaa; 8]]);
    assert_eq!(lm.to_vec(), hex("86c35097ac9cec102554764a57cccc19"));
    let mut session = [0x55; 16];
    Cipher::new(&response.session_base).apply(&mut session);
    assert_eq!(session.to_vec(), hex("c5dad2544fc9799094ce1ce90bc9d03e"));
}

/// A challenge with these attributes in front of the end.
fn challenge(attributes: &[u8]) -> Vec<u8> {
    let info = [attributes, &[0; 4]].concat();
    let mut message = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x38\0\0\0".to_vec();
    message.extend_from_slice(&(flags::OFFERED | flags::TARGET_INFO).to_le_bytes());
    message.extend_from_slice(&HOST_NONCE);
    message.extend_from_slice(&[0; 8]);
    let length = u16::try_from(info.len()).unwrap().to_le_bytes();
    message.extend_from_slice(&[length, length].concat());
    message.extend_from_slice(&56u32.to_le_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&info);
    message
}

/// The `n`th text of a third message.
fn text(message: &[u8], n: usize) -> &[u8] {
    let field = &message[12 + 8 * n..20 + 8 * n];
    let length = usize::from(u16::from_le_bytes([field[0], field[1]]));
    let start = usize::from(u16::from_le_bytes([field[4], field[5]]));
    &message[start..start + length]
}

fn shake(account: &str, attributes: &[u8], bindings: Option<[u8; 16]>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (handshake, first) = Handshake::start();
    let challenge = challenge(attributes);
    let account: Account = account.parse().unwrap();
    let identity =
        Identity { account: &account, password: &"Password".into(), service: "HTTP/h.example", bindings };
    let entropy = Entropy { nonce: [0xaa; 8], session: Zeroizing::new([0x55; 16]) };
    let (third, _) = handshake.answer(&challenge, &identity, &entropy).unwrap();
    (first, challenge, third)
}

#[test]
fn a_host_with_a_clock_gets_its_time_an_integrity_code_and_no_lm_response() {
    let mut attributes = hex("01000c00 530065007200760065007200 07000800");
    attributes.extend_from_slice(b"HOSTTIME");
    let (first, challenge, third) = shake("Domain\\User", &attributes, Some([7; 16]));
    assert_eq!(text(&third, 0), [0; 24]);
    let nt = text(&third, 1);
    assert_eq!(&nt[24..32], b"HOSTTIME");
    let sent = String::from_utf8_lossy(nt).into_owned();
    assert!(sent.contains("\u{6}\0\u{4}\0\u{2}\0\0\0"), "the flag for the integrity code");
    assert!(sent.contains("\u{a}\0\u{10}\0\u{7}\u{7}\u{7}\u{7}"), "the channel bindings");
    assert!(nt.windows(28).any(|w| w == utf16("HTTP/h.example").as_slice()));
    let mut without = third.clone();
    without[INTEGRITY_CODE..TEXTS].fill(0);
    let code = hmac_md5(&[0x55; 16], &[&first, &challenge, &without]);
    assert_eq!(third[INTEGRITY_CODE..TEXTS], *code.as_slice());
}

#[test]
fn a_host_without_a_clock_gets_an_lm_response_and_no_code() {
    let (_, _, third) = shake("Domain\\User", &info()[..32], None);
    assert_eq!(text(&third, 0)[..16], hex("86c35097ac9cec102554764a57cccc19"));
    assert_eq!(third[INTEGRITY_CODE..TEXTS], [0; 16]);
}

#[test]
fn names_go_where_windows_looks_for_them() {
    let computer = hex("01000c00 530065007200760065007200");
    for (account, domain, user) in [
        ("Domain\\User", "Domain", "User"),
        (".\\User", ".", "User"),
        ("User@corp.example", "", "User@corp.example"),
        ("User", "", "User"),
    ] {
        let (_, _, third) = shake(account, &computer, None);
        assert_eq!(text(&third, 2), utf16(domain).as_slice(), "{account}");
        assert_eq!(text(&third, 3), utf16(user).as_slice(), "{account}");
    }
}
