r"""The registry: hives, keys, values and their types; kinds `registry` and `registry_key`.

Sources: "Registry Hives", "Registry Value Types", "Registry Element Size Limits" (learn.microsoft.com/windows/win32/sysinfo):
a key name has at most 255 characters, a value name 16,383; names keep their case and are found without it.
`HKEY_CLASSES_ROOT` shows `HKLM\Software\Classes`, `HKEY_CURRENT_USER` the user's key of `HKEY_USERS`, `HKEY_CURRENT_CONFIG`
`HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current`. `RegistryKey.DeleteSubKeyTree`, `CreateSubKey` and `SetValue`:
learn.microsoft.com/dotnet/api/microsoft.win32.registrykey.

A record per key: n its path, v its values by lower-case name: name, type, data; sddl where its access list is its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import acl, ensure
from .calls import Arguments, Failure, Invalid, elements, function
from .calls import element as decoded
from .ensure import Key, Kind, State, kind

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

TYPES = ("string", "expandstring", "multistring", "dword", "qword", "binary", "none")
_HIVES = {
    "HKLM": "HKLM", "HKEY_LOCAL_MACHINE": "HKLM", "HKCU": "HKCU", "HKEY_CURRENT_USER": "HKCU",
    "HKCR": "HKCR", "HKEY_CLASSES_ROOT": "HKCR", "HKU": "HKU", "HKEY_USERS": "HKU",
    "HKCC": "HKCC", "HKEY_CURRENT_CONFIG": "HKCC",
}  # fmt: skip
_ALIASES = {
    "HKCR": "HKLM:\\SOFTWARE\\Classes",
    "HKCC": "HKLM:\\SYSTEM\\CurrentControlSet\\Hardware Profiles\\Current",
}


def path_of(text: str) -> str:
    r"""A key's path as `HKLM:\...`."""
    hive, _, rest = text.rstrip("\\").partition("\\")
    short = _HIVES.get(hive.rstrip(":").upper())
    if short is None:
        raise Failure(f"`{text}` is not in a hive of the registry")
    if "\\\\" in rest:
        raise Failure(f"`{text}` has an empty name between backslashes")
    if any(len(part) > 255 for part in rest.split("\\")):
        raise Failure("Registry key names should not be greater than 255 characters.")
    return f"{short}:\\{rest}" if rest else f"{short}:"


def place(host: "Host", path: str) -> str:
    """Where a path really is: some hives show parts of others."""
    hive, _, rest = path.partition("\\")
    base = _ALIASES.get(hive[:-1])
    if hive == "HKCU:":
        base = f"HKU:\\{user_sid(host)}"
    return f"{base}\\{rest}".rstrip("\\") if base else path


def user_sid(host: "Host") -> str:
    record = host.store.get("users", host.user.lower())
    return str(record["sid"]) if record else "S-1-5-18"


def find(host: "Host", path: str) -> dict[str, Any] | None:
    real = place(host, path)
    if "\\" not in real:
        return {"n": real, "v": {}}
    return host.store.get("registry", real.upper())


def value(host: "Host", path: str, name: str) -> tuple[str, list[str]] | None:
    key = find(host, path_of(path))
    found = key["v"].get(name.lower()) if key else None
    return (found[1], found[2]) if found else None


def machine_variables(host: "Host") -> list[str]:
    """Names of the machine's environment variables."""
    key = find(host, "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment")
    return [str(entry[0]) for entry in (key or {"v": {}})["v"].values()]


def put_value(host: "Host", path: str, name: str, type_: str, data: list[str]) -> None:
    """Sets a value and makes the keys above it."""
    path = path_of(path)
    make(host, path)
    key = find(host, path)
    assert key is not None
    shown = key["v"].get(name.lower(), [name])[0]
    host.store.put("registry", place(host, path).upper(), key | {"v": key["v"] | {name.lower(): [shown, type_, data]}})


def drop_value(host: "Host", path: str, name: str) -> None:
    key = find(host, path_of(path))
    if key is not None and name.lower() in key["v"]:
        left = {one: data for one, data in key["v"].items() if one != name.lower()}
        host.store.put("registry", place(host, path_of(path)).upper(), key | {"v": left})


def make(host: "Host", path: str) -> None:
    real = place(host, path)
    parts = real.split("\\")
    for count in range(2, len(parts) + 1):
        at = "\\".join(parts[:count])
        if host.store.get("registry", at.upper()) is None:
            host.store.put("registry", at.upper(), {"n": at, "v": {}})


def below(host: "Host", path: str) -> list[dict[str, Any]]:
    """A key and all below it."""
    real = place(host, path).upper()
    return [key for at, key in host.store.items("registry") if at == real or at.startswith(real + "\\")]


def remove(host: "Host", path: str) -> None:
    for key in below(host, path):
        host.store.drop("registry", key["n"].upper())


def checked(type_: str, data: list[str]) -> list[str]:
    """Data as its type holds it."""
    if type_ not in TYPES:
        raise Failure(f"values of type `{type_}` cannot be written")
    if type_ == "multistring":
        return data
    first = data[0] if data else ""
    if type_ in ("dword", "qword"):
        top = 1 << (32 if type_ == "dword" else 64)
        if not re.fullmatch("[0-9]+", first) or int(first) >= top:
            raise Failure(f"`{first}` is no number of type `{type_}`")
        return [str(int(first))]
    if type_ in ("binary", "none"):
        if not re.fullmatch("([0-9a-fA-F]{2})*", first):
            raise Failure(f"`{first}` is no list of bytes")
        return [first.lower()]
    return [first]


@kind
class Registry(Kind):
    name = "registry"
    keys = ("path", "name")
    attributes = ("type", "data")

    def read(self, session: "Session", key: Key) -> State | None:
        found = value(session.host, key["path"], key["name"])
        return None if found is None else {"type": [found[0]], "data": found[1]}

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host, path = session.host, path_of(key["path"])
        if state is None:
            drop_value(host, path, key["name"])
            return
        if find(host, path) is None:
            raise Failure(f"the key `{path}` does not exist")
        old = before or {"type": [""], "data": []}
        type_ = state.get("type", old["type"])[0]
        put_value(host, path, key["name"], type_, checked(type_, state.get("data", old["data"])))


@kind
class RegistryKey(Kind):
    name = "registry_key"
    keys = ("path",)
    attributes = ("tree",)

    def read(self, session: "Session", key: Key) -> State | None:
        path = path_of(key["path"])
        if find(session.host, path) is None:
            return None
        top = place(session.host, path)
        tree = []
        for one in below(session.host, path):
            at = one["n"][len(top) :]
            if at:
                tree.append(elements([at]))
            tree += [elements([at, name, type_, *data]) for name, type_, data in one["v"].values()]
        return {"tree": sorted(tree), "security": sorted(self._security(session, path))}

    @staticmethod
    def _security(session: "Session", path: str) -> list[str]:
        from .aclcalls import rule_text

        found, top = [], place(session.host, path)
        for one in below(session.host, path):
            if "sddl" not in one:
                continue
            its = acl.parse(one["sddl"])
            rules = sorted(rule_text(ace) for ace in its.aces or [] if not ace.inherited)
            protected = "true" if its.protected else "false"
            found.append(elements([one["n"][len(top) :], protected, its.owner or "", *rules]))
        return found

    def clean(self, name: str, values: list[str]) -> list[str]:
        if name != "security":
            return values
        cleaned = []
        for value in values:
            fields = [decoded(part) for part in value.split(",")]
            cleaned.append(elements([*fields[:2], "", *fields[3:]]))
        return cleaned

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host, path = session.host, path_of(key["path"])
        if "\\" not in path:
            raise Failure(f"`{path}` is a hive and stays as it is")
        if state is None:
            remove(host, path)
            return
        make(host, path)
        for element in state.get("tree", []):
            fields = [decoded(part) for part in element.split(",")]
            at = path + fields[0]
            make(host, at)
            if len(fields) > 2:
                put_value(host, at, fields[1], fields[2], fields[3:])
        self._secure(host, path, state.get("security", []))

    @staticmethod
    def _secure(host: "Host", path: str, security: list[str]) -> None:
        from .aclcalls import rule_ace

        for element in reversed(security):
            at, protected, owner, *rules = [decoded(part) for part in element.split(",")]
            made = acl.Descriptor(owner, None, protected == "true", acl.canonical_order(map(rule_ace, rules)))
            real = place(host, path + at).upper()
            host.store.put("registry", real, host.store.get("registry", real) | {"sddl": made.sddl()})


def ensure_as(session: "Session", a: Arguments, name: str, key: Key, sets: State, want: str = "present") -> int:
    """`ensure` as another call makes it."""
    values = {f"set.{one}": data for one, data in sets.items()} | {"want": [want]}
    if a.flag("check"):
        values["check"] = ["1"]
    return ensure.ensure_kind(session, ensure.known(name), key, Arguments("ensure", values))


@function("registry_value_set", "path", "name", "type", "data", "check")
def registry_value_set(session: "Session", a: Arguments) -> int:
    path = path_of(a.need("path"))
    parts = path.split("\\")
    for count in range(2, len(parts) + 1):
        at = "\\".join(parts[:count])
        if find(session.host, at) is None:
            status = ensure_as(session, a, "registry_key", {"path": at}, {})
            if status:
                return status
    name = a.get("name")
    if name is None:
        return 0
    if a.get("type") is None:
        raise Invalid("`registry_value_set` wants `type`")
    sets = {"type": [a.text("type")], "data": a.list("data")}
    return ensure_as(session, a, "registry", {"path": path, "name": name}, sets)
