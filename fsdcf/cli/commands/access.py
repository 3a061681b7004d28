"""``fsdcf access``: who can do what to which resource, read from the compiled policies and security groups."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from fsdcf.cli.compiled import compile_together, title_of
from fsdcf.cli.files import print_json
from fsdcf.cli.lookup import line_of
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.cli.render.stream import LineWriter, draw_table, painter
from fsdcf.cloudformation.planned import logical_id_of, planned_together, template_of
from fsdcf.deploy.model import Place
from fsdcf.plan.access import (
    BROAD,
    Access,
    access,
    connections,
    levels_of,
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
from fsdcf.wording import visible


@click.command()
@spec_inputs("[SPEC... | FOLDER]", nargs=-1)
@format_option("text", "markdown", "json", help="Output format of the table.")
def access_command(inputs: SpecInputs, form: str) -> None:
    """Show who can do what to which resource: each statement of each policy, what the security groups admit, and the
    spec line that causes it.

    Of an environment and its services, it also shows which service may reach which.
    """
    sides = compile_together(inputs)
    stack = planned_together({name: one.template for name, one in sides.items()})
    rows = (*access(stack), *connections(stack))
    lines = [line_of(sides[template_of(row.holder)], logical_id_of(row.holder), row.path) for row in rows]
    places = [f"{visible(line.file)}:{line.line}" if line else "" for line in lines]
    title = f"{title_of(sides)}: {summary(rows)}"
    if form == "json":
        records = [_record(row, line) for row, line in zip(rows, lines, strict=True)]
        print_json(records)
    elif form == "markdown":
        click.echo(markdown(rows, places, title_of(sides)), nl=False)
    elif sys.stdout.isatty():
        _draw(title, rows, lines)
    else:
        LineWriter(sys.stdout).lines(_plain(title, rows, places))


def _record(row: Access, line: Place | None) -> dict[str, object]:
    spec = {"file": line.file, "line": line.line, "text": line.text.strip()} if line else None
    return {**record(row), "spec": spec}


def _plain(title: str, rows: Sequence[Access], places: Sequence[str]) -> Iterator[str]:
    yield title
    for row, place in zip(rows, places, strict=True):
        mark = f"{BROAD} " if row.broad else "  "
        yield ""
        yield visible(f"{mark}{who(row)} {f'{verb(row)} {levels_of(row)}'.strip()}: {where(row)}")
        yield visible(f"    {what(row)}")
        yield from (visible(f"    {remark}") for remark in remarks(row))
        yield visible(f"    {policy_of(row)}" + (f" --> {place}" if place else ""))


def _draw(title: str, rows: Sequence[Access], lines: Sequence[Place | None]) -> None:
    shares = {"who": 3, "may": 2, "actions": 5, "resources": 4, "conditions": 4, "line": 1}
    columns = {name: {"ratio": share, "overflow": "fold"} for name, share in shares.items()}
    click.echo(painter(sys.stdout)(title, "strong"), color=True)
    draw_table(columns, map(_cells, rows, lines), show_lines=True)


def _cells(row: Access, line: Place | None) -> tuple[str, list[str]]:
    """The style and the cells of a row."""
    style = "bold yellow" if row.broad else "red" if row.effect == "Deny" else ""
    effect = f"{verb(row).removeprefix('may').strip()} {levels_of(row)}".strip()
    cells = (who(row), effect, what(row), where(row), "\n".join(remarks(row)), str(line.line) if line else "")
    return style, [visible(cell.replace("\n", "; ")) for cell in cells]
