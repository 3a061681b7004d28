"""What a newcomer guesses: help as a command, and commands without the spec when there is only one."""

from __future__ import annotations

import click
import pytest

from fsdcf.cli.main import cli
from tests.cli.stage import SMALL, Stage

ROOT = click.Context(cli, info_name="fsdcf")
COMMANDS = {name: cli.get_command(ROOT, name) for name in cli.list_commands(ROOT)}
OF_A_SPEC = [
    name
    for name, command in COMMANDS.items()
    if command
    and name != "bootstrap"  # it takes every spec of the repository
    and any("SPEC" in (one.metavar or "") for one in command.params if isinstance(one, click.Argument))
]
WORDS = {
    "diff": ("--deployed",),
    "scale": ("2", "--yes"),
    "stop-task": ("1", "--yes"),
    "run": ("--yes", "--", "ls", "-l"),
    "exec": ("--command", "ls"),
    "delete": ("--yes",),
    "restart": ("--yes",),
    "rollback": ("--yes",),
    "migrate-data": ("--table", "orders", "--from", "app.db", "--emit-script", "migrate.pyz"),
    "deploy": ("--image-sha", "one", "--yes"),
}
"""Arguments and options beside the spec."""


@pytest.mark.parametrize("words", [("deploy",), ("ci", "github"), ()])
def test_help_is_a_command_too(stage: Stage, words: tuple[str, ...]) -> None:
    assert stage("help", *words).stdout == stage(*words, "--help").stdout


def test_help_of_help_is_help(stage: Stage) -> None:
    assert stage("help", "help").stdout == stage("help", "--help").stdout == stage("--help").stdout


def test_help_of_an_unknown_command_names_the_closest(stage: Stage) -> None:
    assert "Did you mean 'deploy'?" in stage("help", "deplo", expect=2).stderr


def test_every_command_of_a_spec_is_meant() -> None:
    assert {"deploy", "status", "logs", "validate", "delete", "template", "cost", "graph", "access"} < set(OF_A_SPEC)
    assert {"permissions", "watch", "cancel", "diagnose", "recover", "history", "healthcheck"} < set(OF_A_SPEC)


@pytest.mark.parametrize("name", OF_A_SPEC)
def test_a_command_without_a_spec_takes_the_only_one(stage: Stage, name: str) -> None:
    (stage.folder / "compose.yml").write_text("services: {}\n")
    without = stage_any(stage, name, *WORDS.get(name, ()))
    assert "using hello.yml, the only spec here\n" in without.stderr
    assert "SPEC is missing" not in without.stderr and "Missing argument" not in without.stderr
    (stage.folder / "services" / "shop").mkdir(parents=True)
    (stage.folder / "services" / "shop" / "shop.yml").write_text(SMALL)
    several = stage(name, *WORDS.get(name, ()), expect=2)
    assert "name one:\n  hello.yml\n  services/shop/shop.yml\n" in several.stderr
    for path in stage.folder.rglob("*.yml"):
        path.unlink()
    none = stage(name, *WORDS.get(name, ()), expect=2)
    assert "no spec was found here; write one with `fsdcf init NAME`" in none.stderr


def stage_any(stage: Stage, *arguments: str) -> click.testing.Result:
    """A command whose exit code does not matter."""
    return click.testing.CliRunner().invoke(cli, list(arguments), obj=lambda connection: stage.site.aws)


def test_what_the_command_gets_is_the_same_as_with_the_spec(stage: Stage) -> None:
    stage("deploy", "--image-sha", "one", "--yes")
    assert stage("status").stdout == stage("status", "hello").stdout
    stage("scale", "2", "--yes")
    assert "2 of 2 running" in stage("status").stdout
    assert stage("template", "--no-lint").stdout == stage("template", "hello.yml", "--no-lint").stdout
    assert "no changes" in stage("diff", "--deployed").stdout


def test_specs_in_services_or_one_folder_below(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.folder / "hello.yml").unlink()
    for hidden in (".git", "node_modules"):
        (stage.folder / hidden).mkdir()
        (stage.folder / hidden / "a.yml").write_text(SMALL)
    (stage.folder / "deploy").mkdir()
    (stage.folder / "deploy" / "shop.yml").write_text(SMALL)
    assert "using deploy/shop.yml" in stage("validate").stderr
    (stage.folder / "services").mkdir()
    (stage.folder / "services" / "hello.yaml").write_text(SMALL)
    assert "using services/hello.yaml" in stage("validate").stderr, "a folder of another name comes second"


@pytest.mark.parametrize("arguments", [("scale",), ("scale", "many"), ("logs", "--since")])
def test_what_else_is_missing_or_wrong_is_said(stage: Stage, arguments: tuple[str, ...]) -> None:
    assert "Error: " in stage(*arguments, expect=2).stderr


def test_diff_without_deployed_needs_both(stage: Stage) -> None:
    assert "expected OLD and NEW" in stage("diff", expect=2).stderr


def test_the_name_of_a_service_is_not_a_file_but_close(stage: Stage) -> None:
    (stage.folder / "services").mkdir()
    (stage.folder / "services" / "shop.yml").write_text(SMALL)
    assert "cannot read 'shop': No such file or directory; did you mean services/shop.yml?" in (
        stage("deploy", "shop", expect=2).stderr
    )
    assert "did you mean hello.yml?" in stage("cost", "specs/hello.yml", expect=2).stderr
    assert "did you mean" not in stage("template", "other.yml", expect=2).stderr


def test_files_that_name_environments_are_not_services(stage: Stage) -> None:
    for folder in ("environments", "services/environments"):
        (stage.folder / folder).mkdir(parents=True)
        (stage.folder / folder / "prod.yml").write_text("apiVersion: fsd/v1\nkind: Environment\n")
    assert "using hello.yml, the only spec here" in stage("validate").stderr


def test_specs_are_listed_up_to_a_number(stage: Stage) -> None:
    for number in range(30):
        (stage.folder / f"s{number:02}.yml").write_text(SMALL)
    assert "  and 11 more\n" in stage("deploy", expect=2).stderr
