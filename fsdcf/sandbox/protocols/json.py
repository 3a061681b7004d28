"""The JSON protocol: a target in the header, JSON in and out. ECS, ECR, SSM, DynamoDB and CloudWatch Logs speak it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.sandbox.exchange import HttpRequest, HttpResponse
from fsdcf.sandbox.protocols.shapes import Malformed, ShapeError, checked, members, seconds_of, value_of
from fsdcf.sandbox.state import ServiceError


def decode(operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
    """The parameters, by the operation's input. Malformed if they do not fit it."""
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Malformed("the body is no JSON") from error
    if operation.input_shape is None:
        return {}
    found: dict[str, Any] = _decoded(operation.input_shape, body)
    return found


def _decoded(shape: Shape, value: Any) -> Any:
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        _demand(isinstance(value, dict), shape)
        named = [
            (name, member, value.get(member.serialization.get("name", name))) for name, member in shape.members.items()
        ]
        return {name: _decoded(member, one) for name, member, one in named if one is not None}
    if shape.type_name == "list":
        _demand(isinstance(value, list), shape)
        return [_decoded(shape.member, one) for one in value]
    if shape.type_name == "map":
        _demand(isinstance(value, dict), shape)
        return {key: _decoded(shape.value, one) for key, one in value.items()}
    return _scalar(shape, value)


def _scalar(shape: Shape, value: Any) -> Any:
    if shape.type_name in ("blob", "timestamp") and isinstance(value, str):
        return value_of(shape, value)
    if shape.type_name == "boolean":
        _demand(isinstance(value, bool), shape)
    elif shape.type_name == "string":
        _demand(isinstance(value, str), shape)
    else:
        _demand(isinstance(value, int | float) and not isinstance(value, bool), shape)
    return value


def _demand(holds: bool, shape: Shape) -> None:
    if not holds:
        raise Malformed(f"a value cannot be read as {shape.type_name} ({shape.name})")


def encode(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> HttpResponse:
    """An answer. ShapeError if the result has what the operation's output does not."""
    shape = operation.output_shape
    body = {} if shape is None else _encoded(shape, result)
    version = operation.service_model.metadata.get("jsonVersion", "1.1")
    return _response(200, body, request_id, version)


def _encoded(shape: Shape, value: Any) -> Any:
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        pairs = members(shape, value)
        return {member.serialization.get("name", name): _encoded(member, one) for name, member, one in pairs}
    if shape.type_name == "list":
        if not isinstance(value, list | tuple):
            raise ShapeError(f"{shape.name} is a list, not {value!r}")
        return [_encoded(shape.member, one) for one in value]
    if shape.type_name == "map":
        if not isinstance(value, Mapping):
            raise ShapeError(f"{shape.name} is a map, not {value!r}")
        return {key: _encoded(shape.value, one) for key, one in value.items()}
    if shape.type_name == "timestamp":
        return seconds_of(value)
    checked(shape, value)
    return base64.b64encode(value).decode() if shape.type_name == "blob" else value


def error(service: ServiceModel | None, refusal: ServiceError, request_id: str) -> HttpResponse:
    """An error in the words of the protocol."""
    version = service.metadata.get("jsonVersion", "1.1") if service is not None else "1.1"
    body = {"__type": refusal.code, "message": refusal.message}
    return _response(refusal.status, body, request_id, version, {"x-amzn-ErrorType": refusal.code})


def _response(
    status: int, body: dict[str, Any], request_id: str, version: str, more: Mapping[str, str] | None = None
) -> HttpResponse:
    headers = {"Content-Type": f"application/x-amz-json-{version}", "x-amzn-RequestId": request_id, **(more or {})}
    return HttpResponse(status, headers, json.dumps(body).encode("ascii"))
