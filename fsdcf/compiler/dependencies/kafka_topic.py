"""A topic of a Kafka cluster that exists already: its address, and with IAM the permission to read or write it."""

from typing import Any

from fsdcf.compiler.access import check_permissions
from fsdcf.compiler.dependencies.msk_cluster import (
    BROKERS,
    ExistingCluster,
    KafkaDependency,
    attributes,
    brokers_key,
    check_brokers,
    connection,
    consumer_group_key,
    statements,
    topic_key,
)
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import fragment
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import Violation, Violations
from fsdcf.language.model.common import security_group_key
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

TWO_PLACES = Rule(
    "S641",
    "the connection of a topic in two places",
    "A topic is reached as its own keys `brokers`, `cluster` and `securityGroupId` say, or those below `unmanaged`.",
)


def _cluster_key(**more: Any) -> Any:
    return spec_key(
        "ARN of an MSK cluster to which the service connects by IAM.",
        default=None,
        pattern=r"arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9-]+/[A-Za-z0-9-]+",
        expects="the ARN of a cluster, arn:aws:kafka:region:account:cluster/name/id",
        **more,
    )


@spec_record
class ExistingKafkaTopic(ExistingCluster):
    """Access to a topic that another stack owns."""

    cluster: String | None = _cluster_key(also=("clusterArn", "cluster_arn"))


@spec_record
class KafkaTopic(KafkaDependency):
    """A topic of a Kafka cluster that another stack owns. The keys of the connection are here or below `unmanaged`."""

    name: String = topic_key("Name of the topic.", also=("topic_name", "topicName", "topic"))
    unmanaged: ExistingKafkaTopic | None = spec_key(
        "Use the topic: every one is unmanaged, also without this key.", default=None
    )
    consumer_group: String | None = consumer_group_key()
    bootstrap_servers: tuple[String, ...] = brokers_key(name="brokers", also=("bootstrapServers",))
    cluster_arn: String | None = _cluster_key(name="cluster", also=("clusterArn",))
    security_group_id: String | None = security_group_key("the brokers")

    @property
    def connection(self) -> dict[str, object]:
        """The keys of the connection that the topic has itself."""
        group, servers = self.security_group_id, self.bootstrap_servers
        own = {"brokers": servers, "cluster": self.cluster_arn, "securityGroupId": group}
        return {key: written for key, written in own.items() if written}

    @property
    def brokers(self) -> tuple[String, ...]:
        return self.bootstrap_servers if self.unmanaged is None else self.unmanaged.brokers

    @property
    def connection_at(self) -> tuple[str, ...]:
        return () if self.unmanaged is None else ("unmanaged",)

    @property
    def cluster(self) -> String | None:
        """The ARN of the MSK cluster to which the service connects by IAM."""
        return self.cluster_arn if self.unmanaged is None else self.unmanaged.cluster

    @property
    def existing_group(self) -> String | None:
        return self.security_group_id if self.unmanaged is None else self.unmanaged.security_group_id


def check(topic: KafkaTopic) -> Violations:
    yield from check_permissions(topic)
    yield from check_brokers(topic)
    if topic.unmanaged is not None:
        for key in topic.connection:
            message = f"`{key}` is here, and the topic has `unmanaged`"
            yield Violation(TWO_PLACES, key, message, f"write `{key}` below `unmanaged`", key=True)
    if not topic.brokers and not topic.bootstrap_servers:
        at = "unmanaged" if topic.unmanaged is not None else "permissions" if topic.permissions is not None else ()
        message = "fsdcf does not create topics: the brokers of this one are missing"
        yield Violation(BROKERS, at, message, 'add `brokers: ["HOST:PORT"]`', key=True)


def compile(topic: KafkaTopic, names: Names, context: Context) -> Grant:
    """The variables, the rules that admit the tasks, and with IAM the access to the topic and the consumer group."""
    grant = connection(topic, names, context)
    physical = fragment(topic.name)
    grant.environment[names.variable("TOPIC")] = physical
    grant.values = {"name": physical, **grant.values}
    if topic.cluster is not None:
        home, _, path = fragment(topic.cluster).rpartition(":cluster/")
        grant.statements = statements(topic, home, path, [physical])
    return grant


TYPE = CompiledType(
    name="kafka_topic",
    category="kafka",
    doc="A topic of an existing Kafka cluster: its brokers, and with MSK and IAM the permission to read or write it.",
    model=KafkaTopic,
    attributes=lambda topic: ("name", *attributes(topic)),
    compile=compile,
    check=check,
    managed=lambda topic: False,
)
