"""Change sets: created in their own time, described, listed, deleted and executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fsdcf.cloudformation.change import Change, Detail, at
from fsdcf.cloudformation.difference import difference, outputs_changed
from fsdcf.cloudformation.evaluation import EvaluationError, Partial, Scope, Unknown, active, evaluate, scope_of
from fsdcf.cloudformation.parameters import NO_ECHO_MASK
from fsdcf.cloudformation.references import function_of
from fsdcf.cloudformation.validation import type_problem
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import (
    messages,
    operations,
    records,
    resources,
    values,
)
from fsdcf.sandbox.cloudformation.operations import OperationPlan
from fsdcf.sandbox.cloudformation.records import Record, page
from fsdcf.sandbox.cloudformation.resource_steps import GONE
from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.state import SandboxState, ServiceError

SHOWN_LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands for what only the execution tells."""

_CONTEXT = ("Properties", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy")
_VALUES = ("Path", "BeforeValue", "AfterValue", "BeforeValueFrom", "AfterValueFrom", "AttributeChangeType")


def change(one: Change, row: Record | None, resource: Mapping[str, Any] | None, scope: Scope) -> Record:
    """A change with all its values. ``row`` is the resource as it is, ``resource`` as the new template writes it."""
    shown: Record = {
        "PolicyAction": one.policy,
        "Action": one.action,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id or None,
        "ResourceType": one.type,
        "Replacement": one.replacement,
        "Scope": list(one.scope),
        "Details": [_detail(detail, row) for detail in one.details],
    }
    if row is not None and one.action in ("Modify", "Remove"):
        shown["BeforeContext"] = _context(row["definition"])
    if resource is not None and one.action != "Remove":
        shown["AfterContext"] = _context({key: _known(child, scope) for key, child in resource.items()})
    return {"Type": "Resource", "ResourceChange": {key: value for key, value in shown.items() if value is not None}}


def without_values(shown: Record) -> Record:
    """The change as it is shown when no values are asked for."""
    inner = {
        key: value for key, value in shown["ResourceChange"].items() if key not in ("BeforeContext", "AfterContext")
    }
    inner["Details"] = [_bare(detail) for detail in inner["Details"]]
    return {**shown, "ResourceChange": inner}


def _bare(detail: Record) -> Record:
    return {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in _VALUES}}


def _detail(detail: Detail, row: Record | None) -> Record:
    before = at(row["definition"], detail.path) if row is not None else None
    before = detail.before if before is None else before
    if detail.path and before is None and detail.after is not None:
        kind = "Add"
    else:
        kind = "Remove" if detail.after is None and detail.evaluation == "Static" else "Modify"
    target = {
        "Attribute": detail.attribute,
        "Name": detail.name,
        "RequiresRecreation": detail.recreation,
        "Path": detail.path,
        "BeforeValue": _text(before),
        "AfterValue": SHOWN_LATER
        if detail.evaluation == "Dynamic" and detail.source != "DirectModification"
        else _text(detail.after),
        "AttributeChangeType": kind,
    }
    shown = {
        "Target": {key: value for key, value in target.items() if value is not None},
        "Evaluation": detail.evaluation,
        "ChangeSource": detail.source,
        "CausingEntity": detail.cause,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if function_of(value) is not None:
        return SHOWN_LATER
    return json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping | list) else str(value)


def _context(definition: Mapping[str, Any]) -> str:
    return json.dumps({key: definition[key] for key in _CONTEXT if key in definition}, separators=(",", ":"))


def _known(value: Any, scope: Scope) -> Any:
    try:
        return _marked(evaluate(value, scope))
    except EvaluationError:
        return SHOWN_LATER


def _marked(value: Any) -> Any:
    if isinstance(value, Unknown | Partial):
        return SHOWN_LATER
    if isinstance(value, Mapping):
        return {key: _marked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked(child) for child in value]
    return value


_EXISTENCE = "AWS::EarlyValidation::ResourceExistenceCheck"
_PROPERTIES = "AWS::EarlyValidation::PropertyValidation"


@dataclass(frozen=True)
class ChangeSetResult:
    """The outcome. ``changes`` are shown where property values are asked for, ``bare`` where they are not.

    ``imports`` lead from logical to physical ids. ``findings`` are early validation's. A ``reason`` makes the change set fail.
    """

    changes: list[Record] = field(default_factory=list)
    bare: list[Record] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    findings: list[Record] = field(default_factory=list)
    reason: str | None = None


@dataclass(frozen=True)
class NewTemplate:
    """The template of a change set: its resources, written and with evaluated properties, and the scope of its values."""

    resources: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    scope: Scope


def changes(state: SandboxState, stack: Record, settings: Record, every_attribute: bool = False) -> tuple[Change, ...]:
    """What these settings change. Raises EvaluationError."""
    before = values.present(state, stack) if stack["settings"] is not None else None
    return difference(before, values.side(state, stack, settings), values.pseudo(state, stack), every_attribute)


def is_empty(state: SandboxState, stack: Record, settings: Record, found: tuple[Change, ...]) -> bool:
    """Whether there is nothing to do: no change of a resource, an output or a tag."""
    if found or stack["settings"] is None:
        return False
    before, after = (values.side(state, stack, one) for one in (stack["settings"], settings))
    same_tags = settings["tags"] == stack["settings"]["tags"]
    return same_tags and not outputs_changed(before, after, values.pseudo(state, stack))


def problem(state: SandboxState, stack: Record, settings: Record) -> str | None:
    """Why no change set can be made of these settings, beyond what CreateChangeSet refuses at once."""
    if stack["settings"] is not None:
        sides = [records.template(state, one["template"]) for one in (stack["settings"], settings)]
        found = type_problem(*sides)
        if found is not None:
            return found
    try:
        values.imports(state, stack, settings)
    except EvaluationError as error:
        return str(error)
    return None


def work_out(state: SandboxState, stack: Record, change_set: Record) -> ChangeSetResult:
    """What a change set finds, with the stack as it is now."""
    settings = change_set["settings"]
    hook = state.faults.quirk("hook")
    reason = f"{resources.HOOK}: [{hook.detail}]" if hook is not None else problem(state, stack, settings)
    if reason is not None:
        return ChangeSetResult(reason=reason)
    try:
        raw = changes(state, stack, settings)
        all_attributes = changes(state, stack, settings, every_attribute=True)
    except EvaluationError as error:
        return ChangeSetResult(reason=str(error))
    if is_empty(state, stack, settings, raw):
        other = state.faults.quirk("no-updates") is not None
        return ChangeSetResult(reason=messages.NO_UPDATES if other else messages.NO_CHANGES)
    wanted = _wanted(state, stack, settings)
    imports = _imports(state, change_set, raw, wanted)
    strange = [one.logical_id for one in raw if change_set["type"] == "IMPORT" and one.logical_id not in imports]
    if strange:
        return ChangeSetResult(
            reason=f"As part of the import operation, you cannot modify or add [{', '.join(strange)}]"
        )
    final = [_adopted(one, imports) for one in raw]
    findings = _findings(state, final, wanted, change_set["validates"])
    failed = sorted({one["hook"] for one in findings})
    if failed:
        return ChangeSetResult(findings=findings, reason=messages.EARLY_VALIDATION.format(", ".join(failed)))
    rows = {key: row for key, row in records.rows(state, stack["id"]).items() if row["status"] not in GONE}
    lists = (
        [_shown(one, rows, wanted) for one in some]
        for some in (final, [_adopted(one, imports) for one in all_attributes])
    )
    full, bare = lists
    return ChangeSetResult(full, [without_values(one) for one in bare], imports)


def _shown(one: Change, rows: Mapping[str, Record], wanted: NewTemplate) -> Record:
    return change(one, rows.get(one.logical_id), wanted.resources.get(one.logical_id), wanted.scope)


def _wanted(state: SandboxState, stack: Record, settings: Record) -> NewTemplate:
    template = records.template(state, settings["template"])
    scope = scope_of(template, settings["values"], values.pseudo(state, stack))
    resources = active(template, scope.conditions)
    return NewTemplate(resources, {key: _evaluated(one, scope) for key, one in resources.items()}, scope)


def _evaluated(resource: Mapping[str, Any], scope: Scope) -> Mapping[str, Any]:
    properties = evaluate(resource.get("Properties") or {}, scope)
    return properties if isinstance(properties, Mapping) else {}


def _adopted(one: Change, imports: Mapping[str, str]) -> Change:
    if one.logical_id not in imports or one.action != "Add":
        return one
    return replace(one, action="Import", physical_id=imports[one.logical_id])


def _imports(state: SandboxState, change_set: Record, raw: tuple[Change, ...], wanted: NewTemplate) -> dict[str, str]:
    """What is imported: what the caller names, and with ImportExistingResources what bears a name of the template and is nobody's.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    given: dict[str, str] = dict(change_set["to_import"])
    if change_set["import_existing"]:
        for one in raw:
            taken = _taken(state, one, wanted)
            if one.action == "Add" and taken is not None and taken["owner"] is None:
                given[one.logical_id] = taken["physical"]
    return given


def _taken(state: SandboxState, one: Change, wanted: NewTemplate) -> Record | None:
    """What exists already by the name that a change would give."""
    name = resources.name_of(one.type, wanted.properties.get(one.logical_id, {}))
    found = resources.named(state, one.type, name) if name is not None else None
    if found is None or (one.action == "Modify" and found["physical"] == one.physical_id):
        return None
    return found


def _findings(state: SandboxState, final: list[Change], wanted: NewTemplate, validates: bool) -> list[Record]:
    """What early validation finds: properties that a type does not have or needs, names that exist, and what a fault wants found.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    found: list[Record] = []
    planted = state.faults.quirk("early-validation")
    if planted is not None:
        known = {one.logical_id: one.type for one in final}
        for logical in [one for one in planted.detail.split(",") if one] or list(known)[:2]:
            found += _of_properties(logical, known.get(logical, "Custom::Unknown"), ["Sandbox"], ["Fault"])
    if not validates or state.faults.quirk("no-early-validation") is not None:
        return found
    for one in final:
        if one.action == "Remove":
            continue
        properties = wanted.properties[one.logical_id]
        strange, absent = (
            check(one.type, properties) for check in (resources.unknown_properties, resources.missing_properties)
        )
        found += _of_properties(one.logical_id, one.type, strange, absent)
        taken = _taken(state, one, wanted) if one.action == "Add" or one.replacement == "True" else None
        if taken is not None:
            reason = messages.exists(one.type, str(resources.name_of(one.type, properties)))
            found.append(_finding(one.logical_id, one.type, _EXISTENCE, "NAME_CONFLICT_VALIDATION", reason))
    return found


def _of_properties(logical: str, type: str, strange: list[str], absent: list[str]) -> list[Record]:
    texts = [f"Unsupported property [{key}]" for key in strange]  # AWS's words are not known for this one
    texts += [f"Required property [{key}] not found" for key in absent]
    return [_finding(logical, type, _PROPERTIES, "PROPERTY_VALIDATION", text, "/Properties") for text in texts]


def _finding(logical: str, type: str, hook: str, name: str, reason: str, below: str = "") -> Record:
    return {
        "logical": logical,
        "type": type,
        "hook": hook,
        "name": name,
        "reason": reason,
        "path": f"/Resources/{logical}{below}",
    }


CHANGE_SET_NAME = "[a-zA-Z][-a-zA-Z0-9]*"
MOST = 1000
"""Change sets that a stack may have, failed ones included."""

SOON, LATER = 0.4, 2.5
"""Seconds until a change set is CREATE_IN_PROGRESS, and until it is created."""


def create_change_set(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CreateChangeSet: the answer comes at once, the result with DescribeChangeSet."""
    named, name = params["StackName"], params["ChangeSetName"]
    values.check_name(named)
    values.check_name(name, "changeSetName", CHANGE_SET_NAME)
    kind = params.get("ChangeSetType") or "UPDATE"
    stack = _stack_for(state, named, name, kind)
    existing = records.change_set(state, name, stack["id"]) if stack["status"] else None
    if existing is not None:
        if existing["token"] is not None and existing["token"] == params.get("ClientToken"):
            return {"Id": existing["id"], "StackId": stack["id"]}
        raise ServiceError("AlreadyExistsException", f"ChangeSet [{name}] already exists")
    _refuse_more(state, stack)
    settings = values.settings(state, stack if stack["status"] else None, params)
    if params.get("OnStackFailure") == "DELETE" and kind != "CREATE":
        raise messages.invalid("OnStackFailure DELETE is only valid when ChangeSetType is CREATE.")
    if not stack["status"]:
        records.add_stack_event(state, state.clock.now(), stack, None, "REVIEW_IN_PROGRESS", messages.USER_INITIATED)
        records.save_stack(state, stack)
    body = _change_set(state, stack, kind, settings, params)
    records.save_change_set(state, body)
    for wait, stage in ((SOON, "CREATE_IN_PROGRESS"), (LATER, "CREATE_COMPLETE")):
        payload = {"change_set": body["id"], "stage": stage}
        state.store.schedule(state.clock.now() + state.duration(wait), "cloudformation.plan", payload, tag=body["id"])
    return {"Id": body["id"], "StackId": stack["id"]}


def _stack_for(state: SandboxState, named: str, name: str, kind: str) -> Record:
    """The stack that a change set is for; one without a status is new."""
    stack = records.living(state, named)
    status = stack["status"] if stack is not None else None
    if kind == "CREATE":
        if (stack is not None and status != "REVIEW_IN_PROGRESS") or (stack is None and named.startswith("arn:")):
            raise messages.invalid(
                f"Stack [{named}] already exists and cannot be created again with the changeSet [{name}]."
            )
    elif kind == "UPDATE" and (stack is None or status == "REVIEW_IN_PROGRESS"):
        raise messages.no_stack(named)
    elif stack is not None and status not in values.UPDATABLE and status != "REVIEW_IN_PROGRESS":
        raise messages.busy(stack["id"], str(status))
    return stack if stack is not None else records.new_stack(state, named, state.clock.now())


def _refuse_more(state: SandboxState, stack: Record) -> None:
    full = len(records.change_sets(state, stack["id"])) >= MOST
    if full or state.faults.quirk("limit-exceeded") is not None:
        raise ServiceError("LimitExceededException", f"ChangeSet limit exceeded for stack {stack['name']}")


def _change_set(state: SandboxState, stack: Record, kind: str, settings: Record, params: Mapping[str, Any]) -> Record:
    name, number = params["ChangeSetName"], state.store.next_number("cloudformation change set")
    identifier = state.arn("cloudformation", f"changeSet/{name}/{ids.unique('change set', stack['id'], name, number)}")
    to_import = {one["LogicalResourceId"]: _identified(state, one) for one in params.get("ResourcesToImport") or ()}
    return {
        "id": identifier,
        "name": name,
        "stack": stack["id"],
        "stack_name": stack["name"],
        "type": kind,
        "status": "CREATE_PENDING",
        "reason": None,
        "execution": "UNAVAILABLE",
        "created": state.clock.now(),
        "description": params.get("Description"),
        "settings": settings,
        "to_import": to_import,
        "import_existing": bool(params.get("ImportExistingResources")),
        "validates": not params.get("DisableValidation"),
        "imports": {},
        "changes": [],
        "bare": [],
        "findings": [],
        "on_failure": params.get("OnStackFailure"),
        "token": params.get("ClientToken"),
        "execute_token": None,
    }


def _identified(state: SandboxState, one: Mapping[str, Any]) -> str:
    """The physical id of what is to be imported, by the identifier that the caller gives. Refuses what does not exist."""
    identifier = next(iter(one["ResourceIdentifier"].values()), "")
    type = one["ResourceType"]
    resource = resources.find(state, type, identifier) or resources.named(state, type, identifier)
    if resource is None:
        raise messages.invalid(f"Resource of type '{type}' with identifier '{identifier}' was not found.")
    if resource["owner"] is not None:
        raise messages.invalid(messages.exists_in_stack(identifier, resource["owner"]))
    return str(resource["physical"])


def work(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a change set is being created, or that it is done."""
    body = state.store.get(records.CHANGE_SET, payload["change_set"])
    stack = records.find(state, body["stack"]) if body is not None else None
    if body is None or stack is None or body["status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        return
    if payload["stage"] == "CREATE_IN_PROGRESS":
        body["status"] = "CREATE_IN_PROGRESS"
    else:
        found = work_out(state, stack, body)
        body |= {"changes": found.changes, "bare": found.bare, "imports": found.imports, "findings": found.findings}
        failed = found.reason is not None
        body |= {"status": "FAILED" if failed else "CREATE_COMPLETE", "reason": found.reason, "finished": at}
        body["execution"] = "UNAVAILABLE" if failed else "AVAILABLE"
    obsolete = bool(body.get("outdated")) or (body["execution"] == "AVAILABLE" and not _fits(stack, body))
    if obsolete and body["execution"] == "AVAILABLE":
        body["execution"] = "OBSOLETE"
    records.save_change_set(state, body, listed=not obsolete)


def _fits(stack: Record, body: Record) -> bool:
    """Whether the stack is still in a state that the change set was made for."""
    if body["type"] == "CREATE":
        return bool(stack["status"] == "REVIEW_IN_PROGRESS")
    return bool(stack["status"] != "DELETE_COMPLETE")


def demanded(state: SandboxState, params: Mapping[str, Any]) -> Record:
    """The change set that a request names, by ARN or by name and stack. Raises Refusal."""
    name, named = params["ChangeSetName"], params.get("StackName")
    stack = records.living(state, named) if named is not None else None
    if not name.startswith("arn:"):
        if named is None:
            raise messages.invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        if stack is None:
            raise messages.no_stack(named)
    body = records.change_set(state, name, stack["id"] if stack is not None else None)
    if body is None:
        raise messages.no_change_set(name)
    return body


def delete_change_set(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteChangeSet: one that is not there is no error, one that runs is. The stack under review stays."""
    try:
        body = demanded(state, params)
    except ServiceError as refusal:
        if refusal.code == "ChangeSetNotFound":
            return {}
        raise
    if body["execution"] == "EXECUTE_IN_PROGRESS":
        raise messages.not_deletable(body["id"], body["execution"])
    state.store.cancel(body["id"])
    records.remove_change_set(state, body)
    return {}


def execute_change_set(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ExecuteChangeSet: once. The same token again is answered as the first time was."""
    body = demanded(state, params)
    token = params.get("ClientRequestToken")
    if token is not None and body["execute_token"] == token:
        return {}
    if body["execution"] != "AVAILABLE":
        raise messages.not_executable(body["id"], body["status"], body["execution"])
    stack = records.living(state, body["stack"])
    if stack is None:
        raise messages.no_stack(body["stack"])
    if stack["status"] != "REVIEW_IN_PROGRESS" and stack["status"] not in values.UPDATABLE:
        raise messages.busy(stack["id"], stack["status"])
    if token is not None and token in stack["tokens"]:
        raise ServiceError("TokenAlreadyExistsException", f"A client request token already exists: {token}")
    on_failure = body["on_failure"] or ("DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK")
    plan = OperationPlan(
        kind="import" if body["type"] == "IMPORT" else "create" if body["type"] == "CREATE" else "update",
        settings=body["settings"],
        token=token,
        disable_rollback=on_failure == "DO_NOTHING",
        on_failure=on_failure,
        retain_except_on_create=bool(params.get("RetainExceptOnCreate")),
        imports=body["imports"],
        change_set=body["id"],
    )
    outdate(state, stack["id"], but=body["id"])
    body |= {"execution": "EXECUTE_IN_PROGRESS", "execute_token": token}
    records.save_change_set(state, body)
    if token is not None:
        stack["tokens"][token] = ["ExecuteChangeSet", body["id"]]
    try:
        operations.begin(state, stack, plan)
    except EvaluationError as error:
        raise messages.invalid(str(error)) from None
    return {}


def outdate(state: SandboxState, stack: str, but: str | None = None) -> None:
    """Makes the other change sets of a stack obsolete: only their ARNs still find them."""
    for one in records.change_sets(state, stack):
        if one["id"] != but:
            one |= {"outdated": True, "execution": "OBSOLETE" if one["execution"] == "AVAILABLE" else one["execution"]}
            records.save_change_set(state, one, listed=False)


ACTIONS = {"cloudformation.plan": work}


CHANGES = 100
"""Changes of one page; AWS counts bytes instead."""

_WARNING = "[WARN] --include-property-values option can return incomplete ChangeSet data because: Logical Id: {}, failed property validation"


def describe_change_set(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeChangeSet, with property values or without."""
    body = demanded(state, params)
    with_values = bool(params.get("IncludePropertyValues"))
    changes, reason = list(body["changes" if with_values else "bare"]), body["reason"]
    if with_values:
        changes, reason = _incomplete(state, body, changes, reason)
    shown, token = page(state, [_odd(state, one) for one in changes], params, CHANGES)
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
        return {"ParameterKey": key, "ParameterValue": NO_ECHO_MASK}
    resolved = {"ResolvedValue": settings["values"][key]} if settings["values"][key] != value else {}
    return {"ParameterKey": key, "ParameterValue": value, **resolved}


def tags(settings: Record | None) -> list[Record]:
    """The tags of a stack as AWS shows them."""
    return [] if settings is None else [{"Key": key, "Value": value} for key, value in settings["tags"].items()]


def _incomplete(
    state: SandboxState, body: Record, changes: list[Record], reason: str | None
) -> tuple[list[Record], str | None]:
    """What AWS leaves out of an answer with property values."""
    if reason is not None and state.faults.quirk("no-reason") is not None:
        reason = None
    dropped = state.faults.quirk("drop-values") if changes else None
    if dropped is None:
        return changes, reason
    names = [one["ResourceChange"]["LogicalResourceId"] for one in changes]
    lost = dropped.detail if dropped.detail in names else names[0]
    return [one for one in changes if one["ResourceChange"]["LogicalResourceId"] != lost], _WARNING.format(lost)


def _odd(state: SandboxState, change: Record) -> Record:
    """A change with words that clients may not know."""
    inner = dict(change["ResourceChange"])
    other = state.faults.quirk("action")
    if other is not None and inner["Action"] == "Modify":
        inner["Action"] = UnlistedValue(other.detail)
    if state.faults.quirk("unknown-enums") is not None:
        if "Replacement" in inner:
            inner["Replacement"] = UnlistedValue("Perhaps")
        inner["PolicyAction"] = UnlistedValue("ReplaceAndArchive")
        inner["Scope"] = [*inner["Scope"], UnlistedValue("Provenance")]
        inner["Details"] = [
            {
                **one,
                "Evaluation": UnlistedValue("Eventual"),
                "ChangeSource": UnlistedValue("Drift"),
                "Target": _target(one["Target"]),
            }
            for one in inner["Details"]
        ]
    return {**change, "ResourceChange": inner}


def _target(target: Record) -> Record:
    return {**target, "Attribute": UnlistedValue("Provenance"), "RequiresRecreation": UnlistedValue("Sometimes")}


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


def list_change_sets(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListChangeSets: those that can be executed or have failed."""
    stack = records.living(state, params["StackName"])
    if stack is None:
        raise messages.no_stack(params["StackName"])
    shown, token = page(state, records.change_sets(state, stack["id"]), params, CHANGES)
    summaries = [{**_summary(body), "StatusReason": body["reason"]} for body in shown]
    answer = {"Summaries": [{key: value for key, value in one.items() if value is not None} for one in summaries]}
    return answer if token is None else {**answer, "NextToken": token}
