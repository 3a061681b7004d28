"""Who one is: the sandbox's one user."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.state import SandboxState


def get_caller_identity(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """The account and a user named ``sandbox``, whoever asks."""
    arn = f"arn:{state.partition}:iam::{state.account}:user/sandbox"
    return {"Account": state.account, "UserId": "AIDASANDBOX", "Arn": arn}


OPERATIONS = {"GetCallerIdentity": get_caller_identity}
ACTIONS: dict[str, Any] = {}
