"""Strict YAML: bytes become a document with the position of everything, or findings that say where it went wrong."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from fsdcf.diagnostics import Diagnostic, Rule, Span, SpecPath
from fsdcf.spec.comments import RULES as COMMENT_RULES
from fsdcf.spec.comments import allowances
from fsdcf.spec.document import Document, Mark

MOST_BYTES = 1 << 20
MOST_DEPTH = 50
MOST_NODES = 20_000

SYNTAX = Rule(
    "S001",
    "not YAML",
    "The text cannot be read as YAML. The position is where the reader gave up; the cause stands there or just before.",
)
DUPLICATE = Rule(
    "S002", "a key that is there twice", "YAML leaves open which of two equal keys counts, and most readers silently drop one."
)
ALIASES = Rule(
    "S003",
    "aliases that explode",
    "An anchor that is repeated inside other anchors grows without bound. Write the parts out, or use fewer aliases.",
)
TAGS = Rule(
    "S004",
    "a foreign tag",
    "Tags such as `!Ref` or `!!python/object` are not part of the language. Placeholders take the place of CloudFormation's functions.",
)
NO_MAPPING = Rule("S005", "not a mapping", "A spec is a map of keys: apiVersion, kind, metadata, service.")
BINARY = Rule("S006", "not text", "A spec is a text file in UTF-8 without control characters.")
EMPTY = Rule("S007", "nothing there", "The file is empty, or holds comments only.")
DEPTH = Rule("S008", "nested too deeply", f"A spec is nested at most {MOST_DEPTH} levels deep.")
DOCUMENTS = Rule("S009", "several documents", "One file holds one spec: everything after a second `---` would be ignored.")
SIZE = Rule("S010", "too large", "A spec holds at most one MiB.")
SURPRISE = Rule(
    "S011",
    "a value that YAML reads differently",
    "YAML 1.1 reads `yes`, `no`, `on` and `off` as booleans, `22:22` as a number in base 60, `0755` in base 8, and `1_000` as 1000. Write true or false, or put the text in quotes.",
    "https://yaml.org/type/",
)
MERGE = Rule(
    "S012", "a merge key", "`<<` merges maps in a way that differs among readers. Use `environments`, or write the keys out."
)
KEY = Rule("S013", "a key that is no text", "The keys of a spec are words.")
RULES = (
    SYNTAX,
    DUPLICATE,
    ALIASES,
    TAGS,
    NO_MAPPING,
    BINARY,
    EMPTY,
    DEPTH,
    DOCUMENTS,
    SIZE,
    SURPRISE,
    MERGE,
    KEY,
    *COMMENT_RULES,
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value")}
_SURPRISES = re.compile(
    r"(?i:yes|no|on|off)|[-+]?0[0-9_]+|[-+]?0[xb][0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?[0-9]+_[0-9_.]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(raw: bytes, name: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """A spec's bytes as a document and what is wrong with them; no document where nothing can be read."""
    start = Span(name, 1, 1, 1, 2)
    if len(raw) > MOST_BYTES:
        return None, (SIZE.at(start, (), f"the file holds {len(raw)} bytes", f"at most {MOST_BYTES}"),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        return None, (BINARY.at(_at(name, before), (), f"byte {error.start} is not UTF-8", "save the file as UTF-8 text"),)
    odd = _UNPRINTABLE.search(text)
    if odd:
        message = f"the control character U+{ord(odd.group()):04X}"
        return None, (BINARY.at(_at(name, text[: odd.start()]), (), message, "remove it, or write an escape in double quotes"),)
    return _read(text, name)


def _read(text: str, name: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    fault = _structure(text, name)
    if fault:
        return None, (fault,)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        return None, (_syntax(error, text, name),)
    except yaml.YAMLError as error:
        return None, (SYNTAX.at(Span(name, 1, 1, 1, 2), (), str(error).splitlines()[0]),)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):
        return None, (EMPTY.at(Span(name, 1, 1, 1, 2), (), "the file holds no spec", "`fsdcf init` writes one"),)
    reader = _Reader(name)
    span = reader.span(root)
    if not isinstance(root, yaml.MappingNode):
        return None, (NO_MAPPING.at(span, (), "a spec is a map of keys", "begin with `apiVersion: fsd/v1`"),)
    data = reader.value(root, (), None)
    allowed, bad = allowances(text, name, reader.scalars)
    document = Document(data, reader.marks, {name: text}, allowed)
    return document, (*reader.findings, *bad)


def _structure(text: str, name: str) -> Diagnostic | None:
    """Depth, number of documents and syntax, from the events alone: nothing is built that could overflow."""
    depth = documents = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    return DOCUMENTS.at(_mark(name, event), (), "a second document begins here", "put it in a file of its own")
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                depth += 1
                if depth > MOST_DEPTH:
                    return DEPTH.at(_mark(name, event), (), f"more than {MOST_DEPTH} levels deep", "a spec needs about eight")
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                depth -= 1
    except yaml.MarkedYAMLError as error:
        return _syntax(error, text, name)
    except (yaml.YAMLError, RecursionError, ValueError, MemoryError) as error:
        return SYNTAX.at(
            Span(name, 1, 1, 1, 2),
            (),
            f"the text cannot be read as YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        )
    return None


def _syntax(error: yaml.MarkedYAMLError, text: str, name: str) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    while line > 1 and (line > len(lines) or (not lines[line - 1].strip() and line == len(lines))):
        line, column = line - 1, 0
    shown = lines[line - 1] if line <= len(lines) else ""
    column = min(column or len(shown) + 1, len(shown) + 1)
    problem = error.problem or error.context or "the text cannot be read"
    return SYNTAX.at(Span(name, line, column, line, column + 1), (), f"not YAML: {problem}", _syntax_hint(problem, shown))


def _syntax_hint(problem: str, line: str) -> str:
    if "\t" in line or "\\t" in problem:
        return "indent with spaces: YAML takes no tabs"
    if "${" in line:
        return 'put values with `${…}` in quotes inside { } and [ ]: "${ENV}"'
    if "alias" in problem or "anchor" in problem:
        return "put text that begins with * or & in quotes"
    if "mapping values" in problem and line.rstrip().endswith(":"):
        return "a value that ends in `:` needs quotes"
    if "mapping values" in problem:
        return "a value with `: ` in it needs quotes; a key needs its own line"
    if "block" in problem or "indent" in problem:
        return "check the indentation: keys of one map stand in one column"
    if "key" in problem or "':'" in problem:
        return "a key is followed by `:` and a space"
    return "put the value in quotes if it holds special characters"


class _Reader:
    """Builds plain data and marks from the node tree; looks at every node at most a bounded number of times."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: dict[SpecPath, Mark] = {}
        self.findings: list[Diagnostic] = []
        self.scalars: list[Span] = []
        self.nodes = 0
        self.open: set[int] = set()

    def span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
            if last.end_mark.index >= last.start_mark.index and not isinstance(last, yaml.CollectionNode):
                end = last.end_mark
        return _between(self.name, start, end)

    def value(self, node: yaml.Node, path: SpecPath, key: Span | None) -> Any:
        self.nodes += 1
        span = self.span(node)
        if self.nodes > MOST_NODES or id(node) in self.open:
            if not any(found.code == ALIASES.code for found in self.findings):
                self.findings.append(ALIASES.at(key or span, path, "aliases expand without bound here", "write the parts out"))
            return None
        if node.tag not in _PLAIN_TAGS:
            self.findings.append(
                TAGS.at(
                    span,
                    path,
                    f"the tag `{_short(node.tag)}` is not part of the language",
                    "use a placeholder such as ${AWS::Region}, or plain values",
                )
            )
        if isinstance(node, yaml.ScalarNode):
            plain = not node.style
            self.marks[path] = Mark(span, key, node.value, plain)
            self.scalars.append(span)
            return self._scalar(node, span, path)
        self.marks[path] = Mark(span, key)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index), None) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self.open.discard(id(node))

    def _mapping(self, node: Any, path: SpecPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in node.value:
            span = self.span(key)
            if not self._is_key(key, span, path):
                continue
            self.scalars.append(span)
            name = key.value
            if name in out:
                place: SpecPath = (*path, name)
                first = self.marks[place].key
                note = (f"it is first written in line {first.line}",) if first else ()
                self.findings.append(DUPLICATE.at(span, (*path, name), f"`{name}` is there twice", "keep one of them", note))
                continue
            out[name] = self.value(value, (*path, name), span)
        return out

    def _is_key(self, key: yaml.Node, span: Span, path: SpecPath) -> bool:
        if key.tag == _TAG + "merge":
            self.findings.append(MERGE.at(span, path, "`<<` is not taken", "write the keys out, or use `environments`"))
            return False
        if isinstance(key, yaml.ScalarNode) and key.tag in (_TAG + "str", _TAG + "value"):
            return True
        if isinstance(key, yaml.ScalarNode) and key.tag == _TAG + "bool" and key.value.lower() not in ("true", "false"):
            self.findings.append(
                SURPRISE.at(span, path, f"YAML reads the key `{key.value}` as a boolean", f'write "{key.value}"')
            )
        elif isinstance(key, yaml.ScalarNode) and key.tag in _PLAIN_TAGS:
            self.findings.append(
                KEY.at(span, path, f"the key `{key.value}` is no text", f'write "{key.value}"' if key.value else "give it a name")
            )
        else:
            self.findings.append(KEY.at(span, path, "a key must be a word", "write `name: value`"))
        return False

    def _scalar(self, node: Any, span: Span, path: SpecPath) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if node.style or kind in ("str", "timestamp") or node.tag not in _PLAIN_TAGS:
            return text if kind != "null" else None
        if kind == "null":
            return None
        if _SURPRISES.fullmatch(text) and text != "0":
            hint = "write true or false, or put it in quotes" if kind == "bool" else f'write "{text}"'
            self.findings.append(SURPRISE.at(span, path, f"YAML does not read `{text}` as it stands", hint))
            return text
        if kind == "bool":
            return text.lower() == "true"
        try:
            number = int(text) if kind == "int" else float(text)
        except ValueError:
            return text
        return number if kind == "int" or math.isfinite(number) else text


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _between(name: str, start: Any, end: Any) -> Span:
    line, column = start.line + 1, start.column + 1
    end_line, end_column = end.line + 1, end.column + 1
    return Span(name, line, column, end_line, max(end_column, column + 1) if end_line == line else end_column)


def _mark(name: str, event: Any) -> Span:
    return _between(name, event.start_mark, event.end_mark)


def _at(name: str, before: str) -> Span:
    """The position after a text."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return Span(name, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)
