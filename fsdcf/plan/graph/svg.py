"""The architecture graph as SVG, with a layout of its own: the same graph gives the same bytes, without Graphviz.

Groups are laid out from the inside to the outside. The members of a group are in columns in reading direction, by the
longest path of edges that leads to them; AWS services are in rows below the rest, because everything uses them.
Source of the syntax: https://www.w3.org/TR/SVG2/
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from fsdcf.cloudformation.types import NodeKind
from fsdcf.plan.graph.model import AREAS, COLOURS, Edge, Graph, Group, Node

Side = Literal["left", "right", "top", "bottom"]

_FONT = "Helvetica, Arial, sans-serif"
_LINE, _SIZE, _SMALL, _LARGE = 14.0, 11.0, 10.0, 13.0
"""Height of a line of text, and sizes of the fonts of nodes, of edges, and of groups and the title."""
_GAP, _MARGIN, _HEADING = 28.0, 16.0, 24.0
"""Space between members, around the members of a group, and for the heading of a group."""
_WEIGHTS = ("bold", "normal")
"""Of the first line of a node, and of the others."""
_PER_ROW = 6
"""Most AWS services in a row."""
_BEND = 36.0
"""Least distance that an edge runs straight out of a node before it bends."""
_OPPOSITE: Mapping[Side, Side] = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_DIRECTION: Mapping[Side, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


class Point(NamedTuple):
    """A place in the picture, in pixels from its upper left corner."""

    x: float
    y: float


class Rectangle(NamedTuple):
    """The place of a node or group, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, x: float, y: float) -> Rectangle:
        return self._replace(x=self.x + x, y=self.y + y)


Layout = dict[str, Rectangle]
"""Rectangles by the IDs of nodes and groups; the empty ID is the whole."""


def svg(graph: Graph) -> str:
    """The text of an SVG document."""
    places = places_of(graph)
    _, _, width, height = places[""]
    size = (_number(width), _number(height))
    title = _text(graph.title)
    edges = list(_edges(graph, places))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {size[0]} {size[1]}" font-family="{_FONT}" text-anchor="middle" fill="#16191f">',
            f"<title>{title}</title>",
            '<defs><marker id="arrow" viewBox="0 0 10 8" refX="10" refY="4" markerWidth="9" markerHeight="8" '
            'markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L10,4 L0,8 z" fill="#545b64"/></marker></defs>',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="{_number(width / 2)}" y="{_number(_HEADING)}" font-size="{_number(_LARGE)}">{title}</text>',
            *(_group(group, places[group.id]) for group in _outer_first(graph)),
            *(path for path, _ in edges),
            *(_node(node, places[node.id]) for node in graph.nodes),
            *(label for _, label in edges if label),
            "</svg>\n",
        )
    )


def places_of(graph: Graph) -> Layout:
    """The places of all nodes and groups in the picture, and of the picture itself."""
    inner = _arranged(graph, "")
    whole = inner[""]
    top, width = _HEADING + _MARGIN, max(whole.width, _width(graph.title, _LARGE)) + 2 * _MARGIN
    moved = {id: place.moved((width - whole.width) / 2, top) for id, place in inner.items()}
    return {**moved, "": Rectangle(0, 0, width, whole.height + top + _MARGIN)}


def _arranged(graph: Graph, id: str) -> Layout:
    """The places of everything in a group, relative to its upper left corner."""
    area = next((group.area for group in graph.groups if group.id == id), None)
    inner = {node.id: {"": _node_size(node)} for node in graph.nodes if node.group == id}
    inner |= {group.id: _arranged(graph, group.id) for group in graph.groups if group.parent == id}
    services = [group.id for group in graph.groups if group.parent == id and group.area == "services"]
    members = [member for member in inner if member not in services]
    if area == "services":
        rows = [members[start : start + _PER_ROW] for start in range(0, len(members), _PER_ROW)]
        places, size = _stacked([_side_by_side([[member] for member in row], inner, [_GAP] * len(row)) for row in rows])
    else:
        columns = [members] if area == "data" else _columns(graph, members)
        below = [_side_by_side([[service]], inner, [_GAP]) for service in services]
        places, size = _stacked([_side_by_side(columns, inner, _gaps(graph, columns)), *below], 2 * _GAP)
    frame = next((group for group in graph.groups if group.id == id), None)
    if frame is None:
        return {**places, "": Rectangle(0, 0, *size)}
    width = max(size[0], _width(frame.label, _LARGE)) + 2 * _MARGIN
    shift = ((width - size[0]) / 2, _MARGIN + _HEADING)
    moved = {member: place.moved(*shift) for member, place in places.items()}
    return {**moved, "": Rectangle(0, 0, width, size[1] + 2 * _MARGIN + _HEADING)}


Arrangement = tuple[dict[str, Rectangle], tuple[float, float]]
"""Places by ID, and the width and height of the whole."""


def _side_by_side(columns: Sequence[Sequence[str]], inner: Mapping[str, Layout], gaps: Sequence[float]) -> Arrangement:
    """Columns from left to right, each centred; ``gaps`` is the space before each, of which the first is not used."""
    places: dict[str, Rectangle] = {}
    heights = [sum(inner[one][""].height for one in column) + _GAP * (len(column) - 1) for column in columns]
    height, x = max(heights, default=0.0), 0.0
    for number, column in enumerate(columns):
        x += gaps[number] if number else 0
        width, y = max(inner[one][""].width for one in column), (height - heights[number]) / 2
        for one in column:
            size = inner[one][""]
            left = x + (width - size.width) / 2
            places |= {id or one: place.moved(left, y) for id, place in inner[one].items()}
            y += size.height + _GAP
        x += width
    return places, (x, height)


def _stacked(rows: Sequence[Arrangement], gap: float = _GAP) -> Arrangement:
    """Rows from top to bottom, each centred."""
    rows = [row for row in rows if row[0]]
    width, y = max((size[0] for _, size in rows), default=0.0), 0.0
    places: dict[str, Rectangle] = {}
    for row, size in rows:
        left = (width - size[0]) / 2
        places |= {id: place.moved(left, y) for id, place in row.items()}
        y += size[1] + gap
    return places, (width, max(0.0, y - gap))


def _columns(graph: Graph, members: Sequence[str]) -> list[list[str]]:
    """The members in columns: each is to the right of everything from which an edge leads to it."""
    rank = dict.fromkeys(members, 0)
    arrows = [(source, target) for source, target, _ in _between(graph, members)]
    for _ in members:  # as often as a path can be long; a cycle ends with it
        for source, target in arrows:
            rank[target] = max(rank[target], min(rank[source] + 1, len(members)))
    return [[one for one in members if rank[one] == number] for number in sorted(set(rank.values()))]


def _gaps(graph: Graph, columns: Sequence[Sequence[str]]) -> list[float]:
    """The space before each column, wide enough for the labels of the edges that end in it."""
    column_of = {member: number for number, column in enumerate(columns) for member in column}
    gaps = [2 * _GAP] * len(columns)
    for source, target, label in _between(graph, list(column_of)):
        number = max(column_of[source], column_of[target])
        gaps[number] = max(gaps[number], _width(label, _SMALL) + _GAP)
    return gaps


def _between(graph: Graph, members: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The edges between two members of a group, or between what they contain, in reading direction.

    A node that another one only uses, in the same group, may be above it: an endpoint above the tasks.
    """
    parents = {node.id: node.group for node in graph.nodes} | {group.id: group.parent for group in graph.groups}
    for edge in graph.edges:
        source, target = (_member(id, members, parents) for id in (edge.source, edge.target))
        is_beside = edge.back and source == edge.source and target == edge.target
        if source and target and source != target and not is_beside:
            yield (target, source, edge.label) if edge.back else (source, target, edge.label)


def _member(id: str, members: Sequence[str], parents: Mapping[str, str]) -> str:
    """The member that is or contains something; empty for none."""
    while id and id not in members:
        id = parents[id]
    return id


def _edges(graph: Graph, places: Layout) -> Iterator[tuple[str, str]]:
    """The path and the label of each edge, or an empty text for no label."""
    areas = {group.id: group.area for group in graph.groups}
    below = {node.id for node in graph.nodes if areas.get(node.group) == "services"}
    sides = [(edge, _side(places[edge.source], places[edge.target], edge.target in below)) for edge in graph.edges]
    ends: dict[tuple[str, Side], list[tuple[float, int]]] = {}
    for number, (edge, side) in enumerate(sides):
        for id, other, at in ((edge.source, edge.target, side), (edge.target, edge.source, _OPPOSITE[side])):
            centre = places[other].centre
            ends.setdefault((id, at), []).append((centre.x if at in ("top", "bottom") else centre.y, number))
    ports = {key: {number: index for index, (_, number) in enumerate(sorted(found))} for key, found in ends.items()}
    for number, (edge, side) in enumerate(sides):
        start, end = (
            _port(places[id], at, (ports[id, at][number] + 1) / (len(ports[id, at]) + 1))
            for id, at in ((edge.source, side), (edge.target, _OPPOSITE[side]))
        )
        yield _edge(edge, start, end, side)


def _side(source: Rectangle, target: Rectangle, is_below: bool) -> Side:
    """The side on which an edge leaves its source; it enters its target on the opposite one."""
    if not is_below and target.x >= source.x + source.width:
        return "right"
    if not is_below and target.x + target.width <= source.x:
        return "left"
    return "bottom" if target.centre.y >= source.centre.y else "top"


def _port(place: Rectangle, side: Side, share: float) -> Point:
    """A point on a side, ``share`` of the way along it."""
    if side in ("left", "right"):
        return Point(place.x + (place.width if side == "right" else 0), place.y + place.height * share)
    return Point(place.x + place.width * share, place.y + (place.height if side == "bottom" else 0))


def _edge(edge: Edge, start: Point, end: Point, side: Side) -> tuple[str, str]:
    across, down = _DIRECTION[side]
    bend = max(_BEND, abs(end.x - start.x if across else end.y - start.y) / 2)
    first = Point(start.x + across * bend, start.y + down * bend)
    second = Point(end.x - across * bend, end.y - down * bend)
    curve = " ".join(f"{_number(point.x)},{_number(point.y)}" for point in (first, second, end))
    dashes = ' stroke-dasharray="5 3"' if edge.faint else ""
    colour = "#879196" if edge.faint else "#545b64"
    path = (
        f'<path d="M{_number(start.x)},{_number(start.y)} C{curve}" fill="none" stroke="{colour}"{dashes} '
        'marker-end="url(#arrow)"/>'
    )
    if not edge.label:
        return path, ""
    middle = _along((start, first, second, end), 0.5 if across else 0.72)
    label = (
        f'<text x="{_number(middle.x)}" y="{_number(middle.y - (4 if across else 0))}" '
        f'font-size="{_number(_SMALL)}" fill="#232f3e" stroke="#ffffff" stroke-width="3" paint-order="stroke">'
        f"{_text(edge.label)}</text>"
    )
    return path, label


def _along(points: Sequence[Point], share: float) -> Point:
    """The point of a Bézier curve, by de Casteljau's algorithm."""
    while len(points) > 1:
        points = [
            Point(one.x + (two.x - one.x) * share, one.y + (two.y - one.y) * share) for one, two in pairwise(points)
        ]
    return points[0]


def _outer_first(graph: Graph, parent: str = "") -> Iterator[Group]:
    for group in graph.groups:
        if group.parent == parent:
            yield group
            yield from _outer_first(graph, group.id)


def _group(group: Group, place: Rectangle) -> str:
    area = AREAS[group.area]
    dashes = ' stroke-dasharray="4 3"' if area.is_dashed else ""
    return (
        f'<rect {_at(place)} rx="10" fill="{area.fill}" stroke="{area.line}"{dashes}/>'
        f'<text x="{_number(place.x + _MARGIN)}" y="{_number(place.y + 20)}" font-size="{_number(_LARGE)}" '
        f'text-anchor="start" fill="{area.line}">{_text(group.label)}</text>'
    )


def _node_size(node: Node) -> Rectangle:
    title, *rest = node.lines
    width = max(_width(title, _SIZE) * 1.06, *(_width(line, _SIZE) for line in rest), 40.0)
    extra = 14.0 if node.kind in _SHAPES else 0.0
    return Rectangle(0, 0, width + 2 * _MARGIN + extra, _LINE * len(node.lines) + 18 + extra / 2)


def _node(node: Node, place: Rectangle) -> str:
    fill, line = COLOURS[node.kind]
    dashes = ' stroke-dasharray="4 3"' if node.exists else ""
    style = f'fill="{fill}" stroke="{line}" stroke-width="1.4"{dashes}'
    outline = f'<path d="{_shape(node.kind, place)}" {style}/>'
    if node.kind not in _SHAPES:
        radius = place.height / 2 if node.kind == "outside" else 8
        outline = f'<rect {_at(place)} rx="{_number(radius)}" {style}/>'
    middle, spare = place.centre, 6 if node.kind in ("database", "storage") else 0
    y = middle.y - _LINE * len(node.lines) / 2 + _LINE * 0.8 + spare / 2
    rows = "".join(
        f'<tspan x="{_number(middle.x)}" y="{_number(y + _LINE * number)}" '
        f'font-weight="{_WEIGHTS[bool(number)]}">{_text(line)}</tspan>'
        for number, line in enumerate(node.lines)
    )
    return f'{outline}<text font-size="{_number(_SIZE)}">{rows}</text>'


_SHAPES: Mapping[NodeKind, str] = {
    "database": "M{l},{t5} v{h10} a{w2},5 0 0 0 {w},0 v-{h10} a{w2},5 0 0 0 -{w},0 a{w2},5 0 0 0 {w},0",
    "storage": "M{l},{t} h30 l6,7 h{w36} v{h7} h-{w} z",
    "queue": "M{l},{t} h{w14} l14,{h2} l-14,{h2} h-{w14} z",
}
"""A cylinder, a folder and an arrow. The letters are the left, the top, the width and the height of the place."""


def _shape(kind: NodeKind, place: Rectangle) -> str:
    left, top, width, height = place
    numbers = {
        **{"l": left, "t": top, "t5": top + 5, "w": width, "w2": width / 2, "w14": width - 14, "w36": width - 36},
        **{"h2": height / 2, "h7": height - 7, "h10": height - 10},
    }
    return _SHAPES.get(kind, "").format(**{name: _number(value) for name, value in numbers.items()})


def _at(place: Rectangle) -> str:
    names = ("x", "y", "width", "height")
    return " ".join(f'{name}="{_number(value)}"' for name, value in zip(names, place, strict=True))


def _number(value: float) -> str:
    """A number with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _width(text: str, size: float) -> float:
    """The width of a text in pixels: Helvetica's, by classes of characters."""
    return size * sum(map(_share, text))


def _share(character: str) -> float:
    """The width of a character as a share of the font's size."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in "ijl.,:;|!'`()[]{}/\\ ft-I":
        return 0.32
    return 0.85 if character in "mwMW@%" else 0.7 if character.isupper() else 0.56


def _text(text: str) -> str:
    """A text without markup, and without characters that XML does not permit."""
    return html.escape("".join(character if character.isprintable() else " " for character in text))
