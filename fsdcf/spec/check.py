"""The shape of a document: unknown keys, types, limits. Wrong parts are reported and left out, so that the rest can be judged."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.spec.document import Document
from fsdcf.spec.model import Dependency, Spec
from fsdcf.spec.schema import item_validator, validator_of
from fsdcf.spec.shape import Field, Key, Kind, camel, fields_of, later_of, names_of

UNKNOWN = Rule(
    "S101", "an unknown key", "The key is not part of the language. A misspelled key would otherwise be ignored silently."
)
TYPE = Rule(
    "S102",
    "a value of the wrong type",
    "The value has another type than the key takes. `true` is no integer, and a quoted number is a string.",
)
REQUIRED = Rule("S103", "a missing key", "The key has no default that could be right for every service, so it must be written.")
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
RULES = (UNKNOWN, TYPE, REQUIRED, LIMIT, FORM, CHOICE, LATER, DEPENDENCY)

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

_WORDS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
    "record": "a map",
    "dependency": "a map",
}


@dataclass
class Shape:
    """The outcome of a check: findings, the paths that are wrong, and the model's values."""

    findings: list[Diagnostic] = field(default_factory=list)
    wrong: set[SpecPath] = field(default_factory=set)


class Checker:
    """Walks a document along the model. ``check`` gives the model's value, with defaults in place of what is wrong."""

    def __init__(self, document: Document, types: Mapping[str, type[Dependency]]) -> None:
        self.document = document
        self.types = types
        self.shape = Shape()

    def record(self, record: type, data: dict[Any, Any], path: SpecPath, partial: bool = False) -> Any:
        """A record's value; None where a required key is missing or wrong."""
        validator = validator_of(record, partial)
        known = {name: value for name, value in data.items() if isinstance(name, str) and name in names_of(record)}
        self._unknown(record, [name for name in data if name not in known], path)
        validator.validate(known, normalize=False)
        for error in validator._errors:
            self._report(error, names_of(record)[error.document_path[0]], known, path)
        values: dict[str, Any] = {}
        whole = True
        for each in fields_of(record):
            here = path + (each.name,)
            if each.name in known and here not in self.shape.wrong:
                value = self._value(each, known[each.name], here, partial)
                whole = whole and not (each.required and value is None)
                values[each.attribute] = value
            elif each.required:
                whole = whole and partial
                values[each.attribute] = None
        return record(**values) if whole and not partial else None

    def _value(self, each: Field, value: Any, path: SpecPath, partial: bool) -> Any:
        kind = _chosen(each.kinds, value)
        if kind.name == "record" and kind.record:
            built = self.record(kind.record, value, path, partial)
            return each.default if built is None and not each.required else built
        if kind.name == "list" and kind.item:
            return tuple(item for item in self._items(each, kind.item, value, path) if item is not None)
        if kind.name == "map" and kind.item:
            return self._map(each, kind.item, value, path)
        if kind.item is None and kind.name == "map":
            return value
        return self._scalar(each, value, path)

    def _items(self, each: Field, kind: Kind, values: list[Any], path: SpecPath) -> Iterator[Any]:
        """The items of a list. They are whole in an overlay too: lists replace."""
        for index, value in enumerate(values):
            here = path + (index,)
            if kind.name == "string" and each.key.as_text and isinstance(value, (int, float)):
                value = self._written(value, here)
            validator = item_validator(kind, each)
            validator.validate({"item": value}, normalize=False)
            for error in validator._errors:
                self._say(error, each, here, value)
            if here in self.shape.wrong:
                continue
            if kind.name == "dependency":
                yield self._dependency(value, here)
            elif kind.record:
                yield self.record(kind.record, value, here)
            else:
                yield value

    def _dependency(self, value: dict[Any, Any], path: SpecPath) -> Any:
        name = value.get("type")
        if not isinstance(name, str) or name in self.types:
            return self.record(self.types[name] if isinstance(name, str) else Dependency, value, path)
        here = path + ("type",)
        self.shape.wrong.add(path)
        if name in LATER_TYPES:
            self._add(
                LATER,
                here,
                f"dependencies of type `{name}` are known, not yet compiled",
                "leave it out, or give the access in service.taskRole.statements",
            )
        else:
            self._add(DEPENDENCY, here, f"unknown dependency type `{name}`", _nearest(name, self.types, "there are"))
        return None

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
            elif kind.name == "string" and isinstance(value, (int, float)) and each.key.as_text:
                out[key] = self._written(value, here)
            else:
                validator = item_validator(kind, each)
                if validator.validate({"item": value}, normalize=False):
                    out[key] = value
                for error in validator._errors:
                    self._say(error, each, here, value)
        return out

    def _scalar(self, each: Field, value: Any, path: SpecPath) -> Any:
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
            spellings = {s: None for each in fields_of(record) for s in (each.name, *(a for a in each.key.also if "." not in a))}
            hint = _nearest(str(name), {**spellings, **dict.fromkeys(later)}, "keys here are")
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
                TYPE, path, f"`{_label(path)}` must be {_expected(each, path)}, not {_found(value)}", _type_hint(each, value)
            )
        elif error.rule in ("min", "max"):
            self._add(LIMIT, path, f"{value} is out of range for `{_label(path)}`", _range(key.minimum, key.maximum))
        elif error.rule == "matches":
            self._add(
                FORM,
                path,
                f"`{value}` is not a valid `{_label(path)}`",
                f"write {key.expects}" if key.expects else f"it must match {key.pattern}",
            )
        elif error.rule == "allowed" and value in key.later:
            self._add(LATER, path, f"`{_label(path)}: {value}` is known, not yet compiled", f"use {_either(key.allowed)}")
        elif error.rule == "allowed":
            self._add(CHOICE, path, f"`{value}` is not offered for `{_label(path)}`", _choice_hint(value, key))
        elif error.rule == "maxlength":
            self._add(LIMIT, path, f"`{_label(path)}` has {len(value)} characters", f"at most {key.longest}")
        else:
            self._add(LIMIT, path, f"`{_label(path)}` is empty", f"give at least {key.fewest}")

    def _add(self, rule: Rule, path: SpecPath, message: str, hint: str, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.shape.findings.append(rule.at(span, path, message, hint))


def check(document: Document, types: Mapping[str, type[Dependency]]) -> tuple[Spec | None, Shape]:
    """The spec of a document and what is wrong with its shape; None where name, service or the like is missing."""
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


def _label(path: SpecPath) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "spec"


def _expected(each: Field, path: SpecPath) -> str:
    kinds: tuple[Kind, ...] = each.kinds
    if path[-1] != each.name:
        kinds = tuple(kind.item for kind in each.kinds if kind.item)
    return " or ".join(dict.fromkeys(_WORDS[kind.name] for kind in kinds))


def _found(value: Any) -> str:
    if value is None:
        return "empty"
    names = {dict: "a map", list: "a list", bool: "a boolean", int: "an integer", float: "a number"}
    return names.get(type(value), "text")


def _type_hint(each: Field, value: Any) -> str:
    if isinstance(value, str) and value.isdigit() and any(kind.name == "integer" for kind in each.kinds):
        return f"write {value} without quotes"
    if isinstance(value, str) and any(kind.name == "list" for kind in each.kinds):
        words = ", ".join(f'"{word}"' for word in value.split())
        return f"write a list: [{words}]"
    return each.key.doc


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"use {low:g} to {high:.0f}"
    return f"use at least {low:g}" if low is not None else f"use at most {high:g}"


def _either(values: tuple[Any, ...]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " or " + texts[-1]


def _choice_hint(value: Any, key: Key) -> str:
    if len(key.allowed) == 1:
        return f"use {key.allowed[0]}. {key.doc}"
    close = difflib.get_close_matches(str(value), [str(one) for one in key.allowed], 1, 0.8)
    return f"did you mean `{close[0]}`?" if close and len(key.allowed) > 3 else f"use {_either(key.allowed)}"


def _nearest(name: str, known: Mapping[str, Any], otherwise: str) -> str:
    candidates = sorted(known)
    by_case = {one.lower(): one for one in candidates}
    close = difflib.get_close_matches(camel(name).lower(), list(by_case), 1, 0.6)
    return f"did you mean `{by_case[close[0]]}`?" if close else f"{otherwise} {', '.join(candidates)}"
