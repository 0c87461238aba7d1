"""Hosts from outside, for tests: `python3 -m windows.control COMMAND HOSTDIR ...`.

new NAME [SETTING=JSON ...]    makes a host
snapshot                       the whole state as JSON, without what every run leaves (BASE, counters, events)
hash                           its SHA-256
events [KIND]                  what happened, one JSON document a line
get SECTION KEY                a record, or null
put SECTION KEY JSON           puts a record
set SETTING JSON               a setting or a fault switch
read PATH                      the content of a file
write PATH                     puts a file from standard input
http URL                       what the host's sites answer: status, sub-status
reboot                         restarts the host
"""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.parse
from typing import Any

# What is not part of what a run is to leave as it was.
VOLATILE_SECTIONS = ("counters", "workers", "pending", "event_log")
VOLATILE_SETTINGS = (
    "boot_id", "booted", "boots", "clock_skew", "down_until", "reboot_at", "installer_busy", "next_rid",
)  # fmt: skip


def snapshot(folder: str, times: bool = False) -> dict[str, Any]:
    """The state for comparing whole hosts. With `times` also write and creation times of files."""
    from . import names
    from .host import Host
    from .points import DEFAULT_BASE

    host = Host(folder)
    try:
        with host.store:
            found: dict[str, Any] = {}
            for section, records in host.store.sections.items():
                if section in VOLATILE_SECTIONS or not records:
                    continue
                found[section] = dict(records)
            found["settings"] = {
                name: value for name, value in found["settings"].items() if name not in VOLATILE_SETTINGS
            }
            base = str(host.setting("base", DEFAULT_BASE))
            files = {}
            for key, record in found["files"].items():
                if names.within(record["n"], base) or "\\.paceline-" in record["n"]:
                    continue
                hidden = () if times and not record["d"] else ("w", "t")
                files[key] = {name: value for name, value in record.items() if name not in hidden}
            found["files"] = files
            return found
    finally:
        host.close()


def digest(folder: str, times: bool = False) -> str:
    text = json.dumps(snapshot(folder, times), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    command, folder, *rest = arguments
    out = sys.stdout
    if command == "new":
        from . import fresh

        settings = {word.partition("=")[0]: json.loads(word.partition("=")[2]) for word in rest[1:]}
        fresh.create(folder, rest[0], **settings)
        return 0
    if command in ("snapshot", "hash"):
        times = "--times" in rest
        out.write(
            json.dumps(snapshot(folder, times), sort_keys=True) if command == "snapshot" else digest(folder, times)
        )
        out.write("\n")
        return 0
    from .host import Host

    host = Host(folder)
    with host.store:
        if command == "events":
            for event in host.store.events():
                if not rest or event["event"] == rest[0]:
                    out.write(json.dumps(event) + "\n")
        elif command == "get":
            out.write(json.dumps(host.store.get(rest[0], rest[1])) + "\n")
        elif command == "put":
            host.store.put(rest[0], rest[1], json.loads(rest[2]))
        elif command == "set":
            host.store.put("settings", rest[0], json.loads(rest[1]))
        elif command == "read":
            sys.stdout.buffer.write(host.files.read(rest[0]))
        elif command == "write":
            from . import names

            host.files.make_folder(names.parent(names.canonical(rest[0])))
            host.files.write(rest[0], sys.stdin.buffer.read())
        elif command == "http":
            from . import site

            parts = urllib.parse.urlsplit(rest[0])
            found = site.answer(host, parts.scheme, parts.hostname or "", parts.port, parts.path or "/")
            said = (
                [found.status, found.sub, found.thumbprint] if isinstance(found, site.Answered) else [0, 0, str(found)]
            )
            out.write(json.dumps(said) + "\n")
        elif command == "reboot":
            host.reboot()
        else:
            sys.stderr.write(__doc__ or "")
            return 2
    host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
