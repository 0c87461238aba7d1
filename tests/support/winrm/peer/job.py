"""What a program gets: its arguments and streams, and what its shell was made with."""

import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field

from .command import Command, Input, Output


def place(folder: pathlib.Path, path: str) -> pathlib.Path:
    """`C:\\dir\\file` below the folder of a host; what is no such path is refused."""
    drive, _, rest = path.partition(":\\")
    parts = [part for part in rest.split("\\") if part]
    if len(drive) != 1 or not drive.isalpha() or not parts or ".." in parts or "/" in rest:
        raise ValueError(f"not a path of a Windows host: {path}")
    return folder.joinpath(drive.upper(), *parts)


@dataclass
class Job:
    """`line` is the whole command line, `arguments` what the program makes of it, `arguments[0]` its name."""

    command: Command
    line: str
    host: str
    user: str
    count: Callable[[str], int]
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    codepage: int | None = None
    folder: str = ""
    no_profile: bool = False
    skip_cmd: bool = False
    powershell: str = "auto"
    files: pathlib.Path = pathlib.Path()

    def place(self, path: str) -> pathlib.Path:
        """Where a file of the host lies here."""
        return place(self.files, path)

    @property
    def stdin(self) -> Input:
        return self.command.stdin

    @property
    def stdout(self) -> Output:
        return self.command.stdout

    @property
    def stderr(self) -> Output:
        return self.command.stderr

    def sleep(self, seconds: float) -> None:
        self.command.sleep(seconds)

    def complain(self, text: str) -> None:
        self.stderr.write(text.encode() + b"\r\n")
