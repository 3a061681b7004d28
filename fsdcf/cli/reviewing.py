"""Looks at the plan of a deploy before it is shown: the lines of its causes, what is in the way, and rollback safety."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.cli.compiled import Compiled
from fsdcf.cli.origins import Origins
from fsdcf.cli.plan import Remarks, Reviewed
from fsdcf.cloudformation.evaluate import EvaluationError
from fsdcf.deploy.model import Event, Place, Planned, Tell
from fsdcf.plan.diff.obstacles import Importers
from fsdcf.plan.diff.plan import reviewed
from fsdcf.plan.diff.sides import Deployed, pair
from fsdcf.plan.view import PlanError

_NEW = ("Add", "Import")


def reviewing(
    tell: Tell, new: Compiled, deployed: Callable[[], Mapping[str, Any]], pseudo: Mapping[str, str], ask: Importers
) -> Tell:
    """Tells everything to ``tell``, a plan with remarks, as ``fsdcf diff`` makes them.

    ``deployed`` gives the template that runs, empty where it cannot be read; it is asked where something exists that changes.
    ``pseudo`` are the pseudo parameters that are known, and ``ask`` tells who imports an export.
    """

    def told(event: Event) -> None:
        tell(_reviewed(event, new, deployed, pseudo, ask) if isinstance(event, Planned) else event)

    return told


def _reviewed(
    event: Planned, new: Compiled, deployed: Callable[[], Mapping[str, Any]], pseudo: Mapping[str, str], ask: Importers
) -> Planned:
    plan = event.plan
    if all(change.action in _NEW for change in plan.changes):
        return event
    template = deployed()
    if not template:
        return event
    origins = Origins(Compiled("", new.environment, template), new)
    places: dict[str, Place] = {**event.places, **origins.of_changes(plan.changes)}
    try:
        sides = pair(template, new.template, deployed=Deployed(pseudo=pseudo))
        review = reviewed(plan.changes, plan.risks, sides, ask)
    except (EvaluationError, PlanError, TypeError, AttributeError, KeyError, RecursionError):
        return Reviewed(plan, places)  # what runs is a template that we cannot read: the change set says what it says
    return Reviewed(plan, places, Remarks(review, origins.of_review(review)))
