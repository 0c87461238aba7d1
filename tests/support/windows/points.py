"""Rollback points of one run on this host, in real files below the host's folder.

A point is `NUMBER`, written whole before the change; `NUMBER.after` is what the run left; `NUMBER.restored` says that it
is back. What is kept are whole records of the model (content lies in the blobs anyway), so that restoring one is exact.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from .calls import Failure

if TYPE_CHECKING:
    from .session import Session


def base_folder(host_folder: str, base: str) -> str:
    """The real folder behind a BASE of the host."""
    plain = "".join(char if char.isalnum() else "_" for char in base.lower())
    return os.path.join(host_folder, "base", plain or "default")


DEFAULT_BASE = "C:\\ProgramData\\Paceline"


class Points:
    """The points of one session."""

    def __init__(self, session: "Session", base: str, run: str, host: str) -> None:
        self.session = session
        self.shown = base or DEFAULT_BASE
        self.base = base_folder(session.host.folder, self.shown)
        self.run = run
        self.host = host
        self.home = os.path.join(self.base, "runs", run, host)
        self.folder = os.path.join(self.home, "points")
        self.shown_folder = f"{self.shown}\\runs\\{run}\\{host}\\points"
        self.limit = 1 << 30
        self.folders: set[str] = set()
        self.activated: set[str] = set()

    def path(self, number: int, suffix: str = "") -> str:
        return os.path.join(self.folder, f"{number}{suffix}")

    def numbers(self) -> list[int]:
        try:
            return sorted(int(name) for name in os.listdir(self.folder) if name.isdigit())
        except FileNotFoundError:
            return []

    def save(self, kind: str, text: str, data: dict[str, Any]) -> int:
        """Saves a point and reports it."""
        if self.session.host.setting("points_full", False):
            raise Failure(
                f"cannot save a rollback point in `{self.shown_folder}`, so nothing was changed: "
                "There is not enough space on the disk."
            )
        os.makedirs(self.folder, exist_ok=True)
        number = max(self.numbers(), default=0) + 1
        self._write(self.path(number), {"kind": kind, "text": text, **data})
        self.session.v("point", f"{number} {kind} {text}")
        return number

    def after(self, number: int, data: Any) -> None:
        self._write(self.path(number, ".after"), data)

    def read(self, number: int) -> dict[str, Any]:
        try:
            with open(self.path(number), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
                return found
        except FileNotFoundError:
            raise Failure(f"there is no rollback point {number} in `{self.shown_folder}`") from None

    def left(self, number: int) -> Any:
        try:
            with open(self.path(number, ".after"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def mark(self, number: int, suffix: str) -> None:
        with open(self.path(number, suffix), "w", encoding="ascii"):
            pass

    def unmark(self, number: int, suffix: str) -> None:
        os.unlink(self.path(number, suffix))

    def marked(self, number: int, suffix: str) -> bool:
        return os.path.exists(self.path(number, suffix))

    def folder_time(self, path: str) -> list[Any] | None:
        """The write time of the folder whose entries change, the first time in this session."""
        from . import names

        above = names.parent(names.canonical(path))
        record = self.session.host.files.find(above)
        if record is None or names.key(above) in self.folders:
            return None
        self.folders.add(names.key(above))
        return [record["n"], record["w"]]

    @staticmethod
    def _write(path: str, data: Any) -> None:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(path + ".new", path)

    # All runs

    def runs(self) -> list[tuple[str, int, int]]:
        """Runs with points for this host: run, points, points not restored."""
        found = []
        top = os.path.join(self.base, "runs")
        for run in sorted(os.listdir(top)) if os.path.isdir(top) else []:
            folder = os.path.join(top, run, self.host, "points")
            if not os.path.isdir(folder):
                continue
            numbers = [name for name in os.listdir(folder) if name.isdigit()]
            open_ones = [name for name in numbers if not os.path.exists(os.path.join(folder, f"{name}.restored"))]
            if numbers:
                found.append((run, len(numbers), len(open_ones)))
        return found

    def prune(self, run: str, host: str) -> int:
        """Removes the folder of a run; returns how many points it had."""
        folder = os.path.join(self.base, "runs", run, host)
        points = os.path.join(folder, "points")
        count = len([name for name in os.listdir(points) if name.isdigit()]) if os.path.isdir(points) else 0
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rmdir(os.path.dirname(folder))
        except OSError:
            pass
        return count
