"""Parameter Store: parameters, their versions and their tags."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fsdcf.sandbox import ids
from fsdcf.sandbox.state import Document, SandboxState, ServiceError, page

PARAMETER = "ssm.parameter"
MOST_VERSIONS = 100
"""Number of versions of a parameter that are kept.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
"""

BYTES = {"Standard": 4096, "Advanced": 8192}
"""Maximum size of a value, by the tier of its parameter."""

SECURE = "SecureString"
DEFAULT_KEY = "alias/aws/ssm"
PAGE = 50


def put(
    state: SandboxState,
    name: str,
    value: str,
    type: str = "String",
    description: str = "",
    overwrite: bool = True,
    tags: Mapping[str, str] | None = None,
    key: str = "",
    tier: str = "Standard",
) -> int:
    """Write the next version of a parameter, which keeps its type and its tags, and return its number.

    ``key`` encrypts a SecureString, that of AWS if it is empty, also where an earlier version had another one. Raises
    ServiceError for an invalid name or value, and for an existing parameter unless ``overwrite`` is set.
    """
    _check(name, value, tier)
    body = state.store.get(PARAMETER, name) or {"name": name, "type": type, "versions": [], "tags": tags}
    versions = body["versions"]
    if versions and not overwrite:
        message = (
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
        raise ServiceError("ParameterAlreadyExists", message)
    number = versions[-1]["number"] + 1 if versions else 1
    versions.append({"number": number, "value": value, "at": state.clock.now(), "description": description})
    body |= {"versions": versions[-MOST_VERSIONS:], "tier": tier}
    state.store.put(PARAMETER, name, {**body, "key": (key or DEFAULT_KEY) if body["type"] == SECURE else ""})
    return int(number)


def delete(state: SandboxState, name: str) -> None:
    """Remove a parameter with its versions, if it exists."""
    state.store.remove(PARAMETER, name)


def value_of(state: SandboxState, name: str) -> str | None:
    """Return the latest value of a parameter, or None if it does not exist."""
    body = state.store.get(PARAMETER, name)
    return None if body is None else str(body["versions"][-1]["value"])


def _check(name: str, value: str, tier: str) -> None:
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
    elif len(value.encode()) > BYTES[tier]:
        message = f"{tier} tier parameters support a maximum parameter value of {BYTES[tier]} characters."
        if tier == "Standard":
            message += " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
    elif any("}}" in line.partition("{{")[2] for line in value.splitlines()):
        message = 'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
    if message:
        raise ServiceError("ValidationException", message)


def _parameter(state: SandboxState, name: str) -> Document:
    return state.existing(PARAMETER, name, ServiceError("ParameterNotFound", ""))  # AWS sends no message


def _described(state: SandboxState, identifier: str, decrypted: object = True) -> Document:
    """Return a parameter by name, ``name:version`` or ARN in the form of GetParameter.

    Unless it is ``decrypted``, the value of a SecureString is a text that does not tell it.
    """
    path = identifier.partition(":parameter")[2] or identifier
    name, _, version = path.partition(":")
    if path is not identifier and state.store.get(PARAMETER, name) is None:
        name = name.removeprefix("/")
    body = _parameter(state, name)
    found = next((one for one in reversed(body["versions"]) if not version or str(one["number"]) == version), None)
    if found is None:
        raise _no_version(name, version)
    hidden = (
        {} if decrypted or body["type"] != SECURE else {"Value": ids.token("ssm", name, found["number"], length=64)}
    )
    return {
        **_version(body, found),
        **hidden,
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
    """PutParameter."""
    overwrite, tier = params.get("Overwrite", False), params.get("Tier", "Standard")
    if overwrite and params.get("Tags"):
        message = (
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please "
            "remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
            "RemoveTagsFromResource."
        )
        raise ServiceError("ValidationException", message)
    known, type = state.store.get(PARAMETER, params["Name"]), params.get("Type", "String")
    if overwrite and known and params.get("Type", known["type"]) != known["type"]:
        message = (
            "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a "
            "parameter from a String type to a SecureString type. You must create a new, unique parameter."
        )
        raise ServiceError("HierarchyTypeMismatchException", message)
    version = put(
        state,
        params["Name"],
        params["Value"],
        type,
        params.get("Description", ""),
        overwrite,
        _tags(params),
        params.get("KeyId", ""),
        tier if tier in BYTES else "Standard",
    )
    return {"Version": version, "Tier": tier if tier in BYTES else "Standard"}


def _tags(params: Document) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}


def get_parameter(state: SandboxState, params: Document) -> Document:
    """GetParameter, by name, ``name:version`` or ARN."""
    return {"Parameter": _described(state, params["Name"], params.get("WithDecryption"))}


def get_parameters(state: SandboxState, params: Document) -> Document:
    """GetParameters: the existing ones, and the names of the others."""
    parameters, invalid = [], []
    for name in params["Names"]:
        try:
            parameters.append(_described(state, name, params.get("WithDecryption")))
        except ServiceError:
            invalid.append(name)
    return {"Parameters": parameters, "InvalidParameters": invalid}


def describe_parameters(state: SandboxState, params: Document) -> Document:
    """DescribeParameters: all of them, or those whose names equal one of the given texts, or begin with it."""
    every = [body for _, body in state.store.every(PARAMETER)]
    for wanted in params.get("ParameterFilters") or ():
        option, values = wanted.get("Option", "Equals"), tuple(wanted.get("Values") or ())
        if wanted["Key"] != "Name" or option not in ("Equals", "BeginsWith"):
            message = f"the sandbox does not support the filter {wanted['Key']} with the option {option}"
            raise ServiceError("InvalidFilterOption", message)
        is_whole = option == "Equals"
        every = [body for body in every if (body["name"] in values if is_whole else body["name"].startswith(values))]
    described = [
        {
            "Name": body["name"],
            "ARN": state.arn("ssm", f"parameter/{body['name'].removeprefix('/')}"),
            "Type": body["type"],
            "KeyId": body.get("key") or None,
            "Version": body["versions"][-1]["number"],
            "LastModifiedDate": body["versions"][-1]["at"],
            "Description": body["versions"][-1]["description"] or None,
            "Tier": body.get("tier", "Standard"),
            "DataType": "text",
        }
        for body in every
    ]
    invalid = ServiceError("InvalidNextToken", "The specified token isn't valid.")
    return page(described, params, "Parameters", PAGE, invalid, "NextToken", "MaxResults")


def delete_parameter(state: SandboxState, params: Document) -> Document:
    """DeleteParameter."""
    delete(state, _parameter(state, params["Name"])["name"])
    return {}


def add_tags_to_resource(state: SandboxState, params: Document) -> Document:
    """AddTagsToResource, of a parameter."""
    body = _resource(state, params)
    state.store.put(PARAMETER, body["name"], {**body, "tags": {**(body.get("tags") or {}), **_tags(params)}})
    return {}


def list_tags_for_resource(state: SandboxState, params: Document) -> Document:
    """ListTagsForResource, of a parameter."""
    tags = _resource(state, params).get("tags") or {}
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _resource(state: SandboxState, params: Document) -> Document:
    """Return the parameter whose tags a call is about."""
    if params["ResourceType"] != "Parameter":
        raise ServiceError("InvalidResourceType", f"the sandbox has no tags of {params['ResourceType']}")
    return state.existing(PARAMETER, params["ResourceId"], ServiceError("InvalidResourceId", ""))


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
    "AddTagsToResource": add_tags_to_resource,
    "DeleteParameter": delete_parameter,
    "DescribeParameters": describe_parameters,
    "GetParameter": get_parameter,
    "GetParameterHistory": get_parameter_history,
    "GetParameters": get_parameters,
    "LabelParameterVersion": label_parameter_version,
    "ListTagsForResource": list_tags_for_resource,
    "PutParameter": put_parameter,
    "UnlabelParameterVersion": unlabel_parameter_version,
}
