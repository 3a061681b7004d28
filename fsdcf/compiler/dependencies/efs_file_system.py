"""An EFS file system: encrypted, backed up, reached by the tasks alone, over TLS and by its access point."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from troposphere import GetAtt, Ref, Tags, ec2, efs

from fsdcf.compiler.access import check_permissions, granted, is_list
from fsdcf.compiler.parts.roles import VERSION
from fsdcf.compiler.stack import CompiledType, Grant, Mount, Names, Site, Stack
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import MountedFileSystem, Violation
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import Key

FILE_SYSTEM = Rule(
    "S340",
    "a file system that cannot be mounted",
    "An unmanaged file system is named by its id. A managed one is always encrypted, and its root directory is at most four levels deep.",
    "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html",
)

_ID = r"fs-[0-9a-f]{8,40}"
_READ = "elasticfilesystem:ClientMount"
_WRITE = "elasticfilesystem:ClientWrite"
_ROOT = "elasticfilesystem:ClientRootAccess"


@dataclass(frozen=True, eq=False, repr=False)
class PosixUser:
    """Whose files the container's are, by number."""

    uid: Annotated[int, Key("User that owns the files.", minimum=0, maximum=4294967295)] = 1000
    gid: Annotated[int, Key("Group that owns the files.", minimum=0, maximum=4294967295)] = 1000


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EfsFileSystem(MountedFileSystem):
    """An EFS file system."""

    name: Annotated[
        String,
        Key(
            "Name of the file system; the id of one that exists already.",
            also=("file_system_name", "fileSystemName", "file_system_id", "fileSystemId"),
            pattern=r"[A-Za-z0-9_-]{1,99}",
            expects="at most 99 letters, digits, _ and -",
        ),
    ]
    encrypted: Annotated[bool, Key("Encrypted at rest; `true` is the only value.")] = True
    mount_point: Annotated[
        str,
        Key(
            "Where the container sees it.",
            also=("mount_point", "mountPath"),
            pattern=r"/[^:]+",
            expects="an absolute path",
        ),
    ] = "/mnt/efs"
    root_directory: Annotated[
        str | None,
        Key(
            "Directory of the file system that the access point shows.",
            also=("root_directory",),
            pattern=r"(/[A-Za-z0-9_.-]+){1,4}",
            longest=100,
            expects="a path of at most four levels",
            default="/<name>",
        ),
    ] = None
    posix_user: Annotated[
        PosixUser, Key("Owner of the files, whatever user the container runs as.", also=("posix_user",))
    ] = field(default_factory=PosixUser)
    performance_mode: Annotated[
        str,
        Key(
            "How requests are served; a change replaces the file system.",
            also=("performance_mode",),
            allowed=("generalPurpose", "maxIO"),
        ),
    ] = "generalPurpose"
    throughput_mode: Annotated[
        str, Key("How throughput is billed.", also=("throughput_mode",), allowed=("bursting", "elastic"))
    ] = "elastic"
    backup: Annotated[
        bool, Key("Back it up every day, by AWS Backup's automatic plan for EFS, which keeps a backup for 35 days.")
    ] = True

    @property
    def read_only(self) -> bool:
        wanted = granted(self)
        return wanted == "read" if isinstance(wanted, str) else _WRITE not in wanted


def managed(system: EfsFileSystem) -> bool:
    """A file system of the stack's own: not unmanaged, and not a mere list of actions."""
    return system.unmanaged is None and not is_list(system)


def check(system: EfsFileSystem) -> Iterator[Violation]:
    yield from check_permissions(system)
    if not system.encrypted:
        yield Violation(
            FILE_SYSTEM, ("encrypted",), "a file system is always encrypted", "leave it out: `true` is the only value"
        )
    if not managed(system) and not re.fullmatch(_ID, sample(system.name)):
        yield Violation(
            FILE_SYSTEM, ("name",), f"`{sample(system.name)}` is no file system's id", "such as fs-0123456789abcdef0"
        )
    if system.performance_mode == "maxIO" and system.throughput_mode == "elastic":
        yield Violation(
            FILE_SYSTEM,
            ("performanceMode",),
            "maxIO does not go with elastic throughput",
            "set `throughputMode: bursting`, or leave performanceMode out",
        )


def compile(system: EfsFileSystem, names: Names, site: Site, stack: Stack) -> Grant:
    """The file system with its mount targets and access point, where it is managed, and the mount."""
    wanted = granted(system)
    read_only = wanted == "read"
    actions = sorted(set(wanted)) if not isinstance(wanted, str) else _actions(system, read_only)
    if not managed(system):
        identity = fragment(system.name, {})
        arn = f"arn:${{AWS::Partition}}:elasticfilesystem:${{AWS::Region}}:${{AWS::AccountId}}:file-system/{identity}"
        statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": [intrinsic(arn)]}
        mount = _mount(names, system, intrinsic(identity), {"IAM": "ENABLED"}, read_only)
        return Grant({names.variable("FILE_SYSTEM_ID"): identity}, (statement,), {"id": identity, "arn": arn}, (mount,))
    title, point = names.id("FileSystem"), names.id("FileSystemAccessPoint")
    waits = _add(stack, title, point, actions, system, names, site)
    attributes = {"id": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
    condition = {"StringEquals": {"elasticfilesystem:AccessPointArn": GetAtt(point, "Arn")}}
    statement = {"Effect": "Allow", "Action": actions, "Resource": [GetAtt(title, "Arn")], "Condition": condition}
    mount = _mount(names, system, Ref(title), {"AccessPointId": Ref(point), "IAM": "ENABLED"}, read_only)
    stack.output(names.id("FileSystemId"), f"EFS file system {names.local}", Ref(title))
    return Grant({names.variable("FILE_SYSTEM_ID"): attributes["id"]}, (statement,), attributes, (mount,), waits)


def _actions(system: EfsFileSystem, read_only: bool) -> list[str]:
    """EFS takes root for nobody where its policy does not allow root, also one that the access point names.

    Source: https://docs.aws.amazon.com/efs/latest/ug/enforce-identity-access-points.html
    """
    is_root = managed(system) and 0 in (system.posix_user.uid, system.posix_user.gid)
    return [_READ, *[_ROOT] * is_root, *[_WRITE] * (not read_only)]


def _mount(names: Names, system: EfsFileSystem, identity: Any, authorization: dict[str, Any], read_only: bool) -> Mount:
    properties = {"FilesystemId": identity, "TransitEncryption": "ENABLED", "AuthorizationConfig": authorization}
    return Mount(names.local, system.mount_point, read_only, properties, names.origin)


def _add(
    stack: Stack, title: str, point: str, actions: list[str], system: EfsFileSystem, names: Names, site: Site
) -> tuple[str, ...]:
    resource = efs.FileSystem(
        title,
        Encrypted=True,
        BackupPolicy=efs.BackupPolicy(Status="ENABLED" if system.backup else "DISABLED"),
        PerformanceMode=system.performance_mode,
        ThroughputMode=system.throughput_mode,
        FileSystemPolicy=_policy(actions, site),
        FileSystemTags=Tags({**stack.tags, "Name": f"{site.service}-{names.local}"}),
    )
    resource.DeletionPolicy = "RetainExceptOnCreate"
    resource.UpdateReplacePolicy = "Retain"
    stack.add(resource, names.origin, {("PerformanceMode",): names.origin})
    group = _add_security_group(stack, names, site)
    _add_access_point(stack, point, title, system, names)
    targets = []
    for number, subnet in enumerate(site.task_subnets, 1):
        target = efs.MountTarget(
            names.id(f"FileSystemMountTarget{number}"),
            FileSystemId=Ref(title),
            SubnetId=subnet,
            SecurityGroups=[GetAtt(group, "GroupId")],
        )
        stack.add(target, names.origin)
        targets.append(target.title)
    return tuple(targets)


def _add_security_group(stack: Stack, names: Names, site: Site) -> str:
    """The mount targets' security group: the tasks alone, on NFS's port."""
    group = names.id("FileSystemSecurityGroup")
    way_in = ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=2049,
        ToPort=2049,
        SourceSecurityGroupId=site.task_security_group,
        Description="NFS from the tasks",
    )
    way_out = ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=2049,
        ToPort=2049,
        DestinationSecurityGroupId=site.task_security_group,
        Description="NFS to the tasks",
    )
    stack.add(
        ec2.SecurityGroup(
            group,
            GroupDescription=f"File system {names.local}",
            VpcId=site.vpc,
            SecurityGroupIngress=[way_in],
            SecurityGroupEgress=[way_out],
        ),
        names.origin,
    )
    return group


def _add_access_point(stack: Stack, point: str, title: str, system: EfsFileSystem, names: Names) -> None:
    user = system.posix_user
    owner = efs.CreationInfo(OwnerUid=str(user.uid), OwnerGid=str(user.gid), Permissions="0750")
    resource = efs.AccessPoint(
        point,
        FileSystemId=Ref(title),
        PosixUser=efs.PosixUser(Uid=str(user.uid), Gid=str(user.gid)),
        RootDirectory=efs.RootDirectory(Path=system.root_directory or f"/{names.local}", CreationInfo=owner),
    )
    resource.AccessPointTags = Tags(stack.tags)
    stack.add(resource, names.origin, {("RootDirectory",): names.origin})


def _policy(actions: list[str], site: Site) -> dict[str, Any]:
    """Only the task role, only over TLS, only by an access point of this file system.

    The access point cannot be named here: it names the file system, and the two would wait for each other. The role's own
    statement names it.
    """
    admit = {
        "Sid": "TaskRoleByAccessPoint",
        "Effect": "Allow",
        "Principal": {"AWS": site.task_role_arn},
        "Action": actions,
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringLike": {"elasticfilesystem:AccessPointArn": "*"}},
    }
    refuse = {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    others = {
        "Sid": "DenyOthers",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": [
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientRootAccess",
            "elasticfilesystem:ClientWrite",
        ],
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": site.task_role_arn}},
    }
    return {"Version": VERSION, "Statement": [admit, refuse, others]}


TYPE = CompiledType(
    name="aws_efs_file_system",
    category="efs",
    doc="An EFS file system: encrypted, backed up, mounted by the tasks through an access point.",
    model=EfsFileSystem,
    attributes=lambda system: ("id", "arn"),
    compile=compile,
    check=check,
    managed=managed,
    physical_name=False,
    managed_keys=("encrypted", "rootDirectory", "posixUser", "performanceMode", "throughputMode", "backup"),
)
