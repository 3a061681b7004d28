"""A cluster of Aurora DSQL: PostgreSQL without a server, a network and passwords, to which services log in by IAM."""

from typing import ClassVar

from troposphere import GetAtt, Ref, dsql

from fsdcf.compiler.access import check_permissions, granted, is_list, is_managed
from fsdcf.compiler.dependencies.rds_instance import address_variables
from fsdcf.compiler.encryption import customer_key, encryption_of, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import (
    EncryptedDependency,
    ProtectedDependency,
    ReachedDependency,
    SqlDatabase,
    Violation,
    Violations,
)
from fsdcf.language.model.common import IN_PRODUCTION, KMS_KEY, KMS_KEY_WORDS, OWNED
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record

CLUSTER = Rule(
    "S530",
    "a DSQL cluster that cannot be used",
    "The name of an existing cluster is its identifier of 26 characters. IAM decides as which user a service logs in,"
    " not what it may do: `admin` may do everything, and what another user may do is granted in the database.",
    "https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html",
)
_ADMIN = "admin"
_IDENTIFIER = 26
_PORT = "5432"


@spec_record
class DsqlCluster(SqlDatabase, ReachedDependency, EncryptedDependency, ProtectedDependency):
    """A cluster of Aurora DSQL, at addresses of the internet."""

    reached_ports: ClassVar[tuple[int, ...]] = (5432,)
    purpose: ClassVar[str] = "connect to the cluster"
    place: ClassVar[str] = "0.0.0.0/0"

    name: String = spec_key(
        "Name of the cluster in the spec, or the identifier of an existing one.",
        also=("cluster_name", "clusterName"),
        pattern=r"[a-z0-9][a-z0-9-]*",
        longest=63,
        expects="lower-case letters, digits and -",
    )
    user: str = spec_key(
        "User of the database to log in as. `admin` always exists and may do everything; another one is created in the"
        " database, and connected with the task role by `AWS IAM GRANT`.",
        default=_ADMIN,
        pattern=r"[a-z_][a-z0-9_]*",
        longest=63,
        expects="lower-case letters, digits and _, not beginning with a digit",
    )
    encryption: String | None = spec_key(
        "Encryption at rest: `owned` is free; the ARN of a KMS key uses that key, and lets the service use it.",
        default=None,
        also=("kmsKeyArn", "kmsKeyId", "kmsEncryptionKey"),
        pattern=f"{OWNED}|{KMS_KEY}",
        expects=f"{OWNED} or {KMS_KEY_WORDS}",
        computed_default="the key of service.encryption, else owned",
    )
    deletion_protection: bool | None = spec_key(
        "Refuse to delete the cluster until this is `false`; the stack keeps it in any case.",
        default=None,
        also=("deletionProtectionEnabled", "deletion_protection_enabled"),
        computed_default=IN_PRODUCTION,
    )

    @property
    def is_reached(self) -> bool:
        return False

    @property
    def existing_group(self) -> String | None:
        return None


def check(cluster: DsqlCluster) -> Violations:
    yield from check_permissions(cluster)
    level = granted(cluster)
    place = ("permissions",) if cluster.unmanaged is None else ("unmanaged", "permissions")
    if level in ("read", "write"):
        message = f"IAM does not limit a service to `{level}` in a cluster"
        yield Violation(CLUSTER, place, message, "leave it out, and write `user`, with the rights that you grant to it")
    if not is_managed(cluster) and len(sample(cluster.name)) != _IDENTIFIER:
        message = f"`{sample(cluster.name)}` is not the identifier of a cluster"
        yield Violation(CLUSTER, "name", message, f"write its {_IDENTIFIER} characters, as in its endpoint")


def compile(cluster: DsqlCluster, names: Names, context: Context) -> Grant:
    """A managed cluster, and the permission to log in as the user."""
    grant = Grant()
    encryption = encryption_of(cluster, context)
    if is_managed(cluster):
        title = names.id("DsqlCluster")
        made = dsql.Cluster(
            title,
            DeletionProtectionEnabled=bool(cluster.deletion_protection),
            **present(KmsEncryptionKey=customer_key(encryption)),
        )
        grant.keep(made, names.origin)
        identity, host, arn = f"${{{title}}}", f"${{{title}.Endpoint}}", f"${{{title}.ResourceArn}}"
        grant.output(names.id("DsqlClusterId"), f"DSQL cluster {names.local}", Ref(title))
        grant.output(
            names.id("DsqlClusterEndpoint"), f"Host of the DSQL cluster {names.local}", GetAtt(made, "Endpoint")
        )
    else:
        identity = fragment(cluster.name)
        host = f"{identity}.dsql.${{AWS::Region}}.on.aws"
        arn = f"arn:${{AWS::Partition}}:dsql:${{AWS::Region}}:${{AWS::AccountId}}:cluster/{identity}"
    grant.values = {
        "endpoint": host,
        "port": _PORT,
        "name": "postgres",
        "user": cluster.user,
        "id": identity,
        "arn": arn,
    }
    parts = {"HOST": host, "PORT": _PORT, "NAME": "postgres", "USER": cluster.user, "SSLMODE": "require"}
    for part, text in parts.items():
        grant.environment |= dict.fromkeys(address_variables(names, "DSQL", part, cluster, context), text)
    login = ["dsql:DbConnectAdmin" if cluster.user == _ADMIN else "dsql:DbConnect"]
    wanted = sorted(set(granted(cluster))) if is_list(cluster) else login
    grant.statements = [allow(wanted, [intrinsic(arn)])]
    permit_key(grant, encryption, "dsql", names, *grant.of(dsql.Cluster))
    return grant


TYPE = CompiledType(
    name="aws_dsql_cluster",
    category="dsql",
    doc="A cluster of Aurora DSQL: PostgreSQL that scales to zero, without a network or passwords.",
    model=DsqlCluster,
    attributes=lambda cluster: ("endpoint", "port", "name", "user", "id", "arn"),
    compile=compile,
    check=check,
    managed_keys=("deletionProtection",),
    physical_name=False,
)
