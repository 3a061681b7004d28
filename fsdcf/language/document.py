"""A spec as data, with a table of the position of every key and value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fsdcf.diagnostics import Diagnostic, Span, SpecPath, lines_of
from fsdcf.language.dependency import DependencyType, Types
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, Text
from fsdcf.masking import secrets_in


@dataclass(frozen=True)
class Mark:
    """The position of a value, and how it was written.

    - ``value`` is the span of the value, ``key`` that of its mapping key (None for list items and the root).
    - ``text`` is a scalar's text as written (``1.10``, ``yes``; without quotes), None for maps and lists.
    - ``plain`` marks a scalar without quotes. ``surprising`` marks one that YAML reads as another value, which a
      finding reports.
    """

    value: Span
    key: Span | None = None
    text: str | None = None
    plain: bool = False
    surprising: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the mark of every path in it.

    ``sources`` are the texts of the files and flags that marks refer to. ``allowed`` are the codes that the author
    allowed: (file, line) -> codes, each with the span of its comment. ``removed`` are the marks of the nulls with which
    an environment removed keys; they are not in the data. ``fragments`` are the addons by their prefix: their marks are
    below ``addons`` and the prefix.
    """

    data: dict[str, Any]
    marks: Mapping[SpecPath, Mark]
    sources: Mapping[str, str]
    allowed: Mapping[tuple[str, int], Mapping[str, Span]] = field(default_factory=dict)
    removed: Mapping[SpecPath, Mark] = field(default_factory=dict)
    fragments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def secrets(self) -> tuple[tuple[SpecPath, str], ...]:
        """What looks like a secret, each with the path of the value that contains it."""
        return tuple(secrets_in({**self.data, "addons": self.fragments} if self.fragments else self.data))

    def span(self, path: SpecPath) -> Span:
        """Return the span of the value at a path, or of its nearest ancestor that was written or removed."""
        return self._mark(path).value

    def key_span(self, path: SpecPath) -> Span:
        """Return the span of the key of a path, or of the value if it has none; of the nearest ancestor if
        unwritten. A removed key is where it is removed."""
        mark = self._mark(path)
        return mark.key or mark.value

    def place(self, path: SpecPath) -> SpecPath:
        """Return where a path of a service is in this document: a job has the block ``job`` in place of ``service``."""
        return ("job", *path[1:]) if path and path[0] == "service" and self._is_job else path

    @cached_property
    def _is_job(self) -> bool:
        return "job" in self.data and "service" not in self.data

    def _mark(self, path: SpecPath) -> Mark:
        path = self.place(path)
        while path not in self.marks and path not in self.removed:
            path = path[:-1]
        return self.removed.get(path) or self.marks[path]

    def is_null(self, path: SpecPath) -> bool:
        """Return whether the author wrote ``null`` or ``~`` at a path, as opposed to nothing."""
        mark = self.marks.get(path)
        return mark is not None and mark.plain and mark.text in ("null", "Null", "NULL", "~")

    def is_surprising(self, path: SpecPath) -> bool:
        """Return whether a finding reports how YAML reads the value at a path."""
        path = self.place(path)
        return path in self.marks and self.marks[path].surprising

    def has(self, path: SpecPath) -> bool:
        """Return whether the author wrote this path, as opposed to a default."""
        return self.place(path) in self.marks

    def value(self, path: SpecPath) -> Any:
        """Return the value at a path; None if it does not exist."""
        data: Any = self.data
        for step in self.place(path):
            if isinstance(data, dict):
                data = data.get(step)
            else:
                data = data[step] if isinstance(data, list) and isinstance(step, int) and step < len(data) else None
        return data

    def moved(self, source: SpecPath, target: SpecPath) -> Document:
        """Return a part of the document in another place, with the positions that it has here; an empty document if
        that part does not exist, or if it cannot be in that place."""
        value: Any = self.value(source)
        marks: dict[SpecPath, Mark] = {(): self.marks[()]}
        if value is None or (not target and not isinstance(value, dict)):
            return Document({}, marks, self.sources, self.allowed)
        marks |= {target[:depth]: self.marks[source] for depth in range(1, len(target))}
        marks |= {target + at[len(source) :]: mark for at, mark in self.marks.items() if at[: len(source)] == source}
        for step in reversed(target):
            value = {step: value}
        return Document(value, marks, self.sources, self.allowed)

    def written(self, path: SpecPath) -> str | None:
        """Return the text of a value as it is written, on the line of its key; None for one on other lines."""
        mark = self.marks.get(self.place(path))
        if mark is None or mark.value.line != mark.value.end_line or (mark.key and mark.key.line != mark.value.line):
            return None
        return self._line(mark.value)[mark.value.column - 1 : mark.value.end_column - 1]

    def comment_at(self, path: SpecPath) -> str:
        """Return the comment in the place of a value, with its ``#``; empty if there is none."""
        mark = self.marks.get(path)
        rest = self._line(mark.value)[mark.value.column - 1 :].strip() if mark else ""
        return rest if re.match("#[^# ]", rest) else ""

    def _line(self, span: Span) -> str:
        lines = lines_of(self.sources.get(span.file, ""))
        return lines[span.line - 1] if span.line <= len(lines) else ""

    def allows(self, finding: Diagnostic) -> bool:
        """Return whether a comment of the author allows a finding on its line."""
        return finding.allowable and finding.code in self.allowed.get((finding.span.file, finding.span.line), {})

    def nearest(self, path: SpecPath) -> SpecPath:
        """Return the path itself, or its nearest ancestor that was written."""
        path = self.place(path)
        while path and path not in self.marks:
            path = path[:-1]
        return path


def locate(document: Document, named: str, types: Types) -> SpecPath:
    """Return the path of ``dependencies.aws_sqs_queue.orders`` or ``service.sidecars.proxy.port`` in the document, or
    its nearest ancestor there."""
    steps = named.split(".")
    if steps[0] == "addons":
        return document.nearest(tuple(steps))
    if steps[0] == "overrides":
        return document.nearest((*steps[:2], ".".join(steps[2:])) if len(steps) > 2 else tuple(steps))
    if steps[1:2] == ["sidecars"] and len(steps) > 2:
        sidecars = document.value((steps[0], "sidecars"))
        names = [one.get("name") if isinstance(one, dict) else None for one in sidecars or ()]
        steps[2] = str(names.index(steps[2])) if steps[2] in names else steps[2]
    if steps[0] != "dependencies" or len(steps) < 3:
        return document.nearest(tuple(int(step) if step.isdigit() else step for step in steps))
    type_name, local = steps[1], ".".join(steps[2:])
    entries = document.data.get("dependencies")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        kind = type_of(entry, types)
        if kind and kind.name == type_name and local_name(entry.get("name", "")) == local:
            return ("dependencies", index)
    return document.nearest(("dependencies",))


def names_of_type(entries: object, name: str, types: Types) -> list[String]:
    """Return the names of the dependencies of a type, or of its category, as the author declares them."""
    kinds = ((type_of(each, types), each) for each in (entries if isinstance(entries, list) else ()))
    found = (each.get("name") for kind, each in kinds if kind and name in (kind.name, kind.category))
    return [each for each in found if isinstance(each, (str, Text))]


def type_of(entry: object, types: Types) -> DependencyType[Any] | None:
    """Return the type of an entry of ``dependencies``; None if the entry has no known type."""
    name = entry.get("type") if isinstance(entry, dict) else None
    return types.get(name) if isinstance(name, str) else None
