"""The estimate for a reader: plain lines, Markdown, and plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any

from fsdcf.cloudformation.pricing import CostLine, Range, number
from fsdcf.plan.cost.estimate import NOTES, Delta, Estimate, deltas
from fsdcf.plan.cost.prices import assumptions

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


def headline(estimate: Estimate, what: str) -> str:
    """The total and the prices behind it."""
    prices = estimate.prices
    return f"{what}: {span(estimate.total)} {prices.currency} a month ({prices.region}, prices of {prices.date})"


def headline_of_change(before: Estimate, after: Estimate, what: str) -> str:
    """The difference of the totals, and both."""
    change = span(after.total.minus(before.total), True)
    sides = f"before {span(before.total)}, after {span(after.total)}"
    return f"{what}: {change} {after.prices.currency} a month ({sides})"


def changes(before: Estimate, after: Estimate) -> tuple[tuple[Delta, ...], int]:
    """The lines that differ in quantity or price, and the number of the others."""
    every = deltas(before, after)
    differ = tuple(one for one in every if _key(one.before) != _key(one.after))
    return differ, len(every) - len(differ)


def _key(line: CostLine | None) -> object:
    return line and (line.quantity, line.price.price)


def how_changed(delta: Delta) -> str:
    """``2 to 10 tasks … -> 4 to 10 tasks …``; ``new`` or ``gone`` before a line of one side."""
    if delta.before is None or delta.after is None:
        return f"{'new' if delta.before is None else 'gone'}: {how_of(delta.line)}"
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
    prices = estimates[-1].prices
    elsewhere = next((one.region for one in reversed(estimates) if one.region not in ("", prices.region)), "")
    if elsewhere:
        yield (
            f"The stack is in {elsewhere}, but these are the prices of {prices.region}: set those of {elsewhere} with"
            " --prices."
        )
    if prices.overridden:
        yield f"Prices of your own: {', '.join(prices.overridden)}."
    reasons: dict[str, dict[str, None]] = {}
    for price in (line.price for one in estimates for line in one.lines if line.price.weak):
        reasons.setdefault(price.note or price.source, {})[price.name] = None
    if reasons:
        words = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
        yield f"{WEAK} {span(estimates[-1].weak)} {prices.currency} of it rest on weak sources: {words}."


def markdown(estimate: Estimate, what: str, settings: Mapping[str, Decimal]) -> str:
    """The estimate as Markdown, for a comment on a pull request."""
    rows = []
    for part, lines in groupby(estimate.lines, key=lambda line: line.part):
        rows.append(f"| **{part}** | | | |")
        rows += [_row(name_of(line), line.amount, how_of(line)) for line in lines]
    rows.append(_total("total", estimate.total))
    return _page(what, span(estimate.total), rows, settings, estimate)


def markdown_of_change(before: Estimate, after: Estimate, what: str, settings: Mapping[str, Decimal]) -> str:
    """The difference of two estimates as Markdown."""
    differ, same = changes(before, after)
    rows = [_row(name_of(one.line), one.amount, how_changed(one), True) for one in differ]
    rows += [f"| {same} lines unchanged | | | |"] if same else []
    rows += [_total("before", before.total), _total("after", after.total)]
    return _page(what, span(after.total.minus(before.total), True), rows, settings, before, after)


def _page(what: str, total: str, rows: list[str], settings: Mapping[str, Decimal], *estimates: Estimate) -> str:
    prices = estimates[-1].prices
    basis = f"{_cell(prices.region)}, prices of {_cell(prices.date)}"
    out = [f"### Cost of {_cell(what)}", "", f"**{total} {prices.currency} a month** ({basis})", "", *_HEAD, *rows, ""]
    out += [f"{_cell(note)}  " for note in notes(*estimates)]
    counting = assumption_lines(merged(estimates), settings)
    out += _details("Assumptions", [f"- `{setting}`: {_cell(meaning)}" for setting, meaning in counting])
    out += _details("Not priced", [f"- {_cell(one.name)}: {_cell(one.why)}" for one in estimates[-1].unpriced])
    return "\n".join(out) + "\n"


def _details(summary: str, lines: list[str]) -> list[str]:
    return ["", f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"] if lines else []


def _row(name: str, amount: Range, how: str, signed: bool = False) -> str:
    cells = (name, money(amount.minimum, signed), money(amount.maximum, signed), how)
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _total(name: str, total: Range) -> str:
    return f"| **{name}** | **{money(total.minimum)}** | **{money(total.maximum)}** | |"


def _cell(text: str) -> str:
    """A text in a Markdown table: nothing in it ends the cell, starts markup or is an element."""
    marks = {"|": "\\|", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", ">": "&gt;", "[": "\\[", "\\": "\\\\"}
    return "".join(marks.get(character, character) for character in " ".join(text.split()))


def merged(estimates: tuple[Estimate, ...]) -> Estimate:
    """The last estimate with the assumptions of all."""
    counting = {name: value for one in estimates for name, value in one.assumed.items()}
    return replace(estimates[-1], assumed={name: counting[name] for name in assumptions() if name in counting})


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
