"""One `powershell.exe` of the remote shell, as the controller sees it.

`serve` takes the encoded command of the command line, reads the head line and the program from standard input and
then answers steps. The program's PowerShell is not interpreted: only the calls between its lines `# calls` and
`# end of calls` are run, and calls are answered by the functions that this package registers.
"""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from . import beside, calls, everything, living
from .calls import Failure, Invalid
from .command import CommandMixin
from .commandcalls import Arms
from .frames import Frames, Gone, percent
from .host import Host
from .hosts import folder_of, open_host
from .lease import Lease
from .ledger import Ledger
from .points import Points

assert everything.LOADED

_SENTINEL = re.compile(r"@([0-9a-f]{32})@")
_HEAD = re.compile(rb"(plr|plb) ([0-9a-f]{32}) ([0-9]{1,8}) ([0-9]{1,15}) ([0-9]{1,15}) ([0-9a-f]{32})\n\Z")
LONGEST_LINE = 64 << 20


def decode(encoded_command: str) -> str:
    """The text of `-EncodedCommand`: base64 of UTF-16LE."""
    return base64.b64decode(encoded_command, validate=True).decode("utf-16-le")


def is_bootstrap(text: str) -> bool:
    """Whether the text of an encoded command is the start of our session, and not a user's."""
    return _SENTINEL.search(text) is not None and "OpenStandardInput" in text


def recognises(text: str) -> bool:
    """Whether a script is one that `serve` takes."""
    return is_bootstrap(text)


def control(host: str, request: dict[str, Any]) -> Any:
    """What a test asks of a host: see `control.act`."""
    from . import control as outside

    return outside.act(folder_of(host), request["do"], request.get("arguments", []), request.get("input", "").encode())


def serve(
    encoded_command: str,
    stdin: BinaryIO,
    stdout: BinaryIO,
    stderr: BinaryIO,
    host: Host | str,
    *,
    whole_process: bool = False,
    stop: Callable[[], None] | None = None,
) -> int:
    """Runs a session to its end and returns the exit status of `powershell.exe`.

    `stop` ends it from outside, for streams that cannot be closed under a thread that reads from them.
    """
    found = _SENTINEL.search(decode(encoded_command))
    if found is None:
        stderr.write(b"the command has no sentinel\n")
        return 1
    host = open_host(host)
    if host.down():
        host.close()
        return 1
    if isinstance(stdin, io.RawIOBase) or not hasattr(stdin, "readline"):
        stdin = Buffered(stdin)  # type: ignore[assignment]
    noise = host.setting("banner", "")
    try:
        stdout.write(str(noise).encode() + b"\n" + f"@{found.group(1)}@\n".encode())
        stdout.flush()
        head = _HEAD.match(stdin.readline(1024))
        if head is None:
            return 1
        word, token, length, output_cap, blob_cap, directory = (part.decode() for part in head.groups())
        program = _exactly(stdin, int(length))
        if program is None or not program.endswith(f"\n#{token}".encode()):
            return 1
    except (OSError, ValueError):
        return 1
    if word == "plb":
        return beside.serve(stdout, host, directory, program.decode("utf-8"))
    session = Session(stdin, stdout, host, token, directory, int(output_cap), int(blob_cap), whole_process)
    session.stop = stop
    return session.run(program.decode("utf-8"))


def _exactly(stream: BinaryIO, length: int) -> bytes | None:
    """Reads that many bytes, or None where the stream ends before."""
    pieces = []
    while length > 0:
        piece = stream.read(min(length, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


class Buffered:
    """Lines and exact lengths of a stream whose `read` returns what is there."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._kept = bytearray()

    def _more(self) -> bool:
        piece = self._stream.read(1 << 16)
        self._kept += piece or b""
        return bool(piece)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._kept[:length])
        del self._kept[:length]
        return taken

    def readline(self, limit: int) -> bytes:
        searched = 0
        while (end := self._kept.find(b"\n", searched)) < 0:
            searched = len(self._kept)
            if searched >= limit or not self._more():
                return self._take(limit)
        return self._take(min(end + 1, limit))

    def read(self, length: int) -> bytes:
        while len(self._kept) < length and self._more():
            pass
        return self._take(length)

    def close(self) -> None:
        self._stream.close()


class Session(CommandMixin):
    """The loop of steps; what a function of the model is given."""

    def __init__(
        self,
        stdin: BinaryIO,
        stdout: BinaryIO,
        host: Host,
        token: str,
        directory: str,
        output_cap: int,
        blob_cap: int,
        whole_process: bool,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.frames = Frames(stdout, token)
        self.host = host
        self.token = token
        self.directory = directory
        self.output_cap = output_cap
        self.blob_cap = blob_cap
        self.whole_process = whole_process
        self.stop: Callable[[], None] | None = None
        self.private = os.path.join(host.folder, "run", f".paceline-{directory}")
        self.shown = f"{host.temp}\\.paceline-{directory}"
        self.boot = host.boot_id
        self.ledger: Ledger | None = None
        self.lease: Lease | None = None
        self.payloads: dict[str, bytearray] = {}
        self.payload: bytes | None = None
        self.step = ""
        self.limit = 0
        self.starting = True
        self.beside: list[bytes] | None = None
        self.bad = 0
        self.failed_epoch = 0
        self.gone = False
        self.commands = 0
        self.points = Points(self, "", "none", "none")
        self.process_environment: dict[str, str | None] = {}
        self.step_environment: tuple[str, dict[str, str | None]] = ("", {})
        self.quiet = False
        self.again = False
        self.arms = Arms()
        self.call: calls.Arguments = calls.Arguments("", {})
        self.message: str | None = None

    # What functions report

    def v(self, name: str, text: str) -> None:
        """A value, as one line."""
        if self.starting:
            self.info(name, text)
            return
        line = percent(text)
        if self.ledger:
            self.ledger.value(name, line)
        self.frames.value(self.step, name, line)

    def state(self, name: str, values: list[str] | None) -> None:
        """A list of values."""
        self.v(name, calls.elements(values))

    def b(self, name: str, content: bytes) -> None:
        """Bytes, up to the cap."""
        if self.ledger:
            self.ledger.note(f"D {name}")
        over = len(content) > self.blob_cap
        self.frames.blob(self.step, name, content[: self.blob_cap], 9 if over else 0)

    def fail(self, text: str) -> int:
        self.v("msg", text)
        return 1

    def info(self, name: str, text: str) -> None:
        plain = "".join("?" if ord(char) < 32 or ord(char) == 127 else char for char in text)
        self.frames.line(f"I {name} {plain}")

    # The life of a session

    def run(self, program: str) -> int:
        try:
            alive = living.open_folder(self.private, self.whole_process, self.cut)
        except FileExistsError:
            return 9
        try:
            self.facts()
            if not self.open(program):
                return 1
            self.frames.line(f"Y {self.token}")
            self.starting = False
            self.arm_death()
            self.loop()
            return 0
        except Gone:
            return 1
        finally:
            self.close(alive)

    def cut(self) -> None:
        """Ends the session from outside, as a kill would."""
        self.frames.broken = self.frames.ended = True
        if self.stop is not None:
            self.stop()
            return
        for stream in (self.stdin, self.stdout):
            # A thread that reads from it keeps it from being closed for ever.
            threading.Thread(target=_close, args=(stream,), daemon=True).start()

    def close(self, alive: int) -> None:
        killed = living.marked(self.private, "ended") or not os.path.isdir(self.private)
        if self.ledger:
            if self.gone:
                self.ledger.forget_output()
            self.ledger.close()
        if self.lease and not killed:
            self.lease.leave()
        living.close_folder(self.private, alive)
        self.host.close()

    def facts(self) -> None:
        for name, text in self.host.facts():
            self.info(name, text)

    def open(self, program: str) -> bool:
        """Runs the opening calls."""
        lines = calls.between(program)
        if lines is None:
            self.frames.line("E the program has no opening calls")
            return False
        for line in lines:
            try:
                with self.host.store:
                    status = calls.run(self, line)
            except (Invalid, Failure) as error:
                self.frames.line(f"E {percent(str(error))}")
                return False
            if status != 0:
                self.frames.line(f"E an opening call failed: {line.split(' ')[0]}")
                return False
        return True

    def arm_death(self) -> None:
        """With the setting `dies_after` the session is gone after so many changes of the host, as if it were killed."""
        after = self.host.setting("dies_after")
        if after is None:
            return
        with self.host.store:
            self.host.store.drop("settings", "dies_after")
        self.host.store.left, self.host.store.fatal = int(after), self.die

    def die(self) -> None:
        living.mark(self.private, "ended")
        if self.whole_process:
            os.kill(os.getpid(), signal.SIGKILL)
        self.cut()
        raise Gone("killed")

    def loop(self) -> None:
        """Takes one line after the other. A line without the token was cut off: the session ends and runs nothing."""
        tail = f" #{self.token}"
        while True:
            try:
                raw = self.stdin.readline(LONGEST_LINE)
            except Exception:  # a server's streams have errors of their own
                return
            if not raw:
                return
            self.check_alive()
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError:
                return
            if not line.endswith(tail + "\n"):
                return
            words = line[: -len(tail) - 1].split(" ")
            if words[0] == "step" and len(words) == 8:
                self.take(*words[1:])
            elif words[0] == "in" and len(words) == 6:
                self.piece(*words[1:])
            elif words == ["bye"]:
                self.gone = True
            else:
                self.frames.line(f"E an unknown order: {percent(words[0][:40])}")
                return

    def check_alive(self) -> None:
        """Raises `Gone` where somebody ended this session, or the host was restarted under it."""
        if not os.path.isdir(self.private) or living.marked(self.private, "ended"):
            raise Gone("ended from outside")
        if self.host.boot_id != self.boot:
            living.mark(self.private, "ended")
            raise Gone("the host was restarted")

    def piece(self, step: str, epoch: str, length: str, more: str, first: str) -> None:
        """A piece of a payload."""
        content = _exactly(self.stdin, int(length))
        if content is None or self.stdin.readline(256) != self.token.encode() + b"\n":
            raise Gone("a payload was cut off")
        wanted = int(epoch) > self.bad
        if wanted:
            if first == "1":
                self.payloads[step] = bytearray()
            self.payloads.setdefault(step, bytearray()).extend(content)
        else:
            self.payloads.pop(step, None)
        if more == "1":
            self.frames.line(f"{'A' if wanted else 'N'} {step}")

    def take(self, step: str, epoch: str, group: str, limit: str, payload: str, name: str, text: str) -> None:
        """One step."""
        number = int(epoch)
        if number <= self.bad or living.marked(self.private, "hold"):
            self.payloads.pop(step, None)
            self.frames.line(f"K {step}")
            return
        if group not in ("a", "i", "l"):
            raise Gone("an unknown group")
        if self.ledger:
            self.ledger.begin(name)
        if self.lease and not self.lease.allow(int(limit)):
            self.note(f"X {name}")
            self.frames.line(f"X {step} {self.lease.why}")
            raise Gone("fenced")
        self.step, self.limit, self.message = step, int(limit), None
        self.payload = bytes(self.payloads.pop(step, b"")) if payload == "1" else None
        try:
            self.frames.line(f"S {step}")
        except Gone:
            self.note(f"X {name}")
            raise
        status = self.act(text)
        if (group, status) == ("l", 0):
            if self.failed_epoch == number:
                self.bad = number
        elif status == 0:
            pass
        elif group == "i" and status != 75:
            self.failed_epoch = number
        else:
            self.bad = number
        self.note(f"R {name} {status}")
        if self.lease:
            self.lease.over()
        self.check_alive()
        self.frames.line(f"R {step} {status}")
        if self.ledger:
            self.ledger.name = ""

    def note(self, text: str) -> None:
        if self.ledger:
            self.ledger.note(text)

    def act(self, text: str) -> int:
        """Runs the calls of a step until one does not return 0."""
        status = 0
        try:
            for line in calls.element(text).split("\n"):
                if not line:
                    continue
                with self.host.store:
                    status = calls.run(self, line)
                if status != 0:
                    break
        except (Invalid, Failure) as error:
            status = self.fail(str(error))
        except Gone:
            raise
        except Exception as error:
            # A mistake of the model itself is a failed step with its place, and not a lost connection.
            place = traceback.extract_tb(error.__traceback__)[-1]
            status = self.fail(f"the model failed: {error!r} at {os.path.basename(place.filename)}:{place.lineno}")
        return status


def _close(stream: BinaryIO) -> None:
    try:
        stream.close()
    except (OSError, ValueError):
        pass
