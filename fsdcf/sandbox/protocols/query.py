"""The query protocol: a form in, XML out. CloudFormation, STS and Elastic Load Balancing speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.sandbox.exchange import Request, Response
from fsdcf.sandbox.protocols.scalars import value_of
from fsdcf.sandbox.protocols.xml import element, escaped, inner
from fsdcf.sandbox.world import Refusal

Tree = dict[str, Any]
"""A form's fields by the steps of their names; the field's own text stands under the empty step."""


def fields(request: Request) -> dict[str, str]:
    """The form that a request carries in its body or, with GET, in its query."""
    body = request.body.decode("utf-8", "replace")
    return {**request.query, **dict(parse_qsl(body, keep_blank_values=True))}


def decode(operation: OperationModel, request: Request) -> dict[str, Any]:
    """The parameters, by the operation's input. Malformed if they do not fit it."""
    tree: Tree = {}
    for name, text in fields(request).items():
        node = tree
        for step in name.split("."):
            node = node.setdefault(step, {})
        node[""] = text
    found: dict[str, Any] = _structure(operation.input_shape, tree) if operation.input_shape is not None else {}
    return found


def _structure(shape: Shape, tree: Tree) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            wire_name = member.member.serialization.get("name", wire_name)
        if wire_name in tree:
            found[name] = _value(member, tree[wire_name])
    return found


def _value(shape: Shape, tree: Tree) -> Any:
    flat = shape.serialization.get("flattened")
    if shape.type_name == "structure":
        return _structure(shape, tree)
    if shape.type_name == "list":
        items = tree if flat else tree.get(shape.member.serialization.get("name", "member"), {})
        return [_value(shape.member, one) for one in _numbered(items)]
    if shape.type_name == "map":
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries = _numbered(tree if flat else tree.get("entry", {}))
        return {
            _value(shape.key, one.get(key_name, {})): _value(shape.value, one.get(value_name, {})) for one in entries
        }
    return value_of(shape, tree.get("", ""))


def _numbered(tree: Tree) -> list[Tree]:
    return [tree[step] for step in sorted((one for one in tree if one.isdecimal()), key=int)]


def encode(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Response:
    """An answer. ShapeError if the result has what the operation's output does not."""
    shape = operation.output_shape
    content = inner(shape, result) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else f"{operation.name}Result"
    content = element(wrapper, content) if wrapper else content
    metadata = element("ResponseMetadata", element("RequestId", request_id))
    names = {"xmlns": operation.service_model.metadata["xmlNamespace"]}
    return _response(200, element(f"{operation.name}Response", content + metadata, names), request_id)


def error(service: ServiceModel | None, refusal: Refusal, request_id: str) -> Response:
    """An error in the words of the protocol."""
    kind = "Sender" if refusal.status < 500 else "Receiver"
    facts = {"Type": kind, "Code": refusal.code, "Message": refusal.message}
    content = element("Error", "".join(element(name, escaped(text)) for name, text in facts.items()))
    names = {"xmlns": service.metadata["xmlNamespace"]} if service is not None else {}
    return _response(
        refusal.status, element("ErrorResponse", content + element("RequestId", request_id), names), request_id
    )


def _response(status: int, document: str, request_id: str) -> Response:
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return Response(status, headers, document.encode("utf-8"))
