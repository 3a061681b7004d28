"""The protocol of EventBridge Scheduler: method and path name the operation; the body, if any, is JSON."""

from __future__ import annotations

from botocore.model import OperationModel, ServiceModel

from fsdcf.sandbox.exchange import HttpRequest
from fsdcf.sandbox.protocols.json import decode as decode_body
from fsdcf.sandbox.protocols.json import encode, error
from fsdcf.sandbox.protocols.shapes import value_of, wire_name
from fsdcf.sandbox.state import Document

__all__ = ["decode", "encode", "error", "operation_of"]


def operation_of(service: ServiceModel, request: HttpRequest) -> str | None:
    """Return the operation that a request's method and path name, or None."""
    operations = (service.operation_model(name) for name in service.operation_names)
    same = (one for one in operations if one.http["method"] == request.method)
    return next((one.name for one in same if _labels(one, request) is not None), None)


def _labels(operation: OperationModel, request: HttpRequest) -> Document | None:
    """The members in a request's path, by their names in it; None if it is not the path of the operation."""
    pattern = operation.http["requestUri"].split("/")
    given = request.path.split("/", len(pattern) - 1)  # the last member may have a slash, as an ARN
    pairs = list(zip(pattern, given, strict=False))
    fits = all(value if name.startswith("{") else name == value for name, value in pairs)
    return {name.strip("{}"): value for name, value in pairs} if fits and len(pattern) == len(given) else None


def decode(operation: OperationModel, request: HttpRequest) -> Document:
    """Return the parameters in the operation's input shape. Raises Malformed if they do not fit it."""
    params = decode_body(operation, request)
    places = {"uri": tuple((_labels(operation, request) or {}).items()), "querystring": request.pairs}
    shape = operation.input_shape
    for name, member in shape.members.items() if shape is not None else ():
        place = places.get(member.serialization.get("location", ""), ())
        texts = [text for key, text in place if key == wire_name(member, name) and text]
        if texts:
            is_list = member.type_name == "list"
            params[name] = [value_of(member.member, text) for text in texts] if is_list else value_of(member, texts[-1])
    return params
