"""Findings in terms of the spec: on the author's value, or as a bug of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_json
from fsdcf.compiler.stack import Origin
from fsdcf.diagnostics import Diagnostic, Severity, SpecPath
from fsdcf.language.document import Document, locate
from fsdcf.lint.mapping import explain
from fsdcf.lint.runner import Finding, Linter
from tests.conftest import HELLO, Compile
from tests.lint.templates import DELAY, ERROR, TOO_LONG, template

TIMEOUT = HELLO + "  deploymentTimeoutSeconds: 9999\n"
WRITTEN = Origin("service", {("DelaySeconds",): "service.deploymentTimeoutSeconds"})


@pytest.fixture
def document(compiled: Compile) -> Document:
    found = compiled(TIMEOUT).document
    assert found is not None
    return found


def place(document: Document, named: str) -> SpecPath:
    return locate(document, named, types())


def one(finding: Finding, origin: Origin | None, document: Document, text: str = ERROR) -> Diagnostic:
    origins = {"OrdersQueue": origin} if origin else {}
    (found,) = explain([finding], origins, document, place, text)
    return found


def test_no_findings_give_no_diagnostics(document: Document) -> None:
    assert explain((), {}, document, place, ERROR) == ()


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("error", Severity.ERROR), ("warning", Severity.WARNING), ("informational", Severity.WARNING)],
)
def test_a_value_that_the_author_wrote(document: Document, severity: str, expected: Severity) -> None:
    found = one(replace(TOO_LONG, severity=severity), WRITTEN, document)
    path = ("service", "deploymentTimeoutSeconds")
    assert (found.code, found.severity, found.path) == ("E3034", expected, path)
    assert found.message == TOO_LONG.message
    assert found.span == document.span(path)
    assert TIMEOUT.splitlines()[found.span.line - 1].strip() == "deploymentTimeoutSeconds: 9999"
    assert any("OrdersQueue" in note and "DelaySeconds" in note for note in found.notes)


def test_a_part_of_what_the_author_wrote(document: Document) -> None:
    deep = replace(TOO_LONG, path=(*DELAY, "Fn::If", 1))
    assert one(deep, WRITTEN, document).path == ("service", "deploymentTimeoutSeconds")


def test_the_nearest_source_is_used(document: Document) -> None:
    outer: dict[tuple[str | int, ...], str] = {
        ("DelaySeconds",): "metadata.name",
        ("DelaySeconds", "Inner"): "service.deploymentTimeoutSeconds",
    }
    deep = replace(TOO_LONG, path=(*DELAY, "Inner", "Value"))
    assert one(deep, Origin("service", outer), document).path == ("service", "deploymentTimeoutSeconds")


@pytest.mark.parametrize(("severity", "verb"), [("error", "rejects"), ("warning", "warns about")])
@pytest.mark.parametrize(
    "origin",
    [
        Origin("service"),
        Origin("service", {("VisibilityTimeout",): "service.deploymentTimeoutSeconds"}),
        Origin("service", {("DelaySeconds",): "service.gracePeriodSeconds"}),
    ],
    ids=["no source", "another property's source", "a default"],
)
def test_a_finding_about_an_unwritten_value_is_a_bug_of_fsdcf(
    document: Document, origin: Origin, severity: str, verb: str
) -> None:
    found = one(replace(TOO_LONG, severity=severity), origin, document)
    assert (found.code, found.severity, found.path) == ("E3034", Severity(severity), ("service",))
    assert found.message == f"fsdcf generated a template that cfn-lint {verb}: {TOO_LONG.message}"
    assert found.span == document.key_span(("service",))
    assert "report" in found.hint
    assert "Resources.OrdersQueue.Properties.DelaySeconds" in found.notes[0]
    assert "9999" in found.notes


@pytest.mark.parametrize("path", [(), ("Parameters", "Spare"), ("Resources",), ("Resources", "Unknown", "Properties")])
def test_a_finding_without_a_resource_is_at_the_root(document: Document, path: tuple[str | int, ...]) -> None:
    found = one(replace(TOO_LONG, path=path), WRITTEN, document)
    assert found.path == ()
    assert found.span == document.key_span(())
    assert found.severity is Severity.ERROR


def test_the_excerpt_is_short(document: Document) -> None:
    long = template(Tags=[{"Key": str(number), "Value": "v"} for number in range(40)])
    found = one(Finding("E1", ("Resources", "OrdersQueue"), "text", "error"), Origin("service"), document, long)
    excerpt = found.notes[1:]
    assert excerpt[0] == "{" and excerpt[-1] == "…"
    assert len(excerpt) <= 16
    assert "AWS::SQS::Queue" in "".join(excerpt)


def test_a_path_that_does_not_exist_shows_the_nearest_part(document: Document) -> None:
    found = one(replace(TOO_LONG, path=(*DELAY, "Fn::If", 3)), Origin("service"), document)
    assert found.notes[1:] == ("9999",)


def test_from_cfn_lint_to_the_spec(linter: Linter, document: Document) -> None:
    found = explain(linter.lint(ERROR), {"OrdersQueue": WRITTEN}, document, place, ERROR)
    assert [(each.code, each.path) for each in found] == [("E3034", ("service", "deploymentTimeoutSeconds"))]


STATEMENTS = HELLO + (
    "  taskRole:\n    statements:\n      - {actions: ['s3:GetObject'], resources: ['arn:aws:s3:::a/*']}\n"
    "      - actions: ['s3:GetObject', 's3:GetObjekt']\n        resources: ['arn:aws:s3:::b/*']\n"
)


def test_an_action_of_a_statement(compiled: Compile, linter: Linter) -> None:
    """The finding is at the actions of its statement, and does not list every action that exists."""
    result = compiled(STATEMENTS)
    assert result.template is not None and result.document is not None
    findings = linter.lint(to_json(result.template.data))
    (found,) = explain(findings, result.template.origins, result.document, place, to_json(result.template.data))
    assert (found.code, found.path) == ("W3037", ("service", "taskRole", "statements", 1, "actions"))
    assert "`getobject`" in found.hint and len(found.message) < 100


@pytest.mark.parametrize(
    ("below", "path"),
    [
        ((), ()),
        (("Resource", 0), ("resources",)),
        (("Condition", "Bool", "aws:x", 0), ("conditions", "Bool", "aws:x")),
    ],
)
def test_a_statement_of_a_policy_is_one_of_the_spec(below: tuple[str | int, ...], path: tuple[str, ...]) -> None:
    document, named = ("PolicyDocument",), "service.taskRole.statements"
    origin = Origin("service.taskRole", {document: named, (*document, "Statement", 0): f"{named}.1"})
    assert origin.source((*document, "Statement", 0, *below)) == (f"{named}.1", path)
    assert origin.source((*document, "Version")) == (named, ())
    assert origin.source(("Roles", 0)) is None
