r"""Programs of a host: a small table by file name; everything else is not there.

A program is a generator: it yields output (`("o", bytes)`), seconds that pass (float), and its exit status (int) last. What it
does to the host it does while it runs. Sources: the pages of "Windows commands"
(learn.microsoft.com/windows-server/administration/windows-commands): cmd, echo, exit, type, mkdir, rmdir, del, copy, move, ping,
timeout, hostname, whoami, icacls, sc, net, shutdown; exit status 9009 for an unknown command at the prompt; error 2 where
CreateProcess finds no file. Programs of the agent and of installers are in `agent.py` and `packages.py`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from . import environment, names, words
from .calls import Failure
from .command import Piece

if TYPE_CHECKING:
    from .host import Host


class Missing(Exception):
    """CreateProcess found no such program: error 2."""


class Call:
    """One start of a program."""

    def __init__(
        self, host: "Host", argv: list[str], line: str, folder: str, variables: dict[str, str | None], stdin: bytes
    ) -> None:
        self.host = host
        self.argv = argv
        self.line = line
        self.folder = folder
        self.variables = variables
        self.stdin = stdin

    def variable(self, name: str) -> str | None:
        if name.lower() in self.variables:
            return self.variables[name.lower()]
        found = environment.variables(self.host).get(name.lower())
        return found[1] if found else None

    def path(self, text: str) -> str:
        text = text.strip('"')
        if not re.match(r"[A-Za-z]:[\\/]", text):
            text = names.join(self.folder, text)
        return names.canonical(text)


Program = Callable[[Call], Iterator[Piece]]
TABLE: dict[str, Program] = {}
SUFFIXES: list[tuple[str, Program]] = []
ENDINGS = (".exe", ".com", ".bat", ".cmd")


def program(*names_: str) -> Callable[[Program], Program]:
    def register(body: Program) -> Program:
        for name in names_:
            TABLE[name] = body
        return body

    return register


def find(call: Call) -> Program:
    """The program of a call; `Missing` where there is none."""
    word = call.argv[0]
    leaf = names.leaf(word.replace("/", "\\")).lower()
    bare = leaf.removesuffix(".exe")
    if "\\" in word or "/" in word:
        path = call.path(word)
        if not call.host.files.is_file(path) and not call.host.files.is_file(path + ".exe"):
            raise Missing(word)
    for ending, body in SUFFIXES:
        if re.search(ending, bare) and ("\\" in word or "/" in word):
            return body
    if bare in TABLE:
        if bare == "dotnet" and not call.host.files.exists("C:\\Program Files\\dotnet\\dotnet.exe"):
            raise Missing(word)
        return TABLE[bare]
    raise Missing(word)


def start(
    host: "Host",
    argv: list[str],
    folder: str | None = None,
    variables: dict[str, str | None] | None = None,
    stdin: bytes = b"",
    line: str | None = None,
) -> Iterator[Piece]:
    """Starts a program; `Missing` comes at once."""
    from . import agent, cmd, packages

    assert agent and cmd and packages
    text = line if line is not None else " ".join(argv)
    call = Call(host, argv, text, folder or host.profile, variables or {}, stdin)
    body = find(call)
    host.event("process", argv=argv)
    return body(call)


def run_plain(host: "Host", line: str, stdin: BinaryIO, stdout: BinaryIO, stderr: BinaryIO) -> int:
    """A command line through the default shell: what `raw` and a plain SSH command do."""
    import time

    status = 0
    with host.store:
        for piece in start(host, ["cmd.exe", "/c", line], line=f"cmd.exe /c {line}"):
            if isinstance(piece, tuple):
                stream = stdout if piece[0] == "o" else stderr
                stream.write(piece[1])
                stream.flush()
            elif isinstance(piece, float):
                with host.store.unlocked():
                    time.sleep(piece)
            else:
                status = piece
    return status


def out(text: str) -> Piece:
    return ("o", text.encode() + b"\r\n")


def err(text: str) -> Piece:
    return ("e", text.encode() + b"\r\n")


@program("powershell", "pwsh")
def powershell(call: Call) -> Iterator[Piece]:
    from . import scripts

    found = re.search(r"(?i)\s-e(?:nc|ncodedcommand|c)?\s+([A-Za-z0-9+/=]+)\s*$", call.line)
    if found:
        text = base64.b64decode(found.group(1)).decode("utf-16-le")
        yield from scripts.run(call, text)
        return
    as_file = re.search(r'(?i)\s-f(?:ile)?\s+("[^"]+"|\S+)\s*(.*)$', call.line)
    if as_file:
        path = call.path(as_file.group(1))
        yield from scripts.run(call, call.host.files.read_text(path), words.arguments(as_file.group(2)))
        return
    as_command = re.search(r"(?i)\s-c(?:ommand)?\s+(.*)$", call.line, re.S)
    if as_command:
        yield from scripts.run(call, as_command.group(1).strip().strip('"'))
        return
    yield 0


@program("hostname")
def hostname(call: Call) -> Iterator[Piece]:
    yield out(str(call.host.setting("computer")).lower())
    yield 0


@program("whoami")
def whoami(call: Call) -> Iterator[Piece]:
    yield out(f"{call.host.setting('computer')}\\{call.host.user}".lower())
    yield 0


@program("timeout")
def timeout(call: Call) -> Iterator[Piece]:
    # With its input redirected the real one refuses.
    yield err("ERROR: Input redirection is not supported, exiting the process immediately.")
    yield 1


@program("ping")
def ping(call: Call) -> Iterator[Piece]:
    count = re.search(r"(?i)-n\s+([0-9]+)", call.line)
    yield out(f"\r\nPinging {call.argv[-1]} with 32 bytes of data:")
    for number in range(int(count.group(1)) if count else 4):
        if number:
            yield 1.0
        yield out("Reply from 127.0.0.1: bytes=32 time<1ms TTL=128")
    yield 0


@program("shutdown")
def shutdown(call: Call) -> Iterator[Piece]:
    match = re.search(r"(?i)/t\s+([0-9]+)", call.line)
    if re.search(r"(?i)/r\b", call.line):
        call.host.ask_reboot(float(match.group(1)) if match else 30.0)
    yield 0


@program("icacls")
def icacls(call: Call) -> Iterator[Piece]:
    from . import accounts

    path = call.path(call.argv[1])
    if not call.host.files.exists(path):
        yield err(f"{call.argv[1]}: The system cannot find the file specified.")
        yield 2
        return
    found = call.host.files.security(path)
    head = call.argv[1]
    for ace in found.aces or []:
        flags = "".join(
            f"({name})" for name, bit in (("OI", 1), ("CI", 2), ("IO", 8), ("NP", 4), ("I", 16)) if ace.flags & bit
        )
        rights = {0x1F01FF: "F", 0x1301BF: "M", 0x1200A9: "RX", 0x120089: "R", 0x120116: "W"}.get(
            ace.rights, hex(ace.rights)
        )
        name = accounts.name_of(call.host, ace.sid)
        yield out(f"{head} {name}:{'' if ace.allow else '(DENY)'}{flags}({rights})")
        head = " " * len(head)
    yield out("\r\nSuccessfully processed 1 files; Failed processing 0 files")
    yield 0


@program("net")
def net(call: Call) -> Iterator[Piece]:
    from . import services

    action, name = (call.argv + ["", ""])[1:3]
    try:
        if action == "stop":
            services.stop(call.host, name)
        elif action == "start":
            services.start(call.host, name)
        else:
            yield err("The syntax of this command is:")
            yield 1
            return
        yield out(f"The {name} service was {'stopped' if action == 'stop' else 'started'} successfully.")
        yield 0
    except Failure as error:
        yield err(str(error))
        yield 2


@program("iisreset")
def iisreset(call: Call) -> Iterator[Piece]:
    from . import services

    services.stop(call.host, "WAS")
    services.start(call.host, "W3SVC")
    yield out("Internet services successfully restarted")
    yield 0


@program("paceline-test")
def test_program(call: Call) -> Iterator[Piece]:
    """A program of the tests: `out N`, `err N`, `sleep SECONDS`, `cat`, `args ...`, `exit N`, `count NAME`, `env NAME`."""
    words_ = call.argv[1:]
    while words_:
        word = words_.pop(0)
        if word in ("out", "err"):
            left = int(words_.pop(0))
            piece = bytes(range(256)) * 256
            while left > 0:
                yield ("o" if word == "out" else "e", piece[: min(left, len(piece))])
                left -= len(piece)
        elif word == "sleep":
            yield float(words_.pop(0))
        elif word == "say":
            yield out(words_.pop(0))
        elif word == "cat":
            yield ("o", call.stdin)
        elif word == "args":
            for argument in words_:
                yield out(argument)
            break
        elif word == "env":
            yield out(str(call.variable(words_.pop(0))))
        elif word == "folder":
            yield out(call.folder)
        elif word == "count":
            name = words_.pop(0)
            count = int(call.host.store.get("counters", name) or 0) + 1
            call.host.store.put("counters", name, count)
            yield out(str(count))
        elif word == "exit":
            yield int(words_.pop(0))
            return
    yield 0
