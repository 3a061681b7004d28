"""The language's dataclasses read as shapes: for every key its name, spellings, type, limits, default and meaning."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from typing import Any

from fsdcf.language.placeholders import Text


@dataclass(frozen=True)
class Key:
    """What a key means and what it accepts; stands in the annotation of a model's field.

    ``name`` is the spelling in YAML where it is not the attribute's camelCase form. ``also`` lists other accepted spellings:
    siblings by name, keys elsewhere by their full path (``service.resources.minCapacity``). ``pattern`` is matched in full
    and explained by ``expects``. Limits are inclusive. ``retyped`` marks a map or string whose scalars keep the text that
    was written (an environment value ``1.10`` stays ``1.10``).
    """

    doc: str
    name: str = ""
    also: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    expects: str = ""
    allowed: tuple[Any, ...] = ()
    longest: int | None = None
    fewest: int | None = None
    default: str = ""
    as_text: bool = False
    key_pattern: str = ""
    later: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """What a value may be: ``name`` is string, integer, number, boolean, list, map, record or dependency."""

    name: str
    item: Kind | None = None
    record: type | None = None


@dataclass(frozen=True, eq=False)
class Field:
    """One key of a record; compared by identity. ``open`` tells that its texts may hold what CloudFormation alone knows."""

    name: str
    attribute: str
    key: Key
    kinds: tuple[Kind, ...]
    required: bool
    default: Any
    open: bool


_SCALARS: dict[Any, str] = {str: "string", Text: "string", int: "integer", float: "number", bool: "boolean"}


@cache
def fields_of(record: Any) -> tuple[Field, ...]:
    """The keys of a record, in the order in which the model names them. Its annotations must be objects, not text."""
    found = []
    for field in dataclass_fields(record):
        annotation: Any = field.type
        key = next(extra for extra in annotation.__metadata__ if isinstance(extra, Key))
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        kinds = tuple(dict.fromkeys(_kinds(annotation.__origin__)))
        name, is_open = key.name or camel(field.name), _is_open(annotation.__origin__)
        found.append(Field(name, field.name, key, kinds, default is MISSING, default, is_open))
    return tuple(found)


@cache
def names_of(record: Any) -> Mapping[str, Field]:
    """The keys of a record by name."""
    return {field.name: field for field in fields_of(record)}


def later_of(record: type) -> Mapping[str, str]:
    """The keys of a record that belong to the language and are not compiled yet, each with its meaning."""
    later: Mapping[str, str] = getattr(record, "LATER", {})
    return later


def record_of(field: Field) -> type | None:
    """The record that a key's mapping form holds, if it has one."""
    return next((kind.record for kind in field.kinds if kind.name == "record"), None)


def camel(attribute: str) -> str:
    """``idle_timeout`` -> ``idleTimeout``."""
    head, *tail = attribute.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


def _is_open(annotation: Any) -> bool:
    return annotation is Text or any(_is_open(one) for one in typing.get_args(annotation))


def _kinds(annotation: Any) -> list[Kind]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for option in typing.get_args(annotation) for kind in _kinds(option)]
    if annotation is type(None):
        return []
    if annotation is Any:
        return [Kind("any")]
    if annotation in _SCALARS:
        return [Kind(_SCALARS[annotation])]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return [Kind("list", _kinds(arguments[0])[0])]
    if origin is not None and issubclass(origin, Mapping):
        return [Kind("map", _kinds(arguments[1])[0])]
    if getattr(annotation, "IS_DEPENDENCY", False):
        return [Kind("dependency")]
    return [Kind("record", record=annotation)]
