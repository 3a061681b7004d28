"""Status: at most six calls, no crash, and a list of what is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.loaders import Loader

from fsdcf.cli.commands.status import status_lines, status_record
from fsdcf.cli.render.durations import moment
from fsdcf.diagnostics import plain
from fsdcf.operate.status import Status, status
from tests.deploy.site import STACK, TAGS, Site, service, site, template
from tests.sandbox.cloudformation import scenes

STATUSES = Loader().load_service_model("cloudformation", "service-2")["shapes"]["StackStatus"]["enum"]


def put(state: str) -> Site:
    """A sandbox with a stack in a state."""
    made = site()
    scenes.put(made.state, state, scenes.Wish(STACK, template(**service()), {"ImageSha": "one"}, TAGS))
    made.aws.calls.clear()
    return made


@pytest.mark.parametrize("state", STATUSES)
def test_every_state_of_a_stack(state: str) -> None:
    made = put(state)
    found = status(STACK, made.aws)
    assert len(made.aws.calls) <= 6
    if state == "DELETE_COMPLETE":
        assert found is None
        return
    assert found is not None and found.stack.status == state
    assert not found.steady or not found.stack.running
    text = "\n".join(status_lines(found, plain))
    assert state in text and status_record(found)["status"] == state


def test_a_running_service() -> None:
    made = put("CREATE_COMPLETE")
    found = status(STACK, made.aws)
    assert found is not None and found.primary is not None
    assert (found.desired, found.running, found.pending, found.steady) == (1, 1, 0, True)
    assert found.image == "shop:one" and found.primary.state == "COMPLETED" and found.missing == ()


def test_missing_permissions_are_reported() -> None:
    made = put("CREATE_COMPLETE")
    made.fault("api:ecs.DescribeTaskDefinition:error=AccessDeniedException")
    found = status(STACK, made.aws)
    assert found is not None and found.image is None and found.running == 1
    assert found.missing == ("the image is unknown: no permission for ecs:DescribeTaskDefinition",)
    made.fault("api:ecs.DescribeServices:error=AccessDeniedException")
    found = status(STACK, made.aws)
    assert found is not None and found.running is None and len(found.missing) == 1
    made.fault("api:ListStackResources:error=AccessDenied")
    found = status(STACK, made.aws)
    assert found is not None and "the stack's resources are unknown: no permission" in found.missing[0]


class Answers:
    """AWS with ready answers, for what the sandbox does not play."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.answers[operation]
        return answer


STACK_ANSWER = {
    "Stacks": [
        {
            "StackName": STACK,
            "StackId": "arn",
            "StackStatus": "UPDATE_COMPLETE",
            "CreationTime": datetime(2026, 11, 24, 15, 2, 11, tzinfo=timezone.utc),
            "EnableTerminationProtection": True,
            "Outputs": [{"OutputKey": key, "OutputValue": "x"} for key in ("ClusterName", "ServiceName", "Url")],
        }
    ]
}


def read_status(**answers: Any) -> tuple[Status, str]:
    found = status(STACK, Answers(DescribeStacks=STACK_ANSWER, **answers))  # type: ignore[arg-type]
    assert found is not None
    return found, "\n".join(status_lines(found, plain))


def test_a_rollout_in_progress_with_its_targets() -> None:
    deployments = [
        {
            "id": "2",
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "in progress",
            "desiredCount": 2,
            "runningCount": 1,
            "failedTasks": 3,
        },
        {
            "id": "1",
            "status": "ACTIVE",
            "rolloutState": "COMPLETED",
            "desiredCount": 2,
            "runningCount": 2,
            "taskDefinition": "a/shop:1",
        },
        {"id": "0", "status": "INACTIVE", "rolloutState": "FAILED", "rolloutStateReason": "the breaker tripped"},
    ]
    running = {
        "desiredCount": 2,
        "runningCount": 3,
        "pendingCount": 1,
        "taskDefinition": "a/shop:2",
        "deployments": deployments,
    }
    balanced = {
        **running,
        "loadBalancers": [{"targetGroupArn": "group"}],
        "events": [{"message": "has started 1 tasks"}],
    }
    states = [{"TargetHealth": {"State": state}} for state in ("healthy", "unhealthy", "draining")]
    found, text = read_status(
        DescribeServices={"services": [balanced]},
        DescribeTaskDefinition={"taskDefinition": {"containerDefinitions": [{"image": "shop:two"}]}},
        DescribeTargetHealth={"TargetHealthDescriptions": states},
    )
    assert not found.steady and (found.healthy, found.targets) == (1, 2)
    for line in (
        "shop-staging  UPDATE_COMPLETE  2026-11-24 15:02:11 UTC",
        "tasks    1 of 2 running, 1 pending, 2 of an older deployment remaining",
        "targets  1 of 2 healthy",
        "rollout  PRIMARY IN_PROGRESS : 1 of 2 running, 3 failed",
        "rollout  INACTIVE FAILED : 0 of 0 running (the breaker tripped)",
        "has started 1 tasks",
        "note     termination protection is on",
    ):
        assert line in text


def test_more_tasks_than_desired() -> None:
    def tasks(running: int, *deployments: dict[str, object]) -> str:
        _, text = read_status(
            DescribeServices={"services": [{"desiredCount": 2, "runningCount": running, "deployments": deployments}]}
        )
        return next(line.strip() for line in text.splitlines() if "tasks  " in line)

    primary = {"status": "PRIMARY", "desiredCount": 2, "runningCount": 2}
    assert tasks(4, primary, {"status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 2}).endswith(
        "2 of 2 running, 2 of an older deployment remaining"
    )
    assert tasks(3, primary, {"status": "ACTIVE", "rolloutState": "FAILED", "runningCount": 1}).endswith(
        "2 of 2 running, 1 of the failed deployment remaining"
    )
    assert tasks(4, {**primary, "runningCount": 4}).endswith("4 running, 2 desired")


def test_a_service_that_does_not_exist() -> None:
    assert "the service x does not exist in the cluster x" in read_status(DescribeServices={"services": []})[0].missing
    assert read_status(DescribeServices={"services": [{"status": "INACTIVE"}]})[0].running is None


def test_a_missing_time_is_empty() -> None:
    assert moment(None) == ""


def test_long_messages_are_wrapped() -> None:
    message = f"(service {'s' * 40}) registered 1 targets in (target-group {'t' * 20}) " + "and went on " * 9
    service = {"deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}], "events": [{"message": message}]}
    found, text = read_status(DescribeServices={"services": [service]})
    assert "  ecs      registered 1 targets in" in text and "(service" not in text
    narrow = list(status_lines(found, plain, 80))
    assert max(map(len, narrow)) <= 80 and narrow[-1].startswith(" " * 11)


def test_followed_tasks_precede_the_messages() -> None:
    service = {
        "deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}],
        "events": [{"message": "has started 2 tasks"}] * 3,
    }
    found, _ = read_status(DescribeServices={"services": [service]})
    heads = [line.split()[0] for line in status_lines(found, plain, 80, ["  task     0a1b2c3d  PENDING 3s"])]
    assert heads.index("rollout") < heads.index("task") < heads.index("ecs")


def test_a_service_with_a_certificate_has_a_dns_name_and_no_url() -> None:
    found, _ = read_status(DescribeServices={"services": []})
    outputs = {"LoadBalancerDnsName": "shop.elb.amazonaws.com"}
    found = replace(found, stack=replace(found.stack, outputs=outputs))
    text = "\n".join(status_lines(found, plain))
    assert "  dns name shop.elb.amazonaws.com (the target of your domain's record)" in text and "url" not in text
    assert status_record(found)["url"] is None and "LoadBalancerDnsName" in status_record(found)["outputs"]
