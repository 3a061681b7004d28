"""The permissions boundary of the services' roles: no more than what the roles of the given templates do, whatever comes later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fsdcf.deploy.permissions.document import VERSION
from fsdcf.deploy.permissions.names import Deployed

DENIED = ("account:*", "iam:*", "organizations:*")
"""What no task may ever do, though a role's own policy say ``*``."""


def boundary(stacks: Sequence[Deployed]) -> dict[str, Any]:
    """The boundary's document: the actions that the roles of these templates allow, on anything; their policies say on what."""
    actions = sorted({action for stack in stacks for action in allowed(stack)})
    statements: list[dict[str, Any]] = []
    if actions:
        statements.append({"Sid": "Services", "Effect": "Allow", "Action": actions, "Resource": "*"})
    statements.append({"Sid": "Administration", "Effect": "Deny", "Action": list(DENIED), "Resource": "*"})
    return {"Version": VERSION, "Statement": statements}


def allowed(stack: Deployed) -> Iterator[str]:
    """The actions that the policies of a template's roles allow."""
    for properties in stack.resources("AWS::IAM::Role").values():
        for policy in properties.get("Policies", ()):
            yield from _allowed(policy["PolicyDocument"]["Statement"])
    for properties in stack.resources("AWS::IAM::Policy").values():
        yield from _allowed(properties["PolicyDocument"]["Statement"])


def _allowed(statements: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for statement in statements:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions
