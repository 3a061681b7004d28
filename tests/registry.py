"""A registry of images on this machine: the part of the Distribution API that a push and ECR need, with faults.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Registry:
    """Blobs and manifests by repository. ``passwords`` are those that may write; None lets everyone.

    ``breaks`` counts the uploads that break off, by the part of the push that does. A tag of an ``immutable``
    repository is never moved. ``length`` is what it says of the length of a manifest, and ``pause`` the seconds between
    the bytes of one.
    """

    def __init__(self) -> None:
        self.address = ""
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.passwords: set[str] | None = None
        self.breaks = {"blob": 0, "manifest": 0, "answer": 0}
        self.immutable = False
        self.requests: list[str] = []
        self.length: int | None = None
        self.pause = 0.0

    def broken(self, part: str) -> bool:
        """Whether this part of a push breaks off now."""
        self.breaks[part] -= 1
        return self.breaks[part] >= 0

    def put(self, repository: str, tag: str, manifest: bytes, type: str = "application/json") -> str:
        """Store a manifest, and return its digest."""
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        for reference in (tag, digest):
            self.manifests[repository, reference] = type, manifest
        return digest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def _may(self) -> bool:
        if self.registry.passwords is None:
            return True
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        known = scheme == "Basic" and b64decode(given).decode().partition(":")[2] in self.registry.passwords
        if not known:
            self._answer(401, b"denied: Your authorization token has expired.", WWW_Authenticate='Basic realm="ECR"')
        return known

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v2/":
            if self._may():
                self._answer(200)
            return
        manifest = re.fullmatch(r"/v2/(.+)/manifests/(.+)", path)
        if manifest:
            found = self.registry.manifests.get((manifest[1], manifest[2]))
            if found is None:
                self._answer(404)
                return
            length = len(found[1]) if self.registry.length is None else self.registry.length
            self._answer(200, Content_Type=found[0], **{"Content-Length": str(length)})
            size = 1 if self.registry.pause else len(found[1])
            with suppress(OSError):
                for at in range(0, len(found[1]), size):
                    time.sleep(self.registry.pause)
                    self.wfile.write(found[1][at : at + size])
            self.close_connection = True
            return
        self._answer(200 if path.rpartition("/")[2] in self.registry.blobs else 404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if self._may():
            self._answer(202, Location=f"{self.path}1")

    def do_PUT(self) -> None:
        parts, body = urlsplit(self.path), self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.registry.requests.append(self.path)
        if not self._may():
            return
        manifest = re.fullmatch(r"/v2/(.+)/manifests/(.+)", parts.path)
        if self.registry.broken("manifest" if manifest else "blob"):
            self._hang_up()
        elif manifest is None:
            self.registry.blobs[parse_qs(parts.query)["digest"][0]] = body
            self._answer(201)
        elif self.registry.immutable and (manifest[1], manifest[2]) in self.registry.manifests:
            self._answer(400, f"tag invalid: The image tag '{manifest[2]}' already exists".encode())
        else:
            self.registry.put(manifest[1], manifest[2], body, self.headers.get("Content-Type", ""))
            if self.registry.broken("answer"):
                self._hang_up()
            else:
                self._answer(201)


@contextmanager
def serving_registry() -> Iterator[Registry]:
    """A registry that listens on 127.0.0.1 while the block lasts."""
    registry = Registry()
    handler = type("_OwnHandler", (_Handler,), {"registry": registry})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
