"""An EFS file system: encrypted, backed up, open to the tasks alone, over TLS and through its access point."""

import re
from typing import Any

from troposphere import GetAtt, Ref, Tags, ecs, efs

from fsdcf.compiler.access import check_permissions, granted, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of
from fsdcf.compiler.parts.roles import allow, deny_insecure, document
from fsdcf.compiler.reach import admit, guard
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, VolumeMount, present
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, MountedFileSystem, Violation, Violations
from fsdcf.language.model.common import KMS, Dependency, Unmanaged, encryption_key, security_group_key
from fsdcf.language.model.service import EFS_ID, Spec
from fsdcf.language.placeholders import String, is_whole, sample
from fsdcf.language.shape import SnakeCaseRecord, names_of, spec_key, spec_record

FILE_SYSTEM = Rule(
    "S340",
    "a file system that cannot be mounted",
    "The name of an unmanaged file system is its id, and no new one has an id as its name. A managed file system is "
    "always encrypted, and its root directory is at most four levels deep.",
    "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html",
)

EXISTING = Rule(
    "S260",
    "a setting that an existing file system has already",
    "`existingId` names a file system that exists: the stack adds an access point and mount targets to it. What was "
    "set when it was created, and its backup, stay as they are.",
    "https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html",
)
TWICE = Rule(
    "S261",
    "an existing file system in two dependencies",
    "A dependency with `existingId` makes a mount target in each subnet, and a file system has only one in each "
    "Availability Zone. A volume of `service.volumes` with `efs.dependency` mounts the same file system again.",
    "https://docs.aws.amazon.com/efs/latest/ug/manage-fs-access-create-delete-mount-targets.html",
)
ACCESS_POINT = Rule(
    "W127",
    "an existing file system without its access point",
    "The policy of a file system that fsdcf made denies every mount without an access point, whatever the permissions "
    "of the role. The stack that made it has the id of its access point as an output.",
    "https://docs.aws.amazon.com/efs/latest/ug/access-points-iam-policy.html",
)
ADMISSION = Rule(
    "W128",
    "an existing file system that the tasks may not reach",
    "The mount targets of a file system are in one VPC, and their security group must admit the tasks to port 2049, or "
    "a mount ends in a timeout. With `securityGroupId` the stack adds the rule.",
    "https://docs.aws.amazon.com/efs/latest/ug/network-access.html",
)

_ID = f"fs-{EFS_ID}"
_READ = "elasticfilesystem:ClientMount"
_WRITE = "elasticfilesystem:ClientWrite"
_ROOT = "elasticfilesystem:ClientRootAccess"
(_NFS,) = MountedFileSystem.reached_ports


@spec_record
class PosixUser(SnakeCaseRecord):
    """Numeric owner of the files."""

    uid: int = spec_key("User that owns the files.", default=1000, minimum=0, maximum=4294967295)
    gid: int = spec_key("Group that owns the files.", default=1000, minimum=0, maximum=4294967295)


@spec_record
class SharedFileSystem(Unmanaged):
    """Access to a file system that another stack owns, as its outputs name it."""

    access_point_id: String | None = spec_key(
        "Access point to mount it through, which is required for a file system that fsdcf made.",
        default=None,
        pattern=f"fsap-{EFS_ID}",
        expects="an id such as fsap-0123456789abcdef0",
    )
    security_group_id: String | None = security_group_key("its mount targets")


_UNKNOWN = SharedFileSystem(permissions=())
"""A file system of which the spec says nothing but its id."""


@spec_record
class EfsFileSystem(MountedFileSystem, EncryptedDependency):
    """An EFS file system."""

    name: String = spec_key(
        "Name of the file system, or the id of an existing one.",
        also=("file_system_name", "fileSystemName", "file_system_id", "fileSystemId"),
        pattern=r"[A-Za-z0-9_-]+",
        longest=99,
        expects="letters, digits, _ and -",
    )
    unmanaged: SharedFileSystem | None = spec_key(
        "Mount a file system that another stack owns, and create nothing.", default=None
    )
    existing_id: String | None = spec_key(
        "Id of a file system that its stack left behind: it gets new mount targets and a new access point.",
        default=None,
        pattern=_ID,
        expects="an id such as fs-0123456789abcdef0",
    )
    encrypted: bool = spec_key("Encrypted at rest; `true` is the only value.", default=True)
    encryption: String | None = encryption_key(
        "aws/elasticfilesystem", KMS, ". A change replaces the file system with an empty one"
    )
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

    @property
    def is_reached(self) -> bool:
        return is_managed(self) or self.existing_group is not None

    @property
    def existing_group(self) -> String | None:
        return (self.unmanaged or _UNKNOWN).security_group_id


_OF_CREATION = {
    name: names_of(EfsFileSystem)[name]
    for name in ("encrypted", "encryption", "performanceMode", "throughputMode", "backup")
}
"""The keys of the file system itself, as opposed to those of its access point and its mount."""


def check(system: EfsFileSystem) -> Violations:
    yield from check_permissions(system)
    if not system.encrypted:
        yield Violation(
            FILE_SYSTEM, "encrypted", "a file system is always encrypted", "leave it out: `true` is the only value"
        )
    names_existing = re.fullmatch(_ID, sample(system.name)) is not None
    if is_managed(system) and names_existing:
        message = f"`{sample(system.name)}` is the id of an existing file system, and the stack would make a new one"
        hint = "write a name and `existingId`, or `unmanaged` for a file system that another stack owns"
        yield Violation(FILE_SYSTEM, "name", message, hint)
    if not is_managed(system) and not names_existing and not is_whole(system.name):
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
    if is_managed(system) and system.existing_id is not None:
        for key, field in _OF_CREATION.items():
            if getattr(system, field.attribute) != field.default:
                message = f"an existing file system keeps its own `{key}`"
                yield Violation(EXISTING, key, message, "leave it out, or change it with the AWS CLI", key=True)


def check_references(system: EfsFileSystem, spec: Spec) -> Violations:
    """Check that an existing file system can be mounted, as far as the spec tells."""
    if is_managed(system):
        same = [
            each for each in spec.dependencies if _existing(each) is not None and _existing(each) == _existing(system)
        ]
        if len(same) > 1:
            message = f"{len(same)} dependencies make mount targets for `{_existing(system)}`, which has one per zone"
            yield Violation(TWICE, "existingId", message, "keep one, and mount it again by service.volumes")
        return
    at = "permissions" if system.unmanaged is None else "unmanaged"
    shared = system.unmanaged or _UNKNOWN
    if shared.access_point_id is None:
        hint = "write `unmanaged: {permissions: …, accessPointId: fsap-…}`, with the id from the outputs of its stack"
        yield Violation(ACCESS_POINT, at, "the mount is denied if the file system has a policy of fsdcf", hint)
    if spec.service.networking.network.id is None and not spec.service.networking.shared:
        message = "the service has a VPC of its own, and the mount targets of the file system are in another one"
        yield Violation(ADMISSION, at, message, "add networking.vpc with the id and subnets of that VPC")
    elif shared.security_group_id is None:
        hint = "write `unmanaged: {permissions: …, securityGroupId: sg-…}`, with the id from the outputs of its stack"
        message = "the tasks cannot reach the file system unless its security group admits them"
        yield Violation(ADMISSION, at, message, hint)


def _existing(dependency: Dependency) -> str | None:
    """The id of the existing file system that a dependency makes mount targets for."""
    identity = dependency.existing_id if isinstance(dependency, EfsFileSystem) and is_managed(dependency) else None
    return None if identity is None else sample(identity)


def compile(system: EfsFileSystem, names: Names, context: Context) -> Grant:
    """The mount; for a managed file system also its mount targets and its access point."""
    grant = Grant()
    wanted = granted(system)
    actions = sorted(set(wanted)) if not isinstance(wanted, str) else _actions(system)
    condition: dict[str, Any] = {}
    if is_managed(system):
        point = _add(grant, system, names, context)
        access_point, condition = Ref(point), _through(GetAtt(point, "Arn"))
    else:
        physical = fragment(system.name)
        grant.values = {"id": physical, "arn": _arn("file-system", physical)}
        shared = system.unmanaged or _UNKNOWN
        access_point = shared.access_point_id and value(shared.access_point_id)
        if shared.access_point_id is not None:
            condition = _through(intrinsic(_arn("access-point", fragment(shared.access_point_id))))
        if shared.security_group_id is not None:
            admit(grant, names, context, shared.security_group_id, _NFS, "NFS", "FileSystem")
    identity = grant.values["id"]
    grant.statements = [{**allow(actions, [intrinsic(grant.values["arn"])]), **condition}]
    volume = ecs.EFSVolumeConfiguration(
        FilesystemId=intrinsic(identity),
        TransitEncryption="ENABLED",
        AuthorizationConfig=ecs.AuthorizationConfig(**present(AccessPointId=access_point), IAM="ENABLED"),
    )
    grant.mounts = [VolumeMount(names.local, system.mount_point, system.read_only, volume, names.origin)]
    grant.environment[names.variable("FILE_SYSTEM_ID")] = identity
    return grant


def _arn(kind: str, identity: str) -> str:
    """The ARN of a ``file-system`` or an ``access-point`` in the stack's account and region, as a fragment."""
    return f"arn:${{AWS::Partition}}:elasticfilesystem:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/{identity}"


def _through(access_point: Any) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {"elasticfilesystem:AccessPointArn": access_point}}}


def _actions(system: EfsFileSystem) -> list[str]:
    """EFS refuses the root user unless the policy permits it, even a root user that the access point names.

    Source: https://docs.aws.amazon.com/efs/latest/ug/enforce-identity-access-points.html
    """
    is_root = is_managed(system) and 0 in (system.posix_user.uid, system.posix_user.gid)
    return [_READ, *[_ROOT] * is_root, *[_WRITE] * (not system.read_only)]


def _add(grant: Grant, system: EfsFileSystem, names: Names, context: Context) -> str:
    """Add the file system, unless it exists, its access point, and the mount targets, for which the service waits.

    Return the logical ID of the access point.
    """
    title, point = names.id("FileSystem"), names.id("FileSystemAccessPoint")
    if system.existing_id is None:
        grant.keep(_file_system(title, system, names, context), names.origin, {"PerformanceMode": names.origin})
        grant.values = {"id": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
    else:
        identity = fragment(system.existing_id)
        grant.values = {"id": identity, "arn": _arn("file-system", identity)}
    identity = intrinsic(grant.values["id"])
    group = guard(grant, names, context, "FileSystem", (_NFS,), "NFS")
    user = system.posix_user
    owner = efs.CreationInfo(OwnerUid=str(user.uid), OwnerGid=str(user.gid), Permissions="0750")
    access_point = efs.AccessPoint(
        point,
        FileSystemId=identity,
        PosixUser=efs.PosixUser(Uid=str(user.uid), Gid=str(user.gid)),
        RootDirectory=efs.RootDirectory(Path=system.root_directory or f"/{names.local}", CreationInfo=owner),
        AccessPointTags=Tags(dict(context.tags)),
    )
    grant.add(access_point, names.origin, {"RootDirectory": names.origin})
    for subnet in context.network.task_subnets:
        target = efs.MountTarget(
            names.id(f"FileSystemMountTarget{_key(subnet)}"),
            FileSystemId=identity,
            SubnetId=subnet,
            SecurityGroups=[group],
        )
        grant.add(target, names.origin)
        grant.waits.append(target.title)
    grant.output(names.id("FileSystemId"), f"EFS file system {names.local}", identity)
    grant.output(names.id("FileSystemAccessPointId"), f"Access point of {names.local}", Ref(point))
    grant.output(names.id("FileSystemSecurityGroupId"), f"Security group of {names.local}", group)
    return point


def _key(subnet: Any) -> str:
    """The part of a logical id for a subnet: the number of a zone of a new VPC, or the ID of an existing subnet, so
    that the order of these has no meaning."""
    text = subnet if isinstance(subnet, str) else str(next(iter(subnet.data.values())))  # of Ref or Fn::Sub
    return re.sub(r"^[\w-]*Subnet(?=\d)|^subnet-|[^A-Za-z0-9]", "", text)


def _file_system(title: str, system: EfsFileSystem, names: Names, context: Context) -> efs.FileSystem:
    return efs.FileSystem(
        title,
        Encrypted=True,
        **present(KmsKeyId=customer_key(encryption_of(system, context))),
        BackupPolicy=efs.BackupPolicy(Status="ENABLED" if system.backup else "DISABLED"),
        PerformanceMode=system.performance_mode,
        ThroughputMode=system.throughput_mode,
        FileSystemPolicy=_policy(),
        FileSystemTags=Tags(
            {**context.tags, "Name": f"{context.spec.metadata.name}-{context.environment}-{names.local}"}
        ),
    )


def _policy() -> dict[str, Any]:
    """Deny every access without TLS, and every mount without an access point.

    The policy outlives the stack and names no role, since EFS warns that a role that is deleted or made again is locked
    out. Without an Allow, a client needs the permission in the policy of its own role; an anonymous one has none.
    Sources: https://docs.aws.amazon.com/efs/latest/ug/security_iam_resource-based-policy-examples.html and
    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    without_access_point = {
        "Sid": "DenyWithoutAccessPoint",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": [_READ, _ROOT, _WRITE],
        "Resource": "*",
        "Condition": {"Null": {"elasticfilesystem:AccessPointArn": "true"}},
    }
    return document([deny_insecure({"AWS": "*"}, "*", "*"), without_access_point])


TYPE = CompiledType(
    name="aws_efs_file_system",
    category="efs",
    doc="An EFS file system: encrypted, backed up, mounted by the tasks through an access point.",
    model=EfsFileSystem,
    attributes=lambda system: ("id", "arn"),
    compile=compile,
    check=check,
    check_references=check_references,
    physical_name=False,
    managed_keys=("existingId", *_OF_CREATION, "rootDirectory", "posixUser"),
)
