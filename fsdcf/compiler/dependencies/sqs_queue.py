"""An SQS queue with its dead-letter queue, both encrypted and kept when the stack is deleted."""

from typing import Any

from troposphere import GetAtt, Ref, sqs

from fsdcf.compiler.access import actions, check_permissions, is_managed
from fsdcf.compiler.encryption import encryption_of, kms_key, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, Violation, Violations
from fsdcf.language.model.common import encryption_key
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record

QUEUE = Rule(
    "S320",
    "a queue that SQS rejects",
    "The name of a queue has at most 80 characters, including the `-dlq` of its dead-letter queue. Only the name of a"
    " FIFO queue ends in `.fifo`, and only a FIFO queue removes duplicates.",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
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


class FifoDependency(EncryptedDependency):
    """A queue or topic, which may keep the order of messages."""

    fifo: bool
    content_based_deduplication: bool


@spec_record
class SqsQueue(FifoDependency):
    """An SQS queue with a dead-letter queue."""

    name: String = spec_key(
        "Physical name of the queue.",
        also=("queue_name", "queueName"),
        pattern=r"[A-Za-z0-9_-]+(\.fifo)?",
        longest=80,
        expects="letters, digits, _ and -",
    )
    fifo: bool = spec_key("Keep the order of messages; `.fifo` is added to the name.", default=False)
    content_based_deduplication: bool = spec_key(
        "Discard messages of a FIFO queue that have the same content.", default=False
    )
    visibility_timeout: int = spec_key(
        "Seconds that a received message is hidden from other consumers.", default=30, minimum=0, maximum=43200
    )
    max_receive_count: int = spec_key(
        "Receipts after which a message goes to the dead-letter queue.", default=5, minimum=1, maximum=1000
    )
    message_retention: int = spec_key("Seconds that a message is kept.", default=345600, minimum=60, maximum=1209600)
    encryption: String | None = encryption_key("aws/sqs")


def check(queue: SqsQueue) -> Violations:
    yield from check_permissions(queue)
    yield from check_fifo(queue, QUEUE, "queue")
    name = sample(queue.name)
    fifo = queue.fifo or name.endswith(FIFO)
    room = 80 - (len("-dlq") if is_managed(queue) else 0) - (len(FIFO) if fifo else 0)
    if len(name.removesuffix(FIFO)) > room:
        endings = " and ".join(["-dlq"] * is_managed(queue) + [FIFO] * fifo)
        message = "the name has more than 80 characters" + (f" with {endings}" if endings else "")
        yield Violation(
            QUEUE, "name", message, f"write at most {room} characters" + (f" before {FIFO}" if fifo else "")
        )


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


def compile(queue: SqsQueue, names: Names, context: Context) -> Grant:
    """A managed queue with its dead-letter queue, and access to the queue."""
    grant = Grant()
    physical, encryption = physical_name(queue), encryption_of(queue, context)
    if not is_managed(queue):
        attributes = {
            "url": f"https://sqs.${{AWS::Region}}.${{AWS::URLSuffix}}/${{AWS::AccountId}}/{physical}",
            "arn": _arn(physical),
            "name": physical,
        }
    else:
        attributes = _add(grant, physical, queue, names, kms_key(encryption, "aws/sqs"))
    grant.environment[names.variable("QUEUE_URL")] = attributes["url"]
    grant.values = attributes
    grant.statements = [allow(actions(queue, LEVELS), [intrinsic(attributes["arn"])])]
    permit_key(grant, encryption, "sqs", names, *grant.of(sqs.Queue))
    return grant


def _arn(physical: str) -> str:
    """The ARN of a queue in the stack's account and region, as a fragment."""
    return f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{physical}"


def _add(grant: Grant, physical: str, queue: SqsQueue, names: Names, key: Any) -> dict[str, str]:
    """Add the queue with its dead-letter queue and the outputs of both, and return the attributes. ``key`` is the KMS
    key; None for encryption by SQS itself."""
    title, dead = names.id("Queue"), names.id("QueueDeadLetters")
    base = physical.removesuffix(FIFO)
    ending = FIFO if queue.fifo else ""
    common = present(SqsManagedSseEnabled=key is None, KmsMasterKeyId=key, FifoQueue=queue.fifo)
    # The queue refers to its dead-letter queue, so that the latter can only refer to the queue by its physical name.
    redrive = {"redrivePermission": "byQueue", "sourceQueueArns": [intrinsic(_arn(physical))]}
    dead_letter = sqs.Queue(
        dead,
        QueueName=intrinsic(f"{base}-dlq{ending}"),
        MessageRetentionPeriod=1209600,
        RedriveAllowPolicy=redrive,
        **common,
    )
    main = sqs.Queue(
        title,
        QueueName=intrinsic(physical),
        VisibilityTimeout=queue.visibility_timeout,
        MessageRetentionPeriod=queue.message_retention,
        RedrivePolicy=sqs.RedrivePolicy(
            deadLetterTargetArn=GetAtt(dead, "Arn"), maxReceiveCount=queue.max_receive_count
        ),
        **common,
        **present(ContentBasedDeduplication=queue.content_based_deduplication),
    )
    for resource in (dead_letter, main):
        grant.keep(resource, names.origin, {"QueueName": names.origin})
    grant.output(names.id("QueueUrl"), f"SQS queue {names.local}", Ref(title))
    grant.output(names.id("QueueDeadLettersUrl"), f"Dead letters of {names.local}", Ref(dead))
    return {
        "url": f"${{{title}}}",
        "arn": f"${{{title}.Arn}}",
        "name": f"${{{title}.QueueName}}",
        "deadLetterUrl": f"${{{dead}}}",
        "deadLetterArn": f"${{{dead}.Arn}}",
    }


TYPE = CompiledType(
    name="aws_sqs_queue",
    category="sqs",
    doc="An SQS queue and its dead-letter queue, encrypted.",
    model=SqsQueue,
    attributes=lambda queue: (
        ("url", "arn", "name", "deadLetterUrl", "deadLetterArn") if is_managed(queue) else ("url", "arn", "name")
    ),
    compile=compile,
    check=check,
    managed_keys=("contentBasedDeduplication", "visibilityTimeout", "maxReceiveCount", "messageRetention"),
    endpoint="sqs",
)
