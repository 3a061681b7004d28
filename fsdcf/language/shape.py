"""The model's dataclasses read as shapes: for every key its name, spellings, type, limits, default and meaning."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fsdcf.language.placeholders import Text


@dataclass(frozen=True, eq=False, repr=False)
class Key:
    """The meaning of a key and the values that it accepts; part of the metadata of a record's field.

    - ``name`` is the spelling in YAML, if it is not the attribute's camelCase form. ``also`` lists other accepted
      spellings: a sibling by its name, a key elsewhere by its full path (``service.resources.minCapacity``).
    - Limits are inclusive. ``pattern`` must match the whole text; ``expects`` describes it to the reader. ``longest``
      limits the characters of a text, ``fewest`` and ``most`` the items of a list or map.
    - ``as_text`` marks a text, or a map or list of texts, whose numbers and booleans keep the text that was written (an
      environment value ``1.10`` stays ``1.10``).
    - ``conceal`` marks a text that names a secret: a wrong value may be the secret itself, so no finding contains it.
    - ``refers_to`` is the type of the dependency that the text names: by its name as declared, or without ``${ENV}``.
    - ``key_pattern`` must match the names in a map; ``key_expects`` describes it.
    - ``words`` are other words for a value, each with the usual one; case and the signs between letters do not matter.
      ``within`` are the keys of a map, with ``enabled: true`` or without, that may have the value in its place.
    - ``separator`` splits a text in the place of a list; if it is empty, the text is the only item.
    - ``computed_default`` describes a default that the compiler computes. ``later`` are the values that are not
      implemented yet, each with what to do instead.
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
    most: int | None = None
    computed_default: str = ""
    as_text: bool = False
    key_pattern: str = ""
    key_expects: str = ""
    conceal: bool = False
    refers_to: str = ""
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    within: tuple[str, ...] = ()
    separator: str | None = None
    later: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def usual(self, value: object) -> object:
        """Return the usual word for a value, or the value itself."""
        return self._usual.get(_plain(str(value)), value) if self.words and isinstance(value, str | bool) else value

    @cached_property
    def _usual(self) -> Mapping[str, str]:
        return {_plain(word): usual for word, usual in self.words.items()}


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def spec_key(doc: str, *, default: Any = MISSING, default_factory: Any = MISSING, **meaning: Any) -> Any:
    """Return the field of a record for a key: its default, and its meaning by the names of ``Key``."""
    options = {"default": default, "default_factory": default_factory}
    return dataclasses.field(metadata={"key": Key(doc, **meaning)}, **options)


if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    Record = TypeVar("Record")

    @dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False, field_specifiers=(spec_key,))
    def spec_record(record: type[Record]) -> type[Record]: ...

else:

    def spec_record(record):
        """The decorator of the language's records. They are neither compared nor printed, their annotations are
        evaluated, and they share one ``__init__``: a method that each of them generates takes longer than a compile."""
        made = dataclass(init=False, eq=False, repr=False)(record)
        fields = dataclasses.fields(made)
        made._required = frozenset(
            each.name for each in fields if each.default is MISSING and each.default_factory is MISSING
        )
        made._defaults = {each.name: each.default for each in fields if each.default is not MISSING}
        made._factories = {each.name: each.default_factory for each in fields if each.default_factory is not MISSING}
        made.__init__, made.__setattr__, made.__delattr__ = _initialise, _refuse, _refuse
        return made

    def _initialise(self, **values):
        missing, unknown = self._required - values.keys(), values.keys() - self.__dataclass_fields__.keys()
        if missing or unknown:
            raise TypeError(f"{type(self).__name__} takes other keys: {', '.join(sorted(missing | unknown))}")
        made = {name: factory() for name, factory in self._factories.items() if name not in values}
        self.__dict__.update({**self._defaults, **made, **values})

    def _refuse(self, name, *value):
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")


class SnakeCaseRecord:
    """A record whose keys are also accepted in snake_case: ``key_schema`` for ``keySchema``."""


class TypedRecord(SnakeCaseRecord):
    """A record whose keys depend on its ``type``."""


@dataclass(frozen=True)
class ValueType:
    """A type of value: ``name`` is string, integer, number, boolean, any, list, map, record or dependency.

    ``item`` is the type of a list's items or a map's values, ``record`` the class of a record.
    """

    name: str
    item: ValueType | None = None
    record: type | None = None


@dataclass(frozen=True, eq=False)
class Field:
    """A key of a record, compared by identity. If it is ``open``, its texts may contain what only CloudFormation
    knows."""

    name: str
    attribute: str
    key: Key
    types: tuple[ValueType, ...]
    required: bool
    default: Any
    open: bool

    @cached_property
    def record(self) -> type | None:
        """The record that the key's map holds, if it holds one."""
        return next((each.record for each in self.types if each.name == "record"), None)

    @cached_property
    def item(self) -> ValueType | None:
        """The type of the key's list items or map values, if it has any."""
        return next((each.item for each in self.types if each.item), None)

    def accepts(self, *names: str) -> bool:
        """Return whether the key accepts one of these types."""
        return any(each.name in names for each in self.types)


_SCALARS: dict[Any, str] = {str: "string", Text: "string", int: "integer", float: "number", bool: "boolean"}


@cache
def fields_of(record: Any) -> tuple[Field, ...]:
    """Return the keys of a record in the order of the model. Its annotations must be objects, not text.

    What a record has from its base and names in ``ABSENT`` is not one of its keys: it always has its default.
    """
    fields = []
    absent: frozenset[str] = getattr(record, "ABSENT", frozenset())
    for field in dataclasses.fields(record):
        if field.name in absent:
            continue
        key = field.metadata["key"]
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        value_types = tuple(dict.fromkeys(_types(field.type)))
        name, is_open = key.name or camel(field.name), _is_open(field.type)
        if issubclass(record, SnakeCaseRecord) and name != field.name:
            key = replace(key, also=(field.name, *key.also))
        fields.append(Field(name, field.name, key, value_types, default is MISSING, default, is_open))
    return tuple(fields)


@cache
def names_of(record: Any) -> Mapping[str, Field]:
    """Return the keys of a record by name."""
    return {field.name: field for field in fields_of(record)}


@cache
def spellings_of(record: type) -> Mapping[str, Field]:
    """Return the keys of a record by every spelling that is used in the record itself."""
    spellings = {spelling: field for field in fields_of(record) for spelling in field.key.also if "." not in spelling}
    return {**names_of(record), **spellings}


def walk(record: type, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every key below a record with its full path. ``[]`` marks the items of lists, and the values of maps."""
    for field in fields_of(record):
        path = f"{prefix}{field.name}"
        yield path, field
        if field.record:
            yield from walk(field.record, f"{path}.")
        elif field.item and field.item.record:
            yield from walk(field.item.record, f"{path}[].")


@cache
def moved_keys(record: type) -> tuple[tuple[Field, tuple[str, ...], tuple[str, ...]], ...]:
    """Return the keys that may be written elsewhere in a spec: each with its path, and the path of the other
    spelling. A job has no keys below ``service``."""
    return tuple(
        (field, tuple(path.split(".")), tuple(spelling.split(".")))
        for path, field in walk(record)
        for spelling in field.key.also
        if "." in spelling and spelling.partition(".")[0] in names_of(record)
    )


class Later(NamedTuple):
    """A key that belongs to the language and is not implemented yet: its meaning, and what works instead."""

    doc: str
    instead: str


def later_of(record: type) -> Mapping[str, Later]:
    """Return the keys of a record that belong to the language and are not implemented yet."""
    later: Mapping[str, Later] = getattr(record, "LATER", {})
    return later


def camel(attribute: str) -> str:
    """``idle_timeout`` -> ``idleTimeout``."""
    head, *tail = attribute.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


def _is_open(annotation: Any) -> bool:
    return annotation is Text or any(map(_is_open, typing.get_args(annotation)))


def _types(annotation: Any) -> list[ValueType]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return [each for option in arguments for each in _types(option)]
    if annotation is type(None):
        return []
    if annotation is Any:
        return [ValueType("any")]
    if annotation in _SCALARS:
        return [ValueType(_SCALARS[annotation])]
    if origin is tuple:
        return [ValueType("list", _types(arguments[0])[0])]
    if origin is not None and issubclass(origin, Mapping):
        return [ValueType("map", _types(arguments[1])[0])]
    if issubclass(annotation, TypedRecord):
        return [ValueType("dependency")]
    return [ValueType("record", record=annotation)]
