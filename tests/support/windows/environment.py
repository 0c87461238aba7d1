r"""Environment variables: kind `environment`, elements of lists such as PATH, expansion.

Source: "Environment Variables" (learn.microsoft.com/windows/win32/procthread/environment-variables): machine variables
are values of `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment`, user variables of `HKCU\Environment`; a new
process of a logged-in session has those of its start; names have no case. `ExpandEnvironmentVariables` leaves unknown
names as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import registry
from .calls import Arguments, Failure, function
from .ensure import Key, Kind, State, kind

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

LEVELS = {
    "machine": "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment",
    "user": "HKCU:\\Environment",
}


def variables(host: "Host") -> dict[str, tuple[str, str]]:
    """What a new process has, by lower-case name: name and value. A user's PATH goes behind the machine's."""
    found: dict[str, tuple[str, str]] = {}
    fixed = {
        "SystemDrive": "C:", "SystemRoot": "C:\\Windows", "ProgramData": "C:\\ProgramData",
        "ALLUSERSPROFILE": "C:\\ProgramData", "ProgramFiles": "C:\\Program Files", "PUBLIC": "C:\\Users\\Public",
        "ProgramFiles(x86)": "C:\\Program Files (x86)", "ProgramW6432": "C:\\Program Files",
        "CommonProgramFiles": "C:\\Program Files\\Common Files", "USERPROFILE": host.profile,
        "HOMEDRIVE": "C:", "HOMEPATH": host.profile[2:], "USERNAME": host.user,
        "USERDOMAIN": str(host.setting("computer", "")), "COMPUTERNAME": str(host.setting("computer", "")),
        "APPDATA": f"{host.profile}\\AppData\\Roaming", "LOCALAPPDATA": f"{host.profile}\\AppData\\Local",
    }  # fmt: skip
    found.update({name.lower(): (name, value) for name, value in fixed.items()})
    for level in ("machine", "user"):
        key = registry.find(host, LEVELS[level])
        for name, _, data in (key or {"v": {}})["v"].values():
            value = data[0] if data else ""
            if name.lower() == "path" and level == "user" and "path" in found:
                value = found["path"][1].rstrip(";") + ";" + value
            found[name.lower()] = (name, value)
    return {name: (shown, _expand(value, found)) for name, (shown, value) in found.items()}


def machine(host: "Host") -> list[tuple[str, str]]:
    """Variables of the machine, with their values."""
    key = registry.find(host, LEVELS["machine"])
    listed = (key or {"v": {}})["v"].values()
    return [(name, expand(host, data[0]) if data else "") for name, _, data in listed]


def _expand(text: str, known: dict[str, tuple[str, str]]) -> str:
    def one(match: "re.Match[str]") -> str:
        found = known.get(match.group(1).lower())
        return found[1] if found else match.group(0)

    return re.sub(r"%([^%]+)%", one, text) if "%" in text else text


def expand(host: "Host", text: str) -> str:
    return _expand(text, variables(host)) if "%" in text else text


@kind
class Environment(Kind):
    name = "environment"
    keys = ("name", "level")
    attributes = ("value",)

    def read(self, session: "Session", key: Key) -> State | None:
        if key["level"] == "process":
            found = session.process_environment.get(key["name"].lower())
            if found is None:
                found = variables(session.host).get(key["name"].lower(), (None, None))[1]
            return None if found is None else {"value": [found]}
        stored = registry.value(session.host, _level(key), key["name"])
        return None if stored is None else {"value": [stored[1][0] if stored[1] else ""]}

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        if key["level"] == "process":
            session.process_environment[key["name"].lower()] = state["value"][0] if state else None
            return
        path = _level(key)
        if state is None:
            registry.drop_value(session.host, path, key["name"])
            return
        text = state["value"][0] if state["value"] else ""
        stored = registry.value(session.host, path, key["name"])
        type_ = "expandstring" if "%" in text else (stored[0] if stored else "string")
        registry.put_value(session.host, path, key["name"], type_, [text])


def _level(key: Key) -> str:
    if key["level"] not in LEVELS:
        raise Failure(f"`{key['level']}` is not a level of environment variables")
    return LEVELS[key["level"]]


@function("path_elements", "name", "level", "elements", "want", "check")
def path_elements(session: "Session", a: Arguments) -> int:
    key = {"name": a.need("name"), "level": a.need("level")}
    stored = registry.value(session.host, _level(key), key["name"])
    text = stored[1][0] if stored and stored[1] else ""
    now = [element for element in text.split(";") if element]
    before = list(now)
    for element in a.list("elements"):
        alike = _alike(session.host, element)
        if a.need("want") == "absent":
            now = [one for one in now if _alike(session.host, one) != alike]
        elif all(_alike(session.host, one) != alike for one in now):
            now.append(element)
    if now == before:
        return 0
    return registry.ensure_as(session, a, "environment", key, {"value": [";".join(now)]})


def _alike(host: "Host", element: str) -> str:
    return expand(host, element).replace("/", "\\").rstrip("\\").lower()


@function("environment_set", "level", "names", "values", "check")
def environment_set(session: "Session", a: Arguments) -> int:
    """Several variables; an empty value removes one."""
    for name, value in zip(a.list("names"), a.list("values"), strict=True):
        key = {"name": name, "level": a.need("level")}
        sets = {"value": [value]} if value else {}
        status = registry.ensure_as(session, a, "environment", key, sets, "present" if value else "absent")
        if status:
            return status
    return 0
