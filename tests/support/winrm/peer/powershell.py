"""`powershell.exe` of a host: a real `pwsh` where there is one, else a stand-in.

The stand-in knows the two uses that the controller makes of it. The remote shell's bootstrap goes to the model of a
Windows host, if there is one in `tests/support/windows`: `windows.session.serve(encoded_command, stdin, stdout, stderr,
host)`, where `host` is its name and the streams block (`stop` is how it is ended from outside); `windows.session.recognises(script)`, if it is there, says
which scripts it takes, and `windows.session.control(host, request)` answers tests. Any other script must be of these
statements, one a line or parted by `;`: `Write-Output 'text'`, `'text'`, `hostname`, `$env:NAME`,
`[Console]::Error.WriteLine('text')`, `exit N`, `throw 'text'`. What else there is gets an error and exit code 1, as
PowerShell has for what it cannot parse.
"""

import base64
import binascii
import contextlib
import importlib
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
from typing import IO, Any

from .command import Output, Stopped
from .job import Job

_TEXT = r"'((?:[^']|'')*)'"
_STATEMENTS = re.compile(
    rf"(?:Write-Output\s+)?{_TEXT}|(?P<host>hostname)|\$env:(?P<variable>\w+)"
    rf"|\[Console\]::Error\.WriteLine\((?P<error>'(?:[^']|'')*')\)|exit\s+(?P<code>-?\d+)|throw\s+(?P<thrown>'(?:[^']|'')*')",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\s;]*")


def run(job: Job) -> int:
    real = shutil.which("pwsh")
    if job.powershell == "pwsh" or (job.powershell == "auto" and real):
        if real is None:
            job.complain("no pwsh on PATH")
            return 255
        return _real(job, real)
    script = _script(job.arguments)
    if script is None:
        job.complain("the test peer's PowerShell takes -EncodedCommand only")
        return 1
    statements = _parse(script)
    if statements is not None:
        return _obey(job, statements)
    session = model()
    recognises = getattr(session, "recognises", None)
    if session is not None and (recognises is None or recognises(script)):
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()

        def stop() -> None:
            job.command.stop(1)

        return int(session.serve(encoded, job.stdin, job.stdout, job.stderr, job.host, stop=stop) or 0)
    job.complain("the test peer does not know this script: " + script[:200])
    return 1


def _script(arguments: list[str]) -> str | None:
    """The decoded `-EncodedCommand`, which may be shortened to `-e`, `-ec` and `-enc` as PowerShell allows."""
    for option, value in itertools.pairwise(arguments):
        name = option.lower().lstrip("-/")
        if name == "ec" or (name and "encodedcommand".startswith(name)):
            try:
                return base64.b64decode(value, validate=True).decode("utf-16-le")
            except (binascii.Error, UnicodeDecodeError):
                return None
    return None


def _parse(script: str) -> list[re.Match[str]] | None:
    found: list[re.Match[str]] = []
    at = _SEPARATOR.match(script, 0).end()  # type: ignore[union-attr]
    while at < len(script):
        match = _STATEMENTS.match(script, at)
        if match is None:
            return None
        found.append(match)
        between = _SEPARATOR.match(script, match.end())
        end = between.end() if between else match.end()
        if end < len(script) and not re.search(r"[;\n]", script[match.end() : end]):
            return None
        at = end
    return found


def _text(quoted: str) -> str:
    return quoted.strip("'") if quoted == "''" else quoted[1:-1].replace("''", "'")


def _obey(job: Job, statements: list[re.Match[str]]) -> int:
    for statement in statements:
        groups = statement.groupdict()
        if groups["code"] is not None:
            return int(groups["code"])
        if groups["thrown"] is not None:
            job.complain(_text(groups["thrown"]))
            return 1
        if groups["error"] is not None:
            job.complain(_text(groups["error"]))
        elif groups["host"] is not None:
            job.stdout.write(job.host.encode() + b"\r\n")
        elif groups["variable"] is not None:
            upper = {name.upper(): value for name, value in job.environment.items()}
            if (value := upper.get(groups["variable"].upper())) is not None:
                job.stdout.write(value.encode() + b"\r\n")
        else:
            job.stdout.write(statement.group(1).replace("''", "'").encode() + b"\r\n")
    return 0


def model() -> Any:
    """The model of a Windows host, if it is there; its folder goes last, so that it hides nothing."""
    support = str(pathlib.Path(__file__).resolve().parents[2])
    if support not in sys.path:
        sys.path.append(support)
    try:
        return importlib.import_module("windows.session")
    except ModuleNotFoundError:
        return None


def _real(job: Job, program: str) -> int:
    process = subprocess.Popen(
        [program, *job.arguments[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    entrance, out, err = process.stdin, process.stdout, process.stderr
    assert entrance and out and err

    def feed() -> None:
        with entrance, contextlib.suppress(OSError, Stopped):
            while data := job.stdin.read():
                left = memoryview(data)
                while left:
                    left = left[entrance.write(left) :]

    def drain(source: IO[bytes], target: Output) -> None:
        with contextlib.suppress(OSError, Stopped):
            while data := source.read(65536):
                target.write(data)

    threading.Thread(target=feed, daemon=True).start()
    readers = [
        threading.Thread(target=drain, args=pair, daemon=True) for pair in ((out, job.stdout), (err, job.stderr))
    ]
    for reader in readers:
        reader.start()
    try:
        # Short at first: most programs of tests are over at once.
        pause = 0.002
        while process.poll() is None:
            job.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        for reader in readers:
            reader.join()
    except Stopped:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        for stream in (out, err):
            stream.close()
    return process.returncode
