"""An SNS topic with subscriptions of the queues in the same spec."""

from collections.abc import Mapping
from math import prod
from typing import Any

from troposphere import GetAtt, Ref, sns, sqs

from fsdcf.compiler.access import actions, check_permissions, is_managed
from fsdcf.compiler.dependencies.sqs_queue import FIFO, FifoDependency, SqsQueue, check_fifo, physical_name
from fsdcf.compiler.encryption import encryption_of, kms_key, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import intrinsic, values_in
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import NotifiedTopic, Violation, Violations
from fsdcf.language.model.common import KMS, encryption_key
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, logical_id
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

TOPIC = Rule(
    "S370",
    "a topic or filter policy that SNS rejects",
    "The name of a topic has at most 256 characters. Only the name of a FIFO topic ends in `.fifo`, and only a FIFO"
    " topic removes duplicates. A filter policy has at most five keys, each with a list of values; the product of the"
    " numbers of values is at most 150.",
    "https://docs.aws.amazon.com/general/latest/gr/sns.html",
)
SUBSCRIPTION = Rule(
    "S371",
    "a subscription without a queue that can receive the messages",
    "A subscription names an `aws_sqs_queue` dependency of the same spec, each queue once. The stack must manage the"
    " queue, because the subscription needs a queue policy. A FIFO queue receives messages only from a FIFO topic.",
    "https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html",
)

UNUSABLE_KEY = Rule(
    "S381",
    "a subscribed queue with a key that SNS cannot use",
    "SNS encrypts what it sends to an encrypted queue, with the key of the queue. The policy of the account's key"
    " `aws/sqs` does not admit SNS and cannot be changed, so that messages would be lost without an error.",
    "https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html",
)

LEVELS = {
    "read": ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"),
    "write": ("sns:GetTopicAttributes", "sns:Publish"),
}
_MOST_FILTER_KEYS = 5
_MOST_COMBINATIONS = 150
_KMS_KEY = "aws/sns"


@spec_record
class TopicSubscription(SnakeCaseRecord):
    """A queue of the spec that receives the messages of the topic."""

    queue: str = spec_key(
        "Name of the aws_sqs_queue dependency, as declared or without ${ENV}.", refers_to="aws_sqs_queue"
    )
    filter_policy: Mapping[str, Any] = spec_key(
        "Deliver only the messages that match this SNS filter policy.", default_factory=dict
    )
    filter_policy_scope: str = spec_key(
        "What the filter policy applies to.", default="MessageAttributes", allowed=("MessageAttributes", "MessageBody")
    )
    raw_message_delivery: bool = spec_key("Deliver the message alone, without the JSON envelope of SNS.", default=False)


@spec_record
class SnsTopic(FifoDependency, NotifiedTopic):
    """An SNS topic. `read` permits the service to subscribe to it, `write` to publish."""

    name: String = spec_key(
        "Physical name of the topic.",
        also=("topic_name", "topicName"),
        pattern=r"[A-Za-z0-9_-]+(\.fifo)?",
        longest=256,
        expects="letters, digits, _ and -",
    )
    fifo: bool = spec_key("Keep the order of messages; `.fifo` is added to the name.", default=False)
    content_based_deduplication: bool = spec_key(
        "Discard messages of a FIFO topic that have the same content.", default=False
    )
    subscriptions: tuple[TopicSubscription, ...] = spec_key(
        "Queues of this spec that receive the messages.", default=()
    )
    encryption: String | None = encryption_key(_KMS_KEY)

    @property
    def delivers_to(self) -> tuple[str, ...]:
        return tuple(subscription.queue for subscription in self.subscriptions)

    @property
    def alarm_obstacle(self) -> tuple[str, str] | None:
        name = local_name(self.name)
        if self.fifo or sample(self.name).endswith(FIFO):
            return f"`{name}` is a FIFO topic, which alarms cannot notify", "name a standard topic"
        if self.encryption == KMS:
            hint = "leave out the topic's encryption, or write the ARN of a KMS key whose policy admits CloudWatch"
            return f"CloudWatch cannot use the key that encrypts `{name}`", hint
        return None


def check(topic: SnsTopic) -> Violations:
    yield from check_permissions(topic)
    yield from check_fifo(topic, TOPIC, "topic")
    name = sample(topic.name)
    room = 256 - (len(FIFO) if topic.fifo or name.endswith(FIFO) else 0)
    if len(name.removesuffix(FIFO)) > room:
        yield Violation(TOPIC, "name", "the name has more than 256 characters", f"write at most {room} characters")
    for index, subscription in enumerate(topic.subscriptions):
        yield from _check_filter(subscription, ("subscriptions", index, "filterPolicy"))


def _check_filter(subscription: TopicSubscription, path: SpecPath) -> Violations:
    """Source: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""
    policy = subscription.filter_policy
    if len(policy) > _MOST_FILTER_KEYS:
        message = f"the filter policy has {len(policy)} keys, and SNS accepts {_MOST_FILTER_KEYS}"
        yield Violation(TOPIC, path, message, "remove keys, or filter in the service")
    if (combinations := _combinations(policy)) > _MOST_COMBINATIONS:
        message = f"the values of the filter policy have {combinations} combinations; SNS accepts {_MOST_COMBINATIONS}"
        yield Violation(TOPIC, path, message, "remove values, or filter in the service")
    nested = subscription.filter_policy_scope == "MessageBody"
    for key, values in policy.items():
        if not isinstance(values, (list, tuple)) and not (nested and isinstance(values, Mapping)):
            yield Violation(
                TOPIC, (*path, key), f"`{key}` must be a list of values", f"write a list such as {key}: [created]"
            )


def _combinations(values: Any) -> int:
    """Return the product of the numbers of values in all lists of a filter policy."""
    if isinstance(values, Mapping):
        return prod(map(_combinations, values.values()))
    return len(values) if isinstance(values, (list, tuple)) else 1


def check_references(topic: SnsTopic, spec: Spec) -> Violations:
    """Check that each subscription names a queue that the topic can deliver to."""
    queues = {local_name(each.name): each for each in spec.dependencies if isinstance(each, SqsQueue)}
    named: set[str] = set()
    for index, subscription in enumerate(topic.subscriptions):
        path = ("subscriptions", index, "queue")
        queue = queues.get(subscription.queue)
        if queue is None:
            known = ", ".join(sorted(queues))
            hint = f"use one of: {known}" if known else "add an aws_sqs_queue dependency of this name"
            yield Violation(SUBSCRIPTION, path, f"the spec has no queue `{subscription.queue}`", hint)
        elif not is_managed(queue):
            message = f"the stack does not manage the queue `{subscription.queue}`"
            yield Violation(SUBSCRIPTION, path, message, "subscribe it where it is managed")
        elif queue.encryption == KMS:
            message = f"SNS cannot use the key that encrypts `{subscription.queue}`, so no message arrives"
            hint = "leave out the queue's encryption, or write the ARN of a KMS key whose policy admits SNS"
            yield Violation(UNUSABLE_KEY, path, message, hint)
        elif queue.fifo and not topic.fifo:
            message = f"`{subscription.queue}` is a FIFO queue, and the topic is not a FIFO topic"
            yield Violation(SUBSCRIPTION, path, message, "add `fifo: true` to the topic")
        if subscription.queue in named:
            message = f"the queue `{subscription.queue}` is subscribed twice"
            yield Violation(SUBSCRIPTION, path, message, "keep one subscription for each queue")
        named.add(subscription.queue)


def compile(topic: SnsTopic, names: Names, context: Context) -> Grant:
    """A managed topic with its subscriptions, and access to the topic."""
    grant = Grant()
    physical, encryption = physical_name(topic), encryption_of(topic, context)
    if is_managed(topic):
        title = names.id("Topic")
        _add(grant, title, physical, topic, names, context, kms_key(encryption, _KMS_KEY))
        arn, name = f"${{{title}}}", f"${{{title}.TopicName}}"
        grant.output(names.id("TopicArn"), f"SNS topic {names.local}", intrinsic(arn))
    else:
        arn, name = f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:{physical}", physical
    grant.environment[names.variable("TOPIC_ARN")] = arn
    grant.values = {"arn": arn, "name": name}
    grant.statements = [allow(actions(topic, LEVELS), [intrinsic(arn)])]
    permit_key(grant, encryption, "sns", names, *grant.of(sns.Topic))
    return grant


def _add(grant: Grant, title: str, physical: str, topic: SnsTopic, names: Names, context: Context, key: Any) -> None:
    resource = sns.Topic(
        title,
        TopicName=intrinsic(physical),
        **present(
            KmsMasterKeyId=key,
            FifoTopic=topic.fifo,
            ContentBasedDeduplication=topic.content_based_deduplication,
        ),
    )
    grant.add(resource, names.origin, {"TopicName": names.origin})
    for subscription in sorted(topic.subscriptions, key=lambda subscription: subscription.queue):
        queue = logical_id(subscription.queue, "Queue")
        policy = logical_id(subscription.queue, "QueuePolicy")
        grant.add(
            sns.SubscriptionResource(
                logical_id(f"{names.local}/{subscription.queue}", "Subscription"),
                TopicArn=Ref(title),
                Protocol="sqs",
                Endpoint=GetAtt(queue, "Arn"),
                DependsOn=[policy],
                **present(
                    RawMessageDelivery=subscription.raw_message_delivery,
                    FilterPolicy=values_in(subscription.filter_policy) or None,
                    FilterPolicyScope=subscription.filter_policy_scope if subscription.filter_policy else None,
                ),
            ),
            names.origin,
        )
        topics = _topics_of(subscription.queue, context.spec)
        if topics[0] == title:  # a queue has one policy, for all of its topics
            grant.add(_queue_policy(policy, queue, topics), names.origin)


def _topics_of(queue: str, spec: Spec) -> list[str]:
    """Return the logical IDs of the topics that a queue is subscribed to, in the order of their names."""
    topics = [each for each in spec.dependencies if isinstance(each, SnsTopic) and is_managed(each)]
    names = [
        local_name(each.name) for each in topics for subscription in each.subscriptions if subscription.queue == queue
    ]
    return [logical_id(name, "Topic") for name in sorted(names)]


def _queue_policy(title: str, queue: str, topics: list[str]) -> sqs.QueuePolicy:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": ["sqs:SendMessage"],
        "Resource": [GetAtt(queue, "Arn")],
        "Condition": {"ArnEquals": {"aws:SourceArn": [Ref(topic) for topic in topics]}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return sqs.QueuePolicy(title, Queues=[Ref(queue)], PolicyDocument=document)


TYPE = CompiledType(
    name="aws_sns_topic",
    category="sns",
    doc="An SNS topic with subscriptions of the spec's queues.",
    model=SnsTopic,
    attributes=lambda topic: ("arn", "name"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed_keys=("contentBasedDeduplication", "subscriptions"),
    endpoint="sns",
)
