"""Container secrets: what ECS reads when a container starts, and the permission that it needs for each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fsdcf.compiler.text import fragment, literal
from fsdcf.language.model.service import Service
from fsdcf.language.placeholders import SecretRef, String, Text

_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


@dataclass(frozen=True)
class ContainerSecret:
    """A variable that ECS reads from a store: ``value_from`` and the ``resource`` to permit are fragments."""

    name: str
    value_from: str
    action: str
    resource: str


def secrets_of(service: Service) -> list[ContainerSecret]:
    """The secrets in ``secrets`` and in ``environment``, by name."""
    secrets = [_secret(secret.name, fragment(secret.value_from)) for secret in service.secrets]
    references = {name: _reference(text) for name, text in service.environment.items()}
    secrets += [_secret(name, _secret_arn(reference)) for name, reference in references.items() if reference]
    return sorted(secrets, key=lambda secret: secret.name)


def plain_environment(service: Service) -> dict[str, String]:
    """The variables of the spec that are not secrets."""
    return {name: text for name, text in service.environment.items() if _reference(text) is None}


def _reference(text: String) -> SecretRef | None:
    """The secret that is the whole value."""
    if isinstance(text, Text) and len(text.parts) == 1 and isinstance(text.parts[0], SecretRef):
        return text.parts[0]
    return None


def _secret(name: str, arn: str) -> ContainerSecret:
    if ":secretsmanager:" not in arn:  # a JSON key may contain ssm
        return ContainerSecret(name, arn, "ssm:GetParameters", arn)
    head, _, rest = arn.partition(":secret:")
    secret = rest.split(":")[0]
    # The ARN of a secret ends in six random characters; a name without them needs wildcards.
    resource = f"{head}:secret:{secret}" + ("" if _SUFFIX.search(secret) else "-??????")
    return ContainerSecret(name, arn, "secretsmanager:GetSecretValue", resource)


def _secret_arn(secret: SecretRef) -> str:
    """The ARN of a secret in the stack's account and region, as a fragment."""
    home = "${AWS::Region}:${AWS::AccountId}"
    if secret.store == "ssm":
        return f"arn:${{AWS::Partition}}:ssm:{home}:parameter/{literal(secret.name.lstrip('/'))}"
    key = f":{literal(secret.key)}::" if secret.key else ""
    return f"arn:${{AWS::Partition}}:secretsmanager:{home}:secret:{literal(secret.name)}{key}"
