"""Hosts by name, below one folder: how a server that stands for many hosts finds them.

The folder is the environment variable `PACELINE_WINDOWS_HOSTS`; a host that is not there yet is made, new. Settings that all new
hosts of a folder get stand in its file `settings.json`.
"""

from __future__ import annotations

import fcntl
import json
import os

from .host import Host

VARIABLE = "PACELINE_WINDOWS_HOSTS"


def folder_of(name: str) -> str:
    """The folder of a host; made where it is missing."""
    top = os.environ.get(VARIABLE)
    if not top:
        raise LookupError(f"the environment variable {VARIABLE} does not say where the modelled hosts are")
    if not name or "/" in name or name.startswith("."):
        raise LookupError(f"`{name}` is no name of a host")
    folder = os.path.join(top, name)
    if not os.path.isdir(os.path.join(folder, "blobs")):
        _make(top, name, folder)
    return folder


def _make(top: str, name: str, folder: str) -> None:
    from . import fresh

    os.makedirs(top, exist_ok=True)
    with open(os.path.join(top, ".making"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return
        settings = {}
        if os.path.exists(os.path.join(top, "settings.json")):
            with open(os.path.join(top, "settings.json"), encoding="utf-8") as file:
                settings = json.load(file)
        half = os.path.join(top, f".new-{name}")
        fresh.create(half, name, **settings)
        os.rename(half, folder)


def open_host(host: Host | str) -> Host:
    """A host, by its name or as it is."""
    return host if isinstance(host, Host) else Host(folder_of(host))
