"""Exports: one name, one stack; what is imported stays."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox.faults import parse_fault
from tests.sandbox.cloudformation import scenes
from tests.sandbox.cloudformation.account import NAME, Account, of, parameter, refused

USER = of(Note=parameter({"Fn::ImportValue": "shared"}))


def giver(value: str = "one", export: str = "shared") -> dict[str, object]:
    return {**of(Note=parameter(value)), "Outputs": {"Shared": {"Value": value, "Export": {"Name": export}}}}


@pytest.fixture
def shared(account: Account) -> Account:
    account.create(giver())
    account.cfn.create_stack(**{**account.given(USER, {}), "StackName": "user"})
    assert account.settle("user") == "CREATE_COMPLETE"
    return account


def test_a_value_travels(shared: Account) -> None:
    (export,) = shared.cfn.list_exports()["Exports"]
    assert export == {"ExportingStackId": shared.stack()["StackId"], "Name": "shared", "Value": "one"}
    assert shared.cfn.list_imports(ExportName="shared")["Imports"] == ["user"]
    (event,) = [
        one
        for one in shared.events("user")
        if one["ResourceStatus"] == "CREATE_COMPLETE" and one["LogicalResourceId"] == "Note"
    ]
    assert '"Value":"one"' in event["ResourceProperties"]


def test_what_is_imported_stays_as_it_is(shared: Account) -> None:
    assert shared.deploy(giver("two")) == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        shared.reasons()[f"{NAME} UPDATE_ROLLBACK_IN_PROGRESS"]
        == "Export shared cannot be updated as it is in use by user. "
    )
    assert shared.deploy(of(Note=parameter("two"))) == "UPDATE_ROLLBACK_COMPLETE"
    assert shared.reasons()[f"{NAME} UPDATE_ROLLBACK_IN_PROGRESS"].startswith(
        "Export shared cannot be deleted as it is in use by user"
    )
    assert shared.cfn.list_exports()["Exports"][0]["Value"] == "one"


def test_a_stack_that_others_import_from_is_not_deleted(shared: Account) -> None:
    shared.cfn.delete_stack(StackName=NAME)
    assert shared.status() == "DELETE_FAILED"
    assert (
        shared.stack()["StackStatusReason"] == "Delete canceled. Cannot delete export shared as it is in use by user."
    )
    assert shared.resources() == {"Note": "CREATE_COMPLETE"}
    user = shared.stack("user")["StackId"]
    shared.cfn.delete_stack(StackName="user")
    assert shared.settle(user) == "DELETE_COMPLETE"
    arn = shared.stack()["StackId"]
    shared.cfn.delete_stack(StackName=NAME)
    assert shared.settle(arn) == "DELETE_COMPLETE"
    assert shared.cfn.list_exports()["Exports"] == []
    with pytest.raises(ClientError) as error:
        shared.cfn.list_imports(ExportName="shared")
    assert refused(error.value)[1] == "Export 'shared' is not imported by any stack."


def test_an_import_counts_from_the_first_moment_until_its_rollback(account: Account) -> None:
    account.create(giver())
    account.cfn.create_stack(**{**account.given(USER, {}), "StackName": "user"})
    account.cfn.delete_stack(StackName=NAME)
    assert account.status() == "DELETE_FAILED", "user is not complete yet"
    assert account.settle("user") == "CREATE_COMPLETE"
    account.cfn.create_stack(**{**account.given(of(Note=parameter()), {}), "StackName": "other"})
    account.settle("other")
    account.state.faults.add(parse_fault("Last:create:no"))
    failing = of(Note=parameter({"Fn::ImportValue": "shared"}), Last=parameter(DependsOn="Note"))
    account.cfn.update_stack(**{**account.given(failing, {}), "StackName": "other"})
    assert account.cfn.list_imports(ExportName="shared")["Imports"] == ["other", "user"]
    assert account.settle("other") == "UPDATE_ROLLBACK_COMPLETE"
    assert account.cfn.list_imports(ExportName="shared")["Imports"] == ["user"]


def test_a_name_is_taken(shared: Account) -> None:
    shared.cfn.create_stack(**{**shared.given(giver(), {}), "StackName": "second"})
    assert shared.settle("second") == "ROLLBACK_COMPLETE"
    words = (
        f"Export with name shared is already exported by stack {shared.stack()['StackId']}. Rollback requested by user."
    )
    assert shared.reasons("second")["second ROLLBACK_IN_PROGRESS"] == words


def test_an_export_that_is_not_there(account: Account) -> None:
    described = account.change_set(USER, "CREATE")
    assert (described["Status"], described["StatusReason"]) == ("FAILED", "No export named shared found.")


def test_a_name_is_free_again(account: Account) -> None:
    account.create(giver())
    assert account.deploy(giver(export="renamed")) == "UPDATE_COMPLETE"
    assert [one["Name"] for one in account.cfn.list_exports()["Exports"]] == ["renamed"]
    scenes.put(account.state, "CREATE_COMPLETE", scenes.Wish("other", giver()))
    assert [one["Name"] for one in account.cfn.list_exports()["Exports"]] == ["renamed", "shared"]
