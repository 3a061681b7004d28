"""From what was collected to what is said of a failure: the cause in one sentence, the evidence, the next command. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.deploy.diagnosis.causes import blockers, failures, leftover_resources, root_cause
from fsdcf.deploy.diagnosis.context import DiagnosisContext, context_of
from fsdcf.deploy.diagnosis.reasons import HIDDEN, STACK, MatchedReason, match_reason
from fsdcf.deploy.ecs.rollout import SERVICE, ServiceRollout, StoppedTask
from fsdcf.deploy.events import is_root
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Place, StackEvent, Target
from fsdcf.deploy.run import Run

_FORMAT_ERROR = "exec format error"
_USUAL_PORT = 8000
TROUBLE = re.compile(r"Reason:|\(error |unable to|unhealthy in|health checks|deployment failed")
"""What an event of a service's says that tells of a failure.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"""


@dataclass(frozen=True)
class RolloutCause:
    """A rollout that failed for a known reason: the cause in a clause, what to do, and the command that shows more.

    ``task`` is one of the tasks that said so, ``times`` how many did; None and 0 where it is known by the service's events.
    ``passing``: it may pass without a change.
    """

    name: str
    sentence: str
    advice: Advice
    command: str
    task: StoppedTask | None = None
    times: int = 0
    passing: bool = False


@dataclass(frozen=True)
class RepeatedReason:
    """The reason for which ``times`` tasks of a deployment stopped: its name, as it is told, and in short. ``passing``: it may pass by
    itself."""

    name: str
    times: int
    text: str
    brief: str
    passing: bool = False


def repeated_reason(run: Run, rollout: ServiceRollout, stack: str) -> RepeatedReason | None:
    """The reason for which two or more tasks of the failing deployment stopped; None where no two have the same.

    Reasons are the same where one row of the table knows them both, else by their words.
    """
    tasks = failed_tasks(rollout) if rollout.failing is not None else []
    if len(tasks) < 2:
        return None
    grounds = context_for(run, stack, rollout.logical_id)
    found = [(match_reason(testimony(task, rollout.events), grounds), task.essence) for task in tasks]
    counts = Counter(one.reason.name if one is not None else essence for one, essence in found)
    name, times = counts.most_common(1)[0]
    if times < 2:
        return None
    finding, essence = next(one for one in found if name in (one[1], one[0].reason.name if one[0] is not None else ""))
    if finding is None:
        return RepeatedReason(name, times, essence, essence)
    return RepeatedReason(
        name, times, f"{brief(essence)}: {finding.sentence}", finding.sentence, finding.reason.passing
    )


def explain_rollouts(run: Run, rollouts: Sequence[ServiceRollout], stack: str) -> RolloutCause | None:
    """The known reason for which the tasks of the first rollout that has one failed. ``stack`` is whose template is asked for the numbers."""
    for rollout in rollouts:
        if not rollout.stopped and not rollout.events:
            continue
        grounds = context_for(run, stack, rollout.logical_id)
        found, task, times = _most(rollout, grounds)
        if found is not None:
            return _explain_told(run, found, grounds, task, times)
    return None


def explain_hidden_rollback(run: Run, known: RolloutCause | None) -> RolloutCause:
    """The reason of a rollback behind a green stack: what its tasks said, if that is known."""
    if known is not None:
        return known
    return _explain_told(
        run, MatchedReason(HIDDEN, HIDDEN.cause, HIDDEN.advice, HIDDEN.key, HIDDEN.command), DiagnosisContext(), None, 0
    )


def context_for(run: Run, stack: str, service: str) -> DiagnosisContext:
    """What the template of the release, or else that of the stack, says of the service."""
    if run.template is None:
        run.template = _deployed(run, stack)
    return context_of(run.template, service)


def failed_tasks(rollout: ServiceRollout) -> list[StoppedTask]:
    """The tasks of the failing deployment that stopped; of all, where ECS does not list it any more."""
    failing = rollout.failing
    return [one for one in rollout.stopped if one.essence and (failing is None or one.deployment == failing.id)]


def brief(essence: str) -> str:
    """The first words of what ECS says, such as the name of its error."""
    return re.split(r": | in \(", essence)[0]


def testimony(task: StoppedTask, events: Sequence[str] = ()) -> str:
    """All that ECS and the load balancer say of a task. Of its own log only what no application says by itself."""
    containers = [f"{said} exit code {code}" if code is not None else said for _, code, said in task.containers]
    about = [event for event in events if task.id and task.id in event and "unhealthy in" in event]
    wrong = [_FORMAT_ERROR for line in task.log if _FORMAT_ERROR in line]
    return "\n".join(part for part in (*wrong, task.code, task.reason, *containers, task.target, *about) if part)


def _most(rollout: ServiceRollout, grounds: DiagnosisContext) -> tuple[MatchedReason | None, StoppedTask | None, int]:
    """The reason that most of the failed tasks give, else the one in the service's latest events."""
    tasks = failed_tasks(rollout)
    found = [(match_reason(testimony(task, rollout.events), grounds), task) for task in tasks]
    counts = Counter(one.reason.name for one, _ in found if one is not None)
    if counts:
        name, times = counts.most_common(1)[0]
        finding, task = next((one, task) for one, task in found if one is not None and one.reason.name == name)
        return finding, task, times
    told = (match_reason(event, grounds) for event in rollout.events if TROUBLE.search(event))
    return next((one for one in told if one is not None), None), None, 0


def _explain_told(
    run: Run, found: MatchedReason, grounds: DiagnosisContext, task: StoppedTask | None, times: int
) -> RolloutCause:
    command = found.command.format(
        service=run.target.service,
        environment=run.target.environment,
        spec=run.target.spec,
        port=grounds.port or _USUAL_PORT,
        image=image_of(task, run.target) or "IMAGE",
    )
    advice = Advice(found.advice, found.key, run.where(found.key))
    return RolloutCause(found.reason.name, found.sentence, advice, command, task, times, found.reason.passing)


def image_of(task: StoppedTask | None, target: Target) -> str:
    """The image of a task's own container, which bears the service's name, else of its first one; empty where it is not known."""
    images = dict(task.images) if task is not None else {}
    return images.get(target.service, next(iter(images.values()), ""))


def _deployed(run: Run, stack: str) -> Mapping[str, Any]:
    """The template of a stack; an empty one where it cannot be read."""
    without = "the advice knows no numbers of the template"
    answer = run.optional(without, "cloudformation", "GetTemplate", StackName=stack, TemplateStage="Original")
    body = (answer or {}).get("TemplateBody") or {}
    if isinstance(body, Mapping):
        return body
    try:
        return read(str(body))
    except TemplateError:
        return {}


_ENDS: Mapping[str, tuple[Exit, str]] = {
    "UPDATE_ROLLBACK_COMPLETE": (Exit.FAILED, "the stack was rolled back and is as it was before"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": (Exit.FAILED, "the stack was rolled back and is as it was before"),
    "IMPORT_ROLLBACK_COMPLETE": (Exit.FAILED, "the stack was rolled back and is as it was before"),
    "ROLLBACK_COMPLETE": (Exit.FAILED, "what was created was deleted again"),
    "DELETE_COMPLETE": (Exit.FAILED, "the stack was deleted"),
    "UPDATE_ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and the stack could not be rolled back"),
    "IMPORT_ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and the import could not be rolled back"),
    "ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and what was created could not be deleted"),
    "DELETE_FAILED": (Exit.NEEDS_RECOVERY, "and the stack could not be deleted"),
    "CREATE_FAILED": (Exit.NEEDS_RECOVERY, "what was created stays as it is"),
    "UPDATE_FAILED": (Exit.NEEDS_RECOVERY, "what was changed stays as it is"),
}
_DONE = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "IMPORT": "imported"}
_MOST = 10
_EVENTS = 5


@dataclass(frozen=True)
class FailedOperation:
    """What is known of an operation that did not succeed. ``cancelled``: it was asked to stop, and why, in a clause. ``explained`` is the
    known reason of the service's tasks, ``sha`` the image that was to be deployed, empty where that is not known."""

    target: Target
    stack: str
    status: str
    reason: str = ""
    events: tuple[StackEvent, ...] = ()
    rollouts: tuple[ServiceRollout, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    cancelled: str = ""
    explained: RolloutCause | None = None
    sha: str = ""


def diagnose_operation(case: FailedOperation) -> Outcome:
    """What is said of the case. A status that is not known needs recovery if it ends in _FAILED, and is a failure otherwise."""
    usual = (Exit.NEEDS_RECOVERY if case.status.endswith("_FAILED") else Exit.FAILED, f"the stack is {case.status}")
    code, end = _ENDS.get(case.status, usual)
    if case.status.endswith("_IN_PROGRESS") and case.status not in _ENDS:
        code, end = Exit.UNKNOWN, f"the stack is {case.status}"
    cause = root_cause(case.events)
    if case.cancelled:
        sentence = f"{case.stack} was cancelled, {case.cancelled}; {end}"
    elif cause is None:
        said = f": {case.reason}" if case.reason else ""
        sentence = f"{case.stack} failed{said}; {end}"
    else:
        sentence = f"{_clause(cause, case)}; {end}"
    advice, command = _advised(case, cause)
    more = (command,) if command and not _is_gone(command, case) else ()
    order = (_next(case), more) if code is Exit.NEEDS_RECOVERY else (more, _next(case))
    next_steps = tuple(dict.fromkeys(command for part in order for command in part))
    return Outcome(code, sentence, tuple(_evidence(case, cause)), next_steps, advice=advice)


def _advised(case: FailedOperation, cause: StackEvent | None) -> tuple[Advice | None, str]:
    """What to do and the command that shows more: by what the service's tasks say, else by what CloudFormation says of the resource."""
    tasks = case.explained
    if tasks is not None and (case.cancelled or cause is None or cause.type == SERVICE or is_root(cause)):
        return tasks.advice, tasks.command
    found = match_reason(cause.reason, DiagnosisContext(), STACK) if cause is not None and not is_root(cause) else None
    if found is None:
        return None, ""
    target = case.target
    command = found.command.format(service=target.service, environment=target.environment, spec=target.spec)
    return Advice(f"{found.sentence}; {found.advice}", found.key), command


def _clause(cause: StackEvent, case: FailedOperation) -> str:
    """The cause: the resource and its reason, and what its tasks say if it is a service."""
    if is_root(cause):
        tasks = f", while the service's tasks failed: {case.explained.sentence}" if case.explained is not None else ""
        return f"the stack failed: {cause.reason.rstrip('.') if tasks else cause.reason}{tasks}"
    if cause.type == SERVICE and case.explained is not None:
        verb = _DONE.get(cause.status.split("_")[0], "changed")
        return f"{cause.logical_id} ({cause.type}) could not be {verb}: {case.explained.sentence}"
    said = cause.reason or "without a reason"
    essence = next(
        (_essence(one) for one in case.rollouts if cause.type == SERVICE and one.logical_id == cause.logical_id), ""
    )
    tasks = f"; its tasks stopped: {essence}" if essence else ""
    return f"{cause.logical_id} ({cause.type}) could not be {_DONE.get(cause.status.split('_')[0], 'changed')}: {said}{tasks}"


def _essence(rollout: ServiceRollout) -> str:
    """The reason for which most tasks of the failing deployment stopped."""
    reasons = Counter(one.essence for one in failed_tasks(rollout))
    return reasons.most_common(1)[0][0] if reasons else ""


def _evidence(case: FailedOperation, cause: StackEvent | None) -> Iterator[Evidence]:
    shown = [cause] if cause is not None else []
    shown += [event for event in failures(case.events) if event not in shown]
    known = case.explained is not None and case.explained.advice.place is not None
    for event in shown[:_MOST]:
        yield _told(event, {} if known and event.type == SERVICE else case.places)
    if len(shown) > _MOST:
        yield Evidence("events", f"and {len(shown) - _MOST} more resources failed")
    for rollout in case.rollouts:
        yield from rollout_evidence(rollout, case.places.get(rollout.logical_id), case.explained is not None)
    if "ROLLBACK" in case.status or case.status.startswith("DELETE"):
        for event in leftover_resources(case.events):
            if event.status == "DELETE_SKIPPED":
                yield Evidence(event.logical_id, f"{event.physical_id} was kept and exists outside of the stack")


def rollout_evidence(rollout: ServiceRollout, place: Place | None, known: bool = False) -> Iterator[Evidence]:
    """What ECS said of a rollout: the failing deployment, the tasks that stopped, their last lines, the service's latest events.

    ``known``: the reason is known, and the spec's line that it leads to is named elsewhere; events are told where no task is.
    """
    name = rollout.logical_id or rollout.service
    at = None if known else place
    failing = rollout.failing
    if failing is not None:
        failed = rollout.failures(failing)
        counted = _broken(rollout) or (f"{failed} task{'s' if failed > 1 else ''} failed" if failed else "")
        yield Evidence(
            f"{name}, deployment",
            "; ".join(part for part in (failing.reason.rstrip("."), counted) if part) or failing.state,
            at,
        )
    elif rollout.verdict:
        yield Evidence(
            f"{name}, deployment",
            "; ".join(part for part in (rollout.verdict.rstrip("."), _broken(rollout)) if part),
            at,
        )
    reasons = Counter(one.essence for one in failed_tasks(rollout))
    for reason, times in reasons.most_common(3):
        yield from _task_evidence(name, [one for one in rollout.stopped if one.essence == reason], times, at)
    telling = [text for text in rollout.events if TROUBLE.search(text)] or list(rollout.events)
    for text in telling[: 0 if known and reasons else _EVENTS]:
        yield Evidence(f"{name}, service event", text)


def _broken(rollout: ServiceRollout) -> str:
    """What the circuit breaker has counted, if anything."""
    failed, limit = rollout.breaker or (0, 0)
    return (
        f"{failed} task{'s' if failed > 1 else ''} failed, and the circuit breaker trips at {limit}" if failed else ""
    )


def _task_evidence(name: str, tasks: list[StoppedTask], times: int, place: Place | None) -> Iterator[Evidence]:
    """One of the tasks that stopped for the same reason: its words, the load balancer's, and its last lines."""
    task = tasks[0]
    more = f" ({times} tasks)" if times > 1 else ""
    yield Evidence(f"{name}, task {task.id}", task.essence + more, place)
    target = next((one.target for one in tasks if one.target), "")
    if target:
        yield Evidence(f"{name}, load balancer", target)
    log = next((one for one in tasks if one.log), None)
    if log is not None:
        yield Evidence(f"{name}, last lines of {log.id}", "\n".join(log.log))


def _told(event: StackEvent, places: Mapping[str, Place]) -> Evidence:
    source = event.logical_id if is_root(event) else f"{event.logical_id} ({event.type})"
    at = f"{event.time:%H:%M:%S} UTC " if event.time.year > 1970 else ""
    return Evidence(
        source, f"{at}{event.status}{': ' + event.reason if event.reason else ''}", places.get(event.logical_id)
    )


def _is_gone(command: str, case: FailedOperation) -> bool:
    """Whether a command asks for what went with the stack: the log and the tasks of a service that a failed creation took away again."""
    gone = case.status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
    return gone and command.startswith((case.target.command("logs"), case.target.command("status")))


def _again(case: FailedOperation, *more: str) -> str:
    """The command that deploys it again, with the image that was to be deployed: without one, a stack keeps what it has."""
    command = case.target.redeploy()
    image = (f"--image-sha {case.sha}",) if case.sha and "--image" not in command else ()
    return " ".join((command, *image, *more))


def _next(case: FailedOperation) -> tuple[str, ...]:
    target, status = case.target, case.status
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        return (_again(case, "--recreate"), target.command("delete"))
    if status == "UPDATE_ROLLBACK_FAILED":
        stuck = [event for event in blockers(case.events) if event.status == "UPDATE_FAILED"]
        skip = tuple(f"--skip {event.logical_id}" for event in stuck) or ("--skip LOGICAL_ID",)
        return (target.command("recover"), target.command("recover", *skip))
    if status == "UPDATE_FAILED":
        return (target.command("recover"),)
    if status == "DELETE_FAILED":
        return (target.command("delete"),)
    if status.endswith("_IN_PROGRESS") and status not in _ENDS:
        return (target.command("watch"),)
    return (_again(case),) if case.explained is not None else (target.command("diagnose"), _again(case))
