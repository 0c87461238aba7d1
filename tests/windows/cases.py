"""What the real functions are run on, and the values in which they have to agree with the model.

A case is a row of steps on one session; a step is a call, the content that goes with it, the status, and the values that count
(all of a name, in order). `{T}` is a scratch folder of the engine. `needs`: `engine` runs under any PowerShell, also on
Linux; `windows` needs Windows and changes only what it brings back; `iis` needs the web server too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Step:
    """One call and what of its answer counts."""

    function: str
    values: dict[str, Any]
    status: int = 0
    agree: tuple[str, ...] = ()
    body: bytes | None = None


@dataclass
class Case:
    """Steps on one session; `operations` are those that the case says something about."""

    name: str
    operations: tuple[str, ...]
    needs: str = "engine"
    steps: list[Step] = field(default_factory=list)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(path: str, content: bytes, *agree: str, **more: str) -> Step:
    values = {"path": path, "digest": digest(content), "size": str(len(content)), "payload": "1", **more}
    return Step("put", values, 0, agree or ("was", "changed", "same"), content)


def ensure(kind: str, key: dict[str, str], *agree: str, status: int = 0, want: str = "present", **sets: Any) -> Step:
    values: dict[str, Any] = {"kind": kind, "want": want} | {f"key.{name}": value for name, value in key.items()}
    values |= {name.replace("__", "."): value for name, value in sets.items()}
    return Step("ensure", values, status, ("before_exists", "after_exists", "changed", *agree))


SERVICE = {"name": "W32Time"}
REGISTRY = {"path": "HKLM:\\SOFTWARE\\PacelineTest", "name": "Number"}
VARIABLE = {"name": "PACELINE_TEST", "level": "machine"}
RULE = {"name": "paceline-test"}
POOL = {"name": "PacelineTest"}
SITE = {"name": "PacelineTest"}

XML = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\r\n<a>\r\n  <add key="a" value="1" />\r\n</a>\r\n'
IN_XML = {"path": "{T}/a.xml", "xpath": "/a", "want": "present", "type": "element"}

CASES = [
    Case("ping", ("ping",), steps=[Step("ping", {}, 0, ("ping",))]),
    Case(
        "unknown functions and bad arguments fail",
        ("session",),
        steps=[Step("read", {"path": "{T}/none", "limit": "10"}, 1, ("state",)), Step("nonsense", {}, 1)],
    ),
    Case(
        "folders are made and removed",
        ("file",),
        steps=[
            Step("file", {"path": "{T}/a/b", "state": "directory", "check": "1"}, 0, ("was", "changed")),
            Step("file", {"path": "{T}/a/b", "state": "directory"}, 0, ("was", "changed", "now")),
            Step("file", {"path": "{T}/a/b", "state": "directory"}, 0, ("was", "changed", "now")),
            Step("file", {"path": "{T}/a/b", "state": "file"}, 1, ("was",)),
            Step("file", {"path": "{T}/a", "state": "absent"}, 0, ("was", "changed", "now")),
            Step("file", {"path": "{T}/a", "state": "absent"}, 0, ("was", "changed", "now")),
        ],
    ),
    Case(
        "content goes in, is the same, is replaced, and comes back",
        ("put", "read", "restore"),
        steps=[
            Step("put", {"path": "{T}/f.txt", "digest": digest(b"one"), "size": "3"}, 75, ("was",)),
            put("{T}/f.txt", b"one"),
            put("{T}/f.txt", b"one"),
            put("{T}/f.txt", bytes(range(256)) * 600),
            put("{T}/f.txt", b"three", check="1"),
            Step("put", {"path": "{T}/f.txt", "digest": digest(b"x"), "size": "1", "expected": "absent"}, 75, ("moved",)),
            Step("read", {"path": "{T}/f.txt", "limit": "1000000", "digest": "1"}, 0, ("state", "sha256")),
            Step("read", {"path": "{T}/f.txt", "limit": "10"}, 1, ("state",)),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("read", {"path": "{T}/f.txt", "limit": "10", "digest": "1"}, 0, ("state", "sha256")),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
            Step("stat", {"path": "{T}/f.txt"}, 0, ("kind",)),
        ],
    ),
    Case(
        "a tree comes in one stream",
        ("tree",),
        "windows",
        steps=[
            Step(
                "tree",
                {"path": "{T}/tree", "folders": ["sub"], "files": ["a", "sub\\b"], "digests": [digest(b"a"), digest(b"bb")]},
                75,
                ("want", "changed"),
            ),
            Step(
                "tree",
                {
                    "path": "{T}/tree", "folders": ["sub"], "files": ["a", "sub\\b"], "sizes": ["1", "2"], "payload": "1",
                    "digests": [digest(b"a"), digest(b"bb")],
                },
                0,
                ("changed",),
                b"abb",
            ),
            Step("file", {"path": "{T}/tree", "state": "absent"}, 0, ("was", "changed")),
        ],
    ),  # fmt: skip
    Case(
        "the files of an agent are found",
        ("audit",),
        steps=[
            Step("audit", {"folder": "{T}", "limit": "10"}, 0, ("state",)),
            Step("file", {"path": "{T}/Runtime", "state": "directory"}, 0, ("changed",)),
            put("{T}/Runtime/appsettings.json", b"{}"),
            put("{T}/Runtime/X-Agent.dll", b"MZ"),
            Step("audit", {"folder": "{T}", "limit": "10"}, 0, ("state", "program", "version", "unread", "site")),
        ],
    ),
    Case(
        "service",
        ("service",),
        "windows",
        [
            Step("probe", {"kind": "service", "key.name": "No Such Service"}, 0, ("before_exists",)),
            ensure("service", SERVICE, set__start_mode="disabled"),
            ensure("service", SERVICE, "after.start_mode", set__start_mode="disabled"),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "registry",
        ("registry", "registry_key"),
        "windows",
        [
            Step(
                "registry_value_set",
                {"path": REGISTRY["path"], "name": "Number", "type": "dword", "data": "4294967295"},
                0,
                ("changed", "after.type", "after.data"),
            ),
            ensure("registry", REGISTRY, "after.data", set__data="4294967295"),
            ensure("registry", {**REGISTRY, "name": ""}, "after.type", "after.data", set__type="multistring", set__data=["a", "b"]),
            ensure("registry_key", {"path": REGISTRY["path"]}, want="absent"),
            Step("restore", {"number": "4"}, 0, ("restored",)),
            Step("probe", {"kind": "registry", "key.path": REGISTRY["path"], "key.name": "Number"}, 0, ("before.data",)),
            Step("restore", {"number": "3"}, 0, ("restored",)),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "environment",
        ("environment",),
        "windows",
        [
            ensure("environment", VARIABLE, "after.value", set__value="%TEMP%\\x"),
            ensure("environment", VARIABLE, "after.value", set__value="%TEMP%\\x"),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "access rules",
        ("acl",),
        "windows",
        [
            Step("file", {"path": "{T}/acl", "state": "directory"}, 0, ("changed",)),
            Step(
                "acl_rule",
                {
                    "path": "{T}/acl", "user": "Users", "type": "allow", "mask": "131241", "inherit": "", "propagate": "0",
                    "want": "present",
                },
                0,
                ("changed", "after.rules"),
            ),
            Step("acl_inheritance", {"path": "{T}/acl", "want": "absent"}, 0, ("changed", "after.protected", "after.rules")),
            Step("owner", {"path": "{T}/acl", "user": "S-1-5-18"}, 0, ("changed", "after.owner")),
            Step("restore", {"number": "4"}, 0, ("restored",)),
            Step("restore", {"number": "3"}, 0, ("restored",)),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),  # fmt: skip
    Case(
        "firewall rule",
        ("firewall",),
        "windows",
        [
            ensure("firewall", RULE, "after.protocol", "after.localport", "after.enabled", set__protocol="tcp", set__localport="8443", set__enabled="true"),
            ensure("firewall", RULE, set__protocol="TCP", set__localport="8443"),
            ensure("firewall", RULE, "after.enabled", set__enabled="false"),
            ensure("firewall", RULE, want="absent"),
        ],
    ),
    Case(
        "local group and user",
        ("user", "group"),
        "windows",
        [
            ensure("group", {"name": "paceline-test"}, "after.description", set__description="of a test"),
            ensure("user", {"name": "paceline-test"}, "after.groups", add__groups=["paceline-test"], secret__password="Paceline-Test-1"),
            ensure("user", {"name": "paceline-test"}, want="absent"),
            ensure("group", {"name": "paceline-test"}, want="absent"),
        ],
    ),
    Case(
        "scheduled task",
        ("task",),
        "windows",
        [
            ensure("task", {"path": "\\", "name": "paceline-test"}, "after.actions", set__actions=["cmd.exe|/c exit 0|"], set__username="SYSTEM", set__triggers=["daily|StartBoundary=2026-01-01T03:00:00"]),
            ensure("task", {"path": "\\", "name": "paceline-test"}, set__actions=["cmd.exe|/c exit 0|"]),
            ensure("task", {"path": "\\", "name": "paceline-test"}, want="absent"),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "application pool",
        ("pool",),
        "iis",
        [
            ensure("pool", POOL, "after.managedRuntimeVersion", "after.startMode", "after.processModel.idleTimeout", set__managedRuntimeVersion="", set__startMode="alwaysrunning", **{"set.processModel.idleTimeout": "0:00:00"}),
            ensure("pool", POOL, set__startMode="AlwaysRunning", **{"set.processModel.idleTimeout": "00:00:00"}),
            ensure("pool", POOL, "after.queueLength", set__queueLength="2000"),
            ensure("pool", POOL, status=1, set__queueLength="1"),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "site with a binding",
        ("site", "binding", "app", "vdir"),
        "iis",
        [
            Step("file", {"path": "{T}/site", "state": "directory"}, 0, ("changed",)),
            ensure("site", SITE, "after.bindings", set__physicalPath="{T}/site", set__bindings=["http|*:8089:test.example|0||"]),
            ensure("binding", {"site": "PacelineTest", "protocol": "http", "ip": "*", "port": "8090", "host": ""}, "after.sslFlags", set__sslFlags="0"),
            ensure("app", {"site": "PacelineTest", "path": "/sub"}, "after.preloadEnabled", set__physicalPath="{T}/site", set__preloadEnabled="true"),
            ensure("vdir", {"site": "PacelineTest", "application": "/", "path": "/files"}, set__physicalPath="{T}/site"),
            Step("restore", {"number": "5"}, 0, ("restored",)),
            Step("restore", {"number": "4"}, 0, ("restored",)),
            Step("restore", {"number": "3"}, 0, ("restored",)),
            Step("restore", {"number": "2"}, 0, ("restored",)),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "configuration section",
        ("iis_config",),
        "iis",
        [
            ensure("iis_config", {"section": "system.webServer/directoryBrowse", "location": "Default Web Site"}, "after.enabled", set__enabled="true"),
            ensure("iis_config", {"section": "system.webServer/directoryBrowse", "location": "Default Web Site"}, set__enabled="True"),
            Step("restore", {"number": "1"}, 0, ("restored",)),
        ],
    ),
    Case(
        "parts of an XML file",
        ("xml",),
        steps=[
            put("{T}/a.xml", XML, "was"),
            Step("xml", {**IN_XML, "fragment": '<add value="2" key="b"/>', "check": "1"}, 0, ("count", "changed")),
            Step("xml", {**IN_XML, "fragment": '<add value="2" key="b"/>'}, 0, ("count", "changed")),
            Step("xml", {**IN_XML, "fragment": '<add key="b" value="2" />'}, 0, ("count", "changed")),
            Step("read", {"path": "{T}/a.xml", "limit": "1000", "digest": "1"}, 0, ("sha256",)),
            Step("xml", {**IN_XML, "xpath": "//add[@key='a']", "want": "absent"}, 0, ("count", "changed")),
            Step("xml", {**IN_XML, "xpath": "//none", "want": "absent"}, 0, ("count", "changed")),
            Step("read", {"path": "{T}/a.xml", "limit": "1000", "digest": "1"}, 0, ("sha256",)),
            put("{T}/a.xml", b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "was"),
            Step("xml", {**IN_XML, "fragment": "<b/>"}, 1, ("changed",)),
        ],
    ),
    Case(
        "packages, modules and resources that nobody has",
        ("chocolatey", "psmodule", "dsc"),
        "windows",
        [
            Step("chocolatey", {"names": ["paceline-none"], "want": "absent", "timeout": "60", "limit": "600"}, 0, ("changed", "rc")),
            Step("psmodule", {"name": "PacelineNone", "want": "absent"}, 0, ("changed", "was")),
            Step("dsc", {"resource": "PacelineNone", "set.Name": "tx"}, 1, ("changed", "module_version")),
        ],
    ),
    Case(
        "what is looked at for an agent",
        ("effective_rights", "event_log"),
        "windows",
        [
            Step("effective_rights", {"path": ["C:\\Program Files", "C:\\none"], "user": "BUILTIN\\Users"}, 0, ("rights",)),
            Step("effective_rights", {"path": ["C:\\Program Files"], "user": "S-1-5-18"}, 0, ()),
            Step("event_log", {"log": "Application", "sources": ["No such source"]}, 0, ("event",)),
            Step("event_log", {"log": "No such log"}, 1, ("event",)),
        ],
    ),
    Case(
        "worker processes",
        ("iis_worker",),
        "iis",
        [
            Step("iis_worker", {"pool": "NoSuchPool", "module": "NoSuchModule"}, 0, ("module", "state", "worker")),
            Step("iis_worker", {"pool": "DefaultAppPool"}, 0, ("module",)),
        ],
    ),
]  # fmt: skip
