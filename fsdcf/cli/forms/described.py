"""A plan as JSON, with the names and the values of DescribeChangeSet, and beside each change its line, its risk and its rollback safety."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fsdcf.cli.forms.shown import Shown
from fsdcf.cli.values import judged_by, masked
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import Place
from fsdcf.plan.diff.causes import FOLLOWING, title_of
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.safety import Unsafe

LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands for a value that only the execution tells."""


def record(plan: Shown) -> dict[str, Any]:
    """The plan as plain data, secrets masked.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
    """
    found = plan.found
    return {
        "Old": plan.old,
        "New": plan.new,
        "Notes": list(plan.notes),
        "Changes": [_entry(change, plan) for change in found.changes],
        "Outputs": [
            {
                "OutputKey": one.name,
                "BeforeValue": masked(one.before, one.name),
                "AfterValue": masked(one.after, one.name),
            }
            for one in found.outputs
        ],
        "Tags": found.tags,
        "DataAtRisk": [
            {"LogicalResourceId": one.logical_id, "ResourceType": one.type, **_risk(one)} for one in found.risks
        ],
        "Obstacles": [_obstacle(one, plan.remarks.get(one)) for one in found.review.obstacles],
        "RollbackSafety": [_unsafe(one, plan.remarks.get(one)) for one in found.review.unsafe],
    }


def _entry(change: Change, plan: Shown) -> dict[str, Any]:
    found = plan.found
    risk = next((one for one in found.risks if one.logical_id == change.logical_id), None)
    return {
        "Type": "Resource",
        "ResourceChange": _change(change),
        "Spec": spec(plan.places.get(change.logical_id)),
        "Risk": _risk(risk) if risk else None,
        "RollbackSafety": [
            _unsafe(one, plan.remarks.get(one)) for one in found.review.unsafe if one.logical_id == change.logical_id
        ],
    }


def spec(place: Place | None) -> dict[str, Any] | None:
    """A line of a spec; in OLD for what is gone, whose path is then that of OLD (``main:my-service.yml``)."""
    return {"Path": place.file, "Line": place.line} if place else None


def _change(change: Change) -> dict[str, Any]:
    told = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.type,
        "Replacement": change.replacement,
        "PolicyAction": change.policy,
    }
    known = {key: value for key, value in told.items() if value is not None}
    return {**known, "Scope": list(change.scope), "Details": [_detail(one, change) for one in change.details]}


def _detail(one: Detail, change: Change) -> dict[str, Any]:
    name = judged_by(title_of(one, change))
    later = one.source in FOLLOWING or (one.evaluation == "Dynamic" and one.source != "DirectModification")
    before, after = (_text(masked(value, name)) for value in (one.before, one.after))
    target = {
        "Attribute": one.attribute,
        "Name": one.name,
        "RequiresRecreation": one.recreation,
        "Path": one.path,
        "BeforeValue": before,
        "AfterValue": LATER if later else after,
        "AttributeChangeType": "Add"
        if one.before is None
        else "Remove"
        if one.after is None and not later
        else "Modify",
    }
    told = {"Evaluation": one.evaluation, "ChangeSource": one.source, "CausingEntity": one.cause}
    return {"Target": _kept(target), **_kept(told)}


def _kept(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"), default=str) if isinstance(value, Mapping | list) else str(value)


def _risk(one: Risk) -> dict[str, Any]:
    return {"Kind": one.kind, "Why": one.why}


def _obstacle(one: Obstacle, place: Place | None) -> dict[str, Any]:
    told = {"Kind": one.kind, "LogicalId": one.logical_id, "Type": one.type, "Why": one.why, "WayOut": one.way_out}
    return {**told, "Spec": spec(place)}


def _unsafe(one: Unsafe, place: Place | None) -> dict[str, Any]:
    told = {"Rule": one.rule, "LogicalResourceId": one.logical_id, "What": one.what, "Unsafe": list(one.when)}
    return {**told, "Why": one.why, "WayOut": one.way_out, "Spec": spec(place)}
