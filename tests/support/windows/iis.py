"""The web server: pools, sites, applications, bindings, workers, and what starts and stops them.

Sources: "Microsoft.Web.Administration" (learn.microsoft.com/dotnet/api/microsoft.web.administration): `ServerManager` with
`CommitChanges`, `ObjectState`; "IIS architectures" (learn.microsoft.com/iis/get-started): WAS owns the pools, W3SVC the
bindings; "Recycling settings for an application pool": a change of a pool's configuration recycles it unless
`disallowRotationOnConfigChange`; "Application Initialization": AlwaysRunning and preload start the worker without a
request; "App offline file" and "Shadow copying" (learn.microsoft.com/aspnet/core/host-and-deploy/iis) for what an
in-process app holds open.

Records: pools (name, own attributes, state), sites (name, own attributes, state, apps, bindings). Only what differs from
the defaults is kept, as in applicationHost.config. Workers: pool -> since.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import firewall, names, services
from .calls import Failure
from .iis_table import APP, POOL, SITE, VDIR, Table, checked

if TYPE_CHECKING:
    from .host import Host

Record = dict[str, Any]
FORBIDDEN = set('\\/?;:@&=+$,|"<>*')


class Iis:
    """The web server of one host."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.store = host.store

    @property
    def there(self) -> bool:
        return self.store.get("services", "w3svc") is not None

    def need_server(self) -> None:
        if not self.there:
            raise Failure(
                "Retrieving the COM class factory for component with CLSID {2B72133B-3F5B-4602-8952-803546CE3344} failed "
                "due to the following error: 80040154 Class not registered"
            )

    # Pools

    def pool(self, name: str) -> Record | None:
        return self.store.get("pools", name.lower())

    def pool_value(self, pool: Record, name: str) -> str:
        return str(pool["own"].get(name, POOL[name][1]))

    def put_pool(self, pool: Record) -> None:
        self.store.put("pools", pool["name"].lower(), pool)

    def add_pool(self, name: str) -> Record:
        if not name or set(name) & FORBIDDEN or len(name) > 64:
            raise Failure(f"The application pool name '{name}' is not valid.")
        pool: Record = {"name": name, "own": {}, "state": "started" if self.serving() else "stopped"}
        self.put_pool(pool)
        self.host.event("pool_add", name=name)
        return pool

    def remove_pool(self, name: str) -> None:
        self.end_worker(name)
        self.store.drop("pools", name.lower())
        self.host.event("pool_remove", name=name)

    def write_pool(self, name: str, changes: dict[str, str | list[str]]) -> None:
        """Writes settings with one commit, which recycles the pool once."""
        pool = self.pool(name)
        if pool is None:
            raise Failure(f"there is no application pool `{name}`")
        own = set_own(POOL, pool["own"], changes)
        self.put_pool(pool | {"own": own})
        self.host.event("iis_commit", object="pool", name=name, wrote=sorted(changes))
        if own.get("recycling.disallowRotationOnConfigChange") != "true":
            self.recycle(name, "configuration")

    def recycle(self, name: str, why: str) -> None:
        """A new worker takes over; counted for every pool that is started."""
        pool = self.pool(name)
        if pool is None or pool["state"] != "started":
            return
        self.host.event("recycle", pool=pool["name"], why=why)
        if self.store.get("workers", name.lower()) is not None:
            self.store.put("workers", name.lower(), time.time())
        self.warm(name)

    def set_pool_state(self, name: str, wanted: str) -> None:
        pool = self.pool(name)
        if pool is None:
            raise Failure(f"there is no application pool `{name}`")
        if wanted not in ("started", "stopped"):
            raise Failure(f"`{wanted}` is no state of an application pool")
        if wanted == "started" and not self.serving():
            raise Failure("The service has not been started. (Exception from HRESULT: 0x80070426)")
        if pool["state"] == wanted:
            return
        self.put_pool(pool | {"state": wanted})
        self.host.event("pool_" + wanted, name=pool["name"])
        if wanted == "stopped":
            self.end_worker(name)
        else:
            self.warm(name)

    def serving(self) -> bool:
        record = services.find(self.host, "W3SVC")
        return record is not None and record["state"] == "running"

    # Workers

    def warm(self, name: str) -> None:
        """Starts the worker without a request where the settings say so."""
        pool = self.pool(name)
        if pool is None or pool["state"] != "started" or not self.serving():
            return
        if self.pool_value(pool, "startMode") == "AlwaysRunning":
            self.begin_worker(name)

    def begin_worker(self, name: str) -> None:
        if self.store.get("workers", name.lower()) is None:
            self.store.put("workers", name.lower(), time.time())
            self.host.event("worker_start", pool=name)

    def end_worker(self, name: str) -> None:
        if self.store.get("workers", name.lower()) is not None:
            self.store.drop("workers", name.lower())
            self.host.event("worker_stop", pool=name)

    def holder(self, path: str) -> str | None:
        """The worker that has the file, or a file below the folder, open."""
        wanted = names.canonical(path)
        for _, site in self.store.items("sites"):
            for app in site["apps"].values():
                pool = self.app_pool(site, app)
                folder = self.app_folder(app)
                if folder is None or self.store.get("workers", pool.lower()) is None:
                    continue
                record = self.host.files.find(wanted)
                if record is None or self.host.files.exists(names.join(folder, "app_offline.htm")):
                    continue
                if record["d"]:
                    if names.within(folder, wanted):
                        return "w3wp.exe"
                elif names.within(wanted, folder) and wanted.lower().endswith((".dll", ".exe")):
                    return "w3wp.exe"
        return None

    # Sites

    def site(self, name: str) -> Record | None:
        return self.store.get("sites", name.lower())

    def need_site(self, name: str) -> Record:
        site = self.site(name)
        if site is None:
            raise Failure(f"there is no site `{name}`")
        return site

    def put_site(self, site: Record) -> None:
        self.store.put("sites", site["name"].lower(), site)

    def add_site(self, name: str, folder: str, bindings: list[Record], pool: str | None = None) -> Record:
        if not name or set(name) & FORBIDDEN:
            raise Failure(f"The site name '{name}' is not valid.")
        taken = [int(site["own"]["id"]) for _, site in self.store.items("sites")]
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        root = {"path": "/", "own": {"applicationPool": pool} if pool else {}, "vdirs": {"/": {"physicalPath": folder}}}
        site: Record = {
            "name": name, "own": {"id": str(number)}, "state": "stopped", "apps": {"/": root}, "bindings": bindings,
        }  # fmt: skip
        self.put_site(site)
        self.host.event("site_add", name=name)
        self.start_site(name, True)
        return self.need_site(name)

    def remove_site(self, name: str) -> None:
        self.store.drop("sites", name.lower())
        self.host.event("site_remove", name=name)

    def start_site(self, name: str, quietly: bool = False) -> None:
        """Two sites cannot have one binding; the second one stays stopped."""
        site = self.need_site(name)
        if site["state"] == "started":
            return
        if not self.serving():
            if quietly:
                return
            raise Failure("The service has not been started. (Exception from HRESULT: 0x80070426)")
        mine = {self.address(binding) for binding in site["bindings"]}
        for _, other in self.store.items("sites"):
            if other["name"] != site["name"] and other["state"] == "started":
                if mine & {self.address(binding) for binding in other["bindings"]}:
                    if quietly:
                        return
                    raise Failure(
                        "Cannot create a file when that file already exists. (Exception from HRESULT: 0x800700B7)"
                    )
        self.put_site(site | {"state": "started"})
        self.host.event("site_started", name=site["name"])

    def stop_site(self, name: str) -> None:
        site = self.need_site(name)
        if site["state"] != "stopped":
            self.put_site(site | {"state": "stopped"})
            self.host.event("site_stopped", name=site["name"])

    @staticmethod
    def address(binding: Record) -> tuple[str, str, str]:
        return binding["ip"], str(binding["port"]), binding["host"].lower()

    def app_pool(self, site: Record, app: Record) -> str:
        default = site["own"].get("applicationDefaults.applicationPool", "DefaultAppPool")
        return str(app["own"].get("applicationPool") or default)

    def app_folder(self, app: Record) -> str | None:
        """Where the root of an application lies."""
        from .environment import expand

        path = app["vdirs"].get("/", {}).get("physicalPath", "")
        try:
            return names.canonical(expand(self.host, path))
        except Failure:
            return None

    def apps(self) -> Iterator[tuple[Record, Record]]:
        for _, site in self.store.items("sites"):
            for app in site["apps"].values():
                yield site, app


def set_own(table: Table, own: dict[str, Any], changes: dict[str, str | list[str]]) -> dict[str, Any]:
    """Settings with these changes; what equals the default is not kept."""
    own = dict(own)
    for name, value in changes.items():
        if name in table and table[name][0] == "times":
            from .iis_table import show_span, span

            spans = [span(text) for text in (value if isinstance(value, list) else [value]) if text]
            if None in spans:
                raise Failure("The 'value' attribute is invalid.  Timespan is out of its limits ")
            own[name] = [show_span(seconds) for seconds in spans if seconds is not None]
        else:
            text = value if isinstance(value, str) else (value[0] if value else "")
            own[name] = checked(table, name, text)
        if own[name] == table[name][1] or own[name] == []:
            del own[name]
    return own


def values(table: Table, own: dict[str, Any]) -> dict[str, list[str]]:
    """All settings as lists."""
    found = {}
    for name, (type_, default) in table.items():
        value = own.get(name, [] if type_ == "times" else default)
        found[name] = list(value) if isinstance(value, list) else [value]
    return found


# What the role brings and takes

WEB_RULE = "World Wide Web Services (HTTP Traffic-In)"


def role_installed(host: "Host") -> None:
    """Services, the default pool and site with their folder, and the group of the workers."""
    for record in (
        services.new(
            "WAS", "Windows Process Activation Service", "C:\\Windows\\system32\\svchost.exe -k iissvcs", "manual"
        ),
        services.new(
            "W3SVC", "World Wide Web Publishing Service", "C:\\Windows\\system32\\svchost.exe -k iissvcs", needs=["WAS"]
        ),
        services.new("AppHostSvc", "Application Host Helper Service", "C:\\Windows\\system32\\svchost.exe -k apphost"),
    ):
        services.put(host, record | {"state": "running"})
    host.store.put(
        "groups",
        "iis_iusrs",
        {
            "name": "IIS_IUSRS",
            "sid": "S-1-5-32-568",
            "description": "Built-in group used by Internet Information Services.",
            "members": ["S-1-5-17"],
        },
    )
    files = host.files
    for folder in ("C:\\inetpub\\wwwroot", "C:\\inetpub\\logs\\LogFiles", "C:\\Windows\\System32\\inetsrv\\config"):
        files.make_folder(folder)
    files.write("C:\\inetpub\\wwwroot\\iisstart.htm", b"<!DOCTYPE html><title>IIS Windows Server</title>\r\n")
    files.write("C:\\inetpub\\wwwroot\\iisstart.png", b"\x89PNG\r\n")
    files.write("C:\\Windows\\System32\\inetsrv\\appcmd.exe", b"MZ appcmd")
    host.iis.add_pool("DefaultAppPool")
    default = {"protocol": "http", "ip": "*", "port": 80, "host": "", "sslFlags": "0", "hash": "", "store": ""}
    host.iis.add_site("Default Web Site", "%SystemDrive%\\inetpub\\wwwroot", [default])
    firewall.enable(host, WEB_RULE, True)


def role_removed(host: "Host") -> None:
    """Configuration and services go; what lies in inetpub stays."""
    for section in ("pools", "sites", "workers", "iis_config", "modules"):
        for key, _ in host.store.items(section):
            host.store.drop(section, key)
    for name in ("w3svc", "was", "apphostsvc"):
        host.store.drop("services", name)
    host.store.drop("groups", "iis_iusrs")
    firewall.enable(host, WEB_RULE, False)


def service_started(host: "Host") -> None:
    """Pools and sites start as they are set to."""
    for _, pool in host.store.items("pools"):
        if pool["own"].get("autoStart", "true") == "true":
            host.iis.set_pool_state(pool["name"], "started")
    for _, site in host.store.items("sites"):
        if site["own"].get("serverAutoStart", "true") == "true":
            host.iis.start_site(site["name"], True)
    # The module of ASP.NET Core is loaded by workers that start after it was registered.
    host.event("iis_start")


def service_stopped(host: "Host") -> None:
    for _, pool in host.store.items("pools"):
        host.iis.end_worker(pool["name"])
        host.iis.put_pool(pool | {"state": "stopped"})
    for _, site in host.store.items("sites"):
        host.iis.put_site(site | {"state": "stopped"})


__all__ = ["APP", "Iis", "SITE", "VDIR", "set_own", "values"]
