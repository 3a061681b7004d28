"""One call from bytes to bytes: which service and operation, faults first, then what has become due, then the answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from botocore.model import OperationModel, ServiceModel

from fsdcf.sandbox import schedule
from fsdcf.sandbox.exchange import Fate, HttpRequest, HttpResponse, request
from fsdcf.sandbox.faults import CallFault
from fsdcf.sandbox.protocols import json, query, rest_xml, shapes
from fsdcf.sandbox.protocols.shapes import Malformed
from fsdcf.sandbox.state import SandboxState, ServiceError

PROTOCOLS: Mapping[str, ModuleType] = {"json": json, "query": query, "rest-xml": rest_xml}
"""The protocols by botocore's names."""

SIGNED_AS = {"elasticloadbalancing": "elbv2"}
"""Services whose name in a signature is not botocore's."""

PAGE = b"<html><body><h1>502 Bad Gateway</h1>The sandbox stands in for a broken proxy.</body></html>"
"""What a broken proxy answers with."""

_AFTERWARDS: Mapping[str, Fate] = {"lost": "reset", "half": "half"}
"""Faults that strike after the call has done its work, and what becomes of the answer."""

_SCOPE = re.compile(r"(?:Credential=|^)[^/\s]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True)
class ApiCall:
    """What a request asks for: the service (botocore's name), the region that it was signed for, the operation's name."""

    service: str
    region: str
    name: str

    @property
    def model(self) -> ServiceModel | None:
        """The service's model; None for a service that the sandbox does not have."""
        return shapes.model(self.service) if self.service in schedule.NAMES else None


def handle(state: SandboxState, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
    """Answers one call. Every error of AWS's kind is a response; what is raised is a bug of the sandbox.

    The signature is not verified: the sandbox vouches for no permission.
    """
    asked = request(method, url, headers, body)
    request_id = str(uuid.uuid4())
    call = called(asked)
    speech = _protocol(call, asked)
    fault: CallFault | None = None
    try:
        operation, handler = _offered(call)
        fault = state.faults.call_fault(call.service, call.name)
        if fault is not None and fault.kind == "delay":
            state.sleep(float(fault.detail))
        elif fault is not None and fault.kind not in (*_AFTERWARDS, "partial"):
            return _struck(call, fault, speech, request_id)
        params = _params(call, operation, speech, asked)
        asking = replace(
            state, request_region=call.region or state.region, partial=fault is not None and fault.kind == "partial"
        )
        answer: HttpResponse = speech.encode(operation, _done(asking, handler, params), request_id)
    except ServiceError as refusal:
        answer = speech.error(call.model, refusal, request_id)
    fate = _AFTERWARDS.get(fault.kind, "sent") if fault is not None else "sent"
    return replace(answer, fate=fate, body=b"" if asked.method == "HEAD" else answer.body)


def called(asked: HttpRequest) -> ApiCall:
    """What a request asks for. Parts that it does not tell are empty."""
    scope = _SCOPE.search(asked.headers.get("authorization", "")) or _SCOPE.search(
        asked.query.get("X-Amz-Credential", "")
    )
    signed = scope["service"] if scope is not None else ""
    region = scope["region"] if scope is not None else ""
    prefix, _, target = asked.headers.get("x-amz-target", "").rpartition(".")
    if target:
        return ApiCall(_targeted(prefix) or signed, region, target)
    if _is_form(asked):
        form = query.fields(asked)
        versioned = _versioned(form.get("Version", ""))
        return ApiCall(versioned or SIGNED_AS.get(signed, signed), region, form.get("Action", ""))
    name = rest_xml.operation_of(shapes.model("s3"), asked) if signed == "s3" else None
    return ApiCall(signed, region, name or "")


def _is_form(asked: HttpRequest) -> bool:
    return "x-www-form-urlencoded" in asked.headers.get("content-type", "") or "Action" in asked.query


def _targeted(prefix: str) -> str:
    """The service whose targets begin so."""
    return next((name for name in schedule.NAMES if shapes.model(name).metadata.get("targetPrefix") == prefix), "")


def _versioned(version: str) -> str:
    """The service of the query protocol with this version of its API."""
    offered = (name for name in schedule.NAMES if shapes.protocol(name) == "query")
    return next((name for name in offered if shapes.model(name).api_version == version), "")


def _protocol(call: ApiCall, asked: HttpRequest) -> Any:
    if call.service in schedule.NAMES:
        return PROTOCOLS[shapes.protocol(call.service)]
    return query if _is_form(asked) else json


def _params(call: ApiCall, operation: OperationModel, speech: Any, asked: HttpRequest) -> dict[str, Any]:
    try:
        params: dict[str, Any] = speech.decode(operation, asked)
    except Malformed as error:
        raise ServiceError(_malformed(call), str(error)) from error
    _demand(call, operation, params)
    return params


def _done(state: SandboxState, handler: schedule.Handler, params: dict[str, Any]) -> dict[str, Any]:
    """Catches up with the time, then does what is asked. A refused call leaves no trace but the time that has passed."""
    now = state.clock.now()
    held = state.held(now)
    refused: ServiceError | None = None
    result: dict[str, Any] = {}
    with state.store.transaction():
        schedule.advance(held)
        try:
            with state.store.transaction():
                result = handler(held, params)
        except ServiceError as refusal:
            refused = refusal
    if refused is not None:
        raise refused
    return result


def _offered(call: ApiCall) -> tuple[OperationModel, schedule.Handler]:
    if not call.service:
        raise ServiceError(
            "MissingAuthenticationToken", "Missing Authentication Token. This is a sandbox of AWS's API.", 403
        )
    if call.service not in schedule.NAMES:
        raise ServiceError("NotImplemented", f"the sandbox does not offer the service {call.service}")
    operation = shapes.operation(call.service, call.name)
    if operation is None:
        raise ServiceError("InvalidAction", f"The action {call.name} is not valid for this web service.")
    handler = schedule.operations(call.service).get(call.name)
    if handler is None:
        raise ServiceError("NotImplemented", f"the sandbox does not offer {call.name} of {call.service}")
    return operation, handler


def _demand(call: ApiCall, operation: OperationModel, params: dict[str, Any]) -> None:
    absent = shapes.missing(operation.input_shape, params)
    if absent:
        count = "1 validation error" if len(absent) == 1 else f"{len(absent)} validation errors"
        each = "; ".join(
            f"Value null at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
            for name in absent
        )
        raise ServiceError(_invalid(call), f"{count} detected: {each}")


def _invalid(call: ApiCall) -> str:
    return "ValidationError" if shapes.protocol(call.service) == "query" else "ValidationException"


def _malformed(call: ApiCall) -> str:
    return {"query": "MalformedInput", "json": "SerializationException"}.get(
        shapes.protocol(call.service), "MalformedXML"
    )


def _struck(call: ApiCall, fault: CallFault, speech: Any, request_id: str) -> HttpResponse:
    """The answer of a call that goes wrong before anything is done."""
    if fault.kind in ("reset", "unreachable"):
        return HttpResponse(500, fate=fault.kind)
    if fault.kind == "html":
        return HttpResponse(502, {"Content-Type": "text/html"}, PAGE)
    refusal = _refusal(fault, shapes.protocol(call.service))
    answer: HttpResponse = speech.error(call.model, refusal, request_id)
    return answer


def _refusal(fault: CallFault, protocol: str) -> ServiceError:
    """The error that a fault stands for, in the words of the protocol's services."""
    if fault.kind == "error":
        denied = fault.detail.startswith(("AccessDenied", "Unauthorized")) and protocol != "json"
        return ServiceError(fault.detail, "The sandbox was told to fail here.", 403 if denied else 400)
    if fault.kind == "broken":
        return ServiceError("InternalFailure", "An internal error has occurred.", 500)
    return _WORDS[fault.kind].get(protocol) or _WORDS[fault.kind]["query"]


_WORDS: Mapping[str, Mapping[str, ServiceError]] = {
    "throttle": {
        "query": ServiceError("Throttling", "Rate exceeded"),
        "json": ServiceError("ThrottlingException", "Rate exceeded"),
        "rest-xml": ServiceError("SlowDown", "Please reduce your request rate.", 503),
    },
    "expired": {
        "query": ServiceError("ExpiredToken", "The security token included in the request is expired", 403),
        "json": ServiceError("ExpiredTokenException", "The security token included in the request is expired"),
        "rest-xml": ServiceError("ExpiredToken", "The provided token has expired."),
    },
}
