"""The plan of an update: the changes of each resource, data at risk, obstacles, side effects, and what a rollback does
not undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.difference import difference, evaluated_outputs
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.planned import PlanError, text_of
from fsdcf.cloudformation.risk import Risk, data_at_risk
from fsdcf.masking import mask_secrets
from fsdcf.plan.diff.effects import SideEffect, side_effects
from fsdcf.plan.diff.obstacles import Importers, Obstacle, obstacles
from fsdcf.plan.diff.rollback import Unsafe, release_change, unsafe
from fsdcf.plan.diff.sides import Sides
from fsdcf.plan.diff.tags import TagChange, stack_tag_changes

_MAY_HOLD_VALUES = ("before", "after", "details", "obstacles", "unsafe", "effects", "what", "why", "way_out")
"""The members of changes and of the review in which the value of a parameter may occur; the others hold names and
paths."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class OutputChange:
    """An output that differs, with its value on each side as text; None if a side does not have it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Review:
    """Comments on changes: obstacles, what a rollback does not undo, and side effects."""

    obstacles: tuple[Obstacle, ...] = ()
    unsafe: tuple[Unsafe, ...] = ()
    effects: tuple[SideEffect, ...] = ()


NO_REVIEW = Review()

Remark = Obstacle | Unsafe | SideEffect


@dataclass(frozen=True)
class UpdatePlan:
    """The plan of an update.

    ``tags`` are the tags of the stack that change, which alone make an executable change set.
    """

    changes: tuple[Change, ...] = ()
    risks: tuple[Risk, ...] = ()
    review: Review = NO_REVIEW
    outputs: tuple[OutputChange, ...] = ()
    tags: tuple[TagChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether CloudFormation would have nothing to do."""
        return not (self.changes or self.outputs or self.tags)


def plan_update(sides: Sides, importers: Importers | None = None) -> UpdatePlan:
    """The plan of the update from one side to the other, with secrets masked. Raises PlanError."""
    try:
        changes = difference(sides.before, sides.after, sides.pseudo)
        risks = data_at_risk(changes, sides.before.template if sides.before else None)
        review = review_changes(changes, risks, sides, importers)
        outputs = tuple(_changed_outputs(sides))
    except EvaluationError as error:
        raise PlanError(str(error)) from None
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise PlanError(f"it is malformed ({type(error).__name__}: {error})") from None
    tags = stack_tag_changes(sides.before.tags, sides.after.tags) if sides.before else ()
    return UpdatePlan(_masked(changes, sides), risks, review, _masked(outputs, sides), _masked(tags, sides))


def review_changes(
    changes: Sequence[Change], risks: Sequence[Risk], sides: Sides, importers: Importers | None = None
) -> Review:
    """Review changes, whether computed here or by CloudFormation. Raises EvaluationError."""
    if sides.before is None:
        return NO_REVIEW
    release = release_change(changes, risks, sides)
    return _masked(Review(obstacles(changes, sides, importers), unsafe(release), side_effects(release)), sides)


def _masked(value: _T, sides: Sides) -> _T:
    return mask_secrets(value, sides.secrets, _MAY_HOLD_VALUES)


def _changed_outputs(sides: Sides) -> Iterator[OutputChange]:
    if sides.before is None:
        return
    old, new = (evaluated_outputs(side, sides.pseudo) for side in (sides.before, sides.after))
    for name in dict.fromkeys([*new, *old]):
        if name not in old or name not in new or canonical(old[name]) != canonical(new[name]):
            before, after = (text_of(side[name].get("Value")) if name in side else None for side in (old, new))
            yield OutputChange(name, before, after)
