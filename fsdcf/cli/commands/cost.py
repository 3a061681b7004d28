"""``fsdcf cost``: what a spec costs in a month, or what a change of it does to the bill."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import Compiled, compiled
from fsdcf.cli.options import compile_options, read
from fsdcf.cloudformation.planned import PlanError
from fsdcf.cloudformation.pricing import Prices
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.prices import AssumptionError, PriceError, assumed, assumptions, overridden, shipped

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC | OLD NEW")
@compile_options
@click.option(
    "--assume",
    "settings",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Usage, such as requests-per-second=50; repeatable.",
)
@click.option(
    "--region",
    metavar="NAME",
    help="Where the stack goes: it is said if the prices are another's.  [default: what the spec tells, AWS_REGION]",
)
@click.option(
    "--prices", "price_file", type=click.Path(path_type=Path), metavar="FILE", help="Prices of your own, JSON or YAML."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Form of the estimate.",
)
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    settings: tuple[str, ...],
    region: str | None,
    price_file: Path | None,
    form: str,
) -> None:
    """Estimate what a spec or template costs in a month; with two, OLD and NEW, what changes.

    What the template does not tell is assumed; the estimate says what, and --assume sets it.
    """
    values, prices = _assumed(settings), _prices(price_file)
    found = compiled(context, specs, environment, overrides, variables, most=2)
    estimates = [_estimate(one, prices, values, region) for one in found]
    changed = {name: value for name, value in values.items() if value != assumptions()[name].default}
    what = " -> ".join(one.title for one in found)
    first, last = estimates[0], estimates[-1]
    if form == "json":
        whole = report.data(last) if len(estimates) == 1 else report.data_of_change(first, last)
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    elif form == "markdown":
        one = len(estimates) == 1
        click.echo(
            report.markdown(last, what, changed) if one else report.markdown_of_change(first, last, what, changed),
            nl=False,
        )
    elif sys.stdout.isatty():
        _draw(estimates, what, changed)
    else:
        click.echo("\n".join(_plain(estimates, what, changed)))


def _assumed(settings: tuple[str, ...]) -> Mapping[str, Decimal]:
    try:
        return assumed(settings)
    except AssumptionError as error:
        raise click.UsageError(f"--assume: {error}") from None


def _prices(file: Path | None) -> Prices:
    if file is None:
        return shipped()
    try:
        return overridden(shipped(), read(file).decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise click.UsageError(f"--prices {file}: it is no text in UTF-8") from None
    except PriceError as error:
        raise click.UsageError(f"--prices {file}: {error}") from None


def _estimate(one: Compiled, prices: Prices, values: Mapping[str, Decimal], region: str | None) -> Estimate:
    try:
        found = estimate(one.template, prices, values, region or "")
    except PlanError as error:
        raise click.UsageError(f"{one.name!r} cannot be read as a template: {error}") from None
    return replace(
        found, region=found.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    )


def _rows(estimates: list[Estimate]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the table: name, minimum, maximum and how; a part's heading has no amounts."""
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


def _headline(estimates: list[Estimate], what: str) -> str:
    first, last = estimates[0], estimates[-1]
    return report.headline(last, what) if len(estimates) == 1 else report.headline_of_change(first, last, what)


def _around(estimates: list[Estimate], changed: Mapping[str, Decimal]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What stands below the table: title and pairs."""
    whole = report.merged(tuple(estimates))
    yield "assumed (set with --assume)", list(report.assumption_lines(whole, changed))
    yield "not priced", [(one.name, one.why) for one in whole.unpriced]
    yield "notes", [(note, "") for note in report.notes(*estimates)]


def _plain(estimates: list[Estimate], what: str, changed: Mapping[str, Decimal]) -> Iterator[str]:
    rows = list(_rows(estimates))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    yield _headline(estimates, what)
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


def _draw(estimates: list[Estimate], what: str, changed: Mapping[str, Decimal]) -> None:
    from rich.console import Console
    from rich.text import Text

    from fsdcf.cli.render.stream import colours

    console = Console(no_color=not colours(sys.stdout), highlight=False)
    console.print(Text(_headline(estimates, what), "bold"))
    console.print(_table(estimates))
    for title, pairs in _around(estimates, changed):
        if pairs:
            console.print(Text(title, "bold"))
            for first, second in pairs:
                console.print(Text.assemble("  ", first, (f": {second}" if second else "", "dim")))


def _table(estimates: list[Estimate]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("minimum", justify="right", no_wrap=True)
    table.add_column("maximum", justify="right", no_wrap=True)
    table.add_column("how", style="dim")
    for name, low, high, how in _rows(estimates):
        strong = "bold" if not how else ""
        table.add_row(Text(name, strong), Text(low, strong), Text(high, strong), Text(how))
    return table
