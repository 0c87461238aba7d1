"""As much of the server's side of PSRP ([MS-PSRP]) as `pypsrp`'s `Client.copy` needs, to measure transfers against.

A runspace pool opens, one pipeline runs: the script that reads base64 from the pipeline, compares SHA-1 with the last
object and moves the file to its place. The script is told by what it does; other scripts fail. What copy does on
Windows is done here by Python, so the cost of PowerShell is not in a measurement.
"""

import base64
import hashlib
import os
import pathlib
import re
import struct
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from .command import Command, Stopped
from .job import place

_SESSION_CAPABILITY = 0x00010002
_RUNSPACEPOOL_STATE = 0x00021005
_CREATE_PIPELINE = 0x00021006
_APPLICATION_PRIVATE_DATA = 0x00021009
_PIPELINE_INPUT = 0x00041002
_END_OF_INPUT = 0x00041003
_PIPELINE_OUTPUT = 0x00041004
_PIPELINE_STATE = 0x00041006
_COMPLETED, _FAILED = 4, 5
_NO_PIPELINE = uuid.UUID(int=0)

_CAPABILITY = (
    '<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
    '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
)
_PRIVATE_DATA = (
    '<Obj RefId="0"><MS><Obj N="ApplicationPrivateData" RefId="1"><TN RefId="0">'
    "<T>System.Management.Automation.PSPrimitiveDictionary</T><T>System.Collections.Hashtable</T><T>System.Object</T>"
    "</TN><DCT/></Obj></MS></Obj>"
)
# What only the script of a copy has together.
_MARKS = ("TransformFinalBlock", "GetUnresolvedProviderPathFromPSPath", "FromBase64String")


@dataclass
class Message:
    kind: int
    pool: uuid.UUID
    pipeline: uuid.UUID
    data: bytes


class Messages:
    """Puts messages together from fragments, [MS-PSRP] 2.2.4."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: dict[int, list[bytes]] = {}

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 21:
            identifier, _, flags, length = struct.unpack_from(">QQBI", self._buffer, at)
            if len(self._buffer) - at - 21 < length:
                break
            self._parts.setdefault(identifier, []).append(bytes(self._buffer[at + 21 : at + 21 + length]))
            at += 21 + length
            if flags & 2:
                whole = b"".join(self._parts.pop(identifier))
                _, kind = struct.unpack_from("<II", whole)
                yield Message(kind, uuid.UUID(bytes_le=whole[8:24]), uuid.UUID(bytes_le=whole[24:40]), whole[40:])
        del self._buffer[:at]


class Pool:
    """A runspace pool; `command` holds what a Receive without a command gets."""

    def __init__(self, creation: bytes) -> None:
        self.command = Command("")
        self._next = 1
        first = next(iter(Messages().feed(creation)), None)
        if first is None or first.kind != _SESSION_CAPABILITY:
            raise ValueError("the creation holds no SESSION_CAPABILITY")
        self._identifier = first.pool
        self.say(self.command, _SESSION_CAPABILITY, _CAPABILITY)
        self.say(self.command, _APPLICATION_PRIVATE_DATA, _PRIVATE_DATA)
        self.say(self.command, _RUNSPACEPOOL_STATE, '<Obj RefId="0"><MS><I32 N="RunspaceState">2</I32></MS></Obj>')

    def say(self, command: Command, kind: int, text: str, pipeline: uuid.UUID = _NO_PIPELINE) -> None:
        """One message to the client in one fragment."""
        whole = struct.pack("<II", 1, kind) + self._identifier.bytes_le + pipeline.bytes_le + text.encode()
        command.put("stdout", struct.pack(">QQBI", self._next, 0, 3, len(whole)) + whole)
        self._next += 1


def run(pool: Pool, command: Command, first: bytes, folder: pathlib.Path) -> None:
    """Runs a pipeline until its end; meant for a thread of its own."""
    pipeline = _NO_PIPELINE
    state = _FAILED
    try:
        messages = _messages(command, first)
        created = next(messages)
        pipeline = created.pipeline
        if created.kind == _CREATE_PIPELINE and (destination := _copies(created.data)) is not None:
            pool.say(command, _PIPELINE_OUTPUT, f"<S>{_copy(messages, destination, folder)}</S>", pipeline)
            state = _COMPLETED
        pool.say(
            command, _PIPELINE_STATE, f'<Obj RefId="0"><MS><I32 N="PipelineState">{state}</I32></MS></Obj>', pipeline
        )
    except (Stopped, StopIteration):
        pass
    except (ValueError, OSError):
        pool.say(
            command, _PIPELINE_STATE, f'<Obj RefId="0"><MS><I32 N="PipelineState">{_FAILED}</I32></MS></Obj>', pipeline
        )
    command.exited(0 if state == _COMPLETED else 1)


def _messages(command: Command, first: bytes) -> Iterator[Message]:
    messages = Messages()
    data = first
    while data:
        yield from messages.feed(data)
        data = command.stdin.read(1024 * 1024)


def _text(escaped: str) -> str:
    """Characters that CLIXML writes as `_x000A_`, [MS-PSRP] 2.2.5.3.2."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match.group(1), 16)), escaped)


def _copies(created: bytes) -> str | None:
    """Where to, if the pipeline is that of a copy."""
    root = ET.fromstring(created.decode("utf-8-sig"))
    script = next((found.text or "" for found in root.iter("S") if found.get("N") == "Cmd"), "")
    if not all(mark in script for mark in _MARKS):
        return None
    return next((_text(found.text or "") for found in root.iter("S") if found.get("N") == "V"), None)


def _copy(messages: Iterator[Message], destination: str, folder: pathlib.Path) -> str:
    target = place(folder, destination)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.{uuid.uuid4()}")
    digest = hashlib.sha1()
    held: bytes | None = None
    try:
        with temporary.open("xb") as file:
            for message in messages:
                if message.kind == _END_OF_INPUT:
                    break
                if message.kind != _PIPELINE_INPUT:
                    continue
                if held is not None:
                    digest.update(held)
                    file.write(held)
                held = base64.b64decode(message.data[message.data.index(b">") + 1 : message.data.rindex(b"<")])
        if held is None or held.decode() != digest.hexdigest():
            raise ValueError("the SHA-1 of what arrived is another one")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return destination
