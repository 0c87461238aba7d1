"""Listens for all hosts in one thread; each connection gets a thread of its own."""

import itertools
import selectors
import socket
import ssl
import threading

from .accounts import Accounts
from .certificates import Authority
from .connection import Connection
from .host import Host

# A client that does not finish the TLS handshake by then is hung up on.
HANDSHAKE_LIMIT = 20.0


class Listener:
    def __init__(self, accounts: Accounts, authority: Authority) -> None:
        self._accounts = accounts
        self._authority = authority
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count(1)

    def open(self, host: Host, port: int, tls: bool) -> int:
        """Listens at the host's address; returns the port, a free one for 0."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.address, port))
        listening.listen(512)
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ, (host, tls))
        return int(listening.getsockname()[1])

    def run(self) -> None:
        """Accepts for ever; idle shells are ended meanwhile."""
        hosts = {id(key.data[0]): key.data[0] for key in self._selector.get_map().values()}
        while True:
            for key, _ in self._selector.select(0.25):
                self._accept(key.fileobj, *key.data)  # type: ignore[arg-type]
            for host in hosts.values():
                host.sweep()

    def _accept(self, listening: socket.socket, host: Host, tls: bool) -> None:
        try:
            stream, _ = listening.accept()
        except OSError:
            return
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._serve, args=(stream, host, tls), daemon=True).start()

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
                stream = self._authority.context(kind).wrap_socket(stream, server_side=True)
            Connection.serve(host, self._accounts, number, stream, certificate)
        except (ssl.SSLError, OSError) as error:
            host.record.add("broken", connection=number, why=str(error))
        finally:
            stream.close()
            host.record.add("disconnect", connection=number)
