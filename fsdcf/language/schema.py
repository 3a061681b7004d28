"""The shape of a document: unknown keys, types, limits. Wrong parts are reported and unknown, so that the rest can be judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from cerberus import TypeDefinition, Validator
from cerberus.errors import BasicErrorHandler, ErrorDefinition
from cerberus.schema import UnvalidatedSchema

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.blind import record_without
from fsdcf.language.document import Document
from fsdcf.language.model import Dependency, Spec
from fsdcf.language.placeholders import Pseudo, Text, sample
from fsdcf.language.shape import Field, Key, Kind, camel, fields_of, later_of, names_of, record_of

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


def label(path: SpecPath) -> str:
    """The name of the key that a path leads to; of its list, for an item."""
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "spec"


def subject(path: SpecPath) -> str:
    """What a path leads to, as the subject of a sentence."""
    return f"an item of `{label(path)}`" if path and isinstance(path[-1], int) else f"`{label(path)}`"


def expected(each: Field, path: SpecPath) -> str:
    """What a key takes, or the items of its list or map."""
    return " or ".join(dict.fromkeys(_WORDS[kind.name] for kind in _kinds_at(each, path)))


def _kinds_at(each: Field, path: SpecPath) -> tuple[Kind, ...]:
    return each.kinds if path[-1] == each.name else tuple(kind.item for kind in each.kinds if kind.item)


def found(value: Any) -> str:
    """What was written instead."""
    if value is None:
        return "empty"
    names = {dict: "a map", list: "a list", bool: "a boolean", int: "an integer", float: "a number"}
    return names.get(type(value), "text")


def type_hint(each: Field, value: Any, path: SpecPath) -> str:
    """How to write a value that has the wrong type."""
    if value is None and each.key.as_text and path[-1] != each.name:
        return 'write "" for an empty text'
    if isinstance(value, str) and value.isdigit() and any(kind.name == "integer" for kind in each.kinds):
        return f"write {value} without quotes"
    if form := _other_form(each, value, path):
        return form
    if isinstance(value, str) and any(kind.name == "list" for kind in each.kinds):
        words = ", ".join(f'"{word}"' for word in value.split())
        return f"write a list: [{words}]"
    if isinstance(value, str) and any(kind.name == "integer" for kind in each.kinds):
        return _plain_number(each, value)
    names = _keys_of(each)
    if (
        isinstance(value, str)
        and any(kind.name == "boolean" for kind in each.kinds)
        and (value.lower() in _YES_OR_NO or not names)
    ):
        return "write true or false, without quotes"
    if not isinstance(value, (dict, list)) and 0 < len(names) < _MANY:
        return f"write a map; keys here are {', '.join(names)}"
    return each.key.doc


def pair_hint(record: type, item: Any) -> str:
    """How to write an item that pairs a name with its value (``- NAME: value``), where both are keys of their own; else nothing."""
    required = [field for field in fields_of(record) if field.required]
    if len(required) != 2 or not isinstance(item, dict) or not item or {str(key) for key in item} & _names_of(record):
        return ""
    if required[0].name != "name" or not all(isinstance(value, str) for value in item.values()):
        return ""
    return f"write two keys, each on its line: `name: {next(iter(item))}` and `{required[1].name}:` with the value"


def _other_form(each: Field, value: Any, path: SpecPath) -> str:
    """How to write a list as a map, a map as a list, and what is to be a map in a list; else nothing."""
    kinds = _kinds_at(each, path)
    items = [kind.item for kind in kinds if kind.name == "list" and kind.item]
    needed = [name for item in items for name in _required(item)]
    if needed and isinstance(value, (dict, str)):
        return f"write a list; each item begins with `- ` and has {_and(needed)}"
    if isinstance(value, list) and [kind.name for kind in kinds] == ["map"]:
        return "write `name: value` lines, without `- `"
    needed = [name for kind in kinds for name in _required(kind)]
    if needed and isinstance(value, str) and path[-1] != each.name:
        return f"an item is a map with {_and(needed)}"
    return ""


def _required(kind: Kind) -> list[str]:
    if kind.name == "dependency":
        return ["type", "name"]
    return [field.name for field in fields_of(kind.record) if field.required] if kind.record else []


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _names_of(record: type) -> set[str]:
    return {name for field in fields_of(record) for name in (field.name, *field.key.also)}


_MANY = 10
_YES_OR_NO = ("true", "false", "yes", "no", "on", "off", "y", "n")
_QUANTITY = re.compile(r"([1-9][0-9]{0,5}) ?(Mi?B?|Gi?B?|s|m|h|d)", re.IGNORECASE)
_UNITS = {"MiB": {"m": 1, "g": 1024}, "GiB": {"g": 1}, "econds": {"s": 1, "m": 60, "h": 3600, "d": 86400}}


def _plain_number(each: Field, value: str) -> str:
    """For ``4GB`` or ``45s`` the number that the key takes, by the unit that its meaning names; else the meaning alone."""
    written = _QUANTITY.fullmatch(value)
    doc = each.key.doc
    units = next((units for word, units in _UNITS.items() if word in doc), {})
    if written and (unit := units.get(written[2].lower().replace("ib", "").replace("b", ""))):
        return f"write {int(written[1]) * unit}. {doc}"
    return doc


def _keys_of(each: Field) -> list[str]:
    """The keys of the map that a key takes."""
    record = record_of(each)
    return sorted(field.name for field in fields_of(record)) if record else []


def range_hint(low: float | None, high: float | None) -> str:
    """The bounds of a number."""
    if low is not None and high is not None:
        return f"use {low:g} to {high:.0f}"
    return f"use at least {low:g}" if low is not None else f"use at most {high:g}"


def either(values: tuple[Any, ...]) -> str:
    """``a, b or c``."""
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " or " + texts[-1]


def choice_hint(value: Any, key: Key) -> str:
    """The nearest of the values that are offered, or all of them."""
    if len(key.allowed) == 1:
        return f"use {key.allowed[0]}. {key.doc}"
    if isinstance(value, int) and len(key.allowed) > 8:
        below, above = [one for one in key.allowed if one < value], [one for one in key.allowed if one > value]
        return f"use {either((*below[-1:], *above[:1]))}"
    close = _closest(str(value), [str(one) for one in key.allowed], 0.8)
    return f"did you mean `{close}`?" if close and len(key.allowed) > 3 else f"use {either(key.allowed)}"


_OTHER_WORDS = {"env": "environment", **dict.fromkeys(("replicas", "count"), "resources.desiredCount")}
"""What Kubernetes, Compose and Copilot call a key of ours."""


def other_word(name: str, keys: Iterable[str]) -> str:
    """Our key for a word of other tools, where it belongs to these keys; else nothing."""
    home, dot, key = _OTHER_WORDS.get(name, "").partition(".")
    if key in keys:
        return f"write `{key}`"
    return f"write `{home}{dot}{key}`" if home in keys else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: the only one with this word in it, or the one that is most alike."""
    known = list(known)
    holding = [one for one in known if name in one.split("_")]
    if len(holding) == 1:
        return holding[0]
    by_case = {one.lower(): one for one in sorted(known)}
    close = _closest(camel(name).lower(), list(by_case), 0.6)
    return by_case[close] if close else None


def _closest(word: str, known: list[str], likeness: float) -> str | None:
    import difflib  # a spec without a mistake needs none of it

    return next(iter(difflib.get_close_matches(word, known, 1, likeness)), None)


def lower_home(name: str, record: type) -> str | None:
    """The key of a record that holds a map with a key of this name, where there is just one: it was written one level too high."""
    homes = [field.name for field in fields_of(record) if name in _keys_of(field)]
    return homes[0] if len(homes) == 1 else None


def key_hint(name: str, known: Iterable[str], otherwise: str, shown: Iterable[str] | None = None) -> str:
    """The name that was probably meant, or all that are known: ``shown`` where names have other spellings too."""
    meant = nearest(name, known)
    return f"did you mean `{meant}`?" if meant else f"{otherwise} {', '.join(sorted(shown or known))}"


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
