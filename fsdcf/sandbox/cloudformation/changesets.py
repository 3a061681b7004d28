"""Change sets: created in their own time, described, listed, deleted and executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.evaluate import EvaluationError
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import begin, events, plan, records, requests, things, words
from fsdcf.sandbox.cloudformation.begin import Will
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.world import Refusal, World

CHANGE_SET_NAME = "[a-zA-Z][-a-zA-Z0-9]*"
MOST = 1000
"""Change sets that a stack may have, failed ones included."""

SOON, LATER = 0.4, 2.5
"""Seconds until a change set is CREATE_IN_PROGRESS, and until it is created."""


def create_change_set(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CreateChangeSet: the answer comes at once, the result with DescribeChangeSet."""
    named, name = params["StackName"], params["ChangeSetName"]
    requests.check_name(named)
    requests.check_name(name, "changeSetName", CHANGE_SET_NAME)
    kind = params.get("ChangeSetType") or "UPDATE"
    stack = _stack_for(world, named, name, kind)
    existing = records.change_set(world, name, stack["id"]) if stack["status"] else None
    if existing is not None:
        if existing["token"] is not None and existing["token"] == params.get("ClientToken"):
            return {"Id": existing["id"], "StackId": stack["id"]}
        raise Refusal("AlreadyExistsException", f"ChangeSet [{name}] already exists")
    _refuse_more(world, stack)
    settings = requests.settings(world, stack if stack["status"] else None, params)
    if params.get("OnStackFailure") == "DELETE" and kind != "CREATE":
        raise words.invalid("OnStackFailure DELETE is only valid when ChangeSetType is CREATE.")
    if not stack["status"]:
        events.of_stack(world, world.clock.now(), stack, None, "REVIEW_IN_PROGRESS", words.USER_INITIATED)
        records.save_stack(world, stack)
    body = _change_set(world, stack, kind, settings, params)
    records.save_change_set(world, body)
    for wait, stage in ((SOON, "CREATE_IN_PROGRESS"), (LATER, "CREATE_COMPLETE")):
        payload = {"change_set": body["id"], "stage": stage}
        world.store.schedule(world.clock.now() + world.lasting(wait), "cloudformation.plan", payload, tag=body["id"])
    return {"Id": body["id"], "StackId": stack["id"]}


def _stack_for(world: World, named: str, name: str, kind: str) -> Record:
    """The stack that a change set is for; one without a status is new."""
    stack = records.living(world, named)
    status = stack["status"] if stack is not None else None
    if kind == "CREATE":
        if (stack is not None and status != "REVIEW_IN_PROGRESS") or (stack is None and named.startswith("arn:")):
            raise words.invalid(
                f"Stack [{named}] already exists and cannot be created again with the changeSet [{name}]."
            )
    elif kind == "UPDATE" and (stack is None or status == "REVIEW_IN_PROGRESS"):
        raise words.no_stack(named)
    elif stack is not None and status not in requests.UPDATABLE and status != "REVIEW_IN_PROGRESS":
        raise words.busy(stack["id"], str(status))
    return stack if stack is not None else records.new_stack(world, named, world.clock.now())


def _refuse_more(world: World, stack: Record) -> None:
    full = len(records.change_sets(world, stack["id"])) >= MOST
    if full or world.faults.of_cloudformation("limit-exceeded") is not None:
        raise Refusal("LimitExceededException", f"ChangeSet limit exceeded for stack {stack['name']}")


def _change_set(world: World, stack: Record, kind: str, settings: Record, params: Mapping[str, Any]) -> Record:
    name, number = params["ChangeSetName"], world.store.next_number("cloudformation change set")
    identifier = world.arn("cloudformation", f"changeSet/{name}/{ids.unique('change set', stack['id'], name, number)}")
    to_import = {one["LogicalResourceId"]: _identified(world, one) for one in params.get("ResourcesToImport") or ()}
    return {
        "id": identifier,
        "name": name,
        "stack": stack["id"],
        "stack_name": stack["name"],
        "type": kind,
        "status": "CREATE_PENDING",
        "reason": None,
        "execution": "UNAVAILABLE",
        "created": world.clock.now(),
        "description": params.get("Description"),
        "settings": settings,
        "to_import": to_import,
        "import_existing": bool(params.get("ImportExistingResources")),
        "validates": not params.get("DisableValidation"),
        "imports": {},
        "changes": [],
        "bare": [],
        "findings": [],
        "on_failure": params.get("OnStackFailure"),
        "token": params.get("ClientToken"),
        "execute_token": None,
    }


def _identified(world: World, one: Mapping[str, Any]) -> str:
    """The physical id of what is to be imported, by the identifier that the caller gives. Refuses what does not exist."""
    identifier = next(iter(one["ResourceIdentifier"].values()), "")
    type = one["ResourceType"]
    thing = things.find(world, type, identifier) or things.named(world, type, identifier)
    if thing is None:
        raise words.invalid(f"Resource of type '{type}' with identifier '{identifier}' was not found.")
    if thing["owner"] is not None:
        raise words.invalid(words.exists_in_stack(identifier, thing["owner"]))
    return str(thing["physical"])


def work(world: World, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a change set is being created, or that it is done."""
    body = world.store.get(records.CHANGE_SET, payload["change_set"])
    stack = records.find(world, body["stack"]) if body is not None else None
    if body is None or stack is None or body["status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        return
    if payload["stage"] == "CREATE_IN_PROGRESS":
        body["status"] = "CREATE_IN_PROGRESS"
    else:
        found = plan.work_out(world, stack, body)
        body |= {"changes": found.changes, "bare": found.bare, "imports": found.imports, "findings": found.findings}
        failed = found.reason is not None
        body |= {"status": "FAILED" if failed else "CREATE_COMPLETE", "reason": found.reason, "finished": at}
        body["execution"] = "UNAVAILABLE" if failed else "AVAILABLE"
    obsolete = bool(body.get("outdated")) or (body["execution"] == "AVAILABLE" and not _fits(stack, body))
    if obsolete and body["execution"] == "AVAILABLE":
        body["execution"] = "OBSOLETE"
    records.save_change_set(world, body, listed=not obsolete)


def _fits(stack: Record, body: Record) -> bool:
    """Whether the stack is still in a state that the change set was made for."""
    if body["type"] == "CREATE":
        return bool(stack["status"] == "REVIEW_IN_PROGRESS")
    return bool(stack["status"] != "DELETE_COMPLETE")


def demanded(world: World, params: Mapping[str, Any]) -> Record:
    """The change set that a request names, by ARN or by name and stack. Raises Refusal."""
    name, named = params["ChangeSetName"], params.get("StackName")
    stack = records.living(world, named) if named is not None else None
    if not name.startswith("arn:"):
        if named is None:
            raise words.invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
        if stack is None:
            raise words.no_stack(named)
    body = records.change_set(world, name, stack["id"] if stack is not None else None)
    if body is None:
        raise words.no_change_set(name)
    return body


def delete_change_set(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteChangeSet: one that is not there is no error, one that runs is. The stack under review stays."""
    try:
        body = demanded(world, params)
    except Refusal as refusal:
        if refusal.code == "ChangeSetNotFound":
            return {}
        raise
    if body["execution"] == "EXECUTE_IN_PROGRESS":
        raise words.not_deletable(body["id"], body["execution"])
    world.store.cancel(body["id"])
    records.remove_change_set(world, body)
    return {}


def execute_change_set(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ExecuteChangeSet: once. The same token again is answered as the first time was."""
    body = demanded(world, params)
    token = params.get("ClientRequestToken")
    if token is not None and body["execute_token"] == token:
        return {}
    if body["execution"] != "AVAILABLE":
        raise words.not_executable(body["id"], body["status"], body["execution"])
    stack = records.living(world, body["stack"])
    if stack is None:
        raise words.no_stack(body["stack"])
    if stack["status"] != "REVIEW_IN_PROGRESS" and stack["status"] not in requests.UPDATABLE:
        raise words.busy(stack["id"], stack["status"])
    if token is not None and token in stack["tokens"]:
        raise Refusal("TokenAlreadyExistsException", f"A client request token already exists: {token}")
    on_failure = body["on_failure"] or ("DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK")
    will = Will(
        kind="import" if body["type"] == "IMPORT" else "create" if body["type"] == "CREATE" else "update",
        settings=body["settings"],
        token=token,
        disable_rollback=on_failure == "DO_NOTHING",
        on_failure=on_failure,
        retain_except_on_create=bool(params.get("RetainExceptOnCreate")),
        imports=body["imports"],
        change_set=body["id"],
    )
    outdate(world, stack["id"], but=body["id"])
    body |= {"execution": "EXECUTE_IN_PROGRESS", "execute_token": token}
    records.save_change_set(world, body)
    if token is not None:
        stack["tokens"][token] = ["ExecuteChangeSet", body["id"]]
    try:
        begin.begin(world, stack, will)
    except EvaluationError as error:
        raise words.invalid(str(error)) from None
    return {}


def outdate(world: World, stack: str, but: str | None = None) -> None:
    """Makes the other change sets of a stack obsolete: only their ARNs still find them."""
    for one in records.change_sets(world, stack):
        if one["id"] != but:
            one |= {"outdated": True, "execution": "OBSOLETE" if one["execution"] == "AVAILABLE" else one["execution"]}
            records.save_change_set(world, one, listed=False)


ACTIONS = {"cloudformation.plan": work}
