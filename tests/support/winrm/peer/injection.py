"""Faults to inject: which request they hit, and what is done to it.

A fault is a JSON object. `on`: an action (`Create`, `Receive` ...), `any`, `handshake` (a request that carries a token
of a logon) or `connect` (the connection is closed at once). `nth`: which such request from now on, 1 the next one.
`times`: how many from there on, 1 if not said. At a handshake, `drop`, `unauthorized`, `busy`, `empty` and `slow` are
what can be done. `do`:

- `drop`: close before anything was done; `drop_after`: do it, then close without an answer;
- `truncate`: do it, promise the whole answer, send half of it, close;
- `unauthorized`: 401 before anything is done, and the connection has to log on anew;
- `busy`: 503 with an HTML page, as a proxy or http.sys has it; `empty`: 500 without a body;
- `fault` with `code`: nothing is done, that WSManFault is answered;
- `lost_shell`: the shell is gone, the request and all later ones get 2150858843;
- `garbage`: do it, answer what is no XML; `unrelated`: answer with another RelatesTo;
- `huge`: do it, promise 2^62 bytes, send a few and wait; `endless`: chunks without end until the client hangs up;
- `silent`: do it, say nothing, and wait until the client hangs up;
- `slow` with `seconds`: do it, then wait before the answer; `trickle`: send the answer byte by byte;
- `unsealed`: do it, answer a sealed request in plain; `broken_seal`: one bit of the sealed answer is wrong.
"""

import threading
from dataclasses import dataclass, fields
from typing import Any

KINDS = frozenset(
    [
        "drop",
        "drop_after",
        "truncate",
        "unauthorized",
        "busy",
        "empty",
        "fault",
        "lost_shell",
        "garbage",
        "unrelated",
        "huge",
        "endless",
        "slow",
        "trickle",
        "unsealed",
        "broken_seal",
        "silent",
    ]
)
PLACES = frozenset(
    ["any", "handshake", "connect", "Identify", "Create", "Command", "Send", "Receive", "Signal", "Delete", "Get"]
)


@dataclass
class Injection:
    on: str
    do: str
    nth: int = 1
    times: int = 1
    code: int = 0
    seconds: float = 0.0

    @classmethod
    def read(cls, values: dict[str, Any]) -> "Injection":
        unknown = set(values) - {field.name for field in fields(cls)}
        injection = cls(**{name: value for name, value in values.items() if name not in unknown})
        if (
            unknown
            or injection.do not in KINDS
            or injection.on not in PLACES
            or injection.nth < 1
            or injection.times < 1
        ):
            raise ValueError(f"not a fault to inject: {values}")
        return injection


class Injections:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Injection] = []

    def add(self, injection: Injection) -> None:
        with self._lock:
            self._waiting.append(injection)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def due(self, *places: str) -> Injection | None:
        """Counts a request at these places, and returns the fault whose turn it is."""
        with self._lock:
            hit = None
            for injection in list(self._waiting):
                if injection.on not in places:
                    continue
                injection.nth -= 1
                if injection.nth <= 0 and hit is None:
                    hit = injection
                    injection.times -= 1
                if injection.nth <= 0 and injection.times <= 0:
                    self._waiting.remove(injection)
            return hit
