"""What DescribeChangeSet says, as data: changes, and what a status means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.titles import at, title

State = Literal["pending", "ready", "empty", "failed", "gone"]

_EMPTY = ("The submitted information didn't contain changes", "No updates are to be performed")
EARLY_VALIDATION = "AWS::EarlyValidation::"


def state(status: str, reason: str) -> State:
    """What has become of a change set. Emptiness shows in the reason, never in the number of changes: a set that changes
    outputs alone lists none. A status that is not known is one to wait through."""
    if status == "CREATE_COMPLETE":
        return "ready"
    if status == "FAILED":
        return "empty" if reason.strip().startswith(_EMPTY) else "failed"
    return "gone" if status.startswith("DELETE") else "pending"


def dropped(reason: str) -> bool:
    """Whether changes are left out for the sake of their property values, which CloudFormation only hints at."""
    return "[WARN]" in reason


def read(raw: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """The changes of resources, in the order in which they are listed. Words that are not known are kept as they are.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    return tuple(_change(one["ResourceChange"]) for one in raw if one.get("ResourceChange"))


def merged(whole: Sequence[Change], valued: Sequence[Change]) -> tuple[Change, ...]:
    """Every change of ``whole``, with its property values where ``valued`` has them."""
    known = {change.logical_id: change for change in valued}
    listed = {change.logical_id for change in whole}
    extra = [change for change in valued if change.logical_id not in listed]
    return (*(known.get(change.logical_id, change) for change in whole), *extra)


def _change(raw: Mapping[str, Any]) -> Change:
    before, after = _context(raw.get("BeforeContext")), _context(raw.get("AfterContext"))
    return Change(
        action=str(raw.get("Action", "")),
        logical_id=str(raw.get("LogicalResourceId", "")),
        type=str(raw.get("ResourceType", "")),
        physical_id=raw.get("PhysicalResourceId"),
        replacement=raw.get("Replacement"),
        policy=raw.get("PolicyAction"),
        scope=tuple(raw.get("Scope") or ()),
        details=tuple(_detail(one, before, after) for one in raw.get("Details") or ()),
        before=before,
        after=after,
    )


def _detail(raw: Mapping[str, Any], before: Any, after: Any) -> Detail:
    target = raw.get("Target") or {}
    attribute: Any = target.get("Attribute") or "Properties"
    name = target.get("Name")
    path = target.get("Path") or (f"/{attribute}/{name}" if name else f"/{attribute}")
    return Detail(
        attribute=attribute,
        name=name,
        path=path,
        before=_value(target["BeforeValue"]) if "BeforeValue" in target else at(before, path),
        after=_value(target["AfterValue"]) if "AfterValue" in target else at(after, path),
        recreation=target.get("RequiresRecreation") or "Never",
        source=raw.get("ChangeSource") or "DirectModification",
        cause=raw.get("CausingEntity"),
        evaluation=raw.get("Evaluation") or "Static",
        title=title(path, before, after),
    )


def _context(text: Any) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _value(text: Any) -> Any:
    """A value as plain data: CloudFormation writes maps and lists as JSON, and everything else as it is."""
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
