"""A deploy on one screen: preflight -> decide -> stage -> change set -> gate -> execute -> watch -> verify -> diagnose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fsdcf.deploy import inspect, repair
from fsdcf.deploy.attend import attend, detached
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.change_set import Overtaken
from fsdcf.deploy.conclude import concluded
from fsdcf.deploy.execute import execute
from fsdcf.deploy.masking import masked, masking
from fsdcf.deploy.model import Ask, Event, Evidence, Exit, Options, Outcome, Place, Release, Tell, Warned
from fsdcf.deploy.parameters import secrets
from fsdcf.deploy.preflight import preflight
from fsdcf.deploy.prepare import prepare
from fsdcf.deploy.release import consent, finished, now, only_planned, planned, tags, unchanged
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.snapshot import target_of
from fsdcf.deploy.stage import stage
from fsdcf.deploy.traces import Traces

PLANS = 3
"""How often a deploy plans anew when somebody else changes the stack meanwhile."""

Where = Callable[[str], Place | None]


def deploy(release: Release, options: Options, aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
    """Deploys a release, tells what happens, Ended last, and gives the same outcome. Raises nothing but bugs.

    ``ask`` is None where there is no person; ``options.timeout`` is in seconds.
    """
    hidden = secrets(release.template, release.image_sha)
    run = Run(aws, masking(tell, hidden), release.target, ask, release.where, template=release.template)
    run.limit(options.timeout)
    traces = Traces(release.stack)
    return masked(concluded(run, traces, lambda: _deploy(run, release, options, traces)), hidden)


def _deploy(run: Run, release: Release, options: Options, traces: Traces) -> Outcome:
    tags(release)
    stack = preflight(run, release)
    for _ in range(PLANS):
        action, stack, sent = prepare(run, release, options, stack)
        traces.new, traces.review = stack is None, stack.since if stack is not None and stack.unborn else None
        template = stage(run, release, options)
        try:
            change_set = planned(run, release, options, action, sent, template, traces)
            if options.plan_only:
                return only_planned(run, options, change_set)
            if change_set.empty:
                return unchanged(run, stack)
            consent(run, release, options, change_set)
            operation = execute(run, change_set, stack, traces)
        except Overtaken as overtaken:
            run.warn(f"the stack changed meanwhile, so the plan is made again: {overtaken}")
            traces.clean(run)
            stack = now(run)
            continue
        run.running = f"the {'creation' if operation.verb == 'create' else 'update'} of {release.stack}"
        if options.detach:
            raise detached(run, operation, "detached, as --detach asks")
        return finished(
            run, attend(run, operation, options.on_timeout, options.fail_fast), release.image_sha, release.stack
        )
    raise stop(Exit.BUSY, f"{PLANS} plans in a row were overtaken by others", release.target.redeploy("--wait-lock"))


def watch(stack: str, aws: Aws, tell: Tell, where: Where, timeout: float | None) -> Outcome:
    """Attaches to whatever runs on the stack, tells its events from its beginning, and says how it ends."""
    return _command(stack, aws, tell, None, where, timeout, inspect.watch)


def diagnose(stack: str, aws: Aws, where: Where) -> Outcome:
    """Why the latest operation on the stack failed, after the fact; exit 0 if it did not. What could not be read is evidence too."""
    told: list[Evidence] = []

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            told.append(Evidence("not read", event.text))

    outcome = _command(stack, aws, tell, None, where, None, inspect.diagnose)
    return replace(outcome, evidence=(*outcome.evidence, *told))


def cancel(stack: str, aws: Aws, tell: Tell) -> Outcome:
    """Cancels the update that runs on the stack and watches it roll back; exit 0 once it is as it was."""
    return _command(stack, aws, tell, None, lambda logical_id: None, None, repair.cancel)


def recover(stack: str, skip: tuple[str, ...], aws: Aws, tell: Tell, ask: Ask | None, where: Where) -> Outcome:
    """Goes on with a rollback that failed, and leaves out the resources in ``skip``; exit 0 once the stack is as it was."""
    return _command(stack, aws, tell, ask, where, None, lambda run, name: repair.recover(run, name, skip))


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
    return concluded(run, None, lambda: body(run, stack))
