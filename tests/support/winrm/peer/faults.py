"""WS-Management faults with the numeric codes of Windows' `wsmerror.h`, and the SOAP subcodes that go with them."""

from dataclasses import dataclass

ACCESS_DENIED = 5
INVALID_PARAMETER = 87
FILE_NAME_TOO_LONG = 206
OPERATION_ABORTED = 995
INVALID_ACTION = 0x80338001
RESOURCE_NOT_FOUND = 0x80338000
TIMED_OUT = 0x80338029
INVALID_XML = 0x80338043
MAX_ENVELOPE_SIZE = 0x80338047
SHELL_NOT_FOUND = 0x8033805B
MIN_ENVELOPE_SIZE = 0x8033807E
QUOTA_SHELLS = 0x803381A5
QUOTA_OPERATIONS = 0x803381A6
QUOTA_COMMANDS = 0x803381E9

_SUBCODES = {
    ACCESS_DENIED: ("s:Sender", "w:AccessDenied"),
    INVALID_PARAMETER: ("s:Sender", "w:InvalidParameter"),
    FILE_NAME_TOO_LONG: ("s:Receiver", "w:InternalError"),
    OPERATION_ABORTED: ("s:Receiver", "w:InternalError"),
    INVALID_ACTION: ("s:Sender", "a:ActionNotSupported"),
    RESOURCE_NOT_FOUND: ("s:Sender", "a:DestinationUnreachable"),
    TIMED_OUT: ("s:Receiver", "w:TimedOut"),
    INVALID_XML: ("s:Sender", "w:SchemaValidationError"),
    MAX_ENVELOPE_SIZE: ("s:Sender", "w:EncodingLimit"),
    MIN_ENVELOPE_SIZE: ("s:Sender", "w:EncodingLimit"),
    SHELL_NOT_FOUND: ("s:Sender", "w:InvalidSelectors"),
    QUOTA_SHELLS: ("s:Sender", "w:QuotaLimit"),
    QUOTA_OPERATIONS: ("s:Sender", "w:QuotaLimit"),
    QUOTA_COMMANDS: ("s:Sender", "w:QuotaLimit"),
}


@dataclass
class Fault(Exception):
    """What the service answers instead of a result, with HTTP status 500."""

    code: int
    text: str

    def soap(self) -> tuple[str, str]:
        """SOAP code and subcode."""
        return _SUBCODES.get(self.code, ("s:Receiver", "w:InternalError"))


def timed_out() -> Fault:
    return Fault(
        TIMED_OUT,
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
    )


def no_shell(shell: str) -> Fault:
    return Fault(
        SHELL_NOT_FOUND,
        f"The request for the Windows Remote Shell with ShellId {shell} failed because "
        "the shell was not found on the server. "
        "Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. "
        "Provide the correct ShellId or create a new shell and retry the operation.",
    )


def no_command() -> Fault:
    return Fault(
        SHELL_NOT_FOUND,
        "The Windows Remote Shell received a request to perform an operation on a command identifier "
        "that does not exist. Either the command has completed execution or the client specified an invalid "
        "command identifier.",
    )


def aborted() -> Fault:
    return Fault(
        OPERATION_ABORTED,
        "The I/O operation has been aborted because of either a thread exit or an application request.",
    )
