"""Local users and groups: kinds `user`, `group`.

Sources: the ADSI provider WinNT (learn.microsoft.com/windows/win32/adsi/adsi-winnt-provider): names have at most 20 characters
for users and 256 for groups, and none of `"/\\[]:;|=,+*?<>`; "User flags"; `NetUserSetInfo` for the password policy (2245);
a new user is a member of no group until it is added to one; SIDs are never given twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .calls import Failure
from .ensure import Key, Kind, State, kind
from .fresh import MACHINE

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

TEXTS = ("fullname", "description", "profile", "login_script", "home_directory")
FLAGS = (
    "account_disabled",
    "account_locked",
    "user_cannot_change_password",
    "password_never_expires",
    "password_expired",
)
FORBIDDEN = set('"/\\[]:;|=,+*?<>')


def check_name(name: str, longest: int, what: str) -> None:
    if not name or set(name) & FORBIDDEN or len(name) > longest or not name.strip(". "):
        raise Failure(f"`{name}` cannot be a {what}")


def next_sid(host: "Host") -> str:
    rid = int(host.setting("next_rid", 1100))
    host.store.put("settings", "next_rid", rid + 1)
    return f"{MACHINE}-{rid}"


@kind
class User(Kind):
    name = "user"
    attributes = (*TEXTS, *FLAGS, "groups")

    def read(self, session: "Session", key: Key) -> State | None:
        check_name(key["name"], 20, "user")
        record = session.host.store.get("users", key["name"].lower())
        if record is None:
            return None
        state = {name: [record[name]] for name in TEXTS}
        state |= {name: ["true" if record[name] else "false"] for name in FLAGS}
        state["groups"] = sorted((group["name"] for group in self._groups(session.host, record["sid"])), key=str.lower)
        state[".sid"] = [record["sid"]]
        state[".path"] = [
            f"WinNT://{session.host.setting('domain')}/{session.host.setting('computer')}/{record['name']}"
        ]
        return state

    @staticmethod
    def _groups(host: "Host", sid: str) -> list[dict[str, Any]]:
        return [group for _, group in host.store.items("groups") if sid in group["members"]]

    def clean(self, name: str, values: list[str]) -> list[str]:
        return sorted(value.lower() for value in values) if name == "groups" else values

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host, at = session.host, key["name"].lower()
        if state is None:
            record = host.store.need("users", at)
            if record["sid"].endswith(("-500", "-501")):
                raise Failure("Cannot perform this operation on built-in accounts.")
            for group in self._groups(host, record["sid"]):
                self._member(host, group["name"], record["sid"], False)
            host.store.drop("users", at)
            return
        record = dict(host.store.get("users", at) or self._new(host, key["name"]))
        if "secret.password" in state:
            record["password"] = self._password(host, state["secret.password"][0])
            record["password_expired"] = False
        elif before is None and host.setting("password_policy", True):
            raise Failure(
                "The password does not meet the password policy requirements. Check the minimum password length, password complexity and password history requirements."
            )
        for name in TEXTS:
            if name in state:
                record[name] = state[name][0] if state[name] else ""
        for name in FLAGS:
            if name in state:
                record[name] = state[name][0] == "true"
        if record["account_locked"] and not (before or {}).get("account_locked") == ["true"]:
            raise Failure("an account cannot be locked, only unlocked")
        host.store.put("users", at, record)
        if "groups" in state:
            wanted = {value.lower() for value in state["groups"]}
            for name in wanted:
                if host.store.get("groups", name) is None:
                    raise Failure(f"there is no group `{name}`")
            for name, group in host.store.items("groups"):
                if (name in wanted) != (record["sid"] in group["members"]):
                    self._member(host, name, record["sid"], name in wanted)

    @staticmethod
    def _new(host: "Host", name: str) -> dict[str, Any]:
        record: dict[str, Any] = {one: "" for one in TEXTS} | {one: False for one in FLAGS}
        return record | {"name": name, "sid": next_sid(host), "password": ""}

    @staticmethod
    def _password(host: "Host", password: str) -> str:
        kinds = sum(
            any(test(char) for char in password)
            for test in (str.isupper, str.islower, str.isdigit, lambda char: not char.isalnum())
        )
        if host.setting("password_policy", True) and (len(password) < 8 or kinds < 3):
            raise Failure(
                "The password does not meet the password policy requirements. Check the minimum password length, password complexity and password history requirements."
            )
        return password

    @staticmethod
    def _member(host: "Host", group: str, sid: str, wanted: bool) -> None:
        record = host.store.need("groups", group.lower())
        members = [one for one in record["members"] if one != sid] + ([sid] if wanted else [])
        host.store.put("groups", group.lower(), record | {"members": members})

    def secret_is(self, session: "Session", key: Key, name: str, text: str) -> bool:
        # Windows tells nobody a password; whether one is right it tells who tries to log on with it.
        record = session.host.store.get("users", key["name"].lower())
        return record is not None and record["password"] == text and not record["account_disabled"]

    def keep(self, session: "Session", key: Key) -> Any:
        record = session.host.store.get("users", key["name"].lower())
        groups = [group["name"] for group in self._groups(session.host, record["sid"])] if record else []
        return [record, groups] if record else None

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        # A new account with the old name has another SID.
        record, groups = kept
        record = record | {"sid": next_sid(session.host)}
        session.host.store.put("users", key["name"].lower(), record)
        for group in groups:
            self._member(session.host, group, record["sid"], True)


@kind
class Group(Kind):
    name = "group"
    attributes = ("description", "members")

    def read(self, session: "Session", key: Key) -> State | None:
        check_name(key["name"], 256, "group")
        record = session.host.store.get("groups", key["name"].lower())
        if record is None:
            return None
        return {
            "description": [record["description"]],
            "members": sorted(record["members"]),
            ".sid": [record["sid"]],
        }

    def same(self, name: str, one: list[str], other: list[str]) -> bool:
        return sorted(one) == sorted(other) if name == "members" else one == other

    def expand(self, session: "Session", name: str, values: list[str]) -> list[str]:
        from .aclcalls import account

        def known(value: str) -> str:
            try:
                return account(session, value)
            except Failure:
                # In a plan an earlier task may be about to make it.
                if session.call.flag("check"):
                    return value.lower()
                raise

        return [known(value) for value in values] if name == "members" else values

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host, at = session.host, key["name"].lower()
        if state is None:
            if host.store.need("groups", at)["sid"].startswith("S-1-5-32-"):
                raise Failure("Cannot perform this operation on built-in accounts.")
            host.store.drop("groups", at)
            return
        new = {"name": key["name"], "sid": "", "description": "", "members": []}
        record = dict(host.store.get("groups", at) or new)
        record["sid"] = record["sid"] or next_sid(host)
        if "description" in state:
            record["description"] = state["description"][0]
        if "members" in state:
            record["members"] = list(state["members"])
        host.store.put("groups", at, record)

    def keep(self, session: "Session", key: Key) -> Any:
        return session.host.store.get("groups", key["name"].lower())

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        sid = kept["sid"] if kept["sid"].startswith("S-1-5-32-") else next_sid(session.host)
        session.host.store.put("groups", key["name"].lower(), kept | {"sid": sid})
