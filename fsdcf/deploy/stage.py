"""How a template travels: in the call, or through a bucket when it is too large for that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from fsdcf.cloudformation.limits import BODY_BYTES, TEMPLATE_BYTES
from fsdcf.cloudformation.template import compact
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.model import Exit, Options, Release
from fsdcf.deploy.run import Run, stop

SUFFIXES: Mapping[str, str] = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
"""The domain of each partition. Source: botocore's partitions.json."""


def stage(run: Run, release: Release, options: Options) -> dict[str, str]:
    """The member of CreateChangeSet that holds the template. Uploads it where its bytes are too many; stops the run (exit 2)
    where there is no bucket for it, or the bucket will not do."""
    text = compact(release.template)
    data = text.encode()
    if len(data) <= BODY_BYTES:
        return {"TemplateBody": text}
    if len(data) > TEMPLATE_BYTES:
        raise stop(
            Exit.USAGE, f"the template has {len(data):,} bytes, and CloudFormation takes {TEMPLATE_BYTES:,} at most"
        )
    bucket = options.artifacts_bucket
    if not bucket:
        raise stop(
            Exit.USAGE,
            f"the template has {len(data):,} bytes, and CloudFormation takes {BODY_BYTES:,} without a bucket",
            release.target.redeploy("--artifacts-bucket BUCKET"),
        )
    run.step("stage", f"puts the template ({len(data):,} bytes) into the bucket {bucket}")
    _check_region(run, bucket)
    key = key_of(release.stack, data)
    try:
        run.aws.call("s3", "PutObject", Bucket=bucket, Key=key, Body=data, ContentType="application/json")
    except ApiError as error:
        if error.denied:
            raise stop(
                Exit.DENIED, f"the template cannot be put into the bucket {bucket}: no permission for s3:PutObject"
            ) from None
        raise stop(Exit.USAGE, f"the template cannot be put into the bucket {bucket}: {error.message}") from None
    return {"TemplateURL": url_of(bucket, key, run.aws.region, run.aws.partition)}


def key_of(stack: str, data: bytes) -> str:
    """The object's key: the same content has the same key, so that an upload can be repeated and never changes a template in use."""
    return f"fsdcf/{stack}/{hashlib.sha256(data).hexdigest()}.json"


def url_of(bucket: str, key: str, region: str, partition: str) -> str:
    """The object's regional address. A bucket with dots in its name has no certificate of its own: it stands in the path.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    host = f"s3.{region}.{SUFFIXES.get(partition, SUFFIXES['aws'])}"
    return f"https://{host}/{bucket}/{key}" if "." in bucket else f"https://{bucket}.{host}/{key}"


def _check_region(run: Run, bucket: str) -> None:
    """Stops the run if the bucket does not exist or stands in another region, where CloudFormation would not read it.

    Without the permission to look, the upload shows it.
    """
    try:
        answer = run.aws.call("s3", "HeadBucket", Bucket=bucket)
    except ApiError as error:
        if error.absent:
            raise stop(
                Exit.USAGE, f"there is no bucket {bucket}", f"aws s3 mb s3://{bucket} --region {run.aws.region}"
            ) from None
        if not error.denied:
            raise stop(Exit.USAGE, f"the bucket {bucket} cannot be used: {error.message}") from None
        return
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or run.aws.region
    if region != run.aws.region:
        raise stop(
            Exit.USAGE,
            f"the bucket {bucket} is in {region}, and the stack in {run.aws.region}: name a bucket that is there",
        )
