"""SQS: queues and their policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, target_of, text_of
from fsdcf.cloudformation.pricing import (
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    decimal,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    ADOPTED,
    AccessActions,
    DeployPermissions,
    Drawing,
    Expiry,
    Part,
    PolicyDocuments,
    Properties,
    ResourceType,
    Simulation,
    StoredData,
)
from fsdcf.cloudformation.types.kms import left_with_key, requests_to
from fsdcf.cloudformation.types.scheduler import SCHEDULE, dead_letters_of
from fsdcf.cloudformation.types.stepfunctions import STATE_MACHINE, sent_to

PART: Part = "data"
QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"

_REQUESTS = 3
"""Requests for a message: it is sent, received and deleted. Source: https://aws.amazon.com/sqs/pricing/"""

_FOUR_DAYS = 345_600
"""Seconds that a queue keeps messages by default.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""

_BLOGS = f"factualminds.com and cloudburn.io on SQS; {PRICE_LIST}"


def dead_letter_queues(stack: PlannedStack) -> Iterator[tuple[PlannedResource, str, str]]:
    """The queues with a dead-letter queue: the queue, the logical ID of its dead-letter queue, and the most
    receives."""
    for queue in stack.of(QUEUE):
        policy = queue.mapping("RedrivePolicy")
        dead = stack.named(policy.get("deadLetterTargetArn"), QUEUE)
        if dead is not None:
            yield queue, dead.name, text_of(policy.get("maxReceiveCount"))


def _price_queues(context: PricingContext, queues: Resources) -> CostItems:
    """Queues by their messages. Dead-letter queues cost only where messages fail."""
    policies = [one.mapping("RedrivePolicy") for one in queues]
    dead = {target_of(one.get("deadLetterTargetArn")) for one in policies}
    dead |= {dead_letters_of(one) for one in context.stack.of(SCHEDULE)}
    dead |= {queue for one in context.stack.of(STATE_MACHINE) for queue in sent_to(one)}
    rate = context.assumed["sqs-messages-per-second"]
    for queue in queues:
        if queue.name in dead:
            yield Unpriced(f"Dead-letter queue {queue.name}", "few messages should get there", (queue.name,))
            continue
        kind, name = ("fifo", "SQS requests, FIFO") if _is_fifo(queue.properties) else ("standard", "SQS requests")
        how = f"{number(rate)} messages/s × {_REQUESTS} requests"
        quantity = rate * _REQUESTS * SECONDS / MILLION
        yield context.line(f"sqs.{kind}", name, quantity, how, queue, "sqs-messages-per-second")
        yield from requests_to(queue.get("KmsMasterKeyId"), queue, "senders and receivers")


def _is_fifo(properties: Properties) -> bool:
    return text_of(properties.get("FifoQueue")) == "true"


def _details(properties: Properties) -> Iterator[str]:
    if _is_fifo(properties):
        yield "FIFO"


def _keeps_shorter(before: Any, after: Any) -> bool:
    old, new = (decimal(_FOUR_DAYS if one is None else one) for one in (before, after))
    return old is not None and new is not None and new < old


RECORDS = (
    ResourceType(
        QUEUE,
        PricingRule(
            "data",
            _price_queues,
            (
                price(
                    "sqs.standard",
                    "0.40",
                    "million requests",
                    _BLOGS,
                    "2026-06-13",
                    "after one million free for an account",
                ),
                price(
                    "sqs.fifo",
                    "0.50",
                    "million requests",
                    _BLOGS,
                    "2026-06-13",
                    "after one million free for an account",
                ),
            ),
            (
                assumption(
                    "sqs-messages-per-second",
                    "1",
                    "messages/s",
                    "through each queue except dead-letter queues; each is sent, received and deleted",
                ),
            ),
        ),
        Simulation(
            "https://sqs.{region}.{suffix}/{account}/{name}",
            {"Arn": "arn:{partition}:sqs:{region}:{account}:{last}", "QueueName": "{last}"},
            create=62.0,
            update=62.0,
            delete=62.0,
        ),
        DeployPermissions(arns=named_by("sqs", "QueueName", ("queue", "{}"))),
        retained=True,
        taken_over=ADOPTED,
        data=StoredData(
            "its messages",
            expiry=(Expiry("MessageRetentionPeriod", _keeps_shorter, "keeps messages for a shorter time"),),
        ),
        out_of_reach=left_with_key(lambda properties: properties.get("KmsMasterKeyId"), "each message"),
        drawing=Drawing("queue", "SQS queue", "QueueName", _details, arn_service="sqs"),
        access=AccessActions(
            ("sqs:DeleteMessage", "sqs:ChangeMessageVisibility"), ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
        ),
    ),
    ResourceType(QUEUE_POLICY, "free", Simulation(create=2.0), policies=PolicyDocuments("resource", ("Queues",))),
)
