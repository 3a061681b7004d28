"""``fsdcf status`` and ``fsdcf history``: the state of a service, and its releases."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.render.durations import format_duration, iso
from fsdcf.cli.render.jsonlines import JsonLines, record
from fsdcf.cli.render.outcome import next_lines
from fsdcf.cli.render.rollouts import RolloutLines, relevant_tasks, state_of, timeline, why_of
from fsdcf.cli.render.stream import LineWriter, is_watched, width_of, wrapped
from fsdcf.cli.render.values import fields, shown
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.conventions import SCHEDULE_OUTPUT
from fsdcf.deploy.ecs.rollout import RolloutObserver, ServiceRollout, task_counts
from fsdcf.deploy.model import Event, Exit, Outcome, RolloutChanged, Target, WarningIssued
from fsdcf.deploy.pause import pause_of
from fsdcf.deploy.run import Run, permissions_command
from fsdcf.deploy.schedules import aws_time
from fsdcf.deploy.state import absent
from fsdcf.diagnostics import Paint
from fsdcf.wording import counted, moment, visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.ecs.service import EcsDeployment, ServiceMessage
    from fsdcf.deploy.state import Snapshot
    from fsdcf.operate.releases import RecordedRelease
    from fsdcf.operate.runs import JobRun
    from fsdcf.operate.status import ServiceSignals, Status

_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")

EVERY = 5.0
"""Seconds between two refreshes of ``--watch``. Each calls CloudFormation, whose quota a deploy shares."""

_MAX_TASKS = 12
"""Maximum number of tasks in the live display."""

_ROLES = {"failed": "bad", "done": "good", "active": "warn", "pending": "soft"}


@stack_command(
    click.option("--watch", "watching", is_flag=True, help="Refresh the status until Ctrl-C."),
    quiet=True,
)
def status_command(call: StackCall, watching: bool) -> Outcome:
    """Show the status of a service: its stack, image, tasks, targets and rollouts, alarms and auto scaling.

    Of a job: its schedule, the next run and the last ones. Also the tasks that stopped in about the last hour, and
    drift if it was looked for.
    """
    from fsdcf.operate.status import status

    stack, aws = call.subject.stack, call.aws
    current = status(stack, aws)
    if current is None:
        return absent(call.subject.target, aws)
    if watching:
        return _watch(call, current)
    lacking = (permissions_command(call.subject.target, operate=True),) if current.denied else ()
    if call.as_json:
        JsonLines(sys.stdout).write(status_record(current))
    else:
        out = LineWriter(sys.stdout)
        out.lines(status_lines(current, out.paint, out.width))
        out.lines(next_lines(lacking, out.paint))
    return Outcome(Exit.DONE, f"{stack} is {current.stack.status}", next=lacking)


@stack_command(quiet=True)
def history_command(call: StackCall) -> Outcome:
    """List the releases of a service, newest first, each with its time and image. SSM keeps the last 100."""
    from fsdcf.operate.releases import history
    from fsdcf.operate.service import existing_stack

    subject = call.subject
    releases = history(existing_stack(subject.target, call.aws), call.aws)
    if call.as_json:
        out = JsonLines(sys.stdout)
        for release in releases:
            out.write(release_record(release))
    else:
        stream = LineWriter(sys.stdout)
        stream.lines(history_lines(releases, stream.paint))
    next = (subject.target.command("rollback"),) if len(releases) > 1 else ()
    return Outcome(Exit.DONE, f"{counted(len(releases), 'release')} of {subject.stack}", next=next)


def _watch(call: StackCall, current: Status | None) -> Outcome:
    """Show the status again and again: a live display on a terminal, changes elsewhere.

    Ctrl-C ends it, and is not a failure.
    """
    from fsdcf.operate.status import status

    stack, tasks = call.subject.stack, TaskObserver(call.subject.target, call.aws)
    view = _LiveStatus() if not call.as_json and is_watched(sys.stdout) else _StatusChanges(call.as_json)
    try:
        while current is not None:
            tasks.look(current)
            view.show(current, tasks)
            call.aws.sleep(EVERY)
            if view.gone:
                return Outcome(Exit.DONE, "the reader has gone")
            current = status(stack, call.aws, current)
        view.close()
        view.say(f"the stack {stack} has been deleted")
        return Outcome(Exit.DONE, f"the stack {stack} has been deleted")
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "stopped watching")
    finally:
        view.close()


class _StatusChanges:
    """Changes line by line: the whole status when it differs, and tasks whose state has changed."""

    def __init__(self, as_json: bool) -> None:
        self._stream = JsonLines(sys.stdout) if as_json else LineWriter(sys.stdout)
        self._shown: Status | None = None

    @property
    def gone(self) -> bool:
        """Whether the reader has gone, as in ``fsdcf status --watch | head``."""
        return self._stream.gone

    def show(self, current: Status, tasks: TaskObserver) -> None:
        differs, self._shown = current != self._shown, current
        stream = self._stream
        if isinstance(stream, JsonLines):
            for one in (*([status_record(current)] if differs else []), *map(record, tasks.news())):
                stream.write(one)
            return
        if differs:
            stream.lines(status_lines(current, stream.paint, stream.width))
        stream.lines(tasks.lines(stream.paint))

    def say(self, text: str) -> None:
        if not isinstance(self._stream, JsonLines):
            self._stream.lines([text])

    def close(self) -> None:
        """Nothing to close."""


class _LiveStatus(_StatusChanges):
    """The status in one place of the terminal, redrawn at every refresh; the last one stays."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(as_json=False)
        self._live = Live(console=Console(file=sys.stdout, highlight=False), auto_refresh=False)
        self._live.start()

    def show(self, current: Status, tasks: TaskObserver) -> None:
        from rich.text import Text

        paint, width = self._stream.paint, width_of(sys.stdout)
        lines = status_lines(current, paint, width, tasks.picture(paint, width))
        self._live.update(Text.from_ansi("\n".join(lines)), refresh=True)

    def close(self) -> None:
        self._live.stop()


class TaskObserver:
    """Reads the tasks of a service from ECS at every refresh, and reports what has changed."""

    def __init__(self, target: Target, aws: Aws) -> None:
        self._aws = aws
        self._observer = RolloutObserver(Run(aws, self._take, target))
        self._known: ServiceRollout | None = None
        self._begun = aws.clock()
        self._lines = RolloutLines()
        self._news: list[RolloutChanged] = []
        self._warnings: list[str] = []
        self._seen: RolloutChanged | None = None
        self._blind = False
        """Whether ECS reported nothing at the last refresh, as for a deleted service: earlier states are then out of
        date.
        """

    def look(self, status: Status) -> None:
        """Ask ECS, if the stack has a service. Failures before the service became steady again are forgotten."""
        if self._known and self._known.failing and self._known.primary and self._known.primary.state == "COMPLETED":
            self._known = None
        self._blind = status.running is None
        if status.service:
            self._known = self._observer.look(status.service, "Service", self._known, self._elapsed()) or self._known

    def news(self) -> tuple[RolloutChanged, ...]:
        """The changes since the last call."""
        news, self._news = tuple(self._news), []
        return news

    def lines(self, paint: Paint) -> Iterator[str]:
        """The changes since the last call, as lines."""
        for text in self._warnings:
            yield f"  {paint('?', 'warn')} {text}"
        self._warnings.clear()
        for seen in self.news():
            yield from self._lines.of(seen, paint)

    def picture(self, paint: Paint, width: int | None) -> Iterator[str]:
        """A line for each task: its states with their durations, and the failing check or stop reason."""
        if self._seen is None or self._blind:
            return
        tasks = relevant_tasks(self._seen)
        for task in tasks[:_MAX_TASKS]:
            past = timeline(task, self._elapsed() - self._seen.elapsed, (width or 1000) - 22)
            yield f"  {paint('task    ', 'soft')} {paint(task.id[:8], _ROLES[state_of(task)])}  {past}"
            if why_of(task):
                yield f"             {paint(shown(why_of(task), (width or 1000) - 14), 'bad')}"
        if len(tasks) > _MAX_TASKS:
            yield f"           and {len(tasks) - _MAX_TASKS} more"

    def _elapsed(self) -> float:
        return self._aws.clock() - self._begun

    def _take(self, event: Event) -> None:
        if isinstance(event, RolloutChanged):
            self._seen = event
            self._news.append(event)
        elif isinstance(event, WarningIssued):
            self._warnings.append(event.text)


def status_lines(status: Status, paint: Paint, width: int | None = None, tasks: Iterable[str] = ()) -> Iterator[str]:
    """The status of a service as lines: its stack, image, tasks, targets and rollouts, and what could not be read.

    ``tasks`` are lines about tasks, shown before the messages of ECS, for which a low terminal may have no room.
    """
    stack = status.stack
    role = "good" if stack.status in _GOOD else "warn" if stack.running else "bad"
    yield f"{paint(stack.name, 'strong')}  {paint(stack.status, role)}  {paint(moment(stack.since), 'soft')}"
    for name, text in _facts(status, paint):
        yield f"  {paint(name.ljust(8), 'soft')} {text}"
    for name, text, role in (*_targets(status), *_runs(status)):
        yield from _fact(name, text, role, paint, width)
    for rollout in status.rollouts:
        yield f"  {paint('rollout ', 'soft')} {_rollout(rollout, paint)}"
    for name, text, role in (*_progress(status), *_signals(status.signals), *_drift(stack)):
        yield from _fact(name, text, role, paint, width)
    yield from tasks
    if not status.steady:
        for message in status.messages:
            yield from _message(message, paint, width)
    for text in status.missing:
        yield f"  {paint('?', 'warn')} {visible(text)}"


def _message(message: ServiceMessage, paint: Paint, width: int | None) -> list[str]:
    """A message of ECS without its prefix, the name of the service."""
    text = f"{moment(message.time)} {visible(re.sub(r'^[(]service [^)]+[)] ', '', message.text))}".strip()
    return wrapped(f"  ecs      {text}", width, 11, paint, ("ecs     ", "soft"))


def _facts(status: Status, paint: Paint) -> Iterator[tuple[str, str]]:
    stack = status.stack
    if stack.reason and stack.reason != "User Initiated" and not stack.status.endswith("_COMPLETE"):
        yield "reason", paint(visible(stack.reason), "bad")
    if status.used_by is not None:
        yield "used by", visible(", ".join(status.used_by)) or "no stack"
    if "Url" in stack.outputs:
        yield "url", visible(stack.outputs["Url"])
    elif "LoadBalancerDnsName" in stack.outputs:
        yield "dns name", f"{visible(stack.outputs['LoadBalancerDnsName'])} (the target of your domain's record)"
    if status.image:
        beside = f"; containers: {', '.join(status.containers)}" * (len(status.containers) > 1)
        yield "image", visible(f"{status.image}{beside}")
    if status.running is not None:
        yield "tasks", _tasks(status, status.running, paint)
    if pause := pause_of(stack):
        yield "paused", paint(visible(pause.text), "warn")
    if status.moving:
        yield "changing", ", ".join(status.moving)
    if stack.protected:
        yield "note", "termination protection is on"


def _fact(name: str, text: str, role: str, paint: Paint, width: int | None) -> Iterator[str]:
    """A fact as lines under its name."""
    lines = [line[11:] for line in wrapped(f"  {name.ljust(8)} {text}", width, 11)]
    head, *rest = [paint(line, role) for line in lines] if role else lines
    yield f"  {paint(name.ljust(8), 'soft')} {head}"
    yield from (" " * 11 + line for line in rest)


def _targets(status: Status) -> Iterator[tuple[str, str, str]]:
    """``1 of 2 healthy, 1 unhealthy (the health check times out)``."""
    if status.targets is None:
        return
    parts = [f"{status.healthy} of {status.targets} healthy"]
    for group in status.target_states:
        if group.state != "healthy":
            parts.append(f"{group.count} {group.state}" + (f" ({visible(group.reason)})" if group.reason else ""))
    good = status.healthy == status.targets and status.targets
    yield "targets", ", ".join(parts), "good" if good else "warn"


def _runs(status: Status) -> Iterator[tuple[str, str, str]]:
    """The schedule of a job with the next run, and its latest runs."""
    if status.runs is None:
        return
    schedule, now = status.schedule, aws_time(status.stack)
    if schedule is not None:
        yield "schedule", visible(f"{schedule.text}: {schedule.outlook(now)}"), "" if schedule.enabled else "warn"
    elif SCHEDULE_OUTPUT not in status.stack.outputs:
        yield "schedule", "none: `fsdcf run` starts it", ""
    for number, run in enumerate(status.runs):
        yield "" if number else "runs", run_line(run), _RUN_ROLES.get(run.state, "soft")
    if not status.runs and not any("runs" in text for text in status.missing):
        yield "runs", "none yet", ""


_RUN_ROLES = {"succeeded": "good", "failed": "bad", "running": "warn", "stopped": "warn"}


def run_line(run: JobRun) -> str:
    """``2026-11-30 03:00:00 UTC  failed after 12s, exit code 1: its application ended with exit code 1``."""
    took = ""
    if run.began and run.ended:
        took = f" after {format_duration(max(0.0, (run.ended - run.began).total_seconds()))}"
    code = f", exit code {run.exit_code}" if run.exit_code is not None else ""
    why = f": {run.why}" if run.why else ""
    return visible(f"{moment(run.began) or 'unknown time'}  {run.state}{took}{code}{why}  ({run.id[:_RUN_ID]})")


_RUN_ID = 8
"""Characters of the ID of a run that are shown."""


def _progress(status: Status) -> Iterator[tuple[str, str, str]]:
    """The progress of the rollout: tasks of the new version, its stage and traffic, and the circuit breaker."""
    progress = status.progress
    if progress is None:
        return
    parts = [f"{progress.running} of {progress.requested} new tasks running"]
    if progress.pending:
        parts.append(f"{progress.pending} starting")
    if progress.stage:
        parts.append(f"stage {progress.stage}")
    if progress.traffic is not None:
        parts.append(f"{progress.traffic:g} percent of the traffic")
    if progress.threshold is not None:
        parts.append(f"the circuit breaker counts {progress.failures or 0} of {progress.threshold} failures")
    if progress.status != "IN_PROGRESS":
        parts.append(progress.status)
    if progress.since:
        parts.append(f"since {moment(progress.since)}")
    yield "progress", ", ".join(parts), "warn"


def _signals(signals: ServiceSignals) -> Iterator[tuple[str, str, str]]:
    """The alarms, auto scaling, and the stopped tasks."""
    if signals.alarms:
        own = sum(alarm.own for alarm in signals.alarms)
        others = len(signals.alarms) - own
        parts = [f"{own} of {signals.watched} in ALARM{_without_data(signals)}"] if signals.watched else []
        parts += [f"{others} on its metrics in ALARM"] if others else []
        yield "alarms", ", ".join(parts), "bad"
        for alarm in signals.alarms:
            since = f" since {moment(alarm.since)}" if alarm.since else ""
            yield "", visible(f"{alarm.name}{since}: {alarm.reason}".removesuffix(": ")), "bad"
    elif signals.watched and not any("alarms" in text for text in signals.missing):
        yield "alarms", f"0 of {signals.watched} in ALARM{_without_data(signals)}", "good"
    if signals.scaling:
        limits, activity = signals.scaling, signals.activity
        are = "is" if len(limits.halted) == 1 else "are"
        halted = f", but {' and '.join(limits.halted)} {are} suspended" if limits.halted else ""
        halted = ", suspended" if limits.stopped else halted
        yield "scaling", f"{limits.minimum} to {limits.maximum} tasks{halted}", "warn" if halted else ""
        if (scheduled := signals.scheduled) and not limits.unscheduled:
            limits_then = (scheduled.minimum, limits.minimum), (scheduled.maximum, limits.maximum)
            least, most = (now if then is None else then for then, now in limits_then)
            yield "", visible(f"{least} to {most} tasks from {scheduled.when} (schedule {scheduled.name})"), "soft"
        if activity:
            failed = activity.status in ("Failed", "Unfulfilled", "Overridden")
            how = (
                f" ({activity.status}: {activity.reason})"
                if failed
                else f" ({activity.cause})"
                if activity.cause
                else ""
            )
            yield "", shown(f"{moment(activity.time)} {activity.text}{how}".strip(), 300), "warn" if failed else "soft"
    if signals.stopped:
        count = sum(number for _, number in signals.stopped)
        causes = [f"{visible(shown(cause))} ({number})" for cause, number in signals.stopped[:_CAUSES]]
        more = ["…"] if len(signals.stopped) > _CAUSES else []
        yield "stopped", f"{counted(count, 'task')} in about the last hour: {', '.join([*causes, *more])}", ""


def _without_data(signals: ServiceSignals) -> str:
    """How many alarms have no data yet; empty if none."""
    count = sum(state == "INSUFFICIENT_DATA" for state in signals.states.values())
    return f", {count} without data" if count else ""


def _drift(stack: Snapshot) -> Iterator[tuple[str, str, str]]:
    """The result of the latest drift detection, if there was one."""
    if stack.drift:
        words, role = _DRIFT.get(stack.drift, (stack.drift, "warn"))
        yield "drift", f"{words}, checked {moment(stack.drift_checked)}".removesuffix(", checked "), role


_CAUSES = 4
"""The most causes of stopped tasks that are shown."""

_DRIFT = {
    "DRIFTED": ("resources differ from the template (DRIFTED), as `fsdcf drift` shows", "warn"),
    "IN_SYNC": ("none (IN_SYNC)", "good"),
    "UNKNOWN": ("unknown: the detection failed for a resource (UNKNOWN)", "warn"),
}
"""The values of StackDriftStatus in words, each with its role.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackDriftInformation.html"""


def _tasks(status: Status, running: int, paint: Paint) -> str:
    """``2 of 2 running, 2 of an older deployment remaining``: during a rollout both deployments have tasks."""
    desired = status.desired or 0
    others = [one for one in status.rollouts if one.status != "PRIMARY" and one.running]
    leaving = sum(one.running for one in others)
    parts = [task_counts(max(0, running - leaving), desired)]
    if status.pending:
        parts.append(f"{status.pending} pending")
    if others:
        which = "the failed" if all(one.state == "FAILED" for one in others) else "an older"
        parts.append(f"{leaving} of {which} deployment remaining")
    return paint(", ".join(parts), "good" if running == desired else "warn")


def _rollout(one: EcsDeployment, paint: Paint) -> str:
    role = {"COMPLETED": "good", "FAILED": "bad"}.get(one.state, "warn")
    failed = paint(f", {one.failed} failed", "bad") if one.failed else ""
    reason = f" ({visible(one.reason)})" if one.reason and one.state not in ("COMPLETED", "IN_PROGRESS") else ""
    state = f"{one.status} {paint(one.state or 'unknown', role)} {one.task_definition}"
    return f"{state}: {task_counts(one.running, one.desired)}{failed}{reason}"


def status_record(status: Status) -> dict[str, Any]:
    """The status as plain data."""
    stack, progress, signals, activity = status.stack, status.progress, status.signals, status.signals.activity
    pause = pause_of(stack)
    return {
        "event": "status",
        "stack": stack.name,
        "arn": stack.arn,
        "status": stack.status,
        "reason": stack.reason,
        "since": iso(stack.since),
        "protected": stack.protected,
        "paused": {"since": iso(pause.since), "tasks": pause.tasks, "by": pause.by or None} if pause else None,
        "steady": status.steady,
        "image": status.image,
        "containers": list(status.containers),
        "url": stack.outputs.get("Url"),
        "tasks": fields(status, "desired", "running", "pending"),
        "targets": {
            "healthy": status.healthy,
            "registered": status.targets,
            "states": [fields(one, "state", "count", "reason") for one in status.target_states],
        },
        "rollouts": [
            {
                **fields(one, "id", "status"),
                "rolloutState": one.state,
                **fields(one, "reason", "task_definition", "desired", "running", "pending", "failed"),
                "since": iso(one.since),
            }
            for one in status.rollouts
        ],
        "progress": {
            **fields(progress, "status", "requested", "running", "pending", "stage", "traffic"),
            "breaker": {"count": progress.failures or 0, "threshold": progress.threshold}
            if progress.threshold is not None
            else None,
            "since": iso(progress.since),
        }
        if progress
        else None,
        "alarms": {
            "watched": signals.watched,
            "states": dict(signals.states),
            "inAlarm": [{**fields(one, "name", "reason", "own"), "since": iso(one.since)} for one in signals.alarms],
        },
        "scaling": {
            **fields(signals.scaling, "minimum", "maximum"),
            "suspended": list(signals.scaling.halted),
            "next": {
                **fields(signals.scheduled, "name", "minimum", "maximum", "zone"),
                "time": iso(signals.scheduled.time),
            }
            if signals.scheduled
            else None,
            "lastActivity": {
                "time": iso(activity.time),
                **fields(activity, "text", "status", "reason", "cause"),
            }
            if activity
            else None,
        }
        if signals.scaling
        else None,
        "stopped": [{"why": why, "count": count} for why, count in signals.stopped],
        "drift": {"status": stack.drift, "checked": iso(stack.drift_checked)} if stack.drift else None,
        "messages": [{"time": iso(one.time), "text": one.text} for one in status.messages],
        "moving": list(status.moving),
        "schedule": {
            **fields(status.schedule, "expression", "zone", "enabled", "window"),
            "next": iso(status.schedule.next_run(aws_time(stack))),
        }
        if status.schedule
        else None,
        "runs": None
        if status.runs is None
        else [
            {**fields(one, "id", "state", "exit_code", "why"), "began": iso(one.began), "ended": iso(one.ended)}
            for one in status.runs
        ],
        "outputs": dict(stack.outputs),
        "usedBy": None if status.used_by is None else list(status.used_by),
        "missing": list(status.missing),
    }


def history_lines(releases: Sequence[RecordedRelease], paint: Paint) -> Iterator[str]:
    """A line for each release: the version, the time, the tag or digest, and marks on the latest and the unproven."""
    widest = max((len(one.sha) for one in releases), default=0)
    for one in releases:
        latest = paint("  latest", "good") if one.latest else ""
        latest += "" if one.proven else paint("  unproven: no task was started", "warn")
        yield f"{one.version:>4}  {paint(moment(one.time), 'soft')}  {one.sha.ljust(widest)}{latest}".rstrip()


def release_record(one: RecordedRelease) -> dict[str, Any]:
    """A release as plain data."""
    return {
        "event": "release",
        **fields(one, "version", "image", "sha"),
        "time": iso(one.time),
        "latest": one.latest,
        "proven": one.proven,
    }
