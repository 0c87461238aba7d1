r"""Services: states, start modes, dependencies, failure actions; kind `service`.

Sources: "Service States and Transitions", "Service Configuration Program", `ChangeServiceConfig`, `DeleteService`
(learn.microsoft.com/windows/win32/services); `ServiceController.Stop` stops those that depend on it first, `Start` starts
those that it depends on (learn.microsoft.com/dotnet/api/system.serviceprocess.servicecontroller). Error codes: 1053 no
answer in time, 1056 running already, 1058 disabled, 1060 no such service, 1062 not started, 1069 logon failure, 1072
marked for deletion (learn.microsoft.com/windows/win32/debug/system-error-codes--1000-1299-).

A record: name, display, path, start (auto, delayed, manual, disabled), account, needs, state, failure, description, exit,
and for tests: fails (the code with which a start fails), slow (seconds of a start or stop), no_stop, no_pause.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .calls import Failure
from .ensure import Key, Kind, State, kind

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

MODES = ("auto", "delayed", "manual", "disabled")
STATES = ("running", "stopped", "paused")
_BUILT_IN = {
    "localsystem": "LocalSystem", "nt authority\\system": "LocalSystem", ".\\localsystem": "LocalSystem",
    "system": "LocalSystem", "localservice": "NT AUTHORITY\\LocalService",
    "nt authority\\localservice": "NT AUTHORITY\\LocalService", "nt authority\\local service": "NT AUTHORITY\\LocalService",
    "networkservice": "NT AUTHORITY\\NetworkService", "nt authority\\networkservice": "NT AUTHORITY\\NetworkService",
    "nt authority\\network service": "NT AUTHORITY\\NetworkService",
}  # fmt: skip
Record = dict[str, Any]


def new(name: str, display: str, path: str, start: str = "auto", **more: Any) -> Record:
    record: Record = {
        "name": name, "display": display, "path": path, "start": start, "account": "LocalSystem", "needs": [],
        "state": "running" if start in ("auto", "delayed") else "stopped", "failure": "", "description": "", "exit": 0,
    }  # fmt: skip
    return record | more


def find(host: "Host", name: str) -> Record | None:
    return host.store.get("services", name.lower())


def need(host: "Host", name: str) -> Record:
    record = find(host, name)
    if record is None:
        raise Failure(f"Service {name} was not found on computer '.'.")
    return record


def put(host: "Host", record: Record) -> None:
    host.store.put("services", record["name"].lower(), record)


def start(host: "Host", name: str) -> None:
    """Starts a service, and before it what it depends on."""
    record = need(host, name)
    if record["state"] != "stopped":
        return
    if record["start"] == "disabled":
        raise Failure(
            f"Cannot start service {record['name']} on computer '.'. The service cannot be started, either because it is "
            "disabled or because it has no enabled devices associated with it"
        )
    for needed in record["needs"]:
        start(host, needed)
    _pass(host, record)
    code = record.get("fails", 0)
    if code:
        put(host, record | {"exit": code})
        host.event("service_failed", name=record["name"], code=code)
        raise Failure(f"Cannot start service {record['name']} on computer '.'. The error code is {code}")
    put(host, record | {"state": "running", "exit": 0})
    host.event("service_start", name=record["name"])
    from . import iis

    if record["name"].upper() == "W3SVC":
        iis.service_started(host)


def stop(host: "Host", name: str) -> None:
    """Stops a service, and before it what depends on it."""
    record = need(host, name)
    if record["state"] == "stopped":
        return
    if record.get("no_stop"):
        raise Failure(f"Cannot stop {record['name']} service on computer '.'.")
    for other in dependents(host, record["name"]):
        stop(host, other)
    _pass(host, record)
    put(host, need(host, name) | {"state": "stopped"})
    host.event("service_stop", name=record["name"])
    from . import iis

    if record["name"].upper() in ("W3SVC", "WAS"):
        iis.service_stopped(host)


def pause(host: "Host", name: str) -> None:
    record = need(host, name)
    if record["state"] != "running" or not record.get("can_pause"):
        raise Failure(f"Cannot pause {record['name']} service on computer '.'.")
    put(host, record | {"state": "paused"})


def _pass(host: "Host", record: Record) -> None:
    if record.get("slow"):
        with host.store.unlocked():
            time.sleep(float(record["slow"]))


def dependents(host: "Host", name: str) -> list[str]:
    return [
        other["name"]
        for _, other in host.store.items("services")
        if name.lower() in [needed.lower() for needed in other["needs"]]
    ]


def delete(host: "Host", name: str) -> None:
    """A service that others hold open is only marked; here it goes when it has stopped."""
    stop(host, name)
    host.store.drop("services", name.lower())


def boot(host: "Host") -> None:
    """What a restart makes of the services."""
    for _, record in host.store.items("services"):
        put(host, record | {"state": "stopped"})
    for _, record in host.store.items("services"):
        if record["start"] in ("auto", "delayed"):
            try:
                start(host, record["name"])
            except Failure:
                host.event("service_failed", name=record["name"], boot=True)


def account_name(name: str) -> str:
    return _BUILT_IN.get(name.lower(), name)


@kind
class Service(Kind):
    name = "service"
    options = ("force_dependent", "wait")
    attributes = (
        "state", "start_mode", "display_name", "description", "path", "username", "dependencies", "failure_actions",
    )  # fmt: skip
    runs = True

    def read(self, session: "Session", key: Key) -> State | None:
        record = find(session.host, key["name"])
        if record is None:
            return None
        return {
            "state": [record["state"]],
            "start_mode": [record["start"]],
            "display_name": [record["display"]],
            "description": [record["description"]],
            "path": [record["path"]],
            "username": [record["account"]],
            "dependencies": list(record["needs"]),
            "failure_actions": list(record["failure"] or []),
            ".service_name": [record["name"]],
            ".can_stop": ["true" if record["state"] == "running" and not record.get("no_stop") else "false"],
            ".can_pause": ["true" if record.get("can_pause") else "false"],
            ".depended_by": dependents(session.host, record["name"]),
        }

    def resolve(self, session: "Session", key: Key) -> Key:
        if find(session.host, key["name"]) is None:
            for _, record in session.host.store.items("services"):
                if record["display"].lower() == key["name"].lower():
                    return {"name": record["name"]}
        return key

    def clean(self, name: str, values: list[str]) -> list[str]:
        if name == "username":
            return [account_name(value).lower() for value in values]
        if name == "dependencies":
            return sorted(value.lower() for value in values)
        return values

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host = session.host
        if state is None:
            delete(host, key["name"])
            return
        state = dict(state)
        if before is None:
            if not state.get("path"):
                raise Failure(f"service `{key['name']}` does not exist, and nothing says which program it is")
            put(host, new(key["name"], key["name"], state["path"][0], "auto", state="stopped"))
        changes: Record = {}
        for attribute, field in (("display_name", "display"), ("description", "description"), ("path", "path")):
            if attribute in state:
                changes[field] = state[attribute][0] if state[attribute] else ""
        if "start_mode" in state:
            if state["start_mode"][0] not in MODES:
                raise Failure(f"`{state['start_mode'][0]}` is no start mode")
            changes["start"] = state["start_mode"][0]
        if "username" in state:
            changes["account"] = account_name(state["username"][0])
        if "dependencies" in state:
            for needed in state["dependencies"]:
                need(host, needed)
            changes["needs"] = state["dependencies"]
        if "failure_actions" in state:
            changes["failure"] = state["failure_actions"]
        if changes:
            put(host, need(host, key["name"]) | changes)
        if "state" in state:
            call = session.call
            if state["state"][0] == "stopped" and call.function != "restore" and not call.flag("force_dependent"):
                running = [one for one in dependents(host, key["name"]) if need(host, one)["state"] != "stopped"]
                if running:
                    raise Failure(f"these services depend on it: {', '.join(running)}")
            self._state(host, key["name"], state["state"][0])

    @staticmethod
    def _state(host: "Host", name: str, wanted: str) -> None:
        if wanted == "running":
            if need(host, name)["state"] == "paused":
                put(host, need(host, name) | {"state": "running"})
            start(host, name)
        elif wanted == "stopped":
            stop(host, name)
        elif wanted == "paused":
            pause(host, name)
        else:
            raise Failure(f"`{wanted}` is no state of a service")

    def along(self, session: "Session", key: Key) -> list[str]:
        found = dependents(session.host, key["name"])
        return [other for other in found if need(session.host, other)["state"] == "running"]

    def activate(self, session: "Session", key: Key, action: str, along: list[str]) -> None:
        if action == "restart":
            stop(session.host, key["name"])
            start(session.host, key["name"])
            for other in along:
                start(session.host, other)
        elif action == "start":
            start(session.host, key["name"])
        elif action == "stop":
            stop(session.host, key["name"])
        else:
            raise Failure(f"a service cannot be told to `{action}`")

    def list(self, session: "Session") -> list[Key]:
        return [{"name": record["name"]} for _, record in session.host.store.items("services")]

    def keep(self, session: "Session", key: Key) -> Any:
        return find(session.host, key["name"])

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        put(session.host, kept | {"state": "stopped"})
