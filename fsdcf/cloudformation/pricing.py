"""The price table: dated list prices with their sources, and what a file of the user's overrides."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from fsdcf.cloudformation.planned import PlannedStack
from fsdcf.cloudformation.template import TemplateError, read

_DATA = Path(__file__).parent / "data" / "prices.json"
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
    """The table with the entries of a user's file, JSON or YAML: ``nat.hour: 0.05``, or a mapping with price, source
    and date.

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
        found[name] = _price_entry(found[name], written, file)
    return Prices(
        head.get("region", prices.region),
        head.get("currency", prices.currency),
        head.get("date", prices.date),
        found,
        tuple(entries),
    )


def _price_entry(known: Price, written: Any, file: str) -> Price:
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


HOURS = Decimal(730)
"""Hours of a month, as AWS's own estimates count them."""

SECONDS = HOURS * 3600
DAYS = HOURS / 24


@dataclass(frozen=True)
class Range:
    """A quantity at the least and at the most number of tasks."""

    minimum: Decimal
    maximum: Decimal

    @staticmethod
    def of(value: Decimal | int) -> Range:
        """The same quantity, however many tasks run."""
        return Range(Decimal(value), Decimal(value))

    def times(self, factor: Decimal | int) -> Range:
        return Range(self.minimum * factor, self.maximum * factor)

    def plus(self, other: Range) -> Range:
        return Range(self.minimum + other.minimum, self.maximum + other.maximum)

    def minus(self, other: Range) -> Range:
        return Range(self.minimum - other.minimum, self.maximum - other.maximum)

    def __str__(self) -> str:
        low, high = number(self.minimum), number(self.maximum)
        return low if low == high else f"{low} to {high}"


NOTHING = Range(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class CostLine:
    """One line of the estimate: ``quantity`` of the price's units in a month, and in words how it comes about.

    ``key`` is unique in an estimate and the same in the next one. ``assumptions`` are the names of those behind the
    quantity.
    """

    key: str
    part: str
    name: str
    price: Price
    quantity: Range
    how: str
    resources: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def amount(self) -> Range:
        """What it costs in a month."""
        return self.quantity.times(self.price.price)


@dataclass(frozen=True)
class Unpriced:
    """What the estimate leaves out, and why."""

    name: str
    why: str
    resources: tuple[str, ...] = ()


@dataclass(frozen=True)
class PricingContext:
    """What the rules look at: the resources, the prices, and the value of every assumption."""

    view: PlannedStack
    prices: Prices
    assumed: Mapping[str, Decimal]

    def line(
        self,
        price: str,
        part: str,
        name: str,
        quantity: Range,
        how: str,
        resources: tuple[str, ...],
        assumptions: tuple[str, ...] = (),
        owner: str = "",
    ) -> CostLine:
        """A line at the price of this name.

        ``owner`` is the resource whose own line it is; without one it is for all of a kind.
        """
        return CostLine(
            f"{price} {owner}".strip(), part, name, self.prices[price], quantity, how, resources, assumptions
        )


def number(value: Decimal) -> str:
    """A quantity for a reader: at most three decimals, no trailing zeros, thousands apart."""
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return text if text not in ("0", "-0") or value == 0 else f"{value:.2g}"


def counted(value: Range | int, word: str) -> str:
    """``1 task``, ``2 to 10 tasks``, ``3 policies``, ``2 gateways``."""
    value = Range.of(value) if isinstance(value, int) else value
    if value == Range.of(1):
        return f"1 {word}"
    return f"{value} {word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{value} {word}s"


def decimal(value: object) -> Decimal | None:
    """A property that is a number, or the text of one; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value).strip())
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


_MOST = Decimal(10) ** 12


class AssumptionError(ValueError):
    """An assumption that is not known, or whose value is no number; the text says so."""


@dataclass(frozen=True)
class Assumption:
    """A number that the template does not tell. ``unit`` and ``meaning`` are for the reader."""

    name: str
    default: Decimal
    unit: str
    meaning: str


def _assumption(name: str, default: str, unit: str, meaning: str) -> Assumption:
    return Assumption(name, Decimal(default), unit, meaning)


ASSUMPTIONS: Mapping[str, Assumption] = {
    one.name: one
    for one in (
        _assumption("requests-per-second", "10", "requests/s", "at each load balancer, on average over the month"),
        _assumption("request-kilobytes", "2", "kB", "size of a request"),
        _assumption("response-kilobytes", "8", "kB", "size of a response"),
        _assumption("requests-per-connection", "10", "requests", "that a client sends over one connection"),
        _assumption("connection-seconds", "60", "s", "that a connection stays open"),
        _assumption(
            "nat-gigabytes", "20", "GB/month", "through all NAT gateways together, both ways: images, other services"
        ),
        _assumption("endpoint-gigabytes", "10", "GB/month", "through all interface endpoints together"),
        _assumption("log-gigabytes-per-task", "1", "GB/month", "that a running task writes to each log group"),
        _assumption("log-compression", "0.15", "", "stored size of logs by their size at ingestion"),
        _assumption("log-months", "12", "months", "of logs in store where a log group keeps them for ever"),
        _assumption(
            "dynamodb-writes-per-second",
            "1",
            "units/s",
            "write request units for each table on demand; indexes take as many again",
        ),
        _assumption("dynamodb-reads-per-second", "5", "units/s", "read request units for each table on demand"),
        _assumption("dynamodb-gigabytes", "5", "GB", "in each table; an index holds as much again"),
        _assumption("s3-gigabytes", "20", "GB", "in each bucket, older versions included"),
        _assumption("s3-writes", "100000", "requests/month", "PUT, COPY, POST and LIST for each bucket"),
        _assumption("s3-reads", "1000000", "requests/month", "GET for each bucket"),
        _assumption(
            "sqs-messages-per-second",
            "1",
            "messages/s",
            "through each queue, dead letters left out; each is sent, received and deleted",
        ),
        _assumption("efs-gigabytes", "10", "GB", "in each file system, in the Standard class"),
        _assumption("efs-read-gigabytes", "20", "GB/month", "read from each file system"),
        _assumption("efs-write-gigabytes", "5", "GB/month", "written to each file system"),
    )
}
"""By name. They describe a small service; nobody's is like it."""


def assumed(settings: Iterable[str] = ()) -> dict[str, Decimal]:
    """The value of every assumption: the default, or what ``NAME=NUMBER`` sets. Raises AssumptionError."""
    values = {name: one.default for name, one in ASSUMPTIONS.items()}
    for setting in settings:
        name, equals, written = setting.partition("=")
        if not equals:
            raise AssumptionError(
                f"an assumption is written NAME=NUMBER, such as requests-per-second=50, not {setting!r}"
            )
        if name not in ASSUMPTIONS:
            near = difflib.get_close_matches(name, ASSUMPTIONS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ASSUMPTIONS)}"
            raise AssumptionError(f"there is no assumption {name!r}; {hint}")
        values[name] = _assumption_value(name, written)
    return values


def _assumption_value(name: str, written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= _MOST:
        raise AssumptionError(f"{name}={written}: a number from 0 to a million million is needed")
    if name == "requests-per-connection" and number < 1:
        raise AssumptionError(f"{name}={written}: a connection carries at least one request")
    return number
