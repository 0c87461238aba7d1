"""Calls that look at what a rollout needs: the machine, what it can reach, certificates of a store. Nothing is changed.

Sources: `DriveInfo` (learn.microsoft.com/dotnet/api/system.io.driveinfo), `IPGlobalProperties.GetActiveTcpListeners`,
`Dns.GetHostAddresses` (SocketError HostNotFound for an unknown name), `TcpClient.BeginConnect`; `FileSystemRights.Read`
is 0x20089 (learn.microsoft.com/dotnet/api/system.security.accesscontrol.filesystemrights).

Settings of a host: `names` (name to addresses; a name that is not there has the host's own addresses), `unreachable`
(`HOST:PORT`, nothing answers) and `refused` (`HOST:PORT`, the connection is refused); `jobs` (programs at work).

Sites: `Site.Bindings`, `Site.Applications` (learn.microsoft.com/dotnet/api/microsoft.web.administration); what IIS puts into
its default folder is `iisstart.htm` and `iisstart.png`.
"""

from __future__ import annotations

import base64
import fnmatch
from typing import TYPE_CHECKING

from . import accounts, acl, environment, site
from .calls import Arguments, Failure, function
from .certificates import LOCATIONS, STORES, key_path

if TYPE_CHECKING:
    from .session import Session

READ = 0x20089
# Names of settings, and of their sections, that may be variables of the environment.
SECTIONS = {
    "applicationuri", "openid", "identityserver", "encryptioncertificate", "license", "cors", "scheduler", "connections",
    "databases", "passwordresetsettings", "tempfolderpath", "workfolderpath", "sourcesrootpaths",
    "authentication", "cyberark", "taskagentconfiguration", "serilog",
}  # fmt: skip


@function("preflight_machine", "folder", "names")
def machine(session: "Session", a: Arguments) -> int:
    host = session.host
    folder = a.need("folder").rstrip("\\")
    disk = host.setting("disks", {}).get(folder[:2].upper())
    for name, value in {
        "now": int(host.now()), "processors": host.setting("processors"), "powershell": host.setting("ps_version"),
        "windows": f"{host.setting('os_version')}.0", "elevated": "1" if host.elevated else "0",
        "memory": int(host.setting("memory_mb")) * 1024, "fact.reboot_pending": str(bool(host.pending())),
    }.items():  # fmt: skip
        session.v(name, str(value))
    if disk is None:
        session.v("missing", "disk Could not find the drive")
    else:
        session.v("drive", f"{disk['size']} {disk['free']}")
    session.v("ports", " ".join(str(port) for port in sorted({135, 445, 5985} | site.ports(host))))
    for address in ["127.0.0.1", "::1", *host.setting("addresses", [])]:
        session.v("address", address)
    for path in _leftovers(session, folder):
        session.v("leftover", path)
    for name, value in environment.variables(host).values():
        if name.split("__")[0].lower() in SECTIONS:
            session.v("environment", name)
        elif name.lower() == "aspnetcore_environment" and value.lower() != "production":
            session.v("environment", name)
        elif name.lower() in ("https_proxy", "no_proxy"):
            session.v(name.lower(), value)
    if host.files.is_file(f"{folder}\\Temp\\scheduler.lock"):
        session.v("lock", f"{folder}\\Temp\\scheduler.lock")
    for job in host.setting("jobs", []):
        session.v("job", job)
    _settings(session, folder)
    _sites(session)
    known = host.setting("names", {})
    for number, name in enumerate(a.list("names"), 1):
        session.v("name", " ".join([str(number), *known.get(name, host.setting("addresses", []))]))
    return 0


def _settings(session: "Session", folder: str) -> None:
    files = session.host.files
    for number, name in enumerate(("appsettings.json", "appsettings.agent.json", "web.config"), 1):
        path = f"{folder}\\Runtime\\{name}"
        if not files.is_file(path):
            continue
        session.v("settings", f"{number} {path}")
        content = files.read(path)
        if len(content) <= 1 << 20:
            session.b(f"settings.{number}", content)


def _sites(session: "Session") -> None:
    host = session.host
    if not host.iis.there:
        return
    session.v("iis", "1")
    for number, (_, site) in enumerate(host.store.items("sites"), 1):
        session.v("site", f"{number} {site['name']}")
        for one in site["bindings"]:
            row = [one["protocol"], f"{one['ip']}:{one['port']}:{one['host']}", one["sslFlags"], one["hash"], one["store"]]
            session.v("site_binding", f"{number} {'|'.join(str(word) for word in row)}")
        for app in site["apps"].values():
            for folder in app["vdirs"]:
                if (app["path"], folder) != ("/", "/"):
                    session.v("site_part", f"{number} {app['path']}")
        path = host.iis.app_folder(site["apps"]["/"])
        if path is None:
            continue
        session.v("site_path", f"{number} {path}")
        if path.lower().rstrip("\\").endswith("\\inetpub\\wwwroot"):
            for file in _strangers(session, path)[:3]:
                session.v("site_file", f"{number} {file}")


def _strangers(session: "Session", folder: str) -> list[str]:
    """Files below a folder that IIS did not put there."""
    found: list[str] = []
    if not session.host.files.is_folder(folder):
        return found
    for record in session.host.files.children(folder):
        path = str(record["n"])
        if record["d"]:
            found += _strangers(session, path)
        elif path.rpartition("\\")[2].lower() not in ("iisstart.htm", "iisstart.png"):
            found.append(path)
    return found


def _leftovers(session: "Session", folder: str) -> list[str]:
    files = session.host.files
    found = [f"{folder}\\{name}" for name in ("RuntimeOld", "Runtime.new") if files.is_folder(f"{folder}\\{name}")]
    runtime = f"{folder}\\Runtime"
    for place, pattern in ((folder, "*.new"), (runtime, "*.new"), (runtime, "appsettings*.production.json")):
        if files.is_folder(place):
            children = [str(record["n"]) for record in files.children(place) if not record["d"]]
            found += [path for path in children if fnmatch.fnmatch(path.rpartition("\\")[2].lower(), pattern)]
    return found


@function("preflight_reach", "limit", "hosts", "ports")
def reach(session: "Session", a: Arguments) -> int:
    host = session.host
    a.number("limit")
    if len(a.list("hosts")) != len(a.list("ports")):
        raise Failure("Index was outside the bounds of the array.")
    for number, (name, port) in enumerate(zip(a.list("hosts"), a.list("ports"), strict=True), 1):
        address = f"{name}:{port}"
        if address in host.setting("unreachable", []):
            session.v("reach", f"{number} 124")
        elif address in host.setting("refused", []):
            session.v("reach", f"{number} 1")
            session.v(
                "why",
                f"{number} No connection could be made because the target machine actively refused it 10.0.0.9:{port}",
            )
        else:
            session.v("reach", f"{number} 0")
    return 0


@function("preflight_certificates", "location", "store", "thumbprint", "subject", "identity")
def certificates(session: "Session", a: Arguments) -> int:
    host = session.host
    identity = a.get("identity")
    if identity is not None:
        session.v("identity", accounts.sid_of(host, identity) or "")
    location, store = a.need("location").lower(), a.need("store").lower()
    if location not in LOCATIONS or store not in STORES:
        raise Failure("The system cannot find the file specified.")
    start = f"{LOCATIONS[location]}\\{STORES[store]}\\".upper()
    number = 0
    for at, record in sorted(host.store.items("certificates")):
        if not at.startswith(start):
            continue
        thumbprint, subject = a.get("thumbprint"), a.get("subject")
        if thumbprint is not None and record["thumbprint"].lower() != thumbprint.lower():
            continue
        if subject is not None and record["subject"].lower() != subject.lower():
            continue
        number += 1
        session.v("certificate", f"{number} {record['thumbprint']} {1 if record['has_key'] else 0}")
        session.b(f"certificate.{number}", base64.b64decode(record["der"]))
        if identity is not None and record["has_key"]:
            for ace in host.files.security(key_path(record)).aces or []:
                if ace.allow and acl.specific(ace.rights) & READ == READ:
                    session.v("reader", f"{number} {ace.sid}")
    return 0
