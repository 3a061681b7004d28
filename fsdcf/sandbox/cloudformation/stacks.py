"""The operations that create, change and delete stacks without a change set, and those that read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fsdcf.cloudformation.parameters import is_no_echo
from fsdcf.cloudformation.types.cloudformation import STACK as STACK_TYPE
from fsdcf.cloudformation.types.iam import capabilities
from fsdcf.sandbox.cloudformation import changesets, drift, messages, operations, records, values
from fsdcf.sandbox.cloudformation.changesets import existing_stack, parameters, tags
from fsdcf.sandbox.cloudformation.operations import Kind
from fsdcf.sandbox.cloudformation.records import PAGE, page
from fsdcf.sandbox.cloudformation.resource_steps import StackSimulation, halt
from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

STALE = 30.0
"""Seconds after the beginning of an operation in which a read may return a stale status."""

NOT_CHECKED = "NOT_CHECKED"


def create_stack(state: SandboxState, params: Document) -> Document:
    """CreateStack, also of a stack in REVIEW_IN_PROGRESS."""
    name = params["StackName"]
    values.check_name(name)
    stack = records.living(state, name)
    if stack is not None and values.repeated(stack, "CreateStack", params):
        return {"StackId": stack["id"]}
    if stack is not None and stack["status"] != "REVIEW_IN_PROGRESS":
        raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")
    settings = values.settings(state, None, params)
    if stack is None:
        stack = records.new_stack(state, name, state.clock.now())
        values.repeated(stack, "CreateStack", params)
    if params.get("OnFailure") and params.get("DisableRollback") is not None:
        raise messages.invalid("Only one of DisableRollback and OnFailure can be specified.")
    stack["protection"] = bool(params.get("EnableTerminationProtection"))
    return _begin(state, stack, "create", settings, params)


def update_stack(state: SandboxState, params: Document) -> Document:
    """UpdateStack, which is refused if it would change nothing."""
    stack = existing_stack(state, params["StackName"])
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
    return _begin(state, stack, "update", settings, params)


def _begin(state: SandboxState, stack: Document, kind: Kind, settings: Document, params: Data) -> Document:
    changesets.make_obsolete(state, stack["id"])
    operation = operations.begin(state, stack, kind, settings, params)
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def _found(
    state: SandboxState, name_or_arn: str, error: Callable[[str], ServiceError] = messages.no_stack_with_id
) -> Document:
    """Return a stack, even a deleted one by its ARN. Raises ``error`` of the name."""
    stack = records.find(state, name_or_arn)
    if stack is None:
        raise error(name_or_arn)
    return stack


def _simulation(state: SandboxState, stack: Document, *statuses: str) -> StackSimulation | None:
    """Return a stack and its latest operation, or None unless the stack has one of these statuses."""
    operation = records.operation(state, stack["id"])
    if operation is None or stack["status"] not in statuses:
        return None
    return StackSimulation(state, state.clock.now(), stack, operation)


def delete_stack(state: SandboxState, params: Document) -> Document:
    """DeleteStack, which succeeds for a stack that does not exist. It stops a creation, but not an update."""
    name = params["StackName"]
    stack = records.living(state, name)
    if stack is None or stack["status"] == "DELETE_IN_PROGRESS" or values.repeated(stack, "DeleteStack", params):
        return {}
    if stack["protection"]:
        raise messages.invalid(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
    status, retained = stack["status"], list(params.get("RetainResources") or ())
    interruptible = ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "REVIEW_IN_PROGRESS")
    if status.endswith("_IN_PROGRESS") and status not in interruptible:
        raise messages.invalid(f"Stack [{stack['id']}] cannot be deleted while in status {status}")
    forced = params.get("DeletionMode") == "FORCE_DELETE_STACK"
    if forced and status != "DELETE_FAILED":
        # The message of AWS is not known.
        rule = "FORCE_DELETE_STACK is only applicable to stacks in DELETE_FAILED state."
        raise messages.invalid(f"Invalid operation on stack [{stack['id']}]. {rule}")
    if retained and status != "DELETE_FAILED":
        rule = "RetainResources is only applicable to stacks in DELETE_FAILED state."
        raise messages.invalid(f"Invalid operation on stack [{stack['id']}]. {rule}")
    changesets.make_obsolete(state, stack["id"])
    operations.delete(state, stack, params.get("ClientRequestToken"), retained, forced)
    return {}


def cancel_update_stack(state: SandboxState, params: Document) -> Document:
    """CancelUpdateStack, which cancels the running steps and rolls the update back."""
    stack = existing_stack(state, params["StackName"])
    if values.repeated(stack, "CancelUpdateStack", params):
        return {}
    simulation = _simulation(state, stack, "UPDATE_IN_PROGRESS")
    if simulation is None:
        raise messages.invalid("CancelUpdateStack cannot be called from current stack status")
    simulation.operation["token"] = params.get("ClientRequestToken")
    halt(simulation)
    operations.executed(simulation, "EXECUTE_FAILED")
    operations.roll_back_update(simulation, messages.STACK_UPDATE_CANCELLED)
    simulation.save()
    return {}


def continue_update_rollback(state: SandboxState, params: Document) -> Document:
    """ContinueUpdateRollback, which retries the failed and cancelled resources, except for ResourcesToSkip.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
    """
    stack = existing_stack(state, params["StackName"])
    if values.repeated(stack, "ContinueUpdateRollback", params):
        return {}
    simulation = _simulation(state, stack, "UPDATE_ROLLBACK_FAILED")
    if simulation is None:
        # The message of AWS is not known.
        raise messages.invalid(
            f"Stack:{stack['id']} is in {stack['status']} state and can not continue update rollback."
        )
    skipped = [name.rpartition(".")[2] for name in params.get("ResourcesToSkip") or ()]
    if params.get("ForceRollback"):
        if skipped:
            raise messages.invalid("ForceRollback and ResourcesToSkip are mutually exclusive.")
        skipped = [key for key, step in simulation.steps.items() if step["state"] == "failed"]
    wrong = [key for key in skipped if simulation.steps.get(key, {}).get("state") != "failed"]
    if wrong:
        raise messages.invalid(
            f"The following resource(s) cannot be skipped: [{', '.join(wrong)}]. "
            "Only resources in UPDATE_FAILED state because a rollback failed can be skipped."
        )
    operation = operations.new_operation(state, stack, "CONTINUE_ROLLBACK", params.get("ClientRequestToken"))
    simulation.operation.update({"id": operation["id"], "token": operation["token"], "failures": [], "stopped": False})
    simulation.operation["forced"] = bool(params.get("ForceRollback"))
    simulation.set_status("UPDATE_ROLLBACK_IN_PROGRESS", messages.USER_INITIATED)
    for key in skipped:
        row = simulation.row(key)
        simulation.steps[key]["state"] = "done"
        if row is not None:
            simulation.set_resource_status(row, "UPDATE_COMPLETE")
    for step in simulation.steps.values():
        step["state"] = "waiting" if step["state"] in ("failed", "cancelled") else step["state"]
    simulation.schedule(operations.FIRST_STEP, "proceed")
    simulation.save()
    return {}


def rollback_stack(state: SandboxState, params: Document) -> Document:
    """RollbackStack, of a stack that failed with its rollback disabled.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
    """
    stack = existing_stack(state, params["StackName"])
    if values.repeated(stack, "RollbackStack", params):
        return {"StackId": stack["id"]}
    simulation = _simulation(state, stack, "CREATE_FAILED", "UPDATE_FAILED")
    if simulation is None:
        # The message of AWS is not known.
        raise messages.invalid(f"Stack:{stack['id']} is in {stack['status']} state and can not be rolled back.")
    operation = operations.new_operation(state, stack, "ROLLBACK", params.get("ClientRequestToken"))
    simulation.operation.update({"id": operation["id"], "token": operation["token"]})
    if params.get("RetainExceptOnCreate") is not None:
        simulation.operation["retain_except_on_create"] = params["RetainExceptOnCreate"]
    stack["disable_rollback"] = False
    if stack["status"] == "CREATE_FAILED":
        operations.roll_back_creation(simulation, messages.USER_INITIATED)
    else:
        operations.roll_back_update(simulation, messages.USER_INITIATED)
    simulation.save()
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def update_termination_protection(state: SandboxState, params: Document) -> Document:
    """UpdateTerminationProtection."""
    stack = existing_stack(state, params["StackName"])
    records.save_stack(state, {**stack, "protection": params["EnableTerminationProtection"]})
    return {"StackId": stack["id"]}


def describe_stacks(state: SandboxState, params: Document) -> Document:
    """DescribeStacks: one stack, even a deleted one if the request has its ARN, or all that are not deleted."""
    if params.get("StackName") is not None:
        return {"Stacks": [_described(state, _found(state, params["StackName"]))]}
    living = [stack for stack in records.every_stack(state) if stack["status"] != "DELETE_COMPLETE"]
    return page(state, living, params, "Stacks", lambda stack: _described(state, stack))


def _status(state: SandboxState, stack: Document) -> tuple[str, str | None]:
    """Return status and reason, the current ones or those of a stale read."""
    lag = state.faults.quirk("lag-status")
    if lag is not None:
        until = state.clock.now() - state.duration(float(lag.detail))
        past = [entry for entry in stack["history"] if entry[0] <= until]
        _, status, reason = past[-1] if past else stack["history"][0]
        return status, reason
    status, reason, at = stack.get("previous") or ["", None, 0.0]
    recent = status and state.clock.now() - at <= state.duration(STALE)
    if recent and state.faults.quirk("stale-status") is not None:
        return status, reason
    return stack["status"], stack["reason"]


def _described(state: SandboxState, stack: Document) -> Document:
    settings = stack["settings"] or {}
    status, reason = _status(state, stack)
    return {
        **_summary(state, stack),
        "ChangeSetId": stack["change_set"],
        "Description": settings.get("description"),
        "Parameters": parameters(settings),
        "RollbackConfiguration": {},
        "StackStatus": status,
        "StackStatusReason": reason,
        "DisableRollback": stack["disable_rollback"],
        "NotificationARNs": settings.get("notifications", []),
        "Capabilities": settings.get("capabilities") or None,
        "Outputs": stack["outputs"] or None,
        "RoleARN": settings.get("role"),
        "Tags": tags(settings),
        "EnableTerminationProtection": None if stack["status"] == "DELETE_COMPLETE" else stack["protection"],
    }


def list_stacks(state: SandboxState, params: Document) -> Document:
    """ListStacks, including deleted stacks, by status."""
    statuses = params.get("StackStatusFilter")
    matches = [stack for stack in records.every_stack(state) if not statuses or stack["status"] in statuses]

    def describe(stack: Document) -> Document:
        return {**_summary(state, stack), "TemplateDescription": (stack["settings"] or {}).get("description")}

    return page(state, matches, params, "StackSummaries", describe)


def _summary(state: SandboxState, stack: Document) -> Document:
    return {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "CreationTime": stack["created"],
        "LastUpdatedTime": stack["updated"],
        "DeletionTime": stack["deleted"],
        "StackStatus": stack["status"],
        "StackStatusReason": stack["reason"],
        "DriftInformation": drift.information(state, stack["id"]),
        "LastOperations": stack["operations"] or None,
    }


def _resource(row: Document, time: str) -> Document:
    """Describe a resource, with its time under the name ``time``."""
    return {
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"] or None,
        "ResourceType": row["type"],
        time: row["at"],
        "ResourceStatus": row["status"],
        "ResourceStatusReason": row["reason"],
        "DriftInformation": {"StackResourceDriftStatus": NOT_CHECKED},
    }


def _resource_of(stack: Document, row: Document, time: str) -> Document:
    return {"StackName": stack["name"], "StackId": stack["id"], **_resource(row, time)}


def describe_stack_resources(state: SandboxState, params: Document) -> Document:
    """DescribeStackResources of a stack, or of the stack with a physical id: at most a hundred, as on AWS."""
    name, physical = params.get("StackName"), params.get("PhysicalResourceId")
    logical = params.get("LogicalResourceId")
    if name is not None:
        stack = _found(state, name)
    elif physical is not None:
        stack = _stack_with(state, physical)
        logical = None
    else:
        raise messages.invalid("Either StackName or PhysicalResourceId must be specified.")
    rows = records.rows(state, stack["id"])
    if logical is not None and logical not in rows:
        raise messages.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    wanted = [row for key, row in rows.items() if logical in (None, key)]
    return {"StackResources": [_resource_of(stack, row, "Timestamp") for row in wanted[:PAGE]]}


def _stack_with(state: SandboxState, physical: str) -> Document:
    """Return the stack with a resource of this physical id."""
    for stack in records.every_stack(state):
        if any(row["physical"] == physical for row in records.rows(state, stack["id"]).values()):
            return stack
    raise messages.invalid(f"Stack for {physical} does not exist")


def describe_stack_resource(state: SandboxState, params: Document) -> Document:
    """DescribeStackResource, with the metadata of the template."""
    name, logical = params["StackName"], params["LogicalResourceId"]
    stack = _found(state, name, lambda name: messages.invalid(f"Stack '{name}' does not exist"))
    row = records.row(state, stack["id"], logical)
    if row is None:
        raise messages.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    metadata = _json(row["definition"].get("Metadata"))
    return {"StackResourceDetail": {**_resource_of(stack, row, "LastUpdatedTimestamp"), "Metadata": metadata}}


def _json(value: Any) -> str | None:
    return None if value is None else records.compact(value)


def list_stack_resources(state: SandboxState, params: Document) -> Document:
    """ListStackResources."""
    stack = _found(state, params["StackName"])
    rows = list(records.rows(state, stack["id"]).values())
    return page(state, rows, params, "StackResourceSummaries", lambda row: _resource(row, "LastUpdatedTimestamp"))


def list_exports(state: SandboxState, params: Document) -> Document:
    """ListExports, of all stacks."""
    return page(state, values.exports(state), params, "Exports")


def list_imports(state: SandboxState, params: Document) -> Document:
    """ListImports: the stacks that import an export."""
    importers = values.importers(state, params["ExportName"])
    if not importers:
        raise messages.invalid(f"Export '{params['ExportName']}' is not imported by any stack.")
    return page(state, importers, params, "Imports")


def describe_stack_events(state: SandboxState, params: Document) -> Document:
    """DescribeStackEvents, newest first. A token continues where its page ended, whatever has happened since."""
    stack = _found(state, params["StackName"], messages.no_stack)
    newest, size = _newest_event(state, stack), records.page_size(state)
    first = newest if params.get("NextToken") is None else min(records.offset(params), newest)
    events = [_event(state, event) for event in records.events(state, stack["id"], first, size)]
    if state.faults.quirk("duplicate-events") is not None:
        events = [event for event in events for _ in range(2)]
    return {"StackEvents": events, "NextToken": None if first - size < 1 else records.page_token(first - size)}


def _newest_event(state: SandboxState, stack: Document) -> int:
    """Return the number of the newest visible event."""
    number: int = stack["events"]
    lag = state.faults.quirk("lag-events")
    if lag is None:
        return number
    until = state.clock.now() - state.duration(float(lag.detail))
    events = records.events(state, stack["id"], number, number)
    return number - next((index for index, event in enumerate(events) if event["Timestamp"] <= until), number)


def _event(state: SandboxState, event: Document) -> Document:
    # CloudFormation also returns REVIEW_IN_PROGRESS and the cleanup, which the model does not list for events.
    event["ResourceStatus"] = UnlistedValue(event["ResourceStatus"])
    if state.faults.quirk("equal-timestamps") is not None:
        event["Timestamp"] = math.floor(event["Timestamp"])
    if state.faults.quirk("unknown-enums") is not None:
        event["DetailedStatus"] = UnlistedValue("PONDERING")
    return event


def describe_events(state: SandboxState, params: Document) -> Document:
    """DescribeEvents: the validation of a change set, or all events or failures of a stack.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    """
    if params.get("ChangeSetName") is not None:
        events = _change_set_events(changesets.requested_change_set(state, params))
    elif params.get("StackName") is not None:
        stack = _found(state, params["StackName"], messages.no_stack)
        newest = stack["events"]
        events = [_operation_event(stack, event) for event in records.events(state, stack["id"], newest, newest)]
    else:
        raise messages.invalid("Either StackName or ChangeSetName must be specified.")
    if params.get("OperationId") is not None:
        events = [event for event in events if event.get("OperationId") == params["OperationId"]]
    if (params.get("Filters") or {}).get("FailedEvents"):
        events = [event for event in events if event["EventType"].endswith("_ERROR")]
    return page(state, events, params, "OperationEvents")


def _change_set_events(body: Document) -> list[Document]:
    at = body.get("finished", body["created"])
    status = {"FAILED": "FAILED", "CREATE_COMPLETE": "SUCCEEDED"}.get(body["status"], "IN_PROGRESS")
    shared = {
        "StackId": body["stack"],
        "OperationId": unique("operation", body["id"]),
        "OperationType": "CREATE_CHANGESET",
        "Timestamp": at,
    }
    own = {
        **shared,
        "EventId": unique("operation", body["id"], 0),
        "EventType": "STACK_EVENT",
        "OperationStatus": status,
        "StartTime": body["created"],
        "EndTime": None if status == "IN_PROGRESS" else at,
    }
    findings = [
        {
            **shared,
            **finding,
            "EventId": unique("operation", body["id"], number),
            "EventType": "VALIDATION_ERROR",
            "PhysicalResourceId": "",
            "ValidationFailureMode": "WARN" if body["status"] == "CREATE_COMPLETE" else "FAIL",
            "ValidationStatus": "FAILED",
        }
        for number, finding in enumerate(body["findings"], 1)
    ]
    return [own, *findings]


_EVENT_MEMBERS = (
    *("EventId", "StackId", "OperationId", "LogicalResourceId", "PhysicalResourceId", "ResourceType", "Timestamp"),
    *("ResourceStatusReason", "ResourceProperties", "ClientRequestToken", "HookType", "HookStatus", "HookStatusReason"),
)


def _operation_event(stack: Document, event: Document) -> Document:
    status = event["ResourceStatus"]
    types = {operation["OperationId"]: operation["OperationType"] for operation in stack["operations"]}
    shown = {
        **{name: event.get(name) for name in _EVENT_MEMBERS},
        "ResourceStatus": UnlistedValue(status),
        "OperationType": types.get(event.get("OperationId", "")),
    }
    if event["ResourceType"] == STACK_TYPE:
        ends = {"COMPLETE": "SUCCEEDED", "FAILED": "FAILED"}
        return {
            **shown,
            "EventType": "STACK_EVENT",
            "OperationStatus": ends.get(status.rpartition("_")[2], "IN_PROGRESS"),
        }
    if "HookType" in event:
        return {**shown, "EventType": "HOOK_INVOCATION_ERROR"}
    return {**shown, "EventType": "PROVISIONING_ERROR" if status.endswith("_FAILED") else "PROGRESS_EVENT"}


def get_template(state: SandboxState, params: Document) -> Document:
    """GetTemplate: the original text, of a stack or of a change set."""
    if params.get("ChangeSetName") is not None:
        settings = changesets.requested_change_set(state, params)["settings"]
    elif params.get("StackName") is not None:
        settings = _found(state, params["StackName"])["settings"]
    else:
        raise messages.invalid("StackName is required if ChangeSetName is not specified.")
    if settings is None:
        raise messages.invalid("No template exists for the stack under review. Specify ChangeSetName.")
    text = records.template_text(state, settings["template"])
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(state: SandboxState, params: Document) -> Document:
    """GetTemplateSummary, of a template or of the template of a stack."""
    name = params.get("StackName")
    if name is not None:
        stack = existing_stack(state, name, messages.no_stack_with_id)
        if stack["settings"] is None:
            raise messages.no_stack_with_id(name)
        template = records.template(state, stack["settings"]["template"])
    else:
        template = values.parsed(values.text_of(state, params))
    resources: Data = template.get("Resources") or {}
    needed = list(capabilities(template))
    reason = f"The following capabilities are required: {', '.join(needed)}"
    return {
        "Parameters": [_declaration(name, one) for name, one in (template.get("Parameters") or {}).items()],
        "Description": template.get("Description"),
        "Capabilities": needed or None,
        "CapabilitiesReason": reason if needed else None,
        "ResourceTypes": list(dict.fromkeys(resource["Type"] for resource in resources.values())),
        "Version": template.get("AWSTemplateFormatVersion"),
        "Metadata": _json(template.get("Metadata")),
    }


def _declaration(name: str, parameter: Data) -> Document:
    allowed = parameter.get("AllowedValues")
    return {
        "ParameterKey": name,
        "DefaultValue": str(parameter["Default"]) if "Default" in parameter else None,
        "NoEcho": is_no_echo(parameter),
        "Description": parameter.get("Description"),
        "ParameterType": parameter.get("Type", "String"),
        "ParameterConstraints": {} if allowed is None else {"AllowedValues": [str(value) for value in allowed]},
    }
