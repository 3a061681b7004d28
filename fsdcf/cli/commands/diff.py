"""``fsdcf diff``: what CloudFormation will do when a spec takes another one's place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fsdcf.cli.compiled import Compiled, compiled
from fsdcf.cli.lookup import Origins, paths_of
from fsdcf.cli.options import Connection, compile_options, connection_options
from fsdcf.cli.render import formats
from fsdcf.cli.render.formats import Shown
from fsdcf.cli.render.plan import Remarks, plan_lines
from fsdcf.cli.render.stream import painter, width_of
from fsdcf.cli.render.values import shown, visible
from fsdcf.cloudformation.planned import PlanError, planned
from fsdcf.compiler.service import tags_of
from fsdcf.deploy.model import Exit, Outcome, Plan
from fsdcf.plan.diff.plan import UpdatePlan, plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

DATA_AT_RISK = 11
_OWN_CODES = (Exit.DENIED, Exit.INTERRUPTED)
"""Failures that have a code of their own in every command; all others are errors, 2."""

_FORMS = ["text", "markdown", "github", "json"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="OLD NEW | NEW --deployed")
@compile_options
@click.option("--deployed", is_flag=True, help="Compare with what is deployed instead of OLD.")
@click.option(
    "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="Form of the plan."
)
@connection_options
@click.pass_context
def command(
    context: click.Context,
    files: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    deployed: bool,
    form: str,
    connection: Connection,
) -> None:
    """Show what CloudFormation will do when NEW takes the place of OLD: data at risk first, then what happens to each resource.

    OLD and NEW are specs, templates that fsdcf compiled, or files in git revisions, such as main:my-service.yml. Without --deployed there
    is no call to AWS. Exits with 0 where nothing changes, 10 where something does, 11 where data is at risk, 2 on errors.
    """
    if len(files) != (1 if deployed else 2):
        raise click.UsageError(
            "with --deployed it takes one file, NEW"
            if deployed
            else "it takes two files, OLD and NEW; or NEW and --deployed"
        )
    if not deployed and connection != Connection():
        raise click.UsageError(
            "two files are compared without AWS: --profile, --region, --endpoint-url and --sandbox go with --deployed"
        )
    found = compiled(context, files, environment, overrides, variables, most=2, advice=False)
    for one in found:
        _check(one)
    plan = _against_deployed(found[0], connection) if deployed else between(*found)
    _show(plan, form)
    context.exit(DATA_AT_RISK if plan.found.risks else 0 if plan.found.empty else int(Exit.CHANGES))


def _check(one: Compiled) -> None:
    """Refuses what is no template, and one that fsdcf did not compile: its logical ids are others, and all would seem to change."""
    try:
        planned(one.template)
    except PlanError as error:
        raise click.UsageError(f"{one.name!r} cannot be read as a template: {error}") from None
    if not paths_of(one.template):
        raise click.UsageError(
            f"{one.name!r} is a template that fsdcf did not compile: none of its resources names a line of a spec"
        )


def between(old: Compiled, new: Compiled) -> Shown:
    """The plan of two files. A usage error where they are no templates."""
    new_tags, old_tags = _tags(new), _tags(old)
    tags = new_tags if new_tags is not None else old_tags
    before = DeployedValues(tags=(old_tags if old_tags is not None else tags) or {})
    try:
        found = plan_update(sides_of(old.template, new.template, tags, before))
    except PlanError as error:
        raise click.UsageError(f"{old.title} -> {new.title}: {error}") from None
    return Shown(old.title, new.title, found, Origins(old, new), tuple(_notes(old, new)))


def _tags(one: Compiled) -> dict[str, str] | None:
    """The tags that a deploy gives to the stack; None where there is no spec that says so."""
    return tags_of(one.result.spec, one.environment) if one.result and one.result.spec else None


def _notes(old: Compiled, new: Compiled) -> Iterator[str]:
    names = [one.result.spec.metadata.name if one.result and one.result.spec else None for one in (old, new)]
    if None not in names and names[0] != names[1]:
        yield (
            f"the service is called {names[1]}, no longer {names[0]}: a deploy makes a new stack and leaves {names[0]}-{old.environment} as it "
            "is; the plan below is that of one stack"
        )


def _against_deployed(new: Compiled, connection: Connection) -> Shown:
    """The plan from what is deployed. Any problem on the way there is shown, and leaves with its exit code."""
    from fsdcf.cli.runtime import attempted

    if new.result is None or new.result.spec is None:
        raise click.UsageError(f"--deployed needs a spec, which names the service: {new.name!r} is a template")
    shown: list[Shown] = []

    def act(aws: Aws) -> Outcome:
        from fsdcf.cli.deployed import against

        shown.append(against(aws, new))
        return Outcome(Exit.DONE, "")

    outcome = attempted(connection, act)
    if not shown:
        click.echo(f"error: {visible(outcome.sentence)}", err=True)
        for next in outcome.next:
            click.echo(f"next: {visible(next)}", err=True)
        click.get_current_context().exit(int(outcome.exit if outcome.exit in _OWN_CODES else Exit.USAGE))
    return shown[0]


def _show(plan: Shown, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(formats.record(plan), indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(formats.text(plan), nl=False)
    elif form == "github":
        for line in formats.lines(plan):
            click.echo(line)
    else:
        _print(plan)


def _print(plan: Shown) -> None:
    paint = painter(sys.stdout)
    click.echo(visible(f"{plan.old} -> {plan.new}"))
    for note in plan.notes:
        click.echo(paint("note: ", "warn") + visible(note))
    found = plan.found
    if found.empty:
        click.echo("no changes: CloudFormation would find nothing to do")
        return
    remarks = Remarks(found.review, plan.remarks)
    for line in plan_lines(Plan("", found.changes, found.risks), plan.places, paint, width_of(sys.stdout), remarks):
        click.echo(line, color=True)
    for line in _beside(found):
        click.echo(line)


def _beside(found: UpdatePlan) -> Iterator[str]:
    """What changes beside the resources."""
    if found.outputs:
        yield f"outputs ({len(found.outputs)})"
        for one in found.outputs:
            yield f"  ~ {one.name}: {shown(one.before)} -> {shown(one.after)}"
    if found.tags:
        yield "the tags of the stack change"
