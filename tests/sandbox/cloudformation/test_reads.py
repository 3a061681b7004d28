"""What is read: pages, old stacks, templates, and the oddities that a client has to live with."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox.faults import FaultError, parse_fault
from tests.sandbox.cloudformation import scenes
from tests.sandbox.cloudformation.account import NAME, Account, group, log, of, parameter, refused

ONE = of(Note=parameter("one"), Base=group())
TWO = of(Note=parameter("two"), Base=group())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("describe_stacks", "Stack with id nobody does not exist"),
        ("describe_stack_events", "Stack [nobody] does not exist"),
        ("describe_stack_resources", "Stack with id nobody does not exist"),
        ("list_stack_resources", "Stack with id nobody does not exist"),
        ("get_template", "Stack with id nobody does not exist"),
        ("list_change_sets", "Stack [nobody] does not exist"),
        ("cancel_update_stack", "Stack [nobody] does not exist"),
        ("continue_update_rollback", "Stack [nobody] does not exist"),
        ("rollback_stack", "Stack [nobody] does not exist"),
    ],
)
def test_a_stack_that_is_not_there(account: Account, call: str, words: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(account.cfn, call)(StackName="nobody")
    assert refused(error.value) == ("ValidationError", words)


def test_five_thousand_old_events(account: Account) -> None:
    account.create(ONE)
    arn = account.stack()["StackId"]
    before = account.events()
    scenes.add_old_events(account.state, arn, 5000)
    page = account.cfn.describe_stack_events(StackName=NAME)
    assert len(page["StackEvents"]) == 100
    assert page["StackEvents"][: len(before)] == before[::-1]
    everything = account.events()
    assert len(everything) == 5000 + len(before)
    assert len({one["EventId"] for one in everything}) == len(everything)
    stamps = [one["Timestamp"] for one in everything]
    assert stamps == sorted(stamps)


def test_a_page_of_events_continues_where_the_last_one_ended(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:page-size=3"))
    account.create(ONE)
    first = account.cfn.describe_stack_events(StackName=NAME)
    account.cfn.update_stack(**account.given(TWO, {}))
    second = account.cfn.describe_stack_events(StackName=NAME, NextToken=first["NextToken"])
    ids = [one["EventId"] for one in [*first["StackEvents"], *second["StackEvents"]]]
    assert len(set(ids)) == 6


def test_events_lag_behind_the_status_and_the_reverse(account: Account) -> None:
    account.create(ONE)
    account.clock.advance(10)
    account.state.faults.add(parse_fault("cfn:lag-events=3"))
    account.cfn.update_stack(**account.given(TWO, {}))
    assert account.status() == "UPDATE_IN_PROGRESS"
    assert account.event_lines()[-1] == f"{NAME} CREATE_COMPLETE"
    account.clock.advance(3)
    assert f"{NAME} UPDATE_IN_PROGRESS" in account.event_lines()
    account.state.faults.clear()
    assert account.settle() == "UPDATE_COMPLETE"
    account.state.faults.add(parse_fault("cfn:lag-status=5"))
    assert account.event_lines()[-1] == f"{NAME} UPDATE_COMPLETE"
    assert account.status() == "UPDATE_IN_PROGRESS"
    account.clock.advance(5)
    assert account.status() == "UPDATE_COMPLETE"


def test_a_stale_status_right_after_the_beginning(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:stale-status*2"))
    described = account.change_set(ONE, "CREATE")
    assert account.status() == "REVIEW_IN_PROGRESS"
    account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert [account.status() for _ in range(3)] == ["REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"]
    account.settle()
    account.state.faults.add(parse_fault("cfn:stale-status"))
    account.clock.advance(60)
    assert account.status() == "CREATE_COMPLETE"  # there is nothing that a read could be behind
    account.cfn.update_stack(**account.given(TWO, {}))
    assert [account.status() for _ in range(2)] == ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS"]


def test_events_twice_and_at_the_same_second(account: Account) -> None:
    account.create(ONE)
    count = len(account.events())
    account.state.faults.add(parse_fault("cfn:duplicate-events"), parse_fault("cfn:equal-timestamps"))
    events = account.events()
    assert len(events) == 2 * count
    assert events[::2] == events[1::2]
    assert not any(one["Timestamp"].microsecond for one in events)


def test_values_that_are_dropped(account: Account) -> None:
    account.create(ONE)
    described = account.change_set(of(Note=parameter("two"), Base=group("two")))
    account.state.faults.add(parse_fault("cfn:drop-values=Note"))
    short = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"], IncludePropertyValues=True)
    assert short["Status"] == "CREATE_COMPLETE"
    assert short["StatusReason"].startswith(
        "[WARN] --include-property-values option can return incomplete ChangeSet data because: Logical Id: Note"
    )
    assert [one["ResourceChange"]["LogicalResourceId"] for one in short["Changes"]] == ["Base"]
    whole = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])
    assert [one["ResourceChange"]["LogicalResourceId"] for one in whole["Changes"]] == ["Base", "Note"]
    assert "StatusReason" not in whole


def test_a_failed_change_set_may_have_no_reason_with_values(account: Account) -> None:
    account.create(ONE)
    account.state.faults.add(parse_fault("cfn:no-reason"))
    described = account.change_set(ONE)
    assert described["Status"] == "FAILED"
    assert "StatusReason" not in described
    assert "StatusReason" in account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])


def test_words_that_no_client_knows(account: Account) -> None:
    account.create(ONE)
    described = account.change_set(of(Note=parameter("two"), Base=group("two")))
    account.state.faults.add(parse_fault("cfn:unknown-enums"), parse_fault("cfn:action=SyncWithActual"))
    base = account.cfn.describe_change_set(ChangeSetName=described["ChangeSetId"])["Changes"][0]["ResourceChange"]
    assert (base["Action"], base["Replacement"], base["PolicyAction"]) == (
        "SyncWithActual",
        "Perhaps",
        "ReplaceAndArchive",
    )
    assert base["Details"][0]["Target"]["RequiresRecreation"] == "Sometimes"
    assert account.events()[0]["DetailedStatus"] == "PONDERING"


@pytest.mark.parametrize(
    "text", ["cfn:nonsense", "cfn:lag-events", "cfn:page-size=0", "cfn:hook", "cfn:stale-status*x"]
)
def test_oddities_are_named_rightly(text: str) -> None:
    with pytest.raises(FaultError, match="cfn:"):
        parse_fault(text)


def test_resources_are_described_singly_and_in_pages(account: Account) -> None:
    template = of(**{f"Note{number:03}": parameter() for number in range(120)})
    template["Resources"]["Note000"]["Metadata"] = {"origin": "here"}
    account.create(template)
    assert len(account.cfn.describe_stack_resources(StackName=NAME)["StackResources"]) == 100
    pages = account.cfn.get_paginator("list_stack_resources").paginate(StackName=NAME)
    assert sum(len(page["StackResourceSummaries"]) for page in pages) == 120
    detail = account.cfn.describe_stack_resource(StackName=NAME, LogicalResourceId="Note000")["StackResourceDetail"]
    assert detail["Metadata"] == '{"origin":"here"}'
    (one,) = account.cfn.describe_stack_resources(StackName=NAME, LogicalResourceId="Note007")["StackResources"]
    around = account.cfn.describe_stack_resources(PhysicalResourceId=one["PhysicalResourceId"])["StackResources"]
    assert {row["StackName"] for row in around} == {NAME}
    with pytest.raises(ClientError):
        account.cfn.describe_stack_resource(StackName=NAME, LogicalResourceId="Nothing")


def test_templates_are_summarized(account: Account) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    declared = {
        "Day": {"Type": "String", "AllowedValues": ["a", "b"], "Default": "a"},
        "Key": {"Type": "String", "NoEcho": True},
    }
    template = {**of(Role=role, Note=parameter({"Ref": "Day"})), "Description": "text", "Parameters": declared}
    body = account.given(template, {})["TemplateBody"]
    summary = account.cfn.get_template_summary(TemplateBody=body)
    assert summary["ResourceTypes"] == ["AWS::IAM::Role", "AWS::SSM::Parameter"]
    assert summary["Capabilities"] == ["CAPABILITY_IAM"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["a", "b"]}
    assert [one["ParameterKey"] for one in summary["Parameters"]] == ["Day", "Key"]
    assert (summary["Parameters"][1]["NoEcho"], summary["Description"]) == (True, "text")
    account.create(ONE)
    assert account.cfn.get_template_summary(StackName=NAME)["ResourceTypes"] == [
        "AWS::SSM::Parameter",
        "AWS::EC2::SecurityGroup",
    ]
    described = account.change_set(TWO)
    assert account.cfn.get_template(ChangeSetName=described["ChangeSetId"])["TemplateBody"] == TWO
    assert account.cfn.get_template(StackName=NAME)["TemplateBody"] == ONE


def test_events_of_operations(account: Account) -> None:
    account.create(ONE)
    account.state.faults.add(parse_fault("Note:update:no"))
    assert account.deploy(TWO) == "UPDATE_ROLLBACK_COMPLETE"
    failed = account.cfn.describe_events(StackName=NAME, Filters={"FailedEvents": True})["OperationEvents"]
    assert [(one["LogicalResourceId"], one["EventType"], one["OperationType"]) for one in failed] == [
        ("Note", "PROVISIONING_ERROR", "UPDATE_STACK")
    ]
    last, first = account.stack()["LastOperations"]
    assert (first["OperationType"], last["OperationType"]) == ("CREATE_STACK", "UPDATE_STACK")
    of_first = account.cfn.describe_events(StackName=NAME, OperationId=first["OperationId"])["OperationEvents"]
    assert {one["OperationId"] for one in of_first} == {first["OperationId"]}
    assert of_first[0]["OperationStatus"] == "SUCCEEDED"


def test_every_stack_in_pages(account: Account) -> None:
    account.state.faults.add(parse_fault("cfn:page-size=2"))
    for number in range(3):
        account.cfn.create_stack(**{**account.given(of(Log=log()), {}), "StackName": f"stack{number}"})
    pages = list(account.cfn.get_paginator("describe_stacks").paginate())
    assert [one["StackName"] for page in pages for one in page["Stacks"]] == ["stack0", "stack1", "stack2"]
    listed = account.cfn.list_stacks(StackStatusFilter=["CREATE_IN_PROGRESS"])
    assert len(listed["StackSummaries"]) == 2
    assert "NextToken" in listed
