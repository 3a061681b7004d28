"""Parameter Store: parameters with their versions, of which the latest hundred are kept."""

from __future__ import annotations

import re
from typing import Any

from fsdcf.sandbox.state import SandboxState, ServiceError

PARAMETER = "ssm.parameter"
KEPT = 100
"""Versions of a parameter that are kept. Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html"""

STANDARD_BYTES = 4096
PAGE = 50

Document = dict[str, Any]


def put(
    state: SandboxState, name: str, value: str, kind: str = "String", description: str = "", overwrite: bool = True
) -> int:
    """Writes a parameter's next version; its number. Refusal for a bad name or value, or if there is one already and ``overwrite`` is False."""
    _check(name, value)
    body = state.store.get(PARAMETER, name)
    if body is not None and not overwrite:
        words = (
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
        raise ServiceError("ParameterAlreadyExists", words)
    versions = [] if body is None else body["versions"]
    number = versions[-1]["number"] + 1 if versions else 1
    kind = kind if body is None else body["kind"]
    versions.append({"number": number, "value": value, "at": state.clock.now(), "description": description})
    state.store.put(PARAMETER, name, {"name": name, "kind": kind, "versions": versions[-KEPT:]})
    return int(number)


def delete(state: SandboxState, name: str) -> None:
    """Drops a parameter with its versions. Refusal if there is none."""
    _demand(state, name)
    state.store.remove(PARAMETER, name)


def value_of(state: SandboxState, name: str) -> str | None:
    """The latest value of a parameter; None if there is none."""
    body = state.store.get(PARAMETER, name)
    return None if body is None else str(body["versions"][-1]["value"])


def _check(name: str, value: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9_.\-/]+", name) or re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        words = (
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash '
            "symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"
        )
        raise ServiceError("ValidationException", words)
    if not value:
        words = "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"
        raise ServiceError("ValidationException", words)
    if len(value.encode()) > STANDARD_BYTES:
        words = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        raise ServiceError("ValidationException", words)


def _demand(state: SandboxState, name: str) -> Document:
    body = state.store.get(PARAMETER, name)
    if body is None:
        raise ServiceError("ParameterNotFound", "")  # AWS has no words for it
    return body


def _told(state: SandboxState, asked: str) -> Document:
    """A parameter by name, ``name:version`` or ARN, as GetParameter tells it."""
    path = asked.partition(":parameter")[2] or asked
    name, _, version = path.partition(":")
    if path is not asked and state.store.get(PARAMETER, name) is None:
        name = name.removeprefix("/")
    body = _demand(state, name)
    found = (
        next((one for one in body["versions"] if str(one["number"]) == version), None)
        if version
        else body["versions"][-1]
    )
    if found is None:
        raise ServiceError(
            "ParameterVersionNotFound",
            f"Systems Manager could not find version {version} of {name}. Verify the version and try again.",
        )
    return {
        "Name": name,
        "Type": body["kind"],
        "Value": found["value"],
        "Version": found["number"],
        "Selector": f":{version}" if version else None,
        "LastModifiedDate": found["at"],
        "ARN": state.arn("ssm", f"parameter/{name.removeprefix('/')}"),
        "DataType": "text",
    }


def put_parameter(state: SandboxState, params: Document) -> Document:
    """PutParameter."""
    asked = params.get("Type", "String"), params.get("Description", ""), params.get("Overwrite", False)
    return {"Version": put(state, params["Name"], params["Value"], *asked), "Tier": "Standard"}


def get_parameter(state: SandboxState, params: Document) -> Document:
    """GetParameter, by name, ``name:version`` or ARN."""
    return {"Parameter": _told(state, params["Name"])}


def get_parameters(state: SandboxState, params: Document) -> Document:
    """GetParameters: those that there are, and the names of those that there are not."""
    found, invalid = [], []
    for name in params["Names"]:
        try:
            found.append(_told(state, name))
        except ServiceError:
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


def get_parameter_history(state: SandboxState, params: Document) -> Document:
    """GetParameterHistory: oldest first, fifty a page."""
    body = _demand(state, params["Name"])
    token, size = params.get("NextToken") or "0", min(params.get("MaxResults") or PAGE, PAGE)
    if not token.isdecimal():
        raise ServiceError("InvalidNextToken", "The specified token isn't valid.")
    versions = body["versions"][int(token) : int(token) + size]
    page: Document = {"Parameters": [_past(state, body, one) for one in versions]}
    end = int(token) + size
    return {**page, "NextToken": str(end)} if end < len(body["versions"]) else page


def _past(state: SandboxState, body: Document, version: Document) -> Document:
    return {
        "Name": body["name"],
        "Type": body["kind"],
        "Value": version["value"],
        "Version": version["number"],
        "Description": version["description"] or None,
        "LastModifiedDate": version["at"],
        "LastModifiedUser": f"arn:{state.partition}:iam::{state.account}:user/sandbox",
        "Labels": [],
        "Tier": "Standard",
        "DataType": "text",
    }


def delete_parameter(state: SandboxState, params: Document) -> Document:
    """DeleteParameter."""
    delete(state, params["Name"])
    return {}


OPERATIONS = {
    "DeleteParameter": delete_parameter,
    "GetParameter": get_parameter,
    "GetParameterHistory": get_parameter_history,
    "GetParameters": get_parameters,
    "PutParameter": put_parameter,
}
ACTIONS: dict[str, Any] = {}
