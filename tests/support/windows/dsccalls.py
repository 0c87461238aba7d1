"""Resources of Desired State Configuration: the call `dsc`, for two resources.

Sources: learn.microsoft.com/powershell/dsc/reference/psdscresources: `Environment` (Name, Value, Ensure, Path) of PSDscResources; "Invoke-DscResource":
Test answers InDesiredState, Set answers RebootRequired. `xModel` stands for what modules bring: a login, lists, numbers, pairs.
What was set is in the section `dsc`, by resource and key.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from .calls import Arguments, Failure, function

if TYPE_CHECKING:
    from .session import Session

# Name: type, mandatory, allowed values.
Schema = dict[str, tuple[str, bool, tuple[str, ...]]]
RESOURCES: dict[str, tuple[str, Schema]] = {
    "Environment": (
        "2.12.0.0",
        {
            "Name": ("string", True, ()),
            "Value": ("string", False, ()),
            "Path": ("bool", False, ()),
            "Ensure": ("string", False, ("Absent", "Present")),
        },
    ),
    "xModel": (
        "1.2.0",
        {
            "Key": ("string", True, ()),
            "Members": ("string[]", False, ()),
            "Count": ("uint32", False, ()),
            "Pairs": ("pairs", False, ()),
            "Login": ("login", False, ()),
        },
    ),
}


def unpack(word: str) -> list[str]:
    return [] if word == "-" else [base64.b64decode(part, validate=True).decode() for part in word.split(",")]


def value(word: str) -> Any:
    if word[0] == "t":
        return word[1:]
    parts = unpack(word[1:])
    if word[0] == "l":
        return [value(part) for part in parts]
    return {name: value(inner) for name, inner in zip(parts[::2], parts[1::2], strict=True)}


def typed(kind: str, given: Any, name: str) -> Any:
    if kind == "pairs" and isinstance(given, dict):
        return given
    if kind == "string[]":
        return given if isinstance(given, list) else [given]
    if isinstance(given, str) and kind == "string":
        return given
    if isinstance(given, str) and kind == "bool" and given.lower() in ("true", "false", "yes", "no"):
        return given.lower() in ("true", "yes")
    if isinstance(given, str) and kind == "uint32" and given.isdigit() and int(given) < 1 << 32:
        return int(given)
    raise Failure(f"`{given}` of `{name}` is no `{kind}`")


def properties(a: Arguments, resource: str, schema: Schema) -> dict[str, Any]:
    given = {name.lower(): value(words[0]) for name, words in a.under("set.").items()}
    secrets = {name.lower(): words[0] for name, words in a.under("secret.").items()}
    found: dict[str, Any] = {}
    for name, (kind, mandatory, allowed) in schema.items():
        low = name.lower()
        if kind == "login":
            if f"{low}_username" in given and low in secrets:
                found[name] = [given.pop(f"{low}_username"), len(secrets.pop(low))]
        elif low in given:
            found[name] = typed(kind, given.pop(low), name)
            if allowed and found[name] not in allowed:
                raise Failure(f"`{found[name]}` is no `{name}`\nhint: one of {', '.join(allowed)}")
        if mandatory and name not in found:
            raise Failure(f"the resource `{resource}` needs `{name}`")
    for name in [*given, *secrets]:
        raise Failure(f"the resource `{resource}` has no property `{name}`")
    return found


@function("dsc", "resource", "version", "set.*", "secret.*", "check")
def dsc(session: "Session", a: Arguments) -> int:
    host, name = session.host, a.need("resource")
    if name not in RESOURCES:
        raise Failure(f"this host has no resource `{name}`")
    version, schema = RESOURCES[name]
    if a.get("version") not in (None, version):
        raise Failure(f"the resource `{name}` is there as {version}, and not as {a.text('version')}")
    session.v("module_version", version)
    wanted = properties(a, name, schema)
    key = f"{name}|{wanted[next(iter(schema))]}"
    now = host.store.get("dsc", key)
    absent = wanted.get("Ensure") == "Absent"
    if (now is None) if absent else now is not None and all(now.get(one) == it for one, it in wanted.items()):
        return 0
    session.v("changed", "1")
    if a.flag("check"):
        return 0
    if absent:
        host.store.drop("dsc", key)
    else:
        host.store.put("dsc", key, {**(now or {}), **wanted})
    host.event("dsc", resource=name, key=key)
    return 0
