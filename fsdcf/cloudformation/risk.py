"""Data at risk: data that a change set would delete, replace, leave behind, or put out of reach of the tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import KNOWN_LATER, Change
from fsdcf.cloudformation.planned import mapping
from fsdcf.cloudformation.types import ResourceType, record_of

RiskKind = Literal["deleted", "replaced", "left behind", "out of reach"]


@dataclass(frozen=True)
class Risk:
    """A resource with data that a change set puts at risk, or by which the tasks reach data. ``why`` is a clause
    without a full stop.
    """

    logical_id: str
    type: str
    kind: RiskKind
    why: str


def data_at_risk(changes: Iterable[Change], before: Mapping[str, Any] | None) -> tuple[Risk, ...]:
    """The resources with data that would be deleted, replaced, left behind or out of reach, by logical ID.

    ``before`` is the deployed template; its DeletionPolicy counts if a removal has no policy. A conditional replacement
    counts as a replacement. Actions, replacements and policies that are not known count as a risk.
    """
    deployed = (before or {}).get("Resources") or {}
    risks = (_risk(change, deployed.get(change.logical_id) or {}) for change in changes)
    return tuple(sorted((risk for risk in risks if risk is not None), key=lambda risk: (risk.logical_id, risk.kind)))


def _risk(change: Change, deployed: Mapping[str, Any]) -> Risk | None:
    record = record_of(change.type)
    if change.action in ("Add", "Import"):
        return None
    properties = mapping(mapping(change.before or deployed).get("Properties"))
    holds_data = record.data is not None and not record.data.elsewhere(properties)
    lost = _lost(change, deployed) if holds_data else None
    if lost is None and record.out_of_reach is not None and change.action == "Modify":
        why = _out_of_reach(change, record)
        return Risk(change.logical_id, change.type, "out of reach", why) if why else None
    return lost


def _lost(change: Change, deployed: Mapping[str, Any]) -> Risk | None:
    """What happens to the data of a resource that is removed, replaced or deleted."""
    kind: RiskKind
    if change.action == "Remove":
        kind, why = _removed(change.policy or deployed.get("DeletionPolicy"))
    elif stays(change):
        return None
    elif change.replacement not in (None, "False") or str(change.policy).startswith("ReplaceAnd"):
        kind, why = "replaced", _replaced(change)
    elif change.policy == "Delete":
        kind, why = "deleted", "it is deleted with its data"
    else:
        return None
    return Risk(change.logical_id, change.type, kind, why)


def stays(change: Change) -> bool:
    """Whether a resource is certainly updated in place: nothing replaces it, or its record tells for each property that
    may that it does not."""
    if change.replacement != "Conditional":
        return change.replacement == "False"
    names = {detail.name for detail in change.details if detail.recreation != "Never"}
    conditions = record_of(change.type).updates.replaced_if
    if change.before is None or change.after is None or not names <= conditions.keys():
        return False
    before, after = (mapping(mapping(side).get("Properties")) for side in (change.before, change.after))
    return not any(
        condition(before.get(name), after.get(name)) for name, condition in conditions.items() if name in names
    )


def _out_of_reach(change: Change, record: ResourceType) -> str:
    """Why the tasks no longer find data that stays where it is; empty if they do.

    A large change set has no values: then a new way to data counts as a risk, but not each new task definition.
    """
    if change.before is None or change.after is None:
        unknown = record.part == "data" and change.replacement not in (None, "False")
        return f"{_cause(change)} replaces it, and the change set does not say what the tasks will see" * unknown
    before, after = (mapping(mapping(side).get("Properties")) for side in (change.before, change.after))
    changed = {detail.name for detail in change.details}
    # The attribute of a resource that is updated in place is not known before, even if it stays what it is.
    known = {
        name: before.get(name) if name not in changed and KNOWN_LATER in str(value) else value
        for name, value in after.items()
    }
    return "; ".join(record.out_of_reach(before, known)) if record.out_of_reach else ""


def _removed(policy: Any) -> tuple[RiskKind, str]:
    if policy in ("Retain", "RetainExceptOnCreate"):
        return (
            "left behind",
            "it leaves the stack and stays in the account with its data; a resource that replaces it is new and empty",
        )
    if policy == "Snapshot":
        return "deleted", "it leaves the stack and is deleted; a snapshot of its data remains"
    return "deleted", "it leaves the stack and is deleted with its data"


def _replaced(change: Change) -> str:
    effect = "replaces" if change.replacement == "True" else "may replace"
    old = {
        "ReplaceAndDelete": "the old one is deleted with its data",
        "ReplaceAndRetain": "the old one stays in the account with its data",
        "ReplaceAndSnapshot": "the old one is deleted, and a snapshot of its data remains",
    }.get(str(change.policy), "the change set does not say what happens to the old one")
    return f"{_cause(change)} {effect} it with an empty one; {old}"


def _cause(change: Change) -> str:
    """``a new TableName``: the properties that replace a resource."""
    names = dict.fromkeys(detail.name or detail.attribute for detail in change.details if detail.recreation != "Never")
    return f"a new {', '.join(names)}" if names else "the change"
