"""What the events of YAML tell before anything is built: syntax, depth, size, directives, documents; in bounded time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from fsdcf.diagnostics import LINE_BREAK, Diagnostic, Rule, Span
from fsdcf.spec.syntax import MOST_DEPTH, too_deep, unreadable

MOST_NODES = 20_000
MOST_DIRECTIVES = 2

TAGS = Rule(
    "S004",
    "a foreign tag",
    "Tags such as `!Ref` or `!!python/object` are not part of the language, nor are `%TAG` lines that declare more of them. "
    "Placeholders take the place of CloudFormation's functions.",
)
DOCUMENTS = Rule(
    "S009", "several documents", "One file holds one spec: everything after a second `---` would be ignored."
)
SIZE = Rule("S010", "too large", f"A spec holds at most one MiB, and at most {MOST_NODES} keys and values.")

_DIRECTIVE = re.compile(f"(?:^|{LINE_BREAK.pattern})(%TAG)")


@dataclass
class Outline:
    """The text's outline, before anything is built that could overflow.

    ``ends`` is where the last thing in a block collection ends, by the index of its start: its own end mark stands before the
    next token, behind blank lines and comments. ``length`` is the length of the first document.
    """

    name: str
    loader: Any
    ends: dict[int, Any] = field(default_factory=dict)
    length: int = 0

    def draw(self, text: str) -> Diagnostic | None:
        """Reads the text up to the first fault."""
        return self._directives(text) or self._events(text)

    def _directives(self, text: str) -> Diagnostic | None:
        """The reader compares every ``%TAG`` with all that came before it, so that many of them are refused unread."""
        for count, found in enumerate(_DIRECTIVE.finditer(text), 1):
            if count > MOST_DIRECTIVES:
                lines = LINE_BREAK.split(text[: found.start(1)])
                span = Span(self.name, len(lines), 1, len(lines), 1 + len("%TAG"))
                return TAGS.at(
                    span, (), f"more than {MOST_DIRECTIVES} `%TAG` directives", "remove them: a spec has no tags"
                )
        return None

    def _events(self, text: str) -> Diagnostic | None:
        opened: list[Any] = []
        documents = nodes = 0
        last: Any = None
        try:
            for event in yaml.parse(text, Loader=self.loader):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        mark: Any = event.start_mark
                        self.length = mark.index
                        hint = "put it in a file of its own"
                        return DOCUMENTS.at(_mark(self.name, event), (), "a second document begins here", hint)
                elif isinstance(event, yaml.CollectionEndEvent):
                    start = opened.pop()
                    last = event.end_mark if start.flow_style else last
                    if not start.flow_style:
                        self.ends[start.start_mark.index] = last
                elif isinstance(event, yaml.NodeEvent):
                    nodes, last = nodes + 1, event.end_mark
                    opened += [event] if isinstance(event, yaml.CollectionStartEvent) else []
                    fault = self._bounds(event, len(opened), nodes)
                    if fault:
                        return fault
        except (yaml.YAMLError, RecursionError, ValueError, MemoryError) as error:
            return unreadable(error, text, self.name)
        return None

    def _bounds(self, event: Any, depth: int, nodes: int) -> Diagnostic | None:
        if depth > MOST_DEPTH:
            return too_deep(_mark(self.name, event))
        if nodes > MOST_NODES:
            return SIZE.at(
                _mark(self.name, event), (), f"more than {MOST_NODES} keys and values", "write less, or several specs"
            )
        return None


def between(name: str, start: Any, end: Any) -> Span:
    """The stretch between two of YAML's marks; a column wide at least."""
    line, column = start.line + 1, start.column + 1
    end_line, end_column = end.line + 1, end.column + 1
    return Span(name, line, column, end_line, max(end_column, column + 1) if end_line == line else end_column)


def _mark(name: str, event: Any) -> Span:
    return between(name, event.start_mark, event.end_mark)
