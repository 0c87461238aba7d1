"""Calls of the opening part and of a rollback: points, ledger, lease, restore, list, prune."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import commandcalls, ensure, filepoints, installs
from .calls import Arguments, Failure, function
from .lease import Asked, Lease
from .ledger import Ledger
from .points import Points

if TYPE_CHECKING:
    from .session import Session

FILES = ("absent", "file", "directory", "link", "attributes", "times")


@function("open_points", "base", "run", "host")
def open_points(session: "Session", a: Arguments) -> int:
    session.points = Points(session, a.text("base"), a.need("run"), a.need("host"))
    return 0


@function("limit_points", "bytes")
def limit_points(session: "Session", a: Arguments) -> int:
    session.points.limit = a.number("bytes")
    return 0


@function("open_ledger")
def open_ledger(session: "Session", a: Arguments) -> int:
    session.ledger = Ledger(session.points.home, session.directory)
    return 0


@function("tell_ledger")
def tell_ledger(session: "Session", a: Arguments) -> int:
    if session.ledger:
        with open(session.ledger.path, "rb") as file:
            session.b("ledger", file.read())
    return 0


@function("tell_output", "folder", "number")
def tell_output(session: "Session", a: Arguments) -> int:
    for name, stream in (("stdout", "o"), ("stderr", "e")):
        path = os.path.join(session.points.home, os.path.basename(a.need("folder")), f"{stream}{a.number('number')}")
        content = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                content = file.read()
        session.b(name, content)
    return 0


def lease_of(session: "Session") -> Lease:
    folder = os.path.join(session.points.base, "lease")
    shown = f"{session.points.shown}\\lease"
    return Lease(folder, shown, session.directory, session.private, session.boot, session.host.uptime)


@function("lease_take", "run", "incarnation", "seconds", "operator", "since", "host")
def lease_take(session: "Session", a: Arguments) -> int:
    asked = Asked(
        a.need("run"), a.number("incarnation"), a.number("seconds"), a.text("operator"), a.text("since"), a.text("host")
    )
    session.lease = lease_of(session)
    with session.host.store.unlocked():
        session.lease.take(asked, lambda text: session.info("lease_wait", text))
    for name, text in session.lease.infos:
        session.info(name, text)
    return 0


@function("lease_show")
def lease_show(session: "Session", a: Arguments) -> int:
    for name, text in lease_of(session).show():
        session.v(name, text)
    return 0


@function("lease_break", "number", "operator", "since", "host")
def lease_break(session: "Session", a: Arguments) -> int:
    wrong = lease_of(session).break_claim(a.number("number"), a.text("operator"), a.text("since"), a.text("host"))
    return session.fail(wrong) if wrong else 0


@function("restore", "number", "force")
def restore(session: "Session", a: Arguments) -> int:
    points, number = session.points, a.number("number")
    point = points.read(number)
    again = point["kind"] == "activation" and _overtaken(points, number, ".restored")
    if points.marked(number, ".restored") and not again:
        session.v("restored", "again")
        return 0
    force = a.flag("force")
    session.again = points.marked(number, ".restoring")
    points.mark(number, ".restoring")
    try:
        _bring_back(session, number, point, force)
    except Failure:
        if not session.again:
            points.unmark(number, ".restoring")
        raise
    session.host.event("restore", number=number, kind=point["kind"], text=point["text"])
    points.mark(number, ".restored")
    if point["kind"] != "activation":
        with open(os.path.join(points.folder, "restored-last"), "w", encoding="ascii"):
            pass
    session.v("restored", "now")
    return 0


def _bring_back(session: "Session", number: int, point: dict[str, Any], force: bool) -> None:
    points = session.points
    if point["kind"] in FILES:
        filepoints.restore(session, number, point, force)
    elif point["kind"] == "rollback":
        commandcalls.undo_program(session, point)
    elif point["kind"] == "activation" and "program" in point:
        if point["text"] not in points.activated:
            commandcalls.undo_program(session, point)
            points.activated.add(point["text"])
    elif point["kind"] == "activation":
        ensure.restore_activation(session, point)
    elif point["kind"] in ("chocolatey", "psmodule"):
        installs.restore(session, number, point, force)
    else:
        ensure.restore(session, number, point, force)


def _overtaken(points: Points, number: int, suffix: str) -> bool:
    """Whether something was restored since this mark was set."""
    last, mark = os.path.join(points.folder, "restored-last"), points.path(number, suffix)
    if not os.path.exists(last) or not os.path.exists(mark):
        return False
    return os.stat(last).st_mtime_ns > os.stat(mark).st_mtime_ns


@function("service_phase", "phase", "number")
def service_phase(session: "Session", a: Arguments) -> int:
    points, number, name = session.points, a.number("number"), a.need("phase")
    point = points.read(number)
    if points.marked(number, f".{name}") and not _overtaken(points, number, f".{name}"):
        session.v("restored", "again")
        return 0
    did = ensure.phase(session, name, point)
    points.mark(number, f".{name}")
    session.v("restored", "now" if did else "again")
    return 0


@function("restore_times", "numbers", "last")
def restore_times(session: "Session", a: Arguments) -> int:
    for text in a.list("numbers"):
        if not session.points.marked(int(text), ".restored"):
            continue
        folder = session.points.read(int(text)).get("folder")
        if folder and session.host.files.is_folder(folder[0]):
            session.host.files.change(folder[0], w=folder[1])
    return 0


@function("points_list")
def points_list(session: "Session", a: Arguments) -> int:
    for number in reversed(session.points.numbers()):
        point = session.points.read(number)
        state = "restored" if session.points.marked(number, ".restored") else "saved"
        session.v("listed", f"{number} {point['kind']} {state} {point['text']}")
    return 0


@function("runs_list")
def runs_list(session: "Session", a: Arguments) -> int:
    for run, count, left in session.points.runs():
        session.v("run", f"{run} {count} {left}")
    return 0


@function("sweep", "numbers")
def sweep(session: "Session", a: Arguments) -> int:
    # The model makes no files under temporary names.
    return 0


@function("prune", "run", "host")
def prune(session: "Session", a: Arguments) -> int:
    lease = lease_of(session)
    claim = lease.show()
    if claim[0][1].startswith("held") and claim[1][1] == a.need("run"):
        raise Failure(f"run `{a.need('run')}` is at work on this host")
    session.v("pruned", str(session.points.prune(a.need("run"), a.need("host"))))
    return 0


@function("prune_claims")
def prune_claims(session: "Session", a: Arguments) -> int:
    lease = lease_of(session)
    folder = lease.folder
    if os.path.isdir(folder) and not any(name.endswith(".shell") for name in os.listdir(folder)):
        lease.collect()
    return 0
