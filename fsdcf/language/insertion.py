"""An entry that is put into a spec as text: everything else stays as it is, byte for byte.

The entry follows the last one of its map, in the style of the map. The result counts only if it reads as the old data
with the entry, so that what cannot be changed this way, such as a map that an alias shares, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import kind_of
from fsdcf.language.source import parse
from fsdcf.language.spellings import canonical

_STEP = 2
_BREAKS = ("\r\n", "\n", "\r")
_BOM = b"\xef\xbb\xbf"


class InsertionError(Exception):
    """An entry cannot be put into a spec without changing something else; the message says why."""


def with_entry(raw: bytes, name: str, path: SpecPath, value: str, types: Types) -> bytes:
    """Return a spec's bytes with a text at a path of keys that does not exist yet, in the file ``name``.

    The maps above it are made if they are missing. Raises InsertionError.
    """
    before = _document(raw, name, types)
    path = before.place(path)
    expected = deepcopy(before.data)
    _put(expected, path, value)
    bom = _BOM if raw.startswith(_BOM) else b""
    text = raw.removeprefix(_BOM).decode()
    depth = next(depth for depth in range(len(path) - 1, -1, -1) if before.has(path[:depth]))
    start = before.marks[path[:depth]].value
    found = _node_at(text, start.line - 1, start.column - 1)
    if found is None:
        raise InsertionError(f"`{'.'.join(map(str, path[:depth]))}` is not a map of keys")
    changed = bom + _inserted(text, found, [str(step) for step in path[depth:]], value).encode()
    try:
        after = _document(changed, name, types).data
    except InsertionError:
        after = {}
    if after != expected:
        raise InsertionError("an anchor or an alias shares its lines, or they have an unusual form")
    return changed


def _document(raw: bytes, name: str, types: Types) -> Document:
    document = parse(raw, name)[0]
    if document is None:
        raise InsertionError("the file cannot be read as YAML")
    return canonical(document, kind_of(document.data).record, types)[0]


def _put(data: dict[Any, Any], path: SpecPath, value: str) -> None:
    for step in path[:-1]:
        if data.get(step) is None:
            data[step] = {}
        data = data[step]
        if not isinstance(data, dict):
            raise InsertionError(f"`{step}` is not a map of keys")
    if path[-1] in data:
        raise InsertionError(f"`{path[-1]}` is there already")
    data[path[-1]] = value


@dataclass(eq=False, repr=False)
class _Node:
    """A node of YAML by its place in the text. ``end`` is the end of the last thing in it, ``parts`` are the keys and
    values of a map in turn; ``is_flow`` marks ``{…}``, ``is_empty`` a value that is not written."""

    start: Any
    end: Any
    is_map: bool = False
    is_flow: bool = False
    is_empty: bool = False
    quote: str = ""
    parts: list[_Node] = field(default_factory=list)
    above: _Node | None = None

    @property
    def column(self) -> int:
        """The column of the first key of a map: an anchor may precede it."""
        return int((self.parts[0] if self.parts else self).start.column)


def _nodes(text: str) -> Iterator[_Node]:
    """Every node of a text, complete."""
    opened: list[_Node] = []
    last: Any = None
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            node = opened.pop()
            last = node.end = event.end_mark if node.is_flow else last
            yield node
        elif isinstance(event, yaml.NodeEvent):
            last = event.end_mark
            node = _Node(event.start_mark, last, isinstance(event, yaml.MappingStartEvent))
            if isinstance(event, yaml.CollectionStartEvent):
                node.is_flow = bool(event.flow_style)
            elif isinstance(event, yaml.ScalarEvent):
                node.is_empty, node.quote = not event.value and not event.style, event.style or ""
            if opened:
                node.above = opened[-1]
                opened[-1].parts.append(node)
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append(node)
            else:
                yield node


def _node_at(text: str, line: int, column: int) -> _Node | None:
    """The map, or the place of a value that is not written, that begins at a position."""
    places = (node for node in _nodes(text) if (node.start.line, node.start.column) == (line, column))
    return next((node for node in places if node.is_map or node.is_empty), None)


def _inserted(text: str, node: _Node, keys: list[str], value: str) -> str:
    """The text with the keys, each in the one before, and the value, at the end of a map."""
    if node.is_flow:
        mark = '"' if _is_json(node) else ""
        entry = "{".join(f"{mark}{key}{mark}: " for key in keys) + json.dumps(value) + "}" * (len(keys) - 1)
        if not node.parts:
            return _with(text, node.start.index + 1, entry)
        return _with(text, node.parts[-1].end.index, f", {entry}")
    if node.is_map:
        indent, step = node.column, _step(node)
    else:
        step = _step(node.above)
        indent = (node.above.column if node.above else 0) + step
    lines = [f"{' ' * (indent + step * depth)}{key}:" for depth, key in enumerate(keys)]
    return _with_lines(text, node.end.index, [*lines[:-1], f"{lines[-1]} {_plain(value)}"])


def _is_json(node: _Node) -> bool:
    """Whether the keys of a flow map, or of those around it, have double quotes."""
    while not node.parts and node.above and node.above.is_flow:
        node = node.above
    return bool(node.parts) and node.parts[0].quote == '"'


def _step(node: _Node | None) -> int:
    """By how many columns the map is indented in the one around it."""
    above = node.above if node else None
    return max(1, node.column - above.column) if node and above and above.is_map else _STEP


def _plain(value: str) -> str:
    """A text as YAML in a block map: without quotes if it reads the same."""
    try:
        plain = yaml.safe_load(f"a: {value}") == {"a": value}
    except yaml.YAMLError:
        plain = False
    return value if plain else json.dumps(value)


def _with(text: str, at: int, more: str) -> str:
    return text[:at] + more + text[at:]


def _with_lines(text: str, after: int, lines: list[str]) -> str:
    """The text with lines after the line in which a position is, and with that line's break."""
    ends = next((mark for mark in _BREAKS if mark in text), "\n")
    begun = after == 0 or text[after - 1] in "\r\n"  # a block text ends with its line break
    while not begun and after < len(text) and text[after] not in "\r\n":
        after += 1
    if begun:
        return _with(text, after, "".join(line + ends for line in lines))
    found = next((mark for mark in _BREAKS if text.startswith(mark, after)), "")
    if not found:
        return text + "".join(ends + line for line in lines)
    return _with(text, after + len(found), "".join(line + found for line in lines))
