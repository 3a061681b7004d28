"""The commands and options that the workflow and the action use exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.scaffold.samples import ALL, parsed
from tests.scaffold.test_action import STEP
from tests.scaffold.test_page import command_of, options_of


def scripts() -> Iterator[str]:
    yield STEP["run"].replace('"${options[@]}"', "--env x --strict").replace("diff --env x --strict", "diff --env x")
    for wanted in ALL.values():
        for job in parsed(wanted)["jobs"].values():
            yield from (one["run"] for one in job["steps"] if "run" in one)
        yield from (service.test for service in wanted.services)


CALLS = sorted(
    {
        found[0].strip()
        for text in scripts()
        for found in re.finditer(r"fsdcf (?!==)[a-z]+[^\n;|&)]*", text)
        if "mkdir" not in found[0]
    }
)


@pytest.mark.parametrize("call", CALLS)
def test_the_command_exists_with_its_options(call: str) -> None:
    words = call.split()[1:]
    if words[0] == "bootstrap":
        words = words[:1]  # named in a sentence
    written = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
    assert written <= options_of(command_of(words)), call


def test_all_commands_are_found() -> None:
    assert {call.split()[1] for call in CALLS} == {
        "bootstrap",
        "build",
        "ci",
        "cost",
        "deploy",
        "diff",
        "graph",
        "template",
        "validate",
    }
