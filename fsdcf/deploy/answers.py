"""The answers of AWS, as botocore returns them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from fsdcf.masking import mask_text

Answer = Mapping[str, Any]
"""The data of an API response, or of a part of it."""


def text(answer: Answer, member: str) -> str:
    """The text of a member; empty if it is missing. A reason or a message, which may quote a value, is masked."""
    value = str(answer.get(member) or "")
    return mask_text(value) if member.lower().endswith(("reason", "message")) else value


def texts(answer: Answer, **members: str) -> dict[str, Any]:
    """The texts of several members, each under the name of its argument."""
    return {name: text(answer, member) for name, member in members.items()}


def with_zones(value: Any) -> Any:
    """The value with a time zone in each of its times: AWS names one, some emulators do not and mean UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if isinstance(value, dict):  # most of an answer is text
        return {key: part if isinstance(part, str) else with_zones(part) for key, part in value.items()}
    return [with_zones(part) for part in value] if isinstance(value, list) else value
