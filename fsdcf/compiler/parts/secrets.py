"""Container secrets: what ECS reads when a container starts, and the permission that it needs for each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fsdcf.compiler.text import fragment, secret_arn
from fsdcf.language.model.service import Service
from fsdcf.language.placeholders import SecretRef, String, Text

_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


@dataclass(frozen=True)
class ContainerSecret:
    """A variable that ECS fills: ``value_from`` and the ``resource`` to permit, both as fragments."""

    name: str
    value_from: str
    action: str
    resource: str


def secrets_of(service: Service) -> tuple[ContainerSecret, ...]:
    """The secrets of the spec: those of ``secrets`` and those that stand in ``environment``, by name."""
    found = [_secret(secret.name, fragment(secret.value_from, {})) for secret in service.secrets]
    for name, written in service.environment.items():
        reference = secret_of(written)
        if reference:
            found.append(_secret(name, secret_arn(reference)))
    return tuple(sorted(found, key=lambda secret: secret.name))


def secret_of(written: String) -> SecretRef | None:
    """The secret that a value stands for, if it is one."""
    if isinstance(written, Text) and len(written.parts) == 1 and isinstance(written.parts[0], SecretRef):
        return written.parts[0]
    return None


def _secret(name: str, arn: str) -> ContainerSecret:
    if ":secretsmanager:" not in arn:  # a JSON key may be called ssm
        return ContainerSecret(name, arn, "ssm:GetParameters", arn)
    head, _, rest = arn.partition(":secret:")
    secret = rest.split(":")[0]
    # A secret's ARN ends in six random characters; a name without them matches any.
    resource = f"{head}:secret:{secret}" + ("" if _SUFFIX.search(secret) else "-??????")
    return ContainerSecret(name, arn, "secretsmanager:GetSecretValue", resource)


def plain_environment(service: Service) -> Iterable[tuple[str, String]]:
    """The variables of the spec that are no secrets."""
    return ((name, written) for name, written in service.environment.items() if secret_of(written) is None)
