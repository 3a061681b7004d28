"""The language as cerberus rules, one flat set per record, derived from the model."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar

from cerberus import TypeDefinition, Validator
from cerberus.errors import BasicErrorHandler, ErrorDefinition
from cerberus.schema import UnvalidatedSchema

from fsdcf.spec.placeholders import Text, sample
from fsdcf.spec.shape import Field, Kind, fields_of

PATTERN = ErrorDefinition(0x4A, "matches")


class SpecValidator(Validator):  # type: ignore[misc]
    """cerberus with strict types (``true`` is no integer) and strings that may hold placeholders."""

    types_mapping: ClassVar[dict[str, Any]] = {
        "string": TypeDefinition("string", (str, Text), ()),
        "integer": TypeDefinition("integer", (int,), (bool,)),
        "number": TypeDefinition("number", (int, float), (bool,)),
        "boolean": TypeDefinition("boolean", (bool,), ()),
        "list": TypeDefinition("list", (list,), ()),
        "dict": TypeDefinition("dict", (dict,), ()),
    }

    def _validate_matches(self, pattern: str, field: str, value: Any) -> None:
        """{'type': 'string'}"""
        if isinstance(value, (str, Text)) and not re.fullmatch(pattern, sample(value)):
            self._error(field, PATTERN)


_CERBERUS_TYPES = {"list": "list", "map": "dict", "record": "dict", "dependency": "dict"}


@cache
def validator_of(record: type, partial: bool = False) -> SpecValidator:
    """The validator of a record's own keys; records and lists below it are validated by their own.

    With ``partial`` nothing is required, as in an overlay. That the rules themselves are sound is for the tests to see:
    cerberus would check them again in every run.
    """
    rules = {field.name: rules_of(field, required=not partial) for field in fields_of(record)}
    return SpecValidator(UnvalidatedSchema(rules), allow_unknown=False, error_handler=BasicErrorHandler)


def rules_of(field: Field, required: bool) -> dict[str, Any]:
    """cerberus' rules for one key."""
    names = list(dict.fromkeys(_CERBERUS_TYPES.get(kind.name, kind.name) for kind in field.kinds))
    if field.key.as_text and names == ["string"]:
        names += ["integer", "number"]  # ``user: 1000`` is the text that was written
    rules: dict[str, Any] = {"type": names if len(names) > 1 else names[0]}
    if field.required and required:
        rules["required"] = True
    if not any(kind.name in ("list", "map") for kind in field.kinds):
        rules |= scalar_rules(field)
    elif field.key.fewest is not None:
        rules["minlength"] = field.key.fewest
    return rules


@cache
def item_validator(kind: Kind, field: Field) -> SpecValidator:
    """The validator of one item of a list or map, as ``{"item": value}``."""
    rules: dict[str, Any] = {"type": _CERBERUS_TYPES.get(kind.name, kind.name)}
    return SpecValidator(UnvalidatedSchema({"item": rules | scalar_rules(field)}))


def scalar_rules(field: Field) -> dict[str, Any]:
    """The limits of a scalar."""
    key = field.key
    rules: dict[str, Any] = {}
    if key.minimum is not None:
        rules["min"] = key.minimum
    if key.maximum is not None:
        rules["max"] = key.maximum
    if key.pattern:
        rules["matches"] = key.pattern
    if key.allowed:
        rules["allowed"] = list(key.allowed)
    if key.longest is not None:
        rules["maxlength"] = key.longest
    return rules
