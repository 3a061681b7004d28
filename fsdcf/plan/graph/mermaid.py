"""The architecture graph as Mermaid, which GitHub renders.

Source of the syntax: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

from fsdcf.cloudformation.types import NodeKind
from fsdcf.plan.graph.model import AREAS, COLOURS, Edge, Graph, Group, Node

_SHAPES: dict[NodeKind, tuple[str, str]] = {
    "outside": ("([", "])"),
    "database": ("[(", ")]"),
    "storage": ("[(", ")]"),
    "queue": ("[[", "]]"),
}
_SPACING = '%%{init: {"flowchart": {"rankSpacing": 110, "nodeSpacing": 24}}}%%'


def mermaid(graph: Graph) -> str:
    """The text of a Mermaid flow chart."""
    out = [_SPACING, "flowchart LR", f"  accTitle: {_plain(graph.title)}"]
    out += graph.nested(_node, _opening, "end")
    out += [f"  {_edge(edge)}" for edge in graph.edges]
    for kind, (fill, line) in COLOURS.items():
        named = [node.id for node in graph.nodes if node.kind == kind]
        if named:
            style = f"fill:{fill},stroke:{line},color:#16191f"
            out += [f"  classDef k_{kind} {style}", f"  class {','.join(named)} k_{kind}"]
    existing = [node.id for node in graph.nodes if node.exists]
    if existing:
        out += ["  classDef existing stroke-dasharray:4 3", f"  class {','.join(existing)} existing"]
    for group in graph.groups:
        fill, line, is_dashed = AREAS[group.area]
        colour = "" if fill == "none" else ",color:#16191f"  # without a fill, the reader's theme gives the color
        dashes = ",stroke-dasharray:4 3" if is_dashed else ""
        out.append(f"  style {group.id} fill:{fill},stroke:{line}{colour}{dashes}")
    return "\n".join(out) + "\n"


MAX_TEXT, MAX_EDGES = 50_000, 500
"""What Mermaid draws at most: characters, and lines between nodes.

Source: https://mermaid.js.org/config/schema-docs/config.html
"""


def block(graph: Graph) -> str:
    """The drawing as a block of Markdown, or a sentence about a graph that is too large for Mermaid."""
    text = mermaid(graph)
    if len(text) > MAX_TEXT or len(graph.edges) > MAX_EDGES:
        large = f"The architecture is too large for Mermaid: {len(graph.nodes)} nodes"
        return f"{large}; `fsdcf graph --format svg` draws it.\n"
    return f"```mermaid\n{text}```\n"


def escaped(text: str) -> str:
    """A text between quotes, with an entity for every character that Mermaid or HTML may interpret."""
    return "".join(
        character if character.isalnum() or character in " .,:/-_()+=%" else f"#{ord(character)};" for character in text
    )


def _opening(group: Group) -> tuple[str, ...]:
    return (f'subgraph {group.id}["{escaped(group.label)}"]',)


def _node(node: Node) -> str:
    opening, closing = _SHAPES.get(node.kind, ("[", "]"))
    title, *rest = (escaped(line) for line in node.lines)
    return f'{node.id}{opening}"{"<br/>".join([f"<b>{title}</b>", *rest])}"{closing}'


def _edge(edge: Edge) -> str:
    """An arrow; one that leads back is a line from its target, for Mermaid draws the first end of a line before the
    second."""
    label = f'|"{escaped(edge.label)}"|' if edge.label else ""
    if edge.back:
        return f"{edge.target} {'-.-' if edge.faint else '---'}{label} {edge.source}"
    return f"{edge.source} {'-.->' if edge.faint else '-->'}{label} {edge.target}"


def _plain(text: str) -> str:
    """A title on its own line, without characters that could end it or start a statement."""
    return "".join(character if character.isalnum() or character in " ./-_" else " " for character in text)
