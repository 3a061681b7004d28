"""Rules about the KMS keys of a customer, which encrypt what the stack makes or what ECS reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import (
    DependencyType,
    EncryptedDependency,
    NotifiedTopic,
    ReceivingDependency,
    SendingDependency,
    senders_of,
)
from fsdcf.language.model.common import KMS, OWNED, Dependency, ExecuteCommandLogs, NamedByArn
from fsdcf.language.model.service import FlowLogs
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import Attribute, SecretRef, String, Text, is_whole, parts_of, sample
from fsdcf.language.rules.case import ALL, WITH_TASKS, Case, Problem, Problems, rule
from fsdcf.links import ECS_EXEC

_DEFAULT = "service.encryption"
_LOGS = "service.observability.logs.encryption"
_CLUSTERS = {
    **dict.fromkeys(WITH_TASKS, "service.executeCommandLogs"),
    "Environment": "environment.cluster.executeCommandLogs",
}


def _keys(case: Case) -> dict[SpecPath, String]:
    """The customer's keys of a spec by their paths."""
    named: dict[SpecPath, String | None] = {}
    if case.network is not None and isinstance(case.network[1].flow_logs, FlowLogs):
        named[_path(f"{case.network[0]}.flowLogs.encryption")] = case.network[1].flow_logs.encryption
    if isinstance(sessions := _recorded(case), ExecuteCommandLogs):
        named[_path(f"{_CLUSTERS[case.kind]}.encryption")] = sessions.encryption
    if case.kind in WITH_TASKS:
        service = case.service
        named |= {_path(_DEFAULT): service.encryption, _path(_LOGS): service.observability.logs.encryption}
        named |= {("service", "secretKeys", index): key for index, key in enumerate(service.secret_keys)}
        encrypted = [(path, each) for path, each in case.having(EncryptedDependency) if not _by_arn(each)]
        named |= {(*path, "encryption"): each.encryption for path, each in encrypted}
        existing = ((path, key.unmanaged) for path, key, _ in _kms(case))
        named |= {(*path, "unmanaged", "arn"): key.arn for path, key in existing if isinstance(key, NamedByArn)}
    return {path: key for path, key in named.items() if key is not None and key not in (OWNED, KMS)}


def _by_arn(dependency: Dependency) -> bool:
    """Whether a dependency exists, perhaps in another region, and has its key there."""
    return isinstance(dependency.unmanaged, NamedByArn) and dependency.unmanaged.arn is not None


def _recorded(case: Case) -> bool | ExecuteCommandLogs | None:
    """What the spec says of the records of ECS Exec."""
    if case.kind in WITH_TASKS:
        return case.service.execute_command_logs
    return case.environment_spec.environment.cluster.execute_command_logs


def _path(dotted: str) -> SpecPath:
    return tuple(dotted.split("."))


def _region(case: Case) -> str | None:
    """The region that the environment's file names."""
    return case.settings.environment.region if case.settings else None


@rule(
    "S382",
    "a KMS key of another region",
    "https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
    kinds=ALL,
)
def regions(case: Case) -> Problems:
    """An AWS service encrypts by a KMS key of its own region. A multi-Region key has a replica in each, with the same
    id and another region in the ARN: `${AWS::Region}` there is the region of the stack. The region is that of the
    environment's file; without one, all keys must have the same."""
    home, reason = _region(case), "the region of the environment"
    encrypted = case.having(EncryptedDependency) if case.kind in WITH_TASKS else []
    elsewhere = {(*path, "encryption"): each.existing_region for path, each in encrypted}
    for path, key in _keys(case).items():
        if own := elsewhere.get(path):
            region = key.split(":")[3] if isinstance(key, str) else own
            if region != own:
                yield Problem(path, f"the key is in {region}, and the dependency in {own}", f"use a key of {own}")
            continue
        region = key.split(":")[3] if isinstance(key, str) else ""  # with a placeholder it is not known
        if region and home and region != home:
            message = f"the key is in {region}, and {reason} is {home}"
            yield Problem(path, message, f"use a key of {home}, or `${{AWS::Region}}` for a multi-Region key")
        elif region and home is None:
            home, reason = region, "that of another key"


@rule(
    "S387",
    "a key that has no effect on an existing log group",
    ECS_EXEC,
    kinds=ALL,
)
def log_group_keys(case: Case) -> Problems:
    """A log group that exists already keeps its records for as long as it says itself, and has its own encryption."""
    sessions, at = _recorded(case), _CLUSTERS[case.kind]
    if isinstance(sessions, ExecuteCommandLogs) and sessions.log_group is not None:
        for key in ("retention", "encryption"):
            if case.wrote(f"{at}.{key}"):
                message = f"`{key}` has no effect on an existing log group"
                yield Problem(f"{at}.{key}", message, "leave it out, or leave out `logGroup`", key=True)


@rule(
    "W156",
    "a KMS key whose policy must admit an AWS service",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    "CloudWatch Logs, alarms, SNS, S3 and CloudFront use a key by themselves, not for the service or for "
    "CloudFormation, so that only the policy of the key can permit it. Without it the log group cannot be created, "
    "what alarms, SNS and S3 send to an encrypted queue or topic is lost without an error, and CloudFront reads no "
    "object. The statement for the policy is "
    '`{"Effect": "Allow", "Principal": {"Service": "NAME"}, "Action": ["kms:Encrypt", "kms:Decrypt", '
    '"kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"}`, in which NAME is the name in the '
    "finding. A condition narrows it: for logs "
    '`"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:REGION:ACCOUNT:*"}`, for the others '
    '`"ArnEquals": {"aws:SourceArn": "TOPIC, BUCKET OR DISTRIBUTION"}`. '
    "fsdcf does not read the key's policy: silence this warning once the statement is there.",
    kinds=ALL,
)
def key_policies(case: Case) -> Problems:
    """Name the AWS services that the policy of a customer's key must admit."""
    hint = "add the statement that `fsdcf explain W156` shows to the policy of the key, then silence this warning"
    own, seen = {local_name(each.name) for _, each, kind in _kms(case) if kind.managed(each)}, set()
    keys = {path: key for path, key in _keys(case).items() if not own & set(_named(key))}
    for at, effect, service in _users(case):
        if at in keys and (at, service) not in seen:
            seen.add((at, service))
            yield Problem(at, f"{effect} only if the policy of the key admits {service}", hint)


def _kms(case: Case) -> Iterator[tuple[SpecPath, Dependency, DependencyType[Any]]]:
    """The dependencies that are KMS keys."""
    if case.kind in WITH_TASKS:
        yield from (one for one in case.dependencies() if one[2].category == "kms")


def _named(text: String) -> Iterator[str]:
    """The local names of the KMS keys in a text of the spec."""
    yield from (part.name for part in parts_of(text) if isinstance(part, Attribute) and part.kind == "kms")


@rule("W195", "a KMS key that nothing uses", "https://aws.amazon.com/kms/pricing/")
def idle_keys(case: Case) -> Problems:
    """A key costs each month, whether it is used or not. Another dependency uses it by `encryption: ${kms:NAME:arn}`,
    everything that the stack makes by `service.encryption`, and the service itself with `permissions`."""
    used = {name for _, text in case.texts for name in _named(text)}
    for path, key, kind in _kms(case):
        local = local_name(key.name)
        if kind.managed(key) and key.permissions is None and local not in used:
            hint = f"write `encryption: ${{kms:{local}:arn}}` where it encrypts something, or `permissions` here"
            yield Problem((*path, "name"), f"nothing uses the key `{local}`", hint)


def _users(case: Case) -> Iterator[tuple[SpecPath, str, str]]:
    """What AWS encrypts by itself with the key at a path, and the service that does."""
    default, logs = _path(_DEFAULT), f"logs.{_region(case) or 'REGION'}.amazonaws.com"
    if case.network is not None and case.network[1].flow_logs and case.network[1].id is None:
        at, flow_logs = _path(f"{case.network[0]}.flowLogs.encryption"), case.network[1].flow_logs
        details = flow_logs if isinstance(flow_logs, FlowLogs) else FlowLogs()
        if not details.bucket:
            yield (default if details.encryption is None else at), "the log group of the flow log can be created", logs
    if isinstance(sessions := _recorded(case), ExecuteCommandLogs) and sessions.log_group is None:
        at = default if sessions.encryption is None else _path(f"{_CLUSTERS[case.kind]}.encryption")
        yield at, "the log group of the sessions of ECS Exec can be created", logs
    if case.kind not in WITH_TASKS:
        return
    own = case.service.observability.logs
    if own.enabled:
        yield (default if own.encryption is None else _path(_LOGS)), "the log group can be created", logs
    for path, each, kind in case.dependencies():
        if isinstance(each, EncryptedDependency) and kind.managed(each):
            at, local = default if each.encryption is None else (*path, "encryption"), local_name(each.name)
            for service in sorted(_senders(case, each, kind.category)):
                yield at, f"messages arrive in `{local}`", f"{service}.amazonaws.com"
            if isinstance(each, SendingDependency) and each.is_published:
                yield at, f"CloudFront can read `{local}`", "cloudfront.amazonaws.com"


def _senders(case: Case, receiver: EncryptedDependency, category: str) -> set[str]:
    """The AWS services that send to a queue or topic (``sns``)."""
    if not isinstance(receiver, ReceivingDependency):
        return set()
    local, alarms = local_name(receiver.name), case.service.observability.watched
    own = {each.sender for each in senders_of(case.spec, category, local)}
    notified = (alarms and alarms.notify) or ""
    if isinstance(receiver, NotifiedTopic) and not is_whole(notified) and sample(notified) == local:
        own.add("cloudwatch")
    return own | {"s3" if each.topic_name is None else "sns" for each in receiver.receives_from}


@rule("W157", "keys of secrets that the spec does not name")
def idle_secret_keys(case: Case) -> Problems:
    """`secretKeys` let ECS decrypt the secrets and parameters that it reads at the start of a task. A spec that names
    none needs no key."""
    service = case.service
    containers = [container for _, container in service.containers]
    texts = (text for one in containers for text in one.environment.values() if isinstance(text, Text))
    if service.secret_keys and not (
        service.observability.logs.secret_options
        or any(one.secrets or one.image_credentials or one.environment_files for one in containers)
        or any(isinstance(part, SecretRef) for text in texts for part in text.parts)
    ):
        message = "the spec names no secret that ECS would decrypt"
        yield Problem("service.secretKeys", message, "leave it out, or name the secret in service.secrets", key=True)
