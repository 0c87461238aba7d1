"""cmd.exe: operators, redirections, variables and the commands that it has itself.

Source: the pages of "Windows commands" (learn.microsoft.com/windows-server/administration/windows-commands): cmd, echo, type, mkdir,
rmdir, del, copy, move, ver, set, cd, if; `&`, `&&`, `||`; exit status 9009 for what it does not find, 1 for a wrong path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator

from . import names, words
from .calls import Failure
from .command import Piece
from .programs import Call, Missing, err, find, out, program


@program("cmd")
def cmd(call: Call) -> Iterator[Piece]:
    match = re.search(r"(?i)\s/([ck])\s?(.*)$", call.line, re.S)
    if match is None:
        yield 0
        return
    text = match.group(2).strip()
    if len(text) > words.LONGEST_CMD:
        yield err("The command line is too long.")
        yield 1
        return
    if text.startswith('"') and text.endswith('"') and text.count('"') != 2:
        text = text[1:-1]
    elif text.startswith('"') and text.endswith('"') and not call.host.files.exists(_safe(text.strip('"'))):
        text = text[1:-1]
    yield from _line(call, text)


def _safe(path: str) -> str:
    try:
        return names.canonical(path)
    except Failure:
        return "C:\\<>"


def _line(call: Call, text: str) -> Iterator[Piece]:
    status = 0
    for operator, one in words.commands(text):
        if (operator == "&&" and status != 0) or (operator == "||" and status == 0):
            continue
        if operator == "|":
            yield err("this model of cmd.exe has no pipes")
            yield 1
            return
        one = _expand(call, one)
        ended = re.match(r"(?i)exit(\s+/b)?(\s+(-?[0-9]+))?\s*$", one)
        if ended:
            yield int(ended.group(3) or status) & 0xFFFFFFFF if ended.group(3) else status
            return
        status = yield from _one(call, one)
    yield status


def _expand(call: Call, text: str) -> str:
    return re.sub(r"%([^%]+)%", lambda match: _value(call, match), text)


def _value(call: Call, match: "re.Match[str]") -> str:
    found = call.variable(match.group(1))
    return match.group(0) if found is None else found


def _one(call: Call, text: str) -> Generator[Piece, None, int]:
    """One command; returns its status."""
    target, append, errors = None, False, False
    redirect = re.search(r'\s*(2>&1|[12]?>>?\s*("[^"]+"|\S+))\s*$', text)
    while redirect:
        if redirect.group(1) == "2>&1":
            errors = True
        else:
            append = ">>" in redirect.group(1)
            target = redirect.group(2).strip('"')
        text = text[: redirect.start()]
        redirect = re.search(r'\s*(2>&1|[12]?>>?\s*("[^"]+"|\S+))\s*$', text)
    collected = bytearray()
    status = 0
    for piece in _plain(call, text):
        if isinstance(piece, tuple):
            stream = "o" if errors else piece[0]
            if target is not None and stream == "o":
                collected += piece[1]
            else:
                yield (stream, piece[1])
        elif isinstance(piece, float):
            yield piece
        else:
            status = piece
    if target is not None and target.lower() != "nul":
        try:
            path = call.path(target)
            old = call.host.files.read(path) if append and call.host.files.is_file(path) else b""
            call.host.files.write(path, old + bytes(collected))
            call.host.event("write", path=path)
        except Failure:
            yield err("The system cannot find the path specified.")
            status = 1
    return status


def _plain(call: Call, text: str) -> Iterator[Piece]:
    """A command of cmd.exe itself, or a program."""
    name, _, rest = text.partition(" ")
    builtin = BUILTINS.get(name.lower())
    if name.lower().startswith(("echo.", "echo(")) and builtin is None:
        yield out(text[5:])
        yield 0
        return
    if builtin is not None:
        yield from builtin(call, rest.strip())
        return
    argv = words.split(text)
    if not argv:
        yield 0
        return
    inner = Call(call.host, argv, text, call.folder, call.variables, call.stdin)
    try:
        body = find(inner)
    except Missing:
        yield err(
            f"'{argv[0]}' is not recognized as an internal or external command,\r\noperable program or batch file."
        )
        yield 9009 if "\\" not in argv[0] else 1
        return
    call.host.event("process", argv=argv)
    yield from body(inner)


Builtin = Callable[[Call, str], Iterator[Piece]]


def _echo(call: Call, text: str) -> Iterator[Piece]:
    yield out(text if text else "ECHO is on.")
    yield 0


def _type(call: Call, text: str) -> Iterator[Piece]:
    try:
        yield ("o", call.host.files.read(call.path(text)))
        yield 0
    except Failure:
        yield err("The system cannot find the file specified.")
        yield 1


def _mkdir(call: Call, text: str) -> Iterator[Piece]:
    path = call.path(text)
    if call.host.files.exists(path):
        yield err(f"A subdirectory or file {text} already exists.")
        yield 1
        return
    call.host.files.make_folder(path)
    call.host.event("mkdir", path=path)
    yield 0


def _rmdir(call: Call, text: str) -> Iterator[Piece]:
    tree = "/s" in text.lower()
    path = call.path(re.sub(r"(?i)/[sq]\s*", "", text).strip())
    try:
        call.host.files.remove(path, tree)
        call.host.event("remove", path=path)
        yield 0
    except Failure as error:
        yield err(
            "The directory is not empty." if "not empty" in str(error) else "The system cannot find the file specified."
        )
        yield 2


def _del(call: Call, text: str) -> Iterator[Piece]:
    path = call.path(re.sub(r"(?i)/[fsq]\s*", "", text).strip())
    if not call.host.files.is_file(path):
        yield err(f"Could Not Find {path}")
        yield 0
        return
    call.host.files.remove(path)
    call.host.event("remove", path=path)
    yield 0


def _two(call: Call, text: str) -> list[str]:
    return [call.path(word) for word in words.arguments(re.sub(r"(?i)/y\s*", "", text))]


def _copy(call: Call, text: str) -> Iterator[Piece]:
    source, target = _two(call, text)
    if not call.host.files.is_file(source):
        yield err("The system cannot find the file specified.")
        yield 1
        return
    if call.host.files.is_folder(target):
        target = names.join(target, names.leaf(source))
    call.host.files.write(target, call.host.files.read(source))
    call.host.event("write", path=target)
    yield out("        1 file(s) copied.")
    yield 0


def _move(call: Call, text: str) -> Iterator[Piece]:
    source, target = _two(call, text)
    try:
        call.host.files.rename(source, target)
        call.host.event("move", source=source, target=target)
        yield out("        1 file(s) moved.")
        yield 0
    except Failure as error:
        yield err(
            "The process cannot access the file because it is being used by another process."
            if "used" in str(error)
            else "The system cannot find the file specified."
        )
        yield 1


def _ver(call: Call, text: str) -> Iterator[Piece]:
    yield out(f"\r\nMicrosoft Windows [Version {call.host.setting('os_version')}.2849]")
    yield 0


def _set(call: Call, text: str) -> Iterator[Piece]:
    name, equals, value = text.partition("=")
    if equals:
        call.variables[name.lower()] = value or None
        yield 0
        return
    found = call.variable(name)
    if found is None:
        yield err(f"Environment variable {name} not defined")
        yield 1
        return
    yield out(f"{name}={found}")
    yield 0


def _cd(call: Call, text: str) -> Iterator[Piece]:
    text = re.sub(r"(?i)^/d\s+", "", text)
    if not text:
        yield out(call.folder)
        yield 0
        return
    path = call.path(text)
    if not call.host.files.is_folder(path):
        yield err("The system cannot find the path specified.")
        yield 1
        return
    call.folder = path
    yield 0


def _if(call: Call, text: str) -> Iterator[Piece]:
    match = re.match(r'(?i)(not\s+)?exist\s+("[^"]+"|\S+)\s+(.*)$', text)
    if match is None:
        yield err("The syntax of the command is incorrect.")
        yield 255
        return
    if call.host.files.exists(call.path(match.group(2))) != bool(match.group(1)):
        yield from _line(call, match.group(3))
    else:
        yield 0


BUILTINS: dict[str, Builtin] = {
    "echo": _echo, "type": _type, "mkdir": _mkdir, "md": _mkdir, "rmdir": _rmdir, "rd": _rmdir, "del": _del,
    "erase": _del, "copy": _copy, "move": _move, "ver": _ver, "set": _set, "cd": _cd, "chdir": _cd, "if": _if,
    "rem": lambda call, text: iter([0]),
}  # fmt: skip
