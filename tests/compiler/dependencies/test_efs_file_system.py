"""An EFS file system: access from the task's mount to the data, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import as_text, codes, encoded, findings, make, references, spec_of

KIND = "aws_efs_file_system"
MOUNT, WRITE = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
TASKS = {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}


def test_a_file_system_is_encrypted_backed_up_and_kept() -> None:
    title, system = make(KIND, "${ENV}-data").the("AWS::EFS::FileSystem")
    properties = system["Properties"]
    assert title == "DataFileSystem"
    assert properties["Encrypted"] is True and properties["BackupPolicy"] == {"Status": "ENABLED"}
    assert (system["DeletionPolicy"], system["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_only_backup_false_turns_off_the_backup() -> None:
    properties = make(KIND, "data", backup=False).the("AWS::EFS::FileSystem")[1]["Properties"]
    assert properties["BackupPolicy"] == {"Status": "DISABLED"}


def test_the_service_waits_for_a_mount_target_in_every_subnet() -> None:
    made = make(KIND, "data")
    targets = {
        name: one["Properties"] for name, one in made.resources.items() if one["Type"] == "AWS::EFS::MountTarget"
    }
    assert [one["SubnetId"] for one in targets.values()] == [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}]
    assert set(made.grant.waits) == set(targets)
    group, _ = made.the("AWS::EC2::SecurityGroup")
    for one in targets.values():
        assert one["FileSystemId"] == {"Ref": "DataFileSystem"}
        assert one["SecurityGroups"] == [{"Fn::GetAtt": [group, "GroupId"]}]


def test_the_security_group_admits_only_the_tasks() -> None:
    properties = make(KIND, "data").the("AWS::EC2::SecurityGroup")[1]["Properties"]
    (way_in,) = properties["SecurityGroupIngress"]
    assert (way_in["IpProtocol"], way_in["FromPort"], way_in["ToPort"]) == ("tcp", 2049, 2049)
    assert way_in["SourceSecurityGroupId"] == TASKS and "CidrIp" not in way_in
    assert properties["VpcId"] == {"Ref": "Vpc"}
    assert not [rule for rule in properties["SecurityGroupEgress"] if "CidrIp" in rule]


def test_the_task_mounts_through_the_access_point_over_tls_with_its_role() -> None:
    made = make(KIND, "data")
    (mount,) = made.grant.mounts
    assert (mount.name, mount.path, mount.read_only) == ("data", "/mnt/efs", False)
    assert encoded(mount.efs) == {
        "FilesystemId": {"Ref": "DataFileSystem"},
        "TransitEncryption": "ENABLED",
        "AuthorizationConfig": {"AccessPointId": {"Ref": "DataFileSystemAccessPoint"}, "IAM": "ENABLED"},
    }
    point = made.resources["DataFileSystemAccessPoint"]["Properties"]
    assert point["FileSystemId"] == {"Ref": "DataFileSystem"}
    assert point["PosixUser"] == {"Uid": "1000", "Gid": "1000"}
    assert point["RootDirectory"]["Path"] == "/data"
    assert point["RootDirectory"]["CreationInfo"] == {"OwnerUid": "1000", "OwnerGid": "1000", "Permissions": "0750"}


def test_the_role_is_bound_to_the_access_point() -> None:
    (statement,) = make(KIND, "data").statements()
    assert statement["Action"] == [MOUNT, WRITE]
    assert statement["Resource"] == [{"Fn::GetAtt": ["DataFileSystem", "Arn"]}]
    point = {"Fn::GetAtt": ["DataFileSystemAccessPoint", "Arn"]}
    assert statement["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": point}}


def test_the_policy_denies_what_is_not_encrypted_or_without_an_access_point_and_names_no_role() -> None:
    policy = make(KIND, "data").the("AWS::EFS::FileSystem")[1]["Properties"]["FileSystemPolicy"]
    insecure, without = policy["Statement"]
    assert {one["Effect"] for one in policy["Statement"]} == {"Deny"}, "the role's own policy grants the access"
    assert all(one["Principal"] == {"AWS": "*"} for one in policy["Statement"])
    assert insecure["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and insecure["Action"] == "*"
    assert without["Condition"] == {"Null": {"elasticfilesystem:AccessPointArn": "true"}}
    assert set(without["Action"]) == {MOUNT, WRITE, "elasticfilesystem:ClientRootAccess"}
    assert not list(references(policy)), "a role that is deleted with the stack would lock the kept file system"


def test_readers_mount_read_only() -> None:
    made = make(KIND, "data", permissions="read")
    assert made.actions() == {MOUNT} and made.grant.mounts[0].read_only


def test_a_list_of_actions_mounts_for_what_it_allows() -> None:
    for actions, read_only in (([MOUNT], True), ([MOUNT, WRITE], False)):
        keys: dict[str, Any] = {"unmanaged": {**SHARED, "permissions": actions}}
        assert make(KIND, "fs-0123456789abcdef0", **keys).grant.mounts[0].read_only == read_only


def test_outputs_name_what_another_service_needs_to_share_it() -> None:
    assert set(make(KIND, "${ENV}-data").outputs) == {
        *("DataFileSystemId", "DataFileSystemAccessPointId", "DataFileSystemSecurityGroupId")
    }


IN_VPC = {"id": "vpc-0123456789abcdef0", "privateSubnets": ["subnet-0bbbbbbbbbbbbbbbb", "subnet-0aaaaaaaaaaaaaaaa"]}


def compiled(vpc: Mapping[str, Any] | bool, *others: Any, **keys: Any) -> tuple[dict[str, Any], list[str]]:
    """The resources of a spec with a file system of these keys or with others, and its findings."""
    service = {"networking": {"vpc": vpc}}
    text = yaml.safe_dump(
        {
            **{"apiVersion": "fsd/v1", "kind": "Service", "metadata": {"name": "shop", "owners": "team"}},
            **{"service": service, "dependencies": [*others] or [{"type": KIND, **keys}]},
        }
    )
    result = run(Request("spec.yml", text.encode(), "staging"))
    codes = [one.code for one in result.diagnostics if one.code not in ("W101",)]
    return dict(result.template.data["Resources"]) if result.template else {}, codes


def test_the_order_of_existing_subnets_does_not_matter() -> None:
    turned = {**IN_VPC, "privateSubnets": IN_VPC["privateSubnets"][::-1]}
    resources, _ = compiled(IN_VPC, name="data")
    assert resources == compiled(turned, name="data")[0]
    targets = {name: one["Properties"]["SubnetId"] for name, one in resources.items() if "MountTarget" in one["Type"]}
    assert targets == {
        "DataFileSystemMountTarget0aaaaaaaaaaaaaaaa": "subnet-0aaaaaaaaaaaaaaaa",
        "DataFileSystemMountTarget0bbbbbbbbbbbbbbbb": "subnet-0bbbbbbbbbbbbbbbb",
    }


def test_a_new_vpc_keeps_the_numbers_of_its_zones() -> None:
    assert {name for name in make(KIND, "data").resources if "MountTarget" in name} == {
        *("DataFileSystemMountTarget1", "DataFileSystemMountTarget2")
    }


def test_a_kept_file_system_gets_new_mount_targets_and_a_new_access_point() -> None:
    new, kept = make(KIND, "${ENV}-data"), make(KIND, "${ENV}-data", existingId="fs-0123456789abcdef0")
    assert set(new.resources) - set(kept.resources) == {"DataFileSystem"}
    assert set(new.outputs) == set(kept.outputs) and new.grant.environment.keys() == kept.grant.environment.keys()
    assert kept.grant.environment["DATA_FILE_SYSTEM_ID"] == "fs-0123456789abcdef0"
    others = [one for one in kept.resources.values() if "FileSystemId" in one["Properties"]]
    assert len(others) == 3 and {one["Properties"]["FileSystemId"] for one in others} == {"fs-0123456789abcdef0"}
    home = "arn:${AWS::Partition}:elasticfilesystem:${AWS::Region}:${AWS::AccountId}"
    assert kept.arns(MOUNT) == {f"{home}:file-system/fs-0123456789abcdef0"}
    point = {"Fn::GetAtt": ["DataFileSystemAccessPoint", "Arn"]}
    assert kept.statements()[0]["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": point}}


@pytest.mark.parametrize(
    ("key", "value"),
    [("performanceMode", "maxIO"), ("throughputMode", "bursting"), ("backup", False)],
)
def test_a_kept_file_system_keeps_its_settings(key: str, value: Any) -> None:
    keys = {"existingId": "fs-0123456789abcdef0", "throughputMode": "bursting", key: value}
    found = findings({"type": KIND, "name": "data", **keys})
    assert {code for code, _ in found} == {"S260"} and key in {marked for _, marked in found}


def test_one_dependency_makes_the_mount_targets_of_a_file_system() -> None:
    base = {"type": KIND, "existingId": "fs-0123456789abcdef0"}
    other = {**base, "name": "other", "mountPoint": "/other"}
    assert codes({**base, "name": "data"}, {**other, "existingId": "fs-0123456789abcdef1"}) == []
    result = run(Request("spec.yml", spec_of({**base, "name": "data"}, other).encode(), "staging"))
    errors = [(one.code, one.path) for one in result.diagnostics if one.code.startswith("S")]
    assert errors == [("S261", ("dependencies", number, "existingId")) for number in range(2)]


def test_an_id_is_not_the_name_of_a_new_file_system() -> None:
    for key in ("name", "fileSystemId"):
        assert findings({"type": KIND, key: "fs-0123456789abcdef0"}) == [("S340", "fs-0123456789abcdef0")]


def test_a_list_of_actions_warns_like_unmanaged() -> None:
    assert compiled(IN_VPC, name="fs-0123456789abcdef0", permissions=[MOUNT])[1] == ["W127", "W128"]


SHARED = {"permissions": "read", "accessPointId": "fsap-0123456789abcdef0", "securityGroupId": "sg-0123456789abcdef0"}


def test_a_shared_file_system_is_mounted_by_its_access_point_and_opened_to_the_tasks() -> None:
    resources, codes = compiled(IN_VPC, name="fs-0123456789abcdef0", unmanaged=SHARED)
    assert not codes
    ((ingress, rule),) = [one for one in resources.items() if one[1]["Type"] == "AWS::EC2::SecurityGroupIngress"]
    properties = rule["Properties"]
    assert properties["GroupId"] == "sg-0123456789abcdef0" and properties["SourceSecurityGroupId"] == TASKS
    assert (properties["IpProtocol"], properties["FromPort"], properties["ToPort"]) == ("tcp", 2049, 2049)
    assert ingress in resources["Service"]["DependsOn"], "a task that starts before the rule cannot mount"
    (volume,) = resources["TaskDefinition"]["Properties"]["Volumes"]
    assert volume["EFSVolumeConfiguration"]["AuthorizationConfig"] == {
        **{"AccessPointId": "fsap-0123456789abcdef0", "IAM": "ENABLED"}
    }
    (policy,) = [one for one in resources.values() if one["Type"] == "AWS::IAM::Policy"]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == [MOUNT]
    assert as_text(statement["Condition"]["StringEquals"]["elasticfilesystem:AccessPointArn"]).endswith(
        ":access-point/fsap-0123456789abcdef0"
    )
    assert not [one for one in resources.values() if one["Type"].startswith("AWS::EFS::")]


@pytest.mark.parametrize(
    ("vpc", "without", "expected"),
    [
        (IN_VPC, ("accessPointId",), ["W127"]),
        (IN_VPC, ("securityGroupId",), ["W128"]),
        (IN_VPC, ("accessPointId", "securityGroupId"), ["W127", "W128"]),
        (True, (), ["W128"]),
    ],
)
def test_a_shared_file_system_that_may_not_be_mounted(vpc: Any, without: tuple[str, ...], expected: list[str]) -> None:
    keys = {key: value for key, value in SHARED.items() if key not in without}
    assert compiled(vpc, name="fs-0123456789abcdef0", unmanaged=keys)[1] == expected


def test_a_group_of_two_shared_file_systems_admits_the_tasks_once() -> None:
    """EC2 refuses a rule that a group already contains, so the rule also keeps its id when a file system is added."""
    one, two = (
        {"type": KIND, "name": f"fs-{digit}123456789abcdef0", "mountPoint": f"/{digit}", "unmanaged": SHARED}
        for digit in "10"
    )
    rules = []
    for systems in ([one], [one, two], [two, one]):
        resources, codes = compiled(IN_VPC, *systems)
        assert not codes
        found = {name for name, made in resources.items() if made["Type"] == "AWS::EC2::SecurityGroupIngress"}
        assert found <= set(resources["Service"]["DependsOn"])
        rules.append(found)
    assert rules[0] == rules[1] == rules[2] and len(rules[0]) == 1


def test_an_existing_file_system_is_named_once() -> None:
    keys = {"type": KIND, "name": "fs-0123456789abcdef0", "unmanaged": SHARED}
    result = run(Request("spec.yml", spec_of(keys, {**keys, "mountPoint": "/again"}).encode(), "staging"))
    (found,) = (one for one in result.diagnostics if one.code.startswith("S"))
    assert found.code == "S206" and "keep one" in found.hint


@pytest.mark.parametrize(("key", "value"), [("accessPointId", "fs-0123456789abcdef0"), ("securityGroupId", "default")])
def test_ids_of_something_else_are_refused(key: str, value: str) -> None:
    base = {"type": KIND, "name": "fs-0123456789abcdef0"}
    assert findings({**base, "unmanaged": {**SHARED, key: value}}) == [("S105", value)]


def test_settings_reach_the_resources() -> None:
    keys: dict[str, Any] = {
        "mountPoint": "/data",
        "rootDirectory": "/a/b/c/d",
        "posixUser": {"uid": 0, "gid": 7},
        "performanceMode": "maxIO",
        "throughputMode": "bursting",
    }
    made = make(KIND, "data", **keys)
    system = made.the("AWS::EFS::FileSystem")[1]["Properties"]
    assert (system["PerformanceMode"], system["ThroughputMode"]) == ("maxIO", "bursting")
    point = made.the("AWS::EFS::AccessPoint")[1]["Properties"]
    assert point["RootDirectory"]["Path"] == "/a/b/c/d" and point["PosixUser"] == {"Uid": "0", "Gid": "7"}
    assert made.grant.mounts[0].path == "/data"


def test_an_existing_file_system_is_mounted_by_its_id() -> None:
    made = make(KIND, "fs-0123456789abcdef0", unmanaged={"permissions": "read"})
    (mount,) = made.grant.mounts
    assert mount.read_only and encoded(mount.efs) == {
        "FilesystemId": "fs-0123456789abcdef0",
        "TransitEncryption": "ENABLED",
        "AuthorizationConfig": {"IAM": "ENABLED"},
    }
    home = "arn:${AWS::Partition}:elasticfilesystem:${AWS::Region}:${AWS::AccountId}"
    assert made.arns(MOUNT) == {f"{home}:file-system/fs-0123456789abcdef0"}


def test_the_volume_has_the_name_of_the_file_system() -> None:
    assert [make(KIND, name).grant.mounts[0].name for name in ("${ENV}-a-b", "a_b")] == ["a-b", "a_b"]
    assert codes({"type": KIND, "name": "a.b"})


def test_the_longest_name_makes_a_valid_directory() -> None:
    assert codes({"type": KIND, "name": "d" * 100})
    assert len(make(KIND, "d" * 99).the("AWS::EFS::AccessPoint")[1]["Properties"]["RootDirectory"]["Path"]) == 100


def test_settings_that_efs_refuses() -> None:
    base = {"type": KIND, "name": "data"}
    assert findings({**base, "encrypted": False}) == [("S340", "false")]
    assert findings({**base, "performanceMode": "maxIO"}) == [("S340", "maxIO")]
    assert findings({**base, "unmanaged": {"permissions": "read"}}) == [("S340", "data")]


@pytest.mark.parametrize("directory", ["data", "/a/b/c/d/e", "/" + "d" * 100])
def test_invalid_directories(directory: str) -> None:
    assert codes({"type": KIND, "name": "data", "rootDirectory": directory})


@pytest.mark.parametrize("permissions", ["read", "readWrite"])
@pytest.mark.parametrize(("user", "root"), [({"uid": 0, "gid": 0}, True), ({"uid": 1000, "gid": 0}, True), ({}, False)])
def test_files_of_the_root_user_are_accessible(user: dict[str, int], root: bool, permissions: str) -> None:
    made = make(KIND, "data", permissions=permissions, **({"posixUser": user} if user else {}))
    assert ("elasticfilesystem:ClientRootAccess" in made.actions()) is root
