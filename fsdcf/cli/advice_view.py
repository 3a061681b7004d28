"""Advice on a store in words for people and in plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fsdcf.cli.storage_bills import Bill
from fsdcf.cli.values import visible
from fsdcf.diagnostics import Paint, plain
from fsdcf.plan.cost.prices import Prices
from fsdcf.plan.cost.report import how_of, money, name_of
from fsdcf.storage.advice import DYNAMODB, SQLITE, Advice, Factor, Workload
from fsdcf.storage.load import Load
from fsdcf.storage.snippets import Snippet

_HEADS = ("", "asked for", "SQLite", "DynamoDB")


@dataclass(frozen=True)
class Consultation:
    """Everything that is said: ``now`` is what the service has, where a spec tells, and ``steps`` are what to do next."""

    workload: Workload
    advice: Advice
    load: Load
    bills: tuple[Bill, ...]
    prices: Prices
    snippet: Snippet
    now: str = ""
    steps: tuple[str, ...] = ()


def lines(found: Consultation, paint: Paint = plain) -> Iterator[str]:
    """The advice, the verdict first."""
    yield paint(found.advice.verdict, "strong")
    yield from (f"  {visible(one)}" for one in (found.now, *found.advice.cautions) if one)
    yield from ("", paint("why", "strong"))
    yield from _matrix(found.advice.factors)
    yield from ("", paint("signs that it is time to leave SQLite", "strong"))
    yield from (
        f"  {'! ' if one.now else '- '}{one.text}{', and so it is here' if one.now else ''}"
        for one in found.advice.signs
    )
    prices = found.prices
    yield from ("", paint(f"cost in {prices.currency} a month ({prices.region}, prices of {prices.date})", "strong"))
    yield from _costs(found.bills)
    yield from ("", paint("assumed", "strong"))
    yield from (f"  {one}" for one in found.load.assumed)
    if found.steps:
        yield from ("", paint("next", "strong"))
        yield from (f"  {number}. {visible(one)}" for number, one in enumerate(found.steps, 1))
    if found.snippet.text:
        yield from ("", paint("in the spec already" if found.snippet.present else "for the spec", "strong"), "")
        yield found.snippet.text.rstrip("\n")


def _matrix(factors: tuple[Factor, ...]) -> Iterator[str]:
    rows = [_HEADS, *((one.name, one.yours, _cell(one, SQLITE), _cell(one, DYNAMODB)) for one in factors)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        yield f"  {'  '.join([*cells, row[3]])}".rstrip()


def _cell(factor: Factor, store: str) -> str:
    """What a store bears, with yes or no where something was said."""
    text = factor.sqlite if store == SQLITE else factor.dynamodb
    return f"{'no' if store in factor.against else 'yes'}: {text}" if factor.said else text


def _costs(bills: tuple[Bill, ...]) -> Iterator[str]:
    rows = [row for bill in bills for row in _rows(bill)]
    names = max(len(name) for name, amount, _ in rows if amount)
    amounts = max(len(amount) for _, amount, _ in rows)
    for name, amount, how in rows:
        yield f"  {name.ljust(names)}  {amount.rjust(amounts)}  {how}".rstrip() if amount else f"  {name}"


def _rows(bill: Bill) -> Iterator[tuple[str, str, str]]:
    yield bill.title, "?" if bill.total is None else money(bill.total), ""
    for line in bill.lines:
        yield f"  {name_of(line)}", money(line.amount.maximum), how_of(line)
    if bill.note:
        yield f"  {bill.note}", "", ""


def record(found: Consultation) -> dict[str, Any]:
    """The advice as plain data; rates per second, size in GB, latency in milliseconds, amounts to the hundredth of a cent."""
    asked, load, prices = found.workload, found.load, found.prices
    return {
        "verdict": found.advice.verdict,
        "recommended": found.advice.store,
        "fits": {store: found.advice.fits(store) for store in (SQLITE, DYNAMODB)},
        "workload": {
            "requests": _float(asked.requests),
            "writes": _float(asked.writes),
            "size": _float(asked.size),
            "writers": asked.writers,
            "writersFrom": asked.writers_from or None,
            "sql": asked.sql,
            "latency": _float(asked.latency),
            "prototype": asked.prototype,
        },
        "now": found.now or None,
        "cautions": list(found.advice.cautions),
        "factors": [_factor(one) for one in found.advice.factors],
        "signs": [{"text": one.text, "now": one.now} for one in found.advice.signs],
        "cost": {
            "region": prices.region,
            "currency": prices.currency,
            "pricesDate": prices.date,
            "load": {"requests": float(load.requests), "writes": float(load.writes), "size": float(load.size)},
            "assumed": list(load.assumed),
            "monthly": [_bill(one) for one in found.bills],
        },
        "next": list(found.steps),
        "snippet": found.snippet.text,
        "snippetPresent": found.snippet.present,
    }


def _factor(one: Factor) -> dict[str, Any]:
    stores = {
        store: {"bears": text, "fits": (store not in one.against) if one.said else None}
        for store, text in ((SQLITE, one.sqlite), (DYNAMODB, one.dynamodb))
    }
    return {"name": one.name, "asked": one.yours if one.said else None, **stores}


def _bill(bill: Bill) -> dict[str, Any]:
    details = [{"name": line.name, "amount": _float(line.amount.maximum), "how": how_of(line)} for line in bill.lines]
    return {
        "store": bill.store,
        "title": bill.title,
        "total": _float(bill.total),
        "lines": details,
        "note": bill.note or None,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 4)) + 0.0
