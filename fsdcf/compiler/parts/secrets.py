"""Container secrets: what ECS reads when a container starts, and the permission that it needs for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.arns import RANDOM_END, fields_of_arn
from fsdcf.compiler.text import fragment, intrinsic, literal
from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.service import Service
from fsdcf.language.placeholders import SecretRef, String, Text


@dataclass(frozen=True)
class ContainerSecret:
    """A variable that ECS reads from a store: ``value_from`` and the ``resource`` to permit are fragments, ``origin``
    is the spec path that names it. ``key`` is the ARN of the customer's KMS key that encrypts what a dependency keeps
    there; service.secretKeys has those of the spec's own secrets."""

    name: str
    value_from: str
    action: str
    resource: str
    origin: str
    key: String | None = None


@dataclass(frozen=True)
class SecretSource:
    """A place of the spec that names a secret: the variable that gets the value, or the key of the spec; the path of
    the spec; and the secret as ``valueFrom`` names it, a fragment."""

    name: str
    path: SpecPath
    source: str


def secrets_of(service: Service, added: Iterable[ContainerSecret] = ()) -> list[ContainerSecret]:
    """The secrets in ``secrets`` and in ``environment``, and those that dependencies add unless the spec has a variable
    of the same name, by name."""
    written = [secret_at(each.name, each.source, ".".join(map(str, each.path))) for each in variable_sources(service)]
    chosen = {*service.environment, *(one.name for one in written)}
    return sorted((*written, *(one for one in added if one.name not in chosen)), key=lambda secret: secret.name)


def secret_sources(service: Service) -> list[SecretSource]:
    """Every place of a spec that names a secret: the variables, the registry's credentials, and the secret with which
    the load balancer signs users in."""
    found = list(variable_sources(service))
    auth = service.networking.balancer.auth
    oidc = auth.oidc if auth else None
    sign_in = ("service", "networking", "loadBalancer", "auth", "oidc", "clientSecret")
    others = ((("service", "imageCredentials"), service.image_credentials), (sign_in, oidc and oidc.client_secret))
    return [*found, *(SecretSource(".".join(path), path, _source(text)) for path, text in others if text)]


def variable_sources(service: Service) -> Iterator[SecretSource]:
    """The variables whose values ECS reads, in the order of the spec."""
    for index, secret in enumerate(service.secrets):
        yield SecretSource(secret.name, ("service", "secrets", index), _source(secret.value_from))
    for name, text in service.environment.items():
        if _reference(text):
            yield SecretSource(name, ("service", "environment", name), _source(text))


def image_credentials(service: Service) -> ContainerSecret | None:
    """The secret with which ECS pulls the image; its ``name`` is empty."""
    source = service.image_credentials
    return secret_at("", _source(source), "service.imageCredentials") if source else None


def stores_of(service: Service) -> list[str]:
    """The AWS services, as in ARNs, from which ECS reads secrets for the service."""
    credentials = image_credentials(service)
    return sorted({store_of(one) for one in (*secrets_of(service), *([credentials] if credentials else []))})


def store_of(secret: ContainerSecret) -> str:
    """The AWS service, as in ARNs, from which ECS reads a secret."""
    return secret.action.partition(":")[0]


def plain_environment(service: Service) -> dict[str, String]:
    """The variables of the spec that are not secrets."""
    return {name: text for name, text in service.environment.items() if _reference(text) is None}


def _reference(text: String) -> SecretRef | None:
    """The secret that is the whole value."""
    if isinstance(text, Text) and len(text.parts) == 1 and isinstance(text.parts[0], SecretRef):
        return text.parts[0]
    return None


def _source(text: String) -> str:
    """The source of a secret as a fragment; a placeholder as ``valueFrom`` would name it."""
    reference = _reference(text)
    return literal(reference.source) if reference else fragment(text)


def secret_at(name: str, source: str, origin: str, key: String | None = None) -> ContainerSecret:
    """The secret at a source, a fragment as in ``valueFrom``. One that begins with a placeholder has a whole ARN: that
    of an export, or of a secret that the stack makes.

    The permission is for the secret that Secrets Manager reads for this ARN: an end of a hyphen and six characters
    always counts as the random one, and a name with another end gets a wildcard for it. ECS wants the colons of omitted
    fields.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    fields, length = _fields(source)
    if fields[2:3] == ["ssm"]:
        arn = ":".join(fields)
        return ContainerSecret(name, arn, "ssm:GetParameters", arn, origin, key)
    secret, selection = ":".join(fields[:length]), fields[length:]
    value_from = ":".join([secret, *selection, *[""] * (3 - len(selection))]) if any(selection) else secret
    resource = secret if length == 1 or RANDOM_END.fullmatch(fields[6]) else f"{secret}-??????"
    return ContainerSecret(name, value_from, "secretsmanager:GetSecretValue", resource, origin, key)


def dynamic_reference(text: String) -> Any:
    """The value of a secret in Secrets Manager that CloudFormation reads itself, for a property that takes no ARN.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    source = fragment(text)
    fields, length = _fields(source)
    secret = ":".join(fields[:length]) if source.startswith(("arn", "${")) else fields[6]
    reference = ":".join([secret, "SecretString", *fields[length:]]).rstrip(":")
    return intrinsic(f"{{{{resolve:secretsmanager:{reference}}}}}")


def _fields(source: str) -> tuple[list[str], int]:
    """The fields of a source, and how many of them are the ARN; the others select a part of a secret."""
    fields = fields_of_arn(_arn(source))
    return fields, 1 if fields[0].startswith("${") else 7


def _arn(source: str) -> str:
    """The ARN of a source; a name is one of the stack's account and region."""
    store, _, name = source.partition(":")
    if store == "arn" or source.startswith("${"):
        return source
    home = "${AWS::Region}:${AWS::AccountId}"
    if store == "secretsmanager":
        return f"arn:${{AWS::Partition}}:secretsmanager:{home}:secret:{name}"
    path = name if store == "ssm" else source
    return f"arn:${{AWS::Partition}}:ssm:{home}:parameter/{path.lstrip('/')}"
