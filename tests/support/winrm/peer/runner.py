"""Runs a command line: the programs of the table, PowerShell, and the little of `cmd.exe` that tasks need."""

import contextlib
import traceback

from . import commandline, powershell, programs
from .command import Stopped
from .job import Job


def run(job: Job) -> None:
    """Runs until the end and leaves the exit code in the command; meant for a thread of its own."""
    try:
        code = _start(job)
    except Stopped as stopped:
        code = stopped.code
    except Exception:
        code = 255
        with contextlib.suppress(Stopped):
            job.complain("the test peer failed:\n" + traceback.format_exc())
    job.command.exited(code)


def _start(job: Job) -> int:
    line = job.line
    if not job.skip_cmd:
        if len(line) > commandline.CMD_LIMIT:
            job.complain("The command line is too long.")
            return 1
        try:
            line = commandline.through_cmd(line, job.environment)
        except commandline.NotModelled as why:
            job.complain(f"the test peer does not model {why}")
            return 255
        if (code := _built_in(job, line)) is not None:
            return code
    job.arguments = commandline.split(line)
    if not job.arguments:
        return 0
    return _program(job)


def _built_in(job: Job, line: str) -> int | None:
    """What `cmd.exe` does itself: `echo`, `exit [/b] N`."""
    word, _, rest = line.strip().partition(" ")
    match word.lower(), rest.strip().split():
        case "echo", _:
            job.stdout.write(rest.encode() + b"\r\n")
            return 0
        case "exit", [number] | ["/b" | "/B", number]:
            return int(number)
    return None


def _program(job: Job) -> int:
    name = job.arguments[0].replace("/", "\\").rpartition("\\")[2].lower().removesuffix(".exe")
    if name in ("powershell", "pwsh"):
        return powershell.run(job)
    if name == "cmd":
        rest = job.line.partition("/c ")[2] or job.line.partition("/C ")[2]
        job.line, job.skip_cmd = rest, False
        return _start(job)
    program = programs.PROGRAMS.get(name)
    if program is None:
        job.complain(
            f"'{job.arguments[0]}' is not recognized as an internal or external command,\r\n"
            "operable program or batch file."
        )
        return 1
    return program(job)
