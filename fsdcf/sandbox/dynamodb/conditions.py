"""Conditions of DynamoDB: the part of the language that guards a write, and a refusal by name of the rest.

Played are attribute_exists, attribute_not_exists, begins_with, the six comparators, AND, OR, NOT and parentheses, over attributes
of the item itself. Reserved words are not known. Source:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from fsdcf.sandbox.dynamodb.values import Item, clean, kind_of, raw, refused

Test = Callable[[Item], bool]
_Operand = Callable[[Item], Item | None]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),.\[\]]|[#:]?[A-Za-z0-9_-]+)")
_COMPARATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNPLAYED = ("attribute_type", "contains", "size", "BETWEEN", "IN")
_WHERE = "Invalid ConditionExpression: "


def holds(params: Mapping[str, Any], item: Item | None) -> bool:
    """Whether the condition of a write holds for the item that is there. Refusal for a condition that cannot be evaluated."""
    text, names, values = (
        params.get(key) for key in ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
    )
    if text is None:
        for what, given in (("Names", names), ("Values", values)):
            if given is not None:
                raise refused(f"ExpressionAttribute{what} can only be specified when using expressions")
        return True
    if not text:
        raise refused(f"{_WHERE}The expression can not be empty;")
    reader = _Reader(text, names or {}, values or {})
    test = reader.whole()
    reader.check_used()
    return test(item or {})


class _Reader:
    """Reads one condition, from left to right."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._names = names
        self._values = values
        self._used: set[str] = set()

    def whole(self) -> Test:
        test = self._either()
        if self._next():
            raise self._astray()
        return test

    def check_used(self) -> None:
        """Every name and value that is given must occur."""
        for what, given in (("Names", self._names), ("Values", self._values)):
            unused = sorted(set(given) - self._used)
            if unused:
                raise refused(
                    f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{', '.join(unused)}}}"
                )

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("OR"):
            tests.append(self._both())
        return lambda item: any(test(item) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._word("AND"):
            tests.append(self._one())
        return lambda item: all(test(item) for test in tests)

    def _one(self) -> Test:
        if self._word("NOT"):
            test = self._one()
            return lambda item: not test(item)
        if self._word("("):
            test = self._either()
            self._demand(")")
            return test
        following = self._tokens[self._at + 1 : self._at + 2]
        return self._function() if following == ["("] else self._comparison()

    def _function(self) -> Test:
        name = self._take()
        if name not in ("attribute_exists", "attribute_not_exists", "begins_with"):
            raise (
                self._unplayed(name)
                if name in _UNPLAYED
                else refused(f"{_WHERE}Invalid function name; function: {name}")
            )
        self._demand("(")
        path = self._path()
        if name == "begins_with":
            self._demand(",")
            return self._begins(path)
        self._demand(")")
        return lambda item: (path in item) == (name == "attribute_exists")

    def _begins(self, path: str) -> Test:
        start = self._value()
        self._demand(")")
        kind = kind_of(start)
        if kind not in ("S", "B"):
            raise refused(
                f"{_WHERE}Incorrect operand type for operator or function; operator or function: begins_with, operand type: {kind}"
            )
        return lambda item: kind in item.get(path, {}) and raw(item[path]).startswith(raw(start))

    def _comparison(self) -> Test:
        left = self._operand()
        sign = self._take()
        if sign.upper() in _UNPLAYED:
            raise self._unplayed(sign.upper())
        if sign not in _COMPARATORS:
            self._at -= 1
            raise self._astray()
        right = self._operand()
        return lambda item: _compared(sign, left(item), right(item))

    def _operand(self) -> _Operand:
        if self._next().startswith(":"):
            value = self._value()
            return lambda item: value
        path = self._path()
        return lambda item: item.get(path)

    def _path(self) -> str:
        """The name of an attribute, which stands there or is given beside the condition."""
        token = self._take()
        if not re.fullmatch(r"#?[A-Za-z_][\w-]*|#[\w-]+", token):
            self._at -= 1
            raise self._astray()
        if self._next() in (".", "["):
            raise self._unplayed("paths into documents")
        if not token.startswith("#"):
            return token
        if token not in self._names:
            words = f"An expression attribute name used in the document path is not defined; attribute name: {token}"
            raise refused(f"{_WHERE}{words}")
        self._used.add(token)
        return self._names[token]

    def _value(self) -> Item:
        token = self._take()
        if token not in self._values:
            words = f"An expression attribute value used in expression is not defined; attribute value: {token}"
            raise refused(f"{_WHERE}{words}")
        self._used.add(token)
        found: Item = clean({token: self._values[token]})[token]
        return found

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        if not token:
            raise self._astray()
        self._at += 1
        return token

    def _word(self, word: str) -> bool:
        found = self._next().upper() == word
        self._at += found
        return found

    def _demand(self, token: str) -> None:
        if not self._word(token):
            raise self._astray()

    def _astray(self) -> Exception:
        near = " ".join(self._tokens[max(0, self._at - 1) : self._at + 2])
        return refused(f'{_WHERE}Syntax error; token: "{self._next() or "<EOF>"}", near: "{near}"')

    def _unplayed(self, what: str) -> Exception:
        return refused(f"the sandbox does not play {what} in a ConditionExpression")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise refused(
                f'{_WHERE}Syntax error; token: "{text[at:].strip()[0]}", near: "{text[at : at + 10].strip()}"'
            )
        found.append(match[1])
        at = match.end()
    return found


def _compared(sign: str, left: Item | None, right: Item | None) -> bool:
    """Attributes that are absent compare with nothing; only numbers, strings and binary data have an order."""
    if left is None or right is None:
        return False
    if sign in ("=", "<>"):
        return _COMPARATORS[sign](_plain(left), _plain(right))
    kind = kind_of(left)
    return kind == kind_of(right) and kind in ("S", "N", "B") and _COMPARATORS[sign](_rank(left), _rank(right))


def _plain(value: Item) -> Any:
    """A value that equals another where DynamoDB takes them to be equal: a set has no order."""
    ((kind, content),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return kind, frozenset(content)
    if kind == "L":
        return kind, [_plain(one) for one in content]
    return (kind, {name: _plain(one) for name, one in content.items()}) if kind == "M" else (kind, content)


def _rank(value: Item) -> Any:
    return Decimal(value["N"]) if "N" in value else raw(value)
