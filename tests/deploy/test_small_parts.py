"""Staging addresses, parameters, masks, targets: each a table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore
import pytest

from fsdcf.cloudformation.partitions import domain_of
from fsdcf.deploy.ecs.rollout import StoppedTask
from fsdcf.deploy.ecs.service import cluster_and_name
from fsdcf.deploy.model import Evidence, Exit, Outcome, Plan, PlanCreated, Release, RunEnded, Target, WarningIssued
from fsdcf.deploy.prepare import key_of, parameters, parts_elsewhere, secrets, url_of
from fsdcf.deploy.state import Snapshot, target_of
from fsdcf.masking import MASK, mask_secrets
from fsdcf.sandbox.clients import clients
from tests.deploy.site import STACK as STACK_NAME
from tests.deploy.site import site


@pytest.mark.parametrize(
    ("bucket", "region", "partition", "url"),
    [
        ("b", "us-east-1", "aws", "https://b.s3.us-east-1.amazonaws.com/k"),
        ("b", "eu-west-1", "aws", "https://b.s3.eu-west-1.amazonaws.com/k"),
        ("b", "cn-north-1", "aws-cn", "https://b.s3.cn-north-1.amazonaws.com.cn/k"),
        ("b", "us-gov-west-1", "aws-us-gov", "https://b.s3.us-gov-west-1.amazonaws.com/k"),
        ("b", "us-iso-east-1", "aws-iso", "https://b.s3.us-iso-east-1.c2s.ic.gov/k"),
        ("b", "moon-1", "aws-moon", "https://b.s3.moon-1.amazonaws.com/k"),
        ("a.b", "us-east-1", "aws", "https://s3.us-east-1.amazonaws.com/a.b/k"),
    ],
)
def test_the_url_of_a_template(bucket: str, region: str, partition: str, url: str) -> None:
    assert url_of(bucket, "k", region, partition) == url


def test_the_domains_are_botocores() -> None:
    text = (Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8")
    known = {one["id"]: one["outputs"]["dnsSuffix"] for one in json.loads(text)["partitions"]}
    assert {name: domain_of(name) for name in known} == known


def test_the_key_depends_only_on_the_content() -> None:
    shop = Release("shop", "staging", {}, None, {})
    assert key_of(shop, b"a") == key_of(shop, b"a") != key_of(shop, b"b")
    assert re.fullmatch(r"staging/shop-staging/[0-9a-f]{64}\.json", key_of(shop, b"a"))


STACK = Snapshot("shop", "arn", "UPDATE_COMPLETE", parameters={"ImageSha": "one", "Old": "x", "Size": "1"})


@pytest.mark.parametrize(
    ("declared", "sha", "stack", "sent", "missing"),
    [
        ({"ImageSha": {}}, "two", None, [{"ParameterKey": "ImageSha", "ParameterValue": "two"}], ()),
        ({"ImageSha": {}}, "two", STACK, [{"ParameterKey": "ImageSha", "ParameterValue": "two"}], ()),
        ({"ImageSha": {}}, None, STACK, [{"ParameterKey": "ImageSha", "UsePreviousValue": True}], ()),
        ({"ImageSha": {}}, None, None, [], ("ImageSha",)),
        ({"Size": {"Default": "2"}}, None, STACK, [], ()),
        ({"Size": {}}, None, STACK, [{"ParameterKey": "Size", "UsePreviousValue": True}], ()),
        ({"Size": {}}, None, None, [], ("Size",)),
        ({"New": {}}, None, STACK, [], ("New",)),
        ({"New": {"Default": ""}}, None, STACK, [], ()),
        ({}, "two", STACK, [], ()),
    ],
)
def test_parameters(
    declared: dict[str, Any],
    sha: str | None,
    stack: Snapshot | None,
    sent: list[dict[str, Any]],
    missing: tuple[str, ...],
) -> None:
    assert parameters({"Parameters": declared}, sha, stack) == (sent, missing)


def test_only_values_of_parameters_with_noecho_are_secret() -> None:
    declared = {"ImageSha": {"NoEcho": True}, "Key": {"NoEcho": "true", "Default": "hush"}, "Size": {"Default": "2"}}
    assert sorted(secrets({"Parameters": declared}, "abc123")) == ["abc123", "hush"]
    assert secrets({"Parameters": {"ImageSha": {}}}, "abc123") == ()
    assert secrets({}, "abc123") == ()


def test_secrets_are_masked_everywhere() -> None:
    told: list[Any] = []
    secrets = ("hush", "hush-hush")
    outcome = Outcome(Exit.FAILED, "it said hush", (Evidence("a hush", "hush-hush"),), ("run hush",), {"hush": "hush!"})
    told.append(mask_secrets(RunEnded(outcome), secrets))
    told.append(mask_secrets(WarningIssued("hush"), secrets))
    told.append(mask_secrets(PlanCreated(Plan("set", ()), {}), secrets))
    assert "hush" not in repr(told)
    assert told[0].outcome.evidence[0].text == MASK
    assert told[0].outcome.outputs == {MASK: f"{MASK}!"}
    assert mask_secrets(outcome, ()) is outcome


def test_commands_exist() -> None:
    target = Release("my-service", "staging", {}, None, {}, redeploy_command="fsdcf deploy my.yml --env staging").target
    assert target.stack == "my-service-staging"
    assert target.command("recover", skip="A") == "fsdcf recover my-service --env staging --skip A"
    assert target.redeploy(recreate=True) == "fsdcf deploy my.yml --env staging --recreate"
    assert Target("a", "b").redeploy() == "fsdcf deploy SPEC --env b"
    assert Release("a", "b", {}, None, {}).target.redeploy() == "fsdcf deploy SPEC --env b"


@pytest.mark.parametrize(
    ("tags", "name", "service", "environment"),
    [
        ({"fsdcf:service": "a", "fsdcf:environment": "b-c"}, "a-b-c", "a", "b-c"),
        ({}, "a-b-c", "a-b", "c"),
        ({}, "solo", "solo", "solo"),
    ],
)
def test_the_target_of_a_stack(tags: dict[str, str], name: str, service: str, environment: str) -> None:
    found = target_of(Snapshot(name, "arn", "CREATE_COMPLETE", tags=tags), name)
    assert (found.service, found.environment) == (service, environment)


@pytest.mark.parametrize(
    ("arn", "place"),
    [
        ("arn:aws:ecs:us-east-1:1:service/cluster/name", ("cluster", "name")),
        ("arn:aws:ecs:us-east-1:1:service/name", ("", "name")),
        ("name", ("", "name")),
    ],
)
def test_cluster_and_name(arn: str, place: tuple[str, str]) -> None:
    assert cluster_and_name(arn) == place


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            StoppedTask("1", "d", "Essential container in task exited", "", (("a", 1, ""),)),
            StoppedTask("2", "d", "Essential container in task exited", "", (("a", 1, ""),)),
        ),
        (
            StoppedTask("1", "d", "Task failed ELB health checks in (target-group x) from 10.0.0.7"),
            StoppedTask("2", "d", "Task failed ELB health checks in (target-group x) from 10.0.1.9"),
        ),
        (StoppedTask("1", "d", "no task " + "a" * 32), StoppedTask("2", "d", "no task " + "b" * 32)),
    ],
)
def test_tasks_that_stopped_for_the_same_reason(one: StoppedTask, other: StoppedTask) -> None:
    assert one.essence == other.essence != ""


def test_tasks_that_stopped_for_other_reasons() -> None:
    exits = [
        StoppedTask("1", "d", "Essential container in task exited", "", (("a", code, ""),)).essence
        for code in (0, 1, 137)
    ]
    assert len(set(exits)) == 3
    assert StoppedTask("1", "d", "").essence == ""
    assert (
        "OutOfMemoryError"
        in StoppedTask(
            "1", "d", "Essential container exited", "", (("a", 137, "OutOfMemoryError: used it all"),)
        ).essence
    )


def test_the_tests_read_events_as_botocore_does() -> None:
    made = site()
    made.stand()
    told = clients(made.state)("cloudformation", "us-east-1").describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    seen = made.events()
    assert seen == told and len(told) > 4
    seen[0].clear()
    assert made.events() == told


@pytest.mark.parametrize(
    ("properties", "region", "found"),
    [
        ({"AvailabilityZoneId": "use1-az1"}, "us-east-1", False),
        ({"AvailabilityZoneId": "use1-az1"}, "us-east-2", True),
        ({"AvailabilityZoneId": "use1-az1"}, "eusc-de-east-1", False),
        ({"AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}}, "eu-west-1", False),
        ({"Certificates": [{"CertificateArn": "arn:aws:acm:eu-west-1:1:certificate/a"}]}, "us-east-1", True),
        ({"Certificates": [{"CertificateArn": "arn:aws:acm:eu-west-1:1:certificate/a"}]}, "eu-west-1", False),
        ({"Certificates": [{"CertificateArn": "arn:aws:iam::1:server-certificate/a"}]}, "eu-west-1", False),
        ({"Certificates": [{"CertificateArn": {"Fn::Sub": "arn:${AWS::Partition}:acm"}}]}, "eu-west-1", False),
    ],
)
def test_zones_and_certificates_of_another_region(properties: dict[str, Any], region: str, found: bool) -> None:
    template = {"Resources": {"Part": {"Type": "AWS::Any", "Properties": properties}, "Bare": {"Type": "AWS::Any"}}}
    assert bool(parts_elsewhere(template, region)) == found
