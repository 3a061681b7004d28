"""Every status of a stack can be reached, also in a state that two processes share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsdcf.sandbox.protocols import shapes
from fsdcf.sandbox.state import SandboxState, VirtualClock
from fsdcf.sandbox.store import Store
from tests.sandbox.cloudformation import scenes
from tests.sandbox.cloudformation.account import Account, consistent, of, parameter

REST = [one for one in scenes.STATUSES if not one.endswith("_IN_PROGRESS")]


def test_they_are_those_of_the_api() -> None:
    shape = shapes.model("cloudformation").shape_for("StackStatus")
    assert set(scenes.STATUSES) == set(shape.enum)


@pytest.mark.parametrize("status", scenes.STATUSES)
def test_a_stack_in_any_state(account: Account, status: str) -> None:
    wish = scenes.Wish("mine", tags={"team": "a"}, protection=True)
    arn = scenes.put(account.state, status, wish)
    stack = account.stack(arn)
    assert stack["StackStatus"] == status
    assert account.events(arn)[-1]["ResourceStatus"] == status
    assert {"Key": "team", "Value": "a"} in stack["Tags"] or status == "REVIEW_IN_PROGRESS"
    assert stack.get("EnableTerminationProtection", True) is True
    if status == "REVIEW_IN_PROGRESS":
        return
    end = scenes.settle(account.state, arn)
    assert end in REST
    assert account.state.store.next_due() is None
    consistent(account, arn)
    if status in (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    ):
        assert account.cfn.get_template(StackName=arn)["TemplateBody"] == scenes.SMALL
        assert account.stack(arn)["Tags"] == [{"Key": "team", "Value": "a"}]


def test_the_failing_resource_can_be_chosen(account: Account) -> None:
    wish = scenes.Wish(template=of(A=parameter(), B=parameter(DependsOn="A")), culprit="B", reason="out of luck")
    scenes.put(account.state, "ROLLBACK_COMPLETE", wish)
    assert "out of luck" in account.reasons("demo")["B CREATE_FAILED"]
    assert set(account.resources("demo")) == {"A", "B"}


def test_what_cannot_be(account: Account) -> None:
    with pytest.raises(ValueError, match="not a status"):
        scenes.put(account.state, "DONE")
    with pytest.raises(TypeError, match="virtual"):
        scenes.put(SandboxState(account.state.store), "CREATE_COMPLETE")
    arn = scenes.put(account.state, "CREATE_COMPLETE")
    with pytest.raises(RuntimeError, match="CREATE_COMPLETE"):
        scenes.until(account.state, arn, "DELETE_COMPLETE")
    with pytest.raises(KeyError):
        scenes.recreate(account.state, "arn:nothing")


def test_two_processes_share_one_state(tmp_path: Path) -> None:
    path, clock = tmp_path / "state.db", VirtualClock()
    with Store(path) as first, Store(path) as second:
        here, there = SandboxState(first, clock), SandboxState(second, clock)
        arn = scenes.put(here, "CREATE_IN_PROGRESS")
        clock.advance(4)
        seen = scenes.call(there, "DescribeStacks", StackName=arn)["Stacks"][0]
        assert seen["StackStatus"] == "CREATE_IN_PROGRESS"
        assert scenes.settle(there, arn) == "CREATE_COMPLETE"
        assert scenes.call(here, "DescribeStacks", StackName=arn)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        events = scenes.call(here, "DescribeStackEvents", StackName=arn)["StackEvents"]
        assert len({one["EventId"] for one in events}) == len(events)
    with Store(path) as third:
        again = SandboxState(third, clock)
        assert scenes.call(again, "DescribeStacks", StackName="demo")["Stacks"][0]["StackId"] == arn
        scenes.call(again, "DeleteStack", StackName="demo")
        assert scenes.settle(again, arn) == "DELETE_COMPLETE"
