"""A deploy on one screen: preflight -> decide -> stage -> change set -> gate -> execute -> watch -> verify -> diagnose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.limits import STACK_TAGS
from fsdcf.cloudformation.risk import Risk
from fsdcf.cloudformation.validation import capabilities
from fsdcf.conventions import ENVIRONMENT_TAG, IMAGE_PARAMETER, SERVICE_TAG
from fsdcf.deploy import operation
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.change_set import ChangeSet, ChangeSetRequest, StackChanged, create
from fsdcf.deploy.cleanup import Leftovers, conclude
from fsdcf.deploy.diagnosis.causes import blockers, failures, rollback_begin, root_cause
from fsdcf.deploy.diagnosis.explanations import (
    FailedOperation,
    RolloutCause,
    diagnose_operation,
    explain_hidden_rollback,
    explain_rollouts,
    failed_tasks,
    image_of,
    rollout_evidence,
)
from fsdcf.deploy.ecs.observer import RolloutObserver
from fsdcf.deploy.ecs.rollout import SERVICE, ServiceRollout, StoppedTask
from fsdcf.deploy.ecs.verification import Verdict, verify
from fsdcf.deploy.events import is_terminal
from fsdcf.deploy.model import (
    INTERRUPTS,
    Ask,
    Event,
    Evidence,
    Exit,
    Options,
    Outcome,
    Place,
    Plan,
    PlanCreated,
    Question,
    Release,
    StackEvent,
    Tell,
    Terminated,
    WarningIssued,
)
from fsdcf.deploy.operation import execute, latest_events, running_operation
from fsdcf.deploy.parameters import secrets
from fsdcf.deploy.prepare import preflight, prepare, stage
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import NEVER_WORKED, Create, Snapshot, snapshot, target_of
from fsdcf.deploy.watch import Attended, DeadlinePassed, OperationResult, Watcher, detached, follow
from fsdcf.masking import mask_secrets


@dataclass(frozen=True)
class Open:
    """The plan may be executed once a person agrees to each question; to none, if there is none."""

    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Shut:
    """The plan is refused: why, what is at risk, and what allows it."""

    sentence: str
    risks: tuple[Risk, ...] = ()
    next: tuple[str, ...] = ()


def gate(plan: Plan, release: Release, options: Options, interactive: bool, places: Mapping[str, Place]) -> Open | Shut:
    """What a plan needs before it is executed.

    Data at risk needs ``--allow`` by name or a person's yes; in a protected environment ``--allow`` alone will do. Everything else
    needs ``--yes`` or a person's; in a protected environment the person's, where there is one.
    """
    risks = tuple(one for one in plan.risks if one.logical_id not in options.allow)
    if risks and (not interactive or release.protected):
        allow = " ".join(f"--allow {one.logical_id}" for one in risks)
        return Shut(_at_risk(risks), risks, (release.target.redeploy(allow),))
    questions: list[Question] = []
    if risks:
        details = tuple(told(one, places) for one in risks)
        questions.append(Question("data", f"{_at_risk(risks)}. Go on and lose or leave these data?", details))
    if release.protected and interactive:
        questions.append(Question("protected", f"{release.environment} is protected. Execute {plan.change_set}?"))
    elif not options.yes and not interactive:
        return Shut(
            "there are changes, and nobody to ask: nothing is executed without --yes",
            (),
            (release.target.redeploy("--yes"),),
        )
    elif not options.yes:
        questions.append(Question("execute", f"Execute these changes in {release.stack}?"))
    return Open(tuple(questions))


def told(risk: Risk, places: Mapping[str, Place]) -> str:
    """A risk in a line, with the spec line that it comes from."""
    place = places.get(risk.logical_id)
    at = f" ({place.file}:{place.line})" if place else ""
    return f"{risk.logical_id}, {risk.type}, would be {risk.kind}: {risk.why}{at}"


def _at_risk(risks: Iterable[Risk]) -> str:
    return "data at risk: " + "; ".join(f"{one.logical_id} would be {one.kind}" for one in risks)


_SUCCESSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


def planned(
    run: Run,
    release: Release,
    options: Options,
    action: object,
    sent: list[dict[str, Any]],
    template: Mapping[str, str],
    traces: Leftovers,
) -> ChangeSet:
    """The change set, and its plan told."""
    members = {
        **template,
        "ChangeSetType": "CREATE" if isinstance(action, Create) else "UPDATE",
        "Parameters": sent,
        "Capabilities": list(capabilities(release.template)),
        "Tags": [{"Key": key, "Value": value} for key, value in tags(release).items()],
        "RoleARN": options.role_arn,
    }
    change_set = create(run, ChangeSetRequest(release.stack, release.image_sha or "", members), traces)
    if not change_set.empty:
        run.tell(
            PlanCreated(change_set.plan, places_of(run, [change.logical_id for change in change_set.plan.changes]))
        )
    return change_set


def tags(release: Release) -> dict[str, str]:
    """The stack's tags: those of the release and ours. Stops the run if they are too many; empty ones are left out."""
    found = {key: value for key, value in release.tags.items() if value}
    found |= {SERVICE_TAG: release.service, ENVIRONMENT_TAG: release.environment}
    if len(found) > STACK_TAGS:
        raise stop(Exit.USAGE, f"a stack takes {STACK_TAGS} tags, and these are {len(found)}")
    return dict(sorted(found.items()))


def places_of(run: Run, names: list[str]) -> dict[str, Place]:
    """The spec lines of logical ids, where there are any."""
    return {name: place for name in names if (place := run.where(name)) is not None}


def consent(run: Run, release: Release, options: Options, change_set: ChangeSet) -> None:
    """Stops the run (exit 3) unless the gate opens, by itself or by a person's yes."""
    plan = change_set.plan
    places = places_of(run, [risk.logical_id for risk in plan.risks])
    run.step("gate", f"{len(plan.changes)} changes, {len(plan.risks)} with data at risk")
    verdict = gate(plan, release, options, run.ask is not None, places)
    if isinstance(verdict, Shut):
        evidence = tuple(Evidence("data at risk", told(one, {}), places.get(one.logical_id)) for one in verdict.risks)
        raise Stop(Outcome(Exit.REFUSED, verdict.sentence, evidence, verdict.next))
    for question in verdict.questions:
        if not run.agrees(question):
            raise stop(Exit.REFUSED, "refused: nothing was executed", release.target.redeploy())


def only_planned(run: Run, options: Options, change_set: ChangeSet) -> Outcome:
    """The end of ``--plan-only``: 10 where there are changes and the exit code is to tell."""
    if change_set.empty:
        return Outcome(Exit.DONE, f"{run.target.stack} is up to date: there is nothing to change")
    count = len(change_set.plan.changes)
    changes = "the outputs change" if count == 0 else f"{count} resource{'s' if count > 1 else ''} would change"
    code = Exit.CHANGES if options.detailed_exitcode else Exit.DONE
    return Outcome(code, f"{changes}: nothing was executed, as --plan-only asks", next=(run.target.redeploy(),))


def unchanged(run: Run, stack: Snapshot | None) -> Outcome:
    """Nothing to change: done, if the service runs what the stack says."""
    name = run.target.stack
    if stack is None:
        return Outcome(Exit.DONE, f"{name} is up to date: there is nothing to change")
    verdict = verify(run, stack, patient=False)
    if verdict.state == "astray":
        return _astray(run, stack, verdict, (), f"there is nothing to change in {name}")
    if verdict.state == "pending":
        run.warn("a rollout of the service is still under way")
    return Outcome(Exit.DONE, f"{name} is up to date: there is nothing to change", outputs=stack.outputs)


def finished(run: Run, attended: Attended, sha: str | None, name: str) -> Outcome:
    """What the end of an operation means: done, if the stack is complete and the service runs what it says; else diagnosed."""
    ending, events = attended.ending, attended.ending.events
    run.running, run.over = "", f"{name} is {ending.status}"
    if ending.status not in _SUCCESSES or ending.stack is None:
        run.step("diagnose", "looks for the cause")
        ending = replace(ending, rollouts=_evidence(run, ending))
        places = places_of(run, [event.logical_id for event in events])
        reason = explain_rollouts(run, ending.rollouts, ending.stack.arn if ending.stack is not None else name)
        case = FailedOperation(
            run.target, name, ending.status, ending.reason, events, ending.rollouts, places, attended.cancelled, reason
        )
        outcome = diagnose_operation(replace(case, sha=sha or _tried(run, ending)))
        seen = outcome.evidence or (Evidence("stack", f"{name} is {ending.status}; no event of it could be read"),)
        return replace(outcome, evidence=seen)
    verdict = verify(run, ending.stack, ending.rollouts)
    if verdict.state == "astray":
        return _astray(run, ending.stack, verdict, events, f"the stack says {ending.status}")
    if verdict.state == "pending":
        sentence = f"the stack says {ending.status}, and the rollout of the service is not complete yet"
        return Outcome(Exit.UNKNOWN, sentence, next=(run.target.command("status"), run.target.command("diagnose")))
    image = sha or ending.stack.parameters.get(IMAGE_PARAMETER, "")
    runs = f" and runs {image}" if image and verdict.state == "verified" else ""
    return Outcome(Exit.DONE, f"{name} is {ending.status}{runs}", outputs=ending.stack.outputs)


def _evidence(run: Run, ending: OperationResult) -> tuple[ServiceRollout, ...]:
    """What was seen of the rollouts; where no task was seen to fail, as when a look came too late, what ECS still knows."""
    lookout, begun = RolloutObserver(run), ending.events[0].time if ending.events else None
    left = (
        (one, None if one.stopped else lookout.afterwards(one.service, one.logical_id, begun))
        for one in ending.rollouts
    )
    return tuple(found if found is not None and found.stopped else seen for seen, found in left)


def _tried(run: Run, ending: OperationResult) -> str:
    """The tag or digest that was to be deployed, by a task that failed; empty where none is known."""
    failed = (task for rollout in ending.rollouts for task in failed_tasks(rollout))
    image = next((found for task in failed if (found := image_of(task, run.target))), "")
    return image.rpartition("@" if "@" in image else ":")[2]


def _astray(run: Run, stack: Snapshot, verdict: Verdict, events: tuple[StackEvent, ...], lead: str) -> Outcome:
    """The service does not run what the stack says, which the stack does not know."""
    rollout = verdict.rollout
    assert rollout is not None and rollout.primary is not None  # noqa: S101 - astray is said of a PRIMARY deployment alone
    failing, primary = rollout.failing, rollout.primary
    place = run.where(rollout.logical_id)
    if not rollout.stopped:
        rollout = RolloutObserver(run).afterwards(rollout.service, rollout.logical_id, stack.since) or rollout
    reason = explain_hidden_rollback(run, explain_rollouts(run, (rollout,), stack.arn))
    if failing is not None:
        why = f"ECS gave up the deployment and went back to the one before: {failing.reason or 'its tasks failed'}"
    else:
        runs, wanted = (arn.rsplit("/", 1)[-1] for arn in (primary.task_definition, (verdict.expected or ("none",))[0]))
        why = f"the service runs {runs}, and not {wanted}"
    evidence = (
        Evidence("stack", f"{stack.name} is {stack.status}"),
        Evidence(
            f"{rollout.logical_id}, PRIMARY deployment",
            f"{primary.id} runs {primary.task_definition} ({primary.state})",
            place,
        ),
        *rollout_evidence(rollout, place, reason.task is not None),
    )
    told = f": {reason.sentence}" if reason.task is not None or reason.name != "hidden-rollback" else ""
    return Outcome(
        Exit.FAILED,
        f"{lead}, but {why}{told}",
        evidence,
        tuple(dict.fromkeys((reason.command, run.target.command("diagnose"), run.target.redeploy()))),
        stack.outputs,
        reason.advice,
    )


def now(run: Run) -> Snapshot | None:
    """The stack at this moment."""
    return snapshot(run.aws, run.target.stack)


def found(run: Run, name: str) -> Snapshot:
    """The stack; stops the run (exit 2) if there is none. From here on, commands name its service and environment."""
    stack = snapshot(run.aws, name)
    run.target = target_of(stack, name)
    if stack is None:
        raise stop(Exit.USAGE, f"there is no stack {name} in {run.aws.region}", run.target.redeploy("--image-sha SHA"))
    if stack.status in NEVER_WORKED:  # what is created again keeps no image
        run.target = replace(
            run.target,
            redeploy_command=run.target.redeploy(f"--image-sha {stack.parameters.get(IMAGE_PARAMETER) or 'SHA'}"),
        )
    return stack


def inspect_watch(run: Run, name: str) -> Outcome:
    """Watches what runs on the stack to its end. It is not this command's: an interruption leaves it alone."""
    try:
        stack = found(run, name)
        if not stack.running:
            return resting(run, stack)
        run.step("watch", f"{stack.name} is {stack.status}")
        ending = Watcher(run, running_operation(run, stack)).watch()
    except DeadlinePassed:
        raise stop(
            Exit.UNKNOWN, f"the deadline has passed: what runs on {name} goes on", run.target.command("watch")
        ) from None
    except INTERRUPTS as pressed:
        code = Exit.UNKNOWN if isinstance(pressed, Terminated) else Exit.INTERRUPTED
        raise stop(code, f"watching ended: whatever runs on {name} goes on", run.target.command("watch")) from None
    return _ended(run, stack, ending)


def resting(run: Run, stack: Snapshot) -> Outcome:
    """What a stack that nothing runs on has to say of its latest operation."""
    events = latest_events(run, stack.arn)
    return _ended(run, stack, OperationResult(stack.status, stack, events, _rollouts(run, events), stack.reason))


def inspect_diagnose(run: Run, name: str) -> Outcome:
    """The cause of the latest failure, from the events and from what ECS still knows. While something runs: what has failed so far.

    What comes next is another command than this one.
    """
    outcome = _diagnosed(run, name)
    return replace(outcome, next=tuple(one for one in outcome.next if one != run.target.command("diagnose")))


def _diagnosed(run: Run, name: str) -> Outcome:
    stack = found(run, name)
    if is_terminal(stack.status):
        return resting(run, stack)
    events = latest_events(run, stack.arn)
    rollouts = _looked(run, events)
    tasks = [(one, failed) for one in rollouts if (failed := failed_tasks(one))]
    if not failures(events) and not tasks:
        return Outcome(
            Exit.DONE,
            f"{stack.name} is {stack.status}, and nothing has failed so far",
            next=(run.target.command("watch"),),
        )
    places = places_of(run, [event.logical_id for event in events])
    if not failures(events):
        rollout, failed = tasks[0]
        reason = explain_rollouts(run, (rollout,), stack.arn)
        return _going(run, stack, rollout, failed, reason, places.get(rollout.logical_id))
    reason = explain_rollouts(run, rollouts, stack.arn)
    return diagnose_operation(
        FailedOperation(run.target, stack.name, stack.status, stack.reason, events, rollouts, places, explained=reason)
    )


def _going(
    run: Run,
    stack: Snapshot,
    rollout: ServiceRollout,
    failed: Sequence[StoppedTask],
    reason: RolloutCause | None,
    place: Place | None,
) -> Outcome:
    """Tasks of a rollout have failed, and neither ECS nor CloudFormation has given it up."""
    why = reason.sentence if reason is not None else failed[0].essence
    count = f"{len(failed)} task{'s' if len(failed) > 1 else ''} of {rollout.logical_id} failed"
    more = (reason.command,) if reason is not None else ()
    return Outcome(
        Exit.UNKNOWN,
        f"{stack.name} is {stack.status}, and {count} so far: {why}",
        tuple(rollout_evidence(rollout, place, reason is not None)),
        (*more, run.target.command("watch")),
        advice=reason.advice if reason is not None else None,
    )


def _ended(run: Run, stack: Snapshot, ending: OperationResult) -> Outcome:
    if ending.status == "REVIEW_IN_PROGRESS":
        return Outcome(Exit.DONE, f"{stack.name} is only planned (REVIEW_IN_PROGRESS): nothing was ever executed")
    if ending.status == "DELETE_COMPLETE":
        return Outcome(Exit.DONE, f"{stack.name} is deleted")
    outcome = finished(run, Attended(ending), None, stack.name)
    return replace(outcome, next=()) if outcome.exit is Exit.DONE else outcome


def _rollouts(run: Run, events: tuple[StackEvent, ...]) -> tuple[ServiceRollout, ...]:
    """What ECS tells of the services that the events are about, where something failed or was rolled back, also by somebody who cancelled."""
    if not failures(events) and rollback_begin(events) is None:
        return ()
    return _looked(run, events)


def _looked(run: Run, events: tuple[StackEvent, ...]) -> tuple[ServiceRollout, ...]:
    services = {event.logical_id: event.physical_id for event in events if event.type == SERVICE and event.physical_id}
    lookout = RolloutObserver(run)
    looked = (lookout.afterwards(arn, name, events[0].time) for name, arn in services.items())
    return tuple(one for one in looked if one is not None)


def repair_cancel(run: Run, name: str) -> Outcome:
    """Cancels the update that runs. Only an update can be cancelled; what else there is to do is said."""
    stack = found(run, name)
    if not stack.running:
        return Outcome(Exit.DONE, f"nothing runs on {name}: it is {stack.status}")
    if stack.status != "UPDATE_IN_PROGRESS":
        deletes = (run.target.command("delete"),) if stack.status == "CREATE_IN_PROGRESS" else ()
        raise stop(
            Exit.REFUSED,
            f"{name} is {stack.status}: only an update can be cancelled",
            run.target.command("watch"),
            *deletes,
        )
    attending = running_operation(run, stack)
    run.step("cancel", f"cancels the update of {name}; CloudFormation rolls it back")
    run.running = f"the rollback of {name}"
    try:
        operation.cancel(run, stack.arn)
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        run.warn(f"it is too late to cancel: {error.message}")
    attended = follow(run, replace(attending, verb="roll back"))
    run.running = ""
    if attended.ending.status == "UPDATE_ROLLBACK_COMPLETE":
        return Outcome(Exit.DONE, f"the update of {name} was cancelled: the stack is as it was before")
    return finished(run, attended, None, name)


def repair_recover(run: Run, name: str, skip: tuple[str, ...]) -> Outcome:
    """Brings a stack whose rollback failed, or whose failed update was kept, back to where it was before the update."""
    stack = found(run, name)
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return _go_on(run, stack, skip)
    if stack.status == "UPDATE_FAILED":
        run.step("roll back", f"rolls back the update of {name} that failed")
        return _repair_ended(run, stack, follow(run, operation.roll_back(run, stack)))
    if stack.running:
        raise stop(
            Exit.BUSY, f"{name} is {stack.status}: nothing can be recovered meanwhile", run.target.command("watch")
        )
    if stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        shown = resting(run, stack)
        sentence = f"{name} is {stack.status}: it never worked and can only be deleted"
        if stack.status == "DELETE_FAILED":
            sentence = f"{name} is DELETE_FAILED: it can only be deleted"
        return replace(shown, exit=Exit.REFUSED, sentence=sentence)
    return Outcome(Exit.DONE, f"there is nothing to recover: {name} is {stack.status}")


def _go_on(run: Run, stack: Snapshot, skip: tuple[str, ...]) -> Outcome:
    events = latest_events(run, stack.arn)
    stuck = {event.logical_id: event for event in blockers(events) if event.status == "UPDATE_FAILED"}
    evidence = tuple(_line(run, event) for event in stuck.values())
    strange = [name for name in skip if stuck and name not in stuck]
    if strange:
        raise Stop(
            Outcome(
                Exit.USAGE,
                f"{', '.join(strange)} did not fail to roll back: what can be skipped is {', '.join(stuck)}",
                evidence,
                (run.target.command("recover"),),
            )
        )
    for one in evidence:
        run.warn(f"the rollback failed: {one.source} {one.text}")
    if skip:
        warning = (
            f"{', '.join(skip)} will count as rolled back without being it: the stack and the resource then differ, until the"
            " resource is put right by hand"
        )
        run.warn(warning)
        if run.ask is not None and not run.agrees(Question("execute", "Go on and skip?", (warning,))):
            raise stop(Exit.REFUSED, "refused: nothing was done", run.target.command("recover"))
    run.step("recover", f"goes on with the rollback of {stack.name}")
    return _repair_ended(run, stack, follow(run, operation.continue_rollback(run, stack, skip)), events)


def _repair_ended(run: Run, stack: Snapshot, attended: Attended, earlier: tuple[StackEvent, ...] = ()) -> Outcome:
    run.running = ""
    status = attended.ending.status
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return Outcome(
            Exit.DONE, f"{stack.name} is recovered: it is as it was before the update", next=(run.target.redeploy(),)
        )
    outcome = finished(run, attended, None, stack.name)
    cause = root_cause(earlier)
    return replace(outcome, evidence=(*outcome.evidence, _line(run, cause))) if cause is not None else outcome


def _line(run: Run, event: StackEvent) -> Evidence:
    said = f": {event.reason}" if event.reason else ""
    return Evidence(f"{event.logical_id} ({event.type})", f"{event.status}{said}", run.where(event.logical_id))


PLANS = 3
"""How often a deploy plans anew when somebody else changes the stack meanwhile."""

Where = Callable[[str], Place | None]


def deploy(release: Release, options: Options, aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
    """Deploys a release, tells what happens, Ended last, and gives the same outcome. Raises nothing but bugs.

    ``ask`` is None where there is no person; ``options.timeout`` is in seconds.
    """
    hidden = secrets(release.template, release.image_sha)
    run = Run(
        aws,
        lambda event: tell(mask_secrets(event, hidden)),
        release.target,
        ask,
        release.where,
        template=release.template,
    )
    run.limit(options.timeout)
    traces = Leftovers(release.stack)
    return mask_secrets(conclude(run, traces, lambda: _deploy(run, release, options, traces)), hidden)


def _deploy(run: Run, release: Release, options: Options, traces: Leftovers) -> Outcome:
    tags(release)
    stack = preflight(run, release)
    for _ in range(PLANS):
        action, stack, sent = prepare(run, release, options, stack)
        traces.new, traces.review = stack is None, stack.since if stack is not None and stack.in_review else None
        template = stage(run, release, options)
        try:
            change_set = planned(run, release, options, action, sent, template, traces)
            if options.plan_only:
                return only_planned(run, options, change_set)
            if change_set.empty:
                return unchanged(run, stack)
            consent(run, release, options, change_set)
            operation = execute(run, change_set, stack, traces)
        except StackChanged as overtaken:
            run.warn(f"the stack changed meanwhile, so the plan is made again: {overtaken}")
            traces.clean(run)
            stack = now(run)
            continue
        run.running = f"the {'creation' if operation.verb == 'create' else 'update'} of {release.stack}"
        if options.detach:
            raise detached(run, operation, "detached, as --detach asks")
        return finished(
            run, follow(run, operation, options.on_timeout, options.fail_fast), release.image_sha, release.stack
        )
    raise stop(Exit.BUSY, f"{PLANS} plans in a row were overtaken by others", release.target.redeploy("--wait-lock"))


def watch(stack: str, aws: Aws, tell: Tell, where: Where, timeout: float | None) -> Outcome:
    """Attaches to whatever runs on the stack, tells its events from its beginning, and says how it ends."""
    return _command(stack, aws, tell, None, where, timeout, inspect_watch)


def diagnose(stack: str, aws: Aws, where: Where) -> Outcome:
    """Why the latest operation on the stack failed, after the fact; exit 0 if it did not. What could not be read is evidence too."""
    told: list[Evidence] = []

    def tell(event: Event) -> None:
        if isinstance(event, WarningIssued):
            told.append(Evidence("not read", event.text))

    outcome = _command(stack, aws, tell, None, where, None, inspect_diagnose)
    return replace(outcome, evidence=(*outcome.evidence, *told))


def cancel(stack: str, aws: Aws, tell: Tell) -> Outcome:
    """Cancels the update that runs on the stack and watches it roll back; exit 0 once it is as it was."""
    return _command(stack, aws, tell, None, lambda logical_id: None, None, repair_cancel)


def recover(stack: str, skip: tuple[str, ...], aws: Aws, tell: Tell, ask: Ask | None, where: Where) -> Outcome:
    """Goes on with a rollback that failed, and leaves out the resources in ``skip``; exit 0 once the stack is as it was."""
    return _command(stack, aws, tell, ask, where, None, lambda run, name: repair_recover(run, name, skip))


def _command(
    stack: str,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    where: Where,
    timeout: float | None,
    body: Callable[[Run, str], Outcome],
) -> Outcome:
    run = Run(aws, tell, target_of(None, stack), ask, where)
    run.limit(timeout)
    return conclude(run, None, lambda: body(run, stack))
