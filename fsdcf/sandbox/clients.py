"""Clients of botocore that know the sandbox alone: no file, no variable and no profile of the user's has a say."""

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
"""Seconds that botocore's clients wait for an answer unless told otherwise."""


class _Body(io.BytesIO):
    """A body as urllib3 gives it: also in pieces, and with ``release_conn``."""

    def stream(self, amount: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        while piece := self.read(amount):
            yield piece

    def release_conn(self) -> None:
        self.close()


def connect(session: Any, state: SandboxState, read_timeout: float = READ_TIMEOUT) -> Callable[[], None]:
    """From now on, clients made by the session (botocore's or boto3's; or one client, by its ``meta``) speak to ``world``.

    What is given back ends it, for clients that are made later, or for that client.

    Faults of the network become the exceptions that botocore's HTTP session would raise. An answer that is ``delay``ed beyond
    ``read_timeout`` seconds is a ReadTimeoutError, after what was asked for was done.
    """

    def send(request: AWSPreparedRequest, **details: object) -> AWSResponse:
        begun = state.clock.now()
        answer = handle(state, request.method, request.url, _headers(request), _body(request))
        if state.clock.now() - begun > read_timeout:
            raise ReadTimeoutError(endpoint_url=request.url)
        return _delivered(request, answer)

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


def _delivered(request: AWSPreparedRequest, answer: HttpResponse) -> AWSResponse:
    if answer.fate == "unreachable":
        raise EndpointConnectionError(endpoint_url=request.url)
    if answer.fate == "reset":
        raise ConnectionClosedError(endpoint_url=request.url)
    # botocore does not compare what arrives with Content-Length: it meets half an answer when it parses it.
    body = answer.body[: len(answer.body) // 2] if answer.fate == "half" else answer.body
    return AWSResponse(request.url, answer.status, dict(answer.headers), _Body(body))


KEY = "sandbox"
"""The credentials, both of them. The sandbox verifies none."""


def clients(state: SandboxState, config: Any = None) -> Callable[[str, str], Any]:
    """Makes a client for a service and a region, without sockets. ``config`` is botocore's, for timeouts and retries."""
    nobody = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={"profile": nobody, **files})
    session.set_credentials(KEY, KEY)
    connect(session, state)
    own = Config(ignore_configured_endpoint_urls=True)
    merged = own if config is None else config.merge(own)

    def make(service: str, region: str) -> Any:
        return session.create_client(service, region_name=region, config=merged)

    return make
