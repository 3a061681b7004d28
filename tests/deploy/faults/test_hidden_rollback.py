"""ECS rolls the service back while the stack is UPDATE_COMPLETE."""

from __future__ import annotations

from fsdcf.deploy.model import Exit
from tests.deploy.site import STACK, Site, service, site, template


def running(made: Site) -> tuple[str, str]:
    """The service's ARN and the task definition that its PRIMARY deployment runs."""
    rows = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    arn = next(one["PhysicalResourceId"] for one in rows if one["LogicalResourceId"] == "Service")
    told = made.call("DescribeServices", "ecs", cluster=arn.split("/")[1], services=[arn])["services"][0]
    return arn, next(one["taskDefinition"] for one in told["deployments"] if one["status"] == "PRIMARY")


def before(made: Site) -> str:
    """A task definition that is none of the stack's."""
    properties = service()["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    container = {"name": properties["Name"], "image": "shop:zero", "essential": True}
    told = made.call("RegisterTaskDefinition", "ecs", family="shop-staging", containerDefinitions=[container])
    return str(told["taskDefinition"]["taskDefinitionArn"])


def back(made: Site, old: str) -> None:
    """The service goes back to an older task definition as soon as the stack is complete."""
    done: list[bool] = []

    def act(_: float) -> None:
        if not done and made.status().startswith("UPDATE_COMPLETE"):
            done.append(True)
            arn, _now = running(made)
            made.call("UpdateService", "ecs", cluster=arn.split("/")[1], service=arn, taskDefinition=old)

    made.on_sleep.append(act)


def test_a_rollback_behind_a_complete_stack_is_a_failure() -> None:
    made = site()
    made.stand(template(**service()))
    old = before(made)
    back(made, old)
    outcome = made.deploy(template(**service()), "two")
    assert made.status() == "UPDATE_COMPLETE"
    assert outcome.exit is Exit.FAILED
    assert "the stack is UPDATE_COMPLETE" in outcome.sentence
    assert any("PRIMARY" in one.source and old in one.text for one in outcome.evidence)
    assert "fsdcf diagnose shop --env staging" in outcome.next


def test_redeploying_the_same_version_is_not_a_success() -> None:
    made = site()
    made.stand(template(**service()))
    old = before(made)
    made.deploy(template(**service()), "two")
    arn, new = running(made)
    assert new != old
    made.call("UpdateService", "ecs", cluster=arn.split("/")[1], service=arn, taskDefinition=old)
    outcome = made.deploy(template(**service()), "two")
    assert outcome.exit is Exit.FAILED
    assert "nothing to change" in outcome.sentence
    assert made.diagnose().exit is Exit.FAILED


def test_a_rollout_in_progress_is_waited_for() -> None:
    made = site()
    made.stand(template(**service()))
    done: list[bool] = []

    def act(_: float) -> None:
        if not done and made.status().startswith("UPDATE_COMPLETE"):
            done.append(True)
            arn, now = running(made)
            made.call(
                "UpdateService",
                "ecs",
                cluster=arn.split("/")[1],
                service=arn,
                taskDefinition=now,
                forceNewDeployment=True,
            )

    made.on_sleep.append(act)
    outcome = made.deploy(template(**service()), "two")
    assert done
    assert outcome.exit is Exit.DONE
    assert outcome.sentence == "shop-staging is UPDATE_COMPLETE and runs two"


def test_an_unreadable_rollout_is_a_success_with_a_warning() -> None:
    made = site()
    made.stand(template(**service()))
    made.fault("api:DescribeServices:error=AccessDeniedException**")
    outcome = made.deploy(template(**service()), "two")
    assert outcome.exit is Exit.DONE
    assert "runs" not in outcome.sentence
    assert [one for one in made.warnings() if "rollout not verified" in one]
