"""The estimate for a reader: plain lines, Markdown, and plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any

from fsdcf.cloudformation.pricing import ASSUMPTIONS, CostLine, Prices, Range, number
from fsdcf.plan.cost.estimate import NOTES, Delta, Estimate, deltas

WEAK = "*"
"""Marks what rests on a weak source."""


def money(value: Decimal, signed: bool = False) -> str:
    """An amount to the cent; ``<0.01`` where there is less than that, but more than nothing."""
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
    return line.name + WEAK * line.price.weak


def how_of(line: CostLine) -> str:
    """How the line comes about: quantity, and the price of a unit."""
    return f"{line.how} at {line.price.price} per {line.price.unit}"


def headline(estimate: Estimate, what: str) -> str:
    currency = estimate.prices.currency
    return f"{what}: {span(estimate.total)} {currency} a month ({estimate.prices.region}, prices of {estimate.prices.date})"


def headline_of_change(before: Estimate, after: Estimate, what: str) -> str:
    change = after.total.minus(before.total)
    currency = after.prices.currency
    return f"{what}: {span(change, True)} {currency} a month (before {span(before.total)}, after {span(after.total)})"


def changes(before: Estimate, after: Estimate) -> tuple[tuple[Delta, ...], int]:
    """The lines that differ in quantity or price, and how many do not."""
    every = deltas(before, after)
    differ = tuple(one for one in every if one.before is None or one.after is None or _differs(one.before, one.after))
    return differ, len(every) - len(differ)


def _differs(old: CostLine, new: CostLine) -> bool:
    return (old.quantity, old.price.price) != (new.quantity, new.price.price)


def how_changed(delta: Delta) -> str:
    """``2 to 10 tasks … -> 4 to 10 tasks …``; ``new`` or ``gone`` before the one that there is."""
    if delta.before is None or delta.after is None:
        return f"{'new' if delta.before is None else 'gone'}: {how_of(delta.line)}"
    return f"{delta.before.how} -> {how_of(delta.after)}"


def assumption_lines(estimate: Estimate, settings: Mapping[str, Decimal]) -> Iterator[tuple[str, str]]:
    """Each assumption that counts, as it is set, and what it means; ``settings`` are those that are not defaults."""
    for name, value in estimate.assumed.items():
        one = ASSUMPTIONS[name]
        unit = f"{one.unit}, " if one.unit else ""
        yield (
            f"{name}={number(value).replace(',', '')}",
            unit + one.meaning + ("" if name in settings else " (default)"),
        )


def notes(*estimates: Estimate) -> Iterator[str]:
    """What holds for every estimate, and what is to be said of these."""
    yield from NOTES
    prices = estimates[-1].prices
    elsewhere = next((one.region for one in reversed(estimates) if one.region not in ("", prices.region)), "")
    if elsewhere:
        yield f"The stack is in {elsewhere}, and these are the prices of {prices.region}: give those of {elsewhere} with --prices."
    if prices.overridden:
        yield f"Prices of your own: {', '.join(prices.overridden)}."
    weak = {line.price.name: line.price for one in estimates for line in one.lines if line.price.weak}
    if weak:
        reasons: dict[str, list[str]] = {}
        for price in weak.values():
            reasons.setdefault(price.note or price.source, []).append(price.name)
        words = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
        yield f"{WEAK} {span(estimates[-1].weak)} {prices.currency} of it rest on weak sources: {words}."


def markdown(estimate: Estimate, what: str, settings: Mapping[str, Decimal]) -> str:
    """The estimate as Markdown, for a pull request's comment."""
    out = [
        f"### Cost of {_cell(what)}",
        "",
        f"**{span(estimate.total)} {estimate.prices.currency} a month** ({_basis(estimate.prices)})",
        "",
    ]
    out += ["| | minimum | maximum | how |", "|---|---:|---:|---|"]
    for part, lines in groupby(estimate.lines, key=lambda line: line.part):
        out.append(f"| **{part}** | | | |")
        for line in lines:
            cells = (name_of(line), money(line.amount.minimum), money(line.amount.maximum), how_of(line))
            out.append(_row(*cells))
    out.append(f"| **total** | **{money(estimate.total.minimum)}** | **{money(estimate.total.maximum)}** | |")
    return "\n".join([*out, *_footer(settings, estimate)]) + "\n"


def markdown_of_change(before: Estimate, after: Estimate, what: str, settings: Mapping[str, Decimal]) -> str:
    """The difference of two estimates as Markdown."""
    differ, same = changes(before, after)
    total = after.total.minus(before.total)
    out = [
        f"### Cost of {_cell(what)}",
        "",
        f"**{span(total, True)} {after.prices.currency} a month** ({_basis(after.prices)})",
        "",
    ]
    out += ["| | minimum | maximum | how |", "|---|---:|---:|---|"]
    for one in differ:
        amount = one.amount
        out.append(_row(name_of(one.line), money(amount.minimum, True), money(amount.maximum, True), how_changed(one)))
    if same:
        out.append(f"| {same} lines unchanged | | | |")
    for word, whole in (("before", before.total), ("after", after.total)):
        out.append(f"| **{word}** | **{money(whole.minimum)}** | **{money(whole.maximum)}** | |")
    return "\n".join([*out, *_footer(settings, before, after)]) + "\n"


def _basis(prices: Prices) -> str:
    return f"{_cell(prices.region)}, prices of {_cell(prices.date)}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """A text in a Markdown table: nothing in it ends the cell, starts markup or is an element."""
    marks = {"|": "\\|", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", ">": "&gt;", "[": "\\[", "\\": "\\\\"}
    return "".join(marks.get(character, character) for character in " ".join(text.split()))


def _footer(settings: Mapping[str, Decimal], *estimates: Estimate) -> Iterator[str]:
    last = estimates[-1]
    yield ""
    yield from (f"{_cell(note)}  " for note in notes(*estimates))
    assumed = merged(estimates)
    if assumed.assumed:
        yield from ("", "<details><summary>Assumptions</summary>", "")
        yield from (f"- `{setting}`: {_cell(meaning)}" for setting, meaning in assumption_lines(assumed, settings))
        yield from ("", "</details>")
    if last.unpriced:
        yield from ("", "<details><summary>Not priced</summary>", "")
        yield from (f"- {_cell(one.name)}: {_cell(one.why)}" for one in last.unpriced)
        yield from ("", "</details>")


def merged(estimates: tuple[Estimate, ...]) -> Estimate:
    """The last estimate with the assumptions of all."""
    last = estimates[-1]
    assumed = {name: value for one in estimates for name, value in one.assumed.items()}
    ordered = {name: assumed[name] for name in ASSUMPTIONS if name in assumed}
    return replace(last, assumed=ordered)


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
    """Both estimates and what differs, line by line and in total, as plain data."""
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
