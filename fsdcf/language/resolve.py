"""Resolution: from the document as written to the document for one environment, by overlay, overrides and
placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fsdcf.cloudformation.references import HOLE, is_dynamic
from fsdcf.conventions import environment_path
from fsdcf.diagnostics import Diagnostic, Rule, Span, SpecPath
from fsdcf.language import placeholders
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document, Mark, names_of_type
from fsdcf.language.model import KINDS, SpecKind, kind_of
from fsdcf.language.names import local_names
from fsdcf.language.placeholders import Attribute, Known, Part, Pseudo, String, Text, parts_of, sample
from fsdcf.language.shape import names_of
from fsdcf.language.source import parse, quoted
from fsdcf.language.spellings import canonical

if TYPE_CHECKING:
    from fsdcf.language.environment import EnvironmentFile
    from fsdcf.language.model.environment import EnvironmentSpec

OVERRIDE = Rule(
    "S109",
    "an invalid override",
    "`--override` takes KEY=VALUE, where KEY is a dotted path of keys such as service.resources.cpu (`service.` may be "
    "left out) and VALUE is YAML.",
)
PLACEHOLDER = Rule(
    "S110",
    "an unknown placeholder",
    "Strings may contain ${ENV}, ${NAME} (set with --var), pseudo parameters such as ${AWS::Region}, secrets and "
    "attributes of dependencies. Anything else between `${` and `}` is rejected, because it would reach the service as "
    "text. `$${` is a literal `${`.",
)
DYNAMIC_REFERENCE = Rule(
    "S111",
    "a dynamic reference",
    "`{{resolve:…}}` would put the secret's value in plain text into the task definition. Use `secrets`, or "
    "${secrets:path} and ${ssm:/path} in `environment`: ECS then reads the value when the container starts. What "
    "counts is the text with its variables replaced, and that of a HEALTHCHECK.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html",
)
CONTROL = Rule(
    "S113",
    "a control character in a value",
    "Escapes such as `\\x00` in double quotes put control characters into a value. CloudFormation and ECS reject them; "
    "text may contain only line breaks and tabs.",
)
DEFAULTS: SpecPath = ("environment", "defaults")
"""The part of an environment's file that is merged under every spec."""

OVERRIDES, _OVERRIDE_DEPTH = "overrides", 3
"""The key of the overrides; a resource and a path in it are below it."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def resolve(
    document: Document,
    types: Types,
    environment: str,
    overrides: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    file: EnvironmentFile | None = None,
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """Return the document for ``environment``, and the findings. ``file`` is the environment's file, for a service.

    Keys get their canonical names, the spec is merged over what the environment's file puts under it, then the overlay
    and the overrides over the spec, and known variables are replaced. Every value keeps the position of the line or
    flag that it comes from.
    """
    kind = kind_of(document.data)
    base, spelled = canonical(document, kind.record, types)
    findings = list(spelled)
    if file is not None and (below := file.beneath_of(kind)).data:
        base = _over(below, base)
    if overlay := overlay_of(base, overlay_name(environment, file)):
        base = merged(base, overlay)
    for text in overrides:
        over, problems = _override(text, kind, types)
        findings.extend(problems)
        base = merged(base, over) if over else base
    if file is not None:
        base = _without_environment(base, file)
    known = {**(file.spec.environment.variables if file else {}), **(variables or {}), "ENV": environment}
    balancer = _balancer_name(base, known)
    known = {**(_domain(file.spec, balancer) if file else {}), **known}
    substitution = _Substitution(base, types, known, lambda: _about_domain(environment, file, balancer, kind))
    # The names of the dependencies come first, because placeholders elsewhere refer to them.
    substitution.dependencies = substitution.value(base.data.get("dependencies"), ("dependencies",))
    substitution.declared.clear()
    data = {
        name: value if name == "environments" else substitution.value(value, (name,))
        for name, value in base.data.items()
        if name != "dependencies"
    }
    if "dependencies" in base.data:
        data["dependencies"] = substitution.dependencies
    above = file.document if file else base
    sources, allowed = {**above.sources, **base.sources}, {**above.allowed, **base.allowed}
    resolved = Document(data, substitution.marks, sources, allowed, base.removed)
    return resolved, (*findings, *substitution.findings)


def overlay_name(environment: str, file: EnvironmentFile | None) -> str:
    """The name of the part of ``environments`` that applies to an environment."""
    return (file.spec.environment.overlay if file else None) or environment


def _over(beneath: Document, spec: Document) -> Document:
    """Return a spec merged over what its environment's file puts under it. What a spec writes has its own position, and
    its ``null`` removes what is beneath it only."""
    whole = merged(beneath, spec, only_known=True)
    marks = {**whole.marks, **{path: mark for path, mark in spec.marks.items() if path not in whole.removed}}
    return Document(whole.data, marks, whole.sources, {**beneath.allowed, **spec.allowed}, whole.removed)


_NETWORKING: SpecPath = ("service", "networking")
_JOINED_ONLY = (
    ("serviceConnect",),
    ("serviceDiscovery",),
    ("securityGroups",),
    ("loadBalancer", "name"),
    ("loadBalancer", "priority"),
)
"""The keys of `networking` that mean the environment's parts, or what is in its network."""


def _without_environment(document: Document, file: EnvironmentFile) -> Document:
    """Return the document of a service; of one that does not join the environment, without what the environment's file
    puts under the spec for those that do."""
    if document.value((*_NETWORKING, "shared")) is True:
        return document
    marks = document.marks
    places = [document.place((*_NETWORKING, *keys)) for keys in _JOINED_ONLY]
    dropped = [path for path in places if path in marks and marks[path].value.file == file.name]
    if not dropped:
        return document

    def kept(value: Any, path: SpecPath) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: kept(below, (*path, key)) for key, below in value.items() if (*path, key) not in dropped}

    whole = {path: mark for path, mark in marks.items() if not any(path[: len(at)] == at for at in dropped)}
    return replace(document, data=kept(document.data, ()), marks=whole)


def _domain(environment: EnvironmentSpec, balancer: str | None) -> dict[str, str]:
    """The variable with the domain of a load balancer of an environment; none without one."""
    found = environment.environment.balancer_of(balancer)
    return {"DOMAIN": found[1].domain} if found and found[1].domain else {}


def _balancer_name(document: Document, variables: Mapping[str, str]) -> str | None:
    """The load balancer of its environment that a spec names."""
    named = document.value(("service", "networking", "loadBalancer", "name"))
    return str(placeholders.parse(named, variables)[0]) if isinstance(named, str) else None


def _about_domain(environment: str, file: EnvironmentFile | None, balancer: str | None, kind: SpecKind) -> str:
    """What to do where ``${DOMAIN}`` is not known."""
    otherwise = "or set it with --var DOMAIN=…"
    if kind.name != "Service":
        return "it is the domain of a service's load balancer: use it in `defaults` and in specs of services"
    if file is None:
        return f"it is the domain of the load balancer in {environment_path(environment)}: write that file, {otherwise}"
    found = file.spec.environment.balancer_of(balancer)
    if found is None:
        return f"it is the domain of the service's load balancer in {file.name}, which has no such one; {otherwise}"
    return (
        f"the load balancer has no domain: add `domain` to environment.loadBalancers.{found[0]} in {file.name}, "
        + otherwise
    )


def overlay_of(document: Document, environment: str) -> Document | None:
    """Return the part of ``environments`` for one environment as a document of its own."""
    overlays = document.data.get("environments")
    overlay = overlays.get(environment) if isinstance(overlays, dict) else None
    if not isinstance(overlay, dict):
        return None
    return Document(overlay, _overlay_marks(document)[environment], document.sources, document.allowed)


@lru_cache(maxsize=2)
def _overlay_marks(document: Document) -> Mapping[str, Mapping[SpecPath, Mark]]:
    """Return the marks below each environment of ``environments``, which are sorted once for all of them."""
    marks: dict[Any, dict[SpecPath, Mark]] = {}
    for path, mark in document.marks.items():
        if len(path) > 1 and path[0] == "environments":
            marks.setdefault(path[1], {})[path[2:]] = mark
    return marks


def merged(base: Document, over: Document, only_known: bool = False) -> Document:
    """Return ``base`` with ``over`` merged over it: maps merge, ``null`` removes a key, everything else is replaced.
    Marks follow the values. With ``only_known``, a ``null`` without a key to remove stays."""
    marks, removed = dict(base.marks), dict(base.removed)
    tables = [(marks, _by_ancestor(base.marks)), (removed, _by_ancestor(base.removed))]
    new = _by_ancestor(over.marks)

    def forget(path: SpecPath) -> None:
        for table, below in tables:
            for known in below.get(path, ()):
                table.pop(known, None)

    def merge(low: dict[Any, Any], high: dict[Any, Any], path: SpecPath) -> dict[Any, Any]:
        out = dict(low)
        for name, value in high.items():
            here = (*path, name)
            if over.is_null(here) and not _is_removal(here) and (name in low or not only_known):
                forget(here)
                removed[here] = over.marks[here]
                out.pop(name, None)
            elif isinstance(value, dict) and (isinstance(low.get(name), dict) or name not in low):
                marks.setdefault(here, over.marks[here])
                out[name] = merge(low.get(name, {}), value, here)
                if value and not out[name] and name not in low:
                    del out[name], marks[here]  # nothing but removals
            else:
                forget(here)
                out[name] = value
                marks.update({known: over.marks[known] for known in new.get(here, ())})
        return out

    data = merge(base.data, over.data, ())
    return Document(data, marks, {**base.sources, **over.sources}, base.allowed, removed)


def _is_removal(path: SpecPath) -> bool:
    """Whether a null at a path is the value of an override, which removes a property of the template."""
    return path[0] == OVERRIDES and len(path) == _OVERRIDE_DEPTH


def _by_ancestor(paths: Iterable[SpecPath]) -> Mapping[SpecPath, list[SpecPath]]:
    """Return the paths at and below each path."""
    below: dict[SpecPath, list[SpecPath]] = {}
    for path in paths:
        for depth in range(1, len(path) + 1):
            below.setdefault(path[:depth], []).append(path)
    return below


def overrides_for(kind: SpecKind, overrides: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides that are for specs of this kind, of those that are given for several specs: those whose
    first keys this kind has, and those whose keys no kind has, which are a finding."""
    return tuple(text for text in overrides if kind in (_kinds_with(text) or (kind,)))


def _kinds_with(override: str) -> list[SpecKind]:
    """Return the kinds that have the first keys of an override; if they are complete for one, those alone."""
    first, *below = override.partition("=")[0].strip().split(".")[:2]
    whole, shortened = [], []
    for kind in KINDS.values():
        root = names_of(kind.record)
        record = root[first].record if first in root else None
        if first in root and (not record or names_of(record).keys() >= set(below)):
            whole.append(kind)
        elif (block := root[kind.block].record) and first in names_of(block):
            shortened.append(kind)
    return whole or shortened


def _override(text: str, kind: SpecKind, types: Types) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Read ``service.resources.cpu=2048`` as a document whose positions are in the flag."""
    file = f"--override {text}"
    whole = Span(file, 1, 1, 1, len(text) + 1)
    dotted, equals, value = text.partition("=")
    keys = dotted.strip().split(".")
    if keys[0] == OVERRIDES:
        keys[2:] = [".".join(keys[2:])]  # a path in a resource is one key
    if not equals or not all(keys):
        hint = "write --override service.resources.cpu=2048"
        return None, (OVERRIDE.at(whole, (), f"`{text}` does not have the form KEY=VALUE", hint),)
    if keys[0] not in names_of(kind.record):
        keys.insert(0, kind.block)
    path: SpecPath = tuple(keys)
    parsed, problems = parse(f"value: {value}".encode(), file)
    if parsed is None or problems:
        message = f"the value of `{dotted}` cannot be read: {problems[0].message if problems else 'no value'}"
        return None, (OVERRIDE.at(whole, path, message, "write VALUE as YAML, in quotes if needed"),)
    key_span = Span(file, 1, 1, 1, len(dotted) + 1)
    shift = len(dotted) + 1 - len("value: ")
    marks = {path[:depth]: Mark(whole, key_span) for depth in range(len(path))}
    for below, mark in parsed.marks.items():
        if below:
            span = Span(file, 1, max(1, mark.value.column + shift), 1, max(2, mark.value.end_column + shift))
            marks[path + below[1:]] = Mark(span, key_span, mark.text, mark.plain)
    data: Any = parsed.data["value"]
    for key in reversed(keys):
        data = {key: data}
    return canonical(Document(data, marks, {file: text}), kind.record, types)


def forbidden(document: Document, path: SpecPath, text: String, key: bool = False) -> list[Diagnostic]:
    """The findings about what no text of a template may contain, for one whose variables are replaced. It comes from
    the value at a path, or from its key."""
    span = document.key_span(path) if key else document.span(path)
    found = []
    if is_dynamic("".join(map(_with_holes, parts_of(text)))):
        message = "a dynamic reference would put a secret in plain text"
        hint = "use `secrets`, or ${secrets:path} or ${ssm:/path} in `environment`"
        found.append(DYNAMIC_REFERENCE.at(span, path, message, hint))
    if any(_CONTROL.search(sample(part)) for part in parts_of(text) if isinstance(part, str)):
        written = document.written(path) or ""
        hint = "remove the escape" if "\\" in written else "remove it where the text comes from"
        if written.startswith('"') and "\\" in written:
            hint += f"; a literal \\ needs single quotes: {quoted(written)}"
        found.append(CONTROL.at(span, path, "the text contains a control character", hint))
    return found


def _with_holes(part: Part) -> str:
    """A part of a text, as far as it is known when compiling."""
    return sample(Text((part,))) if isinstance(part, (str, Known, Pseudo)) else HOLE


class _Substitution:
    """One pass over a document that reads its placeholders: it replaces those it knows, and keeps the others as
    Text."""

    def __init__(
        self, document: Document, types: Types, variables: Mapping[str, str], about_domain: Callable[[], str]
    ) -> None:
        self.document = document
        self.types = types
        self.variables = variables
        self.about_domain = about_domain
        self.dependencies: Any = None
        self.declared: dict[str, Mapping[str, str]] = {}
        self.marks = dict(document.marks)
        self.findings: list[Diagnostic] = []

    def value(self, value: Any, path: SpecPath) -> Any:
        """Return a value with the placeholders in it read; those under ``defaults`` are read in each spec."""
        if path == DEFAULTS:
            return value
        if isinstance(value, dict):
            for key in value:
                self.findings += forbidden(self.document, (*path, key), str(key), key=True)
            return {key: self.value(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.value(below, (*path, index)) for index, below in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: SpecPath) -> String | int:
        names_dependency = len(path) == 3 and path[0] == "dependencies" and path[2] == "name"
        value, problems = placeholders.parse(text, self.variables, keep="ENV" if names_dependency else "")
        self.findings += forbidden(self.document, path, value)
        for problem in problems:
            within = self._span_within(path, text, problem.start, problem.end)
            name = text[problem.start + 2 : problem.end - 1]
            hint = self.about_domain() if name == "DOMAIN" else problem.hint
            if self.document.has(("environment", "variables", name)):
                hint = "a variable of the environment is for `defaults` and the specs of services: write its value here"
            self.findings.append(PLACEHOLDER.at(within, path, problem.message, hint))
        if isinstance(value, Text):
            value = Text(tuple(map(self._named, value.parts)))
        mark = self.document.marks.get(path)
        if problems and mark:
            self.marks[path] = replace(mark, surprising=True)  # the type of the value is not known
        if value == text or not isinstance(value, str) or mark is None:
            return value
        self.marks[path] = replace(self.marks[path], text=value)
        # A plain scalar of placeholders only becomes the number that it reads as: ``port: ${PORT}``.
        return int(value) if mark.plain and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value) else value

    def _named(self, part: Part) -> Part:
        """Return an attribute with the local name of its dependency: ``${sqs:${ENV}-orders:url}``."""
        if not isinstance(part, Attribute):
            return part
        if part.kind not in self.declared:
            self.declared[part.kind] = local_names(names_of_type(self.dependencies, part.kind, self.types))
        local = self.declared[part.kind].get(sample(part.name))
        return part if local is None else replace(part, name=local)

    def _span_within(self, path: SpecPath, text: str, start: int, end: int) -> Span:
        """Return the span of a part of a text on a single line, written as it is; the span of the whole value
        otherwise."""
        span = self.document.span(path)
        mark = self.document.marks.get(path)
        width = span.end_column - span.column
        if mark is None or span.line != span.end_line or mark.text != text or width - len(text) not in (0, 2):
            return span
        first = span.column + (width - len(text)) // 2
        return Span(span.file, span.line, first + start, span.line, first + end)
