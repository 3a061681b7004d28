"""The query protocol of CloudFormation, STS and Elastic Load Balancing: the request is a form, the answer XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.sandbox.exchange import HttpRequest, HttpResponse
from fsdcf.sandbox.protocols.shapes import Malformed, collection, members, text_of, value_of, wire_name
from fsdcf.sandbox.state import Data, Document, ServiceError

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = (str, int, float)


def escaped(text: str) -> str:
    """Escape text for an element.

    Characters that XML does not allow, control characters and lone surrogates, become U+FFFD.
    """
    plain = text if text.isprintable() else _FORBIDDEN.sub("\ufffd", text)
    for character, entity in _ESCAPES.items():
        plain = plain.replace(character, entity)
    return plain


def element(name: str, content: str, attributes: Mapping[str, str] | None = None) -> str:
    """Return an element around content that is XML."""
    head = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items()) if attributes else ""
    return f"<{name}{head}>{content}</{name}>" if content else f"<{name}{head}/>"


def inner(shape: Shape, value: Data) -> str:
    """Return the members of a structure, without an element around them."""
    present = members(shape, value)
    if all(isinstance(child, _PLAIN) for _, _, child in present):
        return _plain(shape, tuple([(name, type(child), child) for name, _, child in present]))
    return "".join([encoded(member, wire_name(member, name), child) for name, member, child in present])


@lru_cache(maxsize=4096)
def _plain(shape: Shape, present: tuple[tuple[str, type, Any], ...]) -> str:
    """Return the members of a structure of scalars.

    Cached, since a client that watches a stack reads the same events repeatedly.

    The types distinguish true from 1, and an UnlistedValue from a value of the enum.
    """
    known = shape.members
    return "".join([encoded(known[name], wire_name(known[name], name), child) for name, _, child in present])


def encoded(shape: Shape, name: str, value: Any) -> str:
    """Return a value as an element. Raises ShapeError if it does not fit the shape."""
    kind = shape.type_name
    if kind == "structure":
        return element(name, inner(shape, value))
    if kind == "list":
        return _list(shape, name, value)
    if kind == "map":
        return _map(shape, name, value)
    return element(name, escaped(text_of(shape, value)))


def _list(shape: Shape, name: str, value: Any) -> str:
    flat = shape.serialization.get("flattened")
    item = wire_name(shape.member, name if flat else "member")
    content = "".join(encoded(shape.member, item, child) for child in collection(shape, value))
    return content if flat else element(name, content)


def _map(shape: Shape, name: str, value: Any) -> str:
    flat = shape.serialization.get("flattened")
    entries = [
        element(
            name if flat else "entry",
            encoded(shape.key, wire_name(shape.key, "key"), key)
            + encoded(shape.value, wire_name(shape.value, "value"), child),
        )
        for key, child in collection(shape, value).items()
    ]
    return "".join(entries) if flat else element(name, "".join(entries))


def parsed(shape: Shape, body: bytes) -> Any:
    """Parse a value from an XML document. Raises Malformed."""
    try:
        return _decoded(shape, ElementTree.fromstring(body))  # noqa: S314
    except ElementTree.ParseError as error:
        raise Malformed("The XML you provided was not well-formed") from error


def _decoded(shape: Shape, node: ElementTree.Element) -> Any:
    if shape.type_name == "list":
        return [_decoded(shape.member, child) for child in node]
    if shape.type_name != "structure":
        return value_of(shape, node.text or "")
    children: dict[str, list[ElementTree.Element]] = {}
    for child in node:
        children.setdefault(child.tag.rpartition("}")[2], []).append(child)
    value: Document = {}
    for name, member in shape.members.items():
        nodes = children.get(wire_name(member, name))
        if nodes and member.serialization.get("flattened"):
            value[name] = [_decoded(member.member, node) for node in nodes]
        elif nodes:
            value[name] = _decoded(member, nodes[0])
    return value


Tree = dict[str, Any]
"""The fields of a form by the steps of their names. A field's own text has the empty step as its key."""


def fields(request: HttpRequest) -> dict[str, str]:
    """Return the form in a request's body or, with GET, in its query."""
    body = request.body.decode("utf-8", "replace")
    return {**request.query, **dict(parse_qsl(body, keep_blank_values=True))}


def decode(operation: OperationModel, request: HttpRequest) -> Document:
    """Return the parameters in the operation's input shape. Raises Malformed if they do not fit it."""
    tree: Tree = {}
    for name, text in fields(request).items():
        node = tree
        for step in name.split("."):
            node = node.setdefault(step, {})
        node[""] = text
    return _structure(operation.input_shape, tree) if operation.input_shape is not None else {}


def _structure(shape: Shape, tree: Tree) -> Document:
    value = {}
    for name, member in shape.members.items():
        key = wire_name(member, name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            key = wire_name(member.member, key)
        if key in tree:
            value[name] = _value(member, tree[key])
    return value


def _value(shape: Shape, tree: Tree) -> Any:
    flat = shape.serialization.get("flattened")
    if shape.type_name == "structure":
        return _structure(shape, tree)
    if shape.type_name == "list":
        items = tree if flat else tree.get(wire_name(shape.member, "member"), {})
        return [_value(shape.member, item) for item in _numbered(items)]
    if shape.type_name == "map":
        key_name, value_name = wire_name(shape.key, "key"), wire_name(shape.value, "value")
        entries = _numbered(tree if flat else tree.get("entry", {}))
        return {
            _value(shape.key, entry.get(key_name, {})): _value(shape.value, entry.get(value_name, {}))
            for entry in entries
        }
    return value_of(shape, tree.get("", ""))


def _numbered(tree: Tree) -> list[Tree]:
    return [tree[step] for step in sorted(filter(str.isdecimal, tree), key=int)]


def encode(operation: OperationModel, result: Data, request_id: str) -> HttpResponse:
    """Return a response with the result. Raises ShapeError if it does not fit the operation's output shape."""
    shape = operation.output_shape
    content = inner(shape, result) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else f"{operation.name}Result"
    content = element(wrapper, content) if wrapper else content
    metadata = element("ResponseMetadata", element("RequestId", request_id))
    names = {"xmlns": operation.service_model.metadata["xmlNamespace"]}
    return _response(200, element(f"{operation.name}Response", content + metadata, names), request_id)


def error(service: ServiceModel | None, failure: ServiceError, request_id: str) -> HttpResponse:
    """Return an error response."""
    kind = "Sender" if failure.status < 500 else "Receiver"
    facts = {"Type": kind, "Code": failure.code, "Message": failure.message}
    content = element("Error", "".join(element(name, escaped(text)) for name, text in facts.items()))
    names = {"xmlns": service.metadata["xmlNamespace"]} if service is not None else {}
    return _response(
        failure.status, element("ErrorResponse", content + element("RequestId", request_id), names), request_id
    )


def _response(status: int, document: str, request_id: str) -> HttpResponse:
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return HttpResponse(status, headers, document.encode("utf-8"))
