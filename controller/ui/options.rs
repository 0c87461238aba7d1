//! What a person chose about what is shown. Nothing here reads the environment: the command line does.

use std::path::PathBuf;

/// For people or for programs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OutputFormat {
    /// Lines, tables and bars.
    #[default]
    Human,
    /// JSON: events one a line, or one document.
    Json,
}

/// How a run is shown.
///
/// By default changes, failures, ignored and rescued failures, messages of `debug` and warnings are
/// shown, so that 500 hosts that are as they should be make no noise. `-v` adds tasks that were ok or
/// skipped and loop items, `-vv` connections, finished hosts and rollback points. A terminal with bars
/// shows changes from `-v` on.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many `-v`.
    pub verbosity: u8,
    /// Whether to colour; see [`color_wanted`].
    pub color: bool,
    /// Whether to show diffs (`plan`, `--diff`).
    pub diff: bool,
    /// Columns that headings fill; Ansible takes 79 without a terminal.
    pub columns: usize,
    /// Columns of the terminal, if there is one: a recap that is wider is drawn closer.
    pub terminal: Option<usize>,
    /// The state folder, for the lines that say where the logs are; none if nothing is kept.
    pub state_dir: Option<PathBuf>,
    /// Whether the suggested commands must name the state folder, because it is not the default one.
    pub name_state_dir: bool,
    /// Whether to suggest `paceline resume`.
    pub suggest_resume: bool,
    /// Whether to suggest `paceline rollback`.
    pub suggest_rollback: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verbosity: 0,
            color: false,
            diff: false,
            columns: 79,
            terminal: None,
            state_dir: None,
            name_state_dir: false,
            suggest_resume: true,
            suggest_rollback: true,
        }
    }
}

/// Whether to colour: on a terminal that is not `dumb`, unless `NO_COLOR` is set to anything
/// (<https://no-color.org>). `force` (`CLICOLOR_FORCE`, `FORCE_COLOR`) overrides the terminal, not `NO_COLOR`.
pub fn color_wanted(no_color: Option<&str>, term: Option<&str>, terminal: bool, force: bool) -> bool {
    no_color.is_none_or(str::is_empty) && (force || (terminal && term != Some("dumb")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_where_they_are_wanted() {
        assert!(color_wanted(None, Some("xterm"), true, false));
        assert!(color_wanted(Some(""), None, true, false));
        assert!(!color_wanted(Some("1"), Some("xterm"), true, true));
        assert!(!color_wanted(None, Some("dumb"), true, false));
        assert!(!color_wanted(None, Some("xterm"), false, false));
        assert!(color_wanted(None, None, false, true));
    }
}
