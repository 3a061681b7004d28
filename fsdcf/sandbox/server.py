"""The sandbox as an HTTP endpoint on loopback, for the AWS CLI, SDKs and other tools."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fsdcf.sandbox.exchange import HttpResponse
from fsdcf.sandbox.state import SandboxState
from fsdcf.sandbox.wire import handle

MOST_BYTES = 64 * 1024 * 1024
"""Maximum size of a request body."""

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
    """A server that keeps track of its open connections."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, state: SandboxState, port: int) -> None:
        self.state = state
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Close every open connection, so that threads that wait on one continue at once."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that disconnects."""


class _Handler(BaseHTTPRequestHandler):
    """A connection, on which requests are answered one after the other, each in one write."""

    protocol_version = "HTTP/1.1"
    server_version = "fsdcf-sandbox"
    disable_nagle_algorithm = True
    timeout = 120.0
    server: _Server
    rbufsize = 64 * 1024

    def _exchange(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            return self._write(HttpResponse(413, {}, b""))
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

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _exchange

    def _body(self) -> bytes | None:
        """Return the request body, or None if it is too long."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length <= MOST_BYTES else None

    def _chunks(self) -> bytes | None:
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
            if sum(map(len, pieces)) > MOST_BYTES:
                return None
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _write(self, answer: HttpResponse, half: bool = False) -> None:
        head = {"Content-Length": str(len(answer.body)), **answer.headers}
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
