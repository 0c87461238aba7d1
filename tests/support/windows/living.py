"""Sessions as others see them: a private folder, whether its session lives, is within a step, or has to end.

The real shell is a process that others stop and kill. Here a session may be a thread of a server with many hosts, so
that ending one is a mark in its folder (which it looks at before every frame) and, in the same process, closing its
streams; in another process that serves only this one session, it is a signal.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Callable

# How sessions of this process are ended, by private folder.
_HERE: dict[str, Callable[[], None]] = {}
_GUARD = threading.Lock()


def open_folder(private: str, whole_process: bool, end: Callable[[], None]) -> int:
    """Makes the folder, which must not exist, and returns the handle that keeps the session alive."""
    os.makedirs(os.path.dirname(private), exist_ok=True)
    os.mkdir(private, 0o700)
    handle = os.open(os.path.join(private, "alive"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    if whole_process:
        with open(os.path.join(private, "pid"), "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    with _GUARD:
        _HERE[private] = end
    return handle


def close_folder(private: str, handle: int) -> None:
    with _GUARD:
        _HERE.pop(private, None)
    remove(private)
    os.close(handle)


def remove(private: str) -> None:
    shutil.rmtree(private, ignore_errors=True)


def alive(private: str) -> bool:
    try:
        handle = os.open(os.path.join(private, "alive"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _write(private: str, name: str, text: str) -> None:
    with open(os.path.join(private, name), "w", encoding="ascii") as file:
        file.write(text)


def _step(private: str, text: str) -> None:
    # Of one length, so that a reader never meets half of it.
    handle = os.open(os.path.join(private, "step"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.pwrite(handle, f"{text:<24}".encode("ascii"), 0)
    os.close(handle)


def busy(private: str, limit: int) -> None:
    _step(private, f"S {limit}")


def idle(private: str) -> None:
    _step(private, "R")


def limit(private: str) -> int | None:
    """The time limit of the step in hand (0 for none), or None between steps."""
    try:
        with open(os.path.join(private, "step"), encoding="ascii") as file:
            words = file.read().split()
    except OSError:
        return None
    return int(words[1]) if words[:1] == ["S"] else None


def command(private: str, number: int) -> None:
    """Notes which command is in hand; 0 for none."""
    _write(private, "cur", f"{number} 4242")


def command_in_hand(private: str) -> int:
    try:
        with open(os.path.join(private, "cur"), encoding="ascii") as file:
            return int(file.read().split(" ")[0] or 0)
    except (OSError, ValueError):
        return 0


def interrupt(private: str, number: int) -> None:
    _write(private, "int", str(number))


def interrupted(private: str, number: int) -> bool:
    try:
        with open(os.path.join(private, "int"), encoding="ascii") as file:
            return file.read() == str(number)
    except OSError:
        return False


def mark(private: str, name: str) -> None:
    """`hold` and `int`, as a second channel sets them."""
    _write(private, name, "")


def marked(private: str, name: str) -> bool:
    return os.path.exists(os.path.join(private, name))


def end(private: str) -> None:
    """Ends a session as if it were killed."""
    try:
        mark(private, "ended")
        with open(os.path.join(private, "pid"), encoding="ascii") as file:
            pid = int(file.read() or 0)
    except (OSError, ValueError):
        pid = 0
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return
    with _GUARD:
        close = _HERE.get(private)
    if close is not None:
        close()


def end_all(run: str) -> None:
    """Ends all sessions of a host, one of this process last."""
    folders = [os.path.join(run, name) for name in os.listdir(run)] if os.path.isdir(run) else []

    def own(private: str) -> bool:
        try:
            with open(os.path.join(private, "pid"), encoding="ascii") as file:
                return file.read() == str(os.getpid())
        except OSError:
            return False

    for private in sorted(folders, key=own):
        end(private)
