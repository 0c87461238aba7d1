"""The uniform operation: `ensure`, `probe`, `activate`, and restoring what they did.

A kind is a class with `read` and `write`; states are dictionaries from attribute to list of text. What begins with a
dot can only be read; what begins with `secret.` is never told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .calls import Arguments, Failure, Invalid, elements, function

if TYPE_CHECKING:
    from .session import Session

State = dict[str, list[str]]
Key = dict[str, str]
KINDS: dict[str, "Kind"] = {}


class Kind:
    """One kind of things. `keys` are the names of its key, `options` the further arguments of `ensure`."""

    name = ""
    keys: tuple[str, ...] = ("name",)
    optional_keys: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    attributes: tuple[str, ...] | None = None
    # Whether Windows writes all of it, or nothing.
    atomic = False
    # Attributes that change with every other one, and come back with it.
    touches: tuple[str, ...] = ()
    # Things that run: their state comes back in looks of its own.
    runs = False

    def read(self, session: "Session", key: Key) -> State | None:
        raise NotImplementedError

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        raise NotImplementedError

    def clean(self, name: str, values: list[str]) -> list[str]:
        """The form in which values are compared."""
        return values

    def resolve(self, session: "Session", key: Key) -> Key:
        """The key by which Windows knows the thing."""
        return key

    def expand(self, session: "Session", name: str, values: list[str]) -> list[str]:
        """What values of a call mean, before they are compared."""
        return values

    def secrets(self, session: "Session", key: Key) -> dict[str, str]:
        """Secrets that Windows tells an administrator."""
        return {}

    def secret_is(self, session: "Session", key: Key, name: str, text: str) -> bool:
        """Whether a secret that Windows tells nobody has this value."""
        return False

    def along(self, session: "Session", key: Key) -> list[str]:
        """What runs now and is stopped and started with it."""
        return []

    def activate(self, session: "Session", key: Key, action: str, along: list[str]) -> None:
        raise Failure(f"things of kind `{self.name}` cannot be told to `{action}`")

    def list(self, session: "Session") -> list[Key]:
        raise Failure(f"things of kind `{self.name}` cannot be listed")

    def text(self, key: Key) -> str:
        return " ".join([self.name, *[value for value in key.values() if value]])

    def same(self, name: str, one: list[str], other: list[str]) -> bool:
        return self.clean(name, one) == self.clean(name, other)


def kind(made: type[Kind]) -> type[Kind]:
    """Registers a kind."""
    KINDS[made.name] = made()
    return made


def known(name: str) -> Kind:
    if name not in KINDS:
        raise Invalid(f"the model has no kind `{name}`")
    return KINDS[name]


def key_of(one: Kind, a: Arguments) -> Key:
    key = {name: values[0] if values else "" for name, values in a.under("key.").items()}
    wrong = set(key) ^ (set(one.keys) | (set(key) & set(one.optional_keys)))
    if wrong:
        raise Invalid(f"the key of kind `{one.name}` is {', '.join(one.keys)}; wrong: {', '.join(sorted(wrong))}")
    return key


def tell(session: "Session", side: str, state: State | None) -> None:
    if session.call.flag("quiet"):
        return
    session.v(f"{side}_exists", "0" if state is None else "1")
    for name, values in (state or {}).items():
        if not name.startswith("secret."):
            session.v(f"{side}.{name}", elements(values))


def write_one(session: "Session", one: Kind, key: Key, state: State | None, before: State | None) -> None:
    with session.host.store.together() if one.atomic else contextlib.nullcontext():
        one.write(session, key, state, before)


def differing(one: Kind, wanted: State, state: State | None) -> list[str]:
    return [
        name
        for name, values in wanted.items()
        if state is None or name not in state or not one.same(name, values, state[name])
    ]


def wanted_of(session: "Session", one: Kind, a: Arguments, before: State | None) -> State:
    wanted, more, less = (
        {name: one.expand(session, name, values) for name, values in a.under(prefix).items()}
        for prefix in ("set.", "add.", "remove.")
    )
    if before is None:
        wanted = a.under("new.") | wanted
    for name, alike in a.under("like.").items():
        if before is not None and before[name][0] in alike:
            wanted.pop(name, None)
    for name in {**more, **less}:
        known_values = {tuple(one.clean(name, [value])) for value in less.get(name, [])}
        kept = []
        for value in wanted.get(name, (before or {}).get(name, [])) + more.get(name, []):
            if tuple(one.clean(name, [value])) not in known_values:
                known_values.add(tuple(one.clean(name, [value])))
                kept.append(value)
        wanted[name] = kept
    for name in wanted:
        if name.startswith("."):
            raise Invalid(f"`{name}` can only be read")
        if one.attributes is not None and name not in one.attributes:
            raise Invalid(f"kind `{one.name}` of the model has no attribute `{name}`")
    return wanted


PREFIXES = ("key.", "set.", "new.", "like.", "add.", "remove.", "secret.")
COMMON = ("kind", "want", "check", "keep_secret", "quiet", "must_exist")


@function("ensure", "*")
def ensure(session: "Session", a: Arguments) -> int:
    one = known(a.need("kind"))
    for name in a.values:
        if name not in COMMON and name not in one.options and not name.startswith(PREFIXES):
            raise Invalid(f"`ensure` of kind `{one.name}` takes no argument `{name}`")
    return ensure_kind(session, one, key_of(one, a), a)


def ensure_kind(session: "Session", one: Kind, key: Key, a: Arguments) -> int:
    session.call = a
    key = one.resolve(session, key)
    before = one.read(session, key)
    tell(session, "before", before)
    check = a.flag("check")
    if a.need("want") == "absent":
        return _absent(session, one, key, before, check)
    if a.need("want") != "present":
        raise Invalid(f"`want` is `{a.need('want')}`")
    if before is None and a.flag("must_exist") and not check:
        raise Failure(f"{one.text(key)} is not there")
    wanted = wanted_of(session, one, a, before)
    secrets = one.secrets(session, key) if before is not None else {}
    write = {name: wanted[name] for name in differing(one, wanted, before)}
    for name, values in a.under("secret.").items():
        if before is not None and (
            secrets.get(name) == values[0]
            or one.secret_is(session, key, name, values[0])
            or (a.flag("keep_secret") and "username" not in write)
        ):
            continue
        write[f"secret.{name}"] = values
    if before is not None and not write:
        tell(session, "after", before)
        return 0
    session.v("changed", "1")
    if check:
        tell(session, "after", {**(before or {}), **wanted})
        return 0
    touched = ["*"] if before is None else [*write, *one.touches]
    number = save(session, one, key, before, secrets, touched)
    write_one(session, one, key, write, before)
    session.host.event("ensure", kind=one.name, key=key, wrote=[name for name in write if name[:7] != "secret."])
    after = one.read(session, key)
    tell(session, "after", after)
    if after is None:
        raise Failure(f"{one.text(key)} is not there after it was made")
    session.points.after(number, after)
    # Another run would write again what is not as wanted now.
    wanted = wanted_of(session, one, a, after)
    wrong = differing(one, wanted, after)
    if wrong:
        got = ", ".join(after[wrong[0]]) if wrong[0] in after else "not there"
        raise Failure(f"{one.text(key)}: `{wrong[0]}` is `{got}` after `{', '.join(wanted[wrong[0]])}` was written")
    return 0


def _absent(session: "Session", one: Kind, key: Key, before: State | None, check: bool) -> int:
    if before is None or check:
        if before is not None:
            session.v("changed", "1")
        tell(session, "after", None)
        return 0
    session.v("changed", "1")
    number = save(session, one, key, before, one.secrets(session, key), ["*"])
    write_one(session, one, key, None, before)
    session.host.event("ensure", kind=one.name, key=key, removed=True)
    after = one.read(session, key)
    tell(session, "after", after)
    if after is not None:
        raise Failure(f"{one.text(key)} is still there after it was removed")
    session.points.after(number, None)
    return 0


def save(
    session: "Session", one: Kind, key: Key, before: State | None, secrets: dict[str, str], touched: list[str]
) -> int:
    state = None
    if before is not None:
        state = {name: values for name, values in before.items() if not name.startswith(".")}
        state |= {f"secret.{name}": [value] for name, value in secrets.items()}
    data = {"key": key, "state": state, "touched": touched, "exact": exact(session, one, key)}
    return session.points.save(one.name, one.text(key), data)


def exact(session: "Session", one: Kind, key: Key) -> Any:
    """What a kind needs beyond its attributes to bring a removed thing back."""
    keep: Callable[["Session", Key], Any] | None = getattr(one, "keep", None)
    return keep(session, key) if keep else None


@function("probe", "kind", "key.*", "*")
def probe(session: "Session", a: Arguments) -> int:
    one = known(a.need("kind"))
    session.call = a
    if a.under("key."):
        tell(session, "before", one.read(session, key_of(one, a)))
        return 0
    for key in one.list(session):
        state = one.read(session, key)
        if state is not None:
            words = [f"{name}={elements([value])}" for name, value in key.items()]
            words += [f"{name}={elements(values)}" for name, values in state.items()]
            session.v("item", " ".join(words))
    return 0


@function("activate", "kind", "action", "check", "quiet", "force_dependent", "wait", "key.*")
def activate(session: "Session", a: Arguments) -> int:
    one = known(a.need("kind"))
    session.call = a
    key, action = one.resolve(session, key_of(one, a)), a.need("action")
    before = one.read(session, key)
    if not a.flag("check") and before is None:
        raise Failure(f"{one.text(key)} is not there")
    session.v("changed", "1")
    if not a.flag("check"):
        text = f"{action} {one.text(key)}"
        along = one.along(session, key)
        step = session.ledger.name if session.ledger else ""
        cut = _cut_off(session, text, step)
        if cut is None:
            assert before is not None
            if one.runs and before.get("state", ["running"])[0] not in ("running", "started"):
                save(session, one, key, before, {}, ["state"])
            point = {"kind_of": one.name, "action": action, "key": key, "step": step, "along": along}
            session.points.save("activation", text, point)
        else:
            number, point = cut
            along += [name for name in point["along"] if name not in along]
            session.v("point", f"{number} activation {text}")
        one.activate(session, key, action, along)
        session.host.event("activate", kind=one.name, key=key, action=action)
        tell(session, "after", one.read(session, key))
    return 0


def _cut_off(session: "Session", text: str, step: str) -> tuple[int, dict[str, Any]] | None:
    """The newest point, if an attempt of this step was cut off within this activation."""
    numbers = session.points.numbers()
    if not step or not numbers:
        return None
    point = session.points.read(numbers[-1])
    if (point["kind"], point["text"], point.get("step")) != ("activation", text, step):
        return None
    return numbers[-1], point


# Restoring

HINT = "\nhint: look at it, then roll back again with `--force`"


def _part(state: State | None, touched: list[str]) -> State:
    return {name: values for name, values in (state or {}).items() if "*" in touched or name in touched}


def restore(session: "Session", number: int, point: dict[str, Any], force: bool) -> None:
    """Brings a thing back, if it still is what the run left; whether it runs is not looked at here."""
    one, key, touched = known(point["kind"]), point["key"], point["touched"]
    session.call = Arguments("restore", {})
    now = one.read(session, key)
    if point["state"] is None:
        if now is None:
            return
        _ours(session, one, number, point, now, force)
        write_one(session, one, key, None, now)
        if one.read(session, key) is not None:
            raise Failure(f"{point['text']} is still there")
        return
    saved = _part(point["state"], touched)
    saved.pop("state", None)
    open_part = {name: values for name, values in saved.items() if not name.startswith("secret.")}
    secret = {name: values for name, values in saved.items() if name.startswith("secret.")}
    told = one.secrets(session, key) if now is not None else {}
    secret = {name: values for name, values in secret.items() if told.get(name[7:]) != values[0]}
    if now is not None and not differing(one, open_part, now) and not secret:
        return
    _ours(session, one, number, point, now, force)
    write = saved if now is None else {name: saved[name] for name in differing(one, open_part, now)} | secret
    bring = getattr(one, "bring", None)
    if now is None and bring and point["exact"] is not None:
        bring(session, key, point["exact"])
    else:
        write_one(session, one, key, write, now)
    got = one.read(session, key)
    if got is None:
        raise Failure(f"{point['text']} did not come back")
    wrong = differing(one, open_part, got)
    if wrong:
        raise Failure(f"{point['text']}: `{wrong[0]}` did not take its old value")


def _ours(session: "Session", one: Kind, number: int, point: dict[str, Any], now: State | None, force: bool) -> None:
    """Fails where somebody changed what the run left."""
    import os

    if force or not os.path.exists(session.points.path(number, ".after")):
        return
    left = session.points.left(number)
    if left is None:
        if now is not None:
            raise Failure(f"{point['text']} was removed by the run, and is there again{HINT}")
        return
    if now is None:
        if point["state"] is not None:
            raise Failure(f"{point['text']} was removed after the run{HINT}")
        return
    part = {
        name: values
        for name, values in _part(left, point["touched"]).items()
        if not name.startswith((".", "secret.")) and name != "state"
    }
    other = differing(one, part, now)
    if other and not session.again:
        raise Failure(f"{point['text']}: `{other[0]}` was changed after the run{HINT}")


def restore_activation(session: "Session", point: dict[str, Any]) -> None:
    """Repeats it, the same one once, for what is meant to run."""
    if point["text"] in session.points.activated:
        return
    one = known(point["kind_of"])
    session.call = Arguments("restore", {})
    now = one.read(session, point["key"])
    if now is not None and now.get("state", [""])[0] in ("running", "started"):
        one.activate(session, point["key"], point["action"], one.along(session, point["key"]))
    session.points.activated.add(point["text"])


def phase(session: "Session", name: str, point: dict[str, Any]) -> bool:
    """A look at a thing that runs: stop, start, check. Tells whether something was to do."""
    one = known(point["kind"])
    if not one.runs:
        raise Failure(f"points of kind `{point['kind']}` have no state of their own")
    session.call = Arguments("restore", {})
    if point["state"] is None and name != "stop":
        return False
    old = (point["state"] or {}).get("state", [""])[0]
    touched = "*" in point["touched"] or "state" in point["touched"]
    now = one.read(session, point["key"])
    if now is None or not touched or "state" not in now:
        return False
    state = now["state"][0]
    runs, ran = state in ("running", "started", "paused"), old in ("running", "started", "paused")
    if name == "check":
        if runs != ran and point["state"] is not None:
            raise Failure(f"{point['text']} is {state}, and was {old} before")
        return False
    if (name == "stop" and (ran or not runs)) or (name == "start" and (not ran or runs or point["state"] is None)):
        return False
    one.write(session, point["key"], {"state": ["stopped" if name == "stop" or not old else old]}, now)
    return True
