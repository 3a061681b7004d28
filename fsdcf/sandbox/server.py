"""The sandbox as an HTTP endpoint on loopback, for the AWS CLI, SDKs and other tools."""

from __future__ import annotations

import io
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fsdcf.sandbox.exchange import HttpResponse
from fsdcf.sandbox.state import SandboxState, ServiceError
from fsdcf.sandbox.wire import handle, refusal

MOST_BYTES = 64 * 1024 * 1024
"""Maximum size of a request body."""

MOST_CONNECTIONS = 100
"""Maximum number of open connections. One more ends the one whose last request is the oldest."""

REQUEST_SECONDS = 30.0
"""Maximum time for a client to send a request."""

IDLE_SECONDS = 120.0
"""Maximum time between two requests of a connection."""

_REFUSED_BYTES = 1024 * 1024
"""The part of a refused body that is thrown away, so that its client gets to read the answer."""

_LOOPBACK = re.compile(
    r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])\.?(?::(?P<port>\d{1,5}))?", re.A | re.I
)
"""A name of this machine. A name of the internet may lead here, too, after its owner has rebound it in the DNS; no
other machine has a name below ``localhost``. Source: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
"""

_READS = re.compile(r"(?:Describe|Get|List|Estimate|Validate)\w+")
"""Operations that change nothing."""

_NO_LINGER = struct.pack("ii", 1, 0)


@contextmanager
def serving(state: SandboxState, port: int = 0) -> Iterator[str]:
    """Serve the sandbox on 127.0.0.1 within the block, whose value is the endpoint's URL. Port 0 selects a free port.

    Raises OSError if the port is in use. At the end, open connections are closed without waiting for their clients.
    """
    server = _Server(state, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.cut()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """A server that keeps track of its open connections, that with the oldest request first."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, state: SandboxState, port: int) -> None:
        self.state = state
        self._open: dict[socket.socket, None] = {}
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        with self._guard:
            if len(self._open) >= MOST_CONNECTIONS:
                self._end(next(iter(self._open)))
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def used(self, connection: socket.socket) -> None:
        """Note that a connection has sent a request."""
        with self._guard:
            if connection in self._open:
                self._open[connection] = self._open.pop(connection)

    def cut(self) -> None:
        """Close every open connection, so that threads that wait on one continue at once."""
        with self._guard:
            for connection in [*self._open]:
                self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        self._open.pop(connection, None)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that disconnects."""


class _Incoming(io.RawIOBase):
    """What a client sends until a time of the monotonic clock, in seconds. Raises TimeoutError after it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.until = time.monotonic() + REQUEST_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(max(self.until - time.monotonic(), 0.001))
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """A connection, on which requests are answered one after the other, each in one write.

    Any web page can make a browser send requests to this machine: they are refused by what the browser says about them.
    """

    protocol_version = "HTTP/1.1"
    server_version = "fsdcf-sandbox"
    disable_nagle_algorithm = True
    server: _Server
    rbufsize = 64 * 1024

    def setup(self) -> None:
        super().setup()
        self._incoming = _Incoming(self.connection)
        self.rfile = self._buffer = io.BufferedReader(self._incoming, self.rbufsize)

    def handle_one_request(self) -> None:
        """Wait for the beginning of a request, then for a limited time for the rest."""
        self._incoming.until = time.monotonic() + IDLE_SECONDS
        try:
            self._buffer.peek(1)
        except OSError:
            self.close_connection = True
            return
        self._incoming.until = time.monotonic() + REQUEST_SECONDS
        self.server.used(self.connection)
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        """Wait with the answer until the head is checked."""
        return True

    def _exchange(self) -> None:
        error = self._foreign() or self._unbounded()
        if error is not None:
            return self._refuse(error)
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        self.connection.settimeout(REQUEST_SECONDS)
        try:
            answer = handle(self.server.state, self.command, self.path, dict(self.headers.items()), body)
        except Exception as error:
            answer = HttpResponse(500, {"Content-Type": "text/plain"}, f"the sandbox failed: {error!r}".encode())
        if answer.delivery == "sent":
            return self._write(answer)
        self.close_connection = True
        if answer.delivery == "half":
            return self._write(answer, half=True)
        # Closing a socket with a linger of zero resets the connection.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.connection.close()

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _exchange

    def _foreign(self) -> ServiceError | None:
        """The error for a request that a web page of another origin may have sent; None for any other request.

        A browser sends ``Origin`` with every POST, and ``Sec-Fetch-Site`` with every request to this machine. An older
        one sends neither with the GET of a link or a picture, which must not change anything.
        Source: https://fetch.spec.whatwg.org/#origin-header and https://www.w3.org/TR/fetch-metadata/
        """
        hosts, origins = (self.headers.get_all(name) or [] for name in ("Host", "Origin"))
        host = _LOOPBACK.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if host is None or not self.path.startswith("/"):
            return _denied("the sandbox answers to 127.0.0.1 and localhost only")
        for origin in origins:
            scheme, _, name = origin.partition("://")
            own = _LOOPBACK.fullmatch(name)
            if scheme != "http" or own is None or own["port"] != host["port"]:
                return _denied("the sandbox takes no requests of web pages")
        sites = self.headers.get_all("Sec-Fetch-Site") or []
        if not {site.lower() for site in sites} <= {"same-origin", "none"}:
            return _denied("the sandbox takes no requests of web pages")
        actions = parse_qs(urlsplit(self.path).query).get("Action", [])
        if (
            self.command in ("GET", "HEAD")
            and "Authorization" not in self.headers
            and not all(map(_READS.fullmatch, actions))
        ):
            return _denied("a GET that changes something must be signed")
        return None

    def _unbounded(self) -> ServiceError | None:
        """The error for a body whose length is missing, not valid or too large; None for any other body."""
        lengths = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers or (not lengths and self.command in ("POST", "PUT", "PATCH")):
            return ServiceError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        if any(not re.fullmatch(r"\d{1,18}", length, re.ASCII) for length in lengths) or len(lengths) > 1:
            return ServiceError("InvalidRequest", "The Content-Length HTTP header is not valid.", 400)
        if any(int(length) > MOST_BYTES for length in lengths):
            return ServiceError("EntityTooLarge", f"The body has more than {MOST_BYTES:,} bytes.", 413)
        return None

    def _refuse(self, error: ServiceError) -> None:
        """Answer without reading the body, and end the connection."""
        self.close_connection = True
        try:
            answer = refusal(self.command, self.path, dict(self.headers.items()), error)
        except ValueError:  # a path that is not one
            answer = HttpResponse(error.status)
        self._write(answer)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self._incoming.until = time.monotonic() + 1.0
            self.rfile.read(_REFUSED_BYTES)

    def _write(self, answer: HttpResponse, half: bool = False) -> None:
        # A page that is kept in the sandbox's S3 gets an origin of its own.
        head = {"Content-Length": str(len(answer.body)), "Content-Security-Policy": "sandbox", **answer.headers}
        if self.close_connection:
            head["Connection"] = "close"
        lines = [
            f"{self.protocol_version} {answer.status} {responses.get(answer.status, '')}",
            f"Server: {self.server_version}",
        ]
        lines += [f"{name}: {value}" for name, value in head.items()]
        sent = b"" if self.command == "HEAD" else answer.body
        text = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        self.wfile.write(text + (sent[: len(sent) // 2] if half else sent))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _denied(message: str) -> ServiceError:
    return ServiceError("AccessDenied", message, 403)
