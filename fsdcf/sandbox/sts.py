"""AWS STS: the identity of the sandbox's only user."""

from __future__ import annotations

from fsdcf.sandbox.state import Document, SandboxState


def get_caller_identity(state: SandboxState, params: Document) -> Document:
    """GetCallerIdentity: the account and a user named ``sandbox``, for any credentials."""
    arn = f"arn:{state.partition}:iam::{state.account}:user/sandbox"
    return {"Account": state.account, "UserId": "AIDASANDBOX", "Arn": arn}


OPERATIONS = {"GetCallerIdentity": get_caller_identity}
