"""Mutated sources: no exception, the same result twice, and no secret value in specs and report."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fuzz
from tests.conftest import ROOT
from tests.importers.conftest import Imports

CASES = ROOT / "tests" / "cases" / "import"
SECRET = "b7f2c1d09a8e4f6d3e5a7c1b9d0f2e4a"
"""A value that looks like a secret whatever its name has become."""
SOURCES = {
    path: json.loads(
        (CASES / path)
        .read_text(encoding="utf-8")
        .replace("{{ env `PORT` `3000` }}", "3000")
        .replace("b7f2c1d09a8e4f6d", SECRET)
    )
    for path in (
        "ecs-task/source/task-definition.json",
        "ecs-ecspresso/source/ecs-task-def.json",
        "ecs-ecspresso/source/ecs-service-def.json",
        *(f"ecs-outputs/source/{name}.json" for name in ("limits", "policies", "actions")),
        *(f"ecs-outputs/source/report/{name}.json" for name in ("schedule", "rule", "targets")),
    )
}
JUNK = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "é\u202e${ENV} {{ x }}",
    "{{ must_env `A` }}",
    "x" * 5000,
    [],
    {},
    [[]],
    [{}],
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of every value below another one."""
    for step, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, step)
        yield from places(value, (*path, step))


def mutated(data: Any, seed: int) -> Any:
    """The data with one or two values removed, or replaced by junk."""
    chance, data = random.Random(seed), copy.deepcopy(data)
    for _ in range(chance.choice((1, 1, 2))):
        if not (known := list(places(data))):
            break
        *above, last = chance.choice(known)
        holder = data
        for step in above:
            holder = holder[step]
        if chance.random() < 0.2:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(chance.choice(JUNK))
    return data


@pytest.mark.hypothesis
@fuzz.examples(60)
@given(st.integers(0, 10**9))
def test_mutated_sources_are_imported_the_same_twice(imports: Imports, seed: int) -> None:
    files = {path.rpartition("/")[2]: json.dumps(mutated(data, seed)) for path, data in SOURCES.items()}
    first, second = (imports(files, "ecs") for _ in range(2))
    assert [each.text() for each in first.drafts] == [each.text() for each in second.drafts]
    assert first.report == second.report
    assert SECRET not in "".join(each.text() for each in first.drafts) + repr(first.report)


def reversed_keys(data: Any) -> Any:
    """The data with the keys of every map in the opposite order."""
    if isinstance(data, dict):
        return {name: reversed_keys(data[name]) for name in reversed(data)}
    return [reversed_keys(each) for each in data] if isinstance(data, list) else data


def test_the_order_of_keys_has_no_meaning(imports: Imports) -> None:
    names = {path: path.rpartition("/")[2] for path in SOURCES}
    plain, other = (
        imports({names[path]: json.dumps(change(data)) for path, data in SOURCES.items()}, "ecs")
        for change in (copy.deepcopy, reversed_keys)
    )
    for draft in (*plain.drafts, *other.drafts):
        draft.data["service"]["secrets"].sort(key=lambda secret: str(secret["name"]))  # their order has no meaning
    assert [each.data for each in plain.drafts] == [each.data for each in other.drafts]
