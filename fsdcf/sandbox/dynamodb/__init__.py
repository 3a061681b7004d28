"""Amazon DynamoDB: the tables that stacks make, and their items. Queries, updates, transactions and streams are not played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.dynamodb import calls, items, tables
from fsdcf.sandbox.schedule import Action, Handler
from fsdcf.sandbox.state import SandboxState

OPERATIONS: Mapping[str, Handler] = {
    "BatchGetItem": calls.batch_get_item,
    "BatchWriteItem": calls.batch_write_item,
    "DeleteItem": calls.delete_item,
    "DescribeTable": calls.describe_table,
    "GetItem": calls.get_item,
    "ListTables": tables.list_tables,
    "PutItem": calls.put_item,
    "Scan": calls.scan,
}
ACTIONS: Mapping[str, Action] = {}


def keep_table(state: SandboxState, name: str, properties: Mapping[str, Any]) -> None:
    """A table by a resource's properties; one that is there gets them, and keeps its items."""
    tables.change(state, name, properties)


def drop_table(state: SandboxState, name: str) -> None:
    """Drops a table with its items; nothing happens if there is none."""
    found = state.store.get(tables.TABLE, name)
    if found is not None:
        items.forget(state, found)
        tables.drop(state, name)
