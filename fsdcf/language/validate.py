"""Validation: a resolved document becomes a spec, with the findings about its shape and those of the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fsdcf.diagnostics import Diagnostic
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import ENVIRONMENT, SERVICE, kind_of
from fsdcf.language.model.common import LATER_KINDS
from fsdcf.language.resolve import DEFAULTS, overlay_name, overlay_of
from fsdcf.language.rules import check_rules
from fsdcf.language.rules.case import Case
from fsdcf.language.schema import LATER, TYPE, check, check_overlay
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
    findings = list(checked.findings)
    if str(document.data.get("kind")) in LATER_KINDS:
        return spec, tuple(each for each in findings if each.code == LATER.code and each.path == ("kind",))
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
    findings += check_rules(
        Case(kind.name, spec, document, environment, types, tuple(checked.dependencies), named, file)
    )
    return spec, tuple(each for each in findings if not document.allows(each))


def _of_defaults(document: Document, types: Types) -> list[Diagnostic]:
    """The findings about what an environment's file puts under every spec: unknown keys, and values of a wrong type."""
    defaults, spelled = canonical(document.moved(DEFAULTS, ()), SERVICE.record, types)
    findings = (*spelled, *check_overlay(defaults, SERVICE.record, types))
    return [replace(each, path=DEFAULTS + each.path) for each in findings]
