r"""Scheduled tasks: kind `task`.

Sources: the automation objects of the task scheduler (learn.microsoft.com/windows/win32/taskschd): `ITaskFolder.
RegisterTaskDefinition`, `ITaskSettings` with its defaults (72 hours, priority 7, not on batteries), `IPrincipal`, types of
triggers and their properties, durations as `PnDTnHnMnS`. A task needs an action; a password is stored only for logon types that
want one; a definition that comes back from `Xml` is the same task.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import accounts
from .calls import Failure
from .ensure import Key, Kind, State, kind

if TYPE_CHECKING:
    from .session import Session

TRIGGERS = (
    "event",
    "time",
    "daily",
    "weekly",
    "monthly",
    "monthlydow",
    "idle",
    "registration",
    "boot",
    "logon",
    "session_state_change",
    "custom",
)
LOGONS = ("none", "password", "s4u", "interactive_token", "group", "service_account", "interactive_token_or_password")
SETTINGS = {
    "allow_demand_start": "true", "allow_hard_terminate": "true", "disallow_start_if_on_batteries": "true",
    "stop_if_going_on_batteries": "true", "execution_time_limit": "PT72H", "hidden": "false", "multiple_instances": "2",
    "priority": "7", "restart_count": "0", "restart_interval": "", "run_only_if_idle": "false",
    "run_only_if_network_available": "false", "start_when_available": "false", "wake_to_run": "false",
    "delete_expired_task_after": "", "enabled": "true",
}  # fmt: skip
TEXTS = ("description", "author", "username", "group", "logon_type", "run_level")
QUIET = ("Enabled=true", "DaysInterval=1", "WeeksInterval=1", "RunOnLastDayOfMonth=false", "RunOnLastWeekOfMonth=false")


@kind
class Task(Kind):
    name = "task"
    keys = ("path", "name")
    attributes = (*TEXTS, *SETTINGS, "actions", "triggers", "xml")
    touches = ("xml",)

    @staticmethod
    def _at(key: Key) -> str:
        return (key["path"].rstrip("\\") + "\\" + key["name"]).lower()

    def read(self, session: "Session", key: Key) -> State | None:
        task = session.host.store.get("tasks", self._at(key))
        if task is None:
            return None
        state = {name: list(values) for name, values in task["state"].items()}
        return (
            {"xml": [json.dumps(task["state"], sort_keys=True)]}
            | state
            | {".last_run": [str(task.get("last", 267011))]}
        )

    def clean(self, name: str, values: list[str]) -> list[str]:
        if name in ("username", "group"):
            return [accounts.WELL_KNOWN.get(value.lower(), (value,))[0].lower() for value in map(_account, values)]
        if name == "triggers":
            found = []
            for row in values:
                head, *rest = row.split("|")
                found.append("|".join([head, *sorted(word for word in rest if word not in QUIET)]))
            return found
        if name == "actions":
            return [row.rstrip("|") for row in values]
        return values

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host = session.host
        if state is None:
            host.store.drop("tasks", self._at(key))
            return
        old = host.store.get("tasks", self._at(key))
        now: State = dict(old["state"]) if old else {
            **{name: [value] for name, value in SETTINGS.items()},
            "description": [""], "author": [""], "username": [""], "group": [""], "logon_type": ["none"],
            "run_level": ["limited"], "actions": [], "triggers": [],
        }  # fmt: skip
        password = state.get("secret.password", [None])[0]
        if "xml" in state:
            now = json.loads(state["xml"][0])
        else:
            # Rows can neither say nor make what is no program.
            if any(row.startswith("other|") for row in state.get("actions", [])):
                raise Failure("an action that is no program cannot be written")
            now |= {name: values for name, values in state.items() if name != "secret.password"}
        self._check(session, now)
        logon = now["logon_type"][0]
        if password is not None and logon in ("none", "interactive_token"):
            now["logon_type"] = ["password"]
        if now["logon_type"][0] == "password" and password is None:
            raise Failure(
                f"the task `{key['name']}` runs with a stored password, which Windows forgets when it is written"
            )
        folder = key["path"].lower().rstrip("\\")
        if folder:
            host.store.put("task_folders", folder, {"name": key["path"]})
        host.store.put("tasks", self._at(key), {"path": key["path"], "name": key["name"], "state": now})

    @staticmethod
    def _check(session: "Session", now: State) -> None:
        if not now["actions"]:
            raise Failure("(1,2):Actions: The task XML is missing a required element or attribute.")
        if now["logon_type"][0] not in LOGONS:
            raise Failure(f"`{now['logon_type'][0]}` is no way to log on")
        for name in ("username", "group"):
            text = now[name][0]
            if text and accounts.sid_of(session.host, _account(text)) is None:
                raise Failure("No mapping between account names and security IDs was done.")
        for row in now["triggers"]:
            head, *words = row.split("|")
            if head not in TRIGGERS:
                raise Failure(f"there is no trigger of type `{head}`")
            names = {word.partition("=")[0]: word.partition("=")[2] for word in words}
            if head in ("time", "daily", "weekly", "monthly", "monthlydow") and not re.match(
                r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", names.get("StartBoundary", "")
            ):
                raise Failure("The task XML contains a value which is incorrectly formatted or out of range.")
        for name in ("execution_time_limit", "restart_interval", "delete_expired_task_after"):
            if now[name][0] and not re.fullmatch(r"P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?", now[name][0]):
                raise Failure("The task XML contains a value which is incorrectly formatted or out of range.")

    def activate(self, session: "Session", key: Key, action: str, along: list[str]) -> None:
        session.host.event("task_" + action, name=key["name"])

    def list(self, session: "Session") -> list[Key]:
        return [{"path": task["path"], "name": task["name"]} for _, task in session.host.store.items("tasks")]

    def keep(self, session: "Session", key: Key) -> Any:
        return session.host.store.get("tasks", self._at(key))

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        session.host.store.put("tasks", self._at(key), kept)


def _account(name: str) -> str:
    return {"SYSTEM": "NT AUTHORITY\\SYSTEM", "LOCAL SERVICE": "NT AUTHORITY\\LOCAL SERVICE"}.get(name.upper(), name)
