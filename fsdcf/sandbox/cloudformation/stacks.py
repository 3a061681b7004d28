"""The operations that make, change and delete stacks without a change set, and those that turn a running update round."""

from __future__ import annotations

from typing import Any

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox.cloudformation import (
    changesets,
    operations,
    records,
    requests,
    resource_steps,
    simulator,
    words,
)
from fsdcf.sandbox.cloudformation.operations import Kind, Will
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.cloudformation.simulator import Play
from fsdcf.sandbox.state import Refusal, World


def create_stack(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CreateStack: also over a stack that is only under review."""
    requests.check_name(params["StackName"])
    stack = records.living(world, params["StackName"])
    if stack is not None and requests.repeated(stack, "CreateStack", params):
        return {"StackId": stack["id"]}
    if stack is not None and stack["status"] != "REVIEW_IN_PROGRESS":
        raise Refusal("AlreadyExistsException", f"Stack [{params['StackName']}] already exists")
    settings = requests.settings(world, None, params)
    if stack is None:
        stack = records.new_stack(world, params["StackName"], world.clock.now())
        requests.repeated(stack, "CreateStack", params)
    if params.get("OnFailure") and params.get("DisableRollback") is not None:
        raise words.invalid("Only one of DisableRollback and OnFailure can be specified.")
    stack["protection"] = bool(params.get("EnableTerminationProtection"))
    changesets.outdate(world, stack["id"])
    on_failure = params.get("OnFailure") or ("DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK")
    operation = _begin(world, stack, "create", settings, params, on_failure)
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def _begin(
    world: World, stack: Record, kind: Kind, settings: Record, params: dict[str, Any], on_failure: str
) -> Record:
    will = Will(
        kind=kind,
        settings=settings,
        token=params.get("ClientRequestToken"),
        disable_rollback=on_failure == "DO_NOTHING",
        on_failure=on_failure,
        retain_except_on_create=bool(params.get("RetainExceptOnCreate")),
        timeout=params.get("TimeoutInMinutes"),
    )
    try:
        return operations.begin(world, stack, will)
    except EvaluationError as error:
        raise words.invalid(str(error)) from None


def update_stack(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateStack: refused where it would change nothing."""
    stack = _demand(world, params["StackName"])
    if requests.repeated(stack, "UpdateStack", params):
        return {"StackId": stack["id"]}
    if stack["status"] not in requests.UPDATABLE:
        raise words.busy(stack["id"], stack["status"])
    settings = requests.settings(world, stack, params)
    problem = changesets.problem(world, stack, settings)
    if problem is not None:
        raise words.invalid(problem)
    if changesets.is_empty(world, stack, settings, changesets.changes(world, stack, settings)):
        raise words.invalid(words.NO_UPDATES)
    changesets.outdate(world, stack["id"])
    on_failure = "DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK"
    operation = _begin(world, stack, "update", settings, params, on_failure)
    return {"StackId": stack["id"], "OperationId": operation["id"]}


def _demand(world: World, named: str) -> Record:
    stack = records.living(world, named)
    if stack is None:
        raise words.no_stack(named)
    return stack


def _playing(world: World, stack: Record) -> Play | None:
    """The stack's latest operation at this moment; None for a stack that never had one."""
    operation = records.operation(world, stack["id"])
    return None if operation is None else Play(world, world.clock.now(), stack, operation)


def delete_stack(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteStack: of a stack that is not there is no error. A creation that runs is stopped for it, an update is not."""
    named = params["StackName"]
    stack = records.living(world, named)
    if stack is None or stack["status"] == "DELETE_IN_PROGRESS" or requests.repeated(stack, "DeleteStack", params):
        return {}
    if stack["protection"]:
        raise words.invalid(f"Stack [{named}] cannot be deleted while TerminationProtection is enabled")
    status, retained = stack["status"], list(params.get("RetainResources") or ())
    if status.endswith("_IN_PROGRESS") and status not in (
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "REVIEW_IN_PROGRESS",
    ):
        raise words.invalid(f"Stack [{stack['id']}] cannot be deleted while in status {status}")
    if retained and status != "DELETE_FAILED":
        raise words.invalid(
            f"Invalid operation on stack [{stack['id']}]. RetainResources is only applicable to stacks in DELETE_FAILED state."
        )
    changesets.outdate(world, stack["id"])
    blocker = simulator.blocker(world, stack)
    if blocker is not None:
        _refuse_delete(world, stack, params, blocker)
    else:
        operations.delete(world, stack, params.get("ClientRequestToken"), retained)
    return {}


def _refuse_delete(world: World, stack: Record, params: dict[str, Any], blocker: str) -> None:
    """The call is taken; the stack fails to be deleted before anything is."""
    operation = operations.new_operation(world, stack, "DELETE_STACK", params.get("ClientRequestToken"))
    operation |= {"kind": "delete", "phase": "failed", "before": stack["settings"], "touched": {}, "change_set": None}
    play = Play(world, world.clock.now(), stack, operation)
    play.status("DELETE_IN_PROGRESS", words.USER_INITIATED)
    play.status("DELETE_FAILED", blocker)
    play.save()


def cancel_update_stack(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CancelUpdateStack: what runs is cancelled, and all is rolled back."""
    stack = _demand(world, params["StackName"])
    if requests.repeated(stack, "CancelUpdateStack", params):
        return {}
    play = _playing(world, stack)
    if stack["status"] != "UPDATE_IN_PROGRESS" or play is None:
        raise words.invalid("CancelUpdateStack cannot be called from current stack status")
    play.operation["token"] = params.get("ClientRequestToken")
    resource_steps.halt(play)
    operations.executed(play, "EXECUTE_FAILED")
    operations.roll_back_update(play, words.STACK_UPDATE_CANCELLED)
    play.save()
    return {}


def continue_update_rollback(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ContinueUpdateRollback: tries again what has failed and what was cancelled, but for what is to be skipped.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
    """
    stack = _demand(world, params["StackName"])
    if requests.repeated(stack, "ContinueUpdateRollback", params):
        return {}
    play = _playing(world, stack)
    if stack["status"] != "UPDATE_ROLLBACK_FAILED" or play is None:
        # AWS's words for this are not known.
        raise words.invalid(f"Stack:{stack['id']} is in {stack['status']} state and can not continue update rollback.")
    skipped = [one.rpartition(".")[2] for one in params.get("ResourcesToSkip") or ()]
    wrong = [key for key in skipped if play.steps.get(key, {}).get("state") != "failed"]
    if wrong:
        raise words.invalid(
            f"The following resource(s) cannot be skipped: [{', '.join(wrong)}]. Only resources in UPDATE_FAILED state because "
            "a rollback failed can be skipped."
        )
    fresh = operations.new_operation(world, play.stack, "CONTINUE_ROLLBACK", params.get("ClientRequestToken"))
    play.operation.update({"id": fresh["id"], "token": fresh["token"], "failures": [], "stopped": False})
    play.status("UPDATE_ROLLBACK_IN_PROGRESS", words.USER_INITIATED)
    for key in skipped:
        row = records.row(world, play.id, key)
        play.steps[key]["state"] = "done"
        if row is not None:
            play.told(row, "UPDATE_COMPLETE")
    for one in play.steps.values():
        one["state"] = "waiting" if one["state"] in ("failed", "cancelled") else one["state"]
    play.later(operations.FIRST, "proceed")
    play.save()
    return {}


def rollback_stack(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """RollbackStack: of a stack that failed with its rollback disabled, to what it was before.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
    """
    stack = _demand(world, params["StackName"])
    if requests.repeated(stack, "RollbackStack", params):
        return {"StackId": stack["id"]}
    play = _playing(world, stack)
    if stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED") or play is None:
        # AWS's words for this are not known.
        raise words.invalid(f"Stack:{stack['id']} is in {stack['status']} state and can not be rolled back.")
    fresh = operations.new_operation(world, play.stack, "ROLLBACK", params.get("ClientRequestToken"))
    play.operation.update({"id": fresh["id"], "token": fresh["token"]})
    if params.get("RetainExceptOnCreate") is not None:
        play.operation["retain_except_on_create"] = params["RetainExceptOnCreate"]
    play.stack["disable_rollback"] = False
    if stack["status"] == "CREATE_FAILED":
        operations.roll_back_creation(play, words.USER_INITIATED)
    else:
        operations.roll_back_update(play, words.USER_INITIATED)
    play.save()
    return {"StackId": stack["id"], "OperationId": fresh["id"]}


def update_termination_protection(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateTerminationProtection."""
    stack = _demand(world, params["StackName"])
    stack["protection"] = params["EnableTerminationProtection"]
    records.save_stack(world, stack)
    return {"StackId": stack["id"]}
