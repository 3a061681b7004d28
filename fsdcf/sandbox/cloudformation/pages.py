"""Lists in pages: a token says where the next one begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fsdcf.sandbox.cloudformation import words
from fsdcf.sandbox.world import World

Item = TypeVar("Item")


def page(world: World, items: Sequence[Item], params: Mapping[str, Any], usual: int) -> tuple[list[Item], str | None]:
    """One page of a list, and the token of the next one. ``usual`` is how many a page holds, unless a fault says otherwise."""
    start, size = offset(params), size_of(world, usual)
    more = start + size < len(items)
    return list(items[start : start + size]), token(start + size) if more else None


def size_of(world: World, usual: int) -> int:
    """How many a page holds."""
    other = world.faults.of_cloudformation("page-size")
    return usual if other is None else int(other.detail)


def token(start: int) -> str:
    """The token of the page that begins with the item of this number."""
    return f"page-{start}"


def offset(params: Mapping[str, Any]) -> int:
    """The number of a page's first item. Refuses a token that was never given."""
    given = params.get("NextToken")
    if given is None:
        return 0
    start = str(given).removeprefix("page-")
    if not start.isdecimal():
        raise words.invalid("Invalid NextToken")
    return int(start)
