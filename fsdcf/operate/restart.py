"""Restarts a service: a new deployment of the task definition that it runs, watched until ECS says how it ended."""

from __future__ import annotations

from collections.abc import Callable

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.diagnose import rollout_evidence
from fsdcf.deploy.explain import explained
from fsdcf.deploy.model import Ask, Evidence, Exit, Outcome, Place, Target, Tell
from fsdcf.deploy.run import Run
from fsdcf.operate.consent import consent
from fsdcf.operate.rolling import Moment, Watch, begun
from fsdcf.operate.service import resting, service_of


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
    known = explained(watch.run, (found,), watch.service.stack.arn) if found and tasks else None
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
