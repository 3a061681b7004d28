"""The protocol of S3: method and path name the operation; values are in path, query, headers and body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.cloudformation.partitions import DOMAIN
from fsdcf.sandbox.exchange import HttpRequest, HttpResponse
from fsdcf.sandbox.protocols.query import element, encoded, escaped, parsed
from fsdcf.sandbox.protocols.shapes import collection, members, text_of, value_of, wire_name
from fsdcf.sandbox.state import Data, Document, ServiceError

_VIRTUAL = re.compile(rf"(?P<bucket>.{{1,255}})\.s3[.-](?:[a-z0-9.-]{{1,200}}\.)?(?:{DOMAIN})")


def addressed(request: HttpRequest) -> tuple[str, str]:
    """Return the bucket and the key of a request, or empty strings. The bucket is in the path or in the host."""
    host = _VIRTUAL.fullmatch(request.host.partition(":")[0])
    path = request.path.removeprefix("/")
    if host is not None:
        return host["bucket"], path
    bucket, _, key = path.partition("/")
    return bucket, key


def operation_of(service: ServiceModel, request: HttpRequest) -> str | None:
    """Return the operation that a request's method, path and query name, or None."""
    bucket, key = addressed(request)
    path = "/{Bucket}/{Key+}" if key else "/{Bucket}" if bucket else "/"
    matches = [
        route
        for route in _routes(service)
        if (route.method, route.path) == (request.method, path)
        and all(request.query.get(name) == value for name, value in route.literal)
        and all(name in request.query for name in route.parameters)
        and all(name in request.headers for name in route.headers)
    ]
    return max(matches, key=lambda route: route.rank).name if matches else None


@dataclass(frozen=True)
class _Route:
    """What a request must contain to name an operation. The match with the most conditions applies."""

    name: str
    method: str
    path: str
    literal: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    headers: tuple[str, ...]

    @property
    def rank(self) -> int:
        return len(self.literal) + len(self.parameters) + len(self.headers)


@cache
def _routes(service: ServiceModel) -> tuple[_Route, ...]:
    routes = []
    for name in service.operation_names:
        operation = service.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        literal = tuple(pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "x-id")
        shape = operation.input_shape
        required = [] if shape is None else [shape.members[key].serialization for key in shape.required_members]
        parameters = tuple(place["name"] for place in required if place.get("location") == "querystring")
        headers = tuple(place["name"].lower() for place in required if place.get("location") == "header")
        routes.append(_Route(name, operation.http["method"], path, literal, parameters, headers))
    return tuple(routes)


def decode(operation: OperationModel, request: HttpRequest) -> Document:
    """Return the parameters in the operation's input shape. Raises Malformed if they do not fit it."""
    shape = operation.input_shape
    if shape is None:
        return {}
    bucket, key = addressed(request)
    places = {"uri": {"Bucket": bucket, "Key": key}, "querystring": request.query, "header": request.headers}
    params: Document = {}
    for name, member in shape.members.items():
        location, place = member.serialization.get("location"), wire_name(member, name)
        if location == "headers":
            prefix = place.lower()
            matches = {key: value for key, value in request.headers.items() if key.startswith(prefix)}
            params[name] = {key.removeprefix(prefix): value for key, value in matches.items()}
        elif location is not None:
            text = places[location].get(place.lower() if location == "header" else place)
            params |= {name: value_of(member, text)} if text and member.type_name != "list" else {}
    payload = shape.serialization.get("payload")
    if payload and request.body:
        member = shape.members[payload]
        params[payload] = request.body if member.type_name == "blob" else parsed(member, request.body)
    return params


def encode(operation: OperationModel, result: Data, request_id: str) -> HttpResponse:
    """Return a response with the result. Raises ShapeError if it does not fit the operation's output shape."""
    shape = operation.output_shape
    headers = {"x-amz-request-id": request_id}
    status = int(operation.http.get("responseCode", 200))
    if shape is None:
        return HttpResponse(status, headers)
    payload = shape.serialization.get("payload")
    content, body = "", b""
    for name, member, value in members(shape, result):
        location = member.serialization.get("location")
        if location in ("header", "headers"):
            headers |= _headers(member, member.serialization["name"], value)
        elif name == payload and member.type_name == "blob":
            body = value
        else:
            content += encoded(member, wire_name(member, name), value)
    return HttpResponse(status, headers, body if payload else _document(operation, shape, content, headers))


def _headers(shape: Shape, name: str, value: Any) -> dict[str, str]:
    if shape.type_name == "map":
        return {name + key: text_of(shape.value, child) for key, child in collection(shape, value).items()}
    return {name: text_of(shape, value, "rfc822")}


def _document(operation: OperationModel, shape: Shape, content: str, headers: dict[str, str]) -> bytes:
    if all("location" in member.serialization for member in shape.members.values()):
        return b""
    headers["Content-Type"] = "application/xml"
    names = {"xmlns": operation.service_model.metadata.get("xmlNamespace", "http://s3.amazonaws.com/doc/2006-03-01/")}
    if operation.name == "GetBucketLocation":
        # The model does not describe this answer: its only member is the root element itself.
        content = re.sub("</?LocationConstraint/?>", "", content)
        return element("LocationConstraint", content, names).encode("utf-8")
    return element(wire_name(shape, shape.name), content, names).encode("utf-8")


def error(service: ServiceModel | None, failure: ServiceError, request_id: str) -> HttpResponse:
    """Return an error response."""
    facts = {"Code": failure.code, "Message": failure.message, "RequestId": request_id}
    body = element("Error", "".join(element(name, escaped(text)) for name, text in facts.items()))
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id, **failure.headers}
    return HttpResponse(failure.status, headers, body.encode("utf-8"))
