"""JSON lines: what a program reads."""

from __future__ import annotations

import io
import json

from fsdcf.cli.sinks.jsonlines import JsonLines
from fsdcf.deploy.model import Noted, Warned
from tests.cli.sinks.samples import FAILURE, PLAN, story


def lines(*, sink: JsonLines, out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_event_is_one_object_and_the_last_one_is_the_end() -> None:
    out = io.StringIO()
    sink = JsonLines(out)
    for event in [Noted("kept", "a"), Warned("a\nb"), *story(FAILURE)]:
        sink(event)
    records = lines(sink=sink, out=out)
    assert [one["event"] for one in records] == ["noted", "warned", "step", "planned", *["seen"] * 4, "waiting", "waiting", "seen", "seen", "ended"]
    end = records[-1]
    assert (end["exit"], end["outcome"], end["next"]) == (1, "FAILED", list(FAILURE.next))
    assert end["evidence"][0]["spec"] == {"file": "shop.yml", "line": 7, "column": 1, "text": "service:"}  # type: ignore[index]
    assert out.getvalue().isascii()


def test_a_seen_event_bears_what_cloudformation_said() -> None:
    out = io.StringIO()
    JsonLines(out)(story(FAILURE)[8])
    (one,) = lines(sink=JsonLines(out), out=out)
    assert one["logicalId"] == "Service" and one["status"] == "UPDATE_FAILED" and one["reason"] == "the breaker was triggered"
    assert one["time"] == "2026-11-24T12:00:00+00:00" and one["elapsed"] == 70


def test_the_plan_is_whole_and_without_secrets() -> None:
    out = io.StringIO()
    JsonLines(out)(story(FAILURE)[1])
    (plan,) = lines(sink=JsonLines(out), out=out)
    assert plan["changeSet"] == PLAN.change_set
    changes = {one["logicalId"]: one for one in plan["changes"]}  # type: ignore[attr-defined]
    assert len(changes) == len(PLAN.changes)
    details = changes["TaskDefinition"]["details"]
    assert details[0]["title"] == "ContainerDefinitions[shop].Image" and details[0]["after"].endswith(":two")
    assert (details[1]["before"], details[1]["after"]) == ("********", "********")
    assert "hunter" not in out.getvalue()
    assert plan["counts"] == {"replaced": 1, "removed": 1, "left behind": 1, "changed": 1, "adopted": 1, "added": 1, "Frobnicate": 1}
    assert plan["risks"] == [{"logicalId": "OrdersTable", "type": "AWS::DynamoDB::Table", "kind": "left behind", "why": "it leaves the stack"}]
