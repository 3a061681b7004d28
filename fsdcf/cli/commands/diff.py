"""``fsdcf diff``: what CloudFormation will do when one spec replaces another."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import click

from fsdcf.cli.compiled import Compiled, compile_files, content, specs_below
from fsdcf.cli.files import find_specs, print_json, read
from fsdcf.cli.lookup import paths_of
from fsdcf.cli.options import Connection, SpecInputs, at_home, connection_options, format_option, spec_inputs
from fsdcf.cli.render import formats
from fsdcf.cli.render.formats import ComparedPlan
from fsdcf.cli.render.plan import Remarks, plan_lines
from fsdcf.cli.render.stream import on_github, painter, width_of, without_commands
from fsdcf.cli.render.values import shown
from fsdcf.cli.review import against, compared
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.types import record_of
from fsdcf.conventions import ENVIRONMENT_PATTERN, ENVIRONMENTS
from fsdcf.deploy.model import Exit, Outcome, Plan, Target
from fsdcf.pipeline import SourceFile, run
from fsdcf.plan.diff.obstacles import Importers, taken_by
from fsdcf.plan.diff.plan import Review
from fsdcf.plan.diff.sides import DeployedValues
from fsdcf.repository import repository_root
from fsdcf.wording import visible

DATA_AT_RISK = 11
_OWN_CODES = (Exit.DENIED, Exit.INTERRUPTED)
"""Failures with the same exit code in every command; all others are usage errors, 2."""


@click.command()
@spec_inputs("OLD NEW | [NEW...] --deployed | [NEW...] --first", nargs=-1, alone=False)
@click.option("--deployed", is_flag=True, help="Compare NEW with the deployed stack instead of OLD.")
@click.option("--first", is_flag=True, help="Show the first deploy of NEW, without OLD.")
@format_option("text", "markdown", "github", "json", help="Output format of the plan.")
@connection_options
@click.pass_context
def diff_command(
    context: click.Context, /, inputs: SpecInputs, deployed: bool, first: bool, form: str, connection: Connection
) -> None:
    """Show what CloudFormation will do when NEW replaces OLD: first the data at risk, then the change to each resource.

    OLD and NEW are specs, templates compiled by fsdcf, or files in git revisions, such as main:my-service.yml; or two
    folders, such as main:services and services, whose specs are compared by their paths. AWS is called only with
    --deployed. The exit code is 0 without changes, 10 with changes, 11 with data at risk, and 2 for errors.
    """
    inputs = inputs.or_only_spec() if deployed or first else inputs
    if deployed and first:
        raise click.UsageError("--deployed and --first cannot be combined")
    if not (deployed or first) and len(inputs.files) != 2:
        raise click.UsageError("expected OLD and NEW, or NEW with --deployed or --first")
    if not deployed and connection != Connection():
        raise click.UsageError("--profile, --region, --endpoint-url and --sandbox need --deployed")
    if deployed or first:
        news = compile_files(inputs.in_one_environment(), most=None, warnings=False)
        pairs: list[tuple[Compiled | None, Compiled]] = [(None, new) for new in news]
    else:
        pairs = _pairs(inputs)
    for side in (side for pair in pairs for side in pair if side is not None):
        _check(side)
    if deployed:
        plans = [_against_deployed(new, connection) for _, new in pairs]
    else:
        plans = [_of_files(inputs, old, new) for old, new in pairs]
    _print(plans, form)
    updates = [plan.update for plan in plans]
    risky, changed = any(update.risks for update in updates), not all(update.empty for update in updates)
    context.exit(DATA_AT_RISK if risky else int(Exit.CHANGES) if changed else 0)


def _print(plans: Sequence[ComparedPlan], form: str) -> None:
    """Print plans: several one after another, those without changes in one line, and as JSON in a list."""
    if form == "json":
        print_json([formats.record(plan) for plan in plans] if len(plans) != 1 else formats.record(plans[0]))
        return
    unchanged = [plan.new for plan in plans if plan.update.empty and len(plans) > 1]
    if unchanged and form != "github":
        click.echo(f"no changes: {', '.join(unchanged)}")
    for number, plan in enumerate(plan for plan in plans if plan.new not in unchanged):
        if (number or unchanged) and form != "github":
            click.echo()
        if form == "markdown":
            click.echo(formats.text(plan), nl=False)
            continue
        for line in formats.lines(plan) if form == "github" else _text(plan):
            click.echo(without_commands(line) if form == "text" and on_github() else line, color=True)


def _pairs(inputs: SpecInputs) -> list[tuple[Compiled | None, Compiled]]:
    """The two files; or the specs of two folders by their paths, where one that OLD lacks is new.

    Of the environments in the folders, that of the other specs is compared.
    """
    names = [str(file) for file in inputs.files]
    old, new = map(specs_below, names)
    if old is None and new is None:
        two = compile_files(inputs, most=2, warnings=False)
        return [(two[0], two[1])]
    if old is None or new is None:
        folder, other = names if new is None else names[::-1]
        raise click.UsageError(f"{folder!r} is a folder, and {other!r} is not: compare two files, or two folders")
    old, new = (
        {path: name for path, name in side.items() if not _is_other_environment(path, inputs)} for side in (old, new)
    )
    for path in sorted(old.keys() - new.keys()):
        click.echo(f"note: {old[path]} is gone: a deploy leaves its stack as it is; see `fsdcf delete`", err=True)
    paths = [path for path in new if path in old]
    files = (*(old[path] for path in paths), *new.values())
    compiled = compile_files(replace(inputs, files=tuple(map(Path, files))), most=None, warnings=False)
    before = dict(zip(paths, compiled[: len(paths)], strict=True))
    return [(before.get(path), after) for path, after in zip(new, compiled[len(paths) :], strict=True)]


def _is_other_environment(path: str, inputs: SpecInputs) -> bool:
    """Whether a spec in a folder is the file of another environment than the one that the specs are compiled for."""
    own = Path(path)
    return own.parent.name == ENVIRONMENTS and own.stem != inputs.environment_name


def _check(side: Compiled) -> None:
    """Refuse invalid templates, and those of other tools, whose logical ids would all seem to change."""
    with side.checking():
        planned(side.template)
    if not paths_of(side.template):
        raise click.UsageError(f"{side.name!r} was not compiled by fsdcf: its resources have no spec lines")


def _of_files(inputs: SpecInputs, old: Compiled | None, new: Compiled) -> ComparedPlan:
    if old is None:
        return compared("nothing", None, new, DeployedValues(), ())
    return between(old, new, repository_importers(inputs, old))


def repository_importers(inputs: SpecInputs, old: Compiled) -> Importers:
    """A function that finds the stacks that import an export among the specs of the repository, as they are deployed
    with OLD; None if none of them joins the environment."""

    @cache
    def imports() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        if old.result is None or old.result.environment_spec is None:
            return found
        file = SourceFile(old.name, content(old.name))
        services = SpecInputs(environment=old.environment, variables=inputs.variables, new_environment=True)
        for path in find_specs(repository_root(Path.cwd())):
            result = run(replace(services.request(str(path), read(path)), environment_file=file))
            if result.template is not None and result.spec is not None:
                for name in dict.fromkeys(one.name for one in planned(result.template.data).imports):
                    found.setdefault(name, []).append(f"{result.service_name}-{old.environment}")
        return found

    return lambda name: tuple(imports().get(name, ())) if imports() else None


def between(old: Compiled, new: Compiled, importers: Importers | None = None) -> ComparedPlan:
    """The plan of two files. A usage error if they are not valid templates."""
    tags = new.tags if old.tags is None else old.tags
    before, after = _target(old), _target(new)
    if before is None or after is None or before.stack == after.stack:
        return compared(old.title, old, new, DeployedValues(tags=tags or {}), (), importers)
    plan = compared(old.title, old, new, DeployedValues(tags=tags or {}), tuple(_notes(before, after, new)))
    taken = tuple(taken_by(planned(old.template), planned(new.template)))
    return replace(plan, update=replace(plan.update, review=Review(taken)))  # nothing of the old stack is updated


_DESCRIPTION = re.compile(rf"([a-z][a-z0-9-]*) in ({ENVIRONMENT_PATTERN})(?=[:,]|$)")
"""The start of the Description of a compiled template."""


def _target(side: Compiled) -> Target | None:
    """The service and the environment of a side; None if the template does not say."""
    if side.service_name:
        return Target(side.service_name, side.environment)
    match = _DESCRIPTION.match(str(side.template.get("Description", "")))
    return Target(match[1], match[2]) if match else None


def _notes(before: Target, after: Target, new: Compiled) -> Iterator[str]:
    """What a plan between two stacks means: nothing that the old one has moves to the new one."""
    renamed = before.service != after.service
    subject = f"the service is renamed from {before.service} to {after.service}" if renamed else ""
    if before.environment != after.environment:
        subject += (" and " if renamed else "") + (
            f"the environment changes from {before.environment} to {after.environment}"
        )
    yield (
        f"{subject}: a deploy creates or updates the stack {after.stack} and leaves {before.stack} unchanged; the plan "
        "below compares the two as one stack"
    )
    stores = [
        one.name
        for one in planned(new.template).resources.values()
        if (data := record_of(one.type).data) and data.used_by_tasks and not custom_name(one.type, one.properties)
    ]
    if stores:
        yield f"the stack {after.stack} has its own {', '.join(stores)}, without the data of {before.stack}"


def _against_deployed(new: Compiled, connection: Connection) -> ComparedPlan:
    """The plan against the deployed stack. A failure is printed, and ends the command with its exit code."""
    from fsdcf.cli.runtime import attempted

    if not new.service_name:
        raise click.UsageError(f"--deployed needs a spec, which names the service: {new.name!r} is a template")
    plan = attempted(at_home(connection, new.home), lambda aws: against(aws, new))
    if isinstance(plan, Outcome):
        click.echo(f"error: {visible(plan.sentence)}", err=True)
        if plan.advice:
            click.echo(f"help: {visible(plan.advice.text)}", err=True)
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
    remarks = Remarks(review.obstacles, review.unsafe, review.effects, plan.remarks, plan.first)
    whole = Plan("", update.changes, update.risks, first=plan.first is not None)
    yield from plan_lines(whole, plan.places, paint, width_of(sys.stdout), remarks, update.tags)
    if update.outputs:
        yield f"outputs ({len(update.outputs)})"
        yield from (f"  ~ {one.name}: {shown(one.before)} -> {shown(one.after)}" for one in update.outputs)
