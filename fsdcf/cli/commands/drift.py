"""``fsdcf drift``: what was changed outside CloudFormation."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fsdcf.cli.lookup import SpecLines
from fsdcf.cli.options import timeout_option
from fsdcf.cli.render.jsonlines import JsonLines, place
from fsdcf.cli.render.parts import short
from fsdcf.cli.render.plan import where
from fsdcf.cli.render.stream import LineWriter, wrapped
from fsdcf.cli.render.values import fields, shown
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.deploy.model import Outcome, Place
from fsdcf.diagnostics import Paint
from fsdcf.masking import deciding_name, mask_value
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.operate.drift import DriftReport, PropertyDrift, ResourceDrift


@stack_command(
    timeout_option("Maximum time to wait for the detection, for example 90s or 5m.  [default: 15m]"), aside=True
)
def drift_command(call: StackCall, timeout: float | None) -> Outcome:
    """Show what was changed outside CloudFormation, by the drift detection of CloudFormation.

    Each difference has its line in the spec, the expected and the actual value. What AWS sets itself, such as the
    number of tasks under auto scaling, is not drift. The exit code is 0 without drift and 10 with drift.
    """
    from fsdcf.deploy.state import deployed_template
    from fsdcf.operate.drift import detect, outcome_of

    run, places = call.run, call.subject.place
    if isinstance(places, SpecLines):  # the deployed template has the paths of what the spec no longer makes
        places.deployed = lambda: deployed_template(call.aws, call.subject.stack) or {}
    report = detect(run, timeout)
    if call.as_json:
        JsonLines(sys.stdout).write(drift_record(report))
    else:
        out = LineWriter(sys.stdout)
        out.lines(drift_lines(report, out.paint, out.width))
    return outcome_of(report, run)


def drift_lines(report: DriftReport, paint: Paint, width: int | None) -> Iterator[str]:
    """The report as lines: what drifted, what AWS manages, what could not be read, and what is not checked."""
    in_step = len(report.resources) - len(report.drifted) - len(report.unknown)
    counts = (
        f"{len(report.drifted)} drifted",
        f"{in_step} as in the template",
        *([f"{len(report.unknown)} unknown"] if report.unknown else []),
        *([f"{len(report.unchecked)} not checked"] if report.unchecked else []),
    )
    yield paint(f"drift of {visible(report.stack)}: ", "strong") + ", ".join(counts)
    for status, head, mark in (("MODIFIED", "changed", "~"), ("DELETED", "deleted", "-")):
        found = [one for one in report.drifted if one.status == status]
        if found:
            yield from ("", paint(f"{head} outside CloudFormation ({len(found)})", "strong"))
        for one in found:
            yield _head(one, mark, paint)
            for part in one.properties:
                yield from _property(part, one.place, paint) if not part.managed else ()
    if report.managed:
        yield from ("", paint(f"set by AWS, and no drift ({len(report.managed)})", "strong"))
    for one, part in report.managed:
        text = f"  = {one.logical_id} {part.title}: {_values(part)}, since {part.managed}"
        yield from wrapped(visible(text), width, 4, paint, ("=", "soft"))
    if report.unknown:
        yield from ("", paint(f"not known ({len(report.unknown)})", "strong"))
    for one in report.unknown:
        yield from wrapped(visible(f"  ? {one.logical_id}: {one.reason or one.status}"), width, 4, paint, ("?", "warn"))
    if report.unchecked:
        types = Counter(short(type) for _, type in report.unchecked)
        names = ", ".join(f"{type} ({count})" if count > 1 else type for type, count in sorted(types.items()))
        yield ""
        yield from wrapped(f"not checked, since drift detection does not support the type: {names}", width, 2, paint)


def _head(one: ResourceDrift, mark: str, paint: Paint) -> str:
    at = where(one.place)
    words = (one.logical_id, paint(short(one.type), "soft"), *([paint(at, "place")] if at else []))
    return f"  {paint(mark, 'warn')} " + "  ".join(words)


def _property(part: PropertyDrift, resource: Place | None, paint: Paint) -> Iterator[str]:
    at = where(part.place) if part.place != resource else ""
    yield f"      {visible(part.title)}: {_values(part)}" + (f"  {paint(at, 'place')}" if at else "")


def _values(part: PropertyDrift) -> str:
    name = deciding_name(part.title)
    expected, actual = (shown(mask_value(value, name)) for value in (part.expected, part.actual))
    if part.change == "added":
        return f"not in the template, actual {actual}"
    return f"expected {expected}, " + ("actual none" if part.change == "removed" else f"actual {actual}")


def drift_record(report: DriftReport) -> dict[str, Any]:
    """The report as plain data, with secrets masked."""
    return {
        "event": "drift",
        "stack": report.stack,
        "drifted": len(report.drifted),
        "complete": report.complete,
        "resources": [
            {
                **fields(one, "logical_id", "physical_id", "type", "status", "reason"),
                "spec": place(one.place),
                "properties": [_record(part) for part in one.properties],
            }
            for one in report.resources
            if one.status != "IN_SYNC"
        ],
        "notChecked": [{"logicalId": name, "type": type} for name, type in report.unchecked],
    }


def _record(part: PropertyDrift) -> dict[str, Any]:
    name = deciding_name(part.title)
    return {
        **fields(part, "path", "title", "change"),
        "expected": mask_value(part.expected, name),
        "actual": mask_value(part.actual, name),
        "managedBy": part.managed or None,
        "spec": place(part.place),
    }
