"""The shape of a document: unknown keys, types and limits. Values with an error are unknown, so that the rest can be
checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, ClassVar

from cerberus import TypeDefinition, Validator
from cerberus.errors import BasicErrorHandler, ErrorDefinition
from cerberus.schema import UnvalidatedSchema

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath, joined
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document
from fsdcf.language.model import kind_of
from fsdcf.language.model.common import Dependency
from fsdcf.language.placeholders import Pseudo, Text, sample
from fsdcf.language.rules.references import misplaced
from fsdcf.language.shape import Field, Key, ValueType, camel, fields_of, later_of, names_of, spellings_of
from fsdcf.language.unknown import record_without

UNKNOWN = Rule(
    "S101",
    "an unknown key",
    "The key is not part of the language. A misspelled key would otherwise be ignored silently.",
)
TYPE = Rule(
    "S102",
    "a value of the wrong type",
    "The key expects a different type of value. `true` is not an integer, and a number in quotes is a string.",
)
REQUIRED = Rule("S103", "a missing key", "No default would be right for every service, so the key is required.")
LIMIT = Rule(
    "S104",
    "a value out of range",
    "The value is outside the limits of ECS, Elastic Load Balancing or another AWS service.",
)
FORM = Rule("S105", "a value in the wrong format", "The text does not have the format that the key expects.")
CHOICE = Rule("S106", "a value that is not available", "The key accepts only certain values.")
LATER = Rule(
    "S107",
    "not implemented yet",
    "The language has this key, value or kind, but this version of fsdcf does not implement it. Leave it out.",
)
DEPENDENCY = Rule(
    "S112", "an unknown dependency type", "fsdcf does not know the type; the finding lists the known ones."
)

LATER_TYPES = (
    "aws_rds_instance",
    "aws_elasticache",
    "aws_kinesis_stream",
    "aws_secretsmanager_secret",
    "aws_ssm_parameter",
    "aws_kms_key",
    "service",
)
"""The dependency types that belong to the language and are not implemented yet, unless a module defines them."""


# Validation of single values by cerberus

_MATCHES = ErrorDefinition(0x4A, "matches")
_CERBERUS_TYPES = {"map": "dict", "record": "dict", "dependency": "dict"}


class SpecValidator(Validator):  # type: ignore[misc]
    """cerberus with strict types (``true`` is not an integer) and strings that may contain placeholders."""

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
            self._error(field, _MATCHES)


@cache
def validator_of(record: type, partial: bool = False) -> SpecValidator:
    """Return the validator of a record's own keys; the records and lists below it have their own validators.

    With ``partial`` nothing is required, as in an overlay. The tests check that the rules are sound, because cerberus
    would check them in every run.
    """
    rules = {field.name: _rules_of(field, required=not partial) for field in fields_of(record)}
    return SpecValidator(UnvalidatedSchema(rules), allow_unknown=False, error_handler=BasicErrorHandler)


@cache
def item_validator(item: ValueType, field: Field) -> SpecValidator:
    """Return the validator of an item of a list or map, as ``{"item": value}``."""
    rules: dict[str, Any] = {"type": _CERBERUS_TYPES.get(item.name, item.name)}
    return SpecValidator(UnvalidatedSchema({"item": rules | _scalar_rules(field.key)}))


def _rules_of(field: Field, required: bool) -> dict[str, Any]:
    names = list(dict.fromkeys(_CERBERUS_TYPES.get(each.name, each.name) for each in field.types))
    if field.key.as_text and names == ["string"]:
        names += ["integer", "number"]  # ``user: 1000`` is the text that was written
    rules: dict[str, Any] = {"type": names if len(names) > 1 else names[0]}
    if field.required and required:
        rules["required"] = True
    scalar = _scalar_rules(field.key)
    if not field.accepts("list", "map"):
        rules |= scalar
    elif field.accepts("integer"):  # a number, or a list in its place
        rules |= {name: scalar[name] for name in ("min", "max") if name in scalar}
    if field.accepts("list", "map") and field.key.fewest is not None:
        rules["minlength"] = field.key.fewest
    return rules


def _scalar_rules(key: Key) -> dict[str, Any]:
    rules = {
        "min": key.minimum,
        "max": key.maximum,
        "matches": key.pattern or None,
        "allowed": list(key.allowed) or None,
        "maxlength": key.longest,
    }
    return {name: limit for name, limit in rules.items() if limit is not None}


# The wording of findings and hints

_NOUNS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
    "record": "a map",
    "dependency": "a map",
}
_FEW = 10
_YES_OR_NO = ("true", "false", "yes", "no", "on", "off", "y", "n")
_QUANTITY = re.compile(r"([1-9][0-9]{0,5}) ?(Mi?B?|Gi?B?|s|m|h|d)", re.IGNORECASE)
_UNITS = {"MiB": {"m": 1, "g": 1024}, "GiB": {"g": 1}, "econds": {"s": 1, "m": 60, "h": 3600, "d": 86400}}
_OTHER_WORDS = {"env": "environment", **dict.fromkeys(("replicas", "count"), "resources.desiredCount")}
"""Keys of Kubernetes, Compose and Copilot, each with the key of this language."""


def _label(path: SpecPath) -> str:
    """Return the name of the key at a path; for an item, that of its list."""
    return next((step for step in reversed(path) if isinstance(step, str)), "spec")


def _types_at(each: Field, path: SpecPath) -> tuple[ValueType, ...]:
    """Return the types of a key, or those of its items if the path leads to one of them."""
    return each.types if path[-1] == each.name else tuple(value.item for value in each.types if value.item)


def _type_message(each: Field, path: SpecPath, value: Any) -> str:
    subject = f"an item of `{_label(path)}`" if isinstance(path[-1], int) else f"`{_label(path)}`"
    expected = " or ".join(dict.fromkeys(_NOUNS[value.name] for value in _types_at(each, path)))
    names = {dict: "a map", list: "a list", bool: "a boolean", int: "an integer", float: "a number"}
    return f"{subject} must be {expected}, not {'empty' if value is None else names.get(type(value), 'text')}"


def _type_hint(each: Field, value: Any, path: SpecPath) -> str:
    """Return how to write a value that has the wrong type."""
    text = value if isinstance(value, str) else ""
    names = sorted(names_of(each.record)) if each.record else []
    if value is None and each.key.as_text and path[-1] != each.name:
        return 'write "" for an empty text'
    if text.isdigit() and each.accepts("integer"):
        return f"write {text} without quotes"
    if form := _form_hint(each, value, path):
        return form
    if isinstance(value, str) and each.accepts("list"):
        return "write a list: [{}]".format(", ".join(f'"{word}"' for word in value.split()))
    if isinstance(value, str) and each.accepts("integer"):
        return _number_hint(each.key.doc, value)
    if isinstance(value, str) and each.accepts("boolean") and (value.lower() in _YES_OR_NO or not names):
        return "write true or false, without quotes"
    if not isinstance(value, (dict, list)) and 0 < len(names) < _FEW:
        return f"write a map; valid keys: {', '.join(names)}"
    return each.key.doc


def _form_hint(each: Field, value: Any, path: SpecPath) -> str:
    """Return how to write a map as a list, a list as a map, or an item as a map; empty if the form is right."""
    types = _types_at(each, path)
    items = [required for value in types if value.name == "list" and value.item for required in _required(value.item)]
    if items and isinstance(value, (dict, str)):
        return f"write a list; each item begins with `- ` and has {joined(items, 'and')}"
    if isinstance(value, list) and [value.name for value in types] == ["map"]:
        return "write `name: value` lines, without `- `"
    keys = [required for value in types for required in _required(value)]
    return (
        f"an item is a map with {joined(keys, 'and')}"
        if keys and isinstance(value, str) and path[-1] != each.name
        else ""
    )


def _required(value: ValueType) -> list[str]:
    if value.name == "dependency":
        return ["type", "name"]
    return [each.name for each in fields_of(value.record) if each.required] if value.record else []


def _pair_hint(record: type, item: Any) -> str:
    """Return how to write an item of the form ``- NAME: value`` for a record of a name and a value; empty for
    others."""
    required = [each.name for each in fields_of(record) if each.required]
    if len(required) != 2 or required[0] != "name" or not isinstance(item, dict) or not item:
        return ""
    known = {name for each in fields_of(record) for name in (each.name, *each.key.also)}
    if {str(key) for key in item} & known or not all(isinstance(value, str) for value in item.values()):
        return ""
    return f"write two keys, each on its line: `name: {next(iter(item))}` and `{required[1]}:` with the value"


def _number_hint(doc: str, value: str) -> str:
    """Return the number for ``4GB`` or ``45s`` in the unit that the key's meaning names, or only the meaning."""
    quantity = _QUANTITY.fullmatch(value)
    units = next((units for word, units in _UNITS.items() if word in doc), {})
    if quantity and (unit := units.get(quantity[2].lower().replace("ib", "").replace("b", ""))):
        return f"write {int(quantity[1]) * unit}. {doc}"
    return doc


def _range_hint(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"use {low:g} to {high:.0f}"
    return f"use at least {low:g}" if low is not None else f"use at most {high:g}"


def _choice_hint(value: Any, key: Key) -> str:
    """Return the nearest of the available values, or all of them."""
    numbers = [each for each in key.allowed if isinstance(each, int)]
    words: list[object] = [f"`{each}`" for each in key.allowed if isinstance(each, str)] if numbers else []
    if isinstance(value, str) and value in map(str, numbers):
        return f"write {value} without quotes"
    if isinstance(value, int) and len(numbers) > 8:
        below, above = [each for each in numbers if each < value], [each for each in numbers if each > value]
        return f"use {joined([*below[-1:], *above[:1], *words] if below else [*words, *above[:1]])}"
    close = _closest(str(value), map(str, key.allowed), 0.8)
    return (
        f"did you mean `{close}`?"
        if close and len(key.allowed) > 3
        else f"use {joined([*words, *numbers] or key.allowed)}"
    )


def _closest(word: str, known: Iterable[str], likeness: float) -> str | None:
    import difflib  # not loaded for a spec without mistakes

    return next(iter(difflib.get_close_matches(word, list(known), 1, likeness)), None)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant: the only one that contains this word, or the most similar one."""
    containing = [each for each in known if name in each.split("_")]
    if len(containing) == 1:
        return containing[0]
    by_case = {each.lower(): each for each in sorted(known)}
    close = _closest(camel(name).lower(), by_case, 0.6)
    return by_case[close] if close else None


def _other_word(name: str, keys: Iterable[str]) -> str:
    """Return the hint for a key of another tool, if its counterpart belongs to these keys; empty otherwise."""
    home, dot, key = _OTHER_WORDS.get(name, "").partition(".")
    if key in keys:
        return f"write `{key}`"
    return f"write `{home}{dot}{key}`" if home in keys else ""


# The walk over a document


class Checker:
    """Walks a document along the model and builds the model's values. Values with an error are unknown.

    The results are the findings, the paths that are wrong or missing, and the indexes of the dependencies that can be
    read.
    """

    def __init__(self, document: Document, types: Types) -> None:
        self.document = document
        self.types = types
        self.findings: list[Diagnostic] = []
        self.wrong: set[SpecPath] = set()
        self.dependencies: list[int] = []

    def record(self, record: type, data: dict[Any, Any], path: SpecPath, partial: bool = False) -> Any:
        """Return a record's value; with ``partial`` nothing is required, and None is returned."""
        names = names_of(record)
        known = {name: value for name, value in data.items() if name in names}
        for name in data:
            if name not in names:
                self._unknown(record, name, path)
        for error in self._errors(validator_of(record, partial), known):
            each = names[error.document_path[0]]
            if error.rule == "required":
                self._missing(each, path)
            else:
                self._report(error.rule, each, (*path, each.name), known.get(each.name))
        values: dict[str, Any] = {}
        unknown: set[str] = set()
        for each in fields_of(record):
            here = (*path, each.name)
            values[each.attribute] = each.default
            if each.name in known and here not in self.wrong:
                values[each.attribute] = self._value(each, known[each.name], here, partial)
            if here in self.wrong:
                unknown.add(each.attribute)
        return None if partial else record_without(record, values, frozenset(unknown))

    def _errors(self, validator: SpecValidator, data: dict[str, Any]) -> list[Any]:
        validator.validate(data, normalize=False)
        errors: list[Any] = validator._errors
        return errors

    def _value(self, each: Field, value: Any, path: SpecPath, partial: bool) -> Any:
        chosen = _chosen(each.types, value)
        if chosen.name == "record" and chosen.record:
            return self.record(chosen.record, value, path, partial)
        if chosen.name == "list" and chosen.item:
            return tuple(self._items(each, chosen.item, value, path))
        if chosen.name == "map":
            return self._map(each, chosen.item, value, path) if chosen.item else value
        self._check_known(each, value, path)
        return self._as_text(each, value, path)

    def _items(self, each: Field, item: ValueType, values: list[Any], path: SpecPath) -> Iterator[Any]:
        """Yield the items of a list, complete in an overlay too, because lists replace. With a wrong item, the list
        is unknown."""
        for index, value in enumerate(values):
            here = (*path, index)
            value = self._item(each, item, value, here)
            if item.name == "dependency":
                yield from self._dependency(value, here)
            elif here in self.wrong:
                self.wrong.add(path)
            elif item.record and (hint := _pair_hint(item.record, value)):
                self.wrong.add(path)
                name = next(iter(value))
                self._add(UNKNOWN, (*here, name), f"unknown key `{name}`", hint, key=True)
            else:
                yield self.record(item.record, value, here) if item.record else value

    def _dependency(self, value: Any, path: SpecPath) -> Iterator[Any]:
        """Yield a dependency if its type and its required keys are known, because rules and names depend on them."""
        if path in self.wrong:
            return
        name = value.get("type")
        if isinstance(name, str) and name not in self.types:
            if name in LATER_TYPES:
                hint = "leave it out, or give access to an existing resource in service.taskRole.statements"
                self._add(LATER, (*path, "type"), f"dependencies of type `{name}` are not implemented yet", hint)
            else:
                near = _nearest(name, self.types)
                hint = f"did you mean `{near}`?" if near else f"known types: {', '.join(sorted(self.types))}"
                self._add(DEPENDENCY, (*path, "type"), f"unknown dependency type `{name}`", hint)
            return
        model: type = self.types[name].model if isinstance(name, str) else Dependency
        built = self.record(model, value, path)
        if not any(each.required and (*path, each.name) in self.wrong for each in fields_of(model)):
            self.dependencies.append(int(path[-1]))
            yield built

    def _map(self, each: Field, item: ValueType, values: dict[Any, Any], path: SpecPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in values.items():
            here = (*path, key)
            if each.key.key_pattern and not re.fullmatch(each.key.key_pattern, str(key)):
                self.wrong.add(here)
                message = f"`{key}` is not a valid name here"
                self._add(FORM, here, message, f"names must match {each.key.key_pattern}", key=True)
            elif item.name == "any":
                out[key] = value
            else:
                value = self._item(each, item, value, here)
                if here not in self.wrong:
                    out[key] = value
        return out

    def _item(self, each: Field, item: ValueType, value: Any, path: SpecPath) -> Any:
        """Return an item of a list or map, and report its errors."""
        if item.name == "string":
            value = self._as_text(each, value, path)
        for error in self._errors(item_validator(item, each), {"item": value}):
            self._report(error.rule, each, path, value)
        self._check_known(each, value, path)
        return value

    def _check_known(self, each: Field, value: Any, path: SpecPath) -> None:
        """Report a text that only CloudFormation knows if it must be known now. Rules report secrets and attributes."""
        if not each.open and isinstance(value, Text):
            self.wrong.add(path)
            for part in value.parts:
                if isinstance(part, Pseudo):
                    message = f"`{part}` is not known at compile time, and this value must be"
                    self._add(misplaced, path, message, "write the value")

    def _as_text(self, each: Field, value: Any, path: SpecPath) -> Any:
        """Return a number or boolean as it was written, if the key takes it as text; any other value as it is."""
        if not each.key.as_text or not isinstance(value, (int, float)):
            return value
        mark = self.document.marks.get(path)
        return mark.text if mark and mark.text is not None else str(value).lower()

    def _unknown(self, record: type, name: Any, path: SpecPath) -> None:
        here = (*path, name)
        later = later_of(record)
        if name in later:
            message, hint = (
                f"`{name}` is not implemented yet",
                "leave it out: this version of fsdcf does not support it",
            )
            self._add(LATER, here, message, hint, key=True)
            return
        spellings = {spelling: each.name for spelling, each in spellings_of(record).items()}
        meant = _nearest(str(name), {**spellings, **later})
        homes = [each.name for each in fields_of(record) if each.record and name in names_of(each.record)]
        if len(homes) == 1:
            self.wrong.add((*path, homes[0], name))
            hint = f"`{name}` is a key of `{homes[0]}`: indent it below that"
        elif not (hint := _other_word(str(name), spellings)):
            if meant in spellings:
                self.wrong.add((*path, spellings[meant]))
            keys = ", ".join(sorted({*spellings.values(), *later}))
            hint = f"did you mean `{meant}`?" if meant else f"valid keys: {keys}"
        self._add(UNKNOWN, here, f"unknown key `{name}`", hint, key=True)

    def _missing(self, each: Field, path: SpecPath) -> None:
        here = (*path, each.name)
        self.wrong.add(here)
        message = f"`{each.name}` is missing" + (f" in `{path[-1]}`" if path and isinstance(path[-1], str) else "")
        self.findings.append(REQUIRED.at(self.document.key_span(path), here, message, each.key.doc))

    def _report(self, rule: str, each: Field, path: SpecPath, value: Any) -> None:
        """Report an error of cerberus, given by the name of its rule."""
        self.wrong.add(path)
        key, label = each.key, _label(path)
        if rule in ("type", "nullable"):
            self._add(TYPE, path, _type_message(each, path, value), _type_hint(each, value, path))
        elif rule in ("min", "max"):
            self._add(LIMIT, path, f"{value} is out of range for `{label}`", _range_hint(key.minimum, key.maximum))
        elif rule == "matches":
            hint = f"write {key.expects}" if key.expects else f"it must match {key.pattern}"
            self._add(FORM, path, f"`{value}` is not a valid `{label}`", hint)
        elif rule == "allowed" and value in key.later:
            self._add(LATER, path, f"`{label}: {value}` is not implemented yet", f"use {joined(key.allowed)}")
        elif rule == "allowed":
            self._add(CHOICE, path, f"`{value}` is not available for `{label}`", _choice_hint(value, key))
        elif rule == "maxlength":
            self._add(LIMIT, path, f"`{label}` has {len(value)} characters", f"use at most {key.longest}")
        else:
            self._add(LIMIT, path, f"`{label}` is empty", f"write at least {key.fewest}")

    def _add(self, rule: Rule, path: SpecPath, message: str, hint: str, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.findings.append(rule.at(span, path, message, hint))


def check(document: Document, types: Types) -> tuple[Any, Checker]:
    """Return the spec of a document, in which every value with an error is unknown, and the results of the check."""
    checker = Checker(document, types)
    return checker.record(kind_of(document.data).record, document.data, ()), checker


def check_overlay(overlay: Document, record: type, types: Types) -> list[Diagnostic]:
    """Return the findings about an overlay of another environment, in which nothing is required."""
    checker = Checker(overlay, types)
    checker.record(record, overlay.data, (), partial=True)
    return checker.findings


def _chosen(types: tuple[ValueType, ...], value: Any) -> ValueType:
    """Return the type that fits a value, which is known to have one of them."""
    fitting = {
        dict: ("record", "map", "dependency"),
        list: ("list",),
        bool: ("boolean",),
        int: ("integer", "number"),
    }.get(type(value), ("string", "number"))
    return next((each for each in types if each.name in fitting), types[0])
