"""Single values on the wire: times, numbers, truth values, bytes."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timezone
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from botocore.model import Shape
from botocore.utils import parse_timestamp

from fsdcf.sandbox.shapes import ShapeError, checked


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
