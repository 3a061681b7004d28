"""The action's script, as a runner runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fsdcf.scaffold.workflow import PINS, PYTHON, UV
from tests.conftest import ROOT
from tests.scaffold.runner import Done, Runner, machine

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALLS = 3
"""The calls of uv before the command."""
(SETUP, STEP) = ACTION["runs"]["steps"]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    found = machine(tmp_path)
    found.program("uv")
    return found


def act(runner: Runner, command: str, specs: str, code: int = 0, **inputs: str) -> Done:
    runner.program("fsdcf", f"echo out; exit {code}")
    usual = {name.upper(): str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    return runner.run(
        STEP["run"], STEP["env"], {**usual, "COMMAND": command, "SPECS": specs, "SOURCE": "/action", **inputs}
    )


def test_inputs_are_passed_in_the_environment() -> None:
    assert ACTION["runs"]["using"] == "composite" and STEP["shell"] == "bash" and "${{" not in STEP["run"]
    assert {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]} == set(STEP["env"].values()) - {
        "${{ github.action_path }}"
    }
    name, _, commit = SETUP["uses"].partition("@")
    assert PINS[name][1] == commit


def test_it_installs_its_own_version_of_fsdcf(runner: Runner) -> None:
    done = act(runner, "validate", "a.yml")
    venv, packages, own = (call for call in done.calls if call[0] == "uv")
    assert venv[1] == "venv" and venv[venv.index("--python") + 1] == PYTHON
    assert {"--require-hashes", "/action/templates/workflows/requirements.txt"} <= set(packages)
    assert {"--no-deps", "--no-build-isolation"} <= set(own) and own[-1] == "/action"
    assert SETUP["with"]["version"] == UV


@pytest.mark.parametrize(
    ("command", "inputs", "call"),
    [
        ("validate", {}, ["validate", "--env", "staging", "--format", "github", "--", "a.yml", "b c.yml"]),
        (
            "validate",
            {"STRICT": "true", "ENVIRONMENT": "prod"},
            ["validate", "--env", "prod", "--strict", "--format", "github", "--", "a.yml", "b c.yml"],
        ),
        ("template", {"OUTPUT": "out"}, ["template", "--env", "staging", "-o", "out/", "--", "a.yml", "b c.yml"]),
        ("template", {}, ["template", "--env", "staging", "-o", "./", "--", "a.yml", "b c.yml"]),
    ],
)
def test_validate_and_template(runner: Runner, command: str, inputs: dict[str, str], call: list[str]) -> None:
    done = act(runner, command, "a.yml\n\nb c.yml\n", **inputs)
    assert done.code == 0 and done.calls[INSTALLS:] == [["fsdcf", *call]]
    assert act(runner, command, "a.yml", 2, **inputs).code == 2


@pytest.mark.parametrize(("code", "changes"), [(0, "none"), (10, "changes"), (11, "data-at-risk")])
def test_diff_reports_changes(runner: Runner, code: int, changes: str) -> None:
    done = act(runner, "diff", "a.yml\nb.yml", code)
    assert done.code == 0 and done.outputs == {"changes": changes} and done.summary == "out\nout\n"
    assert done.calls[INSTALLS] == [
        "fsdcf",
        "diff",
        "--env",
        "staging",
        "--format",
        "markdown",
        "--",
        "HEAD^1:a.yml",
        "a.yml",
    ]


def test_diff_fails_with_fsdcf_and_writes_its_output(runner: Runner) -> None:
    done = act(runner, "diff", "a.yml", 2, OUTPUT="plan.md", STRICT="true")
    assert done.code == 2 and done.outputs == {} and done.summary == ""
    assert (runner.folder / "work" / "plan.md").read_text() == "out\n" and "--strict" not in done.calls[INSTALLS]


def test_an_unknown_command_is_rejected(runner: Runner) -> None:
    done = act(runner, "deploy; id", "a.yml")
    assert done.code == 2 and "::error::" in done.output and len(done.calls) == INSTALLS


@pytest.mark.parametrize("command", ["validate", "template", "diff"])
def test_no_spec_at_all_is_an_error(runner: Runner, command: str) -> None:
    """An input that came out empty must not pass for a plan without changes."""
    done = act(runner, command, "\n\n")
    assert (
        done.code == 2
        and "::error::specs names no file" in done.output
        and done.outputs == {}
        and len(done.calls) == INSTALLS
    )
