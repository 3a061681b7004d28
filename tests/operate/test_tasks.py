"""Tasks: what runs, who stopped the others and why, the task that a prefix means, and stopping one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from fsdcf.cli.commands.tasks import task_record, tasks_lines
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.ecs.service import EcsDeployment, TargetHealth
from fsdcf.deploy.model import Exit, Options, Outcome
from fsdcf.deploy.run import Run, Stop
from fsdcf.diagnostics import plain
from fsdcf.operate.tasks import RECENT, ServiceTask, ServiceTasks, TaskContainerState, end_cause, stop_task, tasks
from fsdcf.sandbox import ecs
from tests.deploy.site import Site
from tests.operate.shop import TARGET, change, described, one_off_tasks, running, say, shop

DIAGNOSE = "fsdcf diagnose shop --env staging"
EVERY = "fsdcf tasks shop --env staging --stopped"


def look(found: Site, only: str = "", every_end: bool = False) -> ServiceTasks:
    return tasks(Run(found.aws, found.tell, TARGET), only, every_end)


def shown(found: Site, width: int | None = None, **more: Any) -> str:
    return "\n".join(tasks_lines(look(found, **more), plain, width, EVERY, DIAGNOSE))


def halt(found: Site, wanted: str, reason: str = "", yes: bool = True) -> Outcome:
    ask = found.ask if found.answers is not None else None
    return stop_task(Run(found.aws, found.tell, TARGET, ask), wanted, reason, Options(yes=yes))


def refused(found: Site, wanted: str, **more: Any) -> Outcome:
    with pytest.raises(Stop) as raised:
        halt(found, wanted, **more)
    return raised.value.outcome


def end(found: Site, task: str, code: str, why: str, /, **container: Any) -> None:
    """Let the task have stopped in this way."""
    body = found.call("DescribeTasks", "ecs", cluster=described(found)["clusterArn"], tasks=[task])["tasks"][0]
    arn = body["containers"][0]["containerArn"]
    change(
        found,
        task,
        lastStatus="STOPPED",
        desiredStatus="STOPPED",
        stopCode=code,
        stoppedReason=why,
        stoppedAt=found.clock.now(),
        containers=[{"name": "shop", "containerArn": arn, "image": "shop:one", **container}],
    )


def test_the_running_tasks() -> None:
    found = shop(count=2)
    one, two = (look(found).active[index] for index in (0, 1))
    assert {one.id, two.id} == set(running(found)) and one.started and two.started and one.started >= two.started
    assert (one.version, one.revision, one.status, one.zone[:-1]) == ("one", "1", "RUNNING", "us-east-1")
    assert (one.cpu, one.memory, one.capacity, one.spot, one.current, one.one_off) == (
        256,
        512,
        "FARGATE",
        False,
        True,
        False,
    )
    text = shown(found)
    assert text.startswith("shop-staging  2 of 2 running  each 256 CPU, 512 MiB, Fargate\nID ")
    assert "stopped" not in text and f"{one.id[:8]}  one      :1" in text
    record = task_record(one)
    assert (record["event"], record["version"], record["taskDefinition"], record["stopped"]) == (
        "task",
        "one",
        "shop-staging:1",
        None,
    )


def test_sizes_and_capacity_that_differ_are_columns() -> None:
    found = shop(count=2)
    one, two = running(found)
    change(found, one, capacityProviderName="FARGATE_SPOT", memory="1024")
    text = shown(found)
    assert "256 CPU, 1024 MiB  Fargate Spot" in text and "256 CPU, 512 MiB   Fargate\n" in text + "\n"
    assert {task.id: task.spot for task in look(found).active} == {one: True, two: False}
    change(found, one, memory="512")
    text = shown(found, 80)
    assert "each 256 CPU, 512 MiB\n" in text and " Spot" in text and "SIZE" not in text
    assert max(map(len, text.split("\n"))) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_the_lines_fit_a_terminal(width: int) -> None:
    found = shop(count=3)
    one, two, three = running(found)
    change(found, one, availabilityZone="ap-southeast-2a", lastStatus="DEPROVISIONING", healthStatus="UNHEALTHY")
    end(found, two, "EssentialContainerExited", "Essential container in task exited", exitCode=1)
    say(found, two, "x" * 300)
    end(found, three, "UserInitiated", "a reason " * 20, exitCode=0)
    text = shown(found, width)
    assert max(map(len, text.split("\n"))) <= width and "DEPROVISIONING" in text and "ap-southeast-2a" in text


@pytest.mark.parametrize(
    ("code", "reason", "container", "words"),
    [
        ("UserInitiated", "hangs", {"exitCode": 143}, "a person or a program stopped it: hangs"),
        (
            "EssentialContainerExited",
            "Essential container in task exited",
            {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
            "it ran out of memory",
        ),
        ("SpotInterruption", "Your Spot Task was interrupted.", {"exitCode": 137}, "AWS reclaimed its Spot capacity"),
        (
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group x)",
            {"exitCode": 143},
            "ECS stopped it: the load balancer's health check failed",
        ),
        (
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref shop:one: "
            "shop:one: not found",
            {},
            "it could not be started: the registry does not contain the image",
        ),
        ("TaskFailedToStart", "A new kind of failure", {}, "it could not be started: A new kind of failure"),
    ],
)
def test_who_stopped_a_task_and_why(code: str, reason: str, container: dict[str, Any], words: str) -> None:
    found = shop()
    (task,) = running(found)
    end(found, task, code, reason, **container)
    text = shown(found)
    assert words in text
    exit_code = container.get("exitCode")
    assert ("no exit code" if exit_code is None else f"exit code {exit_code}") in text
    stopped = task_record(look(found).stopped[0])["stopped"]
    assert (stopped["reason"], stopped["stopCode"], stopped["exitCode"]) == (reason, code, exit_code)


@pytest.mark.parametrize(("seconds", "by"), [(-60, "deployment"), (60, "scaling")])
def test_a_deployment_replaces_no_task_that_stopped_before_it_began(seconds: int, by: str) -> None:
    """As a task that a pause stopped, once a later deploy has another deployment."""
    stopped = datetime(2026, 11, 29, tzinfo=timezone.utc)
    reason = "Scaling activity initiated by (deployment ecs-svc/1)"
    raw = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": reason, "startedBy": "ecs-svc/1"}
    primary = EcsDeployment("ecs-svc/2", "PRIMARY", "shop:2", since=stopped + timedelta(seconds=seconds))
    assert end_cause({**raw, "stoppedAt": stopped}, primary).by == by


def test_the_last_line_of_the_log_without_its_secrets() -> None:
    found = shop()
    (task,) = running(found)
    end(found, task, "EssentialContainerExited", "Essential container in task exited", exitCode=1)
    say(found, task, "first", "cannot connect to postgres://me:hunter2@db", "", "  ")
    assert "log: cannot connect to postgres://********@db" in shown(found)


def test_the_latest_stopped_tasks_and_all_of_them() -> None:
    found = shop(count=RECENT + 2)
    for task in running(found):
        end(found, task, "EssentialContainerExited", "Essential container in task exited", exitCode=1)
    found.forget()
    some = look(found)
    assert len(some.stopped) == RECENT and some.more == 2
    assert found.made("GetLogEvents") == RECENT, "the log of a task that is not shown is not read"
    assert f"\nand 2 more: {EVERY}\n" in shown(found)
    all_of_them = look(found, every_end=True)
    assert len(all_of_them.stopped) == RECENT + 2 and all_of_them.more == 0


def test_a_one_off_task_and_one_of_an_older_deployment() -> None:
    found = shop()
    (task,) = running(found)
    service = described(found)
    found.call("RunTask", "ecs", cluster=service["clusterArn"], taskDefinition="shop-staging")
    change(found, task, startedBy="ecs-svc/older")
    text = shown(found)
    assert [(task.one_off, task.current) for task in look(found).active] == [(False, False), (True, False)]
    assert text.count("one-off") == 1 and text.count("old") == 1


def test_a_service_without_a_running_task_names_the_next_command() -> None:
    found = shop()
    (task,) = running(found)
    found.call("StopTask", "ecs", cluster=described(found)["clusterArn"], task=task)
    assert shown(found).endswith(f"\nno task runs; to find the cause: {DIAGNOSE}")
    assert DIAGNOSE not in shown(shop(count=0)), "no task is desired"


def test_a_paused_service() -> None:
    found = look(shop(count=0))
    stack = replace(found.service.stack, outputs={"Paused": "since 2026-11-29 15:02:11 UTC (3 tasks before)"})
    paused = replace(found, service=replace(found.service, stack=stack))
    text = "\n".join(tasks_lines(paused, plain, None, EVERY, DIAGNOSE))
    assert text == "shop-staging  0 of 0 running\npaused since 2026-11-29 15:02:11 UTC (3 tasks before)"


def test_one_task_by_a_prefix() -> None:
    found = shop(count=2)
    one, two = running(found)
    end(found, two, "EssentialContainerExited", "Essential container in task exited", exitCode=1)
    assert [task.id for task in look(found, only=one[:7]).active] == [one]
    (stopped,) = look(found, only=two[:7]).stopped
    assert stopped.id == two
    with pytest.raises(Stop, match="zz does not match a task of shop-staging") as raised:
        look(found, only="zz")
    assert one in str(raised.value) and two in str(raised.value)
    with pytest.raises(Stop, match="matches several tasks of shop-staging"):
        found = shop(count=17)
        firsts = [task[0] for task in running(found)]
        look(found, only=next(first for first in firsts if firsts.count(first) > 1))


def test_what_cannot_be_read_is_a_warning() -> None:
    found = shop()
    (task,) = running(found)
    end(found, task, "EssentialContainerExited", "Essential container in task exited", exitCode=1)
    found.fault("api:GetLogEvents:error=AccessDeniedException")
    assert look(found).stopped[0].end is not None
    assert any("the last lines of the logs are not shown" in text for text in found.warnings())
    found.fault("api:ListTasks:error=AccessDeniedException")
    with pytest.raises(ApiError):
        look(found)


def test_the_words_of_the_load_balancer() -> None:
    assert TargetHealth("", "unhealthy", "Target.Timeout").words == "the health check times out"
    codes = TargetHealth("", "unhealthy", "Target.ResponseCodeMismatch: Health checks failed with these codes: [404]")
    assert codes.words == "the health check gets an unexpected HTTP code (404)"
    assert TargetHealth("", "unhealthy", "Target.New: something new").words == "something new"
    assert TargetHealth("", "healthy").words == ""


def test_a_task_is_stopped_and_replaced() -> None:
    found = shop(count=2)
    one, two = running(found)
    outcome = halt(found, two[:8], "hangs")
    assert outcome.exit is Exit.DONE
    assert outcome.sentence == f"the task {two} of shop-staging is being stopped: ECS starts a new one in its place"
    assert found.warnings() == [], "another task is running meanwhile"
    found.clock.advance(900)
    assert one in running(found) and two not in running(found) and len(running(found)) == 2
    (ended,) = look(found).stopped
    assert ended.end is not None and ended.end.cause.text == "a person or a program stopped it: hangs"
    again = halt(found, two)
    assert again.exit is Exit.DONE and "has already stopped: a person or a program stopped it" in again.sentence
    assert found.made("StopTask") == 1


def test_a_stop_is_confirmed() -> None:
    found = shop()
    (task,) = running(found)
    outcome = refused(found, task[:8], yes=False, reason="it hangs")
    assert outcome.exit is Exit.REFUSED
    assert outcome.next == (f"fsdcf stop-task shop --env staging {task} --reason 'it hangs' --yes",)
    found.answers = {"execute": False}
    assert refused(found, task, yes=False).exit is Exit.REFUSED and found.made("StopTask") == 0
    (question,) = found.asked
    assert question.text == f"Stop the task {task} of shop-staging?"
    assert question.details == (
        "it is the only running task: the service is unavailable until the new one is ready",
        "ECS starts a new one in its place",
    )


def test_the_outage_of_a_single_writer() -> None:
    found = shop(single=True)
    (task,) = running(found)
    halt(found, task)
    assert any("as for a single writer: the service is unavailable" in text for text in found.warnings())


def test_a_task_that_is_not_replaced() -> None:
    found = shop()
    service = described(found)
    found.call("RunTask", "ecs", cluster=service["clusterArn"], taskDefinition="shop-staging")
    (other,) = one_off_tasks(found)
    id = other["taskArn"].rpartition("/")[2]
    assert "nothing replaces it" in halt(found, id).sentence


def test_tasks_that_are_not_stopped() -> None:
    found = shop()
    cluster = described(found)["clusterArn"].rpartition("/")[2]
    ecs.register(found.state, {"family": "other", "containerDefinitions": [{"name": "other", "image": "nginx"}]})
    ecs.create_service(found.state, {"cluster": cluster, "serviceName": "other", "taskDefinition": "other"})
    found.clock.advance(120)
    arns = found.call("ListTasks", "ecs", cluster=cluster, serviceName="other")["taskArns"]
    foreign = arns[0].rpartition("/")[2]
    outcome = refused(found, foreign[:12])
    assert outcome.exit is Exit.REFUSED
    assert f"the task {foreign} belongs to the service other, not to" in outcome.sentence
    elsewhere = refused(found, "arn:aws:ecs:us-east-1:000000000000:task/elsewhere/abc")
    assert elsewhere.exit is Exit.REFUSED and "belongs to the cluster elsewhere" in elsewhere.sentence
    assert refused(found, "zz").exit is Exit.USAGE and refused(found, "").exit is Exit.USAGE
    assert found.made("StopTask") == 0
    assert refused(shop(tags={"team": "x"}), "a").exit is Exit.REFUSED
    assert refused(shop(count=0), "a").sentence == "shop-staging has no running task"


def test_a_task_without_what_emulators_leave_out() -> None:
    found = shop()
    (task,) = running(found)
    change(found, task, cpu=None, memory=None, availabilityZone=None, launchType=None, startedAt=None)
    (one,) = look(found).active
    assert one.containers == (TaskContainerState("shop", "RUNNING", "UNKNOWN"),)
    expected = ServiceTask(task, "RUNNING", "shop:one", "shop-staging:1", created=one.created)
    assert replace(one, containers=()) == expected
    assert shown(found).startswith("shop-staging  1 of 1 running\nID ")
