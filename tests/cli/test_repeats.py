"""What comes next keeps what the user has given."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

from fsdcf.cli.render.durations import duration
from fsdcf.cli.runtime import Given, given, repeated
from fsdcf.deploy.model import Target
from tests.cli.stage import QUEUE, SMALL, Stage

LOST = QUEUE.replace("orders", "mails").removeprefix("dependencies:\n")


@pytest.fixture
def pace() -> float:
    """Most of the time that a deploy takes is spent on watching it, and here it is no matter how long that is."""
    return 0.3


def next_of(text: str) -> list[str]:
    """The words of the first command that is shown as next."""
    return shlex.split(next(line for line in text.splitlines() if line.startswith("  next: "))[8:])


def test_the_command_after_a_refused_deploy_keeps_the_options_and_succeeds(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE + LOST)
    stage.deploy("--yes")
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE.replace("orders", "${PURPOSE}"))
    options = (
        "--yes",
        "--var",
        "PURPOSE=orders",
        "--override",
        "resources.cpu=512",
        "--override",
        "resources.memory=1024",
        "--timeout",
        "1h30m",
    )
    refused = stage.deploy(*options, "--allow", "MailsQueue", expect=3)
    words = next_of(refused.stderr)
    for part in (
        "--image-sha one",
        "--yes",
        "--var PURPOSE=orders",
        "--override resources.cpu=512",
        "--timeout 5400s",
        "--allow MailsQueue",
        "--allow MailsQueueDeadLetters",
    ):
        assert f" {part} " in f" {' '.join(words)} "
    assert (words.count("--yes"), words.count("--allow")) == (1, 2)
    assert "done: hello-staging" in stage(*words[1:]).stdout


def test_the_same_command_gets_the_missing_options() -> None:
    options = (("--yes",), ("--allow", "Service"))
    assert (
        repeated("fsdcf scale hello 2 --allow Service", options, "scale") == "fsdcf scale hello 2 --allow Service --yes"
    )
    assert repeated("fsdcf run hello -- fsdcf --yes", (("--yes",),), "run") == "fsdcf run hello --yes -- fsdcf --yes"
    for other in ("fsdcf status hello", "aws cloudformation describe-stacks"):
        assert repeated(other, options, "stat") == other


def test_plan_options_are_dropped_after_a_plan_and_kept_without_one() -> None:
    found: list[Given] = []

    @click.command()
    @click.option("--plan-only", is_flag=True)
    @click.option("--yes", is_flag=True)
    @click.option("--fault", "faults", multiple=True)
    @click.option("--timeout", callback=duration)
    @click.option("--on-timeout", default="detach")
    @click.pass_context
    def command(context: click.Context, /, **_: object) -> None:
        found.extend((given(context, False), given(context, True)))

    assert CliRunner().invoke(command, ["--plan-only", "--fault", "x", "--timeout", "2m"]).exit_code == 0
    assert found == [(("--plan-only",), ("--timeout", "120s")), (("--timeout", "120s"),)]


def test_the_suggested_validate_command_keeps_the_options(stage: Stage) -> None:
    refused = stage.deploy("--env", "prod", "--override", "resources.cpu=1", "--var", "DB_PASSWORD=hunter2", expect=2)
    assert (
        " ".join(next_of(refused.stderr))
        == "fsdcf validate hello.yml --env prod --override resources.cpu=1 --var DB_PASSWORD=********"
    )


@pytest.mark.parametrize("setting", ["DB_PASSWORD=hunter2", "URL=postgres://bob:hunter2@db/shop"])
def test_a_masked_value_from_a_printed_command_is_refused(stage: Stage, setting: str) -> None:
    shown = next_of(stage.deploy("--override", f"service.environment.{setting}", expect=3).stderr)
    assert "hunter2" not in " ".join(shown) and "--yes" in shown
    refused = stage(*shown[1:], expect=2)
    name = setting.partition("=")[0]
    assert f"the value of service.environment.{name} is a mask" in refused.stderr and "hunter2" not in refused.stderr


def test_a_workers_check_that_fails_is_played_by_the_command_that_is_shown(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL.replace("command: exit 0", "command: exit ${CODE}"))
    stage.site.fault("Service:create:unhealthy=container")
    failed = stage.deploy("--yes", "--var", "CODE=0", expect=1)
    words = next_of(failed.stderr)
    assert words[1] == "healthcheck" and "--url" not in words
    assert "hello would be healthy" in stage(*words[1:]).stdout


@pytest.mark.parametrize(
    ("file", "name", "shown"),
    [
        ("hello.yml", "hello", "hello.yml"),
        ("hello/hello.yml", "hello", "hello/hello.yml"),
        ("hello.yml", "other", "SPEC"),
        ("mine.yml", "hello", "SPEC"),
    ],
    ids=["named like it", "in a folder of its name", "another service's", "of another name"],
)
def test_the_spec_in_the_usual_place_is_suggested(stage: Stage, file: str, name: str, shown: str) -> None:
    (stage.folder / "hello.yml").unlink()
    (stage.folder / file).parent.mkdir(exist_ok=True)
    (stage.folder / file).write_text(SMALL.replace("name: hello", f"name: {name}"))
    assert f"next: fsdcf deploy {shown} --env staging --image-sha SHA\n" in stage("status", "hello", expect=2).stderr


def test_the_spec_of_a_target_comes_from_its_deploy_command() -> None:
    assert Target("hello", "prod", "fsdcf rollback hello --env prod --to one").spec == "SPEC"
    assert Target("hello", "prod", "fsdcf deploy 'my spec.yml' --env prod").spec == "'my spec.yml'"
