"""Roles and features: kind `feature`.

Sources: `Install-WindowsFeature` and `Uninstall-WindowsFeature` (learn.microsoft.com/powershell/module/servermanager): a
feature comes with its parents, with what it needs, and with its default role services; `-IncludeAllSubFeature` and
`-IncludeManagementTools` bring more; results have Success, RestartNeeded, ExitCode and FeatureResult; exit codes
NoChangeNeeded, Success, SuccessRestartRequired, Failed. Removing one removes all below it and all that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import Failure, elements
from .ensure import Key, Kind, State, kind
from .feature_table import FEATURES, Row, children

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

# What the web server brings beside itself.
WITH_WEB = ("WAS", "WAS-Process-Model", "WAS-Config-APIs")


def row_of(name: str) -> Row:
    row = FEATURES.get(name.lower())
    if row is None:
        raise Failure(
            f"The target of the specified cmdlet cannot be one of the following: a role, role service, or feature name that was not found on the current server: {name}"
        )
    return row


def installed(host: "Host", name: str) -> bool:
    return bool(host.store.get("features", name.lower()))


def closure(host: "Host", names: list[str], sub_features: bool, tools: bool) -> list[str]:
    """All that is missing, those that others stand on first."""
    wanted: list[str] = []

    def add(row: Row, with_defaults: bool) -> None:
        if row.name in wanted:
            return
        if row.parent:
            # A parent that comes along for its child's sake brings no defaults of its own.
            add(row_of(row.parent), False)
        for needed in row.needs:
            add(row_of(needed), True)
        if row.name not in wanted:
            wanted.append(row.name)
        if row.name == "Web-WebServer":
            for needed in WITH_WEB:
                add(row_of(needed), False)
        for child in children(row.name):
            if (with_defaults and child.default and not child.tool) or sub_features:
                add(child, True)

    for name in names:
        add(row_of(name), True)
    if tools and any(name.startswith("Web-") for name in wanted):
        add(row_of("Web-Mgmt-Console"), True)
    return [name for name in wanted if not installed(host, name)]


def install(host: "Host", names: list[str], sub_features: bool, tools: bool, source: str | None) -> list[str]:
    """Installs; returns what was not there."""
    missing = closure(host, names, sub_features, tools)
    for name in missing:
        if name == "NET-Framework-Core" and not source and not host.setting("windows_update", False):
            raise Failure(
                "The request to add or remove features on the specified server failed. Installation of one or more "
                "roles, role services, or features failed. The source files could not be found. Error: 0x800f081f"
            )
    if host.setting("feature_fails", None) in [name.lower() for name in missing]:
        raise Failure("The request to add or remove features on the specified server failed. Error: 0x80073701")
    for name in missing:
        host.store.put("features", name.lower(), True)
    if missing:
        host.event("features", installed=missing)
    if "Web-WebServer" in missing:
        from . import iis

        iis.role_installed(host)
    restart = [name.lower() for name in host.setting("features_restart", [])]
    if any(name.lower() in restart for name in missing):
        host.store.put("pending", "features", True)
    return missing


def uninstall(host: "Host", names: list[str]) -> list[str]:
    """Removes; returns what went."""
    gone: list[str] = []

    def drop(row: Row) -> None:
        if row.name in gone or not installed(host, row.name):
            return
        for child in children(row.name):
            drop(child)
        for other in FEATURES.values():
            if row.name in other.needs:
                drop(other)
        gone.append(row.name)

    for name in names:
        drop(row_of(name))
    for name in gone:
        host.store.drop("features", name.lower())
    if gone:
        host.event("features", removed=gone)
    if "Web-WebServer" in gone:
        from . import iis

        iis.role_removed(host)
        # Files in use go at the restart.
        host.store.put("pending", "features", True)
    return gone


@kind
class Feature(Kind):
    """The thing is the host; `installed` is all that it has, so that what comes along is known."""

    name = "feature"
    atomic = True
    keys = ("host",)
    options = ("sub_features", "management_tools", "source")
    attributes = ("installed",)

    def read(self, session: "Session", key: Key) -> State | None:
        return {"installed": self._have(session.host)}

    @staticmethod
    def _have(host: "Host") -> list[str]:
        return sorted((FEATURES[name].name for name, _ in host.store.items("features")), key=str.lower)

    def clean(self, name: str, values: list[str]) -> list[str]:
        return sorted(value.lower() for value in values)

    def expand(self, session: "Session", name: str, values: list[str]) -> list[str]:
        """What a call that names these features means, before it is compared."""
        a = session.call
        rows = [row_of(value) for value in values]
        found = [row.name for row in rows]
        if a.flag("sub_features"):
            queue = list(rows)
            while queue:
                below = children(queue.pop(0).name)
                found += [row.name for row in below]
                queue += below
        tools = a.flag("management_tools") and a.text("want") != "absent"
        if tools and rows and closure(session.host, [row.name for row in rows], False, True):
            if all(installed(session.host, row.name) for row in rows):
                found.append("?tools")
        return found

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host, a = session.host, session.call
        have = {value.lower() for value in self._have(host)}
        wanted = [value for value in (state or {"installed": []})["installed"]]
        add = [value for value in wanted if value.lower() not in have and value != "?tools"]
        if "?tools" in wanted:
            add += a.list("add.installed")
        gone = sorted(have - {value.lower() for value in wanted})
        was_pending = bool(host.pending())
        changed: list[str] = []
        if add:
            source = a.text("source") or None
            changed = install(host, add, a.flag("sub_features"), a.flag("management_tools"), source)
        if gone:
            changed += uninstall(host, [FEATURES[name].name for name in gone])
        restart = bool(host.pending()) and not was_pending
        code = "SuccessRestartRequired" if restart else ("Success" if changed else "NoChangeNeeded")
        session.v("exit_code", code)
        session.v("success", "true")
        if restart:
            session.v("reboot", "1")
        for number, one in enumerate(changed):
            row = FEATURES[one.lower()]
            fields = [row.display, str(number + 1), "True", "Yes" if restart else "No", "NotSkipped"]
            session.v("feature", elements(fields))

    def list(self, session: "Session") -> list[Key]:
        return [{"host": "features"}]
