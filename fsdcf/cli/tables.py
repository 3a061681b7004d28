"""A DynamoDB table by the spec: its name, and the key that the spec gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable, managed
from fsdcf.compiler.text import fragment
from fsdcf.spec.model import Spec
from fsdcf.spec.names import local_name, logical_id
from fsdcf.storage.migration.model import Table

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

_PSEUDO = re.compile(r"\$\{AWS::(AccountId|Region|Partition)\}")


@dataclass(frozen=True)
class Named:
    """A table whose name may hold pseudo parameters, as ``${AWS::AccountId}-orders`` does, until an account is known."""

    table: Table

    @property
    def open(self) -> bool:
        """Whether the name depends on the account or the region."""
        return bool(_PSEUDO.search(self.table.name))

    def at(self, aws: Aws) -> Table:
        """The table in an account and a region. Asks STS where the name holds the account."""

        def value(found: re.Match[str]) -> str:
            if found[1] == "AccountId":
                return str(aws.call("sts", "GetCallerIdentity")["Account"])
            return aws.region if found[1] == "Region" else aws.partition

        return replace(self.table, name=_PSEUDO.sub(value, self.table.name))


def named(spec: Spec, name: str, file: str) -> Named:
    """The table of a spec that ``name`` means: by its name in the spec, in AWS, or its logical id. A usage error where there is none."""
    found = {}
    for one in spec.dependencies:
        if isinstance(one, DynamoDbTable):
            table = _table(one)
            local = local_name(one.name)
            if name in (local, table.name, logical_id(local, "Table")):
                return Named(table)
            if re.fullmatch("[A-Za-z0-9-]+".join(map(re.escape, _PSEUDO.split(table.name)[::2])), name):
                return Named(replace(table, name=name))
            found[local] = table
    if not found:
        raise click.UsageError(f"{file!r} has no dependency aws_dynamodb_table; add the table, and deploy it first")
    raise click.UsageError(f"--table {name!r}: {file!r} has {', '.join(found)}")


def _table(one: DynamoDbTable) -> Table:
    """A table with its key; one that the spec does not manage has the key that AWS tells."""
    name = fragment(one.name, {}).replace("${!", "${")
    if not managed(one):
        return Table(name)
    types = {attribute.name: attribute.type for attribute in one.attributes}
    keys = tuple((element.name, types[element.name]) for element in one.key_schema)
    return Table(name, keys, tuple(sorted((key, type) for key, type in types.items() if (key, type) not in keys)))
