"""The call that an audit makes: settings files, programs, variables, site and pool of an agent. Nothing is changed.

Sources: `FileVersionInfo.FileMajorPart` and the three beside it (learn.microsoft.com/dotnet/api/system.diagnostics.fileversioninfo);
`Directory.GetFiles` with a pattern; `Environment.GetEnvironmentVariables(Machine)`; `Site.Applications["/"]` and
`VirtualDirectories["/"].PhysicalPath` of Microsoft.Web.Administration. The version of a program is what its content says behind
`FileVersion=`, which stands for the resource that a real one has.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from . import environment, names
from .calls import Arguments, Failure, function
from .preflightcalls import SECTIONS

if TYPE_CHECKING:
    from .iis import Record
    from .session import Session

OTHERS = {"aspnetcore_environment", "dotnet_environment", "https_proxy", "no_proxy", "cyberark"}


@function("audit", "folder", "limit", "pool", "site")
def audit(session: "Session", a: Arguments) -> int:
    files = session.host.files
    folder = names.canonical(environment.expand(session.host, a.need("folder")))
    session.v("path", folder)
    runtime = names.join(folder, "Runtime")
    if not files.is_folder(runtime):
        session.v("state", "absent")
        return 0
    session.v("state", "directory")
    limit = a.number("limit")
    for number, path in enumerate(_paths(session, folder, runtime), 1):
        session.v("file", f"{number} {path}")
        content = files.read(path)
        if path in session.host.setting("unreadable", []):
            session.v("unread", f"{number} Access to the path '{path}' is denied.")
        elif len(content) > limit:
            session.v("unread", f"{number} `{path}` has {len(content)} bytes, and at most {limit} are read")
        else:
            session.b(f"file.{number}", content)
    for number, path in enumerate(_named(session, runtime, "*-agent.dll"), 1):
        session.v("program", f"{number} {names.leaf(path)}")
        found = re.search(rb"FileVersion=([0-9.]+)", files.read(path))
        if found:
            session.v("version", f"{number} {found.group(1).decode()}")
    number = 0
    for name, value in environment.machine(session.host):
        if re.split("__|:", name)[0].lower() in SECTIONS | OTHERS:
            number += 1
            session.v("variable", f"{number} {name}")
            session.b(f"variable.{number}", value.encode())
    _site(session, a, runtime)
    return 0


def _named(session: "Session", folder: str, pattern: str) -> list[str]:
    children = [str(record["n"]) for record in session.host.files.children(folder) if not record["d"]]
    return [path for path in children if fnmatch.fnmatch(names.leaf(path).lower(), pattern)]


def _paths(session: "Session", folder: str, runtime: str) -> list[str]:
    found = _named(session, runtime, "web.config") + _named(session, runtime, "appsettings*.json")
    made = names.join(folder, "Work\\appsettings.connection.json")
    return found + ([made] if session.host.files.is_file(made) else [])


def _site(session: "Session", a: Arguments, runtime: str) -> None:
    iis = session.host.iis
    if not iis.there:
        return
    site = next((site for _, site in session.host.store.items("sites") if _is_root(session, site, runtime)), None)
    wanted, pool = a.get("site"), a.get("pool")
    if site is None and wanted is not None:
        site = iis.site(wanted)
        if site is None:
            session.v("site", wanted)
            session.v("site_state", "missing")
    if site is not None:
        session.v("site", site["name"])
        session.v("site_state", site["state"])
        for one in site["bindings"]:
            info = f"{one['ip']}:{one['port']}:{one['host']}"
            session.v("binding", "|".join([one["protocol"], info, str(one["sslFlags"]), one["hash"], one["store"]]))
        pool = iis.app_pool(site, site["apps"]["/"])
    if pool is None:
        return
    session.v("pool", pool)
    record = iis.pool(pool)
    if record is None:
        session.v("pool_state", "missing")
        return
    session.v("pool_state", record["state"])
    kind = iis.pool_value(record, "processModel.identityType")
    fixed = {"LocalSystem": "S-1-5-18", "LocalService": "S-1-5-19", "NetworkService": "S-1-5-20"}
    if kind == "SpecificUser":
        session.v("identity", iis.pool_value(record, "processModel.userName"))
    else:
        session.v("identity", fixed.get(kind, f"IIS AppPool\\{pool}"))


def _is_root(session: "Session", site: "Record", runtime: str) -> bool:
    root = site["apps"].get("/")
    try:
        folder = session.host.iis.app_folder(root) if root else None
    except Failure:
        folder = None
    return folder is not None and folder.lower() == runtime.lower()
