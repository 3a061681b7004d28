"""Keeps secrets out of whatever is told: values of NoEcho parameters become asterisks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from fsdcf.deploy.model import Event, Tell

MASK = "****"
Told = TypeVar("Told")


def masked(value: Told, secrets: Sequence[str]) -> Told:
    """The value with every secret in its texts, at any depth of dataclasses, tuples, lists and mappings, made unreadable."""
    return _masked(value, sorted(secrets, key=len, reverse=True)) if secrets else value


def masking(tell: Tell, secrets: Sequence[str]) -> Tell:
    """Tells everything to ``tell``, masked."""

    def told(event: Event) -> None:
        tell(masked(event, secrets))

    return told if secrets else tell


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    if type(value) is str:
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, tuple | list | set | frozenset):
        return type(value)(_masked(one, secrets) for one in value)
    if isinstance(value, Mapping):
        return {_masked(key, secrets): _masked(one, secrets) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: _masked(getattr(value, one.name), secrets) for one in fields(value) if one.init}
        )
    return value
