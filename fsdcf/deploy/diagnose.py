"""From what was collected to what is said of a failure: the cause in one sentence, the evidence, the next command. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fsdcf.deploy.cause import blockers, failures, leftovers, root_cause
from fsdcf.deploy.events import is_root
from fsdcf.deploy.model import Evidence, Exit, Outcome, Place, StackEvent, Target
from fsdcf.deploy.rollout import SERVICE, Rollout, Stopped

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


@dataclass(frozen=True)
class Case:
    """What is known of an operation that did not succeed. ``cancelled``: it was asked to stop, and why, in a clause."""

    target: Target
    stack: str
    status: str
    reason: str = ""
    events: tuple[StackEvent, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    cancelled: str = ""


def diagnosed(case: Case) -> Outcome:
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
        sentence = f"{_clause(cause, case.rollouts)}; {end}"
    return Outcome(code, sentence, tuple(_evidence(case, cause)), _next(case))


def _clause(cause: StackEvent, rollouts: tuple[Rollout, ...]) -> str:
    """The cause: the resource and its reason, and what its tasks say if it is a service."""
    if is_root(cause):
        return f"the stack failed: {cause.reason}"
    said = cause.reason or "without a reason"
    essence = next((_essence(one) for one in rollouts if cause.type == SERVICE and one.logical_id == cause.logical_id), "")
    tasks = f"; its tasks stopped: {essence}" if essence else ""
    return f"{cause.logical_id} ({cause.type}) could not be {_DONE.get(cause.status.split('_')[0], 'changed')}: {said}{tasks}"


def _essence(rollout: Rollout) -> str:
    """The reason for which most tasks of the failing deployment stopped."""
    reasons = Counter(one.essence for one in _failed_tasks(rollout))
    return reasons.most_common(1)[0][0] if reasons else ""


def _evidence(case: Case, cause: StackEvent | None) -> Iterator[Evidence]:
    shown = [cause] if cause is not None else []
    shown += [event for event in failures(case.events) if event not in shown]
    for event in shown[:_MOST]:
        yield _told(event, case.places)
    if len(shown) > _MOST:
        yield Evidence("events", f"and {len(shown) - _MOST} more resources failed")
    for rollout in case.rollouts:
        yield from rollout_evidence(rollout, case.places.get(rollout.logical_id))
    if "ROLLBACK" in case.status or case.status.startswith("DELETE"):
        for event in leftovers(case.events):
            if event.status == "DELETE_SKIPPED":
                yield Evidence(event.logical_id, f"{event.physical_id} was kept and exists outside of the stack")


def rollout_evidence(rollout: Rollout, place: Place | None) -> Iterator[Evidence]:
    """What ECS said of a rollout: the failing deployment, the tasks that stopped, the service's latest events."""
    name = rollout.logical_id or rollout.service
    failing = rollout.failing
    if failing is not None:
        failed = f"{failing.failed} tasks failed" if failing.failed else ""
        yield Evidence(f"{name}, deployment", "; ".join(part for part in (failing.reason, failed) if part) or failing.state, place)
    reasons = Counter(one.essence for one in _failed_tasks(rollout))
    for reason, times in reasons.most_common(3):
        task = next(one for one in rollout.stopped if one.essence == reason)
        more = f" ({times} tasks)" if times > 1 else ""
        yield Evidence(f"{name}, task {task.id}", reason + more, place)
    for text in rollout.events[:5]:
        yield Evidence(f"{name}, service event", text)


def _failed_tasks(rollout: Rollout) -> list[Stopped]:
    """The tasks of the failing deployment that stopped; of all, where ECS does not list it any more."""
    failing = rollout.failing
    return [one for one in rollout.stopped if one.essence and (failing is None or one.deployment == failing.id)]


def _told(event: StackEvent, places: Mapping[str, Place]) -> Evidence:
    source = event.logical_id if is_root(event) else f"{event.logical_id} ({event.type})"
    at = f"{event.time:%H:%M:%S} UTC " if event.time.year > 1970 else ""
    return Evidence(source, f"{at}{event.status}{': ' + event.reason if event.reason else ''}", places.get(event.logical_id))


def _next(case: Case) -> tuple[str, ...]:
    target, status = case.target, case.status
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        return (target.redeploy("--recreate"), target.command("delete"))
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
    return (target.command("diagnose"), target.redeploy())
