"""HTTP requests and responses, independent of how they are transported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Delivery = Literal["sent", "reset", "half", "unreachable"]
"""How a response is delivered: completely; not at all, since the connection closes; by half; not at all, for lack of a
connection.
"""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request. Header names are in lower case, the path is decoded, ``query`` keeps keys without a value."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response and how it is delivered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delivery: Delivery = "sent"


def request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    """Make a request from the values of an HTTP library. ``url`` is complete or, on a server, a path."""
    lower = {name.lower(): value for name, value in headers.items()}
    parts = urlsplit(url)
    host = parts.netloc or lower.get("host", "")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method.upper(), host, unquote(parts.path) or "/", query, lower, _unframed(body, lower))


def _unframed(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the body without the frames (``aws-chunked``) that S3 clients use to append a checksum."""
    if "aws-chunked" not in headers.get("content-encoding", ""):
        return body
    content, rest = b"", body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if not size:
            break
        content += rest[:size]
        rest = rest[size + 2 :]
    return content
