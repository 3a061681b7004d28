"""An MSK cluster that exists already: permission to connect, and to read or write its topics."""

from collections.abc import Sequence
from typing import Any, ClassVar

from fsdcf.compiler.access import actions, check_permissions, is_managed
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.reach import admit
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import ReachedDependency, Violation, Violations
from fsdcf.language.model.common import Unmanaged, security_group_key
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record

UNMANAGED_ONLY = Rule(
    "S360",
    "an MSK cluster that fsdcf does not create",
    "An MSK cluster is shared and long-lived: it must exist already, and the service gets access to it.",
    "https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html",
)
BROKERS = Rule(
    "S544",
    "a Kafka topic that cannot be reached",
    "fsdcf does not create topics: an application does, or the owner of the cluster. A topic is reached by the"
    " addresses of the brokers, each with a port.",
    "https://docs.aws.amazon.com/msk/latest/developerguide/msk-get-bootstrap-brokers.html",
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


BROKER = r"[A-Za-z0-9.-]+:[0-9]{1,5}"


def brokers_key(**more: Any) -> Any:
    """The key `brokers`."""
    return spec_key(
        "Addresses of the brokers, each with its port; a text has them between commas.",
        default=(),
        separator=",",
        pattern=BROKER,
        expects="a host and a port, such as b-1.events.abc123.c2.kafka.us-east-1.amazonaws.com:9098",
        **more,
    )


def topic_key(doc: str, **more: Any) -> Any:
    """A key with names of topics.

    Source:
    https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/internals/Topic.java
    """
    return spec_key(doc, pattern=r"[A-Za-z0-9._-]{1,249}", expects="1 to 249 letters, digits, . _ -", **more)


def consumer_group_key() -> Any:
    """The key `consumerGroup` of a topic or a cluster."""
    return spec_key(
        "Consumer group of the service: a variable, and with IAM the only one that it may use.",
        default=None,
        also=("consumer_group_id", "groupId"),
        pattern=r"[A-Za-z0-9._-]{1,255}",
        expects="1 to 255 letters, digits, . _ -",
    )


@spec_record
class ExistingCluster(Unmanaged):
    """Access to a Kafka cluster that another stack owns."""

    brokers: tuple[String, ...] = brokers_key(also=("bootstrapServers", "bootstrap_servers"))
    security_group_id: String | None = security_group_key("the brokers")


class KafkaDependency(ReachedDependency):
    """A cluster, or a topic of one, that another stack owns."""

    purpose: ClassVar[str] = "connect to the cluster"

    unmanaged: ExistingCluster | None
    consumer_group: String | None

    @property
    def brokers(self) -> tuple[String, ...]:
        return () if self.unmanaged is None else self.unmanaged.brokers

    @property
    def connection_at(self) -> tuple[str, ...]:
        """The path of the keys of the connection."""
        return ("unmanaged",)

    @property
    def reached_ports(self) -> tuple[int, ...]:
        """The ports of the brokers; without brokers, those of IAM authentication: in the VPC, over the internet, and
        from another VPC. Source: https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html"""
        ports = (sample(broker).rpartition(":")[2] for broker in self.brokers)
        written = {int(port) for port in ports if port.isdecimal()}  # an imported broker may have any
        return tuple(sorted(written)) or (9098, 9198, 14001)

    @property
    def is_reached(self) -> bool:
        return self.existing_group is not None

    @property
    def existing_group(self) -> String | None:
        return None if self.unmanaged is None else self.unmanaged.security_group_id


@spec_record
class MskCluster(KafkaDependency):
    """An MSK cluster that another stack owns."""

    name: String = spec_key(
        "Name of the cluster.",
        also=("cluster_name", "clusterName"),
        pattern=r"[A-Za-z0-9-]+",
        longest=64,
        expects="letters, digits and -",
    )
    unmanaged: ExistingCluster | None = spec_key("Use the cluster: every one is unmanaged.", default=None)
    topics: tuple[String, ...] = topic_key("Topics that the service may use; without any, all of them.", default=())
    consumer_group: String | None = consumer_group_key()


def check(cluster: MskCluster) -> Violations:
    yield from check_permissions(cluster)
    yield from check_brokers(cluster)
    if is_managed(cluster):
        yield Violation(
            UNMANAGED_ONLY,
            (),
            "fsdcf does not create MSK clusters",
            "add `unmanaged: {permissions: read}`",
            key=True,
        )


def check_brokers(cluster: KafkaDependency) -> Violations:
    """Check the ports of the brokers."""
    for index, broker in enumerate(cluster.brokers):
        port = sample(broker).rpartition(":")[2]
        if port.isdecimal() and not 1 <= int(port) <= 65535:
            yield Violation(
                BROKERS, (*cluster.connection_at, "brokers", index), f"`{port}` is not a port", "write 1 to 65535"
            )


def compile(cluster: MskCluster, names: Names, context: Context) -> Grant:
    """Access to the cluster, its topics and its consumer groups; the id of the cluster is in the middle of their ARNs.

    Without `securityGroupId`, the owner of the cluster must admit the security group of the tasks.
    """
    grant = connection(cluster, names, context)
    physical = fragment(cluster.name)
    home = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"
    grant.environment[names.variable("CLUSTER_NAME")] = physical
    grant.values = {"name": physical, "arn": f"{home}:cluster/{physical}/*", **grant.values}
    topics = sorted(fragment(topic) for topic in cluster.topics)
    grant.statements = statements(cluster, home, f"{physical}/*", topics)
    return grant


def connection(cluster: KafkaDependency, names: Names, context: Context) -> Grant:
    """The variables with the brokers and the consumer group, and the rules that admit the tasks."""
    grant = Grant()
    values = {}
    if cluster.brokers:
        values["brokers"] = ",".join(sorted(fragment(broker) for broker in cluster.brokers))
        grant.environment[names.variable("BROKERS")] = values["brokers"]
    if cluster.consumer_group is not None:
        values["consumerGroup"] = fragment(cluster.consumer_group)
        grant.environment[names.variable("CONSUMER_GROUP")] = values["consumerGroup"]
    if cluster.existing_group is not None:
        for port in cluster.reached_ports if cluster.brokers else cluster.reached_ports[:1]:
            admit(grant, names, context, cluster.existing_group, port, "Kafka")
    grant.values = values
    return grant


def statements(cluster: KafkaDependency, home: str, path: str, topics: Sequence[str]) -> list[dict[str, Any]]:
    """Access to a cluster, to its topics and to the consumer group of the service. ``home`` is the beginning of their
    ARNs, ``path`` the name and the id of the cluster; without topics or a group, all of them."""
    everything = path if path.endswith("*") else f"{path}/*"
    group = everything if cluster.consumer_group is None else f"{path}/{fragment(cluster.consumer_group)}"
    of_topics = [f"{path}/{topic}" for topic in topics] or [everything]
    arns = [f"cluster/{path}", f"group/{group}", *(f"topic/{one}" for one in of_topics)]
    return [allow(actions(cluster, LEVELS), [intrinsic(f"{home}:{one}") for one in arns])]


def attributes(cluster: KafkaDependency) -> tuple[str, ...]:
    """The attributes of the connection."""
    group = cluster.consumer_group is not None
    return (*["brokers"] * bool(cluster.brokers), *["consumerGroup"] * group)


TYPE = CompiledType(
    name="aws_msk_cluster",
    category="msk",
    doc="An existing MSK cluster: permission to connect, read and write. "
    "Its security group must allow traffic from that of the tasks (the output TaskSecurityGroupId); with "
    "`securityGroupId` the stack adds the rule.",
    model=MskCluster,
    attributes=lambda cluster: ("name", "arn", *attributes(cluster)),
    compile=compile,
    check=check,
    managed=lambda cluster: False,
    also=("fetch_msk_cluster",),
)
