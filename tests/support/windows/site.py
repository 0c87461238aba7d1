r"""What the web server answers for the agent's site, from the state of pool, module, runtime, files and lists.

Sources: "Troubleshoot ASP.NET Core on Azure App Service and IIS" and "Common error troubleshooting"
(learn.microsoft.com/aspnet/core/test/troubleshoot-azure-iis, .../host-and-deploy/azure-iis-errors-reference): 500.19 the
configuration cannot be read, 500.0 and 500.38 the application's file is missing, 500.30 it crashed at its start, 500.31 no
runtime, 500.32 bitness, 500.34 and 500.35 several apps in one pool, 503 the pool is stopped, 403.14 nothing to show, 404. The
install guide of the agent: it does not start with a certificate that cannot be read, nor with that of the SDK.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import accounts, acl, certificates, names, packages
from .iis import Record

if TYPE_CHECKING:
    from .host import Host

SDK_THUMBPRINTS = ("0000000000000000000000000000000000005DC0",)


@dataclass
class Answered:
    status: int
    body: bytes
    sub: int = 0
    trusted: bool = True
    thumbprint: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def ports(host: "Host") -> set[int]:
    return {
        binding["port"]
        for _, site in host.store.items("sites")
        if site["state"] == "started"
        for binding in site["bindings"]
    }


def is_local(host: "Host", name: str) -> bool:
    """Whether a name leads to this host."""
    known = {"localhost", "127.0.0.1", str(host.setting("computer")).lower(), str(host.setting("dns_name")).lower()}
    known |= {str(address) for address in host.setting("addresses", [])}
    known |= {
        binding["host"].lower()
        for _, site in host.store.items("sites")
        for binding in site["bindings"]
        if binding["host"]
    }
    return name.lower() in known


def answer(
    host: "Host", scheme: str, name: str, port: int | None, path: str, header: str | None = None
) -> Answered | str | None:
    """The answer of a site; a text where nothing answers; None where the name is not of this host."""
    if not is_local(host, name):
        return None
    port = port or (443 if scheme == "https" else 80)
    if not host.iis.there and name.lower() in ("localhost", "127.0.0.1"):
        return None
    best: tuple[int, Record, Record] | None = None
    open_port = False
    for _, site in host.store.items("sites"):
        for binding in site["bindings"]:
            if binding["port"] != port or binding["protocol"] != scheme or site["state"] != "started":
                continue
            open_port = True
            wanted = (header or name).lower().split(":")[0]
            if binding["host"] and binding["host"].lower() != wanted:
                continue
            rank = 2 if binding["host"] else 1
            if best is None or rank > best[0]:
                best = (rank, site, binding)
    if not open_port:
        if port not in ports(host) and name.lower() in ("localhost", "127.0.0.1"):
            return None
        return f"Unable to connect to the remote server: No connection could be made because the target machine actively refused it {name}:{port}"
    if best is None:
        return (
            Answered(404, b"<h2>Bad Request - Invalid Hostname</h2>")
            if scheme == "http"
            else "The underlying connection was closed: An unexpected error occurred on a send."
        )
    _, site, binding = best
    found = site_answer(host, site, path)
    if scheme == "https":
        record = (
            certificates.find(host, "LocalMachine", binding["store"] or "My", binding["hash"])
            if binding["hash"]
            else None
        )
        if record is None:
            return "The underlying connection was closed: An unexpected error occurred on a send."
        found.trusted = bool(record.get("trusted", record["subject"] != record["issuer"]))
        found.thumbprint = binding["hash"]
    host.event("answer", site=site["name"], status=found.status, sub=found.sub)
    return found


def page(status: int, sub: int, text: str) -> Answered:
    title = f"HTTP Error {status}.{sub} - {text}" if sub else text
    return Answered(status, f"<html><head><title>{title}</title></head><body>{title}</body></html>".encode(), sub)


def site_answer(host: "Host", site: Record, path: str) -> Answered:
    """Finds the application of the path and what comes of it."""
    apps = sorted(site["apps"].values(), key=lambda app: -len(app["path"]))
    app = next(app for app in apps if app["path"] == "/" or path.lower().startswith(app["path"].lower()))
    pool = host.iis.pool(host.iis.app_pool(site, app))
    if pool is None or pool["state"] != "started":
        return page(503, 0, "Service Unavailable")
    account = identity(host, pool)
    if account is None:
        # The account's password is wrong: the worker cannot start, and the pool is stopped for it.
        host.iis.put_pool(pool | {"state": "stopped"})
        host.event("worker_failed", pool=pool["name"], code=5057)
        return page(503, 0, "Service Unavailable")
    folder = host.iis.app_folder(app)
    if folder is None or not host.files.is_folder(folder):
        return page(404, 0, "File or directory not found")
    host.iis.begin_worker(pool["name"])
    config = names.join(folder, "web.config")
    if not host.files.is_file(config):
        return static(host, folder, path)
    return application(host, site, app, pool, folder, account, path)


def identity(host: "Host", pool: Record) -> str | None:
    """The SID of the worker, or None where it cannot log on."""
    kind = host.iis.pool_value(pool, "processModel.identityType")
    fixed = {"LocalSystem": "S-1-5-18", "LocalService": "S-1-5-19", "NetworkService": "S-1-5-20"}
    if kind == "ApplicationPoolIdentity":
        return accounts.pool_sid(pool["name"])
    if kind in fixed:
        return fixed[kind]
    name = host.iis.pool_value(pool, "processModel.userName")
    password = pool["own"].get("processModel.password", "")
    user = host.store.get("users", name.lower().rpartition("\\")[2]) or host.store.get("domain_accounts", name.lower())
    if user is None or (not user.get("managed") and user.get("password", "") != password):
        return None
    return str(user["sid"])


def static(host: "Host", folder: str, path: str) -> Answered:
    from .features import installed

    target = names.join(folder, path.split("?")[0].strip("/").replace("/", "\\")).rstrip("\\")
    if host.files.is_file(target):
        return Answered(200, host.files.read(target), headers={"Content-Type": "text/html"})
    if host.files.is_folder(target):
        for default in ("Default.htm", "index.htm", "index.html", "iisstart.htm"):
            if installed(host, "Web-Default-Doc") and host.files.is_file(names.join(target, default)):
                return Answered(
                    200, host.files.read(names.join(target, default)), headers={"Content-Type": "text/html"}
                )
        return page(403, 14, "Forbidden")
    return page(404, 0, "File or directory not found")


def settings_of(host: "Host", path: str) -> dict[str, Any] | None:
    """A settings file as .NET reads it: comments and trailing commas do no harm. None where it cannot be read."""
    text = host.files.read_text(path)
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda match: match.group(1) or "", text, flags=re.S)
    text = re.sub(r'("(?:\\.|[^"\\])*")|,(\s*[}\]])', lambda match: match.group(1) or match.group(2), text)
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def application(
    host: "Host", site: Record, app: Record, pool: Record, folder: str, account: str, path: str
) -> Answered:
    """An app of ASP.NET Core, as its module starts it."""
    if not host.files.may(account, names.join(folder, "web.config"), acl.READ):
        return page(500, 19, "Internal Server Error: 0x80070005")
    try:
        root = xml.fromstring(host.files.read(names.join(folder, "web.config")))
    except xml.ParseError:
        return page(500, 19, "Internal Server Error: 0x8007000d")
    element = root.find(".//aspNetCore")
    if element is None:
        return static(host, folder, path)
    if host.store.get("modules", "aspnetcoremodulev2") is None:
        return page(500, 19, "Internal Server Error: 0x8007000d")
    if host.files.is_file(names.join(folder, "app_offline.htm")):
        return Answered(503, host.files.read(names.join(folder, "app_offline.htm")))
    for section, feature in (("applicationInitialization", "Web-AppInit"),):
        from .features import installed

        if root.find(f".//{section}") is not None and not installed(host, feature):
            return page(500, 19, "Internal Server Error: 0x8007000d")
    if element.get("hostingModel", "inprocess").lower() == "inprocess":
        others = [one for one in _in_process(host, pool) if one != (site["name"], app["path"])]
        if others:
            return page(500, 35, "ANCM Multiple In-Process Applications in same Process")
    return start(host, site, pool, folder, account, element, path)


def _in_process(host: "Host", pool: Record) -> list[tuple[str, str]]:
    found = []
    for site, app in host.iis.apps():
        folder = host.iis.app_folder(app)
        if host.iis.app_pool(site, app).lower() != pool["name"].lower() or folder is None:
            continue
        config = names.join(folder, "web.config")
        if host.files.is_file(config) and b"<aspNetCore" in host.files.read(config):
            found.append((site["name"], app["path"]))
    return found


def start(
    host: "Host", site: Record, pool: Record, folder: str, account: str, element: "xml.Element", path: str
) -> Answered:
    """Starts the app, or says why it does not."""
    program = element.get("processPath", "").lower()
    if program not in ("dotnet", "dotnet.exe") or not host.files.exists("C:\\Program Files\\dotnet\\dotnet.exe"):
        return page(500, 0, "ANCM In-Process Handler Load Failure")
    if host.iis.pool_value(pool, "enable32BitAppOnWin64") == "true":
        return page(500, 32, "ANCM Failed to Load dll")
    library = element.get("arguments", "").strip().replace("/", "\\").removeprefix(".\\")
    if not library or not host.files.is_file(names.join(folder, library.split(" ")[0])):
        return page(500, 38, "ANCM Application DLL Not Found")
    if not any(version.split(".")[0] == "8" for version in packages.runtimes(host, "Microsoft.AspNetCore.App")):
        return page(500, 31, "ANCM Failed to Find Native Dependencies")
    why = crash(host, folder, account)
    if element.get("stdoutLogEnabled", "false").lower() == "true":
        stdout_log(host, folder, account, element.get("stdoutLogFile", ""), why)
    if why:
        host.event("app_crash", site=site["name"], why=why)
        host.store.put("event_log", f"{host.filetime()}", {"source": "IIS AspNetCore Module V2", "text": why})
        return page(500, 30, "ANCM In-Process Start Failure")
    host.event("app_start", site=site["name"], pool=pool["name"])
    if path.rstrip("/") == "/hc":
        return Answered(200, b"Healthy", headers={"Content-Type": "text/plain"})
    return Answered(200, b"<!DOCTYPE html><title>agent</title>", headers={"Content-Type": "text/html"})


def stdout_log(host: "Host", folder: str, account: str, target: str, why: str | None) -> None:
    path = names.canonical(names.join(folder, target.replace("/", "\\")))
    above = names.parent(path)
    if not host.files.may(account, above, acl.WRITE_DATA):
        host.store.put("event_log", f"{host.filetime()}", {"source": "IIS AspNetCore Module V2", "text": "0x80070005"})
        return
    name = f"{path.removesuffix('.log')}_{int(host.now())}_4242.log"
    host.files.write(name, (why or "Now listening on: http://127.0.0.1\r\n").encode())


def crash(host: "Host", folder: str, account: str) -> str | None:
    """Why the agent does not start, if it does not."""
    found = {}
    for name in ("appsettings.json", "appsettings.agent.json"):
        path = names.join(folder, name)
        if not host.files.is_file(path):
            return f"The configuration file '{name}' was not found and is not optional."
        if not host.files.may(account, path, acl.READ):
            return f"Access to the path '{path}' is denied."
        settings = settings_of(host, path)
        if settings is None:
            return f"Failed to load configuration from file '{path}'."
        found[name] = settings
    main, agent = found["appsettings.json"], found["appsettings.agent.json"]
    if not str(main.get("ApplicationUri", "")).startswith(("http://", "https://")):
        return "ApplicationUri is missing"
    identifier = agent.get("OpenId", {}).get("AgentIdentifier", "")
    if not identifier or identifier == "Local":
        return f"AgentIdentifier '{identifier}' cannot be used"
    for place, keys in (
        (
            main.get("IdentityServer"),
            ("X509KeyFilePath", "X509KeyFilePassword", "X509Thumbprint", "X509StoreLocation", "X509StoreName"),
        ),
        (main.get("EncryptionCertificate"), ("File", "Password", "Thumbprint", "StoreLocation", "StoreName")),
    ):
        why = certificate_problem(host, folder, account, place, keys)
        if why:
            return why
    for name, wanted in (("TempFolderPath", "../Temp"), ("WorkFolderPath", "../Work")):
        path = names.canonical(names.join(folder, str(main.get(name, wanted)).replace("/", "\\")))
        if not host.files.may(account, path, acl.MODIFY & ~0x100000):
            return f"Access to the path '{path}' is denied."
    return None


def certificate_problem(host: "Host", folder: str, account: str, place: Any, keys: tuple[str, ...]) -> str | None:
    """Why a certificate of the settings cannot be used."""
    if not isinstance(place, dict):
        return "No certificate was configured"
    file, password, thumbprint, location, store = (str(place.get(name, "")) for name in keys)
    if file:
        path = names.canonical(names.join(folder, file.replace("/", "\\")))
        if not host.files.is_file(path):
            return f"The certificate file '{path}' was not found"
        if not host.files.may(account, path, acl.READ):
            return f"Access to the path '{path}' is denied."
        if "@" in password and password.count("@") == 2:
            return None
        plain = password.removeprefix("@") if "@" in password else password
        if "@" in password and not password.startswith("@"):
            return "The input is not a valid Base-64 string"
        try:
            record = certificates.describe(certificates.load(host.files.read(path), plain)[0], True)
        except Exception as error:  # the library's errors have no common base
            return str(error)
        return "the certificate of the SDK cannot be used" if record["thumbprint"] in SDK_THUMBPRINTS else None
    found = certificates.find(host, location or "LocalMachine", store or "My", thumbprint) if thumbprint else None
    if found is None:
        return "No certificate was found"
    if found["thumbprint"] in SDK_THUMBPRINTS:
        return "the certificate of the SDK cannot be used"
    if found["has_key"] and not host.files.may(account, certificates.key_path(found), acl.READ):
        return "Keyset does not exist: the private key cannot be read"
    return None
