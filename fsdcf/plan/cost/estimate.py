"""The estimate: the pricing rule of every type applied to a template, what it leaves out, and the difference of two
estimates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    parameter_values,
    planned,
    planned_together,
    template_of,
)
from fsdcf.cloudformation.pricing import NOTHING, CostLine, Prices, PricingContext, Range, Unpriced, sum_of
from fsdcf.cloudformation.references import steps
from fsdcf.cloudformation.types import ecs, record_of
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.plan.access import access, shortened
from fsdcf.plan.cost.prices import PARTS, rules

_OF_THE_STACK = re.compile(r"arn:aws[a-z-]*:(?:acm|kafka):([a-z0-9-]+):")
"""Certificates and Kafka clusters serve their own region alone.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""

_ARN = re.compile(r"arn:(?:\$\{[^}]*\}|[^:$]*):(?!(?:ecr|secretsmanager|ssm):|kafka:.*:(?:group|topic)/)")
"""A resource that is billed by itself. Images, secrets and parameters have entries of their own."""
_FREE = re.compile(r":ecs:.*:task-definition/|:ecs:.*:task/|:events:.*:rule/")
"""The ARNs of what costs nothing by itself."""

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
    known: the prices may be those of another one. ``sharers`` are how many of several templates import from this one;
    ``shared`` and ``share`` are the templates among them from which this one imports, and its part of their cost: each
    importer has an equal part. ``adds_to`` are templates whose cost grows with its use of them, which is among the
    lines. ``absent`` are the exports that it imports and that no template at hand makes.
    """

    lines: tuple[CostLine, ...]
    unpriced: tuple[Unpriced, ...]
    assumed: Mapping[str, Decimal]
    prices: Prices
    region: str = ""
    sharers: int = 0
    shared: tuple[str, ...] = ()
    share: Range = NOTHING
    adds_to: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def total(self) -> Range:
        return total_of(self.lines)

    @property
    def part(self) -> Range:
        """The part of each template that imports from this one; all of it without any."""
        return self.total.times(Decimal(1) / max(1, self.sharers))

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


Templates = Mapping[str, Mapping[str, Any]]
"""Templates by name."""


def estimate(
    template: Mapping[str, Any],
    prices: Prices,
    assumed: Mapping[str, Decimal],
    region: str = "",
    beside: Templates = MappingProxyType({}),
) -> Estimate:
    """What a template costs in a month at these prices and assumptions. Raises PlanError for what is not a template.

    ``region`` is where the stack is deployed; without one the template may tell it. ``beside`` are templates by name
    that import from it, or from which it imports: their services use what it makes.
    """
    stack = planned_together({"": template, **beside})
    made = {name: one for name, one in stack.resources.items() if not one.template}
    own = PlannedStack(made, parameter_values(template)[1])
    users = _users(stack, own)
    resources: dict[object, list[PlannedResource]] = {}
    for one in own.resources.values():
        resources.setdefault(record_of(one.type).price, []).append(one)
    items = [
        item
        for rule in rules()
        if rule in resources
        for item in rule.lines(PricingContext(stack, prices, assumed, rule.part, users), resources[rule])
    ]
    lines = tuple(item for item in items if isinstance(item, CostLine))
    unpriced = (*(item for item in items if isinstance(item, Unpriced)), *_left_out(stack, own))
    used = {name for line in lines for name in line.assumptions}
    counting = {name: value for name, value in assumed.items() if name in used}
    return Estimate(lines, unpriced, counting, prices, region or region_of(own))


def estimates_of(
    templates: Templates,
    prices: Prices,
    assumed: Mapping[str, Decimal],
    region: str = "",
    around: Templates = MappingProxyType({}),
) -> dict[str, Estimate]:
    """What each of several templates costs, and its share of those from which it imports. Raises PlanError.

    ``around`` are templates that are not estimated. Of the cost of one from which an estimated one imports, the
    estimate contains what this importer adds: its requests, and its traffic.
    """
    every = {**around, **templates}
    sources = _sources(every)

    def of(name: str, *others: str) -> Estimate:
        return estimate(every[name], prices, assumed, region, {one: every[one] for one in others})

    found: dict[str, Estimate] = {}
    for name in templates:
        known = sources[name]
        importers = [one for one in templates if name in sources[one].of]
        whole = of(name, *known.of, *importers)
        added = [line for one in known.of if one in around for line in _added(one, of(one), of(one, name))]
        lines = tuple(sorted((*whole.lines, *added), key=lambda line: PARTS.index(line.part)))
        counting = {each: assumed[each] for each in assumed if any(each in line.assumptions for line in lines)}
        found[name] = replace(
            whole,
            lines=lines,
            assumed=counting,
            sharers=len(importers),
            shared=tuple(one for one in known.of if one in templates),
            adds_to=tuple(one for one in known.of if one in around),
            absent=known.absent,
        )
    return {name: replace(one, share=sum_of(found[other].part for other in one.shared)) for name, one in found.items()}


class _Sources(NamedTuple):
    """The templates from which one imports, and the exports that none of them makes."""

    of: tuple[str, ...]
    absent: tuple[str, ...]


def are_linked(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether one of two templates imports from the other. Raises PlanError."""
    return any(found.of for found in _sources({"one": one, "other": other}).values())


def _sources(templates: Templates) -> dict[str, _Sources]:
    stacks = {name: planned(template) for name, template in templates.items()}
    owners = {export: name for name, stack in stacks.items() for export in stack.exports}
    found = {}
    for name, stack in stacks.items():
        imports = dict.fromkeys(one.name for one in stack.imports)
        of = dict.fromkeys(owners[one] for one in imports if one in owners)
        found[name] = _Sources(tuple(of), tuple(one for one in imports if one not in owners))
    return found


def _added(name: str, before: Estimate, after: Estimate) -> Iterator[CostLine]:
    """The lines by which the cost of a template grows with the use of it."""
    for one in deltas(before, after):
        if one.after is not None and one.amount != NOTHING:
            old = one.before.quantity if one.before else NOTHING
            yield one.after._replace(key=f"{name} {one.after.key}", quantity=one.after.quantity.minus(old))


def _users(stack: PlannedStack, own: PlannedStack) -> frozenset[str]:
    """The templates whose services use what a template makes: those that import from it, and the template itself
    unless it only exports."""
    exports = {name for name, one in stack.exports.items() if not template_of(one.output)}
    users = {template_of(one.holder) for one in stack.imports if one.name in exports}
    runs_tasks = any(own.of(ecs.SERVICE, ecs.TASK_DEFINITION))
    return frozenset(users if exports and not runs_tasks else {*users, ""})


def deltas(before: Estimate, after: Estimate) -> tuple[Delta, ...]:
    """Every line of both estimates, matched by key: those of ``after`` in order, then those that are gone."""
    old = {line.key: line for line in before.lines}
    new = {line.key: line for line in after.lines}
    pairs = [Delta(old.get(key), line) for key, line in new.items()]
    pairs += [Delta(line, None) for key, line in old.items() if key not in new]
    return tuple(sorted(pairs, key=lambda pair: PARTS.index(pair.line.part)))


def _left_out(stack: PlannedStack, own: PlannedStack) -> Iterator[Unpriced]:
    """What no rule prices: types without a price, and costs that the template causes and does not contain."""
    types: dict[str, list[PlannedResource]] = {}
    for one in own.resources.values():
        types.setdefault(one.type, []).append(one)
    for type, resources in types.items():
        if record_of(type).price == "unknown":
            yield Unpriced(type, "no price for this type", tuple(one.name for one in resources))
    for name in own.stand_ins:
        if name != IMAGE_PARAMETER:
            yield Unpriced(f"Parameter {name}", "it has no default: a placeholder value was used")
    for type, resources in sorted(types.items()):
        side_costs = record_of(type).side_costs
        yield from side_costs(stack, resources) if side_costs else ()
    for name in sorted(_existing(own)):
        yield Unpriced(f"Existing {name}", "the stack uses it, and it is not in the template")


def _existing(stack: PlannedStack) -> set[str]:
    """The resources outside the template that the roles may use; the parts of one belong to it."""
    rows = [row for row in access(stack) if row.kind == "identity" and row.effect == "Allow" and not row.targets]
    arns = {text for row in rows if not row.only_looks_up for text in row.resources if _ARN.match(text)}
    arns = {arn for arn in arns if not _FREE.search(arn)}
    return {shortened(arn) for arn in arns if not any(arn.startswith(f"{other}/") for other in arns)}


def total_of(lines: Iterable[CostLine]) -> Range:
    """The sum of lines."""
    return sum_of(line.amount for line in lines)
