"""The files of another tool: read as data, in which every value knows its line."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from fsdcf.diagnostics import Diagnostic, SpecPath
from fsdcf.importers.report import UnfitError
from fsdcf.language.document import Document
from fsdcf.language.source import DOCUMENTS, parse_foreign

Beside = Callable[[str], bytes]
"""Reads a file by its path relative to the folder of the import; raises OSError."""


MOST_DOCUMENTS = 200
"""The YAML documents of a file that are read."""
_MARKER = re.compile(r"^---(?=\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class WrittenAt:
    """Where a value is written: the name of the file, the line, and its path as text, ``http.rules[0].path``."""

    file: str
    line: int
    key: str


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """A file: the name for messages, its path relative to the folder that gets the specs, and its bytes.

    ``named`` marks a file that the user named, as opposed to one that was found in a folder. ``folder_name`` is the
    name of its folder, also where ``path`` leads upwards. ``written`` are paths of ``data`` that differ from those of
    the text.
    """

    name: str
    path: str
    raw: bytes
    named: bool = True
    folder_name: str = ""
    written: Mapping[SpecPath, SpecPath] = field(default_factory=dict)

    @cached_property
    def _read(self) -> tuple[Document | None, tuple[Diagnostic, ...]]:
        read = parse_foreign(self.raw, self.name)
        mended = _mended(self.raw) if read[0] is None or (read[1] and b"{{" in self.raw) else self.raw
        return parse_foreign(mended, self.name) if mended != self.raw else read

    @property
    def is_read(self) -> bool:
        """Whether the file was read as data."""
        return "_read" in self.__dict__

    @property
    def document(self) -> Document | None:
        """The file as data with positions; None if it cannot be read."""
        return self._read[0]

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the file as YAML or JSON."""
        return self._read[1]

    @property
    def data(self) -> dict[str, Any]:
        """The file as plain data; empty if it cannot be read."""
        return self.document.data if self.document else {}

    @property
    def root(self) -> SourceValue:
        """The whole file as a value; empty if it cannot be read."""
        return SourceValue(self, (), self.data)

    def root_at(self, path: SpecPath) -> SourceValue:
        """The value at a path, which must be one of the file."""
        data: Any = self.data
        for step in path:
            data = data[step]
        return SourceValue(self, path, data)

    @property
    def folder(self) -> str:
        """The folder of the file, relative to the folder that gets the specs."""
        return posixpath.dirname(self.path)

    @cached_property
    def text(self) -> str:
        """The text of the file. A character that cannot be decoded is replaced."""
        wide = self.raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return self.raw.decode("utf-16" if wide else "utf-8-sig", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    def place(self, path: SpecPath) -> WrittenAt:
        """Where the value at a path is written; for the path of a key the line of the key."""
        line = self.document.key_span(path).line if self.document else 1
        written = self.written.get(path, path)
        key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in written).lstrip(".")
        return WrittenAt(self.name, line, key)

    def scalar(self, path: SpecPath) -> str | None:
        """The text of the scalar at a path as it is written; None of another value."""
        mark = self.document.marks.get(path) if self.document else None
        return mark.text if mark else None

    def respelled(
        self,
        spelling: Callable[[SpecPath, str], str],
        keeps: Callable[[str, Any], bool],
        text: Callable[[str], str],
    ) -> Source:
        """The same file with other names of keys, each by its path and name, with other texts, and without the entries
        of maps that are not to be kept. Every value knows its line all the same."""
        if self.document is None:
            return self
        written: dict[SpecPath, SpecPath] = {}

        def respell(data: Any, path: SpecPath, old: SpecPath) -> Any:
            written[path] = old
            if isinstance(data, dict):
                kept = {spelling(path, str(name)): name for name in data if keeps(str(name), data[name])}
                return {new: respell(data[name], (*path, new), (*old, name)) for new, name in kept.items()}
            if isinstance(data, list):
                return [respell(each, (*path, index), (*old, index)) for index, each in enumerate(data)]
            return text(data) if isinstance(data, str) else data

        data = respell(self.data, (), ())
        marks = {path: self.document.marks[old] for path, old in written.items() if old in self.document.marks}
        changed = replace(self, written={path: old for path, old in written.items() if path != old})
        changed.__dict__["_read"] = (replace(self.document, data=data, marks=marks), self.findings)
        return changed

    @cached_property
    def documents(self) -> tuple[Source, ...]:
        """The file as one source for each of its YAML documents, in which the lines are those of the file."""
        if all(each.code != DOCUMENTS.code for each in self.findings):
            return (self,)
        bounds = [0, *(match.start() for match in _MARKER.finditer(self.text)), len(self.text)]
        parts = []
        for start, end in pairwise(bounds[: MOST_DOCUMENTS + 2]):
            body = self.text[start:end]
            if re.sub(r"(?m)#.*$|^---", "", body).strip():
                parts.append(replace(self, raw=("\n" * self.text.count("\n", 0, start) + body).encode()))
        return tuple(parts)

    def mentions(self, *words: str) -> bool:
        """Whether the text of the file contains all of the words, as a first, quick look."""
        return all(word in self.text for word in words)


_TEMPLATE = re.compile(rb"\{\{[^{}\n]*\}\}")
_STRING_OR_TEMPLATE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|\{\{[^{}\n]*\}\}')


def _mended(raw: bytes) -> bytes:
    """JSON that cannot be read, with the templates in it as texts; and container definitions alone, which Terraform
    reads from a file, as a task definition."""
    text = raw.removeprefix(codecs.BOM_UTF8).strip()
    if not text.startswith((b"{", b"[")):
        return raw
    raw = _TEMPLATE.sub(lambda match: match[0].replace(b'"', b"`"), raw)
    raw = _STRING_OR_TEMPLATE.sub(lambda match: match[0] if match[0][:1] == b'"' else b'"' + match[0] + b'"', raw)
    alone = text.startswith(b"[") and b'"image"' in text
    return b'{"containerDefinitions":' + raw.removeprefix(codecs.BOM_UTF8) + b"}" if alone else raw


@dataclass(frozen=True, eq=False)
class SourceValue:
    """A value of a source: its data, and its path in the document."""

    source: Source
    path: SpecPath
    data: Any

    @property
    def place(self) -> WrittenAt:
        """Where the value is written."""
        return self.source.place(self.path)

    @property
    def line(self) -> int:
        """The line of the key of the value."""
        return self.place.line

    @property
    def key(self) -> str:
        """The path as text, as it is written: ``http.additional_rules[0].path``."""
        return self.place.key

    @property
    def name(self) -> str:
        """The last step of the path."""
        return str(self.path[-1]) if self.path else ""

    def get(self, path: str) -> SourceValue | None:
        """The value at a path of keys below this one; None if there is none, or if it is null."""
        data = self.data
        for step in path.split("."):
            data = data.get(step) if isinstance(data, dict) else None
        return None if data is None else SourceValue(self.source, (*self.path, *path.split(".")), data)

    def children(self) -> Iterator[tuple[str, SourceValue]]:
        """The entries of a map by name, or the items of a list, each by ``[]``; none of another value."""
        if isinstance(self.data, dict):
            for name, data in self.data.items():
                yield name, SourceValue(self.source, (*self.path, name), data)
        elif isinstance(self.data, list):
            for index, data in enumerate(self.data):
                yield "[]", SourceValue(self.source, (*self.path, index), data)

    def descendants(self) -> Iterator[SourceValue]:
        """Every value below a map or a list."""
        for _, child in self.children():
            yield child
            yield from child.descendants()

    def items(self) -> list[SourceValue]:
        """The items of a list. Raises UnfitError for another value."""
        if not isinstance(self.data, list):
            raise UnfitError("must be a list")
        return [each for _, each in self.children()]

    def entries(self) -> dict[str, SourceValue]:
        """The entries of a map by name. Raises UnfitError for another value."""
        if not isinstance(self.data, dict):
            raise UnfitError("must be a map")
        return dict(self.children())

    @property
    def text(self) -> str:
        """The text of a scalar as it is written. Raises UnfitError for another value."""
        if isinstance(self.data, str):
            return self.data
        if isinstance(self.data, (dict, list)) or self.data is None:
            raise UnfitError("must be a text")
        written = self.source.scalar(self.path)
        return str(self.data) if written is None else written

    @property
    def words(self) -> list[str]:
        """The texts of a list of scalars. Raises UnfitError for another value."""
        return [each.text for each in self.items()]

    @property
    def number(self) -> int:
        """A whole number, also one that is written as text. Raises UnfitError for another value."""
        if isinstance(self.data, int) and not isinstance(self.data, bool):
            return self.data
        if isinstance(self.data, float) and self.data.is_integer():
            return int(self.data)
        if isinstance(self.data, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", self.data):
            return int(self.data)
        raise UnfitError("must be a whole number")

    @property
    def flag(self) -> bool:
        """A boolean, also one that is written as a word. Raises UnfitError for another value."""
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if isinstance(self.data, bool):
            return self.data
        if isinstance(self.data, str) and self.data.lower() in words:
            return words[self.data.lower()]
        raise UnfitError("must be true or false")

    def is_text(self) -> bool:
        """Whether the value is a text."""
        return isinstance(self.data, str)
