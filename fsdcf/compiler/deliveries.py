"""What may send to a queue or a topic: topics and buckets, of the spec and of others, in a policy without wildcards.

SNS and S3 send by themselves, so that only the policy of the receiver can permit it. The policy is in the stack of the
receiver and names the sender by its ARN, which follows from its name: neither stack has to exist before the other one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troposphere import Ref

from fsdcf.cloudformation.arns import arn
from fsdcf.compiler.parts.roles import PolicyStatement
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import (
    EncryptedDependency,
    ReceivingDependency,
    SendingDependency,
    Violation,
    Violations,
    senders_of,
)
from fsdcf.language.model.common import KMS, BucketSender, Sender
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, sample

SENDER = Rule(
    "S561",
    "a sender that AWS does not let in",
    "`receivesFrom` names topics and buckets of other specs, each once: those of the same spec are let in by their"
    " `subscriptions` and `notifications`. S3 does not send to a FIFO queue or topic.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html",
)
UNUSABLE_KEY = Rule(
    "S381",
    "a queue or topic with a key that its sender cannot use",
    "SNS and S3 encrypt what they send to an encrypted queue or topic, with its key. The policies of the account's"
    " keys `aws/sqs` and `aws/sns` do not admit them and cannot be changed, so that messages would be lost without an"
    " error.",
    "https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html",
)


def admissions(
    receiver: ReceivingDependency, category: str, action: str, resource: Any, spec: Spec
) -> list[PolicyStatement]:
    """The statements that let SNS and S3 send to a receiver (``sqs`` or ``sns``) for its senders alone; a bucket's ARN
    has no account, which a condition adds.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    topics: list[Any] = []
    buckets: dict[str | None, list[Any]] = {}
    for own in senders_of(spec, category, local_name(receiver.name)):
        (topics if own.sender == "sns" else buckets.setdefault(None, [])).append(intrinsic(own.source))
    for sender in sorted(receiver.receives_from, key=lambda one: sample(one.topic_name or one.bucket or "")):
        if sender.topic_name is not None:
            topics.append(intrinsic(arn_of(sender.topic_name, "sns")))
        elif sender.bucket is not None:
            buckets.setdefault(sender.account, []).append(intrinsic(arn("s3", fragment(sender.bucket), "", "")))
    found = [_statement("sns", action, resource, {"ArnEquals": {"aws:SourceArn": topics}})] if topics else []
    for account, sources in sorted(buckets.items(), key=lambda pair: pair[0] or ""):
        owner = {"StringEquals": {"aws:SourceAccount": account or Ref("AWS::AccountId")}}
        found.append(_statement("s3", action, resource, {**owner, "ArnEquals": {"aws:SourceArn": sources}}))
    return found


def _statement(service: str, action: str, resource: Any, condition: Any) -> PolicyStatement:
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": [action], "Resource": [resource]}
    return {**statement, "Condition": condition}


def arn_of(named: String, service: str) -> str:
    """The ARN of a queue or topic that is named by its ARN, or by its name in the account and region of the stack."""
    text = fragment(named)
    return text if sample(named).startswith("arn:") else arn(service, text)


def check_senders(senders: Iterable[BucketSender], fifo: bool) -> Violations:
    """Check `receivesFrom` of a queue or topic."""
    seen: set[tuple[str, str]] = set()
    for index, sender in enumerate(senders):
        path: SpecPath = ("receivesFrom", index)
        topic, takes_topic = sender.topic_name, isinstance(sender, Sender)
        if (topic is None) == (sender.bucket is None):
            message = "a sender is a topic or a bucket" if takes_topic else "a sender is a bucket"
            hint = "write one of `topic` and `bucket`" if takes_topic else "write `bucket: …`"
            yield Violation(SENDER, path, message, hint)
            continue
        if topic is not None and sender.account is not None:
            hint = "leave it out, and write the ARN of the topic"
            yield Violation(SENDER, (*path, "account"), "`account` is that of a bucket", hint, key=True)
        if sender.bucket is not None and fifo:
            hint = "let it send to a standard queue or topic"
            yield Violation(SENDER, (*path, "bucket"), "S3 does not send to FIFO queues and topics", hint)
        named = ("bucket", sample(sender.bucket or "")) if topic is None else ("topic", sample(topic))
        if named in seen:
            yield Violation(SENDER, path, f"the {named[0]} `{named[1]}` is listed twice", "keep one of them")
        seen.add(named)


def check_receiver(receiver: ReceivingDependency, spec: Spec) -> Violations:
    """Check that `receivesFrom` names no sender of the spec, and that AWS can use the key of the receiver."""
    own = {sample(each.name): each for each in spec.dependencies if isinstance(each, SendingDependency)}
    for index, sender in enumerate(receiver.receives_from):
        for key, name, service in (("topic", sender.topic_name, "sns"), ("bucket", sender.bucket, "s3")):
            if name is not None and sample(name) in own and own[sample(name)].sender == service:
                named = "subscriptions" if key == "topic" else "notifications"
                hint = f"leave it out, and name the receiver in the {named} of the {key}"
                yield Violation(SENDER, ("receivesFrom", index, key), f"the {key} is in this spec", hint)
    if receiver.receives_from and isinstance(receiver, EncryptedDependency):
        yield from check_key(receiver, ("encryption",), "what is sent")


def check_key(receiver: EncryptedDependency, path: SpecPath, what: str) -> Violations:
    """Check that an AWS service can encrypt what it sends to a queue or topic."""
    if receiver.encryption == KMS:
        message = f"AWS cannot use the key that encrypts `{local_name(receiver.name)}`, so {what} is lost"
        hint = "leave out its encryption, or write the ARN of a KMS key whose policy admits the sender"
        yield Violation(UNUSABLE_KEY, path, message, hint)
