"""What a template's values come to in the account: with the physical ids and attributes of what exists, and other stacks' exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.difference import Side
from fsdcf.cloudformation.evaluation import NO_VALUE, EvaluationError, Scope, evaluate
from fsdcf.cloudformation.references import needs
from fsdcf.cloudformation.scope import active, scope_of
from fsdcf.cloudformation.unknown import plain
from fsdcf.sandbox.cloudformation import records, resources
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.state import World


@dataclass(frozen=True)
class Target:
    """What a stack is to be: its resources and outputs that exist, and the scope of their values."""

    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]
    scope: Scope

    def needs(self) -> dict[str, frozenset[str]]:
        """What each resource waits for, by logical id."""
        return needs(self.resources)


def pseudo(world: World, stack: Record) -> dict[str, Any]:
    """The pseudo parameters of a stack.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    return {
        "AWS::AccountId": world.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": world.partition,
        "AWS::Region": world.region,
        "AWS::StackId": stack["id"],
        "AWS::StackName": stack["name"],
        "AWS::URLSuffix": "amazonaws.com.cn" if world.partition == "aws-cn" else "amazonaws.com",
    }


def target(world: World, stack: Record, settings: Record | None) -> Target:
    """A stack with these settings; None is no stack yet. Raises EvaluationError."""
    if settings is None:
        return Target({}, {}, Scope({}))
    template = records.template(world, settings["template"])
    scope = scope_of(
        template,
        settings["values"],
        pseudo(world, stack),
        _resources(world, stack),
        lambda name: _imported(world, name),
    )
    resources = active(template, scope.conditions)
    outputs = template.get("Outputs") or {}
    shown = {
        name: one
        for name, one in outputs.items()
        if scope.conditions.get(one.get("Condition", ""), "Condition" not in one)
    }
    return Target(resources, shown, scope)


def _resources(world: World, stack: Record) -> Callable[[str, str | None], Any]:
    def look(logical: str, attribute: str | None) -> Any:
        row = records.row(world, stack["id"], logical)
        if row is None or not row["physical"]:
            raise EvaluationError(f"Template error: resource {logical} does not exist")
        if attribute is None:
            return row["physical"]
        thing = resources.find(world, row["type"], row["physical"])
        known = thing["attributes"] if thing is not None else {}
        if attribute not in known:
            raise EvaluationError(f"Attribute '{attribute}' does not exist")
        return known[attribute]

    return look


def _imported(world: World, name: str) -> Any:
    export = world.store.get(records.EXPORT, name)
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


def side(world: World, stack: Record, settings: Record) -> Side:
    """A stack's settings as one side of a difference."""
    physical = {
        logical: row["physical"] for logical, row in records.rows(world, stack["id"]).items() if row["physical"]
    }
    return Side(records.template(world, settings["template"]), settings["values"], settings["tags"], physical)


def present(world: World, stack: Record) -> Side:
    """A stack as it is: as its settings say, but for what an operation without rollback left undone."""
    whole = side(world, stack, stack["settings"])
    operation = records.operation(world, stack["id"])
    if operation is None or stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED"):
        return whole
    rows = records.rows(world, stack["id"])
    resources = dict(whole.template.get("Resources") or {})
    for key, one in operation["steps"].items():
        if one["state"] != "done":
            resources.pop(key, None)
            if key in rows and rows[key]["status"] != "CREATE_FAILED":
                resources[key] = rows[key]["definition"]
    return Side({**whole.template, "Resources": resources}, whole.parameters, whole.tags, whole.physical)


def outputs(aim: Target) -> list[Record]:
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


def imports(world: World, stack: Record, settings: Record) -> list[str]:
    """The exports of other stacks that a stack with these settings imports."""
    template = records.template(world, settings["template"])
    found: set[str] = set()

    def note(name: str) -> Any:
        found.add(name)
        return _imported(world, name)

    scope = scope_of(template, settings["values"], pseudo(world, stack), imports=note)
    for one in active(template, scope.conditions).values():
        evaluate({key: child for key, child in one.items() if key != "DependsOn"}, scope)
    for output in (template.get("Outputs") or {}).values():
        evaluate(output.get("Value"), scope)
    return sorted(found)
