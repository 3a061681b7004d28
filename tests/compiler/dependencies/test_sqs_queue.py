"""An SQS queue: encrypted, with a dead-letter queue; FIFO; access to the queue alone."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import Made, as_text, codes, findings, make, spec_of

KIND = "aws_sqs_queue"


def queues(made: Made) -> tuple[Any, Any]:
    return made.resources["OrdersQueue"], made.resources["OrdersQueueDeadLetters"]


def test_a_queue_with_its_dead_letter_queue() -> None:
    made = make(KIND, "${ENV}-orders")
    queue, letters = queues(made)
    for one in (queue, letters):
        assert one["Properties"]["SqsManagedSseEnabled"] is True
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert "FifoQueue" not in one["Properties"]
    properties = queue["Properties"]
    assert properties["QueueName"] == "staging-orders" and properties["VisibilityTimeout"] == 30
    redrive = properties["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": ["OrdersQueueDeadLetters", "Arn"]}, "maxReceiveCount": 5}
    assert letters["Properties"]["QueueName"] == "staging-orders-dlq"
    assert letters["Properties"]["MessageRetentionPeriod"] >= properties["MessageRetentionPeriod"]


@pytest.mark.parametrize(
    ("name", "fifo", "ending"), [("orders", False, ""), ("orders", True, ".fifo"), ("orders.fifo", True, ".fifo")]
)
def test_the_dead_letter_queue_accepts_only_this_queue(name: str, fifo: bool, ending: str) -> None:
    made = make(KIND, name, **({"fifo": True} if fifo else {}))
    title = next(one for one in made.resources if "DeadLetters" in one)
    allow = made.resources[title]["Properties"]["RedriveAllowPolicy"]
    assert allow["redrivePermission"] == "byQueue"
    (source,) = allow["sourceQueueArns"]
    assert as_text(source) == f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:orders{ending}"


def test_the_grant_covers_only_the_queue() -> None:
    made = make(KIND, "${ENV}-orders")
    assert {as_text(arn) for one in made.statements() for arn in one["Resource"]} == {"${OrdersQueue.Arn}"}
    assert made.actions() >= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"}
    assert not made.actions() & {"sqs:DeleteQueue", "sqs:PurgeQueue", "sqs:SetQueueAttributes"}
    assert made.grant.environment == {"ORDERS_QUEUE_URL": "${OrdersQueue}"}


def test_reading_is_not_writing() -> None:
    assert "sqs:SendMessage" not in make(KIND, "orders", permissions="read").actions()
    assert "sqs:ReceiveMessage" not in make(KIND, "orders", permissions="write").actions()


def test_settings_reach_the_queue() -> None:
    keys = {"visibilityTimeout": 0, "maxReceiveCount": 1, "messageRetention": 60}
    properties = queues(make(KIND, "orders", **keys))[0]["Properties"]
    assert (properties["VisibilityTimeout"], properties["MessageRetentionPeriod"]) == (0, 60)
    assert properties["RedrivePolicy"]["maxReceiveCount"] == 1


@pytest.mark.parametrize("name", ["${ENV}-orders", "${ENV}-orders.fifo"])
def test_both_queues_of_a_fifo_queue_are_fifo(name: str) -> None:
    made = make(KIND, name, fifo=True, contentBasedDeduplication=True)
    queue, letters = sorted(made.resources.values(), key=lambda one: len(one["Properties"]["QueueName"]))
    assert queue["Properties"]["QueueName"] == "staging-orders.fifo"
    assert letters["Properties"]["QueueName"] == "staging-orders-dlq.fifo"
    assert queue["Properties"]["FifoQueue"] is letters["Properties"]["FifoQueue"] is True
    assert queue["Properties"]["ContentBasedDeduplication"] is True


def test_the_url_and_arn_of_an_existing_queue() -> None:
    made = make(KIND, "orders.fifo", unmanaged={"permissions": "write"})
    assert made.grant.values == {
        "url": "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/orders.fifo",
        "arn": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:orders.fifo",
        "name": "orders.fifo",
    }
    assert made.arns("sqs:SendMessage") == {made.grant.values["arn"]}


def test_an_existing_fifo_queue_has_its_whole_name() -> None:
    made = make(KIND, "orders", fifo=True, unmanaged={"permissions": "write"})
    assert made.grant.values["name"] == "orders.fifo"
    assert made.grant.values["arn"].endswith(":orders.fifo") and made.grant.values["url"].endswith("/orders.fifo")


def test_names_and_keys_that_sqs_refuses() -> None:
    base = {"type": KIND, "name": "orders"}
    assert findings({**base, "name": "orders.fifo"}) == [("S320", "orders.fifo")]
    assert findings({**base, "contentBasedDeduplication": True}) == [("S320", "contentBasedDeduplication")]
    assert codes({**base, "name": "q" * 76}) == [] and codes({**base, "name": "q" * 77}) == ["S320"]
    assert codes({**base, "name": "q" * 71, "fifo": True}) == []
    assert codes({**base, "name": "q" * 72, "fifo": True}) == ["S320"]
    existing = {"unmanaged": {"permissions": "read"}}
    assert codes({**base, "name": "q" * 80, **existing}) == []
    assert codes({**base, "name": "q" * 76 + ".fifo", **existing}) == ["S104"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("visibilityTimeout", 43201), ("maxReceiveCount", 0), ("maxReceiveCount", 1001), ("messageRetention", 59)],
)
def test_bounds(key: str, value: int) -> None:
    assert codes({"type": KIND, "name": "orders", key: value})


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("keys", "property", "expected", "letters"),
    [
        ({"deliveryDelay": 900}, "DelaySeconds", 900, None),
        ({"deliveryDelay": 0}, "DelaySeconds", None, None),
        ({"receiveWaitTime": 20}, "ReceiveMessageWaitTimeSeconds", 20, None),
        ({"maximumMessageSize": 1024}, "MaximumMessageSize", 1024, 1024),
        ({"encryption": "kms", "dataKeyReuse": 60}, "KmsDataKeyReusePeriodSeconds", 60, 60),
        ({"deadLetters": {"retention": 1209599}}, "MessageRetentionPeriod", 345600, 1209599),
    ],
)
def test_details(keys: dict[str, Any], property: str, expected: Any, letters: Any) -> None:
    queue, dead = (one["Properties"] for one in queues(make(KIND, "orders", **keys)))
    assert (queue.get(property), dead.get(property)) == (expected, letters)


def test_high_throughput_of_both_fifo_queues() -> None:
    made = make(KIND, "orders", fifo=True, fifoThroughputLimit="perMessageGroupId", deduplicationScope="messageGroup")
    for one in queues(made):
        properties = one["Properties"]
        assert (properties["FifoThroughputLimit"], properties["DeduplicationScope"]) == (
            "perMessageGroupId",
            "messageGroup",
        )


@pytest.mark.parametrize(
    ("letters", "arn"),
    [
        (False, None),
        ({"queue": "failed"}, "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:failed"),
        ({"queue": "arn:aws:sqs:us-east-1:123456789012:failed"}, "arn:aws:sqs:us-east-1:123456789012:failed"),
    ],
)
def test_a_queue_without_a_dead_letter_queue_of_its_own(letters: Any, arn: str | None) -> None:
    made = make(KIND, "orders", deadLetters=letters)
    _, queue = made.the("AWS::SQS::Queue")
    assert list(made.outputs) == ["OrdersQueueUrl"]
    assert made.grant.values.get("deadLetterArn") == arn
    redrive = queue["Properties"].get("RedrivePolicy")
    assert (redrive and as_text(redrive["deadLetterTargetArn"])) == arn


def test_a_queue_of_another_account_and_region() -> None:
    arn = "arn:aws:sqs:eu-west-1:210987654321:orders"
    key = KEY.replace("us-east-1", "eu-west-1")
    made = make(KIND, "others", unmanaged={"permissions": "write", "arn": arn}, encryption=key)
    assert made.arns("sqs:SendMessage") == {arn}
    assert made.grant.environment == {"OTHERS_QUEUE_URL": "https://sqs.eu-west-1.${AWS::URLSuffix}/210987654321/orders"}
    (use,) = (one for one in made.statements() if "kms:Decrypt" in one["Action"])
    assert use["Condition"]["StringEquals"]["kms:ViaService"] == {"Fn::Sub": "sqs.eu-west-1.${AWS::URLSuffix}"}
    assert codes(
        {"type": KIND, "name": "others", "unmanaged": {"permissions": "write", "arn": arn}, "encryption": KEY}
    ) == ["S382"]


def test_senders_of_other_specs_are_let_in_by_their_arns() -> None:
    topic = "arn:aws:sns:eu-west-1:210987654321:prices"
    senders = [
        {"topic": "events"},
        {"topic": topic},
        {"bucket": "files"},
        {"bucket": "exports", "account": "210987654321"},
    ]
    policy = make(KIND, "orders", receivesFrom=senders).the("AWS::SQS::QueuePolicy")[1]["Properties"]
    sns, own, other = policy["PolicyDocument"]["Statement"]
    assert [as_text(one) for one in sns["Condition"]["ArnEquals"]["aws:SourceArn"]] == [
        topic,
        "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:events",
    ]
    assert own["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert other["Condition"]["StringEquals"] == {"aws:SourceAccount": "210987654321"}
    assert as_text(other["Condition"]["ArnEquals"]["aws:SourceArn"][0]) == "arn:${AWS::Partition}:s3:::exports"
    for statement in (sns, own, other):
        assert statement["Action"] == ["sqs:SendMessage"] and "*" not in str(statement)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"fifoThroughputLimit": "perQueue"}, [("S320", "fifoThroughputLimit")]),
        ({"deduplicationScope": "queue"}, [("S320", "deduplicationScope")]),
        ({"fifo": True, "fifoThroughputLimit": "perMessageGroupId"}, [("S320", "perMessageGroupId")]),
        ({"deadLetters": False, "maxReceiveCount": 3}, [("S320", "maxReceiveCount")]),
        ({"deadLetters": {"queue": "failed.fifo"}}, [("S320", "failed.fifo")]),
        ({"fifo": True, "deadLetters": {"queue": "failed"}}, [("S320", "failed")]),
        ({"name": "orders", "deadLetters": {"queue": "orders"}}, [("S320", "orders")]),
        ({"deadLetters": {"queue": "failed", "retention": 60}}, [("S320", "retention")]),
        ({"dataKeyReuse": 60}, [("S320", "dataKeyReuse")]),
        ({"deliveryDelay": 901}, [("S104", "901")]),
        ({"receiveWaitTime": 21}, [("S104", "21")]),
        ({"maximumMessageSize": 1048577}, [("S104", "1048577")]),
        ({"receivesFrom": [{"bucket": "files"}], "encryption": "kms"}, [("S381", "kms")]),
        ({"receivesFrom": [{"bucket": "files"}], "fifo": True}, [("S561", "files")]),
        ({"receivesFrom": [{"topic": "t", "account": "210987654321"}]}, [("S561", "account")]),
        ({"receivesFrom": [{"account": "210987654321"}]}, [("S561", "account: '210987654321'")]),
        ({"receivesFrom": [{"topic": "t"}, {"topic": "t"}]}, [("S561", "topic: t")]),
        (
            {"receivesFrom": [{"topic": "arn:aws:sqs:us-east-1:123456789012:t"}]},
            [("S105", "arn:aws:sqs:us-east-1:123456789012:t")],
        ),
    ],
)
def test_what_sqs_rejects(keys: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings({"type": KIND, "name": "orders", **keys}) == expected


def test_dead_letters_outlive_the_messages_of_the_queue() -> None:
    for retention, expected in ((345601, False), (345600, True)):
        text = spec_of({"type": KIND, "name": "${ENV}-orders", "deadLetters": {"retention": retention}})
        found = run(Request("spec.yml", text.encode(), "staging")).diagnostics
        assert ("W190" in {one.code for one in found}) == expected


def test_a_sender_of_the_spec_is_named_by_itself() -> None:
    queue = {"type": KIND, "name": "orders", "receivesFrom": [{"topic": "events"}]}
    assert findings(queue, {"type": "aws_sns_topic", "name": "events"}) == [("S561", "events")]
