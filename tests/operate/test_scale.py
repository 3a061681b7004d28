"""Scaling: the number of tasks, the confirmation, and what overrides the number."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.model import Exit, Options, Outcome, RolloutChanged, ServiceEventReceived
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.rolling import count_overrides, restart, scale
from fsdcf.operate.scaling import ScalingLimits
from fsdcf.sandbox import elbv2
from fsdcf.sandbox.ecs import scheduler
from tests.deploy.faults.test_tasks import web
from tests.deploy.site import STACK, TAGS, Site, site
from tests.operate.shop import TARGET, described, shop, steps


def to(
    found: Site, count: int, yes: bool = True, allow: frozenset[str] = frozenset(), timeout: float | None = None
) -> Outcome:
    ask = found.ask if found.answers is not None else None
    run = Run(found.aws, found.tell, TARGET, ask)
    return scale(run, count, Options(yes=yes, allow=allow, timeout=timeout))


def ended(found: Site, count: int, **more: Any) -> Outcome:
    with pytest.raises(Stop) as raised:
        to(found, count, **more)
    return raised.value.outcome


def test_scale_out_and_in() -> None:
    found = shop()
    assert to(found, 3).sentence == "shop-staging runs 3 tasks"
    assert described(found)["runningCount"] == 3
    assert steps(found) == ["scaling shop-staging from 1 to 3 tasks", "reading the running version from ECS"]
    assert (1, 3) in [(one.running, one.desired) for one in found.told if isinstance(one, RolloutChanged)]
    assert to(found, 1).sentence == "shop-staging runs 1 task"
    assert to(found, 1).sentence == "shop-staging already runs 1 task" and found.made("UpdateService") == 2


def test_the_confirmation_and_its_details() -> None:
    found = shop()
    refused = ended(found, 0, yes=False)
    assert refused.exit is Exit.REFUSED and refused.next == ("fsdcf scale shop --env staging 0 --yes",)
    assert "no tasks will run: the service will not respond" in found.warnings()
    found.answers = {"execute": False}
    assert ended(found, 0, yes=False).exit is Exit.REFUSED
    found.answers = {"execute": True}
    found.forget()
    assert to(found, 0, yes=False).sentence == "shop-staging runs 0 tasks"
    assert found.asked[0].text == "Scale shop-staging from 1 to 0 tasks?" and len(found.asked[0].details) == 2
    assert found.warnings() == []


def test_auto_scaling_overrides_the_number() -> None:
    found = shop(bounds=(1, 3))
    to(found, 4)
    assert "between 1 and 3 tasks: it overrides 4 when it next removes tasks" in found.warnings()[0]
    assert "service.autoScaling.maxCount" in found.warnings()[0]
    found.forget()
    to(found, 0)
    assert "it overrides 0 when it next adds tasks" in found.warnings()[0]
    found.forget()
    to(found, 2)
    assert "it overrides 2 when the load" in found.warnings()[0]


def test_limits_are_read_from_the_template_without_permission() -> None:
    found = shop("api:DescribeScalableTargets:error=AccessDeniedException", bounds=(1, 3))
    assert to(found, 4).exit is Exit.DONE
    assert "no permission for application-autoscaling:DescribeScalableTargets" in found.warnings()[0]
    assert "between 1 and 3 tasks" in found.warnings()[1]


def test_an_unreadable_template_is_a_warning() -> None:
    found = shop(
        "api:GetTemplate:error=AccessDenied", "api:DescribeScalableTargets:error=AccessDeniedException", bounds=(1, 3)
    )
    assert to(found, 2).exit is Exit.DONE
    assert any("cannot be read" in one for one in found.warnings())


def test_the_next_deploy_overrides_the_number() -> None:
    found = shop()
    to(found, 2)
    assert found.warnings() == [
        "the next deploy that changes the service sets it to 1 again: set service.resources.desiredCount to keep 2"
    ]


@pytest.mark.parametrize(
    ("bounds", "count", "words"),
    [
        (ScalingLimits(2, 4, ("scaling out", "scaling in")), 9, "suspended: 9 remains"),
        (ScalingLimits(2, 4), 2, "it overrides 2"),
        (ScalingLimits(2, 4), 1, "when it next adds tasks; set service.autoScaling.minCount"),
        (ScalingLimits(2, 4), 5, "when it next removes tasks"),
    ],
)
def test_overrides_by_auto_scaling(bounds: ScalingLimits, count: int, words: str) -> None:
    (text,) = count_overrides(count, bounds, {})
    assert words in text and "between 2 and 4 tasks" in text


def test_a_schedule_overrides_the_number_unless_it_is_suspended() -> None:
    action = {"ScheduledActionName": "newyear", "Schedule": "cron(0 0 1 1 ? 2199)", "Timezone": "Europe/Berlin"}
    properties = {"ScalableDimension": "ecs:service:DesiredCount", "ScheduledActions": [action]}
    target = {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties}
    template = {"Resources": {"ScalableTarget": target}}
    _, text = count_overrides(3, ScalingLimits(2, 4), template)
    assert text == "the schedule newyear sets other limits at 2199-01-01 00:00 Europe/Berlin"
    (_,) = count_overrides(3, ScalingLimits(2, 4, ("scheduled scaling",)), template)


def test_the_number_in_the_template_is_not_overridden() -> None:
    template = {"Resources": {"Service": {"Type": "AWS::ECS::Service", "Properties": {"DesiredCount": 2}}}}
    assert list(count_overrides(2, None, template)) == [] and list(count_overrides(2, None, {})) == []


def test_more_tasks_of_a_single_writer_require_allow() -> None:
    found = shop(single=True)
    refused = ended(found, 2)
    assert refused.exit is Exit.REFUSED and refused.sentence.startswith(
        "data at risk: the service is configured for one task"
    )
    assert refused.next == ("fsdcf scale shop --env staging 2 --allow Service",)
    found.answers = {"data": False}
    assert ended(found, 2).exit is Exit.REFUSED and found.made("UpdateService") == 0
    found.answers = {"data": True}
    assert to(found, 2).exit is Exit.DONE
    found.answers = None
    assert to(found, 3, allow=frozenset({"Service"})).exit is Exit.DONE
    assert to(found, 0).exit is Exit.DONE, "fewer put nothing at risk"


def test_a_number_changed_by_another_user() -> None:
    found = shop()
    service = described(found)
    found.after(
        10,
        lambda: found.call(
            "UpdateService", "ecs", cluster=service["clusterArn"], service=service["serviceName"], desiredCount=1
        ),
    )
    outcome = to(found, 3)
    assert outcome.exit is Exit.FAILED and "has changed the number to 1" in outcome.sentence


def test_tasks_that_do_not_start_are_explained_until_the_deadline() -> None:
    found = shop()
    key = "/".join(described(found)["serviceArn"].split("/")[-2:])
    primary = scheduler.primary_of(found.state, key)
    assert primary is not None
    scheduler.change(found.state, primary, problem=["capacity", ""])
    outcome = ended(found, 2, timeout=300.0)
    assert (outcome.exit, outcome.sentence) == (
        Exit.UNKNOWN,
        "the deadline has passed: the scaling continues; its outcome is unknown",
    )
    told = [one.text for one in found.told if isinstance(one, ServiceEventReceived)]
    assert sum("unable to place a task" in one for one in told) == 1
    assert sum("a task stopped: Capacity is unavailable" in one for one in found.warnings()) == 1


def test_the_state_is_repeated_once_a_minute() -> None:
    found = shop("AWS::ECS::Service:update:slow=30")
    restart(Run(found.aws, found.tell, TARGET), Options(yes=True))
    assert any(one.startswith("still 0 of 1 running") for one in steps(found))


def balanced(count: int = 1) -> Site:
    """A service behind a load balancer."""
    found = site()
    found.stand(web(count), tags=TAGS)
    found.forget()
    return found


def trouble(found: Site, *problem: str) -> None:
    """What is wrong with the tasks that start from now on."""
    key = "/".join(described_in(found).split("/")[-2:])
    primary = scheduler.primary_of(found.state, key)
    assert primary is not None
    scheduler.change(found.state, primary, problem=list(problem))


def described_in(found: Site) -> str:
    """The ARN of the service, from the resources of the stack."""
    rows = found.call("ListStackResources", StackName=STACK)["StackResourceSummaries"]
    return str(next(row["PhysicalResourceId"] for row in rows if row["LogicalResourceId"] == "Service"))


def targets(found: Site) -> list[str]:
    rows = found.call("ListStackResources", StackName=STACK)["StackResourceSummaries"]
    group = next(row["PhysicalResourceId"] for row in rows if row["LogicalResourceId"] == "TargetGroup")
    answer = found.call("DescribeTargetHealth", "elbv2", TargetGroupArn=group)
    return [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]


def test_scaling_is_done_when_the_targets_are_healthy() -> None:
    found = balanced()
    assert to(found, 3).exit is Exit.DONE
    assert targets(found) == ["healthy"] * 3
    assert to(found, 0).exit is Exit.DONE, "there is nothing to be healthy"


def test_tasks_that_run_but_are_not_healthy_are_explained() -> None:
    found = balanced()
    trouble(found, "unhealthy", "404")
    outcome = to(found, 3)
    assert outcome.exit is Exit.FAILED
    assert outcome.sentence.startswith("shop-staging was scaled to 3 tasks, but the service is degraded (")
    assert "404" in outcome.sentence + str(outcome.evidence)


def test_a_number_that_is_reached_already_is_checked_too() -> None:
    found = balanced(2)
    assert to(found, 2).sentence == "shop-staging already runs 2 tasks"
    rows = found.call("ListStackResources", StackName=STACK)["StackResourceSummaries"]
    group = next(row["PhysicalResourceId"] for row in rows if row["LogicalResourceId"] == "TargetGroup")
    answer = found.call("DescribeTargetHealth", "elbv2", TargetGroupArn=group)
    one = answer["TargetHealthDescriptions"][0]["Target"]
    elbv2.set_target(found.state, group, one["Id"], one["Port"], "unhealthy", "Target.Timeout", "Request timed out")
    outcome = to(found, 2)
    assert outcome.exit is Exit.FAILED and "is scaled to 2 tasks, but the service is degraded" in outcome.sentence


def test_tasks_that_crash_are_explained_at_once() -> None:
    found = shop()
    trouble(found, "exit", "3")
    outcome = to(found, 3)
    assert outcome.exit is Exit.FAILED and "but the service is degraded (1 of 3 running" in outcome.sentence
    assert "exit code 3" in outcome.sentence


def test_without_a_load_balancer_the_containers_check_counts() -> None:
    found = site()
    body = web(1, command=["CMD", "true"], interval=20, retries=2)
    del body["Resources"]["Service"]["Properties"]["LoadBalancers"], body["Resources"]["Service"]["DependsOn"]
    for name in ("TargetGroup", "LoadBalancer", "Listener"):
        del body["Resources"][name]
    found.stand(body, tags=TAGS)
    assert to(found, 2).exit is Exit.DONE
    arns = found.call("ListTasks", "ecs", cluster=described_in(found).split("/")[-2])["taskArns"]
    tasks = found.call("DescribeTasks", "ecs", cluster=described_in(found).split("/")[-2], tasks=arns)["tasks"]
    assert [one["healthStatus"] for one in tasks] == ["HEALTHY"] * 2
    trouble(found, "unhealthy", "container")
    outcome = to(found, 3)
    assert outcome.exit is Exit.FAILED and "degraded (2 of 3 running" in outcome.sentence
    assert "container" in outcome.sentence


def test_a_restart_is_done_when_the_targets_are_healthy() -> None:
    found = balanced(2)
    assert restart(Run(found.aws, found.tell, TARGET), Options(yes=True)).exit is Exit.DONE
    assert targets(found).count("healthy") == 2


def test_interrupted_while_the_health_is_checked() -> None:
    found = balanced()
    found.pressing(42.0)
    outcome = ended(found, 3)
    assert (outcome.exit, outcome.sentence) == (
        Exit.INTERRUPTED,
        "interrupted: the scaling continues; its outcome is unknown",
    )


def test_a_version_that_is_not_the_stacks_can_be_scaled_and_restarted() -> None:
    found = shop()
    service = described(found)
    container = {"name": "shop", "image": "shop:by-hand"}
    made = found.call("RegisterTaskDefinition", "ecs", family="by-hand", containerDefinitions=[container])
    definition = made["taskDefinition"]["taskDefinitionArn"]
    where = {"cluster": service["clusterArn"], "service": service["serviceName"]}
    found.call("UpdateService", "ecs", **where, taskDefinition=definition)
    found.clock.advance(300)
    assert to(found, 2).exit is Exit.DONE
    assert restart(Run(found.aws, found.tell, TARGET), Options(yes=True)).exit is Exit.DONE
    assert described(found)["taskDefinition"] == definition
