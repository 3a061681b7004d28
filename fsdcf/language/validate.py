"""Validation: a resolved document becomes a spec, with the findings about its shape and those of the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fsdcf.diagnostics import Diagnostic, Rule, has_errors
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import ENVIRONMENT, SERVICE, kind_of
from fsdcf.language.production import with_defaults
from fsdcf.language.resolve import DEFAULTS, overlay_name, overlay_of
from fsdcf.language.rules import check_rules, is_judged
from fsdcf.language.rules.case import Case
from fsdcf.language.schema import TYPE, check, check_overlay
from fsdcf.language.spellings import canonical

if TYPE_CHECKING:
    from fsdcf.language.environment import EnvironmentFile


def validate(
    document: Document,
    environment: str,
    types: Types,
    named: Callable[[], Collection[str]] | None = None,
    file: EnvironmentFile | None = None,
) -> tuple[Any, tuple[Diagnostic, ...]]:
    """Return the spec of a document, and every error and warning that its author did not allow.

    The rules run even if parts have the wrong shape. Those parts are unknown, and a rule that reads one stops, because
    its finding would only be a consequence. ``named`` finds the environments that other files name; None does not
    check the environment. ``file`` is the environment's file, for a service.
    """
    kind = kind_of(document.data)
    spec, checked = check(document, types)
    spec = with_defaults(spec, environment, file.spec if file else None)
    findings = list(checked.findings)
    if kind is ENVIRONMENT:
        findings += _of_defaults(document, types)
    overlays = document.data.get("environments")
    for name, part in overlays.items() if isinstance(overlays, dict) else ():
        at = ("environments", name)
        if part is not None and not isinstance(part, dict):
            hint = "write the keys that differ, as in the spec"
            findings.append(TYPE.at(document.span(at), at, f"the environment `{name}` must be a map", hint))
        if name != overlay_name(environment, file) and (overlay := overlay_of(document, name)):
            findings += [replace(each, path=at + each.path) for each in check_overlay(overlay, kind.record, types)]
    case = Case(kind.name, spec, document, environment, types, tuple(checked.dependencies), named, file)
    findings += check_rules(case)
    if not has_errors(each for each in findings if not document.allows(each)):
        findings += _unused(case, {(each.span.file, each.span.line, each.code) for each in findings})
    return spec, tuple(each for each in findings if not document.allows(each))


UNUSED = Rule(
    "W143",
    "an `allow` comment that allows nothing",
    "The line has no finding with this code any more, or never had: the comment would hide the next one. It is not "
    "reported where the rule is for other environments, such as production, or where an overlay replaces the line.",
)


def _unused(case: Case, found: Collection[tuple[str, int, str]]) -> Iterator[Diagnostic]:
    """The findings about comments of the spec that allow what is not there. Those of an environment's defaults are for
    the specs of its services."""
    document = case.document
    own, marks = document.span(()).file, document.marks.items()
    spans = [mark.key or mark.value for path, mark in marks if path[:1] != ("environments",) and path[:2] != DEFAULTS]
    live = {(span.file, span.line) for span in spans}
    for (file, line), codes in document.allowed.items():
        if file != own or (file, line) not in live:
            continue
        for code, span in codes.items():
            if (file, line, code) not in found and is_judged(code, case):
                message = f"nothing here needs `allow {code}` in {case.environment}"
                yield UNUSED.at(span, (), message, "leave it out, or correct the code or the line")


def _of_defaults(document: Document, types: Types) -> list[Diagnostic]:
    """The findings about what an environment's file puts under every spec: unknown keys, and values of a wrong type."""
    defaults, spelled = canonical(document.moved(DEFAULTS, ()), SERVICE.record, types)
    findings = (*spelled, *check_overlay(defaults, SERVICE.record, types))
    return [replace(each, path=DEFAULTS + each.path) for each in findings]
