"""An EFS file system: encrypted, backed up, open to the tasks alone, over TLS and through its access point."""

import re
from typing import Any

from troposphere import GetAtt, Ref, Tags, ec2, ecs, efs

from fsdcf.compiler.access import check_permissions, granted, is_managed
from fsdcf.compiler.parts.network import tcp_rule
from fsdcf.compiler.parts.roles import allow, deny_insecure, document
from fsdcf.compiler.stack import TASK_ROLE_ARN, TASK_SECURITY_GROUP, CompiledType, Context, Grant, Names, VolumeMount
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import MountedFileSystem, Violation, Violations
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

FILE_SYSTEM = Rule(
    "S340",
    "a file system that cannot be mounted",
    "The name of an unmanaged file system is its id. A managed file system is always encrypted, and its root "
    "directory is at most four levels deep.",
    "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html",
)

_ID = r"fs-[0-9a-f]{8,40}"
_READ = "elasticfilesystem:ClientMount"
_WRITE = "elasticfilesystem:ClientWrite"
_ROOT = "elasticfilesystem:ClientRootAccess"
_NFS = 2049


@spec_record
class PosixUser(SnakeCaseRecord):
    """Numeric owner of the files."""

    uid: int = spec_key("User that owns the files.", default=1000, minimum=0, maximum=4294967295)
    gid: int = spec_key("Group that owns the files.", default=1000, minimum=0, maximum=4294967295)


@spec_record
class EfsFileSystem(MountedFileSystem):
    """An EFS file system."""

    name: String = spec_key(
        "Name of the file system, or the id of an existing one.",
        also=("file_system_name", "fileSystemName", "file_system_id", "fileSystemId"),
        pattern=r"[A-Za-z0-9_-]{1,99}",
        expects="at most 99 letters, digits, _ and -",
    )
    encrypted: bool = spec_key("Encrypted at rest; `true` is the only value.", default=True)
    mount_point: str = spec_key(
        "Path where the file system is mounted in the container.",
        default="/mnt/efs",
        also=("mountPath",),
        pattern=r"/[^:]+",
        expects="an absolute path",
    )
    root_directory: str | None = spec_key(
        "Directory of the file system that the access point exposes.",
        default=None,
        pattern=r"(/[A-Za-z0-9_.-]+){1,4}",
        longest=100,
        expects="a path of at most four levels",
        computed_default="/<name>",
    )
    posix_user: PosixUser = spec_key("Owner of the files, whatever user the container runs as.", default=PosixUser())
    performance_mode: str = spec_key(
        "Performance mode; a change replaces the file system.",
        default="generalPurpose",
        allowed=("generalPurpose", "maxIO"),
    )
    throughput_mode: str = spec_key("How throughput is billed.", default="elastic", allowed=("bursting", "elastic"))
    backup: bool = spec_key(
        "Back it up every day, by AWS Backup's automatic plan for EFS, which keeps a backup for 35 days.", default=True
    )

    @property
    def read_only(self) -> bool:
        wanted = granted(self)
        return wanted == "read" if isinstance(wanted, str) else _WRITE not in wanted


def check(system: EfsFileSystem) -> Violations:
    yield from check_permissions(system)
    if not system.encrypted:
        yield Violation(
            FILE_SYSTEM, "encrypted", "a file system is always encrypted", "leave it out: `true` is the only value"
        )
    if not is_managed(system) and not re.fullmatch(_ID, sample(system.name)):
        yield Violation(
            FILE_SYSTEM,
            "name",
            f"`{sample(system.name)}` is not the id of a file system",
            "use an id such as fs-0123456789abcdef0",
        )
    if system.performance_mode == "maxIO" and system.throughput_mode == "elastic":
        yield Violation(
            FILE_SYSTEM,
            "performanceMode",
            "maxIO cannot be combined with elastic throughput",
            "set `throughputMode: bursting`, or leave performanceMode out",
        )


def compile(system: EfsFileSystem, names: Names, context: Context) -> Grant:
    """The mount; for a managed file system also its mount targets and its access point."""
    grant = Grant()
    wanted = granted(system)
    actions = sorted(set(wanted)) if not isinstance(wanted, str) else _actions(system)
    if is_managed(system):
        title, point = _add(grant, actions, system, names, context)
        grant.values = {"id": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
        condition = {"StringEquals": {"elasticfilesystem:AccessPointArn": GetAtt(point, "Arn")}}
        grant.statements = [{**allow(actions, [GetAtt(title, "Arn")]), "Condition": condition}]
        grant.output(names.id("FileSystemId"), f"EFS file system {names.local}", Ref(title))
        access_point = {"AccessPointId": Ref(point)}
    else:
        physical = fragment(system.name)
        arn = f"arn:${{AWS::Partition}}:elasticfilesystem:${{AWS::Region}}:${{AWS::AccountId}}:file-system/{physical}"
        grant.values = {"id": physical, "arn": arn}
        grant.statements = [allow(actions, [intrinsic(arn)])]
        access_point = {}
    identity = grant.values["id"]
    volume = ecs.EFSVolumeConfiguration(
        FilesystemId=intrinsic(identity),
        TransitEncryption="ENABLED",
        AuthorizationConfig=ecs.AuthorizationConfig(**access_point, IAM="ENABLED"),
    )
    grant.mounts = [VolumeMount(names.local, system.mount_point, wanted == "read", volume, names.origin)]
    grant.environment[names.variable("FILE_SYSTEM_ID")] = identity
    return grant


def _actions(system: EfsFileSystem) -> list[str]:
    """EFS refuses the root user unless the policy permits it, even a root user that the access point names.

    Source: https://docs.aws.amazon.com/efs/latest/ug/enforce-identity-access-points.html
    """
    is_root = is_managed(system) and 0 in (system.posix_user.uid, system.posix_user.gid)
    return [_READ, *[_ROOT] * is_root, *[_WRITE] * (not system.read_only)]


def _add(grant: Grant, actions: list[str], system: EfsFileSystem, names: Names, context: Context) -> tuple[str, str]:
    """Add the file system with its access point, and the mount targets, for which the service waits.

    Return the logical IDs of the file system and the access point.
    """
    title, point = names.id("FileSystem"), names.id("FileSystemAccessPoint")
    resource = efs.FileSystem(
        title,
        Encrypted=True,
        BackupPolicy=efs.BackupPolicy(Status="ENABLED" if system.backup else "DISABLED"),
        PerformanceMode=system.performance_mode,
        ThroughputMode=system.throughput_mode,
        FileSystemPolicy=_policy(actions),
        FileSystemTags=Tags({**context.tags, "Name": f"{context.spec.metadata.name}-{names.local}"}),
    )
    grant.keep(resource, names.origin, {"PerformanceMode": names.origin})
    group = ec2.SecurityGroup(
        names.id("FileSystemSecurityGroup"),
        GroupDescription=f"File system {names.local}",
        VpcId=context.network.vpc,
        SecurityGroupIngress=[
            tcp_rule(_NFS, SourceSecurityGroupId=TASK_SECURITY_GROUP, Description="NFS from the tasks")
        ],
        SecurityGroupEgress=[
            tcp_rule(_NFS, DestinationSecurityGroupId=TASK_SECURITY_GROUP, Description="NFS to the tasks")
        ],
    )
    grant.add(group, names.origin)
    user = system.posix_user
    owner = efs.CreationInfo(OwnerUid=str(user.uid), OwnerGid=str(user.gid), Permissions="0750")
    access_point = efs.AccessPoint(
        point,
        FileSystemId=Ref(title),
        PosixUser=efs.PosixUser(Uid=str(user.uid), Gid=str(user.gid)),
        RootDirectory=efs.RootDirectory(Path=system.root_directory or f"/{names.local}", CreationInfo=owner),
        AccessPointTags=Tags(dict(context.tags)),
    )
    grant.add(access_point, names.origin, {"RootDirectory": names.origin})
    for number, subnet in enumerate(context.network.task_subnets, 1):
        target = efs.MountTarget(
            names.id(f"FileSystemMountTarget{number}"),
            FileSystemId=Ref(title),
            SubnetId=subnet,
            SecurityGroups=[GetAtt(group, "GroupId")],
        )
        grant.add(target, names.origin)
        grant.waits.append(target.title)
    return title, point


def _policy(actions: list[str]) -> dict[str, Any]:
    """Access for the task role alone, over TLS, through an access point of this file system.

    The policy cannot name the access point, which names the file system: the two would wait for each other. The role's
    own statement names it.
    """
    admit = {
        "Sid": "TaskRoleByAccessPoint",
        "Effect": "Allow",
        "Principal": {"AWS": TASK_ROLE_ARN},
        "Action": actions,
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringLike": {"elasticfilesystem:AccessPointArn": "*"}},
    }
    others = {
        "Sid": "DenyOthers",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": [_READ, _ROOT, _WRITE],
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": TASK_ROLE_ARN}},
    }
    return document([admit, deny_insecure({"AWS": "*"}, "*", "*"), others])


TYPE = CompiledType(
    name="aws_efs_file_system",
    category="efs",
    doc="An EFS file system: encrypted, backed up, mounted by the tasks through an access point.",
    model=EfsFileSystem,
    attributes=lambda system: ("id", "arn"),
    compile=compile,
    check=check,
    physical_name=False,
    managed_keys=("encrypted", "rootDirectory", "posixUser", "performanceMode", "throughputMode", "backup"),
)
