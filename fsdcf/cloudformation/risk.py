"""Data at risk: stateful resources that a change set would delete, replace, or leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.facts import STATEFUL

Kind = Literal["deleted", "replaced", "left behind"]

_RETAINED = ("Retain", "RetainExceptOnCreate")
_HARMLESS = ("Add", "Import")


@dataclass(frozen=True)
class Risk:
    """One resource with data that the change set endangers, and why, in a clause without a full stop."""

    logical_id: str
    type: str
    kind: Kind
    why: str


def data_at_risk(changes: Iterable[Change], before: Mapping[str, Any] | None) -> tuple[Risk, ...]:
    """The stateful resources that would be deleted, replaced or left behind, by logical id.

    ``before`` is the deployed template: its DeletionPolicy counts where a removal tells no policy. A conditional replacement counts
    as one. A word that nobody knows yet (an action, a replacement, a policy) is no reason to call a change harmless, nor to crash.
    """
    deployed = (before or {}).get("Resources") or {}
    found = [_risk(change, deployed.get(change.logical_id) or {}) for change in changes if change.type in STATEFUL]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.logical_id, one.kind)))


def _risk(change: Change, deployed: Mapping[str, Any]) -> Risk | None:
    if change.action in _HARMLESS:
        return None
    if change.action == "Remove":
        return _removed(change, change.policy or deployed.get("DeletionPolicy"))
    if change.replacement not in (None, "False") or str(change.policy).startswith("ReplaceAnd"):
        return _replaced(change)
    if change.policy == "Delete":
        return Risk(change.logical_id, change.type, "deleted", "it is deleted with its data")
    return None


def _removed(change: Change, policy: Any) -> Risk:
    if isinstance(policy, str) and policy in _RETAINED:
        why = "it leaves the stack and stays in the account with its data; whatever takes its place in the stack is new and empty"
        return Risk(change.logical_id, change.type, "left behind", why)
    if policy == "Snapshot":
        return Risk(
            change.logical_id,
            change.type,
            "deleted",
            "it leaves the stack and is deleted; a snapshot of its data remains",
        )
    return Risk(change.logical_id, change.type, "deleted", "it leaves the stack and is deleted with its data")


def _replaced(change: Change) -> Risk:
    names = dict.fromkeys(detail.name or detail.attribute for detail in change.details if detail.recreation != "Never")
    because = f"a new {', '.join(names)} " if names else "the change "
    does = "replaces" if change.replacement == "True" else "may replace"
    old = {
        "ReplaceAndDelete": "the old one is deleted with its data",
        "ReplaceAndRetain": "the old one stays in the account with its data",
        "ReplaceAndSnapshot": "the old one is deleted, and a snapshot of its data remains",
    }.get(str(change.policy), "what becomes of the old one, the change set does not say")
    return Risk(change.logical_id, change.type, "replaced", f"{because}{does} it with an empty one; {old}")
