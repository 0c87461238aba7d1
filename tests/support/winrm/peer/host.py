"""One host of the peer: its settings, shells, counters, record and injected faults."""

import contextlib
import pathlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from . import faults
from .faults import Fault
from .injection import Injections
from .record import Record
from .shell import Shell


@dataclass
class Settings:
    """Windows' names where it has one; sizes in KiB, times in seconds.

    `cbt`: `none`, `relaxed` or `strict`. `tls_maximum`: `1.3`, or `1.2`, which is all that Windows Server up to 2019
    has. `server_certificate`: see `certificates.py`. `powershell`: `pwsh`, `stand-in`, or `auto`: what there is.
    """

    max_shells_per_user: int = 30
    max_processes_per_shell: int = 25
    max_concurrent_operations_per_user: int = 1500
    max_envelope_size_kb: int = 500
    max_timeout: float = 60.0
    allow_unencrypted: bool = False
    basic: bool = True
    certificate: bool = True
    negotiate: bool = True
    kerberos: bool = False
    cbt: str = "strict"
    server_certificate: str = "good"
    tls_maximum: str = "1.3"
    powershell: str = "auto"

    def change(self, values: dict[str, object]) -> None:
        known = {field_.name for field_ in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no setting `{name}`")
            setattr(self, name, value)


@dataclass
class Host:
    name: str
    address: str
    # Where files of the host lie, below the letter of their drive.
    files: pathlib.Path
    settings: Settings = field(default_factory=Settings)
    record: Record = field(default_factory=Record)
    injections: Injections = field(default_factory=Injections)
    shells: dict[str, Shell] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    counters: dict[str, int] = field(default_factory=dict)
    # Requests at work, by user.
    operations: dict[str, int] = field(default_factory=dict)
    connections: set[socket.socket] = field(default_factory=set)
    # What is wanted, and what the thread that listens has made of it.
    up: bool = True
    listening: bool = True

    def count(self, name: str) -> int:
        with self.lock:
            self.counters[name] = self.counters.get(name, 0) + 1
            return self.counters[name]

    @contextlib.contextmanager
    def operation(self, user: str) -> Iterator[None]:
        """One request at work, refused when the user has too many."""
        limit = self.settings.max_concurrent_operations_per_user
        with self.lock:
            if self.operations.get(user, 0) >= limit:
                raise Fault(
                    faults.QUOTA_OPERATIONS,
                    f"The WS-Management service cannot process the request. The maximum number of {limit} concurrent "
                    "operations for this user has been exceeded. Close existing operations for this user, or raise the "
                    "quota for this user.",
                )
            self.operations[user] = self.operations.get(user, 0) + 1
        try:
            yield
        finally:
            with self.lock:
                self.operations[user] -= 1

    def hang_up(self) -> None:
        """Ends all connections, whatever they are waiting for."""
        with self.lock:
            connections = list(self.connections)
        for stream in connections:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def add(self, shell: Shell) -> None:
        limit = self.settings.max_shells_per_user
        with self.lock:
            if sum(other.user == shell.user for other in self.shells.values()) >= limit:
                raise Fault(
                    faults.QUOTA_SHELLS,
                    f"The WS-Management service cannot process the request. This user is allowed a maximum "
                    f"number of {limit} concurrent shells, which has been exceeded. Close existing shells or raise the "
                    "quota for this user.",
                )
            if shell.identifier in self.shells:
                raise Fault(faults.INVALID_PARAMETER, "The shell identifier is in use.")
            self.shells[shell.identifier] = shell
        self.record.add("shell_created", shell=shell.identifier, user=shell.user, idle_timeout=shell.idle_timeout)

    def shell(self, name: str | None, user: str) -> Shell:
        """The shell of this user; another user's is not found either."""
        with self.lock:
            found = self.shells.get(name or "")
        if found is None or found.user != user:
            raise faults.no_shell(name or "")
        return found

    def drop(self, name: str, why: str) -> None:
        with self.lock:
            shell = self.shells.pop(name, None)
        if shell is not None:
            shell.close()
            self.record.add(why, shell=name)

    def sweep(self) -> None:
        """Ends shells whose idle timeout is over."""
        with self.lock:
            over = [name for name, shell in self.shells.items() if shell.idle()]
        for name in over:
            self.drop(name, "shell_expired")
