"""One host: its settings, clock, parts and what happens when it is restarted.

Settings (section `settings`): computer, domain, os_version, edition, ps_version, user, elevated, uid, boot_id, booted,
clock_skew, memory_mb, processors, disks, banner, and switches for faults: disk_full, points_full,
feature_fails, features_restart, installer_busy, dies_after (changes that the next session makes before it is killed).
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .store import Store

if TYPE_CHECKING:
    from .files import Files
    from .iis import Iis


def _look(folder: str) -> None:
    host = Host(folder)
    try:
        host.down()
    finally:
        host.close()


# 1601 to 1970, in units of 100 ns.
EPOCH = 116444736000000000


class Host:
    """A handle on one host's folder; each session has its own."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.store = Store(self.folder)

    def close(self) -> None:
        self.store.close()

    def setting(self, name: str, default: Any = None) -> Any:
        value = self.store.get("settings", name)
        return default if value is None else value

    def set(self, name: str, value: Any) -> None:
        with self.store:
            self.store.put("settings", name, value)

    def event(self, kind: str, /, **said: Any) -> None:
        self.store.event(kind, **said)

    # Parts

    @cached_property
    def files(self) -> "Files":
        from .files import Files

        return Files(self)

    @cached_property
    def iis(self) -> "Iis":
        from .iis import Iis

        return Iis(self)

    # Who is logged in

    @property
    def user(self) -> str:
        return str(self.setting("user", "Administrator"))

    @property
    def elevated(self) -> bool:
        return bool(self.setting("elevated", True))

    @property
    def owner(self) -> str:
        """Owner of what this session makes: administrators own together."""
        if self.elevated:
            return "S-1-5-32-544"
        record = self.store.get("users", self.user.lower())
        return str(record["sid"]) if record else "S-1-5-32-545"

    @property
    def profile(self) -> str:
        return f"C:\\Users\\{self.user}"

    @property
    def temp(self) -> str:
        return f"{self.profile}\\AppData\\Local\\Temp"

    # Time

    def now(self) -> float:
        return time.time() + float(self.setting("clock_skew", 0))

    def filetime(self) -> int:
        return int(self.now() * 10_000_000) + EPOCH

    def uptime(self) -> float:
        return time.time() - float(self.setting("booted", 0))

    @property
    def boot_id(self) -> str:
        with self.store:
            return str(self.setting("boot_id", ""))

    def facts(self) -> list[tuple[str, str]]:
        """What a session says of itself and its host."""
        with self.store:
            return [
                ("pid", str(os.getpid())),
                ("uid", "0" if self.elevated else "1000"),
                ("user", self.user),
                ("home", self.profile),
                ("umask", "0"),
                ("temp", "0"),
                ("os", "Windows"),
                ("kernel", str(self.setting("os_version", "10.0.20348"))),
                ("hostname", str(self.setting("computer", ""))),
                ("boot_id", str(self.setting("boot_id", ""))),
                ("ps_version", str(self.setting("ps_version", "5.1.20348.2849"))),
                ("elevated", "1" if self.elevated else "0"),
                ("arch", str(self.setting("arch", "AMD64"))),
            ]

    # The machine

    def holder(self, path: str) -> str | None:
        """The process that holds a file, or one below a folder, open."""
        if self.store.get("files", path) is None and not self.store.sections.get("sites"):
            return None
        return self.iis.holder(path)

    def down(self) -> bool:
        """Whether the host is restarting; a restart that is due is done by whoever looks."""
        with self.store:
            due = self.setting("reboot_at")
            if due is not None and time.time() >= float(due):
                self.reboot()
            until = self.setting("down_until")
            return until is not None and time.time() < float(until)

    def ask_reboot(self, delay: float) -> None:
        """What `shutdown /r` does: the restart comes after the delay."""
        with self.store:
            self.store.put("settings", "reboot_at", time.time() + delay)
            self.event("reboot_asked", delay=delay)
        later = threading.Timer(delay + 0.05, _look, [self.folder])
        later.daemon = True
        later.start()

    def reboot(self) -> None:
        """Restarts: sessions end, services start as they are set, what waits for a restart is done."""
        from . import living, services

        with self.store:
            self.store.drop("settings", "reboot_at")
            self.store.put("settings", "down_until", time.time() + float(self.setting("reboot_seconds", 1)))
            self.store.put("settings", "boot_id", uuid.uuid4().hex)
            self.store.put("settings", "booted", time.time())
            for name, _ in self.store.items("pending"):
                self.store.drop("pending", name)
            self.store.put("settings", "boots", int(self.setting("boots", 0)) + 1)
            services.boot(self)
            self.event("boot")
        living.end_all(os.path.join(self.folder, "run"))

    def pending(self) -> list[str]:
        """Why a restart is needed."""
        return [name for name, _ in self.store.items("pending")]
