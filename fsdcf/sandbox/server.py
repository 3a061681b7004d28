"""The sandbox on loopback: the endpoint that AWS's own clients are pointed at."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fsdcf.sandbox.exchange import HttpResponse
from fsdcf.sandbox.state import SandboxState
from fsdcf.sandbox.wire import handle

LONGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request's body that are read; a longer one is refused."""

_NO_LINGER = struct.pack("ii", 1, 0)


@contextmanager
def serving(state: SandboxState, port: int = 0) -> Iterator[str]:
    """Serves ``world`` on 127.0.0.1 while the block lasts, and gives the endpoint's URL. Port 0 takes a free one.

    OSError if the port is taken. At the end open connections are cut, so that it never waits for a client.
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
    """A server that knows its open connections."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, state: SandboxState, port: int) -> None:
        self.state = state
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Ends every open connection: whoever waits on it goes on at once."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no event."""


class _Handler(BaseHTTPRequestHandler):
    """One connection: requests one after the other, each answered in one write."""

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
        if answer.fate == "sent":
            return self._write(answer)
        self.close_connection = True
        if answer.fate == "half":
            return self._write(answer, half=True)
        # Closed with a linger of zero, and before anybody ends it in good order, the connection is reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.connection.close()

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _exchange

    def _body(self) -> bytes | None:
        """The request's body; None if it is too long."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length <= LONGEST_BODY else None

    def _chunks(self) -> bytes | None:
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
            if sum(map(len, pieces)) > LONGEST_BODY:
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
        """Nothing is logged: who runs the sandbox prints what is worth it."""
