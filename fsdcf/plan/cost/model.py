"""What an estimate is made of: ranges, lines, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from fsdcf.plan.cost.prices import Price, Prices
from fsdcf.plan.view import View

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
class Line:
    """One line of the estimate: ``quantity`` of the price's units in a month, and in words how it comes about.

    ``key`` is unique in an estimate and the same in the next one. ``assumptions`` are the names of those behind the quantity.
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
class Case:
    """What the rules look at: the resources, the prices, and the value of every assumption."""

    view: View
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
    ) -> Line:
        """A line at the price of this name. ``owner`` is the resource whose own line it is; without one it is for all of a kind."""
        return Line(f"{price} {owner}".strip(), part, name, self.prices[price], quantity, how, resources, assumptions)


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
