"""The compiled examples through CloudFormation's rules: no problems, no cycles, and a new image that touches three
resources."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import Any

import pytest

import fsdcf.cloudformation
from fsdcf.cloudformation.difference import Side, difference, outputs_changed
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.limits import compact
from fsdcf.cloudformation.references import cycle, needs, order
from fsdcf.cloudformation.risk import data_at_risk
from fsdcf.cloudformation.template import read
from fsdcf.cloudformation.types.iam import capabilities
from fsdcf.cloudformation.validation import body_problem, problems
from tests.cloudformation.examples import CASES, ENVIRONMENTS, ROOT, SPECS, clone, parameters, runner_of, template

each_case = pytest.mark.parametrize(("spec", "environment"), CASES)
PACKAGE = Path(fsdcf.cloudformation.__file__).parent


@each_case
def test_no_problems_and_no_cycles(spec: str, environment: str) -> None:
    data = template(spec, environment)
    assert problems(data, {"ImageSha": "a1b2c3d"}, capabilities(data)) == ()
    assert cycle(needs(data["Resources"])) == ()
    line = order(needs(data["Resources"]))
    assert line.index("TaskDefinition") < line.index(runner_of(data)) < line.index("Release")
    assert all(facts_of(one["Type"]) for one in data["Resources"].values())
    assert body_problem(compact(data)) is None


@each_case
def test_an_invalid_image_is_refused(spec: str, environment: str) -> None:
    data = template(spec, environment)
    assert problems(data, {"ImageSha": "not a tag"}, capabilities(data))[0].startswith(
        "Parameter ImageSha failed to satisfy constraint: "
    )
    assert problems(data, {}, capabilities(data)) == ("Parameters: [ImageSha] must have values",)


@each_case
def test_a_new_image(spec: str, environment: str) -> None:
    data = template(spec, environment)
    before, after = Side(data, parameters(data, "old")), Side(data, parameters(data, "new"))
    found = {change.logical_id: change for change in difference(before, after)}
    runner = runner_of(data)
    assert {name: one.replacement for name, one in found.items()} == {
        "Release": "False",
        runner: "False",
        "TaskDefinition": "True",
    }
    containers = data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert {detail.path for detail in found["TaskDefinition"].details} == {
        f"/Properties/ContainerDefinitions/{index}/Image"
        for index, one in enumerate(containers)
        if index == 0 or "ImageSha" in str(one["Image"])
    }
    assert {detail.cause for detail in found["TaskDefinition"].details} == {None, "ImageSha"}
    place = "TaskDefinition" if runner == "Service" else "DefinitionSubstitutions/TaskDefinition"
    assert {(detail.path, detail.evaluation, detail.cause) for detail in found[runner].details} == {
        (f"/Properties/{place}", "Dynamic", None),
        (f"/Properties/{place}", "Static", "TaskDefinition"),
    }
    assert data_at_risk(found.values(), data) == ()
    assert not outputs_changed(before, after)


@each_case
def test_a_digest_is_a_valid_image(spec: str, environment: str) -> None:
    data = template(spec, environment)
    tag, digest = Side(data, parameters(data, "tag")), Side(data, parameters(data, "sha256:" + "0" * 64))
    (task,) = [change for change in difference(tag, digest) if change.logical_id == "TaskDefinition"]
    (image,) = {detail.after for detail in task.details}
    assert image.endswith("@sha256:" + "0" * 64)


@pytest.mark.parametrize("spec", SPECS)
def test_the_goldens_equal_the_compiled_templates(spec: str) -> None:
    for environment in ENVIRONMENTS:
        golden = read(
            (ROOT / "tests" / "cases" / "examples" / f"{spec}.{environment}.template.yml").read_text(encoding="utf-8")
        )
        data = template(spec, environment)
        assert difference(Side(golden, parameters(data)), Side(data, parameters(data))) == ()
        assert problems(golden, {"ImageSha": "a"}, capabilities(golden)) == ()


@pytest.mark.parametrize("spec", SPECS)
def test_the_first_deploy_adds_everything(spec: str) -> None:
    data = template(spec)
    assert [change.action for change in difference(None, Side(data, parameters(data)))] == ["Add"] * len(
        data["Resources"]
    )


def test_staging_to_production_puts_data_at_risk() -> None:
    staging, prod = template("api-dynamodb", "staging"), template("api-dynamodb", "prod")
    found = difference(Side(staging, parameters(staging)), Side(prod, parameters(prod)))
    assert {(risk.type, risk.kind) for risk in data_at_risk(found, staging)} >= {("AWS::DynamoDB::Table", "replaced")}


def test_a_table_that_leaves_the_spec() -> None:
    data = template("api-dynamodb")
    table = next(name for name, one in data["Resources"].items() if one["Type"] == "AWS::DynamoDB::Table")
    without = clone(data)
    del without["Resources"][table]
    found = difference(Side(data, parameters(data)), Side(without, parameters(without)))
    (risk,) = data_at_risk(found, data)
    assert (risk.logical_id, risk.kind) == (table, "left behind")


def test_a_difference_takes_a_few_milliseconds() -> None:
    spec, environment = max(CASES, key=lambda case: len(template(*case)["Resources"]))
    data = template(spec, environment)
    before, after = Side(data, parameters(data, "a")), Side(data, parameters(data, "b"))
    difference(before, after)
    best = min(_seconds(before, after) for _ in range(5))
    assert best < 0.05, f"{best * 1000:.1f} ms"


def _seconds(before: Side, after: Side) -> float:
    start = time.process_time()
    difference(before, after)
    return time.process_time() - start


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.stem)
def test_the_package_is_pure(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {
        "os",
        "time",
        "random",
        "secrets",
        "socket",
        "urllib",
        "http",
        "subprocess",
        "uuid",
        "locale",
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    reads = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"read_text", "read_bytes"}
    assert "open" not in called and (not reads or "__file__" in names)
    clocks = {f"{name}.{reading}" for name in ("datetime", "date") for reading in ("now", "today", "utcnow")}
    assert not {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & clocks


def test_inputs_are_left_as_they_are() -> None:
    data: dict[str, Any] = template("api-dynamodb")
    untouched = clone(data)
    difference(Side(data, parameters(data, "a")), Side(data, parameters(data, "b")))
    problems(data, {"ImageSha": "a"})
    assert data == untouched
