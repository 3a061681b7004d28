"""A resolved document becomes a spec: its shape, then the rules across fields, then advice; all findings at once."""

from __future__ import annotations

from dataclasses import replace

from fsdcf.diagnostics import Diagnostic, Severity
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import Spec
from fsdcf.language.resolve import overlay_of
from fsdcf.language.rules import judge
from fsdcf.language.rules.advice import advise
from fsdcf.language.rules.case import Case
from fsdcf.language.schema import check, check_overlay


def validate(document: Document, environment: str, types: Types) -> tuple[Spec, tuple[Diagnostic, ...]]:
    """The spec of a document and every finding, errors and advice.

    The rules across fields run although parts have the wrong shape: those parts are unknown, and a rule that reads one is
    silent, since what it said would be a consequence.
    """
    models = {name: kind.model for name, kind in types.items()}
    spec, shape = check(document, models)
    findings = list(shape.findings)
    for name in _other_overlays(document, environment):
        overlay = overlay_of(document, name)
        if overlay:
            below = ("environments", name)
            findings += [replace(found, path=below + found.path) for found in check_overlay(overlay, models)]
    case = Case(spec, document, environment, types, tuple(shape.dependencies))
    findings += judge(case) + advise(case)
    return spec, tuple(one for one in findings if not _allowed(one, document))


def _other_overlays(document: Document, environment: str) -> list[str]:
    overlays = document.data.get("environments")
    return [name for name in overlays if name != environment] if isinstance(overlays, dict) else []


def _allowed(finding: Diagnostic, document: Document) -> bool:
    """Whether the author silenced advice on its line."""
    silenced = document.allowed.get((finding.span.file, finding.span.line), frozenset())
    return finding.severity is Severity.WARNING and finding.code in silenced
