"""What a template's values come to in the account: with the physical ids and attributes of what exists, and other stacks' exports."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from fsdcf.cloudformation.difference import Side
from fsdcf.cloudformation.evaluation import NO_VALUE, EvaluationError, Scope, active, evaluate, plain, scope_of
from fsdcf.cloudformation.limits import TEMPLATE_BYTES
from fsdcf.cloudformation.parameters import is_no_echo, resolved
from fsdcf.cloudformation.references import needs
from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import body_problem, problems
from fsdcf.sandbox import schedule, ssm
from fsdcf.sandbox.cloudformation import messages, records, resources
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.state import SandboxState, ServiceError


@dataclass(frozen=True)
class StackTarget:
    """What a stack is to be: its resources and outputs that exist, and the scope of their values."""

    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]
    scope: Scope

    def needs(self) -> dict[str, frozenset[str]]:
        """What each resource waits for, by logical id."""
        return needs(self.resources)


def pseudo(state: SandboxState, stack: Record) -> dict[str, Any]:
    """The pseudo parameters of a stack.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    return {
        "AWS::AccountId": state.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": state.partition,
        "AWS::Region": state.region,
        "AWS::StackId": stack["id"],
        "AWS::StackName": stack["name"],
        "AWS::URLSuffix": "amazonaws.com.cn" if state.partition == "aws-cn" else "amazonaws.com",
    }


def target(state: SandboxState, stack: Record, settings: Record | None) -> StackTarget:
    """A stack with these settings; None is no stack yet. Raises EvaluationError."""
    if settings is None:
        return StackTarget({}, {}, Scope({}))
    template = records.template(state, settings["template"])
    scope = scope_of(
        template,
        settings["values"],
        pseudo(state, stack),
        _resources(state, stack),
        lambda name: _imported(state, name),
    )
    resources = active(template, scope.conditions)
    outputs = template.get("Outputs") or {}
    shown = {
        name: one
        for name, one in outputs.items()
        if scope.conditions.get(one.get("Condition", ""), "Condition" not in one)
    }
    return StackTarget(resources, shown, scope)


def _resources(state: SandboxState, stack: Record) -> Callable[[str, str | None], Any]:
    def look(logical: str, attribute: str | None) -> Any:
        row = records.row(state, stack["id"], logical)
        if row is None or not row["physical"]:
            raise EvaluationError(f"Template error: resource {logical} does not exist")
        if attribute is None:
            return row["physical"]
        resource = resources.find(state, row["type"], row["physical"])
        known = resource["attributes"] if resource is not None else {}
        if attribute not in known:
            raise EvaluationError(f"Attribute '{attribute}' does not exist")
        return known[attribute]

    return look


def _imported(state: SandboxState, name: str) -> Any:
    export = state.store.get(records.EXPORT, name)
    if export is None:
        raise EvaluationError(f"No export named {name} found.")
    return export["value"]


def definition(resource: Mapping[str, Any], scope: Scope) -> Record:
    """A resource as its template writes it, with every function applied. Raises EvaluationError."""
    written = {key: child for key, child in resource.items() if key not in ("DependsOn", "Condition")}
    values = {key: evaluate(child, scope) for key, child in written.items()}
    return {key: plain(value) for key, value in values.items() if value is not NO_VALUE}


def as_template(logical: str, resource: Record) -> dict[str, Any]:
    """A template of this one resource, its values already known."""
    return {"Resources": {logical: resource}}


def side(state: SandboxState, stack: Record, settings: Record) -> Side:
    """A stack's settings as one side of a difference."""
    physical = {
        logical: row["physical"] for logical, row in records.rows(state, stack["id"]).items() if row["physical"]
    }
    return Side(records.template(state, settings["template"]), settings["values"], settings["tags"], physical)


def present(state: SandboxState, stack: Record) -> Side:
    """A stack as it is: as its settings say, but for what an operation without rollback left undone."""
    whole = side(state, stack, stack["settings"])
    operation = records.operation(state, stack["id"])
    if operation is None or stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED"):
        return whole
    rows = records.rows(state, stack["id"])
    resources = dict(whole.template.get("Resources") or {})
    for key, one in operation["steps"].items():
        if one["state"] != "done":
            resources.pop(key, None)
            if key in rows and rows[key]["status"] != "CREATE_FAILED":
                resources[key] = rows[key]["definition"]
    return Side({**whole.template, "Resources": resources}, whole.parameters, whole.tags, whole.physical)


def outputs(aim: StackTarget) -> list[Record]:
    """The outputs as DescribeStacks shows them. Raises EvaluationError."""
    out = []
    for name, one in sorted(aim.outputs.items()):
        value = evaluate(one.get("Value"), aim.scope)
        shown = {"OutputKey": name, "OutputValue": _text(value), "Description": one.get("Description")}
        export = one.get("Export")
        if export is not None:
            shown["ExportName"] = str(evaluate(export["Name"], aim.scope))
        out.append({key: child for key, child in shown.items() if child is not None})
    return out


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(value)


def imports(state: SandboxState, stack: Record, settings: Record) -> list[str]:
    """The exports of other stacks that a stack with these settings imports."""
    template = records.template(state, settings["template"])
    found: set[str] = set()

    def note(name: str) -> Any:
        found.add(name)
        return _imported(state, name)

    scope = scope_of(template, settings["values"], pseudo(state, stack), imports=note)
    for one in active(template, scope.conditions).values():
        evaluate({key: child for key, child in one.items() if key != "DependsOn"}, scope)
    for output in (template.get("Outputs") or {}).values():
        evaluate(output.get("Value"), scope)
    return sorted(found)


UPDATABLE = frozenset(
    {
        *(
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "IMPORT_COMPLETE",
            "IMPORT_ROLLBACK_COMPLETE",
        ),
        *("CREATE_FAILED", "UPDATE_FAILED"),
    }
)
"""The statuses that take an update; the two last ones are those of a stack whose rollback was disabled.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

STACK_NAME = "[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
TOKEN = "[a-zA-Z0-9][-a-zA-Z0-9]*"  # noqa: S105
LONGEST_NAME = 128
MOST_TAGS = 50
_BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")


def check_name(name: str, member: str = "stackName", expected: str = STACK_NAME) -> None:
    """Refuses a name that CloudFormation does not take."""
    if not re.fullmatch(expected, name):
        raise messages.pattern(name, member, expected)
    if not name.startswith("arn:") and len(name) > LONGEST_NAME:
        raise messages.too_long(name, member, LONGEST_NAME)


def fingerprint(params: Mapping[str, Any]) -> str:
    """A text that requests with the same content share."""
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()


def repeated(stack: Record, operation: str, params: Mapping[str, Any]) -> bool:
    """Whether this request has been taken before, by its token; else the token is noted. The caller saves the stack.

    Refuses a token that another request came with.
    """
    token = params.get("ClientRequestToken")
    if token is None:
        return False
    known, mark = stack["tokens"].get(token), [operation, fingerprint(params)]
    if known is None:
        stack["tokens"][token] = mark
        return False
    if known != mark:
        raise ServiceError("TokenAlreadyExistsException", f"A client request token already exists: {token}")
    return True


def settings(state: SandboxState, stack: Record | None, params: Mapping[str, Any]) -> Record:
    """The settings that a request asks for; ``stack`` is there for what it keeps. Raises Refusal."""
    before = stack["settings"] if stack is not None else None
    text = _template(state, before, params)
    try:
        template = records.parsed(text)
    except TemplateError as error:
        raise messages.invalid(str(error)) from None
    chosen = _parameters(template, before, params)
    stored = _stored(state, template, chosen)
    capabilities = list(params.get("Capabilities") or ())
    _refuse(template, chosen, capabilities)
    declared = template.get("Parameters") or {}
    kept = before or {"tags": {}, "notifications": []}
    notifications = params.get("NotificationARNs")
    return {
        "template": records.save_template(state, text),
        "description": template.get("Description"),
        "parameters": chosen,
        "values": chosen | stored,
        "hidden": sorted(name for name, one in declared.items() if is_no_echo(one)),
        "tags": _tags(params) if params.get("Tags") is not None else kept["tags"],
        "capabilities": capabilities,
        "notifications": kept["notifications"] if notifications is None else list(notifications),
        "role": params.get("RoleARN") or (before or {}).get("role"),
    }


def _template(state: SandboxState, before: Record | None, params: Mapping[str, Any]) -> str:
    body, url = params.get("TemplateBody"), params.get("TemplateURL")
    previous = params.get("UsePreviousTemplate")
    if sum(one is not None and one is not False for one in (body, url, previous)) > 1:
        raise messages.invalid("You can specify only one of TemplateBody, TemplateURL or UsePreviousTemplate.")
    if previous and before is not None:
        return records.template_text(state, before["template"])
    if body is None and url is None:
        raise messages.invalid("Either Template URL or Template Body must be specified.")
    return text_of(state, params)


def text_of(state: SandboxState, params: Mapping[str, Any]) -> str:
    """The template in a request's TemplateBody or behind its TemplateURL. Sizes count bytes."""
    if params.get("TemplateBody") is not None:
        body = str(params["TemplateBody"])
        problem = body_problem(body)
        if problem is not None:
            raise messages.invalid(problem)
        return body
    raw = _fetched(state, str(params["TemplateURL"]))
    if len(raw) > TEMPLATE_BYTES:
        raise messages.invalid(f"Template may not exceed {TEMPLATE_BYTES} bytes in size.")
    return raw.decode()


def _fetched(state: SandboxState, url: str) -> bytes:
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    found = _BUCKET_HOST.fullmatch(parts.netloc)
    bucket, _, key = ("", "", "") if found else path.partition("/")
    if found:
        bucket, key = found["bucket"], path
    elif not re.match(r"s3[.-]|(localhost|127\.0\.0\.1)(:\d+)?$", parts.netloc):
        raise messages.invalid("TemplateURL must be a supported URL.")
    try:
        answer = schedule.operations("s3")["GetObject"](state, {"Bucket": bucket, "Key": key})
    except ServiceError as refusal:
        more = "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        raise messages.invalid(f"S3 error: {refusal.message}\n{more}") from None
    return bytes(answer["Body"])


def _parameters(template: Mapping[str, Any], before: Record | None, params: Mapping[str, Any]) -> dict[str, str]:
    known = before["parameters"] if before is not None else {}
    given: dict[str, str] = {}
    previous: dict[str, str] = {}
    for one in params.get("Parameters") or ():
        key = one["ParameterKey"]
        if not one.get("UsePreviousValue"):
            given[key] = one.get("ParameterValue", "")
        elif key in known:
            previous[key] = known[key]
        else:
            raise messages.invalid(
                f"Invalid input for parameter key {key}. "
                "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            )
    chosen, faults = resolved(template, given, previous)
    if faults:
        raise messages.invalid(faults[0])
    return chosen


def _stored(state: SandboxState, template: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
    """The values of the parameters that name one of Parameter Store's, as they are there now."""
    declared = template.get("Parameters") or {}
    named = {
        key: one
        for key, one in chosen.items()
        if str(declared[key].get("Type")).startswith("AWS::SSM::Parameter::Value<")
    }
    found = {key: ssm.value_of(state, name) for key, name in named.items()}
    lost = [named[key] for key, value in found.items() if value is None]
    if lost:
        raise messages.invalid(f"Unable to fetch parameters [{','.join(lost)}] from parameter store for this account.")
    return {key: value for key, value in found.items() if value is not None}


def _refuse(template: Mapping[str, Any], chosen: Mapping[str, str], capabilities: list[str]) -> None:
    """Refuses what CreateChangeSet refuses, and what the sandbox cannot do. Wrong properties are left to early validation and to
    the resource."""
    transforms = template.get("Transform") or []
    strange = [one for one in ([transforms] if isinstance(transforms, str) else transforms) if one != LANGUAGE]
    if strange:
        raise messages.invalid(f"The sandbox processes no transforms but {LANGUAGE}: {strange}")
    found = [one for one in problems(template, chosen, capabilities) if not one.startswith(PROPERTY_PROBLEMS)]
    if found and found[0].startswith("Requires capabilities"):
        raise ServiceError("InsufficientCapabilitiesException", found[0])
    if found:
        raise messages.invalid(found[0])


LANGUAGE = "AWS::LanguageExtensions"

PROPERTY_PROBLEMS = ("Encountered unsupported property ", "Property ")
"""How the problems begin that CloudFormation does not answer CreateChangeSet with."""


def _tags(params: Mapping[str, Any]) -> dict[str, str]:
    tags = {one["Key"]: one["Value"] for one in params["Tags"]}
    if len(tags) > MOST_TAGS:
        raise messages.invalid(f"Tags cannot have more than {MOST_TAGS} elements.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise messages.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    return tags


def exports(state: SandboxState) -> list[Record]:
    """All exports as ListExports shows them, by name."""
    return [
        {"ExportingStackId": one["stack"], "Name": name, "Value": one["value"]}
        for name, one in state.store.every(records.EXPORT)
    ]


def importers(state: SandboxState, name: str) -> list[str]:
    """The names of the stacks that import an export."""
    return sorted(
        stack["name"]
        for stack in records.every_stack(state)
        if name in stack["imports"] and stack["status"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
    )


def _exports_of(state: SandboxState, stack: str) -> dict[str, str]:
    return {name: one["value"] for name, one in state.store.every(records.EXPORT) if one["stack"] == stack}


def export_problem(state: SandboxState, stack: Record, outputs: Iterable[Record]) -> str | None:
    """Why the stack cannot have these outputs: a name is taken, or what another stack imports would change or go.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    wanted = {one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one}
    for name in sorted(wanted):
        held = state.store.get(records.EXPORT, name)
        if held is not None and held["stack"] != stack["id"]:
            return messages.export_taken(name, held["stack"])
    for name, value in _exports_of(state, stack["id"]).items():
        users = importers(state, name) if wanted.get(name) != value else []
        if users:
            return messages.export_used(name, "updated" if name in wanted else "deleted", users)
    return None


def deletion_blocker(state: SandboxState, stack: Record) -> str | None:
    """Why the stack cannot be deleted: another one imports from it."""
    for name in _exports_of(state, stack["id"]):
        users = importers(state, name)
        if users:
            return messages.delete_cancelled(name, users)
    return None


def publish_exports(state: SandboxState, stack: Record, outputs: Iterable[Record]) -> None:
    """The stack's exports are those of these outputs from now on."""
    for name in _exports_of(state, stack["id"]):
        state.store.remove(records.EXPORT, name)
    for one in outputs:
        if "ExportName" in one:
            state.store.put(records.EXPORT, one["ExportName"], {"stack": stack["id"], "value": one["OutputValue"]})
