"""Streams, queues, topics and buckets: deployed, changed, rolled back and deleted, in any order that AWS allows."""

from __future__ import annotations

from typing import Any

from tests.compiler.dependencies.made import make
from tests.sandbox.cloudformation import inventory
from tests.sandbox.cloudformation.account import Account, of


def stack_of(type: str, name: str, **keys: Any) -> dict[str, Any]:
    """The template of one dependency alone."""
    return of(**make(type, f"${{ENV}}-{name}", **keys).resources)


TOPIC = stack_of(
    "aws_sns_topic",
    "events",
    subscriptions=[{"existingQueue": "${ENV}-parcels"}, {"email": "team@example.com"}],
    receivesFrom=[{"bucket": "staging-files"}],
)
QUEUE = stack_of(
    "aws_sqs_queue", "parcels", receivesFrom=[{"topic": "${ENV}-events"}, {"bucket": "staging-files"}], deliveryDelay=5
)
BUCKET = stack_of(
    "aws_s3_bucket",
    "files",
    notifications=[
        {"existingQueue": "${ENV}-parcels", "prefix": "in/"},
        {"existingTopic": "${ENV}-events", "prefix": "out/"},
    ],
)


def stream(shards: int, **keys: Any) -> dict[str, Any]:
    return stack_of("aws_kinesis_stream", "clicks", shards=shards, consumers=["shop"], **keys)


def test_a_topic_may_come_before_its_queue_and_a_bucket_comes_after_both(account: Account) -> None:
    assert account.create(TOPIC, StackName="events") == "CREATE_COMPLETE"
    assert account.create(BUCKET, StackName="files") == "ROLLBACK_COMPLETE"
    reason = account.reasons("files")["FilesBucket CREATE_FAILED"]
    assert "Unable to validate the following destination configurations" in reason
    assert account.create(QUEUE, StackName="parcels") == "CREATE_COMPLETE"
    assert account.create(BUCKET, StackName="uploads") == "CREATE_COMPLETE"
    for name in ("events", "parcels", "uploads"):
        account.cfn.delete_stack(StackName=account.stack(name)["StackId"])
        account.settle(name)
    assert account.survivors() == ["FilesBucket", "ParcelsQueue", "ParcelsQueueDeadLetters"], "what holds data is kept"


def test_a_stream_is_changed_and_rolled_back(account: Account) -> None:
    def properties() -> dict[str, Any]:
        found = inventory.every(account.state)
        return dict(next(one["properties"] for one in found if one["type"] == "AWS::Kinesis::Stream"))

    assert account.create(stream(2)) == "CREATE_COMPLETE"
    wrong = {"Type": "AWS::S3::Bucket", "Properties": BUCKET["Resources"]["FilesBucket"]["Properties"]}
    wrong["DependsOn"] = "ClicksStream"
    changed = stream(4, retentionHours=48)
    assert account.deploy(of(**changed["Resources"], Files=wrong)) == "UPDATE_ROLLBACK_COMPLETE"
    assert properties()["ShardCount"] == 2
    assert account.deploy(changed) == "UPDATE_COMPLETE"
    assert (properties()["ShardCount"], properties()["RetentionPeriodHours"]) == (4, 48)
    account.cfn.delete_stack(StackName=account.stack()["StackId"])
    account.settle()
    assert account.survivors() == ["ClicksStream"]
