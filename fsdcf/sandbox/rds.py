"""RDS: the deletion protection of databases, which is lifted outside of CloudFormation."""

from __future__ import annotations

from fsdcf.sandbox.state import Data, Document, SandboxState

PROTECTION = "rds.protection"
"""The deletion protection of what was changed outside of CloudFormation, by its identifier."""


def modify_db_instance(state: SandboxState, params: Document) -> Document:
    """ModifyDBInstance, of its deletion protection alone."""
    return {"DBInstance": _modify(state, params, "DBInstanceIdentifier")}


def modify_db_cluster(state: SandboxState, params: Document) -> Document:
    """ModifyDBCluster, of its deletion protection alone."""
    return {"DBCluster": _modify(state, params, "DBClusterIdentifier")}


def _modify(state: SandboxState, params: Document, key: str) -> Document:
    protection = {"DeletionProtection": bool(params.get("DeletionProtection"))}
    state.store.put(PROTECTION, params[key], protection)
    return {key: params[key], **protection}


def protection_of(state: SandboxState, identifier: str, properties: Data) -> Document:
    """Return the deletion protection of a database, if it is changed, as the property of CloudFormation."""
    return state.store.get(PROTECTION, identifier) or {}


def forget(state: SandboxState, identifier: str) -> None:
    """Forget the change: CloudFormation sets the property, or deletes the database."""
    state.store.remove(PROTECTION, identifier)


OPERATIONS = {"ModifyDBInstance": modify_db_instance, "ModifyDBCluster": modify_db_cluster}
