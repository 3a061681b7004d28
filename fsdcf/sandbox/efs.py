"""EFS: the file systems, access points and mount targets of stacks, and whether a task can mount a file system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.iam import matches
from fsdcf.cloudformation.planned import items
from fsdcf.sandbox.state import Data, SandboxState, ServiceError

FILE_SYSTEM, ACCESS_POINT, MOUNT_TARGET = "efs.file-system", "efs.access-point", "efs.mount-target"
"""The tables: policies of file systems, and access points and mount targets by their CloudFormation properties."""

DENIED, UNRESOLVED = "efs", "efs-target"
"""Why a task cannot mount a file system, as a fault's detail names it: its policy, or no mount target."""


def put_file_system(state: SandboxState, physical: str, properties: Data) -> None:
    """Create a file system, or give it another policy."""
    state.store.put(FILE_SYSTEM, physical, {"policy": properties.get("FileSystemPolicy")})


def remove_file_system(state: SandboxState, physical: str) -> None:
    """Remove a file system. Raises ServiceError while it has mount targets."""
    if any(target["FileSystemId"] == physical for _, target in state.store.every(MOUNT_TARGET)):
        raise ServiceError("FileSystemInUse", f"the file system {physical} has mount targets")
    state.store.remove(FILE_SYSTEM, physical)


def mount_problem(state: SandboxState, volume: Data, role: str | None) -> str:
    """Return why a task with this role cannot mount a volume, DENIED or UNRESOLVED; empty if it can.

    A file system that no stack of the sandbox made is taken to exist and to admit every task. Of policies, only what
    they deny counts: what the role may do is not checked.
    """
    identity = volume.get("fileSystemId", "")
    system = state.store.get(FILE_SYSTEM, identity)
    if system is None:
        return ""
    if not any(target["FileSystemId"] == identity for _, target in state.store.every(MOUNT_TARGET)):
        return UNRESOLVED
    authorization = volume.get("authorizationConfig", {})
    context = {
        "aws:SecureTransport": str(volume.get("transitEncryption") == "ENABLED").lower(),
        "elasticfilesystem:AccessedViaMountTarget": "true",
    }
    if role is not None and authorization.get("iam") == "ENABLED":
        context["aws:PrincipalArn"] = role
    point = authorization.get("accessPointId")
    if point is not None:
        found = state.store.get(ACCESS_POINT, point)
        if found is None or found["FileSystemId"] != identity:
            return DENIED
        context["elasticfilesystem:AccessPointArn"] = state.arn("elasticfilesystem", f"access-point/{point}")
    denied = any(_applies(statement, context) for statement in _denials(system["policy"] or {}))
    return DENIED if denied else ""


def _denials(policy: Data) -> Iterator[Data]:
    """Yield the statements of a policy that deny everybody to mount."""
    for statement in items(policy.get("Statement")):
        actions = [action.lower() for action in items(statement.get("Action"))]
        everybody = statement.get("Effect") == "Deny" and statement.get("Principal") in ("*", {"AWS": "*"})
        if everybody and any(matches(action, "elasticfilesystem:clientmount") for action in actions):
            yield statement


def _applies(statement: Data, context: Mapping[str, str]) -> bool:
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition", {})
    return all(
        _holds(
            operator,
            context.get(key),
            [str(value).lower() if operator == "Bool" else str(value) for value in items(values)],
        )
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _holds(operator: str, actual: str | None, values: list[str]) -> bool:
    """Whether a condition holds. A negated operator holds for a key that the request does not have.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if operator == "Null":
        return (values[0].lower() == "true") == (actual is None)
    negated = "Not" in operator
    return negated if actual is None else any(matches(value, actual) for value in values) != negated
