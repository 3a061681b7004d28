"""Parameter Store: parameters and their versions."""

from __future__ import annotations

import re

from fsdcf.sandbox.state import Document, SandboxState, ServiceError, page

PARAMETER = "ssm.parameter"
MOST_VERSIONS = 100
"""Number of versions of a parameter that are kept.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
"""

STANDARD_BYTES = 4096
PAGE = 50


def put(
    state: SandboxState, name: str, value: str, type: str = "String", description: str = "", overwrite: bool = True
) -> int:
    """Write the next version of a parameter and return its number.

    Raises ServiceError for an invalid name or value, and for an existing parameter unless ``overwrite`` is set.
    """
    _check(name, value)
    body = state.store.get(PARAMETER, name) or {"name": name, "type": type, "versions": []}
    versions = body["versions"]
    if versions and not overwrite:
        message = (
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
        raise ServiceError("ParameterAlreadyExists", message)
    number = versions[-1]["number"] + 1 if versions else 1
    versions.append({"number": number, "value": value, "at": state.clock.now(), "description": description})
    state.store.put(PARAMETER, name, {**body, "versions": versions[-MOST_VERSIONS:]})
    return int(number)


def delete(state: SandboxState, name: str) -> None:
    """Remove a parameter with its versions, if it exists."""
    state.store.remove(PARAMETER, name)


def value_of(state: SandboxState, name: str) -> str | None:
    """Return the latest value of a parameter, or None if it does not exist."""
    body = state.store.get(PARAMETER, name)
    return None if body is None else str(body["versions"][-1]["value"])


def _check(name: str, value: str) -> None:
    message = ""
    if not re.fullmatch(r"[a-zA-Z0-9_.\-/]+", name) or re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        message = (
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
            "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
            "following 3 symbols .-_"
        )
    elif not value:
        message = (
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    elif len(value.encode()) > STANDARD_BYTES:
        message = (
            f"Standard tier parameters support a maximum parameter value of {STANDARD_BYTES} characters. To create a "
            "larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        )
    if message:
        raise ServiceError("ValidationException", message)


def _parameter(state: SandboxState, name: str) -> Document:
    return state.existing(PARAMETER, name, ServiceError("ParameterNotFound", ""))  # AWS sends no message


def _described(state: SandboxState, identifier: str) -> Document:
    """Return a parameter by name, ``name:version`` or ARN in the form of GetParameter."""
    path = identifier.partition(":parameter")[2] or identifier
    name, _, version = path.partition(":")
    if path is not identifier and state.store.get(PARAMETER, name) is None:
        name = name.removeprefix("/")
    body = _parameter(state, name)
    found = next((one for one in reversed(body["versions"]) if not version or str(one["number"]) == version), None)
    if found is None:
        raise _no_version(name, version)
    return {
        **_version(body, found),
        "Selector": f":{version}" if version else None,
        "ARN": state.arn("ssm", f"parameter/{name.removeprefix('/')}"),
    }


def _version(body: Document, version: Document) -> Document:
    return {
        "Name": body["name"],
        "Type": body["type"],
        "Value": version["value"],
        "Version": version["number"],
        "LastModifiedDate": version["at"],
        "DataType": "text",
    }


def put_parameter(state: SandboxState, params: Document) -> Document:
    """PutParameter, of the standard tier."""
    options = params.get("Type", "String"), params.get("Description", ""), params.get("Overwrite", False)
    return {"Version": put(state, params["Name"], params["Value"], *options), "Tier": "Standard"}


def get_parameter(state: SandboxState, params: Document) -> Document:
    """GetParameter, by name, ``name:version`` or ARN."""
    return {"Parameter": _described(state, params["Name"])}


def get_parameters(state: SandboxState, params: Document) -> Document:
    """GetParameters: the existing ones, and the names of the others."""
    parameters, invalid = [], []
    for name in params["Names"]:
        try:
            parameters.append(_described(state, name))
        except ServiceError:
            invalid.append(name)
    return {"Parameters": parameters, "InvalidParameters": invalid}


def get_parameter_history(state: SandboxState, params: Document) -> Document:
    """GetParameterHistory, oldest version first."""
    body = _parameter(state, params["Name"])
    history = [
        {
            **_version(body, version),
            "Description": version["description"] or None,
            "LastModifiedUser": f"arn:{state.partition}:iam::{state.account}:user/sandbox",
            "Labels": version.get("labels", []),
            "Tier": "Standard",
        }
        for version in body["versions"]
    ]
    invalid = ServiceError("InvalidNextToken", "The specified token isn't valid.")
    return page(history, params, "Parameters", PAGE, invalid, "NextToken", "MaxResults")


LABELS = 10
"""The most labels of a version.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html"""


def label_parameter_version(state: SandboxState, params: Document) -> Document:
    """LabelParameterVersion: a label belongs to one version, the latest if none is given."""
    body = _parameter(state, params["Name"])
    version = _version_to_label(body, params.get("ParameterVersion"))
    invalid = [one for one in params["Labels"] if not _is_label(one)]
    valid = [one for one in params["Labels"] if _is_label(one)]
    for one in body["versions"]:
        one["labels"] = [label for label in one.get("labels", []) if label not in valid]
    if len(version["labels"]) + len(valid) > LABELS:
        raise ServiceError("ParameterVersionLabelLimitExceeded", "A parameter version can have maximum 10 labels.")
    version["labels"] += valid
    state.store.put(PARAMETER, body["name"], body)
    return {"InvalidLabels": invalid, "ParameterVersion": version["number"]}


def unlabel_parameter_version(state: SandboxState, params: Document) -> Document:
    """UnlabelParameterVersion."""
    body = _parameter(state, params["Name"])
    version = _version_to_label(body, params["ParameterVersion"])
    removed = [one for one in params["Labels"] if one in version.get("labels", [])]
    version["labels"] = [one for one in version.get("labels", []) if one not in removed]
    state.store.put(PARAMETER, body["name"], body)
    return {"RemovedLabels": removed, "InvalidLabels": [one for one in params["Labels"] if one not in removed]}


def _version_to_label(body: Document, number: int | None) -> Document:
    versions: list[Document] = body["versions"]
    found = versions[-1] if number is None else next((one for one in versions if one["number"] == number), None)
    if found is None:
        raise _no_version(body["name"], number)
    return found


def _no_version(name: str, number: object) -> ServiceError:
    message = f"Systems Manager could not find version {number} of {name}. Verify the version and try again."
    return ServiceError("ParameterVersionNotFound", message)


def _is_label(label: str) -> bool:
    """Return whether a label is allowed: up to 100 letters, numbers, ``.``, ``-`` and ``_``, not a number first."""
    allowed = re.fullmatch(r"[a-zA-Z_.-][a-zA-Z0-9_.-]{0,99}", label)
    return allowed is not None and not re.match(r"aws|ssm", label, re.IGNORECASE)


OPERATIONS = {
    "GetParameter": get_parameter,
    "GetParameterHistory": get_parameter_history,
    "GetParameters": get_parameters,
    "LabelParameterVersion": label_parameter_version,
    "PutParameter": put_parameter,
    "UnlabelParameterVersion": unlabel_parameter_version,
}
