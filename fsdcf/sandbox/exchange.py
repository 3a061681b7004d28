"""A request and a response of HTTP, however they travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Fate = Literal["sent", "reset", "half", "unreachable"]
"""What becomes of a response: it arrives; the connection closes without it; half of it arrives; there was no connection."""


@dataclass(frozen=True)
class HttpRequest:
    """A request. Header names are in small letters, the path is decoded; ``query`` keeps keys without a value."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResponse:
    """A response and its fate."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fate: Fate = "sent"


def request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    """A request out of what an HTTP library has: a whole URL or, as a server sees it, a path."""
    lower = {name.lower(): value for name, value in headers.items()}
    parts = urlsplit(url)
    host = parts.netloc or lower.get("host", "")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method.upper(), host, unquote(parts.path) or "/", query, lower, _plain(body, lower))


def _plain(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body without the frames that S3's clients put a checksum behind (``aws-chunked``)."""
    if "aws-chunked" not in headers.get("content-encoding", ""):
        return body
    plain, rest = b"", body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if not size:
            break
        plain += rest[:size]
        rest = rest[size + 2 :]
    return plain
