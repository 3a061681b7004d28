"""``fsdcf access``: who may do what to which resource, from the compiled policies."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from fsdcf.cli.compiled import Compiled, Line, compiled
from fsdcf.cli.options import compile_options
from fsdcf.cli.render.values import visible
from fsdcf.cloudformation.planned import PlanError, planned
from fsdcf.plan.access import (
    BROAD,
    Access,
    access,
    markdown,
    policy_of,
    record,
    remarks,
    summary,
    verb,
    what,
    where,
    who,
)


@click.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC")
@compile_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Form of the table.",
)
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
) -> None:
    """Show who may do what to which resource: every statement of every policy, and the line of the spec that caused it."""
    (found,) = compiled(context, specs, environment, overrides, variables)
    try:
        rows = access(planned(found.template))
    except PlanError as error:
        raise click.UsageError(f"{found.name!r} cannot be read as a template: {error}") from None
    lines = [found.line(row.holder, row.path) for row in rows]
    places = [f"{line.file}:{line.number}" if line else "" for line in lines]
    if form == "json":
        click.echo(
            json.dumps(
                [_record(row, line) for row, line in zip(rows, lines, strict=True)], indent=2, ensure_ascii=False
            )
        )
    elif form == "markdown":
        click.echo(markdown(rows, places, found.title), nl=False)
    elif sys.stdout.isatty():
        _draw(found, rows, lines)
    else:
        click.echo("\n".join(_plain(found, rows, places)))


def _record(row: Access, line: Line | None) -> dict[str, object]:
    spec = {"file": line.file, "line": line.number, "text": line.text.strip()} if line else None
    return {**record(row), "spec": spec}


def _plain(found: Compiled, rows: Sequence[Access], places: Sequence[str]) -> Iterator[str]:
    yield f"{found.title}: {summary(rows)}"
    for row, place in zip(rows, places, strict=True):
        mark = f"{BROAD} " if row.broad else "  "
        yield ""
        yield visible(f"{mark}{who(row)} {' '.join([verb(row), ', '.join(row.levels)]).strip()}: {where(row)}")
        yield visible(f"    {what(row)}")
        yield from (visible(f"    {remark}") for remark in remarks(row))
        yield visible(f"    {policy_of(row)}" + (f" --> {place}" if place else ""))


def _draw(found: Compiled, rows: Sequence[Access], lines: Sequence[Line | None]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from fsdcf.cli.render.stream import colours

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=True)
    for name, share in (("who", 3), ("may", 2), ("actions", 5), ("resources", 4), ("conditions", 4), ("line", 1)):
        table.add_column(name, ratio=share, overflow="fold")
    for row, line in zip(rows, lines, strict=True):
        role = "bold yellow" if row.broad else "red" if row.effect == "Deny" else ""
        effect = f"{verb(row).removeprefix('may').strip()} {', '.join(row.levels)}".strip()
        notes = "\n".join(remarks(row))
        cells = (
            who(row),
            effect,
            what(row),
            where(row),
            notes,
            str(line.number) if line else "",
        )
        table.add_row(*(Text(visible(cell.replace("\n", "; ")), role) for cell in cells))
    console = Console(no_color=not colours(sys.stdout), highlight=False)
    console.print(Text(f"{found.title}: {summary(rows)}", "bold"))
    console.print(table)
