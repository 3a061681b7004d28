"""Plans against a deployed stack, with a review: what blocks a change, and what a rollback does not undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import Compiled, environments_joined
from fsdcf.cli.lookup import ChangeLines
from fsdcf.cli.render.formats import ComparedPlan
from fsdcf.cli.render.plan import Remarks, Reviewed
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.parameters import stored_name
from fsdcf.cloudformation.partitions import domain_of
from fsdcf.cloudformation.planned import PlanError, planned_together
from fsdcf.cloudformation.references import section_of
from fsdcf.deploy.model import Place, PlanCreated, Target
from fsdcf.diagnostics import joined
from fsdcf.plan.diff.obstacles import Importers
from fsdcf.plan.diff.plan import plan_update, review_changes
from fsdcf.plan.diff.sides import DeployedValues, sides_of
from fsdcf.plan.exposure import FirstDeploy, first_deploy

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


def against(aws: Aws, new: Compiled) -> ComparedPlan:
    """The plan of a deploy of a spec that keeps the image. A usage error if the stack belongs to another service."""
    from fsdcf.deploy.pause import kept_paused, pause_of
    from fsdcf.deploy.state import deployed_template, importers, physical_ids, snapshot

    target = Target(new.service_name, new.environment)
    stack = snapshot(aws, target.stack)
    if stack is None or stack.in_review:
        note = f"the stack {target.stack} does not exist yet: a deploy creates every resource"
        return compared(target.stack, None, new, DeployedValues(), (note,))
    if not stack.belongs_to(target):
        raise click.UsageError(
            f"the stack {stack.name} has tags of another service: it is not {target.service} in {target.environment}"
        )
    template = deployed_template(aws, stack.name)
    if template is None:
        raise click.UsageError(f"cannot read the template of the stack {stack.name}")
    pseudo = {
        "AWS::AccountId": stack.account,
        "AWS::Partition": aws.partition,
        "AWS::Region": aws.region,
        "AWS::StackId": stack.arn,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": domain_of(aws.partition),
    }
    known = {name: value for name, value in pseudo.items() if value}
    deployed = DeployedValues(stack.parameters, stack.tags, physical_ids(aws, stack.name) or {}, known)
    old = Compiled(f"{stack.name} ({stack.status})", new.environment, template)
    notes: tuple[str, ...] = ()
    if pause := pause_of(stack):
        new = replace(new, template=kept_paused(new.template, pause))
        notes = (f"the service is paused {pause.text}: a deploy starts no task",)
    return compared(old.name, old, new, deployed, notes, partial(importers, aws))


def compared(
    title: str,
    old: Compiled | None,
    new: Compiled,
    deployed: DeployedValues,
    notes: tuple[str, ...],
    ask: Importers | None = None,
) -> ComparedPlan:
    """The plan of the change from OLD, by its title, to NEW. A usage error if one is not a valid template."""
    tags = new.tags if new.tags is not None or old is None else old.tags
    try:
        plan = plan_update(sides_of(old.template if old else None, new.template, tags, deployed), ask)
    except PlanError as error:
        raise click.UsageError(f"{title} -> {new.title}: {error}") from None
    first = _first(new) if old is None else None
    stored = tuple(_of_stored_values(new.template)) if old is not None else ()
    return ComparedPlan(title, new.title, plan, ChangeLines(old, new), (*notes, *stored), first)


def _of_stored_values(template: Mapping[str, Any]) -> Iterator[str]:
    """What a plan does not show of the parameters whose values CloudFormation reads at the deploy."""
    names = [name for name in map(stored_name, section_of(template, "Parameters").values()) if name]
    if names:
        listed, them = joined(sorted(names), "and"), "them" if len(names) > 1 else "it"
        yield (
            f"CloudFormation reads {listed} from the Parameter Store at each deploy: if the value has changed, what "
            f"uses {them} changes too"
        )


def introduced(event: PlanCreated, new: Compiled) -> PlanCreated:
    """The plan of a first deploy with what it exposes and allows."""
    try:
        return Reviewed(event.plan, event.places, Remarks(first=_first(new)))
    except PlanError:
        return event


def _first(new: Compiled) -> FirstDeploy:
    """What a first deploy exposes and allows; also through what it shares."""
    return first_deploy(planned_together({"": new.template, **environments_joined([new])}))


def monthly_cost(new: Compiled, region: str) -> str:
    """What a stack costs in a month; empty for a template that cannot be priced."""
    from fsdcf.plan.cost.estimate import estimates_of
    from fsdcf.plan.cost.prices import assumed, shipped
    from fsdcf.plan.cost.report import span

    prices = shipped()
    try:
        around = environments_joined([new])
        total = estimates_of({new.title: new.template}, prices, assumed(()), region, around)[new.title].total
    except PlanError:
        return ""
    elsewhere = f" at the prices of {prices.region}" if region != prices.region else ""
    what = "the stack adds" if around else "the stack costs"
    return f"{what} about {span(total)} {prices.currency} a month{elsewhere}"


def reviewed(
    event: PlanCreated, new: Compiled, template: Mapping[str, object], pseudo: Mapping[str, str], ask: Importers
) -> PlanCreated:
    """A plan with the review that ``fsdcf diff`` makes of it.

    ``template`` is the deployed template, ``pseudo`` are the known pseudo parameters; ``ask`` finds the importers of an
    export.
    """
    plan = event.plan
    lines = ChangeLines(Compiled("", new.environment, template), new)
    places: dict[str, Place] = {**event.places, **lines.of_changes(plan.changes)}
    try:
        sides = sides_of(template, new.template, deployed=DeployedValues(pseudo=pseudo))
        review = review_changes(plan.changes, plan.risks, sides, ask)
    except (EvaluationError, PlanError, TypeError, AttributeError, KeyError, RecursionError):
        return Reviewed(plan, places)  # the deployed template is not readable: the change set alone is shown
    remarks = Remarks(review.obstacles, review.unsafe, review.effects, lines.of_review(review))
    return Reviewed(plan, places, remarks)
