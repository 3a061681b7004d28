"""Status, history, rollback, delete, recover and the rest, by the service's name or by a spec."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from fsdcf.cli.main import cli
from fsdcf.cli.runtime import OPERATING_COMMANDS
from tests.cli.stage import QUEUE, SMALL, Stage, lines

BY_NAME = ("watch", "cancel", "recover", "diagnose", "status", "history", "rollback", "delete")


@pytest.mark.parametrize("command", BY_NAME)
def test_an_unknown_service_is_an_error_of_usage(stage: Stage, command: str) -> None:
    result = stage(command, "nobody", "--json", expect=2)
    assert "the stack nobody-staging does not exist in us-east-1" in result.stderr
    assert lines(result)[-1]["exit"] == 2


@pytest.mark.parametrize("command", BY_NAME)
def test_a_subject_that_is_neither_a_spec_nor_a_name(stage: Stage, command: str) -> None:
    assert "neither a spec file nor a service name" in stage(command, "No.Such", expect=2).stderr
    assert "the file does not exist" in stage(command, "gone.yml", expect=2).stderr
    assert stage(command, "hello", "--env", "X!", expect=2).stderr
    assert stage.connections == []


def test_a_file_is_a_spec_before_it_is_a_name(stage: Stage) -> None:
    (stage.folder / "shop").write_text(SMALL)
    assert "hello-staging" in stage("status", "shop", expect=2).stderr
    (stage.folder / "broken.yml").write_text("metadata: {nome: x}")
    assert "has no valid metadata.name" in stage("status", "broken.yml", expect=2).stderr
    (stage.folder / "wrong.yml").write_text(SMALL + "nonsense: 1\n")
    assert "hello-prod" in stage("status", "wrong.yml", "--env", "prod", expect=2).stderr, "a name is enough"


def test_the_environment_of_the_shell_counts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDCF_ENV", "prod")
    assert "hello-prod" in stage("status", "hello", expect=2).stderr


def test_status_of_a_service_that_runs(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.calls()
    shown = stage("status", "hello")
    assert stage.calls() <= 8
    for words in (
        "hello-staging  CREATE_COMPLETE",
        "image    000000000000.dkr.ecr",
        "tasks    2 of 2 running",
        "rollout  PRIMARY COMPLETED",
    ):
        assert words in shown.stdout
    assert shown.stderr == ""
    result = stage("status", "hello.yml", "--json")
    told, end = lines(result)
    assert (told["event"], told["tasks"], told["steady"]) == (
        "status",
        {"desired": 2, "running": 2, "pending": 0},
        True,
    )
    assert (end["event"], end["exit"], result.stderr) == ("ended", 0, "")


class Leaving(io.StringIO):
    """A reader who takes one look."""

    looks = 0

    def write(self, text: str) -> int:
        self.looks += 1
        if self.looks > 1:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["lines", "json"])
def test_a_watched_status_ends_without_a_reader(stage: Stage, form: tuple[str, ...]) -> None:
    stage.deploy("--yes", "--detach", expect=6)
    stage.site.pressing(200)
    out = Leaving()
    with redirect_stdout(out):
        ended = cli.main(
            ["status", "hello", "--watch", *form], obj=lambda connection: stage.site.aws, standalone_mode=False
        )
    assert ended == 0 and "hello-staging" in out.getvalue() and out.looks > 1


def test_a_stack_that_is_deleted_while_its_status_is_watched(stage: Stage) -> None:
    stage.deploy("--yes")
    stage("delete", "hello", "--yes", "--detach", expect=6)
    assert stage("status", "hello", "--watch").stdout.endswith("\nthe stack hello-staging has been deleted\n")


def test_status_watched_until_ctrl_c(stage: Stage) -> None:
    stage.deploy("--yes", "--detach", expect=6)
    looks: list[float] = []

    def interrupt(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 60:
            raise KeyboardInterrupt

    stage.site.on_sleep.append(interrupt)
    result = stage("status", "hello", "--watch", "--json", expect=130)
    told = lines(result)
    statuses = [one["status"] for one in told if one["event"] == "status"]
    assert (statuses[0], statuses[-1], told[-1]["event"]) == ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "ended")
    assert 3 < len(told) < 60, "what is the same is not told again"


def test_history_and_rollback(stage: Stage) -> None:
    assert "no release yet" in _after_plan(stage)
    stage.deploy("--yes")
    assert stage("history", "hello").stdout.split()[-2:] == ["one", "latest"]
    assert "no earlier release" in stage("rollback", "hello", "--yes", expect=2).stderr
    stage.deploy("--yes", sha="two")
    shown = stage("history", "hello").stdout.splitlines()
    assert [line.split()[-2:] for line in shown] == [["two", "latest"], ["UTC", "one"]]
    assert "confirmation is required" in stage("rollback", "hello", expect=3).stderr
    back = stage("rollback", "hello", "--yes")
    assert "plan: 1 replaced, 2 changed" in back.stdout and "runs one" in back.stdout
    releases = lines(stage("history", "hello", "--json"))
    assert [(one["sha"], one["latest"]) for one in releases[:-1]] == [("one", True), ("two", False), ("one", False)]
    assert "runs two" in stage("rollback", "hello", "--to", "tw", "--yes").stdout
    assert "no release has the image nope" in stage("rollback", "hello", "--to", "nope", "--yes", expect=2).stderr


def _after_plan(stage: Stage) -> str:
    """What history says while the first deploy runs."""
    stage.deploy("--yes", "--detach", expect=6)
    said = stage("history", "hello", expect=2).stderr
    stage("watch", "hello")
    stage("delete", "hello", "--yes")
    return said


def test_delete_says_what_is_kept_before_and_after(stage: Stage) -> None:
    (stage.folder / "hello.yml").write_text(SMALL + QUEUE)
    stage.deploy("--yes")
    refused = stage("delete", "hello", expect=3)
    assert (
        "kept: LogGroup (AWS::Logs::LogGroup" in refused.stdout
        and "kept: OrdersQueue (AWS::SQS::Queue" in refused.stdout
    )
    assert "next: fsdcf delete hello --env staging --yes" in refused.stderr
    assert stage.site.status("hello-staging") == "CREATE_COMPLETE"
    gone = stage("delete", "hello.yml", "--yes")
    assert "done: the stack hello-staging is deleted; 3 resources were kept" in gone.stdout
    assert "  kept: OrdersQueue (AWS::SQS::Queue" in gone.stdout
    assert stage.site.status("hello-staging") == ""


def test_recover_from_a_rollback_that_failed(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("Service:update:exit=1", "Service:rollback:AccessDenied=not yours")
    failed = stage.deploy("--yes", sha="two", expect=4)
    assert "needs recovery" in failed.stderr and "next: fsdcf recover hello --env staging" in failed.stderr
    assert stage.deploy("--yes", sha="two", expect=4).stderr
    assert "done: " in stage("recover", "hello").stdout
    assert "nothing to recover" in stage("recover", "hello").stdout


def test_no_permission_and_no_answer(stage: Stage) -> None:
    stage.site.fault("api:DescribeStacks:error=AccessDenied*9")
    denied = stage("status", "hello", expect=7).stderr
    assert "no permission for cloudformation:DescribeStacks as arn:aws:" in denied
    assert "next: fsdcf permissions hello.yml --env staging --operate" in denied
    stage.site.fault("api:DescribeStacks:expired**")
    denied = stage("status", "hello", "--json", expect=7)
    assert lines(denied)[-1]["outcome"] == "DENIED"


@pytest.mark.parametrize("command", ["status", "services", "diagnose", "watch"])
def test_a_permission_that_is_not_essential_has_a_next_step_too(stage: Stage, command: str) -> None:
    stage.deploy("--yes")
    subject = () if command == "services" else ("hello.yml",)
    target = "SPEC" if command == "services" else "hello.yml"
    assert "fsdcf permissions" not in stage(command, *subject).output
    stage.site.fault("api:DescribeServices:error=AccessDenied*9")
    shown = stage(command, *subject).output
    assert f"next: fsdcf permissions {target}" in shown and ("--operate" in shown) == (command in OPERATING_COMMANDS)
    stage.site.fault("api:DescribeServices:error=AccessDenied*9")
    ended = lines(stage(command, *subject, "--json"))[-1]
    assert ended["exit"] == 0 and ended["next"][-1].startswith(f"fsdcf permissions {target}")


def test_pause_is_kept_by_a_deploy_and_a_plan_says_so(stage: Stage) -> None:
    stage.deploy("--yes")
    refused = stage("pause", "hello", expect=3)
    assert "next: fsdcf pause hello --env staging --yes" in refused.stderr
    paused = stage("pause", "hello", "--yes")
    assert "DesiredCount: 2 -> 0" in paused.stdout and "done: hello-staging is paused" in paused.stdout
    assert "  paused   since 20" in stage("status", "hello").stdout
    same = stage("diff", "hello.yml", "--deployed").stdout
    assert "note: the service is paused since 20" in same and "no changes" in same
    deployed = stage.deploy("--yes", sha="two")
    assert (
        "paused: hello-staging is paused since 20" in deployed.stdout and "next: fsdcf resume hello" in deployed.stdout
    )
    told = lines(stage("resume", "hello", "--yes", "--json"))
    assert [one["event"] for one in told].count("ended") == 1
    assert told[-1]["sentence"] == "hello-staging is resumed: it runs 2 tasks"
    assert "hello-staging is not paused" in stage("resume", "hello").stdout
