"""Plans of streams, queues, topics and buckets: what AWS's pages say of a change.

REFERENCE is https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference, KINESIS is
https://docs.aws.amazon.com/kinesis/latest/APIReference.
"""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.plan.diff.plan import UpdatePlan
from tests.plan.conftest import resources
from tests.plan.test_diff import plan

STREAM = "AWS::Kinesis::Stream"
CUSTOMER = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def found(type: str, before: dict[str, Any] | None, after: dict[str, Any] | None, **beside: Any) -> UpdatePlan:
    """The plan of one resource, which is kept."""
    kept = {"Type": type, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    sides = [{} if one is None else {"A": {**kept, "Properties": one}} for one in (before, after)]
    return plan(*(resources(Log={"Type": "AWS::Logs::LogGroup"}, **beside, **side) for side in sides))


def remarks(plan: UpdatePlan) -> set[str]:
    """What a plan says of a change, each by a word."""
    review = plan.review
    return {
        *("replaced" for one in plan.changes if one.replacement == "True"),
        *(one.kind for one in (*plan.risks, *review.obstacles)),
        *(one.rule for one in (*review.effects, *review.unsafe)),
    }


def stream(shards: int | None = 4, hours: int = 24, key: str = "alias/aws/kinesis", **more: Any) -> dict[str, Any]:
    mode = {"StreamModeDetails": {"StreamMode": "PROVISIONED" if shards else "ON_DEMAND"}}
    count = {"ShardCount": shards} if shards else {}
    encryption = {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": key}}
    return {"Name": "events", "RetentionPeriodHours": hours, **encryption, **mode, **count, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-kinesis-stream.html: Name requires a replacement, whose records are new ones
        (stream(), stream(Name="clicks"), {"replaced", "store-removed"}),
        # REFERENCE/aws-attribute-deletionpolicy.html: what is kept stays in the account
        (stream(), None, {"left behind", "store-removed"}),
        # KINESIS/API_UpdateStreamMode.html: twice in 24 hours
        (stream(None), stream(4), {"rare-change"}),
        (stream(4), stream(None), {"rare-change"}),
        # KINESIS/API_UpdateShardCount.html: ten times in 24 hours, to between half and double
        (stream(4), stream(8), {"rare-change"}),
        (stream(4), stream(2), {"rare-change"}),
        (stream(4), stream(9), {"refused"}),
        (stream(9), stream(4), {"refused"}),
        # https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html: on demand has 4 shards or more
        (stream(None), stream(1), {"rare-change", "refused"}),
        # KINESIS/API_DecreaseStreamRetentionPeriod.html: what is older is lost
        (stream(hours=168), stream(hours=24), {"data-expires"}),
        (stream(hours=24), stream(hours=168), set()),
        # KINESIS/API_StartStreamEncryption.html: another key is for new records
        (stream(key=CUSTOMER), stream(), {"out of reach"}),
        (stream(), stream(key=CUSTOMER), set()),
    ],
)
def test_a_stream(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(STREAM, before, after)) == expected


QUEUE, TOPIC, BUCKET = "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket"
SUBSCRIPTION, CONSUMER = "AWS::SNS::Subscription", "AWS::Kinesis::StreamConsumer"


def notified(arn: str) -> dict[str, Any]:
    return {"NotificationConfiguration": {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": arn}]}}


@pytest.mark.parametrize(
    ("type", "before", "after", "expected"),
    [
        # REFERENCE/aws-resource-kinesis-streamconsumer.html: every property requires a replacement
        (CONSUMER, {"ConsumerName": "a"}, {"ConsumerName": "b"}, {"replaced"}),
        # REFERENCE/aws-resource-sqs-queue.html: all but the name and FifoQueue change in place
        (QUEUE, {}, {"DelaySeconds": 5, "ReceiveMessageWaitTimeSeconds": 20, "MaximumMessageSize": 1024}, set()),
        (QUEUE, {"FifoQueue": True}, {"FifoQueue": True, "FifoThroughputLimit": "perMessageGroupId"}, set()),
        (QUEUE, {"QueueName": "a"}, {"QueueName": "b"}, {"replaced", "store-removed"}),
        (QUEUE, {"FifoQueue": True}, {}, {"replaced", "store-removed"}),
        (QUEUE, {"MessageRetentionPeriod": 1209600}, {"MessageRetentionPeriod": 60}, {"data-expires"}),
        (QUEUE, {"KmsMasterKeyId": CUSTOMER}, {"KmsMasterKeyId": "alias/aws/sqs"}, {"out of reach"}),
        # REFERENCE/aws-resource-sns-subscription.html: another endpoint or topic requires a replacement
        (SUBSCRIPTION, {"Endpoint": "a@b.example"}, {"Endpoint": "c@b.example"}, {"replaced"}),
        (SUBSCRIPTION, {}, {"RawMessageDelivery": True, "RedrivePolicy": {"deadLetterTargetArn": "x"}}, set()),
        # REFERENCE/aws-resource-s3-bucket.html: CORS and notifications change in place
        (BUCKET, notified("a"), notified("b"), set()),
        (
            BUCKET,
            {},
            {"CorsConfiguration": {"CorsRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}},
            set(),
        ),
        (BUCKET, {"BucketName": "a"}, {"BucketName": "b"}, {"replaced", "store-removed"}),
    ],
)
def test_queues_topics_and_buckets(
    type: str, before: dict[str, Any], after: dict[str, Any], expected: set[str]
) -> None:
    assert remarks(found(type, before, after)) == expected
