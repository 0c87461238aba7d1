"""The file tree of a host.

Sources: `System.IO.File` and `System.IO.Directory` (learn.microsoft.com/dotnet/api/system.io) for what is made, replaced,
moved and refused with which message; "File Attribute Constants" (learn.microsoft.com/windows/win32/fileio); "File
Times": a new file has one time for all three, writing sets the write time, and a folder's write time changes with its
entries. On NTFS a rename keeps the creation time.

A record: n full path, d folder, c content, z size, a attributes, w and t write and creation time (100 ns since 1601),
o owner, p protected list, e own entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import acl, names
from .calls import Failure

if TYPE_CHECKING:
    from .host import Host

ATTRIBUTES = ("readonly", "hidden", "system", "archive", "compressed", "notcontentindexed", "temporary")
Record = dict[str, Any]


class Files:
    """The files of one host."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.store = host.store
        self._children: dict[str, set[str]] | None = None
        self.store.watchers.append(self._watch)

    def _watch(self, section: str | None, key: str | None) -> None:
        if section is None:
            self._children = None
        elif section == "files" and self._children is not None and key is not None:
            folder = names.parent(key)
            if self.store.get("files", key) is None:
                self._children.get(folder, set()).discard(key)
            elif not names.is_root(key):
                self._children.setdefault(folder, set()).add(key)

    # Looking

    def find(self, path: str) -> Record | None:
        return self.store.get("files", names.key(path))

    def need(self, path: str) -> Record:
        record = self.find(path)
        if record is None:
            raise Failure(f"Could not find file '{names.canonical(path)}'.")
        return record

    def exists(self, path: str) -> bool:
        return self.find(path) is not None

    def is_folder(self, path: str) -> bool:
        record = self.find(path)
        return record is not None and record["d"]

    def is_file(self, path: str) -> bool:
        record = self.find(path)
        return record is not None and not record["d"]

    def children(self, path: str) -> list[Record]:
        """The entries of a folder, by name."""
        if self._children is None:
            self._children = {}
            for key, _ in self.store.items("files"):
                if not names.is_root(key):
                    self._children.setdefault(names.parent(key), set()).add(key)
        return [self.store.get("files", key) for key in sorted(self._children.get(names.key(path), ()))]  # type: ignore[misc]

    def walk(self, path: str) -> list[Record]:
        """A tree, folders before what is in them."""
        record = self.need(path)
        found = [record]
        if record["d"]:
            for child in self.children(record["n"]):
                found += self.walk(child["n"])
        return found

    def read(self, path: str) -> bytes:
        record = self.need(path)
        if record["d"]:
            raise Failure(f"Access to the path '{record['n']}' is denied.")
        return self.store.content(record["c"])

    def read_text(self, path: str) -> str:
        return self.read(path).decode("utf-8-sig", "replace")

    # Changing

    def put(self, record: Record) -> None:
        self.store.put("files", names.key(record["n"]), record)

    def touch_parent(self, path: str) -> None:
        folder = self.find(names.parent(names.canonical(path)))
        if folder is not None:
            self.put(folder | {"w": self.host.filetime()})

    def new(self, path: str, folder: bool) -> Record:
        now = self.host.filetime()
        return {
            "n": names.canonical(path), "d": folder, "c": "", "z": 0, "a": [] if folder else ["archive"],
            "w": now, "t": now, "o": self.host.owner, "p": False, "e": [],
        }  # fmt: skip

    def make_folder(self, path: str) -> list[str]:
        """Makes a folder and those above it that are missing; returns the ones it made, the topmost first."""
        path = names.canonical(path)
        record = self.find(path)
        if record is not None:
            if not record["d"]:
                raise Failure(f"Cannot create '{path}' because a file or directory with the same name already exists.")
            return []
        if names.is_root(path):
            raise Failure(f"Could not find a part of the path '{path}'.")
        made = self.make_folder(names.parent(path))
        self.check_writable(names.parent(path))
        self.put(self.new(path, True))
        self.touch_parent(path)
        return [*made, path]

    def check_writable(self, folder: str) -> None:
        """Whether the disk takes anything, and the folder is one."""
        if not self.is_folder(folder):
            raise Failure(f"Could not find a part of the path '{names.canonical(folder)}'.")
        if self.host.setting("disk_full", False):
            raise Failure("There is not enough space on the disk.")

    def write(self, path: str, content: bytes, times: tuple[int, int] | None = None) -> Record:
        """Makes a file, or replaces what it holds and keeps the rest of it."""
        path = names.canonical(path)
        self.check_writable(names.parent(path))
        record = self.find(path)
        if record is None:
            record = self.new(path, False)
            self.touch_parent(path)
        else:
            if record["d"] or "readonly" in record["a"]:
                raise Failure(f"Access to the path '{path}' is denied.")
            self.check_free(path)
        changes: Record = {"c": self.store.keep(content), "z": len(content), "w": self.host.filetime()}
        if times is not None:
            changes["w"], changes["t"] = times
        attributes = record["a"] if "archive" in record["a"] else sorted([*record["a"], "archive"])
        record = record | changes | {"a": attributes}
        self.put(record)
        return record

    def check_free(self, path: str) -> None:
        """Whether no process holds the file, or one below the folder, open."""
        holder = self.host.holder(path)
        if holder:
            raise Failure(
                f"The process cannot access the file '{names.canonical(path)}' because it is being used by another process."
            )

    def remove(self, path: str, tree: bool = False) -> None:
        record = self.need(path)
        self.check_free(path)
        if record["d"]:
            below = self.children(path)
            if below and not tree:
                raise Failure(f"The directory is not empty: '{record['n']}'.")
            for child in below:
                self.remove(child["n"], True)
        elif "readonly" in record["a"]:
            raise Failure(f"Access to the path '{record['n']}' is denied.")
        if names.is_root(record["n"]):
            raise Failure(f"Access to the path '{record['n']}' is denied.")
        self.store.drop("files", names.key(path))
        self.touch_parent(path)

    def take_tree(self, path: str) -> list[Record]:
        """Takes a tree away as it is, as a rename to a hidden sibling does; `give_tree` brings it back."""
        self.check_free(path)
        records = self.walk(path)
        self.store.put_all("files", {names.key(record["n"]): None for record in records})
        return records

    def give_tree(self, records: Iterable[Record]) -> None:
        self.store.put_all("files", {names.key(record["n"]): record for record in records})

    def rename(self, source: str, target: str) -> None:
        source, target = names.canonical(source), names.canonical(target)
        record = self.need(source)
        same = names.key(source) == names.key(target)
        if self.exists(target) and not same:
            raise Failure(f"Cannot create '{target}' because a file or directory with the same name already exists.")
        self.check_writable(names.parent(target))
        self.check_free(source)
        if names.within(target, record["n"]) and not same:
            raise Failure("The process cannot access the file because it is being used by another process.")
        tree = self.walk(source)
        moved = [old | {"n": target + old["n"][len(record["n"]) :]} for old in tree]
        changes: dict[str, Any] = {names.key(old["n"]): None for old in tree}
        self.store.put_all("files", changes | {names.key(new["n"]): new for new in moved})
        self.touch_parent(source)
        self.touch_parent(target)

    def change(self, path: str, **changes: Any) -> Record:
        record = self.need(path) | changes
        self.put(record)
        return record

    def set_attributes(self, path: str, attributes: Iterable[str]) -> Record:
        wanted = sorted({attribute.lower() for attribute in attributes} - {"normal", "directory"})
        for attribute in wanted:
            if attribute not in ATTRIBUTES:
                raise Failure(f"The attribute `{attribute}` cannot be set on this path.")
        return self.change(path, a=wanted)

    # Access lists

    def security(self, path: str) -> acl.Descriptor:
        """Owner and whole list, the inherited entries included."""
        record = self.need(path)
        own = [acl.from_record(entry) for entry in record["e"]]
        above: list[acl.Ace] = []
        if not record["p"] and not names.is_root(record["n"]):
            parent = self.find(names.parent(record["n"]))
            if parent is not None:
                full = self.security(parent["n"]).aces or []
                above = acl.inherited_by(record["d"], full, record["o"])
        return acl.Descriptor(record["o"], "S-1-5-18", record["p"], acl.canonical_order(own) + above)

    def set_security(self, path: str, wanted: acl.Descriptor) -> None:
        """Owner and own entries, as far as they are given. Inherited entries of a protected list become its own."""
        record = self.need(path)
        changes: Record = {}
        if wanted.owner is not None:
            changes["o"] = wanted.owner
        if wanted.aces is not None:
            kept = [ace for ace in wanted.aces if not ace.inherited]
            folder_only = 0 if record["d"] else 0xF
            changes["e"] = []
            for ace in acl.canonical_order(kept):
                rights = ace.rights if ace.flags & acl.INHERIT_ONLY else acl.specific(ace.rights)
                changes["e"].append(acl.Ace(ace.allow, ace.flags & ~folder_only, rights, ace.sid).record())
            changes["p"] = wanted.protected
        self.put(record | changes)

    def may(self, sid: str, path: str, rights: int) -> bool:
        """Whether an account gets these rights on what is there."""
        from .accounts import token

        if not self.exists(path):
            return False
        return acl.may(token(self.host, sid), self.security(path).aces, rights)
