"""The estimate: the pricing rule of every type applied to a template, what it leaves out, and the difference of two
estimates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, planned
from fsdcf.cloudformation.pricing import NOTHING, CostLine, Prices, PricingContext, Range, Unpriced
from fsdcf.cloudformation.references import steps
from fsdcf.cloudformation.types import record_of
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.plan.access import access, shortened
from fsdcf.plan.cost.prices import PARTS, rules

_OF_THE_STACK = re.compile(r"arn:aws[a-z-]*:(?:acm|kafka):([a-z0-9-]+):")
"""Certificates and Kafka clusters serve their own region alone.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""

_ARN = re.compile(r"arn:(?:\$\{[^}]*\}|[^:$]*):(?!(?:ecr|secretsmanager|ssm):|kafka:.*:(?:group|topic)/)")
"""A resource that is billed by itself. Images, secrets and parameters have entries of their own."""

NOTES = (
    "Usage is the same at minimum and maximum; only the number of tasks differs.",
    "Prices are list prices on demand: free tiers, savings plans, discounts, support and taxes are not counted.",
)


def region_of(stack: PlannedStack) -> str:
    """The region in the ARNs of a template; empty where they name none, or several."""
    texts = (text for one in stack.resources.values() for text in _texts(one.properties))
    regions = {region for text in texts for region in _OF_THE_STACK.findall(text)}
    return regions.pop() if len(regions) == 1 else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for _, child in steps(value):
        yield from _texts(child)


@dataclass(frozen=True)
class Estimate:
    """What a template costs in a month.

    ``assumed`` holds the assumptions that count here, by name. ``region`` is the stack's, empty where it is not
    known: the prices may be those of another one.
    """

    lines: tuple[CostLine, ...]
    unpriced: tuple[Unpriced, ...]
    assumed: Mapping[str, Decimal]
    prices: Prices
    region: str = ""

    @property
    def total(self) -> Range:
        return total_of(self.lines)

    @property
    def weak(self) -> Range:
        """The part of the total that rests on prices without a good source."""
        return total_of(line for line in self.lines if line.price.weak)


@dataclass(frozen=True)
class Delta:
    """A line before and after; None where that side does not have it."""

    before: CostLine | None
    after: CostLine | None

    @property
    def line(self) -> CostLine:
        line = self.after or self.before
        assert line is not None  # noqa: S101 - one of them is always there
        return line

    @property
    def amount(self) -> Range:
        """How much more it costs; negative where it costs less."""
        new, old = (one.amount if one else NOTHING for one in (self.after, self.before))
        return new.minus(old)


def estimate(template: Mapping[str, Any], prices: Prices, assumed: Mapping[str, Decimal], region: str = "") -> Estimate:
    """What a template costs in a month at these prices and assumptions. Raises PlanError for what is not a template.

    ``region`` is where the stack is deployed; without one the template may tell it.
    """
    stack = planned(template)
    resources: dict[object, list[PlannedResource]] = {}
    for one in stack.resources.values():
        resources.setdefault(record_of(one.type).price, []).append(one)
    items = [
        item
        for rule in rules()
        if rule in resources
        for item in rule.lines(PricingContext(stack, prices, assumed, rule.part), resources[rule])
    ]
    lines = tuple(item for item in items if isinstance(item, CostLine))
    unpriced = (*(item for item in items if isinstance(item, Unpriced)), *_left_out(stack))
    used = {name for line in lines for name in line.assumptions}
    counting = {name: value for name, value in assumed.items() if name in used}
    return Estimate(lines, unpriced, counting, prices, region or region_of(stack))


def deltas(before: Estimate, after: Estimate) -> tuple[Delta, ...]:
    """Every line of both estimates, matched by key: those of ``after`` in order, then those that are gone."""
    old = {line.key: line for line in before.lines}
    new = {line.key: line for line in after.lines}
    pairs = [Delta(old.get(key), line) for key, line in new.items()]
    pairs += [Delta(line, None) for key, line in old.items() if key not in new]
    return tuple(sorted(pairs, key=lambda pair: PARTS.index(pair.line.part)))


def _left_out(stack: PlannedStack) -> Iterator[Unpriced]:
    """What no rule prices: types without a price, and costs that the template causes and does not contain."""
    types: dict[str, list[PlannedResource]] = {}
    for one in stack.resources.values():
        types.setdefault(one.type, []).append(one)
    for type, resources in types.items():
        if record_of(type).price == "unknown":
            yield Unpriced(type, "no price for this type", tuple(one.name for one in resources))
    for name in stack.stand_ins:
        if name != IMAGE_PARAMETER:
            yield Unpriced(f"Parameter {name}", "it has no default: a placeholder value was used")
    for type, resources in sorted(types.items()):
        side_costs = record_of(type).side_costs
        yield from side_costs(stack, resources) if side_costs else ()
    for name in sorted(_existing(stack)):
        yield Unpriced(f"Existing {name}", "the stack uses it, and it is not in the template")


def _existing(stack: PlannedStack) -> set[str]:
    """The resources outside the template that the roles may use; the parts of one belong to it."""
    rows = [row for row in access(stack) if row.kind == "identity" and row.effect == "Allow" and not row.targets]
    arns = {text for row in rows for text in row.resources if _ARN.match(text)}
    return {shortened(arn) for arn in arns if not any(arn.startswith(f"{other}/") for other in arns)}


def total_of(lines: Iterable[CostLine]) -> Range:
    """The sum of lines."""
    total = NOTHING
    for line in lines:
        total = total.plus(line.amount)
    return total
