"""What happened at a host, for the assertions of tests: one list of events, each with its number."""

import threading
import time
from typing import Any

Event = dict[str, Any]


class Record:
    """Events in the order in which they happened; `kind` says what, the other fields depend on it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def add(self, kind: str, **fields: Any) -> None:
        with self._lock:
            event = {"seq": len(self._events), "at": time.time(), "kind": kind}
            event.update(fields)
            self._events.append(event)

    def events(self, since: int = 0, kind: str | None = None) -> list[Event]:
        with self._lock:
            return [event for event in self._events[since:] if kind is None or event["kind"] == kind]

    def counts(self) -> dict[str, int]:
        """How many events of each kind there are; requests also as `request:ACTION`."""
        counts: dict[str, int] = {}
        for event in self.events():
            kinds = [event["kind"]]
            if event["kind"] == "request":
                kinds.append(f"request:{event['action']}")
            for kind in kinds:
                counts[kind] = counts.get(kind, 0) + 1
        return counts
