"""Encryption at rest: by a free key of AWS, or by a KMS key, whose requests cost and whose users need permission."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from troposphere import AWSObject, GetAtt, cloudwatch, encode_to_dict, kms, logs, s3, sns, sqs

from fsdcf.cloudformation.arns import REGION, fields_of_arn
from fsdcf.cloudformation.references import references
from fsdcf.compiler.parts.roles import add_policy, key_statement
from fsdcf.compiler.stack import Context, Grant, Names, StackPart, present
from fsdcf.compiler.text import Attributes, fragment, intrinsic, value
from fsdcf.language.dependency import EncryptedDependency
from fsdcf.language.model.common import KMS, OWNED
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import Attribute, CompiledText, String, Text

_KEYS = "kms"
"""The category of the dependencies that are keys."""

USE_OF_KEY = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
"""What the users of a key do, as its policy names it."""

_USE = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)


def encryption_of(dependency: EncryptedDependency, context: Context) -> String:
    """The encryption of a dependency: its own, else that of the service for what the stack makes."""
    is_managed = context.types[dependency.type].managed(dependency)
    default = context.service.encryption if is_managed else None
    return next((one for one in (dependency.encryption, default) if one is not None), OWNED)


def customer_key(encryption: String) -> Any:
    """The ARN of a customer's KMS key as a value; None for the keys of AWS."""
    return None if encryption in (OWNED, KMS) else value(encryption)


def kms_key(encryption: String, managed: str) -> Any:
    """A KMS key as a value: a customer's, or by its alias (``aws/sqs``) that of AWS in the account; None without."""
    return f"alias/{managed}" if encryption == KMS else customer_key(encryption)


def permit_key(
    grant: Grant, encryption: String, service: str, names: Names, *resources: AWSObject, region: str = REGION
) -> None:
    """Let the task role use a customer's KMS key, through an AWS service (``dynamodb``) alone, in a region, a fragment;
    the keys of AWS need no permission. The resources wait for it: tasks that run go on to read and write them when they
    get the key.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    if customer_key(encryption) is None:
        return
    title = names.id(f"{service.capitalize()}KeyAccess")
    add_policy(grant, title, title, [key_statement(_USE, [encryption], [service], region)], names.origin)
    for resource in resources:
        resource.DependsOn = [*resource.resource.get("DependsOn", ()), title]


def with_keys(context: Context) -> Context:
    """The context with the attributes of the spec's KMS keys in their places: what a key encrypts may be compiled
    before the key itself is."""
    values: dict[tuple[str, str], Mapping[str, str]] = {}
    for dependency in context.spec.dependencies:
        kind, local = context.types[dependency.type], local_name(dependency.name)
        if kind.category == _KEYS:
            values[_KEYS, local] = kind.compile(dependency, Names(local, ""), context).values
    return replace(context, spec=_compiled(context.spec, values)) if values else context


def _compiled(value: Any, values: Attributes) -> Any:
    """A part of a spec with these attributes compiled."""
    if isinstance(value, Text):
        known = [isinstance(part, Attribute) and (part.kind, part.name) in values for part in value.parts]
        if not any(known):
            return value
        parts = zip(value.parts, known, strict=True)
        return Text(tuple(CompiledText(fragment(Text((part,)), values)) if is_key else part for part, is_key in parts))
    if isinstance(value, Mapping):
        return {key: _compiled(each, values) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_compiled(each, values) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{name: _compiled(each, values) for name, each in vars(value).items()})
    return value


def admit_services(whole: StackPart) -> None:
    """Let the AWS services that use a key of the stack by themselves do so, by the policy of the key: CloudWatch Logs
    for its log groups, what may send to its queues and topics, such as alarms, and CloudFront for the buckets that it
    may read.

    Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html,
    https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html and
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    for title, key in [(title, each) for title, each in whole.resources.items() if isinstance(each, kms.Key)]:
        arn = GetAtt(title, "Arn").to_dict()
        groups = [one for one in whole.of(logs.LogGroup) if _key_of(one, "KmsKeyId") == arn]
        if groups:
            source = intrinsic("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*")
            condition = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": source}}
            _admit(key, "Logs", intrinsic("logs.${AWS::Region}.${AWS::URLSuffix}"), USE_OF_KEY, condition)
        for service, accounts in sorted(_senders(whole, arn).items()):
            condition = {"StringEquals": {"aws:SourceAccount": accounts if len(accounts) > 1 else accounts[0]}}
            _admit(key, service.capitalize(), f"{service}.amazonaws.com", _SEND, condition)
        buckets = {one.title for one in whole.of(s3.Bucket) if str(arn) in str(_key_of(one, "BucketEncryption"))}
        for statement in _admitting(whole, s3.BucketPolicy, "Bucket", buckets):
            _admit(key, "CloudFront", statement["Principal"]["Service"], ("kms:Decrypt",), statement["Condition"])


_SEND = ("kms:Decrypt", "kms:GenerateDataKey*")


def _senders(whole: StackPart, key: Any) -> dict[str, list[Any]]:
    """The AWS services (``sns``) that may send to the queues and topics with a key, and the accounts for which. Alarms
    notify a topic without a policy, too."""
    actions = [encode_to_dict(one.properties.get("AlarmActions", [])) for one in whole.of(cloudwatch.Alarm)]
    notified = {one.target for one in references(actions)}
    is_notified = any(one.title in notified and _key_of(one, "KmsMasterKeyId") == key for one in whole.of(sns.Topic))
    found: dict[str, list[Any]] = {"cloudwatch": [{"Ref": "AWS::AccountId"}]} if is_notified else {}
    for receiver, policy, property in ((sqs.Queue, sqs.QueuePolicy, "Queues"), (sns.Topic, sns.TopicPolicy, "Topics")):
        encrypted = {one.title for one in whole.of(receiver) if _key_of(one, "KmsMasterKeyId") == key}
        for statement in _admitting(whole, policy, property, encrypted):
            accounts = found.setdefault(statement["Principal"]["Service"].partition(".")[0], [])
            condition = statement["Condition"]
            sources = condition.get("ArnEquals", {}).get("aws:SourceArn", [])
            owner = condition.get("StringEquals", {}).get("aws:SourceAccount")
            for account in [owner] if owner else map(_account, sources):
                accounts += [account] if account not in accounts else []
    return found


def _admitting(whole: StackPart, policy: type[AWSObject], property: str, guarded: set[str]) -> Iterator[dict[str, Any]]:
    """The statements for AWS services in the policies of resources, as plain data."""
    for one in whole.of(policy):
        data = encode_to_dict(one.properties)
        ends = data[property] if isinstance(data[property], list) else [data[property]]
        if any(isinstance(end, dict) and end.get("Ref") in guarded for end in ends):
            statements = data["PolicyDocument"]["Statement"]
            yield from (each for each in statements if "Service" in each["Principal"])


def _account(source: Any) -> Any:
    """The account in the ARN of a sender: its own where it is written, else that of the stack."""
    return fields_of_arn(source)[4] if isinstance(source, str) else {"Ref": "AWS::AccountId"}


def _key_of(resource: AWSObject, property: str) -> Any:
    return encode_to_dict(resource.properties.get(property))


def _admit(key: kms.Key, sid: str, service: Any, actions: Iterable[str], condition: Mapping[str, Any]) -> None:
    admitted = {"Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    key.KeyPolicy["Statement"].append({**admitted, "Resource": "*", "Condition": condition})


def add_log_group(
    part: StackPart, title: str, days: int | None, own: String | None, default: String | None, origin: str
) -> None:
    """Add a log group that is kept, encrypted as it says itself (``own``), else as the service does."""
    wanted = own or default
    group = logs.LogGroup(title, **present(RetentionInDays=days, KmsKeyId=wanted and customer_key(wanted)))
    of_key = "service.encryption" if own is None else f"{origin}.encryption"
    part.keep(group, origin, {"RetentionInDays": f"{origin}.retention", "KmsKeyId": of_key})
