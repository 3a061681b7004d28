"""Who one is: the sandbox's one user."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.state import World


def get_caller_identity(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """The account and a user named ``sandbox``, whoever asks."""
    arn = f"arn:{world.partition}:iam::{world.account}:user/sandbox"
    return {"Account": world.account, "UserId": "AIDASANDBOX", "Arn": arn}


OPERATIONS = {"GetCallerIdentity": get_caller_identity}
ACTIONS: dict[str, Any] = {}
