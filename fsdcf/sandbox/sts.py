"""AWS STS: the identity of the sandbox's only user."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.state import SandboxState


def get_caller_identity(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """GetCallerIdentity: the account and a user named ``sandbox``, for any credentials."""
    arn = f"arn:{state.partition}:iam::{state.account}:user/sandbox"
    return {"Account": state.account, "UserId": "AIDASANDBOX", "Arn": arn}


OPERATIONS = {"GetCallerIdentity": get_caller_identity}
ACTIONS: dict[str, Any] = {}
