"""An SQS queue: encrypted, with a dead-letter queue; FIFO; access to the queue alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.dependencies.made import Made, as_text, codes, findings, make

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
