"""Listens for all hosts in one thread; each connection gets a thread of its own."""

import itertools
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass

from .accounts import Accounts
from .certificates import Authority
from .connection import Connection
from .host import Host

# A client that does not finish the TLS handshake by then is hung up on.
HANDSHAKE_LIMIT = 20.0


@dataclass
class Door:
    """A port of a host; `stream` is None while the host is down."""

    host: Host
    tls: bool
    port: int
    stream: socket.socket | None = None


class Listener:
    def __init__(self, accounts: Accounts, authority: Authority) -> None:
        self._accounts = accounts
        self._authority = authority
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count(1)
        self._doors: list[Door] = []

    def open(self, host: Host, port: int, tls: bool) -> int:
        """Listens at the host's address; returns the port, a free one for 0."""
        door = Door(host, tls, port)
        self._doors.append(door)
        self._listen(door)
        return door.port

    def _listen(self, door: Door) -> None:
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind((door.host.address, door.port))
        stream.listen(512)
        stream.setblocking(False)
        door.port = int(stream.getsockname()[1])
        door.stream = stream
        self._selector.register(stream, selectors.EVENT_READ, door)

    def run(self) -> None:
        """Accepts for ever; meanwhile hosts go down and up, and idle shells are ended."""
        hosts = {door.host.name: door.host for door in self._doors}
        while True:
            for key, _ in self._selector.select(0.1):
                self._accept(key.data)
            # Looked at once, so that what is reported as done is what was done.
            wanted = {name: host.up for name, host in hosts.items()}
            for door in self._doors:
                self._follow(door, wanted[door.host.name])
            for name, host in hosts.items():
                host.listening = wanted[name]
                host.sweep()

    def _follow(self, door: Door, up: bool) -> None:
        if door.stream is not None and not up:
            self._selector.unregister(door.stream)
            door.stream.close()
            door.stream = None
        elif door.stream is None and up:
            self._listen(door)

    def _accept(self, door: Door) -> None:
        if door.stream is None:
            return
        try:
            stream, _ = door.stream.accept()
        except OSError:
            return
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._serve, args=(stream, door.host, door.tls), daemon=True).start()

    def _serve(self, stream: socket.socket, host: Host, tls: bool) -> None:
        number = next(self._numbers)
        host.record.add("connect", connection=number, tls=tls)
        try:
            if host.injections.due("connect"):
                return
            certificate = b""
            if tls:
                kind = host.settings.server_certificate
                certificate = self._authority.leaf(kind).der
                stream.settimeout(HANDSHAKE_LIMIT)
                context = self._authority.context(kind, host.settings.tls_maximum)
                stream = context.wrap_socket(stream, server_side=True)
            with host.lock:
                host.connections.add(stream)
            Connection.serve(host, self._accounts, number, stream, certificate)
        except (ssl.SSLError, OSError) as error:
            host.record.add("broken", connection=number, why=str(error))
        finally:
            with host.lock:
                host.connections.discard(stream)
            stream.close()
            host.record.add("disconnect", connection=number)
