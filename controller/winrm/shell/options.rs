//! What a shell is opened with.

use std::time::Duration;

/// Options of a shell. The default is what this crate is for: UTF-8, the user's profile, a quarter of an hour until the host ends a
/// shell that nobody uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShellOptions {
    /// How long the host keeps the shell without any request. None takes the host's own, 2 hours: a client that was killed
    /// leaves its shell behind for so long. Under a minute many hosts refuse.
    pub idle_timeout: Option<Duration>,
    /// How long the host keeps the shell at all. Few hosts allow a value.
    pub lifetime: Option<Duration>,
    /// The code page of the streams; 65001 is UTF-8.
    pub code_page: u32,
    /// Where commands start; the user's profile if None.
    pub working_directory: Option<String>,
    /// Variables that commands get on top of the user's own. Not for secrets: other programs of the user can read them.
    pub environment: Vec<(String, String)>,
    /// Loads the user's profile, as a login does: without it `HKEY_CURRENT_USER` is that of nobody, and the stores of the
    /// user's own certificates, variables and keys of DPAPI are not there. It makes the first command of a user slower.
    pub load_profile: bool,
}

impl Default for ShellOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(15 * 60)),
            lifetime: None,
            code_page: 65001,
            working_directory: None,
            environment: Vec::new(),
            load_profile: true,
        }
    }
}
