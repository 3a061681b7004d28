"""The settings that requests give a stack, the values of its template in this account, and the exports of stacks."""

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
from fsdcf.cloudformation.parameters import is_no_echo, resolved, stored_name
from fsdcf.cloudformation.partitions import DOMAIN
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import body_problem, problems
from fsdcf.conventions import exporting_stack
from fsdcf.sandbox import s3, ssm
from fsdcf.sandbox.cloudformation import messages, records, resources
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

EXPORT = "cfn-export"

UPDATABLE = frozenset(
    (
        *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
        *("IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"),
    )
)
"""The statuses in which a stack can be updated; the last two are those of a stack whose rollback was disabled.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

STACK_NAME = "[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
MOST_LETTERS, MOST_TAGS = 128, 50
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"

PROPERTY_PROBLEMS = ("Encountered unsupported property ", "Property ")
"""How the problems begin that CreateChangeSet does not refuse: early validation and the resource report them."""

_BUCKET_HOST = re.compile(rf"(?P<bucket>[^/]{{1,255}}?)\.s3[.-](?:[a-z0-9-]{{1,63}}\.){{0,3}}(?:{DOMAIN})")
_PATH_HOST = re.compile(r"s3[.-].*|(localhost|127\.0\.0\.1)(:\d+)?")


def check_name(name: str, member: str = "stackName", expected: str = STACK_NAME) -> None:
    """Raise ServiceError for a name that CloudFormation does not accept."""
    if not re.fullmatch(expected, name):
        raise messages.constraint(name, member, f"satisfy regular expression pattern: {expected}")
    if not name.startswith("arn:") and len(name) > MOST_LETTERS:
        raise messages.constraint(name, member, f"have length less than or equal to {MOST_LETTERS}")


def repeated(stack: Document, operation: str, params: Data) -> bool:
    """Return whether a request with this token was accepted before; if not, note it. The caller saves the stack.

    Raises ServiceError for the token of another request.
    """
    token = params.get("ClientRequestToken")
    if token is None:
        return False
    content = json.dumps(params, sort_keys=True, default=str)
    mark = [operation, hashlib.sha256(content.encode()).hexdigest()]
    known = stack["tokens"].setdefault(token, mark)
    if known != mark:
        raise token_exists(token)
    return known is not mark


def token_exists(token: str) -> ServiceError:
    """Return the error for a client request token that another request has used."""
    return ServiceError("TokenAlreadyExistsException", f"A client request token already exists: {token}")


def settings(state: SandboxState, stack: Document | None, params: Data) -> Document:
    """Return the settings that a request gives a stack, some of which it may keep. Raises ServiceError."""
    before: Document = (stack and stack["settings"]) or {}
    text = _template_text(state, before, params)
    template = parsed(text)
    parameters = _parameters(template, before, params)
    if state.invents:
        _invent(state, template, parameters)
    stored = _stored_values(state, template, parameters)
    capabilities = list(params.get("Capabilities") or ())
    _check_template(template, parameters, capabilities)
    declared = template.get("Parameters") or {}
    notifications = params.get("NotificationARNs")
    return {
        "template": records.save_template(state, text),
        "description": template.get("Description"),
        "parameters": parameters,
        "values": parameters | stored,
        "hidden": sorted(name for name, parameter in declared.items() if is_no_echo(parameter)),
        "tags": _tags(params) if params.get("Tags") is not None else before.get("tags", {}),
        "capabilities": capabilities,
        "notifications": before.get("notifications", []) if notifications is None else list(notifications),
        "role": params.get("RoleARN") or before.get("role"),
    }


def parsed(text: str) -> Data:
    """Parse a template. Raises ServiceError."""
    try:
        return records.parsed(text)
    except TemplateError as error:
        raise messages.invalid(str(error)) from None


def _template_text(state: SandboxState, before: Document, params: Data) -> str:
    previous = params.get("UsePreviousTemplate")
    sources = [params.get("TemplateBody") is not None, params.get("TemplateURL") is not None, bool(previous)]
    if sum(sources) > 1:
        raise messages.invalid("You can specify only one of TemplateBody, TemplateURL or UsePreviousTemplate.")
    if previous and before:
        return records.template_text(state, before["template"])
    return text_of(state, params)


def text_of(state: SandboxState, params: Data) -> str:
    """Return the template in a request's TemplateBody or TemplateURL. Raises ServiceError."""
    if params.get("TemplateBody") is not None:
        body = str(params["TemplateBody"])
        problem = body_problem(body)
        if problem is not None:
            raise messages.invalid(problem)
        return body
    if params.get("TemplateURL") is None:
        raise messages.invalid("Either Template URL or Template Body must be specified.")
    content = _fetched(state, str(params["TemplateURL"]))
    if len(content) > TEMPLATE_BYTES:
        raise messages.invalid(f"Template may not exceed {TEMPLATE_BYTES} bytes in size.")
    return content.decode()


def _fetched(state: SandboxState, url: str) -> bytes:
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    if host := _BUCKET_HOST.fullmatch(parts.netloc):
        bucket, key = host["bucket"], path
    elif _PATH_HOST.fullmatch(parts.netloc):
        bucket, _, key = path.partition("/")
    else:
        raise messages.invalid("TemplateURL must be a supported URL.")
    try:
        body: bytes = s3.get_object(state, {"Bucket": bucket, "Key": key})["Body"]
        return body
    except ServiceError as error:
        more = "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        raise messages.invalid(f"S3 error: {error.message}\n{more}") from None


def _parameters(template: Data, before: Document, params: Data) -> dict[str, str]:
    known = before.get("parameters", {})
    given: dict[str, str] = {}
    previous: dict[str, str] = {}
    for parameter in params.get("Parameters") or ():
        key = parameter["ParameterKey"]
        if not parameter.get("UsePreviousValue"):
            given[key] = parameter.get("ParameterValue", "")
        elif key in known:
            previous[key] = known[key]
        else:
            raise messages.invalid(
                f"Invalid input for parameter key {key}. "
                "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            )
    parameters, faults = resolved(template, given, previous)
    if faults:
        raise messages.invalid(faults[0])
    return parameters


MADE_UP = "made up by the sandbox"
"""The stack of an export, and the description of a parameter, that only a rehearsal has."""


def _invent(state: SandboxState, template: Data, parameters: Mapping[str, str]) -> None:
    """Make up what a stack reads elsewhere and the sandbox does not have, except the exports of an environment."""
    for key, declared in (template.get("Parameters") or {}).items():
        name = parameters.get(key, "")
        if stored_name({**declared, "Default": name}) and ssm.value_of(state, name) is None:
            ssm.put(state, name, name.rpartition("/")[2], description=MADE_UP)
    for one in planned(template).imports:
        if exporting_stack(one.name) == one.name and state.store.get(EXPORT, one.name) is None:
            state.store.put(EXPORT, one.name, {"stack": MADE_UP, "value": one.name})


def _stored_values(state: SandboxState, template: Data, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the current values of the template parameters that name a parameter of Parameter Store."""
    declared = template.get("Parameters") or {}
    values: dict[str, str] = {}
    missing: list[str] = []
    for key, name in parameters.items():
        if stored_name({**declared[key], "Default": name}):
            value = ssm.value_of(state, name)
            if value is None:
                missing.append(name)
            else:
                values[key] = value
    if missing:
        raise messages.invalid(
            f"Unable to fetch parameters [{','.join(missing)}] from parameter store for this account."
        )
    return values


def _check_template(template: Data, parameters: Mapping[str, str], capabilities: list[str]) -> None:
    """Raise ServiceError for what CreateChangeSet refuses, and for transforms that the sandbox does not support."""
    transforms = template.get("Transform") or []
    unknown = [
        name for name in ([transforms] if isinstance(transforms, str) else transforms) if name != LANGUAGE_EXTENSIONS
    ]
    if unknown:
        raise messages.invalid(f"The sandbox supports only the transform {LANGUAGE_EXTENSIONS}, not {unknown}")
    refused = (one for one in problems(template, parameters, capabilities) if not one.startswith(PROPERTY_PROBLEMS))
    problem = next(refused, None)
    if problem is not None and problem.startswith("Requires capabilities"):
        raise ServiceError("InsufficientCapabilitiesException", problem)
    if problem is not None:
        raise messages.invalid(problem)


def _tags(params: Data) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    if len(tags) > MOST_TAGS:
        raise messages.invalid(f"Tags cannot have more than {MOST_TAGS} elements.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise messages.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    return tags


@dataclass(frozen=True)
class StackTarget:
    """The resources and outputs that a stack's settings ask for, and the scope of their values."""

    resources: Data
    outputs: Data
    scope: Scope


def pseudo(state: SandboxState, stack: Document) -> Document:
    """Return the pseudo parameters of a stack.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    return {
        "AWS::AccountId": state.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": state.partition,
        "AWS::Region": state.region,
        "AWS::StackId": stack["id"],
        "AWS::StackName": stack["name"],
        "AWS::URLSuffix": state.url_suffix,
    }


_ZONES = {
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
}


def zones(region: str) -> list[str]:
    """Return the Availability Zones of a region, for Fn::GetAZs.

    Source: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
    """
    return [f"{region}{letter}" for letter in _ZONES.get(region, "abc")]


def target(state: SandboxState, stack: Document, settings: Document) -> StackTarget:
    """Return the target of a stack with these settings. Raises EvaluationError."""
    template = records.template(state, settings["template"])
    scope = scope_of(
        template,
        settings["values"],
        pseudo(state, stack),
        _lookup(state, stack),
        lambda name: _exported_value(state, name),
        zones,
    )
    outputs = {
        name: output
        for name, output in (template.get("Outputs") or {}).items()
        if scope.conditions.get(output.get("Condition", ""), "Condition" not in output)
    }
    return StackTarget(active(template, scope.conditions), outputs, scope)


def _lookup(state: SandboxState, stack: Document) -> Callable[[str, str | None], Any]:
    """Return a function that returns the physical id or an attribute of a resource. It raises EvaluationError."""

    def look_up(logical: str, attribute: str | None) -> Any:
        row = records.row(state, stack["id"], logical)
        if row is None or not row["physical"]:
            raise EvaluationError(f"Template error: resource {logical} does not exist")
        if attribute is None:
            return row["physical"]
        resource = resources.find_row(state, row)
        attributes = resource["attributes"] if resource is not None else {}
        if attribute not in attributes:
            raise EvaluationError(f"Attribute '{attribute}' does not exist")
        return attributes[attribute]

    return look_up


def definition(resource: Data, scope: Scope) -> Document:
    """Evaluate all functions of a resource in its template. Raises EvaluationError."""
    written = {key: child for key, child in resource.items() if key not in ("DependsOn", "Condition")}
    values = {key: evaluate(child, scope) for key, child in written.items()}
    return {key: plain(value) for key, value in values.items() if value is not NO_VALUE}


def side(state: SandboxState, stack: Document, settings: Document) -> Side:
    """Return a stack with these settings as one side of a difference."""
    rows = records.rows(state, stack["id"])
    physical = {logical: row["physical"] for logical, row in rows.items() if row["physical"]}
    return Side(records.template(state, settings["template"]), settings["values"], settings["tags"], physical)


def present(state: SandboxState, stack: Document) -> Side:
    """Return a stack as it is: with its settings, except for what an operation without rollback has left undone."""
    whole = side(state, stack, stack["settings"])
    operation = records.operation(state, stack["id"])
    if operation is None or stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED"):
        return whole
    rows = records.rows(state, stack["id"])
    resources = dict(whole.template.get("Resources") or {})
    for key, step in operation["steps"].items():
        if step["state"] != "done":
            resources.pop(key, None)
            if key in rows and rows[key]["status"] != "CREATE_FAILED":
                resources[key] = rows[key]["definition"]
    return Side({**whole.template, "Resources": resources}, whole.parameters, whole.tags, whole.physical)


def outputs(target: StackTarget) -> list[Document]:
    """Return the outputs of a stack in the form of DescribeStacks. Raises EvaluationError."""
    described = []
    for name, output in sorted(target.outputs.items()):
        value = _text(evaluate(output.get("Value"), target.scope))
        one = {"OutputKey": name, "OutputValue": value, "Description": output.get("Description")}
        if output.get("Export") is not None:
            one["ExportName"] = str(evaluate(output["Export"]["Name"], target.scope))
        described.append(one)
    return described


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def imports(state: SandboxState, stack: Document, settings: Document | None) -> list[str]:
    """Return the exports of other stacks that a stack with these settings imports. Raises EvaluationError.

    A stack whose creation failed, and was kept, has no settings to which an update could roll back.
    """
    if settings is None:
        return []
    template = records.template(state, settings["template"])
    names: set[str] = set()

    def note(name: str) -> Any:
        names.add(name)
        return _exported_value(state, name)

    scope = scope_of(template, settings["values"], pseudo(state, stack), imports=note, zones=zones)
    for resource in active(template, scope.conditions).values():
        evaluate({key: child for key, child in resource.items() if key != "DependsOn"}, scope)
    for output in (template.get("Outputs") or {}).values():
        evaluate(output.get("Value"), scope)
    return sorted(names)


def _exported_value(state: SandboxState, name: str) -> Any:
    export = state.store.get(EXPORT, name)
    if export is None:
        raise EvaluationError(f"No export named {name} found.")
    return export["value"]


def exports(state: SandboxState) -> list[Document]:
    """Return all exports in the form of ListExports, by name."""
    return [
        {"ExportingStackId": export["stack"], "Name": name, "Value": export["value"]}
        for name, export in state.store.every(EXPORT)
        if export["stack"] != MADE_UP
    ]


def importers(state: SandboxState, name: str) -> list[str]:
    """Return the names of the stacks that import an export."""
    return sorted(
        stack["name"]
        for stack in records.every_stack(state)
        if name in stack["imports"] and stack["status"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
    )


def _exports_of(state: SandboxState, stack: str) -> dict[str, str]:
    return {name: export["value"] for name, export in state.store.every(EXPORT) if export["stack"] == stack}


def export_problem(state: SandboxState, stack: Document, outputs: Iterable[Document]) -> str | None:
    """Return why a stack cannot have these outputs: an export exists, or one that is in use would change or go.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    wanted = {output["ExportName"]: output["OutputValue"] for output in outputs if "ExportName" in output}
    for name in sorted(wanted):
        held = state.store.get(EXPORT, name)
        if held is not None and held["stack"] not in (stack["id"], MADE_UP):
            return messages.export_taken(name, held["stack"])
    for name, value in _exports_of(state, stack["id"]).items():
        users = importers(state, name) if wanted.get(name) != value else []
        if users:
            return messages.export_used(name, "updated" if name in wanted else "deleted", users)
    return None


def deletion_blocker(state: SandboxState, stack: Document) -> str | None:
    """Return why a stack cannot be deleted: another stack imports from it."""
    for name in _exports_of(state, stack["id"]):
        users = importers(state, name)
        if users:
            return messages.delete_cancelled(name, users)
    return None


def publish_exports(state: SandboxState, stack: Document, outputs: Iterable[Document]) -> None:
    """Replace the exports of a stack by those of these outputs."""
    for name in _exports_of(state, stack["id"]):
        state.store.remove(EXPORT, name)
    for output in outputs:
        if "ExportName" in output:
            state.store.put(EXPORT, output["ExportName"], {"stack": stack["id"], "value": output["OutputValue"]})
