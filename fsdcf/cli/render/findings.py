"""Findings as text, as JSON, and as annotations of GitHub Actions."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import click

from fsdcf.cli.render.stream import LineWriter, json_text, on_github
from fsdcf.diagnostics import Diagnostic, Severity, render
from fsdcf.wording import counted, visible

if TYPE_CHECKING:
    from fsdcf.batch import BatchResult


def unreported(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings that this command has not reported yet: those about an environment's file come with every spec that
    it applies to. From now on they are reported."""
    context = click.get_current_context(silent=True)
    reported = context.meta.setdefault(__name__, set()) if context else set()
    new = {(one.span, one.code, one.message): one for one in diagnostics}
    found = [one for place, one in new.items() if place not in reported]
    reported.update(new)
    return found


def show(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> None:
    """Print the findings that are not reported yet to standard error, in colour on a terminal unless NO_COLOR is set.
    On GitHub Actions they are also annotations."""
    diagnostics = unreported(diagnostics)
    out = LineWriter(sys.stderr)
    for diagnostic in diagnostics:
        out.lines([render(diagnostic, sources, out.paint), ""])
    if on_github():
        from fsdcf.cli.render.actions import MOST_ANNOTATIONS

        for severity in Severity:
            of_kind = [each for each in diagnostics if each.severity is severity]
            for diagnostic in of_kind[:MOST_ANNOTATIONS]:
                out.command(as_github(diagnostic))


TOGETHER = "all specs together"
"""The subject of findings about several specs."""


def subject_of(outcome: BatchResult, several: bool) -> str:
    """The subject of the findings about a spec; with its environment if specs are compiled for several of them."""
    name = visible(outcome.name)
    return f"{name} for {outcome.environment}" if several else name


def add_errors_to_summary(title: str, diagnostics: Iterable[Diagnostic]) -> None:
    """Add the errors of a spec to the summary of a step of GitHub Actions."""
    from fsdcf.cli.render.actions import add_to_summary, markdown_place  # loaded on GitHub alone
    from fsdcf.plan.markdown import markdown

    errors = [each for each in diagnostics if each.severity is Severity.ERROR]
    items = [f"- **{each.code}**: {markdown(each.message)}{markdown_place(each.span)}" for each in errors]
    add_to_summary([f"### {markdown(title)}: {summary(errors)}", "", *items])


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Findings as a JSON list, with the same positions as the text."""
    return json_text([_record(one) for one in diagnostics])


def as_github(diagnostic: Diagnostic) -> str:
    """A finding as a workflow command that annotates the line in a pull request."""
    from fsdcf.cli.render.actions import path_in_repository, workflow_command  # loaded on GitHub alone

    span = diagnostic.span
    place = {
        "file": path_in_repository(span.file),
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
    body = "\n".join(visible(line) for line in body.split("\n"))
    return workflow_command(diagnostic.severity.value, {**place, "title": diagnostic.code}, body)


def summary(diagnostics: Collection[Diagnostic], name: str = "") -> str:
    """``2 errors, 1 warning``; for a spec of this name also the file, if all of them are in another one."""
    files = {diagnostic.span.file for diagnostic in diagnostics}
    counts = dict.fromkeys(Severity, 0)
    for diagnostic in diagnostics:
        counts[diagnostic.severity] += 1
    words = [counted(count, severity.value) for severity, count in counts.items() if count]
    place = f" in {visible(files.pop())}" if name and len(files) == 1 and name not in files else ""
    return ", ".join(words) + place if words else "no findings"


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
