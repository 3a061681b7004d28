"""``fsdcf tasks`` and ``fsdcf stop-task``: the tasks of a service, and stopping one of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import yes_option
from fsdcf.cli.render.durations import iso
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.logs import readable
from fsdcf.cli.render.stream import Cell, LineWriter, aligned, wrapped
from fsdcf.cli.render.values import fields, shown
from fsdcf.cli.runtime import StackCall, stack_command, with_options
from fsdcf.deploy.ecs.rollout import task_counts
from fsdcf.deploy.model import Exit, Outcome
from fsdcf.deploy.pause import pause_of
from fsdcf.diagnostics import Paint
from fsdcf.wording import counted, moment, visible

if TYPE_CHECKING:
    from fsdcf.operate.tasks import ServiceTask, ServiceTasks, TaskEnd

_ID_WIDTH = 8
"""Characters of a task ID that are shown at least."""

_LONGEST_TAG = 12
_LONGEST_REASON = 255
"""The most characters of the reason of StopTask.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html"""

_NARROW = 1000
"""The width of a stream that is not a terminal."""

_STATES = {"RUNNING": "good", "PROVISIONING": "warn", "PENDING": "warn", "ACTIVATING": "warn"}
_HEALTH = {"healthy": "good", "unhealthy": "bad", "checking": "warn"}


def _reason(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """An option's callback: a reason that ECS shows completely."""
    if len(text) > _LONGEST_REASON:
        raise click.BadParameter(f"must have at most {_LONGEST_REASON} characters, not {len(text)}")
    return text


@stack_command(
    click.option(
        "--stopped", "every_end", is_flag=True, help="List all stopped tasks that ECS still knows, for about an hour."
    ),
    click.option("--task", default="", metavar="ID", help="Only this task: its ID, or a unique prefix of it."),
    quiet=True,
)
def tasks_command(call: StackCall, every_end: bool, task: str) -> Outcome:
    """List the tasks of a service, and why tasks have stopped.

    For each task: its version, zone, state, health, start and size. For a stopped one: who stopped it, why, its exit
    code, and the last line of its log. The last few stopped tasks are always listed.
    """
    from fsdcf.operate.tasks import tasks

    found = tasks(call.run, task, every_end)
    if call.as_json:
        out = JsonLines(sys.stdout)
        for one in (*found.active, *found.stopped):
            out.write(task_record(one))
    else:
        stream = LineWriter(sys.stdout)
        target, flags = call.subject.target, call.connection.flags
        every, diagnose = (
            with_options(command, flags)
            for command in (target.command("tasks", stopped=True), target.command("diagnose"))
        )
        stream.lines(tasks_lines(found, stream.paint, stream.width, every, diagnose))
        if every_end and not found.stopped and not task:
            stream.lines([f"no task of {call.subject.stack} has stopped in about the last hour"])
    return Outcome(
        Exit.DONE,
        f"{counted(len(found.active), 'task')} of {call.subject.stack}, {len(found.stopped) + found.more} stopped",
    )


@stack_command(
    click.argument("task", metavar="ID"),
    click.option(
        "--reason",
        default="",
        callback=_reason,
        metavar="TEXT",
        help="Reason that ECS records for the stop, at most 255 characters.",
    ),
    yes_option(),
)
def stop_task_command(call: StackCall, task: str, reason: str, yes: bool) -> Outcome:
    """Stop a task of a service: its ID, or a unique prefix of it. ECS starts a new one in its place.

    The task gets SIGTERM, and SIGKILL after its stop timeout. The command does not wait for either.
    """
    from fsdcf.operate.tasks import stop_task

    return stop_task(call.run, task, reason, call.options(yes=yes))


def tasks_lines(found: ServiceTasks, paint: Paint, width: int | None, every: str, diagnose: str) -> Iterator[str]:
    """The tasks of a service as lines.

    ``every`` is the command that lists all stopped ones, ``diagnose`` the one that looks for the cause if none runs.
    """
    ecs, shortest = found.service.ecs, id_width([task.id for task in (*found.active, *found.stopped)])
    common = _common(found.active)
    yield from _head(found, common, paint)
    if found.active:
        yield from _table(found.active, paint, width, shortest, common)
        for task in found.active:
            if task.health_reason:
                yield from wrapped(f"  {task.id[:shortest]}: {visible(task.health_reason)}", width, 4)
            if ended := [one for one in task.containers if one.exit_code is not None]:
                words = ", ".join(f"{visible(one.name)} ended with exit code {one.exit_code}" for one in ended)
                yield from wrapped(f"  {task.id[:shortest]}: {words}", width, 4)
    if found.stopped:
        yield paint("stopped in about the last hour:", "strong")
    for task in found.stopped:
        if task.end is not None:
            yield from _end_lines(task, task.end, paint, width, shortest)
    if found.more:
        yield paint(f"and {found.more} more: {every}", "soft")
    starting = ecs.primary is not None and ecs.primary.state == "IN_PROGRESS" and not found.stopped
    if ecs.desired and not ecs.running and not starting:
        yield paint(f"no task runs; to find the cause: {diagnose}", "warn")


def _head(found: ServiceTasks, common: tuple[str, str], paint: Paint) -> Iterator[str]:
    """The counts of the service and what its tasks have in common, and its pause."""
    ecs, stack = found.service.ecs, found.service.stack
    role = "good" if ecs.running == ecs.desired else "warn"
    counts = task_counts(ecs.running, ecs.desired) if found.service.name else _runs_of(found)
    head = [paint(stack.name, "strong"), paint(counts, role)]
    if any(common):
        each = "each " if len(found.active) > 1 else ""
        head.append(paint(each + ", ".join(filter(None, common)), "soft"))
    yield "  ".join(head)
    if pause := pause_of(stack):
        yield paint(visible(f"paused {pause.text}"), "warn")


def _runs_of(found: ServiceTasks) -> str:
    """The number of tasks of a job, of which none has to run."""
    return f"{counted(len(found.active), 'task')} running" if found.active else "no run is in progress"


def id_width(ids: Sequence[str]) -> int:
    """How many characters tell all IDs apart, at least eight: what is shown is a unique prefix."""
    return next((size for size in range(_ID_WIDTH, 36) if len({one[:size] for one in ids}) == len(set(ids))), 36)


def _common(tasks: Sequence[ServiceTask]) -> tuple[str, str]:
    """The size and the capacity of the tasks, each empty if it differs between them or is unknown."""
    values = ({_size(task) for task in tasks}, {_capacity(task) for task in tasks})
    size, capacity = (next(iter(value)) if len(value) == 1 else "" for value in values)
    return size, capacity


def _table(
    tasks: Sequence[ServiceTask], paint: Paint, width: int | None, shortest: int, common: tuple[str, str]
) -> list[str]:
    """The tasks as a table without what they have in common; shorter if the terminal is narrow."""
    for short in (False, True):
        started = "STARTED" if short else "STARTED (UTC)"
        titles = ("ID", "VERSION", "REV", "STATE", "HEALTH", "ZONE", started, "SIZE", "CAPACITY", "")
        rows = [_row(task, shortest, common, short) for task in tasks]
        if max(map(len, aligned(titles, rows, lambda text, role: text))) <= (width or _NARROW):
            break
    return aligned(titles, rows, paint)


def _row(task: ServiceTask, shortest: int, common: tuple[str, str], short: bool) -> list[Cell]:
    started = moment(task.started).removesuffix(" UTC")
    capacity = _capacity(task).removeprefix("Fargate ") if short else _capacity(task)
    note = "one-off" if task.one_off else "" if task.current else "old"
    return [
        (task.id[:shortest], ""),
        (version_of(task.version), "" if task.current else "soft"),
        (f":{task.revision}" if task.revision else "", "soft"),
        (task.status, _STATES.get(task.status, "soft")),
        (task.health, _HEALTH.get(task.health, "")),
        (task.zone, ""),
        (started[5:16] if short else started, "soft"),
        ("" if common[0] else _size(task), ""),
        ("" if common[1] else capacity, ""),
        (note, "soft"),
    ]


def _end_lines(task: ServiceTask, end: TaskEnd, paint: Paint, width: int | None, shortest: int) -> Iterator[str]:
    """A stopped task: when, its version and exit code; who stopped it and why; the last line of its log."""
    code = f"exit code {end.exit_code}" if end.exit_code is not None else "no exit code"
    version = " ".join(filter(None, (version_of(task.version), f":{task.revision}" if task.revision else "")))
    parts = (task.id[:shortest], moment(end.time) or task.status, version, code, "one-off" if task.one_off else "")
    yield "  ".join(filter(None, parts))
    indent = " " * (shortest + 2)
    role = "bad" if end.cause.counts else "soft"
    who = "ECS stopped it: " if end.cause.by in _STOPPED_BY_ECS else ""
    why = f"{who}{shown(end.cause.text, _LONGEST_REASON)}"
    for line in wrapped(f"{indent}{why}", width, shortest + 2):
        yield indent + paint(line.strip(), role)
    if end.log:
        yield indent + paint("log: ", "soft") + shown(readable(end.log), max(20, (width or _NARROW) - shortest - 7))


_STOPPED_BY_ECS = ("scaling", "deployment", "deletion", "health check")
"""Values of ``StopCause.by`` whose clause does not say that ECS stopped the task."""


def version_of(text: str) -> str:
    """A tag or digest, short enough for a column: ``sha256:3f2c1ab9d4e7…``."""
    head, colon, digest = text.partition(":")
    tag = digest if colon else head
    return visible((head + colon if colon else "") + (tag if len(tag) <= _LONGEST_TAG else tag[:_LONGEST_TAG] + "…"))


def _size(task: ServiceTask) -> str:
    cpu = f"{task.cpu} CPU" if task.cpu is not None else ""
    memory = f"{task.memory} MiB" if task.memory is not None else ""
    return ", ".join(filter(None, (cpu, memory)))


def _capacity(task: ServiceTask) -> str:
    return "Fargate Spot" if task.spot else "Fargate" if task.capacity == "FARGATE" else visible(task.capacity)


def task_record(task: ServiceTask) -> dict[str, Any]:
    """A task as plain data."""
    end = task.end
    return {
        "event": "task",
        **fields(task, "id", "version", "image"),
        "taskDefinition": task.definition,
        **fields(task, "status", "zone"),
        "health": task.health or None,
        "healthReason": task.health_reason or None,
        "created": iso(task.created),
        "started": iso(task.started),
        **fields(task, "cpu", "memory", "capacity", "spot", "current", "one_off"),
        "containers": [fields(one, "name", "status", "health", "exit_code") for one in task.containers],
        "stopped": {
            "time": iso(end.time),
            "by": end.cause.by,
            "why": end.cause.text,
            "failure": end.cause.counts,
            **fields(end, "reason", "stop_code", "exit_code"),
            "log": readable(end.log) or None,
        }
        if end
        else None,
    }
