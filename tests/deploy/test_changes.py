"""Change sets as data: what a status means, changes with and without values, their merger, their names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fsdcf.deploy.change_set import LONGEST_NAME, dropped, merged, name_of, read, state

EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."


@pytest.mark.parametrize(
    ("status", "reason", "found"),
    [
        ("CREATE_PENDING", "", "pending"),
        ("CREATE_IN_PROGRESS", "", "pending"),
        ("CREATE_COMPLETE", "", "ready"),
        ("CREATE_COMPLETE", "[WARN] some values are left out", "ready"),
        ("FAILED", EMPTY, "empty"),
        ("FAILED", "No updates are to be performed.", "empty"),
        ("FAILED", "  No updates are to be performed.", "empty"),
        ("FAILED", "A hook said: No updates are to be performed.", "failed"),
        ("FAILED", "", "failed"),
        ("FAILED", "Transform failed", "failed"),
        ("DELETE_PENDING", "", "gone"),
        ("DELETE_COMPLETE", "", "gone"),
        ("DELETE_FAILED", "", "gone"),
        ("SOMETHING_NEW", "", "pending"),
    ],
)
def test_the_state_of_a_change_set(status: str, reason: str, found: str) -> None:
    assert state(status, reason) == found


def test_values_that_are_left_out() -> None:
    assert dropped("[WARN] --include-property-values: some are left out")
    assert not dropped("")


def raw(name: str, **more: Any) -> dict[str, Any]:
    change = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": "AWS::SQS::Queue", **more}
    return {"Type": "Resource", "ResourceChange": change}


def test_a_change_with_everything() -> None:
    target = {"Attribute": "Properties", "Name": "Tags", "Path": "/Properties/Tags/0", "RequiresRecreation": "Never"}
    values = {"BeforeValue": '{"Key":"a"}', "AfterValue": "[not json"}
    detail = {
        "Target": {**target, **values},
        "ChangeSource": "ParameterReference",
        "CausingEntity": "P",
        "Evaluation": "Dynamic",
    }
    (change,) = read(
        [
            raw(
                "A",
                Replacement="Conditional",
                PolicyAction="ReplaceAndDelete",
                Scope=["Properties"],
                Details=[detail],
                PhysicalResourceId="p",
            )
        ]
    )
    assert (change.action, change.logical_id, change.physical_id) == ("Modify", "A", "p")
    assert (change.replacement, change.policy, change.scope) == ("Conditional", "ReplaceAndDelete", ("Properties",))
    (one,) = change.details
    assert (one.path, one.before, one.after) == ("/Properties/Tags/0", {"Key": "a"}, "[not json")
    assert (one.source, one.cause, one.evaluation) == ("ParameterReference", "P", "Dynamic")


def test_values_are_looked_up_in_the_contexts_where_the_detail_has_none() -> None:
    detail = {"Target": {"Attribute": "Properties", "Name": "Delay"}}
    context = {"BeforeContext": '{"Properties":{"Delay":1}}', "AfterContext": '{"Properties":{"Delay":2}}'}
    (change,) = read([raw("A", Details=[detail], **context)])
    assert (change.details[0].before, change.details[0].after) == (1, 2)
    (change,) = read([raw("A", Details=[detail], BeforeContext="not json", AfterContext='{"Properties":[]}')])
    assert (change.details[0].before, change.details[0].after) == (None, None)


def test_unknown_values_and_missing_members_are_tolerated() -> None:
    changes = read(
        [
            raw("A", Action="Levitate", Replacement="Perhaps", Details=[{}, {"Target": {"Attribute": "Aura"}}]),
            {"Type": "Ritual"},
            {"ResourceChange": {}},
        ]
    )
    assert [change.action for change in changes] == ["Levitate"]
    assert changes[0].details[1].attribute == "Aura"


def test_every_change_is_kept_and_the_valued_one_preferred() -> None:
    whole = read([raw("A"), raw("B"), raw("C")])
    valued = read([raw("C", Scope=["Properties"]), raw("A", Scope=["Properties"]), raw("D")])
    found = merged(whole, valued)
    assert [change.logical_id for change in found] == ["A", "B", "C", "D"]
    assert [bool(change.scope) for change in found] == [True, False, True, False]


@pytest.mark.parametrize("label", ["3f2c1ab", "sha256:" + "a" * 64, "v1.2_3", "", "-._", "x" * 128, "1"])
def test_names_are_valid_and_unique(label: str) -> None:
    name = name_of(label, 1)
    assert re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]*", name)
    assert len(name) <= LONGEST_NAME
    assert name != name_of(label, 2)
    assert "--" not in name
