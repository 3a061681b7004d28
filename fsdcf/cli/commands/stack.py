"""Commands on the stack of a service: follow or repair an operation, roll back, restart, scale, pause and delete."""

from __future__ import annotations

from typing import Any

import click

from fsdcf.cli.options import (
    ASK_ABOUT_DATA,
    allow_option,
    artifacts_bucket_option,
    detach_option,
    plan_only_option,
    role_arn_option,
    timeout_option,
    wait_lock_option,
    yes_option,
)
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.cli.spellings import spelling
from fsdcf.deploy.model import Exit, Outcome, Recovery


@stack_command(
    yes_option(ASK_ABOUT_DATA),
    allow_option("Allow the deletion of this resource's data; repeatable."),
    click.option(
        "--force",
        is_flag=True,
        help="After a deletion that failed: delete the stack, and leave behind the resources that block it.",
    ),
    click.option(
        "--unprotect",
        metavar="STACK",
        help="Disable the termination protection of this stack, and the deletion protection of its load balancers, "
        "before the deletion.",
    ),
    timeout_option(),
    detach_option,
    role_arn_option,
)
def delete_command(call: StackCall, allow: tuple[str, ...], **flags: Any) -> Outcome:
    """Delete the stack of a service, and wait until it is deleted.

    Lists the resources that are kept, and asks for confirmation.
    """
    from fsdcf.operate.delete import delete

    return delete(call.run, call.options(allow=frozenset(allow), **flags))


@stack_command(timeout_option())
def watch_command(call: StackCall, timeout: float | None) -> Outcome:
    """Follow the operation in progress on the stack, no matter who started it, and report its outcome."""
    from fsdcf.deploy.recovery import watch

    return watch(call.subject.target, call.aws, call.tell, call.subject.place, timeout)


@stack_command()
def cancel_command(call: StackCall) -> Outcome:
    """Cancel the update in progress, and wait until it is rolled back. A first deploy cannot be cancelled."""
    from fsdcf.deploy.recovery import cancel

    return cancel(call.subject.target, call.aws, call.tell)


@stack_command()
def diagnose_command(call: StackCall) -> Outcome:
    """Explain why the last operation on the stack or the last run of a job failed: cause, evidence and next command."""
    from fsdcf.deploy.recovery import diagnose
    from fsdcf.operate.runs import explain_last_run

    outcome = diagnose(call.subject.target, call.aws, call.subject.place)
    return explain_last_run(call.run, outcome) if outcome.exit is Exit.DONE else outcome


@stack_command(
    click.option(
        "--skip", multiple=True, metavar="LOGICAL_ID", help="Leave this resource out of the rollback; repeatable."
    ),
    click.option("--force", is_flag=True, help="Leave every resource that fails to roll back out of the rollback."),
    click.option(
        "--desired-to-running",
        is_flag=True,
        help="In a rollback that does not end: set the desired count of the service to its running tasks.",
    ),
    click.option(
        "--force-deployment",
        is_flag=True,
        help="In a rollback that does not end: start the tasks of the earlier version anew.",
    ),
    yes_option(),
    timeout_option(),
)
def recover_command(call: StackCall, skip: tuple[str, ...], **flags: Any) -> Outcome:
    """Continue a rollback that failed, after you have removed its cause, or end one that does not end by itself.

    A skipped resource keeps its current state, which then differs from the template. In a rollback that waits for a
    service, the command says why the earlier version does not start, and what each way to end it loses.
    """
    from fsdcf.deploy.recovery import recover

    options = Recovery(skip, **flags)
    if options.force and skip:
        raise click.UsageError("--force leaves out every resource that fails: it cannot be combined with --skip")
    if options.desired_to_running and options.force_deployment:
        raise click.UsageError("choose one of --desired-to-running and --force-deployment")
    return recover(call.subject.target, options, call.aws, call.tell, call.ask, call.subject.place)


@stack_command(yes_option(), timeout_option())
def restart_command(call: StackCall, **flags: Any) -> Outcome:
    """Replace the tasks of a service with new ones of the same task definition, and wait for the rollout."""
    from fsdcf.operate.rolling import restart

    return restart(call.run, call.options(**flags))


@stack_command(
    click.option(
        "--to",
        metavar="SHA",
        help="Tag or digest of the release, or a unique prefix of it.  [default: the release before the latest]",
    ),
    spelling("--to-version", "to"),
    yes_option(),
    plan_only_option,
    wait_lock_option,
    timeout_option(),
    detach_option,
    role_arn_option,
    artifacts_bucket_option,
)
def rollback_command(call: StackCall, to: str | None, **flags: Any) -> Outcome:
    """Deploy the image of an earlier release again.

    The deployed template is kept and only its image changes, so that no spec is needed.
    """
    from fsdcf.operate.releases import rollback

    return rollback(call.run, to, call.options(**flags))


@stack_command(
    click.argument("count", type=click.IntRange(0, 5000), metavar="N"),
    spelling("--count", "count"),
    yes_option(ASK_ABOUT_DATA),
    allow_option(
        "Allow this resource's data to be put at risk: Service, if its store has a single writer; repeatable."
    ),
    timeout_option(),
)
def scale_command(call: StackCall, count: int, allow: tuple[str, ...], **flags: Any) -> Outcome:
    """Run N tasks of a service, and wait until they are running.

    Reports whether auto scaling or the next deploy will undo the change.
    """
    from fsdcf.operate.rolling import scale

    return scale(call.run, count, call.options(allow=frozenset(allow), **flags))


@stack_command(yes_option(), timeout_option(), role_arn_option, artifacts_bucket_option)
def pause_command(call: StackCall, **flags: Any) -> Outcome:
    """Stop all tasks of a service, or the schedule of a job, until `fsdcf resume`.

    Auto scaling is suspended, and later deploys keep the pause. A run of a job in progress continues, and `fsdcf run`
    still starts one. Can be repeated.
    """
    from fsdcf.operate.pause import pause

    return pause(call.run, call.options(**flags))


@stack_command(yes_option(), timeout_option(), role_arn_option, artifacts_bucket_option)
def resume_command(call: StackCall, **flags: Any) -> Outcome:
    """Resume a paused service or job.

    The earlier number of tasks is started, and the command waits until they are healthy; the limits of auto scaling
    are restored. The schedule of a job has its earlier state again. Can be repeated.
    """
    from fsdcf.operate.pause import resume

    return resume(call.run, call.options(**flags))
