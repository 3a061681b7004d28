"""Strings of a spec as CloudFormation values: literals, Ref, Fn::GetAtt or Fn::Sub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, Sub

from fsdcf.language.placeholders import Attribute, Known, Pseudo, String, parts_of

Attributes = Mapping[tuple[str, str], Mapping[str, str]]
"""(category, local name) of a dependency -> attribute -> fragment."""

_WHOLE = re.compile(r"\$\{([A-Za-z0-9:]+)(?:\.([A-Za-z0-9.]+))?\}")


def literal(text: str) -> str:
    """A text as a fragment without placeholders."""
    return text.replace("${", "${!")


def fragment(text: String, attributes: Attributes | None = None) -> str:
    """A spec's string as a fragment for Fn::Sub."""
    return "".join(_fragment(part, attributes or {}) for part in parts_of(text))


def _fragment(part: Any, attributes: Attributes) -> str:
    if isinstance(part, str):
        return literal(part)
    if isinstance(part, Known):
        return literal(part.value)
    if isinstance(part, Pseudo):
        return f"${{{part.name}}}"
    if isinstance(part, Attribute):
        return attributes[(part.kind, part.name)][part.attribute]
    raise TypeError(f"{part} cannot be part of a text")


def intrinsic(text: str) -> Any:
    """A fragment as the simplest equivalent CloudFormation value."""
    if whole := _WHOLE.fullmatch(text):
        return GetAtt(whole[1], whole[2]) if whole[2] else Ref(whole[1])
    if re.search(r"\$\{(?!!)", text):
        return Sub(text)
    return text.replace("${!", "${")


def value(text: String, attributes: Attributes | None = None) -> Any:
    """A spec's string as a CloudFormation value."""
    return intrinsic(fragment(text, attributes))


def values_in(data: Any) -> Any:
    """The data of a spec with its strings as CloudFormation values; keys and everything else stay."""
    if isinstance(data, Mapping):
        return {key: values_in(below) for key, below in data.items()}
    if isinstance(data, (list, tuple)):
        return [values_in(below) for below in data]
    return value(data) if isinstance(data, String) else data
