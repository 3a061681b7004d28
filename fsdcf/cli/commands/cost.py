"""``fsdcf cost``: the monthly cost of a spec, or of a change."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

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
    if form == "json":
        data = report.data_of_change(*estimates) if len(estimates) > 1 else report.data(*estimates)
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(report.markdown(estimates, title, changed), nl=False)
    elif sys.stdout.isatty():
        _draw(estimates, report.headline(estimates, title), changed)
    else:
        click.echo("\n".join(_plain(estimates, report.headline(estimates, title), changed)))


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


def _around(estimates: list[Estimate], changed: Mapping[str, Decimal]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The lists below the table: a title and its pairs."""
    whole = report.merged(estimates)
    yield "assumed (set with --assume)", list(report.assumption_lines(whole, changed))
    yield "not priced", [(one.name, one.why) for one in whole.unpriced]
    yield "notes", [(note, "") for note in report.notes(*estimates)]


def _plain(estimates: list[Estimate], headline: str, changed: Mapping[str, Decimal]) -> Iterator[str]:
    rows = list(report.rows(estimates))
    columns = zip(*((row.name, row.minimum, row.maximum) for row in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    yield headline
    for row in rows:
        if row.is_strong and not row.minimum:
            yield ""
        name = row.name if not row.how else f"  {row.name}"
        amounts = f"{row.minimum.rjust(widths[1])}  {row.maximum.rjust(widths[2])}"
        yield f"{name.ljust(widths[0] + 2)}  {amounts}  {row.how}".rstrip()
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
    for row in report.rows(estimates):
        table.add_row(*(Text(cell, "bold" if row.is_strong else "") for cell in row[:4]))
    console = console_of(sys.stdout)
    console.print(Text(headline, "bold"))
    console.print(table)
    for title, pairs in _around(estimates, changed):
        if pairs:
            console.print(Text(title, "bold"))
            for first, second in pairs:
                console.print(Text.assemble("  ", first, (f": {second}" if second else "", "dim")))
