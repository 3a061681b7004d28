"""A spec as data, with the position of every key and value in a table beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import Span, SpecPath
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.names import local_name


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


def locate(document: Document, named: str, types: Types) -> SpecPath:
    """``dependencies.aws_sqs_queue.orders`` -> its path in the document; the nearest ancestor of what is not there."""
    steps = named.split(".")
    if steps[0] != "dependencies":
        return _known(document, tuple(steps))
    kind, local = steps[1], ".".join(steps[2:])
    entries = document.data.get("dependencies")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        found = type_of(entry, types)
        if found and found.name == kind and local_name(entry.get("name", "")) == local:
            return ("dependencies", index)
    return _known(document, ("dependencies",))


def type_of(entry: object, types: Types) -> DependencyType[Any] | None:
    """The type of an entry of ``dependencies``, whatever stands there."""
    name = entry.get("type") if isinstance(entry, dict) else None
    return types.get(name) if isinstance(name, str) else None


def _known(document: Document, path: SpecPath) -> SpecPath:
    while path and not document.has(path):
        path = path[:-1]
    return path
