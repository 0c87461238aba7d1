"""Calls on paths: file, put, read, stat, tree, here, find, tempfile.

Sources: `System.IO.File.Replace` (keeps attributes, list and creation time of the file that is replaced), `File.Move`,
`Directory.CreateDirectory`, `FileSystemInfo` (learn.microsoft.com/dotnet/api/system.io); `ExpandEnvironmentVariables`.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING

from . import accounts, filepoints, names
from .calls import Arguments, Failure, function
from .filepoints import kind_of

if TYPE_CHECKING:
    from .session import Session

# From 1601 to the year 1, in ticks: .NET counts from there.
TICKS = 504911232000000000
MIB = 1 << 20


def expand(session: "Session", text: str) -> str:
    """Variables as `%NAME%`, and `~`; a relative path is below the profile."""
    from .environment import expand as variables

    path = variables(session.host, text).replace("/", "\\")
    if not path or "\0" in path:
        raise Failure("the path is empty or has a NUL in it")
    if path == "~" or path.startswith("~\\"):
        path = session.host.profile + path[1:]
    if path.startswith("\\\\"):
        raise Failure(f"`{path}` is on another machine or a device")
    if path.startswith("\\"):
        path = "C:" + path
    if re.match(r"[A-Za-z]:", path):
        if len(path) == 2 or path[2] != "\\":
            raise Failure(f"`{path}` is relative to a drive's own folder")
    else:
        path = names.join(session.host.profile, path)
    return names.canonical(path)


def slash(text: str) -> bool:
    return text.endswith(("/", "\\"))


def digest(session: "Session", path: str, algorithm: str = "sha256") -> str:
    record = session.host.files.need(path)
    if algorithm == "sha256":
        return str(record["c"])
    if algorithm not in ("md5", "sha1", "sha384", "sha512"):
        raise Failure(f"`{algorithm}` is not a digest that Windows computes")
    return hashlib.new(algorithm, session.host.files.read(path)).hexdigest()


@function("file", "path", "state", "modified", "accessed", "create", "check")
def file(session: "Session", a: Arguments) -> int:
    path = expand(session, a.need("path"))
    session.v("path", path)
    kind = kind_of(session, path)
    session.v("was", kind)
    state, check = a.text("state", "any"), a.flag("check")
    if state == "directory":
        if kind == "file":
            raise Failure(f"`{path}` is a file, not a folder")
        if kind == "absent":
            session.v("changed", "1")
            if not check:
                filepoints.make_folders(session, path)
    elif state in ("file", "any"):
        if kind == "absent":
            raise Failure(f"`{path}` does not exist")
        if state == "file" and kind == "directory":
            raise Failure(f"`{path}` is a folder, not a file")
    elif state == "touch":
        if kind == "absent":
            session.v("changed", "1")
            parents(session, path, False, check)
            if not check:
                filepoints.write(session, path, b"")
    elif state == "absent":
        if kind != "absent":
            if names.is_root(path):
                raise Failure(f"`{path}` is the root of a drive and stays as it is")
            session.v("changed", "1")
            if not check:
                filepoints.remove(session, path)
    else:
        raise Failure(f"`{state}` is not a state of a path")
    if state != "absent":
        _times(session, a, path, kind, check)
    if not check:
        session.v("now", kind_of(session, path))
    return 0


def _times(session: "Session", a: Arguments, path: str, kind: str, check: bool) -> None:
    modified = a.get("modified")
    # The time of the last access is not kept by the model: Windows itself updates it when it likes.
    if modified in (None, "") or (kind == "absent" and check):
        return
    wanted = session.host.filetime() if modified == "now" else int(modified or 0) - TICKS
    if session.host.files.need(path)["w"] == wanted:
        return
    session.v("changed", "1")
    if not check:
        if kind == "absent":
            session.host.files.change(path, w=wanted)
        else:
            filepoints.change(session, path, "times", w=wanted)


def parents(session: "Session", path: str, make: bool, check: bool) -> None:
    if check:
        # An earlier task may be meant to make the folder.
        return
    folder = names.parent(path)
    kind = kind_of(session, folder)
    if kind == "file":
        raise Failure(f"`{folder}` is a file, not a folder")
    if kind == "absent":
        if not make:
            raise Failure(f"the folder `{folder}` does not exist")
        filepoints.make_folders(session, folder)


def place(session: "Session", a: Arguments) -> str:
    """A folder, or a path with a separator behind it, gets the file under its own name."""
    text = a.need("path")
    path = expand(session, text)
    name = a.get("name")
    if name is not None and (slash(text) or session.host.files.is_folder(path)):
        return names.canonical(names.join(path, name))
    return path


@function("put", "path", "digest", "size", "name", "parents", "keep", "backup", "expected", "payload", "check", "diff")
def put(session: "Session", a: Arguments) -> int:
    path = place(session, a)
    session.v("path", path)
    kind = kind_of(session, path)
    session.v("was", kind)
    if kind == "directory":
        raise Failure(f"`{path}` is a folder")
    now = digest(session, path) if kind == "file" else "absent"
    expected = a.get("expected")
    if expected is not None and expected != now:
        session.v("moved", "1")
        return 75
    if kind == "file" and a.flag("keep"):
        session.v("kept", "1")
        return 0
    if now == a.need("digest"):
        session.v("same", "1")
        session.v("size", str(session.host.files.need(path)["z"]))
        return 0
    if a.flag("diff") and kind == "file":
        tell_old(session, path)
    if not a.flag("check") and not a.flag("payload"):
        return 75
    parents(session, path, a.flag("parents"), a.flag("check"))
    session.v("changed", "1")
    if a.flag("check"):
        return 0
    if kind == "file" and a.flag("backup"):
        backup(session, path)
    content = session.payload
    if content is None:
        raise Failure("the step came without its content")
    if len(content) != a.number("size") or hashlib.sha256(content).hexdigest() != a.need("digest"):
        raise Failure(f"what arrived for `{path}` is not what was sent")
    filepoints.write(session, path, content)
    session.v("size", str(len(content)))
    return 0


def tell_old(session: "Session", path: str) -> None:
    if session.host.files.need(path)["z"] > MIB:
        session.v("old", "large")
    else:
        session.b("old", session.host.files.read(path))


def backup(session: "Session", path: str) -> None:
    copy = f"{path}.4242.{time.strftime('%Y%m%d-%H%M%S')}.bak"
    old = session.host.files.need(path)
    session.host.files.write(copy, session.host.files.read(path), (old["w"], old["t"]))
    session.v("backup_file", copy)


@function("read", "path", "limit", "digest", "edit")
def read(session: "Session", a: Arguments) -> int:
    path = expand(session, a.need("path"))
    session.v("path", path)
    kind = kind_of(session, path)
    session.v("state", kind)
    edit = a.flag("edit")
    if edit and kind != "file":
        return 75
    if kind == "absent":
        return session.fail(f"file not found: {path}")
    if kind == "directory":
        return session.fail(f"source is a directory and must be a file: {path}")
    content = session.host.files.read(path)
    if len(content) > a.number("limit", 1 << 40):
        raise Failure(f"`{path}` has {len(content)} bytes, and at most {a.number('limit')} are read")
    if a.flag("digest"):
        session.v("sha256", hashlib.sha256(content).hexdigest())
    session.b("content", content)
    # Who edits it decides what to do next.
    return 75 if edit else 0


_SHOWN = {
    "readonly": "ReadOnly", "hidden": "Hidden", "system": "System", "archive": "Archive", "temporary": "Temporary",
    "compressed": "Compressed", "notcontentindexed": "NotContentIndexed",
}  # fmt: skip


def attributes_text(record: dict[str, object]) -> str:
    """As `FileAttributes.ToString()` writes them: by value, lowest first."""
    order = ["readonly", "hidden", "system", "directory", "archive", "temporary", "compressed", "notcontentindexed"]
    have = list(record["a"]) + (["directory"] if record["d"] else [])  # type: ignore[call-overload]
    shown = [_SHOWN.get(name, "Directory") for name in order if name in have]
    return ", ".join(shown) or "Normal"


@function("stat", "path", "follow", "checksum", "size")
def stat(session: "Session", a: Arguments) -> int:
    path = expand(session, a.need("path"))
    kind = kind_of(session, path)
    session.v("path", path)
    session.v("kind", kind)
    if kind == "absent":
        return 0
    record = session.host.files.need(path)
    leaf = names.leaf(record["n"]) or record["n"]
    session.v("folder", "1" if record["d"] else "0")
    session.v("name", leaf)
    session.v("extension", "." + leaf.rpartition(".")[2] if "." in leaf else "")
    session.v("attributes", attributes_text(record))
    session.v("created", str(record["t"] + TICKS))
    session.v("accessed", str(record["w"] + TICKS))
    session.v("written", str(record["w"] + TICKS))
    session.v("sid", record["o"])
    session.v("owner", accounts.name_of(session.host, record["o"]))
    if record["d"]:
        if a.flag("size"):
            session.v("size", str(sum(below["z"] for below in session.host.files.walk(path))))
        return 0
    session.v("size", str(record["z"]))
    if a.get("checksum") is not None:
        session.v("checksum", digest(session, path, a.text("checksum")))
    return 0


@function("tree", "path", "folders", "files", "digests", "sizes", "keep", "payload", "check", "diff")
def tree(session: "Session", a: Arguments) -> int:
    top = expand(session, a.need("path"))
    session.v("path", top)
    check = a.flag("check")
    for folder in a.list("folders"):
        tree_folder(session, below(top, folder), check)
    files, digests = a.list("files"), a.list("digests")
    if len(files) != len(digests):
        raise Failure("`files` and `digests` are not of one length")
    if a.flag("payload"):
        content, at = session.payload or b"", 0
        for name, wanted, size in zip(files, digests, a.list("sizes"), strict=True):
            piece = content[at : at + int(size)]
            at += int(size)
            path = below(top, name)
            if hashlib.sha256(piece).hexdigest() != wanted:
                raise Failure(f"what arrived for `{path}` is not what was sent")
            session.v("changed", "1")
            parents(session, path, True, False)
            filepoints.write(session, path, piece)
        return 0
    wanted_files = 0
    for number, (name, wanted) in enumerate(zip(files, digests, strict=True)):
        path = below(top, name)
        kind = kind_of(session, path)
        if kind == "directory":
            raise Failure(f"`{path}` is a directory, not a file")
        if kind == "file" and (a.flag("keep") or digest(session, path) == wanted):
            continue
        wanted_files += 1
        session.v("want", str(number))
        if a.flag("diff"):
            session.v("was", kind)
            if kind == "file":
                tell_old(session, path)
    if wanted_files == 0:
        return 0
    session.v("changed", "1")
    return 0 if check else 75


def below(top: str, name: str) -> str:
    path = names.canonical(names.join(top, name))
    if not names.within(path, top):
        raise Failure(f"`{name}` leads out of `{top}`")
    return path


def tree_folder(session: "Session", path: str, check: bool) -> None:
    kind = kind_of(session, path)
    if kind == "file":
        raise Failure(f"`{path}` is a file, not a folder")
    if kind == "absent":
        session.v("changed", "1")
        if not check:
            filepoints.make_folders(session, path)


@function("here", "src", "path", "name", "parents", "keep", "backup", "check", "diff")
def here(session: "Session", a: Arguments) -> int:
    text = a.need("src")
    source = expand(session, text)
    session.v("src", source)
    kind = kind_of(session, source)
    if kind == "absent" and a.flag("check"):
        session.v("changed", "1")
        return 0
    if kind == "absent":
        raise Failure(f"the source `{source}` does not exist on the host")
    if kind == "file":
        session.v("operation", "file_copy")
        path = place(session, a)
        session.v("path", path)
        _copy(session, a, source, path)
        return 0
    session.v("operation", "folder_copy")
    target = expand(session, a.need("path"))
    session.v("path", target)
    if not slash(text):
        target = names.join(target, names.leaf(source))
    if names.within(target, source):
        raise Failure(f"`{target}` is inside of the source `{source}`")
    for record in session.host.files.walk(source):
        to = target + record["n"][len(source) :]
        if record["d"]:
            tree_folder(session, to, a.flag("check"))
        else:
            _copy(session, a, record["n"], to)
    return 0


def _copy(session: "Session", a: Arguments, source: str, path: str) -> None:
    kind = kind_of(session, path)
    if kind == "directory":
        raise Failure(f"`{path}` is a directory, not a file")
    if kind == "file" and (a.flag("keep") or digest(session, path) == digest(session, source)):
        return
    session.v("changed", "1")
    if a.flag("check"):
        return
    parents(session, path, a.flag("parents"), False)
    if kind == "file" and a.flag("backup"):
        backup(session, path)
    filepoints.write(session, path, session.host.files.read(source))


@function("find", "paths", "patterns", "kind", "recurse", "hidden", "follow", "checksum")
def find(session: "Session", a: Arguments) -> int:
    for text in a.list("paths"):
        top = expand(session, text)
        if not session.host.files.is_folder(top):
            raise Failure(f"`{top}` is not a folder of the host")
        folders = [top]
        while folders:
            for record in session.host.files.children(folders.pop()):
                hidden = "hidden" in record["a"] and not a.flag("hidden")
                if record["d"] and a.flag("recurse") and not hidden:
                    folders.append(record["n"])
                if hidden or record["d"] != (a.text("kind", "file") == "directory"):
                    continue
                leaf = names.leaf(record["n"])
                patterns = a.list("patterns")
                if patterns and not any(fnmatch.fnmatchcase(leaf.lower(), one.lower()) for one in patterns):
                    continue
                checksum = a.get("checksum")
                sum_ = digest(session, record["n"], checksum) if checksum and not record["d"] else ""
                owner = accounts.name_of(session.host, record["o"])
                path = base64.b64encode(record["n"].encode()).decode()
                fields = [path, attributes_text(record), str(record["z"]), str(record["t"] + TICKS)]
                fields += [str(record["w"] + TICKS), str(record["w"] + TICKS), owner, sum_]
                session.v("item", "|".join(fields))
    return 0


@function("tempfile", "kind", "prefix", "suffix", "path", "check")
def tempfile(session: "Session", a: Arguments) -> int:
    folder = expand(session, a.text("path") or session.host.temp)
    if not session.host.files.is_folder(folder):
        raise Failure(f"`{folder}` is not a folder of the host")
    path = names.join(folder, a.text("prefix") + secrets.token_hex(6) + a.text("suffix"))
    session.v("path", names.canonical(path))
    if a.flag("check"):
        return 0
    if a.text("kind") == "directory":
        filepoints.make_folders(session, path)
    else:
        filepoints.write(session, path, b"")
    return 0
