"""The steps of a deploy between the state of the stack and the end: plan, consent, what the end means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fsdcf.cloudformation.validation import capabilities
from fsdcf.deploy.attend import Attended
from fsdcf.deploy.change_set import ChangeSet, Wanted, create
from fsdcf.deploy.decide import Create
from fsdcf.deploy.diagnose import Case, diagnosed, rollout_evidence
from fsdcf.deploy.explain import explained, failed_tasks, hidden, image_of
from fsdcf.deploy.gate import Shut, gate, told
from fsdcf.deploy.lookout import Lookout
from fsdcf.deploy.model import Evidence, Exit, Options, Outcome, Place, Planned, Release, StackEvent
from fsdcf.deploy.parameters import IMAGE
from fsdcf.deploy.rollout import Rollout
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.snapshot import ENVIRONMENT_TAG, SERVICE_TAG, Snapshot, snapshot
from fsdcf.deploy.traces import Traces
from fsdcf.deploy.verify import Verdict, verify
from fsdcf.deploy.watch import Ending

LARGEST_TAGS = 50
_SUCCESSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


def planned(
    run: Run,
    release: Release,
    options: Options,
    action: object,
    sent: list[dict[str, Any]],
    template: Mapping[str, str],
    traces: Traces,
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
    change_set = create(run, Wanted(release.stack, release.image_sha or "", members), traces)
    if not change_set.empty:
        run.tell(Planned(change_set.plan, places_of(run, [change.logical_id for change in change_set.plan.changes])))
    return change_set


def tags(release: Release) -> dict[str, str]:
    """The stack's tags: those of the release and ours. Stops the run if they are too many; empty ones are left out."""
    found = {key: value for key, value in release.tags.items() if value}
    found |= {SERVICE_TAG: release.service, ENVIRONMENT_TAG: release.environment}
    if len(found) > LARGEST_TAGS:
        raise stop(Exit.USAGE, f"a stack takes {LARGEST_TAGS} tags, and these are {len(found)}")
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
        reason = explained(run, ending.rollouts, ending.stack.arn if ending.stack is not None else name)
        case = Case(
            run.target, name, ending.status, ending.reason, events, ending.rollouts, places, attended.cancelled, reason
        )
        outcome = diagnosed(replace(case, sha=sha or _tried(run, ending)))
        seen = outcome.evidence or (Evidence("stack", f"{name} is {ending.status}; no event of it could be read"),)
        return replace(outcome, evidence=seen)
    verdict = verify(run, ending.stack, ending.rollouts)
    if verdict.state == "astray":
        return _astray(run, ending.stack, verdict, events, f"the stack says {ending.status}")
    if verdict.state == "pending":
        sentence = f"the stack says {ending.status}, and the rollout of the service is not complete yet"
        return Outcome(Exit.UNKNOWN, sentence, next=(run.target.command("status"), run.target.command("diagnose")))
    image = sha or ending.stack.parameters.get(IMAGE, "")
    runs = f" and runs {image}" if image and verdict.state == "verified" else ""
    return Outcome(Exit.DONE, f"{name} is {ending.status}{runs}", outputs=ending.stack.outputs)


def _evidence(run: Run, ending: Ending) -> tuple[Rollout, ...]:
    """What was seen of the rollouts; where no task was seen to fail, as when a look came too late, what ECS still knows."""
    lookout, begun = Lookout(run), ending.events[0].time if ending.events else None
    left = (
        (one, None if one.stopped else lookout.afterwards(one.service, one.logical_id, begun))
        for one in ending.rollouts
    )
    return tuple(found if found is not None and found.stopped else seen for seen, found in left)


def _tried(run: Run, ending: Ending) -> str:
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
        rollout = Lookout(run).afterwards(rollout.service, rollout.logical_id, stack.since) or rollout
    reason = hidden(run, explained(run, (rollout,), stack.arn))
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
