"""Data at risk: what the gate stops, from a difference of ours and from a real change set alike."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.difference import Side, difference
from fsdcf.cloudformation.facts import types
from fsdcf.cloudformation.risk import data_at_risk
from fsdcf.cloudformation.types import records

TABLE = "AWS::DynamoDB::Table"


def change(action: str, **more: Any) -> Change:
    return Change(action, more.pop("id", "Table"), more.pop("type", TABLE), **more)


@pytest.mark.parametrize(
    ("one", "before", "kind"),
    [
        (change("Remove", policy="Delete"), None, "deleted"),
        (change("Remove"), None, "deleted"),
        (change("Remove", policy="Snapshot"), None, "deleted"),
        (change("Remove", policy="Retain"), None, "left behind"),
        (change("Remove"), {"DeletionPolicy": "Retain"}, "left behind"),
        (change("Remove"), {"DeletionPolicy": "RetainExceptOnCreate"}, "left behind"),
        (change("Remove"), {"DeletionPolicy": {"Ref": "Policy"}}, "deleted"),
        (change("Remove", policy="SomethingNew"), None, "deleted"),
        (change("Modify", replacement="True", policy="ReplaceAndDelete"), None, "replaced"),
        (change("Modify", replacement="True", policy="ReplaceAndRetain"), None, "replaced"),
        (change("Modify", replacement="Conditional"), None, "replaced"),
        (change("Modify", replacement="Perhaps"), None, "replaced"),
        (change("Modify", policy="ReplaceAndSnapshot"), None, "replaced"),
        (change("SyncWithActual", replacement="True"), None, "replaced"),
        (change("Dynamic", policy="Delete"), None, "deleted"),
        (change("SomethingNew", policy="Delete"), None, "deleted"),
        (change("Modify", replacement="False"), None, None),
        (change("Modify", replacement=None), None, None),
        (change("SomethingNew"), None, None),
        (change("Add"), None, None),
        (change("Add", replacement="True"), None, None),
        (change("Import"), None, None),
        (change("Remove", policy="Delete", type="AWS::ECS::Service"), None, None),
        (change("Modify", replacement="True", type="AWS::ECS::TaskDefinition"), None, None),
        (change("Remove", type="Vendor::New::Type"), None, None),
    ],
)
def test_kinds(one: Change, before: Any, kind: str | None) -> None:
    found = data_at_risk([one], {"Resources": {"Table": before}} if before else None)
    assert [risk.kind for risk in found] == ([kind] if kind else [])
    assert all((risk.logical_id, risk.type) == ("Table", TABLE) and risk.why for risk in found)


def test_the_sentence_names_the_property_and_what_becomes_of_the_old_one() -> None:
    detail = Detail("Properties", "TableName", "/Properties/TableName", "a", "b", "Always", "DirectModification")
    other = Detail("Properties", "BillingMode", "/Properties/BillingMode", "a", "b", "Never", "DirectModification")
    (surely,) = data_at_risk(
        [change("Modify", replacement="True", policy="ReplaceAndRetain", details=(other, detail))], None
    )
    (perhaps,) = data_at_risk([change("Modify", replacement="Conditional", details=(detail,))], None)
    assert surely.why == "a new TableName replaces it with an empty one; the old one stays in the account with its data"
    assert (
        perhaps.why
        == "a new TableName may replace it with an empty one; the change set does not say what happens to the old one"
    )


def test_they_come_by_logical_id() -> None:
    found = data_at_risk([change("Remove", id="B"), change("Remove", id="A")], {})
    assert [risk.logical_id for risk in found] == ["A", "B"]


EFS = {"FilesystemId": "fs-1", "AuthorizationConfig": {"IAM": "ENABLED"}}


def task(*values: str, at: str = "/mnt", **system: Any) -> dict[str, Any]:
    """A task definition with an EFS volume and these values of variables."""
    container = {
        "Name": "app",
        "MountPoints": [{"SourceVolume": "disk", "ContainerPath": at}],
        "Environment": [{"Name": f"V{number}", "Value": value} for number, value in enumerate(values)],
    }
    volume = {"Name": "disk", "EFSVolumeConfiguration": {**EFS, **system}}
    return {"ContainerDefinitions": [container], "Volumes": [volume]}


LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"


@pytest.mark.parametrize(
    ("type", "before", "after", "said"),
    [
        ("ECS::TaskDefinition", task(), task(FilesystemId="fs-2"), "the file system fs-1"),
        ("ECS::TaskDefinition", task(), task(FilesystemId={"Ref": "Disk"}), "the file system fs-1"),
        ("ECS::TaskDefinition", task(), task(FilesystemId=LATER), None),
        ("ECS::TaskDefinition", task(FilesystemId={"Ref": "Disk"}), task(FilesystemId="fs-2"), None),
        ("ECS::TaskDefinition", task(), task(RootDirectory="/a"), "/mnt shows /a instead of /"),
        ("ECS::TaskDefinition", task(RootDirectory="/"), task(), None),
        (
            "ECS::TaskDefinition",
            task(AuthorizationConfig={"AccessPointId": "fsap-1"}),
            task(AuthorizationConfig={"AccessPointId": "fsap-2"}),
            "the access point fsap-1",
        ),
        ("ECS::TaskDefinition", task("/mnt/a.db"), task("/mnt/b.db"), "V0 leads to /mnt/b.db, not to /mnt/a.db"),
        ("ECS::TaskDefinition", task("sqlite:////mnt/a.db"), task("sqlite:////mnt/b.db"), "V0 leads to /mnt/b.db"),
        ("ECS::TaskDefinition", task("/mnt/a.db"), task("/tmp/a.db"), "V0 leads to /tmp/a.db"),
        ("ECS::TaskDefinition", task("/tmp/a.db"), task("/mnt/a.db"), None),
        ("ECS::TaskDefinition", task("/mnt/a.db"), task("/new/a.db", at="/new"), None),
        (
            "ECS::TaskDefinition",
            task("/mnt/a.db"),
            task("/mnt/a.db", at="/new"),
            "/mnt/a.db, which is no longer mounted",
        ),
        ("ECS::TaskDefinition", task("/mnt/a.db"), task(), None),
        ("ECS::TaskDefinition", task("/mnt/a.db"), task("no path"), None),
        ("ECS::TaskDefinition", {}, {}, None),
        ("EFS::AccessPoint", {"RootDirectory": {"Path": "/a"}}, {"RootDirectory": {"Path": "/b"}}, "files in /a"),
        (
            "EFS::AccessPoint",
            {"PosixUser": {"Uid": "1", "Gid": "2"}},
            {"PosixUser": {"Uid": "1", "Gid": "3"}},
            "belong to 1:2",
        ),
        (
            "EFS::AccessPoint",
            {"PosixUser": {"Uid": "1", "Gid": "2"}},
            {"PosixUser": {"Uid": "0", "Gid": "0"}},
            None,
        ),
        ("EFS::AccessPoint", {"ClientToken": "a"}, {"ClientToken": "b"}, None),
    ],
)
def test_data_that_stays_and_is_no_longer_reached(type: str, before: Any, after: Any, said: str | None) -> None:
    sides = [{"Properties": before}, {"Properties": after}]
    one = Change("Modify", "One", f"AWS::{type}", replacement="True", before=sides[0], after=sides[1])
    found = data_at_risk([one], None)
    assert [(risk.kind, said is not None and said in risk.why) for risk in found] == [("out of reach", True)] * bool(
        said
    )
    assert not any(risk.why.endswith(".") or "None" in risk.why for risk in found)


def test_a_change_set_without_values_is_a_risk_where_data_is_reached() -> None:
    detail = Detail(
        "Properties", "RootDirectory", "/Properties/RootDirectory", None, None, "Always", "DirectModification"
    )
    point, task_definition = (
        change("Modify", type=f"AWS::{name}", replacement="True", details=(detail,))
        for name in ("EFS::AccessPoint", "ECS::TaskDefinition")
    )
    (risk,) = data_at_risk([point, task_definition], None)
    assert (risk.type, risk.kind) == ("AWS::EFS::AccessPoint", "out of reach") and "a new RootDirectory" in risk.why
    tagged = change("Modify", type="AWS::EFS::AccessPoint", replacement="False", scope=("Tags",))
    assert data_at_risk([tagged], None) == ()


STATEFUL = sorted(record.type for record in records() if record.data)


@pytest.mark.parametrize("kind", STATEFUL)
def test_every_stateful_type_is_guarded(kind: str) -> None:
    assert kind in types()
    one = {"Resources": {"One": {"Type": kind, "DeletionPolicy": "Retain"}, "Other": {"Type": "AWS::SNS::Topic"}}}
    gone = {"Resources": {"Other": {"Type": "AWS::SNS::Topic"}}}
    (risk,) = data_at_risk(difference(Side(one, {}), Side(gone, {})), one)
    assert (risk.logical_id, risk.kind) == ("One", "left behind")


def test_the_services_of_the_gate_are_all_there() -> None:
    services = {kind.split("::")[1] for kind in STATEFUL}
    assert services >= {
        "DynamoDB",
        "EFS",
        "S3",
        "SQS",
        "RDS",
        "Logs",
        "KMS",
        "ECR",
        "ElastiCache",
        "Kinesis",
        "SecretsManager",
    }


def test_a_renamed_table_is_a_new_empty_one() -> None:
    def named(name: str) -> dict[str, Any]:
        return {
            "Resources": {"Table": {"Type": TABLE, "UpdateReplacePolicy": "Retain", "Properties": {"TableName": name}}}
        }

    (risk,) = data_at_risk(difference(Side(named("a"), {}), Side(named("b"), {})), named("a"))
    assert risk.kind == "replaced" and "TableName" in risk.why and "stays in the account" in risk.why
