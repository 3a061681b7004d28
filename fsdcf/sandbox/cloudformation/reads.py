"""What is read of stacks: descriptions, resources, templates, exports."""

from __future__ import annotations

import json
from typing import Any

from fsdcf.sandbox.cloudformation import exports, records, words
from fsdcf.sandbox.cloudformation.described import parameters, tags
from fsdcf.sandbox.cloudformation.pages import page
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.world import World

PAGE = 100
STALE = 30.0
"""Seconds after the beginning of an operation within which a read may still be a stale one."""

NOT_CHECKED = "NOT_CHECKED"


def describe_stacks(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStacks: one, deleted or not if it is named by ARN, or all that live."""
    named = params.get("StackName")
    if named is not None:
        return {"Stacks": [_told(world, _demand(world, named))]}
    living = [one for one in records.every_stack(world) if one["status"] != "DELETE_COMPLETE"]
    shown, token = page(world, living, params, PAGE)
    return _with_token({"Stacks": [_told(world, one) for one in shown]}, token)


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return answer if token is None else {**answer, "NextToken": token}


def _demand(world: World, named: str) -> Record:
    stack = records.find(world, named)
    if stack is None:
        raise words.no_such_id(named)
    return stack


def _status(world: World, stack: Record) -> tuple[str, str | None]:
    """Status and reason, as they are or as a stale read tells them."""
    lag = world.faults.of_cloudformation("lag-status")
    if lag is not None:
        seen = [one for one in stack["history"] if one[0] <= world.clock.now() - world.lasting(float(lag.detail))]
        _, status, reason = seen[-1] if seen else stack["history"][0]
        return status, reason
    before = stack.get("previous") or ["", None, 0.0]
    fresh = before[0] and world.clock.now() - before[2] <= world.lasting(STALE)
    if fresh and world.faults.of_cloudformation("stale-status") is not None:
        return before[0], before[1]
    return stack["status"], stack["reason"]


def _told(world: World, stack: Record) -> Record:
    settings, deleted = stack["settings"], stack["status"] == "DELETE_COMPLETE"
    status, reason = _status(world, stack)
    shown = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "ChangeSetId": stack["change_set"],
        "Description": settings["description"] if settings else None,
        "Parameters": parameters(settings),
        "CreationTime": stack["created"],
        "DeletionTime": stack["deleted"],
        "LastUpdatedTime": stack["updated"],
        "RollbackConfiguration": {},
        "StackStatus": status,
        "StackStatusReason": reason,
        "DisableRollback": stack["disable_rollback"],
        "NotificationARNs": settings["notifications"] if settings else [],
        "Capabilities": settings["capabilities"] or None if settings else None,
        "Outputs": stack["outputs"] or None,
        "RoleARN": settings["role"] if settings else None,
        "Tags": tags(settings),
        "EnableTerminationProtection": None if deleted else stack["protection"],
        "DriftInformation": {"StackDriftStatus": NOT_CHECKED},
        "LastOperations": stack["operations"] or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def list_stacks(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListStacks: also the deleted ones, by status."""
    wanted = params.get("StackStatusFilter")
    found = [one for one in records.every_stack(world) if not wanted or one["status"] in wanted]
    shown, token = page(world, found, params, PAGE)
    return _with_token({"StackSummaries": [_summary(one) for one in shown]}, token)


def _summary(stack: Record) -> Record:
    shown = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "TemplateDescription": stack["settings"]["description"] if stack["settings"] else None,
        "CreationTime": stack["created"],
        "LastUpdatedTime": stack["updated"],
        "DeletionTime": stack["deleted"],
        "StackStatus": stack["status"],
        "StackStatusReason": stack["reason"],
        "DriftInformation": {"StackDriftStatus": NOT_CHECKED},
        "LastOperations": stack["operations"] or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _resource(stack: Record, row: Record, time: str) -> Record:
    shown = {
        "StackName": stack["name"],
        "StackId": stack["id"],
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"] or None,
        "ResourceType": row["type"],
        time: row["at"],
        "ResourceStatus": row["status"],
        "ResourceStatusReason": row["reason"],
        "DriftInformation": {"StackResourceDriftStatus": NOT_CHECKED},
    }
    return {key: value for key, value in shown.items() if value is not None}


def describe_stack_resources(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResources: at most a hundred, as with AWS; also by a resource's physical id."""
    named, physical = params.get("StackName"), params.get("PhysicalResourceId")
    if named is None and physical is not None:
        return {"StackResources": _around(world, physical)}
    if named is None:
        raise words.invalid("Either StackName or PhysicalResourceId must be specified.")
    stack, logical = _demand(world, named), params.get("LogicalResourceId")
    rows = records.rows(world, stack["id"])
    if logical is not None and logical not in rows:
        raise words.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    wanted = [row for key, row in rows.items() if logical in (None, key)]
    return {"StackResources": [_resource(stack, row, "Timestamp") for row in wanted[:PAGE]]}


def _around(world: World, physical: str) -> list[Record]:
    """The resources of the stack that a physical id belongs to."""
    for stack in records.every_stack(world):
        rows = records.rows(world, stack["id"])
        if any(row["physical"] == physical for row in rows.values()):
            return [_resource(stack, row, "Timestamp") for row in rows.values()][:PAGE]
    raise words.invalid(f"Stack for {physical} does not exist")


def describe_stack_resource(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResource, with the metadata of the template."""
    stack, logical = _demand_living(world, params["StackName"]), params["LogicalResourceId"]
    row = records.row(world, stack["id"], logical)
    if row is None:
        raise words.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    metadata = row["definition"].get("Metadata")
    more = {} if metadata is None else {"Metadata": json.dumps(metadata, separators=(",", ":"))}
    return {"StackResourceDetail": {**_resource(stack, row, "LastUpdatedTimestamp"), **more}}


def _demand_living(world: World, named: str) -> Record:
    stack = records.find(world, named)
    if stack is None:
        raise words.invalid(f"Stack '{named}' does not exist")
    return stack


def list_stack_resources(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListStackResources: all, page by page."""
    stack = _demand(world, params["StackName"])
    shown, token = page(world, list(records.rows(world, stack["id"]).values()), params, PAGE)
    summaries = [_resource(stack, row, "LastUpdatedTimestamp") for row in shown]
    bare = [{key: value for key, value in one.items() if key not in ("StackName", "StackId")} for one in summaries]
    return _with_token({"StackResourceSummaries": bare}, token)


def list_exports(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListExports: of all stacks."""
    shown, token = page(world, exports.every(world), params, PAGE)
    return _with_token({"Exports": shown}, token)


def list_imports(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListImports: the stacks that import an export."""
    users = exports.importers(world, params["ExportName"])
    if not users:
        raise words.invalid(f"Export '{params['ExportName']}' is not imported by any stack.")
    shown, token = page(world, users, params, PAGE)
    return _with_token({"Imports": shown}, token)
