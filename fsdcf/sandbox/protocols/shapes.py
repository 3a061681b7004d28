"""The models of AWS's services, as botocore ships them: what an operation takes and gives."""

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


class ShapeError(Exception):
    """A handler gave what its operation's output does not have: a bug of the sandbox."""


@cache
def model(service: str) -> ServiceModel:
    """The model of a service, by botocore's name."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)


def protocol(service: str) -> str:
    """The protocol that this botocore speaks with the service."""
    found = model(service)
    return str(getattr(found, "resolved_protocol", None) or found.metadata["protocol"])


def operation(service: str, name: str) -> OperationModel | None:
    """The model of an operation; None if the service has none of that name."""
    return model(service).operation_model(name) if name in model(service).operation_names else None


def missing(shape: Shape | None, params: Mapping[str, Any]) -> list[str]:
    """The required members at the top of an input that are not there."""
    return [name for name in (shape.required_members if shape is not None else ()) if params.get(name) is None]


def members(shape: Shape, value: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The members of a structure that have a value: name, shape, value. ShapeError for one that the shape lacks."""
    if not isinstance(value, Mapping):
        raise ShapeError(f"{shape.name} is a structure, not {value!r}")
    known = shape.members
    if not value.keys() <= known.keys():
        raise ShapeError(f"{shape.name} has no {', '.join(sorted(value.keys() - known.keys()))}")
    return [(name, known[name], one) for name, one in value.items() if one is not None]


def checked(shape: Shape, value: Any) -> None:
    """ShapeError unless a scalar is of the kind that its shape says. A Novel text may be none of an enum's."""
    kinds = _KINDS.get(shape.type_name)
    if kinds is not None and not isinstance(value, kinds):
        raise ShapeError(f"{shape.name} is a {shape.type_name}, not {value!r}")
    if shape.type_name != "boolean" and isinstance(value, bool):
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


def request_of(service: str, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's properties, as CloudFormation writes them, in the form that the operation takes.

    Names are matched whatever their capitals, texts become the numbers and booleans that the model wants. What the operation does
    not know is left out: it belongs to CloudFormation alone. KeyError for an unknown operation.
    """
    found = operation(service, name)
    if found is None:
        raise KeyError(name)
    shaped: dict[str, Any] = _shaped(found.input_shape, properties)
    return shaped


def _shaped(shape: Shape, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        pairs = [(names[key.lower()], one) for key, one in value.items() if key.lower() in names]
        return {name: _shaped(shape.members[name], one) for name, one in pairs}
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(key): _shaped(shape.value, one) for key, one in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_shaped(shape.member, one) for one in value]
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
    """A request that does not say what its operation's input demands."""


def seconds_of(value: Any) -> float:
    """A time that a handler gave, datetime or epoch seconds, in epoch seconds to the millisecond, as AWS tells it."""
    if isinstance(value, datetime):
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ShapeError(f"a time is epoch seconds or a datetime, not {value!r}")
    return round(float(value), 3)


def time_text(value: Any, form: str) -> str:
    """A time as text: ``iso8601``, ``rfc822`` or ``unixtimestamp``."""
    return _time_text(seconds_of(value), form)


@lru_cache(maxsize=4096)
def _time_text(seconds: float, form: str) -> str:
    """Cached, for whoever watches a stack or a service is told the same times again and again."""
    if form == "rfc822":
        return formatdate(seconds, usegmt=True)
    if form == "unixtimestamp":
        return f"{seconds:.3f}"
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{round(seconds % 1 * 1000) % 1000:03d}Z"


def text_of(shape: Shape, value: Any, time_form: str = "iso8601") -> str:
    """A scalar that a handler gave, as the text of an XML element or a header. ShapeError if it is of the wrong kind."""
    if shape.type_name == "timestamp":
        return time_text(value, shape.serialization.get("timestampFormat", time_form).lower())
    checked(shape, value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return str(value)


def value_of(shape: Shape, text: str) -> Any:
    """A scalar of a request, out of its text. Malformed if the text is no such value."""
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
        raise Malformed(f"{text!r} is no {kind}") from error
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Malformed(f"{text!r} is no boolean")
        return text == "true"
    return text
