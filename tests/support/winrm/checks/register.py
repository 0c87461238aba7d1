"""The list of checks. A check is a function that raises when the peer is not what a client needs."""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from started import Peer

Check = Callable[[Peer], object]
CHECKS: list[tuple[str, Check]] = []


def check(name: str) -> Callable[[Check], Check]:
    def add(function: Check) -> Check:
        CHECKS.append((name, function))
        return function

    return add


def same(seen: Any, wanted: Any, what: str = "") -> None:
    if seen != wanted:
        raise AssertionError(f"{what}: got {_short(seen)}, wanted {_short(wanted)}")


def refused(kind: type[BaseException], action: Callable[[], object]) -> Any:
    """What is raised, which must be of that kind."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def together(count: int, action: Callable[[int], None]) -> None:
    """Runs it that many times at once; the first thing that went wrong is raised."""
    wrong: list[str] = []

    def run(number: int) -> None:
        try:
            action(number)
        except BaseException:
            wrong.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise AssertionError(f"{len(wrong)} of {count} went wrong, the first: {wrong[0]}")


def while_received(peer: Peer, host: str, action: Callable[[], object]) -> threading.Thread:
    """Does it, in another thread, once the next Receive has come to the host and waits there."""
    before = peer.do("counts", host).get("request:Receive", 0)

    def run() -> None:
        limit = time.monotonic() + 20
        while peer.do("counts", host).get("request:Receive", 0) == before and time.monotonic() < limit:
            time.sleep(0.02)
        # The record has it a moment before it waits.
        time.sleep(0.2)
        action()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(text)} characters)"
