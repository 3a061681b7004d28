"""The account and the region of an environment, which its file sets for every command that talks to AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fsdcf.cli.files import environment_file
from fsdcf.language import placeholders
from fsdcf.language.environment import name_of
from fsdcf.language.model.environment import Environment
from fsdcf.language.shape import names_of
from fsdcf.language.source import parse
from fsdcf.suggested import suggested
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.cli.options import Connection
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.model import Outcome
    from fsdcf.pipeline import SourceFile


@dataclass(frozen=True)
class Home:
    """What the file of an environment says to the commands that talk to AWS; a key that it lacks is None or False."""

    file: str
    account: str | None = None
    region: str | None = None
    protected: bool = False
    artifacts_bucket: str | None = None

    def connection(self, connection: Connection) -> Connection:
        """The connection into the environment's region. A usage error if the command line names another one, or another
        account."""
        if self.account and connection.account and self.account != connection.account:
            raise click.UsageError(
                f"--account {connection.account}: the environment is in {self.account} ({visible(self.file)})"
            )
        if self.region is None or connection.region == self.region:
            return connection
        if connection.region:
            raise click.UsageError(
                f"--region {connection.region}: the environment is in {self.region} ({visible(self.file)})"
            )
        return replace(connection, region=self.region)

    def refusal(self, connection: Connection, aws: Aws) -> Outcome | None:
        """The outcome if the credentials belong to another account; None if they do not, and in the sandbox."""
        from fsdcf.deploy.model import Exit, Outcome

        wanted = self.account or connection.account
        if wanted is None or connection.sandbox:
            return None
        account = aws.account()
        if account == wanted:
            return None
        place = f"the environment is in the account {self.account} ({visible(self.file)})"
        place = place if self.account else f"--account is {wanted}"
        sentence = f"{place}, and the credentials are of {account}"
        return Outcome(Exit.REFUSED, sentence, next=("aws sts get-caller-identity",))


NOWHERE = Home("")
"""An environment without a file."""


def home_of(environment: str, folder: Path) -> Home:
    """The home of an environment by the file for the specs in a folder."""
    return home_in(environment_file(environment, folder))


def home_in(file: SourceFile | None) -> Home:
    """The home that a file of an environment describes. Other keys of the file may be wrong.

    A usage error for a file that cannot be read, and for a wrong account or region.
    """
    if file is None:
        return NOWHERE
    document = parse(file.raw, file.name)[0]
    if document is None:
        raise click.UsageError(f"{visible(file.name)} is not valid; run `{suggested('validate', file.name)}`")
    keys, variables = names_of(Environment), {"ENV": name_of(document) or ""}
    found: dict[str, str | bool] = {}
    for name in ("account", "region", "protected", "artifactsBucket"):
        path = ("environment", name)
        value = document.value(path)
        if value is None:
            continue
        text, problems = placeholders.parse(document.marks[path].text or "", variables)
        if problems or not isinstance(text, str):
            raise click.UsageError(
                f"`{name}` in {visible(file.name)} must be known without variables: write the value itself"
            )
        valid = isinstance(value, bool) if name == "protected" else re.fullmatch(keys[name].key.pattern, text)
        if not valid:
            command = suggested("validate", file.name)
            raise click.UsageError(f"`{name}` in {visible(file.name)} is not valid; run `{command}`")
        found[keys[name].attribute] = value if isinstance(value, bool) else text
    return Home(file.name, **found)  # type: ignore[arg-type]
