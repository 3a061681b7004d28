"""What holds for every spec: it compiles, to the same bytes whatever the order; a mistake is a located finding."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import strategies as st

from fsdcf.cli.commands.diff import between
from fsdcf.cli.compiled import Compiled
from fsdcf.cloudformation.evaluation import PSEUDO, scope_of
from fsdcf.cloudformation.exports import exports_of, imports_of
from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_json, to_yaml
from fsdcf.language.names import logical_id, variable
from fsdcf.language.source import parse
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import TOO_LARGE, Request, Result, SourceFile, run
from tests.fuzz import examples
from tests.strategies import NAMES, environments, joined, of_all_types, shuffled, specs, text_of

ROOT = Path(__file__).resolve().parent.parent
QUICK = examples(20)


def compile_text(text: str) -> Result:
    return run(Request("spec.yml", text.encode(), "staging"))


@QUICK
@given(specs(), st.randoms(use_true_random=False))
def test_a_valid_spec_compiles_to_the_same_bytes_in_any_order(spec: Any, order: random.Random) -> None:
    first = compile_text(text_of(spec))
    assert first.template is not None, first.diagnostics
    second = compile_text("# a comment moves every line\n\n" + text_of(shuffled(spec, order)))
    assert second.template is not None
    assert to_yaml(first.template.data) == to_yaml(second.template.data)


def compile_joined(spec: Any, file: Any, environment: str = "staging") -> Result:
    """Compile a spec with the file of its environment."""
    beside = SourceFile("environments/staging.yml", text_of(file).encode())
    return run(Request("spec.yml", text_of(spec).encode(), environment, environment_file=beside))


def compile_environment(file: Any) -> Result:
    return run(Request("environments/staging.yml", text_of(file).encode(), "dev"))


def data_of(result: Result) -> Any:
    assert result.template is not None, result.diagnostics
    return result.template.data


@examples(10)
@given(specs(), environments(neutral=True))
def test_the_file_of_an_environment_changes_no_service_that_does_not_join(spec: Any, file: Any) -> None:
    assert to_yaml(data_of(compile_text(text_of(spec)))) == to_yaml(data_of(compile_joined(spec, file)))


@examples(10)
@given(joined(), st.randoms(use_true_random=False))
def test_an_environment_and_its_service_compile_to_the_same_bytes_in_any_order(pair: Any, order: random.Random) -> None:
    spec, file = pair
    mixed_spec, mixed_file = shuffled(spec, order), shuffled(file, order)
    both = compile_joined(spec, file), compile_environment(file)
    others = compile_joined(mixed_spec, mixed_file), compile_environment(mixed_file)
    for first, second in zip(both, others, strict=True):
        assert to_yaml(data_of(first)) == to_yaml(data_of(second))
    service, environment = ((data, scope_of(data, {"ImageSha": "1"}, PSEUDO)) for data in map(data_of, both))
    assert {one.name for one in imports_of(*service)} <= {one.name for one in exports_of(*environment)}


@examples(2, ignore=(HealthCheck.function_scoped_fixture,), phases=[Phase.generate])
@given(pair=joined())
def test_a_valid_environment_and_its_service_lint_clean(linter: Linter, pair: Any) -> None:
    for result in (compile_joined(*pair), compile_environment(pair[1])):
        assert linter.lint(to_json(data_of(result))) == ()


@examples(3, ignore=(HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much), phases=[Phase.generate])
@given(spec=specs() | of_all_types())
def test_a_valid_spec_lints_clean(linter: Linter, spec: Any) -> None:
    result = compile_text(text_of(spec))
    assume(result.template is not None)
    assert linter.lint(to_json(data_of(result))) == ()


@QUICK
@given(specs(), st.data())
def test_a_mutated_text_compiles_or_has_a_finding_with_a_position(spec: Any, data: st.DataObject) -> None:
    text = text_of(spec)
    position = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 12))
    noise = data.draw(
        st.one_of(
            st.text(max_size=6),
            st.sampled_from([":", "\t", "- ", "{", "*a", "&a ", "!x ", "${", "\n", "null", "true", "9" * 30]),
        )
    )
    mutated = text[:position] + noise + text[position + length :]
    result = run(Request("spec.yml", mutated.encode("utf-8", "surrogatepass"), "staging"))
    lines = mutated.count("\n") + 2
    for found in result.diagnostics:
        assert found.code and found.message
        assert found.span.file == "spec.yml" and 1 <= found.span.line <= lines and found.span.column >= 1
    assert (result.template is not None) != any(one.severity.value == "error" for one in result.diagnostics)


WRITTEN = [
    document.data
    for path in sorted([*(ROOT / "examples").glob("*.yml"), *(ROOT / "tests" / "cases").glob("*/*.spec.yml")])
    if (document := parse(path.read_bytes(), path.name)[0]) is not None
]
ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", "x", "a" * 300, [], [1], [{}], [[]], {}, {"a": 1}, {"type": 5}),
    *("${ENV}", "${sqs:a:url}", "${AWS::Region}", "${ssm:/x}", "{{resolve:x}}", ["${AWS::Region}"]),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [below for key, one in entries for below in ((*path, key), *places(one, (*path, key)))]


@examples(120)
@given(st.sampled_from(WRITTEN), st.sampled_from(ODD), st.booleans(), st.data())
def test_any_value_anywhere_compiles_or_is_a_finding(spec: Any, value: Any, rename: bool, data: st.DataObject) -> None:
    mutated = deepcopy(spec)
    *above, last = data.draw(st.sampled_from(places(spec)))
    holder = mutated
    for step in above:
        holder = holder[step]
    if rename and isinstance(holder, dict):
        holder[f"{last}x"] = holder.pop(last)
    else:
        holder[last] = value
    result = compile_text(text_of(mutated))
    assert (result.template is not None) != any(one.severity.value == "error" for one in result.diagnostics)


ENVIRONMENTS = [
    document.data
    for path in sorted([*(ROOT / "examples").glob("*/*.yml"), *(ROOT / "tests" / "cases").glob("*/*.environment.yml")])
    if (document := parse(path.read_bytes(), path.name)[0]) is not None
]
JOINING = {"apiVersion": "fsd/v1", "kind": "Service", "metadata": {"name": "a-b"}, "service": {"port": 80}}
JOINING["service"] |= {"networking": {"shared": True}, "environment": {"A": "${LOG_LEVEL}", "B": "${DOMAIN}"}}


@examples(60)
@given(st.sampled_from(ENVIRONMENTS), st.sampled_from(ODD), st.booleans(), st.data())
def test_any_value_anywhere_in_an_environment_is_a_finding_of_its_services_too(
    file: Any, value: Any, rename: bool, data: st.DataObject
) -> None:
    mutated = deepcopy(file)
    *above, last = data.draw(st.sampled_from(places(file)))
    holder = mutated
    for step in above:
        holder = holder[step]
    if rename and isinstance(holder, dict):
        holder[f"{last}x"] = holder.pop(last)
    else:
        holder[last] = value
    alone, service = compile_environment(mutated), compile_joined(JOINING, mutated)
    errors = [
        {(one.code, one.span) for one in each.diagnostics if one.severity.value == "error"} for each in (alone, service)
    ]
    assert [each.template is None for each in (alone, service)] == list(map(bool, errors))
    assert {place for place in errors[0] if place[0] != TOO_LARGE.code} <= errors[1]


@QUICK
@given(st.binary(max_size=300))
def test_random_bytes_are_a_finding(raw: bytes) -> None:
    result = run(Request("spec.yml", raw, "staging"))
    assert result.template is None and result.diagnostics


@examples(20, ignore=(HealthCheck.filter_too_much,))
@given(of_all_types(), st.randoms(use_true_random=False))
def test_a_spec_of_any_types_compiles_to_the_same_bytes_and_its_plan_is_empty(spec: Any, order: random.Random) -> None:
    first = compile_text(text_of(spec))
    assume(first.template is not None)
    second = compile_text(text_of(shuffled(spec, order)))
    assert first.template is not None and second.template is not None, second.diagnostics
    assert to_yaml(first.template.data) == to_yaml(second.template.data)
    old, new = (Compiled("spec.yml", "staging", data_of(one), one) for one in (first, second))
    assert between(old, new).update.empty


@examples(20, ignore=(HealthCheck.filter_too_much,))
@given(of_all_types(), st.data())
def test_removing_a_dependency_touches_only_what_used_it(spec: Any, data: st.DataObject) -> None:
    assume(spec.get("dependencies"))
    gone = data.draw(st.sampled_from(spec["dependencies"]))
    whole = compile_text(text_of(spec)).template
    less = compile_text(text_of({**spec, "dependencies": [one for one in spec["dependencies"] if one is not gone]}))
    assume(whole is not None and less.template is not None)
    assert whole is not None and less.template is not None
    before, after = whole.data["Resources"], less.template.data["Resources"]
    removed = before.keys() - after.keys()
    origins = {whole.origins[name].path for name in removed if before[name]["Type"] != QUEUE_POLICY}
    assert len(origins) <= 1 and all(one.startswith(f"dependencies.{types()[gone['type']].name}.") for one in origins)
    assert after.keys() <= before.keys()
    for name in after:
        if before[name] != after[name]:
            is_user = name in TASK or before[name]["Type"] == QUEUE_POLICY
            assert is_user or any(f'"{one}"' in json.dumps(before[name]) for one in removed), name


TASK = ("TaskDefinition", "Service", "ExecutionRole", "Schedule", "RunningTasksAlarm")
"""What gets the variables of a dependency, may read its secrets, waits for it, and counts the tasks, which are one with
SQLite."""

QUEUE_POLICY = "AWS::SQS::QueuePolicy"
"""It belongs to its queue, and is for the topics and buckets that send to it."""


ANY_NAME = st.one_of(NAMES, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True))


@examples(120)
@given(
    ANY_NAME,
    ANY_NAME,
    st.sampled_from(["Table", "Queue", "QueueDeadLetters"]),
    st.sampled_from(["Table", "Queue", "QueueDeadLetters"]),
)
def test_ids_and_variables_are_injective(one: str, other: str, first: str, second: str) -> None:
    if (one, first) != (other, second):
        assert logical_id(one, first) != logical_id(other, second)
    if one != other:
        assert variable(one, "TABLE_NAME") != variable(other, "TABLE_NAME")
    assert logical_id(one, first).isalnum()


def test_hash_seed_time_zone_and_folder_do_not_matter(tmp_path: Path) -> None:
    spec = ROOT / "examples" / "api-dynamodb.yml"
    script = "import sys; from fsdcf.pipeline import *; from fsdcf.compiler.emit import to_yaml; " + (
        "r = run(Request('s.yml', open(sys.argv[1], 'rb').read(), 'prod')); sys.stdout.write(to_yaml(r.template.data))"
    )
    outputs = set()
    for seed, zone, folder in (("0", "UTC", ROOT), ("1", "Asia/Kathmandu", tmp_path)):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
        outputs.add(
            subprocess.run(
                [sys.executable, "-c", script, str(spec)], cwd=folder, env=environment, capture_output=True, check=True
            ).stdout
        )
    assert len(outputs) == 1 and outputs.pop()
