"""Handles a call from request to response: finds service and operation, injects faults, runs due actions, answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from botocore.model import OperationModel, ServiceModel

from fsdcf.sandbox import schedule
from fsdcf.sandbox.exchange import Delivery, HttpRequest, HttpResponse, request
from fsdcf.sandbox.faults import CallFault
from fsdcf.sandbox.protocols import json, query, rest_json, rest_xml, shapes
from fsdcf.sandbox.protocols.shapes import Malformed
from fsdcf.sandbox.state import Document, SandboxState, ServiceError

PROTOCOLS: Mapping[str, ModuleType] = {"json": json, "query": query, "rest-json": rest_json, "rest-xml": rest_xml}
"""The protocols by botocore's names."""

SIGNED_AS = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
"""Services whose name in a signature differs from botocore's."""

PROXY_PAGE = b"<html><body><h1>502 Bad Gateway</h1>The sandbox simulates a broken proxy.</body></html>"

_DELIVERIES: Mapping[str, Delivery] = {"lost": "reset", "half": "half"}
"""Faults that apply after the call has taken effect, and how its answer is delivered."""

_SHORTENED = ("partial", "brief")
"""Faults that the handler of the call applies."""

_SCOPE = re.compile(
    r"(?:Credential=|^)[^/\s]{1,256}/\d{8}/(?P<region>[^/\s]{1,64})/(?P<service>[^/\s]{1,64})/aws4_request"
)


@dataclass(frozen=True)
class ApiCall:
    """The target of a request: the service (botocore's name), the region it was signed for, and the operation."""

    service: str
    region: str
    operation: str

    @property
    def model(self) -> ServiceModel | None:
        """The model of the service, or None for a service that the sandbox does not offer."""
        return shapes.model(self.service) if self.service in schedule.NAMES else None


def handle(state: SandboxState, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
    """Answer a call. Every error of AWS becomes a response; an exception is a bug of the sandbox.

    The signature is not verified.
    """
    http = request(method, url, headers, body)
    request_id = str(uuid.uuid4())
    call = called(http)
    protocol = _protocol(call, http)
    fault: CallFault | None = None
    try:
        operation, handler = _offered(call)
        fault = state.faults.call_fault(call.service, call.operation)
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "delay":
            state.sleep(float(fault.detail))
        elif fault is not None and kind not in (*_DELIVERIES, *_SHORTENED):
            return _faulty_answer(call, fault, protocol, request_id)
        params = _params(call, operation, protocol, http)
        region, partial, brief = call.region or state.region, kind == "partial", kind == "brief"
        asked = replace(state, request_region=region, partial=partial, brief=brief)
        answer: HttpResponse = protocol.encode(operation, _result(asked, handler, params), request_id)
    except ServiceError as error:
        answer = protocol.error(call.model, error, request_id)
    delivery = _DELIVERIES.get(fault.kind, "sent") if fault is not None else "sent"
    return replace(answer, delivery=delivery, body=b"" if http.method == "HEAD" else answer.body)


def refusal(method: str, url: str, headers: Mapping[str, str], error: ServiceError) -> HttpResponse:
    """Answer a call with an error of its protocol, without its body."""
    http = request(method, url, headers, b"")
    call = called(http)
    answer: HttpResponse = _protocol(call, http).error(call.model, error, str(uuid.uuid4()))
    return answer


def called(http: HttpRequest) -> ApiCall:
    """Return the target of a request. Unknown parts are empty."""
    credential = http.query.get("X-Amz-Credential", "")
    scope = _SCOPE.search(http.headers.get("authorization", "")) or _SCOPE.search(credential)
    signed, region = (scope["service"], scope["region"]) if scope is not None else ("", "")
    prefix, _, target = http.headers.get("x-amz-target", "").rpartition(".")
    if target:
        services = (name for name in schedule.NAMES if shapes.model(name).metadata.get("targetPrefix") == prefix)
        return ApiCall(next(services, "") or signed, region, target)
    if _is_form(http):
        form = query.fields(http)
        models = ((name, shapes.model(name)) for name in schedule.NAMES if shapes.protocol(name) == "query")
        services = (name for name, model in models if model.api_version == form.get("Version", ""))
        return ApiCall(next(services, "") or SIGNED_AS.get(signed, signed), region, form.get("Action", ""))
    by_path = {"rest-xml": rest_xml.operation_of, "rest-json": rest_json.operation_of}
    find = by_path.get(shapes.protocol(signed)) if signed in schedule.NAMES else None
    operation = find(shapes.model(signed), http) if find is not None else None
    return ApiCall(signed, region, operation or "")


def _is_form(http: HttpRequest) -> bool:
    return "x-www-form-urlencoded" in http.headers.get("content-type", "") or "Action" in http.query


def _protocol(call: ApiCall, http: HttpRequest) -> Any:
    if call.service in schedule.NAMES:
        return PROTOCOLS[shapes.protocol(call.service)]
    return query if _is_form(http) else json


def _params(call: ApiCall, operation: OperationModel, protocol: Any, http: HttpRequest) -> Document:
    """Decode the parameters of a call. Raises ServiceError for a malformed request and for missing parameters."""
    name = shapes.protocol(call.service)
    try:
        params: Document = protocol.decode(operation, http)
    except Malformed as error:
        code = {"query": "MalformedInput", "rest-xml": "MalformedXML"}.get(name, "SerializationException")
        raise ServiceError(code, str(error)) from error
    missing = shapes.missing(operation.input_shape, params)
    if missing:
        count = "1 validation error" if len(missing) == 1 else f"{len(missing)} validation errors"
        constraint = "failed to satisfy constraint: Member must not be null"
        each = "; ".join(f"Value null at '{member[:1].lower()}{member[1:]}' {constraint}" for member in missing)
        code = "ValidationError" if name == "query" else "ValidationException"
        raise ServiceError(code, f"{count} detected: {each}")
    return params


def _result(state: SandboxState, handler: schedule.Handler, params: Document) -> Document:
    """Run what is due, then the handler. If the handler raises ServiceError, only its own changes are undone."""
    with state.store.transaction():
        now = schedule.moment(state)
        schedule.advance(now)
        try:
            with state.store.transaction():
                return handler(now, params)
        except ServiceError as error:
            refused = error
    raise refused


def _offered(call: ApiCall) -> tuple[OperationModel, schedule.Handler]:
    if not call.service:
        message = "Missing Authentication Token. This is a sandbox of AWS's API."
        raise ServiceError("MissingAuthenticationToken", message, 403)
    if call.service not in schedule.NAMES:
        raise ServiceError("NotImplemented", f"the sandbox does not offer the service {call.service}")
    operation = shapes.operation(call.service, call.operation)
    if operation is None:
        raise ServiceError("InvalidAction", f"The action {call.operation} is not valid for this web service.")
    handler = schedule.operations(call.service).get(call.operation)
    if handler is None:
        raise ServiceError("NotImplemented", f"the sandbox does not offer {call.operation} of {call.service}")
    return operation, handler


def _faulty_answer(call: ApiCall, fault: CallFault, protocol: Any, request_id: str) -> HttpResponse:
    """Return the answer of a call that fails before it takes effect."""
    if fault.kind in ("reset", "unreachable"):
        return HttpResponse(500, delivery=fault.kind)
    if fault.kind == "html":
        return HttpResponse(502, {"Content-Type": "text/html"}, PROXY_PAGE)
    answer: HttpResponse = protocol.error(call.model, _error(fault, shapes.protocol(call.service)), request_id)
    return answer


def _error(fault: CallFault, protocol: str) -> ServiceError:
    """Return the error of a fault as services of the protocol word it."""
    if fault.kind == "error":
        denied = fault.detail.startswith(("AccessDenied", "Unauthorized")) and protocol != "json"
        return ServiceError(fault.detail, "A fault of the sandbox.", 403 if denied else 400)
    if fault.kind == "broken":
        return ServiceError("InternalFailure", "An internal error has occurred.", 500)
    return _ERRORS[fault.kind][protocol]


_ERRORS: Mapping[str, Mapping[str, ServiceError]] = {
    "throttle": {
        "query": ServiceError("Throttling", "Rate exceeded"),
        "json": ServiceError("ThrottlingException", "Rate exceeded"),
        "rest-json": ServiceError("ThrottlingException", "Rate exceeded", 429),
        "rest-xml": ServiceError("SlowDown", "Please reduce your request rate.", 503),
    },
    "expired": {
        "query": ServiceError("ExpiredToken", "The security token included in the request is expired", 403),
        "json": ServiceError("ExpiredTokenException", "The security token included in the request is expired"),
        "rest-json": ServiceError(
            "ExpiredTokenException", "The security token included in the request is expired", 403
        ),
        "rest-xml": ServiceError("ExpiredToken", "The provided token has expired."),
    },
}
