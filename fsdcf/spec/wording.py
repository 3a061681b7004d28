"""Words for findings about shape: what a value is called, what it may be, and which key was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.spec.shape import Field, Key, Kind, camel, fields_of, record_of

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
