"""The text of suggested commands, and that the check of printed commands finds a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fsdcf.deploy.model import Exit, Outcome
from fsdcf.suggested import in_container, on_service, suggested, words_of
from tests.conftest import ROOT
from tests.printed import commands_in, problem_of


def test_the_words_of_a_command_are_quoted_for_a_shell() -> None:
    assert suggested("deploy", "my app.yml", env="prod", new_env=True, adopt=False, role_arn=None, var=()) == (
        "fsdcf deploy 'my app.yml' --env prod --new-env"
    )
    assert suggested("ci github", branch=("a=b", "c=$d")) == "fsdcf ci github --branch a=b --branch 'c=$d'"
    assert on_service("scale", "shop", "prod", "3", yes=True) == "fsdcf scale shop --env prod 3 --yes"
    assert in_container("fsdcf run shop", ("sh", "-c", "a b")) == "fsdcf run shop -- sh -c 'a b'"
    assert words_of(url="http://127.0.0.1:{port}", since="") == ("--url", "http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("fsdcf deploy SPEC --env prod --image-sha SHA", ""),
        ("fsdcf scale SPEC N", ""),
        ("fsdcf run shop -- ls -l", ""),
        ("fsdcf watch", ""),
        ("fsdcf rollback shop --allow Table", "No such option"),
        ("fsdcf deploi shop.yml", "no such command"),
        ("fsdcf ci gitlab", "no such command"),
        ("fsdcf scale shop many", "Invalid value"),
        ("fsdcf migrate-data shop.yml", "Missing option"),
        ("fsdcf deploy SPECIFICATION", "unknown placeholders"),
        ("fsdcf logs --env prod", "no spec or name"),
        ("fsdcf run -- ls", "no spec or name"),
        ("fsdcf logs 'shop", "No closing quotation"),
    ],
)
def test_a_wrong_command_is_found(command: str, problem: str) -> None:
    found = problem_of(command)
    assert (problem in found) if problem else not found, found


def test_an_outcome_with_a_wrong_command_fails_a_test() -> None:
    with pytest.raises(AssertionError, match="No such option"):
        Outcome(Exit.DONE, "done", next=("fsdcf watch shop --fast",))


def test_commands_are_found_in_a_text() -> None:
    text = "see `fsdcf validate a.yml`\n  next: fsdcf watch a --env b\n        fsdcf diagnose a\nfsdcf deploy is\n"
    assert list(commands_in(text)) == ["fsdcf validate a.yml", "fsdcf watch a --env b", "fsdcf diagnose a"]


FILES = [
    *(ROOT / "tests" / "cases").rglob("*.txt"),
    *(ROOT / "tests" / "cases").rglob("*.md"),
    *(ROOT / "templates").rglob("*.j2"),
    *(path for path in (ROOT / "fsdcf").rglob("*.py") if path.name != "diagnostics.py"),
]


@pytest.mark.parametrize("suffix", [".txt", ".md", ".j2", ".py"])
def test_every_command_in_a_golden_a_template_or_a_message_exists(suffix: str) -> None:
    wrong = {}
    for path in FILES:
        if path.suffix == suffix:
            text = path.read_text(encoding="utf-8").replace("{= name =}", "name")
            wrong |= {f"{path.name}: {one}": problem_of(one) for one in commands_in(text) if _is_whole(path, one)}
    assert {command: problem for command, problem in wrong.items() if problem} == {}


WORKFLOWS = sorted((ROOT / "tests" / "scaffold" / "golden").glob("*.yml"))
_END = r" >.*| <<<.*|; then| \|\|.*| \"\$\{options\[@\]\}\""
_STEP = re.compile(rf"^ *(?:run: |if ! |services=\"\$\()?(fsdcf .*?)(?:{_END})?$", re.M)
"""A command of a step, without what the shell does with it."""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_in_a_workflow_exists(workflow: Path) -> None:
    commands = _STEP.findall(workflow.read_text(encoding="utf-8"))
    assert {command.split()[1] for command in commands} >= {"validate", "template", "cost", "diff", "deploy", "ci"}
    wrong = {command: problem_of(re.sub(r"\$[A-Z]{4,}", "$x", command)) for command in commands}
    assert {command: problem for command, problem in wrong.items() if problem} == {}


def _is_whole(path: Path, command: str) -> bool:
    """Whether a command in a file is written out: source may contain parts of one, and pipes of a shell."""
    return path.suffix != ".py" or not any(mark in command for mark in ("{", "|", '"'))
