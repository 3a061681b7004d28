"""What an execution has to do to a resource that exists: nothing, an update, or a replacement, now that all values are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import Side, difference
from fsdcf.sandbox.cloudformation import values
from fsdcf.sandbox.cloudformation.records import Record

Effect = Literal["none", "update", "replace"]


def effect(row: Record, wanted: Record, tags: dict[str, str]) -> Effect:
    """What brings the resource of a row to a definition, and the stack's tags with it.

    A change set calls some replacements Conditional. Of those whose condition is documented the execution decides by it (``CONDITIONS``);
    all others are done in place.
    """
    if row["definition"] == wanted and row["tags"] == tags:
        return "none"
    logical = row["logical"]
    before = Side(values.as_template(logical, row["definition"]), {}, row["tags"])
    changes = difference(before, Side(values.as_template(logical, wanted), {}, tags))
    if not changes:
        return "none"
    return "replace" if any(_replaces(one, row["definition"], wanted) for one in changes) else "update"


def _replaces(change: Change, was: Record, wanted: Record) -> bool:
    if change.action != "Modify" or change.replacement == "True":
        return True
    names = {one.name for one in change.details if one.recreation == "Conditionally" and one.name is not None}
    before, after = (one.get("Properties") or {} for one in (was, wanted))
    conditions = CONDITIONS.get(change.type, {})
    return any(conditions[name](before.get(name), after.get(name)) for name in names if name in conditions)


def _always(before: Any, after: Any) -> bool:
    return True


def _edited(before: Any, after: Any) -> bool:
    """Whether an attribute that both sides define has another type."""
    types = [{one.get("AttributeName"): one.get("AttributeType") for one in side or ()} for side in (before, after)]
    return any(types[0][name] != types[1][name] for name in types[0].keys() & types[1].keys())


def _both(before: Any, after: Any) -> bool:
    return before is not None and after is not None


CONDITIONS: Mapping[str, Mapping[str, Callable[[Any, Any], bool]]] = {
    "AWS::DynamoDB::Table": {"AttributeDefinitions": _edited, "KeySchema": _always},
    "AWS::EC2::VPC": {"InstanceTenancy": lambda before, after: after == "dedicated"},
    "AWS::ECS::Service": {"LaunchType": _both},
}
"""By type and property, whether a change from one value to another replaces the resource, where the type's page says when: an attribute of a
table that is edited, its keys; a tenancy other than from dedicated to default; a launch type that takes another one's place, not one that gives
way to a capacity provider.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html, aws-resource-ec2-vpc.html and
aws-resource-ecs-service.html
"""
