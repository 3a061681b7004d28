"""What an import carried and what not: as text, JSON and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fsdcf.batch import BatchResult
from fsdcf.cli.render.findings import record as finding_record
from fsdcf.cli.render.findings import subject_of, summary
from fsdcf.cli.render.stream import wrapped
from fsdcf.diagnostics import Diagnostic, Paint, Severity, render
from fsdcf.importers import ImportResult
from fsdcf.importers.report import Row, Treatment
from fsdcf.plan.markdown import markdown, markdown_code
from fsdcf.wording import counted, visible

_MARKS = {Treatment.CARRIED: ("", "soft"), Treatment.CHANGED: ("~", "warn"), Treatment.NOT_CARRIED: ("-", "bad")}

_WITHOUT_KEY = {
    Treatment.CARRIED: "not needed",
    Treatment.CHANGED: "left out",
    Treatment.NOT_CARRIED: "not carried",
}
"""What became of a key that no key of the spec has."""

_FAR = 15
"""So many other keys are between what is not carried and the end."""


@dataclass(frozen=True, eq=False, repr=False)
class Imported:
    """An import, the files that it wrote, and the results of compiling its specs."""

    title: str
    imported: ImportResult
    written: Sequence[str]
    tried: Sequence[BatchResult]

    @property
    def rows(self) -> list[Row]:
        """The rows of the report."""
        return list(self.imported.report.rows.values())

    @property
    def failed(self) -> list[BatchResult]:
        """The results of specs with errors."""
        return [each for each in self.tried if each.text is None]

    def sentence(self, *, marks: bool) -> str:
        """How many keys were carried, with the marks of the others."""
        counts = self.imported.report.counts
        signs = {treatment: f" ({mark})" if mark and marks else "" for treatment, (mark, _) in _MARKS.items()}
        parts = [
            f"{counts[treatment]} {treatment.value}{signs[treatment]}" for treatment in Treatment if counts[treatment]
        ]
        return f"{counted(sum(counts.values()), 'key')} of {self.title}: {', '.join(parts) or 'none'}"

    def note(self, row: Row) -> str:
        """What the report adds to the keys that have a value now: also that they need not be there."""
        spec = next((each.data for each in self.imported.drafts if each.path == row.spec), None)
        is_carried = row.outcome.treatment is Treatment.CARRIED and not row.outcome.note
        if spec is None or not is_carried or any(_has(spec, path) for path in row.outcome.to.split()):
            return row.outcome.note
        return "the spec means the same without it"

    @property
    def groups(self) -> Iterator[tuple[str, list[Row]]]:
        """The rows of each pair of files, by the heading ``compose.yml -> services/web.yml``."""
        rows = sorted(enumerate(self.rows), key=lambda pair: (pair[1].file, pair[1].spec, pair[1].line, pair[0]))
        for (file, spec), group in groupby((row for _, row in rows), lambda row: (row.file, row.spec)):
            yield visible(f"{file} -> {spec}" if spec else file), list(group)


def _result(row: Row, note: str) -> str:
    outcome = row.outcome
    head = ", ".join(outcome.to.split()) or _WITHOUT_KEY[outcome.treatment]
    return visible(": ".join(filter(None, (head, note))))


def _has(data: Any, path: str) -> bool:
    """Whether a spec has a key, or one that begins with it, as names with dots do."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(data, dict) and not any(name.startswith(step) for name in data):
            return False
        if isinstance(data, list):
            data = data[int(step)] if step.isdigit() and int(step) < len(data) else None
        else:
            data = data.get(step) if isinstance(data, dict) else None
    return True


def _key(row: Row) -> str:
    return visible(row.key) or "the file"


def _errors(result: BatchResult) -> list[Diagnostic]:
    return [each for each in result.diagnostics if each.severity is Severity.ERROR]


def as_text(one: Imported, paint: Paint, width: int | None) -> Iterator[str]:
    """The report as lines: a key that is carried without a mark, a changed one with ~, one that is not carried with
    -. On a terminal, what is not carried is there once more at the end, if it is far away."""
    for heading, rows in one.groups:
        yield paint(heading, "strong")
        for row in rows:
            mark, role = _MARKS[row.outcome.treatment]
            yield from (
                paint(line, role) for line in _key_lines(f"{mark:1} {row.line:>4}  ", row, one.note(row), width)
            )
        yield ""
    yield from _missing(one, paint, width) if width is not None else ()
    several = len({each.environment for each in one.tried}) > 1
    for result in one.failed:
        yield paint(f"{subject_of(result, several)} does not compile: {summary(_errors(result), result.name)}", "error")
        for finding in _errors(result):
            yield render(finding, result.sources, paint)
        yield ""
    yield one.sentence(marks=True)


def _key_lines(head: str, row: Row, note: str, width: int | None) -> list[str]:
    """A key and what became of it: in one line, or in several if that is too long for the terminal."""
    key, becomes = _key(row), f"-> {_result(row, note)}"
    line = f"{head}{key} {becomes}"
    if width is None or len(line) <= width:
        return [line]
    room = width - len(head)
    end = key if len(key) <= room else f"…{key[1 - room :]}"
    return [head + end, *wrapped(f"{'':10}{becomes}", width, 13)]


def _missing(one: Imported, paint: Paint, width: int | None) -> Iterator[str]:
    """What is not carried, by its file and line, if other keys are around it."""
    rows = [row for row in one.rows if row.outcome.treatment is Treatment.NOT_CARRIED]
    if not rows or len(one.rows) < _FAR + len(rows):
        return
    yield paint("not carried:", "strong")
    for row in rows:
        yield from wrapped(visible(f"- {row.file}:{row.line} {_key(row)}: {row.outcome.note}"), width, 4)
    yield ""


def as_markdown(one: Imported) -> Iterator[str]:
    """The report as Markdown, for a pull request."""
    yield f"## {markdown(one.sentence(marks=False))}"
    for heading, rows in one.groups:
        yield from ("", f"### {markdown(heading)}", "", "| line | key | becomes |", "|---:|---|---|")
        for row in rows:
            to = ", ".join(map(markdown_code, row.outcome.to.split()))
            mark = "**changed**" if to and row.outcome.treatment is Treatment.CHANGED else ""
            head = to or f"**{_WITHOUT_KEY[row.outcome.treatment]}**"
            becomes = ": ".join(filter(None, (mark, head, _sentence(one.note(row)))))
            yield f"| {row.line} | {markdown_code(_key(row))} | {becomes} |"
    if one.failed:
        yield from ("", "### Specs that do not compile", "")
    for result in one.failed:
        for finding in _errors(result):
            place = markdown_code(f"{finding.span.file}:{finding.span.line}:{finding.span.column}")
            yield f"- {place} **{finding.code}** {markdown(finding.message)} {markdown(finding.hint)}".rstrip()
    if steps := [*one.imported.next, *one.imported.later]:
        yield from ("", "### Next", "", *(f"- {_sentence(each)}" for each in steps))


def _sentence(text: str) -> str:
    """A sentence as Markdown, with the code in it as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick of its own
        return markdown(text)
    return "".join(markdown_code(part) if number % 2 else _spaced(part) for number, part in enumerate(parts))


def _spaced(text: str) -> str:
    """A part of a sentence as Markdown, with the spaces around it."""
    before, after = " " * text[:1].isspace(), " " * (text[-1:].isspace() and bool(text.strip()))
    return f"{before}{markdown(text)}{after}"


def record(one: Imported) -> Mapping[str, Any]:
    """The report as plain data."""
    return {
        "format": one.title,
        "counts": {treatment.value: one.imported.report.counts[treatment] for treatment in Treatment},
        "keys": [
            {
                "file": row.file,
                "line": row.line,
                "key": row.key,
                "treatment": row.outcome.treatment.value,
                "to": row.outcome.to.split(),
                "note": row.outcome.note,
                "spec": row.spec,
            }
            for row in one.rows
        ],
        "written": list(one.written),
        "findings": [
            {**finding_record(finding), "environment": result.environment}
            for result in one.tried
            for finding in _errors(result)
        ],
        "next": [*one.imported.next, *one.imported.later],
    }
