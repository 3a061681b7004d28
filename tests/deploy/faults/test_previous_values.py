"""UsePreviousValue, which is not valid for a creation or a new parameter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fsdcf.deploy.model import Exit
from tests.deploy.site import site, template, topic


def test_no_stack_and_no_image() -> None:
    made = site()
    outcome = made.deploy(sha=None)
    assert outcome.exit is Exit.USAGE
    again = "fsdcf deploy shop.yml --env staging"
    assert outcome.next == (f"{again} --build", f"{again} --image-sha SHA")
    assert not made.made("CreateChangeSet")


def test_a_stack_in_review_has_no_image() -> None:
    made = site()
    made.beside("CreateChangeSet", template(), "one", ChangeSetName="earlier", ChangeSetType="CREATE")
    assert made.deploy(sha=None).exit is Exit.USAGE


def test_an_existing_stack_keeps_its_image() -> None:
    made = site()
    made.deploy(sha="one")
    outcome = made.deploy(template("Jobs", "More"), None)
    assert outcome.exit is Exit.DONE
    assert made.image() == "one"
    assert "one" in outcome.sentence


def more_parameters(**declared: Any) -> dict[str, Any]:
    body = template(Jobs=topic(TopicName={"Ref": "Name"}))
    return {**body, "Parameters": {**body["Parameters"], "Name": {"Type": "String", **declared}}}


@pytest.mark.parametrize("sha", ["two", None])
def test_a_parameter_that_the_deployed_template_lacks(sha: str | None) -> None:
    made = site()
    made.deploy()
    outcome = made.deploy(more_parameters(), sha)
    assert outcome.exit is Exit.USAGE
    assert "Name" in outcome.sentence
    assert made.change_sets() == []


def test_a_new_parameter_with_a_default() -> None:
    made = site()
    made.deploy()
    release = made.release(more_parameters(Default="mail"), None)
    assert made.run(replace(release), allow=frozenset({"Jobs"})).exit is Exit.DONE


def test_a_changed_default_takes_effect() -> None:
    made = site()
    made.deploy(more_parameters(Default="mail"))
    outcome = made.deploy(more_parameters(Default="post"), None, allow=frozenset({"Jobs"}))
    assert outcome.exit is Exit.DONE
    listed = made.call("DescribeStacks")["Stacks"][0]["Parameters"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in listed}["Name"] == "post"
