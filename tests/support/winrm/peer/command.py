"""A command in a shell: its streams in both directions, its end, and how it is told to stop.

The program that the command runs sees three files (`stdin`, `stdout`, `stderr`), the service calls `send`, `receive`
and `signal`. Both directions are bounded: a client that does not receive makes the program wait, a program that does
not read makes Send time out, as pipes do on Windows.
"""

import io
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from . import faults

INPUT_LIMIT = 4 * 1024 * 1024
OUTPUT_LIMIT = 4 * 1024 * 1024

# STATUS_CONTROL_C_EXIT, how a console program ends that gets Ctrl-C; as the unsigned number of GetExitCodeProcess.
CONTROL_C_EXIT = 0xC000013A


class Stopped(Exception):
    """The command was terminated; raised in the program at its next use of a stream or clock."""

    def __init__(self, code: int) -> None:
        super().__init__(f"stopped with {code}")
        self.code = code


class Input(io.RawIOBase):
    """Standard input: `read` returns what is there, empty bytes at the end; `io.BufferedReader` reads lines of it."""

    def __init__(self, command: "Command") -> None:
        self._command = command

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._command.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = 65536, /) -> bytes:
        return self._command.take(size)


class Output(io.RawIOBase):
    """Standard output or error: `write` takes all of it, and waits while the client does not receive."""

    def __init__(self, command: "Command", name: str) -> None:
        self._command = command
        self._name = name

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._command.put(self._name, data)
        return len(data)


@dataclass
class Received:
    """What one Receive takes along."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)
    exit_code: int | None = None


class Command:
    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.stdin = Input(self)
        self.stdout = Output(self, "stdout")
        self.stderr = Output(self, "stderr")
        self._changed = threading.Condition()
        self._input: deque[bytes] = deque()
        self._input_size = 0
        self._input_ended = False
        self._output: deque[tuple[str, bytes]] = deque()
        self._output_size = 0
        self._exit_code: int | None = None
        self._stop: int | None = None
        self._gone = False

    # What the program uses.

    def sleep(self, seconds: float) -> None:
        """Waits, or raises when the command is stopped meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop is not None, seconds)
            self._check()

    def take(self, limit: int) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._stop is not None or self._input or self._input_ended)
            self._check()
            if not self._input:
                return b""
            data = self._input.popleft()
            if len(data) > limit:
                self._input.appendleft(data[limit:])
                data = data[:limit]
            self._input_size -= len(data)
            self._changed.notify_all()
            return data

    def put(self, name: str, data: bytes) -> None:
        view = memoryview(bytes(data))
        while view:
            with self._changed:
                self._changed.wait_for(lambda: self._stop is not None or self._output_size < OUTPUT_LIMIT)
                self._check()
                part = bytes(view[: OUTPUT_LIMIT - self._output_size])
                self._output.append((name, part))
                self._output_size += len(part)
                self._changed.notify_all()
            view = view[len(part) :]

    def exited(self, code: int) -> None:
        with self._changed:
            self._exit_code = code & 0xFFFFFFFF
            self._input.clear()
            self._input_size = 0
            self._changed.notify_all()

    def _check(self) -> None:
        if self._stop is not None:
            raise Stopped(self._stop)

    # What the service uses.

    @property
    def running(self) -> bool:
        return self._exit_code is None

    def send(self, data: bytes, end: bool, limit: float) -> None:
        """Hands input over, all of it or nothing; what a program that has exited does not read is dropped."""
        with self._changed:
            room = self._changed.wait_for(
                lambda: self._gone or self._exit_code is not None or self._input_size < INPUT_LIMIT, limit
            )
            if self._gone:
                raise faults.aborted()
            if not room:
                raise faults.timed_out()
            if self._exit_code is None and data:
                self._input.append(data)
                self._input_size += len(data)
            self._input_ended |= end
            self._changed.notify_all()

    def receive(self, names: list[str], size: int, limit: float) -> Received:
        """Waits up to `limit` seconds for output or the end, and takes at most `size` bytes."""
        deadline = time.monotonic() + limit
        with self._changed:
            ready = self._changed.wait_for(
                lambda: self._gone or self._exit_code is not None or any(name in names for name, _ in self._output),
                max(0.0, deadline - time.monotonic()),
            )
            if self._gone:
                raise faults.aborted()
            if not ready:
                raise faults.timed_out()
            received = Received(self._pieces(names, size))
            if not self._output:
                received.exit_code = self._exit_code
            self._changed.notify_all()
            return received

    def _pieces(self, names: list[str], size: int) -> list[tuple[str, bytes]]:
        pieces: list[tuple[str, bytes]] = []
        kept: deque[tuple[str, bytes]] = deque()
        while self._output and size > 0:
            name, data = self._output.popleft()
            if name not in names:
                kept.append((name, data))
                continue
            if len(data) > size:
                self._output.appendleft((name, data[size:]))
                data = data[:size]
            size -= len(data)
            self._output_size -= len(data)
            if pieces and pieces[-1][0] == name:
                pieces[-1] = (name, pieces[-1][1] + data)
            else:
                pieces.append((name, data))
        self._output.extendleft(reversed(kept))
        return pieces

    def stop(self, code: int) -> None:
        """Makes the program end with `code` at its next use of a stream or clock."""
        with self._changed:
            if self._exit_code is None and self._stop is None:
                self._stop = code
            self._changed.notify_all()

    def remove(self) -> None:
        """Ends it and whatever waits for it, with the fault of an aborted operation."""
        with self._changed:
            self._gone = True
            if self._stop is None:
                self._stop = 1
            self._changed.notify_all()
