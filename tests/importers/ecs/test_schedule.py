"""Schedules: a task that one runs becomes a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsdcf.importers.report import Treatment
from fsdcf.language.model import JOB
from tests.importers.conftest import Imports, outcomes
from tests.importers.ecs.test_definition import WEB, definition

RUNS = {"EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:3"}}


def schedule(**keys: Any) -> dict[str, str]:
    """The output of `aws scheduler get-schedule`."""
    data = {"Name": "nightly", "ScheduleExpression": "rate(1 hour)", "Target": {**RUNS, "Arn": "arn:x"}, **keys}
    return {"schedule.json": json.dumps(data)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 3 * * ? *)", {"cron": "0 3 * * ? *"}),
        ("rate(5 minutes)", {"rate": "5 minutes"}),
        ("at(2027-01-01T00:00:00)", {"at": "2027-01-01T00:00:00"}),
        ("every day", None),
    ],
)
def test_a_scheduled_task_is_a_job(imports: Imports, text: str, expected: dict[str, str] | None) -> None:
    result = imports({**definition(WEB), **schedule(ScheduleExpression=text)})
    draft = result.drafts[0]
    assert draft.kind is JOB
    assert draft.data["job"].get("schedule") == expected
    assert "port" not in draft.data["job"]
    assert result.next == []
    lost = {key for key, each in outcomes(result).items() if each.treatment is Treatment.NOT_CARRIED}
    assert lost == (set() if expected else {"ScheduleExpression"})


def test_the_input_has_the_command_and_the_variables(imports: Imports) -> None:
    variables = [{"name": "SCOPE", "value": "all"}, {"name": "DB_PASSWORD", "value": "correct-horse-9"}]
    override = {"name": "web", "command": ["report"], "environment": variables}
    target = {**RUNS, "Input": json.dumps({"containerOverrides": [override]})}
    result = imports({**definition({"name": "log", "image": "log:1"}, WEB), **schedule(Target=target)})
    job = result.drafts[0].data["job"]
    assert (job["image"], job["command"], job["environment"]) == ("shop/web", ["report"], {"SCOPE": "all"})
    assert result.drafts[0].to_store == ["DB_PASSWORD"]
    assert "correct-horse" not in result.drafts[0].text() + repr(result.report)
    assert outcomes(result)["Target.Input"].treatment is Treatment.CHANGED


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"containerOverrides": 3}', '{"cpu": "512"}', '"x"'])
def test_another_input_is_not_carried(imports: Imports, text: str) -> None:
    result = imports({**definition(WEB), **schedule(Target={**RUNS, "Input": text})})
    assert outcomes(result)["Target.Input"].treatment is Treatment.NOT_CARRIED


def test_a_rule_and_its_target_are_a_schedule(imports: Imports) -> None:
    targets = {"targets.json": json.dumps({"Targets": [{"Id": "1", **RUNS}]})}
    alone = imports({**definition(WEB), **targets})
    assert alone.drafts[0].kind is JOB
    assert "describe-rule" in outcomes(alone)["Targets[0]"].note
    rule = {"Name": "hourly", "ScheduleExpression": "rate(1 hour)", "State": "DISABLED"}
    both = imports({**definition(WEB), **targets, "rule.json": json.dumps(rule)})
    assert both.drafts[0].data["job"]["schedule"] == {"rate": "1 hour", "enabled": False}


def test_a_task_of_a_service_has_a_job_for_its_schedule(imports: Imports) -> None:
    service = {"serviceName": "shop", "taskDefinition": "shop:3", "desiredCount": 1}
    result = imports({**definition(WEB), "service.json": json.dumps(service), **schedule()})
    assert [(each.name, each.kind.name) for each in result.drafts] == [("shop", "Service"), ("nightly", "Job")]


def test_a_worker_says_how_it_becomes_a_job(imports: Imports) -> None:
    (sentence,) = imports(definition({"name": "web", "image": "web:1"})).next
    assert "services/shop.yml" in sentence and "get-schedule" in sentence
