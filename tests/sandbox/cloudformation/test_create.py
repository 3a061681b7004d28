"""Creation: in dependency order and parallel, with the events and the descriptions that CloudFormation gives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.cloudformation.limits import compact
from fsdcf.conventions import environment_stack
from fsdcf.sandbox.cloudformation.values import zones
from fsdcf.sandbox.faults import parse_fault
from tests.cloudformation.examples import runner_of
from tests.fuzz import some
from tests.sandbox.cloudformation.account import (
    EXAMPLES,
    NAME,
    Account,
    consistent,
    example,
    group,
    in_order,
    log,
    of,
    parameter,
    properties,
    refused,
)

TWO = of(Log=log(), Note=parameter({"Ref": "Log"}))


def arguments(template: Any) -> dict[str, str | None]:
    """A value for every parameter without a default."""
    return {key: "abc123" for key, one in template.get("Parameters", {}).items() if "Default" not in one}


@pytest.mark.hypothesis  # every example in ``make fuzz``
@pytest.mark.parametrize("name", some(sorted(path.stem for path in EXAMPLES.glob("*.yml")), 2))
def test_every_example_is_created_updated_and_deleted(account: Account, name: str) -> None:
    template = example(name)
    if "Fn::ImportValue" in compact(template):
        shared = account.create(example("environments/staging"), StackName=environment_stack("staging"))
        assert shared == "CREATE_COMPLETE"
    given = arguments(template)
    assert account.create(template, given) == "CREATE_COMPLETE"
    arn = account.stack()["StackId"]
    consistent(account, arn)
    assert set(account.resources()) == set(template["Resources"])
    assert {one["OutputKey"] for one in account.stack()["Outputs"]} == set(template["Outputs"])
    changed = account.change_set(template, parameters=dict.fromkeys(given) | {"ImageSha": "def456"})
    expected = ["Release", runner_of(template), "TaskDefinition"]
    assert [one["ResourceChange"]["LogicalResourceId"] for one in changed["Changes"]] == expected
    account.cfn.execute_change_set(ChangeSetName=changed["ChangeSetId"])
    assert account.settle() == "UPDATE_COMPLETE"
    touched = {line.split()[0] for line in account.event_lines(since="UPDATE_IN_PROGRESS")}
    touched |= {line.split()[0] for line in account.event_lines()[-12:]}
    assert touched == {*expected, NAME}
    consistent(account, arn)
    again = account.change_set(template, parameters=dict.fromkeys(given))
    assert again["StatusReason"].startswith("The submitted information didn't contain changes.")
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    kept = {key for key, one in template["Resources"].items() if one.get("DeletionPolicy", "Delete") != "Delete"}
    assert set(account.survivors()) == kept
    consistent(account, arn)


def test_the_stack_under_review_shows_nothing_of_what_it_will_be(account: Account) -> None:
    described = account.change_set(TWO, "CREATE", Tags=[{"Key": "a", "Value": "b"}])
    stack = account.stack()
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert stack["StackStatusReason"] == "User Initiated"
    assert stack["Tags"] == []
    assert not {"ChangeSetId", "Parameters", "Outputs", "LastUpdatedTime"} & stack.keys()
    assert account.event_lines() == [f"{NAME} REVIEW_IN_PROGRESS"]
    assert described["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [one["ResourceChange"]["Action"] for one in described["Changes"]] == ["Add", "Add"]
    assert described["ExecutionStatus"] == "AVAILABLE"


def test_events_of_a_creation(account: Account) -> None:
    account.create(TWO, executed={"ClientRequestToken": "my-token"})
    events = account.events()
    assert account.event_lines() == [
        f"{NAME} REVIEW_IN_PROGRESS",
        f"{NAME} CREATE_IN_PROGRESS",
        "Log CREATE_IN_PROGRESS",
        "Log CREATE_IN_PROGRESS",
        "Log CREATE_COMPLETE",
        "Note CREATE_IN_PROGRESS",
        "Note CREATE_IN_PROGRESS",
        "Note CREATE_COMPLETE",
        f"{NAME} CREATE_COMPLETE",
    ]
    assert [event.get("ResourceStatusReason") for event in events[:4]] == [
        "User Initiated",
        "User Initiated",
        None,
        "Resource creation Initiated",
    ]
    assert events[2]["PhysicalResourceId"] == ""
    assert events[3]["PhysicalResourceId"] == account.physical("Log")
    assert properties(events[5])["Value"] == account.physical("Log")
    assert "ClientRequestToken" not in events[0]
    assert {event["ClientRequestToken"] for event in events[1:]} == {"my-token"}
    assert len({event["OperationId"] for event in events[1:]}) == 1
    assert any(event["Timestamp"].microsecond for event in events)


def test_independent_resources_are_created_in_parallel(account: Account) -> None:
    slow = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}
    account.create(of(A=slow, B=slow, C=parameter(DependsOn=["A", "B"])))
    events = account.events()
    begun, over = events[1]["Timestamp"], events[-1]["Timestamp"]
    assert timedelta(seconds=90) < over - begun < timedelta(seconds=130)
    assert in_order(account.event_lines(), "A CREATE_COMPLETE", "C CREATE_IN_PROGRESS")
    assert in_order(account.event_lines(), "B CREATE_COMPLETE", "C CREATE_IN_PROGRESS")


def test_a_pace_makes_it_all_faster() -> None:
    account = Account(pace=0.01)
    account.create(TWO)
    events = account.events()
    assert events[-1]["Timestamp"] - events[1]["Timestamp"] < timedelta(seconds=1)
    account.state.store.close()


def test_the_description_afterwards(account: Account) -> None:
    template = {
        **TWO,
        "Description": "two things",
        "Parameters": {"Days": {"Type": "Number", "Default": 3}, "Key": {"Type": "String", "NoEcho": True}},
        "Outputs": {"Group": {"Value": {"Fn::GetAtt": ["Log", "Arn"]}, "Description": "a log"}},
    }
    account.create(template, {"Key": "secret"}, Tags=[{"Key": "a", "Value": "b"}])
    stack = account.stack()
    assert stack["Description"] == "two things"
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {"Days": "3", "Key": "****"}
    (output,) = stack["Outputs"]
    assert output["OutputValue"].startswith("arn:aws:logs:us-east-1:000000000000:log-group:shop-Log-")
    assert stack["Tags"] == [{"Key": "a", "Value": "b"}]
    assert stack["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert "StackStatusReason" not in stack
    assert stack["EnableTerminationProtection"] is False
    assert account.cfn.get_template(StackName=NAME)["TemplateBody"] == template


def test_a_failure_cancels_the_others_and_rolls_back(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:AccessDenied=not allowed"))
    slow = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}
    template = of(Base=parameter(), Bad=parameter(DependsOn="Base"), Slow=slow, Never=parameter(DependsOn="Slow"))
    assert account.create(template) == "ROLLBACK_COMPLETE"
    reasons = account.reasons()
    assert reasons["Bad CREATE_FAILED"].startswith('Resource handler returned message: "not allowed" (RequestToken: ')
    assert reasons["Bad CREATE_FAILED"].endswith(", HandlerErrorCode: AccessDenied)")
    assert reasons["Slow CREATE_FAILED"] == "Resource creation cancelled"
    words = "The following resource(s) failed to create: [Bad, Slow]. Rollback requested by user."
    assert reasons[f"{NAME} ROLLBACK_IN_PROGRESS"] == words
    lines = account.event_lines(since="ROLLBACK_IN_PROGRESS")
    assert in_order(
        lines, "Bad DELETE_COMPLETE", "Base DELETE_IN_PROGRESS", "Base DELETE_COMPLETE", f"{NAME} ROLLBACK_COMPLETE"
    )
    assert "Bad DELETE_IN_PROGRESS" not in lines  # it was never made
    assert "Slow DELETE_IN_PROGRESS" in lines  # it had its physical id
    assert not [line for line in lines if line.startswith("Never")]
    assert account.resources() == {"Base": "DELETE_COMPLETE", "Bad": "DELETE_COMPLETE", "Slow": "DELETE_COMPLETE"}
    assert not account.owned()
    assert "DeletionTime" in account.stack()
    consistent(account, NAME)
    with pytest.raises(ClientError) as error:
        account.change_set(TWO)
    assert refused(error.value)[1].endswith("is in ROLLBACK_COMPLETE state and can not be updated.")


def test_what_survives_the_rollback_of_a_creation(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:no"))
    template = of(
        Kept=log(DeletionPolicy="Retain"),
        Gone=log(DeletionPolicy="RetainExceptOnCreate"),
        Bad=parameter(DependsOn=["Kept", "Gone"]),
    )
    assert account.create(template) == "ROLLBACK_COMPLETE"
    assert account.resources() == {"Kept": "DELETE_SKIPPED", "Gone": "DELETE_COMPLETE", "Bad": "DELETE_COMPLETE"}
    assert account.survivors() == ["Kept"]


def test_the_caller_may_want_nothing_to_survive(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:no"))
    template = of(Kept=log(DeletionPolicy="Retain"), Bad=parameter(DependsOn="Kept"))
    assert account.create(template, executed={"RetainExceptOnCreate": True}) == "ROLLBACK_COMPLETE"
    assert account.resources()["Kept"] == "DELETE_COMPLETE"


def test_without_rollback_other_resources_are_created_and_the_stack_fails(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:no"))
    template = of(Bad=parameter(), Slow=group(), After=parameter(DependsOn="Slow"), Never=parameter(DependsOn="Bad"))
    assert account.create(template, executed={"DisableRollback": True}) == "CREATE_FAILED"
    assert account.resources() == {"Bad": "CREATE_FAILED", "Slow": "CREATE_COMPLETE", "After": "CREATE_COMPLETE"}
    assert account.stack()["StackStatusReason"] == "The following resource(s) failed to create: [Bad]. "
    assert account.stack()["DisableRollback"] is True
    consistent(account, NAME)
    assert account.deploy(template) == "UPDATE_COMPLETE"
    assert set(account.resources()) == set(template["Resources"])
    consistent(account, NAME)


def test_a_failed_creation_can_be_rolled_back_later(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:no"))
    account.create(of(Bad=parameter(), Good=group()), executed={"DisableRollback": True})
    assert account.cfn.rollback_stack(StackName=NAME)["StackId"] == account.stack()["StackId"]
    assert account.settle() == "ROLLBACK_COMPLETE"
    assert not account.owned()


def test_a_failed_creation_may_delete_the_stack(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:no"))
    described = account.change_set(of(Bad=parameter(), Good=group()), "CREATE", OnStackFailure="DELETE")
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    arn = described["StackId"]
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.reasons(arn)[f"{NAME} DELETE_IN_PROGRESS"].endswith("Delete requested by user.")
    with pytest.raises(ClientError) as error:
        account.stack()
    assert refused(error.value) == ("ValidationError", f"Stack with id {NAME} does not exist")


def test_a_rollback_may_fail_and_the_stack_be_deleted_then(account: Account) -> None:
    for text in ("Bad:create:no", "Good:rollback:still used"):
        account.state.faults.add(parse_fault(text))
    assert account.create(of(Good=group(), Bad=parameter(DependsOn="Good"))) == "ROLLBACK_FAILED"
    assert account.stack()["StackStatusReason"] == "The following resource(s) failed to delete: [Good]. "
    consistent(account, NAME)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert not account.owned()


def test_a_hook_fails_in_words_of_its_own(account: Account) -> None:
    account.state.faults.add(parse_fault("Bad:create:The following hook(s) failed: [My::Guard::Hook]"))
    account.create(of(Bad=parameter()))
    (event,) = [one for one in account.events() if one["ResourceStatus"] == "CREATE_FAILED"]
    assert event["ResourceStatusReason"] == "The following hook(s) failed: [My::Guard::Hook]"
    assert "HookType" not in event
    (found,) = [one for one in account.events() if "HookType" in one]
    assert (found["ResourceStatus"], found["HookType"], found["HookStatus"]) == (
        "CREATE_IN_PROGRESS",
        "My::Guard::Hook",
        "HOOK_COMPLETE_FAILED",
    )
    assert "not compliant" in found["HookStatusReason"]


def test_siblings_may_be_listed_before_the_cause(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:cancelled-first"), parse_fault("Bad:create:no"))
    slow = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}
    account.create(of(Bad=parameter(), Slow=slow))
    assert in_order(account.event_lines(), "Slow CREATE_FAILED", "Bad CREATE_FAILED", f"{NAME} ROLLBACK_IN_PROGRESS")


def test_wrong_values_fail_where_they_are_used(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:no-early-validation"))
    wrong = parameter()
    wrong["Properties"]["Colour"] = "red"
    assert account.create(of(Wrong=wrong)) == "ROLLBACK_COMPLETE"
    assert account.reasons()["Wrong CREATE_FAILED"] == "Encountered unsupported property Colour"


def test_create_stack_does_without_a_change_set(account: Account) -> None:
    given = account.given(TWO, {}, ClientRequestToken="once")
    made = account.cfn.create_stack(**given)
    assert account.cfn.create_stack(**given)["StackId"] == made["StackId"]
    assert account.settle() == "CREATE_COMPLETE"
    assert not {"ChangeSetId", "LastUpdatedTime"} & account.stack().keys()
    with pytest.raises(ClientError) as error:
        account.cfn.create_stack(**account.given(TWO, {}))
    assert refused(error.value) == ("AlreadyExistsException", f"Stack [{NAME}] already exists")
    with pytest.raises(ClientError) as error:
        account.cfn.update_stack(**account.given(TWO, {}, ClientRequestToken="once"))
    assert refused(error.value)[0] == "TokenAlreadyExistsException"


def test_create_stack_takes_over_a_stack_under_review(account: Account) -> None:
    described = account.change_set(TWO, "CREATE")
    account.cfn.create_stack(**account.given(TWO, {}))
    assert account.stack()["StackId"] == described["StackId"]
    assert account.settle() == "CREATE_COMPLETE"
    after = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])
    assert after["ExecutionStatus"] == "OBSOLETE"


def test_a_parameter_of_parameter_store(account: Account) -> None:
    template = {
        **of(Note=parameter({"Ref": "Ami"})),
        "Parameters": {"Ami": {"Type": "AWS::SSM::Parameter::Value<String>"}},
    }
    with pytest.raises(ClientError) as error:
        account.create(template, {"Ami": "/ami"})
    assert refused(error.value)[1] == "Unable to fetch parameters [/ami] from parameter store for this account."
    account.client("ssm").put_parameter(Name="/ami", Value="ami-1", Type="String")
    account.create(template, {"Ami": "/ami"})
    assert account.stack()["Parameters"] == [
        {"ParameterKey": "Ami", "ParameterValue": "/ami", "ResolvedValue": "ami-1"}
    ]
    account.client("ssm").put_parameter(Name="/ami", Value="ami-2", Overwrite=True)
    assert account.deploy(template, parameters={"Ami": None}) == "UPDATE_COMPLETE"
    assert account.client("ssm").get_parameter(Name=account.physical("Note"))["Parameter"]["Value"] == "ami-2"


@pytest.mark.parametrize("type", ["Custom::Thing", "AWS::CloudFormation::Stack"])
def test_what_the_sandbox_cannot_do_fails(account: Account, type: str) -> None:
    properties = {"ServiceToken": "arn:aws:lambda:x", "TemplateURL": "https://x"}
    wanted = {
        "Type": type,
        "Properties": {
            key: properties[key] for key in (["ServiceToken"] if type.startswith("Custom") else ["TemplateURL"])
        },
    }
    assert account.create(of(Thing=wanted)) == "ROLLBACK_COMPLETE"
    assert account.reasons()["Thing CREATE_FAILED"] == f"The sandbox does not support {type}."


def test_transforms_are_refused(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.create({**TWO, "Transform": "AWS::Serverless-2016-10-31"})
    assert "transform" in refused(error.value)[1]


def test_the_account_knows_its_zones(account: Account) -> None:
    template = of(P=parameter({"Fn::Join": [",", {"Fn::GetAZs": ""}]}))
    template["Outputs"] = {"Last": {"Value": {"Fn::Select": [5, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}}}
    assert account.create(template) == "CREATE_COMPLETE"
    assert account.stack()["Outputs"][0]["OutputValue"] == "us-east-1f"
    assert zones("us-west-2")[3] == "us-west-2d" and len(zones("eu-west-1")) == 3


def test_what_only_one_resource_can_have_is_refused_to_a_second_one(account: Account) -> None:
    system = {"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": True}}
    place = {"FileSystemId": {"Ref": "Files"}, "SubnetId": "subnet-0123456789abcdef0"}
    target = {"Type": "AWS::EFS::MountTarget", "Properties": {**place, "SecurityGroups": ["sg-0123456789abcdef0"]}}
    first = of(Files=system, One=target)
    assert account.create(first) == "CREATE_COMPLETE"
    second = of(Files=system, Two=target)
    assert account.deploy(second) == "UPDATE_ROLLBACK_COMPLETE", "it is created before the first one is deleted"
    reasons = [event.get("ResourceStatusReason", "") for event in account.events()]
    assert any("mount target already exists in this AZ" in reason for reason in reasons)
    assert account.deploy(of(Files=system)) == account.deploy(second) == "UPDATE_COMPLETE"
