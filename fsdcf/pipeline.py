"""The way through the compiler: parse -> resolve -> validate -> compile -> lint, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import over_limits, to_json
from fsdcf.compiler.service import Template, compile_spec
from fsdcf.diagnostics import Diagnostic, Rule, Span, has_errors, in_order
from fsdcf.language.dockerfile import health_check
from fsdcf.language.document import Document, locate
from fsdcf.language.model.service import ContainerCheck, Spec
from fsdcf.language.resolve import resolve
from fsdcf.language.source import parse
from fsdcf.language.unknown import UnknownValue
from fsdcf.language.validate import validate

if TYPE_CHECKING:
    from fsdcf.lint.runner import Finding

DOCKERFILE = Rule(
    "S120",
    "a Dockerfile that cannot be read",
    "`build.dockerfile` names a file beside the spec: its HEALTHCHECK is carried over into the task definition.",
)
TOO_LARGE = Rule(
    "S235",
    "a template over the limits of AWS",
    "CloudFormation takes 500 resources, 200 outputs and a megabyte, IAM 10,240 characters of policies for a role, and ECS 64 KiB of task "
    "definition.",
)

NO_CHECK = "W101"
_LARGEST_DOCKERFILE = 1_000_000


class Lint(Protocol):
    """Lints a template's JSON text."""

    def __call__(self, template: str) -> Sequence[Finding]: ...


@dataclass(frozen=True)
class Request:
    """What to compile: the spec's bytes, the name to show for it, and what the command line adds.

    ``beside`` reads a file by its path from the spec's folder, and raises OSError; None: from the disk, by the name.
    """

    name: str
    raw: bytes
    environment: str
    overrides: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    beside: Callable[[str], bytes] | None = None


@dataclass(frozen=True)
class Result:
    """A template, where there are no errors, and every finding; ``sources`` are the texts that findings point to.

    ``spec`` is what the template was compiled from, where it came so far.
    """

    template: Template | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    document: Document | None = None
    spec: Spec | None = None


def run(request: Request, lint: Lint | None = None) -> Result:
    """Compile one spec. Reads no file but the Dockerfile that the spec names."""
    known = types()
    written, findings = parse(request.raw, request.name)
    if written is None:
        return Result(None, in_order(findings), {request.name: _text(request.raw)})
    models = {name: kind.model for name, kind in known.items()}
    document, resolved = resolve(written, models, parse, request.environment, request.overrides, request.variables)
    spec, judged = validate(document, request.environment, known)
    found = [*findings, *resolved, *judged]
    carried, unread = _of_dockerfile(spec, document, request)
    found = [one for one in found if carried is None or one.code != NO_CHECK] + unread
    if has_errors(found):
        return Result(None, in_order(found), document.sources, document)
    if carried is not None:
        spec = replace(
            spec, service=replace(spec.service, health_check=replace(spec.service.health_check, container=carried))
        )
    template = compile_spec(spec, request.environment, known)
    root = document.span(())
    found += [
        TOO_LARGE.at(root, (), f"the template has {problem}", way_out)
        for problem, way_out in over_limits(template.data)
    ]
    if lint is not None:
        found += _linted(template, document, lint)
    return Result(None if has_errors(found) else template, in_order(found), document.sources, document, spec)


def _linted(template: Template, document: Document, lint: Lint) -> Sequence[Diagnostic]:
    text = to_json(template.data)
    findings = lint(text)
    if not findings:
        return ()
    from fsdcf.lint.mapping import explain

    known = types()
    return explain(findings, template.origins, document, lambda at, named: locate(at, named, known), text)


def _of_dockerfile(spec: Spec, document: Document, request: Request) -> tuple[ContainerCheck | None, list[Diagnostic]]:
    """The HEALTHCHECK of the spec's Dockerfile, where it names one and has no check of its own."""
    try:
        written = spec.service.build.dockerfile
        if written is None or spec.service.health_check.container is not None:
            return None, []
    except UnknownValue:
        return None, []
    path = ("service", "build", "dockerfile")
    span: Span = document.span(path)
    try:
        text = (request.beside or _from_disk(request.name))(written)[:_LARGEST_DOCKERFILE].decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return None, [
            DOCKERFILE.at(span, path, f"`{written}` cannot be read: {reason}", "the path is relative to the spec")
        ]
    return health_check(text), []


def _from_disk(name: str) -> Callable[[str], bytes]:
    def read(written: str) -> bytes:
        with open(Path(name).parent / written, "rb") as file:
            return file.read(_LARGEST_DOCKERFILE)

    return read


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
