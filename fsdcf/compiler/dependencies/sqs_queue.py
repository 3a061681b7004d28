"""An SQS queue with its dead-letter queue, both encrypted and kept when the stack is deleted."""

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, sqs

from fsdcf.cloudformation.arns import REGION, arn
from fsdcf.compiler.access import Existing, actions, check_permissions, existing, is_managed
from fsdcf.compiler.deliveries import admissions, arn_of, check_receiver, check_senders
from fsdcf.compiler.encryption import encryption_of, kms_key, permit_key
from fsdcf.compiler.parts.roles import allow, document
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, ReceivingDependency, Violation, Violations
from fsdcf.language.model.common import ARN_ELSEWHERE, OWNED, Sender, Unmanaged, encryption_key, existing_arn_key
from fsdcf.language.model.service import Spec
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

QUEUE = Rule(
    "S320",
    "a queue that SQS rejects",
    "The name of a queue has at most 80 characters, including the `-dlq` of its dead-letter queue. Only the name of a"
    " FIFO queue ends in `.fifo`, and only a FIFO queue removes duplicates, for the whole queue or for each message"
    " group; a throughput for each message group needs the latter. The dead-letter queue of a FIFO queue is one, too.",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
)
DEAD_LETTERS = Rule(
    "W190",
    "a dead-letter queue whose messages expire before those of the queue",
    "A message keeps the time at which it was sent when it moves to the dead-letter queue of a standard queue. Where"
    " that keeps messages for as long as the queue or shorter, a message may expire on its arrival.",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
)

LEVELS = {
    "read": (
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    ),
    "write": ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"),
}
FIFO = ".fifo"
QUEUE_NAME = r"[A-Za-z0-9_-]+(\.fifo)?"
EXISTING_QUEUE = r"(arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:)?[A-Za-z0-9_-]{1,80}(\.fifo)?"
"""A queue that the spec does not make: by its name in the account and region of the stack, or by its ARN."""

_FOUR_DAYS, _TWO_WEEKS = 345600, 1209600
_RECEIPTS = 5


class FifoDependency(EncryptedDependency, ReceivingDependency):
    """A queue or topic, which may keep the order of messages."""

    fifo: bool
    content_based_deduplication: bool


@spec_record
class ExistingQueue(Unmanaged):
    """Access to a queue that exists already."""

    arn: String | None = existing_arn_key(
        "sqs", r"[A-Za-z0-9_-]{1,80}(\.fifo)?", "arn:aws:sqs:eu-west-1:123456789012:orders"
    )


@spec_record
class DeadLetters(SnakeCaseRecord):
    """Where messages go that are received too often."""

    queue: String | None = spec_key(
        "Existing queue of the account and region, by its name or ARN, which must admit this queue in its redrive allow"
        " policy.",
        default=None,
        pattern=EXISTING_QUEUE,
        expects="the name or the ARN of a queue",
        computed_default="a dead-letter queue of the stack",
    )
    retention: int | None = spec_key(
        "Seconds that the dead-letter queue of the stack keeps a message.",
        default=None,
        minimum=60,
        maximum=_TWO_WEEKS,
        computed_default="1209600, which is 14 days",
    )


@spec_record
class SqsQueue(FifoDependency):
    """An SQS queue with a dead-letter queue."""

    name: String = spec_key(
        "Physical name of the queue.",
        also=("queue_name", "queueName"),
        pattern=QUEUE_NAME,
        longest=80,
        expects=f"letters, digits, _ and -{ARN_ELSEWHERE}",
    )
    unmanaged: ExistingQueue | None = spec_key(
        "Use an existing queue: give access to it, and create none.", default=None
    )
    fifo: bool = spec_key("Keep the order of messages; `.fifo` is added to the name.", default=False)
    content_based_deduplication: bool = spec_key(
        "Discard messages of a FIFO queue that have the same content.", default=False
    )
    visibility_timeout: int = spec_key(
        "Seconds that a received message is hidden from other consumers.", default=30, minimum=0, maximum=43200
    )
    fifo_throughput_limit: str | None = spec_key(
        "Whether the throughput of a FIFO queue is limited for the queue or for each message group; the latter, with"
        " `deduplicationScope: messageGroup`, is the high throughput.",
        default=None,
        allowed=("perQueue", "perMessageGroupId"),
        computed_default="perQueue",
    )
    deduplication_scope: str | None = spec_key(
        "Where a FIFO queue discards duplicates: in the whole queue, or in each message group.",
        default=None,
        allowed=("queue", "messageGroup"),
        computed_default="queue",
    )
    delivery_delay: int = spec_key(
        "Seconds that a new message is hidden from all consumers.",
        default=0,
        also=("delaySeconds", "delay_seconds"),
        minimum=0,
        maximum=900,
    )
    receive_wait_time: int = spec_key(
        "Seconds that a receive request without its own wait time waits for a message: long polling, which costs fewer"
        " requests.",
        default=0,
        also=(
            *("receiveMessageWaitTimeSeconds", "receive_message_wait_time_seconds"),
            *("waitTimeSeconds", "wait_time_seconds"),
        ),
        minimum=0,
        maximum=20,
    )
    maximum_message_size: int | None = spec_key(
        "Most bytes of a message.",
        default=None,
        minimum=1024,
        maximum=1048576,
        computed_default="1048576, which is 1 MiB",
    )
    max_receive_count: int | None = spec_key(
        "Receipts after which a message goes to the dead-letter queue.",
        default=None,
        minimum=1,
        maximum=1000,
        computed_default=str(_RECEIPTS),
    )
    message_retention: int = spec_key(
        "Seconds that a message is kept.", default=_FOUR_DAYS, minimum=60, maximum=_TWO_WEEKS
    )
    dead_letters: bool | DeadLetters = spec_key(
        "Dead-letter queue: `false` for none, so that a message is received again until it expires; or the details.",
        default=True,
    )
    receives_from: tuple[Sender, ...] = spec_key(
        "Topics and buckets of other specs that may send to the queue: the topic's spec subscribes it with"
        " `existingQueue`, the bucket's notifies it.",
        default=(),
        most=50,
    )
    encryption: String | None = encryption_key("aws/sqs")
    data_key_reuse: int | None = spec_key(
        "Seconds for which SQS encrypts with one data key before it asks KMS for another; longer costs fewer requests.",
        default=None,
        also=("kmsDataKeyReusePeriodSeconds", "kms_data_key_reuse_period_seconds"),
        minimum=60,
        maximum=86400,
        computed_default="300, with a KMS key",
    )

    @property
    def own_dead_letters(self) -> bool:
        """Whether the stack makes the dead-letter queue."""
        return self.dead_letters is True or (isinstance(self.dead_letters, DeadLetters) and not self.dead_letters.queue)

    @property
    def letters_retention(self) -> int:
        """Seconds that the dead-letter queue of the stack keeps a message."""
        written = self.dead_letters.retention if isinstance(self.dead_letters, DeadLetters) else None
        return written or _TWO_WEEKS


def check(queue: SqsQueue) -> Violations:
    yield from check_permissions(queue)
    yield from check_fifo(queue, QUEUE, "queue")
    yield from check_senders(queue.receives_from, is_fifo(queue))
    yield from _check_details(queue)
    yield from _check_dead_letters(queue)
    name = sample(queue.name)
    fifo, has_letters = is_fifo(queue), is_managed(queue) and queue.own_dead_letters
    room = 80 - (len("-dlq") if has_letters else 0) - (len(FIFO) if fifo else 0)
    if len(name.removesuffix(FIFO)) > room:
        endings = " and ".join(["-dlq"] * has_letters + [FIFO] * fifo)
        message = "the name has more than 80 characters" + (f" with {endings}" if endings else "")
        yield Violation(
            QUEUE, "name", message, f"write at most {room} characters" + (f" before {FIFO}" if fifo else "")
        )


def is_fifo(dependency: FifoDependency) -> bool:
    """Whether a queue or topic keeps the order of messages: it says so, or its name does."""
    named: String = getattr(dependency.unmanaged, "arn", None) or dependency.name
    return dependency.fifo or sample(named).endswith(FIFO)


def _check_details(queue: SqsQueue) -> Violations:
    """Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html"""
    for key, written in (
        ("fifoThroughputLimit", queue.fifo_throughput_limit),
        ("deduplicationScope", queue.deduplication_scope),
    ):
        if written is not None and not queue.fifo:
            hint = "add `fifo: true`, or leave it out"
            yield Violation(QUEUE, key, f"only a FIFO queue has `{key}`", hint, key=True)
    per_group = queue.fifo and queue.fifo_throughput_limit == "perMessageGroupId"
    if per_group and queue.deduplication_scope != "messageGroup":
        message = "a throughput for each message group needs duplicates to be discarded in each one"
        yield Violation(QUEUE, "fifoThroughputLimit", message, "add `deduplicationScope: messageGroup`")


def _check_dead_letters(queue: SqsQueue) -> Violations:
    wanted = queue.dead_letters
    if wanted is False and queue.max_receive_count is not None:
        message = "`maxReceiveCount` has no effect without a dead-letter queue"
        yield Violation(QUEUE, "maxReceiveCount", message, "leave it out, or leave out `deadLetters`", key=True)
    if not isinstance(wanted, DeadLetters):
        return
    if wanted.queue is not None:
        if wanted.retention is not None:
            message = "an existing dead-letter queue has its own retention"
            yield Violation(QUEUE, ("deadLetters", "retention"), message, "leave out `retention` or `queue`", key=True)
        if sample(wanted.queue).endswith(FIFO) != is_fifo(queue):
            kinds = "FIFO queue is a FIFO queue" if is_fifo(queue) else "standard queue is a standard queue"
            hint = "name another queue, or leave `queue` out"
            yield Violation(QUEUE, ("deadLetters", "queue"), f"the dead-letter queue of a {kinds}, too", hint)
    elif wanted.retention is not None and wanted.retention <= queue.message_retention and not is_fifo(queue):
        message = f"a message may expire as a dead letter: the queue keeps it for {queue.message_retention} seconds"
        hint = f"write more than {queue.message_retention}"
        if queue.message_retention == _TWO_WEEKS:
            hint = "shorten messageRetention, and leave this out"
        yield Violation(DEAD_LETTERS, ("deadLetters", "retention"), message, hint)


def check_references(queue: SqsQueue, spec: Spec) -> Violations:
    yield from check_receiver(queue, spec)
    wanted = queue.dead_letters
    made = {physical_name(each) for each in spec.dependencies if isinstance(each, SqsQueue) and is_managed(each)}
    if isinstance(wanted, DeadLetters) and wanted.queue is not None and fragment(wanted.queue) in made:
        message = f"the stack makes `{sample(wanted.queue)}` itself, and a dead-letter queue must exist before"
        hint = "leave it out: the queue gets a dead-letter queue of its own"
        yield Violation(QUEUE, ("deadLetters", "queue"), message, hint)
    if queue.data_key_reuse is not None and (queue.encryption or spec.service.encryption or OWNED) == OWNED:
        message = "SQS encrypts with its own key, and asks KMS for none"
        yield Violation(QUEUE, "dataKeyReuse", message, "leave it out, or write `encryption`", key=True)


def check_fifo(dependency: FifoDependency, rule: Rule, noun: str) -> Violations:
    """Check that what needs a FIFO queue or topic (``noun``) is written for one."""
    if dependency.fifo:
        return
    if sample(dependency.name).endswith(FIFO) and is_managed(dependency):
        yield Violation(rule, "name", f"only a FIFO {noun}'s name ends in .fifo", "add `fifo: true`")
    if dependency.content_based_deduplication:
        message, hint = f"only a FIFO {noun} removes duplicates", "add `fifo: true`, or leave it out"
        yield Violation(rule, "contentBasedDeduplication", message, hint, key=True)


def physical_name(dependency: FifoDependency) -> str:
    """The physical name as a fragment, with the ending of a FIFO queue or topic."""
    name = fragment(dependency.name)
    return name.removesuffix(FIFO) + FIFO if dependency.fifo else name


def existing_queue(queue: SqsQueue) -> Existing:
    """The queue that the stack does not make."""
    return existing(queue, arn("sqs", physical_name(queue)))


def compile(queue: SqsQueue, names: Names, context: Context) -> Grant:
    """A managed queue with its dead-letter queue and its policy, and access to the queue."""
    grant = Grant()
    physical, encryption, region = physical_name(queue), encryption_of(queue, context), REGION
    if not is_managed(queue):
        found = existing_queue(queue)
        url = f"https://sqs.{found.region}.${{AWS::URLSuffix}}/{found.account}/{found.name}"
        attributes, region = {"url": url, "arn": found.arn, "name": found.name}, found.region
    else:
        attributes = _add(grant, physical, queue, names, kms_key(encryption, "aws/sqs"))
        admitted = admissions(queue, "sqs", "sqs:SendMessage", GetAtt(names.id("Queue"), "Arn"), context.spec)
        if admitted:
            title = names.id("QueuePolicy")
            policy = sqs.QueuePolicy(title, Queues=[Ref(names.id("Queue"))], PolicyDocument=document(admitted))
            grant.add(policy, names.origin)
    grant.environment[names.variable("QUEUE_URL")] = attributes["url"]
    grant.values = attributes
    grant.statements = [allow(actions(queue, LEVELS), [intrinsic(attributes["arn"])])]
    permit_key(grant, encryption, "sqs", names, *grant.of(sqs.Queue), region=region)
    return grant


def _add(grant: Grant, physical: str, queue: SqsQueue, names: Names, key: Any) -> dict[str, str]:
    """Add the queue with its dead-letter queue and the outputs of both, and return the attributes. ``key`` is the KMS
    key; None for encryption by SQS itself."""
    title = names.id("Queue")
    common = present(
        SqsManagedSseEnabled=key is None,
        KmsMasterKeyId=key,
        KmsDataKeyReusePeriodSeconds=queue.data_key_reuse,
        FifoQueue=queue.fifo,
        FifoThroughputLimit=queue.fifo_throughput_limit,
        DeduplicationScope=queue.deduplication_scope,
        MaximumMessageSize=queue.maximum_message_size,
    )
    redrive, letters = _dead_letters(grant, physical, queue, names, common)
    main = sqs.Queue(
        title,
        QueueName=intrinsic(physical),
        VisibilityTimeout=queue.visibility_timeout,
        MessageRetentionPeriod=queue.message_retention,
        **redrive,
        **common,
        **present(
            ContentBasedDeduplication=queue.content_based_deduplication,
            DelaySeconds=queue.delivery_delay or None,
            ReceiveMessageWaitTimeSeconds=queue.receive_wait_time or None,
        ),
    )
    grant.keep(main, names.origin, {"QueueName": names.origin})
    grant.output(names.id("QueueUrl"), f"SQS queue {names.local}", Ref(title))
    if queue.own_dead_letters:
        grant.output(
            names.id("QueueDeadLettersUrl"), f"Dead-letter queue of {names.local}", Ref(names.id("QueueDeadLetters"))
        )
    return {"url": f"${{{title}}}", "arn": f"${{{title}.Arn}}", "name": f"${{{title}.QueueName}}", **letters}


def _dead_letters(
    grant: Grant, physical: str, queue: SqsQueue, names: Names, common: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Add the dead-letter queue, and return the property that sends messages there and the attributes."""
    if queue.dead_letters is False:
        return {}, {}
    dead, wanted = names.id("QueueDeadLetters"), queue.dead_letters
    attributes, target = {"deadLetterUrl": f"${{{dead}}}", "deadLetterArn": f"${{{dead}.Arn}}"}, GetAtt(dead, "Arn")
    if isinstance(wanted, DeadLetters) and wanted.queue is not None:
        attributes = {"deadLetterArn": arn_of(wanted.queue, "sqs")}
        target = intrinsic(attributes["deadLetterArn"])
    else:
        base, ending = physical.removesuffix(FIFO), FIFO if queue.fifo else ""
        # The queue refers to its dead-letter queue, which can only refer to the queue by its physical name.
        redrive = {"redrivePermission": "byQueue", "sourceQueueArns": [intrinsic(arn("sqs", physical))]}
        dead_letter = sqs.Queue(
            dead,
            QueueName=intrinsic(f"{base}-dlq{ending}"),
            MessageRetentionPeriod=queue.letters_retention,
            RedriveAllowPolicy=redrive,
            **common,
        )
        grant.keep(dead_letter, names.origin, {"QueueName": names.origin})
    policy = sqs.RedrivePolicy(deadLetterTargetArn=target, maxReceiveCount=queue.max_receive_count or _RECEIPTS)
    return {"RedrivePolicy": policy}, attributes


def _attributes(queue: SqsQueue) -> tuple[str, ...]:
    own = ("url", "arn", "name")
    if not is_managed(queue) or queue.dead_letters is False:
        return own
    return (*own, *(("deadLetterUrl",) if queue.own_dead_letters else ()), "deadLetterArn")


TYPE = CompiledType(
    name="aws_sqs_queue",
    category="sqs",
    doc="An SQS queue and its dead-letter queue, encrypted.",
    model=SqsQueue,
    attributes=_attributes,
    compile=compile,
    check=check,
    check_references=check_references,
    managed_keys=(
        *("contentBasedDeduplication", "visibilityTimeout", "maxReceiveCount", "messageRetention", "deadLetters"),
        *("fifoThroughputLimit", "deduplicationScope", "deliveryDelay", "receiveWaitTime", "maximumMessageSize"),
        *("receivesFrom", "dataKeyReuse"),
    ),
    endpoint="sqs",
)
