"""Overrides: what they change in a template, of which environment and kind, and where findings about it point."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cli.commands.diff import between
from fsdcf.cli.compiled import Compiled
from fsdcf.cli.lookup import SpecLines
from fsdcf.cli.render.plan import changed_properties
from fsdcf.language.rules.overrides import path_of, steps_of
from fsdcf.lint.runner import Finding
from fsdcf.pipeline import Result, with_lint
from tests.conftest import HELLO, Compile

LOGS = "overrides: {LogGroup: {Properties.RetentionInDays: 7}}\n"
FILE = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  defaults:
    overrides: {LoadBalancer: {Properties.IpAddressType: dualstack}}
"""


def resources(result: Result) -> dict[str, Any]:
    assert result.template is not None, result.diagnostics
    return dict(result.template.data["Resources"])


def lines(result: Result) -> list[tuple[str, int]]:
    return [(each.code, each.span.line) for each in result.diagnostics]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("Properties.A.0.B", ("Properties", "A", "0", "B")),
        ("Properties.A[0].B", ("Properties", "A", "0", "B")),
        ("Properties.A[+]", ("Properties", "A", "[+]")),
        ("Properties.A.[+]", ("Properties", "A", "[+]")),
        ('Properties."a.b".c', ("Properties", "a.b", "c")),
        ("Properties.A.Fn::If.1", ("Properties", "A", "Fn::If", "1")),
        *((wrong, None) for wrong in ("", ".", "A.", ".A", "A..B", "A[+].B", "A[x]", 'A."b', "A[1", "A]")),
    ],
)
def test_a_path_has_steps(path: str, steps: tuple[str, ...] | None) -> None:
    assert steps_of(path) == steps
    assert steps is None or "[+]" in steps or steps_of(path_of(steps)) == steps


def test_an_overlay_replaces_a_value_and_null_removes_a_property(compiled: Compile) -> None:
    text = HELLO + LOGS + "environments: {prod: {overrides: {LogGroup: {Properties.RetentionInDays: null}}}}\n"
    assert resources(compiled(text))["LogGroup"]["Properties"]["RetentionInDays"] == 7
    assert "RetentionInDays" not in resources(compiled(text, "prod"))["LogGroup"]["Properties"]
    without = HELLO + LOGS + "environments: {prod: {overrides: {LogGroup: null}}}\n"
    assert resources(compiled(without, "prod")) == resources(compiled(HELLO, "prod"))


def test_a_function_has_the_form_of_json(compiled: Compile) -> None:
    text = HELLO + "overrides: {LogGroup: {Properties.LogGroupName: {'Fn::GetAtt': Cluster.Arn}}}\n"
    assert resources(compiled(text))["LogGroup"]["Properties"]["LogGroupName"] == {"Fn::GetAtt": ["Cluster", "Arn"]}


def test_the_command_line_overrides_a_property(compiled: Compile) -> None:
    result = compiled(HELLO + LOGS, overrides=("overrides.LogGroup.Properties.RetentionInDays=14",))
    assert resources(result)["LogGroup"]["Properties"]["RetentionInDays"] == 14
    refused = compiled(HELLO, overrides=("overrides.LogGroup.Properties.RetentionInDys=14",))
    assert [(each.code, each.span.file[:10]) for each in refused.diagnostics] == [("S602", "--override")]


def test_the_defaults_of_an_environment_override_what_a_service_has(compiled: Compile) -> None:
    assert resources(compiled(HELLO, file=FILE))["LoadBalancer"]["Properties"]["IpAddressType"] == "dualstack"
    worker = HELLO.replace("  port: 8000\n", "")
    assert "LoadBalancer" not in resources(compiled(worker, file=FILE))


def test_an_environment_has_overrides_of_its_own(compiled: Compile) -> None:
    text = FILE.replace("environment:\n", "overrides: {Cluster: {Properties.ClusterName: main}}\nenvironment:\n", 1)
    assert resources(compiled(text, name="environments/staging.yml"))["Cluster"]["Properties"]["ClusterName"] == "main"
    refused = compiled(text.replace("Cluster:", "Clusters:", 1), name="environments/staging.yml")
    assert lines(refused) == [("S601", 4)] and "`Cluster`" in refused.diagnostics[0].hint


def test_the_order_of_overrides_has_no_meaning(compiled: Compile) -> None:
    first = "Properties.LoadBalancerAttributes.0: null"
    second = "Properties.LoadBalancerAttributes.1.Value: 'false'"
    third = "'Properties.LoadBalancerAttributes[+]': {Key: idle_timeout.timeout_seconds, Value: '61'}"
    orders = ([first, second, third], [third, second, first], [second, third, first])
    results = [
        resources(compiled(HELLO + f"overrides: {{LoadBalancer: {{{', '.join(order)}}}}}\n")) for order in orders
    ]
    assert results[0] == results[1] == results[2]
    values = [each["Value"] for each in results[0]["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]]
    assert values == ["false", "61"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("Resources", "LogGroup", "Properties", "RetentionInDays"), 12),
        (("Resources", "LogGroup", "Properties"), 12),
        (("Resources", "LogGroup"), 12),
        (("Resources", "Cluster"), 11),
        (("Outputs",), 11),
    ],
)
def test_what_cfn_lint_finds_is_on_the_line_of_the_override(
    compiled: Compile, path: tuple[str, ...], line: int
) -> None:
    result = compiled(HELLO + LOGS.replace("{LogGroup: {", "\n  LogGroup: {").removesuffix("}\n") + "\n")
    found = with_lint(result, [Finding("E0000", path, "wrong", "error")])
    assert lines(found) == [("E0000", line)] and "bug" not in found.diagnostics[0].hint


def test_a_plan_and_a_failure_point_to_the_override(compiled: Compile) -> None:
    before, after = compiled(HELLO), compiled(HELLO + "\n" + LOGS)
    sides = [
        Compiled("spec.yml", "staging", resources(one) and one.template.data, one)
        for one in (before, after)
        if one.template
    ]
    for old, new, note in ((*sides, "override"), (*reversed(sides), "no longer an override")):
        plan = between(old, new)
        (change,) = plan.update.changes
        (row,) = changed_properties(change, plan.changes)
        assert (row.title, row.note) == ("RetentionInDays", note)
    place = between(*sides).places["LogGroup"]
    failed = SpecLines(after)("LogGroup")
    assert failed is not None and place.line == failed.line == 12


def test_an_override_may_have_the_value_of_another_stack_or_of_the_parameter_store(compiled: Compile) -> None:
    text = HELLO + "overrides: {LogGroup: {Metadata.owner: '${ssm:/owner}', Metadata.key: '${import:shared-key}'}}\n"
    result = compiled(text)
    metadata = resources(result)["LogGroup"]["Metadata"]
    assert metadata["key"] == {"Fn::ImportValue": "shared-key"} and result.template is not None
    assert metadata["owner"]["Ref"] in result.template.data["Parameters"]


def test_what_looks_like_a_secret_is_found_in_an_override(compiled: Compile) -> None:
    text = HELLO + "overrides: {LogGroup: {Metadata.password: hunter2secret}}\n"
    result = compiled(text)
    assert ("W106", 11) in lines(result) and "hunter2secret" in result.secrets
