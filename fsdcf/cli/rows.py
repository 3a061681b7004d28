"""What a plan tells of one change, row by row: a value before and after, or what the property follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cli.lists import KNOWN_LATER
from fsdcf.cli.values import differences
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.plan.diff.causes import Changes, follows, target_of, title_of


@dataclass(frozen=True)
class Row:
    """One property that changes. ``follows`` tells the chain of causes where the value itself is not known."""

    title: str
    before: Any = None
    after: Any = None
    follows: str = ""


def rows(change: Change, changes: Changes) -> tuple[Row, ...]:
    """What changes of a resource, each value once, with secrets masked; then what only follows from another resource's change.

    The items of lists are compared by their names where the whole resource is known, so that a variable more moves no other one.
    """
    values: dict[str, Row] = {}
    later: dict[str, Detail] = {}
    for detail in sorted(change.details, key=lambda one: one.evaluation == "Dynamic"):
        title = title_of(detail, change)
        if KNOWN_LATER in str(detail.after) or target_of(detail) or (detail.before is None and detail.after is None):
            known = later.get(title)
            later[title] = detail if known is None or not known.cause else known
    causes = {_plain(title): detail.cause for title, detail in later.items() if detail.cause}
    stay: set[str] = set()
    for path, before, after in _compared(change):
        for one in differences(before, after, path):
            if one.before is not None and KNOWN_LATER in str(one.after):
                stay.add(one.path)
            row = _value(one.path, one.before, one.after, causes)
            if row is not None:
                values.setdefault(one.path, row)
    following = {
        _plain(title): follows(detail, changes) or "known after the change"
        for title, detail in later.items()
        if detail.cause
        or " -> " not in title
        or _plain(title) not in stay  # it only moved within its list, as far as anybody knows
    }
    return (*values.values(), *(Row(title, follows=text) for title, text in following.items() if title not in values))


def _compared(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """The values to compare, with their titles: whole properties where they are known, else those of the details."""
    told: set[str] = set()
    for detail in sorted(change.details, key=lambda one: one.evaluation == "Dynamic"):
        steps = [step for step in detail.path.split("/") if step]
        whole = change.before is not None and change.after is not None and len(steps) > 1
        if not whole:
            if KNOWN_LATER not in str(detail.after) and not target_of(detail):
                yield title_of(detail, change), detail.before, detail.after
            continue
        section, name = (steps[0], steps[1]) if steps[0] == "Properties" else (steps[0], "")
        if f"{section}/{name}" in told:
            continue
        told.add(f"{section}/{name}")
        before, after = change.before.get(section), change.after.get(section)
        if name:
            before, after = ((one or {}).get(name) for one in (before, after))
        yield name or section, before, after


def _value(path: str, before: Any, after: Any, causes: dict[str, str]) -> Row | None:
    """A row for a value; None where all that is to say is what it follows, or where no detail says that it changes.

    A value that was there and is known later may well stay: CloudFormation marks what it has not looked up. The id that a resource had,
    beside the function that will tell its next one, says nothing.
    """
    if KNOWN_LATER not in str(after):
        is_next = path in causes and isinstance(before, str) and isinstance(after, Mapping)
        return None if is_next else Row(path, before, after)
    return Row(path, None, causes.get(path) or "known after the change") if before is None else None


def _plain(title: str) -> str:
    """``Environment[OLD -> NEW].Value`` -> ``Environment[NEW]``: as differences by name have it."""
    text = title.removesuffix(".Value")
    while " -> " in text:
        head, _, tail = text.partition(" -> ")
        text = head[: head.rindex("[") + 1] + tail if "[" in head else tail
    return text
