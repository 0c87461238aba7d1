"""The call unzip.

Sources: `System.IO.Compression.ZipArchive` (learn.microsoft.com/dotnet/api/system.io.compression): names as they stand in the archive,
times in the archive have two seconds; "Naming Files, Paths, and Namespaces" for the names that are refused. What was
unpacked into a folder is noted beside the points, so that the same archive is not unpacked again.
"""

from __future__ import annotations

import calendar
import fnmatch
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING

from . import filepoints, names
from .calls import Arguments, Failure, function
from .commandcalls import exists
from .host import EPOCH
from .pathcalls import below, digest, expand, parents, tree_folder

if TYPE_CHECKING:
    from .session import Session


@function("unzip", "path", "digest", "src", "remove", "payload", "creates", "exclude", "include", "check", "diff")
def unzip(session: "Session", a: Arguments) -> int:
    creates = a.get("creates")
    if creates is not None and exists(session, creates):
        session.v("skip", "creates")
        return 0
    to = expand(session, a.need("path"))
    session.v("path", to)
    if a.get("src") is not None:
        return _from_host(session, a, expand(session, a.text("src")), to)
    wanted = a.need("digest")
    if known(session, to, wanted):
        return 0
    if a.flag("check"):
        session.v("changed", "1")
        return 0
    if not a.flag("payload"):
        return 75
    content = session.payload or b""
    if hashlib.sha256(content).hexdigest() != wanted:
        raise Failure("the archive that arrived is not the one that was sent")
    return unpack(session, a, content, to, wanted)


def _from_host(session: "Session", a: Arguments, source: str, to: str) -> int:
    """An archive of the host, which may go when it is unpacked."""
    if a.flag("check") and filepoints.kind_of(session, source) == "absent":
        session.v("changed", "1")
        return 0
    if not session.host.files.is_file(source):
        raise Failure(f"the archive `{source}` does not exist on the host")
    wanted = digest(session, source)
    status = 0
    if not known(session, to, wanted):
        status = unpack(session, a, session.host.files.read(source), to, wanted)
    if status == 0 and a.flag("remove"):
        session.v("changed", "1")
        session.v("removed", "1")
        if not a.flag("check"):
            filepoints.remove(session, source)
    return status


def _manifest(session: "Session", to: str) -> str:
    """What was unpacked there is a file below BASE, whose old content comes back with the files."""
    return names.join(session.points.shown, "archives", hashlib.sha256(to.upper().encode()).hexdigest())


def known(session: "Session", to: str, wanted: str) -> bool:
    """Whether this archive was unpacked there, and all of it is still there."""
    path = _manifest(session, to)
    if not session.host.files.is_file(path):
        return False
    noted = json.loads(session.host.files.read(path))
    return noted[0] == wanted and all(session.host.files.exists(names.join(to, name)) for name in noted[1:])


def check_names(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str, bool]]:
    """Judges every name before anything is written."""
    seen: dict[str, bool] = {}
    found = []
    for entry in archive.infolist():
        raw = entry.orig_filename
        name = raw.replace("/", "\\").rstrip("\\")
        folder = raw.endswith(("/", "\\"))
        why = "is not below a folder" if not name or name.startswith("\\") else ""
        for part in name.split("\\"):
            if part in ("", ".", ".."):
                why = "leads out of its folder"
                continue
            if part.endswith((".", " ")):
                why = "ends in a dot or a blank, which Windows drops"
            try:
                names.check_part(part, name)
            except Failure as error:
                why = str(error)
        if why:
            raise Failure(f"the archive is refused: its entry `{raw}` {why}; nothing was unpacked")
        if name.lower() in seen and not (folder and seen[name.lower()]):
            raise Failure(f"the archive has two entries that are `{name}` on Windows")
        seen[name.lower()] = folder
        found.append((entry, name, folder))
    for name in seen:
        while "\\" in name:
            name = name.rpartition("\\")[0]
            if seen.get(name) is False:
                raise Failure(f"`{name}` is a file and a folder in the archive")
    return found


def unpack(session: "Session", a: Arguments, content: bytes, to: str, wanted: str) -> int:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise Failure("End of Central Directory record could not be found.") from None
    check = a.flag("check")
    entries = [one for one in check_names(archive) if _wanted(a, one[0].orig_filename)]
    tree_folder(session, to, check)
    for entry, name, folder in entries:
        path = below(to, name)
        if folder:
            tree_folder(session, path, check)
            continue
        data = archive.read(entry)
        kind = filepoints.kind_of(session, path)
        if kind == "directory":
            raise Failure(f"`{path}` is a directory, not a file")
        if kind == "file" and digest(session, path) == hashlib.sha256(data).hexdigest():
            continue
        session.v("changed", "1")
        if check:
            continue
        parents(session, path, True, False)
        filetime = calendar.timegm((*entry.date_time, 0, 0, 0)) * 10_000_000 + EPOCH
        filepoints.write(session, path, data, (filetime, session.host.filetime()))
    if not check:
        path = _manifest(session, to)
        session.host.files.make_folder(names.parent(path))
        noted = json.dumps([wanted, *[name for _, name, _ in entries]]).encode()
        if not session.host.files.is_file(path) or session.host.files.read(path) != noted:
            filepoints.write(session, path, noted)
    return 0


def _wanted(a: Arguments, name: str) -> bool:
    def like(pattern: str) -> bool:
        return fnmatch.fnmatchcase(name.rstrip("/\\").lower(), pattern.lower())

    if any(like(pattern) for pattern in a.list("exclude")):
        return False
    return not a.list("include") or any(like(pattern) for pattern in a.list("include"))
