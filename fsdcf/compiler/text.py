"""Strings of a spec as CloudFormation values: literals, Ref, Fn::GetAtt or Fn::Sub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, Sub

from fsdcf.language.placeholders import Attribute, Known, Pseudo, SecretRef, String, parts_of

Attributes = Mapping[tuple[str, str], Mapping[str, str]]
"""(kind, local name) of a dependency -> attribute -> fragment."""

_WHOLE = re.compile(r"\$\{([A-Za-z0-9:]+)(?:\.([A-Za-z0-9.]+))?\}")


def literal(text: str) -> str:
    """A text as a fragment that means just itself."""
    return text.replace("${", "${!")


def fragment(value: String, attributes: Attributes) -> str:
    """A spec's string as a fragment for Fn::Sub."""
    return "".join(_fragment(part, attributes) for part in parts_of(value))


def _fragment(part: Any, attributes: Attributes) -> str:
    if isinstance(part, str):
        return literal(part)
    if isinstance(part, Known):
        return literal(part.value)
    if isinstance(part, Pseudo):
        return f"${{{part.name}}}"
    if isinstance(part, Attribute):
        return attributes[(part.kind, part.name)][part.attribute]
    raise TypeError(f"{part} has no place in a text")


def intrinsic(text: str) -> Any:
    """A fragment as the simplest CloudFormation value that means the same."""
    whole = _WHOLE.fullmatch(text)
    if whole:
        return GetAtt(whole.group(1), whole.group(2)) if whole.group(2) else Ref(whole.group(1))
    if re.search(r"\$\{(?!!)", text):
        return Sub(text)
    return text.replace("${!", "${")


def value(text: String, attributes: Attributes | None = None) -> Any:
    """A spec's string as a CloudFormation value."""
    return intrinsic(fragment(text, attributes or {}))


def secret_arn(secret: SecretRef) -> str:
    """The ARN that ECS reads a secret from, as a fragment: in the stack's own account and region."""
    home = "${AWS::Region}:${AWS::AccountId}"
    if secret.store == "ssm":
        return f"arn:${{AWS::Partition}}:ssm:{home}:parameter/{literal(secret.name.lstrip('/'))}"
    key = f":{literal(secret.key)}::" if secret.key else ""
    return f"arn:${{AWS::Partition}}:secretsmanager:{home}:secret:{literal(secret.name)}{key}"
