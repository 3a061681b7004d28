"""Secrets: how to recognize them by name or content, and how to mask them in whatever is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

MASK = "********"
"""Replaces a secret in everything that fsdcf prints."""

_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET(?!SMANAGER)|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|TOKEN|CREDENTIAL"
    r"|(?:^|_)(PWD|AUTH|DSN)(?:_|$)",
    re.I,
)
_KEY = re.compile(
    r"A[KS]IA[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}|xox[abp]-[A-Za-z0-9-]+|sk_live_\w+|-----BEGIN [A-Z ]*PRIVATE KEY.*",
    re.S,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)")
"""User and password in a URL."""
_POINTER = re.compile(
    r"arn:([a-z0-9-]+|\$\{AWS::Partition\}):(secretsmanager|ssm|kms|iam):|secretsmanager:|\{\{resolve:", re.I
)
"""A value that names the place of a secret and does not contain it."""
_PAIR = re.compile(r"""([A-Za-z_][\w.-]*)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,{}\[\]"'][^,}]*)""")
"""A key and its value, as in YAML or in a command-line option."""
_ASSIGNMENT = re.compile(r"""(?<!\w)([A-Za-z_]\w*)=("[^"\n]*"|'[^'\n]*'|[^\s"',;&]+)""")
ACCESS_KEY_VARIABLES = frozenset(
    f"AWS_{name}"
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY", "SECRET_ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN", "SECURITY_TOKEN")
)
"""Variables with an access key, which every AWS SDK prefers to the role of a task; so does the agent of ECS Exec, which
then cannot connect.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html and
https://github.com/aws-containers/amazon-ecs-exec-checker/issues/49
"""
CREDENTIAL_VARIABLES = ACCESS_KEY_VARIABLES | {
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_FILE"),
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
}
"""These, and the others that lead the AWS SDKs to other credentials than those of the task role.

Source: create_credential_resolver in botocore.credentials
"""
_SHORT = 4
"""A known secret with fewer characters may occur by chance, so the whole text around it is masked."""

_T = TypeVar("_T")


def is_secret_name(name: str) -> bool:
    """Whether a variable or property of this name usually holds a secret."""
    return _NAME.search(name) is not None


def contains_secret(text: str) -> bool:
    """Whether a text contains a key, a token or a password in a URL, whatever its name."""
    return (_KEY.search(text) or _USER_INFO.search(text)) is not None


def mask_value(value: Any, name: str = "") -> Any:
    """The value without its secrets, at any depth.

    ``name`` is the name of the variable or property that holds the value.
    """
    if isinstance(value, Mapping):
        item = next((value[key] for key in ("Name", "Key") if isinstance(value.get(key), str)), "")
        return {key: mask_value(part, item if key == "Value" and item else str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(part, name) for part in value]
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return MASK if number and is_secret_name(name) else value
    if value and is_secret_name(name) and not _POINTER.match(value):
        return MASK
    return _USER_INFO.sub(MASK, _KEY.sub(MASK, value))


def mask_text(text: str) -> str:
    """A text without its secrets, in which ``DB_PASSWORD=...`` is one, but ``ExpiredToken: ...`` is a message."""
    masked = _ASSIGNMENT.sub(lambda pair: f"{pair[1]}={mask_value(pair[2], pair[1])}", text)
    return str(mask_value(masked))


def mask_line(line: str) -> str:
    """A line of a spec, or a command-line option, without its secrets: ``DB_PASSWORD: ********``."""
    return str(mask_value(_PAIR.sub(_mask_pair, line)))


def _mask_pair(pair: re.Match[str]) -> str:
    name, separator, value = pair.groups()
    if value.lstrip("\"'").startswith(("${secrets:", "${ssm:")):
        return pair.group()
    masked = str(mask_value(value, name))
    return f"{name}{separator}{mask_line(masked) if masked == value else masked}"


def deciding_name(path: str) -> str:
    """The name that decides whether the value at a path is a secret: the last step, or the item whose ``Value`` it is.

    A ``Value`` in a list whose items have no names counts as a secret.
    """
    steps = [step for step in re.split(r"[.\[\]/]+", path) if step]
    if len(steps) < 2 or steps[-1] != "Value":
        return steps[-1] if steps else ""
    return "SECRET" if steps[-2].isdigit() else steps[-2]


def mask_secrets(value: _T, secrets: Collection[str], members: Collection[str] | None = None) -> _T:
    """The value with every occurrence of known secrets masked, at any depth of dataclasses, mappings and collections.

    With ``members``, only those members of dataclasses are masked; other members, the keys of mappings, and so all
    names and paths, stay. Numbers that equal a secret, and texts around a short secret, are then masked as a whole.
    """
    return _mask(value, sorted(set(secrets), key=lambda one: (-len(one), one)), members) if secrets else value


def _mask(value: Any, secrets: list[str], members: Collection[str] | None) -> Any:
    if type(value) is str:  # an enumeration of texts is not a text
        for secret in secrets:
            if members is not None and len(secret) < _SHORT and secret in value:
                return MASK
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if members is not None and str(value) in secrets else value
    if isinstance(value, tuple | list | set | frozenset):
        return type(value)(_mask(item, secrets, members) for item in value)
    if isinstance(value, Mapping):
        return {
            key if members is not None else _mask(key, secrets, members): _mask(item, secrets, members)
            for key, item in value.items()
        }
    if is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in fields(value) if one.init and (members is None or one.name in members)]
        return replace(value, **{name: _mask(getattr(value, name), secrets, members) for name in names})
    return value
