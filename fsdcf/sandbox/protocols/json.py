"""The JSON protocol of ECS, ECR, SSM, DynamoDB and CloudWatch Logs: a header names the operation."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.sandbox.exchange import HttpRequest, HttpResponse
from fsdcf.sandbox.protocols.shapes import Malformed, checked, collection, members, seconds_of, value_of, wire_name
from fsdcf.sandbox.state import Data, Document, ServiceError


def decode(operation: OperationModel, request: HttpRequest) -> Document:
    """Return the parameters in the operation's input shape. Raises Malformed if they do not fit it."""
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Malformed("the body is not valid JSON") from error
    params: Document = {} if operation.input_shape is None else _decoded(operation.input_shape, body)
    return params


_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "boolean": (bool,),
    "string": (str,),
}


def _decoded(shape: Shape, given: Any) -> Any:
    kind, value = shape.type_name, given
    if getattr(shape, "is_document_type", False):
        return value
    if kind in ("blob", "timestamp") and isinstance(value, str):
        return value_of(shape, value)
    if not isinstance(given, _JSON_TYPES.get(kind, (int, float))) or (isinstance(given, bool) and kind != "boolean"):
        raise Malformed(f"a value cannot be read as {kind} ({shape.name})")
    if kind == "structure":
        pairs = [(name, value.get(wire_name(member, name)), member) for name, member in shape.members.items()]
        return {name: _decoded(member, child) for name, child, member in pairs if child is not None}
    if kind == "list":
        return [_decoded(shape.member, child) for child in value]
    if kind == "map":
        return {key: _decoded(shape.value, child) for key, child in value.items()}
    return value


def encode(operation: OperationModel, result: Data, request_id: str) -> HttpResponse:
    """Return a response with the result. Raises ShapeError if it does not fit the operation's output shape."""
    shape = operation.output_shape
    return _response(200, {} if shape is None else _encoded(shape, result), request_id, operation.service_model)


def _encoded(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        return {wire_name(member, name): _encoded(member, child) for name, member, child in members(shape, value)}
    if kind == "list":
        return [_encoded(shape.member, child) for child in collection(shape, value)]
    if kind == "map":
        return {key: _encoded(shape.value, child) for key, child in collection(shape, value).items()}
    if kind == "timestamp":
        return seconds_of(value)
    checked(shape, value)
    return base64.b64encode(value).decode() if kind == "blob" else value


def error(service: ServiceModel | None, failure: ServiceError, request_id: str) -> HttpResponse:
    """Return an error response."""
    shape = service.shape_for_error_code(failure.code) if service is not None and failure.members else None
    members = {} if shape is None else _encoded(shape, failure.members)
    body = {"__type": failure.code, "message": failure.message, **members}
    return _response(failure.status, body, request_id, service, {"x-amzn-ErrorType": failure.code})


def _response(
    status: int,
    body: Document,
    request_id: str,
    service: ServiceModel | None,
    more: Mapping[str, str] | None = None,
) -> HttpResponse:
    version = "1.1" if service is None else service.metadata.get("jsonVersion", "1.1")
    headers = {"Content-Type": f"application/x-amz-json-{version}", "x-amzn-RequestId": request_id, **(more or {})}
    return HttpResponse(status, headers, json.dumps(body).encode("ascii"))
