"""The semantic plan: what happens to each resource, what is at risk, what stands in the way, and what no rollback undoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fsdcf.cloudformation import difference as model
from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.evaluation import EvaluationError, evaluate
from fsdcf.cloudformation.planned import PlanError, text_of
from fsdcf.cloudformation.risk import Risk, data_at_risk
from fsdcf.cloudformation.scope import existing, scope_of
from fsdcf.cloudformation.view import Side
from fsdcf.masking import mask_secrets
from fsdcf.plan.diff.obstacles import Importers, Obstacle, obstacles
from fsdcf.plan.diff.rollback import Unsafe, unsafe
from fsdcf.plan.diff.sides import Pair


@dataclass(frozen=True)
class Output:
    """An output that differs, with its value on each side as text; None where it is not there."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Review:
    """What is to be said of changes beside what they are."""

    obstacles: tuple[Obstacle, ...] = ()
    unsafe: tuple[Unsafe, ...] = ()


NO_REVIEW = Review()

_MAY_HOLD_VALUES = ("before", "after", "details", "obstacles", "unsafe", "what", "why", "way_out")
"""The members of changes and of the review in which the value of a parameter may occur; the others hold names and paths."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Difference:
    """A plan. ``tags``: the tags of the stack change, which makes a change set that can be executed."""

    changes: tuple[Change, ...] = ()
    risks: tuple[Risk, ...] = ()
    review: Review = NO_REVIEW
    outputs: tuple[Output, ...] = ()
    tags: bool = False

    @property
    def empty(self) -> bool:
        """Whether CloudFormation would find nothing to do."""
        return not (self.changes or self.outputs or self.tags)


def compared(sides: Pair, importers: Importers | None = None) -> Difference:
    """The plan of what leads from one side to the other, with the values of secrets hidden. Raises PlanError."""
    try:
        changes = model.difference(sides.before, sides.after, sides.pseudo)
        risks = data_at_risk(changes, sides.before.template if sides.before else None)
        review = reviewed(changes, risks, sides, importers)
        outputs = tuple(_outputs(sides))
    except EvaluationError as error:
        raise PlanError(str(error)) from None
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise PlanError(f"it is malformed ({type(error).__name__}: {error})") from None
    tags = sides.before is not None and dict(sides.before.tags) != dict(sides.after.tags)
    return Difference(_masked(changes, sides), risks, review, _masked(outputs, sides), tags)


def reviewed(
    changes: Sequence[Change], risks: Sequence[Risk], sides: Pair, importers: Importers | None = None
) -> Review:
    """What is to be said of changes, whether they were worked out here or by CloudFormation. Raises EvaluationError."""
    return _masked(Review(obstacles(changes, sides, importers), unsafe(changes, risks, sides)), sides)


def _masked(value: _T, sides: Pair) -> _T:
    return mask_secrets(value, sides.secrets, _MAY_HOLD_VALUES)


def _outputs(sides: Pair) -> list[Output]:
    old: Mapping[str, Any] = _told(sides.before, sides.pseudo) if sides.before is not None else {}
    new = _told(sides.after, sides.pseudo) if sides.before is not None else {}
    names = [
        name
        for name in dict.fromkeys([*new, *old])
        if name not in old or name not in new or canonical(old[name]) != canonical(new[name])
    ]
    return [Output(name, _text(old.get(name)), _text(new.get(name))) for name in names]


def _told(side: Side, pseudo: Mapping[str, Any]) -> dict[str, Any]:
    scope = scope_of(side.template, side.parameters, pseudo)
    there = existing(side.template.get("Outputs") or {}, scope.conditions)
    return {
        name: evaluate({key: child for key, child in one.items() if key != "Condition"}, scope)
        for name, one in there.items()
    }


def _text(output: Mapping[str, Any] | None) -> str | None:
    return None if output is None else text_of(output.get("Value"))
