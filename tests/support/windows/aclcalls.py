"""Access lists as operations: kind `acl`, calls acl_rule, acl_inheritance, owner.

Sources: `FileSystemSecurity`, `AddAccessRule`, `SetAccessRuleProtection` (learn.microsoft.com/dotnet/api/
system.security.accesscontrol); `InheritanceFlags` (container 1, object 2), `PropagationFlags` (no propagate 1,
inherit only 2). Rules are `TYPE|SID|MASK|INHERIT|PROPAGATE` with the mask in decimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import accounts, acl, registry
from .acl import Ace, Descriptor
from .calls import Arguments, Failure, function
from .ensure import Key, Kind, State, kind
from .pathcalls import expand
from .registry import ensure_as

if TYPE_CHECKING:
    from .session import Session

SYNCHRONIZE = 0x100000
# What a key of the registry has unless somebody changed it.
KEY_LIST = "O:BAD:AI(A;CI;KA;;;BA)(A;CI;KA;;;SY)(A;CI;KR;;;BU)"


def is_key(path: str) -> bool:
    return path.split("\\")[0].rstrip(":").upper() in registry._HIVES


def whole(session: "Session", text: str) -> str:
    return registry.path_of(text) if is_key(text) else expand(session, text)


def there(session: "Session", path: str) -> bool:
    if is_key(path):
        return registry.find(session.host, registry.path_of(path)) is not None
    return session.host.files.exists(path)


def descriptor(session: "Session", path: str) -> Descriptor:
    if not is_key(path):
        return session.host.files.security(path)
    key = registry.find(session.host, registry.path_of(path)) or {}
    return acl.parse(key.get("sddl", KEY_LIST))


def set_descriptor(session: "Session", path: str, wanted: Descriptor) -> None:
    if not is_key(path):
        session.host.files.set_security(path, wanted)
        return
    real = registry.place(session.host, registry.path_of(path)).upper()
    key = session.host.store.get("registry", real)
    if key is None:
        raise Failure(f"`{path}` cannot have an access list of its own")
    session.host.store.put("registry", real, key | {"sddl": wanted.sddl()})


def rule_text(ace: Ace) -> str:
    inherit = (1 if ace.flags & acl.CONTAINER_INHERIT else 0) | (2 if ace.flags & acl.OBJECT_INHERIT else 0)
    propagate = (1 if ace.flags & acl.NO_PROPAGATE else 0) | (2 if ace.flags & acl.INHERIT_ONLY else 0)
    signed = ace.rights - (1 << 32) if ace.rights & 0x80000000 else ace.rights
    return f"{'allow' if ace.allow else 'deny'}|{ace.sid}|{signed}|{inherit}|{propagate}"


def rule_ace(text: str) -> Ace:
    fields = text.split("|")
    if len(fields) != 5 or fields[0] not in ("allow", "deny"):
        raise Failure(f"`{text}` is no access rule")
    inherit, propagate = int(fields[3]), int(fields[4])
    flags = (acl.CONTAINER_INHERIT if inherit & 1 else 0) | (acl.OBJECT_INHERIT if inherit & 2 else 0)
    flags |= (acl.NO_PROPAGATE if propagate & 1 else 0) | (acl.INHERIT_ONLY if propagate & 2 else 0)
    return Ace(fields[0] == "allow", flags, int(fields[2]) & 0xFFFFFFFF, fields[1])


@kind
class Acl(Kind):
    name = "acl"
    keys = ("path",)
    attributes = ("owner", "protected", "rules")

    def read(self, session: "Session", key: Key) -> State | None:
        if not there(session, key["path"]):
            return None
        found = descriptor(session, key["path"])
        own = [ace for ace in found.aces or [] if not ace.inherited]
        return {
            "owner": [found.owner or ""],
            "protected": ["true" if found.protected else "false"],
            # No list at all lets everybody do everything; an empty one nobody anything.
            "rules": ["null"] if found.aces is None else sorted(rule_text(ace) for ace in own),
            ".sddl": [found.sddl()],
        }

    def clean(self, name: str, values: list[str]) -> list[str]:
        return sorted(values) if name == "rules" else values

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        if state is None or before is None:
            raise Failure("access rules cannot be removed as such")
        owner = state.get("owner", before["owner"])[0]
        rules = state.get("rules", before["rules"])
        aces = None if rules == ["null"] else acl.canonical_order([rule_ace(rule) for rule in rules])
        protected = state.get("protected", before["protected"])[0] == "true"
        set_descriptor(session, key["path"], Descriptor(owner, None, protected, aces))


def account(session: "Session", user: str) -> str:
    sid = accounts.sid_of(session.host, user)
    if sid is None:
        raise Failure(f"the host knows no account `{user}`")
    return sid


def _path(session: "Session", a: Arguments) -> str | None:
    path = whole(session, a.need("path"))
    session.v("path", path)
    if there(session, path):
        return path
    if not a.flag("check"):
        raise Failure(f"`{path}` does not exist on the host")
    # An earlier task may be meant to make it.
    session.v("changed", "1")
    return None


def _rules(session: "Session", path: str) -> list[str]:
    state = Acl().read(session, {"path": path})
    return list(state["rules"]) if state else []


@function("acl_rule", "path", "user", "type", "mask", "inherit", "propagate", "want", "check")
def acl_rule(session: "Session", a: Arguments) -> int:
    path = _path(session, a)
    if path is None:
        return 0
    sid = account(session, a.need("user"))
    inherit = a.text("inherit")
    if inherit == "":
        inherit = "3" if is_key(path) or session.host.files.is_folder(path) else "0"
    mask = a.number("mask") & 0xFFFFFFFF
    wanted = rule_ace(f"{a.need('type')}|{sid}|{mask}|{inherit}|{a.text('propagate', '0')}")
    rules = _rules(session, path)
    _listed(path, rules)
    same = [ace for ace in map(rule_ace, rules) if (ace.allow, ace.flags, ace.sid) == (wanted.allow, wanted.flags, sid)]
    if a.need("want") == "absent":
        gone = {rule_text(ace) for ace in same if ace.rights | SYNCHRONIZE == mask | SYNCHRONIZE}
        rules = [rule for rule in rules if rule not in gone]
    elif not any((ace.rights | SYNCHRONIZE) & mask == mask for ace in same):
        # .NET merges a rule into one of the same account and inheritance, and allows to wait for the object.
        both = mask | (SYNCHRONIZE if wanted.allow and not is_key(path) else 0)
        for ace in same:
            rules.remove(rule_text(ace))
            both |= ace.rights
        rules.append(rule_text(Ace(wanted.allow, wanted.flags, both, sid)))
    return ensure_as(session, a, "acl", {"path": path}, {"rules": sorted(rules)})


def _listed(path: str, rules: list[str]) -> None:
    """A first rule would shut everybody else out of what all may use."""
    if rules == ["null"]:
        raise Failure(f"`{path}` has no access list, so that everybody may do everything with it")


@function("acl_inheritance", "path", "want", "reorganize", "check")
def acl_inheritance(session: "Session", a: Arguments) -> int:
    path = _path(session, a)
    if path is None:
        return 0
    found = descriptor(session, path)
    inherits = a.need("want") == "present"
    rules = _rules(session, path)
    none = rules == ["null"]
    if not inherits:
        _listed(path, rules)
    if inherits != found.protected and not none:
        return 0
    rules = [rule for rule in rules if rule != "null"]
    if a.flag("reorganize"):
        if inherits:
            above = descriptor(session, path.rpartition("\\")[0] or path)
            given = {rule_text(ace) for ace in above.aces or []}
            rules = [rule for rule in rules if rule not in given]
        else:
            rules += [rule_text(ace) for ace in found.aces or [] if ace.inherited and rule_text(ace) not in rules]
    sets = {"protected": ["false" if inherits else "true"], "rules": sorted(rules)}
    return ensure_as(session, a, "acl", {"path": path}, sets)


@function("owner", "path", "user", "recurse", "check")
def owner(session: "Session", a: Arguments) -> int:
    path = _path(session, a)
    if path is None:
        return 0
    sid = account(session, a.need("user"))
    records = [path]
    if a.flag("recurse") and not is_key(path):
        records = [record["n"] for record in session.host.files.walk(path)]
    for one in records:
        status = ensure_as(session, a, "acl", {"path": one}, {"owner": [sid]})
        if status:
            return status
    return 0
