"""Data at risk: stateful resources that a change set would delete, replace, or leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.facts import STATEFUL

Kind = Literal["deleted", "replaced", "left behind"]


@dataclass(frozen=True)
class Risk:
    """One resource with data that the change set endangers, and why, in a sentence."""

    logical_id: str
    type: str
    kind: Kind
    why: str


def data_at_risk(changes: Iterable[Change], before: Mapping[str, Any] | None) -> tuple[Risk, ...]:
    """The stateful resources that would be deleted, replaced or left behind. ``before`` is the deployed template, for the
    DeletionPolicy where the change set tells no policy. A word that is not known counts as harmless only beside Add and Import."""
    found = (_risk(change, ((before or {}).get("Resources") or {}).get(change.logical_id) or {}) for change in changes if change.type in STATEFUL)
    return tuple(sorted((one for one in found if one), key=lambda one: one.logical_id))


def _risk(change: Change, before: Mapping[str, Any]) -> Risk | None:
    policy = change.policy or (before.get("DeletionPolicy") if change.action == "Remove" else None)
    if change.action == "Remove":
        if policy in ("Retain", "RetainExceptOnCreate"):
            return Risk(change.logical_id, change.type, "left behind", "it leaves the stack, and its data stay in a resource that the service no longer uses")
        return Risk(change.logical_id, change.type, "deleted", "it leaves the stack and is deleted with its data")
    if change.replacement in ("True", "Conditional") or str(policy or "").startswith("ReplaceAnd"):
        return Risk(change.logical_id, change.type, "replaced", "a new, empty resource takes its place")
    if policy == "Delete":
        return Risk(change.logical_id, change.type, "deleted", "it is deleted with its data")
    return None
