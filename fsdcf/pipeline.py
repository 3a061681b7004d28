"""The way through the compiler on one screen: parse -> resolve -> validate -> compile -> lint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_json
from fsdcf.compiler.kinds import compiler_of
from fsdcf.compiler.stack import Template
from fsdcf.diagnostics import Diagnostic, Rule, has_errors, in_order
from fsdcf.language.dockerfile import MOST_BYTES, container_check
from fsdcf.language.document import Document, locate
from fsdcf.language.model import kind_of
from fsdcf.language.model.service import Spec
from fsdcf.language.resolve import resolve
from fsdcf.language.rules.container import missing_check
from fsdcf.language.source import parse
from fsdcf.language.validate import validate

if TYPE_CHECKING:
    from fsdcf.lint.runner import Finding

TOO_LARGE = Rule(
    "S235",
    "a template that exceeds the limits of AWS",
    "CloudFormation accepts 500 resources, 200 outputs and one megabyte, IAM accepts 10,240 characters of policies for "
    "a role, SQS accepts 8,192 bytes of policy for a queue, and ECS accepts 64 KiB of task definition."
    " Names that only AWS knows are counted with their shortest length.",
)


Lint = Callable[[str], Sequence["Finding"]]
"""Lints a template, given as JSON."""


@dataclass(frozen=True, eq=False, repr=False)
class Request:
    """What to compile: the spec's bytes, the name for messages, the environment, and the options of the command line.

    ``beside`` reads a file by its path relative to the spec, and raises OSError. By default it reads from the disk,
    relative to the folder of ``name``. ``named`` finds the environments that other files than the spec name, for a
    warning about an environment that nothing names; None gives no such warning.
    """

    name: str
    raw: bytes
    environment: str
    overrides: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    beside: Callable[[str], bytes] | None = None
    named: Callable[[], Collection[str]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The template, unless there are errors, and every finding. ``sources`` are the texts that findings point to.

    ``spec`` is what the template is compiled from. ``draft`` is the template even if it has errors.
    """

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    document: Document | None = None
    spec: Spec | None = None
    draft: Template | None = None

    @property
    def template(self) -> Template | None:
        """The template, unless there are errors."""
        return None if has_errors(self.diagnostics) else self.draft


def run(request: Request, lint: Lint | None = None) -> Result:
    """Compile a spec, and lint the template, unless there are errors already. Reads no file except the Dockerfile that
    the spec names."""
    result = _compiled(request)
    return result if lint is None or result.template is None else with_lint(result, lint(to_json(result.template.data)))


def _compiled(request: Request) -> Result:
    known = types()
    written, findings = parse(request.raw, request.name)
    if written is None:
        return Result(in_order(findings), {request.name: request.raw.decode("utf-8", "replace")})
    document, resolved = resolve(written, known, request.environment, request.overrides, request.variables)
    spec, invalid = validate(document, request.environment, known, request.named)
    diagnostics = [*findings, *resolved, *invalid]
    check, unreadable = container_check(spec, document, request.beside or _from_disk(request.name))
    diagnostics = [each for each in diagnostics if check is None or each.code != missing_check.code] + unreadable
    if has_errors(diagnostics):
        return Result(in_order(diagnostics), document.sources, document)
    if check is not None:
        health_check = replace(spec.service.health_check, container=check)
        spec = replace(spec, service=replace(spec.service, health_check=health_check))
    compiler = compiler_of(kind_of(document.data))
    template = compiler.compile(spec, request.environment, known)
    for excess in compiler.verify(template):
        path = locate(document, excess.path, known)
        message = f"the template has {excess.message}"
        diagnostics.append(TOO_LARGE.at(document.key_span(path), path, message, excess.hint))
    return Result(in_order(diagnostics), document.sources, document, spec, template)


def with_lint(result: Result, findings: Sequence[Finding]) -> Result:
    """Return the result with cfn-lint's findings about its template."""
    if not findings or result.draft is None or result.document is None:
        return result
    from fsdcf.lint.mapping import explain

    known, draft = types(), result.draft
    explained = explain(
        findings, draft.origins, result.document, lambda at, named: locate(at, named, known), to_json(draft.data)
    )
    return replace(result, diagnostics=in_order((*result.diagnostics, *explained)))


def _from_disk(name: str) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        with open(Path(name).parent / path, "rb") as file:
            return file.read(MOST_BYTES)

    return read
