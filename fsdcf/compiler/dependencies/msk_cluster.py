"""An MSK cluster that exists already: permission to connect, and to read or write its topics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fsdcf.compiler.access import actions, check_permissions, is_list
from fsdcf.compiler.stack import CompiledType, Grant, Names, Site, Stack
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import Violation
from fsdcf.language.model.common import Dependency
from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key

UNMANAGED_ONLY = Rule(
    "S360",
    "a cluster that fsdcf does not make",
    "An MSK cluster is shared and long-lived: it exists already, and the service gets access to it.",
    "https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html",
)

LEVELS = {
    "read": (
        "kafka-cluster:AlterGroup",
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeCluster",
        "kafka-cluster:DescribeGroup",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:ReadData",
        "kafka:GetBootstrapBrokers",
    ),
    "write": (
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeCluster",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:WriteData",
        "kafka-cluster:WriteDataIdempotently",
        "kafka:GetBootstrapBrokers",
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MskCluster(Dependency):
    """An MSK cluster that another stack owns."""

    name: Annotated[
        String,
        Key(
            "Name of the cluster.",
            also=("cluster_name", "clusterName"),
            pattern=r"[A-Za-z0-9-]{1,64}",
            expects="letters, digits and -",
        ),
    ]


def check(cluster: MskCluster) -> Iterator[Violation]:
    yield from check_permissions(cluster)
    if cluster.unmanaged is None and not is_list(cluster):
        yield Violation(
            UNMANAGED_ONLY,
            (),
            "an MSK cluster is not made by a service",
            "add `unmanaged: {permissions: read}`",
            key=True,
        )


def compile(cluster: MskCluster, names: Names, site: Site, stack: Stack) -> Grant:
    """Access to the cluster, its topics and its consumer groups; the last part of their ARNs is the cluster's own id.

    The cluster's owner lets the tasks in by their security group, on port 9098, where clients of IAM are expected.
    Source: https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
    """
    stack.output(
        "TaskSecurityGroupId",
        "Security group of the tasks, which that of the MSK cluster must let in",
        site.task_security_group,
    )
    physical = fragment(cluster.name, {})
    home = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"
    arns = [f"{home}:{kind}/{physical}/*" for kind in ("cluster", "group", "topic")]
    statement = {"Effect": "Allow", "Action": actions(cluster, LEVELS), "Resource": [intrinsic(arn) for arn in arns]}
    return Grant({names.variable("CLUSTER_NAME"): physical}, (statement,), {"name": physical, "arn": arns[0]})


TYPE = CompiledType(
    name="aws_msk_cluster",
    category="msk",
    doc="An existing MSK cluster: permission to connect, read and write. Its security group must let that of the tasks in (the output TaskSecurityGroupId).",
    model=MskCluster,
    attributes=lambda cluster: ("name", "arn"),
    compile=compile,
    check=check,
    managed=lambda cluster: False,
    also=("fetch_msk_cluster",),
)
