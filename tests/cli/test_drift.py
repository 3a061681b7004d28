"""fsdcf drift on the command line: what it prints, its exit codes, and the plan of a deploy that reverts drift."""

from __future__ import annotations

import json

from fsdcf.cli.commands.drift import drift_lines, drift_record
from fsdcf.diagnostics import plain
from fsdcf.operate.drift import DriftReport, PropertyDrift, ResourceDrift
from tests.cli.stage import Stage, lines


def drifted(stage: Stage) -> None:
    stage.deploy("--yes")
    stage.site.fault("LogGroup:drift:RetentionInDays=7", "Service:drift:EnableExecuteCommand=true")
    stage.site.fault("TaskSecurityGroup:drift:deleted")


def test_drift_is_shown_by_the_lines_of_the_spec(stage: Stage) -> None:
    drifted(stage)
    shown = stage("drift", "hello.yml", expect=10)
    assert "drift of hello-staging: 3 drifted" in shown.stdout
    assert "      RetentionInDays: expected 30, actual 7" in shown.stdout
    assert "~ LogGroup  Logs::LogGroup  hello.yml:" in shown.stdout
    assert "deleted outside CloudFormation (1)" in shown.stdout
    assert "fsdcf deploy hello.yml --env staging --revert-drift --plan-only" in shown.stderr
    by_name = stage("drift", "hello", expect=10).stdout
    assert "hello.yml" not in by_name and "RetentionInDays: expected 30, actual 7" in by_name


def test_json_is_one_object_and_the_end(stage: Stage) -> None:
    drifted(stage)
    told = lines(stage("drift", "hello.yml", "--json", expect=10))
    (report,) = [one for one in told if one["event"] == "drift"]
    assert report["drifted"] == 3 and told[-1]["exit"] == 10
    (log,) = [one for one in report["resources"] if one["logicalId"] == "LogGroup"]
    assert log["status"] == "MODIFIED" and log["spec"]["file"] == "hello.yml"
    assert [(one["path"], one["expected"], one["actual"]) for one in log["properties"]] == [
        ("/RetentionInDays", "30", "7")
    ]


def test_without_drift(stage: Stage) -> None:
    stage.deploy("--yes")
    shown = stage("drift", "hello.yml")
    assert "0 drifted" in shown.stdout and "no drift in hello-staging" in shown.stderr


def test_the_deploy_shows_and_reverts_it(stage: Stage) -> None:
    drifted(stage)
    plan = stage.deploy("--revert-drift", "--plan-only").stdout
    assert "drift: changes made outside CloudFormation" in plan
    assert "LogGroup RetentionInDays: 30 at the last deploy, 7 now, 30 after the deploy" in plan
    assert "TaskSecurityGroup was deleted, and is created again" in plan
    planned = next(
        one for one in lines(stage.deploy("--revert-drift", "--plan-only", "--json")) if one["event"] == "planned"
    )
    assert planned["drift"] == "DRIFTED"
    changes = {one["logicalId"]: one for one in planned["changes"]}
    assert changes["TaskSecurityGroup"]["drift"] == "DELETED"
    assert [one["drift"] for one in changes["LogGroup"]["details"]] == [{"previous": "30", "actual": "7"}]
    stage.deploy("--revert-drift", "--yes")
    assert "0 drifted" in stage("drift", "hello.yml").stdout


def report() -> DriftReport:
    parts = (
        PropertyDrift("/MasterUserPassword", "MasterUserPassword", "changed", "hunter2", "hunter3"),
        PropertyDrift("/Tags/1", "Tags[team]", "added", None, {"Key": "team", "Value": "a"}),
        PropertyDrift("/Port", "Port", "removed", 5432, None),
        PropertyDrift("/Size", "Size", "changed", 1, 2, "AWS scales it"),
    )
    database = ResourceDrift("Database", "AWS::RDS::DBInstance", "db", "MODIFIED", parts)
    unread = ResourceDrift("Queue", "AWS::SQS::Queue", "q", "UNKNOWN", reason="Access denied")
    unchecked = (("PolicyOne", "AWS::IAM::Policy"), ("PolicyTwo", "AWS::IAM::Policy"))
    return DriftReport("shop-staging", (database, unread), unchecked)


def test_each_kind_of_difference_has_its_words() -> None:
    text = "\n".join(drift_lines(report(), plain, None))
    assert "hunter" not in text
    for words in (
        "1 drifted, 0 as in the template, 1 unknown, 2 not checked",
        "Tags[team]: not in the template, actual",
        "Port: expected 5432, actual none",
        "Database Size: expected 1, actual 2, since AWS scales it",
        "? Queue: Access denied",
        "does not support the type: IAM::Policy (2)",
    ):
        assert words in text


def test_the_record_masks_secrets() -> None:
    text = json.dumps(drift_record(report()))
    assert "hunter" not in text and '"managedBy": "AWS scales it"' in text


def test_a_wrong_fault_is_explained(stage: Stage) -> None:
    for fault in ("LogGroup:drift:", "LogGroup:drift:gone", "LogGroup:drift:Retention In=7"):
        result = stage.deploy("--yes", "--sandbox", "--fault", fault, expect=2)
        assert "LOGICAL_ID:drift:PROPERTY=VALUE" in result.stderr
