"""What the pricing of a resource type is made of: prices, assumptions, ranges, and the lines of an estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack

HOURS = Decimal(730)
"""Hours of a month, as in AWS's own estimates."""

SECONDS = HOURS * 3600
DAYS = HOURS / 24
MILLION = Decimal(10) ** 6

PRICE_LIST = "infracost's recorded results, made from the AWS Price List"
"""A source that many prices share."""


class Price(NamedTuple):
    """What one ``unit`` costs: the on-demand list price in USD in us-east-1, or the user's own.

    ``source`` is where the price was read, ``date`` when that was published, or read if it has no date. ``weak``: no
    good source confirms the price.
    """

    name: str
    price: Decimal
    unit: str
    source: str
    date: str
    weak: bool = False
    note: str = ""


@dataclass(frozen=True)
class Prices:
    """The prices by name, their region and currency, and the day on which they were gathered."""

    region: str
    currency: str
    date: str
    prices: Mapping[str, Price]
    overridden: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]


class Assumption(NamedTuple):
    """A number that the template does not contain. ``unit`` and ``meaning`` are for the reader."""

    name: str
    default: Decimal
    unit: str
    meaning: str
    minimum: int = 0


def price(name: str, amount: str, unit: str, source: str, date: str, note: str = "", weak: bool = False) -> Price:
    """A list price."""
    return Price(name, Decimal(amount), unit, source, date, weak, note)


def assumption(name: str, default: str, unit: str, meaning: str, minimum: int = 0) -> Assumption:
    """An assumption with its default."""
    return Assumption(name, Decimal(default), unit, meaning, minimum)


class Range(NamedTuple):
    """A quantity at the minimum and at the maximum number of tasks."""

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
        return self.plus(other.times(-1))

    def __str__(self) -> str:
        low, high = number(self.minimum), number(self.maximum)
        return low if low == high else f"{low} to {high}"


NOTHING = Range.of(0)


def sum_of(ranges: Iterable[Range]) -> Range:
    """The sum of ranges."""
    total = NOTHING
    for one in ranges:
        total = total.plus(one)
    return total


class CostLine(NamedTuple):
    """One line of the estimate: ``quantity`` of the price's units in a month, and in words how it is calculated.

    ``key`` is unique in an estimate and the same in the next one. ``assumptions`` are the names of those in the
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
        """The cost of a month."""
        return self.quantity.times(self.price.price)


class Unpriced(NamedTuple):
    """What the estimate leaves out, and why."""

    name: str
    why: str
    resources: tuple[str, ...] = ()


Resources = Sequence[PlannedResource]
CostItems = Iterator[CostLine | Unpriced]


class PricingContext(NamedTuple):
    """What a pricing rule reads: the resources, the prices, the value of every assumption, and the part of its
    lines.

    ``users`` are the templates whose services use what is priced, each with the assumed usage: the priced one itself,
    unless it only makes what others share, and those at hand that import from it. The resources of the others have
    names with the name of their template.
    """

    stack: PlannedStack
    prices: Prices
    assumed: Mapping[str, Decimal]
    part: str = ""
    users: frozenset[str] = frozenset({""})

    def line(
        self,
        price: str,
        name: str,
        quantity: Range | Decimal | int,
        how: str,
        resources: PlannedResource | Resources,
        *assumptions: str,
        owner: str = "",
    ) -> CostLine:
        """A line at the price of this name, for one resource, or for all of a kind. ``owner`` tells apart two lines
        at one price."""
        if isinstance(resources, PlannedResource):
            owner, resources = resources.name, (resources,)
        total = quantity if isinstance(quantity, Range) else Range.of(quantity)
        names = tuple(one.name for one in resources)
        return CostLine(f"{price} {owner}".strip(), self.part, name, self.prices[price], total, how, names, assumptions)

    def usage(
        self, price: str, name: str, assumption: str, unit: str, resources: PlannedResource | Resources, per: int = 1
    ) -> CostLine:
        """A line whose quantity is an assumption, counted by ``per`` of its units."""
        value = self.assumed[assumption]
        return self.line(price, name, value / per, f"{number(value)} {unit}", resources, assumption)

    def usage_of_each(
        self, price: str, name: str, assumption: str, unit: str, resources: Resources
    ) -> Iterator[CostLine | Unpriced]:
        """A line whose quantity is an assumption for each user, whatever the number of resources."""
        if not self.users:
            yield Unpriced(name, "no service of these templates uses it", tuple(one.name for one in resources))
            return
        value = self.assumed[assumption]
        amount = f"{number(value)} {unit}"
        how = f"{amount} in total" if len(self.users) == 1 else times(len(self.users), amount)
        yield self.line(price, name, value * len(self.users), how, resources, assumption)


PricingFunction = Callable[[PricingContext, Resources], CostItems]
"""Prices all resources of a type; there is at least one."""


def each_month(
    price: str, name: str, is_charged: Callable[[PlannedResource], bool] = lambda resource: True
) -> PricingFunction:
    """Price every resource that is charged by the month, whatever its properties and its use."""

    def lines(context: PricingContext, resources: Resources) -> CostItems:
        charged = [one for one in resources if is_charged(one)]
        if charged:
            yield context.line(price, name, len(charged), f"{len(charged)} × 1 month", charged)

    return lines


class PricingRule(NamedTuple):
    """How a type is priced, with the prices and assumptions that it adds. ``order`` is its place in the part: lowest
    first."""

    part: str
    lines: PricingFunction
    prices: tuple[Price, ...]
    assumptions: tuple[Assumption, ...] = ()
    order: int = 0


def number(value: Decimal) -> str:
    """A quantity for a reader: at most three decimals, no trailing zeros, groups of thousands."""
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return text if text not in ("0", "-0") or value == 0 else f"{value:.2g}"


def times(users: int, what: str) -> str:
    """A quantity that each of some services has, in words."""
    return what if users == 1 else f"{users} services × {what}"


def decimal(value: object) -> Decimal | None:
    """A property that is a number, or a number as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = Decimal(str(value).strip())
    except ArithmeticError:
        return None
    return parsed if parsed.is_finite() else None


def at_least_zero(value: object) -> Decimal:
    """A property that is a positive number; zero for anything else."""
    return max(decimal(value) or Decimal(0), Decimal(0))
