"""The architecture graph: nodes in groups, and the edges between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fsdcf.cloudformation.types import NodeKind

Area = Literal["vpc", "public", "private", "data", "services"]
"""What a group represents, by its colour."""


def id_of(logical_id: str) -> str:
    """The ID of a resource's node."""
    return "r_" + _safe(logical_id)


def other_id(name: str) -> str:
    """The ID of a node for something outside the template."""
    return "x_" + _safe(name)


def _safe(name: str) -> str:
    """Letters and digits unchanged, every other character as its number: different names stay different."""
    return "".join(one if one.isascii() and one.isalnum() else f"_{ord(one):x}_" for one in name)


@dataclass(frozen=True)
class Node:
    """A box. ``lines`` are its text, the title first; ``group`` is the id of its group, empty for none.

    ``exists`` tells what is not the stack's own.
    """

    id: str
    kind: NodeKind
    lines: tuple[str, ...]
    group: str = ""
    exists: bool = False


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


@dataclass(frozen=True)
class Graph:
    """Nodes, groups and edges in a fixed order. IDs are letters, digits and underscores, and unique in a graph."""

    title: str
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]

    def inside(self, group: str) -> Iterator[Node]:
        """The nodes directly in a group; without a group for the empty ID."""
        return (node for node in self.nodes if node.group == group)

    def below(self, group: str) -> Iterator[Group]:
        """The groups directly in a group; the outermost for the empty ID."""
        return (one for one in self.groups if one.parent == group)
