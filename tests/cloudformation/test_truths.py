"""The difference of two templates against what AWS documents and what it was recorded to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import Side, difference, outputs_changed
from fsdcf.cloudformation.facts import facts_of
from tests.cloudformation.truths import TRUTHS, UPDATES, Truth

each_truth = pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.title)


def whole(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return part if "Resources" in part else {"Resources": part}


def sides(truth: Truth) -> tuple[Side | None, Side]:
    before = Side(whole(truth.before), truth.parameters[0], truth.tags[0], truth.physical) if truth.before else None
    return before, Side(whole(truth.after), truth.parameters[1], truth.tags[1])


def told(change: Change) -> list[str]:
    """A change in a few lines: action, replacement and policy; then each detail."""
    words = [change.action, change.replacement, change.policy]
    lines = [" ".join(word for word in words if word)]
    for detail in change.details:
        parts = [detail.path, detail.recreation, detail.evaluation, detail.source, detail.cause]
        lines.append(" ".join(part for part in parts if part))
    return lines


@each_truth
def test_the_truth(truth: Truth) -> None:
    before, after = sides(truth)
    found = difference(before, after, every_attribute=truth.every_attribute)
    assert {change.logical_id: told(change) for change in found} == dict(truth.expected)


@each_truth
def test_scope_and_names_agree_with_the_details(truth: Truth) -> None:
    before, after = sides(truth)
    for change in difference(before, after):
        assert change.scope == tuple(dict.fromkeys(detail.attribute for detail in change.details))
        for detail in change.details:
            assert (detail.name is not None) == (detail.attribute == "Properties")
            assert detail.path.split("/")[1] == (
                "Properties" if detail.attribute in ("Properties", "Tags") else detail.attribute
            )
            assert (detail.cause is None) == (detail.source == "DirectModification")


@each_truth
def test_a_deployed_template_does_not_change(truth: Truth) -> None:
    _, after = sides(truth)
    assert difference(after, after) == ()
    assert not outputs_changed(after, after)


def test_the_table_is_wide() -> None:
    assert len(TRUTHS) >= 80
    assert len({truth.title for truth in TRUTHS}) == len(TRUTHS)
    assert all(truth.source.startswith("https://") for truth in TRUTHS)


def test_the_rows_of_properties_are_about_properties_that_exist() -> None:
    for truth in UPDATES:
        (one,) = truth.after.values()
        facts = facts_of(one["Type"])
        assert facts is not None
        assert set(one["Properties"]) <= facts.properties, truth.title
