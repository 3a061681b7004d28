"""A spec as data, with the position of every key and value in a table beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import Span, SpecPath


@dataclass(frozen=True)
class Mark:
    """Where a value stands, and how it was written.

    ``key`` is the span of the mapping key that introduces it (None for list items and the root), ``value`` that of the
    value itself. ``text`` is a scalar's text as written (``1.10``, ``yes``; without quotes), None for mappings and lists.
    ``plain`` tells a scalar without quotes.
    """

    value: Span
    key: Span | None = None
    text: str | None = None
    plain: bool = False


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the mark of every path in it.

    ``sources`` holds the text of every file or flag that a mark may name; ``allowed`` what the author silenced:
    (file, line) -> codes.
    """

    data: dict[str, Any]
    marks: Mapping[SpecPath, Mark]
    sources: Mapping[str, str]
    allowed: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    def span(self, path: SpecPath) -> Span:
        """The value at a path, or its nearest ancestor that was written."""
        return self._nearest(path).value

    def key_span(self, path: SpecPath) -> Span:
        """The key that introduces a path; the value where it has none; the nearest ancestor where neither was written."""
        mark = self._nearest(path)
        return mark.key or mark.value

    def has(self, path: SpecPath) -> bool:
        """Whether the author wrote this path (as opposed to a default)."""
        return path in self.marks

    def _nearest(self, path: SpecPath) -> Mark:
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks[path]
