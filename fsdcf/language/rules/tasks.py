"""Rules about the size, number and replacement of tasks."""

from __future__ import annotations

from math import ceil

from fsdcf.cloudformation.limits import FARGATE_MEMORY, fargate_memory
from fsdcf.language.dependency import SqliteFile
from fsdcf.language.model.service import AutoScaling
from fsdcf.language.rules.case import Case, Problem, Problems, in_production, rule


@rule(
    "S203",
    "cpu and memory that Fargate does not combine",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size",
    "Fargate offers these amounts of memory, in MiB, for each number of CPU units: "
    + "; ".join(f"{cpu} with {fargate_memory(cpu)}" for cpu in FARGATE_MEMORY)
    + ". cfn-lint reports an invalid combination too, but without the line in the spec.",
)
def fargate_size(case: Case) -> Problems:
    """Require a pair of CPU and memory that Fargate offers."""
    resources = case.service.resources
    if resources.memory in FARGATE_MEMORY[resources.cpu]:
        return
    path = "service.resources.memory" if case.wrote("service.resources.memory") else "service.resources.cpu"
    others = [str(cpu) for cpu, memories in FARGATE_MEMORY.items() if resources.memory in memories]
    hint = f"with cpu {resources.cpu} use {fargate_memory(resources.cpu)}"
    hint += f"; {resources.memory} MiB is available with cpu {' or '.join(others)}" if others else ""
    yield Problem(path, f"Fargate does not offer {resources.memory} MiB with {resources.cpu} CPU units", hint)


@rule("S205", "a minimum above its maximum", kinds=("Service",))
def scaling_bounds(case: Case) -> Problems:
    """The minimum of auto scaling must not be above the maximum."""
    auto = case.service.auto_scaling
    if auto and auto.min_count > auto.max_count:
        key = "minCount" if case.wrote("service.autoScaling.minCount") else "maxCount"
        message = f"minCount {auto.min_count} is above maxCount {auto.max_count}"
        yield Problem(f"service.autoScaling.{key}", message, "lower minCount or raise maxCount")


@rule(
    "S212",
    "a deployment that cannot progress",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html",
    kinds=("Service",),
)
def stuck_deployment(case: Case) -> Problems:
    """If the minimum is not below the maximum, ECS can neither start a new task nor stop an old one, and the deployment
    never ends. ECS rounds the minimum up and the maximum down to whole tasks: of one task, 50 % and 150 % are both one
    task."""
    if single_writers(case):
        return
    deployment = case.service.deployment
    least = 100 if deployment.minimum_healthy_percent is None else deployment.minimum_healthy_percent
    most = 200 if deployment.maximum_percent is None else deployment.maximum_percent
    count = max(1, least_count(case))
    if ceil(count * least / 100) >= count * most // 100:
        key = "maximumPercent" if case.wrote("service.deployment.maximumPercent") else "minimumHealthyPercent"
        message = f"{least} % to {most} % of {count} task{'s' * (count > 1)} leave no room to replace a task"
        hint = "raise maximumPercent (start first), or lower minimumHealthyPercent (stop first)"
        yield Problem(f"service.deployment.{key}", message, hint)


def fixed_count(case: Case) -> int:
    """Return the number of tasks when auto scaling does not set it."""
    if single_writers(case):
        return 1
    desired = case.service.resources.desired_count
    return 2 if desired is None else desired


def least_count(case: Case) -> int:
    """Return the number of tasks that the service always has."""
    auto = case.service.auto_scaling
    return fixed_count(case) if auto is None else auto.least


def single_writers(case: Case) -> list[str]:
    """Return the names of the SQLite databases that allow only one task."""
    return [str(database.name) for _, database in case.having(SqliteFile) if not database.ephemeral]


@rule("W102", "a single task in production", only=in_production, kinds=("Service",))
def single_task(case: Case) -> Problems:
    """With a single task, every replacement of the task and every failure of its zone is an outage."""
    auto, count = case.service.auto_scaling, fixed_count(case)
    if auto is None and count <= 1:
        hint = "run at least two"
        if single_writers(case):
            hint = "SQLite allows a single writer: to run two tasks, use another store, such as DynamoDB"
        yield Problem("service.resources.desiredCount", f"a single task in {case.environment}", hint, key=True)
    elif auto is not None and auto.least <= 1:
        message = f"auto scaling may leave a single task in {case.environment}"
        yield Problem("service.autoScaling.minCount", message, "set minCount to at least 2", key=True)


@rule("W103", "no auto scaling in production", only=in_production, kinds=("Service",))
def no_scaling(case: Case) -> Problems:
    """A fixed number of tasks is too many at night and too few at peak load."""
    auto, count = case.service.auto_scaling, fixed_count(case)
    if auto is None and not single_writers(case):
        message = f"no auto scaling in {case.environment}: the number of tasks stays at {count}"
        yield Problem("service.autoScaling", message, "add autoScaling with minCount and maxCount", key=True)


@rule("W110", "a desired count that auto scaling overrides", kinds=("Service",))
def ignored_count(case: Case) -> Problems:
    """With `autoScaling` the template omits the desired count, so that a deployment keeps the count that auto
    scaling set."""
    if case.service.auto_scaling is not None and case.wrote("service.resources.desiredCount"):
        hint = "leave it out; autoScaling.minCount is the minimum"
        yield Problem("service.resources.desiredCount", "auto scaling sets the number of tasks", hint, key=True)


@rule(
    "W113",
    "auto scaling that cannot recover from zero tasks",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html",
)
def scaling_from_zero(case: Case) -> Problems:
    """Without tasks there are no CPU and memory metrics, and target tracking does not scale when its metric has no
    data: a service that is scaled to zero stays there until you start a task by hand. The backlog of a queue is known
    without a task, and a schedule can raise the minimum."""
    auto = case.service.auto_scaling
    if auto is not None and auto.min_count == 0 and not wakes(auto):
        message = "zero tasks have no metric to scale on"
        yield Problem("service.autoScaling.minCount", message, "set minCount to at least 1")


def wakes(auto: AutoScaling) -> bool:
    """Return whether auto scaling can start the first task of a service that has none."""
    by_queue = "queueBacklogPerTask" in {**auto.targets, **auto.steps}
    return by_queue or any(schedule.min_count for schedule in auto.schedules)


@rule(
    "W124",
    "only Spot tasks in production",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html",
    only=in_production,
    kinds=("Service",),
)
def all_spot(case: Case) -> Problems:
    """When AWS needs the capacity of Fargate Spot back, it stops the tasks after a warning of two minutes, if
    necessary all of them, and starts others only when capacity is available again. With `base: 0`, a few tasks are all
    on Spot if `weight` is high."""
    spot, scaling = case.service.resources.spot, case.service.auto_scaling
    if spot is False:
        return
    least = max(1, least_count(case)) if scaling is not None else fixed_count(case)
    if spot is True or spot.base + least // (1 + spot.weight) == 0:
        hint = "keep some tasks on FARGATE: `spot: {base: 2, weight: 3}`"
        yield Problem("service.resources.spot", f"AWS may stop every task in {case.environment} at once", hint)


@rule(
    "W125",
    "a deployment without a circuit breaker",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",
)
def no_breaker(case: Case) -> Problems:
    """Without the circuit breaker, ECS starts failing tasks again and again, and the deploy ends only when
    CloudFormation times out, after three hours."""
    if not case.service.deployment.circuit_breaker.enabled:
        message = "a deploy whose tasks do not start hangs for up to three hours"
        yield Problem("service.deployment.circuitBreaker.enabled", message, "leave it out, or set it to true")
