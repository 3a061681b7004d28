"""``fsdcf graph``: the architecture of a spec, as Mermaid, DOT or SVG."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click

from fsdcf.cli.compiled import Compiled, compiled
from fsdcf.cli.options import compile_options
from fsdcf.cloudformation.planned import PlanError
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import mermaid
from fsdcf.plan.graph.model import Graph

_LONGEST_DRAWING = 60
"""Seconds that Graphviz may take."""


@click.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC")
@compile_options
@click.option("-o", "--output", metavar="FILE", help="Write here instead of standard output.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "markdown", "dot", "svg"]),
    default="mermaid",
    show_default=True,
    help="mermaid, the same in a block of Markdown, dot for Graphviz, or svg drawn by it.",
)
@click.pass_context
def command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    output: str | None,
    form: str,
) -> None:
    """Draw the architecture: internet, load balancer, tasks in their subnets, data, and the access between them."""
    (found,) = compiled(context, specs, environment, overrides, variables)
    graph = _graph(found)
    text = {"mermaid": mermaid, "dot": dot}[form](graph) if form in ("mermaid", "dot") else _other(graph, form)
    if output in (None, "-"):
        click.echo(text, nl=False)
        return
    try:
        Path(str(output)).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise click.UsageError(f"cannot write {output!r}: {error.strerror}") from None
    click.echo(f"wrote {output}", err=True)


def _graph(found: Compiled) -> Graph:
    try:
        return architecture(found.template, found.title)
    except PlanError as error:
        raise click.UsageError(f"{found.name!r} cannot be read as a template: {error}") from None


def _other(graph: Graph, form: str) -> str:
    return f"```mermaid\n{mermaid(graph)}```\n" if form == "markdown" else _svg(dot(graph))


def _svg(text: str) -> str:
    """The drawing that Graphviz makes of a DOT text."""
    program = shutil.which("dot")
    if program is None:
        raise click.UsageError(
            "--format svg needs Graphviz, and its program `dot` is not on the PATH; install it, or use --format dot"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the program that PATH gives, with fixed arguments
            [program, "-Tsvg"], input=text.encode(), capture_output=True, timeout=_LONGEST_DRAWING, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.UsageError(f"Graphviz did not draw: {error}") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise click.UsageError(f"Graphviz did not draw: {said or f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")
