//! The text that makes a session of `/bin/sh`.

use crate::step::quote;

/// The session's program.
const SESSION: &str = include_str!("session.sh");

/// Where the session's directory may lie; the host says which by its place in this list.
pub(crate) const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// What the program needs to know.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    /// Ends everything that is sent and all raw bytes that come back.
    pub(crate) token: &'a str,
    /// Name of the session's directory.
    pub(crate) directory: &'a str,
    /// Most bytes of output per step.
    pub(crate) output_cap: u64,
    /// Largest blob.
    pub(crate) blob_cap: u64,
    /// Trusted text that is evaluated once.
    pub(crate) library: &'a str,
    /// What opens the session, behind the library.
    pub(crate) opening: &'a str,
}

/// The first bytes that the shell reads: two lines for its `read` loop, and a body read by `dd`.
pub(crate) fn bootstrap(settings: &Settings<'_>) -> Vec<u8> {
    let Settings { token, directory, output_cap, blob_cap, library, opening } = settings;
    let body = format!(
        "{SESSION}\n{library}\n{opening}\necho \"Y $plr_tok\" >&7 || exit\n\
         while IFS= read -r plr_l <&8; do case $plr_l in *\"#$plr_tok\") eval \"$plr_l\";; *) exit 1;; esac; done\n\
         exit 0\n#{token}"
    );
    let length = body.len();
    let mut candidates = String::new();
    for place in TEMPORARY {
        candidates.push(' ');
        candidates.push_str(&quote(place));
    }
    // `mkdir` of a name that nobody can guess is exclusive and follows no link.
    let lines = format!(
        "plr_tok={token} plr_len={length} plr_cap={output_cap} plr_bcap={blob_cap} plr_temp=0; \
         for plr_x in{candidates}; do pl_d=$plr_x/.paceline-{directory}; \
         mkdir -m 700 \"$pl_d\" 2>/dev/null && break; pl_d=; plr_temp=$((plr_temp+1)); done; \
         [ -n \"$pl_d\" ] || {{ echo \"E no directory for temporary files can be written\"; exit 1; }}\n\
         plr_p=$(LC_ALL=C dd bs=65536 count={length} iflag=fullblock,count_bytes 2>\"$pl_d/dd\"); \
         case $plr_p in *\"#$plr_tok\") eval \"$plr_p\";; *) rm -rf \"$pl_d\"; echo \"U dd\"; exit 1;; esac\n"
    );
    let mut bytes = lines.into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}
