"""Container secrets: what ECS reads when a container starts, and the permission that it needs for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from fsdcf.cloudformation.arns import RANDOM_END, fields_of_arn
from fsdcf.compiler.access import reads_itself
from fsdcf.compiler.stack import origin_of, runs_service
from fsdcf.compiler.text import fragment, intrinsic, literal
from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.common import StoredValue
from fsdcf.language.model.container import Container
from fsdcf.language.model.service import Service, Spec
from fsdcf.language.names import local_name, variable
from fsdcf.language.placeholders import Attribute, SecretRef, String, Text


@dataclass(frozen=True)
class ContainerSecret:
    """A variable that ECS reads from a store: ``value_from`` and the ``resource`` to permit are fragments, ``origin``
    is the spec path that names it. ``key`` is the ARN of the customer's KMS key that encrypts what a dependency keeps
    there, or a value for it; service.secretKeys has those of the spec's own secrets. ``attribute`` is the
    placeholder of the dependency for the value."""

    name: str
    value_from: str
    action: str
    resource: str
    origin: str
    key: Any = None
    attribute: Attribute | None = None


@dataclass(frozen=True)
class SecretSource:
    """A place of the spec that names a secret: the variable that gets the value, or the key of the spec; the path of
    the spec; and the secret as ``valueFrom`` names it, a fragment."""

    name: str
    path: SpecPath
    source: str


def secrets_of(container: Container, added: Iterable[ContainerSecret] = ()) -> list[ContainerSecret]:
    """The secrets in ``secrets`` and in ``environment`` of a container, by name.

    Of those that dependencies add, one that runs the service has every one, unless the spec has a variable of the same
    name; any container has those that its variables ask for.
    """
    added, origin = list(added), origin_of(container)
    written = list(map(_at, variable_sources(container, tuple(origin.split(".")))))
    passwords = {one.attribute: one for one in added}
    for name, text in container.environment.items():
        if (attribute := _password(text)) in passwords and attribute is not None:
            written.append(replace(passwords[attribute], name=name, origin=f"{origin}.environment.{name}"))
    chosen = {*container.environment, *(one.name for one in written)}
    own = [one for one in added if one.name not in chosen] if runs_service(container) else []
    return sorted((*written, *own), key=lambda secret: secret.name)


def all_secrets(service: Service, added: Iterable[ContainerSecret] = ()) -> list[ContainerSecret]:
    """The secrets of every container, and those of the log driver. Dependencies add theirs to the image of the
    service. A secret of several containers is listed once."""
    every = [secrets_of(one, added) for _, one in service.containers]
    found = [*chain.from_iterable(every), *log_options(service)]
    return list({(one.name, one.value_from, one.origin): one for one in found}.values())


def secret_sources(service: Service) -> list[SecretSource]:
    """Every place of a spec that names a secret: the variables and the registry's credentials of each container, the
    options of the log driver, and the secret with which the load balancer signs users in."""
    found: list[SecretSource] = []
    for path, container in service.containers:
        found += variable_sources(container, path)
    found += log_sources(service)
    auth = service.networking.balancer.auth
    oidc = auth.oidc if auth else None
    sign_in: SpecPath = ("service", "networking", "loadBalancer", "auth", "oidc", "clientSecret")
    others: list[tuple[SpecPath, String | None]]
    others = [((*path, "imageCredentials"), one.image_credentials) for path, one in service.containers]
    others.append((sign_in, oidc.client_secret if oidc else None))
    return [*found, *(SecretSource(".".join(map(str, path)), path, source_of(text)) for path, text in others if text)]


def existing_sources(spec: Spec) -> list[SecretSource]:
    """The existing secrets and parameters among the dependencies whose values the container gets."""
    found = []
    for index, each in enumerate(spec.dependencies):
        if isinstance(each, StoredValue) and each.unmanaged is not None and not reads_itself(each):
            name = each.variable or variable(local_name(each.name), each.suffix)
            found.append(SecretSource(name, ("dependencies", index), each.existing_source))
    return found


def variable_sources(container: Container, at: SpecPath) -> Iterator[SecretSource]:
    """The variables of the container at a spec path whose values ECS reads, in the order of the spec."""
    for index, secret in enumerate(container.secrets):
        yield SecretSource(secret.name, (*at, "secrets", index), source_of(secret.value_from))
    for name, text in container.environment.items():
        if _reference(text):
            yield SecretSource(name, (*at, "environment", name), source_of(text))


def log_sources(service: Service) -> Iterator[SecretSource]:
    """The options of the log driver whose values ECS reads, in the order of the spec."""
    for index, option in enumerate(service.observability.logs.secret_options):
        path: SpecPath = ("service", "observability", "logs", "secretOptions", index)
        yield SecretSource(option.name, path, source_of(option.value_from))


def log_options(service: Service) -> list[ContainerSecret]:
    """The options of the log driver whose values ECS reads, by name."""
    return sorted(map(_at, log_sources(service)), key=lambda secret: secret.name)


def image_credentials(container: Container) -> ContainerSecret | None:
    """The secret with which ECS pulls the image of a container; its ``name`` is empty."""
    source = container.image_credentials
    return secret_at("", source_of(source), f"{origin_of(container)}.imageCredentials") if source else None


def credentials_of(service: Service) -> list[ContainerSecret]:
    """The secrets with which ECS pulls the images of a task, each once."""
    found = (image_credentials(container) for _, container in service.containers)
    return list({one.value_from: one for one in found if one is not None}.values())


def stores_of(service: Service) -> list[str]:
    """The AWS services, as in ARNs, from which ECS reads secrets and files with variables for the service."""
    stores = {store_of(one) for one in (*all_secrets(service), *credentials_of(service))}
    return sorted(stores | {"s3" for _, container in service.containers if container.environment_files})


def store_of(secret: ContainerSecret) -> str:
    """The AWS service, as in ARNs, from which ECS reads a secret."""
    return secret.action.partition(":")[0]


def plain_environment(container: Container) -> dict[str, String]:
    """The variables of a container in the spec that are not secrets."""
    secret = {name for name, text in container.environment.items() if _reference(text) or _password(text)}
    return {name: text for name, text in container.environment.items() if name not in secret}


def _password(text: String) -> Attribute | None:
    """The password of a dependency that is the whole value."""
    part = text.parts[0] if isinstance(text, Text) and len(text.parts) == 1 else None
    return part if isinstance(part, Attribute) and part.is_secret else None


def _reference(text: String) -> SecretRef | None:
    """The secret that is the whole value."""
    if isinstance(text, Text) and len(text.parts) == 1 and isinstance(text.parts[0], SecretRef):
        return text.parts[0]
    return None


def _at(source: SecretSource) -> ContainerSecret:
    return secret_at(source.name, source.source, ".".join(map(str, source.path)))


def source_of(text: String) -> str:
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
