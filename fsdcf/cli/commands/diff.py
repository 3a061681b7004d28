"""``fsdcf diff``: what CloudFormation will do when one spec replaces another."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from fsdcf.cli.compiled import Compiled, compile_files
from fsdcf.cli.files import print_json
from fsdcf.cli.lookup import paths_of
from fsdcf.cli.options import Connection, SpecInputs, connection_options, format_option, spec_inputs
from fsdcf.cli.render import formats
from fsdcf.cli.render.formats import ComparedPlan
from fsdcf.cli.render.plan import Remarks, plan_lines
from fsdcf.cli.render.stream import painter, width_of
from fsdcf.cli.render.values import shown, visible
from fsdcf.cli.review import against, compared
from fsdcf.cloudformation.planned import planned
from fsdcf.deploy.model import Exit, Outcome, Plan
from fsdcf.plan.diff.sides import DeployedValues

DATA_AT_RISK = 11
_OWN_CODES = (Exit.DENIED, Exit.INTERRUPTED)
"""Failures with the same exit code in every command; all others are usage errors, 2."""


@click.command()
@spec_inputs("OLD NEW | [NEW] --deployed", nargs=-1, alone=False)
@click.option("--deployed", is_flag=True, help="Compare NEW with the deployed stack instead of OLD.")
@format_option("text", "markdown", "github", "json", help="Output format of the plan.")
@connection_options
@click.pass_context
def diff_command(
    context: click.Context, /, inputs: SpecInputs, deployed: bool, form: str, connection: Connection
) -> None:
    """Show what CloudFormation will do when NEW replaces OLD: first the data at risk, then the change to each resource.

    OLD and NEW are specs, templates compiled by fsdcf, or files in git revisions, such as main:my-service.yml. AWS is
    called only with --deployed. The exit code is 0 without changes, 10 with changes, 11 with data at risk, and 2 for
    errors.
    """
    inputs = inputs.or_only_spec() if deployed else inputs
    if len(inputs.files) != (1 if deployed else 2):
        raise click.UsageError(
            "--deployed expects one file, NEW"
            if deployed
            else "expected two files, OLD and NEW, or NEW with --deployed"
        )
    if not deployed and connection != Connection():
        raise click.UsageError("--profile, --region, --endpoint-url and --sandbox need --deployed")
    sides = compile_files(inputs, most=2, warnings=False)
    for side in sides:
        _check(side)
    plan = _against_deployed(sides[0], connection) if deployed else between(*sides)
    if form == "json":
        print_json(formats.record(plan))
    elif form == "markdown":
        click.echo(formats.text(plan), nl=False)
    else:
        for line in formats.lines(plan) if form == "github" else _text(plan):
            click.echo(line, color=True)
    update = plan.update
    context.exit(DATA_AT_RISK if update.risks else 0 if update.empty else int(Exit.CHANGES))


def _check(side: Compiled) -> None:
    """Refuse invalid templates, and those of other tools, whose logical ids would all seem to change."""
    with side.checking():
        planned(side.template)
    if not paths_of(side.template):
        raise click.UsageError(f"{side.name!r} was not compiled by fsdcf: its resources have no spec lines")


def between(old: Compiled, new: Compiled) -> ComparedPlan:
    """The plan of two files. A usage error if they are not valid templates."""
    tags = new.tags if old.tags is None else old.tags
    return compared(old.title, old, new, DeployedValues(tags=tags or {}), tuple(_notes(old, new)))


def _notes(old: Compiled, new: Compiled) -> Iterator[str]:
    if old.spec and new.spec and old.spec.metadata.name != new.spec.metadata.name:
        before, after = old.spec.metadata.name, new.spec.metadata.name
        yield (
            f"the service is renamed from {before} to {after}: a deploy creates a new stack and leaves "
            f"{before}-{old.environment} unchanged; the plan below compares the two as one stack"
        )


def _against_deployed(new: Compiled, connection: Connection) -> ComparedPlan:
    """The plan against the deployed stack. A failure is printed, and ends the command with its exit code."""
    from fsdcf.cli.runtime import attempted

    if new.spec is None:
        raise click.UsageError(f"--deployed needs a spec, which names the service: {new.name!r} is a template")
    plan = attempted(connection, lambda aws: against(aws, new))
    if isinstance(plan, Outcome):
        click.echo(f"error: {visible(plan.sentence)}", err=True)
        for next in plan.next:
            click.echo(f"next: {visible(next)}", err=True)
        click.get_current_context().exit(int(plan.exit if plan.exit in _OWN_CODES else Exit.USAGE))
    return plan


def _text(plan: ComparedPlan) -> Iterator[str]:
    paint, update = painter(sys.stdout), plan.update
    yield visible(f"{plan.old} -> {plan.new}")
    yield from (paint("note: ", "warn") + visible(note) for note in plan.notes)
    if update.empty:
        yield "no changes: CloudFormation has nothing to do"
        return
    review = update.review
    remarks = Remarks(review.obstacles, review.unsafe, review.effects, plan.remarks)
    whole = Plan("", update.changes, update.risks)
    yield from plan_lines(whole, plan.places, paint, width_of(sys.stdout), remarks, update.tags)
    if update.outputs:
        yield f"outputs ({len(update.outputs)})"
        yield from (f"  ~ {one.name}: {shown(one.before)} -> {shown(one.after)}" for one in update.outputs)
