"""Restart: a new deployment of the same task definition, its confirmation, and all its endings."""

from __future__ import annotations

import pytest

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, Options, Outcome, Place, RolloutChanged, ServiceEventReceived, Terminated
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.rolling import restart
from tests.deploy.site import Site, site
from tests.operate.shop import TARGET, described, running, shop, steps

HERE = Place("shop.yml", 7, 3, "service:")


def again(found: Site, yes: bool = True, timeout: float | None = None) -> Outcome:
    ask = found.ask if found.answers is not None else None
    run = Run(found.aws, found.tell, TARGET, ask, lambda logical_id: HERE)
    return restart(run, Options(yes=yes, timeout=timeout))


def ended(found: Site, **more: object) -> Outcome:
    """The outcome of a run that was stopped."""
    with pytest.raises(Stop) as raised:
        again(found, **more)  # type: ignore[arg-type]
    return raised.value.outcome


def test_every_task_is_replaced_by_one_of_the_same_definition() -> None:
    found = shop(count=2)
    before, definition = set(running(found)), described(found)["taskDefinition"]
    outcome = again(found)
    assert (outcome.exit, outcome.sentence) == (Exit.DONE, "shop-staging was restarted: 2 of 2 tasks are running")
    assert not before & set(running(found)) and described(found)["taskDefinition"] == definition
    assert steps(found)[0].startswith("replacing 2 tasks of shop-staging (ecs-svc/")
    seen = [one for one in found.told if isinstance(one, RolloutChanged)]
    assert (seen[-1].running, seen[-1].desired) == (2, 2) and {
        task.status for one in seen for task in one.tasks if task.new
    } >= {"PENDING", "RUNNING"}
    assert found.made("UpdateService") == 1 and found.made("DescribeServices") < 100


def test_the_confirmation() -> None:
    found = shop()
    refused = ended(found, yes=False)
    assert refused.exit is Exit.REFUSED and refused.next == ("fsdcf restart shop --env staging --yes",)
    found.answers = {"execute": False}
    assert ended(found, yes=False).sentence == "not confirmed: nothing was changed"
    assert found.made("UpdateService") == 0
    found.answers = {"execute": True}
    assert again(found, yes=False).exit is Exit.DONE
    assert found.asked[-1].text == "Replace 1 task of shop-staging with new ones?"


def test_the_confirmation_mentions_the_outage_of_a_single_writer() -> None:
    found = shop(single=True)
    found.answers = {"execute": True}
    assert again(found, yes=False).exit is Exit.DONE
    assert "the service is unavailable in between" in found.asked[0].details[0]


def test_a_failed_deployment_is_explained() -> None:
    found = shop("AWS::ECS::Service:update:exit=1")
    outcome = again(found)
    assert outcome.exit is Exit.FAILED
    assert outcome.sentence == "the restart of shop-staging failed: the application ended with exit code 1"
    assert outcome.advice is not None and outcome.advice.text
    evidence = {one.source: one for one in outcome.evidence}
    assert "exit code 1" in " ".join(one.text for one in outcome.evidence)
    assert evidence["now"].text.startswith(
        "1 of 1 tasks are running; ECS deployment circuit breaker: rolling back to deploymentId"
    )
    assert outcome.next[0] == "fsdcf logs shop --env staging --since 30m"
    assert found.warnings() == [], "the picture of the rollout shows the tasks that stop"


def test_missing_capacity_is_reported() -> None:
    found = shop("AWS::ECS::Service:update:capacity")
    outcome = again(found)
    assert outcome.exit is Exit.FAILED and "no capacity" in outcome.sentence
    told = [one.text for one in found.told if isinstance(one, ServiceEventReceived)]
    assert sum("unable to place a task" in one for one in told) == 1


def test_a_service_without_tasks_is_not_restarted() -> None:
    found = shop(count=0)
    assert again(found).sentence == "shop-staging has no tasks: there is nothing to restart"
    assert found.made("UpdateService") == 0


def test_busy_unmanaged_and_missing_stacks() -> None:
    found = shop()
    found.force("UPDATE_IN_PROGRESS")
    busy = ended(found)
    assert busy.exit is Exit.BUSY and busy.next == ("fsdcf watch shop --env staging",)
    stranger = ended(shop(tags={"fsdcf:service": "other"}))
    assert stranger.exit is Exit.REFUSED and "is not managed by fsdcf" in stranger.sentence
    with pytest.raises(Stop, match="the stack shop-staging does not exist"):
        again(site())


def test_a_restart_replaced_by_another_deployment() -> None:
    found = shop()
    service = described(found)

    def overtake() -> None:
        found.call(
            "UpdateService",
            "ecs",
            cluster=service["clusterArn"],
            service=service["serviceName"],
            forceNewDeployment=True,
        )

    found.after(10, overtake)
    outcome = again(found)
    assert outcome.exit is Exit.FAILED and "replaced it" in outcome.sentence


def test_the_restart_continues_after_ctrl_c_sigterm_and_the_deadline() -> None:
    found = shop()
    found.pressing(10)
    pressed = ended(found)
    assert (pressed.exit, pressed.sentence) == (
        Exit.INTERRUPTED,
        "interrupted: the restart continues; its outcome is unknown",
    )
    assert pressed.next == ("fsdcf status shop --env staging --watch",)
    found = shop()
    found.pressing(10, Terminated)
    assert ended(found).exit is Exit.UNKNOWN
    found = shop()
    late = ended(found, timeout=20.0)
    assert late.exit is Exit.UNKNOWN and "the deadline has passed" in late.sentence


def test_expired_credentials_while_following() -> None:
    found = shop()
    found.fault("api:DescribeServices:expired**@3")
    outcome = ended(found)
    assert "AWS rejected the credentials" in outcome.sentence
    assert outcome.exit is Exit.UNKNOWN and "the restart continues" in outcome.sentence


def test_resets_and_throttling_are_retried() -> None:
    found = shop("api:DescribeServices:reset*2@2", "api:DescribeServices:throttle*3@6", "api:UpdateService:lost")
    assert again(found).exit is Exit.DONE
    assert found.made("UpdateService") == 2, "a lost answer: the later deployment is watched"


def test_a_missing_permission_is_named() -> None:
    for operation in ("DescribeServices", "UpdateService"):
        found = shop(f"api:{operation}:error=AccessDeniedException")
        with pytest.raises(ApiError) as raised:
            again(found)
        assert raised.value.denied and raised.value.operation == operation


def test_the_restart_is_followed_without_permission_to_list_tasks() -> None:
    found = shop("AWS::ECS::Service:update:exit=1", "api:ListTasks:error=AccessDeniedException**")
    outcome = again(found)
    assert outcome.exit is Exit.FAILED and "tasks failed to start" in outcome.sentence
    assert any("no permission for ecs:ListTasks" in one for one in found.warnings())


def test_a_deployment_in_progress_is_replaced() -> None:
    found = shop()
    service = described(found)
    found.call(
        "UpdateService", "ecs", cluster=service["clusterArn"], service=service["serviceName"], forceNewDeployment=True
    )
    assert again(found).exit is Exit.DONE
    assert found.warnings()[0] == "a deployment is in progress: the restart replaces it"
