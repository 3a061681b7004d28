"""A kind of spec is a record in the registry: the language needs to know nothing else to read, check and document
it."""

from collections.abc import Iterator

import pytest
from jsonschema import Draft7Validator

from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import Diagnostic
from fsdcf.language import rules
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.model import KINDS, SpecKind
from fsdcf.language.model.common import Metadata
from fsdcf.language.reference import describe, find, paths
from fsdcf.language.resolve import resolve
from fsdcf.language.rules.case import Case, Problem, rule
from fsdcf.language.shape import spec_key, spec_record
from fsdcf.language.source import parse
from fsdcf.language.validate import validate
from tests.test_docs import script

REPORT = """\
apiVersion: fsd/v1
kind: Report
metadata: {name: sales, owners: team}
report: {pages: 3}
"""


@spec_record
class Report:
    pages: int = spec_key("Number of pages.", default=1, also=("report.layout.pages",), minimum=1)


@spec_record
class ReportSpec:
    report: Report = spec_key("The report.")
    api_version: str = spec_key("Version of the language.", allowed=("fsd/v1",))
    kind: str = spec_key("Kind of the spec.", allowed=("Report",))
    metadata: Metadata = spec_key("Name and owners.")
    environments: dict[str, str] = spec_key("Overlays.", default_factory=dict)


@pytest.fixture(autouse=True)
def kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "Report", SpecKind("Report", ReportSpec, "report"))


def checked(text: str, *overrides: str) -> tuple[object, list[Diagnostic]]:
    document, findings = parse(text.encode(), "s.yml")
    assert document is not None
    resolved, more = resolve(document, {}, "staging", overrides)
    spec, invalid = validate(resolved, "staging", types())
    return spec, [*findings, *more, *invalid]


def test_it_is_read_into_its_own_record() -> None:
    spec, findings = checked(REPORT, "pages=5")
    assert isinstance(spec, ReportSpec) and spec.report.pages == 5 and findings == []


def test_a_key_may_be_written_elsewhere_in_its_block() -> None:
    spec, findings = checked(REPORT.replace("{pages: 3}", "{layout: {pages: 7}}"))
    assert isinstance(spec, ReportSpec) and spec.report.pages == 7 and findings == []


def test_its_shape_is_checked_and_the_rules_of_services_are_not() -> None:
    _, findings = checked(REPORT.replace("pages: 3", "pages: 0, port: 80"))
    assert sorted(each.code for each in findings) == ["S101", "S104"]


def test_its_rules_are_those_that_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    @rule("S999", "a short report", kinds=("Report",))
    def short(case: Case) -> Iterator[Problem]:
        """A report has several pages."""
        if case.spec.report.pages < 2:
            yield Problem("report.pages", "one page", "write more")

    monkeypatch.setattr(rules, "rules_in", lambda name: iter([short]))
    rules._spec_rules.cache_clear()
    try:
        _, findings = checked(REPORT.replace("pages: 3", "pages: 1"))
    finally:
        rules._spec_rules.cache_clear()
    assert [(each.code, each.path) for each in findings] == [("S999", ("report", "pages"))]


def test_it_is_documented() -> None:
    assert "report.pages" in paths(types()) and "service.port" in paths(types())
    found = find("report.pages", types())
    assert found and "Number of pages." in describe(*found, types())
    assert "kind Report" in script("docs").reference_page(types())
    schema = Draft7Validator(json_schema(types()))
    document, _ = parse(REPORT.encode(), "s.yml")
    assert document and schema.is_valid(document.data)
    assert not schema.is_valid({**document.data, "report": {"pages": 0}})
