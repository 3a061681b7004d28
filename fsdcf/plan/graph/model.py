"""The architecture graph: nodes in groups, and the edges between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fsdcf.cloudformation.types import NodeKind
from fsdcf.wording import cut

COLOURS: Mapping[NodeKind, tuple[str, str]] = {
    "outside": ("#ffffff", "#545b64"),
    "ingress": ("#f3ecff", "#8c4fff"),
    "network": ("#f3ecff", "#8c4fff"),
    "compute": ("#ffeedd", "#ed7100"),
    "database": ("#fbe6f3", "#c925d1"),
    "storage": ("#e9f5e3", "#3f8624"),
    "queue": ("#fde7ee", "#e7157b"),
    "service": ("#eef2f5", "#545b64"),
    "danger": ("#ffe3e3", "#d13212"),
}
"""Fill and line, after the colours of AWS's own icons."""

Area = Literal["vpc", "public", "private", "data", "services"]
"""What a group represents, by its colour."""


class Frame(NamedTuple):
    """How a group is drawn."""

    fill: str
    line: str
    is_dashed: bool = False


AREAS: Mapping[Area, Frame] = {
    "vpc": Frame("none", "#8c4fff"),
    "public": Frame("#f2f6e8", "#7aa116"),
    "private": Frame("#e6f6f7", "#00a4a6"),
    "data": Frame("none", "#879196", is_dashed=True),
    "services": Frame("none", "#879196", is_dashed=True),
}


def id_of(logical_id: str) -> str:
    """The ID of a resource's node."""
    return "r_" + _safe(logical_id)


_LONGEST_ID = 200
"""The characters of an ID before it is cut, and ends in a hash that keeps it unique."""


def other_id(name: str) -> str:
    """The ID of a node for something outside the template."""
    safe = "x_" + _safe(name)
    if len(safe) <= _LONGEST_ID:
        return safe
    from hashlib import sha256  # few names are so long

    return f"{safe[:_LONGEST_ID]}_{sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _safe(name: str) -> str:
    """Letters and digits unchanged, every other character as its number: different names stay different."""
    return "".join(one if one.isascii() and one.isalnum() else f"_{ord(one):x}_" for one in name)


@dataclass(frozen=True)
class Node:
    """A box. ``lines`` are its text, the title first, each cut if it is long; ``group`` is the id of its group,
    empty for none. ``exists`` tells what is not the stack's own.
    """

    id: str
    kind: NodeKind
    lines: tuple[str, ...]
    group: str = ""
    exists: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(map(cut, self.lines)))


@dataclass(frozen=True)
class Group:
    """A frame around nodes and groups; ``parent`` is the ID of the group around it, empty for none."""

    id: str
    area: Area
    label: str
    parent: str = ""


@dataclass(frozen=True)
class Edge:
    """An arrow. A ``faint`` one is a route rather than an access; ``back`` points against the reading direction, so
    that its target is drawn before its source."""

    source: str
    target: str
    label: str = ""
    faint: bool = False
    back: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", cut(self.label))


@dataclass(frozen=True)
class Graph:
    """Nodes, groups and edges in a fixed order. IDs are letters, digits and underscores, and unique in a graph."""

    title: str
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]

    def nested(
        self,
        node: Callable[[Node], str],
        opening: Callable[[Group], tuple[str, ...]],
        closing: str,
        parent: str = "",
        indent: str = "  ",
    ) -> Iterator[str]:
        """The lines of the nodes and groups in a group, indented; all of the graph for the empty ID."""
        yield from (indent + node(one) for one in self.nodes if one.group == parent)
        for group in self.groups:
            if group.parent == parent:
                yield from (indent + line for line in opening(group))
                yield from self.nested(node, opening, closing, group.id, indent + "  ")
                yield indent + closing
