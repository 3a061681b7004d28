"""cfn-lint's findings in terms of the spec: on the line that caused them, or reported as a bug of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fsdcf.compiler.stack import Origin
from fsdcf.diagnostics import Diagnostic, Severity, SpecPath
from fsdcf.lint.runner import Finding
from fsdcf.spec.document import Document

Locate = Callable[[Document, str], SpecPath]
_MOST_LINES = 15


def explain(
    findings: Iterable[Finding], origins: Mapping[str, Origin], document: Document, locate: Locate, template: str
) -> tuple[Diagnostic, ...]:
    """Each finding as a diagnostic; ``template`` is the text that was linted."""
    data = json.loads(template)
    return tuple(_explained(finding, origins, document, locate, data) for finding in findings)


def _explained(finding: Finding, origins: Mapping[str, Origin], document: Document, locate: Locate, data: Any) -> Diagnostic:
    resource = str(finding.path[1]) if len(finding.path) > 1 and finding.path[0] == "Resources" else ""
    origin = origins.get(resource)
    written = _written(finding, origin, document, locate) if origin else None
    severity = Severity.ERROR if finding.severity == "error" else Severity.WARNING
    where = ".".join(str(step) for step in finding.path)
    if written is not None:
        return Diagnostic(
            finding.rule, severity, finding.message, written, document.span(written), notes=(f"in the template: {where}",)
        )
    path = locate(document, origin.path) if origin else ()
    return Diagnostic(
        finding.rule,
        severity,
        f"fsdcf made a template that cfn-lint refuses: {finding.message}",
        path,
        document.key_span(path),
        "this is a bug of fsdcf, not of your spec: please report it with the spec; --no-lint goes on without the check",
        (f"in the template: {where}", *_excerpt(data, finding.path)),
    )


def _written(finding: Finding, origin: Origin, document: Document, locate: Locate) -> SpecPath | None:
    """The path in the spec that the property's value comes from, if the author wrote it."""
    inside = finding.path[3:]
    for length in range(len(inside), 0, -1):
        source = origin.sources.get(inside[:length])
        if source is None:
            continue
        path = locate(document, source)
        wanted = source.split(".")[-1]
        return path if path and (path[-1] == wanted or path[0] == "dependencies") else None
    return None


def _excerpt(data: Any, path: tuple[str | int, ...]) -> list[str]:
    """The part of the template that the finding is about."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            break
    lines = json.dumps(data, indent=2).splitlines()
    return lines[:_MOST_LINES] + (["…"] if len(lines) > _MOST_LINES else [])
