"""``fsdcf graph``: the architecture of a spec, as Mermaid, DOT or SVG."""

from __future__ import annotations

import click

from fsdcf.cli.compiled import compile_files
from fsdcf.cli.files import write_or_print
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import block, mermaid
from fsdcf.plan.graph.svg import svg

_DRAWINGS = {"mermaid": mermaid, "markdown": block, "dot": dot, "svg": svg}


@click.command()
@spec_inputs(nargs=-1)
@click.option("-o", "--output", metavar="FILE", help="File to write instead of standard output (-).")
@format_option(
    *_DRAWINGS,
    help="Output format: Mermaid, a Mermaid block for Markdown, DOT for Graphviz, or an SVG picture.",
)
def graph_command(inputs: SpecInputs, output: str | None, form: str) -> None:
    """Draw the architecture of a service.

    The drawing shows the internet, the load balancer, tasks in their subnets, data, and the access between them.
    """
    (compiled,) = compile_files(inputs)
    with compiled.checking():
        graph = architecture(compiled.template, compiled.title)
    write_or_print(output, _DRAWINGS[form](graph))
