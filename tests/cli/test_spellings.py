"""The flags of pages on FSD: what they stand for, with every command that has it, and what contradicts itself."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete

from fsdcf.cli.main import OTHER_PLATFORMS, cli
from fsdcf.cli.options import ContainerCommand
from fsdcf.cli.spellings import Spelling
from tests.cli.stage import SMALL, Stage
from tests.cli.test_only_spec import COMMANDS, OF_A_SPEC

OWN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/hello"


@pytest.fixture
def pace() -> float:
    return 0.1


def parsed(*words: str) -> dict[str, object]:
    """The parameters of a command; a usage error is raised."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    return command.make_context(words[0], [*words[1:]]).params


def spellings(name: str) -> dict[str, str]:
    command = COMMANDS[name]
    assert command is not None
    return {one.opts[0]: one.of for one in command.params if isinstance(one, Spelling)}


@pytest.mark.parametrize("name", OF_A_SPEC)
def test_every_argument_for_a_spec_or_a_service_has_its_flags(name: str) -> None:
    command = COMMANDS[name]
    assert command is not None
    argument = next(one for one in command.params if isinstance(one, click.Argument))
    names_service = "NAME" in (argument.metavar or "")
    flags = {"--file", "--service"} if names_service else {"--file"}
    assert {flag for flag, of in spellings(name).items() if of == argument.name} == flags
    more = ["--"] if isinstance(command, ContainerCommand) else []
    more += {"scale": ["3"], "stop-task": ["1"], "migrate-data": ["--table", "a", "--from", "b"]}.get(name, [])
    for flag in flags:
        assert parsed(name, flag, "hello.yml", *more) == parsed(name, "hello.yml", *more), flag
        assert parsed(name, "hello.yml", flag, "hello.yml", *more) == parsed(name, "hello.yml", *more), flag
        with pytest.raises(click.UsageError, match=rf"{flag} 'other' means .*: write it once"):
            parsed(name, "hello.yml", flag, "other", *more)


@pytest.mark.parametrize(
    "words",
    [
        ("--service", "hello", "--count", "3"),
        ("--count", "3", "--service", "hello"),
        ("--count=3", "--file=hello"),
        ("hello", "--count", "3"),
        ("--count", "3", "hello"),
        ("--service", "hello", "3"),
        ("3", "--service", "hello"),
        ("hello", "3", "--count", "3", "--service", "hello"),
        ("--service", "hello", "--file", "hello", "--count", "3", "--count", "3"),
    ],
)
def test_the_number_of_tasks_in_any_order(stage: Stage, words: tuple[str, ...]) -> None:
    assert (parsed("scale", *words)["service"], parsed("scale", *words)["count"]) == ("hello", 3)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("scale", "hello", "3", "--count", "4"), "--count '4' means N, and that is '3'"),
        (("scale", "--service", "hello", "--count", "many"), "Invalid value for 'N'"),
        (("scale", "--service", "hello"), "Missing argument 'N'"),
        (("status", "--service", "hello", "--file", "hello.yml"), "means SPEC|NAME, and that is 'hello"),
        (("status", "--service", ""), "--service has an empty value"),
        (("deploy", "--file="), "--file has an empty value"),
        (("deploy", ""), "the path is empty"),
        (("secret", "list", ""), "the path is empty"),
        (("scale", "hello", "--count", ""), "--count has an empty value"),
        (("status", "--service"), "requires an argument"),
        (("rollback", "hello", "--to", "a", "--to-version", "b"), "--to-version 'b' means --to, and that is 'a'"),
        (("rollback", "--to-version", "a", "--to-version", "b"), "--to-version 'a' and 'b' means --to: write it once"),
        (("service", "lambda", "deploy"), "deploys services to ECS, not to lambda"),
        (("service", "hello"), "Did you mean 'services'?"),
        (("deploy", "hello.yml", "--account", "123456789"), "an account ID of 12 digits"),
        (("deploy", "--image", "hello:one"), "write the registry, too"),
        (("deploy", "--image", "ghcr.io/a/b:one", "--override", "image=ghcr.io/a/c"), "--override another one"),
        (("deploy", "--image", f"{OWN}:one", "--image-sha", "one"), "cannot be combined"),
    ],
)
def test_what_contradicts_itself_or_is_missing_is_a_usage_error(
    stage: Stage, words: tuple[str, ...], error: str
) -> None:
    assert error in stage(*words, expect=2).stderr


def test_the_only_spec_fills_in_for_a_service_alone(stage: Stage) -> None:
    assert parsed("scale", "--count", "3")["service"] == "hello.yml"
    (stage.folder / "two.yml").write_text(SMALL)
    assert parsed("scale", "--count", "3", "--service", "shop")["service"] == "shop"


@pytest.mark.parametrize("words", [("ls", "-l"), ("--", "ls", "-l"), ("--", "ls", "--service", "x"), ("ls", "--count")])
def test_the_command_for_a_container_follows_the_service(words: tuple[str, ...]) -> None:
    for command in ("exec", "run"):
        found = parsed(command, "--env", "prod", "--service", "hello", *words)
        assert (found["service"], found["words"]) == ("hello", tuple(word for word in words if word != "--"))


def test_the_words_service_ecs_before_a_command_are_left_out(stage: Stage) -> None:
    for words in (("--help",), ("deploy", "--help"), ("help", "deploy"), ("ci", "github", "--help")):
        assert stage("service", "ecs", *words).stdout == stage(*words).stdout
    assert stage("help", "service", "ecs", "deploy").stdout == stage("deploy", "--help").stdout
    assert "ecs" not in OTHER_PLATFORMS


def test_the_shell_completes_the_values(stage: Stage) -> None:
    def completions(*words: str) -> list[str]:
        found = ShellComplete(cli, {}, "fsdcf", "_FSDCF_COMPLETE").get_completions(list(words[:-1]), words[-1])
        return [item.value for item in found if item.type == "plain"]

    assert completions("service", "ecs", "restar") == ["restart"]
    assert completions("validate", "--file", "h") == ["hello.yml"]
    assert completions("status", "--service", "h") == ["hello", "hello.yml"]
    (stage.folder / "hello.yml").write_text(SMALL + "environments: {pr-1: {}}\n")
    for flag, name in (("--file", "hello.yml"), ("--service", "hello.yml")):
        assert completions("status", flag, name, "--env", "pr") == ["pr-1"]


def test_a_day_with_the_flags_of_the_pages(stage: Stage) -> None:
    """Deploy, look, scale, restart, roll back and delete, with an image of the spec's repository."""
    account = ("--account", "000000000000")
    for tag in ("v1.2.3", "v1.3.0"):
        words = ("--env", "staging", *account, "--file", "hello.yml", "--image", f"{OWN}:{tag}", "--yes")
        assert "notice" not in stage("service", "ecs", "deploy", *words).stderr
    assert f"{OWN}:v1.3.0" in stage("status", "--service", "hello", "--env", "staging").stdout
    stage("scale", "--service", "hello", "--env", "staging", "--count", "3", "--yes")
    assert "3 of 3" in stage("restart", "--service", "hello", "--yes").stdout
    stage("rollback", "--service", "hello", "--to-version", "v1.2.3", "--yes")
    assert f"{OWN}:v1.2.3" in stage("status", "--file", "hello.yml", *account).stdout
    stage("delete", "--service", "hello", "--yes")
    assert not stage.site.status("hello-staging")


def test_an_image_of_another_repository_replaces_the_one_of_the_spec(stage: Stage) -> None:
    told = stage("deploy", "--image", "ghcr.io/team/other:one", "--yes", "--plan-only")
    assert "the image is of ghcr.io/team/other, not of the spec's repository, ACCOUNT.dkr.ecr.REGION" in told.stderr
    stage("deploy", "--image", "ghcr.io/team/other:one", "--yes")
    assert "image    ghcr.io/team/other:one" in stage("status").stdout
    again = stage("deploy", "hello.yml", "--image", "ghcr.io/team/other:two", expect=3).output
    assert "--image-sha two" in again and "--override image=ghcr.io/team/other" in again
    hub = stage("deploy", "hello.yml", "--image", "docker.io/library/nginx:1", "--plan-only").stderr
    assert "docker.io/library/nginx" in hub


@pytest.mark.parametrize("command", [("deploy", "--image-sha", "one"), ("status",), ("logs",), ("services",)])
def test_the_account_is_checked_before_anything_happens(stage: Stage, command: tuple[str, ...]) -> None:
    stage.calls()
    told = stage(*command, "--account", "210987654321", expect=3).output
    assert "--account is 210987654321, and the credentials are of 000000000000" in told
    assert [call[2] for call in stage.site.aws.calls] == ["GetCallerIdentity"]


def test_the_account_and_the_environment_s_file(stage: Stage) -> None:
    (stage.folder / "environments").mkdir()
    file = stage.folder / "environments" / "staging.yml"
    file.write_text(
        'apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment: {account: "000000000000"}\n'
    )
    told = stage("status", "hello.yml", "--account", "210987654321", expect=2).stderr
    assert "--account 210987654321: the environment is in 000000000000 (environments/staging.yml)" in told
    told = stage("status", "hello.yml", "--account", "000000000000", expect=2).output
    assert "next: fsdcf deploy hello.yml --env staging --image-sha SHA --account 000000000000" in told
