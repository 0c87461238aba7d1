"""The ledger of a run on this host: what its steps did, for a controller that lost their results.

Lines as `controller/operation/posix/ledger.sh` tells them: S, V, W, D, B, C, R, X. It is a real file below the
host's folder, so that it outlives a session that is killed.
"""

from __future__ import annotations

import os

NAMELESS = "-"


class Ledger:
    """Appends to one ledger; `name` is the step in hand, or empty where it has none."""

    def __init__(self, run_folder: str, session: str) -> None:
        os.makedirs(run_folder, exist_ok=True)
        self.folder = run_folder
        self.path = os.path.join(run_folder, "ledger")
        self.output_folder = f"out-{session}"
        self.name = ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)

    def note(self, text: str) -> None:
        if self.name:
            os.write(self._file, text.encode() + b"\n")

    def begin(self, name: str) -> None:
        self.name = "" if name == NAMELESS else name
        self.note(f"S {self.name}")

    def value(self, name: str, text: str) -> None:
        if "\n" in text:
            for line in text.split("\n"):
                self.note(f"W {name} {line}")
        else:
            self.note(f"V {name} {text}")

    def synced(self) -> None:
        os.fsync(self._file)

    def output(self, command: int, stream: str, content: bytes, truncate: bool = False) -> None:
        """Keeps output of a command beside the ledger until the controller says goodbye."""
        folder = os.path.join(self.folder, self.output_folder)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{stream}{command}"), "wb" if truncate else "ab") as file:
            file.write(content)

    def forget_output(self) -> None:
        folder = os.path.join(self.folder, self.output_folder)
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)

    def close(self) -> None:
        os.close(self._file)
