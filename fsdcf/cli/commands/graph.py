"""``fsdcf graph``: the architecture of specs, as Mermaid, DOT or SVG."""

from __future__ import annotations

import click

from fsdcf.cli.compiled import compile_together, title_of
from fsdcf.cli.files import write_or_print
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.plan.graph.architecture import architecture_of
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import block, mermaid
from fsdcf.plan.graph.svg import svg

_DRAWINGS = {"mermaid": mermaid, "markdown": block, "dot": dot, "svg": svg}


@click.command()
@spec_inputs("[SPEC... | FOLDER]", nargs=-1)
@click.option("-o", "--output", metavar="FILE", help="File to write instead of standard output (-).")
@format_option(
    *_DRAWINGS,
    help="Output format: Mermaid, a Mermaid block for Markdown, DOT for Graphviz, or an SVG picture.",
)
def graph_command(inputs: SpecInputs, output: str | None, form: str) -> None:
    """Draw the architecture of a service, or of several with what they share.

    The drawing shows the internet, the load balancer, tasks in their subnets, data, and the access between them.
    That of an environment and its services shows their hosts and paths, and which service calls which.
    """
    sides = compile_together(inputs)
    graph = architecture_of({name: one.template for name, one in sides.items()}, title_of(sides))
    write_or_print(output, _DRAWINGS[form](graph))
