"""Rules about the KMS keys of a customer, which encrypt what the stack makes or what ECS reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import EncryptedDependency
from fsdcf.language.model.common import KMS_KEY
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import SecretRef, String, Text, sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule

_DEFAULT = "service.encryption"
_LOGS = "service.observability.logs.encryption"


def _keys(case: Case) -> Iterator[tuple[SpecPath, String]]:
    """The customer's keys of a spec, each with its path."""
    service = case.service
    named: list[tuple[SpecPath, String | None]] = [
        (tuple(_DEFAULT.split(".")), service.encryption),
        (tuple(_LOGS.split(".")), service.observability.logs.encryption),
        *((("service", "secretKeys", index), key) for index, key in enumerate(service.secret_keys)),
        *(((*path, "encryption"), each.encryption) for path, each in case.having(EncryptedDependency)),
    ]
    for path, key in named:
        if key is not None and re.fullmatch(KMS_KEY, sample(key)):
            yield path, key


@rule(
    "S382",
    "a KMS key of another region",
    "https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
)
def regions(case: Case) -> Problems:
    """An AWS service encrypts by a KMS key of its own region. A multi-Region key has a replica in each, with the same
    id and another region in the ARN: `${AWS::Region}` there is the region of the stack. The region is that of the
    environment's file; without one, all keys must have the same."""
    home, reason = (case.file.spec.environment.region if case.file else None), "the region of the environment"
    for path, key in _keys(case):
        region = key.split(":")[3] if isinstance(key, str) else ""  # with a placeholder it is not known
        if region and home and region != home:
            message = f"the key is in {region}, and {reason} is {home}"
            yield Problem(path, message, f"use a key of {home}, or `${{AWS::Region}}` for a multi-Region key")
        elif region and home is None:
            home, reason = region, "that of another key"


@rule(
    "W156",
    "a KMS key whose policy must admit an AWS service",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    "CloudWatch Logs and SNS use a key by themselves, not for the service or for CloudFormation, so that only the "
    "policy of the key can permit it. Without it the log group cannot be created, and what SNS sends to an encrypted "
    "queue is lost without an error. The statement for the policy is "
    '`{"Effect": "Allow", "Principal": {"Service": "NAME"}, "Action": ["kms:Encrypt", "kms:Decrypt", '
    '"kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"}`, in which NAME is the name in the '
    "finding. fsdcf does not read the key's policy: silence this warning once the statement is there.",
)
def key_policies(case: Case) -> Problems:
    """Name the AWS services that the policy of a customer's key must admit."""
    hint = "add the statement that `fsdcf explain W156` shows to the policy of the key, then silence this warning"
    home = (case.file.spec.environment.region if case.file else None) or "REGION"
    keys, default = dict(_keys(case)), tuple(_DEFAULT.split("."))
    logs: SpecPath = tuple(_LOGS.split("."))
    at = default if case.service.observability.logs.encryption is None else logs
    if case.service.observability.logs.enabled and at in keys:
        message = f"the log group can be created only if the policy of the key admits logs.{home}.amazonaws.com"
        yield Problem(at, message, hint)
    targets = {name for _, each in case.having(EncryptedDependency) for name in each.delivers_to}
    for path, queue in case.having(EncryptedDependency):
        at = default if queue.encryption is None else (*path, "encryption")
        if local_name(queue.name) in targets and at in keys:
            message = (
                f"messages arrive in `{local_name(queue.name)}` only if the policy of the key admits sns.amazonaws.com"
            )
            yield Problem(at, message, hint)


@rule("W157", "keys of secrets that the spec does not name")
def idle_secret_keys(case: Case) -> Problems:
    """`secretKeys` let ECS decrypt the secrets and parameters that it reads at the start of a task. A spec that names
    none needs no key."""
    service = case.service
    parts = (part for text in service.environment.values() if isinstance(text, Text) for part in text.parts)
    if service.secret_keys and not (
        service.secrets or service.image_credentials or any(isinstance(part, SecretRef) for part in parts)
    ):
        message = "the spec names no secret that ECS would decrypt"
        yield Problem("service.secretKeys", message, "leave it out, or name the secret in service.secrets", key=True)
