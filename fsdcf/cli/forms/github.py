"""A plan as annotations of GitHub Actions: on the lines of NEW, the weightiest first."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fsdcf.cli.findings import workflow_command
from fsdcf.cli.forms.shown import Shown
from fsdcf.cli.plan import spoken, summary
from fsdcf.cli.values import visible
from fsdcf.cloudformation.change import Change
from fsdcf.deploy.model import Place, Plan
from fsdcf.plan.diff.causes import by_id, follows, reason, target_of


def lines(plan: Shown) -> Iterator[str]:
    """Workflow commands: data at risk as errors, what is in the way and what no rollback undoes as warnings, changes as notices.

    Changes that one line causes are one notice: GitHub shows ten of each kind for a step.
    """
    shown, found = plan.in_new(), plan.found
    for risk in found.risks:
        place = shown.origins.of_resource(risk.logical_id)
        yield _annotation("error", place, f"data at risk: {risk.logical_id} is {risk.kind}", risk.why)
    for obstacle in found.review.obstacles:
        body = f"{obstacle.why}\nway out: {obstacle.way_out}"
        yield _annotation("warning", shown.remarks.get(obstacle), f"in the way: {obstacle.logical_id}", body)
    for one in found.review.unsafe:
        body = f"{one.logical_id} {one.what}\n{spoken(one.when)}: {one.why}\nway out: {one.way_out}"
        yield _annotation("warning", shown.remarks.get(one), f"rollback safety: {one.rule}", body)
    by_line: dict[Place | None, list[str]] = {}
    for group, changes in shown.grouped().items():
        for change in changes:
            by_line.setdefault(shown.places.get(change.logical_id), []).append(_told(change, group, shown))
    for place, texts in by_line.items():
        yield _annotation("notice", place, "plan", "\n".join(texts))
    yield _annotation(
        "notice",
        None,
        "plan",
        f"{plan.old} -> {plan.new}: {'no changes' if found.empty else summary(Plan('', found.changes))}",
    )


def _told(change: Change, group: str, plan: Shown) -> str:
    if own := reason(change):
        return f"{change.logical_id} {group}: {own}"
    followed = next((one for one in change.details if target_of(one)), None)
    return f"{change.logical_id} {group}" + (f": {follows(followed, by_id(plan.found.changes))}" if followed else "")


def _annotation(kind: str, place: Place | None, title: str, body: str) -> str:
    properties: dict[str, object] = {}
    if place is not None and not place.file.startswith("--"):  # an option of the command line is no file
        properties = {"file": _path(place.file), "line": place.line, "col": place.column}
    return workflow_command(
        kind, {**properties, "title": visible(title)}, "\n".join(visible(line) for line in body.split("\n"))
    )


def _path(file: str) -> str:
    """The path of a file that may be one of a revision: ``HEAD:my-service.yml``."""
    revision, colon, path = file.partition(":")
    return path if colon and revision and not os.path.lexists(file) else file
