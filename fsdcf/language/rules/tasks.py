"""Rules about size, number and replacement of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from fsdcf.diagnostics import Diagnostic, Rule
from fsdcf.language.blind import said
from fsdcf.language.dependency import SqliteFile
from fsdcf.language.model import ContainerCheck, HealthCheck
from fsdcf.language.rules.case import Case

_TASK_SIZE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size"

MEMORY = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
    32768: (61440, 122880, 249856),
}
"""Memory in MiB that Fargate offers for each number of CPU units. Source: AWS, task size."""


def _amounts(offered: tuple[int, ...]) -> str:
    if len(offered) > 8:
        step = offered[1] - offered[0]
        return f"{offered[0]} to {offered[-1]} in steps of {step}"
    return ", ".join(map(str, offered[:-1])) + f" or {offered[-1]}"


FARGATE_PAIR = Rule(
    "S203",
    "cpu and memory that Fargate does not pair",
    "Fargate offers certain amounts of memory, here in MiB, for each number of CPU units: "
    + "; ".join(f"{cpu} with {_amounts(offered)}" for cpu, offered in MEMORY.items())
    + ". cfn-lint would find the pair too, without the line.",
    _TASK_SIZE,
)
TIMEOUT = Rule(
    "S204",
    "a timeout that is not below its interval",
    "A check must end before the next one begins: Elastic Load Balancing refuses a timeout that is not below the interval.",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
)
BOUNDS = Rule("S205", "a minimum over its maximum", "Auto scaling needs a minimum that is at most the maximum.")
STUCK = Rule(
    "S212",
    "a deployment that cannot move",
    "With the minimum not below the maximum ECS may neither start a new task nor stop an old one, so that a deployment never ends. "
    "Of the number of tasks ECS rounds the minimum up and the maximum down: 50 % and 150 % of one task are one task both.",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html",
)
SINGLE_WRITER = Rule(
    "S209",
    "SQLite with more than one task",
    "SQLite on a file system has one writer: fsdcf runs one task and stops it before the next one starts. Auto scaling, a larger "
    "count, or a deployment that starts before it stops would corrupt the file. `ephemeral: true` lifts this.",
    "https://www.sqlite.org/whentouse.html",
)
RULES = (FARGATE_PAIR, TIMEOUT, BOUNDS, STUCK, SINGLE_WRITER)


def fargate_pair(case: Case) -> Iterator[Diagnostic]:
    resources = case.spec.service.resources
    offered = MEMORY[resources.cpu]
    if resources.memory in offered:
        return
    at = "service.resources.memory" if case.wrote("service.resources.memory") else "service.resources.cpu"
    others = [cpu for cpu, memories in MEMORY.items() if resources.memory in memories]
    hint = f"with cpu {resources.cpu} use {_amounts(offered)}"
    hint += f"; {resources.memory} MiB goes with cpu {' or '.join(map(str, others))}" if others else ""
    yield case.at(FARGATE_PAIR, at, f"{resources.memory} MiB is not offered with {resources.cpu} CPU units", hint)


def timeouts(case: Case) -> Iterator[Diagnostic]:
    check = case.spec.service.health_check
    yield from said(_timeout(case, "service.healthCheck", check))
    if check.container:
        yield from _timeout(case, "service.healthCheck.container", check.container)


def _timeout(case: Case, path: str, check: HealthCheck | ContainerCheck) -> Iterator[Diagnostic]:
    interval, timeout = check.interval, check.timeout
    if timeout >= interval:
        at = f"{path}.timeout" if case.wrote(f"{path}.timeout") else f"{path}.interval"
        hint = f"use a timeout below {interval}, or an interval above {timeout}"
        yield case.at(TIMEOUT, at, f"the timeout of {timeout} s is not below the interval of {interval} s", hint)


def bounds(case: Case) -> Iterator[Diagnostic]:
    auto = case.spec.service.auto_scaling
    if auto and auto.min_count > auto.max_count:
        at = (
            "service.autoScaling.minCount"
            if case.wrote("service.autoScaling.minCount")
            else "service.autoScaling.maxCount"
        )
        yield case.at(
            BOUNDS,
            at,
            f"minCount {auto.min_count} is over maxCount {auto.max_count}",
            "lower minCount or raise maxCount",
        )


def stuck(case: Case) -> Iterator[Diagnostic]:
    if single_writers(case):
        return
    deployment = case.spec.service.deployment
    least = 100 if deployment.minimum_healthy_percent is None else deployment.minimum_healthy_percent
    most = 200 if deployment.maximum_percent is None else deployment.maximum_percent
    count = _fewest_tasks(case)
    if ceil(count * least / 100) >= count * most // 100:
        at = "maximumPercent" if case.wrote("service.deployment.maximumPercent") else "minimumHealthyPercent"
        hint = "raise maximumPercent (start first), or lower minimumHealthyPercent (stop first)"
        message = f"from {least} % to {most} % of {count} task{'s' * (count > 1)} leaves no room to replace one"
        yield case.at(STUCK, f"service.deployment.{at}", message, hint)


def _fewest_tasks(case: Case) -> int:
    service = case.spec.service
    if service.auto_scaling is not None:
        return max(1, service.auto_scaling.min_count)
    desired = service.resources.desired_count
    return 2 if desired is None else max(1, desired)


def single_writers(case: Case) -> list[str]:
    """The names of SQLite data bases that allow one task only."""
    return [str(database.name) for _, database in case.having(SqliteFile) if not database.ephemeral]


def single_writer(case: Case) -> Iterator[Diagnostic]:
    if not single_writers(case):
        return
    service = case.spec.service
    hint = "keep one task, set `ephemeral: true` for data that may be lost, or move to DynamoDB"
    if service.auto_scaling is not None:
        yield case.at(
            SINGLE_WRITER,
            "service.autoScaling",
            "auto scaling would run several tasks on one SQLite file",
            hint,
            key=True,
        )
    if service.resources.desired_count is not None and service.resources.desired_count > 1:
        message = f"{service.resources.desired_count} tasks would write one SQLite file"
        yield case.at(SINGLE_WRITER, "service.resources.desiredCount", message, hint)
    deployment = service.deployment
    if deployment.minimum_healthy_percent not in (None, 0):
        message = "SQLite needs the old task stopped before the new one starts"
        yield case.at(SINGLE_WRITER, "service.deployment.minimumHealthyPercent", message, "leave it out: it is 0 here")
    if deployment.maximum_percent not in (None, 100):
        message = "SQLite needs the old task stopped before the new one starts"
        yield case.at(SINGLE_WRITER, "service.deployment.maximumPercent", message, "leave it out: it is 100 here")


CHECKS = (fargate_pair, timeouts, bounds, stuck, single_writer)
