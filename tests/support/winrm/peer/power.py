"""Hosts that go away and come back: what a test, or the model of a Windows host, does by the host's name."""

import threading
import time

from .host import Host

# All hosts of this process; `serve.py` fills it.
HOSTS: dict[str, Host] = {}


def down(name: str) -> None:
    """Ends connections and shells and stops listening, so that connecting is refused; returns when that is so."""
    host = HOSTS[name]
    host.record.add("down")
    host.up = False
    _wait(host)
    # In this order, so that nobody gets an answer from a host that is gone.
    host.hang_up()
    for shell in list(host.shells):
        host.drop(shell, "shell_lost")


def up(name: str) -> None:
    """Listens again, at the same ports; returns when that is so."""
    host = HOSTS[name]
    host.record.add("up")
    host.up = True
    _wait(host)


def restart(name: str, seconds: float, delay: float = 0.5) -> None:
    """Goes down after `delay` and comes back `seconds` later; returns at once, so a command can end before."""

    def run() -> None:
        time.sleep(delay)
        down(name)
        time.sleep(seconds)
        up(name)

    threading.Thread(target=run, daemon=True).start()


def _wait(host: Host) -> None:
    """The thread that listens takes the change over a few times a second."""
    deadline = time.monotonic() + 10
    while host.listening != host.up:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{host.name} does not change")
        time.sleep(0.01)
