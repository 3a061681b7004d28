"""Unknown values: a rule that reads a value with an error stops, so that no finding is only a consequence of
another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class UnknownValue(Exception):
    """Raised when code reads a value that is missing or has the wrong shape. Another finding already reports that
    value."""


def record_without(record: type, values: Mapping[str, Any], unknown: frozenset[str]) -> Any:
    """Return a record of the model that raises UnknownValue when one of its unknown attributes is read."""
    if not unknown:
        return record(**values)
    instance: Any = object.__new__(_class_without(record, unknown))
    instance.__dict__.update(values)  # the class is frozen and cannot be called without the unknown attributes
    return instance


def until_unknown(items: Iterator[T]) -> Iterator[T]:
    """Yield the items until the iterator reads an unknown value."""
    try:
        yield from items
    except UnknownValue:
        return


@cache
def _class_without(record: type, unknown: frozenset[str]) -> type:
    def read(self: Any) -> NoReturn:
        raise UnknownValue

    return type(record.__name__, (record,), dict.fromkeys(unknown, property(read)))
