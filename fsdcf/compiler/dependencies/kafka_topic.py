"""A topic of a Kafka cluster that exists already: its address, and with IAM the permission to read or write it."""

from fsdcf.compiler.access import check_permissions, is_managed
from fsdcf.compiler.dependencies.msk_cluster import (
    BROKERS,
    ExistingCluster,
    KafkaDependency,
    attributes,
    check_brokers,
    connection,
    consumer_group_key,
    statements,
    topic_key,
)
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import fragment
from fsdcf.language.dependency import Violation, Violations
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record


@spec_record
class ExistingKafkaTopic(ExistingCluster):
    """Access to a topic that another stack owns."""

    cluster: String | None = spec_key(
        "ARN of an MSK cluster to which the service connects by IAM.",
        default=None,
        also=("clusterArn", "cluster_arn"),
        pattern=r"arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9-]+/[A-Za-z0-9-]+",
        expects="the ARN of a cluster, arn:aws:kafka:region:account:cluster/name/id",
    )


@spec_record
class KafkaTopic(KafkaDependency):
    """A topic of a Kafka cluster that another stack owns."""

    name: String = topic_key("Name of the topic.", also=("topic_name", "topicName", "topic"))
    unmanaged: ExistingKafkaTopic | None = spec_key("Use the topic: every one is unmanaged.", default=None)
    consumer_group: String | None = consumer_group_key()


def check(topic: KafkaTopic) -> Violations:
    yield from check_permissions(topic)
    yield from check_brokers(topic)
    if is_managed(topic):
        hint = 'add `unmanaged: {permissions: read, brokers: ["HOST:PORT"]}`'
        yield Violation(BROKERS, (), "fsdcf does not create topics", hint, key=True)
    elif not topic.brokers:
        at = "permissions" if topic.unmanaged is None else "unmanaged"
        yield Violation(BROKERS, at, "the brokers of the topic are missing", 'add `brokers: ["HOST:PORT"]`', key=True)


def compile(topic: KafkaTopic, names: Names, context: Context) -> Grant:
    """The variables, the rules that admit the tasks, and with IAM the access to the topic and the consumer group."""
    grant = connection(topic, names, context)
    physical = fragment(topic.name)
    grant.environment[names.variable("TOPIC")] = physical
    grant.values = {"name": physical, **grant.values}
    cluster = None if topic.unmanaged is None else topic.unmanaged.cluster
    if cluster is not None:
        home, _, path = fragment(cluster).rpartition(":cluster/")
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
