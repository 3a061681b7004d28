"""One-off tasks: the task of a command, its log, its exit code, and its end after Ctrl-C."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, Outcome, Terminated, WarningIssued
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.run import OneOffOptions, OneOffResult, run
from tests.deploy.site import Site
from tests.operate.shop import TARGET, described, one_off_tasks, say, shop, steps

COMMAND = ("python", "manage.py", "migrate", "--no input; rm -rf /")


LINES = [
    "[sandbox] No container runs: the lines of this log are made up",
    "[sandbox] Starting shop (shop:one)",
    "[sandbox] Waiting for work",
    "[sandbox] The command was not run: the sandbox runs no containers",
]


class Seen(list[str]):
    """The lines that were shown."""


def do(found: Site, seen: Seen | None = None, yes: bool = False, **more: Any) -> OneOffResult:
    seen = Seen() if seen is None else seen
    context = Run(found.aws, found.tell, TARGET, found.ask if found.answers is not None else None)
    return run(context, COMMAND, OneOffOptions(yes=yes, **more), lambda line: seen.append(line.text))


def ended(found: Site, **more: Any) -> Outcome:
    with pytest.raises(Stop) as raised:
        do(found, **more)
    return raised.value.outcome


def test_a_command_with_the_service_s_image_network_and_tags() -> None:
    found, seen = shop(), Seen()
    returned = do(found, seen)
    assert (returned.code, returned.outcome.exit) == (None, Exit.UNKNOWN)
    assert returned.outcome.sentence == "the command was not run: the sandbox runs no containers"
    (plan,) = returned.outcome.evidence
    assert "`python manage.py migrate '--no input; rm -rf /'` in shop:one with 256 CPU units and 512 MiB" in plan.text
    assert plan.text.endswith("and no task role")
    assert seen == LINES and all(line.startswith("[sandbox] ") for line in seen)
    (task,) = one_off_tasks(found)
    service = described(found)
    assert task["taskDefinitionArn"] == service["taskDefinition"]
    assert task["overrides"]["containerOverrides"] == [{"name": "shop", "command": list(COMMAND)}]
    assert {one["key"]: one["value"] for one in task["tags"]} == {
        "fsdcf:environment": "staging",
        "fsdcf:service": "shop",
    }
    assert task["startedBy"].startswith("fsdcf-run/") and len(task["startedBy"]) <= 36
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    assert details["subnetId"] == "subnet-1"
    assert steps(found)[0] == "starting a task of shop-staging with the image shop:one"
    assert steps(found)[-1].endswith("is STOPPED")


def test_a_command_next_to_a_single_writer_requires_confirmation() -> None:
    found = shop(single=True)
    refused = ended(found)
    assert refused.exit is Exit.REFUSED and refused.sentence.startswith(
        "confirmation is required: shop-staging is configured for one task"
    )
    typed = "fsdcf run shop --env staging --yes -- python manage.py migrate '--no input; rm -rf /'"
    assert refused.next == ("fsdcf scale shop --env staging 0", typed)
    found.answers = {"execute": False}
    assert ended(found).exit is Exit.REFUSED and not one_off_tasks(found)
    found.answers = {"execute": True}
    assert do(found).outcome.exit is Exit.UNKNOWN
    found.answers = None
    assert do(found, yes=True).outcome.exit is Exit.UNKNOWN and any(
        "run next to it" in one.text for one in found.told if isinstance(one, WarningIssued)
    )


def test_the_exit_code_is_reported() -> None:
    found, seen = shop("shop-staging:create:exit=42"), Seen()
    returned = do(found, seen)
    assert (returned.code, returned.outcome.exit) == (42, Exit.FAILED)
    assert returned.outcome.sentence == "the command ended with exit code 42 in shop-staging"
    assert returned.outcome.next == ("fsdcf logs shop --env staging --since 30m",)
    assert "[sandbox] RuntimeError: a fault of the sandbox ends the program with code 42" in seen


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("CannotPullContainerError", "CannotPullContainerError: pull image manifest"),
        ("capacity", "Capacity is unavailable"),
        ("ResourceInitializationError=secret", "unable to retrieve secret"),
    ],
)
def test_a_command_that_did_not_run_is_explained(fault: str, words: str) -> None:
    returned = do(shop(f"shop-staging:create:{fault}"))
    assert returned.code is None and returned.outcome.exit is Exit.FAILED
    assert returned.outcome.sentence.startswith("the command did not run: ") and words in returned.outcome.sentence


def test_out_of_memory() -> None:
    returned = do(shop("shop-staging:create:oom"))
    assert returned.code == 137 and "OutOfMemoryError" in returned.outcome.evidence[0].text


def test_ctrl_c_stops_the_task_and_waits_for_its_end() -> None:
    found, seen = shop("shop-staging:create:slow"), Seen()
    found.pressing(150)
    returned = do(found, seen)
    assert (returned.code, returned.outcome.exit) == (None, Exit.INTERRUPTED)
    assert "was stopped; its exit code was" in returned.outcome.sentence
    (task,) = one_off_tasks(found)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "fsdcf run was interrupted (Ctrl-C)")
    assert seen[-1] == "[sandbox] Shutting down", "what it says at its end is shown"


def test_a_second_ctrl_c_leaves_with_the_stop_command() -> None:
    found = shop("shop-staging:create:slow")
    found.pressing(150)
    found.pressing(152)
    outcome = ended(found)
    (task,) = one_off_tasks(found)
    assert outcome.exit is Exit.INTERRUPTED and "may still be running" in outcome.sentence
    assert outcome.next[-1] == f"fsdcf stop-task shop --env staging {task['taskArn'].rpartition('/')[2]}"


def test_the_task_continues_after_sigterm() -> None:
    found = shop()
    found.pressing(10, Terminated)
    assert ended(found).exit is Exit.UNKNOWN
    (task,) = one_off_tasks(found)
    assert task["desiredStatus"] == "RUNNING"


def test_a_lost_answer_does_not_start_a_second_task() -> None:
    found = shop("api:RunTask:lost")
    assert do(found).outcome.exit is Exit.UNKNOWN
    assert found.made("RunTask") == 2 and len(one_off_tasks(found)) == 1


def test_ctrl_c_during_the_start_stops_the_task() -> None:
    found = shop("api:RunTask:lost")
    found.pressing(0.1)
    outcome = ended(found)
    assert (outcome.exit, outcome.sentence) == (Exit.INTERRUPTED, "interrupted: the started task was stopped")
    (task,) = one_off_tasks(found)
    assert task["desiredStatus"] == "STOPPED"
    found = shop("api:RunTask:reset")
    found.pressing(0.1)
    assert ended(found).sentence == "no task was started" and one_off_tasks(found) == []
    found = shop("api:RunTask:reset", "api:ListTasks:error=AccessDeniedException")
    found.pressing(0.1)
    assert "a task may have been started" in ended(found).sentence


def test_a_task_that_cannot_be_started() -> None:
    denied = ended(shop("api:RunTask:error=AccessDeniedException"))
    assert denied.exit is Exit.DENIED and denied.evidence[0].source == "ecs:RunTask"
    invalid = ended(shop("api:RunTask:error=InvalidParameterException"))
    assert invalid.exit is Exit.FAILED and "could not be started: " in invalid.sentence
    with pytest.raises(ApiError):
        do(shop("api:DescribeTaskDefinition:error=AccessDeniedException"))
    assert ended(shop(tags={"team": "x"})).exit is Exit.REFUSED


def test_the_command_runs_without_permission_to_read_the_log() -> None:
    found, seen = shop("api:GetLogEvents:error=AccessDeniedException**"), Seen()
    assert do(found, seen).outcome.exit is Exit.UNKNOWN and seen == []
    assert found.warnings() == ["the output is not shown: no permission for logs:GetLogEvents"]
    assert found.made("GetLogEvents") == 1


def test_temporary_errors_of_log_and_state() -> None:
    found, seen = (
        shop("api:GetLogEvents:reset*3@2", "api:DescribeTasks:throttle*4@2", "api:DescribeTasks:broken*2@8"),
        Seen(),
    )
    assert do(found, seen).outcome.exit is Exit.UNKNOWN
    assert seen == LINES


def test_expired_credentials() -> None:
    found = shop("api:DescribeTasks:expired**@4")
    outcome = ended(found)
    assert outcome.exit is Exit.UNKNOWN and "may still be running" in outcome.sentence


def test_lines_after_the_end_are_shown() -> None:
    found, seen = shop(), Seen()

    def late() -> None:
        (task,) = one_off_tasks(found)
        if task["lastStatus"] == "STOPPED" and "Late" not in seen:
            say(found, task["taskArn"].rpartition("/")[2], "Late")

    found.on_sleep.append(lambda _: late() if one_off_tasks(found) else None)
    assert do(found, seen).outcome.exit is Exit.UNKNOWN
    assert "Late" in seen


def test_polling_is_bounded() -> None:
    found = shop()
    begun = found.clock.now()
    do(found)
    lasted = found.clock.now() - begun
    assert found.made("DescribeTasks") <= lasted / 2 + 2 and found.made("GetLogEvents") <= 2 * (lasted / 2 + 5)


def test_a_success_in_the_sandbox_has_to_be_asked_for() -> None:
    returned = do(shop("shop-staging:create:exit=0"))
    assert (returned.code, returned.outcome.exit) == (0, Exit.DONE)


def test_another_size_and_more_variables() -> None:
    found = shop()
    returned = do(found, cpu=1024, memory=2048, variables={"LEVEL": "debug", "DB_PASSWORD": "open sesame"})
    (task,) = one_off_tasks(found)
    assert (task["cpu"], task["memory"]) == ("1024", "2048")
    (container,) = task["overrides"]["containerOverrides"]
    assert {one["name"]: one["value"] for one in container["environment"]} == {
        "LEVEL": "debug",
        "DB_PASSWORD": "open sesame",
    }
    assert "with 1024 CPU units and 2048 MiB" in returned.outcome.evidence[0].text
    assert any(one.startswith("the value of DB_PASSWORD is visible") for one in found.warnings())
    assert "sesame" not in str(found.told) + str(returned)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"])
def test_credentials_of_aws_are_no_variable_to_add_or_to_store(name: str) -> None:
    found = shop()
    do(found, variables={name: "open sesame"})
    (warning,) = (one for one in found.warnings() if name in one)
    assert "hides the task role" in warning and "secrets" not in warning


@pytest.mark.parametrize(
    ("size", "words", "next"),
    [
        ({"cpu": 1024}, "does not offer 512 MiB with 1024 CPU units", "--cpu 1024 --memory 2048"),
        ({"memory": 4096}, "with --cpu 256 use --memory 512, 1024 or 2048", "--cpu 256 --memory 2048"),
        ({"cpu": 8192, "memory": 20000}, "in steps of 4096", "--cpu 8192 --memory 20480"),
    ],
)
def test_a_size_that_fargate_does_not_offer(size: dict[str, int], words: str, next: str) -> None:
    found = shop()
    refused = ended(found, variables={"LEVEL": "a b", "TOKEN": "x"}, **size)
    assert refused.exit is Exit.USAGE and words in refused.sentence and not one_off_tasks(found)
    assert f"{next} --env-var 'LEVEL=a b' --env-var 'TOKEN=********' -- python" in refused.next[0]


def test_the_timeout_stops_the_task() -> None:
    found = shop("shop-staging:create:slow")
    returned = do(found, timeout=150.0)
    assert (returned.code, returned.outcome.exit) == (None, Exit.FAILED)
    assert returned.outcome.sentence.startswith("the command did not end within 150 s: the task ")
    (task,) = one_off_tasks(found)
    assert task["stoppedReason"] == "fsdcf run: the timeout of 150 s has passed"


def test_detached_the_task_continues() -> None:
    found = shop()
    returned = do(found, detach=True)
    (task,) = one_off_tasks(found)
    assert returned.task == task["taskArn"].rpartition("/")[2] and task["desiredStatus"] == "RUNNING"
    assert (returned.code, returned.outcome.exit) == (None, Exit.DONE)
    assert returned.outcome.next[0] == f"fsdcf logs shop --env staging --follow --since 30m --task {returned.task}"
