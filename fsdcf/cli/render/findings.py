"""Findings as text, as JSON, and as annotations of GitHub Actions."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.render.stream import LineWriter, json_text, on_github
from fsdcf.diagnostics import Diagnostic, Severity, render
from fsdcf.wording import counted, cut, visible

if TYPE_CHECKING:
    from fsdcf.batch import BatchResult


MOST_SHOWN = 100
"""Maximum number of findings that a command shows in full; further findings are counted, by code."""

_CODES = 10
"""Maximum number of codes in the count of further findings."""


def limited(diagnostics: Sequence[Diagnostic]) -> tuple[list[Diagnostic], Counter[str]]:
    """The findings to show in full, until the command has shown MOST_SHOWN, errors first; and the number of the others
    by code."""
    meta = _meta()
    room = MOST_SHOWN - meta.get(_SHOWN, 0)
    if len(diagnostics) > room:
        errors_first = sorted(range(len(diagnostics)), key=lambda at: diagnostics[at].severity is not Severity.ERROR)
        shown = [diagnostics[at] for at in sorted(errors_first[:room])]
        others = Counter(diagnostics[at].code for at in errors_first[room:])
    else:
        shown, others = list(diagnostics), Counter[str]()
    meta[_SHOWN] = meta.get(_SHOWN, 0) + len(shown)
    return shown, others


def rest_of(others: Mapping[str, int]) -> str:
    """``and 49,900 more findings: 49,900 S032``; empty if there are none."""
    total = sum(others.values())
    codes = sorted(others.items(), key=lambda each: (-each[1], each[0]))
    words = [f"{count:,} {code}" for code, count in codes[:_CODES]]
    words += [f"{sum(count for _, count in codes[_CODES:]):,} with other codes"] if len(codes) > _CODES else []
    return f"and {counted(f'{total:,}', 'more finding')}: {', '.join(words)}" if total else ""


_SHOWN = f"{__name__}.shown"


def _meta() -> dict[str, Any]:
    """What this command remembers; nothing outside of a command."""
    context = click.get_current_context(silent=True)
    return context.meta if context else {}


def unreported(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings that this command has not reported yet: those about an environment's file come with every spec that
    it applies to. From now on they are reported."""
    reported = _meta().setdefault(__name__, set())
    new = {(one.span, one.code, one.message): one for one in diagnostics}
    found = [one for place, one in new.items() if place not in reported]
    reported.update(new)
    return found


def show(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> None:
    """Print the findings that are not reported yet to standard error, in colour on a terminal unless NO_COLOR is set.
    On GitHub Actions they are also annotations. After MOST_SHOWN findings the others are counted."""
    diagnostics, others = limited(unreported(diagnostics))
    out = LineWriter(sys.stderr)
    for diagnostic in diagnostics:
        out.lines([render(diagnostic, sources, out.paint), ""])
    out.lines([rest_of(others), ""] if others else [])
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
    shown = errors[:MOST_SHOWN]
    items = [f"- **{each.code}**: {markdown(each.message)}{markdown_place(each.span)}" for each in shown]
    others = Counter(each.code for each in errors[MOST_SHOWN:])
    items += [f"- {rest_of(others)}"] if others else []
    add_to_summary([f"### {markdown(title)}: {summary(errors)}", "", *items])


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """Findings as a JSON list, with the same positions as the text. If there are more than MOST_SHOWN, the last item is
    a note with the number of the others, by code."""
    shown, others = limited(diagnostics)
    records = [record(one) for one in shown]
    if others:
        note = Diagnostic("", Severity.WARNING, rest_of(others), (), diagnostics[-1].span)
        records.append({**record(note), "severity": "note", "omitted": dict(sorted(others.items()))})
    return json_text(records)


def github_lines(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """Findings as workflow commands; a notice counts those after MOST_SHOWN."""
    from fsdcf.cli.render.actions import workflow_command  # loaded on GitHub alone

    shown, others = limited(diagnostics)
    rest = [workflow_command("notice", {"title": "fsdcf"}, rest_of(others))] if others else []
    return [*map(as_github, shown), *rest]


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


def record(one: Diagnostic) -> dict[str, object]:
    """A finding as plain data."""
    span = one.span
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "hint": one.hint,
        "notes": list(one.notes),
        "path": ".".join(cut(str(step)) for step in one.path),
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
