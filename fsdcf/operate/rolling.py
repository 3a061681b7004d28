"""Restart a service or change its number of tasks, and follow the service until it is steady."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types.applicationautoscaling import task_targets
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.deploy.aws import ApiError, Unreachable
from fsdcf.deploy.diagnosis.explanations import explain_rollouts, rollout_evidence
from fsdcf.deploy.ecs.rollout import JudgedVersion, RolloutObserver, ServiceRollout, StoppedTask, look, task_counts
from fsdcf.deploy.ecs.service import EcsDeployment, EcsService, describe_service, read_service
from fsdcf.deploy.ecs.tasks import containers_in
from fsdcf.deploy.engine import verified
from fsdcf.deploy.model import Evidence, Exit, Options, Outcome, Question
from fsdcf.deploy.pause import pause_of
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import deployed_template
from fsdcf.operate.releases import mark_proven
from fsdcf.operate.scaling import ScalingLimits, limits_request, next_limits, read_limits
from fsdcf.operate.service import RunningService, confirm, detach_on_error, find_service, idle_stack
from fsdcf.wording import counted

FIRST, LATER = 2.0, 5.0
"""Seconds between two looks at the service: in the first half minute, and later."""

HEARTBEAT = 60.0
"""Seconds without a change after which the state is reported again."""

STALE = 30.0
"""Seconds for which ECS may report the state before the change: its reads are eventually consistent."""

SETTLED = 15.0
"""Seconds for which a task without any health check must run: a program that cannot start has ended by then."""

_EVIDENCE_EVERY = 15.0
"""Seconds between two looks at the stopped tasks."""

LOGICAL_ID = "Service"
"""The value of ``--allow`` for more than one task of a single writer."""


@dataclass(frozen=True)
class ServiceState:
    """A service at one moment. ``deployment`` is the one that is followed; None if ECS no longer lists it."""

    service: EcsService
    deployment: EcsDeployment | None

    @property
    def others(self) -> int:
        """The number of tasks of other deployments; 0 if the followed one is not listed."""
        others = (deployment for deployment in self.service.deployments if deployment is not self.deployment)
        return sum(other.running + other.pending for other in others) if self.deployment else 0

    @property
    def text(self) -> str:
        """``1 of 2 running, 1 pending, 2 of an older deployment still running``, of the followed deployment."""
        counts = self.deployment or self.service
        parts = [task_counts(counts.running, counts.desired)]
        if counts.pending:
            parts.append(f"{counts.pending} pending")
        if self.deployment and self.deployment.failed:
            parts.append(f"{self.deployment.failed} failed")
        if self.others:
            parts.append(f"{self.others} of an older deployment still running")
        return ", ".join(parts)

    @property
    def steady(self) -> bool:
        """Whether the desired number of tasks runs, all of one deployment that is complete."""
        service = self.service
        complete = service.primary is None or service.primary.state in ("", "COMPLETED")
        return complete and not self.others and service.running == service.desired and not service.pending


@dataclass
class ServiceWatcher:
    """Follows a service. ``deployment`` is the ID of the deployment, ``action`` names the change: "the restart".

    ``existing``: the deployment is not new, so ECS does not count tasks that fail now. ``reported`` are the reasons
    that are not reported again, ``known`` are the tasks that had failed before.
    """

    run: Run
    service: RunningService
    deployment: str
    action: str
    existing: bool = False
    rollout: ServiceRollout | None = None
    reported: set[str] = field(default_factory=set)
    observer: RolloutObserver = field(init=False)
    known: frozenset[str] = frozenset()
    _check: bool | None = None

    def __post_init__(self) -> None:
        self.observer = RolloutObserver(self.run)
        if self.existing:
            self.look()
            self.reported.update(task.essence for task in self.failures())
            self.known = frozenset(task.id for task in self.failures())

    def follow(
        self, judge: Callable[[ServiceState], Outcome | None], changed: Callable[[ServiceState], bool]
    ) -> Outcome:
        """Look at the service until ``judge``, called once ECS reports the change (``changed``), returns an outcome.

        Raises Stop when fsdcf stops following it: the change continues on AWS.
        """
        with detach_on_error(self._detached):
            return self._follow(judge, changed)

    def look(self) -> ServiceRollout | None:
        """Add what ECS reports of stopped tasks to the known rollout."""
        version = JudgedVersion(deployment=self.deployment)
        self.rollout = look(self.run, self.service.ecs.arn, "Service", self.rollout, afterwards=True, version=version)
        return self.rollout

    def failures(self) -> tuple[StoppedTask, ...]:
        """The failed tasks of the deployment."""
        stopped = self.rollout.stopped if self.rollout else ()
        return tuple(task for task in stopped if task.deployment == self.deployment and task.essence)

    def crashing(self) -> bool:
        """Whether new tasks of the deployment fail repeatedly, for a reason that does not pass by itself."""
        new = tuple(task for task in self.failures() if task.id not in self.known)
        if self.rollout is None or len(new) < 2:
            return False
        cause = explain_rollouts(self.run, (replace(self.rollout, stopped=new),), self.service.stack.arn)
        return cause is None or not cause.passing

    def proven(self, count: int) -> bool:
        """Whether the running tasks do their work, as far as their containers show it; a load balancer shows more.

        ECS waits for that in a deployment, but not when a service is scaled.
        With a health check, the containers must pass it; else they must have been running for a while.
        """
        running = self.observer.running(self.service.ecs.arn)
        if not running or self.service.ecs.target_groups:
            return True
        if self._has_container_check():
            return sum(task.container == "HEALTHY" for task in running) >= count
        return all(task.since >= SETTLED for task in running)

    def _has_container_check(self) -> bool:
        if self._check is None:
            without, definition = "the container's health check is unknown", self.service.ecs.task_definition
            answer = self.run.optional(without, "ecs", "DescribeTaskDefinition", taskDefinition=definition)
            self._check = any(one.get("healthCheck") and one.get("essential", True) for one in containers_in(answer))
        return self._check

    def checked(self, outcome: Outcome, lead: str) -> Outcome:
        """The outcome of a success, once the service does its work: as a deploy is done, so is this.

        The version is that which ran before, even if it is not the stack's. ``lead`` begins the sentence of a failure.
        Raises Stop when fsdcf stops following it.
        """
        if outcome.exit is not Exit.DONE:
            return outcome
        with detach_on_error(self._detached):
            also = (self.service.ecs.task_definition,)
            verdict = verified(self.run, self.service.stack, lead, also=also)
        return verdict if isinstance(verdict, Outcome) else outcome

    def _follow(
        self, judge: Callable[[ServiceState], Outcome | None], changed: Callable[[ServiceState], bool]
    ) -> Outcome:
        clock, arn = self.run.aws.clock, self.service.ecs.arn
        start = examined = reported = clock()
        before, visible = "", False
        while True:
            state = self._state()
            version = JudgedVersion(deployment=self.deployment)
            self.rollout = self.observer.look(arn, "Service", self.rollout, clock() - start, version) or self.rollout
            visible = visible or changed(state) or clock() - start >= STALE
            outcome = judge(state) if visible else None
            if outcome is not None:
                return outcome
            now = clock()
            if state.text != before:
                before, reported = state.text, now
            elif now - reported >= HEARTBEAT:
                reported = now
                self.run.step("tasks", f"still {state.text}, after {now - start:.0f} s")
            if now - examined >= _EVIDENCE_EVERY:
                examined = now
                self._warn()
            if self.run.late():
                raise self._detached(Exit.UNKNOWN, "the deadline has passed")
            self.run.rest(self.run.jitter(FIRST if now - start < 30 else LATER))

    def _state(self) -> ServiceState:
        service = describe_service(self.run.aws, self.service.cluster, self.service.name)
        if service is None or service.status == "INACTIVE":
            sentence = f"the service {self.service.name} no longer exists"
            raise stop(Exit.FAILED, sentence, self.run.target.command("status"))
        followed = next((item for item in service.deployments if item.id == self.deployment), None)
        return ServiceState(service, followed)

    def _warn(self) -> None:
        """Warn once of each reason why tasks of an existing deployment stop, which no rollout shows."""
        if not self.existing:
            return
        self.look()
        for reason in dict.fromkeys(task.essence for task in self.failures()):
            if reason not in self.reported:
                self.reported.add(reason)
                self.run.warn(f"a task stopped: {reason}")

    def _detached(self, code: Exit, why: str, evidence: tuple[Evidence, ...] = ()) -> Stop:
        sentence = f"{why}: {self.action} continues; its outcome is unknown"
        return stop(code, sentence, self.run.target.command("status", watch=True), evidence=evidence)


def restart(run: Run, options: Options) -> Outcome:
    """Replace every task with a new one of the same task definition, and wait for the end of the deployment.

    Raises Stop: exit 2 without a service, 3 without confirmation or if the stack is not managed by fsdcf, 5 during a
    CloudFormation operation, 6 if the end is not observed.
    """
    run.limit(options.timeout)
    target, aws = run.target, run.aws
    service = find_service(run, idle_stack(run))
    ecs = service.ecs
    if not ecs.desired:
        sentence = f"{target.stack} has no tasks: there is nothing to restart"
        next = target.command("resume") if pause_of(service.stack) else target.command("scale", "1")
        return Outcome(Exit.DONE, sentence, next=(next,))
    if any(deployment.state == "IN_PROGRESS" for deployment in ecs.deployments):
        run.warn("a deployment is in progress: the restart replaces it")
    tasks = counted(ecs.desired, "task")
    outage = ("its tasks stop before new ones start: the service is unavailable in between",)
    details = outage if ecs.minimum_healthy == 0 else ()
    question = Question("execute", f"Replace {tasks} of {target.stack} with new ones?", details)
    confirm(run, options.yes, question, target.command("restart", yes=True))
    answer = aws.call("ecs", "UpdateService", cluster=service.cluster, service=service.name, forceNewDeployment=True)
    new = read_service(answer.get("service") or {}).primary
    id = new.id if new else ""
    run.step("restart", f"replacing {tasks} of {target.stack} ({id})")
    watcher = ServiceWatcher(run, service, id, "the restart")
    outcome = watcher.follow(lambda state: _judge_restart(watcher, state), lambda state: state.deployment is not None)
    return watcher.checked(outcome, f"{target.stack} was restarted")


def _judge_restart(watcher: ServiceWatcher, state: ServiceState) -> Outcome | None:
    deployment, service = state.deployment, state.service
    if deployment is None or deployment.state == "FAILED":
        return _restart_failed(watcher, state)
    if deployment.state == "COMPLETED" or (not deployment.state and state.steady):
        sentence = f"{watcher.run.target.stack} was restarted: {service.running} of {service.desired} tasks are running"
        return Outcome(Exit.DONE, sentence)
    return None


def _restart_failed(watcher: ServiceWatcher, state: ServiceState) -> Outcome:
    """The outcome after ECS gave up the deployment, or another one replaced it."""
    target, rollout, service = watcher.run.target, watcher.look(), state.service
    primary = service.primary
    reasons = [task.essence for task in watcher.failures()]
    cause = explain_rollouts(watcher.run, (rollout,), watcher.service.stack.arn) if rollout and reasons else None
    gave_up = state.deployment.reason if state.deployment else ""
    replaced = f"the deployment {primary.id if primary else ''} replaced it"
    reason = cause.sentence if cause else next(filter(None, (*reasons, gave_up, replaced)))
    now = (
        f"{service.running} of {service.desired} tasks are running"
        if service.running
        else "the service has no running tasks"
    )
    if primary is not None and primary.id != watcher.deployment and primary.reason:
        now = f"{now}; {primary.reason}"
    evidence = tuple(rollout_evidence(rollout, watcher.run.where("Service"), cause is not None)) if rollout else ()
    logs = target.command("logs", since="30m")
    first = cause.command if cause and not cause.command.startswith(target.command("logs")) else logs
    return Outcome(
        Exit.FAILED,
        f"the restart of {target.stack} failed: {reason}",
        (*evidence, Evidence("now", now)),
        tuple(dict.fromkeys((first, logs, target.command("status")))),
        advice=cause.advice if cause else None,
    )


def scale(run: Run, count: int, options: Options) -> Outcome:
    """Set the number of tasks and wait until they run. Warns of what will override the number.

    Raises Stop: exit 2 without a service, 3 without confirmation or if the stack is not managed by fsdcf, 5 during a
    CloudFormation operation, 6 if the end is not observed.
    """
    run.limit(options.timeout)
    target, aws = run.target, run.aws
    service = find_service(run, idle_stack(run))
    ecs, pause = service.ecs, pause_of(service.stack)
    if pause is not None and count:
        sentence = f"{target.stack} is paused {pause.text}: it has no tasks until it is resumed"
        raise stop(Exit.REFUSED, sentence, target.command("resume"))
    if ecs.desired == count and ecs.running == count:
        lead = f"{target.stack} is scaled to {counted(count, 'task')}"
        verdict = verified(run, service.stack, lead, also=(ecs.task_definition,)) if count else None
        done = Outcome(Exit.DONE, f"{target.stack} already runs {counted(count, 'task')}")
        return verdict if isinstance(verdict, Outcome) else done
    template = deployed_template(aws, service.stack.arn)
    if template is None:
        run.warn("the number of tasks in the template is unknown: the template cannot be read")
        template = {}
    overrides = tuple(count_overrides(count, scaling_limits(run, service, template), template))
    command = target.command("scale", str(count))
    if count > 1 and ecs.single_writer:
        risk = f"the service is configured for one task at a time, as for a single writer; {count} would run together"
        question = Question("data", "Data at risk. Continue?", (risk,))
        allowed = f"{command} --allow {LOGICAL_ID}"
        confirm(run, LOGICAL_ID in options.allow, question, allowed, sentence=f"data at risk: {risk}")
    details = overrides if count else (*overrides, "no tasks will run: the service will not respond")
    if options.yes or run.ask is None:
        for text in details:
            run.warn(text)
    question = Question("execute", f"Scale {target.stack} from {ecs.desired} to {counted(count, 'task')}?", details)
    confirm(run, options.yes, question, f"{command} --yes")
    return set_count(run, service, count, "the scaling", overrides)


def set_count(run: Run, service: RunningService, count: int, action: str, overrides: tuple[str, ...] = ()) -> Outcome:
    """Set the number of tasks and wait until they are healthy.

    ``action`` names the change, ``overrides`` is what will override it. Raises Stop (exit 6) if it is not observed.
    """
    target, ecs = run.target, service.ecs
    deployment = ecs.deployments[0].id if ecs.deployments else ""
    watcher = ServiceWatcher(run, service, deployment, action, existing=True)
    run.aws.call("ecs", "UpdateService", cluster=service.cluster, service=service.name, desiredCount=count)
    run.step("scale", f"scaling {target.stack} from {ecs.desired} to {counted(count, 'task')}")
    outcome = watcher.follow(
        lambda state: _judge_scaling(watcher, state, count, overrides), lambda state: state.service.desired == count
    )
    if count:
        outcome = watcher.checked(outcome, f"{target.stack} was scaled to {counted(count, 'task')}")
    if outcome.exit is Exit.DONE and count and not ecs.desired:
        mark_proven(run, service.stack)
    return outcome


def _judge_scaling(
    watcher: ServiceWatcher, state: ServiceState, count: int, overrides: tuple[str, ...]
) -> Outcome | None:
    """The outcome once the tasks run, or once it is clear that they do not; their health is checked afterwards."""
    target = watcher.run.target
    next, primary = (target.command("status"),), state.service.primary
    if state.service.desired != count:
        sentence = (
            f"{target.stack} was scaled to {counted(count, 'task')}, but auto scaling or another user has changed the"
            f" number to {state.service.desired}"
        )
        return Outcome(Exit.FAILED, sentence, tuple(Evidence("note", text) for text in overrides), next)
    if (state.steady and watcher.proven(count)) or watcher.crashing():
        return Outcome(Exit.DONE, f"{target.stack} runs {counted(count, 'task')}")
    if primary is not None and primary.state == "FAILED":
        reason = primary.reason or "ECS stopped the deployment"
        return Outcome(Exit.FAILED, f"{target.stack} does not reach {counted(count, 'task')}: {reason}", next=next)
    return None


def scaling_limits(run: Run, service: RunningService, template: Mapping[str, Any]) -> ScalingLimits | None:
    """The limits of auto scaling, from its API, or from the template after an error; None without auto scaling."""
    wanted = limits_request(service.cluster, service.name)
    try:
        return read_limits(run.aws.call("application-autoscaling", "DescribeScalableTargets", look=True, **wanted))
    except (ApiError, Unreachable) as error:
        run.lack("the limits of auto scaling are read from the template", error)
        return _limits_in(template)


def count_overrides(count: int, limits: ScalingLimits | None, template: Mapping[str, Any]) -> Iterator[str]:
    """What will override a number of tasks, in sentences.

    Auto scaling corrects a number outside of its limits at its next activity in that direction, and changes a number
    within them with the load. Without it, the next deploy that updates the service restores the number in the template.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
    """
    if limits is None:
        written = _properties(template, SERVICE).get("DesiredCount")
        if written is not None and str(written) != str(count):
            yield (
                f"the next deploy that changes the service sets it to {written} again: set"
                f" service.resources.desiredCount to keep {count}"
            )
        return
    between = f"auto scaling keeps this service between {limits.minimum} and {limits.maximum} tasks"
    if limits.suspended:
        yield f"{between}, but is suspended: {count} remains until it is resumed"
    elif count < limits.minimum:
        yield f"{between}: it overrides {count} when it next adds tasks; set service.autoScaling.minCount to keep it"
    elif count > limits.maximum:
        yield f"{between}: it overrides {count} when it next removes tasks; set service.autoScaling.maxCount to keep it"
    else:
        yield f"{between}: it overrides {count} when the load requires a different number"
    target: Mapping[str, Any] = next((one.get("Properties") or {} for one in task_targets(template)), {})
    following = None if limits.unscheduled else next_limits(target, datetime.now(timezone.utc))
    if following is not None:
        yield f"the schedule {following.name} sets other limits at {following.when}"


def _limits_in(template: Mapping[str, Any]) -> ScalingLimits | None:
    properties = next((one.get("Properties") or {} for one in task_targets(template)), {})
    try:
        return ScalingLimits(int(properties["MinCapacity"]), int(properties["MaxCapacity"]))
    except (KeyError, TypeError, ValueError):
        return None


def _properties(template: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    """The properties of the first resource of a type."""
    return next((one.get("Properties") or {} for one in of_type(template, type)), {})
