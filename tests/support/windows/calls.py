"""Calls as they travel: `FUNCTION NAME:B64,B64 NAME ...`, and the registry of functions that answer them.

Strict on purpose: what the contract does not have fails, so that each side of it is tested.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9_.:,+/= -]*\Z")
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")


class Invalid(Exception):
    """The text is no call."""


class Failure(Exception):
    """What an operation could not do: the step's message."""


class Arguments:
    """The arguments of one call; a name has a list of values."""

    def __init__(self, function: str, values: dict[str, list[str]]) -> None:
        self.function = function
        self.values = values

    def list(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def get(self, name: str) -> str | None:
        values = self.values.get(name)
        return values[0] if values else None

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name)
        return default if value is None else value

    def need(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise Invalid(f"`{self.function}` wants `{name}`")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if value not in (None, "0", "1", ""):
            raise Invalid(f"`{name}` of `{self.function}` is `{value}`, neither `0` nor `1`")
        return value == "1"

    def number(self, name: str, default: int = 0) -> int:
        value = self.get(name)
        if value in (None, ""):
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", value or ""):
            raise Invalid(f"`{name}` of `{self.function}` is no number: `{value}`")
        return int(value or 0)

    def under(self, prefix: str) -> dict[str, list[str]]:
        """The arguments below a prefix, without it: `key.` gives NAME of `key.NAME`."""
        return {name[len(prefix) :]: values for name, values in self.values.items() if name.startswith(prefix)}


def element(text: str) -> str:
    """One base64 element, as strict as `Convert.FromBase64String`."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except ValueError as error:
        raise Invalid(f"no base64 of UTF-8: `{text[:40]}`") from error


def parse(line: str) -> Arguments:
    """Takes one call apart."""
    if not _WORD.match(line):
        raise Invalid("a call has a character that no call has")
    words = line.split(" ")
    if "" in words:
        raise Invalid("words of a call are separated by single blanks")
    function = words[0]
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", function):
        raise Invalid(f"`{function}` is no name of a function")
    values: dict[str, list[str]] = {}
    for word in words[1:]:
        name, colon, rest = word.partition(":")
        if not _NAME.match(name):
            raise Invalid(f"`{name}` is no name of an argument")
        if name in values:
            raise Invalid(f"argument `{name}` is given twice")
        values[name] = [element(part) for part in rest.split(",")] if colon else []
    return Arguments(function, values)


def elements(values: Iterable[str] | None) -> str:
    """A list of values as a host reports it."""
    if values is None:
        return "-"
    values = list(values)
    if not values:
        return "-"
    return ",".join(base64.b64encode(value.encode("utf-8")).decode("ascii") for value in values)


def write(function: str, **values: str | list[str]) -> str:
    """Makes a call, as the controller does; `__` in a name stands for a dot."""
    words = [function]
    for name, value in values.items():
        name = name.replace("__", ".")
        listed = [value] if isinstance(value, str) else value
        encoded = ",".join(base64.b64encode(part.encode("utf-8")).decode("ascii") for part in listed)
        words.append(name if not listed else f"{name}:{encoded}")
    return " ".join(words)


def between(program: str) -> list[str] | None:
    """The calls of a program: what stands between its two marks, or None where it has none."""
    lines = program.replace("\r", "").split("\n")
    if "# calls" not in lines or "# end of calls" not in lines:
        return None
    return [line for line in lines[lines.index("# calls") + 1 : lines.index("# end of calls")] if line]


Function = Callable[[Any, Arguments], int]
FUNCTIONS: dict[str, tuple[Function, frozenset[str], tuple[str, ...]]] = {}


def function(name: str, *arguments: str) -> Callable[[Function], Function]:
    """Registers a function with the arguments it takes; `prefix.*` allows all below a prefix."""

    def register(body: Function) -> Function:
        assert name not in FUNCTIONS, f"`{name}` is registered twice"
        exact = frozenset(argument for argument in arguments if not argument.endswith("*"))
        FUNCTIONS[name] = (body, exact, tuple(argument[:-1] for argument in arguments if argument.endswith("*")))
        return body

    return register


def run(session: Any, line: str) -> int:
    """Runs one call and returns its status."""
    arguments = parse(line)
    found = FUNCTIONS.get(arguments.function)
    if found is None:
        raise Invalid(f"the model has no function `{arguments.function}`")
    body, exact, prefixes = found
    for name in arguments.values:
        if name not in exact and not any(name.startswith(prefix) for prefix in prefixes):
            raise Invalid(f"`{arguments.function}` of the model takes no argument `{name}`")
    status = body(session, arguments)
    return 0 if status is None else status
