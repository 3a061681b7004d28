"""The secrets outside of a stack that its template names: those that ECS reads when a task starts, and those that
CloudFormation reads itself, by a dynamic reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fsdcf.cloudformation.arns import ACCOUNT, PARTITION, RANDOM_END, REGION, arn, fields_of_arn, text
from fsdcf.cloudformation.references import section_of, steps
from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types.secretsmanager import SECRET
from fsdcf.cloudformation.types.ssm import PARAMETER

SSM, SECRETS_MANAGER = "ssm", "secretsmanager"
"""The stores, by their names in ARNs."""

_SOURCES = ("ValueFrom", "CredentialsParameter")
"""The properties of ECS that name a secret: of a container or of its log driver, and the credentials of a registry."""

_READERS = {
    "CredentialsParameter": "service.imageCredentials",
    "AuthenticateOidcConfig": "service.networking.loadBalancer.auth.oidc.clientSecret",
}
"""The keys of the spec for secrets without a variable, by a property on the way to them."""

_DYNAMIC = re.compile(r"\{\{resolve:(ssm|secretsmanager)(?:-secure)?:((?:\$\{[^{}]*\}|[^{}])+)\}\}")
_REFERENCE, _OF_AWS = re.compile(r"/?aws/reference/secretsmanager/(.+)"), "/aws/"
"""How the parameters begin for secrets of Secrets Manager, and those of AWS, which no account lists.
Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html"""


class SourceFields(NamedTuple):
    """What a source says of its secret; the fields are those of NamedSecret."""

    store: str
    name: str
    region: str
    account: str
    key: str
    stage: str
    version: str
    in_arn: bool


class NamedSecret(NamedTuple):
    """A secret that a template names.

    ``store`` is ``ssm`` or ``secretsmanager``, ``name`` the name of the parameter or secret as a fragment; ``region``
    and ``account`` are empty for those of the stack. ``key`` is a key of a secret's JSON. ``stage`` and ``version``
    select a version, and are empty for the current one. ``variable`` is the variable of the container that has the
    value; empty for the credentials of a registry and for a dynamic reference. ``path`` leads to the property of the
    resource ``logical_id`` that names it, ``in_arn`` whether by an ARN. ``id`` is empty where it is not known.
    """

    store: str
    name: str
    region: str
    account: str
    key: str
    stage: str
    version: str
    variable: str
    logical_id: str
    path: tuple[str | int, ...]
    in_arn: bool = False
    id: str = ""

    @property
    def reader(self) -> str:
        """What has the value, as ``fsdcf secret`` calls it: the variable, or the key of the spec; empty for neither."""
        return self.variable or next((key for name, key in _READERS.items() if name in self.path), "")

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where it is stored, which is the same for all that read a key or a version of it."""
        return self.store, self.name, self.region, self.account

    def within(self, region: str, account: str, partition: str) -> NamedSecret:
        """The secret as one that a stack in this region and account names, with the ``id`` by which calls identify it.

        An empty account is not known. The name in an ARN may end in the random characters, which a name does not have.
        """
        name = self.name.replace(REGION, region).replace(ACCOUNT, account or ACCOUNT).replace(PARTITION, partition)
        owner = self.account or account
        is_whole = self.store == SECRETS_MANAGER and self.in_arn and RANDOM_END.fullmatch(name) is not None
        by_arn = self.account not in ("", account) or is_whole
        whole = f"arn:{partition}:{self.store}:{self.region or region}:{owner}:secret:{name}" if owner else ""
        return self._replace(
            name=name,
            region="" if self.region == region else self.region,
            account="" if self.account == account else self.account,
            id="" if "${" in name else whole if by_arn else name,
        )

    @property
    def arns(self) -> tuple[str, ...]:
        """What IAM calls it, as fragments: a secret also as long as it does not exist and has no six random characters.

        Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
        """
        where = (self.region or REGION, self.account or ACCOUNT)
        if self.store == SSM:
            return (arn(SSM, f"parameter/{self.name.lstrip('/')}", *where),)
        whole = arn(SECRETS_MANAGER, f"secret:{self.name}", *where)
        return (whole,) if RANDOM_END.fullmatch(self.name) else (whole, f"{whole}-??????")


def named_secrets(template: Mapping[str, Any]) -> tuple[NamedSecret, ...]:
    """The secrets that a template names, in its order, without those that it makes itself."""
    made = {
        text(one.get("Properties", {}).get("Name")) for type in (PARAMETER, SECRET) for one in of_type(template, type)
    }
    return tuple(
        secret
        for logical_id, resource in section_of(template, "Resources").items()
        for path, source in _sources(resource.get("Properties"), resource.get("Type", "").startswith("AWS::ECS::"))
        if (secret := _secret(*source, logical_id, path)) is not None and secret.name not in made
    )


_Source = tuple[str, Sequence[str], str]
"""A store, the fields of an ARN or a name with those of a version, and a variable."""


def _sources(
    value: Any, in_ecs: bool, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], _Source]]:
    """What names a secret in a property. A name that is known only after the deploy is that of no existing secret."""
    if isinstance(value, str) or (isinstance(value, Mapping) and set(value) == {"Fn::Sub"}):
        for store, written in _DYNAMIC.findall(text(value)):
            fields = fields_of_arn(written)
            selected = (7 if fields[0] == "arn" else 1) if store == SECRETS_MANAGER else len(fields)
            yield path, (store, (*fields[:selected], *fields[selected + 1 :]), "")  # without SecretString
        return
    for key, child in steps(value):
        if in_ecs and key in _SOURCES:
            yield (*path, key), (SSM, fields_of_arn(text(child)), str(value.get("Name", "")))
        else:
            yield from _sources(child, in_ecs, (*path, key))


def _secret(
    store: str, fields: Sequence[str], variable: str, logical_id: str, path: tuple[str | int, ...]
) -> NamedSecret | None:
    """The secret of a source; None for one that is not known, and for a parameter of AWS."""
    found = read_source(store, fields)
    name = found.name
    if found.store not in (SSM, SECRETS_MANAGER) or not name or "*" in name or name.startswith(_OF_AWS):
        return None
    return NamedSecret(*found[:7], variable, logical_id, path, found.in_arn)


def read_source(store: str, fields: Sequence[str]) -> SourceFields:
    """What the fields of an ARN, or a name in a store with the fields of a version, say of a secret.

    A parameter for a secret of Secrets Manager is that secret.
    """
    region = account = ""
    in_arn = fields[0] == "arn"
    if in_arn:
        _, _, store, region, account, *fields = (*fields, *[""] * (6 - len(fields)))
        region, account = region.replace(REGION, ""), account.replace(ACCOUNT, "")
        fields = fields[1:] if store == SECRETS_MANAGER else (fields[0].removeprefix("parameter"), *fields[1:])
    name, *selection = (*fields, *[""] * 4)
    if store == SSM and (reference := _REFERENCE.fullmatch(name)):
        return SourceFields(SECRETS_MANAGER, reference[1], region, account, "", "", "", in_arn)
    key, stage, version = ("", "", selection[0]) if store == SSM else selection[:3]
    return SourceFields(store, name, region, account, key, stage, version, in_arn)


def parameter_names(name: str) -> tuple[str, ...]:
    """The names that a parameter may have, by its name in an ARN, which is the same for ``/name`` and ``name``."""
    bare = name.removeprefix("/")
    return (name,) if "/" in bare else (f"/{bare}", bare)
