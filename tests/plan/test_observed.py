"""Plans of alarms, dashboards, and what scales a service: what AWS's pages say of a change.

REFERENCE is https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.conftest import resources
from tests.plan.test_diff import plan
from tests.plan.test_messages import remarks

ALARM, DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"
TARGET, POLICY = (f"AWS::ApplicationAutoScaling::{name}" for name in ("ScalableTarget", "ScalingPolicy"))
OFFICE = {
    "ScheduledActionName": "office",
    "Schedule": "cron(0 8 ? * MON-FRI *)",
    "ScalableTargetAction": {"MinCapacity": 4},
}


def alarm(**more: Any) -> dict[str, Any]:
    metric = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60}
    return {**metric, "EvaluationPeriods": 5, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 90, **more}


def target(**more: Any) -> dict[str, Any]:
    named = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/c/s"}
    return {**named, "MinCapacity": 2, "MaxCapacity": 10, **more}


def policy(name: str = "cpu", target: str = "a", value: int = 70, **more: Any) -> dict[str, Any]:
    tracking = {"TargetValue": value, **more}
    named = {"PolicyName": name, "PolicyType": "TargetTrackingScaling", "ScalingTargetId": target}
    return {**named, "TargetTrackingScalingPolicyConfiguration": tracking}


RESET = "scaling-limits-reset"


@pytest.mark.parametrize(
    ("type", "before", "after", "expected"),
    [
        # REFERENCE/aws-resource-cloudwatch-alarm.html: only another name replaces an alarm
        (ALARM, alarm(), alarm(Threshold=80), set()),
        (ALARM, alarm(), alarm(EvaluationPeriods=3), set()),
        (ALARM, alarm(), alarm(Statistic="Maximum"), set()),
        (ALARM, alarm(), alarm(Dimensions=[{"Name": "ServiceName", "Value": "shop"}]), set()),
        (ALARM, alarm(), alarm(TreatMissingData="breaching"), set()),
        (ALARM, alarm(), alarm(AlarmActions=["arn:aws:sns:us-east-1:123456789012:a"]), set()),
        (ALARM, alarm(), alarm(ActionsEnabled=False), set()),
        (ALARM, alarm(AlarmDescription="a"), alarm(AlarmDescription="b"), set()),
        (ALARM, alarm(AlarmName="a"), alarm(AlarmName="b"), {"replaced"}),
        (ALARM, alarm(), None, set()),
        # REFERENCE/aws-resource-cloudwatch-dashboard.html: the same, and a dashboard holds no data
        (DASHBOARD, {"DashboardBody": "{}"}, {"DashboardBody": '{"widgets":[]}'}, set()),
        (DASHBOARD, {"DashboardBody": "{}"}, {"DashboardBody": "{}", "DashboardName": "a"}, {"replaced"}),
        (DASHBOARD, {"DashboardBody": "{}"}, None, set()),
        # REFERENCE/aws-resource-applicationautoscaling-scalabletarget.html: the resource names the target
        (TARGET, target(), target(ResourceId="service/c/other"), {"replaced"}),
        (TARGET, target(), target(MaxCapacity=12), set()),
        # Application Auto Scaling, API_RegisterScalableTarget.html: an update sets the limits, also against a schedule
        (TARGET, target(ScheduledActions=[OFFICE]), target(ScheduledActions=[OFFICE], MaxCapacity=12), {RESET}),
        (TARGET, target(ScheduledActions=[OFFICE]), target(ScheduledActions=[{**OFFICE, "Timezone": "UTC"}]), {RESET}),
        (TARGET, target(), target(ScheduledActions=[OFFICE]), set()),
        (TARGET, target(ScheduledActions=[OFFICE]), target(), set()),
        # REFERENCE/aws-resource-applicationautoscaling-scalingpolicy.html: name and target replace a policy
        (POLICY, policy(), policy(value=60), set()),
        (POLICY, policy(), policy(ScaleInCooldown=600), set()),
        (POLICY, policy(), policy(DisableScaleIn=True), set()),
        (POLICY, policy(), policy(name="memory"), {"replaced"}),
        (POLICY, policy(), policy(target="b"), {"replaced"}),
    ],
)
def test_changes(type: str, before: dict[str, Any] | None, after: dict[str, Any] | None, expected: set[str]) -> None:
    beside = {"A": {"Type": type, "Properties": before}}, {"A": {"Type": type, "Properties": after}} if after else {}
    assert remarks(plan(*(resources(Log={"Type": "AWS::Logs::LogGroup"}, **side) for side in beside))) == expected
