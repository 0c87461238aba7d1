//! Faults: how a host says no. What they mean is decided by the number that Windows gives them, never by their text, which is in the
//! host's language.

use std::fmt;

/// A fault of WS-Management ([DMTF DSP0226] 14) with the number of `f:WSManFault` ([MS-WSMV] 2.2.4.43).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fault {
    /// The number, if the host gave one. An `HRESULT` that wraps an error of Windows is unwrapped: 5 is "access denied".
    pub code: Option<u32>,
    /// The last part of the subcode, `TimedOut`.
    pub subcode: String,
    /// What the host says, without control characters and cut to a length that fits a message.
    pub reason: String,
}

/// What a fault means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// The operation is still at work (2150858793): ask again.
    TimedOut,
    /// The shell or the command does not exist, or not any more.
    Gone,
    /// The account may not do this.
    AccessDenied,
    /// An earlier input is still being taken (170).
    Busy,
    /// Too many shells of this account on the host.
    TooManyShells,
    /// Too many commands in the shell.
    TooManyCommands,
    /// Too many operations, users or requests.
    OtherQuota,
    /// The envelope is too large for the host.
    TooLarge,
    /// The program or folder does not exist (2, 3).
    NotFound,
    /// Remote shells are switched off.
    ShellsNotAllowed,
    /// The command line is too long.
    LineTooLong,
    /// Another fault.
    Other,
}

impl Fault {
    /// What it means.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        // The numbers are those of `wsmerror.h` and `winerror.h`.
        match self.code {
            Some(2_150_858_793) => FaultKind::TimedOut,
            // ERROR_WSMAN_UNEXPECTED_SELECTORS is what an unknown ShellId gives; the others are of closed shells and commands.
            Some(2_150_858_843 | 2_150_859_082 | 2_150_859_084 | 2_150_859_085) => FaultKind::Gone,
            Some(5) => FaultKind::AccessDenied,
            Some(170) => FaultKind::Busy,
            Some(2_150_859_173 | 2_150_859_236 | 2_150_859_238) => FaultKind::TooManyShells,
            Some(2_150_859_241) => FaultKind::TooManyCommands,
            Some(
                2_150_858_815
                | 2_150_859_174..=2_150_859_176
                | 2_150_859_179
                | 2_150_859_237
                | 2_150_859_239
                | 2_150_859_240
                | 2_150_859_242,
            ) => FaultKind::OtherQuota,
            Some(2_150_858_823..=2_150_858_825 | 2_150_858_862 | 2_150_858_863) => FaultKind::TooLarge,
            Some(2 | 3 | 267) => FaultKind::NotFound,
            Some(206) => FaultKind::LineTooLong,
            Some(2_150_859_180) => FaultKind::ShellsNotAllowed,
            Some(_) => FaultKind::Other,
            None => match self.subcode.as_str() {
                "TimedOut" => FaultKind::TimedOut,
                "AccessDenied" => FaultKind::AccessDenied,
                "QuotaLimit" => FaultKind::OtherQuota,
                "EncodingLimit" => FaultKind::TooLarge,
                "InvalidSelectors" => FaultKind::Gone,
                _ => FaultKind::Other,
            },
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.kind() {
            FaultKind::AccessDenied => {
                "the account logged in but may not use remote shells: it has to be in `Administrators` or `Remote \
                 Management Users`; a local administrator other than the built-in one also needs \
                 `LocalAccountTokenFilterPolicy` = 1 on the host"
            }
            FaultKind::TooManyShells => {
                "another program left shells open, or many runs share the account: wait for their idle timeout, end them, or \
                 raise `winrm/config/winrs/MaxShellsPerUser`"
            }
            FaultKind::TooManyCommands => "raise `winrm/config/winrs/MaxProcessesPerShell`",
            FaultKind::OtherQuota => {
                "raise the quota that the message names in `winrm/config/service` or `winrm/config/winrs`"
            }
            FaultKind::TooLarge => {
                "raise `winrm/config/MaxEnvelopeSizekb` to 500, the default of current Windows"
            }
            FaultKind::Gone => {
                "the host ended the shell: it restarted, WinRM was restarted, or the shell was idle for too long"
            }
            FaultKind::ShellsNotAllowed => {
                "set `winrm/config/winrs/AllowRemoteShellAccess` to `true` on the host"
            }
            FaultKind::LineTooLong => "cmd.exe takes 8191 characters: send the script as input",
            FaultKind::NotFound => "give the whole path of a program that exists on the host",
            FaultKind::TimedOut | FaultKind::Busy | FaultKind::Other => return None,
        })
    }

    /// Whether the same request may succeed later without anybody doing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            FaultKind::TimedOut
                | FaultKind::Busy
                | FaultKind::TooManyShells
                | FaultKind::TooManyCommands
                | FaultKind::OtherQuota
        )
    }

    /// Takes the number as the host wrote it.
    pub(crate) fn set_code(&mut self, number: u32) {
        // 0x8007nnnn wraps the error nnnn of Windows ([MS-ERREF] 2.1.2).
        self.code = Some(if number >> 16 == 0x8007 { number & 0xffff } else { number });
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.reason.is_empty() { "the host gives no reason" } else { &self.reason })?;
        match self.code {
            Some(code) if code > 0xffff => write!(f, " (fault {code}, 0x{code:08X})"),
            Some(code) => write!(f, " (error {code})"),
            None if self.subcode.is_empty() => Ok(()),
            None => write!(f, " (fault {})", self.subcode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(number: u32) -> FaultKind {
        let mut fault = Fault::default();
        fault.set_code(number);
        fault.kind()
    }

    #[test]
    fn numbers_decide() {
        assert_eq!(kind(2_150_858_793), FaultKind::TimedOut);
        assert_eq!(kind(2_150_858_843), FaultKind::Gone);
        assert_eq!(kind(0x8007_0005), FaultKind::AccessDenied);
        assert_eq!(kind(5), FaultKind::AccessDenied);
        assert_eq!(kind(170), FaultKind::Busy);
        assert_eq!(kind(0x8033_81a5), FaultKind::TooManyShells);
        assert_eq!(kind(1), FaultKind::Other);
    }

    #[test]
    fn without_a_number_the_subcode_does() {
        let fault = Fault { subcode: "TimedOut".into(), ..Fault::default() };
        assert_eq!(fault.kind(), FaultKind::TimedOut);
        // A host may not be talked into "ask again" by a name that contradicts its number.
        let fault = Fault { code: Some(5), subcode: "TimedOut".into(), reason: String::new() };
        assert_eq!(fault.kind(), FaultKind::AccessDenied);
    }
}
