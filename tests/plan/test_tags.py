"""Changes of tags: found by key, left out of the other changes, and told in one line."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of
from fsdcf.plan.diff.tags import TagChange, tag_changes, tags_line, without_tags
from tests.plan.conftest import resources

TYPE = "AWS::SQS::Queue"


def queue(**more: Any) -> dict[str, Any]:
    return {"Type": TYPE, "Properties": {"QueueName": "jobs", **more}}


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def changes(before: Any, after: Any, **more: Any) -> tuple[Change, ...]:
    return plan_update(sides_of(resources(A=before), resources(A=after), **more)).changes


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (tags(a="1"), tags(a="2"), {"a": ("1", "2")}),
        (tags(b="1"), tags(a="0", b="1"), {"a": ("0",)}),
        (tags(a="1", b="2"), tags(b="2"), {"a": ("1", None)}),
        (tags(a="1", b="2"), tags(b="3", c="4"), {"a": ("1", None), "b": ("2", "3"), "c": (None, "4")}),
        (tags(a="1", b="2"), tags(b="2", a="1"), {}),
    ],
)
def test_tags_are_compared_by_key(before: Any, after: Any, found: dict[str, Any]) -> None:
    told = tag_changes(changes(queue(Tags=before), queue(Tags=after)))
    assert {one.key for one in told} == set(found)
    assert all(found[one.key] in ((one.before, one.after), (one.after,)) for one in told)


def test_only_the_tags_are_left_out() -> None:
    (both,) = changes(queue(Tags=tags(a="1")), queue(Tags=tags(a="2"), DelaySeconds=5))
    (kept,) = without_tags([both])
    assert [detail.name for detail in kept.details] == ["DelaySeconds"] and kept.scope == ("Properties",)
    (only,) = changes(queue(Tags=tags(a="1")), queue(Tags=tags(a="2")))
    assert without_tags([only, Change("Add", "B", TYPE)]) == (Change("Add", "B", TYPE),)
    assert len(tag_changes([both, only])) == 2


def test_tags_of_the_stack_reach_its_resources() -> None:
    deployed = DeployedValues(tags={"a": "1", "b": "1"})
    plan = plan_update(
        sides_of(resources(A=queue(Tags=tags(b="0"))), resources(A=queue(Tags=tags(b="0"))), {"a": "2"}, deployed)
    )
    assert [(one.logical_id, one.key, one.before, one.after) for one in tag_changes(plan.changes)] == [
        ("A", "a", "1", "2")
    ], "its own tag has precedence"
    assert [(one.logical_id, one.key) for one in plan.tags] == [("", "a"), ("", "b")]
    assert tags_line((*tag_changes(plan.changes), *plan.tags)) == "tags of 1 resource and the stack: a, b"


def detail(path: str, before: Any = None, after: Any = None, **more: Any) -> Detail:
    return Detail("Tags", None, path, before, after, more.pop("recreation", "Never"), "DirectModification", **more)


@pytest.mark.parametrize(
    ("details", "keys"),
    [
        ((), [""]),
        ((detail("/Properties/Tags"),), [""]),
        ((detail("/Properties/Tags/0/Value", "a", "b"),), [""]),
        ((detail("/Properties/Tags/0/Value", "a", "b", title="Tags[team].Value"),), ["team"]),
        ((detail("/Properties/Tags/0", {"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}),), ["x", "y"]),
        ((detail("/Properties/Tags", tags(x="1"), tags(x="2")),), ["x"]),
        ((detail("/Properties/Tags/owners", "a", "b"),), ["owners"]),
    ],
)
def test_a_change_set_without_the_whole_resource(details: Any, keys: list[str]) -> None:
    one = Change("Modify", "A", TYPE, replacement="False", scope=("Tags",), details=details)
    assert [tag.key for tag in tag_changes([one])] == keys and without_tags([one]) == ()
    assert tags_line(tag_changes([one])) == "tags of 1 resource" + (f": {', '.join(keys)}" if keys != [""] else "")


def test_a_tag_that_replaces_its_resource_is_a_change() -> None:
    fixed = detail("/Properties/Tags/a", "1", "2", recreation="Always")
    one = Change("Modify", "A", TYPE, replacement="True", scope=("Tags",), details=(fixed,))
    assert without_tags([one])[0].details == (fixed,) and tag_changes([one])[0].key == ""


def test_a_value_that_is_known_later_may_be_the_same() -> None:
    sides = [{"Properties": {"Tags": tags(Name=value)}} for value in ("x", "{{changeSet:KNOWN_AFTER_APPLY}}")]
    one = Change("Modify", "A", TYPE, replacement="False", scope=("Tags",), before=sides[0], after=sides[1])
    assert [tag.key for tag in tag_changes([one])] == [""]


def test_the_line_counts_what_is_too_long() -> None:
    many = [TagChange(f"R{number % 3}", TYPE, f"k{number}") for number in range(10)]
    assert tags_line(many).startswith("tags of 3 resources: k0, k1") and tags_line(many).endswith("k7, 2 more")
    assert tags_line([]) == "" and tags_line([TagChange("", TYPE, "a")]) == "tags of the stack: a"
