"""HTTP requests and responses, independent of how they are transported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Delivery = Literal["sent", "reset", "half", "unreachable"]
"""How a response is delivered: completely; not at all, since the connection closes; by half; not at all, for lack of a
connection.
"""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request. Header names are in lower case, the path is decoded, ``pairs`` are the keys and values of the
    query, of which some have no value and some occur several times."""

    method: str
    host: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query, with the last value of each key."""
        return dict(self.pairs)


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
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method.upper(), host, unquote(parts.path) or "/", pairs, lower, _unframed(body, lower))


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
