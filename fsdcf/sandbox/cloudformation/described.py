"""Change sets as they are described and listed, page by page, with AWS's oddities where a fault asks for them."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.cloudformation import records, words
from fsdcf.sandbox.cloudformation.changesets import demanded
from fsdcf.sandbox.cloudformation.pages import page
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.oddities import Novel
from fsdcf.sandbox.world import World

CHANGES = 100
"""Changes of one page; AWS counts bytes instead."""

_WARNING = "[WARN] --include-property-values option can return incomplete ChangeSet data because: Logical Id: {}, failed property validation"


def describe_change_set(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeChangeSet, with property values or without."""
    body = demanded(world, params)
    with_values = bool(params.get("IncludePropertyValues"))
    changes, reason = list(body["changes" if with_values else "bare"]), body["reason"]
    if with_values:
        changes, reason = _incomplete(world, body, changes, reason)
    shown, token = page(world, [_odd(world, one) for one in changes], params, CHANGES)
    settings: Record = body["settings"]
    answer = {
        **_summary(body),
        "StatusReason": reason,
        "Parameters": parameters(settings),
        "NotificationARNs": settings["notifications"],
        "RollbackConfiguration": {},
        "Capabilities": settings["capabilities"],
        "Tags": tags(settings) or None,
        "Changes": shown,
        "NextToken": token,
        "OnStackFailure": body["on_failure"],
        "ImportExistingResources": body["import_existing"] or None,
    }
    return {key: value for key, value in answer.items() if value is not None}


def parameters(settings: Record | None) -> list[Record] | None:
    """The parameters as AWS shows them; those with NoEcho hidden."""
    if settings is None or not settings["parameters"]:
        return None
    return [_parameter(settings, key, value) for key, value in settings["parameters"].items()]


def _parameter(settings: Record, key: str, value: str) -> Record:
    if key in settings["hidden"]:
        return {"ParameterKey": key, "ParameterValue": "****"}
    resolved = {"ResolvedValue": settings["values"][key]} if settings["values"][key] != value else {}
    return {"ParameterKey": key, "ParameterValue": value, **resolved}


def tags(settings: Record | None) -> list[Record]:
    """The tags of a stack as AWS shows them."""
    return [] if settings is None else [{"Key": key, "Value": value} for key, value in settings["tags"].items()]


def _incomplete(
    world: World, body: Record, changes: list[Record], reason: str | None
) -> tuple[list[Record], str | None]:
    """What AWS leaves out of an answer with property values."""
    if reason is not None and world.faults.of_cloudformation("no-reason") is not None:
        reason = None
    dropped = world.faults.of_cloudformation("drop-values") if changes else None
    if dropped is None:
        return changes, reason
    names = [one["ResourceChange"]["LogicalResourceId"] for one in changes]
    lost = dropped.detail if dropped.detail in names else names[0]
    return [one for one in changes if one["ResourceChange"]["LogicalResourceId"] != lost], _WARNING.format(lost)


def _odd(world: World, change: Record) -> Record:
    """A change with words that clients may not know."""
    inner = dict(change["ResourceChange"])
    other = world.faults.of_cloudformation("action")
    if other is not None and inner["Action"] == "Modify":
        inner["Action"] = Novel(other.detail)
    if world.faults.of_cloudformation("unknown-enums") is not None:
        if "Replacement" in inner:
            inner["Replacement"] = Novel("Perhaps")
        inner["PolicyAction"] = Novel("ReplaceAndArchive")
        inner["Scope"] = [*inner["Scope"], Novel("Provenance")]
        inner["Details"] = [
            {**one, "Evaluation": Novel("Eventual"), "ChangeSource": Novel("Drift"), "Target": _target(one["Target"])}
            for one in inner["Details"]
        ]
    return {**change, "ResourceChange": inner}


def _target(target: Record) -> Record:
    return {**target, "Attribute": Novel("Provenance"), "RequiresRecreation": Novel("Sometimes")}


def _summary(body: Record) -> Record:
    return {
        "StackId": body["stack"],
        "StackName": body["stack_name"],
        "ChangeSetId": body["id"],
        "ChangeSetName": body["name"],
        "ExecutionStatus": body["execution"],
        "Status": body["status"],
        "CreationTime": body["created"],
        "Description": body["description"],
        "IncludeNestedStacks": False,
    }


def list_change_sets(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListChangeSets: those that can be executed or have failed."""
    stack = records.living(world, params["StackName"])
    if stack is None:
        raise words.no_stack(params["StackName"])
    shown, token = page(world, records.change_sets(world, stack["id"]), params, CHANGES)
    summaries = [{**_summary(body), "StatusReason": body["reason"]} for body in shown]
    answer = {"Summaries": [{key: value for key, value in one.items() if value is not None} for one in summaries]}
    return answer if token is None else {**answer, "NextToken": token}
