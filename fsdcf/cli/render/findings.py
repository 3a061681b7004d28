"""Findings as text, as JSON, and as annotations of GitHub Actions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

import click

from fsdcf.cli.render.stream import painter
from fsdcf.diagnostics import Diagnostic, Severity, render


def show(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> None:
    """Print findings to standard error, in colour on a terminal unless NO_COLOR is set."""
    paint = painter(sys.stderr)
    for diagnostic in diagnostics:
        click.echo(render(diagnostic, sources, paint) + "\n", err=True, color=True)


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Findings as a JSON list, with the same positions as the text."""
    return json.dumps([_record(one) for one in diagnostics], indent=2, ensure_ascii=False)


def as_github(diagnostic: Diagnostic) -> str:
    """A finding as a workflow command that annotates the line in a pull request."""
    span = diagnostic.span
    place = {
        "file": span.file,
        "line": span.line,
        "endLine": span.end_line,
        "col": span.column,
        "endColumn": span.end_column,
    }
    if span.line != span.end_line:
        del place["col"], place["endColumn"]
    body = "\n".join(
        [diagnostic.message, *([f"help: {diagnostic.hint}"] if diagnostic.hint else []), *diagnostic.notes]
    )
    return workflow_command(diagnostic.severity.value, {**place, "title": diagnostic.code}, body)


def workflow_command(kind: str, properties: Mapping[str, object], body: str) -> str:
    """A workflow command such as ``::error file=my-service.yml,line=3::text``, with everything escaped.

    Source: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions
    """
    listed = ",".join(f"{name}={_property(str(text))}" for name, text in properties.items())
    return f"::{kind} {listed}::{_data(body)}"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """``2 errors, 1 warning``."""
    counts = dict.fromkeys(Severity, 0)
    for diagnostic in diagnostics:
        counts[diagnostic.severity] += 1
    words = [f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts.items() if count]
    return ", ".join(words) or "no findings"


def _record(one: Diagnostic) -> dict[str, object]:
    span = one.span
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "hint": one.hint,
        "notes": list(one.notes),
        "path": ".".join(str(step) for step in one.path),
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
