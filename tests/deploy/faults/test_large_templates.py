"""Template sizes around the limit, multibyte and over a megabyte; buckets in other regions and partitions."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.limits import compact
from fsdcf.deploy.model import Exit
from tests.deploy.site import Site, site, template


def sized(count: int, filler: str = "x") -> dict[str, Any]:
    """A template of so many bytes when it travels."""
    body = {**template(), "Metadata": {"Filler": ""}}
    room = count - len(compact(body).encode())
    width = len(filler.encode())
    body["Metadata"]["Filler"] = filler * (room // width) + "x" * (room % width)
    assert len(compact(body).encode()) == count
    return body


def bucket(made: Site, name: str = "artifacts", region: str | None = None) -> None:
    place = region or made.aws.region
    more = {} if place == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": place}}
    made.call("CreateBucket", "s3", at=place, Bucket=name, **more)


@pytest.mark.parametrize("filler", ["x", "é", "鯨"])
def test_a_template_within_the_limit_is_part_of_the_request(filler: str) -> None:
    made = site()
    assert made.deploy(sized(51_200, filler), plan_only=True).exit is Exit.DONE
    assert not made.made("PutObject")


@pytest.mark.parametrize("filler", ["x", "é", "鯨"])
def test_one_byte_more_needs_a_bucket(filler: str) -> None:
    made = site()
    outcome = made.deploy(sized(51_201, filler))
    assert outcome.exit is Exit.USAGE
    assert "51,201 bytes" in outcome.sentence
    assert outcome.next == ("fsdcf deploy shop.yml --env staging --artifacts-bucket BUCKET",)
    assert made.status() == ""


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"])
def test_through_a_bucket_in_every_partition(region: str) -> None:
    made = site(region=region)
    bucket(made)
    assert made.deploy(sized(60_000, "é"), artifacts_bucket="artifacts").exit is Exit.DONE
    assert made.status() == "CREATE_COMPLETE"
    assert made.deploy(sized(60_000, "é"), artifacts_bucket="artifacts").exit is Exit.DONE
    listed = made.call("ListObjectsV2", "s3", Bucket="artifacts")["Contents"]
    assert len(listed) == 1, "the same content has the same key"


def test_a_bucket_with_dots_in_its_name() -> None:
    made = site()
    bucket(made, "our.artifacts")
    assert made.deploy(sized(60_000), artifacts_bucket="our.artifacts").exit is Exit.DONE


def test_over_a_megabyte() -> None:
    made = site()
    bucket(made)
    outcome = made.deploy(sized(1_000_001), artifacts_bucket="artifacts")
    assert outcome.exit is Exit.USAGE
    assert "1,000,001 bytes" in outcome.sentence
    assert not made.made("PutObject")


def test_a_bucket_of_another_region() -> None:
    made = site()
    bucket(made, "elsewhere", "eu-west-1")  # a name of its own: botocore remembers where a bucket is
    outcome = made.deploy(sized(60_000), artifacts_bucket="elsewhere")
    assert outcome.exit is Exit.USAGE
    assert "eu-west-1" in outcome.sentence
    assert made.status() == ""


def test_no_such_bucket() -> None:
    outcome = site().deploy(sized(60_000), artifacts_bucket="nowhere-at-all")
    assert outcome.exit is Exit.USAGE
    assert "bucket nowhere-at-all does not exist" in outcome.sentence


def test_no_permission_to_upload() -> None:
    made = site("api:PutObject:error=AccessDenied")
    bucket(made)
    outcome = made.deploy(sized(60_000), artifacts_bucket="artifacts")
    assert outcome.exit is Exit.DENIED
    assert "s3:PutObject" in outcome.sentence


def test_looking_at_the_bucket_is_optional() -> None:
    made = site("api:HeadBucket:error=403")
    bucket(made)
    assert made.deploy(sized(60_000), artifacts_bucket="artifacts").exit is Exit.DONE
