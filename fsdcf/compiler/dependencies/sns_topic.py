"""An SNS topic with its subscriptions: queues of the spec and of others, mail addresses and HTTPS endpoints.

A subscription belongs to the stack of the topic, and the policy of a queue to the stack of the queue, where
`receivesFrom` names the topic. SNS confirms a queue of the topic's account without asking it, so that the stacks can
be deployed in any order. A queue of another account, or of an existing topic, is subscribed in its own stack.
Source: https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from troposphere import GetAtt, Ref, sns

from fsdcf.cloudformation.arns import REGION, arn
from fsdcf.compiler.access import Existing, actions, check_permissions, existing, is_managed
from fsdcf.compiler.deliveries import admissions, arn_of, check_key, check_receiver, check_senders
from fsdcf.compiler.dependencies.sqs_queue import (
    EXISTING_QUEUE,
    FIFO,
    FifoDependency,
    SqsQueue,
    check_fifo,
    existing_queue,
    is_fifo,
    physical_name,
)
from fsdcf.compiler.encryption import encryption_of, kms_key, permit_key
from fsdcf.compiler.parts.roles import PolicyStatement, allow, document
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import intrinsic, value, values_in
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import NotifiedTopic, SendingDependency, Violation, Violations
from fsdcf.language.model.common import ARN_ELSEWHERE, KMS, BucketSender, Unmanaged, encryption_key, existing_arn_key
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, logical_id
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

TOPIC = Rule(
    "S370",
    "a topic or filter policy that SNS rejects",
    "The name of a topic has at most 256 characters. Only the name of a FIFO topic ends in `.fifo`, and only a FIFO"
    " topic removes duplicates; it delivers to queues alone. Mail always has the envelope of SNS. A filter policy has"
    " at most five keys, each with a list of values; the product of the numbers of values is at most 150.",
    "https://docs.aws.amazon.com/general/latest/gr/sns.html",
)
SUBSCRIPTION = Rule(
    "S371",
    "a subscription that cannot receive the messages",
    "A subscription names one receiver: a queue of the spec, a queue that exists or that another spec makes, a mail"
    " address, or an HTTPS endpoint; each once. A FIFO queue receives messages only from a FIFO topic. The dead-letter"
    " queue of a subscription is a queue of the stack, of the kind of the topic. An address has TLS and no password.",
    "https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html",
)
UNADMITTED = Rule(
    "W191",
    "a queue of another stack that must admit the topic or bucket",
    "Only the policy of a queue or topic can let SNS or S3 send to it, and the stack that makes it has that policy."
    " In its spec, `receivesFrom: [{topic: NAME}]` or `[{bucket: NAME}]` adds it. Until then SNS drops its messages"
    " without an error, and S3 refuses the notification, so that the deploy of the bucket fails. SNS asks a queue of"
    " another account to confirm the subscription: subscribe it in its own spec, where `aws_sns_topic` has the ARN of"
    " the topic in `unmanaged.arn`. fsdcf does not read the policy: silence this warning once it is there.",
    "https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html",
)

LEVELS = {
    "read": ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"),
    "write": ("sns:GetTopicAttributes", "sns:Publish"),
}
EXISTING_TOPIC = r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:)?[A-Za-z0-9_-]{1,251}(\.fifo)?"
_MOST_FILTER_KEYS = 5
_MOST_COMBINATIONS = 150
_KMS_KEY = "aws/sns"
_QUEUE = "aws_sqs_queue"


@spec_record
class TopicSubscription(SnakeCaseRecord):
    """Who receives the messages of the topic: one of `queue`, `existingQueue`, `email` and `https`."""

    queue: str | None = spec_key(
        "Name of the aws_sqs_queue dependency, as declared or without ${ENV}.", default=None, refers_to=_QUEUE
    )
    existing_queue: String | None = spec_key(
        "Queue that this spec does not declare: its physical name in the account and region of the topic, or its ARN in"
        " any region. The spec that makes it names the topic in `receivesFrom`.",
        default=None,
        also=("queueArn", "queue_arn"),
        pattern=EXISTING_QUEUE,
        expects="the name or the ARN of a queue",
    )
    email: String | None = spec_key(
        "Mail address, which gets a link to confirm the subscription first.",
        default=None,
        pattern=r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,63}",
        expects="a mail address",
    )
    https: String | None = spec_key(
        "Address that gets a POST request for each message, the first to confirm the subscription.",
        default=None,
        also=("url", "endpoint"),
        pattern=r"https?://[^\s]{1,1500}",
        expects="an https address",
    )
    filter_policy: Mapping[str, Any] = spec_key(
        "Deliver only the messages that match this SNS filter policy.", default_factory=dict
    )
    filter_policy_scope: str = spec_key(
        "What the filter policy applies to.", default="MessageAttributes", allowed=("MessageAttributes", "MessageBody")
    )
    raw_message_delivery: bool = spec_key("Deliver the message alone, without the JSON envelope of SNS.", default=False)
    dead_letter_queue: str | None = spec_key(
        "Name of the aws_sqs_queue dependency for the messages that SNS cannot deliver.",
        default=None,
        refers_to=_QUEUE,
    )

    @property
    def receivers(self) -> dict[str, String]:
        """What the subscription names, by its key."""
        named = {"queue": self.queue, "existingQueue": self.existing_queue, "email": self.email, "https": self.https}
        return {key: receiver for key, receiver in named.items() if receiver is not None}

    @property
    def receiver(self) -> str:
        """The text that tells the subscription from the others of the topic."""
        return sample(next(iter(self.receivers.values()), ""))


@spec_record
class ExistingTopic(Unmanaged):
    """Access to a topic that exists already."""

    arn: String | None = existing_arn_key(
        "sns", r"[A-Za-z0-9_-]{1,251}(\.fifo)?", "arn:aws:sns:eu-west-1:123456789012:events"
    )


@spec_record
class SnsTopic(FifoDependency, SendingDependency, NotifiedTopic):
    """An SNS topic. `read` permits the service to subscribe to it, `write` to publish."""

    sender: ClassVar[str] = "sns"
    name: String = spec_key(
        "Physical name of the topic.",
        also=("topic_name", "topicName"),
        pattern=r"[A-Za-z0-9_-]+(\.fifo)?",
        longest=256,
        expects=f"letters, digits, _ and -{ARN_ELSEWHERE}",
    )
    unmanaged: ExistingTopic | None = spec_key(
        "Use an existing topic: give access to it, and create none.", default=None
    )
    fifo: bool = spec_key("Keep the order of messages; `.fifo` is added to the name.", default=False)
    content_based_deduplication: bool = spec_key(
        "Discard messages of a FIFO topic that have the same content.", default=False
    )
    subscriptions: tuple[TopicSubscription, ...] = spec_key(
        "Who receives the messages. An existing topic gets them, too: it must exist, and admit the account.", default=()
    )
    subscriber_accounts: tuple[str, ...] = spec_key(
        "Accounts that may subscribe their queues, each in the stack of the queue.",
        default=(),
        most=50,
        pattern=r"\d{12}",
        expects="12 digits in quotes",
    )
    receives_from: tuple[BucketSender, ...] = spec_key(
        "Buckets of other specs that may send their notifications to the topic.", default=(), most=50
    )
    encryption: String | None = encryption_key(_KMS_KEY)

    @property
    def sends_to(self) -> tuple[tuple[str, str], ...]:
        named = (name for each in self.subscriptions for name in (each.queue, each.dead_letter_queue))
        return tuple(("sqs", name) for name in named if name is not None)

    @property
    def source(self) -> str:
        if is_managed(self):
            return f"${{{logical_id(local_name(self.name), 'Topic')}}}"
        return existing_topic(self).arn

    @property
    def alarm_obstacle(self) -> tuple[str, str] | None:
        name = local_name(self.name)
        if is_fifo(self):
            return f"`{name}` is a FIFO topic, which alarms cannot notify", "name a standard topic"
        if self.encryption == KMS:
            hint = "leave out the topic's encryption, or write the ARN of a KMS key whose policy admits CloudWatch"
            return f"CloudWatch cannot use the key that encrypts `{name}`", hint
        return None


def existing_topic(topic: SnsTopic) -> Existing:
    """The topic that the stack does not make."""
    return existing(topic, arn("sns", physical_name(topic)))


def check(topic: SnsTopic) -> Violations:
    yield from check_permissions(topic)
    yield from check_fifo(topic, TOPIC, "topic")
    yield from check_senders(topic.receives_from, is_fifo(topic))
    name = sample(topic.name)
    room = 256 - (len(FIFO) if topic.fifo or name.endswith(FIFO) else 0)
    if len(name.removesuffix(FIFO)) > room:
        yield Violation(TOPIC, "name", "the name has more than 256 characters", f"write at most {room} characters")
    counts = Counter(each.receiver for each in topic.subscriptions)
    for index, subscription in enumerate(topic.subscriptions):
        path: SpecPath = ("subscriptions", index)
        yield from _check_filter(subscription, (*path, "filterPolicy"))
        named = list(subscription.receivers)
        if len(named) != 1:
            message = f"a subscription has one receiver, and this one has {' and '.join(named) or 'none'}"
            hint = "write one of `queue`, `existingQueue`, `email` and `https`"
            yield Violation(SUBSCRIPTION, path, message, hint)
            continue
        yield from _check_protocol(subscription, named[0], topic, path)
        if counts[subscription.receiver] > 1:
            counts[subscription.receiver] = 0
        elif not counts[subscription.receiver]:
            message = f"the receiver `{subscription.receiver}` is subscribed twice"
            yield Violation(SUBSCRIPTION, (*path, named[0]), message, "keep one subscription for each receiver")


def _check_protocol(subscription: TopicSubscription, key: str, topic: SnsTopic, path: SpecPath) -> Violations:
    """Source: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html and
    https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""
    if key in ("email", "https") and is_fifo(topic):
        hint = "subscribe a queue, or leave out `fifo`"
        yield Violation(TOPIC, (*path, key), "a FIFO topic delivers to queues alone", hint)
    if key == "email" and subscription.raw_message_delivery:
        message = "mail is not delivered without the envelope of SNS"
        yield Violation(TOPIC, (*path, "rawMessageDelivery"), message, "leave it out", key=True)
    if key == "https" and not subscription.receiver.startswith("https://"):
        yield Violation(SUBSCRIPTION, (*path, key), "messages would not be encrypted on their way", "write https://…")
    if key == "https" and "@" in subscription.receiver.split("/")[2]:
        hint = "leave them out, and let the endpoint check the signature of SNS"
        yield Violation(SUBSCRIPTION, (*path, key), "the template would contain the user and the password", hint)
    if key == "existingQueue" and subscription.receiver.endswith(FIFO) and not is_fifo(topic):
        message = f"`{subscription.receiver}` is a FIFO queue, and the topic is not a FIFO topic"
        yield Violation(SUBSCRIPTION, (*path, key), message, "add `fifo: true` to the topic")


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
    """Check that the queues that the subscriptions name can receive from the topic."""
    yield from check_receiver(topic, spec)
    queues = {local_name(each.name): each for each in spec.dependencies if isinstance(each, SqsQueue)}
    for index, subscription in enumerate(topic.subscriptions):
        path: SpecPath = ("subscriptions", index)
        if subscription.queue is not None:
            yield from _check_queue(topic, queues, subscription.queue, (*path, "queue"))
        if subscription.dead_letter_queue is not None:
            yield from _check_dead_letters(topic, queues, subscription, (*path, "deadLetterQueue"))
        if subscription.existing_queue is not None:
            name = sample(subscription.existing_queue)
            yield _unadmitted(topic, name, (*path, "existingQueue"))


def _unadmitted(topic: SnsTopic, receiver: str, path: SpecPath) -> Violation:
    """The warning of a queue whose policy is in another stack."""
    given = topic.unmanaged.arn if topic.unmanaged else None
    ending = FIFO if topic.fifo and given is None else ""
    admission = f"receivesFrom: [{{topic: {sample(given or topic.name).removesuffix(ending)}{ending}}}]"
    hint = f"write `{admission}` in the spec that makes it, then silence this warning"
    return Violation(UNADMITTED, path, f"`{receiver}` receives nothing until its policy admits the topic", hint)


def _check_queue(topic: SnsTopic, queues: Mapping[str, SqsQueue], name: str, path: SpecPath) -> Violations:
    queue = queues.get(name)
    if queue is None:
        known = ", ".join(sorted(queues))
        hint = f"use one of: {known}" if known else "add an aws_sqs_queue dependency of this name"
        yield Violation(SUBSCRIPTION, path, f"the spec has no queue `{name}`", f"{hint}; or write `existingQueue`")
    elif is_fifo(queue) and not is_fifo(topic):
        message = f"`{name}` is a FIFO queue, and the topic is not a FIFO topic"
        yield Violation(SUBSCRIPTION, path, message, "add `fifo: true` to the topic")
    elif is_managed(queue):
        yield from check_key(queue, path, "every message")
    else:
        yield _unadmitted(topic, name, path)


def _check_dead_letters(
    topic: SnsTopic, queues: Mapping[str, SqsQueue], subscription: TopicSubscription, path: SpecPath
) -> Violations:
    """Source: https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    name = subscription.dead_letter_queue or ""
    queue = queues.get(name)
    if queue is None or not is_managed(queue):
        message = f"the stack makes no queue `{name}`"
        yield Violation(SUBSCRIPTION, path, message, "add an aws_sqs_queue dependency of this name")
    elif name == subscription.queue:
        message = f"`{name}` is the queue that did not take the message"
        yield Violation(SUBSCRIPTION, path, message, "name another queue")
    elif is_fifo(queue) != is_fifo(topic):
        kind = "FIFO" if is_fifo(topic) else "standard"
        message = f"the dead-letter queue of a {kind} topic is a {kind} queue"
        yield Violation(SUBSCRIPTION, path, message, "name another queue")
    else:
        yield from check_key(queue, path, "every dead letter")


def compile(topic: SnsTopic, names: Names, context: Context) -> Grant:
    """A managed topic with its policy, the subscriptions, and access to the topic."""
    grant = Grant()
    encryption, region = encryption_of(topic, context), REGION
    if is_managed(topic):
        title = names.id("Topic")
        _add(grant, title, topic, names, context, kms_key(encryption, _KMS_KEY))
        whole, name = f"${{{title}}}", f"${{{title}.TopicName}}"
        grant.output(names.id("TopicArn"), f"SNS topic {names.local}", intrinsic(whole))
    else:
        found = existing_topic(topic)
        whole, name, region = found.arn, found.name, found.region
    _subscribe(grant, topic, names, context, intrinsic(whole), present(Region=region != REGION and intrinsic(region)))
    grant.environment[names.variable("TOPIC_ARN")] = whole
    grant.values = {"arn": whole, "name": name}
    grant.statements = [allow(actions(topic, LEVELS), [intrinsic(whole)])]
    permit_key(grant, encryption, "sns", names, *grant.of(sns.Topic), region=region)
    return grant


def _add(grant: Grant, title: str, topic: SnsTopic, names: Names, context: Context, key: Any) -> None:
    resource = sns.Topic(
        title,
        TopicName=intrinsic(physical_name(topic)),
        **present(
            KmsMasterKeyId=key,
            FifoTopic=topic.fifo,
            ContentBasedDeduplication=topic.content_based_deduplication,
        ),
    )
    grant.add(resource, names.origin, {"TopicName": names.origin})
    admitted = admissions(topic, "sns", "sns:Publish", Ref(title), context.spec)
    if topic.subscriber_accounts:
        admitted.append(_subscribers(topic.subscriber_accounts, title))
    if admitted:
        policy = document([_alarms(title), *admitted])
        grant.add(sns.TopicPolicy(names.id("TopicPolicy"), Topics=[Ref(title)], PolicyDocument=policy), names.origin)


def _alarms(title: str) -> PolicyStatement:
    """What the policy that SNS gives to a topic also allows: that alarms of the account notify it.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    source = {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
    service = {"Principal": {"Service": "cloudwatch.amazonaws.com"}, "Condition": source}
    return {**allow(["sns:Publish"], [Ref(title)]), **service}


def _subscribers(accounts: tuple[str, ...], title: str) -> PolicyStatement:
    """Other accounts may subscribe their queues.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html
    """
    roots = [intrinsic(f"arn:${{AWS::Partition}}:iam::{account}:root") for account in sorted(set(accounts))]
    condition = {"StringEquals": {"sns:Protocol": "sqs"}}
    return {**allow(["sns:Subscribe"], [Ref(title)]), "Principal": {"AWS": roots}, "Condition": condition}


def _subscribe(
    grant: Grant, topic: SnsTopic, names: Names, context: Context, whole: Any, more: Mapping[str, Any]
) -> None:
    """Add the subscriptions, in the order of their receivers. One of a queue of the stack waits for its policy: what is
    published before is lost."""
    queues = {local_name(one.name): one for one in context.spec.dependencies if isinstance(one, SqsQueue)}
    for subscription in sorted(topic.subscriptions, key=lambda subscription: subscription.receiver):
        protocol, endpoint = _endpoint(subscription, queues)
        letters = subscription.dead_letter_queue
        made = [name for name in (subscription.queue, letters) if name in queues and is_managed(queues[name])]
        target = letters and {"deadLetterTargetArn": GetAtt(logical_id(letters, "Queue"), "Arn")}
        grant.add(
            sns.SubscriptionResource(
                logical_id(f"{names.local}/{subscription.receiver}", "Subscription"),
                TopicArn=whole,
                Protocol=protocol,
                Endpoint=endpoint,
                **more,
                **present(
                    DependsOn=[logical_id(name, "QueuePolicy") for name in made],
                    RawMessageDelivery=subscription.raw_message_delivery,
                    FilterPolicy=values_in(subscription.filter_policy) or None,
                    FilterPolicyScope=subscription.filter_policy_scope if subscription.filter_policy else None,
                    RedrivePolicy=target,
                ),
            ),
            names.origin,
        )


def _endpoint(subscription: TopicSubscription, queues: Mapping[str, SqsQueue]) -> tuple[str, Any]:
    """The protocol of a subscription, and its endpoint."""
    ((key, receiver),) = subscription.receivers.items()
    if key == "existingQueue":
        return "sqs", intrinsic(arn_of(receiver, "sqs"))
    if key == "queue":
        queue = queues[sample(receiver)]
        managed = is_managed(queue)
        return "sqs", GetAtt(logical_id(sample(receiver), "Queue"), "Arn") if managed else intrinsic(
            existing_queue(queue).arn
        )
    return key, value(receiver)


TYPE = CompiledType(
    name="aws_sns_topic",
    category="sns",
    doc="An SNS topic with subscriptions of the spec's queues.",
    model=SnsTopic,
    attributes=lambda topic: ("arn", "name"),
    compile=compile,
    check=check,
    check_references=check_references,
    managed_keys=("contentBasedDeduplication", "subscriberAccounts", "receivesFrom"),
    endpoint="sns",
)
