"""Secrets Manager: secrets in text, with their current and previous version, their tags, and deletion in two steps."""

from __future__ import annotations

import json
import re

from fsdcf.sandbox import ids
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

KIND = "secretsmanager.secret"
CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
DAY = 24 * 3600.0
LONGEST_WINDOW = 30
"""Days in which a deleted secret can be restored, by default and at most.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
"""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NOT_FOUND = "Secrets Manager can't find the specified secret."
_MARKED = "You can't perform this operation on the secret because it was marked for deletion."


def _refused(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)


def _secret(state: SandboxState, identifier: str) -> Document:
    """Return a secret by its name or its ARN, with the random end or without it. A secret whose recovery window has
    passed no longer exists."""
    missing = ServiceError("ResourceNotFoundException", _NOT_FOUND)
    name = identifier.partition(":secret:")[2] or identifier
    known = state.store.get(KIND, name)
    if known is None and name is not identifier:
        known = state.store.get(KIND, name[:-7])
        if known is None or known["arn"] != identifier:
            raise missing
    if known is None:
        raise missing
    if known["deleted"] is not None and known["deleted"] < state.clock.now():
        state.store.remove(KIND, known["name"])
        raise missing
    return known


def _living(state: SandboxState, identifier: str) -> Document:
    """Return a secret that is not marked for deletion."""
    secret = _secret(state, identifier)
    if secret["deleted"] is not None:
        raise _refused(_MARKED)
    return secret


def _with_version(state: SandboxState, secret: Document, params: Document) -> Document:
    """Return the secret with a new current version. The same version with the same value changes nothing."""
    value, token = params.get("SecretString"), params.get("ClientRequestToken", "")
    if value is None:
        raise ServiceError("InvalidParameterException", "You must provide either SecretString or SecretBinary.")
    number = token or ids.unique("secret", secret["arn"], state.store.next_number(KIND))
    known = next((each for each in secret["versions"] if each["id"] == number), None)
    if known is not None and known["value"] != value:
        message = f"The operation failed because a version of secret {number} already exists with a different value."
        raise ServiceError("ResourceExistsException", message)
    if known is not None:
        return secret
    current = [each for each in secret["versions"] if each["stage"] == CURRENT]
    versions = [*({**each, "stage": PREVIOUS} for each in current), {"id": number, "value": value, "stage": CURRENT}]
    return {**secret, "versions": versions, "changed": state.clock.now()}


def _answer(state: SandboxState, secret: Document, *members: str) -> Document:
    """Return what most operations answer, after the secret was kept."""
    state.store.put(KIND, secret["name"], secret)
    known = {"ARN": secret["arn"], "Name": secret["name"], "VersionId": _version(secret, CURRENT).get("id")}
    return {name: known[name] for name in members}


def _version(secret: Document, stage: str, number: str = "") -> Document:
    found = (each for each in secret["versions"] if each["stage"] == stage and number in ("", each["id"]))
    return next(found, {})


def create_secret(state: SandboxState, params: Document) -> Document:
    """CreateSecret, with a text. The same request, by its token, is carried out once."""
    name, now = params["Name"], state.clock.now()
    if not re.fullmatch(r"[A-Za-z0-9/_+=.@!-]{1,512}", name):
        message = (
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
        raise ServiceError("ValidationException", message)
    try:
        known = _secret(state, name)
    except ServiceError:
        known = None
    if known is not None and known["deleted"] is not None:
        raise _refused(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    token = params.get("ClientRequestToken", "")
    if known is not None and not (token and any(each["id"] == token for each in known["versions"])):
        message = f"The operation failed because the secret {name} already exists."
        raise ServiceError("ResourceExistsException", message)
    end = ids.token("secret", name, state.store.next_number(f"secret {name}"), length=6, alphabet=_LETTERS)
    secret = known or {
        "name": name,
        "arn": state.arn("secretsmanager", f"secret:{name}-{end}"),
        "description": params.get("Description", ""),
        "key": params.get("KmsKeyId", ""),
        "tags": _tags(params),
        "created": now,
        "changed": now,
        "deleted": None,
        "versions": [],
    }
    if params.get("SecretString") is not None:
        secret = _with_version(state, secret, params)
    return _answer(state, secret, "ARN", "Name", "VersionId")


def create_generated(state: SandboxState, name: str, properties: Data) -> str:
    """Create a secret as CloudFormation does, with the value that a template gives or lets generate; return its ARN."""
    made = create_secret(state, {"Name": name, "SecretString": _value_of(state, properties)})
    put_properties(state, made["ARN"], properties)
    return str(made["ARN"])


def put_properties(state: SandboxState, arn: str, properties: Data, before: Data | None = None) -> None:
    """Give a secret what a template says of it; a value only if it is another one than ``before``."""
    if before is not None and any(before.get(key) != properties.get(key) for key in _VALUES):
        put_secret_value(state, {"SecretId": arn, "SecretString": _value_of(state, properties)})
    known = {"description": properties.get("Description", ""), "key": properties.get("KmsKeyId", "")}
    _answer(state, {**_living(state, arn), **known})


def remove(state: SandboxState, arn: str) -> None:
    """Remove a secret with its versions, if it exists."""
    state.store.remove(KIND, arn.partition(":secret:")[2][:-7])


_VALUES = ("GenerateSecretString", "SecretString")


def _value_of(state: SandboxState, properties: Data) -> str:
    """The value in a template, or a generated one: letters and digits that are not excluded."""
    wanted: Data | None = properties.get("GenerateSecretString")
    if wanted is None:
        return str(properties.get("SecretString", ""))
    letters = "".join(one for one in _LETTERS if one not in wanted.get("ExcludeCharacters", ""))
    length = int(wanted.get("PasswordLength", 32))
    seeds = range(-(-length // _TOKEN))
    number = state.store.next_number("secret value")
    value = "".join(ids.token("value", number, seed, length=_TOKEN, alphabet=letters) for seed in seeds)[:length]
    if "GenerateStringKey" not in wanted:
        return value
    return json.dumps({**json.loads(wanted.get("SecretStringTemplate", "{}")), wanted["GenerateStringKey"]: value})


_TOKEN = 32
"""Characters of a generated value that come from one seed."""


def put_secret_value(state: SandboxState, params: Document) -> Document:
    """PutSecretValue: the value of the secret from now on."""
    secret = _with_version(state, _living(state, params["SecretId"]), params)
    return {**_answer(state, secret, "ARN", "Name", "VersionId"), "VersionStages": [CURRENT]}


def get_secret_value(state: SandboxState, params: Document) -> Document:
    """GetSecretValue, of the current or the previous version."""
    secret, stage = _living(state, params["SecretId"]), params.get("VersionStage", CURRENT)
    version = _version(secret, stage, params.get("VersionId", ""))
    if not version:
        message = f"{_NOT_FOUND[:-7]}secret value for staging label: {stage}"
        raise ServiceError("ResourceNotFoundException", message)
    return {
        **_answer(state, secret, "ARN", "Name"),
        "VersionId": version["id"],
        "SecretString": version["value"],
        "VersionStages": [stage],
        "CreatedDate": secret["changed"],
    }


def describe_secret(state: SandboxState, params: Document) -> Document:
    """DescribeSecret, also of one that is marked for deletion."""
    secret = _secret(state, params["SecretId"])
    return {
        "ARN": secret["arn"],
        "Name": secret["name"],
        "Description": secret["description"] or None,
        "KmsKeyId": secret["key"] or None,
        "LastChangedDate": secret["changed"],
        "CreatedDate": secret["created"],
        "DeletedDate": secret["deleted"],
        "Tags": [{"Key": key, "Value": value} for key, value in secret["tags"].items()],
        "VersionIdsToStages": {each["id"]: [each["stage"]] for each in secret["versions"]} or None,
    }


def delete_secret(state: SandboxState, params: Document) -> Document:
    """DeleteSecret: the secret can be restored for 7 to 30 days, unless the request says that it cannot."""
    secret, days = _secret(state, params["SecretId"]), params.get("RecoveryWindowInDays")
    if days is not None and not 7 <= days <= LONGEST_WINDOW:
        message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        raise ServiceError("InvalidParameterException", message)
    if params.get("ForceDeleteWithoutRecovery"):
        state.store.remove(KIND, secret["name"])
        return {"ARN": secret["arn"], "Name": secret["name"], "DeletionDate": state.clock.now()}
    if secret["deleted"] is not None:
        raise _refused(_MARKED)
    until = state.clock.now() + (days or LONGEST_WINDOW) * DAY
    return {**_answer(state, {**secret, "deleted": until}, "ARN", "Name"), "DeletionDate": until}


def restore_secret(state: SandboxState, params: Document) -> Document:
    """RestoreSecret: a secret that is marked for deletion is not deleted."""
    return _answer(state, {**_secret(state, params["SecretId"]), "deleted": None}, "ARN", "Name")


def update_secret_version_stage(state: SandboxState, params: Document) -> Document:
    """UpdateSecretVersionStage, which makes another version the current one; the one before is the previous one then.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    secret = _living(state, params["SecretId"])
    wanted, removed = params.get("MoveToVersionId"), params.get("RemoveFromVersionId")
    known = {each["id"]: each["stage"] for each in secret["versions"]}
    if params["VersionStage"] != CURRENT or known.get(removed) != CURRENT or wanted not in known:
        raise ServiceError("InvalidParameterException", "You provided an invalid value for a parameter.")
    versions = [{**each, "stage": CURRENT if each["id"] == wanted else PREVIOUS} for each in secret["versions"]]
    return _answer(state, {**secret, "versions": versions, "changed": state.clock.now()}, "ARN", "Name")


def tag_resource(state: SandboxState, params: Document) -> Document:
    """TagResource."""
    secret = _living(state, params["SecretId"])
    _answer(state, {**secret, "tags": {**secret["tags"], **_tags(params)}})
    return {}


def _tags(params: Document) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}


OPERATIONS = {
    "CreateSecret": create_secret,
    "DeleteSecret": delete_secret,
    "DescribeSecret": describe_secret,
    "GetSecretValue": get_secret_value,
    "PutSecretValue": put_secret_value,
    "RestoreSecret": restore_secret,
    "TagResource": tag_resource,
    "UpdateSecretVersionStage": update_secret_version_stage,
}
