"""Calls that run what users ask for: command, environment, arm, start_step, program_task, and undoing programs.

Sources: `Process.Start` and `ProcessStartInfo` (learn.microsoft.com/dotnet/api/system.diagnostics): error 2 for a program that is
not there; a child has the environment of its parent with the changes that were asked for.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from . import calls, filepoints, names, programs, words
from .calls import Arguments, Failure, function
from .pathcalls import expand

if TYPE_CHECKING:
    from .session import Session


class Arms:
    """What the step in hand saves before it changes anything."""

    def __init__(
        self, step: str = "", covers: list[str] | None = None, progs: dict[str, list[str]] | None = None
    ) -> None:
        self.step = step
        self.covers = covers or []
        self.programs = progs or {}
        self.saved = False


@function("environment", "names", "values")
def set_environment(session: "Session", a: Arguments) -> int:
    listed = dict(zip(a.list("names"), a.list("values"), strict=True))
    session.step_environment = (session.step, {name.lower(): value for name, value in listed.items()})
    return 0


@function("arm", "covers", "rollback", "activation")
def arm(session: "Session", a: Arguments) -> int:
    progs = {name: a.list(name) for name in ("rollback", "activation") if len(a.list(name)) == 2}
    session.arms = Arms(session.step, a.list("covers"), progs)
    return 0


@function("start_step")
def start_step(session: "Session", a: Arguments) -> int:
    begin(session)
    return 0


def begin(session: "Session") -> list[int]:
    """The step is about to change something: once a step. Returns the points of what it covers."""
    arms = session.arms
    if arms.step != session.step or arms.saved:
        return []
    arms.saved = True
    numbers = []
    try:
        for text in arms.covers:
            numbers.append(cover(session, text))
        for as_, program in arms.programs.items():
            session.points.save(as_, program[0], {"program": program})
    except Failure:
        session.v("unarmed", "1")
        raise
    return numbers


def cover(session: "Session", text: str) -> int:
    path = expand(session, text)
    if names.is_root(path):
        raise Failure(f"`{path}` is the root of a drive and stays as it is")
    size = sum(record["z"] for record in session.host.files.walk(path)) if session.host.files.exists(path) else 0
    if size > session.points.limit:
        raise Failure(
            f"a rollback point for `{path}` has to copy {size} bytes, more than `paceline_point_limit` "
            f"({session.points.limit}) allows; nothing was changed"
        )
    return filepoints.save(session, path, "copy")


@function(
    "command", "argv", "line", "script", "executable", "arguments", "chdir", "creates", "removes", "stdin", "check"
)
def command(session: "Session", a: Arguments) -> int:
    if skips(session, a):
        return 0
    if a.flag("check"):
        return 0
    folder = a.get("chdir")
    if folder is not None:
        folder = expand(session, folder)
        if not session.host.files.is_folder(folder):
            session.v("fault", "chdir")
            return 1
    watched = begin(session)
    for name in ("creates", "removes"):
        path = a.get(name)
        if path is not None and "*" not in path and "?" not in path:
            watched.append(cover(session, path))
    status = run(session, a, folder)
    if not (session.arms.step == session.step and "rollback" in session.arms.programs):
        for number in watched:
            filepoints.left(session, number)
    return status


def skips(session: "Session", a: Arguments) -> bool:
    """Whether a guard says that nothing is to be done."""
    creates, removes = a.get("creates"), a.get("removes")
    if creates is not None and exists(session, creates):
        session.v("skip", "creates")
        return True
    if removes is not None and not exists(session, removes):
        session.v("skip", "removes")
        return True
    return False


def exists(session: "Session", pattern: str) -> bool:
    import fnmatch

    head, _, last = pattern.replace("/", "\\").rpartition("\\")
    if "*" not in last and "?" not in last:
        return session.host.files.exists(expand(session, pattern))
    folder = expand(session, head + "\\")
    return any(
        fnmatch.fnmatchcase(names.leaf(record["n"]).lower(), last.lower())
        for record in (session.host.files.children(folder) if session.host.files.is_folder(folder) else [])
    )


SHELLS = {
    "@cmd": "C:\\Windows\\System32\\cmd.exe",
    "@powershell": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
}


def run(session: "Session", a: Arguments, folder: str | None) -> int:
    """Starts it and tells how it ended: 0, or 1 for anything else."""
    script, line = a.get("script"), a.get("line")
    temporary = None
    if script is not None:
        if set(script) & set('\\/:*?"<>|'):
            raise Failure(f"`{script}` cannot be the name of a script")
        temporary = names.join(session.shown, script)
        session.host.files.make_folder(session.shown)
        session.host.files.write(temporary, session.payload or b"")
        head = "@powershell -NoProfile -NonInteractive -OutputFormat Text -ExecutionPolicy Bypass -File "
        if not script.lower().endswith(".ps1"):
            head = ""
        if a.get("executable") is not None:
            head = a.text("executable") + " "
        line = f'{head}"{temporary}" {a.text("arguments")}'
    if line is not None:
        first = words.split(line)[0] if line.strip() else ""
        rest = line[len(first) :] if line.startswith(first) else line
        argv = words.split(line)
        argv[0] = SHELLS.get(first, first)
        line = argv[0] + rest
    else:
        argv = a.list("argv")
        argv[0] = SHELLS.get(argv[0], argv[0])
    variables = dict(session.process_environment)
    if session.step_environment[0] == session.step:
        variables |= session.step_environment[1]
    stdin = (session.payload or b"") if a.flag("stdin") else b""
    try:
        pieces = child(session, argv, folder, variables, stdin, line)
        return 0 if session.run_program(pieces, quiet=session.quiet) == 0 else 1
    except programs.Missing:
        session.v("missing", "2")
        return 1
    finally:
        if temporary is not None:
            session.host.files.remove(temporary)
            session.host.files.remove(session.shown)


def child(
    session: "Session",
    argv: list[str],
    folder: str | None,
    variables: dict[str, str | None],
    stdin: bytes,
    line: str | None,
) -> Any:
    """A program, or the child that reads a script of the user from its input."""
    text = line or " ".join(argv)
    encoded = text.rpartition(" ")[2]
    if "-EncodedCommand" in text and len(encoded) > 40:
        outer = base64.b64decode(encoded).decode("utf-16-le")
        if "paceline_take" in outer or "paceline_in" in outer:
            from . import children

            return children.run(session.host, stdin, folder, variables)
    return programs.start(session.host, argv, folder, variables, stdin, line)


@function("start_only")
def start_only(session: "Session", a: Arguments) -> int:
    """The same, before something that runs outside of this session."""
    begin(session)
    return 75


@function("program_task", "name", "seconds", "text", "quiet", "payload")
def program_task(session: "Session", a: Arguments) -> int:
    """One task of a program that undoes a step."""
    outer = session.payload, session.limit, session.quiet
    payload = a.get("payload")
    session.payload = base64.b64decode(payload) if payload is not None else None
    session.limit, session.quiet = a.number("seconds"), a.flag("quiet")
    try:
        for one in a.text("text").split("\n"):
            status = calls.run(session, one) if one else 0
            if status:
                return status
        return 0
    finally:
        session.payload, session.limit, session.quiet = outer


def undo_program(session: "Session", point: dict[str, Any]) -> None:
    """Runs the tasks that undo a step; what they would save is thrown away."""
    outer = session.points
    session.points = Scratch(outer)  # type: ignore[assignment]
    try:
        for line in point["program"][1].split("\n"):
            status = calls.run(session, line) if line else 0
            if status:
                raise Failure(f"`{point['program'][0]}` ended with status {status}")
    finally:
        session.points = outer


class Scratch:
    """Points that nobody keeps."""

    def __init__(self, points: Any) -> None:
        self.limit = 1 << 62
        self.kept: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, Any] = {}
        self.home, self.base, self.shown = points.home, points.base, points.shown
        self.folders: set[str] = set()

    def save(self, kind: str, text: str, data: dict[str, Any]) -> int:
        number = len(self.kept) + 1
        self.kept[number] = json.loads(json.dumps({"kind": kind, "text": text, **data}))
        return number

    def read(self, number: int) -> dict[str, Any]:
        return self.kept[number]

    def after(self, number: int, data: Any) -> None:
        self.notes[number] = data

    def left(self, number: int) -> Any:
        return self.notes.get(number)

    def folder_time(self, path: str) -> None:
        return None
