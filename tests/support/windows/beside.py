"""What a second, short-lived `powershell.exe` does beside a session: its calls, in plain lines, then it ends."""

from __future__ import annotations

import os
import time
from typing import BinaryIO

from . import calls, living
from .calls import Arguments, Failure, Invalid, function
from .frames import Gone
from .host import Host
from .lease import Lease
from .points import base_folder


class Beside:
    """What the functions of such a program are given."""

    def __init__(self, stdout: BinaryIO, host: Host, directory: str) -> None:
        self.stdout = stdout
        self.host = host
        self.directory = directory
        self.private = os.path.join(host.folder, "run", f".paceline-{directory}")

    def say(self, text: str) -> None:
        plain = "".join("?" if ord(char) < 32 or ord(char) == 127 else char for char in text)
        try:
            self.stdout.write(plain.encode() + b"\n")
            self.stdout.flush()
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error


def serve(stdout: BinaryIO, host: Host, directory: str, program: str) -> int:
    """Runs the calls and returns the exit status."""
    lines = calls.between(program)
    if lines is None:
        return 1
    beside = Beside(stdout, host, directory)
    try:
        for line in lines:
            status = calls.run(beside, line)
            if status != 0:
                return status
    except (Invalid, Failure) as error:
        beside.say(str(error))
        return 1
    except Gone:
        return 1
    finally:
        host.close()
    return 0


@function("beside_hold")
def beside_hold(beside: Beside, a: Arguments) -> int:
    living.mark(beside.private, "hold")
    return 0


@function("beside_interrupt")
def beside_interrupt(beside: Beside, a: Arguments) -> int:
    number = living.command_in_hand(beside.private)
    if number == 0:
        return 0
    living.interrupt(beside.private, number)
    for _ in range(25):
        time.sleep(0.1)
        if living.command_in_hand(beside.private) != number:
            break
    return 0


@function("beside_renew", "folder", "number", "seconds")
def beside_renew(beside: Beside, a: Arguments) -> int:
    folder = a.need("folder")
    base = base_folder(beside.host.folder, folder.removesuffix("\\lease"))
    lease = Lease(os.path.join(base, "lease"), folder, beside.directory, "", beside.host.boot_id, beside.host.uptime)
    for line in lease.renew(a.number("number"), a.number("seconds")):
        beside.say(line)
    return 0
