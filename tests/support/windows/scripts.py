"""What this model understands of PowerShell: a tiny documented set, so that scripts of tests and playbooks run.

Statements, one a line or between `;`: `Write-Output X` or a quoted text, `exit N`, `throw X`, `hostname`, `$env:NAME`,
`[Console]::Error.WriteLine(X)`, `Start-Sleep N`, `$Ansible.Changed = $true|$false`, `Start-Service`, `Stop-Service`,
`Restart-Service NAME`, `Set-Content PATH X`, `Remove-Item PATH`, `New-Item -ItemType Directory PATH`, `& PROGRAM ARGUMENTS`.
Everything else is answered as PowerShell answers what it does not know, with exit status 1.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from . import programs, words
from .calls import Failure
from .command import Piece

if TYPE_CHECKING:
    from .programs import Call


class Shared:
    """What a script sets for whoever runs it: `$Ansible`."""

    def __init__(self) -> None:
        self.changed = True
        self.failed = False
        self.result: dict[str, object] = {}


def statements(text: str) -> list[str]:
    found, statement, quote = [], "", ""
    for char in text.replace("\r", ""):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in ";\n":
            found.append(statement.strip())
            statement = ""
            continue
        statement += char
    found.append(statement.strip())
    return [one for one in found if one and not one.startswith("#")]


def run(call: "Call", text: str, arguments: list[str] | None = None, shared: Shared | None = None) -> Iterator[Piece]:
    """Runs statements until one ends the script."""
    shared = shared or Shared()
    for statement in statements(text):
        try:
            status = yield from _one(call, statement, arguments or [], shared)
        except Failure as error:
            yield programs.err(f"{error}")
            status = 1
        if status is not None:
            yield status
            return
    yield 0


def value(call: "Call", text: str, arguments: list[str]) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    text = re.sub(r"\$args\[([0-9]+)\]", lambda match: (arguments + [""] * 20)[int(match.group(1))], text)
    return re.sub(r"\$env:([A-Za-z0-9_()]+)", lambda match: call.variable(match.group(1)) or "", text)


def _one(call: "Call", text: str, arguments: list[str], shared: Shared) -> Generator[Piece, None, int | None]:
    host = call.host
    match = re.match(r"(?i)(?:Write-Output|Write-Host|echo)\s+(.+)$", text)
    if match or re.match(r"""('.*'|".*"|\$env:\w+|\$args\[\d+\])$""", text):
        yield programs.out(value(call, match.group(1) if match else text, arguments))
        return None
    match = re.match(r"(?i)exit(\s+([0-9]+))?$", text)
    if match:
        return int(match.group(2) or 0)
    match = re.match(r"(?i)throw\s+(.+)$", text)
    if match:
        yield programs.err(value(call, match.group(1), arguments))
        return 1
    match = re.match(r"(?i)\[Console\]::Error\.WriteLine\((.+)\)$", text)
    if match:
        yield programs.err(value(call, match.group(1), arguments))
        return None
    match = re.match(r"(?i)\[Console\]::Out\.WriteLine\((.+)\)$", text)
    if match:
        yield programs.out(value(call, match.group(1), arguments))
        return None
    match = re.match(r"(?i)Start-Sleep\s+(?:-(Seconds|Milliseconds)\s+)?([0-9.]+)$", text)
    if match:
        yield float(match.group(2)) / (1000 if (match.group(1) or "").lower() == "milliseconds" else 1)
        return None
    match = re.match(r"(?i)\$Ansible\.(Changed|Failed)\s*=\s*\$(true|false)$", text)
    if match:
        setattr(shared, match.group(1).lower(), match.group(2).lower() == "true")
        return None
    match = re.match(r"(?i)\$Ansible\.Result\s*=\s*(.+)$", text)
    if match:
        shared.result = {"value": value(call, match.group(1), arguments)}
        return None
    match = re.match(r"(?i)(Start|Stop|Restart)-Service\s+(?:-Name\s+)?(.+)$", text)
    if match:
        from . import services

        name = value(call, match.group(2), arguments)
        if match.group(1).lower() != "start":
            services.stop(host, name)
        if match.group(1).lower() != "stop":
            services.start(host, name)
        return None
    match = re.match(r"(?i)Set-Content\s+(?:-(?:Literal)?Path\s+)?('[^']*'|\"[^\"]*\"|\S+)\s+(?:-Value\s+)?(.+)$", text)
    if match:
        path = call.path(value(call, match.group(1), arguments))
        host.files.write(path, value(call, match.group(2), arguments).encode() + b"\r\n")
        host.event("write", path=path)
        return None
    match = re.match(r"(?i)Remove-Item\s+(?:-(?:Literal)?Path\s+)?(.+?)(\s+-Recurse)?(\s+-Force)?$", text)
    if match:
        path = call.path(value(call, match.group(1), arguments))
        host.files.remove(path, bool(match.group(2)))
        host.event("remove", path=path)
        return None
    match = re.match(r"(?i)New-Item\s+-ItemType\s+Directory\s+(?:-Path\s+)?(.+)$", text)
    if match:
        host.files.make_folder(call.path(value(call, match.group(1), arguments)))
        return None
    if text.startswith("& ") or re.match(r"(?i)(hostname|whoami|cmd(\.exe)?\s|paceline-test)", text):
        argv = words.split(text.removeprefix("& ").strip())
        argv = [argv[0].strip("'"), *[value(call, word, arguments) for word in argv[1:]]]
        try:
            inner = programs.Call(host, argv, text.removeprefix("& "), call.folder, call.variables, call.stdin)
            body = programs.find(inner)
        except programs.Missing:
            body = None
        if body is not None:
            status = 0
            for piece in body(inner):
                if isinstance(piece, int) and not isinstance(piece, bool):
                    status = piece
                else:
                    yield piece
            return status if status else None
    word = text.split(" ")[0]
    yield programs.err(
        f"{word} : The term '{word}' is not recognized as the name of a cmdlet, function, script file, or operable program."
    )
    return 1
