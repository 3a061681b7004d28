"""Malformed templates: every reader accepts or refuses them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fsdcf.cloudformation.planned import PlanError, planned
from fsdcf.plan.access import access
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import estimate
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import mermaid
from tests.fuzz import examples
from tests.plan.conftest import template_of
from tests.plan.test_graph import sound

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=6)
    | st.sampled_from([1.5, "ENABLED", "*", "arn:aws:s3:::b/*"])
)
FUNCTIONS = st.sampled_from(
    [
        {"Ref": "Service"},
        {"Ref": "AWS::NoValue"},
        {"Ref": "Nowhere"},
        {"Fn::GetAtt": ["TaskRole", "Arn"]},
        {"Fn::Sub": "${Nowhere.Arn}/x"},
        {"Fn::If": ["ImageIsDigest", "a", {"Ref": "AWS::NoValue"}]},
        {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Vpc"}]}]},
        {"Fn::Join": ["", ["a", {"Ref": "Vpc"}]]},
    ]
)
VALUES = st.recursive(
    SCALARS | FUNCTIONS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Action", "Statement", "Ref", "Type", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, child in children for place in places(child, (*path, key))]


TEMPLATES = {name: template_of(name) for name in ("warehouse", "existing-vpc")}
PLACES = {
    name: [place for place in places(template["Resources"]) if len(place) > 2] for name, template in TEMPLATES.items()
}


@examples(25)
@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_a_template_with_anything_anywhere(name: str, data: st.DataObject) -> None:
    template = copy.deepcopy(dict(TEMPLATES[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(PLACES[name]))
        holder: Any = template["Resources"]
        try:
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = data.draw(VALUES)
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    try:
        planned(template)
    except PlanError as error:
        assert str(error)
        return
    found = estimate(template, shipped(), assumed())
    assert 0 <= found.total.minimum <= found.total.maximum
    assert report.markdown([found], name, {}) and report.data(found)
    graph = architecture(template, name)
    assert mermaid(graph) and dot(graph)
    sound(graph)
    assert all(row.principals is not None for row in access(planned(template)))
