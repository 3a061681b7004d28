"""What comes next keeps what the user has given."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection
from fsdcf.cli.render.durations import duration
from fsdcf.cli.render.stream import Sink
from fsdcf.cli.runtime import Given, Reporter, given, with_options
from fsdcf.deploy.model import Event, Exit, Outcome, RunEnded, Target
from tests.cli.stage import QUEUE, SMALL, Stage

LOST = QUEUE.replace("orders", "mails").removeprefix("dependencies:\n")


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


def test_a_command_gets_the_missing_options() -> None:
    options = (("--yes",), ("--allow", "Service"))
    assert with_options("fsdcf scale hello 2 --allow Service", options) == "fsdcf scale hello 2 --allow Service --yes"
    assert with_options("fsdcf run hello -- fsdcf --yes", (("--yes",),)) == "fsdcf run hello --yes -- fsdcf --yes"
    plan = (("--plan-only",), ("--detailed-exitcode",), ("--adopt",))
    assert with_options("fsdcf deploy hello.yml --build", plan) == "fsdcf deploy hello.yml --build --adopt"


class Events(Sink):
    """A sink that keeps the events."""

    for_programs = True

    def __init__(self) -> None:
        self.seen: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.seen.append(event)


def suggested_next(command: str, *commands: str, connection: Connection | None = None) -> tuple[str, ...]:
    """What becomes of suggested commands when ``fsdcf COMMAND --yes`` prints them."""
    root = click.Context(cli)
    scale = cli.get_command(root, command)
    assert scale is not None
    context = scale.make_context(command, ["hello", *(["2"] if command == "scale" else []), "--yes"], parent=root)
    target = Target("hello", "prod", "fsdcf deploy hello.yml --env prod --var A=b --new-env")
    reporter = Reporter([], connection or Connection(), target, context=context)
    events = Events()
    reporter.sinks = [events]
    outcome = Outcome(Exit.DONE, "done")
    object.__setattr__(outcome, "next", commands)  # some of them would fail any other test
    reporter(RunEnded(outcome))
    (ended,) = events.seen
    assert isinstance(ended, RunEnded)
    return ended.outcome.next


def test_a_suggested_command_gets_the_options_that_it_has() -> None:
    """Those of the connection, those that change what a spec compiles to, and for the same command its own."""
    sandbox = Connection(region="eu-west-1", sandbox=True)
    assert suggested_next(
        "scale",
        "fsdcf scale hello 2 --env prod",
        "fsdcf status hello --env prod",
        "fsdcf access SPEC --env prod",
        "fsdcf healthcheck SPEC --env prod",
        "fsdcf explain service.port",
        connection=sandbox,
    ) == (
        "fsdcf scale hello 2 --env prod --yes --region eu-west-1 --sandbox",
        "fsdcf status hello --env prod --region eu-west-1 --sandbox",
        "fsdcf access hello.yml --env prod --var A=b --new-env",
        "fsdcf healthcheck hello.yml --env prod --var A=b --new-env",
        "fsdcf explain service.port",
    )


def test_a_suggestion_that_the_command_does_not_have_is_left_out() -> None:
    words = ("fsdcf rollback hello --env prod --recreate", "fsdcf rollback hello --env prod --wait-lock")
    assert suggested_next("rollback", *words) == ("fsdcf rollback hello --env prod --wait-lock --yes",)


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
        ("services/hello.yml", "hello", "services/hello.yml"),
        ("hello.yml", "other", "SPEC"),
        ("mine.yml", "hello", "SPEC"),
    ],
    ids=["named like it", "in a folder of its name", "in services", "another service's", "of another name"],
)
def test_the_spec_in_the_usual_place_is_suggested(stage: Stage, file: str, name: str, shown: str) -> None:
    (stage.folder / "hello.yml").unlink()
    (stage.folder / file).parent.mkdir(exist_ok=True)
    (stage.folder / file).write_text(SMALL.replace("name: hello", f"name: {name}"))
    assert f"next: fsdcf deploy {shown} --env staging --image-sha SHA\n" in stage("status", "hello", expect=2).stderr


def test_the_spec_of_a_target_comes_from_its_deploy_command() -> None:
    assert Target("hello", "prod", "fsdcf rollback hello --env prod --to one").spec == "SPEC"
    assert Target("hello", "prod", "fsdcf deploy 'my spec.yml' --env prod").spec == "'my spec.yml'"
