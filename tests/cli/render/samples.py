"""Events as an engine would tell them, for the sinks."""

from __future__ import annotations

from datetime import datetime, timezone

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import (
    Event,
    Evidence,
    Exit,
    Outcome,
    Place,
    Plan,
    PlanCreated,
    RunEnded,
    StackEvent,
    StackEventReceived,
    StepStarted,
    Waiting,
)

ARN = "arn:aws:cloudformation:us-east-1:000000000000:stack/shop-staging/1"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
SERVICE = Place("shop.yml", 7, 1, "service:")
TABLE = Place("shop.yml", 21, 5, "  - type: aws_dynamodb_table")
REPOSITORY = "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop"


def changed(path: str, before: object, after: object, title: str = "", **more: object) -> Detail:
    name = path.split("/")[2] if path.count("/") > 1 else None
    return Detail("Properties", name, path, before, after, "Never", "DirectModification", title=title, **more)  # type: ignore[arg-type]


IMAGE = changed(
    "/Properties/ContainerDefinitions/0/Image",
    f"{REPOSITORY}:one",
    f"{REPOSITORY}:two",
    "ContainerDefinitions[shop].Image",
)
PASSWORD = changed(
    "/Properties/ContainerDefinitions/0/Environment/1/Value",
    "hunter2",
    "hunter3",
    "ContainerDefinitions[shop].Environment[DB_PASSWORD].Value",
)
FOLLOWS = changed(
    "/Properties/TaskDefinition",
    "arn:aws:ecs:us-east-1:000000000000:task-definition/shop:1",
    "{{changeSet:KNOWN_AFTER_APPLY}}",
    "TaskDefinition",
    cause="TaskDefinition",
    evaluation="Dynamic",
)
CHANGES = (
    Change("Modify", "Service", "AWS::ECS::Service", "service-1", "False", None, ("Properties",), (FOLLOWS,)),
    Change(
        "Modify",
        "TaskDefinition",
        "AWS::ECS::TaskDefinition",
        "task-1",
        "True",
        "ReplaceAndDelete",
        ("Properties",),
        (IMAGE, PASSWORD),
    ),
    Change("Remove", "OrdersTable", "AWS::DynamoDB::Table", "orders", policy="Retain"),
    Change("Remove", "JobsQueue", "AWS::SQS::Queue", "jobs", policy="Delete"),
    Change("Add", "MailQueue", "AWS::SQS::Queue"),
    Change("Import", "LogGroup", "AWS::Logs::LogGroup", "shop-logs"),
    Change("Frobnicate", "Novelty", "AWS::New::Thing"),
)
RISKS = (Risk("OrdersTable", "AWS::DynamoDB::Table", "left behind", "it leaves the stack"),)
PLAN = Plan("shop-two", CHANGES, RISKS)
PLACES = {"Service": SERVICE, "TaskDefinition": SERVICE, "OrdersTable": TABLE, "MailQueue": SERVICE}


def seen(
    logical_id: str,
    status: str,
    elapsed: float = 0.0,
    type: str = "AWS::ECS::Service",
    reason: str = "",
    place: Place | None = None,
) -> StackEventReceived:
    physical = ARN if type == "AWS::CloudFormation::Stack" else f"{logical_id}-1"
    event = StackEvent(f"{logical_id}-{status}-{elapsed}", NOON, logical_id, physical, type, status, reason, stack=ARN)
    return StackEventReceived(event, elapsed, place)


def stack(status: str, elapsed: float = 0.0) -> StackEventReceived:
    return seen("shop-staging", status, elapsed, "AWS::CloudFormation::Stack")


SUCCESS = Outcome(
    Exit.DONE, "shop-staging is UPDATE_COMPLETE and runs two", outputs={"ServiceName": "shop-1", "Url": "http://shop"}
)
FAILURE = Outcome(
    Exit.FAILED,
    "Service could not be updated: the breaker was triggered; the stack was rolled back",
    (
        Evidence("Service", "UPDATE_FAILED: the breaker was triggered", SERVICE),
        Evidence("ECS", "CannotPullContainerError"),
    ),
    ("fsdcf diagnose shop --env staging", "fsdcf deploy shop.yml --env staging"),
)


def story(outcome: Outcome) -> list[Event]:
    """An update from the first step to the end."""
    failed = outcome.exit is not Exit.DONE
    return [
        StepStarted("preflight", "looking up the stack shop-staging"),
        PlanCreated(PLAN, PLACES),
        stack("UPDATE_IN_PROGRESS"),
        seen("TaskDefinition", "UPDATE_IN_PROGRESS", 1, "AWS::ECS::TaskDefinition", place=SERVICE),
        seen("TaskDefinition", "UPDATE_COMPLETE", 2, "AWS::ECS::TaskDefinition"),
        seen("Service", "UPDATE_IN_PROGRESS", 3),
        Waiting(40, ("Service",)),
        Waiting(64, ("Service",)),
        seen(
            "Service",
            "UPDATE_FAILED" if failed else "UPDATE_COMPLETE",
            70,
            reason="the breaker was triggered",
            place=SERVICE,
        ),
        stack("UPDATE_ROLLBACK_COMPLETE" if failed else "UPDATE_COMPLETE", 75),
        RunEnded(outcome),
    ]
