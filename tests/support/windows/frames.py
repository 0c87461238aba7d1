"""What a session writes: lines, and raw bytes up to the token."""

from __future__ import annotations

import threading
from typing import BinaryIO

from .calls import elements


class Gone(Exception):
    """Nobody listens any more, or nobody speaks."""


class Frames:
    """Writes frames; one writer at a time."""

    def __init__(self, stream: BinaryIO, token: str) -> None:
        self.stream = stream
        self.token = token
        self.broken = False
        # Whether the session was ended from outside, as a kill would.
        self.ended = False
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        """Writes, or raises `Gone`: what decides about the session."""
        with self._lock:
            if self.broken:
                raise Gone("the stream is broken")
            try:
                self.stream.write(data)
                self.stream.flush()
            except Exception as error:  # a server's streams have errors of their own
                self.broken = True
                raise Gone(str(error)) from error

    def check(self) -> None:
        """Raises `Gone` where the session was ended. Within a step a stream that nobody reads is no end."""
        if self.ended:
            raise Gone("ended from outside")

    def tell(self, data: bytes) -> None:
        """Writes within a step: nobody may be listening, and the step is no worse for that."""
        try:
            self.send(data)
        except Gone:
            pass

    def line(self, text: str) -> None:
        self.send(text.encode() + b"\n")

    def value(self, step: str, name: str, text: str) -> None:
        if "\n" in text:
            self.tell(f"W {step} {name}\n{text}{self.token}\n".encode())
        else:
            self.tell(f"V {step} {name} {text}\n".encode())

    def blob(self, step: str, name: str, content: bytes, status: int = 0) -> None:
        self.tell(f"D {step} {name}\n".encode() + content + f"{self.token} {status}\n".encode())

    def output(self, step: str, stream: str, content: bytes) -> None:
        self.tell(f"O {step} {stream}\n".encode() + content + f"{self.token}\n".encode())


def percent(text: str) -> str:
    """Text on one line: `%` and control characters are encoded."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in char.encode()) if char == "%" or ord(char) < 32 or ord(char) == 127 else char
        for char in text
    )


__all__ = ["Frames", "Gone", "elements", "percent"]
