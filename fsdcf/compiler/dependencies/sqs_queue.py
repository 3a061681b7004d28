"""An SQS queue with its dead-letter queue, both encrypted and kept when the stack goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from troposphere import GetAtt, sqs

from fsdcf.compiler.access import actions, check_permissions, is_list
from fsdcf.compiler.stack import CompiledType, Grant, Names, Site, Stack
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import Violation
from fsdcf.language.model.common import Dependency
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import Key

QUEUE = Rule(
    "S320",
    "a queue that SQS refuses",
    "A queue's name has 80 characters at most, its dead-letter queue's `-dlq` included; only a FIFO queue's ends in `.fifo`, and only a FIFO queue removes duplicates.",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
)

_READ = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage")
_WRITE = ("GetQueueAttributes", "GetQueueUrl", "SendMessage")
LEVELS = {"read": tuple(f"sqs:{name}" for name in _READ), "write": tuple(f"sqs:{name}" for name in _WRITE)}
_FIFO = ".fifo"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SqsQueue(Dependency):
    """An SQS queue with a queue for dead letters."""

    name: Annotated[
        String,
        Key(
            "Physical name of the queue.",
            also=("queue_name", "queueName"),
            pattern=r"[A-Za-z0-9_-]{1,80}(\.fifo)?",
            expects="letters, digits, _ and -",
        ),
    ]
    fifo: Annotated[bool, Key("Keep the order of messages; `.fifo` is added to the name.")] = False
    content_based_deduplication: Annotated[
        bool, Key("Drop equal messages of a FIFO queue.", also=("content_based_deduplication",))
    ] = False
    visibility_timeout: Annotated[
        int,
        Key(
            "Seconds that a received message is hidden from others.",
            also=("visibility_timeout",),
            minimum=0,
            maximum=43200,
        ),
    ] = 30
    max_receive_count: Annotated[
        int,
        Key(
            "Receipts after which a message goes to the dead letters.",
            also=("max_receive_count",),
            minimum=1,
            maximum=1000,
        ),
    ] = 5
    message_retention: Annotated[
        int, Key("Seconds that a message is kept.", also=("message_retention",), minimum=60, maximum=1209600)
    ] = 345600


def managed(queue: SqsQueue) -> bool:
    """A queue of the stack's own: not unmanaged, and not a mere list of actions."""
    return queue.unmanaged is None and not is_list(queue)


def check(queue: SqsQueue) -> Iterator[Violation]:
    yield from check_permissions(queue)
    name = sample(queue.name)
    if name.endswith(_FIFO) and not queue.fifo and managed(queue):
        yield Violation(QUEUE, ("name",), "only a FIFO queue's name ends in .fifo", "add `fifo: true`")
    fifo = queue.fifo or name.endswith(_FIFO)
    room = 80 - (len("-dlq") if managed(queue) else 0) - (len(_FIFO) if fifo else 0)
    if len(name.removesuffix(_FIFO)) > room:
        endings = " and ".join(["-dlq"] * managed(queue) + [_FIFO] * fifo)
        message = (
            f"the name has more than 80 characters with {endings}"
            if endings
            else "the name has more than 80 characters"
        )
        yield Violation(
            QUEUE, ("name",), message, f"write at most {room} characters" + (f" before {_FIFO}" if fifo else "")
        )
    if queue.content_based_deduplication and not queue.fifo:
        yield Violation(
            QUEUE,
            ("contentBasedDeduplication",),
            "only a FIFO queue removes duplicates",
            "add `fifo: true`, or leave it out",
            key=True,
        )


def compile(queue: SqsQueue, names: Names, site: Site, stack: Stack) -> Grant:
    """The queue and its dead letters, where it is managed, and access to the queue."""
    base = fragment(queue.name, {})
    physical = base.removesuffix(_FIFO) + _FIFO if queue.fifo else base
    if not managed(queue):
        attributes = {
            "url": f"https://sqs.${{AWS::Region}}.${{AWS::URLSuffix}}/${{AWS::AccountId}}/{physical}",
            "arn": _arn(physical),
            "name": physical,
        }
    else:
        title, dead = names.id("Queue"), names.id("QueueDeadLetters")
        _add(stack, title, dead, physical, queue, names)
        attributes = {
            "url": f"${{{title}}}",
            "arn": f"${{{title}.Arn}}",
            "name": f"${{{title}.QueueName}}",
            "deadLetterUrl": f"${{{dead}}}",
            "deadLetterArn": f"${{{dead}.Arn}}",
        }
        stack.output(names.id("QueueUrl"), f"SQS queue {names.local}", intrinsic(attributes["url"]))
        stack.output(
            names.id("QueueDeadLettersUrl"), f"Dead letters of {names.local}", intrinsic(attributes["deadLetterUrl"])
        )
    statement = {"Effect": "Allow", "Action": actions(queue, LEVELS), "Resource": [intrinsic(attributes["arn"])]}
    return Grant({names.variable("QUEUE_URL"): attributes["url"]}, (statement,), attributes)


def _arn(physical: str) -> str:
    """The ARN that follows from a queue's name, as a fragment."""
    return f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{physical}"


def _add(stack: Stack, title: str, dead: str, physical: str, queue: SqsQueue, names: Names) -> None:
    base = physical.removesuffix(_FIFO)
    ending = _FIFO if queue.fifo else ""
    common: dict[str, Any] = {"SqsManagedSseEnabled": True}
    if queue.fifo:
        common["FifoQueue"] = True
    # The queue names its dead letters, so that these can name the queue by its name alone.
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [intrinsic(_arn(physical))]}
    letters = sqs.Queue(
        dead,
        QueueName=intrinsic(f"{base}-dlq{ending}"),
        MessageRetentionPeriod=1209600,
        RedriveAllowPolicy=allow,
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
    )
    if queue.content_based_deduplication:
        main.ContentBasedDeduplication = True
    for resource in (letters, main):
        resource.DeletionPolicy = "RetainExceptOnCreate"
        resource.UpdateReplacePolicy = "Retain"
        stack.add(resource, names.origin, {("QueueName",): names.origin})


TYPE = CompiledType(
    name="aws_sqs_queue",
    category="sqs",
    doc="An SQS queue and its dead-letter queue, encrypted.",
    model=SqsQueue,
    attributes=lambda queue: (
        ("url", "arn", "name", "deadLetterUrl", "deadLetterArn") if managed(queue) else ("url", "arn", "name")
    ),
    compile=compile,
    check=check,
    managed=managed,
    managed_keys=("contentBasedDeduplication", "visibilityTimeout", "maxReceiveCount", "messageRetention"),
    endpoint="sqs",
)
