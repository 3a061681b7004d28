"""A drawing: nodes in groups, and the edges between nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["outside", "way in", "network", "compute", "database", "storage", "queue", "service", "danger"]
"""What a node is, as far as the drawing shows it by shape and colour."""

Area = Literal["vpc", "public", "private", "data", "services"]
"""What a group is, as far as the drawing shows it by colour."""


def id_of(logical_id: str) -> str:
    """The id of a resource's node."""
    return "r_" + _safe(logical_id)


def other_id(name: str) -> str:
    """The id of a node for something that is no resource of the template."""
    return "x_" + _safe(name)


def _safe(name: str) -> str:
    """Letters and digits as they are, every other character by its number: different names stay different."""
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
    """A frame around nodes and groups; ``parent`` is the id of the group around it, empty for none."""

    id: str
    area: Area
    label: str
    parent: str = ""


@dataclass(frozen=True)
class Edge:
    """An arrow.

    A ``faint`` one is a way or an aid rather than an access; ``back`` leads against the reading direction, so that its
    target stands before its source.
    """

    source: str
    target: str
    label: str = ""
    faint: bool = False
    back: bool = False


@dataclass(frozen=True)
class Graph:
    """The drawing, in a fixed order. Ids are letters, digits and underscores, and unique among nodes and groups."""

    title: str
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]

    def inside(self, group: str) -> Iterator[Node]:
        """The nodes right inside a group; those of no group for the empty id."""
        return (node for node in self.nodes if node.group == group)

    def below(self, group: str) -> Iterator[Group]:
        """The groups right inside a group; the outermost for the empty id."""
        return (one for one in self.groups if one.parent == group)
