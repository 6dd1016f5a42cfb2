"""A server for a few visitors: connections, time and names are bounded, whatever clients do."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

CONNECTIONS = 16  # at a time; one of them at a time is computed for
SECONDS = 60.0  # to send a request of at most some megabytes

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


def make_server(
    host: str,
    port: int,
    app: Callable[..., Any],
    connections: int = CONNECTIONS,
    seconds: float = SECONDS,
) -> ThreadedWSGIServer:
    """Make a server that answers in threads.

    Args:
        host: address that it listens on.
        port: that it listens on; 0 for any that is free (`server.port` says which).
        app: what answers.
        connections: at a time; further ones get status 503.
        seconds: that a client has for its whole request, and to take each part of the answer.
    """
    return _Server(host, port, app, connections, seconds)


def names_of(host: str) -> tuple[tuple[str, ...], bool]:
    """Return the names that a page is reached by when its server listens on `host`.

    Returns:
        The names, and whether it is reached by any address of this machine. (An address is a safe
        name: a page of the web that points its own name at this machine still has that name.)
    """
    loopback = ("127.0.0.1", "localhost", "::1")
    if host not in ("0.0.0.0", "::", ""):
        return (*loopback, host.lower()), False
    return (*loopback, socket.gethostname().lower(), socket.getfqdn().lower()), True


class _Server(ThreadedWSGIServer):
    """Threads are as many as there are connections."""

    def __init__(
        self, host: str, port: int, app: Callable[..., Any], connections: int, seconds: float
    ) -> None:
        self.seconds = seconds
        self._free = BoundedSemaphore(connections)
        super().__init__(host, port, app, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a new connection in a thread, or refuse it."""
        if not self._free.acquire(blocking=False):
            request.settimeout(1)
            with suppress(OSError):
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(WSGIRequestHandler):
    """Reads a request as long as its time lasts."""

    server: _Server

    def setup(self) -> None:
        """Read through a stream that keeps the time."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_InTime(self.connection, self.server.seconds))


class _InTime(io.RawIOBase):
    """Reader of a socket with one deadline for the whole request, however slowly it arrives."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.connection, self.seconds = connection, seconds
        self.ends = monotonic() + seconds
        connection.settimeout(seconds)

    def readable(self) -> bool:
        """Return True: the stream is readable."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive some bytes.

        Raises:
            TimeoutError: when the time is over.
        """
        left = self.ends - monotonic()
        if left <= 0:
            raise TimeoutError("the client took too long")
        self.connection.settimeout(left)
        try:
            return self.connection.recv_into(buffer)
        finally:
            self.connection.settimeout(self.seconds)  # what is sent has its own
