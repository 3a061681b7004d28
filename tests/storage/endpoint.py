"""The fake table behind HTTP, for real processes: DynamoDB's JSON protocol on a local port."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import ClientError

from tests.storage.fake import Fake


def _in(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if set(value) == {"B"} and isinstance(value["B"], str) else value


def _out(value: Any) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


@contextmanager
def serving(fake: Fake) -> Iterator[str]:
    """The endpoint's URL, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])), object_hook=_in)
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            method = getattr(fake, re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower())
            try:
                status, answer = 200, method(**body)
            except ClientError as error:
                error_fields = error.response["Error"]
                status, answer = (
                    400,
                    {
                        "__type": f"com.amazonaws.dynamodb.v20120810#{error_fields['Code']}",
                        "message": error_fields["Message"],
                    },
                )
            data = json.dumps(answer, default=_out).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Log nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client was killed
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore clients that have disconnected."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
