"""The extreme values that the language accepts for a key: the shortest and longest text, the least and greatest number,
the fewest and most items."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any

from fsdcf.language.shape import Field, Key

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_parse as regex

UNBOUNDED = (1, 2000)
"""Characters of a text without a bound, and items of a list without one."""
MANY_ITEMS = 60
ODD_TEXTS = ("", " ", "é" * 300, "漢" * 300, "😀" * 100, "a b\tc", "*", "x" * 5000)


def extremes(field: Field, required: Callable[[type], dict[str, Any]]) -> Iterator[Any]:
    """Yield extreme values of a key; ``required`` returns a map with the required keys of a record."""
    key = field.key
    for each in field.types:
        if each.name == "list" and each.item:
            most = key.most or MANY_ITEMS
            yield [_item(each.item, key, required, number) for number in range(key.fewest or 0)]
            yield [_item(each.item, key, required, number) for number in range(most)]
            yield [_item(each.item, key, required, 0)] * 2
            yield from ([value] for value in _scalars(each.item.name, key))
        elif each.name == "map":
            names = texts(Key("", pattern=key.key_pattern)) if key.key_pattern else ODD_TEXTS
            yield dict.fromkeys(names, "value")
            yield {f"NAME_{number}": "v" for number in range(MANY_ITEMS)}
            yield from ({"NAME": value} for value in _scalars(each.item.name if each.item else "string", key))
        elif each.name in ("record", "dependency"):
            continue
        else:
            yield from _scalars(each.name, key)


def _item(item: Any, key: Key, required: Callable[[type], dict[str, Any]], number: int) -> Any:
    if item.record:
        made = required(item.record)
        return {**made, "name": f"{made['name']}{number}"} if "name" in made and not item.record else made
    choices = [*key.allowed] or list(distinct(key, number))
    return choices[number % len(choices)]


def distinct(key: Key, number: int) -> Iterator[str]:
    """Yield a text that matches the key's pattern and differs for each number, where the pattern has room."""
    text = shortest(key.pattern) if key.pattern else "x"
    for digits in (f"{number:x}", ""):
        for at in range(len(text), -1, -1):
            for candidate in (text[:at] + digits + text[at:], text[: max(0, at - len(digits))] + digits + text[at:]):
                if not key.pattern or re.fullmatch(key.pattern, candidate):
                    yield candidate
                    return


def _scalars(name: str, key: Key) -> Iterator[Any]:
    if key.allowed:
        yield from key.allowed
    elif name in ("integer", "number"):
        yield from (bound for bound in (key.minimum, key.maximum) if bound is not None)
        yield from () if key.minimum is not None else (-(2**31), 0)
        yield from () if key.maximum is not None else (2**31 - 1, 2**31, 10**12)
    elif name == "boolean":
        yield from (True, False)
    else:
        yield from texts(key)


def texts(key: Key) -> Iterator[str]:
    """Yield texts that a key accepts: the shortest, and the longest or some long ones."""
    if not key.pattern:
        yield from (text[: key.longest] for text in ODD_TEXTS)
        return
    yield shortest(key.pattern)
    lengths = [key.longest] if key.longest else list(UNBOUNDED)
    yield from dict.fromkeys(chain.from_iterable(longest(key.pattern, length) for length in lengths))


@cache
def shortest(pattern: str) -> str:
    """Return a short text that matches a pattern."""
    return next(text for repeats in (0, 1, 2, 3) if re.fullmatch(pattern, text := _text(regex.parse(pattern), repeats)))


@cache
def longest(pattern: str, length: int) -> tuple[str, ...]:
    """Return a text that matches a pattern and has at most this length, if there is a longer one than the shortest."""
    parsed = regex.parse(pattern)
    for repeats in range(length, 0, -1):
        text = _text(parsed, repeats)
        if len(text) <= length and re.fullmatch(pattern, text):
            return (text,)
    return ()


def _text(parsed: Any, repeats: int) -> str:
    """Return a text for a parsed pattern, with each optional part repeated so often at most."""
    return "".join(_part(name, value, repeats) for name, value in parsed)


def _part(name: Any, value: Any, repeats: int) -> str:
    kind = str(name)
    if kind == "LITERAL":
        return chr(value)
    if kind == "IN":
        return _character(value)
    if kind == "ANY":
        return "x"
    if kind == "NOT_LITERAL":
        return "x" if chr(value) != "x" else "y"
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, below = value
        nested = any(str(each) in ("MAX_REPEAT", "MIN_REPEAT") for each, _ in _flat(below))
        times = max(low, min(int(high), repeats))
        return _text(below, 1 if nested else repeats) * times
    if kind == "SUBPATTERN":
        return _text(value[-1], repeats)
    if kind == "BRANCH":
        options = [_text(option, repeats) for option in value[1]]
        return max(options, key=len) if repeats else min(options, key=len)
    return ""


def _flat(parsed: Any) -> Iterator[tuple[Any, Any]]:
    for name, value in parsed:
        yield name, value
        if str(name) == "SUBPATTERN":
            yield from _flat(value[-1])


def _character(choices: Any) -> str:
    first, value = choices[0]
    if str(first) == "NEGATE":
        excluded = {chr(each) for kind, each in choices[1:] if str(kind) == "LITERAL"}
        return next(letter for letter in "xyz" if letter not in excluded)
    if str(first) == "LITERAL":
        return chr(value)
    if str(first) == "RANGE":
        return chr(value[0] if chr(value[0]) != "!" else ord("x"))
    return "7" if "DIGIT" in str(value) else "x"
