"""EventBridge Scheduler: schedules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation import cron
from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, mapping, target_of, text_of
from fsdcf.cloudformation.pricing import (
    MILLION,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    number,
    price,
)
from fsdcf.cloudformation.types import DeployPermissions, Part, ResourceType, Simulation

PART: Part = "tasks"
SCHEDULE = "AWS::Scheduler::Schedule"


def run_arguments(schedule: PlannedResource) -> Mapping[str, Any]:
    """The members of RunTask with which a schedule starts a task; empty for one that starts something else."""
    parameters = mapping(schedule.mapping("Target").get("EcsParameters"))
    return {**parameters, "TaskDefinition": parameters["TaskDefinitionArn"]} if parameters else {}


def starts(schedule: PlannedResource) -> str | None:
    """The name of the resource that a schedule starts; None for one that is not in the template."""
    return target_of(schedule.mapping("Target").get("Arn"))


def dead_letters_of(schedule: PlannedResource) -> str | None:
    """The name of the queue that gets what a schedule could not start; None without one in the template."""
    return target_of(mapping(schedule.mapping("Target").get("DeadLetterConfig")).get("Arn"))


def _price_schedules(context: PricingContext, schedules: Resources) -> CostItems:
    for schedule in schedules:
        times = runs_a_month(schedule)
        if not times:
            why = "its schedule is unknown" if times is None else "it is disabled, or starts a single run"
            yield Unpriced(f"Starts of {schedule.name}", why, (schedule.name,))
        else:
            how = f"{number(times)} starts"
            yield context.line("scheduler.invocations", "Scheduler invocations", times / MILLION, how, schedule)


def runs_a_month(schedule: PlannedResource) -> Decimal | None:
    """How often a schedule starts something in an average month; None if its expression is not understood."""
    expression = text_of(schedule.get("ScheduleExpression"))
    if text_of(schedule.get("State")) == "DISABLED" or expression.startswith("at("):
        return Decimal(0)
    try:
        return cron.times_a_year(expression) / 12
    except ValueError:
        return None


RECORDS = (
    ResourceType(
        SCHEDULE,
        PricingRule(
            "tasks",
            _price_schedules,
            (
                price(
                    "scheduler.invocations",
                    "1.00",
                    "million invocations",
                    "aws.amazon.com/eventbridge/pricing; no dated copy was available",
                    "2026-11-30",
                    "after 14 million free for an account",
                    weak=True,
                ),
            ),
            order=2,
        ),
        Simulation(
            attributes={"Arn": "arn:{partition}:scheduler:{region}:{account}:schedule/default/{id}"},
            create=3.0,
            longest_name=64,
        ),
        DeployPermissions(arns=named_by("scheduler", "Name", ("schedule", "schedule/default/{}"))),
    ),
)
