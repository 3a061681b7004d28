"""Stack operations: executing a change set, deleting, rolling back, cancelling.

Each starts once, even if an answer is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from fsdcf.cloudformation.types.elasticloadbalancingv2 import LOAD_BALANCER
from fsdcf.cloudformation.types.rds import DB_CLUSTER, DB_INSTANCE
from fsdcf.deploy.aws import ApiError, Expired
from fsdcf.deploy.change_set import ChangeSet, StackChanged
from fsdcf.deploy.cleanup import Leftovers
from fsdcf.deploy.events import EventBoundary, is_root, latest_operation, read
from fsdcf.deploy.model import INTERRUPTS, Exit, StackEvent
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import NEVER_WORKED, Snapshot, physical_resources

_BUSY = re.compile(r"is in ([A-Z_]+) state|cannot be executed in its current (execution )?status")


@dataclass(frozen=True)
class Operation:
    """An operation in progress on a stack.

    ``begun`` is its start by the local clock, from which its duration is counted.

    ``verb`` is create, update, delete or roll back. ``before`` is the stack's status before the operation; for an
    operation of another user, the status in which it was discovered. ``pressed`` is an interruption that came during
    the start.
    """

    arn: str
    boundary: EventBoundary
    begun: float
    verb: str
    before: str = ""
    pressed: BaseException | None = None


def execute(run: Run, change_set: ChangeSet, stack: Snapshot | None, leftovers: Leftovers) -> Operation:
    """Execute the change set on the stack, None for a new one.

    Raises StackChanged if another operation was faster; stops the run if the change set no longer exists.
    """
    run.step("execute", f"executing the change set {change_set.name}")
    token = run.aws.token()
    begun = run.aws.clock()
    known = run.aws.supports("cloudformation", "ExecuteChangeSet", "DisableRollback")
    members: dict[str, Any] = {"DisableRollback": False} if known else {}
    verb, before = "create", "REVIEW_IN_PROGRESS"
    if stack is not None and not stack.in_review:
        verb, before = "update", stack.status
    own = Operation(change_set.stack_arn, _boundary(run, change_set, token), begun, verb, before)
    leftovers.sent = leftovers.executing = True
    try:
        run.aws.call("cloudformation", "ExecuteChangeSet", **leftovers.identity(), ClientRequestToken=token, **members)
    except INTERRUPTS as pressed:
        if not leftovers.is_executed(run):
            raise
        own = replace(own, pressed=pressed)
    except Expired as error:
        leftovers.executing = error.repeated
        raise
    except ApiError as error:
        own = _after_error(run, error, change_set, leftovers, own)
    leftovers.executed = True
    return own


def _boundary(run: Run, change_set: ChangeSet, token: str) -> EventBoundary:
    """What separates the events of the execution from earlier ones.

    AWS gives the change set a time and the events a token. An emulator may do neither, and its clock may be coarse: its
    latest events are read before the execution.
    """
    if change_set.created is not None and not run.aws.is_foreign("cloudformation"):
        return EventBoundary(frozenset({token}), change_set.created)
    return EventBoundary(frozenset({token}), None, _earlier_events(run, change_set.stack_arn), bare=True)


def _earlier_events(run: Run, arn: str) -> frozenset[str]:
    """The ids of the latest events of a stack; empty without the permission."""
    answer = run.optional("earlier events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn)
    return frozenset(read(raw).id for raw in answer.get("StackEvents") or [])


def _after_error(run: Run, error: ApiError, change_set: ChangeSet, leftovers: Leftovers, own: Operation) -> Operation:
    """The operation that runs after an error of ExecuteChangeSet.

    An earlier attempt, or another user, may have started it.
    """
    if error.code.startswith("TokenAlreadyExists"):
        return own
    wrong_status = error.code.startswith("InvalidChangeSetStatus")
    if error.throttled or not (error.repeated or error.broken):
        leftovers.executing = error.repeated
    if wrong_status or (error.repeated and not error.throttled):
        leftovers.executing = True
        if leftovers.is_executed(run):
            if error.repeated:
                return own
            run.warn("another user executed this change set; watching that operation")
            return replace(own, boundary=EventBoundary(since=change_set.created))
        if leftovers.executing or not wrong_status:
            raise error
        raise StackChanged(error.message) from error
    if error.absent:
        sentence = f"another user deleted the change set {change_set.name}; nothing was executed"
        raise stop(Exit.BUSY, sentence, run.target.redeploy()) from error
    if error.code == "ValidationError" and _BUSY.search(error.message):
        raise StackChanged(error.message) from error
    raise error


_PAGES = 50
_VERBS = {"CREATE": "create", "DELETE": "delete", "ROLLBACK": "roll back", "IMPORT": "import"}


def latest_events(run: Run, arn: str) -> tuple[StackEvent, ...]:
    """The events of the latest operation, oldest first, as far as 50 pages contain them.

    Empty without the permission.
    """
    return _latest_operation(run, arn)[0]


def running_operation(run: Run, stack: Snapshot) -> Operation:
    """The operation in progress on a stack, or else its latest one, whoever began it.

    Its events are reported from its beginning.
    """
    events, older = _latest_operation(run, stack.arn)
    verb = _VERBS.get(stack.status.split("_")[0], "roll back" if "ROLLBACK" in stack.status else "update")
    since = events[0].time if events else stack.since
    elapsed = (events[-1].time - events[0].time).total_seconds() if events else 0.0
    boundary = EventBoundary(since=since, seen=older)
    return Operation(stack.arn, boundary, run.aws.clock() - elapsed, verb, stack.status)


def _latest_operation(run: Run, arn: str) -> tuple[tuple[StackEvent, ...], frozenset[str]]:
    """The latest operation's events, and the ids of the earlier events that were read with them."""
    listed: list[StackEvent] = []
    events: tuple[StackEvent, ...] = ()
    pages = run.optional_pages("its events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn)
    for page in islice(pages, _PAGES):
        listed += [read(raw) for raw in page.get("StackEvents") or []]
        events, whole = latest_operation(listed)
        if whole:
            break
    own = {event.id for event in events}
    kept = tuple(event for event in events if not (is_root(event) and event.status == "REVIEW_IN_PROGRESS"))
    return kept, frozenset(event.id for event in listed if event.id not in own)


def delete(run: Run, stack: Snapshot, role_arn: str | None = None, force: bool = False) -> Operation:
    """Start to delete the stack. ``force``: the resources that cannot be deleted stay in the account.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-cli-deleting-stack.html
    """
    if stack.status in NEVER_WORKED:
        unprotect(run, physical_resources(run.aws, stack.arn))
    more = {"DeletionMode": "FORCE_DELETE_STACK"} if force else {}
    return _start(run, stack, "DeleteStack", "delete", role_arn, **more)


def unprotect(run: Run, resources: Iterable[tuple[str, str]]) -> None:
    """Disable the deletion protection of the load balancers and databases among resources, which are given by type and
    physical id. A failure is a warning."""
    for type, identity in resources:
        if type == LOAD_BALANCER:
            off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
            without = "a load balancer may be protected against deletion"
            run.optional(without, "elbv2", "ModifyLoadBalancerAttributes", LoadBalancerArn=identity, Attributes=off)
        elif type in (DB_INSTANCE, DB_CLUSTER):
            call = "ModifyDBInstance" if type == DB_INSTANCE else "ModifyDBCluster"
            named: dict[str, Any] = {f"{call.removeprefix('Modify')}Identifier": identity}
            without = f"the database {identity} may be protected against deletion"
            run.optional(without, "rds", call, **named, DeletionProtection=False, ApplyImmediately=True)


LIFTED = (LOAD_BALANCER, DB_INSTANCE, DB_CLUSTER)
"""The types whose deletion protection ``unprotect`` disables."""


def roll_back(run: Run, stack: Snapshot, role_arn: str | None = None) -> Operation:
    """Start to roll back a failed update that was kept."""
    return _start(run, stack, "RollbackStack", "roll back", role_arn)


def continue_rollback(run: Run, stack: Snapshot, skip: tuple[str, ...] = (), force: bool = False) -> Operation:
    """Continue a failed rollback. Resources in ``skip`` count as rolled back, whatever their state.

    ``force``: so does each resource that fails to roll back.
    """
    more: dict[str, Any] = {"ForceRollback": True} if force else {"ResourcesToSkip": list(skip)} if skip else {}
    return _start(run, stack, "ContinueUpdateRollback", "roll back", None, **more)


def cancel(run: Run, arn: str) -> str:
    """Cancel the update in progress. Returns the token of the rollback's events. Raises ApiError without an update.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
    """
    token = run.aws.token()
    try:
        run.aws.call("cloudformation", "CancelUpdateStack", StackName=arn, ClientRequestToken=token)
    except ApiError as error:
        if not _was_started(error):
            raise
    return token


def _start(run: Run, stack: Snapshot, call: str, verb: str, role_arn: str | None, **more: Any) -> Operation:
    token = run.aws.token()
    bare = run.aws.is_foreign("cloudformation")
    boundary = EventBoundary(frozenset({token}), None, _earlier_events(run, stack.arn), bare)
    operation = Operation(stack.arn, boundary, run.aws.clock(), verb, stack.status)
    if role_arn:
        more["RoleARN"] = role_arn
    run.running = f"the {'deletion' if verb == 'delete' else 'rollback'} of {stack.name}"
    try:
        run.aws.call("cloudformation", call, StackName=stack.arn, ClientRequestToken=token, **more)
    except ApiError as error:
        if _was_started(error):
            return operation
        run.running = run.running if error.repeated else ""
        raise
    return operation


def _was_started(error: ApiError) -> bool:
    """Whether an earlier attempt, whose answer was lost, started the operation."""
    return error.code.startswith("TokenAlreadyExists") or (error.repeated and error.code == "ValidationError")
