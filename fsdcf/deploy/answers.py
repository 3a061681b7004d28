"""The answers of AWS, as botocore returns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Answer = Mapping[str, Any]
"""The data of an API response, or of a part of it."""


def text(answer: Answer, member: str) -> str:
    """The text of a member; empty if it is missing."""
    return str(answer.get(member) or "")


def texts(answer: Answer, **members: str) -> dict[str, Any]:
    """The texts of several members, each under the name of its argument."""
    return {name: text(answer, member) for name, member in members.items()}
