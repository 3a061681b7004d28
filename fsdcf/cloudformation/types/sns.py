"""SNS: topics, their subscriptions and their policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, text_of
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
    number,
    price,
)
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Part,
    PolicyDocuments,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
TOPIC = "AWS::SNS::Topic"
SUBSCRIPTION, TOPIC_POLICY = "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy"

_BLOG = f"factualminds.com on SNS; {PRICE_LIST}"


def _price_topics(context: PricingContext, topics: Resources) -> CostItems:
    """Topics by their published messages. A standard topic delivers to SQS without a charge; what a FIFO topic
    charges for a delivery is a fiftieth of a publish and is not counted."""
    rate = context.assumed["sns-messages-per-second"]
    for topic in topics:
        fifo = _is_fifo(topic.properties)
        kind, name = ("fifo", "SNS messages, FIFO") if fifo else ("standard", "SNS messages")
        quantity, how = rate * SECONDS / MILLION, f"{number(rate)} messages/s"
        yield context.line(f"sns.{kind}", name, quantity, how, topic, "sns-messages-per-second")
        yield from requests_to(topic.get("KmsMasterKeyId"), topic, "publishers")


def _price_deliveries(context: PricingContext, subscriptions: Resources) -> CostItems:
    """What subscriptions charge for deliveries: nothing for those to queues."""
    rate = context.assumed["sns-messages-per-second"]
    for subscription in subscriptions:
        protocol = subscription.text("Protocol")
        if protocol in ("email", "https"):
            how = f"{number(rate)} messages/s, before the filter policy"
            name = f"SNS deliveries by {'mail' if protocol == 'email' else 'HTTPS'}"
            quantity = rate * SECONDS / MILLION
            yield context.line(f"sns.{protocol}", name, quantity, how, subscription, "sns-messages-per-second")
    others = [one for one in subscriptions if one.text("Protocol") not in ("sqs", "lambda", "email", "https")]
    for protocol in sorted({one.text("Protocol") for one in others}):
        names = tuple(one.name for one in others if one.text("Protocol") == protocol)
        yield Unpriced(f"Deliveries by {protocol}", "the price depends on the receiver", names)


def receivers_of(stack: PlannedStack, topic: PlannedResource) -> Iterator[Any]:
    """The endpoints of the subscriptions of a topic: queues and addresses."""
    for subscription in stack.of(SUBSCRIPTION):
        if stack.named(subscription.get("TopicArn"), TOPIC) is topic:
            yield subscription.get("Endpoint")


def _is_fifo(properties: Properties) -> bool:
    return text_of(properties.get("FifoTopic")) == "true"


def _details(properties: Properties) -> Iterator[str]:
    if _is_fifo(properties):
        yield "FIFO"


def _without_scope(before: Any, after: Any) -> Refusal | None:
    """CloudFormation sends an empty scope, which SNS rejects.

    Source: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1840
    """
    if before is None or after is not None:
        return None
    why = "the subscription loses the scope of its filter policy, and CloudFormation sends SNS an empty one"
    reason = "Invalid parameter: FilterPolicyScope: Invalid value [null]."
    return Refusal(why, "1. remove the subscription, and deploy; 2. add it without the filter policy", reason)


RECORDS = (
    ResourceType(
        TOPIC,
        PricingRule(
            "data",
            _price_topics,
            (
                price(
                    "sns.standard",
                    "0.50",
                    "million messages",
                    _BLOG,
                    "2026-06-13",
                    "after one million free for an account",
                ),
                price("sns.fifo", "0.30", "million messages", _BLOG, "2026-06-13", "and 0.017 per GB"),
            ),
            (
                assumption(
                    "sns-messages-per-second",
                    "1",
                    "messages/s",
                    "published to each topic; the delivery to a queue of SQS is free",
                ),
            ),
        ),
        Simulation(
            "arn:{partition}:sns:{region}:{account}:{name}",
            {"TopicName": "{title}", "DeliveryStatusLogging": [], "Subscription": []},
        ),
        DeployPermissions(arns=named_by("sns", "TopicName", ("topic", "{}"))),
        drawing=Drawing("queue", "SNS topic", "TopicName", _details, arn_service="sns"),
        access=AccessActions(("sns:Subscribe",), ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic")),
    ),
    ResourceType(
        SUBSCRIPTION,
        PricingRule(
            "data",
            _price_deliveries,
            (
                price("sns.https", "0.60", "million deliveries", _BLOG, "2026-06-13", "after 100,000 free a month"),
                price("sns.email", "20.00", "million deliveries", _BLOG, "2026-06-13", "after 1,000 free a month"),
            ),
        ),
        Simulation("{p[TopicArn]}:{uuid}"),
        updates=Updates(refused={"FilterPolicyScope": _without_scope}),
    ),
    ResourceType(TOPIC_POLICY, "free", Simulation(create=2.0), policies=PolicyDocuments("resource", ("Topics",))),
)
