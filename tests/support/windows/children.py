"""The child that runs a script of the user: the script comes on standard input, behind its length.

First nine bytes: the length in hexadecimal digits and a newline; then the script; what follows is the script's own input.
A script of `win_powershell` is the runner, whose input is one line of words (`s` text, `i` number, `t`, `f`, `n`, `[`, `{`): the
call with `script`, `parameters`, `check` and so on; it answers with a JSON document.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import programs, scripts
from .command import Piece

if TYPE_CHECKING:
    from .host import Host


def run(host: "Host", stdin: bytes, folder: str | None, variables: dict[str, str | None]) -> Iterator[Piece]:
    length = int(stdin[:9].strip() or b"0", 16)
    script, rest = stdin[9 : 9 + length].decode("utf-8"), stdin[9 + length :]
    host.event("process", argv=["powershell.exe", "<script>"])
    call = programs.Call(host, ["powershell.exe"], "powershell.exe", folder or host.profile, dict(variables), rest)
    if "r_main" in script and "$Ansible" not in script.partition("function")[0]:
        return _answer(call, rest)
    return scripts.run(call, script)


def words(line: str) -> Any:
    """The value that a line of words says."""
    parts = line.split(" ")
    at = 0

    def one() -> Any:
        nonlocal at
        word = parts[at]
        at += 1
        head, rest = word[:1], word[1:]
        if head in ("s", "p"):
            return base64.b64decode(rest).decode("utf-8")
        if head == "i":
            return int(rest)
        if head == "d":
            return float(rest)
        if head in ("t", "f"):
            return head == "t"
        if head == "n":
            return None
        if head == "c":
            return [one(), one()]
        if head == "[":
            found = []
            while parts[at] != "]":
                found.append(one())
            at += 1
            return found
        if head == "{":
            table = {}
            while parts[at] != "}":
                name = one()
                table[name] = one()
            at += 1
            return table
        raise ValueError(f"a word that is not known: {word}")

    return one()


def _answer(call: "programs.Call", rest: bytes) -> Iterator[Piece]:
    """Runs the script and answers as the runner does."""
    asked = words(rest.decode("ascii").strip())
    if asked.get("check") and "SupportsShouldProcess" not in asked["script"]:
        skipped = {"changed": True, "skipped": True, "msg": "skipped, running in check mode"}
        yield ("o", json.dumps(skipped).encode() + b"\n")
        yield 0
        return
    shared = scripts.Shared()
    inner = programs.Call(call.host, call.argv, call.line, asked.get("chdir") or call.folder, call.variables, b"")
    output: list[str] = []
    errors: list[dict[str, Any]] = []
    status = 0
    for piece in scripts.run(inner, asked["script"], [], shared):
        if isinstance(piece, tuple):
            text = piece[1].decode("utf-8").removesuffix("\r\n")
            if piece[0] == "o":
                output.append(text)
            else:
                errors.append({"output": text, "exception": {"message": text, "type": "System.Exception"}})
        elif isinstance(piece, float):
            yield piece
        else:
            status = piece
    document = {
        "changed": shared.changed, "failed": shared.failed or bool(errors and status), "result": shared.result, "diff": {},
        "host_out": "", "host_err": "", "output": output, "error": errors, "warning": [], "verbose": [], "debug": [],
        "information": [],
    }  # fmt: skip
    yield ("o", json.dumps(document).encode() + b"\n")
    yield 0
