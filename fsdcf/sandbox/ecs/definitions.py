"""Task definitions: families and their revisions."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.world import Refusal, World

KIND = "ecs.definition"
PAGE = 100


def register(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Registers the next revision of a family; the task definition as DescribeTaskDefinition tells it."""
    family = request["family"]
    if not request.get("containerDefinitions"):
        raise Refusal("ClientException", "Container list cannot be empty.")
    revision = world.store.next_number(f"ecs.family.{family}")
    told = {name: value for name, value in request.items() if name != "tags"}
    containers = [{"essential": True, **container} for container in request["containerDefinitions"]]
    definition = {
        **told,
        "containerDefinitions": containers,
        "taskDefinitionArn": world.arn("ecs", f"task-definition/{family}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
        "registeredAt": world.clock.now(),
        "compatibilities": ["EC2", *request.get("requiresCompatibilities", [])[:1]],
    }
    world.store.put(KIND, _key(family, revision), {"definition": definition, "tags": request.get("tags", [])})
    return definition


def deregister(world: World, definition: str) -> dict[str, Any]:
    """Makes a revision INACTIVE: services that run it go on. Refusal if there is none."""
    body = _document(world, definition)
    if body is None:
        raise _unknown()
    told: dict[str, Any] = body["definition"]
    if told["status"] == "ACTIVE":
        told |= {"status": "INACTIVE", "deregisteredAt": world.clock.now()}
        world.store.put(KIND, _key(told["family"], told["revision"]), body)
    return told


def definition_of(world: World, definition: str) -> dict[str, Any]:
    """A task definition by ARN, ``family:revision`` or family (its latest ACTIVE revision). Refusal if there is none."""
    body = _document(world, definition)
    if body is None:
        raise _unknown()
    found: dict[str, Any] = body["definition"]
    return found


def runnable(world: World, definition: str) -> str:
    """The ARN of a task definition that a service may be made of. Refusal if there is none, or if it is INACTIVE."""
    found = definition_of(world, definition)
    if found["status"] != "ACTIVE":
        raise Refusal("ClientException", "TaskDefinition is inactive")
    return str(found["taskDefinitionArn"])


def _document(world: World, definition: str) -> dict[str, Any] | None:
    family, _, revision = definition.rpartition("/")[2].partition(":")
    if revision:
        return world.store.get(KIND, _key(family, int(revision))) if revision.isdecimal() else None
    active = [body for _, body in world.store.every(KIND, f"{family}:") if body["definition"]["status"] == "ACTIVE"]
    return active[-1] if active else None


def _unknown() -> Refusal:
    return Refusal("ClientException", "Unable to describe task definition.")


def _key(family: str, revision: int) -> str:
    return f"{family}:{revision:08d}"


def register_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """RegisterTaskDefinition."""
    return {"taskDefinition": register(world, params), "tags": params.get("tags", [])}


def deregister_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeregisterTaskDefinition."""
    return {"taskDefinition": deregister(world, params["taskDefinition"])}


def describe_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeTaskDefinition."""
    told = {"taskDefinition": definition_of(world, params["taskDefinition"])}
    body = _document(world, params["taskDefinition"])
    return {**told, "tags": body["tags"]} if body is not None and "TAGS" in params.get("include", []) else told


def list_task_definitions(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListTaskDefinitions: by family, status and order."""
    prefix = f"{params['familyPrefix']}:" if params.get("familyPrefix") else ""
    status = params.get("status", "ACTIVE")
    told = [body["definition"] for _, body in world.store.every(KIND, prefix)]
    arns = [one["taskDefinitionArn"] for one in told if one["status"] == status]
    return paged(arns[::-1] if params.get("sort") == "DESC" else arns, params, "taskDefinitionArns")


def paged(arns: list[str], params: dict[str, Any], name: str, size: int = PAGE) -> dict[str, Any]:
    """One page of a list under ``name``. The token is the number of those that went before."""
    token = params.get("nextToken") or "0"
    if not token.isdecimal():
        raise Refusal("InvalidParameterException", "Invalid token.")
    start, limit = int(token), min(params.get("maxResults") or size, size)
    page: dict[str, Any] = {name: arns[start : start + limit]}
    return {**page, "nextToken": str(start + limit)} if start + limit < len(arns) else page
