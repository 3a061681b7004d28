"""JSON lines: what a program reads."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cli.commands.drift import drift_record
from fsdcf.cli.commands.healthcheck import HealthCheckPrinter
from fsdcf.cli.commands.services import service_record
from fsdcf.cli.commands.status import release_record, status_record
from fsdcf.cli.commands.tasks import task_record
from fsdcf.cli.render.builder import builder_progress
from fsdcf.cli.render.jsonlines import JsonLines, record
from fsdcf.cli.render.logs import LogPrinter
from fsdcf.deploy.model import (
    Exit,
    ImageBuilt,
    ImagePushed,
    NoticeIssued,
    RolloutChanged,
    ServiceEventReceived,
    TaskState,
    WarningIssued,
)
from fsdcf.deploy.state import Snapshot
from fsdcf.diagnostics import Span
from fsdcf.language.rules.container import BUILD_PATH
from fsdcf.operate.drift import DriftReport
from fsdcf.operate.healthcheck import HealthCheckAttempt
from fsdcf.operate.logs import LogLine
from fsdcf.operate.releases import RecordedRelease
from fsdcf.operate.services import ManagedService
from fsdcf.operate.status import Status
from fsdcf.operate.tasks import ServiceTask
from tests.cli.render.samples import FAILURE, PLAN, story


def lines(*, sink: JsonLines, out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_event_is_one_object_and_the_last_one_is_the_end() -> None:
    out = io.StringIO()
    sink = JsonLines(out)
    for event in [NoticeIssued("kept", "a"), WarningIssued("a\nb"), *story(FAILURE)]:
        sink(event)
    records = lines(sink=sink, out=out)
    assert [one["event"] for one in records] == [
        "noted",
        "warned",
        "step",
        "planned",
        *["seen"] * 4,
        "waiting",
        "waiting",
        "seen",
        "seen",
        "ended",
    ]
    end = records[-1]
    assert (end["exit"], end["outcome"], end["next"]) == (1, "FAILED", list(FAILURE.next))
    assert end["evidence"][0]["spec"] == {"file": "shop.yml", "line": 7, "column": 1, "text": "service:"}  # type: ignore[index]
    assert out.getvalue().isascii()


def test_a_stack_event_contains_the_fields_of_cloudformation() -> None:
    out = io.StringIO()
    JsonLines(out)(story(FAILURE)[8])
    (one,) = lines(sink=JsonLines(out), out=out)
    assert (
        one["logicalId"] == "Service"
        and one["status"] == "UPDATE_FAILED"
        and one["reason"] == "the breaker was triggered"
    )
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
    assert plan["counts"] == {
        "replaced": 1,
        "removed": 1,
        "left behind": 1,
        "changed": 1,
        "adopted": 1,
        "added": 1,
        "Frobnicate": 1,
    }
    assert plan["risks"] == [
        {
            "logicalId": "OrdersTable",
            "type": "AWS::DynamoDB::Table",
            "kind": "left behind",
            "why": "it leaves the stack",
        }
    ]


TASK = TaskState("0a", "RUNNING", 3.0, (("PENDING", 2.0),), True, "HEALTHY", "unhealthy", "404")
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
TROUBLE = ServiceEventReceived(9.5, "Service", "was unable to place a task. Reason: x.", NOON)
ROLLOUT = RolloutChanged(75.0, "Service", (TASK,), "IN_PROGRESS", 2, 1, 1, 1, 1, 3)


def every_kind(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """A record of each event that a command tells."""
    out = io.StringIO()
    LogPrinter(out, as_json=True)(LogLine("1", 0, "shop/shop/0a", "hello"))
    view = HealthCheckPrinter(as_json=True)
    view.head("load balancer", "GET /")
    view.rounds("load balancer", iter([HealthCheckAttempt(1, 0, True, "healthy", "200")]))
    builder_progress(as_json=True, aside=True).report(BUILD_PATH.at(Span("shop.yml", 1, 1, 1, 2), (), "is wrong"), {})
    told = [json.loads(line) for line in (out.getvalue() + capsys.readouterr().out).splitlines()]
    built = ImageBuilt("built", "a", "shop", "one", "sha256:0a", "linux/amd64", "docker", 1.5)
    pushed = ImagePushed("pushed", "a", "shop", "one", "sha256:0a")
    events = [*story(FAILURE), NoticeIssued("kept", "a"), built, pushed, WarningIssued("a"), ROLLOUT, TROUBLE]
    stack = Snapshot("shop-staging", "arn", "UPDATE_COMPLETE")
    records = [
        status_record(Status(stack)),
        service_record(ManagedService("shop", "staging", stack, "good", "running")),
        task_record(ServiceTask("0a", "RUNNING")),
        drift_record(DriftReport("shop-staging", ())),
        release_record(RecordedRelease(1, "shop:one", "one", None)),
    ]
    return [*told, *map(record, events), *records]


def test_the_page_names_every_event_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """The event ``secret`` has other fields for each command: tests/cli/test_secret.py."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "json.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|([^|]+)\|$", page, re.MULTILINE)
    named = {event: set(re.findall(r"`(\w+)`", fields)) for event, fields in rows if event != "secret"}
    assert named == {one["event"]: set(one) - {"event"} for one in every_kind(capsys)}
    (task,) = record(ROLLOUT)["tasks"]
    assert all(f"`{field}`" in page for field in task)
    assert record(TROUBLE) == {
        "event": "serviceEvent",
        "elapsed": 9.5,
        "service": "Service",
        "time": "2026-11-24T12:00:00+00:00",
        "text": "was unable to place a task. Reason: x.",
    }
    assert all(code.name in page for code in Exit)
