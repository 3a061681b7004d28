"""Watching an ECS service until it runs what it is to run: a new deployment, or another number of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy.aws import Aws, AwsError
from fsdcf.deploy.diagnosis.explanations import explain_rollouts, rollout_evidence
from fsdcf.deploy.ecs import rollout
from fsdcf.deploy.ecs.rollout import RolloutObserver
from fsdcf.deploy.model import INTERRUPTS, Ask, Evidence, Exit, Outcome, Place, Target, Tell, Terminated
from fsdcf.deploy.run import Run, stop
from fsdcf.operate.bounds import bounds_of, template_of, undone_by
from fsdcf.operate.consent import consent, consent_to_risk
from fsdcf.operate.service import Service, described, resting, service_of

FIRST, LATER = 2.0, 5.0
"""Seconds between two looks at the service: within the first half minute, and after it."""

HEARTBEAT = 60.0
"""Seconds of silence after which it is said that the run goes on."""

STALE = 30.0
"""Seconds for which ECS may tell what was before the change: its reads lag behind its writes."""

_EVIDENCE_EVERY = 30.0
"""Seconds between two looks at the tasks that stopped."""


@dataclass(frozen=True)
class Moment:
    """A service at one moment. ``deployment`` is the one that is watched; it is empty where ECS does not list it any more."""

    desired: int
    running: int
    pending: int
    deployment: Mapping[str, Any]
    primary: Mapping[str, Any]
    others: int

    @property
    def text(self) -> str:
        """``1 of 2 running, 1 pending, 2 of an older deployment still there``; of the watched deployment alone, where there is an older one."""
        told = self.deployment or {
            "desiredCount": self.desired,
            "runningCount": self.running,
            "pendingCount": self.pending,
        }
        parts = [rollout.task_counts(told.get("runningCount") or 0, told.get("desiredCount") or 0)]
        if told.get("pendingCount"):
            parts.append(f"{told['pendingCount']} pending")
        if told.get("failedTasks"):
            parts.append(f"{told['failedTasks']} failed")
        if self.others:
            parts.append(f"{self.others} of an older deployment still there")
        return ", ".join(parts)

    @property
    def steady(self) -> bool:
        """Whether the service runs as many tasks as it is to, of one deployment, which is not under way."""
        settled = self.primary.get("rolloutState") in (None, "", "COMPLETED")
        return settled and not self.others and self.running == self.desired and not self.pending


Judge = Callable[[Moment], Outcome | None]
"""Says how it ended, or None while it goes on."""


@dataclass
class Watch:
    """A watch over a service. ``deployment`` is the id of the one that is watched, ``doing`` what goes on, such as "the restart".

    ``past``: the deployment is not a new one, so that ECS does not count the tasks of it that fail now.
    """

    run: Run
    service: Service
    deployment: str
    doing: str
    past: bool = False
    known: rollout.ServiceRollout | None = None
    told: set[str] = field(default_factory=set)
    lookout: RolloutObserver = field(init=False)

    def __post_init__(self) -> None:
        self.lookout = RolloutObserver(self.run)

    def until(self, judge: Judge, changed: Callable[[Moment], bool]) -> Outcome:
        """Looks again and again until the judge says how it ended, from the moment on that ECS tells of the change (``changed``).

        Raises Stop where it is left alone before: it goes on by itself.
        """
        try:
            return self._until(judge, changed)
        except Terminated as asked:
            raise self._left(Exit.UNKNOWN, f"asked to end ({asked.signal})") from None
        except INTERRUPTS:
            raise self._left(Exit.INTERRUPTED, "no longer watched") from None
        except AwsError as error:
            evidence = (Evidence(f"{error.service}:{error.operation}", error.message),)
            raise self._left(Exit.UNKNOWN, "AWS does not tell any more", evidence) from None

    def look(self) -> rollout.ServiceRollout | None:
        """What ECS tells of tasks that stopped, added to what is known already."""
        self.known = rollout.look(self.run, self.service.arn, "Service", self.known, afterwards=True)
        return self.known

    def failures(self) -> tuple[rollout.StoppedTask, ...]:
        """The tasks of the watched deployment that stopped because something failed."""
        stopped = self.known.stopped if self.known else ()
        return tuple(one for one in stopped if one.deployment == self.deployment and one.essence)

    def _until(self, judge: Judge, changed: Callable[[Moment], bool]) -> Outcome:
        begun = looked = spoke = self.run.aws.clock()
        before, fresh = "", False
        while True:
            moment = self._moment()
            self.known = (
                self.lookout.look(self.service.arn, "Service", self.known, self.run.aws.clock() - begun) or self.known
            )
            fresh = fresh or changed(moment) or self.run.aws.clock() - begun >= STALE
            outcome = judge(moment) if fresh else None
            if outcome is not None:
                return outcome
            now = self.run.aws.clock()
            if moment.text != before:
                before, spoke = moment.text, now
            elif now - spoke >= HEARTBEAT:
                spoke = now
                self.run.step("tasks", f"still {moment.text}, after {now - begun:.0f} s")
            if now - looked >= _EVIDENCE_EVERY:
                looked = now
                self._warn()
            if self.run.late():
                raise self._left(Exit.UNKNOWN, "the deadline has passed")
            self.run.rest(self.run.jitter(FIRST if now - begun < 30 else LATER))

    def _moment(self) -> Moment:
        told = described(self.run.aws, self.service.cluster, self.service.name)
        if told is None or told.get("status") == "INACTIVE":
            raise stop(Exit.FAILED, f"the service {self.service.name} is gone", self.run.target.command("status"))
        deployments = told.get("deployments") or []
        watched: Mapping[str, Any] = next((one for one in deployments if one.get("id") == self.deployment), {})
        primary: Mapping[str, Any] = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
        others = sum(
            int(one.get("runningCount") or 0) + int(one.get("pendingCount") or 0)
            for one in deployments
            if one is not watched
        )
        desired, running, pending = (
            int(told.get(name) or 0) for name in ("desiredCount", "runningCount", "pendingCount")
        )
        return Moment(desired, running, pending, watched, primary, others if watched else 0)

    def _warn(self) -> None:
        """Says once what tasks stop for, where no picture of the rollout tells it, and once what keeps ECS from starting them."""
        found = self.look() if self.past else self.known
        for task in self.failures():
            if self.past and task.essence not in self.told:
                self.told.add(task.essence)
                self.run.warn(f"a task stopped: {task.essence}")
        for text in found.events if found else ():
            if "unable to" in text and text not in self.told:
                self.told.add(text)
                self.run.warn(text)

    def _left(self, code: Exit, why: str, evidence: tuple[Evidence, ...] = ()) -> Exception:
        sentence = f"{why}: {self.doing} goes on, its outcome is unknown"
        return stop(code, sentence, self.run.target.command("status", "--watch"), evidence=evidence)


def begun(run: Run, service: Service, deployment: str, doing: str, past: bool = False) -> Watch:
    """A watch that is silent about what ECS said before it began. ``past``: the deployment's tasks may have failed before as well."""
    watch = Watch(run, service, deployment, doing, past)
    watch.told.update(str(one.get("message", "")) for one in service.told.get("events") or [])
    if past:
        watch.look()
        watch.told.update(one.essence for one in watch.failures())
    return watch


def restart(
    target: Target,
    yes: bool,
    timeout: float | None,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    where: Callable[[str], Place | None] = lambda logical_id: None,
) -> Outcome:
    """Replace every task by a new one of the same task definition, as a deployment does it, and stay until it is over.

    ``timeout`` is in seconds. Raises Stop: exit 2 without a service, 3 without consent or where the stack is not ours, 5 while
    CloudFormation changes the stack, 6 where the end is not seen.
    """
    run = Run(aws, tell, target, ask, where)
    run.limit(timeout)
    service = service_of(target, resting(target, aws), aws)
    if not service.desired:
        return Outcome(
            Exit.DONE, f"{target.stack} runs no task: there is nothing to restart", next=(target.command("scale", "1"),)
        )
    if any(one.get("rolloutState") == "IN_PROGRESS" for one in service.told.get("deployments") or []):
        run.warn("a deployment is under way already: this one takes its place")
    tasks = f"{service.desired} task{'s' if service.desired > 1 else ''}"
    consent(
        run, yes, f"Replace {tasks} of {target.stack} by new ones?", target.command("restart"), _details(service.told)
    )
    answer = aws.call("ecs", "UpdateService", cluster=service.cluster, service=service.name, forceNewDeployment=True)
    deployments = answer.get("service", {}).get("deployments") or [{}]
    new = next((one for one in deployments if one.get("status") == "PRIMARY"), deployments[0])
    run.step("restart", f"replaces {tasks} of {target.stack} ({new.get('id', '')})")
    watch = begun(run, service, str(new.get("id", "")), "the restart")
    return watch.until(lambda moment: _judged(watch, moment), lambda moment: bool(moment.deployment))


def _details(told: object) -> tuple[str, ...]:
    """What whoever is asked should know: a service whose tasks go before new ones come is away for a while."""
    configuration = told.get("deploymentConfiguration") if isinstance(told, dict) else None
    if (configuration or {}).get("minimumHealthyPercent", 100) == 0:
        return ("its tasks stop before new ones start: the service is away for that time",)
    return ()


def _judged(watch: Watch, moment: Moment) -> Outcome | None:
    target, state = watch.run.target, str(moment.deployment.get("rolloutState") or "")
    if state == "COMPLETED" or (not state and moment.deployment and moment.steady):
        return Outcome(Exit.DONE, f"{target.stack} is restarted: {moment.running} of {moment.desired} tasks run")
    if state == "FAILED" or not moment.deployment:
        return _failed(watch, moment)
    return None


def _failed(watch: Watch, moment: Moment) -> Outcome:
    """ECS gave the deployment up, or another one took its place."""
    target, found, primary = watch.run.target, watch.look(), moment.primary
    tasks = [one.essence for one in watch.failures()]
    known = explain_rollouts(watch.run, (found,), watch.service.stack.arn) if found and tasks else None
    said = str(moment.deployment.get("rolloutStateReason") or f"the deployment {primary.get('id', '')} took its place")
    because = known.sentence if known else tasks[0] if tasks else said
    after = (
        "the service has no task that runs" if not moment.running else f"{moment.running} of {moment.desired} tasks run"
    )
    if primary.get("id") != watch.deployment and primary.get("rolloutStateReason"):
        after = f"{after}; {primary['rolloutStateReason']}"
    evidence = tuple(rollout_evidence(found, watch.run.where("Service"), known is not None)) if found else ()
    logs = target.command("logs", "--since", "30m")
    commands = (known.command if known and not known.command.startswith(target.command("logs")) else logs, logs)
    return Outcome(
        Exit.FAILED,
        f"the restart of {target.stack} failed: {because}",
        (*evidence, Evidence("now", after)),
        tuple(dict.fromkeys((*commands, target.command("status")))),
        advice=known.advice if known else None,
    )


LOGICAL_ID = "Service"
"""What ``--allow`` names where more tasks than one would put data at risk."""


def scale(
    target: Target,
    count: int,
    yes: bool,
    allow: frozenset[str],
    timeout: float | None,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    where: Callable[[str], Place | None] = lambda logical_id: None,
) -> Outcome:
    """Run so many tasks, and stay until they run. Says what will undo it.

    ``timeout`` is in seconds. Raises Stop: exit 2 without a service, 3 without consent or where the stack is not ours, 5 while
    CloudFormation changes the stack, 6 where the end is not seen.
    """
    run = Run(aws, tell, target, ask, where)
    run.limit(timeout)
    service = service_of(target, resting(target, aws), aws)
    if service.desired == count and service.told.get("runningCount") == count:
        return Outcome(Exit.DONE, f"{target.stack} runs {count} task{_s(count)} already")
    template = template_of(run, service)
    undone = tuple(undone_by(count, bounds_of(run, service, template), template))
    again = target.command("scale", str(count))
    if count > 1 and service.single_writer:
        risk = f"the service is made so that one task runs at a time, as for a store with one writer; {count} would run at once"
        consent_to_risk(run, LOGICAL_ID in allow, risk, again, LOGICAL_ID)
    details = (*undone, *(("no task will run: the service will not answer",) if count == 0 else ()))
    if yes or ask is None:
        for text in details:
            run.warn(text)
    consent(run, yes, f"Go from {service.desired} to {count} task{_s(count)} in {target.stack}?", again, details)
    return _watched(run, service, count, undone)


def _watched(run: Run, service: Service, count: int, undone: tuple[str, ...]) -> Outcome:
    deployments = service.told.get("deployments") or [{}]
    watch = begun(run, service, str(deployments[0].get("id", "")), "the scaling", past=True)
    run.aws.call("ecs", "UpdateService", cluster=service.cluster, service=service.name, desiredCount=count)
    run.step("scale", f"goes from {service.desired} to {count} task{_s(count)} in {run.target.stack}")
    return watch.until(
        lambda moment: _scale_judged(watch, moment, count, undone), lambda moment: moment.desired == count
    )


def _scale_judged(watch: Watch, moment: Moment, count: int, undone: tuple[str, ...]) -> Outcome | None:
    target = watch.run.target
    if moment.desired != count:
        sentence = f"{target.stack} was scaled to {count} task{_s(count)}, and somebody else or auto scaling has set {moment.desired} meanwhile"
        return Outcome(
            Exit.FAILED, sentence, tuple(Evidence("note", text) for text in undone), (target.command("status"),)
        )
    if moment.steady:
        return Outcome(Exit.DONE, f"{target.stack} runs {count} task{_s(count)}")
    if moment.primary.get("rolloutState") == "FAILED":
        reason = moment.primary.get("rolloutStateReason") or "ECS gave the deployment up"
        return Outcome(
            Exit.FAILED, f"{target.stack} does not get to {count} tasks: {reason}", next=(target.command("status"),)
        )
    return None


def _s(count: int) -> str:
    return "" if count == 1 else "s"
