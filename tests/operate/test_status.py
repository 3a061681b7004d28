"""Status: few calls, no crash, what surrounds a service, and a list of what is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.loaders import Loader

from fsdcf.cli.commands.status import status_lines, status_record
from fsdcf.diagnostics import plain
from fsdcf.operate.status import SIGNALS_EVERY, Status, status
from tests.deploy.site import STACK, TAGS, Site, service, site, template
from tests.operate.shop import body as shop_template
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
    assert len(made.aws.calls) <= 9
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
    """AWS with ready answers, for what the sandbox does not play; empty ones for all others."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.now = 0.0

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, parameters))
        answer: dict[str, Any] = self.answers.get(operation, {})
        return answer

    def pages(self, service: str, operation: str, /, *, call: Any, **parameters: Any) -> Iterator[dict[str, Any]]:
        yield call(service, operation, **parameters)

    def supports(self, service: str, operation: str) -> bool:
        return True

    def clock(self) -> float:
        return self.now


STACK_ANSWER: dict[str, Any] = {
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
    reasons = {"healthy": "", "unhealthy": "Target.Timeout", "draining": "Target.DeregistrationInProgress"}
    states = [
        {"Target": {"Id": state}, "TargetHealth": {"State": state, "Reason": reason}}
        for state, reason in reasons.items()
    ]
    found, text = read_status(
        DescribeServices={"services": [balanced]},
        DescribeTaskDefinition={"taskDefinition": {"containerDefinitions": [{"image": "shop:two"}]}},
        DescribeTargetHealth={"TargetHealthDescriptions": states},
    )
    assert not found.steady and (found.healthy, found.targets) == (1, 2)
    for line in (
        "shop-staging  UPDATE_COMPLETE  2026-11-24 15:02:11 UTC",
        "tasks    1 of 2 running, 1 pending, 2 of an older deployment remaining",
        "targets  1 of 2 healthy, 1 draining (it is being deregistered), 1 unhealthy (the health check times out)",
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


BALANCED = {"status": "ACTIVE", "desiredCount": 2, "runningCount": 1, "deployments": []}


def test_the_progress_of_a_rollout() -> None:
    service = {
        **BALANCED,
        "deployments": [
            {"id": "2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 4, "runningCount": 1}
        ],
    }
    _, text = read_status(DescribeServices={"services": [service]})
    assert "  progress 1 of 4 new tasks running\n" in text + "\n"
    deployment = {
        "status": "ROLLBACK_IN_PROGRESS",
        "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT",
        "targetServiceRevision": {"requestedProductionTrafficWeight": 10.0},
        "deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": 1, "threshold": 3},
        "startedAt": datetime(2026, 11, 24, 15, 2, 11, tzinfo=timezone.utc),
    }
    found, text = read_status(
        DescribeServices={"services": [{**service, "currentServiceDeployment": "arn"}]},
        DescribeServiceDeployments={"serviceDeployments": [deployment]},
    )
    assert (
        "progress 1 of 4 new tasks running, stage PRODUCTION_TRAFFIC_SHIFT, 10 percent of the traffic, the circuit "
        "breaker counts 1 of 3 failures, ROLLBACK_IN_PROGRESS, since 2026-11-24 15:02:11 UTC"
    ) in text
    progress = status_record(found)["progress"]
    assert (progress["stage"], progress["traffic"]) == ("PRODUCTION_TRAFFIC_SHIFT", 10.0)
    assert progress["breaker"] == {"count": 1, "threshold": 3}
    done = [{"status": "PRIMARY", "rolloutState": "COMPLETED"}]
    assert read_status(DescribeServices={"services": [{**BALANCED, "deployments": done}]})[0].progress is None


ALARM = {
    "AlarmName": "shop-Errors",
    "StateValue": "ALARM",
    "StateReason": "Threshold Crossed: 1 datapoint (9.0)",
    "StateTransitionedTimestamp": datetime(2026, 11, 24, 15, 2, 11, tzinfo=timezone.utc),
}


def test_the_alarms_of_the_stack_and_of_the_deployment() -> None:
    rows = [
        {"LogicalResourceId": name, "PhysicalResourceId": id, "ResourceType": type, "ResourceStatus": state}
        for name, id, type, state in (
            ("Errors", "shop-Errors", "AWS::CloudWatch::Alarm", "CREATE_COMPLETE"),
            ("Any", "shop-Any", "AWS::CloudWatch::CompositeAlarm", "CREATE_COMPLETE"),
            ("Old", "shop-Old", "AWS::CloudWatch::Alarm", "DELETE_COMPLETE"),
        )
    ]
    watching = {**BALANCED, "deploymentConfiguration": {"alarms": {"alarmNames": ["other", "shop-Errors"]}}}
    answers = Answers(
        DescribeStacks=STACK_ANSWER,
        ListStackResources={"StackResourceSummaries": rows},
        DescribeServices={"services": [watching]},
        DescribeAlarms={"MetricAlarms": [ALARM], "CompositeAlarms": [{"AlarmName": "shop-Any", "StateValue": "OK"}]},
    )
    found = status(STACK, answers)  # type: ignore[arg-type]
    assert found is not None
    asked = next(members for name, members in answers.asked if name == "DescribeAlarms")
    assert asked["AlarmNames"] == ["shop-Errors", "shop-Any", "other"] and "CompositeAlarm" in asked["AlarmTypes"]
    text = "\n".join(status_lines(found, plain))
    assert (
        "  alarms   1 of 3 in ALARM\n"
        "           shop-Errors since 2026-11-24 15:02:11 UTC: Threshold Crossed: 1 datapoint (9.0)"
    ) in text
    assert status_record(found)["alarms"]["inAlarm"][0]["name"] == "shop-Errors"
    answers.answers["DescribeAlarms"] = {}
    again = status(STACK, answers)  # type: ignore[arg-type]
    assert again is not None and "  alarms   0 of 3 in ALARM" in "\n".join(status_lines(again, plain))


def test_alarms_of_others_on_the_metrics_of_the_service() -> None:
    def alarm(name: str, **dimensions: str) -> dict[str, Any]:
        pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        return {**ALARM, "AlarmName": name, "Dimensions": pairs}

    metric = alarm("by-query", TargetGroup="targetgroup/shop/1")
    query = {"Metrics": [{"MetricStat": {"Metric": {"Dimensions": metric.pop("Dimensions")}}}, {"Expression": "m1"}]}
    alarms = [
        alarm("cpu", ClusterName="x", ServiceName="x"),
        alarm("another-cluster", ClusterName="y", ServiceName="x"),
        alarm("TargetTracking-service/x/x-AlarmLow-1", ClusterName="x", ServiceName="x"),
        alarm("errors", LoadBalancer="app/shop/2"),
        {**metric, **query},
        alarm("foreign", QueueName="x"),
        {**alarm("ok", ClusterName="x", ServiceName="x"), "StateValue": "OK"},
    ]
    balancer = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/2"
    row = {"LogicalResourceId": "LoadBalancer", "PhysicalResourceId": balancer, "ResourceStatus": "CREATE_COMPLETE"}
    group = {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/shop/1"}
    found, text = read_status(
        ListStackResources={"StackResourceSummaries": [row]},
        DescribeServices={"services": [{**BALANCED, "loadBalancers": [group]}]},
        DescribeAlarms={"MetricAlarms": alarms},
    )
    assert [(one.name, one.own) for one in found.signals.alarms] == [
        ("cpu", False),
        ("errors", False),
        ("by-query", False),
    ]
    assert "  alarms   3 on its metrics in ALARM\n           cpu since 2026-11-24 15:02:11 UTC: Threshold" in text


def test_what_a_service_does_not_have_costs_no_call() -> None:
    answers = Answers(DescribeStacks=STACK_ANSWER, DescribeServices={"services": [BALANCED]})
    found = status(STACK, answers)  # type: ignore[arg-type]
    assert found is not None and "alarms" not in "\n".join(status_lines(found, plain))
    assert [name for name, _ in answers.asked] == [
        "DescribeStacks",
        "ListStackResources",
        "DescribeServices",
        "DescribeAlarms",
        "DescribeScalableTargets",
        "ListTasks",
    ]


def scaled(**suspended: bool) -> dict[str, Any]:
    target = {"ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 2, "MaxCapacity": 10}
    return {"ScalableTargets": [{**target, "SuspendedState": suspended}]}


def test_auto_scaling_and_its_last_activity() -> None:
    activity = {
        "Description": "Setting desired count to 4.",
        "Cause": "monitor alarm TargetTracking in state ALARM triggered policy cpu",
        "StatusCode": "Successful",
        "StatusMessage": "Successfully set desired count to 4.",
        "StartTime": datetime(2026, 11, 24, 15, 2, 11, tzinfo=timezone.utc),
    }
    found, text = read_status(
        DescribeServices={"services": [BALANCED]},
        DescribeScalableTargets=scaled(DynamicScalingInSuspended=True),
        DescribeScalingActivities={"ScalingActivities": [activity]},
    )
    assert (
        "  scaling  2 to 10 tasks, but scaling in is suspended\n"
        "           2026-11-24 15:02:11 UTC Setting desired count to 4. (monitor alarm TargetTracking in state ALARM "
        "triggered policy cpu)"
    ) in text
    scaling = status_record(found)["scaling"]
    assert (scaling["minimum"], scaling["suspended"]) == (2, ["scaling in"])
    assert scaling["lastActivity"]["text"] == "Setting desired count to 4."
    every = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    _, text = read_status(
        DescribeServices={"services": [BALANCED]}, DescribeScalableTargets=scaled(**dict.fromkeys(every, True))
    )
    assert "  scaling  2 to 10 tasks, suspended" in text
    failed = {**activity, "StatusCode": "Failed", "StatusMessage": "Failed to set desired count: denied"}
    _, text = read_status(
        DescribeServices={"services": [BALANCED]},
        DescribeScalableTargets=scaled(),
        DescribeScalingActivities={"ScalingActivities": [failed]},
    )
    assert "Setting desired count to 4. (Failed: Failed to set desired count: denied)" in text


def test_the_causes_of_stopped_tasks() -> None:
    def stopped(code: str, why: str, exit_code: int, **container: str) -> dict[str, Any]:
        containers = [{"name": "shop", "exitCode": exit_code, **container}]
        return {"lastStatus": "STOPPED", "stopCode": code, "stoppedReason": why, "containers": containers}

    crash = stopped("EssentialContainerExited", "Essential container in task exited", 137, reason="OutOfMemoryError")
    tasks = [crash, stopped("UserInitiated", "hangs", 143), crash, {"lastStatus": "STOPPING"}]
    found, text = read_status(
        DescribeServices={"services": [BALANCED]},
        ListTasks={"taskArns": ["1", "2", "3", "4"]},
        DescribeTasks={"tasks": tasks},
    )
    causes = "it ran out of memory (2), a person or a program stopped it: hangs (1)"
    assert f"  stopped  3 tasks in about the last hour: {causes}" in text
    assert status_record(found)["stopped"][0] == {"why": "it ran out of memory", "count": 2}


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        (
            "DRIFTED",
            "  drift    resources differ from the template (DRIFTED), as `fsdcf drift` shows, checked ",
        ),
        ("IN_SYNC", "  drift    none (IN_SYNC), checked "),
        ("NOT_CHECKED", ""),
    ],
)
def test_drift_if_it_was_looked_for(drift: str, line: str) -> None:
    stack = STACK_ANSWER["Stacks"][0]
    checked = {"StackDriftStatus": drift, "LastCheckTimestamp": stack["CreationTime"]}
    answer = {"Stacks": [{**stack, "DriftInformation": checked}]}
    found = status(STACK, Answers(DescribeStacks=answer))  # type: ignore[arg-type]
    assert found is not None
    text = "\n".join(status_lines(found, plain))
    assert f"{line}2026-11-24 15:02:11 UTC" in text if line else "drift" not in text
    assert (status_record(found)["drift"] or {}).get("status") == (drift if line else None)


def test_what_rarely_changes_is_not_read_at_every_look() -> None:
    answers = Answers(DescribeStacks=STACK_ANSWER, DescribeServices={"services": [BALANCED]})
    found = status(STACK, answers)  # type: ignore[arg-type]
    answers.asked.clear()
    answers.now += 5
    found = status(STACK, answers, found)  # type: ignore[arg-type]
    assert [name for name, _ in answers.asked] == ["DescribeStacks", "DescribeServices"]
    answers.asked.clear()
    answers.now += SIGNALS_EVERY
    found = status(STACK, answers, found)  # type: ignore[arg-type]
    assert "ListTasks" in dict(answers.asked) and "ListStackResources" not in dict(answers.asked)
    changed = {**STACK_ANSWER["Stacks"][0], "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}
    answers.answers["DescribeStacks"] = {"Stacks": [changed]}
    answers.asked.clear()
    status(STACK, answers, found)  # type: ignore[arg-type]
    assert "ListStackResources" in dict(answers.asked)


def test_every_optional_look_that_fails_is_one_sentence() -> None:
    made = site()
    body = shop_template(1, False, (2, 4), False)
    body["Resources"]["Errors"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}}
    made.stand(body)
    looks = {
        "DescribeAlarms": "the alarms are unknown",
        "DescribeScalableTargets": "the limits of auto scaling are unknown",
        "DescribeScalingActivities": "the last activity of auto scaling is unknown",
        "ecs.ListTasks": "the stopped tasks are unknown",
    }
    for operation, words in looks.items():
        made.state.faults.clear()
        made.fault(f"api:{operation}:error=AccessDeniedException")
        found = status(STACK, made.aws)
        assert found is not None and len(found.missing) == 1 and found.missing[0].startswith(f"{words}: ")
        assert found.running == 2


def test_alarms_and_scaling_in_the_sandbox() -> None:
    made = site("cfn:alarm=Errors")
    body = shop_template(1, False, (2, 4), False)
    for name in ("Errors", "Slow"):
        body["Resources"][name] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}}
    arn = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/ecs/service/c/s:policyName/p"
    body["Resources"]["Steps"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmActions": [arn]}}
    (target,) = (one for one in body["Resources"].values() if one["Type"].endswith("::ScalableTarget"))
    target["Properties"]["ScheduledActions"] = [
        {"ScheduledActionName": name, "Schedule": schedule, "Timezone": "UTC", "ScalableTargetAction": limits}
        for name, schedule, limits in (
            ("newyear", "cron(0 0 1 1 ? 2199)", {"MaxCapacity": 9}),
            ("later", "rate(1 day)", {"MinCapacity": 1}),
        )
    ]
    made.deploy(body)
    made.forget()
    found = status(STACK, made.aws)
    assert found is not None and found.missing == () and len(made.aws.calls) <= 10
    text = "\n".join(status_lines(found, plain))
    assert "alarms   1 of 2 in ALARM\n           shop-staging-Errors-" in text
    name = next(name for name, state in found.signals.states.items() if state == "OK")
    made.aws.call("cloudwatch", "SetAlarmState", AlarmName=name, StateValue="INSUFFICIENT_DATA", StateReason="new")
    again = status(STACK, made.aws)
    assert again is not None and again.signals.states[name] == "INSUFFICIENT_DATA"
    assert "alarms   1 of 2 in ALARM, 1 without data\n" in "\n".join(status_lines(again, plain))
    assert status_record(again)["alarms"]["states"][name] == "INSUFFICIENT_DATA"
    assert "scaling  2 to 4 tasks\n           2 to 9 tasks from 2199-01-01 00:00 UTC (schedule newyear)\n" in text
    following = status_record(found)["scaling"]["next"]
    assert (following["name"], following["maximum"], following["minimum"]) == ("newyear", 9, None)
    assert "Setting desired count to 2. (minimum capacity was set to 2)" in text
