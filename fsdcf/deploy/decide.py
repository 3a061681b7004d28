"""What the state of a stack asks for: a pure function from a snapshot and the command line to an action."""

from __future__ import annotations

from dataclasses import dataclass

from fsdcf.deploy.model import Exit, Options, Target
from fsdcf.deploy.snapshot import Snapshot


@dataclass(frozen=True)
class Create:
    """A CREATE change set. ``reviewed``: somebody planned the stack before; it is empty, and not ours to delete."""

    reviewed: bool = False


@dataclass(frozen=True)
class Update:
    """An UPDATE change set."""


@dataclass(frozen=True)
class Recreate:
    """Delete what an earlier failure left, then create. ``agreed``: the command line allows it, else a person is asked."""

    status: str
    agreed: bool


@dataclass(frozen=True)
class RollBackFirst:
    """RollbackStack, since an update failed and was kept as it was; then decide again."""


@dataclass(frozen=True)
class Await:
    """Wait for what runs, then decide again. ``text`` says for what."""

    text: str


@dataclass(frozen=True)
class Refuse:
    """No deploy from here, and why; ``blocked``: the events tell what is in the way."""

    exit: Exit
    sentence: str
    next: tuple[str, ...] = ()
    blocked: bool = False


Action = Create | Update | Recreate | RollBackFirst | Await | Refuse

STABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
"""From these a stack may be updated."""

NEVER_WORKED = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""From these a stack can only be deleted."""


def decide(stack: Snapshot | None, options: Options, target: Target) -> Action:
    """What a deploy begins with. A status that is younger than this code is refused, or waited for if it is in progress.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    if stack is None or stack.status == "DELETE_COMPLETE":
        return Create()
    foreign = not stack.belongs_to(target) and not options.adopt
    if stack.status == "REVIEW_IN_PROGRESS":
        # Nothing is in it yet. CloudFormation may tell its tags only once it is created: none says nothing.
        return _foreign(stack, target) if foreign and stack.tags else Create(reviewed=True)
    if foreign:
        return _foreign(stack, target)
    if stack.status in STABLE:
        return Update()
    if stack.running:
        return _busy(stack, options, target)
    if stack.status in NEVER_WORKED:
        return _never_worked(stack, options, target)
    if stack.status == "UPDATE_FAILED" and not options.plan_only:
        return RollBackFirst()
    return _stuck(stack, target)


def _foreign(stack: Snapshot, target: Target) -> Refuse:
    return Refuse(
        Exit.REFUSED,
        f"the stack {stack.name} is {stack.status} and not ours: its tags fsdcf:service and fsdcf:environment do not say"
        f" {target.service} and {target.environment}",
        (target.redeploy("--adopt"),),
    )


def _busy(stack: Snapshot, options: Options, target: Target) -> Action:
    begun = f", begun {stack.since:%Y-%m-%d %H:%M:%S} UTC" if stack.since else ""
    if stack.status == "DELETE_IN_PROGRESS":
        return Await(f"the stack {stack.name} is being deleted{begun}; it is created again afterwards")
    if stack.status.endswith("CLEANUP_IN_PROGRESS"):
        return Await(f"the stack {stack.name} deletes what its last operation replaced ({stack.status}{begun})")
    if options.wait_lock:
        return Await(f"another operation runs on the stack {stack.name}: {stack.status}{begun}")
    return Refuse(
        Exit.BUSY,
        f"another operation runs on the stack {stack.name}: {stack.status}{begun}",
        (target.command("watch"), target.redeploy("--wait-lock")),
    )


def _never_worked(stack: Snapshot, options: Options, target: Target) -> Action:
    if not stack.belongs_to(target):
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status} and not ours: only its owners may delete it, which it needs",
            (f"aws cloudformation delete-stack --stack-name {stack.name}", target.redeploy()),
            blocked=True,
        )
    if stack.protected:
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status} and must be deleted first, but termination protection is on",
            (
                f"aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {stack.name}",
                target.redeploy("--recreate"),
            ),
            blocked=True,
        )
    if options.plan_only:
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status}: it must be deleted before anything can be planned",
            (target.redeploy("--recreate"), target.command("delete")),
            blocked=True,
        )
    return Recreate(stack.status, options.recreate)


def _stuck(stack: Snapshot, target: Target) -> Refuse:
    said = f": {stack.reason}" if stack.reason else ""
    recover, delete = target.command("recover"), target.command("delete")
    next_steps: tuple[str, ...] = (target.command("diagnose"),)
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        next_steps = (recover, target.command("recover", "--skip LOGICAL_ID"))
    elif stack.status == "UPDATE_FAILED":
        next_steps = (recover,)
    elif stack.status == "DELETE_FAILED":
        next_steps = (delete, *next_steps)
    return Refuse(
        Exit.NEEDS_RECOVERY,
        f"the stack {stack.name} is {stack.status} and cannot be updated{said}",
        next_steps,
        blocked=True,
    )
