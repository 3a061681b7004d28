"""Strict YAML: bytes become a document with the position of every key and value, or findings that locate the errors."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import yaml

from fsdcf.diagnostics import ALLOWABLE_ERRORS, LINE_BREAK, Diagnostic, Rule, Span, SpecPath
from fsdcf.language.document import Document, Mark

MOST_BYTES = 1 << 20
MOST_NODES = 20_000
MOST_DEPTH = 50
MOST_EXPANDED = 5_000
MOST_DIRECTIVES = 2
MOST_DIGITS = 400
MOST_FINDINGS = 200
MOST_REPAIRED = 1 << 16
MOST_REPAIRED_LINE = 2000
_LONGEST_HINT = 160

SYNTAX = Rule(
    "S001",
    "invalid YAML",
    "The text cannot be read as YAML. The position is where the parser stopped; the cause is there or just before it.",
)
DUPLICATE = Rule(
    "S002",
    "a duplicate key",
    "YAML does not define which of two equal keys applies, and most readers silently drop one.",
)
ALIASES = Rule(
    "S003",
    "aliases that repeat too many values",
    "Anchors that are repeated inside other anchors grow exponentially. Write the values out in full, or use"
    " fewer aliases.",
)
TAGS = Rule(
    "S004",
    "a tag",
    "Tags such as `!Ref` or `!!python/object` are not part of the language, nor are `%TAG` lines that declare more of "
    "them. Use placeholders instead of CloudFormation's functions.",
)
NO_MAPPING = Rule("S005", "not a mapping", "A spec is a map of keys: apiVersion, kind, metadata, service.")
BINARY = Rule("S006", "not a text file", "A spec is a text file in UTF-8 without control characters.")
EMPTY = Rule("S007", "an empty file", "The file is empty, or contains only comments.")
DEPTH = Rule("S008", "nested too deeply", f"A spec is nested at most {MOST_DEPTH} levels deep.")
DOCUMENTS = Rule(
    "S009", "several documents", "A file contains one spec. Everything after a second `---` would be ignored."
)
SIZE = Rule("S010", "too large", f"A spec has at most one MiB, and at most {MOST_NODES} keys and values.")
SURPRISE = Rule(
    "S011",
    "a value that YAML reads differently",
    "YAML 1.1 reads `yes`, `no`, `on` and `off` as booleans, `22:22` as a number in base 60, `0755` in base 8, and "
    "`1_000` as 1000. Write true or false, or put the text in quotes.",
    "https://yaml.org/type/",
)
MERGE = Rule(
    "S012",
    "a merge key",
    "YAML readers differ in how `<<` merges maps. Use `environments`, or write the keys out.",
)
KEY = Rule("S013", "a key that is not text", "The keys of a spec are words.")
ALLOWANCE = Rule(
    "S014",
    "an incomplete `allow` comment",
    "`# fsdcf: allow W107 because the table is shared` silences a warning on its line or, alone on a line, on the next "
    "one. It names codes, separated by commas, and a reason for the next reader. Of the errors, it permits S286 only.",
)

FOREIGN = Rule(
    "S015",
    "a file of another tool",
    "The file is a Kubernetes manifest, a Compose file, a Copilot manifest or another tool's description of a service. "
    "fsdcf reads specs: `fsdcf import` writes those of Copilot, App Runner, ECS and Compose files and of the flat "
    "dialect of older pages on FSD, and `fsdcf init` a new one.",
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_FORMS = {tag: form for rows in yaml.SafeLoader.yaml_implicit_resolvers.values() for tag, form in rows}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE = re.compile(f"(?:^|{LINE_BREAK.pattern})(%TAG)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*fsdcf:\s*(.*)$")
_ALLOWABLE = rf"(?:[WI]\d+|{'|'.join(sorted(ALLOWABLE_ERRORS))})"
_ALLOW = re.compile(rf"allow\s+({_ALLOWABLE}(?:\s*,\s*{_ALLOWABLE})*)\s+because\s+\S.*")
_KEY_WITHOUT_SPACE = re.compile(r"\s*[A-Za-z][\w-]*:[^\s/:]")
_IS_SPEC = re.compile(r"^[ \t\"'{]*apiVersion[\"']?\s*:\s*[\"']?fsd", re.MULTILINE)
_FIRST_KEY = re.compile(r"^[ \t{[-]*([\"'A-Za-z][\w.-]*[\"']?)", re.MULTILINE)
_BEGINS_WITH_KEY = re.compile(r"\s*[A-Za-z][\w-]*:(\s|$)")
_ENTRY = re.compile(
    r"""(?P<head>\s*(?:-\s+)*(?P<key>(?:[\w.-]+|"[^"]*"|'[^']*')\s*:\s+)?)(?P<value>\S.*?)(?P<comment>\s+\#.*)?\s*"""
)
_ITEM = re.compile(
    r"""(?P<lead>[\[{,]\s*(?:[\w.-]+:\s+)?)(?P<item>(?!\s)(?:\$\{[^}]*\}|[^,\[\]{}"'])+?)(?=\s*[,\]}]|$)"""
)
_NO_BREAK = "\u00a0\u1680\u2000\u2007\u200b\u202f\u2060\u3000\ufeff"
_CURLY = ("\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb")
_BLOCK = re.compile(r".*[:-]\s+[|>][-+\d]*\s*(?:#.*)?", re.DOTALL)
_KEY_BEFORE_BRACE = re.compile(r"(?<=[{,\s])([A-Za-z][\w-]*):(?=[}\],])")
_BRACKETED_KEY = re.compile(r"([{,]\s*)([\w.]+\[(?:\+|\d+)\][\w.]*)(?=:\s)")
_SPECIAL = re.compile(r"[*&!%@`>|?#:-]|.*(\$\{|:\s|:$|\s#)")
_INNER_KEY = re.compile(r"([A-Za-z][\w-]*):\s")
_SINGLE_KEY = re.compile(r"\s+[A-Za-z][\w-]*:(?:\s(?!.*: )|$)")

Findings = tuple[Diagnostic, ...]


def parse(raw: bytes, name: str) -> tuple[Document | None, Findings]:
    """Return a spec's bytes as a document, or None if they cannot be read, and the findings. ``name`` is for
    messages."""
    document, findings = _read(raw, name)
    foreign = _of_another_tool(document, raw, name)
    return (None, (foreign,)) if foreign else (document, findings)


def parse_fragment(raw: bytes, name: str) -> tuple[Document | None, Findings]:
    """Return a template of CloudFormation as a document, in which functions have their long form, or None if it cannot
    be read, and the findings. JSON is a form of YAML."""
    return _read(raw, name, _FragmentReader)


def parse_patches(raw: bytes, name: str) -> tuple[Document | None, Findings]:
    """Return a list of changes of a template as a document with the list below ``patches``, and the findings. It is
    read as ``parse_fragment`` does."""
    return _read(raw, name, _PatchReader)


def parse_foreign(raw: bytes, name: str) -> tuple[Document | None, Findings]:
    """Return another tool's file as a document, or None if it cannot be read, and the findings.

    It is read as most tools do: JSON with tabs, UTF-16 with a byte order mark, merge keys, numbers as keys. A scalar
    that readers of YAML take for different values is the text that was written.
    """
    for mark, encoding in _WIDE.items():
        if raw.startswith(mark):
            with suppress(UnicodeDecodeError):
                raw = raw.decode(encoding).encode()
            break
    if raw[:_JSON_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        raw = _TAB_OR_TEXT.sub(lambda match: b" " if match[0] == b"\t" else match[0], raw)
    return _read(raw, name, _ForeignReader)


_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""The byte order marks of texts that PowerShell writes by default, and their encodings."""
_JSON_HEAD = 4096
_TAB_OR_TEXT = re.compile(rb'"(?:[^"\\\n]|\\.)*"|\t')


def _read(raw: bytes, name: str, make_reader: type[_TreeReader] | None = None) -> tuple[Document | None, Findings]:
    reads = make_reader or _TreeReader
    noun = reads.noun
    more: Findings = ()

    def unusable(rule: Rule, span: Span, message: str, hint: str) -> tuple[None, Findings]:
        return None, (rule.at(span, (), message, hint), *more)

    start = _after(name, "")
    if len(raw) > MOST_BYTES:
        return unusable(SIZE, start, f"the file has {len(raw)} bytes", f"one {noun} has at most {MOST_BYTES}")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        span = _after(name, raw[: error.start].decode("utf-8", "replace"))
        return unusable(BINARY, span, f"byte {error.start} is not valid UTF-8", "save the file as UTF-8 text")
    if odd := _UNPRINTABLE.search(text):
        message = f"the text contains the control character U+{ord(odd.group()):04X}"
        return unusable(
            BINARY, _after(name, text[: odd.start()]), message, "remove it, or write an escape in double quotes"
        )
    outline = _Outline(name)
    fault = outline.draw(text)
    if fault and fault.code != DOCUMENTS.code:
        return None, (fault,)
    first, more = (text[: outline.length], (fault,)) if fault else (text, ())
    try:
        root = _below(reads.lists, yaml.compose(first, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        return None, (_unreadable(error, text, name), *more)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):
        return unusable(EMPTY, start, f"the file contains no {noun}", reads.empty)
    reader = reads(name, first, outline.ends)
    if not isinstance(root, yaml.MappingNode):
        hint = reads.begin
        if isinstance(root, yaml.ScalarNode) and _KEY_WITHOUT_SPACE.match(root.value):
            hint = "write `:` and a space after a key"
        return unusable(NO_MAPPING, reader.span(root), f"the {noun} must be a map of keys", hint)
    data = reader.value(root, (), None)
    allowed, incomplete = _allowances(first, name, reader.scalars)
    anchors = () if reads.anchors else islice(outline.unused_anchors(), MOST_FINDINGS)
    findings = (*reader.findings, *anchors, *incomplete, *more)
    return Document(data, reader.marks, {name: text}, allowed), findings


def _of_another_tool(document: Document | None, raw: bytes, name: str) -> Diagnostic | None:
    """Return the finding about a whole file of another tool, in the place of all others; None for any other file."""
    text = "" if len(raw) > MOST_BYTES else raw.decode("utf-8", "replace").lstrip("\ufeff")
    if _IS_SPEC.search(text):
        return None
    from fsdcf.language.foreign import recognized  # not loaded for a spec

    file = recognized(document.data if document else None, text)
    if file is None:
        return None
    first = _FIRST_KEY.search(text)
    span = _after(name, text[: first.start(1)] if first else "")
    span = replace(span, end_column=span.column + len(first.group(1)) if first else span.end_column)
    hint = file.hint(name)
    if file.imported and document is None and parse_foreign(raw, name)[0] is None:
        hint += ", once the file can be read as YAML or JSON"
    return FOREIGN.at(span, (), f"this is {file.title}, not an FSD spec", hint)


def _below(name: str, root: Any) -> Any:
    """A list as a map that has it at a key; any other value, and without a key, the value itself."""
    if not name or not isinstance(root, yaml.SequenceNode):
        return root
    key = yaml.ScalarNode(f"{_TAG}str", name, root.start_mark, root.start_mark)
    return yaml.MappingNode(f"{_TAG}map", [(key, root)], root.start_mark, root.end_mark)


def _between(name: str, start: Any, end: Any) -> Span:
    """Return the span between two of YAML's marks, at least one column wide."""
    line, column = start.line + 1, start.column + 1
    end_line, end_column = end.line + 1, end.column + 1
    return Span(name, line, column, end_line, max(end_column, column + 1) if end_line == line else end_column)


def _after(name: str, before: str) -> Span:
    """Return the position after a text."""
    lines = LINE_BREAK.split(before)
    return Span(name, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)


def _is_indented_by_no_break(event: Any, text: str) -> bool:
    """Whether a plain text is the first of its line and begins with a no-break space."""
    start = event.start_mark.index
    return event.value[:1] in tuple(_NO_BREAK) and not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _too_deep(span: Span) -> Diagnostic:
    return DEPTH.at(span, (), f"more than {MOST_DEPTH} levels deep", "a spec needs about eight")


@dataclass(eq=False, repr=False)
class _Outline:
    """The events of a text, read within limits before anything is built that could overflow.

    ``ends`` maps the start of each block collection, by index, to the end of the last thing in it: the collection's own
    end mark is at the next token, after blank lines and comments. ``length`` is the length of the first document.
    """

    name: str
    ends: dict[int, Any] = field(default_factory=dict)
    length: int = 0
    anchors: dict[str, Any] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)

    def draw(self, text: str) -> Diagnostic | None:
        """Read the text up to the first fault, and return the fault."""
        # The reader compares every %TAG with all previous ones, so that a text with many of them is rejected unread.
        for count, directive in enumerate(_DIRECTIVE.finditer(text), 1):
            if count > MOST_DIRECTIVES:
                line = len(LINE_BREAK.split(text[: directive.start(1)]))
                message = f"more than {MOST_DIRECTIVES} `%TAG` directives"
                return TAGS.at(Span(self.name, line, 1, line, 5), (), message, "remove them: a spec has no tags")
        try:
            return self._events(text)
        except (yaml.YAMLError, RecursionError, ValueError, MemoryError) as error:
            return _unreadable(error, text, self.name)

    def _events(self, text: str) -> Diagnostic | None:
        opened: list[Any] = []
        documents = nodes = 0
        last: Any = None
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    start: Any = event.start_mark
                    self.length = start.index
                    empty = not re.sub(r"(?m)#.*$|^(---|\.\.\.)", "", text[start.index :]).strip()
                    hint = "remove the line: nothing follows it" if empty else "move it to its own file"
                    return DOCUMENTS.at(self._span(event), (), "a second document begins here", hint)
            elif isinstance(event, yaml.CollectionEndEvent):
                begin = opened.pop()
                if begin.flow_style:
                    last = event.end_mark
                else:
                    self.ends[begin.start_mark.index] = last
            elif isinstance(event, yaml.NodeEvent):
                nodes, last = nodes + 1, event.end_mark
                if isinstance(event, yaml.ScalarEvent) and not event.style and _is_indented_by_no_break(event, text):
                    message = f"invalid YAML: a no-break space (U+{ord(event.value[0]):04X}) is not an indentation"
                    return SYNTAX.at(self._span(event), (), message, "replace it by spaces, here and in what follows")
                self._note_anchor(event)
                opened += [event] if isinstance(event, yaml.CollectionStartEvent) else []
                if len(opened) > MOST_DEPTH:
                    return _too_deep(self._span(event))
                if nodes > MOST_NODES:
                    hint = "shorten the spec, or split it"
                    return SIZE.at(self._span(event), (), f"more than {MOST_NODES} keys and values", hint)
        return None

    def _note_anchor(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.repeated.add(event.anchor or "")
        elif isinstance(event, yaml.ScalarEvent) and event.anchor and not event.style:
            self.anchors.setdefault(event.anchor, event)

    def unused_anchors(self) -> Iterator[Diagnostic]:
        """Yield a finding for each text that begins with & and that YAML reads as an anchor."""
        for name, event in self.anchors.items():
            if name not in self.repeated:
                hint = f"put text in quotes: {_short(quoted(f'&{name} {event.value}'.strip()))}; or remove the anchor"
                message = f"YAML reads `&{name}` as the anchor of a value that nothing repeats"
                yield SURPRISE.at(self._span(event), (), message, hint)

    def _span(self, event: Any) -> Span:
        return _between(self.name, event.start_mark, event.end_mark)


class _TreeReader:
    """Builds plain data and marks from the node tree. A value that an alias repeats is marked where it is written.

    ``instead`` is what to write in place of a tag. ``noun`` is what is read, ``empty`` what to do if there is none, and
    ``begin`` if it is not a map. ``anchors`` accepts one that nothing repeats.
    ``lists`` is the key that a list gets which is the whole text; without one it is refused.
    """

    instead = "use a placeholder such as ${AWS::Region}, or plain values"
    noun = "spec"
    empty = "`fsdcf init` writes one"
    begin = "begin with `apiVersion: fsd/v1`"
    lists = ""
    anchors = False

    def __init__(self, name: str, text: str, ends: dict[int, Any]) -> None:
        self.name = name
        self.text = text
        self.ends = ends
        self.marks: dict[SpecPath, Mark] = {}
        self.findings: list[Diagnostic] = []
        self.scalars: list[Span] = []
        self.seen: set[int] = set()
        self.open: set[int] = set()
        self.expanded = 0
        self.exploded = False

    def span(self, node: yaml.Node) -> Span:
        """Return the span of a node, without the blank lines and comments after it."""
        block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        end = self.ends.get(node.start_mark.index, node.end_mark) if block else node.end_mark
        return _between(self.name, node.start_mark, end)

    def value(self, node: yaml.Node, path: SpecPath, key: Span | None) -> Any:
        """Return the data of a node and mark it; ``key`` is the span of its key."""
        span, fresh = self.span(node), id(node) not in self.seen
        self.expanded += not fresh
        if self.expanded > MOST_EXPANDED or id(node) in self.open or len(path) > MOST_DEPTH:
            message = f"aliases repeat more than {MOST_EXPANDED} values"
            if id(node) in self.open:
                message = "the alias is inside the value that it repeats"
            self._add(not self.exploded, ALIASES, key or span, path, message, "write the values out in full")
            self.exploded = True
            return None
        self.seen.add(id(node))
        self._check_tag(node, span, path, fresh)
        if isinstance(node, yaml.ScalarNode):
            self.marks[path] = Mark(span, key, node.value, not node.style)
            self._keep_scalar(node, span)
            return self._scalar(node, span, path, fresh)
        self.marks[path] = Mark(span, key)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index), None) for index, item in enumerate(node.value)]
            return self._mapping(node, path, fresh)
        finally:
            self.open.discard(id(node))

    def _add(
        self, fresh: bool, rule: Rule, span: Span, path: SpecPath, message: str, hint: str, notes: tuple[str, ...] = ()
    ) -> None:
        """Add a finding, once for each place and up to the limit."""
        if fresh and len(self.findings) < MOST_FINDINGS:
            last = ("further findings are left out",) if len(self.findings) == MOST_FINDINGS - 1 else ()
            self.findings.append(rule.at(span, path, message, hint, (*notes, *last)))

    def _surprise(self, fresh: bool, span: Span, path: SpecPath, message: str, hint: str) -> None:
        """Add a finding about a value that YAML reads differently, and mark the value."""
        self._add(fresh, SURPRISE, span, path, message, hint)
        if path in self.marks:
            self.marks[path] = replace(self.marks[path], surprising=True)

    def _keep_scalar(self, node: Any, span: Span) -> None:
        """Remember a scalar that contains what looks like a comment."""
        if "fsdcf:" in node.value:
            self.scalars.append(span)

    def _braces(self, node: Any, path: SpecPath, fresh: bool) -> str:
        """Report ``{{NAME}}``, the placeholder of other tools, which YAML reads as a map; return it as text."""
        text = self.text[node.start_mark.index : node.end_mark.index]
        hint = f"put text in quotes: {_short(quoted(text))}; a variable of the spec is ${{NAME}}"
        self._add(
            fresh, KEY, self.span(node), path, "YAML reads braces as a map, and this one has no words as keys", hint
        )
        return text

    def _mapping(self, node: Any, path: SpecPath, fresh: bool) -> dict[str, Any] | str:
        out: dict[str, Any] = {}
        for key, value in node.value:
            span = self.span(key)
            if node.flow_style and isinstance(key, yaml.CollectionNode):
                return self._braces(node, path, fresh)
            if not self._is_key(key, span, path, fresh):
                self._ignore(value, path, span)
                continue
            self._keep_scalar(key, span)
            place: SpecPath = (*path, key.value)
            if key.value in out:
                first = self.marks[place].key if place in self.marks else None
                note = (f"it is first set on line {first.line}",) if first else ()
                self._add(fresh, DUPLICATE, span, place, f"`{key.value}` is a duplicate key", "keep one of them", note)
                self._ignore(value, place, span)
            else:
                out[key.value] = self.value(value, place, span)
        return out

    def _ignore(self, value: yaml.Node, path: SpecPath, key: Span) -> None:
        """Read a value for its findings only."""
        kept, self.marks = self.marks, {}
        self.value(value, path, key)
        self.marks = kept

    def _is_key(self, key: yaml.Node, span: Span, path: SpecPath, fresh: bool) -> bool:
        kind = key.tag.removeprefix(_TAG)
        if kind == "merge":
            self._add(fresh, MERGE, span, path, "`<<` is not supported", "write the keys out, or use `environments`")
        elif not isinstance(key, yaml.ScalarNode):
            self._add(fresh, KEY, span, path, "a key must be a word", "write `name: value`")
        elif kind in ("str", "value", "timestamp"):
            return True
        elif not self._check_tag(key, span, path, fresh):
            return False
        elif kind == "bool" and _surprises(kind, key.value):
            self._add(
                fresh, SURPRISE, span, path, f"YAML reads the key `{key.value}` as a boolean", f'write "{key.value}"'
            )
        else:
            hint = f'write "{key.value}"' if key.value else "give it a name"
            self._add(fresh, KEY, span, path, f"the key `{key.value}` is not text", hint)
        return False

    def _check_tag(self, node: Any, span: Span, path: SpecPath, fresh: bool) -> bool:
        """Return whether the tag is one of YAML's own and fits the value; report any other."""
        fits = _fits(node)
        if not fits:
            standard = node.tag in _FORMS or node.tag in (_TAG + "str", _TAG + "map", _TAG + "seq")
            short = "!!" + node.tag.removeprefix(_TAG) if node.tag.startswith(_TAG) else node.tag
            message = f"the tag `{short}` {'does not fit this value' if standard else 'is not part of the language'}"
            hint = self.instead
            if "overrides" in path[:3] and node.tag.startswith("!"):
                name = node.tag[1:] if node.tag in ("!Ref", "!Condition") else f'"Fn::{node.tag[1:]}"'
                hint = f"write the long form of a function: {{{name}: …}}"
            elif isinstance(node, yaml.ScalarNode) and node.tag == "!ImportValue":
                hint = f'write "${{import:{node.value}}}"'
            elif isinstance(node, yaml.ScalarNode) and node.tag.startswith("!"):
                hint += f"; text that begins with ! needs quotes: {_short(quoted(f'{node.tag} {node.value}'.strip()))}"
            self._add(fresh, TAGS, span, path, message, hint)
        return fits

    def _scalar(self, node: Any, span: Span, path: SpecPath, fresh: bool) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if node.style in ("|", ">") and not text:
            written = self.text[node.start_mark.index :].partition("\n")[0].strip()
            message = f"YAML reads `{written}` as the beginning of a block of lines, which is empty"
            self._surprise(fresh, span, path, message, f"put text in quotes: {_short(quoted(written))}")
        if not node.style and text[:1] + text[-1:] in _CURLY and not set(text[1:-1]) & set("".join(_CURLY)):
            message = f"YAML reads the quotes {text[0]} and {text[-1]} as part of the text"
            self._surprise(fresh, span, path, message, f"write {_short(quoted(text[1:-1]))}")
        if kind not in ("null", "bool", "int", "float") or not _fits(node):
            return text
        if kind == "null":
            return None
        if _surprises(kind, text):
            hint = f'write "{text}"'
            if kind == "bool":
                hint = f'write {str(text.lower() in ("yes", "on")).lower()}, or "{text}" for the text'
            self._surprise(fresh, span, path, f"YAML reads `{text}` as another value", hint)
            return text
        if kind == "bool":
            return text.lower() == "true"
        if len(text) > MOST_DIGITS:
            return text
        number = int(text) if kind == "int" else float(text)
        return number if kind == "int" or math.isfinite(number) else text


_FUNCTIONS = frozenset(
    {"Ref", "Condition", "Base64", "Cidr", "FindInMap", "GetAtt", "GetAZs", "ImportValue", "Join", "Select", "Split"}
    | {"Sub", "And", "Equals", "If", "Not", "Or", "Transform", "ToJsonString", "Length", "Contains", "EachMemberEquals"}
    | {"EachMemberIn", "RefAll", "ValueOf", "ValueOfAll"}
)
"""The functions of CloudFormation that have a tag.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""


class _FragmentReader(_TreeReader):
    """Reads a template of CloudFormation: the long form of a function for its tag, and every scalar as a key."""

    instead = "use a function of CloudFormation such as !Ref, !GetAtt or !Sub, or plain values"
    noun = "addon"
    empty = "write `Resources:`, and what is in it"
    begin = "begin with `Resources:`"

    def __init__(self, name: str, text: str, ends: dict[int, Any]) -> None:
        super().__init__(name, text, ends)
        self.functions: dict[int, str] = {}

    def value(self, node: yaml.Node, path: SpecPath, key: Span | None) -> Any:
        """Return the data of a node; ``!GetAtt A.B.C`` becomes a list of the resource and the attribute."""
        function = self.functions.get(id(node))
        if function is None and node.tag.startswith("!") and node.tag[1:] in _FUNCTIONS:
            function = self.functions[id(node)] = node.tag[1:]
            kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
            node.tag = _TAG + (kind if isinstance(node, yaml.CollectionNode) else "str")
        if function is None:
            return super().value(node, path, key)
        self.marks[path] = Mark(self.span(node), key)
        name = function if function in ("Ref", "Condition") else f"Fn::{function}"
        argument = super().value(node, (*path, name), key)
        if function == "GetAtt" and isinstance(argument, str):
            argument = argument.split(".", 1)
        return {name: argument}

    def _is_key(self, key: yaml.Node, span: Span, path: SpecPath, fresh: bool) -> bool:
        is_text = isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge" and bool(key.value)
        return is_text or super()._is_key(key, span, path, fresh)


class _PatchReader(_FragmentReader):
    """Reads a list of changes of a template."""

    lists = "patches"


class _ForeignReader(_TreeReader):
    """Reads another tool's file: with merge keys, any scalar as a key, and texts for values that surprise."""

    instead = "write the value without it"
    noun = "document"
    empty = "name another file"
    begin = "name a file whose outermost value is a map of keys"
    anchors = True

    def _check_tag(self, node: Any, span: Span, path: SpecPath, fresh: bool) -> bool:
        """Accept the tags with which an override file of Compose replaces and removes values."""
        return node.tag in ("!reset", "!override") or super()._check_tag(node, span, path, fresh)

    def _mapping(self, node: Any, path: SpecPath, fresh: bool) -> dict[str, Any] | str:
        merges = [(key, value) for key, value in node.value if key.tag == f"{_TAG}merge"]
        own = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        for key, value in merges:
            node.value.remove((key, value))
            for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                pairs = each.value if isinstance(each, yaml.MappingNode) else []
                nested = [(inner, below) for inner, below in pairs if inner.tag == f"{_TAG}merge"]
                merges += nested if len(merges) < MOST_DEPTH else []
                added = [(inner, below) for inner, below in pairs if _is_new(inner, own)]
                own |= {inner.value for inner, _ in added}
                node.value += added
        return super()._mapping(node, path, fresh)

    def _is_key(self, key: yaml.Node, span: Span, path: SpecPath, fresh: bool) -> bool:
        is_text = isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge" and bool(key.value)
        return is_text or super()._is_key(key, span, path, fresh)

    def _surprise(self, fresh: bool, span: Span, path: SpecPath, message: str, hint: str) -> None:
        """Keep the text that was written."""


def _is_new(key: Any, own: set[str]) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge" and key.value not in own


def _fits(node: Any) -> bool:
    if isinstance(node, yaml.CollectionNode):
        return bool(node.tag == _TAG + ("map" if isinstance(node, yaml.MappingNode) else "seq"))
    form = _FORMS.get(node.tag)
    return node.tag == _TAG + "str" or (form is not None and form.match(node.value) is not None)


def _surprises(kind: str, text: str) -> bool:
    """Return whether YAML 1.1 reads a boolean or number in another way than most people expect."""
    if kind == "bool":
        return text.lower() not in ("true", "false")
    digits = text.lstrip("+-")
    octal_or_hex = kind == "int" and len(digits) > 1 and digits[0] == "0"
    return octal_or_hex or "_" in text or ":" in text or "n" in text.lower()


def _unreadable(error: Exception, text: str, name: str) -> Diagnostic:
    """Return the reader's error as a finding, at the nearest character that can be shown."""
    if not isinstance(error, yaml.MarkedYAMLError):
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        return SYNTAX.at(_after(name, ""), (), f"the text cannot be read as YAML: {cause}")
    mark = error.problem_mark or error.context_mark
    unclosed = "quoted scalar" in (error.context or "") and "end of stream" in (error.problem or "")
    at = error.context_mark if unclosed else mark
    line, column = (at.line + 1, at.column + 1) if at else (1, 1)
    lines = LINE_BREAK.split(text)
    while line > 1 and (line > len(lines) or (not lines[line - 1].strip() and line == len(lines))):
        line, column = line - 1, 0
    shown = lines[line - 1] if line <= len(lines) else ""
    column = min(column or len(shown) + 1, len(shown) + 1)
    span = Span(name, line, column, line, column + 1)
    problem = error.problem or error.context or "the text cannot be read"
    if "nesting depth" in problem:  # libyaml has its own limit, and reads ahead
        return _too_deep(span)
    above = next((number for number in range(line - 1, 0, -1) if lines[number - 1].strip()), line)
    opened = error.context_mark.line + 1 if error.context_mark else line
    last = max(line, mark.line + 1 if mark else 1)
    repaired = (_repair(text, lines, number, last) for number in dict.fromkeys((line, opened, above)))
    hint = _tab_hint(problem, shown) or next(filter(None, repaired), "")
    if unclosed:
        problem = "these quotes are not closed"
    hint = hint or _block_hint(lines, line) or _syntax_hint(problem, shown, lines[above - 1], column)
    return SYNTAX.at(span, (), f"invalid YAML: {problem}", hint)


def _block_hint(lines: list[str], line: int) -> str:
    """Return the hint for a line that ends a block of text because it is less indented than the first line of it."""
    depth = len(lines[line - 1]) - len(lines[line - 1].lstrip()) if line <= len(lines) else 0
    less = (each for each in reversed(lines[: line - 1]) if each.strip() and len(each) - len(each.lstrip()) < depth)
    inside = _BLOCK.fullmatch(next(less, ""))
    return "indent every line of a block of text as far as its first line" if inside else ""


def _repair(text: str, lines: list[str], number: int, line: int) -> str:
    """Return the hint for the first repair of a line after which the text can be read beyond the error's ``line``;
    empty if none of them works."""
    if len(text) > MOST_REPAIRED or number > len(lines) or len(lines[number - 1]) > MOST_REPAIRED_LINE:
        return ""
    start = [0, *(found.end() for found in LINE_BREAK.finditer(text))][number - 1]
    before, after = text[:start], text[start + len(lines[number - 1]) :]
    works = (hint for fixed, hint in _repairs(lines[number - 1]) if _first_fault(before + fixed + after) > line)
    return next(works, "")


def _first_fault(text: str) -> float:
    """Return the line of the first syntax error of a text; infinity without one."""
    try:
        for _ in yaml.parse(text, Loader=_Loader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return mark.line + 1 if mark else 1
    except (yaml.YAMLError, RecursionError, ValueError):
        return 0
    return math.inf


def _repairs(line: str) -> Iterator[tuple[str, str]]:
    """Yield what the author of a line may have meant, each with the hint that says how to write it."""
    entry = _ENTRY.fullmatch(line)
    if entry is None:
        return
    head, value = entry["head"], entry["value"]
    shown = (entry["key"] or "").lstrip()
    whole = value + (entry["comment"] or "")
    closing = {"[": "]", "{": "}", "'": "'", '"': '"'}.get(value[0], "")
    if closing and closing not in whole[1:]:
        close = f"close it with {closing}, or put text in quotes: {shown}{_short(quoted(value))}"
        yield head + value + closing, close if closing in "]}" else f"close the quotes: {_short(value + closing)}"
    if closing and closing in "]}" and (spaced := _KEY_BEFORE_BRACE.sub(r"\1: ", whole)) != whole:
        yield head + spaced, f"write a space after the colon: {_short(spaced)}"
    if closing and closing in whole[1:] and closing in "]}" and (items := _ITEM.sub(_quoted_item, whole)) != whole:
        yield head + items, f"put the items in quotes: {_short(items)}"
    if closing == "}" and (keys := _BRACKETED_KEY.sub(r'\1"\2"', whole)) != whole:
        yield head + keys, f"put a key with brackets in quotes: {_short(keys)}"
    if _KEY_WITHOUT_SPACE.match(line):
        key, _, rest = value.partition(":")
        yield f"{head}{key}: {rest}", f"write `:` and a space after a key: {key}: {_short(rest)}"
    if not head.strip() or (value[0] in "[{" and value[-1] in "]}"):
        return  # a line of its own without a key is not a value, and a list or map is not text
    in_quotes = f"put the value in quotes: {shown}{_short(quoted(value))}"
    if value.startswith("- "):
        in_quotes = f"begin a list on its own line; {in_quotes.replace('the value', 'text')}"
    elif (inner := _INNER_KEY.match(value)) is not None:
        in_quotes += f"; if `{inner[1]}` is a key, begin a new line before it"
    yield head + quoted(value), in_quotes


def _quoted_item(item: re.Match[str]) -> str:
    special = _SPECIAL.match(item["item"])
    return item["lead"] + (quoted(item["item"]) if special else item["item"])


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_HINT else f"{text[:_LONGEST_HINT]}…"


def quoted(text: str) -> str:
    """Return a text in the quotes that YAML reads back as the text; a text in quotes of its own gets the right ones."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    doubled = text.replace("'", "''")
    return f'"{text}"' if not re.search(r'["\\]', text) else f"'{doubled}'"


_SAFE = re.compile(r"[A-Za-z./][A-Za-z0-9./_@+=-]*( [A-Za-z0-9./_@+=-]+)*")
_NOT_TEXT = re.compile(r"(?i)true|false|yes|no|on|off|y|n|null|\.inf|\.nan|\.[0-9_].*")


def scalar_text(text: str, shape: str | None = None) -> str:
    """Return a scalar of YAML that is the text: plain if every parser reads it as the same text, quoted otherwise.

    ``shape`` decides in place of the text, if parts of the text are known to need no quotes."""
    shape = text if shape is None else shape
    if _SAFE.fullmatch(shape) and not _NOT_TEXT.fullmatch(shape):
        return text
    return "".join(map(_in_quotes, json.dumps(text, ensure_ascii=False)))


def _in_quotes(character: str) -> str:
    """A character of a scalar in double quotes."""
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _tab_hint(problem: str, line: str) -> str:
    indented = "\t" in line[: len(line) - len(line.lstrip("- \t"))]
    return "indent with spaces: YAML does not allow tabs" if indented or "\\t" in problem else ""


def _syntax_hint(problem: str, line: str, above: str, column: int) -> str:
    """Return the first hint that fits the reader's problem, the line and the line above, if no repair works."""

    def depth(text: str) -> int:
        return len(text) - len(text.lstrip())

    def says(*words: str) -> bool:
        return any(word in problem for word in words)

    is_key = _BEGINS_WITH_KEY.match(line) is not None
    mapping = says("mapping values")
    indentation = "check the indentation: the keys of a map begin in the same column"
    no_space = "write `:` and a space after a key"
    hints = (
        (mapping and _KEY_WITHOUT_SPACE.match(above), no_space),
        ("${" in line, 'put values with `${…}` in quotes inside { } and [ ]: "${ENV}"'),
        (mapping and _SINGLE_KEY.match(line) and depth(line) > depth(above), indentation),
        (mapping, "a value that contains `: ` needs quotes; a key needs its own line"),
        (_KEY_WITHOUT_SPACE.match(line) or _KEY_WITHOUT_SPACE.match(above), no_space),
        (says("escape"), "in double quotes \\ begins an escape; use single quotes for a literal \\"),
        (says("end of stream"), "close the quotes: \" or ' at the end of the text"),
        (says("',' or"), "put commas between the items, and close the list with ] and the map with }"),
        (says("block", "indent") or (column <= depth(line) + 1 and is_key), indentation),
        (says("key", "':'"), no_space),
    )
    return next((hint for fits, hint in hints if fits), "put the value in quotes if it contains special characters")


def _allowances(
    text: str, name: str, scalars: Iterable[Span]
) -> tuple[dict[tuple[str, int], dict[str, Span]], list[Diagnostic]]:
    """Return the allowed codes by (file, line), each with its comment, and the findings about invalid allowances.

    ``scalars`` are the spans in which a # does not begin a comment.
    """
    allowed: dict[tuple[str, int], dict[str, Span]] = {}
    findings: list[Diagnostic] = []
    if "fsdcf:" not in text:
        return allowed, findings
    lines = LINE_BREAK.split(text)
    taken = sorted(scalars)
    targets = _next_lines(lines)
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.search(line)
        if comment is None or _within(taken, name, number, comment.start() + 1):
            continue
        form = _ALLOW.fullmatch(comment.group(1).rstrip())
        span = Span(name, number, comment.start() + 1, number, len(line) + 1)
        if form:
            target = (name, number if line[: comment.start()].strip() else targets[number - 1])
            codes = allowed.setdefault(target, {})
            codes |= dict.fromkeys((code.strip() for code in form.group(1).split(",")), span)
        elif len(findings) < MOST_FINDINGS:
            hint = "write `# fsdcf: allow W107 because …`, with a reason"
            findings.append(ALLOWANCE.at(span, (), "this `allow` comment is incomplete", hint))
    return allowed, findings


def _within(scalars: list[Span], name: str, line: int, column: int) -> bool:
    """Return whether a position is inside one of the scalars, which are sorted and do not overlap."""
    index = bisect_right(scalars, Span(name, line, column, sys.maxsize, 0)) - 1
    return index >= 0 and (line, column) < (scalars[index].end_line, scalars[index].end_column)


def _next_lines(lines: list[str]) -> list[int]:
    """Return for each line the number of the next line that is neither blank nor a comment; its own if there is
    none."""
    targets: list[int] = []
    following = 0
    for number in range(len(lines), 0, -1):
        targets.append(following or number)
        shown = lines[number - 1].strip()
        following = number if shown and not shown.startswith("#") else following
    return targets[::-1]
