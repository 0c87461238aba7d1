"""`multipart/encrypted` around sealed messages, [MS-WSMV] 2.2.9.1. The sealing itself is `pyspnego`'s."""

import re
import struct
from typing import Protocol

BOUNDARY = b"--Encrypted Boundary"
SPNEGO = "application/HTTP-SPNEGO-session-encrypted"
KERBEROS = "application/HTTP-Kerberos-session-encrypted"
_OCTETS = b"Content-Type: application/octet-stream\r\n"


class Context(Protocol):
    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]: ...

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes: ...


class Unreadable(Exception):
    """The body is not a sealed message, or does not belong to this context."""


def content_type(protocol: str) -> str:
    return f'multipart/encrypted;protocol="{protocol}";boundary="Encrypted Boundary"'


def protocol_of(content: str) -> str | None:
    """Which of the two protocols a content type names; None for a body that is not sealed."""
    if not content.lower().startswith("multipart/encrypted"):
        return None
    match = re.search(r'protocol="([^"]*)"', content)
    if match is None or match.group(1) not in (SPNEGO, KERBEROS):
        raise Unreadable(f"content type {content}")
    if 'boundary="Encrypted Boundary"' not in content:
        raise Unreadable("another boundary than Windows takes")
    return match.group(1)


def unseal(context: Context, body: bytes) -> bytes:
    head, found, rest = body.partition(_OCTETS)
    length = re.search(rb"OriginalContent: type=application/soap\+xml;charset=UTF-8;Length=(\d+)\r\n", head)
    if not found or length is None or not head.startswith(BOUNDARY + b"\r\n"):
        raise Unreadable("not the two parts of a sealed message")
    end = BOUNDARY + b"--\r\n"
    if not rest.endswith(end) or len(rest) < 4 + len(end):
        raise Unreadable("no closing boundary")
    (size,) = struct.unpack_from("<i", rest)
    if not 0 < size <= 256:
        raise Unreadable(f"a signature of {size} bytes")
    try:
        plain = context.unwrap_winrm(rest[4 : 4 + size], rest[4 + size : -len(end)])
    except Exception as error:
        raise Unreadable(f"the seal is not of this connection: {error}") from error
    if len(plain) != int(length.group(1)):
        raise Unreadable(f"{len(plain)} bytes where Length says {length.group(1).decode()}")
    return plain


def seal(context: Context, plain: bytes, protocol: str) -> bytes:
    signature, data, padding = context.wrap_winrm(plain)
    return b"".join(
        (
            BOUNDARY + b"\r\n\tContent-Type: " + protocol.encode() + b"\r\n",
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % (len(plain) + padding),
            BOUNDARY + b"\r\n\t" + _OCTETS,
            struct.pack("<i", len(signature)),
            signature,
            data,
            BOUNDARY + b"--\r\n",
        )
    )
