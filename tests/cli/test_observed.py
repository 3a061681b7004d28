"""Alarms, a dashboard, schedules and policies in the sandbox: created, changed, changed back, and deleted."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cli.stage import SMALL, Stage
from tests.conftest import ROOT
from tests.sandbox.cloudformation import inventory

EVERYTHING = ROOT / "tests" / "cases" / "observed" / "everything.spec.yml"
TYPES = ("AWS::CloudWatch::", "AWS::ApplicationAutoScaling::")


@pytest.fixture
def pace() -> float:
    return 0.02


def observed(stage: Stage) -> dict[str, dict[str, Any]]:
    return {one["logical"]: one for one in inventory.every(stage.site.state) if one["type"].startswith(TYPES)}


def test_what_observes_and_scales_is_created_changed_rolled_back_and_deleted(stage: Stage) -> None:
    full, small = yaml.safe_load(EVERYTHING.read_text("utf-8")), yaml.safe_load(SMALL)
    service = {**small["service"], **{key: full["service"][key] for key in ("observability", "autoScaling")}}
    steps = next(one for one in service["autoScaling"]["policies"] if one["metric"] == "responseTime")
    memory = next(one for one in service["autoScaling"]["policies"] if one["metric"] == "memory")
    service["autoScaling"]["policies"] = [memory, {**steps, "metric": "cpu"}]  # the service has no load balancer

    def deploy(sha: str = "one", expect: int = 0, **changed: Any) -> str:
        spec = {**small, "service": {**service, **changed}, "dependencies": full["dependencies"]}
        (stage.folder / "hello.yml").write_text(yaml.safe_dump(spec))
        return stage("deploy", "hello.yml", "--image-sha", sha, "--yes", expect=expect).output

    deploy()
    made = observed(stage)
    assert {"Dashboard", "MemoryScaleOutAlarm", "OrdersQueueDeadLettersAlarm", "CpuScaleOutPolicy"} <= set(made)
    alarms = sum(one["type"] == "AWS::CloudWatch::Alarm" for one in made.values())
    told = stage("status", "hello").output
    assert f"alarms   0 of {alarms - 3} in ALARM" in told, "without those that start a policy"
    assert "schedule office)" in told or "schedule night)" in told
    stage.site.fault("Service:update:exit=1")
    scaling = {**service["autoScaling"], "policies": [], "targetCPU": 50, "maxCount": 12}
    quiet = {"observability": {"alarms": {"cpu": 75}}, "autoScaling": scaling}
    deploy("bad", expect=1, **quiet)
    assert {name: one["properties"] for name, one in observed(stage).items()} == {
        name: one["properties"] for name, one in made.items()
    }
    assert "[scaling-limits-reset]" in deploy(**quiet)
    after = observed(stage)
    assert "Dashboard" not in after and "CpuScaleOutAlarm" not in after
    assert (after["CpuAlarm"]["properties"]["Threshold"], after["CpuAlarm"]["physical"]) == (
        75,
        made["CpuAlarm"]["physical"],
    )
    stage("delete", "hello", "--yes")
    assert observed(stage) == {}
