"""The inputs of an estimate: the prices and assumptions that the records declare, and what the user sets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from fsdcf.cloudformation.pricing import Assumption, Price, Prices, PricingRule, decimal
from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.cloudformation.types import records

_KEYS = ("price", "unit", "source", "date", "weak", "note")
_REGION, _CURRENCY, _DATE = "us-east-1", "USD", "2026-11-24"
_MOST = Decimal(10) ** 12

PARTS = ("tasks", "ingress", "network", "data", "logs and alarms", "permissions")
"""The parts of an estimate, in the order in which they are shown."""


class PriceError(ValueError):
    """A price file that cannot be used; the text names the fault."""


class AssumptionError(ValueError):
    """An unknown assumption, or a value that is not a number; the text names the fault."""


@cache
def rules() -> tuple[PricingRule, ...]:
    """The pricing rules in the order of their lines."""
    unique = dict.fromkeys(record.price for record in records() if isinstance(record.price, PricingRule))
    return tuple(sorted(unique, key=lambda rule: (PARTS.index(rule.part), rule.order)))


@cache
def shipped() -> Prices:
    """The list prices of all records."""
    return Prices(_REGION, _CURRENCY, _DATE, {one.name: one for rule in rules() for one in rule.prices})


def overridden(prices: Prices, text: str, file: str) -> Prices:
    """The prices with the entries of a user's file, JSON or YAML: ``nat.hour: 0.05``, or a mapping with price, source
    and date.

    ``region``, ``currency`` and ``date`` may be given beside ``prices``. Raises PriceError.
    """
    try:
        data = read(text)
    except TemplateError as error:
        raise PriceError(str(error).removeprefix("Template format error: ")) from None
    head = {key: data.pop(key) for key in ("about", "region", "currency", "date") if key in data}
    if not all(isinstance(one, str) for one in head.values()):
        raise PriceError("region, currency and date must be strings")
    entries = data.pop("prices", None) if "prices" in data else data
    if not isinstance(entries, Mapping) or (data and entries is not data):
        raise PriceError("it must be a mapping of price names, or have one below `prices`")
    table = dict(prices.prices)
    for name, written in entries.items():
        if name not in table:
            near = difflib.get_close_matches(name, table, 1)
            raise PriceError(f"unknown price {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        table[name] = _entry(table[name], written, file)
    region, currency, date = (head.get(key, getattr(prices, key)) for key in ("region", "currency", "date"))
    return Prices(region, currency, date, table, tuple(entries))


def _entry(known: Price, written: Any, file: str) -> Price:
    entry = dict(written) if isinstance(written, Mapping) else {"price": written}
    foreign = [key for key in entry if key not in _KEYS]
    if foreign:
        raise PriceError(f"{known.name}: unknown key {foreign[0]!r}; the keys are {', '.join(_KEYS)}")
    if entry.get("unit", known.unit) != known.unit:
        raise PriceError(f"{known.name} is the price of a {known.unit}, not of {entry['unit']!r}")
    if not isinstance(entry.get("weak", False), bool):
        raise PriceError(f"{known.name}: weak must be true or false")
    return known._replace(
        price=_amount(known.name, entry.get("price")),
        source=str(entry.get("source", file)),
        date=str(entry.get("date", "")),
        weak=entry.get("weak", False),
        note=str(entry.get("note", known.note)),
    )


def _amount(name: str, written: Any) -> Decimal:
    amount = decimal(written)
    if amount is None or not 0 <= amount <= 10**9:
        raise PriceError(f"{name}: {written!r} is not a price; write a number such as {0.045}")
    return amount


@cache
def assumptions() -> Mapping[str, Assumption]:
    """The assumptions of all records by name. They describe a small service; every service differs from it."""
    return {one.name: one for rule in rules() for one in rule.assumptions}


def assumed(settings: Iterable[str] = ()) -> dict[str, Decimal]:
    """The value of every assumption: the default, or what ``NAME=NUMBER`` sets. Raises AssumptionError."""
    values = {name: one.default for name, one in assumptions().items()}
    for setting in settings:
        name, equals, written = setting.partition("=")
        if not equals:
            raise AssumptionError(
                f"write an assumption as NAME=NUMBER, such as requests-per-second=50, not {setting!r}"
            )
        if name not in values:
            near = difflib.get_close_matches(name, values, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the assumptions are {', '.join(values)}"
            raise AssumptionError(f"unknown assumption {name!r}; {hint}")
        value, least = decimal(written), assumptions()[name].minimum
        if value is None or not least <= value <= _MOST:
            raise AssumptionError(f"{name}={written}: must be a number from {least} to 1,000,000,000,000")
        values[name] = value
    return values
