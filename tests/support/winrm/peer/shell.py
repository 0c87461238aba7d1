"""A shell: what it was made with, its commands, and when it was last used."""

import threading
import time
import uuid
from dataclasses import dataclass, field

from . import faults
from .command import Command
from .faults import Fault
from .psrp import Pool


def identifier() -> str:
    return str(uuid.uuid4()).upper()


@dataclass
class Shell:
    user: str
    identifier: str = field(default_factory=identifier)
    resource: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    codepage: int | None = None
    folder: str = ""
    no_profile: bool = False
    idle_timeout: float = 7200.0
    commands: dict[str, Command] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)
    at_work: int = 0
    # What the server of PSRP keeps for a runspace pool.
    pool: Pool | None = None

    def enter(self) -> None:
        with self.lock:
            self.at_work += 1
            self.used = time.monotonic()

    def leave(self) -> None:
        with self.lock:
            self.at_work -= 1
            self.used = time.monotonic()

    def idle(self) -> bool:
        """Nobody asked for anything for longer than its idle timeout; a Receive that waits counts as use."""
        with self.lock:
            return self.at_work == 0 and time.monotonic() - self.used > self.idle_timeout

    def add(self, identifier_: str | None, limit: int) -> Command:
        command = Command(identifier_ or identifier())
        with self.lock:
            if len(self.commands) >= limit:
                raise Fault(
                    faults.QUOTA_COMMANDS,
                    f"The WS-Management service cannot process the request. The maximum number of {limit} "
                    "concurrent commands per shell has been exceeded.",
                )
            if command.identifier in self.commands:
                raise Fault(faults.INVALID_PARAMETER, "The command identifier is in use.")
            self.commands[command.identifier] = command
        return command

    def command(self, name: str | None) -> Command:
        if self.pool is not None and not name:
            return self.pool.command
        with self.lock:
            found = self.commands.get(name or "")
        if found is None:
            raise faults.no_command()
        return found

    def forget(self, name: str) -> None:
        with self.lock:
            self.commands.pop(name, None)

    def close(self) -> None:
        with self.lock:
            commands = list(self.commands.values())
            self.commands.clear()
        if self.pool is not None:
            commands.append(self.pool.command)
        for command in commands:
            command.remove()
