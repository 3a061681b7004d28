"""botocore clients that reach only the sandbox, whatever the user's files, variables and profiles say."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from fsdcf.sandbox.exchange import HttpResponse
from fsdcf.sandbox.state import SandboxState
from fsdcf.sandbox.wire import handle

READ_TIMEOUT = 60.0
"""Default read timeout of botocore's clients, in seconds."""


class Body(io.BytesIO):
    """A response body with urllib3's ``stream`` and ``release_conn``."""

    def stream(self, amount: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        while piece := self.read(amount):
            yield piece

    def release_conn(self) -> None:
        self.close()


def connect(session: Any, state: SandboxState, read_timeout: float = READ_TIMEOUT) -> Callable[[], None]:
    """Connect the future clients of a session (of botocore or boto3), or one client by its ``meta``, to the sandbox.

    Returns a function that ends the connection for clients made later, or for the one client. Network faults raise the
    exceptions of botocore's HTTP session. An answer that is delayed for more than ``read_timeout`` seconds raises
    ReadTimeoutError after the call has taken effect.
    """

    def send(request: AWSPreparedRequest, **details: object) -> AWSResponse:
        started = state.clock.now()
        answer = handle(state, request.method, request.url, _headers(request), _body(request))
        if state.clock.now() - started > read_timeout:
            raise ReadTimeoutError(endpoint_url=request.url)
        return _deliver(request, answer)

    emitter = session.get_component("event_emitter") if hasattr(session, "get_component") else session.events
    emitter.register("before-send", send)
    return lambda: emitter.unregister("before-send", send)


def _headers(request: AWSPreparedRequest) -> dict[str, str]:
    return {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()}


def _body(request: AWSPreparedRequest) -> bytes:
    body = request.body
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body)


def _deliver(request: AWSPreparedRequest, answer: HttpResponse) -> AWSResponse:
    if answer.delivery == "unreachable":
        raise EndpointConnectionError(endpoint_url=request.url)
    if answer.delivery == "reset":
        raise ConnectionClosedError(endpoint_url=request.url)
    headers = {**dict(answer.headers), "Content-Length": str(len(answer.body))}
    body = answer.body[: len(answer.body) // 2] if answer.delivery == "half" else answer.body
    return AWSResponse(request.url, answer.status, headers, Body(body))


KEY = "sandbox"
"""Access key and secret key. The sandbox does not verify credentials."""


def clients(state: SandboxState, config: Any = None) -> Callable[[str, str], Any]:
    """Return a function that makes a client for a service and a region.

    ``config`` is botocore's, for timeouts and retries.
    """
    no_profile = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={"profile": no_profile, **files})
    session.set_credentials(KEY, KEY)
    connect(session, state)
    own = Config(ignore_configured_endpoint_urls=True)
    merged = own if config is None else config.merge(own)

    def make(service: str, region: str) -> Any:
        return session.create_client(service, region_name=region, config=merged)

    return make
