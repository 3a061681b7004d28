"""Clients for the sandbox that share one session of botocore: making a session takes longer than a deploy.

The sessions of all tests share what botocore has read of its own data.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import botocore.loaders
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.loaders import Loader
from botocore.parsers import QueryParser, ResponseParserFactory

from fsdcf.deploy.aws import configuration
from fsdcf.sandbox.clients import Body, connect
from fsdcf.sandbox.faults import Faults
from fsdcf.sandbox.state import SandboxState

_READ: dict[str | None, dict[Any, Any]] = {}
"""What the loaders of botocore have read, by the folders of the user's own data. Reading the list of services, the
endpoints and the model of a service takes longer than most tests, and nobody changes them."""


def _loader(data_path: str | None = None) -> Loader:
    loader = botocore.loaders.create_loader(data_path)
    loader._cache = _READ.setdefault(data_path, loader._cache)
    return loader


botocore.session.create_loader = _loader


class Quiet(Faults):
    """The faults of resources and tasks, for they strike whoever looks; none of calls and of answers."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.resource_fault = faults.resource_fault  # type: ignore[method-assign]
        self.task_fault = faults.task_fault  # type: ignore[method-assign]


Rewrite = Callable[[str, int, bytes], tuple[int, bytes]]
"""Another answer than the sandbox's: takes the operation, the status and the body of an answer, and returns both."""


class Wire:
    """Takes what ``connect`` would give to a session, the function that answers requests; notes when it is asked for
    what."""

    def __init__(self, world: SandboxState, rewrite: Rewrite | None = None) -> None:
        self.state = world
        self.rewrite = rewrite
        self.requests: list[tuple[float, str]] = []

    def get_component(self, name: str) -> Wire:
        return self

    def register(self, name: str, answer: Callable[..., Any]) -> None:
        def noted(request: Any, **more: Any) -> Any:
            self.requests.append((self.state.clock.now(), more["event_name"]))
            given = answer(request, **more)
            if self.rewrite is None:
                return given
            status, body = self.rewrite(more["event_name"].rpartition(".")[2], given.status_code, given.content)
            return AWSResponse(given.url, status, {}, Body(body))

        self.answer = noted


class _Client:
    """A client of the one session that all tests share, whose calls go to its own world."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            _WIRES.append(self._wire)
            try:
                return method(**parameters)
            finally:
                _WIRES.pop()

        return call


_WIRES: list[Wire] = []


def _time(told: str | float) -> datetime:
    if isinstance(told, str):
        return datetime.fromisoformat(told.replace("Z", "+00:00"))
    return datetime.fromtimestamp(told, timezone.utc)


def _sign(request: Any, region_name: str, signing_name: str, **_: Any) -> None:
    """The scope of a signature in the place of the signature."""
    scope = f"Credential=test/20300101/{region_name}/{signing_name}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none"


class _Parser(QueryParser):  # type: ignore[misc]
    """Parses an event once, as botocore does, and gives a copy when the same one comes again, as it does at each poll.

    Nearly half of the time that a poll takes is botocore's parsing of events that it has parsed before.
    """

    def _handle_structure(self, shape: Any, node: Any) -> Any:
        if shape.name != "StackEvent" or not isinstance(node, Element):
            return super()._handle_structure(shape, node)
        told = tuple([(child.tag, child.text) for child in node])
        if told not in _EVENTS:
            if len(_EVENTS) == _REMEMBERED:
                _EVENTS.clear()
            _EVENTS[told] = super()._handle_structure(shape, node)
        return dict(_EVENTS[told])


class _Parsers(ResponseParserFactory):  # type: ignore[misc]
    def create_parser(self, protocol_name: str) -> Any:
        return _Parser(**self._defaults) if protocol_name == "query" else super().create_parser(protocol_name)


_REMEMBERED = 5_000
_EVENTS: dict[tuple[tuple[str, str | None], ...], dict[str, Any]] = {}
"""Events as botocore has parsed them, by what was told. All that is in one is a text or a time, which nobody can
change."""


@cache
def _shared(service: str, region: str, endpoint: str) -> Any:
    url = endpoint or None
    return _session().create_client(service, region_name=region, endpoint_url=url, config=configuration())


@cache
def _session() -> Any:
    nobody = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={"profile": nobody, **files})
    session.set_credentials("test", "test")
    # botocore's own parser of dates tries every form there is, which takes a fifth of the tests' time.
    parsers = _Parsers()
    parsers.set_parser_defaults(timestamp_parser=_time)
    session.register_component("response_parser_factory", parsers)
    # The sandbox reads only the scope of a signature and does not verify it, so it need not be computed.
    session.register("choose-signer", lambda **_: UNSIGNED)
    session.register("before-sign", _sign)
    session.register("before-send", lambda request, **more: _WIRES[-1].answer(request, **more))
    return session


def wired(
    world: SandboxState, endpoint: str = "", rewrite: Rewrite | None = None
) -> tuple[Wire, Callable[[str, str], Any]]:
    """As the sandbox's ``clients``, without making a new session: that takes longer than a deploy.

    ``endpoint`` is that of an emulator, empty for AWS's own."""
    wire = Wire(world, rewrite)
    connect(wire, world)
    return wire, lambda service, region: _Client(_shared(service, region, endpoint), wire)
