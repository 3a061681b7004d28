"""The architecture graph as DOT, for Graphviz.

Source of the syntax: https://graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

import html

from fsdcf.cloudformation.types import NodeKind
from fsdcf.plan.graph.model import AREAS, COLOURS, Edge, Graph, Group, Node
from fsdcf.wording import without_controls

_SHAPES: dict[NodeKind, str] = {"database": "cylinder", "storage": "folder", "queue": "cds", "outside": "oval"}
_HEAD = (
    "rankdir=LR",
    'fontname="Helvetica"',
    "fontsize=13",
    "labelloc=t",
    "nodesep=0.35",
    "ranksep=0.9",
    "compound=true",
    'bgcolor="white"',
)
_NODES = 'fontname="Helvetica", fontsize=11, style="rounded,filled", shape=box, penwidth=1.4, margin="0.18,0.1"'
_EDGES = 'fontname="Helvetica", fontsize=10, color="#545b64", fontcolor="#232f3e", arrowsize=0.8'


def dot(graph: Graph) -> str:
    """The text of a directed graph."""
    out = ["digraph architecture {", *(f"  {line};" for line in _HEAD), f"  label={quoted(graph.title)};"]
    out += [f"  node [{_NODES}];", f"  edge [{_EDGES}];"]
    out += graph.nested(_node, _opening, "}")
    out += [f"  {_edge(edge)}" for edge in graph.edges]
    return "\n".join([*out, "}"]) + "\n"


def quoted(text: str) -> str:
    """A text between quotes, without the HTML entities and the escapes such as ``\\\\N`` that Graphviz would read."""
    safe = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{without_controls(safe)}"'


def _html(text: str) -> str:
    """A text in an HTML-like label. Graphviz also fails at a ``]`` before a tag."""
    safe = html.escape(text, quote=True).replace("&#x27;", "'").replace("]", "&#93;")
    return without_controls(safe) or " "


def _opening(group: Group) -> tuple[str, ...]:
    fill, line, is_dashed = AREAS[group.area]
    style = ",".join(["rounded", *["filled"] * (fill != "none"), *["dashed"] * is_dashed])
    colours = f'color="{line}"; fillcolor="{fill}"; fontcolor="{line}"'
    return (
        f"subgraph cluster_{group.id} {{",
        f'  label={quoted(group.label)}; style="{style}"; {colours}; margin=14;',
    )


def _node(node: Node) -> str:
    fill, line = COLOURS[node.kind]
    title, *rest = (_html(one) for one in node.lines)
    label = "<br/>".join([f"<b>{title}</b>", *rest])
    style = "rounded,filled,dashed" if node.exists else "filled" if node.kind in _SHAPES else "rounded,filled"
    shape = _SHAPES.get(node.kind, "box")
    room = ', margin="0.25,0.14"' if shape == "cds" else ""
    return f'{node.id} [label=<{label}>, shape={shape}, style="{style}", fillcolor="{fill}", color="{line}"{room}];'


def _edge(edge: Edge) -> str:
    marks = [f"label={quoted(edge.label)}"] if edge.label else []
    marks += ["style=dashed", 'color="#879196"'] if edge.faint else []
    marks += ["dir=back"] if edge.back else []
    ends = (edge.target, edge.source) if edge.back else (edge.source, edge.target)
    return f"{ends[0]} -> {ends[1]}" + (f" [{', '.join(marks)}]" if marks else "") + ";"
