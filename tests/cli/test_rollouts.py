"""A rollout as rows, as lines and as JSON; the advice at the end; tasks beside a watched status; faults on the command
line.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.cli.commands.status import TaskObserver
from fsdcf.cli.render.outcome import account_lines
from fsdcf.cli.render.rollouts import (
    RolloutLines,
    checks_of,
    counts_of,
    relevant_tasks,
    rollout_record,
    state_of,
    timeline,
    why_of,
)
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Place, RolloutChanged, Target, TaskState
from fsdcf.deploy.state import Snapshot
from fsdcf.diagnostics import plain
from fsdcf.operate.status import Status
from tests.cli.stage import Stage, lines
from tests.deploy.test_rollouts import Ecs, task

ONE = TaskState("0a1b2c3d4e5f60718293", "RUNNING", 22.0, (("PROVISIONING", 8.0), ("PENDING", 74.4)), target="initial")
BAD = replace(
    ONE,
    target="unhealthy",
    target_reason="Target.ResponseCodeMismatch: Health checks failed with these codes: [404]",
    container="HEALTHY",
)
GONE = replace(BAD, status="STOPPED", failed=True, reason="Task failed ELB health checks in (target-group arn:x)")
SEEN = RolloutChanged(75.0, "Service", (ONE,), "IN_PROGRESS", 2, 1, 1, 1, 1, 3)


def test_counts() -> None:
    assert counts_of(SEEN) == "1 of 2 running, 1 starting, 1 failed (the circuit breaker trips at 3)"
    assert counts_of(replace(SEEN, counted=0)).endswith("1 failed (the circuit breaker counts 0 of 3)")
    assert counts_of(replace(SEEN, threshold=None, pending=0)) == "1 of 2 running, 1 failed"
    assert counts_of(replace(SEEN, failed=0, state="COMPLETED", pending=0)) == "1 of 2 running"
    assert counts_of(replace(SEEN, state="FAILED")).endswith("abandoned by ECS")


def test_states_and_checks() -> None:
    assert timeline(ONE, 3.0) == "PROVISIONING 8s > PENDING 1m 14s > RUNNING 25s"
    assert timeline(ONE, 0.0, 30) == "… > RUNNING 22s"
    assert timeline(GONE).endswith("> STOPPED")
    assert checks_of(BAD) == (
        "container healthy, load balancer unhealthy (Health checks failed with these codes: [404])",
        "load balancer",
    )
    assert checks_of(replace(BAD, container="UNHEALTHY"))[1] == "container and load balancer"
    assert why_of(BAD) == checks_of(BAD)[0] and why_of(ONE) == ""
    assert why_of(GONE) == "Task failed ELB health checks: Health checks failed with these codes: [404]"
    assert [
        state_of(one) for one in (ONE, BAD, GONE, replace(ONE, target="healthy"), replace(ONE, status="PENDING"))
    ] == ["active", "failed", "failed", "done", "active"]


def test_the_tasks_that_have_a_row() -> None:
    old = replace(ONE, id="old", new=False)
    leaving = replace(old, id="leaving", status="DEACTIVATING")
    over = replace(ONE, id="over", status="STOPPED")
    assert [
        one.id for one in relevant_tasks(replace(SEEN, tasks=(ONE, old, leaving, over, replace(GONE, id="gone"))))
    ] == [
        ONE.id,
        "gone",
        "leaving",
    ]


def test_each_change_is_a_line_and_a_repeated_reason_is_short() -> None:
    sink = RolloutLines()
    first = list(sink.of(SEEN, plain))
    assert first[0] == "[ 1m 15s] RUNNING            task 0a1b2c3d after 1m 14s PENDING: load balancer initial"
    assert first[1].startswith("[ 1m 15s] ROLLOUT            Service 1 of 2 running")
    assert list(sink.of(replace(SEEN, elapsed=80.0), plain)) == []
    assert "unhealthy (Health checks failed" in next(iter(sink.of(replace(SEEN, tasks=(BAD,)), plain)))
    told = list(sink.of(replace(SEEN, tasks=(GONE, replace(GONE, id="another"))), plain))
    assert told[0].endswith("in (target-group arn:x)") and told[1].endswith(
        "another after 1m 14s PENDING: Task failed ELB health checks"
    )


def test_old_tasks_that_keep_running_have_no_lines() -> None:
    assert next(iter(RolloutLines().of(replace(SEEN, tasks=(replace(ONE, new=False),)), plain))).startswith(
        "[ 1m 15s] ROLLOUT"
    )


def test_the_record() -> None:
    record = rollout_record(replace(SEEN, tasks=(BAD,)))
    assert record["event"] == "rollout" and record["breaker"] == {"count": 1, "threshold": 3}
    (task,) = record["tasks"]
    assert task["past"][0] == {"status": "PROVISIONING", "seconds": 8.0}
    assert task["failing"] == "load balancer" and task["containerCheck"] == "HEALTHY"
    assert task["loadBalancerCheck"]["state"] == "unhealthy"


def test_the_advice_stands_between_evidence_and_commands() -> None:
    advice = Advice("give it more", "service.resources.memory", Place("web.yml", 9, 3, "    memory: 512"))
    outcome = Outcome(
        Exit.FAILED,
        "it failed",
        (Evidence("Service, last lines of 0a", "one\n  two"),),
        ("fsdcf logs web",),
        {},
        advice,
    )
    assert list(account_lines(outcome, plain, None)) == [
        "failed: it failed",
        "  Service, last lines of 0a:",
        "      one",
        "        two",
        "  help: give it more (service.resources.memory)",
        "   --> web.yml:9",
        "    9 |     memory: 512",
        "  next: fsdcf logs web",
    ]


@pytest.mark.parametrize("pace", [1.0])
def test_deploy_shows_the_tasks_and_the_advice(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("Service:update:unhealthy=container")
    records = lines(stage.deploy("--yes", "--json", sha="two", expect=1))
    rollouts = [one for one in records if one["event"] == "rollout"]
    assert {task["status"] for one in rollouts for task in one["tasks"]} >= {"PROVISIONING", "PENDING", "RUNNING"}
    assert any(task["failing"] == "container" for one in rollouts for task in one["tasks"])
    advice = records[-1]["advice"]
    assert advice["key"] == "service.healthCheck.container" and advice["spec"]["text"].strip() == "container:"


@pytest.mark.parametrize("pace", [1.0])
def test_a_watched_status_shows_the_tasks(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("Service:update:exit=1")
    stage.deploy("--yes", "--detach", sha="two", expect=6)
    stage.site.pressing(200)
    result = stage("status", "hello", "--watch", expect=130)
    assert "PROVISIONING       task " in result.stdout
    assert "Essential container in task exited" in result.stdout
    assert "ROLLOUT            Service" in result.stdout


def test_failures_before_the_service_was_steady_are_forgotten() -> None:
    failed = {"id": "ecs-svc/2", "status": "ACTIVE", "rolloutState": "FAILED", "failedTasks": 3}
    old = {"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 1, "runningCount": 1}
    ecs = Ecs([task(1)], [old])
    following = TaskObserver(Target("web", "staging"), ecs)  # type: ignore[arg-type]
    states = []
    for deployments in ([old, failed], [{**old, "rolloutState": "COMPLETED"}], [{**old, "rolloutState": "COMPLETED"}]):
        ecs.deployments = deployments
        following.look(Status(Snapshot("web", "arn", "UPDATE_ROLLBACK_COMPLETE"), service="c/web"))
        states += [one.state for one in following.news()]
    assert states == ["FAILED", "COMPLETED"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fault", "Service:update:oom"), "needs --sandbox"),
        (("--sandbox", "--fault", "nonsense"), "write LOGICAL_ID:PHASE:REASON"),
        (("--sandbox", "--detach", "--fault", "Service:update:oom"), "cannot be combined with --detach"),
        (("--sandbox", "--fault", "Servce:update:oom"), "creates no resource Servce; did you mean `Service`?"),
    ],
)
def test_faults_belong_to_the_sandbox(stage: Stage, arguments: tuple[str, ...], words: str) -> None:
    from click.testing import CliRunner

    from fsdcf.cli.main import cli

    result = CliRunner().invoke(cli, ["deploy", "hello.yml", "--image-sha", "one", *arguments])
    assert result.exit_code == 2 and words in result.output


def test_tasks_are_not_shown_while_ecs_reports_none() -> None:
    service = {
        "id": "ecs-svc/1",
        "status": "PRIMARY",
        "rolloutState": "IN_PROGRESS",
        "desiredCount": 1,
        "runningCount": 1,
    }
    following = TaskObserver(Target("web", "staging"), Ecs([task(1)], [service]))  # type: ignore[arg-type]
    seen = Status(Snapshot("web", "arn", "DELETE_IN_PROGRESS"), service="c/web", running=1)
    relevant_tasks = []
    for status in (seen, replace(seen, running=None), seen):
        following.look(status)
        relevant_tasks.append(bool(list(following.picture(plain, 80))))
    assert relevant_tasks == [True, False, True]
