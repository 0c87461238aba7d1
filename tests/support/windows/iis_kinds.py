"""Kinds of the web server: pool, site, app, vdir, binding, iis_config, iis_module.

Sources: as `iis.py` and `iis_table.py`; `BindingCollection.Add` and `Remove`, `Binding.CertificateHash`
(learn.microsoft.com/dotnet/api/microsoft.web.administration.bindingcollection); "Binding <binding>": sslFlags 1 is SNI and wants a
host name, 2 the central store; `netsh http show sslcert`: with SNI a certificate belongs to host and port, else to address and
port, where the last one that was written holds for all sites.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import certificates
from .calls import Failure
from .ensure import Key, Kind, State, kind
from .features import installed
from .iis import Record, set_own, values
from .iis_table import APP, POOL, SECTIONS, SITE, VDIR, show_span, span

if TYPE_CHECKING:
    from .host import Host
    from .session import Session


def clean(name: str, listed: list[str]) -> list[str]:
    """IIS takes words in any case, and times in more than one spelling."""
    found = []
    for text in listed:
        if re.fullmatch(r"([0-9]+\.)?[0-9]+:[0-9]+(:[0-9]+)?", text):
            seconds = span(text)
            text = text if seconds is None else show_span(seconds)
        if name == "physicalPath":
            text = text.replace("/", "\\").replace("%SystemDrive%", "C:")
            text = text.rstrip("\\") if len(text) > 3 else text
        found.append(text.lower())
    return found


def own_part(state: State) -> dict[str, str | list[str]]:
    """What is written of a state, secrets under their names."""
    return {
        name.removeprefix("secret."): (listed if len(listed) != 1 else listed[0])
        for name, listed in state.items()
        if name != "state"
    }


class IisKind(Kind):
    atomic = True

    @staticmethod
    def gone(session: "Session") -> bool:
        """Without the web server nothing of it is there: so for a rollback that took it away, for a plan, and for who wants
        things to go. Everybody else needs it."""
        looks = session.call.function == "restore" or session.call.flag("check") or session.call.get("want") == "absent"
        if not session.host.iis.there and looks:
            return True
        session.host.iis.need_server()
        return False

    def clean(self, name: str, values: list[str]) -> list[str]:
        return clean(name, values)


@kind
class Pool(IisKind):
    name = "pool"
    attributes = (*POOL, "state")
    runs = True

    def read(self, session: "Session", key: Key) -> State | None:
        pool = None if self.gone(session) else session.host.iis.pool(key["name"])
        if pool is None:
            return None
        return values(POOL, pool["own"]) | {"state": [pool["state"]]}

    def secrets(self, session: "Session", key: Key) -> dict[str, str]:
        pool = session.host.iis.pool(key["name"]) or {"own": {}}
        return {"processModel.password": str(pool["own"].get("processModel.password", ""))}

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        iis, name = session.host.iis, key["name"]
        iis.need_server()
        if state is None:
            iis.remove_pool(name)
            return
        changes = own_part(state)
        password = changes.pop("processModel.password", None)
        if iis.pool(name) is None:
            iis.add_pool(name)
        if changes or password is not None:
            if password is not None:
                pool = iis.pool(name)
                assert pool is not None
                own = pool["own"] | {"processModel.password": password}
                if not password:
                    del own["processModel.password"]
                iis.put_pool(pool | {"own": own})
            iis.write_pool(name, changes)
        if "state" in state:
            iis.set_pool_state(name, state["state"][0])

    def activate(self, session: "Session", key: Key, action: str, along: list[str]) -> None:
        iis = session.host.iis
        if action == "recycle":
            pool = iis.pool(key["name"])
            if pool is None or pool["state"] != "started":
                raise Failure(
                    "The object identifier does not represent a valid object. (Exception from HRESULT: 0x800710D8)"
                )
            iis.recycle(key["name"], "request")
        elif action in ("restart", "stop", "start"):
            if action != "start":
                iis.set_pool_state(key["name"], "stopped")
            if action != "stop":
                iis.set_pool_state(key["name"], "started")
        else:
            raise Failure(f"an application pool cannot be told to `{action}`")

    def list(self, session: "Session") -> list[Key]:
        return [{"name": pool["name"]} for _, pool in session.host.store.items("pools")]

    def keep(self, session: "Session", key: Key) -> Any:
        return session.host.iis.pool(key["name"])

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        session.host.iis.put_pool(kept | {"state": "stopped"})


# Bindings


def row(binding: Record) -> str:
    info = f"{binding['ip']}:{binding['port']}:{binding['host']}"
    return "|".join([binding["protocol"], info, str(binding["sslFlags"]), binding["hash"], binding["store"]])


def from_row(host: "Host", text: str) -> Record:
    parts = text.split("|")
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:]*):([0-9]{1,5}):([^:]*)", parts[1]) if len(parts) == 5 else None
    if match is None or not 1 <= int(match.group(2)) <= 65535:
        raise Failure(f"The specified HTTPS binding is invalid: `{text}`")
    protocol, _, flags, thumbprint, store = parts
    ip, port, name = match.groups()
    if int(flags or 0) & 1 and not name:
        raise Failure("The parameter is incorrect: a binding with Server Name Indication wants a host name")
    if thumbprint:
        store = store or "My"
        found = certificates.find(host, "LocalMachine", store, thumbprint)
        if found is None or not found["has_key"]:
            raise Failure(
                "A specified logon session does not exist. It may already have been terminated. "
                "(Exception from HRESULT: 0x80070520)"
            )
    return {
        "protocol": protocol.lower(), "ip": ip or "*", "port": int(port), "host": name, "sslFlags": flags or "0",
        "hash": thumbprint.upper(), "store": store if thumbprint else "",
    }  # fmt: skip


def set_bindings(host: "Host", site: Record, rows: list[str]) -> Record:
    """The bindings of a site, in this order; a certificate without SNI holds for its address and port everywhere."""
    bindings = []
    for text in rows:
        known = [binding for binding in site["bindings"] if row(binding).lower() == text.lower()]
        bindings.append(known[0] if known else from_row(host, text))
    addresses = [(binding["protocol"], *host.iis.address(binding)) for binding in bindings]
    if len(set(addresses)) != len(addresses):
        raise Failure("Cannot add duplicate collection entry of type 'binding'")
    site = site | {"bindings": bindings}
    host.iis.put_site(site)
    for binding in bindings:
        if binding["protocol"] == "https" and not int(binding["sslFlags"]) & 1 and binding["hash"]:
            _share(host, binding)
    if site["state"] == "started":
        host.iis.put_site(site | {"state": "stopped"})
        host.iis.start_site(site["name"], True)
    host.event("iis_commit", object="bindings", name=site["name"])
    return host.iis.need_site(site["name"])


def _share(host: "Host", binding: Record) -> None:
    for _, other in host.store.items("sites"):
        changed = [
            one | {"hash": binding["hash"], "store": binding["store"]}
            if (one["protocol"], one["ip"], one["port"]) == ("https", binding["ip"], binding["port"])
            and not int(one["sslFlags"]) & 1
            else one
            for one in other["bindings"]
        ]
        if changed != other["bindings"]:
            host.iis.put_site(other | {"bindings": changed})


@kind
class Binding(IisKind):
    name = "binding"
    keys = ("site", "protocol", "ip", "port", "host")
    attributes = ("sslFlags", "certificateHash", "certificateStoreName")

    def _find(self, session: "Session", key: Key) -> Record | None:
        if self.gone(session):
            return None
        site = session.host.iis.site(key["site"])
        for binding in site["bindings"] if site else []:
            if binding["protocol"] == key["protocol"].lower() and session.host.iis.address(binding) == (
                key["ip"] or "*", key["port"], key["host"].lower(),
            ):  # fmt: skip
                return binding
        return None

    def read(self, session: "Session", key: Key) -> State | None:
        found = self._find(session, key)
        if found is None:
            return None
        return {
            "sslFlags": [str(found["sslFlags"])],
            "certificateHash": [found["hash"]],
            "certificateStoreName": [found["store"]],
        }

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host = session.host
        site = host.iis.need_site(key["site"])
        found = self._find(session, key)
        rows = [row(binding) for binding in site["bindings"]]
        if state is None:
            rows.remove(row(found or {}))
            set_bindings(host, site, rows)
            return
        now = (before or {}) | state
        one = [now.get(name, [""])[0] for name in ("sslFlags", "certificateHash", "certificateStoreName")]
        text = "|".join([key["protocol"], f"{key['ip'] or '*'}:{key['port']}:{key['host']}", one[0] or "0", *one[1:]])
        if found is None:
            rows.append(text)
        else:
            rows[rows.index(row(found))] = text
        set_bindings(host, site, rows)

    def list(self, session: "Session") -> list[Key]:
        return [
            {
                "site": site["name"], "protocol": binding["protocol"], "ip": binding["ip"],
                "port": str(binding["port"]), "host": binding["host"],
            }
            for _, site in session.host.store.items("sites")
            for binding in site["bindings"]
        ]  # fmt: skip


# Sites, applications, virtual directories

ROOT = ("applicationPool", "preloadEnabled", "enabledProtocols")


def app_rows(site: Record, host: "Host") -> list[str]:
    rows = []
    for app in site["apps"].values():
        for path, vdir in app["vdirs"].items():
            if app["path"] != "/" or path != "/":
                pool = host.iis.app_pool(site, app)
                protocols = app["own"].get("enabledProtocols", "http")
                preload = app["own"].get("preloadEnabled", "false")
                rows.append("|".join([app["path"], pool, protocols, preload, path, vdir["physicalPath"]]))
    return rows


def need_folder(session: "Session", state: State) -> None:
    """The folder that something is told to show has to be there; what comes back in a rollback is as it was."""
    from .pathcalls import expand

    folder = state.get("physicalPath", [None])[0]
    if folder is not None and session.call.function != "restore":
        if not session.host.files.is_folder(expand(session, folder)):
            raise Failure(f"the folder `{folder}` is not there")


@kind
class Site(IisKind):
    name = "site"
    attributes = (*SITE, *ROOT, "physicalPath", "bindings", "applications", "state")
    runs = True

    def read(self, session: "Session", key: Key) -> State | None:
        iis = session.host.iis
        site = None if self.gone(session) else iis.site(key["name"])
        if site is None:
            return None
        root = site["apps"]["/"]
        state = values(SITE, site["own"])
        state |= {
            "applicationPool": [iis.app_pool(site, root)],
            "preloadEnabled": [root["own"].get("preloadEnabled") or state["applicationDefaults.preloadEnabled"][0]],
            "enabledProtocols": [root["own"].get("enabledProtocols", "http")],
            "physicalPath": [root["vdirs"]["/"]["physicalPath"]],
            "bindings": [row(binding) for binding in site["bindings"]],
            "applications": app_rows(site, session.host),
            "state": [site["state"]],
        }
        return state

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        iis, name = session.host.iis, key["name"]
        iis.need_server()
        if state is None:
            iis.remove_site(name)
            return
        need_folder(session, state)
        site = iis.site(name)
        if site is None:
            if "physicalPath" not in state:
                raise Failure(f"the site `{name}` is new and needs a physical path")
            site = iis.add_site(name, state["physicalPath"][0], [])
        changes = own_part(state)
        rows = state.get("bindings")
        changes.pop("bindings", None)
        changes.pop("applications", None)
        root = site["apps"]["/"]
        touched = {iis.app_pool(site, root)}
        folder = changes.pop("physicalPath", None)
        if folder is not None:
            root = root | {"vdirs": root["vdirs"] | {"/": root["vdirs"]["/"] | {"physicalPath": folder}}}
        root_changes = {one: changes.pop(one) for one in ROOT if one in changes}
        root = root | {"own": set_own(APP, root["own"], root_changes)}
        site = site | {"own": set_own(SITE, site["own"], changes), "apps": site["apps"] | {"/": root}}
        iis.put_site(site)
        if folder is not None or root_changes or changes:
            session.host.event("iis_commit", object="site", name=name, wrote=sorted(state))
        if rows is not None:
            site = set_bindings(session.host, site, rows)
        if folder is not None or root_changes:
            # An application whose folder or pool changes is loaded anew.
            for pool in touched | {iis.app_pool(site, root)}:
                iis.recycle(pool, "application")
        if "state" in state:
            iis.start_site(name) if state["state"][0] == "started" else iis.stop_site(name)
        elif before is None:
            iis.start_site(name, True)

    def activate(self, session: "Session", key: Key, action: str, along: list[str]) -> None:
        if action in ("restart", "stop"):
            session.host.iis.stop_site(key["name"])
        if action in ("restart", "start"):
            session.host.iis.start_site(key["name"])

    def list(self, session: "Session") -> list[Key]:
        return [{"name": site["name"]} for _, site in session.host.store.items("sites")]

    def keep(self, session: "Session", key: Key) -> Any:
        return session.host.iis.site(key["name"])

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        session.host.iis.put_site(kept | {"state": "stopped"})


@kind
class App(IisKind):
    name = "app"
    keys = ("site", "path")
    attributes = (*APP, "physicalPath", "virtualDirectories")

    def read(self, session: "Session", key: Key) -> State | None:
        iis = session.host.iis
        if self.gone(session):
            return None
        site = iis.site(key["site"])
        app = site["apps"].get(key["path"]) if site else None
        if site is None or app is None:
            return None
        state = values(APP, app["own"]) | {"applicationPool": [iis.app_pool(site, app)]}
        state["physicalPath"] = [app["vdirs"]["/"]["physicalPath"]]
        state["virtualDirectories"] = [
            f"{path}|{vdir['physicalPath']}" for path, vdir in app["vdirs"].items() if path != "/"
        ]
        return state

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        iis = session.host.iis
        site = iis.need_site(key["site"])
        if state is None:
            iis.put_site(site | {"apps": {path: app for path, app in site["apps"].items() if path != key["path"]}})
            return
        need_folder(session, state)
        app = site["apps"].get(key["path"])
        if app is None:
            if not key["path"].startswith("/"):
                raise Failure("The application path is invalid.")
            if "physicalPath" not in state:
                raise Failure(f"the application `{key['path']}` is new and needs a physical path")
            app = {"path": key["path"], "own": {}, "vdirs": {"/": {"physicalPath": ""}}}
        changes = own_part(state)
        changes.pop("virtualDirectories", None)
        vdirs = dict(app["vdirs"])
        if "physicalPath" in changes:
            vdirs["/"] = vdirs["/"] | {"physicalPath": changes.pop("physicalPath")}
        for text in state.get("virtualDirectories", []):
            path, _, folder = text.partition("|")
            vdirs.setdefault(path, {"physicalPath": folder})
        app = app | {"own": set_own(APP, app["own"], changes), "vdirs": vdirs}
        site = site | {"apps": site["apps"] | {key["path"]: app}}
        iis.put_site(site)
        session.host.event("iis_commit", object="app", name=f"{key['site']}{key['path']}", wrote=sorted(state))
        iis.recycle(iis.app_pool(site, app), "application")


@kind
class Vdir(IisKind):
    name = "vdir"
    keys = ("site", "application", "path")
    attributes = tuple(VDIR)

    def _place(self, session: "Session", key: Key) -> tuple[Record | None, Record | None]:
        session.host.iis.need_server()
        site = session.host.iis.site(key["site"])
        return site, (site["apps"].get(key["application"] or "/") if site else None)

    def read(self, session: "Session", key: Key) -> State | None:
        if self.gone(session):
            return None
        _, app = self._place(session, key)
        vdir = app["vdirs"].get(key["path"]) if app else None
        return values(VDIR, {k: v for k, v in vdir.items() if k != "password"}) if vdir else None

    def secrets(self, session: "Session", key: Key) -> dict[str, str]:
        _, app = self._place(session, key)
        return {"password": (app["vdirs"].get(key["path"], {}) if app else {}).get("password", "")}

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        site, app = self._place(session, key)
        if site is None or app is None:
            raise Failure(f"there is no application `{key['application']}` in the site `{key['site']}`")
        vdirs = dict(app["vdirs"])
        if state is None:
            del vdirs[key["path"]]
        else:
            need_folder(session, state)
            if key["path"] not in vdirs and "physicalPath" not in state:
                raise Failure(f"the virtual directory `{key['path']}` is new and needs a physical path")
            changes = own_part(state)
            password = changes.pop("password", None)
            old = vdirs.get(key["path"], {"physicalPath": ""})
            new = set_own(VDIR, old, changes)
            new.setdefault("physicalPath", "")
            if password is not None:
                new["password"] = password
            vdirs[key["path"]] = new
        apps = site["apps"] | {app["path"]: app | {"vdirs": vdirs}}
        session.host.iis.put_site(site | {"apps": apps})
        session.host.event("iis_commit", object="vdir", name=f"{key['site']}{key['path']}")


@kind
class IisConfig(IisKind):
    name = "iis_config"
    keys = ("section", "location")

    def _table(self, session: "Session", key: Key) -> dict[str, tuple[str, str]]:
        session.host.iis.need_server()
        found = SECTIONS.get(key["section"])
        if found is None or not installed(session.host, found[1]):
            raise Failure(f"the section `{key['section']}` cannot be read: the configuration section cannot be found")
        return found[0]

    def read(self, session: "Session", key: Key) -> State | None:
        if self.gone(session):
            return {}
        table = self._table(session, key)
        own: dict[str, Any] = {}
        # What holds for all is inherited, part by part.
        parts = key["location"].split("/") if key["location"] else []
        for count in range(len(parts) + 1):
            at = f"{'/'.join(parts[:count])}|{key['section']}".lower()
            own |= session.host.store.get("iis_config", at) or {}
        return values(table, own) | {"elements": list(own.get("elements", []))}

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        table = self._table(session, key)
        if state is None:
            raise Failure("a section of the configuration cannot be removed")
        at = f"{key['location']}|{key['section']}".lower()
        own = dict(session.host.store.get("iis_config", at) or {})
        listed = state.get("elements")
        changes = {name: one for name, one in own_part(state).items() if name != "elements"}
        own = set_own(table, own, changes)
        if listed is not None:
            own["elements"] = listed
            if not listed:
                del own["elements"]
        session.host.store.put("iis_config", at, own or None)
        session.host.event("iis_commit", object="config", name=at, wrote=sorted(state))
        site = session.host.iis.site(key["location"].split("/")[0]) if key["location"] else None
        if site is not None:
            session.host.iis.recycle(session.host.iis.app_pool(site, site["apps"]["/"]), "configuration")


@kind
class IisModule(Kind):
    name = "iis_module"

    def read(self, session: "Session", key: Key) -> State | None:
        session.host.iis.need_server()
        found = session.host.store.get("modules", key["name"].lower())
        return None if found is None else {".image": [found["image"]]}
