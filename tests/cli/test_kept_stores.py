"""What a deletion keeps and a new stack takes over, and a file system that two services share, as the how-to says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.cli.stage import SMALL, Stage
from tests.conftest import ROOT
from tests.sandbox.cloudformation import inventory

PAGE = ROOT / "docs" / "how-to" / "share-files.md"
DENIED = "access denied by server while mounting"
MEDIA = {"type": "aws_efs_file_system", "name": "${ENV}-media", "mountPoint": "/media"}


def deploy(stage: Stage, name: str, *dependencies: Mapping[str, Any], expect: int = 0) -> str:
    """Deploy a worker with these dependencies."""
    spec = yaml.safe_load(SMALL)
    spec["metadata"]["name"] = name
    (stage.folder / f"{name}.yml").write_text(yaml.safe_dump({**spec, "dependencies": [*map(dict, dependencies)]}))
    return stage("deploy", f"{name}.yml", "--image-sha", "one", "--yes", expect=expect).output


def outputs(stage: Stage, name: str) -> dict[str, str]:
    (stack,) = stage.site.aws.client("cloudformation").describe_stacks(StackName=f"{name}-staging")["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_a_kept_file_system_is_mounted_again(stage: Stage) -> None:
    deploy(stage, "media", MEDIA)
    identity = outputs(stage, "media")["MediaFileSystemId"]
    told = stage("delete", "media", "--yes").output
    assert identity in told and "existingId" in told
    left = {one["logical"] for one in inventory.every(stage.site.state) if one["owner"] is None}
    assert left == {"MediaFileSystem", "LogGroup"}
    shared = {"permissions": "readWrite"}
    unreachable = deploy(stage, "other", {**MEDIA, "name": identity, "unmanaged": shared}, expect=1)
    assert f'Failed to resolve "{identity}.efs.us-east-1.amazonaws.com"' in unreachable
    deploy(stage, "media", {**MEDIA, "existingId": identity})
    assert outputs(stage, "media")["MediaFileSystemId"] == identity
    systems = [one for one in inventory.every(stage.site.state) if one["type"] == "AWS::EFS::FileSystem"]
    assert [one["owner"] for one in systems] == [None], "the new stack makes no other one"
    assert "MediaFileSystem (" not in stage("delete", "media", "--yes").output


def test_kept_stores_with_names_are_adopted_by_the_next_deploy(stage: Stage) -> None:
    key = {"keySchema": [{"name": "id", "type": "HASH"}], "attributes": [{"name": "id", "type": "S"}]}
    stores = [
        {"type": "aws_dynamodb_table", "name": "${ENV}-orders", **key},
        {"type": "aws_s3_bucket", "name": "${ENV}-reports"},
        {"type": "aws_sqs_queue", "name": "${ENV}-jobs"},
    ]
    deploy(stage, "shop", *stores)
    assert "the next deploy with its name adopts it" in stage("delete", "shop", "--yes").output
    left = {one["logical"] for one in inventory.every(stage.site.state) if one["owner"] is None}
    assert left == {"OrdersTable", "ReportsBucket", "JobsQueue", "JobsQueueDeadLetters", "LogGroup"}
    deploy(stage, "shop", *stores)
    left = {one["logical"] for one in inventory.every(stage.site.state) if one["owner"] is None}
    assert left == {"LogGroup"}, "the stack owns the tables, buckets and queues again"


def test_two_services_share_a_file_system_through_its_access_point(stage: Stage) -> None:
    deploy(stage, "media", MEDIA)
    named = outputs(stage, "media")
    reader = {**MEDIA, "name": named["MediaFileSystemId"]}
    told = deploy(stage, "reader", {**reader, "unmanaged": {"permissions": "read"}}, expect=1)
    assert DENIED in told and "the EFS file system denies the mount" in told
    access = {
        "permissions": "read",
        "accessPointId": named["MediaFileSystemAccessPointId"],
        "securityGroupId": named["MediaFileSystemSecurityGroupId"],
    }
    wrong = {**access, "accessPointId": "fsap-0123456789abcdef0"}
    assert DENIED in deploy(stage, "stranger", {**reader, "unmanaged": wrong}, expect=1)
    deploy(stage, "lender", {**reader, "unmanaged": access})
    rules = [one for one in inventory.every(stage.site.state) if one["type"] == "AWS::EC2::SecurityGroupIngress"]
    assert [one["properties"]["GroupId"] for one in rules] == [named["MediaFileSystemSecurityGroupId"]]


def test_the_order_of_the_subnets_does_not_matter(stage: Stage) -> None:
    deploy(stage, "media", MEDIA)
    spec = yaml.safe_load((stage.folder / "media.yml").read_text())
    spec["service"]["networking"]["vpc"]["privateSubnets"].reverse()
    (stage.folder / "media.yml").write_text(yaml.safe_dump(spec))
    assert "there is nothing to change" in stage("deploy", "media.yml", "--image-sha", "one", "--yes").output


def test_the_specs_of_the_page_compile(stage: Stage) -> None:
    blocks = [block.partition("```")[0] for block in PAGE.read_text(encoding="utf-8").split("```yaml\n")[1:]]
    for block in blocks:
        spec = yaml.safe_load(SMALL)
        spec |= yaml.safe_load(block)
        (stage.folder / "page.yml").write_text(yaml.safe_dump(spec))
        told = stage("validate", "page.yml").output
        assert "W127" not in told and "W128" not in told
