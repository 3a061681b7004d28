"""From the document as written to the document for one environment: spellings, overlay, overrides, placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, Span, SpecPath
from fsdcf.language.document import Document, Mark
from fsdcf.language.model import Dependency, Spec
from fsdcf.language.placeholders import Problem, String, parse
from fsdcf.language.shape import names_of
from fsdcf.language.spellings import canonical

OVERRIDE = Rule(
    "S109",
    "an override that cannot be read",
    "`--override` takes KEY=VALUE, where KEY is a dotted path of keys such as service.resources.cpu (`service.` may be left out) "
    "and VALUE is YAML.",
)
MERGE_RULES = (OVERRIDE,)


def overlay_of(document: Document, environment: str) -> Document | None:
    """The part of ``environments`` for one environment, as a document of its own."""
    overlays = document.data.get("environments")
    overlay = overlays.get(environment) if isinstance(overlays, dict) else None
    if not isinstance(overlay, dict):
        return None
    root: SpecPath = ("environments", environment)
    marks = {path[2:]: mark for path, mark in document.marks.items() if path[:2] == root}
    return Document(overlay, marks, document.sources, document.allowed)


def merged(base: Document, over: Document) -> Document:
    """``over`` merged over ``base``: maps merge, everything else is replaced. Marks follow the values."""
    marks = dict(base.marks)
    data = _merge(base.data, over.data, (), marks, over)
    return Document(data, marks, {**base.sources, **over.sources}, base.allowed)


def _merge(
    low: dict[Any, Any], high: dict[Any, Any], path: SpecPath, marks: dict[SpecPath, Mark], over: Document
) -> dict[Any, Any]:
    out = dict(low)
    for name, value in high.items():
        here = path + (name,)
        if isinstance(value, dict) and isinstance(low.get(name), dict):
            out[name] = _merge(low[name], value, here, marks, over)
            continue
        out[name] = value
        for stale in [known for known in marks if known[: len(here)] == here]:
            del marks[stale]
        marks.update({known: mark for known, mark in over.marks.items() if known[: len(here)] == here})
    return out


Parse = Callable[[bytes, str], tuple[Document | None, tuple[Diagnostic, ...]]]

PLACEHOLDER = Rule(
    "S110",
    "a placeholder that means nothing",
    "Strings may hold ${ENV}, ${NAME} (given with --var), pseudo parameters such as ${AWS::Region}, secrets and attributes of "
    "dependencies. Anything else between `${` and `}` is refused, since it would reach the service as text. `$${` is a literal `${`.",
)
DYNAMIC_REFERENCE = Rule(
    "S111",
    "a dynamic reference",
    "`{{resolve:…}}` would put the secret's value in plain text into the task definition. Use `secrets`, or ${secrets:path} "
    "and ${ssm:/path} in `environment`: ECS then reads the value when the container starts.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html",
)
CONTROL = Rule(
    "S113",
    "a control character in a value",
    "Escapes such as `\\x00` in double quotes put control characters into a value. CloudFormation and ECS refuse them; only line breaks and tabs may stand in a text.",
)
RULES = (PLACEHOLDER, DYNAMIC_REFERENCE, CONTROL)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def resolve(
    document: Document,
    types: Mapping[str, type[Dependency]],
    parse_yaml: Parse,
    environment: str,
    overrides: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The document for ``environment``: one spelling, the overlay and then the overrides merged, known variables replaced.

    Every value keeps the position of the line or flag that it came from.
    """
    known = {**(variables or {}), "ENV": environment}
    document, spelled = canonical(document, types)
    findings = list(spelled)
    overlay = overlay_of(document, environment)
    base = merged(document, overlay) if overlay else document
    for text in overrides:
        over, problems = _override(text, types, parse_yaml)
        findings.extend(problems)
        base = merged(base, over) if over else base
    resolved, problems = substituted(base, known)
    return resolved, (*findings, *problems)


def _override(
    text: str, types: Mapping[str, type[Dependency]], parse_yaml: Parse
) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """``service.resources.cpu=2048`` as a document whose positions are in the flag."""
    file = f"--override {text}"
    whole = Span(file, 1, 1, 1, len(text) + 1)
    dotted, equals, value = text.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        return None, (
            OVERRIDE.at(whole, (), f"`{text}` is not KEY=VALUE", "write --override service.resources.cpu=2048"),
        )
    if keys[0] not in names_of(Spec):
        keys.insert(0, "service")
    parsed, problems = parse_yaml(f"value: {value}".encode(), file)
    if parsed is None or problems:
        message = problems[0].message if problems else "no value"
        return None, (
            OVERRIDE.at(
                whole,
                tuple(keys),
                f"the value of `{dotted}` cannot be read: {message}",
                "VALUE is YAML, quoted where needed",
            ),
        )
    data: Any = parsed.data["value"]
    path: SpecPath = tuple(keys)
    key_span = Span(file, 1, 1, 1, len(dotted) + 1)
    shift = len(dotted) + 1 - len("value: ")
    marks = {path[:depth]: Mark(whole, key_span) for depth in range(len(path))}
    for known, mark in parsed.marks.items():
        if known:
            at = Span(file, 1, max(1, mark.value.column + shift), 1, max(2, mark.value.end_column + shift))
            marks[path + known[1:]] = Mark(at, key_span, mark.text, mark.plain)
    for key in reversed(keys):
        data = {key: data}
    return canonical(Document(data, marks, {file: text}), types)


def substituted(document: Document, variables: Mapping[str, str]) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The document with its placeholders read: known ones replaced, the others kept as Text."""
    work = _Substitution(document, variables)
    data = {
        name: value if name == "environments" else work.value(value, (name,)) for name, value in document.data.items()
    }
    return Document(data, work.marks, document.sources, document.allowed), tuple(work.findings)


class _Substitution:
    def __init__(self, document: Document, variables: Mapping[str, str]) -> None:
        self.document = document
        self.variables = variables
        self.marks = dict(document.marks)
        self.findings: list[Diagnostic] = []

    def value(self, value: Any, path: SpecPath) -> Any:
        if isinstance(value, dict):
            return {key: self.value(below, path + (key,)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.value(below, path + (index,)) for index, below in enumerate(value)]
        return self.text(value, path) if isinstance(value, str) else value

    def text(self, value: str, path: SpecPath) -> Any:
        if "{{resolve:" in value:
            hint = "use `secrets`, or ${secrets:path} or ${ssm:/path} in `environment`"
            self.findings.append(
                DYNAMIC_REFERENCE.at(
                    self.document.span(path), path, "a dynamic reference would put a secret in plain text", hint
                )
            )
        if _CONTROL.search(value):
            self.findings.append(
                CONTROL.at(self.document.span(path), path, "the text holds a control character", "remove the escape")
            )
        names_dependency = len(path) == 3 and path[0] == "dependencies" and path[2] == "name"
        found, problems = parse(value, self.variables, keep="ENV" if names_dependency else "")
        for problem in problems:
            self.findings.append(
                PLACEHOLDER.at(self._within(path, value, problem), path, problem.message, problem.hint)
            )
        if found == value or not isinstance(found, str):
            return found
        return self._retyped(found, path)

    def _retyped(self, text: str, path: SpecPath) -> String | int:
        """A plain scalar that was all placeholders reads as the number that it became: ``port: ${PORT}``."""
        mark = self.document.marks.get(path)
        if mark is None:
            return text
        self.marks[path] = Mark(mark.value, mark.key, text, mark.plain)
        return int(text) if mark.plain and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text) else text

    def _within(self, path: SpecPath, value: str, problem: Problem) -> Span:
        """The placeholder's own span where the text stands in one line as it is; the whole value otherwise."""
        span = self.document.span(path)
        mark = self.document.marks.get(path)
        width = span.end_column - span.column
        if (
            mark is None
            or span.line != span.end_line
            or mark.text != value
            or width not in (len(value), len(value) + 2)
        ):
            return span
        start = span.column + (width - len(value)) // 2
        return Span(span.file, span.line, start + problem.start, span.line, start + problem.end)
