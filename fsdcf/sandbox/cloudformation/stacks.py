"""The operations that make, change and delete stacks without a change set, and those that turn a running update round."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.parameters import is_no_echo
from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import capabilities, problems
from fsdcf.sandbox.cloudformation import changesets, messages, operations, records, resource_steps, values
from fsdcf.sandbox.cloudformation.changesets import parameters, tags
from fsdcf.sandbox.cloudformation.operations import Kind, OperationPlan
from fsdcf.sandbox.cloudformation.records import Record, page
from fsdcf.sandbox.cloudformation.resource_steps import StackSimulation
from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.state import SandboxState, ServiceError


def create_stack(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CreateStack: also over a stack that is only under review."""
    values.check_name(params["StackName"])
    stack = records.living(state, params["StackName"])
    if stack is not None and values.repeated(stack, "CreateStack", params):
        return {"StackId": stack["id"]}
    if stack is not None and stack["status"] != "REVIEW_IN_PROGRESS":
        raise ServiceError("AlreadyExistsException", f"Stack [{params['StackName']}] already exists")
    settings = values.settings(state, None, params)
    if stack is None:
        stack = records.new_stack(state, params["StackName"], state.clock.now())
        values.repeated(stack, "CreateStack", params)
    if params.get("OnFailure") and params.get("DisableRollback") is not None:
        raise messages.invalid("Only one of DisableRollback and OnFailure can be specified.")
    stack["protection"] = bool(params.get("EnableTerminationProtection"))
    changesets.outdate(state, stack["id"])
    on_failure = params.get("OnFailure") or ("DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK")
    operation = _begin(state, stack, "create", settings, params, on_failure)
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def _begin(
    state: SandboxState, stack: Record, kind: Kind, settings: Record, params: dict[str, Any], on_failure: str
) -> Record:
    plan = OperationPlan(
        kind=kind,
        settings=settings,
        token=params.get("ClientRequestToken"),
        disable_rollback=on_failure == "DO_NOTHING",
        on_failure=on_failure,
        retain_except_on_create=bool(params.get("RetainExceptOnCreate")),
        timeout=params.get("TimeoutInMinutes"),
    )
    try:
        return operations.begin(state, stack, plan)
    except EvaluationError as error:
        raise messages.invalid(str(error)) from None


def update_stack(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateStack: refused where it would change nothing."""
    stack = _demand(state, params["StackName"])
    if values.repeated(stack, "UpdateStack", params):
        return {"StackId": stack["id"]}
    if stack["status"] not in values.UPDATABLE:
        raise messages.busy(stack["id"], stack["status"])
    settings = values.settings(state, stack, params)
    problem = changesets.problem(state, stack, settings)
    if problem is not None:
        raise messages.invalid(problem)
    if changesets.is_empty(state, stack, settings, changesets.changes(state, stack, settings)):
        raise messages.invalid(messages.NO_UPDATES)
    changesets.outdate(state, stack["id"])
    on_failure = "DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK"
    operation = _begin(state, stack, "update", settings, params, on_failure)
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def _demand(state: SandboxState, named: str) -> Record:
    stack = records.living(state, named)
    if stack is None:
        raise messages.no_stack(named)
    return stack


def _playing(state: SandboxState, stack: Record) -> StackSimulation | None:
    """The stack's latest operation at this moment; None for a stack that never had one."""
    operation = records.operation(state, stack["id"])
    return None if operation is None else StackSimulation(state, state.clock.now(), stack, operation)


def delete_stack(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteStack: of a stack that is not there is no error. A creation that runs is stopped for it, an update is not."""
    named = params["StackName"]
    stack = records.living(state, named)
    if stack is None or stack["status"] == "DELETE_IN_PROGRESS" or values.repeated(stack, "DeleteStack", params):
        return {}
    if stack["protection"]:
        raise messages.invalid(f"Stack [{named}] cannot be deleted while TerminationProtection is enabled")
    status, retained = stack["status"], list(params.get("RetainResources") or ())
    if status.endswith("_IN_PROGRESS") and status not in (
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "REVIEW_IN_PROGRESS",
    ):
        raise messages.invalid(f"Stack [{stack['id']}] cannot be deleted while in status {status}")
    if retained and status != "DELETE_FAILED":
        raise messages.invalid(
            f"Invalid operation on stack [{stack['id']}]. RetainResources is only applicable to stacks in DELETE_FAILED state."
        )
    changesets.outdate(state, stack["id"])
    blocker = values.deletion_blocker(state, stack)
    if blocker is not None:
        _refuse_delete(state, stack, params, blocker)
    else:
        operations.delete(state, stack, params.get("ClientRequestToken"), retained)
    return {}


def _refuse_delete(state: SandboxState, stack: Record, params: dict[str, Any], blocker: str) -> None:
    """The call is taken; the stack fails to be deleted before anything is."""
    operation = operations.new_operation(state, stack, "DELETE_STACK", params.get("ClientRequestToken"))
    operation |= {"kind": "delete", "phase": "failed", "before": stack["settings"], "touched": {}, "change_set": None}
    simulation = StackSimulation(state, state.clock.now(), stack, operation)
    simulation.status("DELETE_IN_PROGRESS", messages.USER_INITIATED)
    simulation.status("DELETE_FAILED", blocker)
    simulation.save()


def cancel_update_stack(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CancelUpdateStack: what runs is cancelled, and all is rolled back."""
    stack = _demand(state, params["StackName"])
    if values.repeated(stack, "CancelUpdateStack", params):
        return {}
    simulation = _playing(state, stack)
    if stack["status"] != "UPDATE_IN_PROGRESS" or simulation is None:
        raise messages.invalid("CancelUpdateStack cannot be called from current stack status")
    simulation.operation["token"] = params.get("ClientRequestToken")
    resource_steps.halt(simulation)
    operations.executed(simulation, "EXECUTE_FAILED")
    operations.roll_back_update(simulation, messages.STACK_UPDATE_CANCELLED)
    simulation.save()
    return {}


def continue_update_rollback(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ContinueUpdateRollback: tries again what has failed and what was cancelled, but for what is to be skipped.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
    """
    stack = _demand(state, params["StackName"])
    if values.repeated(stack, "ContinueUpdateRollback", params):
        return {}
    simulation = _playing(state, stack)
    if stack["status"] != "UPDATE_ROLLBACK_FAILED" or simulation is None:
        # AWS's words for this are not known.
        raise messages.invalid(
            f"Stack:{stack['id']} is in {stack['status']} state and can not continue update rollback."
        )
    skipped = [one.rpartition(".")[2] for one in params.get("ResourcesToSkip") or ()]
    wrong = [key for key in skipped if simulation.steps.get(key, {}).get("state") != "failed"]
    if wrong:
        raise messages.invalid(
            f"The following resource(s) cannot be skipped: [{', '.join(wrong)}]. Only resources in UPDATE_FAILED state because "
            "a rollback failed can be skipped."
        )
    fresh = operations.new_operation(state, simulation.stack, "CONTINUE_ROLLBACK", params.get("ClientRequestToken"))
    simulation.operation.update({"id": fresh["id"], "token": fresh["token"], "failures": [], "stopped": False})
    simulation.status("UPDATE_ROLLBACK_IN_PROGRESS", messages.USER_INITIATED)
    for key in skipped:
        row = records.row(state, simulation.id, key)
        simulation.steps[key]["state"] = "done"
        if row is not None:
            simulation.told(row, "UPDATE_COMPLETE")
    for one in simulation.steps.values():
        one["state"] = "waiting" if one["state"] in ("failed", "cancelled") else one["state"]
    simulation.later(operations.FIRST, "proceed")
    simulation.save()
    return {}


def rollback_stack(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """RollbackStack: of a stack that failed with its rollback disabled, to what it was before.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
    """
    stack = _demand(state, params["StackName"])
    if values.repeated(stack, "RollbackStack", params):
        return {"StackId": stack["id"]}
    simulation = _playing(state, stack)
    if stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED") or simulation is None:
        # AWS's words for this are not known.
        raise messages.invalid(f"Stack:{stack['id']} is in {stack['status']} state and can not be rolled back.")
    fresh = operations.new_operation(state, simulation.stack, "ROLLBACK", params.get("ClientRequestToken"))
    simulation.operation.update({"id": fresh["id"], "token": fresh["token"]})
    if params.get("RetainExceptOnCreate") is not None:
        simulation.operation["retain_except_on_create"] = params["RetainExceptOnCreate"]
    simulation.stack["disable_rollback"] = False
    if stack["status"] == "CREATE_FAILED":
        operations.roll_back_creation(simulation, messages.USER_INITIATED)
    else:
        operations.roll_back_update(simulation, messages.USER_INITIATED)
    simulation.save()
    return {"StackId": stack["id"], "OperationId": fresh["id"]}


def update_termination_protection(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateTerminationProtection."""
    stack = _demand(state, params["StackName"])
    stack["protection"] = params["EnableTerminationProtection"]
    records.save_stack(state, stack)
    return {"StackId": stack["id"]}


PAGE = 100
STALE = 30.0
"""Seconds after the beginning of an operation within which a read may still be a stale one."""

NOT_CHECKED = "NOT_CHECKED"


def describe_stacks(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStacks: one, deleted or not if it is named by ARN, or all that live."""
    named = params.get("StackName")
    if named is not None:
        return {"Stacks": [_told(state, _reads_demand(state, named))]}
    living = [one for one in records.every_stack(state) if one["status"] != "DELETE_COMPLETE"]
    shown, token = page(state, living, params, PAGE)
    return _with_token({"Stacks": [_told(state, one) for one in shown]}, token)


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return answer if token is None else {**answer, "NextToken": token}


def _reads_demand(state: SandboxState, named: str) -> Record:
    stack = records.find(state, named)
    if stack is None:
        raise messages.no_such_id(named)
    return stack


def _status(state: SandboxState, stack: Record) -> tuple[str, str | None]:
    """Status and reason, as they are or as a stale read tells them."""
    lag = state.faults.quirk("lag-status")
    if lag is not None:
        seen = [one for one in stack["history"] if one[0] <= state.clock.now() - state.duration(float(lag.detail))]
        _, status, reason = seen[-1] if seen else stack["history"][0]
        return status, reason
    before = stack.get("previous") or ["", None, 0.0]
    fresh = before[0] and state.clock.now() - before[2] <= state.duration(STALE)
    if fresh and state.faults.quirk("stale-status") is not None:
        return before[0], before[1]
    return stack["status"], stack["reason"]


def _told(state: SandboxState, stack: Record) -> Record:
    settings, deleted = stack["settings"], stack["status"] == "DELETE_COMPLETE"
    status, reason = _status(state, stack)
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


def list_stacks(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListStacks: also the deleted ones, by status."""
    wanted = params.get("StackStatusFilter")
    found = [one for one in records.every_stack(state) if not wanted or one["status"] in wanted]
    shown, token = page(state, found, params, PAGE)
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


def describe_stack_resources(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResources: at most a hundred, as with AWS; also by a resource's physical id."""
    named, physical = params.get("StackName"), params.get("PhysicalResourceId")
    if named is None and physical is not None:
        return {"StackResources": _around(state, physical)}
    if named is None:
        raise messages.invalid("Either StackName or PhysicalResourceId must be specified.")
    stack, logical = _reads_demand(state, named), params.get("LogicalResourceId")
    rows = records.rows(state, stack["id"])
    if logical is not None and logical not in rows:
        raise messages.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    wanted = [row for key, row in rows.items() if logical in (None, key)]
    return {"StackResources": [_resource(stack, row, "Timestamp") for row in wanted[:PAGE]]}


def _around(state: SandboxState, physical: str) -> list[Record]:
    """The resources of the stack that a physical id belongs to."""
    for stack in records.every_stack(state):
        rows = records.rows(state, stack["id"])
        if any(row["physical"] == physical for row in rows.values()):
            return [_resource(stack, row, "Timestamp") for row in rows.values()][:PAGE]
    raise messages.invalid(f"Stack for {physical} does not exist")


def describe_stack_resource(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResource, with the metadata of the template."""
    stack, logical = _demand_living(state, params["StackName"]), params["LogicalResourceId"]
    row = records.row(state, stack["id"], logical)
    if row is None:
        raise messages.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    metadata = row["definition"].get("Metadata")
    more = {} if metadata is None else {"Metadata": json.dumps(metadata, separators=(",", ":"))}
    return {"StackResourceDetail": {**_resource(stack, row, "LastUpdatedTimestamp"), **more}}


def _demand_living(state: SandboxState, named: str) -> Record:
    stack = records.find(state, named)
    if stack is None:
        raise messages.invalid(f"Stack '{named}' does not exist")
    return stack


def list_stack_resources(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListStackResources: all, page by page."""
    stack = _reads_demand(state, params["StackName"])
    shown, token = page(state, list(records.rows(state, stack["id"]).values()), params, PAGE)
    summaries = [_resource(stack, row, "LastUpdatedTimestamp") for row in shown]
    bare = [{key: value for key, value in one.items() if key not in ("StackName", "StackId")} for one in summaries]
    return _with_token({"StackResourceSummaries": bare}, token)


def list_exports(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListExports: of all stacks."""
    shown, token = page(state, values.exports(state), params, PAGE)
    return _with_token({"Exports": shown}, token)


def list_imports(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListImports: the stacks that import an export."""
    users = values.importers(state, params["ExportName"])
    if not users:
        raise messages.invalid(f"Export '{params['ExportName']}' is not imported by any stack.")
    shown, token = page(state, users, params, PAGE)
    return _with_token({"Imports": shown}, token)


_OPERATION_STATUS = {"COMPLETE": "SUCCEEDED", "FAILED": "FAILED"}


def describe_stack_events(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackEvents: newest first. A token goes on where its page ended, whatever has happened since."""
    stack = records.find(state, params["StackName"])
    if stack is None:
        raise messages.no_stack(params["StackName"])
    newest, size = _newest(state, stack), records.size_of(state, PAGE)
    start = records.offset(params)
    first = newest if params.get("NextToken") is None else min(start, newest)
    found = [_shown(state, one) for one in records.events(state, stack["id"], first, size)]
    if state.faults.quirk("duplicate-events") is not None:
        found = [one for one in found for _ in range(2)]
    answer: dict[str, Any] = {"StackEvents": found}
    return answer if first - size < 1 else {**answer, "NextToken": records.token(first - size)}


def _newest(state: SandboxState, stack: Record) -> int:
    """The number of the newest event that can be seen."""
    number: int = stack["events"]
    lag = state.faults.quirk("lag-events")
    if lag is None:
        return number
    seen = state.clock.now() - state.duration(float(lag.detail))
    while number > 0:
        (event,) = records.events(state, stack["id"], number, 1)
        if event["Timestamp"] <= seen:
            break
        number -= 1
    return number


def _shown(state: SandboxState, event: Record) -> Record:
    # The model lists no REVIEW_IN_PROGRESS and no cleanup among the statuses of events; CloudFormation tells them all the same.
    event["ResourceStatus"] = UnlistedValue(event["ResourceStatus"])
    if state.faults.quirk("equal-timestamps") is not None:
        event["Timestamp"] = math.floor(event["Timestamp"])
    if state.faults.quirk("unknown-enums") is not None:
        event["DetailedStatus"] = UnlistedValue("PONDERING")
    return event


def describe_events(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeEvents: of a change set, its validation; of a stack, all. ``FailedEvents`` leaves the failures alone.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    """
    if params.get("ChangeSetName") is not None:
        found = _of_change_set(changesets.demanded(state, params))
    elif params.get("StackName") is not None:
        stack = records.find(state, params["StackName"])
        if stack is None:
            raise messages.no_stack(params["StackName"])
        found = [
            _as_operation(stack, one) for one in records.events(state, stack["id"], stack["events"], stack["events"])
        ]
    else:
        raise messages.invalid("Either StackName or ChangeSetName must be specified.")
    if params.get("OperationId") is not None:
        found = [one for one in found if one.get("OperationId") == params["OperationId"]]
    if (params.get("Filters") or {}).get("FailedEvents"):
        found = [
            one
            for one in found
            if one["EventType"] in ("VALIDATION_ERROR", "PROVISIONING_ERROR", "HOOK_INVOCATION_ERROR")
        ]
    shown, token = records.page(state, found, params, PAGE)
    return {"OperationEvents": shown} if token is None else {"OperationEvents": shown, "NextToken": token}


def _of_change_set(body: Record) -> list[Record]:
    at = body.get("finished", body["created"])
    operation = unique("operation", body["id"])
    shared = {"StackId": body["stack"], "OperationId": operation, "OperationType": "CREATE_CHANGESET", "Timestamp": at}
    failed = body["status"] == "FAILED"
    status = "FAILED" if failed else "SUCCEEDED" if body["status"] == "CREATE_COMPLETE" else "IN_PROGRESS"
    own = {
        **shared,
        "EventId": unique("operation", body["id"], 0),
        "EventType": "STACK_EVENT",
        "OperationStatus": status,
    }
    own |= {"StartTime": body["created"]} | ({} if status == "IN_PROGRESS" else {"EndTime": at})
    found = [
        {
            **shared,
            "EventId": unique("operation", body["id"], number),
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": one["logical"],
            "PhysicalResourceId": "",
            "ResourceType": one["type"],
            "ValidationFailureMode": "FAIL",
            "ValidationName": one["name"],
            "ValidationStatus": "FAILED",
            "ValidationStatusReason": one["reason"],
            "ValidationPath": one["path"],
        }
        for number, one in enumerate(body["findings"], 1)
    ]
    return [own, *found]


def _as_operation(stack: Record, event: Record) -> Record:
    status = event["ResourceStatus"]
    same = ("EventId", "StackId", "OperationId", "LogicalResourceId", "PhysicalResourceId", "ResourceType", "Timestamp")
    more = (
        "ResourceStatus",
        "ResourceStatusReason",
        "ResourceProperties",
        "ClientRequestToken",
        "HookType",
        "HookStatus",
        "HookStatusReason",
    )
    shown = {key: event[key] for key in (*same, *more) if key in event} | {"ResourceStatus": UnlistedValue(status)}
    types = {one["OperationId"]: one["OperationType"] for one in stack["operations"]}
    if event.get("OperationId") in types:
        shown["OperationType"] = types[event["OperationId"]]
    if event["ResourceType"] == records.STACK_TYPE:
        shown |= {
            "EventType": "STACK_EVENT",
            "OperationStatus": _OPERATION_STATUS.get(status.rpartition("_")[2], "IN_PROGRESS"),
        }
    elif "HookType" in event:
        shown["EventType"] = "HOOK_INVOCATION_ERROR"
    else:
        shown["EventType"] = "PROVISIONING_ERROR" if status.endswith("_FAILED") else "PROGRESS_EVENT"
    return shown


_ALL_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


def get_template(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplate: the text as it was sent, of a stack or of a change set. Deleted stacks by ARN."""
    if params.get("ChangeSetName") is not None:
        settings = changesets.demanded(state, params)["settings"]
    else:
        named = params.get("StackName")
        if named is None:
            raise messages.invalid("StackName is required if ChangeSetName is not specified.")
        stack = records.find(state, named)
        if stack is None:
            raise messages.no_such_id(named)
        settings = stack["settings"]
    if settings is None:
        raise messages.invalid("No template exists for the stack under review. Specify ChangeSetName.")
    text = records.template_text(state, settings["template"])
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplateSummary: of a template or of a stack's."""
    named = params.get("StackName")
    if named is not None:
        stack = records.living(state, named)
        if stack is None or stack["settings"] is None:
            raise messages.no_such_id(named)
        template = records.template(state, stack["settings"]["template"])
    else:
        template = _given(state, params)
    resources: Mapping[str, Any] = template.get("Resources") or {}
    types = dict.fromkeys(one["Type"] for one in resources.values())
    metadata = template.get("Metadata")
    answer = {
        "Parameters": [_summed(name, one) for name, one in (template.get("Parameters") or {}).items()],
        "Description": template.get("Description"),
        **_needed(template),
        "ResourceTypes": list(types),
        "Version": template.get("AWSTemplateFormatVersion"),
        "Metadata": None if metadata is None else json.dumps(metadata),
    }
    return {key: value for key, value in answer.items() if value is not None}


def _needed(template: Mapping[str, Any]) -> Record:
    needed = list(capabilities(template))
    if not needed:
        return {}
    return {
        "Capabilities": needed,
        "CapabilitiesReason": f"The following capabilities are required: {', '.join(needed)}",
    }


def _given(state: SandboxState, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if params.get("TemplateBody") is None and params.get("TemplateURL") is None:
        raise messages.invalid("Either Template URL or Template Body must be specified.")
    try:
        return records.parsed(values.text_of(state, params))
    except TemplateError as error:
        raise messages.invalid(str(error)) from None


def _declared(name: str, one: Mapping[str, Any]) -> Record:
    shown = {
        "ParameterKey": name,
        "DefaultValue": str(one["Default"]) if "Default" in one else None,
        "NoEcho": is_no_echo(one),
        "Description": one.get("Description"),
    }
    return {key: value for key, value in shown.items() if value is not None}


def _summed(name: str, one: Mapping[str, Any]) -> Record:
    allowed = one.get("AllowedValues")
    limits = {} if allowed is None else {"AllowedValues": [str(value) for value in allowed]}
    return {**_declared(name, one), "ParameterType": one.get("Type", "String"), "ParameterConstraints": limits}


def validate_template(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ValidateTemplate: the template's form, not its parameters' values."""
    template = _given(state, params)
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    found = [
        one
        for one in problems(template, {}, _ALL_CAPABILITIES)
        if not one.startswith((*values.PROPERTY_PROBLEMS, "Parameter"))
    ]
    if found:
        raise messages.invalid(found[0])
    answer = {"Parameters": [_declared(name, one) for name, one in declared.items()], **_needed(template)}
    description = template.get("Description")
    return answer if description is None else {**answer, "Description": description}
