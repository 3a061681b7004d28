"""From the collected evidence to the outcome of a failure.

The cause in one sentence, the evidence, the advice, the next commands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.conventions import DEFINITION_OUTPUT
from fsdcf.deploy.diagnosis.causes import blockers, failures, root_cause
from fsdcf.deploy.diagnosis.context import DiagnosisContext, context_of
from fsdcf.deploy.diagnosis.reasons import HIDDEN, STACK_REASONS, MatchedReason, match_reason
from fsdcf.deploy.diagnosis.reasons.reason import LOGS
from fsdcf.deploy.ecs.rollout import TROUBLE, ServiceRollout, StoppedTask, brief
from fsdcf.deploy.events import is_root, leftover_resources
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Place, StackEvent, Target
from fsdcf.deploy.run import Run
from fsdcf.deploy.watch import OperationResult, template_of, why_it_waits
from fsdcf.wording import counted

_FORMAT_ERROR = "exec format error"
_USUAL_PORT = 8000


@dataclass(frozen=True)
class RolloutCause:
    """The known reason of a failed rollout: the cause in a clause, the advice, and a command that shows more.

    ``task`` is one of the tasks that showed it; None if service events showed it. ``passing``: it may pass without a
    change.
    """

    name: str
    sentence: str
    advice: Advice
    command: str
    task: StoppedTask | None = None
    passing: bool = False


@dataclass(frozen=True)
class RepeatedReason:
    """The reason for which ``times`` tasks of a deployment stopped.

    Its name, the text of the warning, and a short form.

    ``passing``: it may pass without a change.
    """

    name: str
    times: int
    text: str
    brief: str
    passing: bool = False


def repeated_reason(run: Run, rollout: ServiceRollout, stack: str) -> RepeatedReason | None:
    """The reason for which two or more tasks of the failing deployment stopped; None if no two have the same.

    Reasons are the same if one row of the table matches both, else if ECS uses the same words.
    """
    tasks = rollout.failed_tasks if rollout.failing is not None else []
    if len(tasks) < 2:
        return None
    contexts = _contexts(run, rollout, stack)
    matches = [
        (match_reason(testimony(task, rollout.events), contexts(task.container)), task.essence) for task in tasks
    ]
    names = [match.reason.name if match is not None else essence for match, essence in matches]
    name, times = Counter(names).most_common(1)[0]
    if times < 2:
        return None
    match, essence = matches[names.index(name)]
    if match is None:
        return RepeatedReason(name, times, essence, essence)
    text = f"{brief(essence)}: {match.sentence}"
    return RepeatedReason(name, times, text, match.sentence, match.reason.passing)


def explain_rollouts(
    run: Run, rollouts: Sequence[ServiceRollout], stack: str, words: Sequence[str] = ()
) -> RolloutCause | None:
    """The known reason of the first rollout that has one. ``stack`` is the stack whose template gives the context.

    ``words`` are those of the load balancer about running tasks. They count if neither tasks nor events tell more.
    """
    for rollout in rollouts:
        if rollout.stopped or rollout.events or words:
            contexts = _contexts(run, rollout, stack)
            match, task = _most_frequent(rollout, contexts)
            if match is None:
                match = next(filter(None, (match_reason(one, contexts("")) for one in words)), None)
            if match is not None:
                return _rollout_cause(run, match, contexts(""), task)
    return None


_Contexts = Callable[[str], DiagnosisContext]
"""The context of a container by its name; that of the main one for an empty name."""


def _contexts(run: Run, rollout: ServiceRollout, stack: str) -> _Contexts:
    template = template_of(run, stack)
    return cache(lambda container: context_of(template, rollout.logical_id, container))


def explain_hidden_rollback(run: Run, known: RolloutCause | None) -> RolloutCause:
    """The reason of a rollback behind a complete stack: that of its tasks, if it is known."""
    if known is not None:
        return known
    match = MatchedReason(HIDDEN, HIDDEN.cause, HIDDEN.advice, HIDDEN.key, HIDDEN.command)
    return _rollout_cause(run, match, DiagnosisContext(), None)


def testimony(task: StoppedTask, events: Sequence[str] = ()) -> str:
    """The words of ECS and of the load balancer about a task. Of its log, only what no application writes itself."""
    codes = not task.cause.signalled
    containers = [
        f"{text}\nexit code {code}" if codes and code is not None else text for _, code, text in task.containers
    ]
    target = task.target if ":" in task.target else f"(reason {task.target})" if task.target else ""
    about = [event for event in events if task.id and task.id in event and "unhealthy in" in event]
    wrong_format = [_FORMAT_ERROR for line in task.log if _FORMAT_ERROR in line]
    return "\n".join(part for part in (*wrong_format, task.code, task.reason, *containers, target, *about) if part)


def _most_frequent(rollout: ServiceRollout, contexts: _Contexts) -> tuple[MatchedReason | None, StoppedTask | None]:
    """The reason of most failed tasks, else the one in the latest service events."""
    matches = [
        (match_reason(testimony(task, rollout.events), contexts(task.container)), task) for task in rollout.failed_tasks
    ]
    known = [(match, task) for match, task in matches if match is not None]
    counts = Counter(match.reason.name for match, _ in known)
    if counts:
        name, _ = counts.most_common(1)[0]
        return next(pair for pair in known if pair[0].reason.name == name)
    events = (match_reason(event, contexts("")) for event in rollout.events if TROUBLE.search(event))
    return next((match for match in events if match is not None), None), None


def _rollout_cause(run: Run, match: MatchedReason, context: DiagnosisContext, task: StoppedTask | None) -> RolloutCause:
    command = match.command.format(
        service=run.target.service,
        environment=run.target.environment,
        spec=run.target.spec,
        port=context.port or _USUAL_PORT,
        image=image_of(task, run.target) or "IMAGE",
    )
    key, sentence = match.key, match.sentence
    if task is not None and task.container:
        key = _of_sidecar(key, task.container)
        sentence = sentence if task.container in sentence else f"the container {task.container}: {sentence}"
        command += f" --container {task.container}" if match.command == LOGS else ""
    advice = Advice(match.advice, key, run.where(key))
    return RolloutCause(match.reason.name, sentence, advice, command, task, match.reason.passing)


def _of_sidecar(key: str, name: str) -> str:
    """The key of a sidecar for that of the service, if both have it."""
    first = key.removeprefix("service.").partition(".")[0]
    if first in ("healthCheck", "sidecars"):
        return f"service.sidecars.{name}{'.healthCheck' * (first == 'healthCheck')}"
    return f"service.sidecars.{name}.{first}" if first in _OF_EVERY_CONTAINER else key


_OF_EVERY_CONTAINER = ("command", "environment", "image", "port", "secrets", "user")
"""The keys of the table of reasons that a sidecar has, too."""


def image_of(task: StoppedTask | None, target: Target) -> str:
    """The image of the container that ended the task, else that with the service's name, else of the first one; empty
    if it is unknown."""
    images = dict(task.images) if task is not None else {}
    name = task.container if task is not None and task.container else target.service
    return images.get(name, next(iter(images.values()), ""))


_ROLLED_BACK = (Exit.FAILED, "the stack was rolled back to its earlier state")
_ENDS: Mapping[str, tuple[Exit, str]] = {
    "UPDATE_ROLLBACK_COMPLETE": _ROLLED_BACK,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": _ROLLED_BACK,
    "IMPORT_ROLLBACK_COMPLETE": _ROLLED_BACK,
    "ROLLBACK_COMPLETE": (Exit.FAILED, "the created resources were deleted"),
    "DELETE_COMPLETE": (Exit.FAILED, "the stack was deleted"),
    "UPDATE_ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and the stack could not be rolled back"),
    "IMPORT_ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and the import could not be rolled back"),
    "ROLLBACK_FAILED": (Exit.NEEDS_RECOVERY, "and the created resources could not be deleted"),
    "DELETE_FAILED": (Exit.NEEDS_RECOVERY, "and the stack could not be deleted"),
    "CREATE_FAILED": (Exit.NEEDS_RECOVERY, "the created resources were kept"),
    "UPDATE_FAILED": (Exit.NEEDS_RECOVERY, "the changed resources were kept"),
}
_PARTICIPLES = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "IMPORT": "imported"}
_MOST = 10
_EVENTS = 5


@dataclass(frozen=True)
class FailedOperation:
    """The evidence of a failed operation. ``cancelled`` says in a clause why it was cancelled; empty if it was not.

    ``explained`` is the known reason of the service's tasks, ``sha`` the image of the release; empty if it is unknown.
    ``vain_wait`` says what CloudFormation waited for while it created the resource that failed. ``job``: the stack is
    that of a job.
    """

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
    vain_wait: str = ""
    job: bool = False


def diagnose_result(
    run: Run, stack: str, result: OperationResult, explained: RolloutCause | None = None, sha: str = ""
) -> Outcome:
    """The outcome of an operation that failed on the stack with this name."""
    places = run.places(event.logical_id for event in result.events)
    found = result.events, result.rollouts, places, result.cancelled
    cause = root_cause(result.events)
    wait = record_of(cause.type).wait if cause else None
    arn = result.stack.arn if result.stack is not None else stack
    why = why_it_waits(run, arn, cause.logical_id, wait) if cause and wait else ""
    return diagnose_operation(
        FailedOperation(
            run.target,
            stack,
            result.status,
            result.reason,
            *found,
            explained,
            sha,
            vain_wait=why,
            job=_is_job(run, arn),
        )
    )


def _is_job(run: Run, stack: str) -> bool:
    return DEFINITION_OUTPUT in (template_of(run, stack).get("Outputs") or {})


def diagnose_operation(failed: FailedOperation) -> Outcome:
    """The outcome of a failed operation.

    An unknown status needs recovery if it ends in _FAILED, and is a failure otherwise.
    """
    status, end = failed.status, f"the stack is {failed.status}"
    code = Exit.NEEDS_RECOVERY if status.endswith("_FAILED") else Exit.FAILED
    if status in _ENDS:
        code, end = _ENDS[status]
    elif status.endswith("_IN_PROGRESS"):
        code = Exit.UNKNOWN
    cause = root_cause(failed.events)
    if failed.cancelled:
        sentence = f"{failed.stack} was cancelled {failed.cancelled}; {end}"
    elif cause is None:
        reason = f": {failed.reason}" if failed.reason else ""
        sentence = f"{failed.stack} failed{reason}; {end}"
    else:
        sentence = f"{_clause(cause, failed)}; {end}"
    advice, command = _advice(failed, cause)
    # A failed creation deletes the service together with its tasks and its log.
    gone = status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
    useless = gone and command.startswith((failed.target.command("logs"), failed.target.command("status")))
    more = (command,) if command and not useless else ()
    order = (_next_steps(failed), more) if code is Exit.NEEDS_RECOVERY else (more, _next_steps(failed))
    next_steps = tuple(dict.fromkeys(command for part in order for command in part))
    return Outcome(code, sentence, tuple(_evidence(failed, cause)), next_steps, advice=advice)


def _advice(failed: FailedOperation, cause: StackEvent | None) -> tuple[Advice | None, str]:
    """The advice and the command for the tasks' reason, else for CloudFormation's reason of the resource."""
    tasks = failed.explained
    if tasks is not None and (failed.cancelled or cause is None or cause.type == SERVICE or is_root(cause)):
        return tasks.advice, tasks.command
    if cause is None:
        return None, ""
    match = match_reason(cause.reason, DiagnosisContext(job=failed.job), STACK_REASONS)
    if match is None or not match.reason.conclusive:
        return None, ""
    target = failed.target
    command = match.command.format(service=target.service, environment=target.environment, spec=target.spec)
    if failed.vain_wait and match.reason.name == "not-stabilized":
        return Advice(failed.vain_wait), command
    return Advice(f"{match.sentence}; {match.advice}", match.key), command


def _clause(cause: StackEvent, failed: FailedOperation) -> str:
    """The cause in a clause: the resource and its reason, and for a service the reason of its tasks."""
    known = failed.explained
    if is_root(cause):
        if known is None:
            return f"the stack failed: {cause.reason}"
        return f"the stack failed: {cause.reason.rstrip('.')}, while the service's tasks failed: {known.sentence}"
    verb = _PARTICIPLES.get(cause.status.split("_")[0], "changed")
    resource = f"{cause.logical_id} ({cause.type}) could not be {verb}"
    if cause.type == SERVICE and known is not None:
        return f"{resource}: {known.sentence}"
    tasks = ""
    if cause.type == SERVICE:
        own = next((rollout for rollout in failed.rollouts if rollout.logical_id == cause.logical_id), None)
        reasons = Counter(task.essence for task in own.failed_tasks) if own is not None else Counter()
        tasks = f"; its tasks stopped: {reasons.most_common(1)[0][0]}" if reasons else ""
    return f"{resource}: {cause.reason or 'CloudFormation gives no reason'}{tasks}"


def _evidence(failed: FailedOperation, cause: StackEvent | None) -> Iterator[Evidence]:
    shown = [cause] if cause is not None else []
    shown += [event for event in failures(failed.events) if event not in shown]
    known = failed.explained is not None and failed.explained.advice.place is not None
    for event in shown[:_MOST]:
        source = event.logical_id if is_root(event) else f"{event.logical_id} ({event.type})"
        time = f"{event.time:%H:%M:%S} UTC " if event.time.year > 1970 else ""
        reason = f": {event.reason}" if event.reason else ""
        place = None if known and event.type == SERVICE else failed.places.get(event.logical_id)
        yield Evidence(source, f"{time}{event.status}{reason}", place)
    if len(shown) > _MOST:
        yield Evidence("events", f"and {len(shown) - _MOST} more resources failed")
    for rollout in failed.rollouts:
        yield from rollout_evidence(rollout, failed.places.get(rollout.logical_id), failed.explained is not None)
    if "ROLLBACK" in failed.status or failed.status.startswith("DELETE"):
        for event in leftover_resources(failed.events):
            if event.status == "DELETE_SKIPPED":
                yield Evidence(event.logical_id, f"{event.physical_id} was kept and exists outside the stack")


def rollout_evidence(rollout: ServiceRollout, place: Place | None, known: bool = False) -> Iterator[Evidence]:
    """The evidence of a rollout.

    The failing deployment, the stopped tasks, their last log lines, the latest service events.

    ``known``: the reason is known, so that the outcome names another spec line; service events are then left out if a
    task shows it.
    """
    name = rollout.logical_id or rollout.service
    at = None if known else place
    failing = rollout.failing
    breaker, limit = rollout.breaker or (0, 0)
    count = f"{counted(breaker, 'task')} failed, and the circuit breaker trips at {limit}" if breaker else ""
    if failing is not None:
        failed = rollout.failures(failing)
        count = count or (f"{counted(failed, 'task')} failed" if failed else "")
        text = "; ".join(part for part in (failing.reason.rstrip("."), count) if part) or failing.state
        yield Evidence(f"{name}, deployment", text, at)
    elif rollout.verdict:
        text = "; ".join(part for part in (rollout.verdict.rstrip("."), count) if part)
        yield Evidence(f"{name}, deployment", text, at)
    reasons = Counter(task.essence for task in rollout.failed_tasks)
    for reason, times in reasons.most_common(3):
        yield from _task_evidence(name, [task for task in rollout.stopped if task.essence == reason], times, at)
    telling = [text for text in rollout.events if TROUBLE.search(text)] or list(rollout.events)
    for text in telling[: 0 if known and reasons else _EVENTS]:
        yield Evidence(f"{name}, service event", text)


def interruptions(rollout: ServiceRollout) -> Iterator[Evidence]:
    """The tasks of the version that others stopped, by who it was. They are not failures of the version."""
    causes = Counter(task.cause.text for task in rollout.interrupted)
    for text, times in causes.most_common(3):
        ids = [task.id for task in rollout.interrupted if task.cause.text == text]
        more = f" (and {times - 1} more)" if times > 1 else ""
        yield Evidence(f"{rollout.logical_id}, task {ids[-1]}{more}", f"{text}; that is not a failure of the version")


def _task_evidence(name: str, tasks: list[StoppedTask], times: int, place: Place | None) -> Iterator[Evidence]:
    """The tasks that stopped for one reason: the reason, that of the load balancer, and the last lines of one task."""
    task = tasks[0]
    more = f" ({times} tasks)" if times > 1 else ""
    yield Evidence(f"{name}, task {task.id}", task.essence + more, place)
    target = next((task.target for task in tasks if task.target), "")
    if target:
        yield Evidence(f"{name}, load balancer", target)
    logged = next((task for task in tasks if task.log), None)
    if logged is not None:
        yield Evidence(f"{name}, last lines of {logged.id}", "\n".join(logged.log))


def _next_steps(failed: FailedOperation) -> tuple[str, ...]:
    target, status = failed.target, failed.status
    # without the option, the stack would keep its deployed image
    sha = "" if "--image" in target.redeploy() else failed.sha
    redeploy = target.redeploy(image_sha=sha)
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        return (target.redeploy(image_sha=sha, recreate=True), target.command("delete"))
    if status == "UPDATE_ROLLBACK_FAILED":
        stuck = [event for event in blockers(failed.events) if event.status == "UPDATE_FAILED"]
        skip = [event.logical_id for event in stuck] or "LOGICAL_ID"
        return (target.command("recover"), target.command("recover", skip=skip))
    if status == "UPDATE_FAILED":
        return (target.command("recover"),)
    if status == "DELETE_FAILED":
        return (target.command("delete"),)
    if status.endswith("_IN_PROGRESS") and status not in _ENDS:
        return (target.command("watch"),)
    return (redeploy,) if failed.explained is not None else (target.command("diagnose"), redeploy)
