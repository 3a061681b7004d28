"""Images that a Compose file runs beside the services, and what takes their place: a dependency, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.importers.report import UnfitError


class ComposeRole(Enum):
    """What becomes of a service of a Compose file."""

    SERVICE = "a service"
    JOB = "a job"
    STEP = "a sidecar that ends before the service starts"
    DEPENDENCY = "a dependency of the services that use it"
    PROXY = "the load balancer"
    TOOL = "nothing: a tool for development"
    OTHER = "nothing: a system without a type of dependency"
    OFF = "nothing: a service that does not start by default"


@dataclass(frozen=True)
class KnownImage:
    """What an image is. ``type`` and ``engine`` are those of the dependency, ``advice`` is the way around without."""

    role: ComposeRole
    what: str
    type: str = ""
    engine: str = ""
    advice: str = ""


def _rds(engine: str, what: str) -> KnownImage:
    return KnownImage(ComposeRole.DEPENDENCY, what, "aws_rds_instance", engine)


_POSTGRES = _rds("postgres", "PostgreSQL")
_MYSQL = _rds("mysql", "MySQL")
_MARIADB = _rds("mariadb", "MariaDB")
_VALKEY = KnownImage(ComposeRole.DEPENDENCY, "Redis", "aws_elasticache", "valkey")
_SEARCH = KnownImage(ComposeRole.DEPENDENCY, "a search index", "aws_opensearch")
_MONGO = KnownImage(
    ComposeRole.OTHER,
    "MongoDB",
    advice="fsdcf has no type for it: use Amazon DocumentDB or MongoDB Atlas, and store its address as a secret",
)
_KAFKA = KnownImage(
    ComposeRole.OTHER,
    "Kafka",
    advice="fsdcf creates no brokers: use Amazon MSK, and add a dependency of the type `kafka_topic` with `unmanaged`",
)
_PROXY = KnownImage(ComposeRole.PROXY, "a reverse proxy")


def _tool(what: str, advice: str) -> KnownImage:
    return KnownImage(ComposeRole.TOOL, what, advice=advice)


def _other(what: str, advice: str) -> KnownImage:
    return KnownImage(
        ComposeRole.OTHER,
        what,
        advice=f"fsdcf has no type for it: {advice}, and store its address as a secret of the service",
    )


_LOOK = _tool("a development tool to look at data", "in its place, `fsdcf exec` opens a shell in a task of the service")
_MAIL = _tool("a mail catcher for development", "use Amazon SES, and store its credentials as secrets")
_HOST = _tool("a tool for the Docker host", "Fargate has no host: CloudWatch has the logs and metrics of the tasks")

_NAMES: Mapping[str, KnownImage] = {
    name: known
    for names, known in (
        ("postgres postgresql postgis pgvector timescaledb timescaledb-ha postgresql-repmgr", _POSTGRES),
        ("mysql mysql-server percona percona-server", _MYSQL),
        ("mariadb mariadb-galera", _MARIADB),
        ("redis redis-stack redis-stack-server valkey keydb dragonfly redis-cluster", _VALKEY),
        ("memcached", KnownImage(ComposeRole.DEPENDENCY, "Memcached", "aws_elasticache", "memcached")),
        ("elasticsearch elasticsearch-oss opensearch opendistro-for-elasticsearch", _SEARCH),
        ("dynamodb-local", KnownImage(ComposeRole.DEPENDENCY, "DynamoDB Local", "aws_dynamodb_table")),
        ("minio", KnownImage(ComposeRole.DEPENDENCY, "MinIO", "aws_s3_bucket")),
        ("elasticmq elasticmq-native goaws", KnownImage(ComposeRole.DEPENDENCY, "a local SQS", "aws_sqs_queue")),
        ("localstack localstack-pro localstack-full moto", KnownImage(ComposeRole.DEPENDENCY, "a local AWS", "aws")),
        ("mongo mongodb mongodb-community-server mongodb-sharded percona-server-mongodb", _MONGO),
        ("kafka cp-kafka kafka-native redpanda zookeeper cp-zookeeper cp-server cp-schema-registry", _KAFKA),
        ("cp-kafka-connect cp-ksqldb-server schema-registry kafka-connect", _KAFKA),
        (
            "rabbitmq activemq activemq-artemis",
            _other("a message broker", "use Amazon MQ, or queues of the type `aws_sqs_queue`"),
        ),
        (
            "nats nats-streaming pulsar emqx eclipse-mosquitto mosquitto",
            _other("a message broker", "use a managed one"),
        ),
        ("azure-sql-edge sqlserver mssql-server-linux mssql", _other("SQL Server", "use RDS for SQL Server")),
        ("oracle-xe oracle-free", _other("an Oracle database", "use RDS for Oracle")),
        ("cassandra scylla couchdb couchbase neo4j arangodb rethinkdb", _other("a database", "use a managed one")),
        ("cockroach cockroachdb clickhouse clickhouse-server influxdb", _other("a database", "use a managed one")),
        ("surrealdb yugabyte qdrant weaviate milvus chroma etcd", _other("a database", "use a managed one")),
        (
            "solr meilisearch typesense sonic",
            _other("a search index", "use the type `aws_opensearch`, or a managed one"),
        ),
        ("consul vault", _other("a store for settings", "use Secrets Manager and Parameter Store")),
        ("adminer pgadmin4 pgadmin phpmyadmin mongo-express redis-commander redisinsight phpredisadmin", _LOOK),
        ("kafka-ui kafdrop akhq cmak dynamodb-admin cloudbeaver rockmongo elasticvue cerebro pgweb sqlpad", _LOOK),
        ("opensearch-dashboards kibana elasticsearch-head rediscommander kafka-manager redis-insight", _LOOK),
        ("mailhog mailpit maildev mailcatcher smtp4dev inbucket greenmail fake-smtp-server mailslurper", _MAIL),
        ("portainer portainer-ce dozzle watchtower autoheal cadvisor node-exporter ofelia docker-proxy", _HOST),
        ("docker-socket-proxy dockerproxy glances netdata logspout", _HOST),
        ("nginx nginx-unprivileged openresty traefik caddy haproxy envoy nginx-proxy swag httpd", _PROXY),
        (
            "nginx-proxy-manager acme-companion letsencrypt-nginx-proxy-companion certbot",
            KnownImage(
                ComposeRole.TOOL, "certificates", advice="`networking.loadBalancer.domain` has a certificate of ACM"
            ),
        ),
    )
    for name in names.split()
}
_PATHS: Mapping[str, KnownImage] = {
    "mssql/server": _NAMES["mssql"],
    "redpandadata/console": _LOOK,
    "minio/mc": _tool(
        "a client of MinIO", "buckets are dependencies of the type `aws_s3_bucket`, which a deploy creates"
    ),
    "envoyproxy/envoy": _PROXY,
    "gvenzl/oracle-xe": _NAMES["oracle-xe"],
}
_DATA = {
    "/var/lib/postgresql": _POSTGRES,
    "/var/lib/postgresql/data": _POSTGRES,
    "/bitnami/postgresql": _POSTGRES,
    "/var/lib/mysql": _MYSQL,
    "/data/db": _MONGO,
    "/usr/share/elasticsearch/data": _SEARCH,
    "/usr/share/opensearch/data": _SEARCH,
}
"""The folders in which images keep their data, for those that are built."""


def known_image(image: str) -> KnownImage | None:
    """What an image is, by the end of its repository; None if it is of the application."""
    repository = parts_of_image(image)[0].lower().rstrip("/")
    short = "/".join(repository.split("/")[-2:])
    return _PATHS.get(short) or _NAMES.get(repository.rpartition("/")[2])


def known_data(targets: list[str]) -> KnownImage | None:
    """What a built image is, by the folders of its volumes."""
    return next((_DATA[each.rstrip("/")] for each in targets if each.rstrip("/") in _DATA), None)


def engine_version(known: KnownImage, image: str) -> str:
    """The version of an engine that RDS has, by the tag of an image. Raises UnfitError if RDS does not have it."""
    if known.engine not in VERSIONS:
        return ""
    tag = parts_of_image(image)[1]
    numbers = tag.split("-")[0].removeprefix("v").removeprefix("pg").split(".")
    if not numbers[0].isdigit():
        return ""
    for version in VERSIONS.get(known.engine, ()):
        if version.split(".") == numbers[: len(version.split("."))]:
            return version
    majors = [version for version in VERSIONS.get(known.engine, ()) if version.split(".")[0] == numbers[0]]
    if majors and len(numbers) == 1:
        return majors[0]
    raise UnfitError(f"is version {'.'.join(numbers[:2])}, which RDS does not have")


VERSIONS = {
    "postgres": ("17", "18", "16", "15", "14", "13"),
    "mysql": ("8.4", "8.0"),
    "mariadb": ("11.4", "11.8", "10.11", "10.6"),
}
"""The major versions that a spec accepts."""
