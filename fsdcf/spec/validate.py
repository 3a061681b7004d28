"""A resolved document becomes a spec: its shape, then the rules across fields, then advice; all findings at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fsdcf.diagnostics import Diagnostic, Severity, SpecPath
from fsdcf.spec.advice import advise
from fsdcf.spec.check import check, check_overlay
from fsdcf.spec.dependency import Types
from fsdcf.spec.document import Document
from fsdcf.spec.locate import type_of
from fsdcf.spec.merge import overlay_of
from fsdcf.spec.model import Spec
from fsdcf.spec.rules import judge
from fsdcf.spec.rules.case import Case
from fsdcf.spec.shape import fields_of


def validate(document: Document, environment: str, types: Types) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """The spec of a document and every finding, errors and advice; the spec only where its shape is right.

    The rules across fields run although parts have the wrong shape. What a rule would say of such a part, or of its
    neighbours, is left out: it would be a consequence.
    """
    models = {name: kind.model for name, kind in types.items()}
    spec, shape = check(document, models)
    findings = list(shape.findings)
    for name in _other_overlays(document, environment):
        overlay = overlay_of(document, name)
        if overlay:
            below = ("environments", name)
            findings += [replace(found, path=below + found.path) for found in check_overlay(overlay, models)]
    judged = spec or _lenient(document, types)
    indexes = tuple(
        index for index in range(_count(document)) if not _broken(("dependencies", index), shape.wrong, document, types)
    )
    if judged is not None and len(indexes) == len(judged.dependencies):
        case = Case(judged, document, environment, types, indexes)
        found = judge(case) + advise(case)
        findings += [one for one in found if not _consequence(one, shape.wrong, shape.findings)]
    shown = tuple(one for one in findings if not _allowed(one, document))
    return spec, shown


def _other_overlays(document: Document, environment: str) -> list[str]:
    overlays = document.data.get("environments")
    return [name for name in overlays if name != environment] if isinstance(overlays, dict) else []


def _lenient(document: Document, types: Types) -> Spec | None:
    """A spec to judge where parts are missing: what is there, and a stand-in name."""
    data = dict(document.data)
    stand_ins = {"apiVersion": "fsd/v1", "kind": "Service", "metadata": {"name": "unnamed"}, "service": {}}
    for key, stand_in in stand_ins.items():
        if key not in data or not isinstance(data[key], type(stand_in)):
            data[key] = stand_in
    data["apiVersion"], data["kind"] = "fsd/v1", "Service"
    spec, _ = check(replace(document, data=data), {name: kind.model for name, kind in types.items()})
    if spec is None:
        data["metadata"] = {"name": "unnamed"}
        spec, _ = check(replace(document, data=data), {name: kind.model for name, kind in types.items()})
    return spec


def _count(document: Document) -> int:
    entries = document.data.get("dependencies")
    return len(entries) if isinstance(entries, list) else 0


def _broken(path: SpecPath, wrong: set[SpecPath], document: Document, types: Types) -> bool:
    """Whether a dependency has no value: its type is unknown, or a required key is wrong."""
    kind = type_of(document.data["dependencies"][path[1]], types)
    if path in wrong or kind is None:
        return True
    model: Any = kind.model
    return any(field.required and (*path, field.name) in wrong for field in fields_of(model))


def _consequence(finding: Diagnostic, wrong: set[SpecPath], shown: list[Diagnostic]) -> bool:
    """Whether a finding stands in a record with a part of the wrong shape, or below one."""
    faults = wrong | {one.path for one in shown if one.code == "S101"}
    if finding.severity is Severity.WARNING and not finding.path:
        return False
    at = finding.path
    return any(len(fault) > 1 and (fault[:-1] in (at, at[:-1]) or fault == at[: len(fault)]) for fault in faults)


def _allowed(finding: Diagnostic, document: Document) -> bool:
    """Whether the author silenced advice on its line."""
    silenced = document.allowed.get((finding.span.file, finding.span.line), frozenset())
    return finding.severity is Severity.WARNING and finding.code in silenced
