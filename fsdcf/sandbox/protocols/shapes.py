"""The service models of botocore: the inputs and outputs of operations, and their scalar values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from functools import cache, lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.utils import parse_timestamp

from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.state import Data, Document


class ShapeError(Exception):
    """A handler's result does not fit its operation's output shape: a bug of the sandbox."""


@cache
def model(service: str) -> ServiceModel:
    """Return the model of a service, by botocore's name."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)


@cache
def protocol(service: str) -> str:
    """Return the protocol that this version of botocore uses for a service."""
    return str(getattr(model(service), "resolved_protocol", None) or model(service).metadata["protocol"])


def operation(service: str, name: str) -> OperationModel | None:
    """Return the model of an operation, or None for an unknown one."""
    return model(service).operation_model(name) if name in model(service).operation_names else None


def missing(shape: Shape | None, params: Data) -> list[str]:
    """Return the required members that are missing at the top level of an input."""
    return [name for name in (shape.required_members if shape is not None else ()) if params.get(name) is None]


def members(shape: Shape, value: Data) -> list[tuple[str, Any, Any]]:
    """Return name, shape and value of the members that are not None.

    Raises ShapeError for a member that the shape lacks.
    """
    collection(shape, value)
    known = shape.members
    if not value.keys() <= known.keys():
        raise ShapeError(f"{shape.name} has no {', '.join(sorted(value.keys() - known.keys()))}")
    return [(name, known[name], child) for name, child in value.items() if child is not None]


def wire_name(shape: Shape, default: str) -> str:
    """Return the name of a member in requests and responses."""
    return str(shape.serialization.get("name", default))


def collection(shape: Shape, value: Any) -> Any:
    """Return the value of a structure, a map or a list. Raises ShapeError if it is not such a value."""
    if not isinstance(value, (list, tuple) if shape.type_name == "list" else (dict, Mapping)):
        raise ShapeError(f"{shape.name} is a {shape.type_name}, not {value!r}")
    return value


def checked(shape: Shape, value: Any) -> None:
    """Raise ShapeError unless a scalar fits its shape. An UnlistedValue need not be in the enum."""
    kinds = _KINDS.get(shape.type_name, (object,))
    if not isinstance(value, kinds) or (shape.type_name != "boolean" and isinstance(value, bool)):
        raise ShapeError(f"{shape.name} is a {shape.type_name}, not {value!r}")
    options = getattr(shape, "enum", None)
    if options and value not in options and not isinstance(value, UnlistedValue):
        raise ShapeError(f"{shape.name} is one of {', '.join(options)}, not {value!r}")


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (bytes,),
}


def request_of(service: str, name: str, properties: Data) -> Document:
    """Convert the CloudFormation properties of a resource to the input of an operation.

    Names match regardless of case, and texts become the numbers and booleans of the model. Properties that the
    operation does not have are omitted. Raises KeyError for an unknown operation.
    """
    known = operation(service, name)
    if known is None:
        raise KeyError(name)
    request: Document = _shaped(known.input_shape, properties)
    return request


def _shaped(shape: Shape, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        pairs = [(names[key.lower()], child) for key, child in value.items() if key.lower() in names]
        return {name: _shaped(shape.members[name], child) for name, child in pairs}
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(key): _shaped(shape.value, child) for key, child in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_shaped(shape.member, child) for child in value]
    return _scalar(shape.type_name, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


class Malformed(ValueError):
    """A request that does not fit its operation's input shape."""


def seconds_of(value: Any) -> float:
    """Return a handler's time, a datetime or epoch seconds, as epoch seconds rounded to milliseconds."""
    if isinstance(value, datetime):
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ShapeError(f"a time is epoch seconds or a datetime, not {value!r}")
    return round(float(value), 3)


def time_text(value: Any, form: str) -> str:
    """Format a time as ``iso8601``, ``rfc822`` or ``unixtimestamp``."""
    return _time_text(seconds_of(value), form)


@lru_cache(maxsize=4096)
def _time_text(seconds: float, form: str) -> str:
    """Cached, since a client that watches a stack or a service reads the same times again and again."""
    if form == "rfc822":
        return formatdate(seconds, usegmt=True)
    if form == "unixtimestamp":
        return f"{seconds:.3f}"
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{round(seconds % 1 * 1000) % 1000:03d}Z"


def text_of(shape: Shape, value: Any, time_form: str = "iso8601") -> str:
    """Format a scalar of a handler for an XML element or a header. Raises ShapeError if it does not fit the shape."""
    if shape.type_name == "timestamp":
        return time_text(value, shape.serialization.get("timestampFormat", time_form).lower())
    checked(shape, value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return str(value)


def value_of(shape: Shape, text: str) -> Any:
    """Parse a scalar of a request. Raises Malformed."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return parse_timestamp(text).timestamp()
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed(f"{text!r} is not a valid {kind}") from error
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Malformed(f"{text!r} is not a valid boolean")
        return text == "true"
    return text
