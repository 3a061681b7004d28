"""The query protocol: a form in, XML out. CloudFormation, STS and Elastic Load Balancing speak it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from botocore.model import OperationModel, ServiceModel, Shape

from fsdcf.sandbox.exchange import HttpRequest, HttpResponse
from fsdcf.sandbox.protocols.shapes import Malformed, ShapeError, members, text_of, value_of
from fsdcf.sandbox.state import ServiceError

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = (str, int, float)


def escaped(text: str) -> str:
    """Text within an element. What XML cannot hold, control characters and lone surrogates, becomes U+FFFD."""
    plain = text if text.isprintable() else _FORBIDDEN.sub("\ufffd", text)
    for character, entity in _ESCAPES.items():
        plain = plain.replace(character, entity)
    return plain


def element(name: str, content: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element around content that is XML already."""
    head = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items()) if attributes else ""
    return f"<{name}{head}>{content}</{name}>" if content else f"<{name}{head}/>"


def inner(shape: Shape, value: Mapping[str, Any]) -> str:
    """The members of a structure, without an element around them."""
    found = members(shape, value)
    if all(isinstance(one, _PLAIN) for _, _, one in found):
        return _plain(shape, tuple([(name, type(one), one) for name, _, one in found]))
    return "".join([encoded(member, _name(member, name), one) for name, member, one in found])


@lru_cache(maxsize=4096)
def _plain(shape: Shape, found: tuple[tuple[str, type, Any], ...]) -> str:
    """A structure of single values. Cached, for whoever watches a stack is told the same events again and again.

    The types are there to tell true from 1, and a Novel text from one that has to be of an enum.
    """
    known = shape.members
    return "".join([encoded(known[name], _name(known[name], name), one) for name, _, one in found])


def encoded(shape: Shape, name: str, value: Any) -> str:
    """A value under an element of this name, as its shape says. ShapeError if it does not fit the shape."""
    kind = shape.type_name
    if kind == "structure":
        return element(name, inner(shape, value))
    if kind == "list":
        return _list(shape, name, value)
    if kind == "map":
        return _map(shape, name, value)
    return element(name, escaped(text_of(shape, value)))


def _list(shape: Shape, name: str, value: Any) -> str:
    if not isinstance(value, list | tuple):
        raise ShapeError(f"{shape.name} is a list, not {value!r}")
    if shape.serialization.get("flattened"):
        return "".join(encoded(shape.member, _name(shape.member, name), one) for one in value)
    return element(name, "".join(encoded(shape.member, _name(shape.member, "member"), one) for one in value))


def _map(shape: Shape, name: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        raise ShapeError(f"{shape.name} is a map, not {value!r}")
    flat = shape.serialization.get("flattened")
    entries = [
        element(
            name if flat else "entry",
            encoded(shape.key, _name(shape.key, "key"), key) + encoded(shape.value, _name(shape.value, "value"), one),
        )
        for key, one in value.items()
    ]
    return "".join(entries) if flat else element(name, "".join(entries))


def _name(shape: Shape, default: str) -> str:
    return str(shape.serialization.get("name", default))


def parsed(shape: Shape, body: bytes) -> Any:
    """A value out of an XML document. Malformed if the body is none."""
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
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        nodes = children.get(_name(member, name))
        if nodes and member.serialization.get("flattened"):
            found[name] = [_decoded(member.member, one) for one in nodes]
        elif nodes:
            found[name] = _decoded(member, nodes[0])
    return found


Tree = dict[str, Any]
"""A form's fields by the steps of their names; the field's own text stands under the empty step."""


def fields(request: HttpRequest) -> dict[str, str]:
    """The form that a request carries in its body or, with GET, in its query."""
    body = request.body.decode("utf-8", "replace")
    return {**request.query, **dict(parse_qsl(body, keep_blank_values=True))}


def decode(operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
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


def encode(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> HttpResponse:
    """An answer. ShapeError if the result has what the operation's output does not."""
    shape = operation.output_shape
    content = inner(shape, result) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else f"{operation.name}Result"
    content = element(wrapper, content) if wrapper else content
    metadata = element("ResponseMetadata", element("RequestId", request_id))
    names = {"xmlns": operation.service_model.metadata["xmlNamespace"]}
    return _response(200, element(f"{operation.name}Response", content + metadata, names), request_id)


def error(service: ServiceModel | None, refusal: ServiceError, request_id: str) -> HttpResponse:
    """An error in the words of the protocol."""
    kind = "Sender" if refusal.status < 500 else "Receiver"
    facts = {"Type": kind, "Code": refusal.code, "Message": refusal.message}
    content = element("Error", "".join(element(name, escaped(text)) for name, text in facts.items()))
    names = {"xmlns": service.metadata["xmlNamespace"]} if service is not None else {}
    return _response(
        refusal.status, element("ErrorResponse", content + element("RequestId", request_id), names), request_id
    )


def _response(status: int, document: str, request_id: str) -> HttpResponse:
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return HttpResponse(status, headers, document.encode("utf-8"))
