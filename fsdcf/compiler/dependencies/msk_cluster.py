"""An MSK cluster that exists already: permission to connect, and to read or write its topics."""

from typing import ClassVar

from fsdcf.compiler.access import actions, check_permissions, is_managed
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import ReachedDependency, Violation, Violations
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

UNMANAGED_ONLY = Rule(
    "S360",
    "an MSK cluster that fsdcf does not create",
    "An MSK cluster is shared and long-lived: it must exist already, and the service gets access to it.",
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


@spec_record
class MskCluster(ReachedDependency):
    """An MSK cluster that another stack owns."""

    reached_ports: ClassVar[tuple[int, ...]] = (9098, 9198, 14001)
    purpose: ClassVar[str] = "connect to the cluster"

    name: String = spec_key(
        "Name of the cluster.",
        also=("cluster_name", "clusterName"),
        pattern=r"[A-Za-z0-9-]+",
        longest=64,
        expects="letters, digits and -",
    )

    @property
    def is_reached(self) -> bool:
        return False

    @property
    def existing_group(self) -> String | None:
        return None


def check(cluster: MskCluster) -> Violations:
    yield from check_permissions(cluster)
    if is_managed(cluster):
        yield Violation(
            UNMANAGED_ONLY,
            (),
            "fsdcf does not create MSK clusters",
            "add `unmanaged: {permissions: read}`",
            key=True,
        )


def compile(cluster: MskCluster, names: Names, context: Context) -> Grant:
    """Access to the cluster, its topics and its consumer groups; the id of the cluster ends their ARNs.

    The owner of the cluster must admit the security group of the tasks on port 9098, the port of IAM authentication.
    Source: https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
    """
    grant = Grant()
    physical = fragment(cluster.name)
    home = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"
    arns = [f"{home}:{kind}/{physical}/*" for kind in ("cluster", "group", "topic")]
    grant.environment[names.variable("CLUSTER_NAME")] = physical
    grant.values = {"name": physical, "arn": arns[0]}
    grant.statements = [allow(actions(cluster, LEVELS), [intrinsic(arn) for arn in arns])]
    return grant


TYPE = CompiledType(
    name="aws_msk_cluster",
    category="msk",
    doc="An existing MSK cluster: permission to connect, read and write. "
    "Its security group must allow traffic from that of the tasks (the output TaskSecurityGroupId).",
    model=MskCluster,
    attributes=lambda cluster: ("name", "arn"),
    compile=compile,
    check=check,
    managed=lambda cluster: False,
    also=("fetch_msk_cluster",),
)
