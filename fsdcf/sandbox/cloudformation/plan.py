"""What a change set finds out while it is created: the changes, what is adopted, and what early validation says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.conditions import active
from fsdcf.cloudformation.difference import difference, outputs_changed
from fsdcf.cloudformation.evaluate import EvaluationError, Scope, evaluate
from fsdcf.cloudformation.scope import scope_of
from fsdcf.cloudformation.validation import type_problem
from fsdcf.sandbox.cloudformation import handlers, records, shown, things, values, words
from fsdcf.sandbox.cloudformation.forward import GONE
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.world import World

_EXISTENCE = "AWS::EarlyValidation::ResourceExistenceCheck"
_PROPERTIES = "AWS::EarlyValidation::PropertyValidation"


@dataclass(frozen=True)
class Found:
    """The outcome. ``changes`` are shown where property values are asked for, ``bare`` where they are not.

    ``imports`` lead from logical to physical ids. ``findings`` are early validation's. A ``reason`` makes the change set fail.
    """

    changes: list[Record] = field(default_factory=list)
    bare: list[Record] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    findings: list[Record] = field(default_factory=list)
    reason: str | None = None


@dataclass(frozen=True)
class Wanted:
    """The template of a change set: its resources, written and with evaluated properties, and the scope of its values."""

    resources: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    scope: Scope


def changes(world: World, stack: Record, settings: Record, every_attribute: bool = False) -> tuple[Change, ...]:
    """What these settings change. Raises EvaluationError."""
    before = values.present(world, stack) if stack["settings"] is not None else None
    return difference(before, values.side(world, stack, settings), values.pseudo(world, stack), every_attribute)


def is_empty(world: World, stack: Record, settings: Record, found: tuple[Change, ...]) -> bool:
    """Whether there is nothing to do: no change of a resource, an output or a tag."""
    if found or stack["settings"] is None:
        return False
    before, after = (values.side(world, stack, one) for one in (stack["settings"], settings))
    same_tags = settings["tags"] == stack["settings"]["tags"]
    return same_tags and not outputs_changed(before, after, values.pseudo(world, stack))


def problem(world: World, stack: Record, settings: Record) -> str | None:
    """Why no change set can be made of these settings, beyond what CreateChangeSet refuses at once."""
    if stack["settings"] is not None:
        sides = [records.template(world, one["template"]) for one in (stack["settings"], settings)]
        found = type_problem(*sides)
        if found is not None:
            return found
    try:
        values.imports(world, stack, settings)
    except EvaluationError as error:
        return str(error)
    return None


def work_out(world: World, stack: Record, change_set: Record) -> Found:
    """What a change set finds, with the stack as it is now."""
    settings = change_set["settings"]
    hook = world.faults.of_cloudformation("hook")
    reason = f"{handlers.HOOK}: [{hook.detail}]" if hook is not None else problem(world, stack, settings)
    if reason is not None:
        return Found(reason=reason)
    try:
        raw = changes(world, stack, settings)
        all_attributes = changes(world, stack, settings, every_attribute=True)
    except EvaluationError as error:
        return Found(reason=str(error))
    if is_empty(world, stack, settings, raw):
        other = world.faults.of_cloudformation("no-updates") is not None
        return Found(reason=words.NO_UPDATES if other else words.NO_CHANGES)
    wanted = _wanted(world, stack, settings)
    imports = _imports(world, change_set, raw, wanted)
    strange = [one.logical_id for one in raw if change_set["type"] == "IMPORT" and one.logical_id not in imports]
    if strange:
        return Found(reason=f"As part of the import operation, you cannot modify or add [{', '.join(strange)}]")
    final = [_adopted(one, imports) for one in raw]
    findings = _findings(world, final, wanted, change_set["validates"])
    failed = sorted({one["hook"] for one in findings})
    if failed:
        return Found(findings=findings, reason=words.EARLY_VALIDATION.format(", ".join(failed)))
    rows = {key: row for key, row in records.rows(world, stack["id"]).items() if row["status"] not in GONE}
    lists = (
        [_shown(one, rows, wanted) for one in some]
        for some in (final, [_adopted(one, imports) for one in all_attributes])
    )
    full, bare = lists
    return Found(full, [shown.without_values(one) for one in bare], imports)


def _shown(one: Change, rows: Mapping[str, Record], wanted: Wanted) -> Record:
    return shown.change(one, rows.get(one.logical_id), wanted.resources.get(one.logical_id), wanted.scope)


def _wanted(world: World, stack: Record, settings: Record) -> Wanted:
    template = records.template(world, settings["template"])
    scope = scope_of(template, settings["values"], values.pseudo(world, stack))
    resources = active(template, scope.conditions)
    return Wanted(resources, {key: _evaluated(one, scope) for key, one in resources.items()}, scope)


def _evaluated(resource: Mapping[str, Any], scope: Scope) -> Mapping[str, Any]:
    properties = evaluate(resource.get("Properties") or {}, scope)
    return properties if isinstance(properties, Mapping) else {}


def _adopted(one: Change, imports: Mapping[str, str]) -> Change:
    if one.logical_id not in imports or one.action != "Add":
        return one
    return replace(one, action="Import", physical_id=imports[one.logical_id])


def _imports(world: World, change_set: Record, raw: tuple[Change, ...], wanted: Wanted) -> dict[str, str]:
    """What is imported: what the caller names, and with ImportExistingResources what bears a name of the template and is nobody's.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    given: dict[str, str] = dict(change_set["to_import"])
    if change_set["import_existing"]:
        for one in raw:
            taken = _taken(world, one, wanted)
            if one.action == "Add" and taken is not None and taken["owner"] is None:
                given[one.logical_id] = taken["physical"]
    return given


def _taken(world: World, one: Change, wanted: Wanted) -> Record | None:
    """What exists already by the name that a change would give."""
    name = things.name_of(one.type, wanted.properties.get(one.logical_id, {}))
    found = things.named(world, one.type, name) if name is not None else None
    if found is None or (one.action == "Modify" and found["physical"] == one.physical_id):
        return None
    return found


def _findings(world: World, final: list[Change], wanted: Wanted, validates: bool) -> list[Record]:
    """What early validation finds: properties that a type does not have or needs, names that exist, and what a fault wants found.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    found: list[Record] = []
    planted = world.faults.of_cloudformation("early-validation")
    if planted is not None:
        known = {one.logical_id: one.type for one in final}
        for logical in [one for one in planted.detail.split(",") if one] or list(known)[:2]:
            found += _of_properties(logical, known.get(logical, "Custom::Unknown"), ["Sandbox"], ["Fault"])
    if not validates or world.faults.of_cloudformation("no-early-validation") is not None:
        return found
    for one in final:
        if one.action == "Remove":
            continue
        properties = wanted.properties[one.logical_id]
        strange, absent = (
            check(one.type, properties) for check in (handlers.unknown_properties, handlers.missing_properties)
        )
        found += _of_properties(one.logical_id, one.type, strange, absent)
        taken = _taken(world, one, wanted) if one.action == "Add" or one.replacement == "True" else None
        if taken is not None:
            reason = words.exists(one.type, str(things.name_of(one.type, properties)))
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
