"""The price table: dated list prices with their sources, and what a file of the user's overrides."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read

_DATA = Path(__file__).parent.parent / "data" / "prices.json"
_KEYS = ("price", "unit", "source", "date", "weak", "note")


class PriceError(ValueError):
    """A price file that cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True)
class Price:
    """What one ``unit`` costs, in the table's currency. ``weak`` where no good source confirms it."""

    name: str
    price: Decimal
    unit: str
    source: str
    date: str
    weak: bool = False
    note: str = ""


@dataclass(frozen=True)
class Prices:
    """The prices by name, the region and currency that they are for, and the day they were gathered."""

    region: str
    currency: str
    date: str
    prices: Mapping[str, Price]
    overridden: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]


@cache
def shipped() -> Prices:
    """The table that comes with fsdcf."""
    data = json.loads(_DATA.read_text(encoding="utf-8"))
    prices = {name: Price(name=name, **{**one, "price": Decimal(one["price"])}) for name, one in data["prices"].items()}
    return Prices(data["region"], data["currency"], data["date"], prices)


def overridden(prices: Prices, text: str, file: str) -> Prices:
    """The table with the entries of a user's file, JSON or YAML: ``nat.hour: 0.05``, or a mapping with price, source and date.

    ``region``, ``currency`` and ``date`` may be given beside ``prices``. Raises PriceError.
    """
    try:
        data = read(text)
    except TemplateError as error:
        raise PriceError(str(error).removeprefix("Template format error: ")) from None
    head = {key: data.pop(key) for key in ("about", "region", "currency", "date") if key in data}
    if not all(isinstance(one, str) for one in head.values()):
        raise PriceError("region, currency and date are texts")
    entries = data.pop("prices", None) if "prices" in data else data
    if not isinstance(entries, Mapping) or (data and entries is not data):
        raise PriceError("it must be a mapping of price names, or have one below `prices`")
    found = dict(prices.prices)
    for name, written in entries.items():
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            raise PriceError(f"there is no price {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        found[name] = _entry(found[name], written, file)
    return Prices(
        head.get("region", prices.region),
        head.get("currency", prices.currency),
        head.get("date", prices.date),
        found,
        tuple(entries),
    )


def _entry(known: Price, written: Any, file: str) -> Price:
    entry = dict(written) if isinstance(written, Mapping) else {"price": written}
    foreign = [key for key in entry if key not in _KEYS]
    if foreign:
        raise PriceError(f"{known.name}: there is no key {foreign[0]!r}; there are {', '.join(_KEYS)}")
    if entry.get("unit", known.unit) != known.unit:
        raise PriceError(f"{known.name} is a price for each {known.unit}, not {entry['unit']!r}")
    if not isinstance(entry.get("weak", False), bool):
        raise PriceError(f"{known.name}: weak is true or false")
    return replace(
        known,
        price=_amount(known.name, entry.get("price")),
        source=str(entry.get("source", file)),
        date=str(entry.get("date", "")),
        weak=entry.get("weak", False),
        note=str(entry.get("note", known.note)),
    )


def _amount(name: str, written: Any) -> Decimal:
    try:
        amount = Decimal(str(written)) if not isinstance(written, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > 10**9:
        raise PriceError(f"{name}: {written!r} is no price; write a number such as {0.045}")
    return amount
