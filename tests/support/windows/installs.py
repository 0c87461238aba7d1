"""Packages of Chocolatey and modules of PowerShell: a small gallery each, and what is installed of it.

Sources: docs.chocolatey.org/en-us/choco/commands (install, upgrade, uninstall, list, outdated, pin): a package comes with what it
needs; upgrade leaves pinned ones, and goes back with --allow-downgrade only; exit codes 0, 1, 3010.
learn.microsoft.com/powershell/module/powershellget: versions of a module stand side by side; Install-Module brings dependencies.

Installed packages are in the section `choco` by name (`version`, `pinned`), modules in `psmodules` by `NAME|VERSION`. The setting `choco` is
Chocolatey's version; without it the host has none. The setting `nuget` tells whether the provider is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .calls import Arguments, Failure, elements, function

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

# Name, versions from old to new, what it needs.
PACKAGES: dict[str, tuple[list[str], list[str]]] = {
    "git": (["2.1.0", "2.2.0"], ["git.install"]),
    "git.install": (["2.1.0", "2.2.0"], []),
    "7zip": (["19.0.0", "22.1.0"], []),
    "restarts": (["1.0.0"], []),
    "broken": (["1.0.0"], []),
    "chocolatey": (["2.2.2"], []),
}
MODULES: dict[str, tuple[list[str], list[str]]] = {
    "Pester": (["4.10.1", "5.5.0"], []),
    "Az.Storage": (["6.0.0"], ["Az.Accounts"]),
    "Az.Accounts": (["2.15.0"], []),
}
REPOSITORIES = ("PSGallery", "Own")
HINT = "\nhint: look at it, then roll back again with `--force`"


def numbers(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split("-")[0].split(".")]
    return tuple(parts + [0] * (4 - len(parts)))


# Chocolatey


def packages(host: "Host") -> dict[str, str]:
    return {name: record["version"] for name, record in host.store.items("choco")}


def put(host: "Host", name: str, version: str) -> None:
    """Installs a package in this version, and what it needs in the newest where that is missing."""
    versions, needs = PACKAGES[name]
    if version not in versions:
        raise Failure(f"choco install failed with 1: {name} {version} was not found with the source(s) listed.")
    for needed in needs:
        if host.store.get("choco", needed) is None:
            put(host, needed, version if version in PACKAGES[needed][0] else PACKAGES[needed][0][-1])
    pinned = (host.store.get("choco", name) or {}).get("pinned", False)
    host.store.put("choco", name, {"version": version, "pinned": pinned})
    host.event("choco", name=name, version=version)


def drop(host: "Host", name: str) -> None:
    for other, record in host.store.items("choco"):
        if name in PACKAGES.get(other, ([], []))[1] and record:
            raise Failure(f"choco uninstall {name} failed with 1: {other} needs it")
    host.store.drop("choco", name)
    host.event("choco", name=name, version=None)


def _names(a: Arguments, have: dict[str, str]) -> tuple[list[str], list[str]]:
    """What is to be removed and what is to be installed."""
    want, version, force = a.need("want"), a.get("version"), a.flag("force")
    asked = [name for name in a.list("names") if name != "all"]
    same = [name for name in asked if name in have and (version is None or numbers(have[name]) == numbers(version))]
    other = [name for name in asked if name in have and name not in same]
    missing = [name for name in asked if name not in have]
    if want == "absent":
        return same, []
    if want == "reinstalled":
        return same + other, asked
    if want == "present":
        if other and not force:
            raise Failure(f"`{other[0]}` is installed as {have[other[0]]}, and {version} is asked for")
        return [], asked if force else missing
    if want not in ("latest", "downgrade"):
        raise Failure(f"`{want}` is no state of a package")
    return [], asked if force else missing + other


@function(
    "chocolatey", "names", "want", "version", "source", "proxy", "timeout", "limit", "parameters", "install_arguments",
    "override_arguments", "prerelease", "allow_empty_checksums", "ignore_checksums", "ignore_dependencies",
    "remove_dependencies", "skip_scripts", "force", "x86", "pinned", "more", "check",
)  # fmt: skip
def chocolatey(session: "Session", a: Arguments) -> int:
    host = session.host
    if not host.setting("choco"):
        if a.need("want") == "absent":
            return 0
        if a.flag("check"):
            session.v("changed", "1")
            return 0
        raise Failure("this host has no Chocolatey: choco.exe is not there\nhint: install it first, with `win_package`")
    have = packages(host)
    gone, new = _names(a, have)
    if a.need("want") in ("latest", "downgrade") and a.get("version") is None:
        every = "all" in a.list("names")
        for name, record in host.store.items("choco"):
            newest = PACKAGES[name][0][-1]
            old = numbers(record["version"]) < numbers(newest)
            if old and not record["pinned"] and (every or name in a.list("names")):
                new.append(name)
    pins = {name: record["pinned"] for name, record in host.store.items("choco")}
    wanted = a.get("pinned")
    turn = [
        name
        for name in a.list("names")
        if wanted is not None and a.need("want") != "absent" and pins.get(name, False) != (wanted == "1")
    ]
    if not gone and not new and not turn:
        return 0
    session.v("changed", "1")
    if a.flag("check"):
        return 0
    number = _save(session, "chocolatey", packages_rows(host))
    code = 0
    try:
        for name in gone:
            drop(host, name)
        for name in new:
            if name not in PACKAGES:
                session.v("rc", "1")
                raise Failure(f"choco install failed with 1: {name} was not found with the source(s) listed.")
            if name == "broken":
                session.v("rc", "1")
                raise Failure("choco install failed with 1: ERROR: the installer of broken ended with 1603")
            put(host, name, a.get("version") or PACKAGES[name][0][-1])
            code = 3010 if name == "restarts" else code
        for name in turn:
            record = host.store.need("choco", name)
            host.store.put("choco", name, {**record, "pinned": wanted == "1"})
    finally:
        session.points.after(number, packages_rows(host))
    session.v("rc", str(code))
    session.v("command", f"choco.exe {a.need('want')} {' '.join(a.list('names'))}")
    session.v("stdout", f"Chocolatey changed {len(gone) + len(new)} packages.")
    if code == 3010:
        session.v("reboot", "1")
    return 0


def packages_rows(host: "Host") -> dict[str, Any]:
    return {name: [record["version"], record["pinned"]] for name, record in host.store.items("choco")}


# Modules of PowerShell


def modules(host: "Host") -> list[str]:
    return [row for row, _ in host.store.items("psmodules")]


def add(host: "Host", name: str, version: str) -> None:
    for needed in MODULES[name][1]:
        if not any(row.startswith(needed + "|") for row in modules(host)):
            add(host, needed, MODULES[needed][0][-1])
    host.store.put("psmodules", f"{name}|{version}", True)
    host.event("psmodule", name=name, version=version)


def _meant(a: Arguments, versions: list[str]) -> list[str]:
    required, low, high = a.get("required"), a.get("minimum"), a.get("maximum")
    return [
        version
        for version in versions
        if (required is None or numbers(version) == numbers(required))
        and (low is None or numbers(version) >= numbers(low))
        and (high is None or numbers(version) <= numbers(high))
    ]


@function(
    "psmodule", "name", "want", "required", "minimum", "maximum", "repository", "username", "secret.password", "prerelease",
    "clobber", "skip_publisher", "accept_license", "check",
)  # fmt: skip
def psmodule(session: "Session", a: Arguments) -> int:
    host, want = session.host, a.need("want")
    name = next((known for known in MODULES if known.lower() == a.need("name").lower()), a.need("name"))
    have = [row.split("|")[1] for row in modules(host) if row.lower().startswith(name.lower() + "|")]
    session.v("was", elements(have))
    if a.get("repository") is not None and a.text("repository") not in REPOSITORIES:
        raise Failure(f"this host knows no repository `{a.text('repository')}`")
    meant = _meant(a, have)
    offered = _meant(a, MODULES.get(name, ([], []))[0])
    newest = offered[-1] if offered else ""
    if want == "absent":
        plan = [("gone", version) for version in meant]
    elif want == "latest":
        plan = [] if newest and newest in have else [("new", newest)]
    else:
        plan = [] if meant else [("new", newest)]
    if plan and not a.flag("check"):
        if want != "absent" and not host.setting("nuget"):
            raise Failure("this host has no package provider `NuGet` of 2.8.5.201 or newer")
        if want != "absent" and not newest:
            raise Failure(f"No match was found for the specified search criteria and module name '{name}'.")
        number = _save(session, "psmodule", {row: [] for row in modules(host)})
        for what, version in plan:
            if what == "new":
                add(host, name, version)
            else:
                host.store.drop("psmodules", f"{name}|{version}")
        session.points.after(number, {row: [] for row in modules(host)})
    if plan:
        session.v("changed", "1")
    if not a.flag("check"):
        session.v("now", elements([row.split("|")[1] for row in modules(host) if row.startswith(name + "|")]))
    return 0


# Rollback


def _save(session: "Session", kind: str, state: dict[str, Any]) -> int:
    text = f"{kind} {'packages' if kind == 'chocolatey' else 'modules'}"
    return session.points.save(kind, text, {"state": state})


def restore(session: "Session", number: int, point: dict[str, Any], force: bool) -> None:
    """Undoes what the run changed, name by name; the rest stays, whoever installed it."""
    host, kind, saved = session.host, point["kind"], point["state"]
    now = packages_rows(host) if kind == "chocolatey" else {row: [] for row in modules(host)}
    left = session.points.left(number)
    left = now if left is None else left
    names = [name for name in {**saved, **left} if saved.get(name) != left.get(name) and saved.get(name) != now.get(name)]
    for name in names:
        if not force and now.get(name) != left.get(name):
            raise Failure(f"{point['text']}: `{name}` was changed after the run{HINT}")
    section = "choco" if kind == "chocolatey" else "psmodules"
    for name in names:
        if name not in saved:
            host.store.drop(section, name)
        elif kind == "chocolatey":
            host.store.put(section, name, {"version": saved[name][0], "pinned": saved[name][1]})
        else:
            host.store.put(section, name, True)
        host.event("restored", name=name)
