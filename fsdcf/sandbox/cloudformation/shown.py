"""A change as DescribeChangeSet shows it, with the values before and after where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.evaluate import EvaluationError, Partial, Scope, Unknown, evaluate
from fsdcf.cloudformation.intrinsics import function_of
from fsdcf.cloudformation.titles import at
from fsdcf.sandbox.cloudformation.records import Record

LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
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
        "AfterValue": LATER
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
        return LATER
    return json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping | list) else str(value)


def _context(definition: Mapping[str, Any]) -> str:
    return json.dumps({key: definition[key] for key in _CONTEXT if key in definition}, separators=(",", ":"))


def _known(value: Any, scope: Scope) -> Any:
    try:
        return _marked(evaluate(value, scope))
    except EvaluationError:
        return LATER


def _marked(value: Any) -> Any:
    if isinstance(value, Unknown | Partial):
        return LATER
    if isinstance(value, Mapping):
        return {key: _marked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked(child) for child in value]
    return value
