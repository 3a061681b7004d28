"""Deploy a release: the stages, in the order in which they run.

A deploy has one release (a compiled template and an image) and one stack. It goes through nine stages. Each of them
either hands over to the next one or stops the run with an ``Outcome``. Only ``Aws`` (aws.py) talks to AWS: it counts,
paces and retries the calls. The pure parts (``state.decide``, ``gate``, the diagnosis) call nothing, so that a table
of inputs can test them. Below, "calls" is what a stage may call, and "leaves" is what it leaves behind.

preflight (prepare.py)
    Finds the stack, the account, the image and the secrets. Refuses the wrong account, a missing image and a missing
    secret.
    Calls: DescribeStacks, ECR's DescribeImages, DescribeParameters, DescribeSecret, and GetCallerIdentity before a
    first deploy. Leaves: nothing.

examine (prepare.py)
    Only before the image of the release is built, which the command line does: what the next two stages would refuse
    is refused at once. The deploy follows once the image is in its repository, and begins with the preflight again.
    Calls: those of preflight, without ECR's, and HeadBucket. Leaves: nothing.

decide (state.py, prepare.py)
    Maps the stack's status, tags and protection, and the options, to one action. Create and update continue. The other
    actions wait for an operation in progress, roll back a failed update, delete the stack of a failed creation (with
    consent), or refuse. After one of them the stack is read and the action is decided again.
    Calls: DescribeStackEvents, RollbackStack, DeleteStack. Leaves: the stack rolled back or deleted, even if a later
    stage stops the run.

stage (prepare.py)
    A template of up to 51,200 bytes becomes part of the request. A larger one is uploaded to the artifacts bucket.
    Calls: HeadBucket, PutObject. Leaves: an object whose key is a hash of its content. Nothing deletes it.

change set (change_set.py)
    Creates the change set under a random name and waits until CloudFormation has calculated the changes. If that
    fails, it shows the findings of validation and hooks. ``Leftovers`` (cleanup.py) notes the name before the request.
    Calls: CreateChangeSet, DescribeChangeSet, DescribeEvents. Leaves: the change set and, on a first deploy, an empty
    stack in REVIEW_IN_PROGRESS.

gate (this file)
    Data at risk needs ``--allow`` or a person, everything else needs ``--yes`` or a person. ``--plan-only`` and a
    deploy without changes end before it.
    Calls: nothing. Leaves: nothing.

execute (operation.py)
    Executes the change set with a token, so that a lost answer can be repeated safely. ``--detach`` ends after it.
    Calls: ExecuteChangeSet. Leaves: an operation that belongs to CloudFormation. From here on nothing is cleaned up.

watch (watch.py, ecs/rollout.py)
    Polls until events and status agree that the operation has ended, and collects evidence from ECS, the load balancer
    and the log, since a rollback destroys it. Ctrl-C, ``--on-timeout cancel`` and ``--fail-fast`` may cancel an update;
    a creation is never cancelled.
    Calls: DescribeStackEvents, DescribeStacks, CancelUpdateStack, and reads of ECS, load balancers and logs. Leaves:
    the operation running, if the run ends before it.

verify (ecs/verification.py)
    A complete stack counts as a success only if the PRIMARY deployment of its ECS service runs the stack's task
    definition, is complete, and has all its tasks, with healthy targets. Tasks that start are waited for. A job has no
    service: its task definition must be registered, and the outcome says when the next run is due.
    Calls: ListStackResources, DescribeServices, DescribeTargetHealth, and the stopped tasks unless all is calm; for a
    job DescribeTaskDefinition and GetSchedule.
    Leaves: nothing.

diagnose (diagnosis/)
    Only after a failure. Takes the first failed event that is not a cancellation, matches the words of the tasks with
    the table of known reasons, and names a line of the spec and the next commands.
    Calls: GetTemplate, and reads of ECS for evidence that is still missing. Leaves: nothing.

Whatever ends the run, the cleanup (cleanup.py) is last. It deletes a change set that was not executed, the empty stack
that it created, and the stale ones of earlier runs. The outcome names what could not be deleted. If another user
changes the stack before the execution, the plan is obsolete: the run returns to decide, at most three times, and a
person is asked again.

The downside of this design: the run is the only witness. Nothing is stored between two runs, so that only a run that
stays to the end collects the evidence of a failure while it exists. A run that detaches, loses its credentials or is
killed leaves a poorer diagnosis, since recovery.py reads only what AWS still has, and perhaps a change set that stays
until a deploy deletes it after an hour. And polling is slow: an end is noticed up to ten seconds late.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fsdcf.cloudformation.ecr import image_tag
from fsdcf.cloudformation.limits import STACK_TAGS
from fsdcf.cloudformation.risk import Risk
from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.cloudformation.types.iam import capabilities
from fsdcf.conventions import ENVIRONMENT_TAG, IMAGE_PARAMETER, RELEASE_OUTPUT, RELEASE_RECORD, SERVICE_TAG, UNPROVEN
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.change_set import ChangeSet, ChangeSetRequest, StackChanged, create
from fsdcf.deploy.cleanup import Leftovers, conclude
from fsdcf.deploy.ecs.rollout import JudgedVersion, RolloutObserver, ServiceRollout, version_of
from fsdcf.deploy.ecs.verification import Verdict, follow_rollouts, recent, verify
from fsdcf.deploy.model import (
    Approve,
    Ask,
    Evidence,
    Exit,
    NoticeIssued,
    Options,
    Outcome,
    Place,
    Plan,
    PlanCreated,
    Question,
    Release,
    Tell,
)
from fsdcf.deploy.operation import execute
from fsdcf.deploy.pause import kept_paused, pause_of
from fsdcf.deploy.prepare import examine, preflight, prepare, secrets, stage
from fsdcf.deploy.priorities import lost_race
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import Create, Snapshot, physical_ids, snapshot
from fsdcf.deploy.watch import OperationResult, detached, follow
from fsdcf.masking import mask_secrets
from fsdcf.wording import counted, moment

PLANS = 3
"""How often a deploy plans again because another user changed the stack meanwhile."""

_SUCCESSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


def deploy(
    release: Release, options: Options, aws: Aws, tell: Tell, ask: Ask | None, approve: Approve | None = None
) -> Outcome:
    """Deploy a release. Reports its progress to ``tell``, RunEnded last, and returns the same outcome.

    Raises only bugs.

    ``ask`` is None without a person. ``approve`` decides on the plan together with the plans of other deploys.
    """
    hidden = secrets(release.template, release.image_sha)
    run = Run(
        aws,
        lambda event: tell(mask_secrets(event, hidden)),
        release.target,
        ask,
        release.where,
        template=release.template,
        approve=approve,
    )
    run.limit(options.timeout)
    leftovers = Leftovers(release.stack)
    return mask_secrets(conclude(run, leftovers, lambda: _deploy_once_more(run, release, options, leftovers)), hidden)


def examine_before_build(
    release: Release, options: Options, aws: Aws, tell: Tell, ask: Ask | None, has_environment: bool = True
) -> tuple[Release, Options]:
    """Refuse what can be refused before the image of a release is built; see ``prepare.examine``.

    Raises Stop, and the errors of AWS.
    """
    hidden = secrets(release.template, release.image_sha)
    run = Run(aws, lambda event: tell(mask_secrets(event, hidden)), release.target, ask, release.where)
    tags_of(release)
    return examine(run, release, options, has_environment)


class _LostRace(Exception):
    """Another service took the priority of a rule between the plan and its execution, which was rolled back."""


def _deploy_once_more(run: Run, release: Release, options: Options, leftovers: Leftovers) -> Outcome:
    """Deploy, and once more if the priority of a rule was lost: what was agreed to is the same but for a number."""
    try:
        return _deploy(run, release, options, leftovers)
    except _LostRace:
        run.running = ""
        run.warn("another service took the priority of a rule in the meantime: deploying with the next free one")
    return _deploy(run, release, replace(options, yes=True, recreate=True), leftovers, may_race=False)


def _deploy(run: Run, release: Release, options: Options, leftovers: Leftovers, may_race: bool = True) -> Outcome:
    tags = tags_of(release)
    stack = preflight(run, release, options)
    for _ in range(PLANS):
        action, stack, parameters = prepare(run, release, options, stack)
        creates = isinstance(action, Create)
        leftovers.new = stack is None
        leftovers.review = stack.since if stack is not None and stack.in_review else None
        release = _kept_paused(run, release, stack)
        members = {
            **stage(run, release, options),
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Parameters": parameters,
            "Capabilities": list(capabilities(release.template)),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "RoleARN": options.role_arn,
            "DeploymentMode": "REVERT_DRIFT" if options.revert_drift and not creates else None,
            "DeploymentConfig": {"Mode": "EXPRESS", "DisableRollback": False} if options.express else None,
        }
        try:
            change_set = _plan(run, ChangeSetRequest(release.stack, release.image_sha or "", members), leftovers)
            _tell_of_modes(run, release, options, change_set, creates)
            protects = _tell_of_protection(run, release, None if creates else stack)
            if options.plan_only:
                return _planned(run, options, change_set, protects)
            if change_set.empty:
                _protect(run, release, stack)
                return _unchanged(run, stack)
            _pass_gate(run, release, options, change_set, creates)
            operation = execute(run, change_set, stack, leftovers)
        except StackChanged as change:
            run.warn(f"the stack changed in the meantime; planning again: {change}")
            leftovers.clean(run)
            stack = snapshot(run.aws, release.stack)
            continue
        run.running = f"the {'creation' if operation.verb == 'create' else 'update'} of {release.stack}"
        if options.detach:
            _protect(run, release, None if creates else stack)
            raise detached(run, operation, "detached (--detach)", by_option=True)
        result = follow(run, operation, options.on_timeout, options.fail_fast)
        if options.express and result.status in _SUCCESSES and result.stack is not None:
            run.running, run.over = "", f"{release.stack} is {result.status}"
            run.step("rollout", "CloudFormation has applied the configuration; following the rollout of the service")
            rollouts = follow_rollouts(run, result.stack, result.rollouts, operation.begun)
            result = replace(result, rollouts=tuple(rollouts))
        if (
            may_race
            and result.status not in _SUCCESSES
            and lost_race(release.template, (event.reason for event in result.events))
        ):
            raise _LostRace
        _protect(run, release, result.stack if result.status in _SUCCESSES else None)
        before = stack.parameters.get(IMAGE_PARAMETER, "") if stack is not None else ""
        return assess(run, result, release.image_sha, release.stack, before=before)
    raise stop(
        Exit.BUSY,
        f"other users changed the stack {PLANS} times during planning",
        release.target.redeploy(wait_lock=True),
    )


def _kept_paused(run: Run, release: Release, stack: Snapshot | None) -> Release:
    """The release for a paused stack: unless it resumes the service, it keeps it without tasks."""
    pause = pause_of(stack)
    if pause is None or release.resumes:
        return release
    run.tell(NoticeIssued("paused", f"{release.stack} is paused {pause.text}: no task is started until it is resumed"))
    return replace(release, template=kept_paused(release.template, pause))


def tags_of(release: Release) -> dict[str, str]:
    """The stack's tags: the release's own without empty values, and those of fsdcf.

    Stops the run if they are too many.
    """
    tags = {key: value for key, value in release.tags.items() if value}
    tags |= {SERVICE_TAG: release.service, ENVIRONMENT_TAG: release.environment}
    if len(tags) > STACK_TAGS:
        raise stop(Exit.USAGE, f"a stack can have at most {STACK_TAGS} tags, not {len(tags)}")
    return dict(sorted(tags.items()))


def _plan(run: Run, request: ChangeSetRequest, leftovers: Leftovers) -> ChangeSet:
    """Create the change set and report the plan."""
    change_set = create(run, request, leftovers)
    if not change_set.empty:
        plan = change_set.plan
        run.tell(PlanCreated(plan, run.places(change.logical_id for change in plan.changes)))
    return change_set


_REVERTS = (
    "the changes outside CloudFormation are reverted; if the deploy fails, the resources return to their actual state"
    " of now, not to that of the last deploy"
)
"""What ``--revert-drift`` does, and what a rollback then restores.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html"""


def _tell_of_drift(run: Run, plan: Plan) -> None:
    """What a change set does with drift; a warning if it does not say that it looked for any, as of an emulator."""
    if not plan.drift:
        run.warn("the change set does not say whether the resources have drifted: drift may remain")
    elif plan.drift != "IN_SYNC":
        run.tell(NoticeIssued("drift", _REVERTS))


def _express(release: Release, creates: bool) -> str:
    """What the express mode does not wait for, and who rolls back a failure then.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html
    """
    services = [one.get("Properties") or {} for one in of_type(release.template, SERVICE)]
    applies = "CloudFormation applies the configuration, and does not wait until resources are ready or deleted"
    if not services:
        return applies
    settings = ((one.get("DeploymentConfiguration") or {}).get("DeploymentCircuitBreaker") or {} for one in services)
    broken = all(one.get("Enable") is True and one.get("Rollback") is True for one in settings)
    after = (
        "there is no earlier version to roll back to"
        if creates
        else "the circuit breaker of ECS rolls the service back, and the rest of the stack and the history stay"
        if broken
        else "nothing rolls it back, since the circuit breaker is off"
    )
    return f"{applies}; fsdcf waits for the rollout of the service itself. If the rollout fails, {after}"


def _planned(run: Run, options: Options, change_set: ChangeSet, protects: bool) -> Outcome:
    """The outcome of ``--plan-only``. ``protects``: the deploy changes the termination protection of the stack."""
    if change_set.empty and not protects:
        return _up_to_date(run)
    count = len(change_set.plan.changes)
    other = "the termination protection" if change_set.empty else "outputs"
    changes = f"{counted(count, 'resource')} would change" if count else f"only {other} would change"
    code = Exit.CHANGES if options.detailed_exitcode else Exit.DONE
    return Outcome(code, f"{changes}: nothing was executed (--plan-only)", next=(run.target.redeploy(),))


def _up_to_date(run: Run, outputs: Mapping[str, str] | None = None) -> Outcome:
    return Outcome(Exit.DONE, f"{run.target.stack} is up to date: there is nothing to change", outputs=outputs or {})


def _tell_of_modes(run: Run, release: Release, options: Options, change_set: ChangeSet, creates: bool) -> None:
    """Say what --revert-drift and --express mean for a change set."""
    if options.revert_drift and creates:
        run.warn("--revert-drift has no effect: the stack does not exist yet, and cannot have drifted")
    elif options.revert_drift and not change_set.empty:
        _tell_of_drift(run, change_set.plan)
    if options.express and not change_set.empty:
        run.tell(NoticeIssued("express", _express(release, creates)))


def _tell_of_protection(run: Run, release: Release, stack: Snapshot | None) -> bool:
    """Whether a deploy changes the termination protection of a stack, which it says: no change set shows it."""
    wanted = release.termination_protection
    if wanted is None or stack is None or stack.protected is wanted:
        return False
    verb = "enables" if wanted else "disables"
    run.tell(NoticeIssued("protection", f"the deploy {verb} the termination protection of {stack.name}"))
    return True


def _protect(run: Run, release: Release, stack: Snapshot | None) -> None:
    """Give a stack the termination protection that the release wants. A failure is a warning."""
    wanted = release.termination_protection
    if wanted is None or stack is None or stack.protected is wanted:
        return
    answer = run.optional(
        f"the termination protection of the stack is {'off' if wanted else 'on'}, and not as the spec wants it",
        "cloudformation",
        "UpdateTerminationProtection",
        StackName=stack.name,
        EnableTerminationProtection=wanted,
    )
    if answer and not wanted:
        run.tell(NoticeIssued("protection", f"the stack {stack.name} is no longer protected from deletion"))


def _unchanged(run: Run, stack: Snapshot | None) -> Outcome:
    """The outcome of a deploy without changes: a success if the service runs the stack's task definition."""
    if stack is None:
        return _up_to_date(run)
    verdict = verified(run, stack, f"there is nothing to change in {stack.name}")
    if isinstance(verdict, Outcome):
        return verdict
    done = _up_to_date(run, stack.outputs)
    return replace(done, evidence=_stops(verdict), sentence=done.sentence + _without_tasks(stack, verdict))


@dataclass(frozen=True)
class GateOpen:
    """The plan may be executed once a person agrees to each question, if there are any."""

    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class GateClosed:
    """The plan is refused: the reason, the data at risk, and the commands that permit it."""

    sentence: str
    risks: tuple[Risk, ...] = ()
    next: tuple[str, ...] = ()


def gate(
    plan: Plan, release: Release, options: Options, interactive: bool, places: Mapping[str, Place]
) -> GateOpen | GateClosed:
    """The consent that a plan needs before its execution. ``interactive``: a person can be asked.

    Data at risk needs ``--allow`` with its logical id, or a person; in a protected environment, ``--allow``. Everything
    else needs ``--yes`` or a person; in a protected environment, a person if there is one.
    """
    risks = tuple(risk for risk in plan.risks if risk.logical_id not in options.allow)
    if risks and (not interactive or options.protected):
        allow = [risk.logical_id for risk in risks]
        return GateClosed(_at_risk(risks), risks, (release.target.redeploy(allow=allow),))
    questions: list[Question] = []
    if risks:
        details = tuple(risk_line(risk, places) for risk in risks)
        questions.append(Question("data", f"{_at_risk(risks)}. Continue and put this data at risk?", details))
    if options.protected and interactive:
        questions.append(Question("protected", f"{release.environment} is protected. Execute {plan.change_set}?"))
    elif not options.yes and not interactive:
        sentence = "confirmation is required: nothing was executed"
        return GateClosed(sentence, (), (release.target.redeploy(yes=True),))
    elif not options.yes:
        questions.append(Question("execute", f"Execute these changes in {release.stack}?"))
    return GateOpen(tuple(questions))


def _pass_gate(run: Run, release: Release, options: Options, change_set: ChangeSet, creates: bool) -> None:
    """Stop the run (exit 3) unless the gate is open and a person agrees to its questions."""
    plan = change_set.plan
    places = run.places(risk.logical_id for risk in plan.risks)
    run.step("gate", f"{len(plan.changes)} change{'s' * (len(plan.changes) != 1)}, {len(plan.risks)} with data at risk")
    verdict = gate(plan, release, options, run.ask is not None, places)
    if isinstance(verdict, GateClosed):
        evidence = tuple(
            Evidence("data at risk", risk_line(risk, {}), places.get(risk.logical_id)) for risk in verdict.risks
        )
        raise Stop(Outcome(Exit.REFUSED, verdict.sentence, evidence, verdict.next))
    if not run.approves(tuple(replace(question, creates=creates) for question in verdict.questions)):
        raise stop(Exit.REFUSED, "refused: nothing was executed", release.target.redeploy())


def risk_line(risk: Risk, places: Mapping[str, Place]) -> str:
    """A risk in one line, with the spec line of its resource."""
    place = places.get(risk.logical_id)
    at = f" ({place.file}:{place.line})" if place else ""
    return f"{risk.logical_id}, {risk.type}, would be {risk.kind}: {risk.why}{at}"


def _at_risk(risks: Iterable[Risk]) -> str:
    return "data at risk: " + "; ".join(f"{risk.logical_id} would be {risk.kind}" for risk in risks)


def assess(
    run: Run,
    result: OperationResult,
    sha: str | None,
    name: str,
    report: bool = False,
    before: str | None = None,
) -> Outcome:
    """The outcome of an operation: a success if the stack is complete and verified, else a diagnosis.

    ``sha`` is the image of the release, None if that is unknown; ``name`` is the stack's name. ``report``: a
    service that changes is only reported, and not waited for. ``before`` is the image
    that this run has replaced by it, empty for none; None if this run deployed nothing.
    """
    run.running, run.over = "", f"{name} is {result.status}"
    if result.status not in _SUCCESSES or result.stack is None:
        return _diagnose(run, result, sha, name)
    verdict = verified(run, result.stack, f"the stack is {result.status}", result.rollouts, report)
    if isinstance(verdict, Outcome):
        return verdict
    image = sha or result.stack.parameters.get(IMAGE_PARAMETER, "")
    runs = f" and runs {image}" if image and verdict.state == "verified" else ""
    runs = _ready(verdict, image) if verdict.job else runs
    if verdict.idle:
        never_ran = _NEVER_RAN.format(why=_why_idle(result.stack), image=image or "this version")
        runs = f"; {never_ran}" if before is not None else _without_tasks(result.stack, verdict)
        if before is not None and image != before:
            _mark_unproven(run, result.stack, image)
    start = run.target.command("resume") if pause_of(result.stack) else run.target.command("scale", "1")
    next_steps = (start,) if verdict.idle else (run.target.command("run"),) if verdict.job else ()
    late, undo = ("; it was too late to cancel", run.target.undo) if result.too_late else ("", ())
    sentence = f"{name} is {result.status}{runs}{late}"
    return Outcome(Exit.DONE, sentence, _stops(verdict), (*next_steps, *undo), outputs=result.stack.outputs)


def _ready(verdict: Verdict, image: str) -> str:
    """What a job waits for, in a clause."""
    of = f" of {image}" if image else ""
    return f": a run{of} can start, and {verdict.outlook}" if verdict.outlook else f": a run{of} can start"


def verified(
    run: Run,
    stack: Snapshot,
    lead: str,
    known: Sequence[ServiceRollout] = (),
    report: bool = False,
    also: tuple[str, ...] = (),
) -> Verdict | Outcome:
    """What the services run, if that is what the stack says, with all their tasks; else the outcome.

    ``lead`` begins its sentence; the other parameters are those of ``verify``.
    """
    verdict = verify(run, stack, known, report, also)
    if verdict.state == "astray":
        return _astray(run, stack, verdict, lead)
    if verdict.state == "down":
        return _down(run, stack, verdict, f"{lead}, but ")
    next_steps = (run.target.command("status"), run.target.command("diagnose"))
    if verdict.state == "gone":
        names = ", ".join(one.rpartition("/")[2] for one in verdict.expected)
        sentence = f"{lead}, but no run can start: the task definition {names} is not registered any more"
        return Outcome(Exit.FAILED, sentence, next=(run.target.redeploy(),))
    if verdict.state == "pending":
        return Outcome(Exit.UNKNOWN, f"{lead}, and the rollout of the service is not complete yet", next=next_steps)
    if verdict.state == "settling":
        counts = verdict.health.text if verdict.health is not None else ""
        return Outcome(Exit.UNKNOWN, f"{lead}, and tasks of the service are still starting: {counts}", next=next_steps)
    return verdict


def add_state(run: Run, stack: Snapshot, outcome: Outcome) -> Outcome:
    """The diagnosis of an update that failed, with the state of the version that runs now."""
    verdict = verify(run, stack, report=True)
    if verdict.state == "down":
        now = _down(run, stack, verdict, "")
        sentence, evidence = f"{outcome.sentence}; now {now.sentence}", (*outcome.evidence, *now.evidence)
        next_steps = dict.fromkeys((*now.next, *outcome.next))
        return replace(outcome, sentence=sentence, evidence=evidence, next=tuple(next_steps))
    if verdict.health is None:
        return outcome
    return replace(outcome, evidence=(*outcome.evidence, Evidence("now", verdict.health.text)))


def _without_tasks(stack: Snapshot, verdict: Verdict) -> str:
    """A clause that says so if the service has no tasks; else empty."""
    return f"; the service {_why_idle(stack)}, and no task is running" if verdict.idle else ""


def _why_idle(stack: Snapshot) -> str:
    return "is paused" if pause_of(stack) else "is scaled to 0"


_NEVER_RAN = "no task was started, because the service {why}: nothing shows whether {image} works"


def _mark_unproven(run: Run, stack: Snapshot, image: str) -> None:
    """Label the record of a release that no task has run, so that a rollback does not choose it.

    A label belongs to one version of the parameter: without a version, to the latest one.
    Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
    """
    name = stack.outputs.get(RELEASE_OUTPUT) or (physical_ids(run.aws, stack.arn) or {}).get(RELEASE_RECORD)
    if name:
        label = UNPROVEN + re.sub(r"[^\w.-]", "-", image)[:80]
        without = f"{image} is not marked as unproven, and a rollback may choose it"
        run.optional(without, "ssm", "LabelParameterVersion", Name=name, Labels=[label])


def _stops(verdict: Verdict) -> tuple[Evidence, ...]:
    """The tasks of a running version that have stopped, by themselves or by AWS."""
    from fsdcf.deploy.diagnosis.explanations import interruptions, rollout_evidence

    rollout = verdict.rollout
    if verdict.state != "verified" or rollout is None:
        return ()
    failures = rollout_evidence(replace(rollout, events=()), None) if rollout.failed_tasks else ()
    return (*failures, *interruptions(rollout))


def _diagnose(run: Run, result: OperationResult, sha: str | None, name: str) -> Outcome:
    from fsdcf.deploy.diagnosis.explanations import diagnose_result, explain_rollouts

    run.step("diagnose", "looking for the cause")
    rollouts = _remaining_evidence(run, result)
    failed = (task for rollout in rollouts for task in rollout.failed_tasks)
    # the release is the image of the service's own container, whichever container ended the task
    image = next((image for task in failed if (image := dict(task.images).get(run.target.service))), "")
    cause = explain_rollouts(run, rollouts, result.stack.arn if result.stack is not None else name)
    sha = sha or image_tag(image)
    outcome = diagnose_result(run, name, replace(result, rollouts=rollouts), cause, sha)
    unknown = (Evidence("stack", f"{name} is {result.status}; its events could not be read"),)
    return replace(outcome, evidence=outcome.evidence or unknown)


def _remaining_evidence(run: Run, result: OperationResult) -> tuple[ServiceRollout, ...]:
    """The observed rollouts. If no failed task was observed, ECS is asked for what it still has."""
    observer, version = RolloutObserver(run), version_of(result.events)
    rollouts = []
    for observed in result.rollouts:
        later = None
        if not observed.stopped:
            later = observer.afterwards(observed.service, observed.logical_id, version)
        rollouts.append(later if later is not None and later.stopped else observed)
    return tuple(rollouts)


def _astray(run: Run, stack: Snapshot, verdict: Verdict, lead: str) -> Outcome:
    """The outcome if the service does not run the stack's task definition, of which the stack knows nothing."""
    from fsdcf.deploy.diagnosis.explanations import explain_hidden_rollback, explain_rollouts, rollout_evidence

    rollout = verdict.rollout
    assert rollout is not None and rollout.primary is not None  # noqa: S101 - astray implies a PRIMARY deployment
    failing, primary = rollout.failing, rollout.primary
    place = run.where(rollout.logical_id)
    if not rollout.stopped:
        version = JudgedVersion(frozenset(verdict.expected), since=stack.since)
        rollout = RolloutObserver(run).afterwards(rollout.service, rollout.logical_id, version) or rollout
    cause = explain_hidden_rollback(run, explain_rollouts(run, (rollout,), stack.arn))
    if failing is not None:
        why = f"ECS stopped the deployment and rolled it back: {failing.reason or 'its tasks failed'}"
    else:
        runs, wanted = (arn.rsplit("/", 1)[-1] for arn in (primary.task_definition, (verdict.expected or ("none",))[0]))
        why = f"the service runs {runs} instead of {wanted}"
    evidence = (
        Evidence("stack", f"{stack.name} is {stack.status}"),
        Evidence(
            f"{rollout.logical_id}, PRIMARY deployment",
            f"{primary.id} runs {primary.task_definition} ({primary.state})",
            place,
        ),
        *rollout_evidence(rollout, place, cause.task is not None),
    )
    tasks = f": {cause.sentence}" if cause.task is not None or cause.name != "hidden-rollback" else ""
    next_steps = dict.fromkeys((cause.command, run.target.command("diagnose"), run.target.redeploy()))
    return Outcome(Exit.FAILED, f"{lead}, but {why}{tasks}", evidence, tuple(next_steps), stack.outputs, cause.advice)


def _down(run: Run, stack: Snapshot, verdict: Verdict, lead: str) -> Outcome:
    """The outcome if the deployment is complete, but its tasks do not run, or the load balancer refuses them."""
    from fsdcf.deploy.diagnosis.explanations import explain_rollouts, interruptions, rollout_evidence

    health = verdict.health
    assert verdict.rollout is not None and health is not None  # noqa: S101 - down implies that the tasks were counted
    rollout = RolloutObserver(run).add_evidence(recent(verdict.rollout))
    name, place = rollout.logical_id, run.where(rollout.logical_id)
    reasons = [target.reason for target in health.failing if target.reason]
    cause = explain_rollouts(run, (rollout,), stack.arn, reasons)
    why = cause.sentence if cause is not None else next(iter(reasons), "")
    state = "degraded" if health.running and (health.targets is None or health.healthy) else "down"
    evidence = (
        *rollout_evidence(rollout, place, cause is not None),
        *(Evidence(f"{name}, target {one.address}", f"{one.state}: {one.reason}") for one in health.failing[:_TARGETS]),
        *interruptions(rollout),
        *_last_change(stack, rollout),
    )
    target = run.target
    previous = target.undo if stack.status == "UPDATE_COMPLETE" else ()
    command = cause.command if cause is not None else target.command("logs")
    next_steps = dict.fromkeys((command, target.command("diagnose"), target.command("status"), *previous))
    sentence = f"{lead}the service is {state} ({health.text}){f': {why}' if why else ''}"
    advice = cause.advice if cause is not None else None
    return Outcome(Exit.FAILED, sentence, evidence, tuple(next_steps), advice=advice)


_TARGETS = 3
"""The number of targets that are shown as evidence."""


def _last_change(stack: Snapshot, rollout: ServiceRollout) -> Iterator[Evidence]:
    """What changed the service last, and when: the stack's operation, and the deployment of ECS."""
    image = stack.parameters.get(IMAGE_PARAMETER, "")
    what = f"{stack.status}{f', image {image}' if image else ''}"
    yield Evidence("last operation", f"{moment(stack.since)} {what}".strip())
    primary = rollout.primary
    if primary is not None and primary.since is not None:
        yield Evidence("last deployment", f"{moment(primary.since)} {primary.id} ({primary.state})")
