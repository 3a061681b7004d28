"""Strict YAML: bytes become a document with the position of everything, or findings that say where it went wrong."""

from __future__ import annotations

import math
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from fsdcf.diagnostics import LINE_BREAK, Diagnostic, Rule, Span, SpecPath
from fsdcf.language.document import Document, Mark

ALLOWANCE = Rule(
    "S014",
    "an allowance that says too little",
    "`# fsdcf: allow W107 because the table is shared` silences advice on its line; alone on a line, on the next one. It names W "
    "codes, separated by commas, and a reason, since the next reader will ask. Errors cannot be silenced.",
)

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*fsdcf:\s*(.*)$")
_FORM = re.compile(r"allow\s+(W\d+(?:\s*,\s*W\d+)*)\s+because\s+\S.*")


def allowances(
    text: str, name: str, scalars: Iterable[Span]
) -> tuple[dict[tuple[str, int], frozenset[str]], tuple[Diagnostic, ...]]:
    """(file, line) -> silenced codes, and the allowances that cannot be read. ``scalars`` are where a # is no
    comment."""
    lines = LINE_BREAK.split(text)
    if "fsdcf:" not in text:
        return {}, ()
    taken = sorted(scalars)
    targets = _next_lines(lines)
    allowed: dict[tuple[str, int], frozenset[str]] = {}
    findings: list[Diagnostic] = []
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line)
        if found is None or _within(taken, name, number, found.start() + 1):
            continue
        form = _FORM.fullmatch(found.group(1).rstrip())
        if form is None:
            span = Span(name, number, found.start() + 1, number, len(line) + 1)
            hint = "write `# fsdcf: allow W107 because …`, with a reason"
            if len(findings) < MOST_FINDINGS:
                findings.append(ALLOWANCE.at(span, (), "this allowance silences nothing", hint))
            continue
        codes = frozenset(code.strip() for code in form.group(1).split(","))
        target = (name, number if line[: found.start()].strip() else targets[number - 1])
        allowed[target] = allowed.get(target, frozenset()) | codes
    return allowed, tuple(findings)


def _within(scalars: list[Span], name: str, line: int, column: int) -> bool:
    """Whether a position lies in one of the scalars, which are sorted and do not overlap."""
    index = bisect_right(scalars, Span(name, line, column, sys.maxsize, 0)) - 1
    return index >= 0 and (line, column) < (scalars[index].end_line, scalars[index].end_column)


def _next_lines(lines: list[str]) -> list[int]:
    """For each line the number of the next one that is neither blank nor a comment; its own where there is none."""
    targets: list[int] = []
    following = 0
    for number in range(len(lines), 0, -1):
        targets.append(following or number)
        shown = lines[number - 1].strip()
        following = number if shown and not shown.startswith("#") else following
    return targets[::-1]


MOST_DEPTH = 50

SYNTAX = Rule(
    "S001",
    "not YAML",
    "The text cannot be read as YAML. The position is where the reader gave up; the cause stands there or just before.",
)
DEPTH = Rule("S008", "nested too deeply", f"A spec is nested at most {MOST_DEPTH} levels deep.")

_UNSPACED = re.compile(r"\s*[A-Za-z][\w-]*:[^\s/:]")
_A_KEY = re.compile(r"\s*[A-Za-z][\w-]*:(\s|$)")
_ONE_KEY = re.compile(r"\s+[A-Za-z][\w-]*:(?:\s(?!.*: )|$)")


def unspaced(line: str) -> bool:
    """Whether a line looks like a key without a space behind its colon."""
    return _UNSPACED.match(line) is not None


def too_deep(span: Span) -> Diagnostic:
    """The finding for a value that lies too deep."""
    return DEPTH.at(span, (), f"more than {MOST_DEPTH} levels deep", "a spec needs about eight")


def unreadable(error: Exception, text: str, name: str) -> Diagnostic:
    """The reader's error as a finding, at the nearest character that can be shown."""
    if not isinstance(error, yaml.MarkedYAMLError):
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        return SYNTAX.at(Span(name, 1, 1, 1, 2), (), f"the text cannot be read as YAML: {cause}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = LINE_BREAK.split(text)
    while line > 1 and (line > len(lines) or (not lines[line - 1].strip() and line == len(lines))):
        line, column = line - 1, 0
    shown = lines[line - 1] if line <= len(lines) else ""
    column = min(column or len(shown) + 1, len(shown) + 1)
    problem = error.problem or error.context or "the text cannot be read"
    if "nesting depth" in problem:  # libyaml has a bound of its own, and looks ahead
        return too_deep(Span(name, line, column, line, column + 1))
    above = next((one for one in reversed(lines[: line - 1]) if one.strip()), "")
    return SYNTAX.at(
        Span(name, line, column, line, column + 1), (), f"not YAML: {problem}", _hint(problem, shown, above, column)
    )


def _hint(problem: str, line: str, above: str, column: int) -> str:
    if "\t" in line[: _depth(line)] or "\\t" in problem:
        return "indent with spaces: YAML takes no tabs"
    if "${" in line:
        return 'put values with `${…}` in quotes inside { } and [ ]: "${ENV}"'
    if "alias" in problem or "anchor" in problem:
        return "put text that begins with * or & in quotes"
    if "mapping values" in problem and _ONE_KEY.match(line) and _depth(line) > _depth(above):
        return "check the indentation: keys of one map stand in one column"
    if "mapping values" in problem and line.rstrip().endswith(":"):
        return "a value that ends in `:` needs quotes"
    if "mapping values" in problem:
        return "a value with `: ` in it needs quotes; a key needs its own line"
    if unspaced(line) or unspaced(above):
        return "a key is followed by `:` and a space"
    if "escape" in problem:
        return "in double quotes \\ begins an escape; single quotes take it as it is"
    if "end of stream" in problem:
        return "close the quotes: \" or ' at the end of the text"
    if "',' or" in problem:
        return "put commas between the items, and close the list with ] and the map with }"
    at_key = column <= _depth(line) + 1 and _A_KEY.match(line)
    if "block" in problem or "indent" in problem or at_key:
        return "check the indentation: keys of one map stand in one column"
    if "expected key" in problem and _A_KEY.match(line):
        return "put the whole value in quotes; a ' in it is written twice"
    if "key" in problem or "':'" in problem:
        return "a key is followed by `:` and a space"
    return "put the value in quotes if it holds special characters"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


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

    ``ends`` is where the last thing in a block collection ends, by the index of its start: its own end mark stands
    before the next token, behind blank lines and comments. ``length`` is the length of the first document.
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
