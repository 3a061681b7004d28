"""What is left when a stack goes: the resources that its template keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.facts import STATEFUL

_KEPT = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Remains:
    """A resource with data, or one that is kept: its physical id where it is known, and what becomes of it.

    ``fate`` is ``kept``, ``snapshot`` or ``deleted``.
    """

    logical_id: str
    type: str
    physical_id: str
    fate: str

    @property
    def text(self) -> str:
        """``LogGroup (AWS::Logs::LogGroup hello-logs)``."""
        return f"{self.logical_id} ({self.type}{' ' + self.physical_id if self.physical_id else ''})"


def remains(template: Mapping[str, Any], physical: Mapping[str, str]) -> tuple[Remains, ...]:
    """The resources that a deletion keeps, copies, or deletes with their data, by logical id.

    Only resources that exist (``physical``) count. Without a DeletionPolicy a resource is deleted, but for DB clusters and DB
    instances outside of one, which are copied.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    found = []
    for name, resource in (template.get("Resources") or {}).items():
        if name not in physical or not isinstance(resource, Mapping):
            continue
        type = str(resource.get("Type", ""))
        fate = _fate(type, resource)
        if fate != "deleted" or type in STATEFUL:
            found.append(Remains(name, type, physical[name], fate))
    return tuple(sorted(found, key=lambda one: one.logical_id))


def _fate(type: str, resource: Mapping[str, Any]) -> str:
    policy = resource.get("DeletionPolicy")
    if policy in _KEPT:
        return "kept"
    inside = "DBClusterIdentifier" in (resource.get("Properties") or {})
    copied = type == "AWS::RDS::DBCluster" or (type == "AWS::RDS::DBInstance" and not inside)
    return "snapshot" if policy == "Snapshot" or (policy is None and copied) else "deleted"
