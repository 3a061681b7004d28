"""Due actions: run at their own times, with the actions that they schedule, and never in part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fsdcf.sandbox import ecs, schedule
from fsdcf.sandbox.state import START
from tests.sandbox.conftest import Sandbox


def test_actions_run_at_their_own_times(sandbox: Sandbox) -> None:
    state = sandbox.state
    group = {"service": "c/none"}
    state.store.schedule(START + 5, "ecs.forget", {"task": "c/one"})
    state.store.schedule(START + 9, "ecs.reconcile", group)
    for name in ("one", "two"):
        state.store.put("ecs.task", f"c/{name}", {})
    schedule.advance(state)
    assert len(state.store.every("ecs.task")) == 2
    sandbox.pass_time(5)
    assert [key for key, _ in state.store.every("ecs.task")] == ["c/two"]
    assert state.store.next_due() == START + 9


def test_one_large_step_equals_many_small_ones() -> None:
    """An action sees its own time, not that of the call, and actions that it schedules run in the same step."""
    answer = []
    for steps in (1, 40):
        sandbox = Sandbox()
        definition = ecs.register(sandbox.state, {"family": "f", "containerDefinitions": [{"name": "c", "image": "i"}]})
        request = {
            "cluster": "c",
            "serviceName": "s",
            "taskDefinition": definition["taskDefinitionArn"],
            "desiredCount": 2,
        }
        ecs.create_service(sandbox.state, request)
        for _ in range(steps):
            sandbox.pass_time(400 / steps)
        answer.append(
            [sandbox.state.store.every(kind) for kind in ("ecs.service", "ecs.deployment", "ecs.task", "ecs.events")]
        )
        sandbox.close()
    assert answer[0] == answer[1]
    assert answer[0][1][0][1]["rolloutState"] == "COMPLETED"
    assert answer[0][1][0][1]["finishedAt"] < START + 100


def test_pace_multiplies_every_duration(sandbox: Sandbox) -> None:
    state = replace(sandbox.state, pace=0.1)
    definition = ecs.register(state, {"family": "f", "containerDefinitions": [{"name": "c", "image": "i"}]})
    service = ecs.create_service(
        state, {"cluster": "c", "serviceName": "s", "taskDefinition": definition["taskDefinitionArn"]}
    )
    sandbox.clock.advance(10)
    schedule.advance(state)
    assert ecs.deployment_of(state, service["serviceArn"])["rolloutState"] == "COMPLETED"


def test_an_exclusive_runner_runs_alone_until_it_is_released_or_inactive(sandbox: Sandbox) -> None:
    other, alone = sandbox.state, replace(sandbox.state, runner="one")

    def due() -> bool:
        """Return whether another process does not run due actions."""
        other.store.schedule(sandbox.clock.now(), "ecs.forget", {"task": "c/none"})
        schedule.advance(other)
        return other.store.next_due() is not None

    schedule.advance(alone)
    assert due()
    schedule.advance(alone)
    assert other.store.next_due() is None
    schedule.release(replace(alone, runner="two"))
    assert due(), "another one's leaving is not its own"
    schedule.release(alone)
    assert not due()
    schedule.advance(alone)
    sandbox.clock.advance(schedule.ABSENT + 1)
    assert not due()


def test_an_action_that_fails_undoes_the_whole_of_it(sandbox: Sandbox) -> None:
    store = sandbox.state.store
    store.put("ecs.task", "c/one", {})
    store.schedule(START, "ecs.forget", {"task": "c/one"})
    store.schedule(START, "ecs.forget", {})
    with pytest.raises(KeyError):
        schedule.advance(sandbox.state)
    assert store.get("ecs.task", "c/one") == {}
    assert store.next_due() == START


def test_a_service_is_loaded_when_it_is_asked_for() -> None:
    assert "GetCallerIdentity" in schedule.operations("sts")
    with pytest.raises(KeyError):
        schedule.operations("redshift")
    with pytest.raises(KeyError):
        schedule.action("sts.none")


def test_at_most_a_day_passes_for_what_is_scheduled_while_no_command_runs(sandbox: Sandbox) -> None:
    day = schedule.LONGEST_ABSENCE
    for name, due in (("one", 5.0), ("two", 2 * day)):
        sandbox.state.store.schedule(START + due, "ecs.forget", {"task": f"c/{name}"})
    sandbox.clock.advance(10 * day)
    schedule.advance(sandbox.state)
    assert sandbox.state.store.next_due() == START + 11 * day - 5.0
