"""User commands within a step: live output, the cap, the time limit, the end by a second channel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from . import living

if TYPE_CHECKING:
    from .frames import Frames
    from .host import Host
    from .ledger import Ledger

# What a program does, piece by piece: output, or seconds that pass; its exit status comes last.
Piece = tuple[str, bytes] | float | int
Program = Callable[[], Iterator[Piece]]

# A program that was ended from outside, as `TerminateProcess` by taskkill leaves it.
ENDED = 1


class CommandMixin:
    """The part of a session that runs programs."""

    frames: "Frames"
    host: "Host"
    ledger: "Ledger | None"
    private: str
    step: str
    limit: int
    output_cap: int
    commands: int

    def run_program(self, pieces: Iterator[Piece], limit: int = 0, quiet: bool = False) -> int:
        """Runs a program to its end and returns its status. The host is not locked while it waits."""
        limit = limit or self.limit
        self.commands += 1
        output = Output(self, quiet)
        if self.ledger and self.ledger.name:
            self.ledger.note(f"B {self.ledger.output_folder} {self.commands}")
            self.ledger.synced()
        living.command(self.private, self.commands)
        deadline = time.monotonic() + limit if limit else None
        status, timed_out, interrupted = 0, False, False
        for piece in pieces:
            if isinstance(piece, tuple):
                output.take(*piece)
                continue
            if isinstance(piece, float):
                timed_out, interrupted = self._pass(piece, deadline)
                if timed_out or interrupted:
                    status = ENDED
                    break
                continue
            status = piece
            break
        if interrupted and self.ledger:
            # Who ended it from outside did not let it come to an end of its own: no result for the ledger.
            self.ledger.name = ""
        living.command(self.private, 0)
        output.rest()
        if self.ledger:
            self.ledger.note(f"C {status} {int(timed_out)} {output.dropped}")
        self.frames.tell(f"C {self.step} {status} {int(timed_out)} {output.dropped}\n".encode())
        return status

    def _pass(self, seconds: float, deadline: float | None) -> tuple[bool, bool]:
        until = time.monotonic() + seconds
        with self.host.store.unlocked():
            while True:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    return True, False
                self.frames.check()
                if living.interrupted(self.private, self.commands) or living.marked(self.private, "ended"):
                    return False, True
                if now >= until:
                    return False, False
                time.sleep(min(0.05, until - now))


class Output:
    """Both streams of one command, capped together: an eighth is kept free for errors."""

    def __init__(self, session: CommandMixin, quiet: bool) -> None:
        self.session = session
        self.quiet = quiet
        self.cap = session.output_cap
        self.sent = {"o": 0, "e": 0}
        self.seen = {"o": bytearray(), "e": bytearray()}
        self.dropped = 0

    def take(self, stream: str, content: bytes) -> None:
        if not content:
            return
        self.seen[stream] += content
        reserved = max(self.cap // 8, self.sent["e"])
        room = self.cap - (reserved if stream == "o" else self.sent["o"] + self._waiting("o")) - self.sent[stream]
        self._send(stream, max(0, room))

    def _waiting(self, stream: str) -> int:
        return min(len(self.seen[stream]) - self.sent[stream], self.cap)

    def _send(self, stream: str, room: int) -> None:
        at = self.sent[stream]
        piece = bytes(self.seen[stream][at : at + room])
        if piece:
            self.sent[stream] += len(piece)
            if self.session.ledger and self.session.ledger.name:
                self.session.ledger.output(self.session.commands, stream, piece)
            if not self.quiet:
                self.session.frames.output(self.session.step, stream, piece)

    def rest(self) -> None:
        """What had no room while it was not known how much would come."""
        left = len(self.seen["e"]) - self.sent["e"]
        reserved = min(self.cap // 8, self.sent["e"] + left)
        self._send("o", max(0, self.cap - max(reserved, self.sent["e"]) - self.sent["o"]))
        self._send("e", max(0, self.cap - self.sent["o"] - self.sent["e"]))
        self.dropped = sum(len(self.seen[stream]) - self.sent[stream] for stream in ("o", "e"))
