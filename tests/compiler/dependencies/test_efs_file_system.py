"""An EFS file system: access from the task's mount to the data, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.dependencies.made import codes, encoded, findings, make

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


def test_the_file_system_admits_only_the_task_role() -> None:
    policy = make(KIND, "data").the("AWS::EFS::FileSystem")[1]["Properties"]["FileSystemPolicy"]
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert [one["Principal"] for one in allowed] == [{"AWS": {"Fn::GetAtt": ["TaskRole", "Arn"]}}]
    assert allowed[0]["Action"] == [MOUNT, WRITE]
    assert allowed[0]["Condition"]["Bool"] == {"aws:SecureTransport": "true"}
    assert "elasticfilesystem:AccessPointArn" in str(allowed[0]["Condition"])
    refused, others = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert others["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["TaskRole", "Arn"]}}}
    assert {MOUNT, WRITE} <= set(others["Action"])
    assert (refused["Principal"], refused["Action"]) == ({"AWS": "*"}, "*")
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_readers_mount_read_only() -> None:
    made = make(KIND, "data", permissions="read")
    assert made.actions() == {MOUNT} and made.grant.mounts[0].read_only
    policy = made.the("AWS::EFS::FileSystem")[1]["Properties"]["FileSystemPolicy"]
    assert not [one for one in policy["Statement"] if one["Effect"] == "Allow" and WRITE in one["Action"]]


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
    admitted = made.the("AWS::EFS::FileSystem")[1]["Properties"]["FileSystemPolicy"]["Statement"][0]["Action"]
    assert (
        ("elasticfilesystem:ClientRootAccess" in made.actions())
        is ("elasticfilesystem:ClientRootAccess" in admitted)
        is root
    )
