"""cfn-lint's findings in terms of the spec: on the line that caused them, or reported as a bug of fsdcf."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fsdcf.compiler.stack import Origin
from fsdcf.diagnostics import Diagnostic, Severity, SpecPath
from fsdcf.language.document import Document
from fsdcf.lint.runner import Finding
from fsdcf.wording import cut

Locate = Callable[[Document, str], SpecPath]
"""Returns the path in a document for a path by names, or its nearest ancestor there."""

Places = Mapping[tuple[str, ...], str]
"""The path by names of what addons add to a template, by its section and its name there."""

_ONE_OF = "' is not one of ["
_FEW_VALUES = 12
_MOST_LINES = 15
_WIDEST_LINE = 160
_HINT = "this is a bug in fsdcf, not in your spec: please report it with the spec; --no-lint skips the check"


def explain(
    findings: Iterable[Finding],
    origins: Mapping[str, Origin],
    document: Document,
    locate: Locate,
    template: str,
    places: Places = MappingProxyType({}),
) -> tuple[Diagnostic, ...]:
    """Return each finding as a diagnostic with cfn-lint's own code. ``template`` is the JSON that was linted.

    ``places`` are those of its addons.

    A finding about a value that the author wrote is reported at that value. Any other comes from the overrides, if the
    spec has some, or is a bug of fsdcf, and is reported at the origin of its resource, with the part of the template
    that is wrong. Findings that are not errors are warnings: a best-practice rule of a later cfn-lint must not stop the
    compilation of every spec.
    """
    data = json.loads(template)
    return tuple(
        _explained(finding, origins, document, locate, data, places.get(tuple(map(str, finding.path[:2]))))
        for finding in findings
    )


def _explained(
    finding: Finding, origins: Mapping[str, Origin], document: Document, locate: Locate, data: Any, place: str | None
) -> Diagnostic:
    origin = origins.get(str(finding.path[1])) if len(finding.path) > 1 and finding.path[0] == "Resources" else None
    severity = Severity.ERROR if finding.severity == "error" else Severity.WARNING
    where = "in the template: " + ".".join(map(str, finding.path))
    written = _written(finding, origin, document, locate) if origin else None
    if place is not None and (written is None or written[0] == "addons"):
        written = document.nearest((*locate(document, place), *finding.path[2:]))
    if written is not None:
        message, hint = _shortened(finding.message)
        return Diagnostic(finding.rule, severity, message, written, document.span(written), hint, (where,))
    if document.has(("overrides",)):
        override = origin and origin.override(finding.path[2:], around=True)
        path = locate(document, override or "overrides")
        message = f"an override makes a template that cfn-lint {_verb(severity)}: {finding.message}"
        return Diagnostic(finding.rule, severity, message, path, document.key_span(path), "", (where,))
    path = locate(document, origin.path) if origin else ()
    message = f"fsdcf generated a template that cfn-lint {_verb(severity)}: {finding.message}"
    notes = (where, *_excerpt(data, finding.path))
    return Diagnostic(finding.rule, severity, message, path, document.key_span(path), _HINT, notes)


def _verb(severity: Severity) -> str:
    return "rejects" if severity is Severity.ERROR else "warns about"


def _written(finding: Finding, origin: Origin, document: Document, locate: Locate) -> SpecPath | None:
    """Return the path in the spec that the property's value comes from, if the author wrote it."""
    if finding.path[2:3] == ("Properties",):
        source = origin.source(finding.path[3:])
    else:
        override = origin.override(finding.path[2:])
        source = (override, ()) if override else None
    if source is None:
        return None
    named, below = source
    path = locate(document, named)
    # A dependency is in the spec by its index; any other path must be the one that is named, not an ancestor of it.
    is_exact = len(path) > 1 if named.startswith("dependencies.") else ".".join(map(str, path)) == named
    return document.nearest((*path, *below)) if is_exact and document.has(path) else None


def _shortened(message: str) -> tuple[str, str]:
    """Return a message without a list of hundreds of values, and the nearest of them as a hint."""
    value, separator, listed = message.rpartition(_ONE_OF)
    known = re.findall(r"'([^']*)'", listed) if separator else []
    if len(known) <= _FEW_VALUES:
        return message, ""
    import difflib  # most templates have no finding

    value = cut(value.removeprefix("'"))
    close = difflib.get_close_matches(value, known, 1)
    return f"'{value}' is not one of {len(known)} known values", f"did you mean `{close[0]}`?" if close else ""


def _excerpt(data: Any, path: tuple[str | int, ...]) -> list[str]:
    """Return the part of the template that the finding is about, as far as its path leads."""
    for step in path:
        known = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if step not in known:
            break
        data = data[step]
    lines = json.dumps(data, indent=2, ensure_ascii=False).splitlines()
    shown = [cut(line, _WIDEST_LINE) for line in lines[:_MOST_LINES]]
    return shown + (["…"] if len(lines) > _MOST_LINES else [])
