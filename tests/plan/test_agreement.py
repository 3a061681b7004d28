"""A plan computed without AWS equals the change set that the sandbox creates for the same templates."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cli.commands.diff import between
from fsdcf.cli.render.formats import record
from fsdcf.compiler.service import tags_of
from tests.deploy.site import STACK, Site, site
from tests.plan.edits import EDITS, compiled, spec

IGNORED = ("PhysicalResourceId", "BeforeContext", "AfterContext")
KNOWN_LATER = "KNOWN_AFTER_APPLY"


@pytest.fixture(scope="module")
def stacks() -> dict[str, Site]:
    """A sandbox for each example that is edited, with its stack complete."""
    made = {}
    for name in dict.fromkeys(name for name, *_ in EDITS.values()):
        made[name] = site()
        one = compiled(spec(name))
        made[name].beside("CreateStack", one.template, "one", tags(one), Capabilities=["CAPABILITY_IAM"])
        made[name].clock.advance(3600)
        assert made[name].status() == "CREATE_COMPLETE"
    return made


def tags(one: Any) -> dict[str, str]:
    return tags_of(one.result.spec, one.environment)


@pytest.mark.parametrize("edit", EDITS)
def test_a_plan_agrees_with_the_change_set(stacks: dict[str, Site], edit: str) -> None:
    name, change, _, _ = EDITS[edit]
    old, new = compiled(spec(name)), compiled(change(spec(name)))
    ours = record(between(old, new))["Changes"]
    theirs = change_set(stacks[name], new, "".join(letter if letter.isalnum() else "-" for letter in f"set-{edit}"))
    assert [bare(one["ResourceChange"]) for one in ours] == [bare(one["ResourceChange"]) for one in theirs]
    known = {key: value for one in theirs for key, value in values(one["ResourceChange"])}
    for one in ours:
        for key, value in values(one["ResourceChange"]):
            assert known[key] == value


def change_set(one: Site, new: Any, name: str) -> list[dict[str, Any]]:
    """The changes of a change set for a template with the same image; none if it fails because nothing changes."""
    made = one.beside(
        "CreateChangeSet",
        new.template,
        "one",
        tags(new),
        ChangeSetName=name,
        ChangeSetType="UPDATE",
        Capabilities=["CAPABILITY_IAM"],
    )
    one.clock.advance(10)
    told = one.call("DescribeChangeSet", ChangeSetName=made["Id"], StackName=STACK, IncludePropertyValues=True)
    assert told["Status"] == "CREATE_COMPLETE" or "didn't contain changes" in told["StatusReason"]
    found: list[dict[str, Any]] = told["Changes"]
    return found


def bare(change: dict[str, Any]) -> dict[str, Any]:
    """A change without values, which differ by what the account gives, and with its details in order."""
    told = {key: value for key, value in change.items() if key not in IGNORED and key != "Details"}
    details = [
        {
            **one,
            "Target": {
                key: value
                for key, value in one["Target"].items()
                if not key.endswith("Value") and key != "AttributeChangeType"
            },
        }
        for one in change["Details"]
    ]
    return {**told, "Details": details}


def values(change: dict[str, Any]) -> list[tuple[tuple[str, str, str], str]]:
    """The values of a change that are the same wherever it is made: those without a name that the account gives."""
    found = []
    for one in change["Details"]:
        for side in ("BeforeValue", "AfterValue"):
            value = one["Target"].get(side)
            if (
                value is not None
                and one["ChangeSource"] == "DirectModification"
                and "{" not in value
                and "arn:" not in value
                and "subnet" not in value
            ):
                found.append(((change["LogicalResourceId"], one["Target"]["Path"], side), value))
    return found
