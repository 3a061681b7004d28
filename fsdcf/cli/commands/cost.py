"""``fsdcf cost``: the monthly cost of a spec, or of a change."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.compiled import Compiled, compile_files
from fsdcf.cli.files import print_json, read
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.cli.render.stream import LineWriter, draw_table, wrapped_after
from fsdcf.cloudformation.pricing import Prices
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.prices import AssumptionError, PriceError, assumed, assumptions, overridden, shipped


@click.command()
@spec_inputs("SPEC | OLD NEW", nargs=-1)
@click.option(
    "--assume",
    "settings",
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
    "--prices",
    "price_file",
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
        print_json(data)
    elif form == "markdown":
        click.echo(report.markdown(estimates, title, changed), nl=False)
    else:
        _print(estimates, title, changed)


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
    with one.checking():
        estimated = estimate(one.template, prices, values, region or "")
    fallback = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return replace(estimated, region=estimated.region or fallback)


def _print(estimates: list[Estimate], title: str, changed: Mapping[str, Decimal]) -> None:
    out, rows, whole = LineWriter(sys.stdout), list(report.rows(estimates)), report.merged(estimates)
    out.lines([out.paint(report.headline(estimates, title), "strong")])
    if sys.stdout.isatty():
        amount = {"justify": "right", "no_wrap": True}
        columns: dict[str, dict[str, Any]] = {"": {}, "minimum": amount, "maximum": amount, "how": {"style": "dim"}}
        draw_table(columns, (("bold" if row.is_strong else "", row[:4]) for row in rows))
    else:
        out.lines(_plain(rows))
    for heading, pairs in (
        ("assumed (set with --assume)", list(report.assumption_lines(whole, changed))),
        ("not priced", [(one.name, one.why) for one in whole.unpriced]),
        ("notes", [(note, "") for note in report.notes(*estimates)]),
    ):
        out.lines(("", out.paint(heading, "strong")) if pairs else ())
        for name, text in pairs:
            head = f"  {name}: " if text else f"  {name}"
            out.lines(wrapped_after(head, text, out.paint, out.width, 4))


def _plain(rows: list[report.CostRow]) -> Iterator[str]:
    columns = zip(*((row.name, row.minimum, row.maximum) for row in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for row in rows:
        if row.is_strong and not row.minimum:
            yield ""
        name = row.name if not row.how else f"  {row.name}"
        amounts = f"{row.minimum.rjust(widths[1])}  {row.maximum.rjust(widths[2])}"
        yield f"{name.ljust(widths[0] + 2)}  {amounts}  {row.how}".rstrip()
