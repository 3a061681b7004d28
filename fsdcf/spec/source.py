"""Strict YAML: bytes become a document with the position of everything, or findings that say where it went wrong."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from fsdcf.diagnostics import LINE_BREAK, Diagnostic, Rule, Span, SpecPath
from fsdcf.spec.comments import RULES as COMMENT_RULES
from fsdcf.spec.comments import allowances
from fsdcf.spec.document import Document, Mark
from fsdcf.spec.outline import DOCUMENTS, SIZE, TAGS, Outline, between
from fsdcf.spec.syntax import DEPTH, MOST_DEPTH, SYNTAX, unreadable, unspaced

MOST_BYTES = 1 << 20
MOST_EXPANDED = 5_000
MOST_FINDINGS = 200
MOST_DIGITS = 400

DUPLICATE = Rule(
    "S002",
    "a key that is there twice",
    "YAML leaves open which of two equal keys counts, and most readers silently drop one.",
)
ALIASES = Rule(
    "S003",
    "aliases that explode",
    "An anchor that is repeated inside other anchors grows without bound. Write the parts out, or use fewer aliases.",
)
NO_MAPPING = Rule("S005", "not a mapping", "A spec is a map of keys: apiVersion, kind, metadata, service.")
BINARY = Rule("S006", "not text", "A spec is a text file in UTF-8 without control characters.")
EMPTY = Rule("S007", "nothing there", "The file is empty, or holds comments only.")
SURPRISE = Rule(
    "S011",
    "a value that YAML reads differently",
    "YAML 1.1 reads `yes`, `no`, `on` and `off` as booleans, `22:22` as a number in base 60, `0755` in base 8, and `1_000` as 1000. Write true or false, or put the text in quotes.",
    "https://yaml.org/type/",
)
MERGE = Rule(
    "S012",
    "a merge key",
    "`<<` merges maps in a way that differs among readers. Use `environments`, or write the keys out.",
)
KEY = Rule("S013", "a key that is no text", "The keys of a spec are words.")
RULES = (
    *(SYNTAX, DUPLICATE, ALIASES, TAGS, NO_MAPPING, BINARY, EMPTY, DEPTH, DOCUMENTS, SIZE, SURPRISE, MERGE, KEY),
    *COMMENT_RULES,
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_FORMS = {tag: form for rows in yaml.SafeLoader.yaml_implicit_resolvers.values() for tag, form in rows}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(raw: bytes, name: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """A spec's bytes as a document and what is wrong with them; no document where nothing can be read."""
    start = Span(name, 1, 1, 1, 2)
    if len(raw) > MOST_BYTES:
        return None, (SIZE.at(start, (), f"the file holds {len(raw)} bytes", f"at most {MOST_BYTES}"),)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        return None, (
            BINARY.at(_at(name, before), (), f"byte {error.start} is not UTF-8", "save the file as UTF-8 text"),
        )
    odd = _UNPRINTABLE.search(text)
    if odd:
        message = f"the control character U+{ord(odd.group()):04X}"
        return None, (
            BINARY.at(_at(name, text[: odd.start()]), (), message, "remove it, or write an escape in double quotes"),
        )
    return _read(text, name)


def _read(text: str, name: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    outline = Outline(name, _Loader)
    fault = outline.draw(text)
    if fault and fault.code != DOCUMENTS.code:
        return None, (fault,)
    first, more = (text[: outline.length], (fault,)) if fault else (text, ())
    try:
        root = yaml.compose(first, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        return None, (unreadable(error, text, name), *more)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):
        return None, (EMPTY.at(Span(name, 1, 1, 1, 2), (), "the file holds no spec", "`fsdcf init` writes one"), *more)
    reader = _Reader(name, outline.ends)
    if not isinstance(root, yaml.MappingNode):
        spaced = isinstance(root, yaml.ScalarNode) and unspaced(root.value)
        hint = "a key is followed by `:` and a space" if spaced else "begin with `apiVersion: fsd/v1`"
        return None, (NO_MAPPING.at(reader.span(root), (), "a spec is a map of keys", hint), *more)
    data = reader.value(root, (), None)
    allowed, bad = allowances(first, name, reader.scalars)
    return Document(data, reader.marks, {name: text}, allowed), (*reader.findings, *bad, *more)


class _Reader:
    """Builds plain data and marks from the node tree. A value that an alias repeats is marked where it is written."""

    def __init__(self, name: str, ends: dict[int, Any]) -> None:
        self.name = name
        self.ends = ends
        self.marks: dict[SpecPath, Mark] = {}
        self.findings: list[Diagnostic] = []
        self.scalars: list[Span] = []
        self.seen: set[int] = set()
        self.open: set[int] = set()
        self.expanded = 0
        self.exploded = False

    def span(self, node: yaml.Node) -> Span:
        block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        end = self.ends.get(node.start_mark.index, node.end_mark) if block else node.end_mark
        return between(self.name, node.start_mark, end)

    def value(self, node: yaml.Node, path: SpecPath, key: Span | None) -> Any:
        span, fresh = self.span(node), id(node) not in self.seen
        self.expanded += not fresh
        if self.expanded > MOST_EXPANDED or id(node) in self.open or len(path) > MOST_DEPTH:
            what = (
                "an alias inside what it stands for"
                if id(node) in self.open
                else f"aliases repeat over {MOST_EXPANDED} values"
            )
            self._say(not self.exploded, ALIASES, key or span, path, what, "write the parts out")
            self.exploded = True
            return None
        self.seen.add(id(node))
        self._tag(node, span, path, fresh)
        if isinstance(node, yaml.ScalarNode):
            self.marks[path] = Mark(span, key, node.value, not node.style)
            self._text(node, span)
            return self._scalar(node, span, path, fresh)
        self.marks[path] = Mark(span, key)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index), None) for index, item in enumerate(node.value)]
            return self._mapping(node, path, fresh)
        finally:
            self.open.discard(id(node))

    def _say(
        self, fresh: bool, rule: Rule, span: Span, path: SpecPath, what: str, hint: str, notes: tuple[str, ...] = ()
    ) -> None:
        """Keep a finding, once per place and so many at most."""
        if fresh and len(self.findings) < MOST_FINDINGS:
            last = len(self.findings) == MOST_FINDINGS - 1
            self.findings.append(
                rule.at(span, path, what, hint, (*notes, "further findings are left out") if last else notes)
            )

    def _text(self, node: Any, span: Span) -> None:
        """Keep the places where what looks like a comment is none."""
        if "fsdcf:" in node.value:
            self.scalars.append(span)

    def _mapping(self, node: Any, path: SpecPath, fresh: bool) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in node.value:
            span = self.span(key)
            if not self._is_key(key, span, path, fresh):
                self._drop(value, path, span)
                continue
            self._text(key, span)
            place: SpecPath = (*path, key.value)
            if key.value in out:
                first = self.marks[place].key if place in self.marks else None
                note = (f"it is first written in line {first.line}",) if first else ()
                self._say(fresh, DUPLICATE, span, place, f"`{key.value}` is there twice", "keep one of them", note)
                self._drop(value, place, span)
                continue
            out[key.value] = self.value(value, place, span)
        return out

    def _drop(self, value: yaml.Node, path: SpecPath, key: Span) -> None:
        """Look for findings in a value that does not count."""
        kept, self.marks = self.marks, {}
        self.value(value, path, key)
        self.marks = kept

    def _is_key(self, key: yaml.Node, span: Span, path: SpecPath, fresh: bool) -> bool:
        kind = key.tag.removeprefix(_TAG)
        if kind == "merge":
            self._say(fresh, MERGE, span, path, "`<<` is not taken", "write the keys out, or use `environments`")
        elif not isinstance(key, yaml.ScalarNode):
            self._say(fresh, KEY, span, path, "a key must be a word", "write `name: value`")
        elif kind in ("str", "value", "timestamp"):
            return True
        elif not self._tag(key, span, path, fresh):
            return False
        elif kind == "bool" and _surprises(kind, key.value):
            self._say(
                fresh, SURPRISE, span, path, f"YAML reads the key `{key.value}` as a boolean", f'write "{key.value}"'
            )
        else:
            hint = f'write "{key.value}"' if key.value else "give it a name"
            self._say(fresh, KEY, span, path, f"the key `{key.value}` is no text", hint)
        return False

    def _tag(self, node: Any, span: Span, path: SpecPath, fresh: bool) -> bool:
        """Whether the tag is a plain one; a plain one that does not fit is a finding as well."""
        fits = _fits(node)
        if not fits:
            plain = node.tag in _FORMS or node.tag in (_TAG + "str", _TAG + "map", _TAG + "seq")
            what = "does not fit this value" if plain else "is not part of the language"
            hint = "use a placeholder such as ${AWS::Region}, or plain values"
            self._say(fresh, TAGS, span, path, f"the tag `{_short(node.tag)}` {what}", hint)
        return fits

    def _scalar(self, node: Any, span: Span, path: SpecPath, fresh: bool) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind not in ("null", "bool", "int", "float") or not _fits(node):
            return text
        if kind == "null":
            return None
        if _surprises(kind, text):
            hint = "write true or false, or put it in quotes" if kind == "bool" else f'write "{text}"'
            self._say(fresh, SURPRISE, span, path, f"YAML does not read `{text}` as it stands", hint)
            return text
        if kind == "bool":
            return text.lower() == "true"
        if len(text) > MOST_DIGITS:
            return text
        number = int(text) if kind == "int" else float(text)
        return number if kind == "int" or math.isfinite(number) else text


def _fits(node: Any) -> bool:
    if isinstance(node, yaml.CollectionNode):
        return bool(node.tag == _TAG + ("map" if isinstance(node, yaml.MappingNode) else "seq"))
    form = _FORMS.get(node.tag)
    return node.tag == _TAG + "str" or (form is not None and form.match(node.value) is not None)


def _surprises(kind: str, text: str) -> bool:
    """Whether YAML 1.1 reads a boolean or number otherwise than most people do."""
    if kind == "bool":
        return text.lower() not in ("true", "false")
    digits = text.lstrip("+-")
    octal_or_hex = kind == "int" and len(digits) > 1 and digits[0] == "0"
    return octal_or_hex or "_" in text or ":" in text or "n" in text.lower()


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _at(name: str, before: str) -> Span:
    """The position after a text."""
    lines = LINE_BREAK.split(before)
    return Span(name, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)
