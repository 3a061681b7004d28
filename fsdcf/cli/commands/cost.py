"""``fsdcf cost``: the monthly cost of a spec, or of a change."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.compiled import Compiled, check_stacks, compile_files, environments_joined, title_of
from fsdcf.cli.files import is_environment, print_json, read
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.cli.render.stream import LineWriter, draw_table, wrapped_after
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.pricing import Prices
from fsdcf.deploy.model import Exit
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import Estimate, are_linked, estimates_of
from fsdcf.plan.cost.prices import AssumptionError, PriceError, assumed, assumptions, overridden, shipped
from fsdcf.wording import visible


def _amount(context: click.Context, parameter: click.Parameter, text: str | None) -> Decimal | None:
    """An option's callback: an amount of money, zero or more."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", text):
        raise click.BadParameter(f"{text!r} is not an amount of money: write one such as 200 or 99.50")
    return Decimal(text)


@click.command()
@spec_inputs("[SPEC... | FOLDER... | OLD NEW]", nargs=-1)
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
@click.option("--change", "compares", is_flag=True, help="Compare OLD and NEW, even if they are of different services.")
@click.option(
    "--max",
    "budget",
    callback=_amount,
    metavar="USD",
    help="Budget of a month: exit with code 10 if the maximum is above it; of OLD and NEW, that of NEW.",
)
@format_option("text", "markdown", "json", help="Output format of the estimate.")
def cost_command(
    inputs: SpecInputs,
    settings: tuple[str, ...],
    region: str | None,
    price_file: Path | None,
    compares: bool,
    budget: Decimal | None,
    form: str,
) -> None:
    """Estimate the monthly cost of a spec or template, of a change, or of several specs.

    Two files of the same service are OLD and NEW, and the estimate is that of the change. The costs of specs of
    different services are added, unless --change compares two of them.

    Usage that the template does not determine is assumed. The estimate lists the assumptions, and --assume changes
    them.
    """
    try:
        values = assumed(settings)
    except AssumptionError as error:
        raise click.UsageError(f"--assume: {error}") from None
    prices = _prices(price_file)
    kinds = {is_environment(path) for path in inputs.files}
    if len(kinds) == 2 or any(map(os.path.isdir, inputs.files)):
        inputs = inputs.in_one_environment()
    sides = compile_files(inputs, most=None)
    changed = {name: value for name, value in values.items() if value != assumptions()[name].default}
    if compares and len(sides) != 2:
        raise click.UsageError("--change expects two files, OLD and NEW")
    for one in sides:
        with one.checking():
            planned(one.template)
    titles = [] if compares else _titles_of_sum(sides)
    estimates = _estimates(sides, bool(titles), prices, values, region)
    title = title_of({one.title: one for one in sides}) if titles else " -> ".join(one.title for one in sides)
    whole = report.summed(estimates) if titles else estimates[-1]
    exceeded = report.exceeded(whole, budget, title if titles else sides[-1].title) if budget is not None else ""
    if form == "json":
        print_json(_data(estimates, titles) | ({"budget": _budget(whole, budget)} if budget is not None else {}))
    elif form == "markdown":
        click.echo(report.markdown(estimates, title, changed, titles, exceeded), nl=False)
    else:
        _print(estimates, title, changed, titles)
    if exceeded:
        click.echo(f"over budget: {exceeded}", err=True)
        click.get_current_context().exit(int(Exit.CHANGES))


def _titles_of_sum(sides: Sequence[Compiled]) -> list[str]:
    """The titles of specs whose costs are added; none for one file, or for two of the same service: OLD and NEW.

    A usage error if the sum would contain a stack twice.
    """
    names = [one.stack for one in sides if one.stack]
    if len(sides) == 1 or (
        len(sides) == 2 and len(set(names)) < 2 and not are_linked(*(one.template for one in sides))
    ):
        return []
    check_stacks(sides, ", or only OLD and NEW")
    return [one.title for one in sides]


def _data(estimates: Sequence[Estimate], titles: Sequence[str]) -> dict[str, Any]:
    if titles:
        return report.data_of_several(titles, estimates)
    return report.data_of_change(*estimates) if len(estimates) > 1 else report.data(*estimates)


def _budget(estimate: Estimate, budget: Decimal) -> dict[str, Any]:
    over = max(Decimal(0), estimate.total.maximum - budget)
    return {"maximum": float(budget), "exceededBy": float(round(over, 4))}


def _prices(file: Path | None) -> Prices:
    if file is None:
        return shipped()
    try:
        return overridden(shipped(), read(file).decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise click.UsageError(f"--prices {str(file)!r}: the file is not valid UTF-8") from None
    except PriceError as error:
        raise click.UsageError(f"--prices {str(file)!r}: {visible(error)}") from None


def _estimates(
    sides: Sequence[Compiled], together: bool, prices: Prices, values: Mapping[str, Decimal], region: str | None
) -> list[Estimate]:
    """The estimate of each side: of all of them together, or of each as if it were alone."""
    groups = [sides] if together else [[one] for one in sides]
    found: list[Estimate] = []
    for group in groups:
        templates, around = {one.title: one.template for one in group}, environments_joined(group)
        found += estimates_of(templates, prices, values, region or "", around).values()
    fallback = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return [replace(one, region=one.region or fallback) for one in found]


def _print(estimates: Sequence[Estimate], title: str, changed: Mapping[str, Decimal], titles: Sequence[str]) -> None:
    out, whole = LineWriter(sys.stdout), report.summed(estimates) if titles else report.merged(estimates)
    rows = list(report.rows_by_spec(titles, estimates) if titles else report.rows(estimates))
    out.lines([out.paint(report.headline([whole] if titles else estimates, title), "strong")])
    if sys.stdout.isatty():
        amount = {"justify": "right", "no_wrap": True}
        columns: dict[str, dict[str, Any]] = {"": {}, "minimum": amount, "maximum": amount}
        if any(row.how for row in rows):
            columns["how"] = {"style": "dim"}
        draw_table(columns, (("bold" if row.is_strong else "", row[:4][: len(columns)]) for row in rows))
    else:
        out.lines(_plain(rows))
    for heading, pairs in (
        ("assumed (set with --assume)", list(report.assumption_lines(whole, changed))),
        ("not priced", [(one.name, one.why) for one in whole.unpriced]),
        ("notes", [(note, "") for note in (report.notes_of_sum(estimates) if titles else report.notes(*estimates))]),
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
        name = row.name if row.is_strong or not row.minimum else f"  {row.name}"
        amounts = f"{row.minimum.rjust(widths[1])}  {row.maximum.rjust(widths[2])}"
        yield f"{name.ljust(widths[0] + 2)}  {amounts}  {row.how}".rstrip()
