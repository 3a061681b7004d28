"""The dependencies of resources, the order that follows, and cycles."""

from __future__ import annotations

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.cloudformation.references import cycle, needs, order

RESOURCES = {
    "Vpc": {"Type": "AWS::EC2::VPC"},
    "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "Az": {"Ref": "AWS::Region"}}},
    "Gateway": {"Type": "AWS::EC2::InternetGateway", "DependsOn": "Vpc"},
    "Route": {
        "Type": "AWS::EC2::Route",
        "DependsOn": ["Gateway", "Elsewhere"],
        "Properties": {"A": {"Fn::Sub": "${Subnet.Arn}"}},
    },
    "Task": {"Type": "X", "Properties": {"A": {"Fn::GetAtt": ["Subnet", "Id"]}}, "Metadata": {"B": {"Ref": "Gateway"}}},
}
NEEDS = {
    "Vpc": frozenset(),
    "Subnet": frozenset({"Vpc"}),
    "Gateway": frozenset({"Vpc"}),
    "Route": frozenset({"Gateway", "Subnet"}),
    "Task": frozenset({"Subnet", "Gateway"}),
}


def test_references_and_depends_on_among_the_given_resources() -> None:
    assert needs(RESOURCES) == NEEDS


def test_order() -> None:
    assert order(NEEDS) == ("Vpc", "Gateway", "Subnet", "Route", "Task")
    assert order({}) == () and order({"A": frozenset({"Elsewhere"})}) == ("A",)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"A": {"B"}, "B": {"A"}}, ("A", "B")),
        ({"A": {"A"}}, ("A",)),
        ({"Z": {"B"}, "B": {"C"}, "C": {"D"}, "D": {"B"}, "E": set()}, ("B", "C", "D")),
        ({"A": {"B"}, "B": {"C"}, "C": set()}, ()),
        ({}, ()),
    ],
)
def test_cycles(wanted: dict[str, set[str]], expected: tuple[str, ...]) -> None:
    graph = {name: frozenset(one) for name, one in wanted.items()}
    assert cycle(graph) == expected
    if expected:
        with pytest.raises(CycleError):
            order(graph)


NAMES = st.sampled_from("ABCDEF")


@given(st.dictionaries(NAMES, st.frozensets(NAMES, max_size=3), max_size=6))
def test_each_resource_follows_its_dependencies_unless_there_is_a_cycle(graph: dict[str, frozenset[str]]) -> None:
    found = cycle(graph)
    if found:
        assert all(any(one in graph[name] for one in found) for name in found)
        return
    line = order(graph)
    assert sorted(line) == sorted(graph)
    for place, name in enumerate(line):
        assert all(one in line[:place] for one in graph[name] if one in graph)
