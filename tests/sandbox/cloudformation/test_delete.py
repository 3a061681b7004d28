"""Deletion: what goes, what stays, what forbids it; names and stacks that come back."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import s3
from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation import scenes
from tests.sandbox.cloudformation.account import NAME, Account, consistent, group, in_order, log, of, parameter, refused

CHAIN = of(A=group(), B=parameter({"Ref": "A"}), C=parameter({"Ref": "B"}))


def test_needed_resources_are_deleted_last(account: Account) -> None:
    account.create(CHAIN)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME, ClientRequestToken="bye")
    assert account.status() == "DELETE_IN_PROGRESS"
    assert account.settle(arn) == "DELETE_COMPLETE"
    wanted = [
        "C DELETE_COMPLETE",
        "B DELETE_IN_PROGRESS",
        "B DELETE_COMPLETE",
        "A DELETE_IN_PROGRESS",
        "A DELETE_COMPLETE",
    ]
    assert in_order(account.event_lines(arn), *wanted)
    assert account.events(arn)[-1]["ClientRequestToken"] == "bye"
    stack = account.stack(arn)
    assert stack["StackStatus"] == "DELETE_COMPLETE"
    assert "DeletionTime" in stack
    assert "EnableTerminationProtection" not in stack
    assert {one["StackId"] for one in account.cfn.describe_stacks()["Stacks"]} == set()
    assert [one["StackStatus"] for one in account.cfn.list_stacks()["StackSummaries"]] == ["DELETE_COMPLETE"]
    assert not account.owned()
    assert account.cfn.get_template(StackName=arn)["TemplateBody"] == CHAIN


def test_of_a_stack_that_is_not_there_is_no_error(account: Account) -> None:
    account.cfn.delete_stack(StackName="nobody")
    account.create(CHAIN)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=arn)
    account.cfn.delete_stack(StackName=arn)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.event_lines(arn).count(f"{NAME} DELETE_IN_PROGRESS") == 1
    account.cfn.delete_stack(StackName=arn)
    assert account.status(arn) == "DELETE_COMPLETE"


def test_what_is_retained(account: Account) -> None:
    kept = {"One": log(DeletionPolicy="Retain"), "Two": log(DeletionPolicy="RetainExceptOnCreate")}
    account.create(of(**kept, Note=parameter()))
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.resources(arn) == {"One": "DELETE_SKIPPED", "Two": "DELETE_SKIPPED", "Note": "DELETE_COMPLETE"}
    assert "One DELETE_IN_PROGRESS" not in account.event_lines(arn)
    assert account.survivors() == ["One", "Two"]


def test_termination_protection(account: Account) -> None:
    account.create(CHAIN)
    account.cfn.update_termination_protection(StackName=NAME, EnableTerminationProtection=True)
    assert account.stack()["EnableTerminationProtection"] is True
    with pytest.raises(ClientError) as error:
        account.cfn.delete_stack(StackName=NAME)
    assert refused(error.value) == (
        "ValidationError",
        f"Stack [{NAME}] cannot be deleted while TerminationProtection is enabled",
    )
    account.cfn.update_termination_protection(StackName=NAME, EnableTerminationProtection=False)
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"


def test_a_deletion_that_fails_and_the_way_out(account: Account) -> None:
    account.create(CHAIN)
    arn = account.stack()["StackId"]
    with pytest.raises(ClientError) as error:
        account.cfn.delete_stack(StackName=NAME, RetainResources=["B"])
    assert "RetainResources" in refused(error.value)[1]
    account.state.faults.add(parse_fault("B:delete:ResourceConflict=still used"))
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED"
    assert account.stack()["StackStatusReason"] == "The following resource(s) failed to delete: [B]. "
    assert account.resources() == {"A": "CREATE_COMPLETE", "B": "DELETE_FAILED", "C": "DELETE_COMPLETE"}
    consistent(account, NAME)
    account.cfn.delete_stack(StackName=NAME, RetainResources=["B"])
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert account.resources(arn)["B"] == "DELETE_SKIPPED"
    assert account.survivors() == ["B"]


def test_what_is_protected_by_nature(account: Account) -> None:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "DeletionProtectionEnabled": True,
        },
    }
    account.create(of(Table=table, Bucket={"Type": "AWS::S3::Bucket"}))
    bucket = account.physical("Bucket")
    s3.put_object(account.state, {"Bucket": bucket, "Key": "a", "Body": b"1"})
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED"
    assert account.resources() == {"Table": "DELETE_FAILED", "Bucket": "DELETE_FAILED"}
    assert "currently protected against deletion" in account.reasons()["Table DELETE_FAILED"]
    assert "not empty" in account.reasons()["Bucket DELETE_FAILED"]


def test_of_a_creation_that_runs(account: Account) -> None:
    account.cfn.create_stack(**account.given(CHAIN, {}))
    arn = account.stack()["StackId"]
    account.until("A", "CREATE_IN_PROGRESS")
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert in_order(
        account.event_lines(arn),
        f"{NAME} DELETE_IN_PROGRESS",
        "A CREATE_FAILED",
        "A DELETE_COMPLETE",
        f"{NAME} DELETE_COMPLETE",
    )
    assert not account.owned()


def test_not_of_an_update_that_runs(account: Account) -> None:
    arn = scenes.put(account.state, "UPDATE_IN_PROGRESS")
    with pytest.raises(ClientError) as error:
        account.cfn.delete_stack(StackName=arn)
    assert refused(error.value)[1] == f"Stack [{arn}] cannot be deleted while in status UPDATE_IN_PROGRESS"


def test_a_stack_in_review_is_deleted_at_once(account: Account) -> None:
    described = account.change_set(CHAIN, "CREATE")
    account.cfn.delete_stack(StackName=NAME)
    with pytest.raises(ClientError):
        account.stack()
    assert account.status(described["StackId"]) == "DELETE_COMPLETE"
    with pytest.raises(ClientError) as error:
        account.cfn.execute_change_set(ChangeSetName=described["ChangeSetId"])
    assert refused(error.value)[0] == "InvalidChangeSetStatus"


def test_a_stack_is_deleted_and_recreated_under_the_same_name(account: Account) -> None:
    account.create(CHAIN)
    old = account.stack()["StackId"]
    new = scenes.recreate(account.state, old)
    assert new != old
    assert (account.status(old), account.status(new)) == ("DELETE_COMPLETE", "CREATE_COMPLETE")
    assert account.stack()["StackId"] == new
    assert not {one["PhysicalResourceId"] for one in account.events(old)} & {
        one["PhysicalResourceId"] for one in account.events(new)
    } - {""}
