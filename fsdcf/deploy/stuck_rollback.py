"""A rollback that does not end: why a service cannot return to its earlier version, and the ways to end the rollback.

CloudFormation rolls a service back by a deployment of the earlier task definition, and waits until its tasks run. If
they cannot start, because capacity, the image or a secret is missing, it waits for hours, and nothing cancels a
rollback. What helps is done in ECS: fewer tasks, or new attempts.

Sources: https://repost.aws/knowledge-center/ecs-service-stuck-update-status,
https://github.com/aws/containers-roadmap/issues/117
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.types.applicationautoscaling import task_targets
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.deploy.diagnosis.explanations import RolloutCause, explain_rollouts, rollout_evidence
from fsdcf.deploy.ecs.rollout import JudgedVersion, RolloutObserver, ServiceRollout, task_counts
from fsdcf.deploy.ecs.service import EcsDeployment, request_about
from fsdcf.deploy.events import in_progress, rollback_begin
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Question, Recovery, StackEvent
from fsdcf.deploy.operation import latest_events
from fsdcf.deploy.prepare import event_evidence
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot, deployed_template, while_running
from fsdcf.wording import counted


@dataclass(frozen=True)
class StuckService:
    """A service that returns to its earlier version, which is the PRIMARY deployment of ``rollout``.

    ``cause`` is why its tasks do not start now; None if ECS does not say. ``others`` is the number of running tasks of
    other deployments.
    """

    rollout: ServiceRollout
    primary: EcsDeployment
    cause: RolloutCause | None
    others: int

    @property
    def missing(self) -> int:
        """The number of tasks of the earlier version that do not run."""
        return max(0, self.primary.desired - self.primary.running)


@dataclass(frozen=True)
class Remedy:
    """A way to end the rollback: its option, what it does, what it loses, and the members of UpdateService.

    ``service`` is the ARN of the service, ``desired`` its desired count before.
    """

    service: str
    desired: int
    option: str
    does: str
    loses: str
    request: dict[str, Any]


def choose(run: Run, stack: Snapshot, options: Recovery) -> Remedy:
    """The way to end the rollback in progress that the command line or a person chooses and confirms.

    Stops the run: exit 2 for a way that does not apply, 3 without a choice or a confirmation, 5 if no service is rolled
    back, or if nothing shows that it needs more than time.
    """
    events = latest_events(run, stack.arn)
    service = _service(run, stack, events)
    if service is None:
        sentence = f"{stack.name} is {stack.status}: it cannot be recovered until the operation ends"
        working = in_progress(events[rollback_begin(events) or 0 :])
        raise stop(Exit.BUSY, sentence, _watch(run), evidence=tuple(event_evidence(run, one) for one in working))
    remedies = tuple(_remedies(service, run, stack))
    return _chosen(run, stack, service, remedies, options, (*_evidence(run, service, remedies), _patience(service)))


def waiting(run: Run, stack: Snapshot) -> Outcome | None:
    """Why the rollback in progress waits for a service; None if nothing shows that it needs more than time."""
    service = _service(run, stack, latest_events(run, stack.arn))
    if service is None or not _is_stuck(service):
        return None
    evidence = tuple(_evidence(run, service, ()))
    return Outcome(
        Exit.UNKNOWN, _state(stack, service), evidence, while_running(stack, run.target), advice=_advice(service)
    )


def apply(run: Run, remedy: Remedy) -> None:
    """Do what was chosen."""
    at, name = request_about(remedy.service)
    run.step("recover", f"{remedy.does} ({remedy.option})")
    run.aws.call("ecs", "UpdateService", **at, service=name, **remedy.request)


def _service(run: Run, stack: Snapshot, events: tuple[StackEvent, ...]) -> StuckService | None:
    """The service that is rolled back; None if CloudFormation waits for none.

    Only what its PRIMARY deployment shows since the rollback began counts.
    """
    begin = rollback_begin(events) or 0
    working = in_progress(events[begin:])
    event = next((one for one in working if one.type == SERVICE and one.physical_id), None)
    version = JudgedVersion(since=events[begin].time if events else None)
    observed = RolloutObserver(run).afterwards(event.physical_id, event.logical_id, version) if event else None
    primary = observed.primary if observed is not None else None
    if observed is None or primary is None:
        return None
    stopped = tuple(task for task in observed.stopped if task.deployment == primary.id)
    own = replace(observed, deployments=(primary,), stopped=stopped)
    others = sum(one.running for one in observed.deployments if one.id != primary.id)
    return StuckService(own, primary, explain_rollouts(run, (own,), stack.arn), others)


def _remedies(service: StuckService, run: Run, stack: Snapshot) -> Iterator[Remedy]:
    """The ways that apply, the least harmful first."""
    arn, primary, cause = service.rollout.service, service.primary, service.cause
    helps = "once the cause is removed" if cause is not None and not cause.passing else "if the cause has passed"
    yield Remedy(
        arn,
        primary.desired,
        "--force-deployment",
        "start the tasks of the earlier version anew",
        f"its running tasks are replaced; it helps only {helps}",
        {"forceNewDeployment": True},
    )
    if not service.missing:
        return
    running, rest = primary.running, f"{primary.running} of {primary.desired} tasks remain"
    if running == 0:
        rest = "no task remains, and the service does not respond until you scale it up again"
    loses = f"{rest}; {counted(service.others, 'task')} of other deployments stop" if service.others else rest
    template = deployed_template(run.aws, stack.arn) or {}
    if any(task_targets(template)):
        loses += "; auto scaling may raise the number again"
    yield Remedy(
        arn,
        primary.desired,
        "--desired-to-running",
        f"set the desired count of the service to its running tasks: {running} instead of {primary.desired}",
        loses,
        {"desiredCount": running},
    )


def _evidence(run: Run, service: StuckService, remedies: tuple[Remedy, ...]) -> Iterator[Evidence]:
    place, primary = run.where(service.rollout.logical_id), service.primary
    counts = task_counts(primary.running, primary.desired)
    others = f", and {counted(service.others, 'task')} of other deployments" if service.others else ""
    yield Evidence(f"{service.rollout.logical_id}, earlier version", f"{counts}{others}", place)
    yield from rollout_evidence(service.rollout, place, service.cause is not None)
    for one in remedies:
        yield Evidence(one.option, f"{one.does}. What it costs: {one.loses}")


def _patience(service: StuckService) -> Evidence:
    """What is possible without a change in ECS, after CloudFormation has given up."""
    skip = f"--skip {service.rollout.logical_id}"
    return Evidence(
        "wait",
        f"CloudFormation gives up after some hours (UPDATE_ROLLBACK_FAILED); then this command with {skip} continues"
        " without the service. What it costs: the stack and the service differ until a deploy changes the service",
    )


def _chosen(
    run: Run,
    stack: Snapshot,
    service: StuckService,
    remedies: tuple[Remedy, ...],
    options: Recovery,
    evidence: tuple[Evidence, ...],
) -> Remedy:
    """The remedy of the command line, or the one that a person chooses. Stops the run without a choice."""
    if options.remedy and options.remedy not in {one.option for one in remedies}:
        sentence = (
            f"{options.remedy} does not help: all {counted(service.primary.desired, 'task')} of the earlier version run"
        )
        raise stop(Exit.USAGE, sentence, _watch(run), evidence=evidence[:1])
    offered = [one for one in remedies if options.remedy in ("", one.option)]
    state = _state(stack, service)
    if not options.remedy and not _is_stuck(service):
        sentence = f"{state}, and nothing shows that its tasks cannot start: {stack.name} is {stack.status}"
        raise stop(Exit.BUSY, sentence, _watch(run), evidence=evidence)
    if options.remedy and options.yes:
        return offered[0]
    if run.ask is not None:
        for item in evidence:
            run.warn(f"{item.source}: {item.text}")
        for one in offered:
            if run.agrees(Question("execute", f"{one.does[:1].upper()}{one.does[1:]}?", (one.loses,))):
                return one
        raise stop(Exit.REFUSED, "refused: nothing was changed", _watch(run))
    commands = [run.target.command("recover", **{_name(one.option): True, "yes": True}) for one in offered]
    raise stop(Exit.REFUSED, state, *commands, _watch(run), evidence=evidence, advice=_advice(service))


def _state(stack: Snapshot, service: StuckService) -> str:
    why = f": {service.cause.sentence}" if service.cause else ""
    return f"the rollback of {stack.name} waits for {service.rollout.logical_id}{why}"


def _advice(service: StuckService) -> Advice | None:
    """How to remove the cause; None for one that may pass by itself."""
    return service.cause.advice if service.cause and not service.cause.passing else None


def _is_stuck(service: StuckService) -> bool:
    """Whether ECS says that a task of the earlier version could not start, or cannot."""
    return bool(service.cause or service.rollout.failed_tasks)


def _watch(run: Run) -> str:
    return run.target.command("watch")


def _name(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
