"""Tables of stacks: created, updated with their items, deleted, retained and imported again."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox import dynamodb
from tests.sandbox.cloudformation.account import NAME, Account, consistent, of, parameter

ROW = {"id": {"N": "1"}, "text": {"S": "kept"}}


def table(protected: bool = False, **attributes: Any) -> dict[str, Any]:
    properties = {
        "TableName": "notes",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": protected,
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties, **attributes}


def items(account: Account) -> Any:
    return account.client("dynamodb").scan(TableName="notes")["Items"]


def names(account: Account) -> Any:
    return account.client("dynamodb").list_tables()["TableNames"]


def test_a_table_of_a_stack_stores_items_and_is_deleted_with_it(account: Account) -> None:
    account.cfn.create_stack(**account.given(of(Table=table()), {}))
    account.until("Table", "CREATE_IN_PROGRESS")
    account.pass_time(5)
    assert account.client("dynamodb").describe_table(TableName="notes")["Table"]["TableStatus"] == "CREATING"
    assert account.settle() == "CREATE_COMPLETE"
    account.client("dynamodb").put_item(TableName="notes", Item=ROW)
    assert account.deploy(of(Table=table(protected=True))) == "UPDATE_COMPLETE"
    answer = account.client("dynamodb").describe_table(TableName="notes")["Table"]
    assert (answer["DeletionProtectionEnabled"], items(account)) == (True, [ROW])
    assert account.deploy(of(Table=table())) == "UPDATE_COMPLETE"
    assert account.deploy(of(Other=parameter())) == "UPDATE_COMPLETE"
    assert names(account) == [] and not account.state.store.every("dynamodb.item")
    consistent(account, NAME)


def test_a_retained_table_keeps_its_items_and_is_imported_with_them(account: Account) -> None:
    kept = of(Table=table(DeletionPolicy="Retain"), Other=parameter())
    assert account.create(kept) == "CREATE_COMPLETE"
    account.client("dynamodb").put_item(TableName="notes", Item=ROW)
    assert account.deploy(of(Other=parameter())) == "UPDATE_COMPLETE"
    assert account.survivors() == ["Table"] and items(account) == [ROW]
    assert account.deploy(kept, ImportExistingResources=True) == "UPDATE_COMPLETE"
    assert items(account) == [ROW] and account.survivors() == []


def test_a_table_that_a_rollback_takes_away(account: Account) -> None:
    account.cfn.create_stack(
        **account.given(of(Table=table(), Wrong=parameter(""), Wait=parameter(DependsOn="Table")), {})
    )
    assert account.settle() == "ROLLBACK_COMPLETE"
    assert names(account) == []


def test_a_table_of_a_state_from_before_it_had_items(account: Account) -> None:
    assert account.create(of(Table=table())) == "CREATE_COMPLETE"
    dynamodb.remove_table(account.state, "notes")
    assert account.deploy(of(Table=table(protected=True))) == "UPDATE_COMPLETE"
    account.pass_time(20)
    assert items(account) == []
