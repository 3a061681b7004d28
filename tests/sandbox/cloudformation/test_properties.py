"""Whatever is asked of a stack and whatever fails: it comes to rest, and what exists is what it says it has."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.sandbox.cloudformation import records
from fsdcf.sandbox.faults import ResourceFault
from tests.fuzz import examples
from tests.sandbox.cloudformation import inventory, scenes
from tests.sandbox.cloudformation.account import Account, consistent, group, log, of, parameter

NAMES = ["A", "B", "C", "D", "E"]
POLICIES = ["Delete", "Retain", "RetainExceptOnCreate"]
FINAL = {
    *("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE", "DELETE_FAILED"),
    *("UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
}


@st.composite
def some_resources(draw: Any) -> dict[str, Any]:
    """Some resources, of which each may need earlier ones; some changes of them replace, some do not."""
    out: dict[str, Any] = {}
    for name in sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1))):
        text = draw(st.sampled_from(["one", "two"]))
        needed = draw(st.sampled_from(["", *out]))
        policies = {
            "DeletionPolicy": draw(st.sampled_from(POLICIES)),
            "UpdateReplacePolicy": draw(st.sampled_from(POLICIES[:2])),
        }
        if needed and draw(st.booleans()):
            policies["DependsOn"] = needed
        if name in "AB":
            out[name] = group(text, **policies)
        elif name == "C":
            out[name] = log(7 if text == "one" else 14, **policies)
        else:
            out[name] = parameter({"Ref": needed} if needed else text, **policies)
    return out


faults = st.builds(
    ResourceFault,
    target=st.sampled_from(NAMES),
    phase=st.sampled_from(["create", "update", "rollback", "cleanup", "delete"]),
    reason=st.just("no luck"),
    times=st.sampled_from([1, 1, 2, None]),
)
calls = st.sampled_from(["update", "update", "update", "delete", "cancel", "continue", "skip", "rollback", "wait"])
steps = st.lists(
    st.tuples(calls, some_resources(), st.booleans(), st.lists(faults, max_size=2), st.integers(0, 40)), max_size=4
)


def attempt(account: Account, arn: str, call: str, template: dict[str, Any], disabled: bool) -> None:
    """One call, which the stack may refuse."""
    stack = records.find(account.state, arn)
    assert stack is not None
    operation = records.operation(account.state, arn) or {"steps": {}}
    failed = [key for key, one in operation["steps"].items() if one["state"] == "failed"]
    given = {**account.given(of(**template), {}), "StackName": arn}
    asked: dict[str, Any] = {
        "update": lambda: account.cfn.update_stack(**given, DisableRollback=disabled),
        "delete": lambda: account.cfn.delete_stack(StackName=arn),
        "cancel": lambda: account.cfn.cancel_update_stack(StackName=arn),
        "continue": lambda: account.cfn.continue_update_rollback(StackName=arn),
        "skip": lambda: account.cfn.continue_update_rollback(StackName=arn, ResourcesToSkip=failed),
        "rollback": lambda: account.cfn.rollback_stack(StackName=arn),
        "wait": lambda: scenes.settle(account.state, arn),
    }
    try:
        asked[call]()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError"


@examples(20)
@given(some_resources(), st.booleans(), st.lists(faults, max_size=2), steps)
def test_a_stack_settles_and_matches_its_records(
    first: dict[str, Any], disabled: bool, broken: list[ResourceFault], then: list[Any]
) -> None:
    account = Account()
    try:
        account.state.faults.add(*broken)
        arn = account.cfn.create_stack(**account.given(of(**first), {}), DisableRollback=disabled)["StackId"]
        for call, template, without, more, seconds in then:
            account.pass_time(seconds)
            account.state.faults.add(*more)
            attempt(account, arn, call, template, without)
        status = scenes.settle(account.state, arn)
        assert status in FINAL
        assert account.state.store.next_due() is None
        consistent(account, arn)
        in_the_end(account, arn, status)
    finally:
        account.state.store.close()


def test_an_update_of_a_creation_that_failed_rolls_back_to_nothing() -> None:
    account = Account()
    try:
        group = {"A": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "one"}}}
        account.state.faults.add(ResourceFault("A", "create", "no luck", times=2))
        arn = account.cfn.create_stack(**account.given(of(**group), {}), DisableRollback=True)["StackId"]
        assert scenes.settle(account.state, arn) == "CREATE_FAILED"
        attempt(account, arn, "update", group, False)
        assert scenes.settle(account.state, arn) == "UPDATE_ROLLBACK_COMPLETE"
        account.cfn.detect_stack_drift(StackName=arn)
        in_the_end(account, arn, "UPDATE_ROLLBACK_COMPLETE")
    finally:
        account.state.store.close()


def in_the_end(account: Account, arn: str, status: str) -> None:
    """What each end means for the resources, and that a stack without faults can be got rid of."""
    stack = records.find(account.state, arn)
    assert stack is not None
    rows = records.rows(account.state, arn)
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        template = {} if stack["settings"] is None else records.template(account.state, stack["settings"]["template"])
        assert set(rows) == set(template.get("Resources", {}))
        assert all(row["status"].endswith("_COMPLETE") for row in rows.values())
    if status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        assert {row["status"] for row in rows.values()} <= {"DELETE_COMPLETE", "DELETE_SKIPPED"}
    if status != "DELETE_COMPLETE":
        account.state.faults.clear()
        account.cfn.delete_stack(StackName=arn)
        assert scenes.settle(account.state, arn) == "DELETE_COMPLETE"
    assert not [one for one in inventory.every(account.state) if one["owner"] is not None]
    assert not records.leftovers(account.state, arn)
