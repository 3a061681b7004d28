"""EFS: file systems, their mount targets and access points."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.planned import mapping, text_of
from fsdcf.cloudformation.pricing import (
    PRICE_LIST,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Part,
    Properties,
    ResourceType,
    Simulation,
    Single,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
FILE_SYSTEM, MOUNT_TARGET, ACCESS_POINT = (f"AWS::EFS::{name}" for name in ("FileSystem", "MountTarget", "AccessPoint"))

_BLOGS = "factualminds.com and cloudburn.io on EFS"
_ARN = "arn:{partition}:elasticfilesystem:{region}:{account}"


def _price_systems(context: PricingContext, systems: Resources) -> CostItems:
    for system in systems:
        if system.get("AvailabilityZoneName"):
            yield Unpriced(f"File system {system.name}", "no price for the One Zone classes", (system.name,))
            continue
        yield context.usage("efs.storage", "EFS storage", "efs-gigabytes", "GB, Standard", system)
        mode = system.get("ThroughputMode", "bursting")
        if mode == "elastic":
            for verb in ("read", "write"):
                assumed = f"efs-{verb}-gigabytes"
                yield context.usage(f"efs.{verb}", f"EFS {verb}s", assumed, "GB, elastic throughput", system)
        elif mode == "provisioned":
            speed = at_least_zero(system.get("ProvisionedThroughputInMibps"))
            yield context.line("efs.provisioned", "EFS throughput", speed, f"{number(speed)} MiB/s", system)
        if system.mapping("BackupPolicy").get("Status") == "ENABLED":
            yield context.usage("efs.backup", "EFS backups", "efs-gigabytes", "GB, warm", system)
        yield from requests_to(system.get("KmsKeyId"), system)
        if system.get("LifecyclePolicies"):
            why = "every file is counted as Standard, and no access to other classes"
            yield Unpriced(f"Infrequent access and archive of {system.name}", why, (system.name,))


def _details(properties: Properties) -> Iterator[str]:
    yield f"{text_of(properties.get('ThroughputMode', 'bursting'))} throughput"


def _another_directory(before: Properties, after: Properties) -> Iterator[str]:
    """An access point shows one directory of the file system, as one user.

    The directory of a new access point belongs to its user, and no one else can enter it.
    Source: https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
    """
    old, new = (text_of(mapping(one.get("RootDirectory")).get("Path")) or "/" for one in (before, after))
    if before and after and old != new:
        yield f"the tasks no longer see the files in {old}, which stay there; {new} is empty, unless something used it"
    users = [mapping(one.get("PosixUser")) for one in (before, after)]
    owner, user = (f"{text_of(one.get('Uid'))}:{text_of(one.get('Gid'))}" for one in users)
    if all(users) and old == new and owner != user and text_of(users[1].get("Uid")) != "0":
        yield f"the files belong to {owner}, and the tasks may not read or change them as {user}"


RECORDS = (
    ResourceType(
        FILE_SYSTEM,
        PricingRule(
            "data",
            _price_systems,
            (
                price(
                    "efs.storage", "0.30", "GB-month", f"{_BLOGS}; {PRICE_LIST}", "2026-06-13", "Standard storage class"
                ),
                price("efs.read", "0.03", "GB", _BLOGS, "2026-06-13", "elastic throughput"),
                price("efs.write", "0.06", "GB", _BLOGS, "2026-06-13", "elastic throughput"),
                price("efs.provisioned", "6.00", "MiB/s-month", PRICE_LIST, "2026-11-24"),
                price(
                    "efs.backup",
                    "0.05",
                    "GB-month",
                    "factualminds.com and cloudburn.io on AWS Backup",
                    "2026-06-13",
                    "warm storage of AWS Backup",
                ),
            ),
            (
                assumption("efs-gigabytes", "10", "GB", "in each file system, in the Standard class"),
                assumption("efs-read-gigabytes", "20", "GB/month", "read from each file system"),
                assumption("efs-write-gigabytes", "5", "GB/month", "written to each file system"),
            ),
            order=1,
        ),
        Simulation("fs-{hex}", {"Arn": f"{_ARN}:file-system/{{id}}"}, create=8.0),
        DeployPermissions(
            only_with={
                "KmsKeyId": ("kms:*",),
                "ReplicationConfiguration": (
                    "elasticfilesystem:CreateReplication*",
                    "elasticfilesystem:DeleteReplication*",
                ),
            },
            linked_role="elasticfilesystem.amazonaws.com",
        ),
        retained=True,
        taken_over="existingId with its id mounts it again",
        data=StoredData("its files"),
        # Source: https://docs.aws.amazon.com/efs/latest/ug/API_UpdateFileSystem.html
        updates=Updates(limited={"ThroughputMode": "EFS may refuse another throughput mode for 24 hours"}),
        drawing=Drawing(
            "storage",
            "EFS file system",
            None,
            _details,
            arn_service="elasticfilesystem",
            arn_name="(?:[^/]*/)?([^/]*).*",
        ),
        access=AccessActions(reading=("elasticfilesystem:ClientMount",)),
    ),
    ResourceType(
        MOUNT_TARGET,
        "free",
        # Source of the permissions: https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html,
        # API_DeleteMountTarget.html, API_ModifyMountTargetSecurityGroups.html
        Simulation("fsmt-{hex}", {"IpAddress": "10.{address}"}, create=85.0, delete=90.0),
        DeployPermissions(
            more=(
                *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
                *("ec2:DeleteNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"),
            )
        ),
        # Source: https://docs.aws.amazon.com/efs/latest/ug/manage-fs-access-create-delete-mount-targets.html
        single=Single(
            ("FileSystemId", "SubnetId"),
            "a file system has one mount target in each Availability Zone",
            "1. delete the old one: aws efs delete-mount-target --mount-target-id ID; until the deploy ends, the tasks "
            "in its zone cannot reach their files; 2. deploy, and run fsdcf restart",
            "mount target already exists in this AZ",
        ),
    ),
    ResourceType(
        ACCESS_POINT,
        "free",
        Simulation("fsap-{hex}", {"Arn": f"{_ARN}:access-point/{{id}}"}),
        out_of_reach=_another_directory,
    ),
)
