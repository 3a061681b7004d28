"""The architecture graph as Mermaid, which GitHub renders.

Source of the syntax: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

from fsdcf.cloudformation.types import NodeKind
from fsdcf.plan.graph.model import COLOURS, Edge, Graph, Group, Node

_SHAPES: dict[NodeKind, tuple[str, str]] = {
    "outside": ("([", "])"),
    "database": ("[(", ")]"),
    "storage": ("[(", ")]"),
    "queue": ("[[", "]]"),
}
_AREAS = {
    "vpc": "fill:none,stroke:#8c4fff,stroke-width:2px",
    "public": "fill:#f2f6e8,stroke:#7aa116,color:#16191f",
    "private": "fill:#e6f6f7,stroke:#00a4a6,color:#16191f",
    "data": "fill:none,stroke:#879196,stroke-dasharray:4 3",
    "services": "fill:none,stroke:#879196,stroke-dasharray:4 3",
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
    out += [f"  style {group.id} {_AREAS[group.area]}" for group in graph.groups]
    return "\n".join(out) + "\n"


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
