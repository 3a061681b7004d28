"""Access for a reader: words for each row, Markdown, and plain data for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fsdcf.plan.access.actions import grouped
from fsdcf.plan.access.rows import Access

BROAD = "!"
"""Marks what allows more than it names."""

_OWN = r"(?:\$\{[A-Za-z:]+\})?"
_ARN = re.compile(rf"arn:{re.escape('${AWS::Partition}')}:([a-z0-9-]+):{_OWN}:{_OWN}:(.+)")
_VERBS = {"Allow": "may", "Deny": "may not", "Limit": "may at most"}


def shortened(resource: str) -> str:
    """An ARN in the stack's own account and region by its service and name: ``ecr repository/orders``."""
    found = _ARN.fullmatch(resource)
    return f"{found[1]} {found[2]}" if found else resource


def who(row: Access) -> str:
    names = ", ".join(row.principals) or "nobody"
    return f"all but {names}" if row.except_principals else names


def verb(row: Access) -> str:
    """``may``, ``may not``; ``may at most`` for a boundary."""
    return _VERBS.get(row.effect, row.effect)


def what(row: Access) -> str:
    """The actions by service."""
    if row.kind in ("attached", "boundary"):
        return "its text is not in the template"
    text = "; ".join(grouped(row.actions))
    return f"everything but {text}" if row.except_actions else text


def where(row: Access) -> str:
    names = ", ".join(shortened(one) for one in row.resources)
    if row.kind in ("attached", "boundary"):
        return f"what {names} allows"
    names = {"*": "* (all resources)"}.get(names, names)
    return f"all but {names}" if row.except_resources else names


def remarks(row: Access) -> Iterator[str]:
    """Conditions, and what is to be said of wildcards."""
    yield from (f"when {one}" for one in row.conditions)
    if row.unavoidable:
        yield "these actions take no resource"
    if row.broad:
        yield f"{BROAD} more than it names"


def policy_of(row: Access) -> str:
    """``Start of ExecutionRole``; the sid of the statement where it has one."""
    name = row.policy if row.policy == row.holder else f"{row.policy} of {row.holder}"
    return f"{name}, {row.sid}" if row.sid else name


def summary(rows: Sequence[Access]) -> str:
    """``9 statements, 1 of them allows more than it names``."""
    broad = sum(row.broad for row in rows)
    text = f"{len(rows)} statement{'s' if len(rows) != 1 else ''}"
    if not broad:
        return f"{text}, none of them allows more than it names"
    return f"{text}, {broad} of them allow{'s' if broad == 1 else ''} more than {'it names' if broad == 1 else 'they name'}"


def markdown(rows: Sequence[Access], places: Sequence[str], title: str) -> str:
    """The rows as a Markdown table; ``places`` are the spec's lines, one for each row."""
    out = [f"### Access of {_cell(title)}", "", f"{summary(rows)}.", ""]
    out += ["| who | | level | actions | resources | conditions | spec |", "|---|---|---|---|---|---|---|"]
    for row, place in zip(rows, places, strict=True):
        effect = f"**{verb(row)}**" if row.effect == "Deny" or row.broad else verb(row)
        cells = (what(row), where(row), "; ".join(remarks(row)), place)
        out.append(
            "| "
            + " | ".join([_cell(who(row)), effect, _cell(", ".join(row.levels)), *(_cell(cell) for cell in cells)])
            + " |"
        )
    return "\n".join(out) + "\n"


def _cell(text: str) -> str:
    marks = {"|": "\\|", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", ">": "&gt;", "[": "\\[", "\\": "\\\\"}
    return "".join(marks.get(character, character) for character in " ".join(text.split()))


def record(row: Access) -> dict[str, Any]:
    """A row as plain data, with the names that IAM uses."""
    return {
        "kind": row.kind,
        "principals": list(row.principals),
        "notPrincipals": row.except_principals,
        "effect": row.effect,
        "levels": list(row.levels),
        "actions": list(row.actions),
        "notActions": row.except_actions,
        "resources": list(row.resources),
        "notResources": row.except_resources,
        "targets": list(row.targets),
        "conditions": list(row.conditions),
        "wildcards": list(row.wildcards),
        "broad": row.broad,
        "unavoidable": row.unavoidable,
        "policy": row.policy,
        "sid": row.sid,
        "logicalId": row.holder,
        "path": list(row.path),
    }
