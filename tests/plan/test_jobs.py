"""Plans of schedules and state machines: what AWS's pages say of a change.

REFERENCE is https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference, STATES is
https://docs.aws.amazon.com/step-functions/latest/apireference.
"""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.template import read
from fsdcf.plan.cost.estimate import estimate
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.permissions.boundary import boundary
from fsdcf.plan.permissions.policy import operating, permissions
from tests.conftest import ROOT
from tests.plan.test_messages import found, remarks

SCHEDULE, MACHINE = "AWS::Scheduler::Schedule", "AWS::StepFunctions::StateMachine"
ROLE = "arn:aws:iam::123456789012:role/starts"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:nightly"
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/jobs"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TASK = {"EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/nightly:1"}}


def schedule(expression: str = "cron(0 3 * * ? *)", arn: str = ARN, **more: Any) -> dict[str, Any]:
    target = {"Arn": arn, "RoleArn": ROLE, **more.pop("target", {})}
    return {"ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-scheduler-schedule.html: Name alone requires a replacement
        (schedule(Name="nightly"), schedule(Name="daily"), {"replaced"}),
        (schedule(), schedule(Name="daily"), {"replaced"}),
        # the same page: everything else is changed without interruption
        (schedule(), schedule("rate(1 day)"), set()),
        (schedule(), schedule(ScheduleExpressionTimezone="Europe/Berlin"), set()),
        (schedule(State="ENABLED"), schedule(State="DISABLED"), set()),
        (schedule(), schedule(arn=CLUSTER, target=TASK), set()),
        (schedule(), schedule(target={"RetryPolicy": {"MaximumRetryAttempts": 0}}), set()),
        (schedule(), schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}), set()),
        (schedule(), schedule(EndDate="2027-12-31T00:00:00Z"), set()),
        (schedule(KmsKeyArn=KEY), schedule(), set()),
        # REFERENCE/aws-attribute-deletionpolicy.html: a schedule holds no data
        (schedule(), None, set()),
    ],
)
def test_a_schedule(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(SCHEDULE, before, after)) == expected


def machine(states: dict[str, Any] | None = None, kind: str = "STANDARD", **more: Any) -> dict[str, Any]:
    definition = {"StartAt": "Run", "States": states or {"Run": {"Type": "Succeed"}}}
    return {"RoleArn": ROLE, "StateMachineType": kind, "Definition": definition, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-stepfunctions-statemachine.html: StateMachineName and StateMachineType replace it
        (machine(StateMachineName="nightly"), machine(StateMachineName="daily"), {"replaced"}),
        (machine(), machine(StateMachineName="daily"), {"replaced"}),
        (machine(), machine(kind="EXPRESS"), {"replaced"}),
        # STATES/API_UpdateStateMachine.html: executions that run keep the definition and the role of their start
        (machine(), machine({"Run": {"Type": "Fail"}}), set()),
        (machine(DefinitionSubstitutions={"Cluster": "a"}), machine(DefinitionSubstitutions={"Cluster": "b"}), set()),
        (machine(), machine(RoleArn=f"{ROLE}-2"), set()),
        # the reference: no interruption
        (machine(), machine(LoggingConfiguration={"Level": "ERROR"}), set()),
        (machine(TracingConfiguration={"Enabled": True}), machine(), set()),
        (machine(), machine(EncryptionConfiguration={"Type": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": KEY}), set()),
        (machine(), machine(Tags=[{"Key": "team", "Value": "data"}]), set()),
        # STATES/API_DeleteStateMachine.html: it is deleted once its executions have ended
        (machine(), None, set()),
    ],
)
def test_a_state_machine(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(MACHINE, before, after)) == expected


def golden(name: str) -> Any:
    return read((ROOT / "tests" / "cases" / "jobs" / f"{name}.staging.template.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "settings", "tasks", "others"),
    [
        # 365.25 runs a year of five minutes, and four transitions each
        ("nightly", (), 365.25 / 12 / 12 * (0.25 * 0.04048 + 0.5 * 0.004445), 365.25 / 12 * (4 * 0.025 / 1000 + 1e-6)),
        ("tick", ("job-minutes=3",), 4 * 730 / 20 * (0.25 * 0.0125 + 0.5 * 0.0013), 4 * 730 / 1e6),
    ],
)
def test_what_runs_cost(name: str, settings: tuple[str, ...], tasks: float, others: float) -> None:
    found = estimate(golden(name), shipped(), assumed(settings))
    lines = {line.price.name: float(line.amount.maximum) for line in found.lines if line.part == "tasks"}
    by_the_hour = sum(cost for price, cost in lines.items() if price.startswith("fargate"))
    assert by_the_hour == pytest.approx(tasks)
    assert sum(lines.values()) - by_the_hour == pytest.approx(others)
    assert any("DeadLetters" in one.resources for one in found.unpriced), "few messages should get there"


def test_what_starts_a_run_is_drawn() -> None:
    graph = architecture(golden("nightly"), "nightly")
    names = {node.id: node.lines for node in graph.nodes}
    assert names["r_Schedule"] == ("Schedule", "cron(0 3 * * ? *)", "Europe/Berlin")
    assert names["r_StateMachine"] == ("State machine", "2 retries", "timeout 3,600 s", "no overlap")
    arrows = {(edge.source, edge.target): edge.label for edge in graph.edges}
    assert arrows["r_Schedule", "r_StateMachine"] == "starts"
    assert arrows["r_StateMachine", "r_TaskDefinition"] == "runs"
    assert arrows["r_StateMachine", "r_DeadLetters"] == arrows["r_StateMachine", "r_FailuresTopic"] == "failures"
    direct = {(edge.source, edge.target) for edge in architecture(golden("tick"), "tick").edges}
    assert ("r_Schedule", "r_TaskDefinition") in direct


TAGS = {"fsdcf:service": "nightly", "fsdcf:environment": "staging"}


def test_the_boundary_lets_the_roles_of_a_task_be_passed_to_ecs_alone() -> None:
    """Without that, no run of a job whose roles have the boundary could start."""
    statements = boundary([DeployedStack("nightly-staging", golden("nightly"), TAGS)], "staging")["Statement"]
    denial = next(one for one in statements if one["Effect"] == "Deny" and "iam:*" in one["Action"])
    assert denial["Condition"] == {"StringNotEqualsIfExists": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    passed = next(one for one in statements if one["Effect"] == "Allow" and "iam:PassRole" in one["Action"])
    assert sorted(str(one).rpartition("/")[2] for one in passed["Resource"]) == [
        "nightly-staging-ExecutionRole-*",
        "nightly-staging-TaskRole-*",
    ]


def test_the_permissions_name_the_schedule_and_the_runs() -> None:
    stack = DeployedStack("nightly-staging", golden("nightly"), TAGS)
    allowed = {action: one.resources for one in operating([stack]).statements for action in one.actions}
    assert [one.rpartition(":")[2] for one in allowed["scheduler:GetSchedule"]] == [
        "schedule/default/nightly-staging-Schedule-*"
    ]
    assert any(":execution:nightly-staging-StateMachine-*:*" in one for one in allowed["states:StopExecution"])
    assert not any("ScheduleRole" in one for one in allowed["iam:PassRole"]), "operators start no schedule"
    found = permissions([stack], "arn:aws:iam::*:policy/limit")
    assert found.unknown == ()
    deployed = {action for one in found.statements for action in one.actions}
    assert {"states:CreateStateMachine", "scheduler:CreateSchedule"} <= deployed
