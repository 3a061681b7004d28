"""The partitions of AWS: as botocore knows them, and the names of their endpoint services."""

from __future__ import annotations

import json
import re
from pathlib import Path

import botocore
import pytest

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.cloudformation.partitions import PARTITIONS, domain_of, endpoint_name, partition_of

DATA = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_bytes())["partitions"]


def test_every_partition_and_region_of_botocore() -> None:
    assert {one["id"]: one["outputs"]["dnsSuffix"] for one in DATA} == {name: domain_of(name) for name in PARTITIONS}
    for one in DATA:
        for region in one["regions"]:
            if not region.endswith("-global"):
                assert partition_of(region) == one["id"]
                assert re.fullmatch(f"{ADDRESS}app", f"123456789012.dkr.ecr.{region}.{domain_of(one['id'])}/app")


def test_an_unknown_partition_has_the_domain_of_most() -> None:
    assert domain_of("aws-moon") == "amazonaws.com" and partition_of("") == "aws"


@pytest.mark.parametrize(
    ("partition", "service", "expected"),
    [
        ("aws", "ecr.api", "com.amazonaws.R.ecr.api"),
        ("aws-us-gov", "ecr.api", "com.amazonaws.R.ecr.api"),
        ("aws-cn", "ecr.dkr", "cn.com.amazonaws.R.ecr.dkr"),
        ("aws-cn", "logs", "com.amazonaws.R.logs"),
        ("aws-cn", "secretsmanager", "com.amazonaws.R.secretsmanager"),
        ("aws-cn", "ssmmessages", "com.amazonaws.R.ssmmessages"),
        ("aws-cn", "sqs", "cn.com.amazonaws.R.sqs"),
        ("aws-cn", "transcribe", "cn.com.amazonaws.R.transcribe.cn"),
        ("aws-eusc", "ecr.api", "eu.amazonaws.R.ecr.api"),
        ("aws-eusc", "sqs", "com.amazonaws.R.sqs"),
        ("aws-iso", "sqs", "gov.ic.c2s.R.sqs"),
        ("aws-iso-b", "ecr.api", "gov.sgov.sc2s.R.ecr.api"),
        ("aws-iso-e", "ecr.dkr", "uk.adc-e.cloud.R.ecr.dkr"),
        ("aws-iso-f", "ebs", "gov.ic.hci.csp.R.ebs"),
    ],
)
def test_names_of_endpoint_services(partition: str, service: str, expected: str) -> None:
    prefix, name = PARTITIONS[partition].endpoint(service)
    assert f"{prefix}.R.{name}" == expected
    for region in ("cn-north-1", "us-gov-west-1", "${AWS::Region}"):
        assert endpoint_name(f"{prefix}.{region}.{name}") == name
    assert endpoint_name(service) == service
