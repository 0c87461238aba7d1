"""Points of files and folders: saved before the change, restored from whole records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import names
from .calls import Failure
from .files import Record

if TYPE_CHECKING:
    from .session import Session

HINT = "\nhint: look at it, then roll back again with `--force`"


def kind_of(session: "Session", path: str) -> str:
    record = session.host.files.find(path)
    if record is None:
        return "absent"
    return "directory" if record["d"] else "file"


def mark_of(session: "Session", path: str) -> str:
    """What is there, in one word."""
    record = session.host.files.find(path)
    if record is None:
        return "absent"
    return "directory" if record["d"] else f"file:{record['c']}"


def save(session: "Session", path: str, how: str, made: str = "") -> int:
    """Saves what is at the path. HOW: absent, replace, take, attributes, times; MADE is what it is going to be."""
    path = names.canonical(path)
    kind = kind_of(session, path)
    wanted = how
    if kind == "absent":
        how = "absent"
    records = []
    if how == "take" or (how == "copy" and kind == "directory"):
        records = session.host.files.walk(path)
    elif how != "absent":
        records = [session.host.files.need(path)]
    whole = how == "copy" or (how == "absent" and wanted == "copy")
    covers = how if how in ("absent", "attributes", "times") else kind
    data: dict[str, Any] = {
        "path": path,
        "how": how,
        "made": made,
        "records": records,
        "folder": session.points.folder_time(path),
    }
    if whole:
        data["whole"] = True
    return session.points.save(covers, path, data)


def left(session: "Session", number: int) -> None:
    """Notes what the run left."""
    point = session.points.read(number)
    record = session.host.files.find(point["path"])
    session.points.after(number, {"mark": mark_of(session, point["path"]), "record": record})


def write(session: "Session", path: str, content: bytes, times: tuple[int, int] | None = None) -> int:
    """A file gets new content: point, change, note. A read-only file is replaced all the same."""
    files = session.host.files
    made = "file:" + session.host.store.keep(content)
    number = save(session, path, "replace", made)
    record = files.find(path)
    readonly = record is not None and "readonly" in record["a"]
    if record is not None and readonly:
        files.change(path, a=[attribute for attribute in record["a"] if attribute != "readonly"])
    files.write(path, content, times)
    files.touch_parent(path)
    if readonly:
        files.change(path, a=sorted([*files.need(path)["a"], "readonly"]))
    session.host.event("write", path=names.canonical(path))
    left(session, number)
    return number


def make_folders(session: "Session", path: str) -> list[str]:
    """A folder and what is missing above it, each with a point of its own."""
    path = names.canonical(path)
    missing = []
    at = path
    while not session.host.files.exists(at):
        if names.is_root(at):
            raise Failure(f"the drive of `{path}` does not exist")
        missing.append(at)
        at = names.parent(at)
    if not session.host.files.is_folder(at):
        raise Failure(f"`{at}` is a file, not a folder")
    for folder in reversed(missing):
        number = save(session, folder, "absent", "directory")
        session.host.files.make_folder(folder)
        session.host.event("mkdir", path=folder)
        left(session, number)
    return missing[::-1]


def remove(session: "Session", path: str) -> None:
    """A file or a whole tree is kept and gone."""
    session.host.files.check_free(path)
    number = save(session, path, "take", "absent")
    session.host.files.take_tree(path)
    session.host.files.touch_parent(path)
    session.host.event("remove", path=names.canonical(path))
    left(session, number)


def change(session: "Session", path: str, how: str, **changes: Any) -> None:
    """Attributes, owner and list, or times."""
    number = save(session, path, how)
    session.host.files.change(path, **changes)
    session.host.event(how, path=names.canonical(path))
    left(session, number)


# Restoring


def restore(session: "Session", number: int, point: dict[str, Any], force: bool) -> None:
    how, path = point["how"], point["path"]
    old: list[Record] = point["records"]
    if how in ("attributes", "times"):
        _restore_record(session, number, point, force)
        return
    now = mark_of(session, path)
    if how == "absent":
        if now == "absent":
            return
        if now == "directory" and point.get("whole"):
            # A command made it: it goes with all that is in it.
            session.host.files.take_tree(path)
            session.host.files.touch_parent(path)
            return
        if now == "directory":
            _remove_folder(session, number, path, force)
            return
        _clear(session, number, point, now, force)
        return
    if how == "copy":
        _restore_copy(session, number, point, now, force)
        return
    if how == "take":
        if now == "absent":
            _back(session, old)
        elif session.points.left(number) is None and now == _mark(old):
            return
        elif now == "directory" and not session.host.files.children(path):
            session.host.files.remove(path)
            _back(session, old)
        else:
            _aside_or_refuse(session, number, path, force)
            _back(session, old)
        return
    if now == _mark(old) and session.points.left(number) is None:
        return
    if now != "absent" and now != _mark(old):
        _clear(session, number, point, now, force)
    _back(session, old)


def _mark(records: list[Record]) -> str:
    return "directory" if records[0]["d"] else f"file:{records[0]['c']}"


def _back(session: "Session", records: list[Record]) -> None:
    above = names.parent(records[0]["n"])
    if not session.host.files.is_folder(above):
        raise Failure(f"cannot restore `{records[0]['n']}`: its folder is gone")
    session.host.files.give_tree(records)
    session.host.files.touch_parent(records[0]["n"])


def _clear(session: "Session", number: int, point: dict[str, Any], now: str, force: bool) -> None:
    """The path goes, if it is what the run made."""
    noted = session.points.left(number)
    made = noted["mark"] if noted else point["made"]
    if made and made != now:
        _aside_or_refuse(session, number, point["path"], force)
        return
    record = session.host.files.need(point["path"])
    if record["d"] and session.host.files.children(point["path"]):
        _remove_folder(session, number, point["path"], force)
        return
    session.host.files.check_free(point["path"])
    session.host.files.change(point["path"], a=[])
    session.host.files.remove(point["path"])


def _aside_or_refuse(session: "Session", number: int, path: str, force: bool) -> None:
    if not force:
        raise Failure(f"`{path}` was changed after the run{HINT}")
    _aside(session, number, path)


def _aside(session: "Session", number: int, path: str) -> None:
    target, count = f"{path}.paceline-{number}", 0
    while session.host.files.exists(target):
        count += 1
        target = f"{path}.paceline-{number}-{count}"
    session.host.files.rename(path, target)
    session.v("replaced", target)


def _remove_folder(session: "Session", number: int, path: str, force: bool) -> None:
    if session.host.files.children(path):
        if not force:
            raise Failure(f"`{path}` holds what the run did not make{HINT}")
        _aside(session, number, path)
        return
    session.host.files.remove(path)


def _restore_record(session: "Session", number: int, point: dict[str, Any], force: bool) -> None:
    """Attributes, owner, list and times of what is still there."""
    old = point["records"][0]
    now = session.host.files.find(point["path"])
    if now is None:
        if force:
            return
        raise Failure(f"`{point['path']}` is gone, so that its {point['how']} cannot be restored{HINT}")
    fields = ("w", "t") if point["how"] == "times" else ("a", "o", "p", "e")
    noted = session.points.left(number)
    if noted and not force and not session.again:
        if any(now[field] != noted["record"][field] for field in fields):
            raise Failure(f"`{point['path']}` was changed after the run{HINT}")
    session.host.files.change(point["path"], **{field: old[field] for field in fields})


def _restore_copy(session: "Session", number: int, point: dict[str, Any], now: str, force: bool) -> None:
    """A copy of what a command could change in any way comes back whole."""
    old = point["records"]
    files = session.host.files
    if now != "absent" and [record for record in files.walk(point["path"])] == old:
        return
    noted = session.points.left(number)
    if noted and now != "directory" and noted["mark"] not in (now, ""):
        _aside_or_refuse(session, number, point["path"], force)
        now = "absent"
    if now != "absent":
        files.take_tree(point["path"])
    _back(session, old)
