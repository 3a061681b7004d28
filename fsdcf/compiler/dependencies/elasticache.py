"""An ElastiCache cache: serverless by default, encrypted, over TLS, and open to the tasks alone."""

import re
from collections.abc import Iterator
from typing import Any

from troposphere import GetAtt, Join, Ref, Select, Split, elasticache, secretsmanager

from fsdcf.compiler.access import check_permissions, granted, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.parts.secrets import ContainerSecret
from fsdcf.compiler.reach import admit, guard
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule, joined
from fsdcf.language.dependency import (
    EncryptedDependency,
    ReachedDependency,
    SignedInDependency,
    Violation,
    Violations,
)
from fsdcf.language.model.common import Unmanaged, owned_or_customer_key, permissions_key, security_group_key
from fsdcf.language.names import local_name, variable
from fsdcf.language.placeholders import PASSWORD, Attribute, String, sample
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record
from fsdcf.links import SECURITY_GROUP_RULES

CACHE = Rule(
    "S541",
    "a cache that ElastiCache rejects",
    "A version belongs to an engine, nodes are for Valkey and Redis, and Memcached has neither users nor replicas. The"
    " names of a cache and of its users have at most 40 characters.",
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html",
)
EXISTING = Rule(
    "S542",
    "an existing cache without its endpoint",
    "A cache that another stack owns is reached by its endpoint, which the spec has to name.",
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html",
)
ADMISSION = Rule(
    "W185",
    "an existing dependency that the tasks may not reach",
    "What is in a network has a security group, which must admit the tasks to its port, or a connection ends in a"
    " timeout. With `securityGroupId` the stack adds the rule.",
    SECURITY_GROUP_RULES,
)

_VERSIONS = {
    "valkey": (("7", "8", "9"), ("7.2", "8.0", "8.1", "8.2", "9.0", "9.1")),
    "redis": (("7",), ("6.2", "7.0", "7.1")),
    "memcached": (("1.6",), ()),
}
"""The major versions of serverless caches, and the versions of nodes, by engine. Redis 4 and 5 are no longer supported,
and 6.0 has no users by IAM or TLS changes in place.
Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html"""
_DEFAULTS = {"valkey": ("8", "8.1"), "redis": ("7", "7.1"), "memcached": ("1.6", "")}
_LONGEST_NAME = 40
_DEFAULT_USER = "-default"
_FAMILIES = "(t2|t3|t4g|m4|m5|m6g|m7g|m8g|r4|r5|r6g|r6gd|r7g|r8g|c7gn|c8gn)"
_TIERED = "cache.r6gd."
_ACCESS = {
    "read": "on ~* &* -@all +@read +@connection +info +cluster",
    "write": "on ~* &* -@all +@write +@connection +@transaction +info +cluster",
    "readWrite": "on ~* &* +@all -@admin",
}
"""What the user of the cache may do, by permissions.
Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html"""


@spec_record
class CacheLimits(SnakeCaseRecord):
    """What a serverless cache grows to at most."""

    storage: int | None = spec_key("Gigabytes of data.", default=None, minimum=1, maximum=5000)
    ecpu: int | None = spec_key(
        "ElastiCache Processing Units per second: one for each kilobyte that is read or written.",
        default=None,
        minimum=1000,
        maximum=15_000_000,
    )


@spec_record
class ExistingCache(Unmanaged):
    """Access to a cache that another stack owns."""

    permissions: str | tuple[str, ...] = permissions_key(
        "Access to the cache; the user of the cache decides what it may do.", default="readWrite"
    )
    endpoint: String | None = spec_key(
        "Host name of the cache.",
        default=None,
        also=("host",),
        pattern=r"[A-Za-z0-9.-]+",
        longest=253,
        expects="a host name, without a port",
    )
    port: int | None = spec_key(
        "Port of the cache.", default=None, minimum=1, maximum=65535, computed_default="6379, for memcached 11211"
    )
    user_id: String | None = spec_key(
        "User of ElastiCache as whom the service signs in by IAM.",
        default=None,
        pattern="[a-z][a-z0-9-]*",
        longest=_LONGEST_NAME,
        expects="lower-case letters, digits and -",
    )
    security_group_id: String | None = security_group_key("the cache")


@spec_record
class ElastiCache(ReachedDependency, SignedInDependency, EncryptedDependency):
    """An ElastiCache cache."""

    name: String = spec_key(
        "Physical name of the cache, and of its user.",
        also=("cache_name", "cacheName"),
        pattern=r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        longest=_LONGEST_NAME,
        expects="lower-case letters, digits and single hyphens, beginning with a letter",
    )
    unmanaged: ExistingCache | None = spec_key("Use a cache that another stack owns.", default=None)
    engine: str = spec_key(
        "Engine of the cache; ElastiCache changes it from redis to valkey alone.",
        default="valkey",
        allowed=tuple(_VERSIONS),
    )
    version: str | None = spec_key(
        "Version of the engine: the major version of a serverless cache, the major and minor one of nodes.",
        default=None,
        as_text=True,
        computed_default="8 or 8.1 of valkey, 7 or 7.1 of redis, 1.6 of memcached",
    )
    authentication: str | None = spec_key(
        "How the service signs in: with a password that Secrets Manager makes, or by the task role.",
        default=None,
        allowed=("password", "iam"),
        computed_default="password; memcached has none",
    )
    limits: CacheLimits = spec_key("What a serverless cache grows to at most.", default=CacheLimits())
    node_type: str | None = spec_key(
        "Type of the nodes, such as cache.t4g.small: a replication group in place of a serverless cache.",
        default=None,
        also=("cacheNodeType",),
        pattern=rf"cache\.{_FAMILIES}\.(micro|small|medium|large|[0-9]*xlarge)",
        expects="a type of node such as cache.t4g.small",
    )
    replicas: int = spec_key(
        "Replicas of each primary node, in other zones; with one, ElastiCache fails over.",
        default=1,
        minimum=0,
        maximum=5,
    )
    shards: int = spec_key(
        "Shards of the data; with more than one, clients must support the cluster mode.",
        default=1,
        minimum=1,
        maximum=500,
    )
    snapshots: int = spec_key("Days that a daily snapshot is kept; 0 takes none.", default=1, minimum=0, maximum=35)
    snapshot_time: str | None = spec_key(
        "Time of the daily snapshot, in UTC.",
        default=None,
        pattern="([01][0-9]|2[0-3]):[0-5][0-9]",
        expects="a time such as 03:30",
        computed_default="chosen by ElastiCache",
    )
    final_snapshot: bool = spec_key("Take a snapshot when the cache is deleted or replaced.", default=True)
    encryption: String | None = owned_or_customer_key("cache")

    @property
    def has_nodes(self) -> bool:
        """Whether the cache is a replication group of nodes."""
        return self.node_type is not None

    @property
    def sign_in(self) -> str | None:
        """How the service signs in to a managed cache: ``password``, ``iam``, or None for no users at all."""
        return None if self.engine == "memcached" else self.authentication or "password"

    @property
    def password_variables(self) -> tuple[str, ...]:
        has_password = is_managed(self) and self.sign_in == "password"
        return (variable(local_name(self.name), "PASSWORD"),) if has_password else ()

    @property
    def zones(self) -> int:
        return 2 if self.has_nodes and self.replicas else 1

    @property
    def standby_key(self) -> str:
        return "replicas: 1" if is_managed(self) and self.has_nodes and not self.replicas else ""

    @property
    def port(self) -> int:
        own = None if self.unmanaged is None else self.unmanaged.port
        return own or (11211 if self.engine == "memcached" else 6379)

    @property
    def reached_ports(self) -> tuple[int, ...]:
        """A serverless cache has a second port, for reads from the nearest zone.

        Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/set-up.html#elasticache-install-grant-access-VPN
        """
        return (self.port,) if self.has_nodes or not is_managed(self) else (self.port, self.port + 1)

    @property
    def is_reached(self) -> bool:
        return is_managed(self) or self.existing_group is not None

    @property
    def existing_group(self) -> String | None:
        return None if self.unmanaged is None else self.unmanaged.security_group_id


def check(cache: ElastiCache) -> Violations:
    yield from check_permissions(cache)
    if not is_managed(cache):
        yield from _check_existing(cache)
        return
    known = _VERSIONS[cache.engine][cache.has_nodes]
    if cache.has_nodes and not known:
        hint = "leave nodeType out: a serverless cache needs none"
        yield Violation(CACHE, "nodeType", "Memcached is serverless here, and has no nodes to choose", hint, key=True)
    elif cache.version is not None and cache.version not in known:
        kind = "nodes of" if cache.has_nodes else "a serverless cache of"
        yield Violation(
            CACHE, "version", f"`{cache.version}` is not a version for {kind} {cache.engine}", f"use {joined(known)}"
        )
    if cache.engine == "memcached" and cache.authentication is not None:
        hint = "leave it out, or use valkey: the security group admits the tasks alone"
        yield Violation(CACHE, "authentication", "Memcached has no users", hint, key=True)
    if cache.authentication == "iam" and cache.engine == "redis" and (cache.version or "7").startswith("6"):
        yield Violation(CACHE, "authentication", "Redis signs users in by IAM from version 7 on", "use version 7.1")
    name, room = sample(cache.name), _LONGEST_NAME - (len(_DEFAULT_USER) if cache.engine == "redis" else 0)
    if len(name) > room:
        message = f"the name has more than {_LONGEST_NAME} characters with the `{_DEFAULT_USER}` of its default user"
        yield Violation(CACHE, "name", message, f"write at most {room} characters")
    if name == "default" and cache.sign_in:
        message = "every user group has a user `default` already"
        yield Violation(CACHE, "name", message, "choose another name, such as ${ENV}-cache")
    yield from _check_form(cache)


def _check_form(cache: ElastiCache) -> Violations:
    """What belongs to nodes, and what to a serverless cache."""
    if cache.has_nodes and (cache.limits.storage is not None or cache.limits.ecpu is not None):
        hint = "leave it out: the type and the number of nodes are the limit"
        yield Violation(CACHE, "limits", "only a serverless cache has limits", hint, key=True)
    for key, is_default in (("replicas", cache.replicas == 1), ("shards", cache.shards == 1)):
        if not cache.has_nodes and not is_default:
            hint = "add `nodeType: cache.t4g.small`, or leave it out"
            yield Violation(CACHE, key, f"a serverless cache has no {key} to choose", hint, key=True)
    if cache.has_nodes and cache.shards * (1 + cache.replicas) > _MOST_NODES:
        message = f"{cache.shards} shards with {cache.replicas} replicas are more than {_MOST_NODES} nodes"
        yield Violation(CACHE, "shards", message, "write fewer shards or replicas")


_MOST_NODES = 500
"""Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/quota-limits.html"""


def _check_existing(cache: ElastiCache) -> Violations:
    existing = cache.unmanaged
    if existing is None or existing.endpoint is None:
        at = "permissions" if existing is None else "unmanaged"
        yield Violation(
            EXISTING, at, "the endpoint of the cache is missing", "write `unmanaged: {endpoint: …}`", key=True
        )
    elif existing.security_group_id is None:
        hint = "write `unmanaged: {securityGroupId: sg-…}`, with the security group of the cache"
        message = "the tasks cannot reach the cache unless its security group admits them"
        yield Violation(ADMISSION, "unmanaged", message, hint)
    if existing is not None and existing.user_id is not None and cache.authentication != "iam":
        hint = "add `authentication: iam`, or leave it out"
        yield Violation(EXISTING, ("unmanaged", "userId"), "the user is for signing in by IAM", hint, key=True)
    if cache.authentication == "iam" and (existing is None or existing.user_id is None):
        yield Violation(EXISTING, "authentication", "signing in by IAM needs a user", "add `unmanaged: {userId: …}`")


def compile(cache: ElastiCache, names: Names, context: Context) -> Grant:
    """The cache with its user, its security group and its subnets; the variables, and the permission to sign in."""
    grant = Grant()
    if is_managed(cache):
        values, arns = _managed(grant, cache, names, context)
    else:
        values, arns = _existing(grant, cache, names, context)
    if cache.engine != "memcached":
        values["url"] = f"rediss://{values['host']}:{values['port']}"
    grant.values = values
    grant.environment |= {names.variable(_WORDS[key]): text for key, text in values.items()}
    if cache.authentication == "iam":
        grant.statements = [allow(["elasticache:Connect"], [intrinsic(one) for one in arns])]
    return grant


def _managed(grant: Grant, cache: ElastiCache, names: Names, context: Context) -> tuple[dict[str, str], list[str]]:
    """Add the cache; the attributes, and the ARNs to which the user connects."""
    users = _add_user(grant, cache, names, context) if cache.sign_in else None
    values = _add(grant, cache, users, names, context)
    values |= {"user": fragment(cache.name)} if cache.sign_in else {}
    nodes = _arn(f"replicationgroup:${{{names.id('CacheNodes')}}}")
    own = nodes if cache.has_nodes else f"${{{names.id('Cache')}.ARN}}"
    return values, [own, f"${{{names.id('CacheUser')}.Arn}}"]


def _existing(grant: Grant, cache: ElastiCache, names: Names, context: Context) -> tuple[dict[str, str], list[str]]:
    """Admit the tasks to a cache of another stack; the attributes, and the ARNs to which the user connects."""
    existing = cache.unmanaged or ExistingCache()
    host, user = fragment(existing.endpoint or ""), fragment(existing.user_id or "")
    values = {**_endpoint("", host, cache.port), **({"user": user} if user else {})}
    if existing.security_group_id is not None:
        admit(grant, names, context, existing.security_group_id, cache.port, "Cache")
    kind = "serverlesscache" if ".serverless." in host else "replicationgroup"
    return values, [_arn(f"{kind}:{fragment(cache.name)}"), _arn(f"user:{user}")]


_WORDS = {
    "host": "HOST",
    "port": "PORT",
    "readerHost": "READER_HOST",
    "readerPort": "READER_PORT",
    "url": "URL",
    "user": "USER",
}
"""The ends of the variables, by attribute."""


def _arn(rest: str) -> str:
    return f"arn:${{AWS::Partition}}:elasticache:${{AWS::Region}}:${{AWS::AccountId}}:{rest}"


def _endpoint(prefix: str, host: str, port: int) -> dict[str, str]:
    host_key, port_key = (f"{prefix}Host", f"{prefix}Port") if prefix else ("host", "port")
    return {host_key: host, port_key: str(port)}


def _add(grant: Grant, cache: ElastiCache, users: Any, names: Names, context: Context) -> dict[str, str]:
    """Add the cache, and return its endpoints. ``users`` is the user group; None for a cache without users."""
    ports = cache.reached_ports
    group = guard(grant, names, context, "Cache", ports, "Cache")
    grant.output(names.id("CacheSecurityGroupId"), f"Security group of {names.local}", group)
    version = cache.version or _DEFAULTS[cache.engine][cache.has_nodes]
    common = {
        "Engine": cache.engine,
        **present(KmsKeyId=customer_key(encryption_of(cache, context))),
        "SecurityGroupIds": [group],
        "SnapshotRetentionLimit": cache.snapshots,
    }
    if cache.has_nodes:
        return _add_nodes(grant, cache, {**common, "EngineVersion": version}, users, names, context)
    title = names.id("Cache")
    limits = present(
        DataStorage=cache.limits.storage and elasticache.DataStorage(Maximum=cache.limits.storage, Unit="GB"),
        ECPUPerSecond=cache.limits.ecpu and elasticache.ECPUPerSecond(Maximum=cache.limits.ecpu),
    )
    resource = elasticache.ServerlessCache(
        title,
        ServerlessCacheName=intrinsic(fragment(cache.name)),
        MajorEngineVersion=version,
        SubnetIds=list(context.network.task_subnets[:_MOST_SUBNETS]),
        **common,
        **present(
            UserGroupId=users,
            CacheUsageLimits=elasticache.CacheUsageLimits(**limits) if limits else None,
            DailySnapshotTime=cache.snapshots > 0 and cache.snapshot_time,
            FinalSnapshotName=cache.final_snapshot and _final_snapshot(cache),
        ),
    )
    grant.add(resource, names.origin)
    grant.output(names.id("CacheHost"), f"Cache {names.local}", GetAtt(title, "Endpoint.Address"))
    values = _endpoint("", f"${{{title}.Endpoint.Address}}", ports[0])
    if cache.engine != "memcached":
        values |= _endpoint("reader", f"${{{title}.ReaderEndpoint.Address}}", ports[1])
    return values


_MOST_SUBNETS = 3
"""Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/create-serverless-cache.html"""


def _final_snapshot(cache: ElastiCache) -> Any:
    """A name that belongs to this stack alone, as the next one of its name may take a snapshot, too: the end of the
    unique part of the stack's id, ``arn:aws:cloudformation:region:account:stack/name/1b2c3d4e-…-0123456789ab``."""
    unique = Select(4, Split("-", Select(2, Split("/", Ref("AWS::StackId")))))
    return Join("-", [intrinsic(fragment(cache.name)), "final", unique])


def _add_nodes(
    grant: Grant, cache: ElastiCache, common: dict[str, Any], users: Any, names: Names, context: Context
) -> dict[str, str]:
    """Add a replication group, and return its endpoints."""
    title, subnets = names.id("CacheNodes"), names.id("CacheSubnetGroup")
    grant.add(
        elasticache.SubnetGroup(
            subnets, Description=f"Cache {names.local}", SubnetIds=list(context.network.task_subnets)
        ),
        names.origin,
    )
    is_cluster, has_replicas = cache.shards > 1, cache.replicas > 0
    family = re.sub(r"\..*", "", common["EngineVersion"]) if cache.engine == "valkey" else _redis_family(common)
    hour = int((cache.snapshot_time or "0").partition(":")[0])
    minutes = (cache.snapshot_time or "").partition(":")[2]
    window = f"{cache.snapshot_time}-{(hour + 1) % 24:02}:{minutes}"
    resource = elasticache.ReplicationGroup(
        title,
        ReplicationGroupId=intrinsic(fragment(cache.name)),
        ReplicationGroupDescription=f"Cache {names.local} of {context.spec.metadata.name}",
        CacheNodeType=cache.node_type,
        NumNodeGroups=cache.shards,
        ReplicasPerNodeGroup=cache.replicas,
        AutomaticFailoverEnabled=has_replicas or is_cluster,
        MultiAZEnabled=has_replicas,
        CacheSubnetGroupName=Ref(subnets),
        CacheParameterGroupName=f"default.{cache.engine}{family}{'.cluster.on' if is_cluster else ''}",
        Port=cache.port,
        AtRestEncryptionEnabled=True,
        TransitEncryptionEnabled=True,
        TransitEncryptionMode="required",
        AutoMinorVersionUpgrade=True,
        UserGroupIds=[users],
        **common,
        **present(
            SnapshotWindow=cache.snapshots > 0 and cache.snapshot_time and window,
            DataTieringEnabled=(cache.node_type or "").startswith(_TIERED),
        ),
    )
    policy = "Snapshot" if cache.final_snapshot else "Delete"
    resource.DeletionPolicy = resource.UpdateReplacePolicy = policy
    grant.add(resource, names.origin)
    main = "ConfigurationEndPoint" if is_cluster else "PrimaryEndPoint"
    grant.output(names.id("CacheHost"), f"Cache {names.local}", GetAtt(title, f"{main}.Address"))
    values = _endpoint("", f"${{{title}.{main}.Address}}", cache.port)
    if not is_cluster:
        values |= _endpoint("reader", f"${{{title}.ReaderEndPoint.Address}}", cache.port)
    return values


def _redis_family(common: dict[str, Any]) -> str:
    """``7`` or ``6.x``. Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html"""
    return "6.x" if common["EngineVersion"].startswith("6") else "7"


def _add_user(grant: Grant, cache: ElastiCache, names: Names, context: Context) -> Any:
    """Add the user of the service, with a password from Secrets Manager or by IAM, and return its group.

    The group of Redis needs a user named ``default``, which is switched off.
    Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
    """
    physical, title = intrinsic(fragment(cache.name)), names.id("CacheUser")
    if cache.sign_in == "iam":
        mode = elasticache.AuthenticationMode(Type="iam")
    else:
        secret = _add_password(grant, cache, names, context)
        reference = intrinsic(f"{{{{resolve:secretsmanager:${{{secret}}}:SecretString:password}}}}")
        mode = elasticache.AuthenticationMode(Type="password", Passwords=[reference])
    level = granted(cache)
    user = elasticache.User(
        title,
        UserId=physical,
        UserName=physical,
        Engine=cache.engine,
        AccessString=_ACCESS["readWrite" if level == "read_write" else str(level)],
        AuthenticationMode=mode,
    )
    grant.add(user, names.origin, {"AccessString": f"{names.origin}"})
    users = [Ref(title)]
    if cache.engine == "redis":
        default = elasticache.User(
            names.id("CacheDefaultUser"),
            UserId=intrinsic(fragment(cache.name) + _DEFAULT_USER),
            UserName="default",
            Engine=cache.engine,
            AccessString="off ~* -@all",
            AuthenticationMode=elasticache.AuthenticationMode(Type="no-password-required"),
        )
        grant.add(default, names.origin)
        users.insert(0, Ref(default))
    group = elasticache.UserGroup(names.id("CacheUserGroup"), UserGroupId=physical, Engine=cache.engine, UserIds=users)
    grant.add(group, names.origin)
    return Ref(group)


def _add_password(grant: Grant, cache: ElastiCache, names: Names, context: Context) -> str:
    """Add the secret with the password, which ECS reads, and return its logical ID.

    Source of the characters: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
    """
    title, encryption = names.id("CachePassword"), encryption_of(cache, context)
    key = encryption if customer_key(encryption) is not None else None
    generated = secretsmanager.GenerateSecretString(
        SecretStringTemplate="{}", GenerateStringKey="password", PasswordLength=64, ExcludePunctuation=True
    )
    secret = secretsmanager.Secret(
        title,
        Description=f"Password of the cache {names.local}",
        GenerateSecretString=generated,
        **present(KmsKeyId=customer_key(encryption)),
    )
    secret.DeletionPolicy = secret.UpdateReplacePolicy = "Delete"  # it is of use to the user of the cache alone
    grant.add(secret, names.origin)
    grant.secrets = [
        ContainerSecret(
            cache.password_variables[0],
            f"${{{title}}}:password::",
            "secretsmanager:GetSecretValue",
            f"${{{title}}}",
            names.origin,
            key,
            Attribute(TYPE.category, names.local, PASSWORD),
        )
    ]
    return title


def _attributes(cache: ElastiCache) -> Iterator[str]:
    yield from ("host", "port")
    if cache.engine != "memcached":
        yield "url"
        has_user = cache.sign_in if is_managed(cache) else cache.unmanaged is not None and cache.unmanaged.user_id
        yield from ["user"] * bool(has_user)
        yield from [PASSWORD] * bool(cache.password_variables)
        yield from ("readerHost", "readerPort") if is_managed(cache) and cache.shards == 1 else ()


TYPE = CompiledType(
    name="aws_elasticache",
    category="elasticache",
    doc="An ElastiCache cache: Valkey, Redis or Memcached, serverless or on nodes, over TLS, with a user of its own.",
    model=ElastiCache,
    attributes=lambda cache: tuple(_attributes(cache)),
    compile=compile,
    check=check,
    managed_keys=(
        *("version", "limits", "nodeType", "replicas", "shards", "snapshots", "snapshotTime", "finalSnapshot"),
        "encryption",
    ),
)
