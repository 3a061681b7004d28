"""The gate: whether a plan may be executed, must be asked about, or is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import Options, Place, Plan, Question, Release


@dataclass(frozen=True)
class Open:
    """The plan may be executed once a person agrees to each question; to none, if there is none."""

    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Shut:
    """The plan is refused: why, what is at risk, and what allows it."""

    sentence: str
    risks: tuple[Risk, ...] = ()
    next: tuple[str, ...] = ()


def gate(plan: Plan, release: Release, options: Options, interactive: bool, places: Mapping[str, Place]) -> Open | Shut:
    """What a plan needs before it is executed.

    Data at risk needs ``--allow`` by name or a person's yes; in a protected environment ``--allow`` alone will do. Everything else
    needs ``--yes`` or a person's; in a protected environment the person's, where there is one.
    """
    risks = tuple(one for one in plan.risks if one.logical_id not in options.allow)
    if risks and (not interactive or release.protected):
        allow = " ".join(f"--allow {one.logical_id}" for one in risks)
        return Shut(_at_risk(risks), risks, (release.target.redeploy(allow),))
    questions: list[Question] = []
    if risks:
        details = tuple(told(one, places) for one in risks)
        questions.append(Question("data", f"{_at_risk(risks)}. Go on and lose or leave these data?", details))
    if release.protected and interactive:
        questions.append(Question("protected", f"{release.environment} is protected. Execute {plan.change_set}?"))
    elif not options.yes and not interactive:
        return Shut(
            "there are changes, and nobody to ask: nothing is executed without --yes",
            (),
            (release.target.redeploy("--yes"),),
        )
    elif not options.yes:
        questions.append(Question("execute", f"Execute these changes in {release.stack}?"))
    return Open(tuple(questions))


def told(risk: Risk, places: Mapping[str, Place]) -> str:
    """A risk in a line, with the spec line that it comes from."""
    place = places.get(risk.logical_id)
    at = f" ({place.file}:{place.line})" if place else ""
    return f"{risk.logical_id}, {risk.type}, would be {risk.kind}: {risk.why}{at}"


def _at_risk(risks: Iterable[Risk]) -> str:
    return "data at risk: " + "; ".join(f"{one.logical_id} would be {one.kind}" for one in risks)
