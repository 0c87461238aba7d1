//! The flags of NTLM messages ([MS-NLMP] 2.2.2.5) that this client offers and insists on.

pub(super) const UNICODE: u32 = 0x0000_0001;
pub(super) const REQUEST_TARGET: u32 = 0x0000_0004;
pub(super) const SIGN: u32 = 0x0000_0010;
pub(super) const SEAL: u32 = 0x0000_0020;
pub(super) const NTLM: u32 = 0x0000_0200;
pub(super) const ALWAYS_SIGN: u32 = 0x0000_8000;
pub(super) const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
pub(super) const TARGET_INFO: u32 = 0x0080_0000;
pub(super) const VERSION: u32 = 0x0200_0000;
pub(super) const KEY_128: u32 = 0x2000_0000;
pub(super) const KEY_EXCHANGE: u32 = 0x4000_0000;
pub(super) const KEY_56: u32 = 0x8000_0000;

/// What is offered.
pub(super) const OFFERED: u32 = UNICODE
    | REQUEST_TARGET
    | SIGN
    | SEAL
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SESSION_SECURITY
    | VERSION
    | KEY_128
    | KEY_EXCHANGE
    | KEY_56;

/// What a host must take, each with the name that an error gives it. Without these NTLM is weak enough to be
/// broken on the way.
pub(super) const REQUIRED: [(u32, &str); 7] = [
    (UNICODE, "Unicode"),
    (SIGN, "signing"),
    (SEAL, "sealing"),
    (EXTENDED_SESSION_SECURITY, "extended session security"),
    (TARGET_INFO, "target information (NTLMv2)"),
    (KEY_128, "128-bit keys"),
    (KEY_EXCHANGE, "key exchange"),
];
