"""Pause a service, so that it has no tasks until it is resumed, and resume it with its earlier number of tasks.

A job that is paused is not started by its schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from fsdcf.conventions import SCHEDULE_OUTPUT
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Event, Exit, Options, Outcome, Question, Release, RunEnded
from fsdcf.deploy.pause import Pause, pause_of, paused, resumed, tasks_after
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.schedules import aws_time, is_job, read_schedule
from fsdcf.deploy.state import Snapshot
from fsdcf.operate.rolling import set_count
from fsdcf.operate.service import RunningService, confirm, find_service, idle_stack, whole_template
from fsdcf.wording import counted


def pause(run: Run, options: Options) -> Outcome:
    """Stop all tasks of a service until it is resumed, and suspend its auto scaling. A later deploy starts no task.

    Can be repeated, and continues what was interrupted. Raises Stop: exit 2 without a service, 3 without confirmation
    or if the stack is not managed by fsdcf, 5 during a CloudFormation operation.
    """
    run.limit(options.timeout)
    target, stack = run.target, idle_stack(run)
    if is_job(stack):
        return _pause_job(run, stack, options)
    service, known = find_service(run, stack), pause_of(stack)
    ecs, next = service.ecs, (target.command("resume"),)
    if known is not None and not (ecs.desired or ecs.running):
        return Outcome(Exit.DONE, f"{target.stack} is already paused {known.text}", next=next)
    if known is None:
        template = whole_template(run, stack)
        details = (
            f"{counted(ecs.desired, 'task')} will stop: the service will not respond",
            "later deploys start no task",
        )
        question = Question("execute", f"Pause {target.stack}?", details)
        confirm(run, options.yes, question, target.command("pause", yes=True))
        record = Pause(datetime.now(timezone.utc), ecs.desired or 1, run.aws.caller())
        outcome = _deploy(run, stack, paused(template, record), options)
        if outcome.exit is not Exit.DONE:
            return outcome
    else:
        outcome = set_count(run, service, 0, "the pause")
        if outcome.exit is not Exit.DONE:
            return outcome
    return Outcome(Exit.DONE, f"{target.stack} is paused: it has no tasks, and later deploys start none", next=next)


def resume(run: Run, options: Options) -> Outcome:
    """Start the earlier number of tasks of a paused service, wait until they are healthy, and end the pause.

    The pause ends last, so that what was interrupted can be repeated. Raises Stop as ``pause`` does.
    """
    run.limit(options.timeout)
    target, stack = run.target, idle_stack(run)
    if is_job(stack):
        return _resume_job(run, stack, options)
    service, known = find_service(run, stack), pause_of(stack)
    if known is None:
        return _not_paused(run, service)
    template = whole_template(run, stack)
    tasks = tasks_after(template, known)
    question = Question("execute", f"Resume {target.stack} with {counted(tasks, 'task')}?", (f"paused {known.text}",))
    confirm(run, options.yes, question, target.command("resume", yes=True))
    outcome = set_count(run, service, tasks, "the resumption")
    if outcome.exit is not Exit.DONE:
        again = (target.command("resume"), target.command("pause"))
        return replace(outcome, next=(*outcome.next, *again))
    outcome = _deploy(run, stack, resumed(template, known), options, resumes=True)
    if outcome.exit is not Exit.DONE:
        return outcome
    return Outcome(Exit.DONE, f"{target.stack} is resumed: it runs {counted(tasks, 'task')}")


def _pause_job(run: Run, stack: Snapshot, options: Options) -> Outcome:
    """Disable the schedule of a job. A run in progress continues."""
    target, known = run.target, pause_of(stack)
    next = (target.command("resume"),)
    if SCHEDULE_OUTPUT not in stack.outputs:
        sentence = f"{target.stack} has no schedule that a pause could disable: only `fsdcf run` starts it"
        raise stop(Exit.USAGE, sentence, target.command("status"))
    if known is not None:
        return Outcome(Exit.DONE, f"{target.stack} is already paused {known.text}", next=next)
    details = ("no run will start by the schedule; one in progress continues", "later deploys keep the pause")
    question = Question("execute", f"Pause {target.stack}?", details)
    confirm(run, options.yes, question, target.command("pause", yes=True))
    record = Pause(datetime.now(timezone.utc), 0, run.aws.caller())
    outcome = _deploy(run, stack, paused(whole_template(run, stack), record), options)
    if outcome.exit is not Exit.DONE:
        return outcome
    sentence = f"{target.stack} is paused: its schedule is disabled, and later deploys keep it so"
    return Outcome(Exit.DONE, sentence, next=(*next, target.command("run")))


def _resume_job(run: Run, stack: Snapshot, options: Options) -> Outcome:
    """Give a job its schedule back."""
    target, known = run.target, pause_of(stack)
    if known is None:
        return Outcome(Exit.DONE, f"{target.stack} is not paused", next=(target.command("status"),))
    question = Question("execute", f"Resume {target.stack}?", (f"paused {known.text}",))
    confirm(run, options.yes, question, target.command("resume", yes=True))
    outcome = _deploy(run, stack, resumed(whole_template(run, stack), known), options, resumes=True)
    if outcome.exit is not Exit.DONE:
        return outcome
    schedule = read_schedule(run.optional, stack.outputs[SCHEDULE_OUTPUT])
    then = f": {schedule.outlook(aws_time(stack))}" if schedule is not None else ""
    return Outcome(Exit.DONE, f"{target.stack} is resumed{then}")


def _not_paused(run: Run, service: RunningService) -> Outcome:
    target, ecs = run.target, service.ecs
    sentence = f"{target.stack} is not paused: {ecs.running} of {counted(ecs.desired, 'task')} running"
    return Outcome(Exit.DONE, sentence, next=() if ecs.desired else (target.command("scale", "1"),))


def _deploy(run: Run, stack: Snapshot, template: Mapping[str, Any], options: Options, resumes: bool = False) -> Outcome:
    """Deploy another template with the deployed image. The caller reports the end of the run."""
    target = run.target

    def tell(event: Event) -> None:
        if not isinstance(event, RunEnded):
            run.tell(event)

    release = Release(
        service=target.service,
        environment=target.environment,
        template=template,
        image_sha=None,
        tags=stack.tags,
        where=run.where,
        redeploy_command=target.command("resume" if resumes else "pause"),
        resumes=resumes,
    )
    left = None if run.aws.deadline is None else max(1.0, run.aws.deadline - run.aws.clock())
    return deploy(release, replace(options, yes=True, protected=False, timeout=left), run.aws, tell, run.ask)
