"""The way through the compiler on one screen: parse -> resolve -> validate -> compile -> lint."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_json
from fsdcf.compiler.kinds import compiler_of
from fsdcf.compiler.stack import Template
from fsdcf.compiler.text import texts_of
from fsdcf.conventions import ENVIRONMENT_SERVICE
from fsdcf.diagnostics import Diagnostic, Rule, has_errors, in_order
from fsdcf.language.document import Document, locate
from fsdcf.language.environment import EnvironmentFile, name_of, read_environment
from fsdcf.language.model import ENVIRONMENT, JOB, SpecKind, kind_of
from fsdcf.language.model.container import MAIN, MAIN_PATH
from fsdcf.language.model.environment import EnvironmentSpec, is_production
from fsdcf.language.model.service import Spec
from fsdcf.language.resolve import DYNAMIC_REFERENCE, forbidden, resolve
from fsdcf.language.rules.container import is_root, missing_check, root_user
from fsdcf.language.rules.image import PATH, image_findings
from fsdcf.language.rules.secrets import plain_secrets_of
from fsdcf.language.rules.sidecars import unreachable_states
from fsdcf.language.rules.together import Sibling, check_together
from fsdcf.language.source import MOST_BYTES, parse
from fsdcf.language.unknown import UnknownValue
from fsdcf.language.validate import validate
from fsdcf.masking import SecretForms, mask_forms, memorable, remember, secret_parts
from fsdcf.repository import reader_beside

if TYPE_CHECKING:
    from fsdcf.language.addon import Addon
    from fsdcf.language.dockerfile import Dockerfile
    from fsdcf.language.model.container import ContainerCheck
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


@dataclass(frozen=True)
class SourceFile:
    """A file: its name for messages, and its bytes."""

    name: str
    raw: bytes


@dataclass(frozen=True, eq=False, repr=False)
class Request:
    """What to compile: the spec's bytes, the name for messages, the environment, and the options of the command line.

    ``beside`` reads a file by its path relative to the spec, and raises OSError. By default it reads from the disk,
    relative to the folder of ``name``. ``named`` finds the environments that other files than the spec name, for a
    warning about an environment that nothing names; None gives no such warning. ``environment_file`` is the file of the
    environment, if there is one; the spec of an environment has the environment's name in itself.
    """

    name: str
    raw: bytes
    environment: str
    overrides: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    beside: Callable[[str], bytes] | None = None
    named: Callable[[], Collection[str]] | None = None
    environment_file: SourceFile | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The template, unless there are errors, and every finding. ``sources`` are the texts that findings point to.

    ``spec`` is what the template is compiled from, for a service or a job; ``environment_spec``, for an environment.
    ``environment`` is its environment, ``file`` the file of the environment, if there is one.
    ``draft`` is the template even if it has errors.
    """

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    document: Document | None = None
    spec: Spec | None = None
    draft: Template | None = None
    environment: str = ""
    environment_spec: EnvironmentSpec | None = None
    file: EnvironmentFile | None = None

    @property
    def joined(self) -> EnvironmentFile | None:
        """The file of the environment that the service joins; None if it joins none."""
        return self.file if self.spec is not None and self.spec.service.networking.shared else None

    @property
    def sibling(self) -> Sibling | None:
        """The spec for the rules about several specs together; None for one with errors."""
        if self.document is None or self.draft is None:
            return None
        return Sibling(self.environment, self.document, self.spec, self.file)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What looks like a secret in the spec and in the environment's file; in the sources of a spec with errors."""
        documents = [self.document, self.file.document if self.file else None]
        found = [secret for document in documents if document is not None for _, secret in document.secrets]
        if self.draft is None:
            lines = (line for text in self.sources.values() for line in text.splitlines())
            found += [line[start:end] for line in lines for start, end in secret_parts(line, in_spec=True)]
        return tuple(found)

    @property
    def service_name(self) -> str:
        """The name of the service in the name of the stack; empty for a spec with errors."""
        return self.spec.metadata.name if self.spec else ENVIRONMENT_SERVICE if self.environment_spec else ""

    @property
    def is_production(self) -> bool:
        """Whether it is compiled for production, or for an environment whose file protects it."""
        return is_production(self.environment, self.environment_spec or (self.file.spec if self.file else None))

    @property
    def termination_protection(self) -> bool | None:
        """Whether a deploy protects the stack from deletion; None leaves that as it is."""
        block = self.spec.service if self.spec else self.environment_spec and self.environment_spec.environment
        return block.termination_protection if block else None

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the stack."""
        spec = self.spec or self.environment_spec
        return compiler_of(kind_of(self.document.data)).tags(spec, self.environment) if self.document and spec else {}

    @property
    def template(self) -> Template | None:
        """The template, unless there are errors."""
        return None if has_errors(self.diagnostics) else self.draft


def run(request: Request, lint: Lint | None = None) -> Result:
    """Compile a spec, and lint the template, unless there are errors already. Reads no file except the Dockerfile that
    the spec names. A command masks the secrets of the spec in what it shows from now on."""
    result = _masked(_compiled(request))
    return result if lint is None or result.template is None else with_lint(result, lint(to_json(result.template.data)))


def _masked(result: Result) -> Result:
    """The result without secrets in its findings."""
    secrets = memorable(result.secrets, (result.service_name, result.environment))
    remember(secrets)
    forms = SecretForms(secrets)
    return replace(result, diagnostics=tuple(_without(forms, each) for each in result.diagnostics))


def _without(secrets: SecretForms, finding: Diagnostic) -> Diagnostic:
    if not secrets:
        return finding
    message = mask_forms(finding.message, secrets) or "a value that looks like a secret is not valid"
    hint, notes = mask_forms(finding.hint, secrets), tuple(mask_forms(each, secrets) for each in finding.notes)
    return replace(finding, message=message, hint=hint, notes=tuple(filter(None, notes)))


def _compiled(request: Request) -> Result:
    known = types()
    written, findings = parse(request.raw, request.name)
    if written is None:
        return Result(in_order(findings), {request.name: request.raw.decode("utf-8", "replace")})
    if kind_of(written.data) is ENVIRONMENT:
        return _compiled_environment(request, written, findings)
    file = None
    if request.environment_file:
        file, faults, sources = _environment(request.environment_file, frozenset(request.variables.items()))
        if has_errors(faults):
            return Result(in_order(faults), {**written.sources, **sources})
    document, resolved = resolve(written, known, request.environment, request.overrides, request.variables, file)
    document, addons, about_addons = _addons(document, request)
    spec, invalid = validate(document, request.environment, known, request.named, file)
    diagnostics = [*findings, *resolved, *invalid, *about_addons]
    image, check, unreadable = _image(spec, document, request)
    diagnostics = [each for each in diagnostics if not _settled(each, spec, document, image, check)] + unreadable
    kind = kind_of(document.data)
    if has_errors(diagnostics):
        return Result(_worded(diagnostics, kind, document), document.sources, document)
    if image is not None:
        diagnostics += [each for each in image_findings(spec, document, image) if not document.allows(each)]
    if check is not None:
        diagnostics += [each for each in plain_secrets_of(check, document) if not document.allows(each)]
        health_check = replace(spec.service.health_check, container=check)
        spec = replace(spec, service=replace(spec.service, health_check=health_check))
    template = compiler_of(kind).compile(spec, request.environment, known, file.spec if file else None, addons)
    diagnostics += _of_template(kind, document, template, file)
    found = _worded(diagnostics, kind, document)
    return Result(found, document.sources, document, spec, template, request.environment, file=file)


def _settled(
    finding: Diagnostic, spec: Spec, document: Document, image: Dockerfile | None, check: ContainerCheck | None
) -> bool:
    """Whether the Dockerfile that a service names settles a finding about its container, or one with its image."""
    if finding.code == missing_check.code:
        return check is not None
    if finding.code == unreachable_states.code:
        waits_for_main = finding.path[-2:] == ("dependsOn", MAIN) and document.value(finding.path) == "HEALTHY"
        return check is not None and waits_for_main
    if finding.code != root_user.code or image is None or is_root(image.user):
        return False
    with suppress(UnknownValue):
        for path, one in spec.service.containers:
            if finding.path == (*path, "user"):
                return one.user is None and (path == MAIN_PATH or one.image is None)
    return False


def _worded(findings: Iterable[Diagnostic], kind: SpecKind, document: Document) -> tuple[Diagnostic, ...]:
    """The findings in order, with the keys of their kind: rules name those of a service, which a job has below its own
    block."""
    if kind is JOB:
        findings = (
            replace(one, message=_of_job(one.message), hint=_of_job(one.hint), path=document.place(one.path))
            for one in findings
        )
    return in_order(findings)


def _of_job(text: str) -> str:
    return re.sub(r"\bservice(?=\.[a-z])", JOB.block, text)


def _addons(document: Document, request: Request) -> tuple[Document, tuple[Addon, ...], list[Diagnostic]]:
    """The document with the positions of its addons, the addons, and the findings about them."""
    if not document.data.get("addons"):
        return document, (), []
    from fsdcf.language.addon import read_addons  # most specs have none

    read = request.beside or reader_beside(request.name, MOST_BYTES)
    return read_addons(document, request.name, request.environment, read)


def _image(
    spec: Spec, document: Document, request: Request
) -> tuple[Dockerfile | None, ContainerCheck | None, list[Diagnostic]]:
    """The image of the Dockerfile that a service names, and its HEALTHCHECK, with the findings about the file."""
    if not document.has(PATH):
        return None, None, []
    from fsdcf.language.dockerfile import MOST_BYTES as LONGEST
    from fsdcf.language.dockerfile import container_check, named_dockerfile  # most specs name no file

    image, unreadable = named_dockerfile(spec, document, request.beside or reader_beside(request.name, LONGEST))
    check, unfit = container_check(spec, document, image)
    return image, check, unreadable + unfit


def _compiled_environment(request: Request, written: Document, findings: Sequence[Diagnostic]) -> Result:
    """The template of an environment, whose name is in the spec."""
    known, name = types(), name_of(written) or request.environment
    document, resolved = resolve(written, known, name, request.overrides, request.variables)
    spec, invalid = validate(document, name, known)
    diagnostics = [*findings, *resolved, *invalid]
    if has_errors(diagnostics):
        return Result(in_order(diagnostics), document.sources, document, environment=name)
    template = compiler_of(ENVIRONMENT).compile(spec, name, known, None)
    diagnostics += _of_template(ENVIRONMENT, document, template)
    return Result(
        in_order(diagnostics), document.sources, document, None, template, environment=name, environment_spec=spec
    )


@lru_cache(8)
def _environment(
    file: SourceFile, variables: frozenset[tuple[str, str]]
) -> tuple[EnvironmentFile | None, tuple[Diagnostic, ...], Mapping[str, str]]:
    """The file of an environment, which many services share: its findings alone, if it has errors."""
    return read_environment(file.raw, file.name, types(), dict(variables))


def _of_template(
    kind: SpecKind, document: Document, template: Template, file: EnvironmentFile | None = None
) -> Iterator[Diagnostic]:
    """The findings about a finished template. One that CloudFormation could not read has no others."""
    faults = list(_faults(document, template, file))
    yield from faults
    if has_errors(faults):
        return
    yield from _excesses(kind, document, template)
    yield from _composed(document, template)


def _excesses(kind: SpecKind, document: Document, template: Template) -> Iterator[Diagnostic]:
    for excess in compiler_of(kind).verify(template):
        path = locate(document, excess.path, types())
        message = f"the template has {excess.message}"
        yield TOO_LARGE.at(document.key_span(path), path, message, excess.hint)


def _faults(document: Document, template: Template, file: EnvironmentFile | None = None) -> Iterator[Diagnostic]:
    """The findings about what the spec changes in the template. What the defaults of an environment override need not
    be in every service."""
    for fault in template.faults:
        span = document.key_span(fault.path)
        finding = fault.rule.at(span, fault.path, fault.message, fault.hint)
        is_default = file is not None and span.file == file.name and fault.is_missing
        if not is_default and not document.allows(finding):
            yield finding


def _composed(document: Document, template: Template) -> Iterator[Diagnostic]:
    """The findings about texts of the finished template, which may be put together from several values of the spec, at
    what they come from."""
    for text, named, below in texts_of(template):
        if findings := forbidden(document, (), text):
            if named.startswith("addons.") and ".Resources." in named:  # CloudFormation may read secrets there
                findings = [each for each in findings if each.code != DYNAMIC_REFERENCE.code]
            path = document.nearest((*locate(document, named, types()), *below))
            span = document.span(path)
            yield from (replace(finding, path=path, span=span) for finding in findings)


def together(siblings: Iterable[Sibling | None]) -> Result:
    """The findings about several specs together; a spec with errors is None."""
    given = list(siblings)
    known = [sibling for sibling in given if sibling is not None]
    sources = {name: text for sibling in known for name, text in sibling.document.sources.items()}
    return Result(check_together(known, types(), complete=len(known) == len(given)), sources)


def with_lint(result: Result, findings: Sequence[Finding]) -> Result:
    """Return the result with cfn-lint's findings about its template."""
    if not findings or result.draft is None or result.document is None:
        return result
    from fsdcf.lint.mapping import explain

    known, draft = types(), result.draft
    document = result.document
    text = to_json(draft.data)
    explained = explain(
        findings, draft.origins, document, lambda at, named: locate(at, named, known), text, draft.places
    )
    kept = (each for each in explained if not document.allows(each))
    return _masked(replace(result, diagnostics=in_order((*result.diagnostics, *kept))))
