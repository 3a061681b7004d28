"""The report of an import on a terminal and in Markdown."""

from __future__ import annotations

from fsdcf.cli.render.imported import Imported, as_markdown, as_text
from fsdcf.diagnostics import plain
from fsdcf.importers import ImportResult
from fsdcf.importers.report import ImportReport, KeyOutcome, Row, carried, changed, not_carried


def report(*outcomes: KeyOutcome, key: str = "run.command") -> Imported:
    rows = ImportReport()
    for line, outcome in enumerate(outcomes, 1):
        rows.add(Row("a.yaml", line, key, outcome, "services/a.yml"))
    return Imported("App Runner", ImportResult(rows), (), ())


def test_no_line_is_longer_than_the_terminal() -> None:
    note = "the value has a meaning that the language cannot say, and there are several ways around it " * 2
    long = report(not_carried(note), changed(note, "service.port"), key="Service." + "Configuration." * 20 + "Port")
    lines = list(as_text(long, plain, 90))
    assert max(map(len, lines)) <= 90
    assert lines[1].startswith("-    1  …") and lines[1].endswith(".Port") and lines[2].startswith("          -> not")


def test_a_report_without_a_terminal_has_a_line_for_each_key() -> None:
    lines = list(as_text(report(carried("service.port"), not_carried("why " * 60)), plain, None))
    assert [line[:8] for line in lines[1:3]] == ["     1  ", "-    2  "] and len(lines) == 5


def test_what_is_not_carried_is_repeated_at_the_end_of_a_long_report() -> None:
    several = (carried("service.port"),) * 20
    lines = list(as_text(report(not_carried("`a` is why"), *several), plain, 90))
    assert lines[-3:] == ["- a.yaml:1 run.command: `a` is why", "", lines[-1]]
    assert "not carried:" not in list(as_text(report(not_carried("why"), carried("service.port")), plain, 90))


def test_code_in_a_note_is_code_in_markdown() -> None:
    lines = list(as_markdown(report(not_carried("write `a|b` or *c*"), not_carried("a lone ` here"))))
    assert "**not carried**: write <code>a&#124;b</code> or \\*c\\* |" in lines[6]
    assert lines[7].endswith("a lone \\` here |")
