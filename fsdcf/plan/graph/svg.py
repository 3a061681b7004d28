"""The architecture graph as SVG, with a layout of its own: the same graph gives the same bytes, without Graphviz.

Groups are laid out from the inside to the outside. The members of a group are in columns in reading direction, by the
longest path of edges that leads to them, and in a column near what they are connected to. An edge that passes a column
has a lane of its own in it. AWS services are in rows below the rest, because everything uses them.
Source of the syntax: https://www.w3.org/TR/SVG2/
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, NamedTuple

from fsdcf.cloudformation.types import NodeKind
from fsdcf.plan.graph.model import AREAS, COLOURS, Edge, Graph, Group, Node
from fsdcf.wording import without_controls

Side = Literal["left", "right", "top", "bottom"]

_FONT = "Helvetica, Arial, sans-serif"
_LINE, _SIZE, _SMALL, _LARGE = 14.0, 11.0, 10.0, 13.0
"""Height of a line of text, and sizes of the fonts of nodes, of edges, and of groups and the title."""
_GAP, _MARGIN, _HEADING = 28.0, 16.0, 24.0
"""Space between members, around the members of a group, and for the heading of a group."""
_WEIGHTS = ("bold", "normal")
"""Of the first line of a node, and of the others."""
_LANE, _CLOSE = 4.0, 8.0
"""Height of a lane, and the space between two lanes."""
_SHARES = tuple(step / 20 for step in range(3, 18))
"""Where on a curve its label may be."""
_SWEEPS = 4
"""How often the members of columns are put in the order of their neighbours, from the left and from the right."""
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
"""Rectangles by the IDs of nodes and groups; the empty ID is the whole. An edge, by its number, has one in each column
that it passes (``~3 group 1``), and the place for its label (``?3``), in the space before the column of its end."""


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
    inner = _arranged(_with_stores_in_order(graph, _arranged(graph, "")), "")
    whole = inner[""]
    top, width = _HEADING + _MARGIN, max(whole.width, _width(graph.title, _LARGE)) + 2 * _MARGIN
    moved = {id: place.moved((width - whole.width) / 2, top) for id, place in inner.items()}
    return {**moved, "": Rectangle(0, 0, width, whole.height + top + _MARGIN)}


def _with_stores_in_order(graph: Graph, places: Layout) -> Graph:
    """The graph with its data in the order in which the edges to it leave the groups beside them."""
    stores = {group.id for group in graph.groups if group.area == "data"}
    inside = {node.id for node in graph.nodes if node.group in stores}
    lanes = _lanes(places)
    heights: dict[str, list[float]] = {}
    for number, edge in enumerate(graph.edges):
        if edge.target in inside and edge.source not in inside:
            last = max((places[edge.source], *lanes.get(number, ())))
            heights.setdefault(edge.target, []).append(last.centre.y)
    first = {id: sum(found) / len(found) for id, found in heights.items()}
    for edge in graph.edges:  # such as a dead-letter queue, which only another queue leads to
        if edge.source in first and edge.target in inside:
            first.setdefault(edge.target, first[edge.source])
    return replace(graph, nodes=tuple(sorted(graph.nodes, key=lambda node: first.get(node.id, 0.0))))


def _lanes(places: Layout) -> dict[int, list[Rectangle]]:
    """The lanes of each edge, by its number."""
    lanes: dict[int, list[Rectangle]] = {}
    for id, place in places.items():
        if _is_lane(id):
            lanes.setdefault(int(id[1:].partition(" ")[0]), []).append(place)
    return lanes


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
        columns = _Columns(graph, id, members, area != "data")
        inner |= {
            lane: {"": Rectangle(0, 0, 0, _LANE)} for column in columns.rows for lane in column if lane not in inner
        }
        below = [_side_by_side([[service]], inner, [_GAP]) for service in services]
        places, size = _stacked([_side_by_side(columns.rows, inner, columns.gaps(), columns.labels), *below], 2 * _GAP)
    frame = next((group for group in graph.groups if group.id == id), None)
    if frame is None:
        return {**places, "": Rectangle(0, 0, *size)}
    width = max(size[0], _width(frame.label, _LARGE)) + 2 * _MARGIN
    shift = ((width - size[0]) / 2, _MARGIN + _HEADING)
    moved = {member: place.moved(*shift) for member, place in places.items()}
    return {**moved, "": Rectangle(0, 0, width, size[1] + 2 * _MARGIN + _HEADING)}


class _Columns:
    """The members of a group in columns: each is to the right of everything from which an edge leads to it.

    ``rows`` are the members of each column from top to bottom, and the lanes of the edges that pass it; ``labels`` the
    numbers of the edges whose labels are before each column.
    """

    def __init__(self, graph: Graph, group: str, members: Sequence[str], is_ranked: bool) -> None:
        links = list(_between(graph, members))
        rank = _ranks(members, links) if is_ranked else dict.fromkeys(members, 0)
        numbers = sorted(set(rank.values()))
        place = {member: numbers.index(number) for member, number in rank.items()}
        self.rows: list[list[str]] = [[one for one in members if place[one] == index] for index in range(len(numbers))]
        self.labels: list[list[tuple[int, str]]] = [[] for _ in numbers]
        self._neighbours: dict[str, list[str]] = {}
        for number, edge in enumerate(graph.edges):
            self._add(number, edge, group, place, graph)
        for sweep in range(_SWEEPS):
            for index in range(len(self.rows)) if sweep % 2 == 0 else reversed(range(len(self.rows))):
                self._sort(index, -1 if sweep % 2 == 0 else 1)

    def _add(self, number: int, edge: Edge, group: str, place: Mapping[str, int], graph: Graph) -> None:
        """The lanes of an edge, and its label."""
        parents = _parents(graph)
        ends = (edge.target, edge.source) if edge.back else (edge.source, edge.target)
        source, target = (_member(end, place, parents) for end in ends)
        if (not source and not target) or source == target or _is_below(graph, edge):
            return
        first = place[source] if source else -1
        last = place[target] if target else len(self.rows)
        if source and target:
            if first == last:
                return
            self.labels[max(first, last)].append((number, edge.label))
        step = 1 if first < last else -1
        chain = [source]
        for index in range(first + step, last, step):
            lane = f"~{number} {group} {index}"
            self.rows[index].append(lane)
            chain.append(lane)
        for one, other in pairwise([*chain, target]):
            if one and other:
                self._neighbours.setdefault(one, []).append(other)
                self._neighbours.setdefault(other, []).append(one)

    def _sort(self, index: int, side: int) -> None:
        """Put a column in the order of the neighbours on a side; what has none keeps its place."""
        beside = self.rows[index + side] if 0 <= index + side < len(self.rows) else []
        at = {member: (order + 0.5) / len(beside) for order, member in enumerate(beside)}
        column = self.rows[index]
        wanted = {}
        for order, member in enumerate(column):
            near = [at[one] for one in self._neighbours.get(member, ()) if one in at]
            wanted[member] = sum(near) / len(near) if near else (order + 0.5) / len(column)
        self.rows[index] = sorted(column, key=lambda member: wanted[member])

    def gaps(self) -> list[float]:
        """The space before each column, wide enough for the labels in it."""
        return [max([2 * _GAP, *(_width(label, _SMALL) + _GAP for _, label in labels)]) for labels in self.labels]


def _ranks(members: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest path of edges to each member; an edge that closes a circle does not count."""
    rank = dict.fromkeys(members, 0)
    forward = _without_circles(members, links)
    for _ in members:  # as often as a path can be long
        for source, target in forward:
            rank[target] = max(rank[target], rank[source] + 1)
    return rank


def _without_circles(members: Sequence[str], links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges without those that lead back to a member on the path to them."""
    kept: list[tuple[str, str]] = []
    after: dict[str, set[str]] = {member: set() for member in members}
    for source, target in dict.fromkeys(links):
        if source not in after[target]:
            kept.append((source, target))
            reached = {target, *after[target]}
            for member in members:
                if member == source or source in after[member]:
                    after[member] |= reached
    return kept


Arrangement = tuple[dict[str, Rectangle], tuple[float, float]]
"""Places by ID, and the width and height of the whole."""


def _side_by_side(
    columns: Sequence[Sequence[str]],
    inner: Mapping[str, Layout],
    gaps: Sequence[float],
    labels: Sequence[Sequence[tuple[int, str]]] = (),
) -> Arrangement:
    """Columns from left to right, each centred; ``gaps`` is the space before each, of which the first is not used.

    ``labels`` are the edges whose labels are in that space.
    """
    places: dict[str, Rectangle] = {}
    heights = [_height(column, inner) for column in columns]
    height, x = max(heights, default=0.0), 0.0
    for number, column in enumerate(columns):
        if number and labels:
            places |= {f"?{edge}": Rectangle(x, 0, gaps[number], height) for edge, _ in labels[number]}
        x += gaps[number] if number else 0
        width, y = max(inner[one][""].width for one in column), (height - heights[number]) / 2
        for one, next_one in zip(column, [*column[1:], ""], strict=True):
            size = inner[one][""]
            left = x + (width - size.width) / 2
            if _is_lane(one):
                places[one] = Rectangle(x, y, width, _LANE)
            else:
                places |= {id or one: place.moved(left, y) for id, place in inner[one].items()}
            y += size.height + _space(one, next_one)
        x += width
    return places, (x, height)


def _height(column: Sequence[str], inner: Mapping[str, Layout]) -> float:
    return sum(inner[one][""].height for one in column) + sum(_space(one, other) for one, other in pairwise(column))


def _space(one: str, other: str) -> float:
    """The space between two neighbours in a column."""
    return _CLOSE if _is_lane(one) or _is_lane(other) else _GAP


def _is_lane(id: str) -> bool:
    return id.startswith("~")


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


def _between(graph: Graph, members: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The edges between two members of a group, or between what they contain, in reading direction.

    A node that another one only uses, in the same group, may be above it: an endpoint above the tasks.
    """
    parents = _parents(graph)
    for edge in graph.edges:
        source, target = (_member(id, members, parents) for id in (edge.source, edge.target))
        is_beside = edge.back and source == edge.source and target == edge.target
        if source and target and source != target and not is_beside:
            yield (target, source) if edge.back else (source, target)


def _parents(graph: Graph) -> dict[str, str]:
    """The group of each node and group."""
    return {node.id: node.group for node in graph.nodes} | {group.id: group.parent for group in graph.groups}


def _member(id: str, members: Container[str], parents: Mapping[str, str]) -> str:
    """The member that is or contains something; empty for none."""
    while id and id not in members:
        id = parents[id]
    return id


def _is_below(graph: Graph, edge: Edge) -> bool:
    """Whether an edge leads to the AWS services, which are below the rest."""
    areas = {group.id: group.area for group in graph.groups}
    groups = {node.id: node.group for node in graph.nodes}
    return areas.get(groups[edge.target]) == "services"


def _edges(graph: Graph, places: Layout) -> Iterator[tuple[str, str]]:
    """The path and the label of each edge, or an empty text for no label."""
    lanes = _lanes(places)
    sides = [(edge, _side(places[edge.source], places[edge.target], _is_below(graph, edge))) for edge in graph.edges]
    ways: list[list[Rectangle]] = []
    ends: dict[tuple[str, Side], list[tuple[float, int]]] = {}
    for number, (edge, side) in enumerate(sides):
        ways.append(sorted(lanes.get(number, ()), reverse=side == "left") if side in ("left", "right") else [])
        for id, other, at in ((edge.source, edge.target, side), (edge.target, edge.source, _OPPOSITE[side])):
            near = ways[number][0 if id == edge.source else -1] if ways[number] else places[other]
            ends.setdefault((id, at), []).append((near.centre.x if at in ("top", "bottom") else near.centre.y, number))
    ports = {key: {number: index for index, (_, number) in enumerate(sorted(found))} for key, found in ends.items()}
    taken = [places[node.id] for node in graph.nodes]
    for number, (edge, side) in enumerate(sides):
        start, end = (
            _port(places[id], at, (ports[id, at][number] + 1) / (len(ports[id, at]) + 1))
            for id, at in ((edge.source, side), (edge.target, _OPPOSITE[side]))
        )
        curves = list(_curves(start, end, side, ways[number]))
        yield _path(edge, curves), _label(edge, curves, side, places.get(f"?{number}"), taken) if edge.label else ""


Curve = tuple[Point, Point, Point, Point]
"""A Bézier curve: its ends, and between them the points that it leaves and enters them towards."""


def _curves(start: Point, end: Point, side: Side, way: Sequence[Rectangle]) -> Iterator[Curve]:
    """The curves from one point to another through lanes, which they pass in a straight line."""
    forward = side in ("right", "bottom")
    for lane in way:
        left, right = Point(lane.x, lane.centre.y), Point(lane.x + lane.width, lane.centre.y)
        near, far = (left, right) if forward else (right, left)
        yield _curve(start, near, side)
        yield near, near, far, far
        start = far
    yield _curve(start, end, side)


def _curve(start: Point, end: Point, side: Side) -> Curve:
    across, down = _DIRECTION[side]
    length = abs(end.x - start.x if across else end.y - start.y)
    bend = max(min(_BEND, length), length / 2)
    first = Point(start.x + across * bend, start.y + down * bend)
    second = Point(end.x - across * bend, end.y - down * bend)
    return start, first, second, end


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


def _path(edge: Edge, curves: Sequence[Curve]) -> str:
    start = curves[0][0]
    steps = " ".join(
        f"L{_pair(end)}" if first == start and second == end else f"C{_pair(first)} {_pair(second)} {_pair(end)}"
        for start, first, second, end in curves
    )
    dashes = ' stroke-dasharray="5 3"' if edge.faint else ""
    colour = "#879196" if edge.faint else "#545b64"
    return f'<path d="M{_pair(start)} {steps}" fill="none" stroke="{colour}"{dashes} marker-end="url(#arrow)"/>'


def _pair(point: Point) -> str:
    return f"{_number(point.x)},{_number(point.y)}"


def _label(edge: Edge, curves: Sequence[Curve], side: Side, room: Rectangle | None, taken: list[Rectangle]) -> str:
    """The label of an edge where it covers the least of what is already there, which it is added to."""
    is_across = side in ("left", "right")
    width = _width(edge.label, _SMALL)
    middle, least = curves[0][0], math.inf
    for _, point in sorted(_candidates(curves, is_across, room if is_across else None)):
        place = _around(point, width, is_across)
        covered = sum(_overlap(place, one) for one in taken)
        if covered < least:
            middle, least = point, covered
        if not covered:
            break
    taken.append(_around(middle, width, is_across))
    return (
        f'<text x="{_number(middle.x)}" y="{_number(middle.y - (4 if is_across else 0))}" '
        f'font-size="{_number(_SMALL)}" fill="#232f3e" stroke="#ffffff" stroke-width="3" paint-order="stroke">'
        f"{_text(edge.label)}</text>"
    )


def _candidates(
    curves: Sequence[Curve], is_across: bool, room: Rectangle | None
) -> Iterator[tuple[tuple[bool, float], Point]]:
    """Points for a label, each after its rank: those in the room for labels first, near its middle."""
    for curve in curves:
        for share in _SHARES:
            point = _along(curve, share)
            if room is not None:
                is_outside = not room.x <= point.x <= room.x + room.width
                yield (is_outside, abs(point.x - room.centre.x)), point
            else:
                yield (False, abs(share - (0.5 if is_across else 0.72))), point


def _around(point: Point, width: float, is_across: bool) -> Rectangle:
    """The place of a label at a point of its edge."""
    return Rectangle(point.x - width / 2, point.y - _SMALL - (4 if is_across else 0), width, _SMALL + 2)


def _overlap(one: Rectangle, other: Rectangle) -> float:
    """The area that two rectangles share."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)


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
    return html.escape(without_controls(text))
