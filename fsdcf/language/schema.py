"""The shape of a document: unknown keys, types and limits. Values with an error are unknown, so that the rest can be
checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

from cerberus import TypeDefinition, Validator
from cerberus.errors import BasicErrorHandler, ErrorDefinition
from cerberus.schema import UnvalidatedSchema

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath, joined
from fsdcf.language.dependency import Types
from fsdcf.language.document import Document, names_of_type
from fsdcf.language.model import kind_of
from fsdcf.language.model.common import Dependency
from fsdcf.language.names import local_names
from fsdcf.language.placeholders import ImportedValue, Pseudo, String, Text, is_parameter, is_whole, matches, sample
from fsdcf.language.rules.references import misplaced
from fsdcf.language.shape import Field, Key, ValueType, fields_of, later_of, names_of, spellings_of
from fsdcf.language.source import FOREIGN
from fsdcf.language.unknown import record_without

UNKNOWN = Rule(
    "S101",
    "an unknown key",
    "The key is not part of the language. A misspelled key would otherwise be ignored silently.",
)
TYPE = Rule(
    "S102",
    "a value of the wrong type",
    "The key expects a different type of value. `true` is not an integer, and a number in quotes is a string. An empty "
    "value is not accepted; `null` removes a key in `environments`, and is an empty value elsewhere.",
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

_STATEMENTS = (
    "create it outside of fsdcf, write its name in service.environment, and allow its use in "
    "service.taskRole.statements"
)


# Validation of single values by cerberus

_MATCHES = ErrorDefinition(0x4A, "matches")
_LONGEST = ErrorDefinition(0x4B, "longest")
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
        if isinstance(value, (str, Text)) and not matches(pattern, value):
            self._error(field, _MATCHES)

    def _validate_min(self, least: float, field: str, value: Any) -> None:
        """{'nullable': False}"""
        if not isinstance(value, bool):  # true and false in the place of a number
            super()._validate_min(least, field, value)

    def _validate_max(self, most: float, field: str, value: Any) -> None:
        """{'nullable': False}"""
        if not isinstance(value, bool):
            super()._validate_max(most, field, value)

    def _validate_longest(self, most: int, field: str, value: Any) -> None:
        """{'type': 'integer'}"""
        if isinstance(value, (str, Text)) and len(sample(value)) > most:
            self._error(field, _LONGEST)


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
    if field.accepts("list", "map"):
        bounds = {"minlength": field.key.fewest, "maxlength": field.key.most}
        rules |= {name: bound for name, bound in bounds.items() if bound is not None}
    return rules


def _scalar_rules(key: Key) -> dict[str, Any]:
    rules = {
        "min": key.minimum,
        "max": key.maximum,
        "matches": key.pattern or None,
        "allowed": list(key.allowed) or None,
        "longest": key.longest,
    }
    return {name: limit for name, limit in rules.items() if limit is not None}


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
        self.declared: dict[str, Mapping[str, str]] = {}
        self.removed: dict[SpecPath, list[Any]] = {}
        for *above, name in document.removed:
            self.removed.setdefault(tuple(above), []).append(name)

    def record(self, record: type, data: dict[Any, Any], path: SpecPath, partial: bool = False) -> Any:
        """Return a record's value; with ``partial`` nothing is required, and None is returned."""
        names = names_of(record)
        removed = self.removed.get(path, ())
        level = self._not_indented(data, names, path)
        known = {name: value for name, value in data.items() if name in names and (*path, name) not in self.wrong}
        if partial:
            known = {name: value for name, value in known.items() if not self.document.is_null((*path, name))}
        for name in (*data, *removed):
            if name not in names and name not in level:
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

    def _not_indented(self, data: dict[Any, Any], names: Mapping[str, Field], path: SpecPath) -> set[str]:
        """Report each empty key whose own keys follow in its column, and return these keys."""
        below: dict[str, list[str]] = {}
        empty: Field | None = None
        for name, value in data.items():
            if name in names:
                empty = names[name] if value is None and names[name].accepts("map", "record") else None
            elif empty and _may_hold(empty, str(name), value):
                below.setdefault(empty.name, []).append(name)
            else:
                empty = None
        for name, keys in below.items():
            self.wrong.add((*path, name))
            shown = [f"`{key}`" for key in keys[:3]] + [f"{len(keys) - 3} more keys"] * (len(keys) > 3)
            hint = f"indent {joined(shown, 'and')} by two more spaces"
            self._add(TYPE, (*path, name), f"`{name}` is empty: its keys are in the same column", hint, key=True)
        return {key for keys in below.values() for key in keys}

    def _errors(self, validator: SpecValidator, data: dict[str, Any]) -> list[Any]:
        validator.validate(data, normalize=False)
        errors: list[Any] = validator._errors
        return errors

    def _declared(self, kind: str) -> Mapping[str, str]:
        """The local names of the dependencies of a type, by the names with which other keys may refer to them."""
        if kind not in self.declared:
            names = names_of_type(self.document.data.get("dependencies"), kind, self.types)
            self.declared[kind] = local_names(names)
        return self.declared[kind]

    def _is_elsewhere(self, value: String, kind: str) -> bool:
        """Whether a value from elsewhere names none of the dependencies of a type, though one has the same word."""
        return is_whole(value) and value not in names_of_type(self.document.data.get("dependencies"), kind, self.types)

    def _value(self, each: Field, value: Any, path: SpecPath, partial: bool) -> Any:
        if each.key.refers_to and isinstance(value, (str, Text)) and not self._is_elsewhere(value, each.key.refers_to):
            value = self._declared(each.key.refers_to).get(sample(value), value)
        chosen = _chosen(each.types, value)
        if chosen.name == "record" and chosen.record:
            return self.record(chosen.record, value, path, partial)
        if chosen.name == "list" and chosen.item:
            return tuple(self._items(each, chosen.item, value, path))
        if chosen.name == "map" and chosen.item:
            kept = {key: one for key, one in value.items() if not (partial and self.document.is_null((*path, key)))}
            return self._map(each, chosen.item, kept, path)
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
            elif item.record and (hint := self._pair_hint(item.record, value)):
                self.wrong.add(path)
                name = next(iter(value))
                self._add(UNKNOWN, (*here, name), f"unknown key `{name}`", hint, key=True)
            else:
                yield self.record(item.record, value, here) if item.record else value

    def _pair_hint(self, record: type, item: Any) -> str:
        """Return how to write an item of the form ``- NAME: value``; empty for an item with one of its keys."""
        if not isinstance(item, dict) or item.keys() & names_of(record).keys():
            return ""
        from fsdcf.language import advice  # not loaded for a spec without mistakes

        return advice.pair_hint(record, item)

    def _dependency(self, value: Any, path: SpecPath) -> Iterator[Any]:
        """Yield a dependency if its type and its required keys are known, because rules and names depend on them."""
        if path in self.wrong:
            return
        name = value.get("type")
        if isinstance(name, str) and name not in self.types:
            from fsdcf.language import advice  # not loaded for a spec without mistakes

            meant = advice.type_of_dependency(name, self.types)
            known = ", ".join(sorted(self.types))
            hint = f"did you mean `{meant}`?" if meant else f"known types: {known}; for another one, {_STATEMENTS}"
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
                from fsdcf.language import advice  # not loaded for a spec without mistakes

                self.wrong.add(here)
                hint = advice.name_hint(each.key, str(key))
                self._add(FORM, here, f"`{key}` is not a valid name here", hint, key=True)
            elif item.name == "any":
                out[key] = value
            else:
                value = self._item(each, item, value, here)
                if here not in self.wrong:
                    out[key] = self.record(item.record, value, here) if item.record else value
                elif item.record:
                    self.wrong.add(path)
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
                if isinstance(part, (Pseudo, ImportedValue)) or is_parameter(part):
                    message = f"`{part}` is not known at compile time, and this value must be"
                    self._add(misplaced, path, message, "write the value")

    def _as_text(self, each: Field, value: Any, path: SpecPath) -> Any:
        """Return a number or boolean as it was written, if the key takes it as text; any other value as it is."""
        if not each.key.as_text or not isinstance(value, (int, float)):
            return value
        mark = self.document.marks.get(path)
        return mark.text if mark and mark.text is not None else str(value).lower()

    def _unknown(self, record: type, name: Any, path: SpecPath) -> None:
        from fsdcf.language import advice  # not loaded for a spec without mistakes

        here, later = (*path, name), later_of(record)
        meant = name if name in later else advice.typo(str(name), {*later, *names_of(record)}) or ""
        if meant in later:
            self._add(LATER, here, f"`{meant}` is not implemented yet", later[meant].instead, key=True)
            return
        hint, unset = advice.key_hint(self.document, record, str(name), path)
        self.wrong |= {unset} if unset else set()
        if unset and self.document.key_span(here).file.startswith("--override"):
            below = [at[len(here) :] for at in self.document.marks if at[: len(here)] == here]
            steps = (*unset, *max(below, key=len, default=()))  # a flag has no indentation
            hint = f"write --override {'.'.join(map(str, steps))}=VALUE"
        self._add(UNKNOWN, here, f"unknown key `{name}`", hint, key=True)

    def _missing(self, each: Field, path: SpecPath) -> None:
        here = (*path, each.name)
        if here in self.wrong:
            return  # an unknown key means this one
        self.wrong.add(here)
        message = f"`{each.name}` is missing" + (f" in `{path[-1]}`" if path and isinstance(path[-1], str) else "")
        only = f"write `{each.name}: {each.key.allowed[0]}`" if len(each.key.allowed) == 1 else each.key.doc
        if each.name == "type" and path[:1] == ("dependencies",):
            only = f"write one of {', '.join(sorted(self.types))}"
        if here in self.document.removed:
            only = "`null` removes it, and it is required: write a value, or leave out the key"
        elif each.record:
            below = next((key.name for key in fields_of(each.record) if key.required), "port")
            below = below if below in names_of(each.record) else "schedule"
            only = f"write `{each.name}:`, and its keys below it, such as `{below}`. {each.key.doc}"
        self.findings.append(REQUIRED.at(self.document.key_span(here), here, message, only))

    def _report(self, rule: str, each: Field, path: SpecPath, value: Any) -> None:
        """Report an error of cerberus, given by the name of its rule."""
        from fsdcf.language import advice  # not loaded for a spec without mistakes

        self.wrong.add(path)
        key, label, document = each.key, advice.label(path), self.document
        if document.is_surprising(path):
            return  # the reader has reported the value
        if rule in ("type", "nullable"):
            message = advice.type_message(each, path, value)
            self._add(TYPE, path, message, advice.type_hint(document, each, value, path), conceal=key.conceal)
        elif rule in ("min", "max"):
            hint = advice.range_hint(document, key, value, path)
            self._add(LIMIT, path, f"{value} is out of range for `{label}`", hint)
        elif rule == "matches":
            subject, hint = f"`{value}`", advice.pattern_hint(key, value)
            if key.conceal:
                subject, hint = "the value", f"{hint}; for a new one, {advice.credentials_hint(document, path)}"
            self._add(FORM, path, f"{subject} is not a valid `{label}`", hint, conceal=key.conceal)
        elif rule == "allowed" and (later := advice.typo(str(value), key.later)):
            self._add(LATER, path, f"`{label}: {later}` is not implemented yet", key.later[later])
        elif rule == "allowed":
            hint = advice.choice_hint(document, value, key, path)
            self._add(CHOICE, path, f"`{value}` is not available for `{label}`", hint)
        elif rule == "longest":
            replaced = " when its placeholders are replaced" if isinstance(value, Text) else ""
            message = f"`{label}` has {len(sample(value))} characters{replaced}"
            self._add(LIMIT, path, message, f"use at most {key.longest}")
        elif rule == "maxlength":
            self._add(LIMIT, path, f"`{label}` has {len(value)} items", f"use at most {key.most}", key=True)
        else:
            self._add(LIMIT, path, f"`{label}` is empty", f"write at least {key.fewest}")

    def _add(
        self, rule: Rule, path: SpecPath, message: str, hint: str, key: bool = False, conceal: bool = False
    ) -> None:
        span = self.document.key_span(path) if key or conceal else self.document.span(path)
        finding = rule.at(span, path, message, hint)
        self.findings.append(replace(finding, conceal=True) if conceal else finding)


def check(document: Document, types: Types) -> tuple[Any, Checker]:
    """Return the spec of a document, in which every value with an error is unknown, and the results of the check."""
    checker, record = Checker(document, types), kind_of(document.data).record
    required = [each.name for each in fields_of(record) if each.required]
    if not {name.lower() for name in required} & {str(key).lower() for key in document.data}:
        checker.wrong |= {(name,) for name in required}
        hint = f"a spec has the keys {joined(required, 'and')}; `fsdcf init my-service` writes one"
        first = next(iter(document.data), "")
        span = document.key_span((first,)) if first else document.span(())
        checker.findings.append(FOREIGN.at(span, (), "this is another kind of file, not an FSD spec", hint))
        return checker.record(record, {}, ()), checker
    return checker.record(record, document.data, ()), checker


def check_overlay(overlay: Document, record: type, types: Types) -> list[Diagnostic]:
    """Return the findings about a part of a spec that another environment or other specs have. Nothing is required, and
    a text with a placeholder may become any value."""
    checker = Checker(overlay, types)
    checker.record(record, overlay.data, (), partial=True)

    def is_open(path: SpecPath) -> bool:
        text = overlay.value(path)
        return isinstance(text, str) and "${" in text

    return [each for each in checker.findings if each.code == UNKNOWN.code or not is_open(each.path)]


def _may_hold(field: Field, name: str, value: Any) -> bool:
    """Return whether an unknown key may be one of a field's map or record."""
    if field.record:
        return name in spellings_of(field.record)
    pattern = field.key.key_pattern
    return bool(pattern and re.fullmatch(pattern, name)) and name.isupper() and not isinstance(value, (dict, list))


def _chosen(types: tuple[ValueType, ...], value: Any) -> ValueType:
    """Return the type that fits a value, which is known to have one of them."""
    fitting = {
        dict: ("record", "map", "dependency"),
        list: ("list",),
        bool: ("boolean",),
        int: ("integer", "number"),
    }.get(type(value), ("string", "number"))
    return next((each for each in types if each.name in fitting), types[0])
