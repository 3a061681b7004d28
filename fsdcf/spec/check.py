"""The shape of a document: unknown keys, types, limits. Wrong parts are reported and unknown, so that the rest can be judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.spec.blind import record_without
from fsdcf.spec.document import Document
from fsdcf.spec.model import Dependency, Spec
from fsdcf.spec.placeholders import Pseudo, Text
from fsdcf.spec.schema import item_validator, validator_of
from fsdcf.spec.shape import Field, Kind, fields_of, later_of, names_of
from fsdcf.spec.wording import (
    choice_hint,
    either,
    expected,
    found,
    key_hint,
    label,
    lower_home,
    nearest,
    other_word,
    pair_hint,
    range_hint,
    subject,
    type_hint,
)

UNKNOWN = Rule(
    "S101",
    "an unknown key",
    "The key is not part of the language. A misspelled key would otherwise be ignored silently.",
)
TYPE = Rule(
    "S102",
    "a value of the wrong type",
    "The value has another type than the key takes. `true` is no integer, and a quoted number is a string.",
)
REQUIRED = Rule(
    "S103", "a missing key", "The key has no default that could be right for every service, so it must be written."
)
LIMIT = Rule(
    "S104",
    "a value out of range",
    "The value lies outside the bounds that ECS, Elastic Load Balancing or another AWS service sets.",
)
FORM = Rule("S105", "a value of the wrong form", "The text does not have the form that the key takes.")
CHOICE = Rule("S106", "a value that is not offered", "The key takes one of a few values.")
LATER = Rule(
    "S107",
    "part of the language, not yet compiled",
    "The language has this key, value or kind, and this version of fsdcf does not compile it. Leave it out.",
)
DEPENDENCY = Rule(
    "S112", "an unknown dependency type", "The type is none that fsdcf knows; the finding lists those that there are."
)
MISPLACED = Rule(
    "S208",
    "a placeholder in a place that cannot hold it",
    "Attributes of dependencies stand in environment values, commands and the resources of IAM statements; a secret is the whole "
    "value of an environment variable; a pseudo parameter is known to CloudFormation only, so names and numbers cannot hold it.",
)
RULES = (UNKNOWN, TYPE, REQUIRED, LIMIT, FORM, CHOICE, LATER, MISPLACED, DEPENDENCY)

LATER_TYPES = (
    "aws_sns_topic",
    "aws_rds_instance",
    "aws_elasticache",
    "aws_kinesis_stream",
    "aws_secretsmanager_secret",
    "aws_ssm_parameter",
    "aws_kms_key",
    "service",
)


@dataclass
class Shape:
    """The outcome of a check: findings, the paths that are wrong or missing, and which dependencies could be read."""

    findings: list[Diagnostic] = field(default_factory=list)
    wrong: set[SpecPath] = field(default_factory=set)
    dependencies: list[int] = field(default_factory=list)


class Checker:
    """Walks a document along the model, and builds the model's values; what is wrong in them is unknown."""

    def __init__(self, document: Document, types: Mapping[str, type[Dependency]]) -> None:
        self.document = document
        self.types = types
        self.shape = Shape()

    def record(self, record: type, data: dict[Any, Any], path: SpecPath, partial: bool = False) -> Any:
        """A record's value; with ``partial`` nothing is required, and nothing built."""
        validator = validator_of(record, partial)
        known = {name: value for name, value in data.items() if isinstance(name, str) and name in names_of(record)}
        self._unknown(record, [name for name in data if name not in known], path)
        validator.validate(known, normalize=False)
        for error in validator._errors:
            self._report(error, names_of(record)[error.document_path[0]], known, path)
        values: dict[str, Any] = {}
        unknown: set[str] = set()
        for each in fields_of(record):
            here = path + (each.name,)
            if each.name in known and here not in self.shape.wrong:
                values[each.attribute] = self._value(each, known[each.name], here, partial)
            else:
                values[each.attribute] = each.default
            if here in self.shape.wrong:
                unknown.add(each.attribute)
        return None if partial else record_without(record, values, frozenset(unknown))

    def _value(self, each: Field, value: Any, path: SpecPath, partial: bool) -> Any:
        kind = _chosen(each.kinds, value)
        if kind.name == "record" and kind.record:
            return self.record(kind.record, value, path, partial)
        if kind.name == "list" and kind.item:
            return tuple(self._items(each, kind.item, value, path))
        if kind.name == "map" and kind.item:
            return self._map(each, kind.item, value, path)
        if kind.item is None and kind.name == "map":
            return value
        return self._scalar(each, value, path)

    def _items(self, each: Field, kind: Kind, values: list[Any], path: SpecPath) -> Iterator[Any]:
        """The items of a list, whole in an overlay too, since lists replace. Of a list with a wrong item nothing is known."""
        for index, value in enumerate(values):
            here = path + (index,)
            if kind.name == "string" and each.key.as_text and isinstance(value, (int, float)):
                value = self._written(value, here)
            validator = item_validator(kind, each)
            validator.validate({"item": value}, normalize=False)
            for error in validator._errors:
                self._say(error, each, here, value)
            self._closed(each, value, here)
            if kind.name == "dependency":
                yield from self._dependency(value, here)
            elif here in self.shape.wrong:
                self.shape.wrong.add(path)
            elif kind.record and (hint := pair_hint(kind.record, value)):
                self.shape.wrong.add(path)
                self._add(UNKNOWN, (*here, next(iter(value))), f"unknown key `{next(iter(value))}`", hint, key=True)
            elif kind.record:
                yield self.record(kind.record, value, here)
            else:
                yield value

    def _dependency(self, value: Any, path: SpecPath) -> Iterator[Any]:
        """A dependency, where its type and all that it must have are known: rules and names build on them."""
        if path in self.shape.wrong:
            return
        name = value.get("type")
        if not isinstance(name, str) or name in self.types:
            model: type = self.types[name] if isinstance(name, str) else Dependency
            built = self.record(model, value, path)
            if not any(each.required and (*path, each.name) in self.shape.wrong for each in fields_of(model)):
                self.shape.dependencies.append(int(path[-1]))
                yield built
            return
        here = path + ("type",)
        if name in LATER_TYPES:
            self._add(
                LATER,
                here,
                f"dependencies of type `{name}` are known, not yet compiled",
                "leave it out, or give the access in service.taskRole.statements",
            )
        else:
            self._add(DEPENDENCY, here, f"unknown dependency type `{name}`", key_hint(name, self.types, "there are"))

    def _map(self, each: Field, kind: Kind, values: dict[Any, Any], path: SpecPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in values.items():
            here = path + (key,)
            if each.key.key_pattern and not re.fullmatch(each.key.key_pattern, str(key)):
                self.shape.wrong.add(here)
                span = self.document.key_span(here)
                self.shape.findings.append(
                    FORM.at(span, here, f"`{key}` cannot be a name here", f"names match {each.key.key_pattern}")
                )
            elif kind.name == "any":
                out[key] = value
            elif self._closed(each, value, here):
                continue
            elif kind.name == "string" and isinstance(value, (int, float)) and each.key.as_text:
                out[key] = self._written(value, here)
            else:
                validator = item_validator(kind, each)
                if validator.validate({"item": value}, normalize=False):
                    out[key] = value
                for error in validator._errors:
                    self._say(error, each, here, value)
        return out

    def _closed(self, each: Field, value: Any, path: SpecPath) -> bool:
        """Whether a text is known to CloudFormation only, where it must be known now. Secrets and attributes have their rule."""
        if each.open or not isinstance(value, Text):
            return False
        self.shape.wrong.add(path)
        for part in value.parts:
            if isinstance(part, Pseudo):
                message = f"`${{{part.name}}}` is not known when compiling, and this must be"
                self._add(MISPLACED, path, message, "write the value itself")
        return True

    def _scalar(self, each: Field, value: Any, path: SpecPath) -> Any:
        self._closed(each, value, path)
        return self._written(value, path) if each.key.as_text and isinstance(value, (int, float)) else value

    def _written(self, value: Any, path: SpecPath) -> str:
        """A number's or boolean's text as it was written."""
        mark = self.document.marks.get(path)
        return mark.text if mark and mark.text is not None else str(value).lower()

    def _unknown(self, record: type, names: list[Any], path: SpecPath) -> None:
        for name in names:
            here = path + (name,)
            later = later_of(record)
            if name in later:
                self._add(
                    LATER,
                    here,
                    f"`{name}` is known, not yet compiled",
                    "leave it out: this version of fsdcf cannot make it",
                    key=True,
                )
                continue
            spellings = {
                s: each.name for each in fields_of(record) for s in (each.name, *each.key.also) if "." not in s
            }
            meant = nearest(str(name), {**spellings, **later})
            hint = key_hint(str(name), {**spellings, **later}, "keys here are", {*spellings.values(), *later})
            if home := lower_home(str(name), record):
                self.shape.wrong.add((*path, home, name))
                hint = f"`{name}` is a key of `{home}`: indent it below that"
            elif other := other_word(str(name), spellings):
                hint = other
            elif meant in spellings:
                self.shape.wrong.add((*path, spellings[meant]))
            self._add(UNKNOWN, here, f"unknown key `{name}`", hint, key=True)

    def _report(self, error: Any, each: Field, data: dict[str, Any], path: SpecPath) -> None:
        here = path + (each.name,)
        if error.rule == "required":
            self.shape.wrong.add(here)
            span = self.document.key_span(path) if path else self.document.span(())
            message = f"`{each.name}` is missing" + (f" in `{path[-1]}`" if path and isinstance(path[-1], str) else "")
            self.shape.findings.append(REQUIRED.at(span, here, message, each.key.doc))
            return
        self._say(error, each, here, data.get(each.name))

    def _say(self, error: Any, each: Field, path: SpecPath, value: Any) -> None:
        """One of cerberus' errors, by its rule, as a finding."""
        self.shape.wrong.add(path)
        key = each.key
        if error.rule == "type" or error.rule == "nullable":
            self._add(
                TYPE,
                path,
                f"{subject(path)} must be {expected(each, path)}, not {found(value)}",
                type_hint(each, value, path),
            )
        elif error.rule in ("min", "max"):
            self._add(LIMIT, path, f"{value} is out of range for `{label(path)}`", range_hint(key.minimum, key.maximum))
        elif error.rule == "matches":
            self._add(
                FORM,
                path,
                f"`{value}` is not a valid `{label(path)}`",
                f"write {key.expects}" if key.expects else f"it must match {key.pattern}",
            )
        elif error.rule == "allowed" and value in key.later:
            self._add(LATER, path, f"`{label(path)}: {value}` is known, not yet compiled", f"use {either(key.allowed)}")
        elif error.rule == "allowed":
            self._add(CHOICE, path, f"`{value}` is not offered for `{label(path)}`", choice_hint(value, key))
        elif error.rule == "maxlength":
            self._add(LIMIT, path, f"`{label(path)}` has {len(value)} characters", f"at most {key.longest}")
        else:
            self._add(LIMIT, path, f"`{label(path)}` is empty", f"give at least {key.fewest}")

    def _add(self, rule: Rule, path: SpecPath, message: str, hint: str, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.shape.findings.append(rule.at(span, path, message, hint))


def check(document: Document, types: Mapping[str, type[Dependency]]) -> tuple[Spec, Shape]:
    """The spec of a document, in which what has the wrong shape is unknown, and what is wrong with it."""
    checker = Checker(document, types)
    return checker.record(Spec, document.data, ()), checker.shape


def check_overlay(overlay: Document, types: Mapping[str, type[Dependency]]) -> list[Diagnostic]:
    """What is wrong with an overlay that is not in use: nothing is required in it."""
    checker = Checker(overlay, types)
    checker.record(Spec, overlay.data, (), partial=True)
    return checker.shape.findings


def _chosen(kinds: tuple[Kind, ...], value: Any) -> Kind:
    """The alternative that fits a value whose type is already known to be right."""
    want = {dict: ("record", "map", "dependency"), list: ("list",), bool: ("boolean",), int: ("integer", "number")}.get(
        type(value), ("string", "number")
    )
    return next((kind for kind in kinds if kind.name in want), kinds[0])
