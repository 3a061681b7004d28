"""The plan from what is deployed: the stack's template, parameters and tags, read from AWS or the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fsdcf.cli.compiled import Compiled
from fsdcf.cli.lookup import Origins
from fsdcf.cli.render.formats import Shown
from fsdcf.cloudformation.planned import PlanError
from fsdcf.compiler.service import tags_of
from fsdcf.deploy.model import Target
from fsdcf.plan.diff.obstacles import Importers
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.state import Snapshot


def against(aws: Aws, new: Compiled) -> Shown:
    """The plan that a deploy of a spec would have, with its image as it is. A usage error where the stack is not ours."""
    from fsdcf.deploy.state import deployed_template, physical_ids, snapshot

    assert new.result is not None and new.result.spec is not None  # noqa: S101 - the command asked for a spec
    target = Target(new.result.spec.metadata.name, new.environment)
    tags = tags_of(new.result.spec, new.environment)
    stack = snapshot(aws, target.stack)
    if stack is None or stack.in_review:
        return _shown(
            new,
            None,
            DeployedValues(),
            tags,
            target.stack,
            (f"there is no stack {target.stack} yet: a deploy makes everything",),
        )
    if not stack.belongs_to(target):
        raise click.UsageError(
            f"the stack {stack.name} is not that of {target.service} in {target.environment}, by its tags"
        )
    template = deployed_template(aws, stack.name)
    if template is None:
        raise click.UsageError(f"the template of the stack {stack.name} cannot be read")
    known = DeployedValues(stack.parameters, stack.tags, physical_ids(aws, stack.name) or {}, _pseudo(aws, stack))
    old = Compiled(f"{stack.name} ({stack.status})", new.environment, template)
    return _shown(new, old, known, tags, old.name, (), importers(aws))


def importers(aws: Aws) -> Importers:
    """Asks which stacks import an export."""
    from fsdcf.deploy.aws import ApiError

    def ask(name: str) -> tuple[str, ...] | None:
        try:
            return tuple(aws.call("cloudformation", "ListImports", ExportName=name).get("Imports") or ())
        except ApiError as error:
            return None if error.denied else ()  # CloudFormation calls an export without importers an error

    return ask


def _shown(
    new: Compiled,
    old: Compiled | None,
    known: DeployedValues,
    tags: dict[str, str],
    title: str,
    notes: tuple[str, ...],
    ask: Importers | None = None,
) -> Shown:
    try:
        found = plan_update(sides_of(old.template if old else None, new.template, tags, known), ask)
    except PlanError as error:
        raise click.UsageError(f"{title} -> {new.title}: {error}") from None
    return Shown(title, new.title, found, Origins(old, new), notes)


def _pseudo(aws: Aws, stack: Snapshot) -> dict[str, str]:
    told = {
        "AWS::AccountId": stack.account,
        "AWS::Partition": stack.arn.split(":")[1] if stack.arn.count(":") > 1 else "",
        "AWS::Region": aws.region,
        "AWS::StackId": stack.arn,
        "AWS::StackName": stack.name,
    }
    return {name: value for name, value in told.items() if value}
