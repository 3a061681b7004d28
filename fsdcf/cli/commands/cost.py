"""``fsdcf cost``: the monthly cost of a spec, or of a change."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.compiled import Compiled, compile_files
from fsdcf.cli.files import read
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.cloudformation.planned import PlanError
from fsdcf.cloudformation.pricing import Prices
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.prices import AssumptionError, PriceError, assumed, assumptions, overridden, shipped


@click.command()
@spec_inputs("SPEC | OLD NEW", nargs=-1)
@click.option(
    *("--assume", "settings"),
    multiple=True,
    metavar="NAME=NUMBER",
    help="Assumed usage, such as requests-per-second=50; repeatable.",
)
@click.option(
    "--region",
    metavar="NAME",
    help="Region of the stack; the estimate warns if its prices are of another region.  "
    "[default: the region in the spec, then AWS_REGION]",
)
@click.option(
    *("--prices", "price_file"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON or YAML file with prices that replace the built-in ones.",
)
@format_option("text", "markdown", "json", help="Output format of the estimate.")
def cost_command(
    inputs: SpecInputs, settings: tuple[str, ...], region: str | None, price_file: Path | None, form: str
) -> None:
    """Estimate the monthly cost of a spec or template, or with two of them, OLD and NEW, of the change.

    Usage that the template does not determine is assumed. The estimate lists the assumptions, and --assume changes
    them.
    """
    try:
        values = assumed(settings)
    except AssumptionError as error:
        raise click.UsageError(f"--assume: {error}") from None
    prices = _prices(price_file)
    sides = compile_files(inputs, most=2)
    estimates = [_estimate(one, prices, values, region) for one in sides]
    changed = {name: value for name, value in values.items() if value != assumptions()[name].default}
    title = " -> ".join(one.title for one in sides)
    first, last, single = estimates[0], estimates[-1], len(estimates) == 1
    if form == "json":
        data = report.data(last) if single else report.data_of_change(first, last)
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(
            report.markdown(last, title, changed) if single else report.markdown_of_change(first, last, title, changed),
            nl=False,
        )
    else:
        headline = report.headline(last, title) if single else report.headline_of_change(first, last, title)
        if sys.stdout.isatty():
            _draw(estimates, headline, changed)
        else:
            click.echo("\n".join(_plain(estimates, headline, changed)))


def _prices(file: Path | None) -> Prices:
    if file is None:
        return shipped()
    try:
        return overridden(shipped(), read(file).decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise click.UsageError(f"--prices {file}: the file is not valid UTF-8") from None
    except PriceError as error:
        raise click.UsageError(f"--prices {file}: {error}") from None


def _estimate(one: Compiled, prices: Prices, values: Mapping[str, Decimal], region: str | None) -> Estimate:
    try:
        estimated = estimate(one.template, prices, values, region or "")
    except PlanError as error:
        raise click.UsageError(f"{one.name!r} is not a valid template: {error}") from None
    fallback = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return replace(estimated, region=estimated.region or fallback)


def _rows(estimates: list[Estimate]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the table: name, minimum, maximum and calculation; the heading of a part has no amounts."""
    if len(estimates) == 1:
        for part, lines in groupby(estimates[0].lines, key=lambda line: line.part):
            yield part, "", "", ""
            for line in lines:
                yield report.name_of(line), *_amounts(line.amount), report.how_of(line)
        yield "total", *_amounts(estimates[0].total), ""
        return
    differ, same = report.changes(estimates[0], estimates[1])
    for delta in differ:
        yield report.name_of(delta.line), *_amounts(delta.amount, True), report.how_changed(delta)
    if same:
        yield f"{same} lines unchanged", "", "", ""
    yield "before", *_amounts(estimates[0].total), ""
    yield "after", *_amounts(estimates[1].total), ""


def _amounts(amount: Any, signed: bool = False) -> tuple[str, str]:
    return report.money(amount.minimum, signed), report.money(amount.maximum, signed)


def _around(estimates: list[Estimate], changed: Mapping[str, Decimal]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The lists below the table: a title and its pairs."""
    whole = report.merged(tuple(estimates))
    yield "assumed (set with --assume)", list(report.assumption_lines(whole, changed))
    yield "not priced", [(one.name, one.why) for one in whole.unpriced]
    yield "notes", [(note, "") for note in report.notes(*estimates)]


def _plain(estimates: list[Estimate], headline: str, changed: Mapping[str, Decimal]) -> Iterator[str]:
    rows = list(_rows(estimates))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    yield headline
    for name, low, high, how in rows:
        heading = not low and not how
        if heading and not name[:1].isdigit():
            yield ""
        indent = "" if heading or name in ("total", "before", "after") else "  "
        amounts = f"{low.rjust(widths[1])}  {high.rjust(widths[2])}"
        yield f"{indent}{name.ljust(widths[0] + 2 - len(indent))}  {amounts}  {how}".rstrip()
    for title, pairs in _around(estimates, changed):
        yield from ("", title) if pairs else ()
        yield from (f"  {first}: {second}" if second else f"  {first}" for first, second in pairs)


def _draw(estimates: list[Estimate], headline: str, changed: Mapping[str, Decimal]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from fsdcf.cli.render.stream import console_of

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("minimum", justify="right", no_wrap=True)
    table.add_column("maximum", justify="right", no_wrap=True)
    table.add_column("how", style="dim")
    for name, low, high, how in _rows(estimates):
        strong = "bold" if not how else ""
        table.add_row(Text(name, strong), Text(low, strong), Text(high, strong), Text(how))
    console = console_of(sys.stdout)
    console.print(Text(headline, "bold"))
    console.print(table)
    for title, pairs in _around(estimates, changed):
        if pairs:
            console.print(Text(title, "bold"))
            for first, second in pairs:
                console.print(Text.assemble("  ", first, (f": {second}" if second else "", "dim")))
