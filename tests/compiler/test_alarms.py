"""Alarms: which ones a service has, and what they measure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import HELLO, Compile

ENVIRONMENT = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment:\n"
FILE = ENVIRONMENT + "  loadBalancers: {public: {domain: staging.example.com}}\n"
WORKER = HELLO.replace("  port: 8000\n", "").replace("  healthCheck:\n    path: /health\n", "")
SHARED = HELLO + "  networking: {shared: true}\n"


def alarms(compiled: Compile, text: str, **more: Any) -> dict[str, dict[str, Any]]:
    result = compiled(text, **more)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"].items()
    return {name: one["Properties"] for name, one in resources if one["Type"] == "AWS::CloudWatch::Alarm"}


def test_a_worker_has_alarms_on_its_tasks_alone(compiled: Compile) -> None:
    assert set(alarms(compiled, WORKER)) == {"CpuAlarm", "MemoryAlarm", "RunningTasksAlarm"}
    assert alarms(compiled, HELLO, overrides=("service.observability.alarms=false",)) == {}


def test_the_errors_of_a_shared_load_balancer_are_not_those_of_the_service(compiled: Compile) -> None:
    own, shared = (
        [one["Id"] for one in alarms(compiled, text, file=file)["ErrorRateAlarm"]["Metrics"]]
        for text, file in ((HELLO, ""), (SHARED, FILE))
    )
    assert (own, shared) == (["result", "errors", "requests", "own"], ["result", "errors", "requests"])


@pytest.mark.parametrize(
    ("text", "file", "least"),
    [
        (HELLO, "", 2),
        (HELLO + "  resources: {desiredCount: 5}\n", "", 5),
        (HELLO + "  autoScaling: {minCount: 3}\n", "", 3),
        (HELLO + "  autoScaling: {minCount: 3, schedules: [{name: a, cron: '0 9 * * *', minCount: 1}]}\n", "", 1),
        (HELLO + "  autoScaling: {minCount: 0}\n", "", None),
        (HELLO + "  resources: {desiredCount: 0}\n", "", None),
        (HELLO + "  containerInsights: enhanced\n  autoScaling: {minCount: 0}\n", "", 0),
        (SHARED, FILE, 2),
        (SHARED, FILE + "  cluster: {containerInsights: enabled}\n", 0),
        (WORKER + "  networking: {shared: true}\n", ENVIRONMENT + "  protected: true\n", 0),
    ],
)
def test_missing_tasks(compiled: Compile, text: str, file: str, least: int | None) -> None:
    """Fewer than the least number, or, with Container Insights (0 here), fewer than desired."""
    alarm = alarms(compiled, text, file=file).get("RunningTasksAlarm")
    assert (alarm and alarm["Threshold"]) == least
    if alarm:
        assert ("Metrics" in alarm) == (least == 0)
        assert alarm["TreatMissingData"] == ("notBreaching" if least == 0 else "breaching")


def test_a_job_has_an_alarm_on_its_failed_runs(compiled: Compile) -> None:
    job = "apiVersion: fsd/v1\nkind: Job\nmetadata: {name: nightly}\njob: {schedule: {cron: '0 3 * * *'}}\n"
    (name,) = alarms(compiled, job)
    assert name == "DeadLettersAlarm"
    arn = "arn:aws:sns:us-east-1:123456789012:alerts"
    for notified, codes in ((arn, set()), ("null", {"W168"})):
        found = compiled(job, environment="prod", overrides=(f"job.observability.alarms={{notify: {notified}}}",))
        assert {one.code for one in found.diagnostics} & {"W168", "W210", "W211"} == codes


def test_a_topic_of_the_spec_is_notified_of_both_changes(compiled: Compile) -> None:
    text = HELLO + "  observability: {alarms: {notify: '${ENV}-alerts'}}\n"
    text += "dependencies: [{type: aws_sns_topic, name: '${ENV}-alerts'}]\n"
    for alarm in alarms(compiled, text).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertsTopic"}]


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:alerts", "S630"),
        ("arn:aws:sns:us-east-1:123456789012:alerts", ""),
        ("arn:aws:sns:${AWS::Region}:123456789012:alerts", ""),
        ("alerts", "S630"),
        ("fifo", "S630"),
        ("kms", "S630"),
        ("plain", ""),
    ],
)
def test_topics_that_alarms_notify(compiled: Compile, topic: str, code: str) -> None:
    text = HELLO + "dependencies:\n  - {type: aws_sns_topic, name: '${ENV}-plain'}\n"
    text += "  - {type: aws_sns_topic, name: '${ENV}-kms', encryption: kms}\n"
    text += "  - {type: aws_sns_topic, name: '${ENV}-fifo', fifo: true}\n"
    file = ENVIRONMENT + "  region: us-east-1\n"
    found = compiled(text, overrides=(f"service.observability.alarms.notify={topic}",), file=file).diagnostics
    assert {one.code for one in found if one.code != "I3042"} == ({code} if code else set()), found


POLICIES = HELLO + "  autoScaling:\n    minCount: 1\n    policies: [{type: step, metric: cpu, steps: [%s]}]\n"


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        ("{lower: 50, adjustment: 0}", "neither adds nor removes"),
        ("{lower: 50, upper: 40, adjustment: 1}", "begins at"),
        ("{lower: 50, upper: 60, adjustment: 1}, {lower: 70, adjustment: 2}", "gap or overlap at 70"),
        ("{lower: 50, adjustment: 1}, {lower: 70, adjustment: 2}", "gap or overlap at 70"),
        ("{adjustment: 1}", "no `lower`"),
        ("{adjustment: -1}", "no `upper`"),
        ("{lower: 50, upper: 60, adjustment: 1}", "above 60"),
        ("{lower: 10, upper: 20, adjustment: -1}", "below 10"),
        ("{lower: 50, adjustment: 1}, {upper: 60, adjustment: -1}", "removes tasks and another one adds"),
    ],
)
def test_steps_that_do_not_fit_together(compiled: Compile, steps: str, word: str) -> None:
    found = [one for one in compiled(POLICIES % steps).diagnostics if one.code == "S632"]
    assert any(word in one.message for one in found), found
    assert all(one.hint for one in found)


@pytest.mark.parametrize(
    ("scaling", "code"),
    [
        ("queue: a, minCount: 1", "S633"),
        ("queue: c, queueBacklogPerTask: 5", "S633"),
        ("queueBacklogPerTask: 5", "S633"),
        ("queue: a, queueBacklogPerTask: 5", ""),
        ("queue: a, minCount: 0, queueBacklogPerTask: 5", ""),
        ("minCount: 0", "W113"),
        ("minCount: 0, schedules: [{name: a, cron: '0 8 * * *', minCount: 1}]", ""),
        ("schedules: [{name: a, cron: '0 8 * * *', maxCount: 0}]", "S631"),
        ("schedules: [{name: a, cron: 0 8 * * *, minCount: 2}, {name: b, cron: '00 8 * * *', minCount: 3}]", "S631"),
        ("policies: [{metric: cpu, value: 60}], targetCPU: 70", "S632"),
        ("policies: [{metric: cpu, value: 60, steps: [{lower: 1, adjustment: 1}]}]", "S632"),
        ("policies: [{metric: cpu, type: step, value: 60, steps: [{lower: 1, adjustment: 1}]}]", "S632"),
        ("policies: [{metric: cpu, type: step}]", "S632"),
    ],
)
def test_what_scales_a_service(compiled: Compile, scaling: str, code: str) -> None:
    queues = "dependencies: [{type: aws_sqs_queue, name: a}, {type: aws_sqs_queue, name: b}]\n"
    found = compiled(HELLO + f"  autoScaling: {{{scaling}}}\n" + queues).diagnostics
    assert {one.code for one in found} - {"W107"} == ({code} if code else set()), found
