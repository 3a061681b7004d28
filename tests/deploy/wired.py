"""Clients for the sandbox that share one session of botocore: making a session takes longer than a deploy.

The sessions of all tests share what botocore has read of its own data. The reads that a deploy repeats go straight to
the sandbox, unless a call has a fault; some of them go over the wire too, and both ways must give the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache, lru_cache
from threading import get_ident
from typing import Any
from xml.etree.ElementTree import Element

import botocore.loaders
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.loaders import Loader
from botocore.parsers import QueryParser, ResponseParserFactory
from botocore.validate import ParamValidator

from fsdcf.deploy.aws import configuration
from fsdcf.sandbox import schedule, wire
from fsdcf.sandbox.clients import Body, connect
from fsdcf.sandbox.exchange import HttpResponse
from fsdcf.sandbox.faults import CallFault, Faults
from fsdcf.sandbox.protocols import query, shapes
from fsdcf.sandbox.state import SandboxState, ServiceError

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

    def __init__(self, world: SandboxState, rewrite: Rewrite | None = None, endpoint: str = "") -> None:
        self.state = world
        self.rewrite = rewrite
        self.requests: list[tuple[float, str]] = []
        self._refused: dict[int, HttpResponse] = {}
        self._is_plain = rewrite is None and not endpoint

    def get_component(self, name: str) -> Wire:
        return self

    def register(self, name: str, answer: Callable[..., Any]) -> None:
        def noted(request: Any, **more: Any) -> Any:
            self.requests.append((self.state.clock.now(), more["event_name"]))
            if refused := self._refused.pop(get_ident(), None):
                return AWSResponse(request.url, refused.status, refused.headers, Body(refused.body))
            given = answer(request, **more)
            if self.rewrite is None:
                return given
            status, body = self.rewrite(more["event_name"].rpartition(".")[2], given.status_code, given.content)
            return AWSResponse(given.url, status, {}, Body(body))

        self.answer = noted

    def read(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a call straight from the sandbox; None for one that has to go over the wire, where a refusal
        of the sandbox waits for it."""
        model = client.meta.service_model.operation_model(operation)
        if not self._is_plain or any(isinstance(one, CallFault) for one in self.state.faults._faults):
            return None
        if ParamValidator().validate(parameters, model.input_shape).has_errors():
            return None
        service = client.meta.service_model.service_name
        asked = replace(self.state, request_region=client.meta.region_name)
        try:
            result = wire._result(asked, schedule.operations(service)[operation], parameters)
        except ServiceError as error:
            protocol = wire.PROTOCOLS[shapes.protocol(service)]
            self._refused[get_ident()] = protocol.error(shapes.model(service), error, "refused")
            return None
        return {**_told(model.output_shape, result, shapes.protocol(service) == "query"), "ResponseMetadata": {}}

    def compare(self, client: Any, operation: str, parameters: dict[str, Any]) -> None:
        """Make a call both ways. The answers must be equal, unless time has passed or another thread has written."""
        before = self._moment()
        straight = self.read(client, operation, parameters)
        if straight is None:
            self._refused.pop(get_ident(), None)
            return
        over_wire = _call(client, operation, parameters)
        self.requests.pop()
        if self._moment() == before:
            assert {**over_wire, "ResponseMetadata": {}} == straight

    def _moment(self) -> tuple[float, int]:
        return self.state.clock.now(), self.state.store._connection.total_changes


def _told(shape: Any, value: Any, as_xml: bool) -> Any:
    """A result of the sandbox as botocore reads it from what the protocol writes."""
    kind = shape.type_name
    if kind == "structure":
        present = shapes.members(shape, value)
        if all(isinstance(child, (str, int, float)) for _, _, child in present):
            return dict(_told_once(shape, tuple([(name, type(child), child) for name, _, child in present]), as_xml))
        return {name: _told(member, child, as_xml) for name, member, child in present}
    if kind == "list":
        return [_told(shape.member, child, as_xml) for child in shapes.collection(shape, value)]
    if kind == "map":
        return {key: _told(shape.value, child, as_xml) for key, child in shapes.collection(shape, value).items()}
    if kind == "timestamp":
        return datetime.fromtimestamp(shapes.seconds_of(value), timezone.utc)
    shapes.checked(shape, value)
    return query._FORBIDDEN.sub("\ufffd", value) if as_xml and kind == "string" else value


@lru_cache(5_000)
def _told_once(shape: Any, present: tuple[tuple[str, type, Any], ...], as_xml: bool) -> dict[str, Any]:
    """A structure of scalars, which comes again and again, as the events do at each poll."""
    return {name: _told(shape.members[name], child, as_xml) for name, _, child in present}


READS = {
    "cloudformation": frozenset(
        {"DescribeStackEvents", "DescribeStacks", "DescribeChangeSet", "ListStackResources", "DescribeEvents"}
    ),
    "ecs": frozenset({"DescribeServices", "DescribeTasks", "ListTasks"}),
    "elbv2": frozenset({"DescribeTargetHealth"}),
    "logs": frozenset({"GetLogEvents"}),
}
"""What a deploy reads again and again: nine tenths of its calls."""

_OVER_WIRE = 12
"""The first call of each operation goes both ways, and then one of so many."""

_MADE: Counter[str] = Counter()
_call = BaseClient._make_api_call


def _make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    service = client.meta.service_model.service_name
    if not _WIRES or operation not in READS.get(service, ()):
        return _call(client, operation, parameters)
    made = _WIRES[-1]
    answer = made.read(client, operation, parameters)
    if answer is None:
        return _call(client, operation, parameters)
    _MADE[operation] += 1
    if _MADE[operation] % _OVER_WIRE == 1 and not made.state.faults._faults:
        made.compare(client, operation, parameters)
    made.requests.append((made.state.clock.now(), f"before-send.{service}.{operation}"))
    return answer


BaseClient._make_api_call = _make_api_call


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
    made = Wire(world, rewrite, endpoint)
    connect(made, world)
    return made, lambda service, region: _Client(_shared(service, region, endpoint), made)
