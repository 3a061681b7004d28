"""The estimate for a reader: plain lines, Markdown, and plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from fsdcf.cloudformation.pricing import CostLine, Range, number
from fsdcf.conventions import exporting_stack
from fsdcf.plan.cost.estimate import NOTES, Delta, Estimate, deltas, total_of
from fsdcf.plan.cost.prices import assumptions
from fsdcf.plan.markdown import markdown as escaped
from fsdcf.wording import counted

WEAK = "*"
"""Marks an amount that rests on a weak source."""

_HEAD = ("| | minimum | maximum | how |", "|---|---:|---:|---|")


def money(value: Decimal, signed: bool = False) -> str:
    """An amount to the cent; ``<0.01`` for less than a cent."""
    if value and abs(value) < Decimal("0.005"):
        return ("+" if value > 0 else "-") * signed + "<0.01"
    return f"{value:+,.2f}" if signed and value else f"{value:,.2f}"


def span(amount: Range, signed: bool = False) -> str:
    """The amount at the minimum and at the maximum; one number where both are the same."""
    low, high = money(amount.minimum, signed), money(amount.maximum, signed)
    if low == high:
        return low
    return f"{low} (minimum) to {high} (maximum)" if signed else f"{low} to {high}"


def name_of(line: CostLine) -> str:
    """The name of a line, marked where its price is weak."""
    return line.name + WEAK * line.price.weak


def how_of(line: CostLine) -> str:
    """How a line is calculated: quantity, and the price of a unit."""
    return f"{line.how} at {line.price.price} per {line.price.unit}"


def headline(estimates: Sequence[Estimate], what: str) -> str:
    """The total and the prices behind it; with two estimates the difference of the totals, and both."""
    first, last = estimates[0], estimates[-1]
    basis = f"before {span(first.total)}, after {span(last.total)}"
    if len(estimates) == 1:
        basis = f"{last.prices.region}, prices of {last.prices.date}"
    return f"{what}: {_total(estimates)} {last.prices.currency} a month ({basis})"


def _total(estimates: Sequence[Estimate]) -> str:
    first, last = estimates[0], estimates[-1]
    return span(last.total) if len(estimates) == 1 else span(last.total.minus(first.total), True)


def changes(before: Estimate, after: Estimate) -> tuple[tuple[Delta, ...], int]:
    """The lines that differ in quantity or price, and the number of the others."""
    every = deltas(before, after)
    differ = tuple(one for one in every if _key(one.before) != _key(one.after))
    return differ, len(every) - len(differ)


def _key(line: CostLine | None) -> object:
    return line and (line.quantity, line.price.price)


def how_changed(delta: Delta) -> str:
    """``2 to 10 tasks … -> 4 to 10 tasks …``; ``new`` or ``removed`` before a line of one side."""
    if delta.before is None or delta.after is None:
        return f"{'new' if delta.before is None else 'removed'}: {how_of(delta.line)}"
    return f"{delta.before.how} -> {how_of(delta.after)}"


def assumption_lines(estimate: Estimate, settings: Mapping[str, Decimal]) -> Iterator[tuple[str, str]]:
    """Each assumption that counts, as it is set, and its meaning; ``settings`` are those that are not defaults."""
    for name, value in estimate.assumed.items():
        one = assumptions()[name]
        meaning = f"{one.unit}, {one.meaning}" if one.unit else one.meaning
        yield f"{name}={number(value).replace(',', '')}", meaning + ("" if name in settings else " (default)")


def notes(*estimates: Estimate) -> Iterator[str]:
    """The notes on every estimate, and those on the prices of these."""
    yield from NOTES
    yield from _shared_notes(estimates[-1])
    prices = estimates[-1].prices
    elsewhere = next((one.region for one in reversed(estimates) if one.region not in ("", prices.region)), "")
    if elsewhere:
        yield (
            f"The stack is in {elsewhere}, but these are the prices of {prices.region}: set those of {elsewhere} with"
            " --prices."
        )
    if prices.overridden:
        yield f"Custom prices: {', '.join(prices.overridden)}."
    reasons: dict[str, dict[str, None]] = {}
    for price in (line.price for one in estimates for line in one.lines if line.price.weak):
        reasons.setdefault(price.note or price.source, {})[price.name] = None
    if reasons:
        words = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
        yield f"{WEAK} {span(estimates[-1].weak)} {prices.currency} of it is based on weak sources: {words}."


def _shared_notes(estimate: Estimate) -> Iterator[str]:
    """What of the cost of other stacks is in an estimate, and how to see the rest."""
    for name in estimate.adds_to:
        yield (
            f"What its requests and its traffic add to the cost of {name} is counted. The rest of that cost, which the "
            f"services share, is not: pass {name} and the other specs, too, to see the part of each."
        )
    stacks = dict.fromkeys(exporting_stack(name) for name in estimate.absent)
    if stacks:
        yield (
            f"The cost of what it imports from {' and '.join(stacks)} is not counted: pass the spec or the template of "
            "that stack, too."
        )


def notes_of_sum(estimates: Sequence[Estimate]) -> Iterator[str]:
    """The notes on the sum of estimates."""
    if any(one.sharers for one in estimates):
        yield (
            "What services share is counted once. The part of a service is an equal one: the cost of what they share, "
            "divided by the number of these specs that use it."
        )
    elif len(estimates) == 2:
        yield "The two specs are of different services, so their costs are added; --change compares them."
    yield "The assumed usage is that of each service, not that of all together."
    yield from notes(*estimates, summed(estimates))


class CostRow(NamedTuple):
    """A row of the table: a line, or the heading of a part or a total (``is_strong``)."""

    name: str
    minimum: str = ""
    maximum: str = ""
    how: str = ""
    is_strong: bool = False


def rows(estimates: Sequence[Estimate]) -> Iterator[CostRow]:
    """The table of an estimate by part; with two estimates the lines that differ, and both totals."""
    if len(estimates) == 1:
        for part, lines in groupby(estimates[0].lines, key=lambda line: line.part):
            yield CostRow(part, is_strong=True)
            yield from (CostRow(name_of(line), *_amounts(line.amount), how_of(line)) for line in lines)
        yield CostRow("total", *_amounts(estimates[0].total), is_strong=True)
        return
    differ, same = changes(*estimates)
    yield from (CostRow(name_of(one.line), *_amounts(one.amount, True), how_changed(one)) for one in differ)
    if same:
        yield CostRow(f"{same} lines unchanged")
    for name, estimate in zip(("before", "after"), estimates, strict=True):
        yield CostRow(name, *_amounts(estimate.total), is_strong=True)


def rows_by_spec(titles: Sequence[str], estimates: Sequence[Estimate]) -> Iterator[CostRow]:
    """The table of several specs: each with its parts and a subtotal, and the total of all."""
    for title, estimate in zip(titles, estimates, strict=True):
        yield CostRow(title, is_strong=True)
        for part, lines in groupby(estimate.lines, key=lambda line: line.part):
            yield CostRow(part, *_amounts(total_of(lines)))
        how = f"used by {counted(estimate.sharers, 'service')}" if estimate.sharers else ""
        if estimate.sharers > 1:
            how += f": {span(estimate.part)} each"
        yield CostRow("subtotal", *_amounts(estimate.total), how, is_strong=True)
        if estimate.shared:
            whole = estimate.total.plus(estimate.share)
            yield CostRow("with its part of what is shared", *_amounts(whole), is_strong=True)
    yield CostRow("total", *_amounts(summed(estimates).total), is_strong=True)


def _amounts(amount: Range, signed: bool = False) -> tuple[str, str]:
    return money(amount.minimum, signed), money(amount.maximum, signed)


def markdown(
    estimates: Sequence[Estimate],
    what: str,
    settings: Mapping[str, Decimal],
    titles: Sequence[str] = (),
    exceeded: str = "",
) -> str:
    """The estimate, or the difference of two, as Markdown, for a comment on a pull request.

    With ``titles`` it is the sum of the specs with these titles. ``exceeded`` says by how much it is above a budget.
    """
    whole = summed(estimates) if titles else merged(estimates)
    shown = [whole] if titles else estimates
    prices = whole.prices
    basis = f"{escaped(prices.region)}, prices of {escaped(prices.date)}"
    total = f"**{_total(shown)} {prices.currency} a month** ({basis})"
    table = rows_by_spec(titles, estimates) if titles else rows(estimates)
    budget = [f"**Over budget:** {escaped(exceeded)}", ""] if exceeded else []
    out = [f"### Cost of {escaped(what)}", "", total, "", *budget, *_HEAD, *map(_row, table), ""]
    out += [f"{escaped(note)}  " for note in (notes_of_sum(estimates) if titles else notes(*estimates))]
    counting = assumption_lines(whole, settings)
    out += _details("Assumptions", [f"- `{setting}`: {escaped(meaning)}" for setting, meaning in counting])
    unpriced = [f"- {escaped(one.name)}: {escaped(one.why)}" for one in whole.unpriced]
    out += _details("Not priced", unpriced)
    return "\n".join(out) + "\n"


def _details(summary: str, lines: list[str]) -> list[str]:
    return ["", f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"] if lines else []


def _row(row: CostRow) -> str:
    cells = map(escaped, row[:4])
    return "|" + "".join((f" **{cell}** |" if row.is_strong else f" {cell} |") if cell else " |" for cell in cells)


def merged(estimates: Sequence[Estimate]) -> Estimate:
    """The last estimate with the assumptions of all."""
    counting = {name: value for one in estimates for name, value in one.assumed.items()}
    return replace(estimates[-1], assumed={name: counting[name] for name in assumptions() if name in counting})


def summed(estimates: Sequence[Estimate]) -> Estimate:
    """The estimates of several stacks as one; what is not priced is listed once."""
    unpriced = {(one.name, one.why): one for each in estimates for one in each.unpriced}
    lines = tuple(line for one in estimates for line in one.lines)
    absent = tuple(dict.fromkeys(name for one in estimates for name in one.absent))
    adds_to = tuple(dict.fromkeys(name for one in estimates for name in one.adds_to))
    unpriced_once = tuple(unpriced.values())
    return replace(merged(estimates), lines=lines, unpriced=unpriced_once, region="", absent=absent, adds_to=adds_to)


def exceeded(estimate: Estimate, budget: Decimal, what: str) -> str:
    """By how much the maximum of an estimate is above a budget, in a sentence; empty if it is not."""
    most, currency = estimate.total.maximum, estimate.prices.currency
    if most <= budget:
        return ""
    over, limit = money(most - budget), money(budget)
    return f"{what}: up to {money(most)} {currency} a month, {over} {currency} above the budget of {limit} {currency}"


def data(estimate: Estimate) -> dict[str, Any]:
    """The estimate as plain data; amounts to the hundredth of a cent."""
    prices = estimate.prices
    return {
        "region": prices.region,
        "currency": prices.currency,
        "pricesDate": prices.date,
        "stackRegion": estimate.region or None,
        "monthly": _pair(estimate.total),
        "weak": _pair(estimate.weak),
        "lines": [_record(line) for line in estimate.lines],
        "assumptions": {name: float(value) for name, value in estimate.assumed.items()},
        "notPriced": [
            {"name": one.name, "why": one.why, "resources": list(one.resources)} for one in estimate.unpriced
        ],
        "notes": list(notes(estimate)),
    }


def data_of_change(before: Estimate, after: Estimate) -> dict[str, Any]:
    """Both estimates and their difference, line by line and in total, as plain data."""
    differ, _ = changes(before, after)
    records = [
        {
            "key": one.line.key,
            "name": one.line.name,
            "change": _pair(one.amount),
            "before": _pair(one.before.amount) if one.before else None,
            "after": _pair(one.after.amount) if one.after else None,
        }
        for one in differ
    ]
    return {
        "change": _pair(after.total.minus(before.total)),
        "lines": records,
        "before": data(before),
        "after": data(after),
    }


def data_of_several(titles: Sequence[str], estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The sum of several specs and the estimate of each, as plain data; their assumptions and notes once."""
    whole = summed(estimates)
    shared = ("region", "currency", "pricesDate", "assumptions", "notes")
    specs = []
    for title, one in zip(titles, estimates, strict=True):
        parts: dict[str, Any] = {"sharedBy": one.sharers} if one.sharers else {}
        if one.shared:
            with_share = _pair(one.total.plus(one.share))
            parts |= {"shares": list(one.shared), "share": _pair(one.share), "monthlyWithShare": with_share}
        own = {name: value for name, value in data(one).items() if name not in shared}
        specs.append({"spec": title, **parts, **own})
    return {
        **{name: value for name, value in data(whole).items() if name not in ("stackRegion", "lines")},
        "notes": list(notes_of_sum(estimates)),
        "specs": specs,
    }


def _record(line: CostLine) -> dict[str, Any]:
    price = line.price
    return {
        "key": line.key,
        "part": line.part,
        "name": line.name,
        "monthly": _pair(line.amount),
        "quantity": _pair(line.quantity),
        "how": line.how,
        "price": {
            "name": price.name,
            "price": float(price.price),
            "unit": price.unit,
            "source": price.source,
            "date": price.date,
        },
        "weak": price.weak,
        "resources": list(line.resources),
        "assumptions": list(line.assumptions),
    }


def _pair(amount: Range) -> dict[str, float]:
    return {"minimum": _float(amount.minimum), "maximum": _float(amount.maximum)}


def _float(value: Decimal) -> float:
    return float(round(value, 4)) + 0.0
