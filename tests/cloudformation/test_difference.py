"""The difference where a table row does not reach: values before and after, nested paths, chains, outputs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.compare import MISSING, Leaf, canonical, differences, dotted, pointer
from fsdcf.cloudformation.difference import PSEUDO, Side, difference, outputs_changed
from fsdcf.cloudformation.evaluation import Partial, Unknown

TOPIC = "AWS::SNS::Topic"


def made(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def one(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def only(before: Any, after: Any, **more: Any) -> Change:
    (change,) = difference(Side(before, {}, **more), Side(after, {}))
    return change


def details(change: Change) -> list[tuple[str, Any, Any]]:
    return [(detail.path, detail.before, detail.after) for detail in change.details]


def test_values_before_and_after() -> None:
    change = only(made(T=one(TOPIC, DisplayName="a", Old=1)), made(T=one(TOPIC, DisplayName="b", New={"x": [1]})))
    assert details(change) == [
        ("/Properties/DisplayName", "a", "b"),
        ("/Properties/New", None, {"x": [1]}),
        ("/Properties/Old", 1, None),
    ]


def test_physical_ids_where_they_are_known() -> None:
    ids = {"A": "arn:a", "B": "arn:b", "T": "arn:t"}
    before = made(A=one(TOPIC, TopicName="a"), B=one(TOPIC), T=one(TOPIC, DisplayName={"Fn::Sub": "${A}!"}))
    after = made(
        A=one(TOPIC, TopicName="new"), B=one(TOPIC), T=one(TOPIC, DisplayName={"Ref": "B"}, KmsMasterKeyId={"Ref": "A"})
    )
    found = {change.logical_id: change for change in difference(Side(before, {}, physical=ids), Side(after, {}))}
    assert found["A"].physical_id == "arn:a" and found["T"].physical_id == "arn:t"
    assert details(found["T"])[:2] == [
        ("/Properties/DisplayName", "arn:a!", "arn:b"),
        ("/Properties/KmsMasterKeyId", None, {"Ref": "A"}),
    ]


def test_a_removal_has_a_physical_id_and_an_addition_has_none() -> None:
    found = difference(Side(made(A=one(TOPIC)), {}, physical={"A": "arn:a"}), Side(made(B=one(TOPIC)), {}))
    assert [(change.action, change.physical_id) for change in found] == [("Remove", "arn:a"), ("Add", None)]


def test_a_type_that_changes_is_removed_and_added() -> None:
    before = made(A=one(TOPIC), B=one("AWS::SSM::Parameter", Value={"Ref": "A"}))
    after = made(A=one("AWS::SQS::Queue"), B=one("AWS::SSM::Parameter", Value={"Ref": "A"}))
    found = difference(Side(before, {}), Side(after, {}))
    assert [(change.logical_id, change.action, change.type) for change in found] == [
        ("A", "Remove", TOPIC),
        ("A", "Add", "AWS::SQS::Queue"),
        ("B", "Modify", "AWS::SSM::Parameter"),
    ]


CLUSTER = "AWS::MSK::Cluster"


@pytest.mark.parametrize(
    ("before", "after", "replacement"),
    [
        ({"ClientSubnets": ["a"], "InstanceType": "x"}, {"ClientSubnets": ["a"], "InstanceType": "y"}, "False"),
        ({"ClientSubnets": ["a"], "InstanceType": "x"}, {"ClientSubnets": ["b"], "InstanceType": "x"}, "True"),
        ({"InstanceType": "x"}, {"InstanceType": "x", "ClientSubnets": ["a"]}, "True"),
        (None, {"InstanceType": "x"}, "False"),
        (None, {"ClientSubnets": ["a"]}, "True"),
        ({"ClientSubnets": ["a"]}, None, "True"),
        (None, {"Fn::GetAtt": ["T", "Anything"]}, "True"),
    ],
)
def test_create_only_paths_inside_a_property(before: Any, after: Any, replacement: str) -> None:
    def cluster(value: Any) -> dict[str, Any]:
        return made(T=one("Custom::Thing"), C=one(CLUSTER, **({} if value is None else {"BrokerNodeGroupInfo": value})))

    assert only(cluster(before), cluster(after)).replacement == replacement


def test_attribute_definitions_are_known_by_their_names() -> None:
    def table(*names: str, kind: str = "S") -> dict[str, Any]:
        return made(
            T=one(
                "AWS::DynamoDB::Table",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name in names],
            )
        )

    assert only(table("a", "c"), table("a", "b", "c")).replacement == "False"
    assert only(table("a", "b", "c"), table("c", "a")).replacement == "False"
    assert difference(Side(table("a", "b"), {}), Side(table("b", "a"), {})) == ()
    assert only(table("a", "b"), table("a", "b", kind="N")).replacement == "Conditional"


def test_a_chain_of_replacements() -> None:
    def chain(name: str) -> dict[str, Any]:
        return made(
            A=one(TOPIC, TopicName=name),
            B=one("AWS::SNS::Subscription", TopicArn={"Ref": "A"}, Protocol="email", Endpoint="x"),
            C=one("AWS::SSM::Parameter", Value={"Ref": "B"}),
            D=one("AWS::SSM::Parameter", Value={"Ref": "C"}),
        )

    found = {change.logical_id: change.replacement for change in difference(Side(chain("a"), {}), Side(chain("b"), {}))}
    assert found == {"A": "True", "B": "True", "C": "False"}


def test_a_chain_of_conditional_replacements() -> None:
    def chain(kind: str) -> dict[str, Any]:
        return made(
            A=one("AWS::EC2::Instance", InstanceType=kind),
            B=one("AWS::EC2::EIPAssociation", InstanceId={"Ref": "A"}, AllocationId="x"),
            C=one("AWS::SSM::Parameter", Value={"Ref": "B"}, Name={"Fn::Sub": "${B}"}),
        )

    found = {change.logical_id: change for change in difference(Side(chain("a"), {}), Side(chain("b"), {}))}
    assert {name: change.replacement for name, change in found.items()} == {
        "A": "Conditional",
        "B": "Conditional",
        "C": "Conditional",
    }
    assert {detail.evaluation for detail in found["C"].details} == {"Dynamic"}


def test_metadata_follows_without_a_replacement() -> None:
    def noted(name: str) -> dict[str, Any]:
        return made(A=one(TOPIC, TopicName=name), B={**one(TOPIC), "Metadata": {"of": {"Ref": "A"}}})

    _, change = difference(Side(noted("a"), {}), Side(noted("b"), {}))
    assert (change.logical_id, change.replacement, change.scope) == ("B", "False", ("Metadata",))
    assert change.details == (
        Detail(
            "Metadata", None, "/Metadata/of", {"Ref": "A"}, {"Ref": "A"}, "Never", "ResourceReference", "A", "Static"
        ),
    )


CONDITION = {
    "Parameters": {"P": {"Type": "String"}, "Q": {"Type": "String"}},
    "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}},
}


@pytest.mark.parametrize(
    ("value", "causes"),
    [
        ({"Fn::If": ["C", {"Ref": "Q"}, "x"]}, {None, "P"}),
        ({"Fn::If": ["C", "y", {"Ref": "Q"}]}, {None, "P", "Q"}),
        ({"Fn::Join": ["", ["x", {"Ref": "P"}]]}, {None, "P"}),
        ({"Fn::Sub": ["${z}", {"z": {"Ref": "Q"}}]}, {None, "Q"}),
        ([{"Ref": "P"}, {"Ref": "Q"}], {None, "P", "Q"}),
        ([{"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "x"]}, {"Ref": "Q"}], {None, "P", "Q"}),
    ],
)
def test_the_parameters_that_cause_a_change(value: Any, causes: set[Any]) -> None:
    data = {**CONDITION, **made(T=one(TOPIC, DisplayName=value))}
    (change,) = difference(Side(data, {"P": "a", "Q": "1"}), Side(data, {"P": "b", "Q": "2"}))
    assert {detail.cause for detail in change.details} == causes


def test_each_path_has_its_own_cause() -> None:
    data = {
        **CONDITION,
        **made(
            T=one(
                "AWS::ECS::TaskDefinition",
                Cpu={"Ref": "P"},
                ContainerDefinitions=[{"Image": {"Ref": "Q"}, "Name": "n"}],
            )
        ),
    }
    (change,) = difference(Side(data, {"P": "1", "Q": "1"}), Side(data, {"P": "2", "Q": "2"}))
    assert {(detail.path, detail.cause) for detail in change.details if detail.cause} == {
        ("/Properties/Cpu", "P"),
        ("/Properties/ContainerDefinitions/0/Image", "Q"),
    }


def test_a_parameter_in_place_of_a_text_is_a_direct_modification() -> None:
    before, after = (
        {**CONDITION, **made(T=one(TOPIC, DisplayName="x"))},
        {**CONDITION, **made(T=one(TOPIC, DisplayName={"Ref": "P"}))},
    )
    (change,) = difference(Side(before, {"P": "a", "Q": ""}), Side(after, {"P": "a", "Q": ""}))
    assert [(detail.source, detail.evaluation, detail.after) for detail in change.details] == [
        ("DirectModification", "Static", "a")
    ]


def test_a_new_parameter_is_a_direct_modification() -> None:
    before = made(T=one(TOPIC, DisplayName="x"))
    after = {"Parameters": {"New": {"Type": "String"}}, **made(T=one(TOPIC, DisplayName={"Ref": "New"}))}
    (change,) = difference(Side(before, {}), Side(after, {"New": "y"}))
    assert [(detail.source, detail.evaluation) for detail in change.details] == [("DirectModification", "Static")]


def test_a_cause_is_found_behind_an_item_that_vanishes() -> None:
    data = {
        **CONDITION,
        **made(T=one(TOPIC, DisplayName=[{"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "x"]}, {"Ref": "Q"}])),
    }
    (change,) = difference(Side(data, {"P": "a", "Q": "1"}), Side(data, {"P": "a", "Q": "2"}))
    assert {(detail.path, detail.cause) for detail in change.details} == {
        ("/Properties/DisplayName/0", None),
        ("/Properties/DisplayName/0", "Q"),
    }


def test_a_long_list_is_compared_in_time() -> None:
    items = [f"item {number}" for number in range(5000)]
    start = time.process_time()
    change = only(made(T=one(TOPIC, DisplayName=items)), made(T=one(TOPIC, DisplayName=items[::-1])))
    assert len(change.details) == len(items)
    assert time.process_time() - start < 5


def test_a_snapshot_of_a_type_without_snapshots_is_a_deletion() -> None:
    change = difference(
        Side(made(A={**one(TOPIC), "DeletionPolicy": "Snapshot"}, B=one(TOPIC)), {}), Side(made(B=one(TOPIC)), {})
    )[0]
    assert (change.action, change.policy) == ("Remove", "Delete")


def test_a_type_without_facts_changes_in_place_and_anything_may_follow() -> None:
    def vendor(value: int) -> dict[str, Any]:
        return made(A=one("Vendor::Service::Type", Size=value), B=one(TOPIC, DisplayName={"Fn::GetAtt": ["A", "Arn"]}))

    first, second = difference(Side(vendor(1), {}), Side(vendor(2), {}))
    assert (first.logical_id, first.replacement) == ("A", "False")
    assert [(detail.evaluation, detail.cause) for detail in second.details] == [("Dynamic", "A.Arn")]
    assert difference(Side(vendor(1), {}, {"team": "a"}), Side(vendor(1), {}, {"team": "a"})) == ()


def test_pseudo_parameters_are_the_same_on_both_sides() -> None:
    data = made(
        T=one(TOPIC, DisplayName={"Fn::Sub": "${AWS::Region}-${AWS::StackName}"}, Tags={"Ref": "AWS::NotificationARNs"})
    )
    after = made(T=one(TOPIC, DisplayName="eu-west-1-stack", Tags=[]))
    known = {**PSEUDO, "AWS::Region": "eu-west-1", "AWS::NotificationARNs": []}
    assert difference(Side(data, {}), Side(after, {}), known) == ()
    assert difference(Side(data, {}), Side(after, {}))


def test_imports_do_not_differ() -> None:
    def using(name: str) -> dict[str, Any]:
        return made(T=one(TOPIC, DisplayName={"Fn::ImportValue": name}))

    assert difference(Side(using("a"), {}), Side(using("a"), {})) == ()
    assert details(only(using("a"), using("b"))) == [
        ("/Properties/DisplayName", {"Fn::ImportValue": "a"}, {"Fn::ImportValue": "b"})
    ]


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({}, {"A": {"Value": "x"}}, True),
        ({"A": {"Value": "x"}}, {"A": {"Value": "y"}}, True),
        ({"A": {"Value": "x"}}, {"A": {"Value": "x", "Export": {"Name": "n"}}}, True),
        ({"A": {"Value": "x"}}, {"A": {"Value": "x", "Description": "new"}}, True),
        ({"A": {"Value": "x"}}, {"A": {"Value": {"Fn::Join": ["", ["x"]]}}}, False),
        ({"A": {"Value": "x"}, "B": {"Value": "y"}}, {"B": {"Value": "y"}, "A": {"Value": "x"}}, False),
        ({"A": {"Value": {"Ref": "T"}}}, {"A": {"Value": {"Fn::GetAtt": ["T", "TopicArn"]}}}, True),
        ({"A": {"Value": "x", "Condition": "C"}}, {}, False),
        ({"A": {"Value": 5}}, {"A": {"Value": "5"}}, False),
    ],
)
def test_outputs(before: Any, after: Any, changed: bool) -> None:
    base = {**CONDITION, **made(T=one(TOPIC))}
    values = {"P": "not a", "Q": ""}
    assert (
        outputs_changed(Side({**base, "Outputs": before}, values), Side({**base, "Outputs": after}, values)) is changed
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": "1"}, []),
        ({"a": True}, {"a": 1}, [Leaf(("a",), True, 1)]),
        ({"a": 5.0}, {"a": 5}, []),
        ({"a": 5.5}, {"a": "5.5"}, []),
        ({"a": {}}, {}, [Leaf(("a",), {}, MISSING)]),
        ([1, 2], [1, 2, 3], [Leaf((2,), MISSING, 3)]),
        ([1, 2, 3], [1, 3], [Leaf((1,), 2, 3), Leaf((2,), 3, MISSING)]),
        ({"a": [1]}, {"a": {"b": 1}}, [Leaf(("a",), [1], {"b": 1})]),
        (Unknown("A", None), Unknown("A", None), []),
        (Unknown("A", None), Unknown("A", "Arn"), [Leaf((), Unknown("A", None), Unknown("A", "Arn"))]),
        (Partial(("x", Unknown("A", None))), Partial(("x", Unknown("A", None))), []),
        (Partial(("x", Unknown("A", None))), "x", [Leaf((), Partial(("x", Unknown("A", None))), "x")]),
    ],
)
def test_leaves(before: Any, after: Any, expected: list[Leaf]) -> None:
    assert list(differences(before, after)) == expected
    assert (canonical(before) == canonical(after)) == (not expected)


def test_leaves_of_sets() -> None:
    unordered = {"a", "a.*.b"}
    assert list(differences({"a": [1, 2, 3]}, {"a": [3, 4, 1]}, unordered)) == [Leaf(("a", 1), 2, 4)]
    assert list(differences({"a": [1, 1]}, {"a": [1]}, unordered)) == [Leaf(("a", 1), 1, MISSING)]
    assert list(differences({"a": [{"b": [1, 2]}]}, {"a": [{"b": [2, 1]}]}, unordered)) == []
    assert list(differences({"a": [{"b": [1, 2], "c": [1, 2]}]}, {"a": [{"b": [2, 1], "c": [2, 1]}]}, unordered)) == [
        Leaf(("a", 0, "c", 0), 1, 2),
        Leaf(("a", 0, "c", 1), 2, 1),
    ]
    assert repr(MISSING) == "MISSING"


def test_paths() -> None:
    path = ("ContainerDefinitions", 0, "Image")
    assert dotted(path) == "ContainerDefinitions.*.Image" and pointer(path) == "/ContainerDefinitions/0/Image"
