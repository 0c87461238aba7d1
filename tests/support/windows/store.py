"""The state of one host: records in named sections, in a folder that several processes share.

`host-N.json` holds all records as they were once, `changes-N.jsonl` what was put or dropped since, one line a change.
A change is one `write` to a file opened for appending, so a process may be killed at any moment: whoever comes next
drops a torn last line and sees everything before it. All access is under a lock on the folder; taking it reads
what others appended meanwhile.

File content lies beside it in `blobs/`, named by its SHA-256, and what happened to the host in `events.jsonl`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

Record = Any
Sections = dict[str, dict[str, Record]]

# A longer list of changes is folded into a new base when the folder is opened.
FOLD_BYTES = 4 << 20


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


class Store:
    """One host's folder. Not for two threads: each session has its own."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.sections: Sections = {}
        self.generation = 0
        self.watchers: list[Any] = []
        # Changes that are still made before `fatal` is called: how tests end a session at any point.
        self.left: int | None = None
        self.fatal: Any = None
        self._batch: list[Any] | None = None
        self._changes = -1
        self._offset = 0
        self._depth = 0
        self._lock = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self:
            if self._offset > FOLD_BYTES:
                self._fold()

    @staticmethod
    def create(folder: str, sections: Sections) -> None:
        """Makes the folder of a host; fails if one is there."""
        os.makedirs(os.path.join(folder, "blobs"))
        _write_whole(os.path.join(folder, "host-1.json"), _dump(sections).encode())

    def close(self) -> None:
        for handle in (self._changes, self._lock):
            if handle >= 0:
                os.close(handle)
        self._changes = self._lock = -1

    # Locking and catching up

    def __enter__(self) -> "Store":
        if self._depth == 0:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                self._catch_up()
            except BaseException:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                raise
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def unlocked(self) -> "_Unlocked":
        """Gives the lock away for a while, as for a command that takes its time."""
        return _Unlocked(self)

    def _catch_up(self) -> None:
        if self._changes < 0 or os.fstat(self._changes).st_nlink == 0:
            self._load()
        end = os.fstat(self._changes).st_size
        if end == self._offset:
            return
        tail = os.pread(self._changes, end - self._offset, self._offset)
        whole = tail.rfind(b"\n") + 1
        if whole != len(tail):
            os.ftruncate(self._changes, self._offset + whole)
        for line in tail[:whole].splitlines():
            for section, key, record in _changes(json.loads(line)):
                self._apply(section, key, record)
        self._offset += whole

    def _load(self) -> None:
        names = [name for name in os.listdir(self.folder) if name.startswith("host-") and name.endswith(".json")]
        if not names:
            raise FileNotFoundError(f"no host in {self.folder}")
        self.generation = max(int(name[5:-5]) for name in names)
        with open(self._path("host"), encoding="utf-8") as base:
            self.sections = json.load(base)
        if self._changes >= 0:
            os.close(self._changes)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._changes = os.open(self._path("changes"), flags, 0o600)
        self._offset = 0
        for watcher in self.watchers:
            watcher(None, None)

    def _path(self, kind: str) -> str:
        suffix = "json" if kind == "host" else "jsonl"
        return os.path.join(self.folder, f"{kind}-{self.generation}.{suffix}")

    def _fold(self) -> None:
        old = [self._path("host"), self._path("changes")]
        self.generation += 1
        _write_whole(self._path("host"), _dump(self.sections).encode())
        for path in old:
            os.unlink(path)
        self._load()

    def _apply(self, section: str, key: str, record: Record) -> None:
        records = self.sections.setdefault(section, {})
        if record is None:
            records.pop(key, None)
        else:
            records[key] = record
        for watcher in self.watchers:
            watcher(section, key)

    # Records

    def get(self, section: str, key: str) -> Record:
        """A record, not to be changed but by `put`."""
        return self.sections.get(section, {}).get(key)

    def need(self, section: str, key: str) -> Record:
        """A record that is there."""
        return self.sections[section][key]

    def items(self, section: str) -> Iterator[tuple[str, Record]]:
        return iter(list(self.sections.get(section, {}).items()))

    def put(self, section: str, key: str, record: Record) -> None:
        """Puts a record, or drops it if it is None. It is in the folder when this returns."""
        self._write(section, key, record)
        self._apply(section, key, record)

    def put_all(self, section: str, records: dict[str, Record]) -> None:
        """Puts and drops several at once: all of them are done, or none."""
        self._write(section, None, records)
        for key, record in records.items():
            self._apply(section, key, record)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Changes that are all in the folder, or none: what Windows does in one transaction."""
        if self._batch is not None:
            yield
            return
        self._batch = []
        try:
            yield
        except BaseException:
            # Nothing of it happened.
            self._batch = None
            self._load()
            self._catch_up()
            raise
        batch, self._batch = self._batch, None
        if batch:
            self._line([None, None, batch])

    def _write(self, section: str, key: str | None, record: Record) -> None:
        if self._batch is not None:
            self._batch.append([section, key, record])
        else:
            self._line([section, key, record])

    def _line(self, change: list[Any]) -> None:
        assert self._depth > 0, "the host is not locked"
        if self.left is not None:
            self.left -= 1
            if self.left < 0 and self.fatal is not None:
                self.fatal()
        line = (_dump(change) + "\n").encode()
        # A write may end early only on a full disk.
        if os.write(self._changes, line) != len(line):
            raise OSError("the change was not written")
        self._offset += len(line)

    def drop(self, section: str, key: str) -> None:
        if self.get(section, key) is not None:
            self.put(section, key, None)

    # Content and events

    def keep(self, content: bytes) -> str:
        """Keeps content and returns its name."""
        name = hashlib.sha256(content).hexdigest()
        path = os.path.join(self.folder, "blobs", name)
        if not os.path.exists(path):
            _write_whole(path, content)
        return name

    def content(self, name: str) -> bytes:
        with open(os.path.join(self.folder, "blobs", name), "rb") as blob:
            return blob.read()

    def event(self, kind: str, /, **said: Any) -> None:
        """Notes that something happened: what tests count."""
        line = (_dump({"event": kind, "at": time.time(), **said}) + "\n").encode()
        handle = os.open(
            os.path.join(self.folder, "events.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def events(self) -> list[dict[str, Any]]:
        try:
            with open(os.path.join(self.folder, "events.jsonl"), encoding="utf-8") as lines:
                return [json.loads(line) for line in lines if line.endswith("\n")]
        except FileNotFoundError:
            return []


def _changes(line: list[Any]) -> Iterator[tuple[str, str, Record]]:
    """The single changes of a line: of one record, of several in a section, or of a transaction."""
    section, key, record = line
    if section is None:
        for inner in record:
            yield from _changes(inner)
    elif key is None:
        for one, value in record.items():
            yield section, one, value
    else:
        yield section, key, record


class _Unlocked:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.depth = 0

    def __enter__(self) -> None:
        self.depth = self.store._depth
        self.store._depth = 0
        if self.depth:
            fcntl.flock(self.store._lock, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        if self.depth:
            self.store.__enter__()
        self.store._depth = self.depth


def _write_whole(path: str, content: bytes) -> None:
    """Makes a file that is seen whole or not at all."""
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.new"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
