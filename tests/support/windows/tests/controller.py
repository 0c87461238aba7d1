"""A controller for tests: starts a session as a process, sends steps, reads frames."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from .. import calls

SUPPORT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def command_line(nonce: str) -> str:
    text = f"$x=[Console]::OpenStandardInput();'@{nonce}@'"
    encoded = base64.b64encode(text.encode("utf-16-le")).decode()
    return f"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}"


@dataclass
class Reply:
    """What the host answered to one step."""

    status: int = -1
    skipped: bool = False
    fenced: str | None = None
    values: list[tuple[str, str]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    stdout: bytes = b""
    stderr: bytes = b""
    command: tuple[int, int, int] | None = None

    def get(self, name: str) -> str | None:
        found = [text for key, text in self.values if key == name]
        return decoded(found[-1]) if found else None

    def all(self, name: str) -> list[str]:
        return [decoded(text) for key, text in self.values if key == name]

    def listed(self, name: str) -> list[str] | None:
        text = next((text for key, text in self.values if key == name), None)
        if text is None:
            return None
        return [] if text == "-" else [base64.b64decode(part).decode() for part in text.split(",")]

    @property
    def points(self) -> list[int]:
        return [int(text.split(" ")[0]) for text in self.all("point")]


def decoded(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


class Controller:
    """One session."""

    def __init__(
        self, folder: str, opening: list[str] | None = None, head: str = "plr", directory: str | None = None
    ) -> None:
        self.nonce = secrets.token_hex(16)
        body = "\n".join(["function pw_x { }", "plr_main @'", "# calls", *(opening or []), "# end of calls", "'@"])
        arguments = [sys.executable, "-m", "windows.shell", folder, "-c", command_line(self.nonce)]
        self._start(arguments, body, head, directory)

    def _start(self, arguments: list[str], body: str, head: str, directory: str | None) -> None:
        """Starts the program, sends head line and program, and waits until it takes steps."""
        self.token = secrets.token_hex(16)
        self.directory = directory or secrets.token_hex(16)
        self.number = 0
        self.epoch = 1
        self.infos: dict[str, str] = {}
        self.process = subprocess.Popen(
            arguments, cwd=SUPPORT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        program = f"{body}\n#{self.token}".encode()
        first = f"{head} {self.token} {len(program)} 65536 1048576 {self.directory}\n"
        self.send(first.encode() + program)
        while self.stdout.readline() not in (f"@{self.nonce}@\n".encode(), b""):
            pass
        self.ready = head != "plr" or self._open()

    def _open(self) -> bool:
        while True:
            line = self.stdout.readline().decode().rstrip("\n")
            if line.startswith("I "):
                _, key, value = line.split(" ", 2)
                self.infos[key] = value
            elif line == f"Y {self.token}":
                return True
            else:
                self.infos["error"] = line
                return False

    def send(self, data: bytes) -> None:
        try:
            self.stdin.write(data)
            self.stdin.flush()
        except BrokenPipeError:
            pass

    # Steps

    def order(
        self, text: str, epoch: int | None = None, group: str = "a", limit: int = 0, payload: bytes | None = None,
        name: str = "-",
    ) -> str:  # fmt: skip
        """Sends a step without waiting."""
        self.number += 1
        step = str(self.number)
        epoch = self.epoch if epoch is None else epoch
        if payload is not None:
            self.send(
                f"in {step} {epoch} {len(payload)} 0 1 #{self.token}\n".encode() + payload + f"{self.token}\n".encode()
            )
        encoded = base64.b64encode(text.encode()).decode()
        has = 0 if payload is None else 1
        self.send(f"step {step} {epoch} {group} {limit} {has} {name} {encoded} #{self.token}\n".encode())
        return step

    def result(self, step: str) -> Reply:
        """Reads until the step is over."""
        reply = Reply()
        while True:
            line = self.stdout.readline()
            if not line:
                return reply
            words = line.decode().rstrip("\n").split(" ")
            kind = words[0]
            if kind == "S":
                continue
            if kind == "K":
                reply.skipped = True
                return reply
            if kind == "X":
                reply.fenced = " ".join(words[2:])
                return reply
            if kind == "V":
                reply.values.append((words[2], " ".join(words[3:])))
            elif kind == "W":
                reply.values.append((words[2], self.raw()[0].decode()))
            elif kind == "D":
                reply.blobs[words[2]] = self.raw()[0]
            elif kind == "O":
                content = self.raw()[0]
                if words[2] == "o":
                    reply.stdout += content
                else:
                    reply.stderr += content
            elif kind == "C":
                reply.command = (int(words[2]), int(words[3]), int(words[4]))
            elif kind == "R":
                assert words[1] == step, line
                reply.status = int(words[2])
                return reply
            else:
                raise AssertionError(f"unexpected frame: {line!r}")

    def raw(self) -> tuple[bytes, str]:
        mark = self.token.encode()
        content = b""
        while mark not in content:
            content += self.stdout.readline()
        before, _, after = content.partition(mark)
        return before, after.decode().strip()

    def run(self, function: str, body: bytes | None = None, **values: Any) -> Reply:
        """One call, one step, and its reply. A failure gets a new epoch behind it, as a controller does."""
        reply = self.result(self.order(calls.write(function, **values), payload=body))
        if reply.status != 0:
            self.epoch += 1
        return reply

    def ensure(
        self, kind: str, key: dict[str, str], want: str = "present", body: bytes | None = None, **more: Any
    ) -> Reply:
        values: dict[str, Any] = {"kind": kind, "want": want}
        values |= {f"key.{name}": value for name, value in key.items()}
        values |= more
        words = [calls.write("ensure")]
        for name, value in values.items():
            listed = [value] if isinstance(value, str) else value
            encoded = ",".join(base64.b64encode(part.encode()).decode() for part in listed)
            words.append(f"{name}:{encoded}" if listed else name)
        reply = self.result(self.order(" ".join(words), payload=body))
        if reply.status != 0:
            self.epoch += 1
        return reply

    def restore(self, numbers: list[int], **more: str) -> list[Reply]:
        """Restores points, the newest first, as a rollback does."""
        replies = []
        ordered = sorted(numbers, reverse=True)
        for phase in ("stop",):
            for number in ordered:
                self.phase(phase, number)
        for number in ordered:
            replies.append(self.run("restore", number=str(number), **more))
        self.run("restore_times", numbers=[str(number) for number in ordered], last="1")
        for number in sorted(numbers):
            self.phase("start", number)
        for number in ordered:
            self.phase("check", number)
        return replies

    def phase(self, name: str, number: int) -> None:
        self.run("service_phase", phase=name, number=str(number))

    def bye(self) -> None:
        self.send(f"bye #{self.token}\n".encode())
        self.close()

    def close(self) -> None:
        try:
            self.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(10)
        self.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()
