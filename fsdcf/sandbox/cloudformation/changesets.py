"""Change sets: how they are created, described, listed, deleted and executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from fsdcf.cloudformation.change import Change, Detail, at
from fsdcf.cloudformation.difference import difference, outputs_changed
from fsdcf.cloudformation.evaluation import EvaluationError, Partial, Scope, Unknown, active, evaluate, scope_of
from fsdcf.cloudformation.parameters import NO_ECHO_MASK
from fsdcf.cloudformation.references import function_of
from fsdcf.cloudformation.types.s3 import BUCKET
from fsdcf.cloudformation.validation import type_problem
from fsdcf.sandbox import ids, s3
from fsdcf.sandbox.cloudformation import drift, messages, operations, records, resources, values
from fsdcf.sandbox.cloudformation.drift import ActualResource
from fsdcf.sandbox.cloudformation.records import page
from fsdcf.sandbox.cloudformation.resource_steps import GONE
from fsdcf.sandbox.faults import UnlistedValue
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

CHANGE_SET_NAME = "[a-zA-Z][-a-zA-Z0-9]*"
MOST = 1000
"""Maximum number of change sets of a stack, including failed ones."""

STARTED_AFTER, CREATED_AFTER = 0.4, 2.5
"""Seconds until a change set is CREATE_IN_PROGRESS, and until it is created."""

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Placeholder for a value that is known only after the execution."""

_CONTEXT = ("Properties", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy")
_VALUES = ("Path", "BeforeValue", "AfterValue", "BeforeValueFrom", "AfterValueFrom", "AttributeChangeType", "Drift")
_HOOKS = {
    "NAME_CONFLICT_VALIDATION": "AWS::EarlyValidation::ResourceExistenceCheck",
    "PROPERTY_VALIDATION": "AWS::EarlyValidation::PropertyValidation",
}
"""The names of the validations, and of the hooks that perform them."""

_WARNING = (
    "[WARN] --include-property-values option can return incomplete ChangeSet data because: "
    "Logical Id: {}, failed property validation"
)


@dataclass(frozen=True)
class ChangeSetResult:
    """The result of creating a change set: ``changes`` with property values, ``bare`` without them.

    ``drift`` is the stack's drift status, if the change set reverts drift.

    ``imports`` are physical ids by logical id, ``findings`` those of early validation. With a ``reason`` the change
    set fails.
    """

    changes: list[Document] = field(default_factory=list)
    bare: list[Document] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    findings: list[Document] = field(default_factory=list)
    reason: str | None = None
    drift: str = ""


@dataclass(frozen=True)
class NewTemplate:
    """The template of a change set: its resources, their evaluated properties, and the scope of its values."""

    resources: Data
    properties: Mapping[str, Data]
    scope: Scope


def describe_change(change: Change, row: Document | None, resource: Data | None, scope: Scope) -> Document:
    """Describe a change with property values. ``row`` is the current resource, ``resource`` the new template's."""
    shown: Document = {
        "PolicyAction": change.policy,
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id or None,
        "ResourceType": change.type,
        "Replacement": change.replacement,
        "Scope": list(change.scope),
        "Details": [_describe_detail(detail, row) for detail in change.details],
    }
    if row is not None and change.action in ("Modify", "Remove"):
        shown["BeforeContext"] = _context(row["definition"])
    if resource is not None and change.action != "Remove":
        shown["AfterContext"] = _context({key: _shown(child, scope) for key, child in resource.items()})
    return {"Type": "Resource", "ResourceChange": shown}


def _without_values(described: Document) -> Document:
    change = {key: value for key, value in described["ResourceChange"].items() if not key.endswith("Context")}
    change["Details"] = [
        {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in _VALUES}}
        for detail in change["Details"]
    ]
    return {**described, "ResourceChange": change}


def _describe_detail(detail: Detail, row: Document | None) -> Document:
    before = at(row["definition"], detail.path) if row is not None else None
    before = detail.before if before is None else before
    if detail.path and before is None and detail.after is not None:
        kind = "Add"
    else:
        kind = "Remove" if detail.after is None and detail.evaluation == "Static" else "Modify"
    unknown = detail.evaluation == "Dynamic" and detail.source != "DirectModification"
    return {
        "Target": {
            "Attribute": detail.attribute,
            "Name": detail.name,
            "RequiresRecreation": detail.recreation,
            "Path": detail.path,
            "BeforeValue": _text(before),
            "AfterValue": KNOWN_AFTER_APPLY if unknown else _text(detail.after),
            "AttributeChangeType": kind,
        },
        "Evaluation": detail.evaluation,
        "ChangeSource": detail.source,
        "CausingEntity": detail.cause,
    }


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if function_of(value) is not None:
        return KNOWN_AFTER_APPLY
    return records.compact(value) if isinstance(value, Mapping | list) else str(value)


def _context(definition: Data) -> str:
    return records.compact({key: definition[key] for key in _CONTEXT if key in definition})


def _shown(value: Any, scope: Scope) -> Any:
    """Evaluate a value, with a placeholder for what is not known yet."""
    try:
        return _with_placeholders(evaluate(value, scope))
    except EvaluationError:
        return KNOWN_AFTER_APPLY


def _with_placeholders(value: Any) -> Any:
    if isinstance(value, Unknown | Partial):
        return KNOWN_AFTER_APPLY
    if isinstance(value, Mapping):
        return {key: _with_placeholders(child) for key, child in value.items()}
    return [_with_placeholders(child) for child in value] if isinstance(value, list) else value


def changes(
    state: SandboxState,
    stack: Document,
    settings: Document,
    every_attribute: bool = False,
    found: Mapping[str, ActualResource] = MappingProxyType({}),
) -> tuple[Change, ...]:
    """Return the changes that these settings make, also to the drift that was ``found``. Raises EvaluationError."""
    before = values.present(state, stack) if stack["settings"] is not None else None
    if before is not None and found:
        before = drift.with_actual(found, before)
    after = values.side(state, stack, settings)
    return difference(before, after, values.pseudo(state, stack), every_attribute)


def is_empty(state: SandboxState, stack: Document, settings: Document, changes: tuple[Change, ...]) -> bool:
    """Return whether settings change no resource, output or tag."""
    if changes or stack["settings"] is None or settings["tags"] != stack["settings"]["tags"]:
        return False
    before, after = (values.side(state, stack, one) for one in (stack["settings"], settings))
    return not outputs_changed(before, after, values.pseudo(state, stack))


def problem(state: SandboxState, stack: Document, settings: Document) -> str | None:
    """Return why no change set can be created from settings that CreateChangeSet has accepted, or None."""
    if stack["settings"] is not None:
        before, after = (records.template(state, one["template"]) for one in (stack["settings"], settings))
        type_change = type_problem(before, after)
        if type_change is not None:
            return type_change
    try:
        values.imports(state, stack, settings)
    except EvaluationError as error:
        return str(error)
    return None


def _compute(state: SandboxState, stack: Document, change_set: Document) -> ChangeSetResult:
    """Compute a change set for the current stack."""
    settings = change_set["settings"]
    hook = state.faults.quirk("hook")
    reason = f"{resources.HOOK}: [{hook.detail}]" if hook is not None else problem(state, stack, settings)
    if reason is not None:
        return ChangeSetResult(reason=reason)
    reverts = change_set.get("mode") == "REVERT_DRIFT"
    found = drift.actual_resources(state, stack) if reverts else {}
    try:
        raw = changes(state, stack, settings, found=found)
        all_attributes = changes(state, stack, settings, every_attribute=True, found=found)
    except EvaluationError as error:
        return ChangeSetResult(reason=str(error))
    new = _new_template(state, stack, settings)
    raw, all_attributes = (_with_deleted(some, found, new) for some in (raw, all_attributes))
    named = {change.logical_id for change in raw}
    rest = [one for key, one in found.items() if one.drift and key in new.resources and key not in named]
    if not rest and is_empty(state, stack, settings, raw):
        other = state.faults.quirk("no-updates") is not None
        return ChangeSetResult(reason=messages.NO_UPDATES if other else messages.NO_CHANGES)
    imports = _imports(state, change_set, raw, new)
    excess = [one.logical_id for one in raw if change_set["type"] == "IMPORT" and one.logical_id not in imports]
    if excess:
        return ChangeSetResult(
            reason=f"As part of the import operation, you cannot modify or add [{', '.join(excess)}]"
        )
    final, bare = ([_as_import(change, imports) for change in some] for some in (raw, all_attributes))
    findings = _findings(state, final, new, change_set["validates"])
    failed = sorted({_HOOKS[finding["ValidationName"]] for finding in findings})
    if failed:
        return ChangeSetResult(findings=findings, reason=messages.EARLY_VALIDATION.format(", ".join(failed)))
    rows = {key: row for key, row in records.rows(state, stack["id"]).items() if row["status"] not in GONE}
    rows |= {key: one.actual_row for key, one in found.items() if one.drift}

    def described(change: Change) -> Document:
        logical = change.logical_id
        shown = describe_change(change, rows.get(logical), new.resources.get(logical), new.scope)
        if logical in found:
            drift.decorate(shown["ResourceChange"], found[logical])
        return shown

    recorded = [drift.synchronized(one) for one in rest]
    without = [*(_without_values(described(one)) for one in bare), *map(_without_values, recorded)]
    status = _drift_status(found) if reverts else ""
    return ChangeSetResult([*map(described, final), *recorded], without, imports, _warnings(state, final), drift=status)


def _drift_status(found: Mapping[str, ActualResource]) -> str:
    return "DRIFTED" if any(one.properties is None or one.drift for one in found.values()) else "IN_SYNC"


def _with_deleted(
    changes: tuple[Change, ...], found: Mapping[str, ActualResource], new: NewTemplate
) -> tuple[Change, ...]:
    """Return the changes, with the creation of what was deleted outside CloudFormation."""
    deleted = {key: one for key, one in found.items() if one.properties is None}
    added = (Change("Add", key, one.row["type"]) for key, one in deleted.items() if key in new.resources)
    return (*(change for change in changes if change.logical_id not in deleted), *added)


def _new_template(state: SandboxState, stack: Document, settings: Document) -> NewTemplate:
    template = records.template(state, settings["template"])
    scope = scope_of(template, settings["values"], values.pseudo(state, stack))
    written = active(template, scope.conditions)
    properties = {key: evaluate(resource.get("Properties") or {}, scope) for key, resource in written.items()}
    known = {key: value if isinstance(value, Mapping) else {} for key, value in properties.items()}
    return NewTemplate(written, known, scope)


def _as_import(change: Change, imports: Mapping[str, str]) -> Change:
    if change.logical_id not in imports or change.action != "Add":
        return change
    return replace(change, action="Import", physical_id=imports[change.logical_id])


def _imports(state: SandboxState, change_set: Document, raw: tuple[Change, ...], new: NewTemplate) -> dict[str, str]:
    """Return the resources to import: the request's and, with ImportExistingResources, unowned ones of the same name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    imports: dict[str, str] = dict(change_set["to_import"])
    for change in raw if change_set["import_existing"] else ():
        existing = _existing(state, change, new)
        if change.action == "Add" and existing is not None and existing["owner"] is None:
            imports[change.logical_id] = existing["physical"]
    return imports


def _existing(state: SandboxState, change: Change, new: NewTemplate) -> Document | None:
    """Return another resource that already has the name of the changed one."""
    name = resources.name_of(change.type, new.properties.get(change.logical_id, {}))
    existing = resources.named(state, change.type, name) if name is not None else None
    if existing is None or (change.action == "Modify" and existing["physical"] == change.physical_id):
        return None
    return existing


def _findings(state: SandboxState, final: list[Change], new: NewTemplate, validates: bool) -> list[Document]:
    """Return the findings of early validation: unknown and missing properties, names that exist, and those of a quirk.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    findings: list[Document] = []
    quirk = state.faults.quirk("early-validation")
    if quirk is not None:
        types = {change.logical_id: change.type for change in final}
        for logical in [name for name in quirk.detail.split(",") if name] or list(types)[:2]:
            findings += _property_findings(logical, types.get(logical, "Custom::Unknown"), ["Sandbox"], ["Fault"])
    if not validates or state.faults.quirk("no-early-validation") is not None:
        return findings
    for change in final:
        if change.action == "Remove":
            continue
        logical, type, properties = change.logical_id, change.type, new.properties[change.logical_id]
        unknown = resources.unknown_properties(type, properties)
        findings += _property_findings(logical, type, unknown, resources.missing_properties(type, properties))
        creates = change.action == "Add" or change.replacement == "True"
        if creates and _existing(state, change, new) is not None:
            reason = messages.exists(type, str(resources.name_of(type, properties)))
            findings.append(_finding(logical, type, "NAME_CONFLICT_VALIDATION", reason))
    return findings


def _warnings(state: SandboxState, final: list[Change]) -> list[Document]:
    """Return what early validation warns of: buckets to delete that are not empty, and the findings of a quirk."""
    findings = [
        _finding(change.logical_id, change.type, "S3_BUCKET_EMPTINESS", f"Bucket {change.physical_id} is not empty.")
        for change in final
        if change.type == BUCKET
        and change.policy == "Delete"
        and state.store.every(s3.OBJECT, f"{change.physical_id}/")
    ]
    quirk, types = state.faults.quirk("validation-warning"), {change.logical_id: change.type for change in final}
    for named in (quirk.detail if quirk is not None else "").split(","):
        logical, slash, path = named.partition("/")
        if logical in types:
            reason = "A warning of the sandbox."
            findings.append(
                _finding(logical, types[logical], "PROPERTY_VALIDATION", reason, f"/Properties/{path}" if slash else "")
            )
    return findings


def _property_findings(logical: str, type: str, unknown: list[str], missing: list[str]) -> list[Document]:
    reasons = [f"Unsupported property [{name}]" for name in unknown]  # the message of AWS is not known
    reasons += [f"Required property [{name}] not found" for name in missing]
    return [_finding(logical, type, "PROPERTY_VALIDATION", reason, "/Properties") for reason in reasons]


def _finding(logical: str, type: str, name: str, reason: str, path: str = "") -> Document:
    """Return a finding, with the members of an event."""
    return {
        "LogicalResourceId": logical,
        "ResourceType": type,
        "ValidationName": name,
        "ValidationStatusReason": reason,
        "ValidationPath": f"/Resources/{logical}{path}",
    }


def create_change_set(state: SandboxState, params: Document) -> Document:
    """CreateChangeSet, which answers at once; DescribeChangeSet returns the result later."""
    stack_name, name = params["StackName"], params["ChangeSetName"]
    values.check_name(stack_name)
    values.check_name(name, "changeSetName", CHANGE_SET_NAME)
    kind = params.get("ChangeSetType") or "UPDATE"
    stack = _stack_for(state, stack_name, name, kind)
    is_new = not stack["status"]
    existing = None if is_new else records.change_set(state, name, stack["id"])
    if existing is not None:
        if existing["token"] is not None and existing["token"] == params.get("ClientToken"):
            return {"Id": existing["id"], "StackId": stack["id"]}
        raise ServiceError("AlreadyExistsException", f"ChangeSet [{name}] already exists")
    full = len(records.change_sets(state, stack["id"])) >= MOST
    if full or state.faults.quirk("limit-exceeded") is not None:
        raise ServiceError("LimitExceededException", f"ChangeSet limit exceeded for stack {stack['name']}")
    settings = values.settings(state, None if is_new else stack, params)
    if params.get("OnStackFailure") == "DELETE" and kind != "CREATE":
        raise messages.invalid("OnStackFailure DELETE is only valid when ChangeSetType is CREATE.")
    now = state.clock.now()
    if is_new:
        records.add_stack_event(state, now, stack, None, "REVIEW_IN_PROGRESS", messages.USER_INITIATED)
        records.save_stack(state, stack)
    if params.get("DeploymentMode") and not is_new:
        drift.strike(state, stack)
    body = _new_change_set(state, stack, kind, settings, params)
    records.save_change_set(state, body)
    for delay, stage in ((STARTED_AFTER, "CREATE_IN_PROGRESS"), (CREATED_AFTER, "CREATE_COMPLETE")):
        payload = {"change_set": body["id"], "stage": stage}
        state.store.schedule(now + state.duration(delay), "cloudformation.plan", payload, tag=body["id"])
    return {"Id": body["id"], "StackId": stack["id"]}


def _stack_for(state: SandboxState, stack_name: str, name: str, kind: str) -> Document:
    """Return the stack for a change set, which has no status if it is new. Raises ServiceError."""
    stack = records.living(state, stack_name)
    status = stack["status"] if stack is not None else None
    if kind == "CREATE":
        if status not in (None, "REVIEW_IN_PROGRESS") or (stack is None and stack_name.startswith("arn:")):
            reason = f"already exists and cannot be created again with the changeSet [{name}]."
            raise messages.invalid(f"Stack [{stack_name}] {reason}")
    elif kind == "UPDATE" and status in (None, "REVIEW_IN_PROGRESS"):
        raise messages.no_stack(stack_name)
    elif stack is not None and status not in (*values.UPDATABLE, "REVIEW_IN_PROGRESS"):
        raise messages.busy(stack["id"], str(status))
    return stack if stack is not None else records.new_stack(state, stack_name, state.clock.now())


def _new_change_set(state: SandboxState, stack: Document, kind: str, settings: Document, params: Data) -> Document:
    name, number = params["ChangeSetName"], state.store.next_number("cloudformation change set")
    unique = ids.unique("change set", stack["id"], name, number)
    return {
        "id": state.arn("cloudformation", f"changeSet/{name}/{unique}"),
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
        "to_import": {
            one["LogicalResourceId"]: _identified(state, one) for one in params.get("ResourcesToImport") or ()
        },
        "import_existing": bool(params.get("ImportExistingResources")),
        "validates": not params.get("DisableValidation"),
        "deployment": dict(params.get("DeploymentConfig") or {}),
        "mode": params.get("DeploymentMode"),
        "imports": {},
        "changes": [],
        "bare": [],
        "findings": [],
        "on_failure": params.get("OnStackFailure"),
        "token": params.get("ClientToken"),
        "execute_token": None,
    }


def _identified(state: SandboxState, to_import: Data) -> str:
    """Return the physical id of a resource to import. Raises ServiceError unless it exists without a stack."""
    identifier, type = next(iter(to_import["ResourceIdentifier"].values()), ""), to_import["ResourceType"]
    resource = resources.find(state, type, identifier) or resources.named(state, type, identifier)
    if resource is None:
        raise messages.invalid(f"Resource of type '{type}' with identifier '{identifier}' was not found.")
    if resource["owner"] is not None:
        raise messages.invalid(messages.exists_in_stack(identifier, resource["owner"]))
    return str(resource["physical"])


def _plan(state: SandboxState, at: float, payload: Document) -> None:
    """Begin or finish the creation of a change set."""
    body = state.store.get(records.CHANGE_SET, payload["change_set"])
    stack = records.find(state, body["stack"]) if body is not None else None
    if body is None or stack is None or body["status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        return
    if payload["stage"] == "CREATE_IN_PROGRESS":
        body["status"] = "CREATE_IN_PROGRESS"
    else:
        result = _compute(state, stack, body)
        failed = result.reason is not None
        body |= {
            **vars(result),
            "status": "FAILED" if failed else "CREATE_COMPLETE",
            "execution": "UNAVAILABLE" if failed else "AVAILABLE",
            "finished": at,
        }
    fits = stack["status"] == "REVIEW_IN_PROGRESS" if body["type"] == "CREATE" else stack["status"] != "DELETE_COMPLETE"
    obsolete = bool(body.get("outdated")) or (body["execution"] == "AVAILABLE" and not fits)
    if obsolete and body["execution"] == "AVAILABLE":
        body["execution"] = "OBSOLETE"
    records.save_change_set(state, body, listed=not obsolete)


ACTIONS = {"cloudformation.plan": _plan}


def requested_change_set(state: SandboxState, params: Data) -> Document:
    """Return the change set of a request, by ARN or by name and stack. Raises ServiceError."""
    name, stack_name = params["ChangeSetName"], params.get("StackName")
    stack = records.living(state, stack_name) if stack_name is not None else None
    if not name.startswith("arn:"):
        if stack_name is None:
            raise messages.invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        stack = existing_stack(state, stack_name)
    body = records.change_set(state, name, stack["id"] if stack is not None else None)
    if body is None:
        raise messages.no_change_set(name)
    return body


def delete_change_set(state: SandboxState, params: Document) -> Document:
    """DeleteChangeSet, which succeeds if the change set does not exist. A stack in REVIEW_IN_PROGRESS stays."""
    try:
        body = requested_change_set(state, params)
    except ServiceError as error:
        if error.code == "ChangeSetNotFound":
            return {}
        raise
    if body["execution"] == "EXECUTE_IN_PROGRESS":
        raise messages.change_set_status(body["id"], "deleted", f"execution status of [{body['execution']}]")
    state.store.cancel(body["id"])
    records.remove_change_set(state, body)
    return {}


def execute_change_set(state: SandboxState, params: Document) -> Document:
    """ExecuteChangeSet. A repeated token gets the first answer."""
    body = requested_change_set(state, params)
    token = params.get("ClientRequestToken")
    if token is not None and body["execute_token"] == token:
        return {}
    if body["execution"] != "AVAILABLE":
        created = body["status"] == "CREATE_COMPLETE"
        status = f"execution status of [{body['execution']}]" if created else f"status of [{body['status']}]"
        raise messages.change_set_status(body["id"], "executed", status)
    stack = existing_stack(state, body["stack"])
    if stack["status"] not in (*values.UPDATABLE, "REVIEW_IN_PROGRESS"):
        raise messages.busy(stack["id"], stack["status"])
    if token is not None and token in stack["tokens"]:
        raise values.token_exists(token)
    records.save_change_set(state, {**body, "execution": "EXECUTE_IN_PROGRESS", "execute_token": token})
    if token is not None:
        stack["tokens"][token] = ["ExecuteChangeSet", body["id"]]
    make_obsolete(state, stack["id"], but=body["id"])
    deployment = body.get("deployment") or {}
    options = {"DeploymentConfig": deployment, **deployment, **params, "OnFailure": body["on_failure"]}
    operations.begin(state, stack, body["type"].lower(), body["settings"], options, body)
    return {}


def existing_stack(
    state: SandboxState, name_or_arn: str, error: Callable[[str], ServiceError] = messages.no_stack
) -> Document:
    """Return a stack that is not deleted, by name or ARN. Raises ``error`` of the name."""
    stack = records.living(state, name_or_arn)
    if stack is None:
        raise error(name_or_arn)
    return stack


def make_obsolete(state: SandboxState, stack: str, but: str | None = None) -> None:
    """Make the other change sets of a stack obsolete. Only their ARNs find them afterwards."""
    for body in records.change_sets(state, stack):
        if body["id"] != but:
            execution = "OBSOLETE" if body["execution"] == "AVAILABLE" else body["execution"]
            records.save_change_set(state, {**body, "outdated": True, "execution": execution}, listed=False)


def describe_change_set(state: SandboxState, params: Document) -> Document:
    """DescribeChangeSet, with or without property values."""
    body = requested_change_set(state, params)
    settings: Document = body["settings"]
    with_values = bool(params.get("IncludePropertyValues"))
    changes, reason = body["changes" if with_values else "bare"], body["reason"]
    if with_values:
        changes, reason = _incomplete(state, changes, reason)
    return {
        **_summary(body),
        "StatusReason": reason,
        "Parameters": parameters(settings),
        "NotificationARNs": settings["notifications"],
        "RollbackConfiguration": {},
        "Capabilities": settings["capabilities"],
        "Tags": tags(settings) or None,
        **page(state, changes, params, "Changes", lambda change: _with_quirks(state, change)),
        "OnStackFailure": body["on_failure"],
        "ImportExistingResources": body["import_existing"] or None,
        "DeploymentConfig": body.get("deployment") or None,
        "DeploymentMode": body.get("mode"),
        "StackDriftStatus": body.get("drift") or None,
    }


def parameters(settings: Document) -> list[Document] | None:
    """Describe the parameters of a stack. Values with NoEcho are masked."""
    described = [
        {"ParameterKey": key, "ParameterValue": NO_ECHO_MASK}
        if key in settings["hidden"]
        else {
            "ParameterKey": key,
            "ParameterValue": value,
            "ResolvedValue": settings["values"][key] if settings["values"][key] != value else None,
        }
        for key, value in settings.get("parameters", {}).items()
    ]
    return described or None


def tags(settings: Document) -> list[Document]:
    """Describe the tags of a stack."""
    return [{"Key": key, "Value": value} for key, value in settings.get("tags", {}).items()]


def _incomplete(state: SandboxState, changes: list[Document], reason: str | None) -> tuple[list[Document], str | None]:
    """Apply the quirks of answers with property values to changes and status reason."""
    if reason is not None and state.faults.quirk("no-reason") is not None:
        reason = None
    quirk = state.faults.quirk("drop-values") if changes else None
    if quirk is None:
        return changes, reason
    names = [change["ResourceChange"]["LogicalResourceId"] for change in changes]
    dropped = quirk.detail if quirk.detail in names else names[0]
    rest = [change for name, change in zip(names, changes, strict=True) if name != dropped]
    return rest, _WARNING.format(dropped)


def _with_quirks(state: SandboxState, described: Document) -> Document:
    """Replace values of a change by values that clients may not know."""
    change = dict(described["ResourceChange"])
    action = state.faults.quirk("action")
    if action is not None and change["Action"] == "Modify":
        change["Action"] = UnlistedValue(action.detail)
    if state.faults.quirk("unknown-enums") is not None:
        unlisted = {"Attribute": UnlistedValue("Provenance"), "RequiresRecreation": UnlistedValue("Sometimes")}
        change |= {
            "Replacement": change["Replacement"] and UnlistedValue("Perhaps"),
            "PolicyAction": UnlistedValue("ReplaceAndArchive"),
            "Scope": [*change["Scope"], UnlistedValue("Provenance")],
            "Details": [
                {
                    **detail,
                    "Evaluation": UnlistedValue("Eventual"),
                    "ChangeSource": UnlistedValue("Drift"),
                    "Target": {**detail["Target"], **unlisted},
                }
                for detail in change["Details"]
            ],
        }
    return {**described, "ResourceChange": change}


def _summary(body: Document) -> Document:
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


def list_change_sets(state: SandboxState, params: Document) -> Document:
    """ListChangeSets: those that can be executed or have failed."""
    stack = existing_stack(state, params["StackName"])
    change_sets = records.change_sets(state, stack["id"])
    return page(
        state, change_sets, params, "Summaries", lambda body: {**_summary(body), "StatusReason": body["reason"]}
    )
