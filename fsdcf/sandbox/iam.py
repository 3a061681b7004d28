"""IAM: the managed policies and the OIDC providers that the stacks of the sandbox have created."""

from __future__ import annotations

from fsdcf.cloudformation.types.iam import MANAGED_POLICY, OIDC_PROVIDER
from fsdcf.sandbox.cloudformation.resources import find
from fsdcf.sandbox.state import Document, SandboxState, ServiceError


def get_policy(state: SandboxState, params: Document) -> Document:
    """GetPolicy, by ARN."""
    arn = params["PolicyArn"]
    _existing(state, MANAGED_POLICY, arn, f"Policy {arn} was not found.")
    return {"Policy": {"Arn": arn, "PolicyName": arn.rpartition("/")[2]}}


def get_open_id_connect_provider(state: SandboxState, params: Document) -> Document:
    """GetOpenIDConnectProvider, by ARN."""
    arn = params["OpenIDConnectProviderArn"]
    text = f"OpenIDConnect Provider not found for arn {arn}"
    properties = _existing(state, OIDC_PROVIDER, arn, text)["properties"]
    return {"Url": arn.partition("/")[2], "ClientIDList": list(properties.get("ClientIdList", []))}


def _existing(state: SandboxState, type: str, arn: str, text: str) -> Document:
    found = find(state, type, arn)
    if found is None:
        raise ServiceError("NoSuchEntity", text, 404)
    return found


OPERATIONS = {"GetOpenIDConnectProvider": get_open_id_connect_provider, "GetPolicy": get_policy}
