"""Updates: what is touched, what is replaced, what a failure, a cancellation and a second try lead to."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import ssm
from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation.account import NAME, Account, consistent, group, in_order, log, of, parameter, refused

OLD = of(Base=group("one"), Note=parameter("one"), Far=parameter({"Ref": "Base"}), Other=log(7))


def test_a_change_in_place(account: Account) -> None:
    account.create(OLD)
    before = account.physical("Note")
    assert account.deploy(of(**OLD["Resources"] | {"Note": parameter("two")})) == "UPDATE_COMPLETE"
    assert account.event_lines()[-5:] == [
        f"{NAME} UPDATE_IN_PROGRESS",
        "Note UPDATE_IN_PROGRESS",
        "Note UPDATE_COMPLETE",
        f"{NAME} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        f"{NAME} UPDATE_COMPLETE",
    ]
    assert account.physical("Note") == before
    assert ssm.value_of(account.state, before) == "two"
    consistent(account, NAME)


def test_a_replacement_is_followed_and_cleaned_up(account: Account) -> None:
    account.create(OLD)
    before = account.physical("Base")
    assert account.deploy(of(**OLD["Resources"] | {"Base": group("two")})) == "UPDATE_COMPLETE"
    after = account.physical("Base")
    assert before != after
    assert ssm.value_of(account.state, account.physical("Far")) == after
    lines = account.event_lines(since="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    assert lines == [
        f"{NAME} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Base DELETE_IN_PROGRESS",
        "Base DELETE_COMPLETE",
        f"{NAME} UPDATE_COMPLETE",
    ]
    answer = [
        (one.get("ResourceStatusReason"), one["PhysicalResourceId"])
        for one in account.events()
        if one["LogicalResourceId"] == "Base"
    ]
    assert answer[3:6] == [
        ("Requested update requires the creation of a new physical resource; hence creating one.", before),
        ("Resource creation Initiated", after),
        (None, after),
    ]
    assert in_order(account.event_lines(), "Base UPDATE_COMPLETE", "Far UPDATE_IN_PROGRESS")
    consistent(account, NAME)


def test_a_dynamic_change_that_comes_to_nothing_is_no_change(account: Account) -> None:
    """The change set says that the note may change with the log; at execution the log's name is the same."""
    account.create(of(Log=log(7), Note=parameter({"Fn::GetAtt": ["Log", "Arn"]})))
    described = account.change_set(of(Log=log(14), Note=parameter({"Fn::GetAtt": ["Log", "Arn"]})))
    bare = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])
    assert [one["ResourceChange"]["LogicalResourceId"] for one in bare["Changes"]] == ["Log", "Note"]
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "UPDATE_COMPLETE"
    assert account.resources() == {"Log": "UPDATE_COMPLETE", "Note": "CREATE_COMPLETE"}


@pytest.mark.parametrize(
    ("policy", "status"),
    [("Delete", "DELETE_COMPLETE"), ("Retain", "DELETE_SKIPPED"), ("RetainExceptOnCreate", "DELETE_SKIPPED")],
)
def test_what_the_template_no_longer_has(account: Account, policy: str, status: str) -> None:
    account.create(of(Note=parameter(), Old=log(DeletionPolicy=policy)))
    assert account.deploy(of(Note=parameter())) == "UPDATE_COMPLETE"
    assert f"Old {status}" in account.event_lines()
    assert set(account.resources()) == {"Note"}
    assert account.survivors() == ([] if status == "DELETE_COMPLETE" else ["Old"])


def test_what_a_replacement_leaves_behind_on_request(account: Account) -> None:
    account.create(of(Base=group("one", UpdateReplacePolicy="Retain")))
    assert account.deploy(of(Base=group("two", UpdateReplacePolicy="Retain"))) == "UPDATE_COMPLETE"
    assert "Base DELETE_SKIPPED" in account.event_lines()
    assert account.survivors() == ["Base"]
    consistent(account, NAME)


def test_a_custom_name_prevents_replacement(account: Account) -> None:
    named = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs.fifo", "FifoQueue": True}}
    account.create(of(Jobs=named, Note=parameter()))
    other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs.fifo", "FifoQueue": False}}
    assert account.deploy(of(Jobs=other, Note=parameter())) == "UPDATE_ROLLBACK_COMPLETE"
    assert account.reasons()["Jobs UPDATE_FAILED"] == (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        "Rename jobs.fifo and update the stack again."
    )


def test_a_change_that_the_service_refuses_is_rolled_back(account: Account) -> None:
    def expiring(attribute: str, enabled: bool = True) -> dict[str, Any]:
        keys = {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        }
        expiry = {"AttributeName": attribute, "Enabled": enabled}
        return of(Table={"Type": "AWS::DynamoDB::Table", "Properties": {**keys, "TimeToLiveSpecification": expiry}})

    account.create(expiring("exp"))
    assert account.deploy(expiring("until")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "TimeToLive is active on a different AttributeName" in account.reasons()["Table UPDATE_FAILED"]
    assert account.deploy(expiring("exp", False)) == "UPDATE_COMPLETE"
    assert account.deploy(expiring("until")) == "UPDATE_COMPLETE"


def test_a_failure_brings_everything_back(account: Account) -> None:
    account.create(OLD)
    before = {key: account.physical(key) for key in OLD["Resources"]}
    account.state.faults.add(parse_fault("Late:create:no"))
    late = parameter("x", DependsOn=["Base", "Note", "Far"])
    new = of(**OLD["Resources"] | {"Base": group("two"), "Note": parameter("two"), "More": log(), "Late": late})
    assert account.deploy(new) == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        account.reasons()[f"{NAME} UPDATE_ROLLBACK_IN_PROGRESS"]
        == "The following resource(s) failed to create: [Late]. "
    )
    lines = account.event_lines(since="UPDATE_ROLLBACK_IN_PROGRESS")
    assert in_order(lines, "Base UPDATE_COMPLETE", "Far UPDATE_IN_PROGRESS", "Far UPDATE_COMPLETE")
    cleanup = account.event_lines(since="UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    assert {"Late DELETE_COMPLETE", "More DELETE_COMPLETE", "Base DELETE_COMPLETE"} <= set(cleanup)
    assert not [line for line in lines if line.startswith("Other")]
    assert {key: account.physical(key) for key in OLD["Resources"]} == before
    assert ssm.value_of(account.state, before["Note"]) == "one"
    assert ssm.value_of(account.state, before["Far"]) == before["Base"]
    assert account.cfn.get_template(StackName=NAME)["TemplateBody"] == OLD
    consistent(account, NAME)
    assert account.deploy(new) == "UPDATE_COMPLETE"
    consistent(account, NAME)


def test_a_failed_update_leaves_the_resource_as_it_was(account: Account) -> None:
    account.create(OLD)
    account.state.faults.add(parse_fault("Note:update:InvalidRequest=bad value"))
    assert account.deploy(of(**OLD["Resources"] | {"Note": parameter("two")})) == "UPDATE_ROLLBACK_COMPLETE"
    assert in_order(
        account.event_lines(), "Note UPDATE_FAILED", f"{NAME} UPDATE_ROLLBACK_IN_PROGRESS", "Note UPDATE_COMPLETE"
    )
    assert ssm.value_of(account.state, account.physical("Note")) == "one"


def test_creations_of_a_rolled_back_update_are_deleted(account: Account) -> None:
    account.create(of(Note=parameter()))
    account.state.faults.add(parse_fault("Bad:create:no"))
    new = of(Note=parameter(), Kept=log(DeletionPolicy="Retain"), Gone=log(DeletionPolicy="RetainExceptOnCreate"))
    new["Resources"]["Bad"] = parameter(DependsOn=["Kept", "Gone"])
    assert account.deploy(new) == "UPDATE_ROLLBACK_COMPLETE"
    assert {"Kept DELETE_SKIPPED", "Gone DELETE_COMPLETE"} <= set(account.event_lines())
    assert account.survivors() == ["Kept"]


def test_a_cleanup_that_fails_is_tried_three_times_and_fails_nothing(account: Account) -> None:
    account.create(of(Note=parameter(), Old=log()))
    account.state.faults.add(parse_fault("Old:cleanup:in use**"))
    assert account.deploy(of(Note=parameter())) == "UPDATE_COMPLETE"
    assert account.event_lines().count("Old DELETE_FAILED") == 3
    assert account.stack()["StackStatusReason"] == "Update successful. One or more resources could not be deleted."
    assert account.survivors() == ["Old"]
    consistent(account, NAME)


def test_cancel(account: Account) -> None:
    account.create(OLD)
    slow = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}
    new = of(**OLD["Resources"] | {"Note": parameter("two"), "Slow": slow, "Other": log(14)})
    described = account.change_set(new)
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"], ClientRequestToken="mine")
    account.until("Note", "UPDATE_COMPLETE")
    account.cfn.cancel_update_stack(StackName=NAME, ClientRequestToken="stop")
    assert account.status() == "UPDATE_ROLLBACK_IN_PROGRESS"
    account.cfn.cancel_update_stack(StackName=NAME, ClientRequestToken="stop")
    with pytest.raises(ClientError) as error:
        account.cfn.cancel_update_stack(StackName=NAME)
    assert refused(error.value) == ("ValidationError", "CancelUpdateStack cannot be called from current stack status")
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert account.reasons()["Slow CREATE_FAILED"] == "Resource creation cancelled"
    tokens = [one.get("ClientRequestToken") for one in account.events()]
    assert tokens.index("stop") > tokens.index("mine")
    assert set(tokens[tokens.index("stop") :]) == {"stop"}
    assert ssm.value_of(account.state, account.physical("Note")) == "one"
    assert (
        account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])["ExecutionStatus"] == "EXECUTE_FAILED"
    )
    consistent(account, NAME)


def failed_rollback(account: Account) -> None:
    account.create(OLD)
    for text in ("Bad:create:no", "Note:rollback:gone"):
        account.state.faults.add(parse_fault(text))
    bad = parameter(DependsOn=["Note", "Base", "Other"])
    new = of(**OLD["Resources"] | {"Note": parameter("two"), "Base": group("two"), "Other": log(14), "Bad": bad})
    assert account.deploy(new) == "UPDATE_ROLLBACK_FAILED"


def test_a_rollback_that_fails_is_continued(account: Account) -> None:
    failed_rollback(account)
    assert "Note" in account.stack()["StackStatusReason"]
    assert account.resources()["Note"] == "UPDATE_FAILED"
    with pytest.raises(ClientError) as error:
        account.change_set(OLD)
    assert refused(error.value)[1].endswith("is in UPDATE_ROLLBACK_FAILED state and can not be updated.")
    account.cfn.continue_update_rollback(StackName=NAME, ClientRequestToken="on")
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.value_of(account.state, account.physical("Note")) == "one"
    consistent(account, NAME)
    assert account.events()[-1]["ClientRequestToken"] == "on"


def test_a_rollback_is_continued_without_what_fails(account: Account) -> None:
    failed_rollback(account)
    account.state.faults.add(parse_fault("Note:rollback:gone**"))
    account.cfn.continue_update_rollback(StackName=NAME)
    assert account.settle() == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError) as error:
        account.cfn.continue_update_rollback(StackName=NAME, ResourcesToSkip=["Base"])
    assert "[Base]" in refused(error.value)[1]
    account.cfn.continue_update_rollback(StackName=NAME, ResourcesToSkip=["Note"])
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert account.resources()["Note"] == "UPDATE_COMPLETE"
    assert ssm.value_of(account.state, account.physical("Note")) == "two"  # the state that is inconsistent now
    consistent(account, NAME)


def test_a_stack_whose_rollback_failed_can_be_deleted(account: Account) -> None:
    failed_rollback(account)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert not account.owned()
    assert not account.survivors()


def test_without_rollback(account: Account) -> None:
    account.create(OLD)
    account.state.faults.add(parse_fault("Bad:create:no"))
    new = of(**OLD["Resources"] | {"Note": parameter("two"), "Bad": parameter()})
    assert account.deploy(new, executed={"DisableRollback": True}) == "UPDATE_FAILED"
    assert ssm.value_of(account.state, account.physical("Note")) == "two"
    consistent(account, NAME)
    account.cfn.rollback_stack(StackName=NAME)
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.value_of(account.state, account.physical("Note")) == "one"
    assert set(account.resources()) == set(OLD["Resources"])
    consistent(account, NAME)


def test_a_retried_failed_update_still_rolls_back_to_the_first_state(account: Account) -> None:
    account.create(OLD)
    account.state.faults.add(parse_fault("Bad:create:no*2"))
    new = of(**OLD["Resources"] | {"Note": parameter("two"), "Bad": parameter()})
    assert account.deploy(new, executed={"DisableRollback": True}) == "UPDATE_FAILED"
    described = account.change_set(new)
    assert [one["ResourceChange"]["LogicalResourceId"] for one in described["Changes"]] == ["Bad"]
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.value_of(account.state, account.physical("Note")) == "one"
    consistent(account, NAME)


def test_nothing_is_replaced_while_rollback_is_disabled(account: Account) -> None:
    account.create(OLD)
    assert (
        account.deploy(of(**OLD["Resources"] | {"Base": group("two")}), executed={"DisableRollback": True})
        == "UPDATE_FAILED"
    )
    assert (
        account.reasons()["Base UPDATE_FAILED"]
        == "Replacement type updates not supported on stack with disable-rollback."
    )


def test_tags_of_the_stack_are_those_of_its_resources(account: Account) -> None:
    account.create(OLD, Tags=[{"Key": "team", "Value": "a"}])
    described = account.change_set(OLD, Tags=[{"Key": "team", "Value": "b"}])
    assert {scope for one in described["Changes"] for scope in one["ResourceChange"]["Scope"]} == {"Tags"}
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "UPDATE_COMPLETE"
    assert set(account.resources().values()) == {"UPDATE_COMPLETE"}
    assert account.stack()["Tags"] == [{"Key": "team", "Value": "b"}]


def test_changed_outputs_are_a_change(account: Account) -> None:
    account.create(OLD)
    described = account.change_set(OLD | {"Outputs": {"Id": {"Value": {"Ref": "Base"}}}})
    assert (described["Status"], described["Changes"]) == ("CREATE_COMPLETE", [])
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "UPDATE_COMPLETE"
    assert account.stack()["Outputs"] == [{"OutputKey": "Id", "OutputValue": account.physical("Base")}]
    assert account.event_lines()[-3:] == [
        f"{NAME} UPDATE_IN_PROGRESS",
        f"{NAME} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        f"{NAME} UPDATE_COMPLETE",
    ]


def test_update_stack_refuses_what_changes_nothing(account: Account) -> None:
    account.create(OLD)
    with pytest.raises(ClientError) as error:
        account.cfn.update_stack(**account.given(OLD, {}))
    assert refused(error.value) == ("ValidationError", "No updates are to be performed.")
    account.cfn.update_stack(**account.given(of(**OLD["Resources"] | {"Note": parameter("two")}), {}))
    with pytest.raises(ClientError) as error:
        account.cfn.update_stack(**account.given(OLD, {}))
    assert refused(error.value)[1].endswith("is in UPDATE_IN_PROGRESS state and can not be updated.")
    assert account.settle() == "UPDATE_COMPLETE"


def test_the_type_of_a_resource_does_not_change(account: Account) -> None:
    account.create(OLD)
    described = account.change_set(of(**OLD["Resources"] | {"Note": log()}))
    assert described["Status"] == "FAILED"
    assert described["StatusReason"].startswith("Update of resource type is not permitted.")


def test_cancel_between_the_last_resource_and_the_end(account: Account) -> None:
    account.create(OLD)
    account.cfn.update_stack(**account.given(of(**OLD["Resources"] | {"Note": parameter("two")}), {}))
    account.until("Note", "UPDATE_COMPLETE")
    account.cfn.cancel_update_stack(StackName=NAME)
    assert account.settle() == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.value_of(account.state, account.physical("Note")) == "one"


def table(attributes: dict[str, str], key: str = "id") -> dict[str, object]:
    definitions = [{"AttributeName": name, "AttributeType": type} for name, type in attributes.items()]
    keys = [{"AttributeName": key, "KeyType": "HASH"}]
    others = [name for name in attributes if name != key]
    index = {
        "IndexName": "other",
        "KeySchema": [{"AttributeName": one, "KeyType": "HASH"} for one in others],
        "Projection": {"ProjectionType": "ALL"},
    }
    more = {"GlobalSecondaryIndexes": [index]} if others else {}
    properties = {"AttributeDefinitions": definitions, "KeySchema": keys, "BillingMode": "PAY_PER_REQUEST", **more}
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


def vpc(tenancy: str) -> dict[str, object]:
    return {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": tenancy}}


CONDITIONAL = {
    "another key": (table({"id": "S"}), table({"at": "S"}, "at"), "Conditional", True),
    "an attribute of another type": (table({"id": "S"}), table({"id": "N"}), "Conditional", True),
    "an attribute before the others": (table({"id": "S"}), table({"at": "S", "id": "S"}), "False", False),
    "a tenancy that costs more": (vpc("default"), vpc("dedicated"), "Conditional", True),
    "a tenancy that costs less": (vpc("dedicated"), vpc("default"), "Conditional", False),
}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_the_execution_decides_what_the_change_set_calls_conditional(account: Account, name: str) -> None:
    was, wanted, replacement, replaced = CONDITIONAL[name]
    account.create(of(One=was))
    before = account.physical("One")
    described = account.change_set(of(One=wanted))
    assert [one["ResourceChange"]["Replacement"] for one in described["Changes"]] == [replacement]
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert account.settle() == "UPDATE_COMPLETE"
    assert (account.physical("One") != before) is replaced


def test_two_subnets_of_a_network_cannot_have_the_same_addresses(account: Account) -> None:
    def network(zone: str, cidr: str = "10.0.0.0/20") -> dict[str, Any]:
        properties = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": cidr, "AvailabilityZone": zone}
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
        return of(Vpc=vpc, Subnet={"Type": "AWS::EC2::Subnet", "Properties": properties})

    assert account.create(network("us-east-1a")) == "CREATE_COMPLETE"
    assert account.deploy(network("us-east-1b")) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [one.get("ResourceStatusReason", "") for one in account.events()]
    assert any("The CIDR '10.0.0.0/20' conflicts with another subnet" in one for one in reasons)
    assert account.deploy(network("us-east-1b", "10.0.16.0/20")) == "UPDATE_COMPLETE"
    consistent(account, NAME)
