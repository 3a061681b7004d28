"""Operations other than a change set's: delete, roll back, continue a rollback, cancel. Each is begun once, whatever is lost."""

from __future__ import annotations

from typing import Any

from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.events import Boundary
from fsdcf.deploy.execute import Operation
from fsdcf.deploy.past import seen
from fsdcf.deploy.run import Run
from fsdcf.deploy.snapshot import Snapshot


def delete(run: Run, stack: Snapshot, role_arn: str | None = None) -> Operation:
    """Begins to delete the stack, by its ARN."""
    return _begun(run, stack, "DeleteStack", "delete", role_arn)


def roll_back(run: Run, stack: Snapshot, role_arn: str | None = None) -> Operation:
    """Begins to roll back an update that failed and was kept as it was."""
    return _begun(run, stack, "RollbackStack", "roll back", role_arn)


def go_on(run: Run, stack: Snapshot, skip: tuple[str, ...] = (), role_arn: str | None = None) -> Operation:
    """Begins again with a rollback that failed. Resources in ``skip`` are taken for rolled back, whatever they are."""
    more = {"ResourcesToSkip": list(skip)} if skip else {}
    return _begun(run, stack, "ContinueUpdateRollback", "roll back", role_arn, **more)


def cancel(run: Run, arn: str) -> str:
    """Cancels the update that runs; gives the token that the events of its rollback may bear. ApiError if there is none to cancel.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
    """
    token = run.aws.token()
    try:
        run.aws.call("cloudformation", "CancelUpdateStack", StackName=arn, ClientRequestToken=token)
    except ApiError as error:
        if not _done_before(error):
            raise
    return token


def _begun(run: Run, stack: Snapshot, call: str, verb: str, role_arn: str | None, **more: Any) -> Operation:
    token, before = run.aws.token(), seen(run, stack.arn)
    operation = Operation(stack.arn, Boundary(frozenset({token}), None, before), run.aws.clock(), verb, stack.status)
    if role_arn:
        more["RoleARN"] = role_arn
    run.running = f"the {'deletion' if verb == 'delete' else 'rollback'} of {stack.name}"
    try:
        run.aws.call("cloudformation", call, StackName=stack.arn, ClientRequestToken=token, **more)
    except ApiError as error:
        if _done_before(error):
            return operation
        run.running = run.running if error.repeated else ""
        raise
    return operation


def _done_before(error: ApiError) -> bool:
    """Whether an earlier attempt went through, whose answer was lost: the state of the stack, or the token, says so."""
    return error.code.startswith("TokenAlreadyExists") or (error.repeated and error.code == "ValidationError")
