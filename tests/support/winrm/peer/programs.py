"""Programs for tests of the protocol; what each one does is the first line of its function.

They are found by name with or without folder and `.exe`, in any case: `C:\\bin\\cat.exe`, `CAT`.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator

from .job import Job

PERIOD = 65521


def pattern(count: int) -> Iterator[bytes]:
    """`count` bytes; byte i is `(j*j*13 + j*7 + j/256) mod 256` with `j = i mod 65521`, so that lost, doubled and
    displaced pieces show."""
    block = bytes((j * j * 13 + j * 7 + (j >> 8)) & 0xFF for j in range(PERIOD)) * 4
    while count > 0:
        yield block[:count]
        count -= len(block)


def args(job: Job) -> int:
    """`args A B`: its arguments as a JSON array."""
    job.stdout.write(json.dumps(job.arguments[1:]).encode() + b"\r\n")
    return 0


def leave(job: Job) -> int:
    """`exit N`: exit code N, which may be negative."""
    return int(job.arguments[1])


def out(job: Job) -> int:
    """`out N`: N bytes of the pattern on stdout."""
    for piece in pattern(int(job.arguments[1])):
        job.stdout.write(piece)
    return 0


def err(job: Job) -> int:
    """`err TEXT CODE`: TEXT on stderr, exit code CODE."""
    job.stderr.write(job.arguments[1].encode())
    return int(job.arguments[2])


def both(job: Job) -> int:
    """`both N`: N numbered lines on stdout and on stderr, in turns."""
    for number in range(int(job.arguments[1])):
        job.stdout.write(b"out %d\n" % number)
        job.stderr.write(b"err %d\n" % number)
    return 0


def cat(job: Job) -> int:
    """`cat`: stdin to stdout, byte by byte the same."""
    while data := job.stdin.read(262144):
        job.stdout.write(data)
    return 0


def digest(job: Job) -> int:
    """`digest`: length and SHA-256 of stdin, `N HEX`."""
    state = hashlib.sha256()
    length = 0
    while data := job.stdin.read(1024 * 1024):
        state.update(data)
        length += len(data)
    job.stdout.write(f"{length} {state.hexdigest()}\n".encode())
    return 0


def store(job: Job) -> int:
    """`store PATH`: stdin into a file of the host, by way of a temporary one; length and SHA-256 as `digest`."""
    target = job.place(job.arguments[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.{uuid.uuid4()}")
    state = hashlib.sha256()
    length = 0
    try:
        with temporary.open("xb") as file:
            while data := job.stdin.read(1024 * 1024):
                state.update(data)
                length += file.write(data)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    job.stdout.write(f"{length} {state.hexdigest()}\n".encode())
    return 0


def lines(job: Job) -> int:
    """`lines N SECONDS`: a numbered line now and one every SECONDS."""
    for number in range(int(job.arguments[1])):
        if number:
            job.sleep(float(job.arguments[2]))
        job.stdout.write(b"line %d\n" % number)
    return 0


def sleep(job: Job) -> int:
    """`sleep SECONDS`."""
    job.sleep(float(job.arguments[1]))
    return 0


def stall(job: Job) -> int:
    """`stall SECONDS`: reads nothing for that long, then does what `digest` does."""
    job.sleep(float(job.arguments[1]))
    return digest(job)


def deaf(job: Job) -> int:
    """`deaf`: exits at once, whatever stdin holds."""
    return 0


def count(job: Job) -> int:
    """`count NAME`: adds one to the host's counter NAME and prints it."""
    job.stdout.write(b"%d\n" % job.count(job.arguments[1]))
    return 0


def environment(job: Job) -> int:
    """`environment`: what the shell was made with, as JSON: environment, codepage, folder, no_profile."""
    seen = {
        "environment": job.environment,
        "codepage": job.codepage,
        "folder": job.folder,
        "no_profile": job.no_profile,
        "user": job.user,
    }
    job.stdout.write(json.dumps(seen).encode() + b"\r\n")
    return 0


def hostname(job: Job) -> int:
    """`hostname`: the host's name."""
    job.stdout.write(job.host.encode() + b"\r\n")
    return 0


PROGRAMS: dict[str, Callable[[Job], int]] = {
    "args": args,
    "exit": leave,
    "out": out,
    "err": err,
    "both": both,
    "cat": cat,
    "digest": digest,
    "store": store,
    "lines": lines,
    "sleep": sleep,
    "stall": stall,
    "deaf": deaf,
    "count": count,
    "environment": environment,
    "hostname": hostname,
}
