"""Values that are wrong are unknown to the rules: a rule that reads one has nothing to say, and says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn, TypeVar

Said = TypeVar("Said")


class UnknownValue(Exception):
    """A value was read that has the wrong shape, or is missing: the finding about it stands already."""


def record_without(record: type, values: Mapping[str, Any], unknown: frozenset[str]) -> Any:
    """A record of the model; to read one of its unknown attributes is an UnknownValue."""
    if not unknown:
        return record(**values)
    instance: Any = object.__new__(_blind(record, unknown))
    instance.__dict__.update(values)  # its class is frozen, and takes no arguments for what is unknown
    return instance


def said(findings: Iterator[Said]) -> Iterator[Said]:
    """What a rule finds until it reads an unknown value."""
    try:
        yield from findings
    except UnknownValue:
        return


@cache
def _blind(record: type, unknown: frozenset[str]) -> type:
    def read(self: Any) -> NoReturn:
        raise UnknownValue

    return type(record.__name__, (record,), dict.fromkeys(unknown, property(read)))
