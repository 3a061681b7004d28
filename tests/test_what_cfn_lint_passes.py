"""What cfn-lint lets pass and AWS refuses: each is refused by a rule of ours, or can never come out of the compiler."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import HELLO, Compile

FILES = "dependencies:\n  - {type: aws_efs_file_system, name: data}\n"


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("S204", ("healthCheck.interval=5", "healthCheck.timeout=10")),
        ("S104", ("stopTimeout=500",)),
        ("S104", ("resources.ephemeralStorage=10",)),
        ("S104", ("healthCheck.container.interval=1",)),
        ("S101", ("linuxParameters={capabilities: {add: [SYS_ADMIN]}}",)),
        ("S101", ("privileged=true",)),
        ("S101", ("sharedMemorySize=64",)),
        ("S217", ("volumes=[{name: v, mountPath: /v, efs: {dependency: data, rootDirectory: /x}}]",)),
        ("S211", ("enableExecuteCommand=true", "readonlyRootFilesystem=true")),
        ("S212", ("deployment.maximumPercent=100",)),
        ("S107", ("deployment.strategy=blueGreen",)),
        ("S203", ("resources.memory=249856",)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_rule_rejects_it(compiled: Compile, code: str, extra: tuple[str, ...]) -> None:
    assert {one.code for one in compiled(HELLO + FILES, overrides=extra).diagnostics} == {code}


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def test_the_compiler_never_makes_it(compiled: Compile) -> None:
    stop_first = ("deployment={minimumHealthyPercent: 0, maximumPercent: 100}", f"metadata.name={'n' * 40}")
    volume = "volumes=[{name: v, mountPath: /v, efs: {fileSystemId: fs-01234567, rootDirectory: /x}}]"
    template = compiled(HELLO + FILES, overrides=(*stop_first, volume)).template
    assert template is not None
    resources = template.data["Resources"]
    for kind in ("TargetGroup", "LoadBalancer"):  # 32 characters, and a change that replaces
        assert all("Name" not in one for one in of_type(resources, f"AWS::ElasticLoadBalancingV2::{kind}"))
    assert [one["AvailabilityZoneRebalancing"] for one in of_type(resources, "AWS::ECS::Service")] == ["DISABLED"]
    (task,) = of_type(resources, "AWS::ECS::TaskDefinition")
    for one in task["Volumes"]:
        efs = one["EFSVolumeConfiguration"]
        assert efs["TransitEncryption"] == "ENABLED"
        assert not ("AccessPointId" in efs.get("AuthorizationConfig", {}) and "RootDirectory" in efs)
