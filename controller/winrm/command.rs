//! What is asked of a shell: a command line, a signal.

/// A program with its arguments.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CommandLine {
    /// The program: with `skip_cmd_shell` a path or a name that Windows finds, else anything that cmd.exe runs.
    pub program: String,
    /// Each goes into an element of its own; the host joins them with blanks *as they are*. What an argument needs in quotes is for
    /// the caller to write, by the rules of the program.
    pub arguments: Vec<String>,
    /// Starts the program itself, with a limit of 32767 characters, instead of `cmd.exe /c` with one of 8191
    /// (`WINRS_SKIP_CMD_SHELL`, [MS-WSMV] 2.2.4.11).
    pub skip_cmd_shell: bool,
    /// Gives the program a console as its input instead of a pipe (`WINRS_CONSOLEMODE_STDIN`).
    pub console_mode_stdin: bool,
}

/// What a command can be told ([MS-WSMV] 2.2.4.38).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// Ctrl-C: the program may clean up.
    CtrlC,
    /// Ctrl-Break.
    CtrlBreak,
    /// Ends the program, and frees what the host keeps of a command that ended.
    Terminate,
}

impl Signal {
    pub(crate) fn address(self) -> &'static str {
        match self {
            Self::CtrlC => "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/ctrl_c",
            Self::CtrlBreak => "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/ctrl_break",
            Self::Terminate => "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate",
        }
    }
}
