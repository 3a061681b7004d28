"""Drift: what was changed outside CloudFormation, what AWS sets itself, what is not checked, and a bounded wait."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.deploy.answers import Answer
from fsdcf.deploy.model import Exit, Place, StepStarted, Target
from fsdcf.deploy.run import Run, Stop
from fsdcf.operate.drift import DriftReport, detect, outcome_of
from tests.deploy.site import STACK, Site, service, site, template, topic

SHOP = Target("shop", "staging", "fsdcf deploy shop.yml --env staging")
POLICY = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": ["a"], "PolicyDocument": {}}}
LOG = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}}
SCALED = {
    "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
    "DependsOn": "Service",
    "Properties": {
        "MinCapacity": 1,
        "MaxCapacity": 9,
        "ResourceId": {"Fn::Sub": "service/${Cluster}/${Service.Name}"},
        "ScalableDimension": "ecs:service:DesiredCount",
        "ServiceNamespace": "ecs",
    },
}


def stand(body: Any, *faults: str) -> Site:
    made = site()
    made.stand(body)
    made.fault(*faults)
    return made


def look(made: Site, where: Any = lambda name: None, timeout: float | None = None) -> DriftReport:
    return detect(Run(made.aws, made.tell, SHOP, None, where), timeout)


def ended(made: Site, report: DriftReport) -> Any:
    return outcome_of(report, Run(made.aws, made.tell, SHOP))


def differences(report: DriftReport) -> list[tuple[str, str, Any, Any]]:
    return [
        (one.logical_id, part.title, part.expected, part.actual) for one in report.drifted for part in one.properties
    ]


def answered(made: Site, monkeypatch: pytest.MonkeyPatch, operation: str, change: Any) -> None:
    """Let AWS answer an operation differently."""
    call = made.aws.call

    def spy(service: str, name: str, /, **parameters: Any) -> Answer:
        answer = call(service, name, **parameters)
        return change(answer) if name == operation else answer

    monkeypatch.setattr(made.aws, "call", spy)


def test_without_drift() -> None:
    made = stand(template(Policy=POLICY, Log=LOG))
    report = look(made)
    assert report.drifted == () and report.unchecked == (("Policy", "AWS::SNS::TopicPolicy"),)
    outcome = ended(made, report)
    assert outcome.exit is Exit.DONE and "no drift" in outcome.sentence


def test_a_changed_property_has_its_line_and_its_values() -> None:
    made = stand(template(Log=LOG, Jobs=topic(DisplayName="5")), "Log:drift:RetentionInDays=7")
    made.fault("Jobs:drift:deleted")
    places = {"Log/RetentionInDays": Place("shop.yml", 9, 3, "retention: 30"), "Log": Place("shop.yml", 8, 1, "logs:")}
    report = look(made, places.get)
    assert differences(report) == [("Log", "RetentionInDays", "30", "7")]
    log = next(one for one in report.drifted if one.logical_id == "Log")
    assert log.place == places["Log"] and log.properties[0].place == places["Log/RetentionInDays"]
    assert [one.status for one in report.drifted if one.logical_id == "Jobs"] == ["DELETED"]
    outcome = ended(made, report)
    assert outcome.exit is Exit.CHANGES and "2 resources have drifted" in outcome.sentence
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --revert-drift --plan-only",)
    assert (
        made.call("DescribeStacks", StackName=STACK)["Stacks"][0]["DriftInformation"]["StackDriftStatus"] == "DRIFTED"
    )


def scaled(made: Site, count: int) -> None:
    rows = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
    made.call("UpdateService", "ecs", cluster=ids["Cluster"], service=ids["Service"], desiredCount=count)


@pytest.mark.parametrize("by_auto_scaling", [True, False])
def test_the_number_of_tasks_is_drift_unless_auto_scaling_sets_it(by_auto_scaling: bool) -> None:
    made = stand(template(**service(2), **({"Scaling": SCALED} if by_auto_scaling else {})))
    scaled(made, 5)
    report = look(made)
    assert differences(report) == ([] if by_auto_scaling else [("Service", "DesiredCount", "2", "5")])
    assert [part.managed for _, part in report.managed] == (
        ["auto scaling sets the number of tasks"] if by_auto_scaling else []
    )
    assert ended(made, report).exit is (Exit.DONE if by_auto_scaling else Exit.CHANGES)


def test_an_update_of_the_service_outside_is_drift() -> None:
    made = stand(template(**service(2)))
    rows = made.call("DescribeStackResources", StackName=STACK)["StackResources"]
    ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
    configuration = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    made.call(
        "UpdateService",
        "ecs",
        cluster=ids["Cluster"],
        service=ids["Service"],
        deploymentConfiguration=configuration,
    )
    titles = [title for _, title, _, _ in differences(look(made))]
    assert titles == [
        "DeploymentConfiguration.DeploymentCircuitBreaker.Enable",
        "DeploymentConfiguration.DeploymentCircuitBreaker.Rollback",
    ]


def rule(weight: int) -> dict[str, Any]:
    groups = [{"TargetGroupArn": "blue", "Weight": weight}, {"TargetGroupArn": "green", "Weight": 100 - weight}]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    conditions = [{"Field": "path-pattern", "Values": ["/*"]}]
    return {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {"Priority": 1, "ListenerArn": "arn", "Actions": actions, "Conditions": conditions},
    }


@pytest.mark.parametrize("shifts", [True, False])
def test_weights_are_drift_unless_ecs_shifts_the_traffic(shifts: bool) -> None:
    body = template(**service(1), Rule=rule(100))
    if shifts:
        body["Resources"]["Service"]["Properties"]["LoadBalancers"] = [
            {
                "ContainerName": "shop",
                "ContainerPort": 80,
                "TargetGroupArn": "blue",
                "AdvancedConfiguration": {"AlternateTargetGroupArn": "green"},
            }
        ]
    made = stand(body, "Rule:drift:Actions/0/ForwardConfig/TargetGroups/0/Weight=0")
    report = look(made)
    assert [one.logical_id for one in report.drifted] == ([] if shifts else ["Rule"])
    assert bool(report.managed) is shifts


def test_what_could_not_be_read_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stand(template(Log=LOG))

    def unread(answer: Answer) -> Answer:
        for row in answer["StackResourceDrifts"]:
            if row["LogicalResourceId"] == "Log":
                row |= {"StackResourceDriftStatus": "UNKNOWN", "DriftStatusReason": "no permission"}
        return answer

    answered(made, monkeypatch, "DescribeStackResourceDrifts", unread)
    report = look(made)
    assert [(one.logical_id, one.reason) for one in report.unknown] == [("Log", "no permission")]
    assert ended(made, report).exit is Exit.UNKNOWN


def test_a_failed_detection_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stand(template(Log=LOG))
    answered(
        made,
        monkeypatch,
        "DescribeStackDriftDetectionStatus",
        lambda answer: {**answer, "DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": "Failed to detect"},
    )
    outcome = ended(made, look(made))
    assert outcome.exit is Exit.UNKNOWN and "Failed to detect" in outcome.sentence


def test_the_wait_is_bounded_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stand(template())
    answered(
        made,
        monkeypatch,
        "DescribeStackDriftDetectionStatus",
        lambda answer: {**answer, "DetectionStatus": "DETECTION_IN_PROGRESS"},
    )
    begun = made.clock.now()
    with pytest.raises(Stop) as late:
        look(made, timeout=120.0)
    assert late.value.outcome.exit is Exit.UNKNOWN and 110 < made.clock.now() - begun < 160
    texts = [one.text for one in made.told if isinstance(one, StepStarted)]
    assert sum("still comparing" in text for text in texts) in (2, 3)


def test_another_detection_is_waited_for() -> None:
    made = stand(template())
    made.call("DetectStackDrift", StackName=STACK)
    assert look(made).drifted == ()
    assert any("another user" in one.text for one in made.told if isinstance(one, StepStarted))


@pytest.mark.parametrize(
    ("status", "exit"),
    [("UPDATE_IN_PROGRESS", Exit.BUSY), ("ROLLBACK_COMPLETE", Exit.REFUSED), ("DELETE_FAILED", Exit.REFUSED)],
)
def test_a_stack_in_another_state_is_not_compared(status: str, exit: Exit) -> None:
    made = stand(template())
    made.force(status)
    with pytest.raises(Stop) as refused:
        look(made)
    assert refused.value.outcome.exit is exit and not made.made("DetectStackDrift")


@pytest.mark.parametrize(
    ("actual", "drifts"),
    [("arn:aws:sns:us-east-1:1:five", False), ("arn:aws:sns:us-east-1:1:six", True), ("six", True)],
)
def test_the_arn_of_what_the_template_names_is_no_drift(actual: str, drifts: bool) -> None:
    made = stand(template(Jobs=topic(DisplayName="five")), f"Jobs:drift:DisplayName={actual}")
    report = look(made)
    assert bool(report.drifted) is drifts and bool(report.managed) is not drifts
