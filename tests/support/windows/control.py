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
web                            installs the web server as it is delivered
variable NAME VALUE            a variable of the machine's environment
certificate STORE PASSWORD     puts a PFX from standard input into a store of the machine; prints its thumbprint
key-reader THUMBPRINT SID      lets an account read the private key of a certificate of `My`
http URL                       what the host's sites answer: status, sub-status
reboot                         restarts the host
"""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.parse
from collections.abc import Callable
from typing import Any

from .host import Host

# What is not part of what a run is to leave as it was.
VOLATILE_SECTIONS = ("counters", "workers", "pending", "event_log")
VOLATILE_SETTINGS = (
    "boot_id", "booted", "boots", "clock_skew", "down_until", "reboot_at", "installer_busy", "next_rid",
)  # fmt: skip


def snapshot(folder: str, times: bool = False) -> dict[str, Any]:
    """The state for comparing whole hosts. With `times` also write and creation times of files."""
    from . import names
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
            web = host.iis.there
            for key, record in found["files"].items():
                if not web and names.within(record["n"], "C:\\inetpub"):
                    # What the web server leaves when it is removed.
                    continue
                if not web and names.within(record["n"], "C:\\Windows\\System32\\inetsrv"):
                    continue
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


def act(folder: str, command: str, words: list[str], content: bytes = b"") -> Any:
    """Does one command and returns what it has to say, or None."""
    if command == "new":
        from . import fresh

        fresh.create(
            folder, words[0], **{word.partition("=")[0]: json.loads(word.partition("=")[2]) for word in words[1:]}
        )
        return None
    if command == "snapshot":
        return snapshot(folder, "--times" in words)
    if command == "hash":
        return digest(folder, "--times" in words)
    host = Host(folder)
    try:
        with host.store:
            return COMMANDS[command](host, words, content)
    finally:
        host.close()


def _events(host: Host, words: list[str], content: bytes) -> list[dict[str, Any]]:
    return [event for event in host.store.events() if not words or event["event"] == words[0]]


def _write(host: Host, words: list[str], content: bytes) -> None:
    from . import names

    host.files.make_folder(names.parent(names.canonical(words[0])))
    host.files.write(words[0], content)


def _http(host: Host, words: list[str], content: bytes) -> list[Any]:
    from . import site

    parts = urllib.parse.urlsplit(words[0])
    found = site.answer(host, parts.scheme, parts.hostname or "", parts.port, parts.path or "/")
    return [found.status, found.sub, found.thumbprint] if isinstance(found, site.Answered) else [0, 0, str(found)]


def _web(host: Host, words: list[str], content: bytes) -> None:
    from . import iis

    iis.role_installed(host)


def _variable(host: Host, words: list[str], content: bytes) -> None:
    from . import environment, registry

    registry.put_value(host, environment.LEVELS["machine"], words[0], "String", [words[1]])


def _certificate(host: Host, words: list[str], content: bytes) -> str:
    from . import certificates

    return certificates.add(host, "LocalMachine", words[0], content, words[1], False)


def _key_reader(host: Host, words: list[str], content: bytes) -> None:
    from . import acl, certificates

    record = certificates.find(host, "LocalMachine", "My", words[0])
    path = certificates.key_path(record or {})
    host.files.set_security(path, acl.parse(f"O:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;{words[1]})"))


COMMANDS: dict[str, Callable[[Host, list[str], bytes], Any]] = {
    "events": _events,
    "get": lambda host, words, _: host.store.get(words[0], words[1]),
    "put": lambda host, words, _: host.store.put(words[0], words[1], json.loads(words[2])),
    "set": lambda host, words, _: host.store.put("settings", words[0], json.loads(words[1])),
    "read": lambda host, words, _: host.files.read_text(words[0]),
    "write": _write,
    "web": _web,
    "variable": _variable,
    "certificate": _certificate,
    "key-reader": _key_reader,
    "http": _http,
    "reboot": lambda host, words, _: host.reboot(),
}


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in {*COMMANDS, "new", "snapshot", "hash"}:
        sys.stderr.write(__doc__ or "")
        return 2
    command, folder, *words = arguments
    said = act(folder, command, words, sys.stdin.buffer.read() if command in ("write", "certificate") else b"")
    if command == "events":
        for event in said:
            sys.stdout.write(json.dumps(event) + "\n")
    elif isinstance(said, str):
        sys.stdout.write(said if command == "read" else said + "\n")
    elif said is not None or command == "get":
        sys.stdout.write(json.dumps(said, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
