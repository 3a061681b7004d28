"""Scales a service: another number of tasks, through the gate, watched until the service is steady."""

from __future__ import annotations

from collections.abc import Callable

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.model import Ask, Evidence, Exit, Outcome, Place, Target, Tell
from fsdcf.deploy.run import Run
from fsdcf.operate.bounds import bounds_of, template_of, undone_by
from fsdcf.operate.consent import consent, consent_to_risk
from fsdcf.operate.rolling import Moment, Watch, begun
from fsdcf.operate.service import Service, resting, service_of

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
    return watch.until(lambda moment: _judged(watch, moment, count, undone), lambda moment: moment.desired == count)


def _judged(watch: Watch, moment: Moment, count: int, undone: tuple[str, ...]) -> Outcome | None:
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
