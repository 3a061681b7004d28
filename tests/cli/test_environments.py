"""An environment that nothing names: a warning of every command that compiles, a question of a deploy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from fsdcf.cli import runtime
from fsdcf.cli.files import _environments_in_files, environments_in_files
from fsdcf.deploy.model import Question
from tests.cli.stage import SMALL, Stage

NAMED = SMALL + "environments: {production: {}, eu-west: {}}\n"


@pytest.fixture(autouse=True)
def forget() -> None:
    _environments_in_files.cache_clear()


@pytest.mark.parametrize(
    ("spec", "environment", "meant"),
    [
        (SMALL, "staging", None),
        (SMALL, "prod", None),
        (SMALL, "dev", None),
        (SMALL, "prodd", "prod"),
        (SMALL, "stagin", "staging"),
        (SMALL, "devel", "development"),
        (SMALL, "blue", ""),
        (NAMED, "production", None),
        (NAMED, "eu-west", None),
        (NAMED, "staging", None),
        (NAMED, "prod", "production"),
        (NAMED, "eu-wets", "eu-west"),
        (NAMED, "dev", ""),
    ],
)
def test_an_environment_that_no_file_names(stage: Stage, spec: str, environment: str, meant: str | None) -> None:
    (stage.folder / "hello.yml").write_text(spec)
    result = stage("validate", "hello.yml", "--env", environment, "--format", "json", "--no-lint")
    found = [one for one in json.loads(result.stdout) if one["code"] == "W290"]
    assert len(found) == (meant is not None)
    if meant is not None:
        assert (f"did you mean `{meant}`?" if meant else f"If `{environment}` is new") in found[0]["hint"]
        added = spec + f"environments: {{{environment}: {{}}}}\n"
        if spec is NAMED:
            added = spec.replace("environments: {", f"environments: {{{environment}: {{}}, ")
        (stage.folder / "hello.yml").write_text(added)
        assert "W290" not in stage("validate", "hello.yml", "--env", environment, "--no-lint").stderr, "the hint works"
        (stage.folder / "hello.yml").write_text(spec)
        assert found[0]["line"] == (spec.count("\n") if spec is NAMED else 4)
        stage("validate", "hello.yml", "--env", environment, "--no-lint", "--strict", expect=2)
        assert "W290" not in stage("validate", "hello.yml", "--env", environment, "--no-lint", "--new-env").stderr


def test_files_name_environments_too(stage: Stage) -> None:
    (stage.folder / ".git").mkdir()
    spec = stage.folder / "services" / "hello.yml"
    (spec.parent / "environments").mkdir(parents=True)
    spec.write_text(SMALL)
    (stage.folder / "environments").mkdir()
    (stage.folder / "environments" / "blue.yml").touch()
    (spec.parent / "environments" / "green.yaml").touch()
    stage("ci", "github", str(spec), "--branch", "main=live-eu", "--branch", "next=staging")
    _environments_in_files.cache_clear()
    assert environments_in_files(Path("services")) == {"blue", "green", "live-eu", "staging"}
    for name, is_known in (("blue", True), ("green", True), ("live-eu", True), ("prod", False)):
        _environments_in_files.cache_clear()
        assert ("W290" in stage("validate", str(spec), "--env", name, "--no-lint").stderr) is not is_known


def test_the_pipeline_s_commands_warn_too(stage: Stage) -> None:
    (stage.folder / "Dockerfile").touch()
    for command in (("ci", "github", "-o", "-", "--branch", "main=prodd"), ("bootstrap", "--github", "a/b")):
        more = ("--env", "prodd") if command[0] == "bootstrap" else ()
        assert "did you mean `prod`?" in stage(*command, *more).stderr
        assert "W290" not in stage(*command, *more, "--new-env").stderr


def test_a_workflow_of_another_tool_names_nothing(stage: Stage) -> None:
    (stage.folder / ".github" / "workflows").mkdir(parents=True)
    (stage.folder / ".github" / "workflows" / "ci.yml").write_text("env:\n  ENVIRONMENT: blue\n")
    (stage.folder / ".github" / "workflows" / "bad.yml").write_bytes(b"\xff fsdcf")
    assert environments_in_files(Path()) == frozenset()


@pytest.mark.parametrize(
    ("command", "more", "code"),
    [
        *((command, (), 0) for command in ("template", "cost", "graph", "access", "permissions")),
        ("diff", ("hello.yml",), 0),
        ("healthcheck", (), 2),
    ],
)
def test_every_command_that_compiles_warns(stage: Stage, command: str, more: tuple[str, ...], code: int) -> None:
    result = stage(command, "hello.yml", *more, "--env", "prodd", expect=code)
    assert "warning[W290]" in result.stderr and "did you mean `prod`?" in result.stderr
    assert "W290" not in stage(command, "hello.yml", *more, "--env", "prodd", "--new-env", expect=code).stderr


def test_a_deploy_without_a_terminal_refuses_a_new_environment(stage: Stage) -> None:
    refused = stage.deploy("--env", "prodd", "--yes", expect=3)
    text = refused.stdout + refused.stderr
    assert "no file names the environment prodd, and the stack hello-prodd does not exist: did you mean prod?" in text
    assert "next: fsdcf deploy hello.yml --env prod --image-sha one --yes\n" in text
    assert "fsdcf deploy hello.yml --env prodd --image-sha one --new-env --yes\n" in text
    assert "CreateChangeSet" not in {operation for _, _, operation in stage.site.aws.calls}
    stage.deploy("--env", "prodd", "--yes", "--plan-only", expect=3)
    stage.deploy("--env", "prodd", "--yes", "--new-env")
    stage.deploy("--env", "prodd", "--yes", sha="two")
    assert "hello-prodd" in stage("status", "hello", "--env", "prodd").stdout, "its stack exists: it is not new"


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 3)])
def test_a_deploy_on_a_terminal_asks(stage: Stage, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int) -> None:
    asked: list[Question] = []

    def person(pause: Callable[[], None]) -> Callable[[Question], bool]:
        return lambda question: asked.append(question) or answer  # type: ignore[func-returns-value]

    monkeypatch.setattr(runtime, "person", person)
    stage.deploy("--env", "prodd", "--yes", expect=code)
    assert [one.text for one in asked] == ["Create the new environment prodd?"]
    assert "did you mean prod?" in asked[0].details[0]


def test_a_wrong_environment_lists_those_that_exist(stage: Stage) -> None:
    stage.deploy("--env", "prod", "--yes")
    for command in ("status", "logs", "history", "watch", "restart", "delete", "rollback", "diagnose"):
        result = stage(command, "hello", "--env", "prodd", expect=2)
        text = result.stdout + result.stderr
        assert "the stack hello-prodd does not exist in us-east-1" in text
        assert "stacks of hello: hello-prod\n" in text and "next: fsdcf status hello --env prod" in text
        assert "fsdcf deploy" not in text, "nobody is led to create what was a typing error"


@pytest.mark.parametrize("command", ["watch", "cancel", "diagnose", "recover"])
def test_an_environment_with_a_hyphen_is_not_split(stage: Stage, command: str) -> None:
    result = stage(command, "hello", "--env", "pr-1", expect=2)
    assert "next: fsdcf deploy hello.yml --env pr-1 --image-sha SHA\n" in result.stdout + result.stderr


def test_the_warnings_line_repeats_what_changes_the_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.folder / "hello.yml").write_text(SMALL.replace("  owners: team\n", ""))
    options = ("--env", "prod", "--override", "resources.memory=1024", "--var", "A=b c")
    text = stage.deploy("--yes", *options).stderr
    command = "fsdcf validate hello.yml --env prod --override resources.memory=1024 --var 'A=b c'"
    assert f"see `{command}`" in text
    monkeypatch.setenv("FSDCF_ENV", "prod")
    assert "see `fsdcf validate hello.yml --env prod`" in stage.deploy("--plan-only", "--yes").stderr
    monkeypatch.delenv("FSDCF_ENV")
    assert "W104" in stage(*shlex.split(command)[1:]).stderr
