"""What an execution has to do to a resource that exists: nothing, an update, or a replacement, now that all values are known."""

from __future__ import annotations

from typing import Literal

from fsdcf.cloudformation.difference import Side, difference
from fsdcf.sandbox.cloudformation import values
from fsdcf.sandbox.cloudformation.records import Record

Effect = Literal["none", "update", "replace"]


def effect(row: Record, wanted: Record, tags: dict[str, str]) -> Effect:
    """What brings the resource of a row to a definition, and the stack's tags with it.

    A change whose replacement is Conditional is done in place: the sandbox does not know the condition.
    """
    if row["definition"] == wanted and row["tags"] == tags:
        return "none"
    logical = row["logical"]
    before = Side(values.as_template(logical, row["definition"]), {}, row["tags"])
    changes = difference(before, Side(values.as_template(logical, wanted), {}, tags))
    if not changes:
        return "none"
    return "replace" if any(one.action != "Modify" or one.replacement == "True" for one in changes) else "update"
