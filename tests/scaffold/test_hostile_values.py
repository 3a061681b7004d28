"""Hostile values in a workflow: each arrives as it is, in YAML, in the expressions of GitHub, and in a shell."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from fsdcf.scaffold.workflow import LONGEST, Expression, Workflow, fits, scalar, string, workflow
from fsdcf.suggested import suggested, words_of
from tests.fuzz import examples
from tests.hostile import BREAKS, texts
from tests.scaffold.samples import LANES, source

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEXTS = texts()
LINES = texts(*BREAKS)
_STRING = re.compile(r"\$\{\{\s*'((?:[^']|'')*)'\s*\}\}", re.S)


def evaluated(text: str, expressions: list[str]) -> str:
    """A text of a workflow as GitHub reads it: a string in an expression gives its text, any other expression is added
    to ``expressions`` and gives its own."""
    out, position = "", 0
    while (start := text.find("${{", position)) >= 0:
        out, inside, end = out + text[position:start], False, start + 3
        while inside or not text.startswith("}}", end):
            assert end < len(text), f"GitHub refuses an expression without an end: {text[start:]!r}"
            inside ^= text[end] == "'"
            end += 1
        position = end + 2
        expression = text[start:position]
        if constant := _STRING.fullmatch(expression):
            out += constant[1].replace("''", "'")
        else:
            expressions.append(expression)
            out += expression
    assert position == 0 or len(text) <= LONGEST
    return out + text[position:]


def read(text: str) -> tuple[Any, list[str]]:
    """A workflow as GitHub reads it, and its expressions."""
    expressions: list[str] = []

    def values(data: Any) -> Any:
        if isinstance(data, dict):
            return {values(key): values(value) for key, value in data.items()}
        if isinstance(data, list):
            return [values(value) for value in data]
        return evaluated(data, expressions) if isinstance(data, str) else data

    return values(yaml.load(text, Loader=LOADER)), expressions


def strings(data: Any) -> Iterator[str]:
    if isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from strings(value)
    elif isinstance(data, str):
        yield data


@given(LINES)
def test_a_scalar_arrives_as_it_is(text: str) -> None:
    if fits(2 * text) and len(text) < LONGEST // 3:
        data, expressions = read(
            f"key: {scalar('a ', text)}\nother: {scalar(text, Expression('${{ github.sha }}'), text)}"
        )
        assert data == {"key": f"a {text}", "other": f"{text}${{{{ github.sha }}}}{text}"}
        assert expressions == ["${{ github.sha }}"]


@given(LINES)
def test_a_string_in_an_expression_arrives_as_it_is(text: str) -> None:
    if len(text) < LONGEST // 2:
        assert evaluated(f"${{{{ {string('a ', text)} }}}}", []) == f"a {text}"


@pytest.mark.parametrize("names", [("shop",), ("on", "null"), ("on",)])
@given(data=st.data())
@examples(20)
def test_no_value_adds_an_expression_or_changes_the_workflow(names: tuple[str, ...], data: st.DataObject) -> None:
    lanes = tuple(replace(lane, environment=environment) for lane, environment in zip(LANES, ("on", "y"), strict=True))
    services = tuple(source(name, environments=("on", "y")) for name in names)
    plain = Workflow(services, lanes, "git", "fsdcf ci github", per_service=names == ("on",))
    place, test = (data.draw(texts(longest=5).filter(fits)) for _ in range(2))
    assume(not test.startswith("uv "))  # which adds the step that installs uv
    more = {"test": f"{test}\nx", "folder": f"f{place}", "paths": (place,)}
    service = replace(services[0], **more)
    wanted = replace(plain, services=(service, *services[1:]), requirement=f"git {test.replace('=', '')}")
    written, expressions = read(workflow(wanted))
    usual, expected = read(workflow(plain))
    assert set(expressions) <= set(expected) and list(written["jobs"]) == list(usual["jobs"])
    assert written["env"] == {"FSDCF": wanted.requirement}
    for job, parts in written["jobs"].items():
        assert [step.get("run") for step in parts["steps"]] == [step.get("run") for step in usual["jobs"][job]["steps"]]
        assert parts.get("if") == usual["jobs"][job].get("if") and parts.get("needs") == usual["jobs"][job].get("needs")
    if len(names) > 1 or wanted.per_service:
        listed = json.loads(written["jobs"]["changes"]["steps"][-1]["env"]["SERVICES"])
        assert listed[0] == service.data()
    else:
        assert {f"{test}\nx", f"f{place}"} <= set(strings(written))


@given(LINES, LINES)
@examples(15)
def test_a_shell_gets_the_words_of_a_command(option: str, argument: str) -> None:
    words = [argument.replace("\0", ""), option.replace("\0", "")]
    command = suggested("ci github", words[0], var=words[1] or "a")
    assert command.isprintable() and "${{" not in command
    done = subprocess.run(
        ["bash", "-c", f"fsdcf() {{ printf '%s\\0' \"$@\"; }}; {command}"], capture_output=True, check=True
    )
    argument = f"./{words[0]}" if words[0].startswith("-") else words[0]  # a file, not an option
    expected = ["ci", "github", argument, "--var", words[1] or "a"]
    assert done.stdout.decode().split("\0")[:-1] == expected
    if "$'" not in command:
        assert shlex.split(command)[1:] == expected


@given(LINES)
@examples(15)
def test_the_scripts_of_a_workflow_get_the_options(text: str) -> None:
    options = " ".join(words_of(var=(f"A={text}",)))
    command = suggested("ci github", var=(f"A={text}",))
    written, expressions = read(workflow(Workflow((source("shop"),), LANES, "fsdcf==0.1.0", command, options)))
    assert not [one for one in expressions if "secrets" in one]
    (check,) = [
        step for step in written["jobs"]["plan"]["steps"] if step["name"] == "Check that this workflow is current"
    ]
    (validate,) = [step for step in written["jobs"]["plan"]["steps"] if step["name"] == "Validate"]
    for script in (check["run"], validate["run"]):
        program = f"fsdcf() {{ printf '%s\\0' \"$@\"; }}; {script}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, check=True)
        assert f"A={text}" in done.stdout.decode().split("\0")


def test_a_file_name_that_is_not_utf_8_arrives_in_a_shell() -> None:
    command = suggested("deploy", "a\udcff.yml")
    done = subprocess.run(
        ["bash", "-c", f"fsdcf() {{ printf '%s' \"$2\"; }}; {command}"], capture_output=True, check=True
    )
    assert done.stdout == b"a\xff.yml" and command.isprintable()
