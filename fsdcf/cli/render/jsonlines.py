"""The sink for programs: each event is one JSON object on a line of its own."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TextIO

from fsdcf.cli.render.plan import counts, group_of, remarks_of
from fsdcf.cli.render.rollouts import rollout_record
from fsdcf.cli.render.stream import LineWriter, Sink
from fsdcf.cli.render.values import fields
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.deploy.model import (
    Event,
    Evidence,
    ImageBuilt,
    ImagePushed,
    NoticeIssued,
    Outcome,
    Place,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    ServiceEventReceived,
    StackEvent,
    StackEventReceived,
    StepStarted,
    Waiting,
    WarningIssued,
)
from fsdcf.masking import deciding_name, mask_value
from fsdcf.plan.diff.causes import title_of
from fsdcf.plan.diff.tags import tag_changes, tags_line


class JsonLines(LineWriter, Sink):
    """Prints events as JSON lines. Every line has ``event``; the last one is ``ended``, with the exit code.

    ``stack`` is in every line, unless it is empty: it tells apart the events of several deploys.
    """

    for_programs = True

    def __init__(self, file: TextIO, stack: str = "") -> None:
        super().__init__(file)
        self._fields = {"stack": stack} if stack else {}

    def __call__(self, event: Event) -> None:
        self.write({**self._fields, **record(event)})

    def write(self, data: dict[str, Any]) -> None:
        """Write an object on a line, in ASCII. It contains no command for the runner of GitHub Actions."""
        self.lines([json.dumps(data, default=str).replace("##[", "#\\u0023[")])


def record(event: Event) -> dict[str, Any]:
    """An event as plain data, with secrets masked."""
    match event:
        case StepStarted():
            return {"event": "step", "step": event.name, "text": event.text}
        case PlanCreated():
            return _planned(event)
        case StackEventReceived():
            elapsed = round(event.elapsed, 3)
            return {"event": "seen", "elapsed": elapsed, **_stack_event(event.event), "spec": place(event.place)}
        case RolloutChanged():
            return rollout_record(event)
        case ServiceEventReceived():
            elapsed = round(event.elapsed, 3)
            time = event.time.isoformat() if event.time else None
            return {"event": "serviceEvent", "elapsed": elapsed, "time": time, **fields(event, "service", "text")}
        case Waiting():
            return {"event": "waiting", "elapsed": round(event.elapsed, 3), "on": list(event.on)}
        case NoticeIssued():
            return _noted(event)
        case WarningIssued():
            return {"event": "warned", "text": event.text}
        case RunEnded():
            return _ended(event.outcome)


def _noted(event: NoticeIssued) -> dict[str, Any]:
    if isinstance(event, ImageBuilt):
        return {"event": "built", **fields(event, "name", "tag", "id", "platform", "builder", "seconds")}
    if isinstance(event, ImagePushed):
        return {"event": "pushed", **fields(event, "repository", "tag", "digest", "existed", "noted")}
    return {"event": "noted", "lead": event.label, "text": event.text}


def place(one: Place | None) -> dict[str, Any] | None:
    """A spec line as plain data."""
    return asdict(one) if one else None


def _planned(event: PlanCreated) -> dict[str, Any]:
    plan, remarks, tags = event.plan, remarks_of(event), tag_changes(event.plan.changes)
    return {
        "event": "planned",
        "changeSet": plan.change_set,
        "first": plan.first,
        "drift": plan.drift or None,
        "counts": counts(plan),
        "changes": [
            {"group": group_of(one, plan.adopted), **_change(one), "spec": place(event.places.get(one.logical_id))}
            for one in plan.changes
        ],
        "tags": {
            "text": tags_line(tags),
            "changes": [
                {
                    **fields(one, "logical_id", "type", "key"),
                    "before": mask_value(one.before, one.key),
                    "after": mask_value(one.after, one.key),
                }
                for one in tags
            ],
        },
        "risks": [fields(one, "logical_id", "type", "kind", "why") for one in plan.risks],
        "validation": [_evidence(one) for one in plan.warnings],
        "adopted": list(plan.adopted),
        "obstacles": [
            {**fields(one, "kind", "logical_id", "type", "why", "way_out"), "spec": place(remarks.places.get(one))}
            for one in remarks.obstacles
        ],
        "rollbackSafety": [
            {
                **fields(one, "rule", "logical_id", "what"),
                "unsafe": list(one.when),
                **fields(one, "why", "way_out"),
                "spec": place(remarks.places.get(one)),
            }
            for one in remarks.unsafe
        ],
        "sideEffects": [
            {**fields(one, "rule", "logical_id", "what", "why"), "spec": place(remarks.places.get(one))}
            for one in remarks.effects
        ],
        "exposed": [
            {**fields(one, "logical_id", "what"), "spec": place(event.places.get(one.logical_id))}
            for one in (remarks.first.exposures if remarks.first else ())
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        **fields(change, "action", "logical_id", "physical_id", "type", "replacement", "policy"),
        "details": [_detail(detail) for detail in change.details],
        "drift": change.drift or None,
        "driftIgnored": [{"path": path, "reason": reason} for path, reason in change.ignored],
    }


def _detail(detail: Detail) -> dict[str, Any]:
    title = title_of(detail)
    name = deciding_name(title)
    return {
        **fields(detail, "attribute", "name", "path"),
        "title": title,
        "before": mask_value(detail.before, name),
        "after": mask_value(detail.after, name),
        **fields(detail, "recreation", "source", "cause", "evaluation"),
        "drift": {
            "previous": mask_value(detail.drift.previous, name),
            "actual": mask_value(detail.drift.actual, name),
        }
        if detail.drift
        else None,
    }


def _stack_event(event: StackEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "time": event.time.isoformat(),
        **fields(event, "logical_id", "physical_id", "type", "status", "reason"),
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {"source": one.source, "text": one.text, "spec": place(one.place)}


def _ended(outcome: Outcome) -> dict[str, Any]:
    advice = outcome.advice
    return {
        "event": "ended",
        "exit": int(outcome.exit),
        "outcome": outcome.exit.name,
        "sentence": outcome.sentence,
        "evidence": [_evidence(one) for one in outcome.evidence],
        "advice": {"text": advice.text, "key": advice.key, "spec": place(advice.place)} if advice else None,
        "next": list(outcome.next),
        "outputs": dict(outcome.outputs),
    }
