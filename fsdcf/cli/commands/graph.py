"""``fsdcf graph``: the architecture of a spec, as Mermaid, DOT or SVG."""

from __future__ import annotations

import shutil
import subprocess

import click

from fsdcf.cli.compiled import compile_files
from fsdcf.cli.files import write_or_print
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import mermaid

_TIMEOUT = 60
"""Seconds that Graphviz may take."""


@click.command()
@spec_inputs(nargs=-1)
@click.option("-o", "--output", metavar="FILE", help="File to write instead of standard output (-).")
@format_option(
    "mermaid",
    "markdown",
    "dot",
    "svg",
    help="Output format: Mermaid, a Mermaid block for Markdown, DOT for Graphviz, or an SVG drawn by Graphviz.",
)
def graph_command(inputs: SpecInputs, output: str | None, form: str) -> None:
    """Draw the architecture of a service.

    The drawing shows the internet, the load balancer, tasks in their subnets, data, and the access between them.
    """
    (compiled,) = compile_files(inputs)
    with compiled.checking():
        graph = architecture(compiled.template, compiled.title)
    if form in ("dot", "svg"):
        text = dot(graph) if form == "dot" else _svg(dot(graph))
    else:
        text = mermaid(graph) if form == "mermaid" else f"```mermaid\n{mermaid(graph)}```\n"
    write_or_print(output, text)


def _svg(text: str) -> str:
    """The SVG that Graphviz draws from a DOT text."""
    program = shutil.which("dot")
    if program is None:
        raise click.UsageError(
            "--format svg needs Graphviz, and its program `dot` is not on the PATH; install it, or use --format dot"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the program that PATH gives, with fixed arguments
            [program, "-Tsvg"], input=text.encode(), capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.UsageError(f"Graphviz failed: {error}") from None
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise click.UsageError(f"Graphviz failed: {reason or f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")
