"""A plan to be shown: between which two sides, what was found, and on which lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from fsdcf.cli.origins import Origins
from fsdcf.cli.plan import group_of
from fsdcf.cloudformation.change import Change
from fsdcf.deploy.model import Place
from fsdcf.plan.diff.causes import Changes, by_id
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import Difference
from fsdcf.plan.diff.safety import Unsafe


@dataclass(frozen=True)
class Shown:
    """What every form shows. ``old`` and ``new`` are titles of the sides, ``notes`` what is to be said first."""

    old: str
    new: str
    found: Difference
    origins: Origins
    notes: tuple[str, ...] = ()

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The lines that cause the changes, by logical id."""
        return self.origins.of_changes(self.found.changes)

    @cached_property
    def remarks(self) -> Mapping[Obstacle | Unsafe, Place]:
        """The lines of what is to be said beside the changes."""
        return self.origins.of_review(self.found.review)

    @cached_property
    def changes(self) -> Changes:
        """The changes by logical id."""
        return by_id(self.found.changes)

    def grouped(self) -> dict[str, list[Change]]:
        """The changes by what happens to the resource."""
        found: dict[str, list[Change]] = {}
        for change in self.found.changes:
            found.setdefault(group_of(change), []).append(change)
        return found

    def in_new(self) -> Shown:
        """The same with lines of NEW alone."""
        return replace(self, origins=replace(self.origins, in_new=True))
