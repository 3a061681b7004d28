"""The dependencies of the flat dialect: a table of keys for each type.

A dependency with a ``mode`` and no schema exists already, and the service gets access to it. One with a schema, or with
neither, is made by the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat.container import stored
from fsdcf.importers.flat.network import name_space
from fsdcf.importers.flat.reading import (
    DEPENDENCY_NAMES,
    add_statement,
    at,
    get,
    items,
    keys,
    listed,
    named,
    nothing,
    put,
    seconds,
    snake,
    table,
    text,
    translated,
    words,
)
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_flag, put_number, put_secret, put_variable
from fsdcf.language.foreign import TYPES

READ, WRITE, BOTH = "read", "write", "read_write"
_MODES = {
    **dict.fromkeys(("read", "readonly", "read_only", "r", "consumer", "consume", "subscriber", "subscribe"), READ),
    **dict.fromkeys(("reader", "receive", "listen", "get"), READ),
    **dict.fromkeys(("write", "writeonly", "write_only", "w", "producer", "produce", "publisher", "publish"), WRITE),
    **dict.fromkeys(("writer", "send", "put"), WRITE),
    **dict.fromkeys(("read_write", "readwrite", "rw", "full", "admin", "all", "both", "write_read"), BOTH),
    **dict.fromkeys(("consumer_producer", "producer_consumer", "full_access"), BOTH),
}
"""The modes of the dialect, each with the permissions that it means."""

_OWN_TYPES = {
    "aws_secrets_manager": "aws_secretsmanager_secret",
    "aws_secrets_manager_secret": "aws_secretsmanager_secret",
    "secrets_manager": "aws_secretsmanager_secret",
    "aws_ssm": "aws_ssm_parameter",
    "ssm_parameter": "aws_ssm_parameter",
    "aws_parameter_store": "aws_ssm_parameter",
    "aws_kms": "aws_kms_key",
    "kms_key": "aws_kms_key",
    "dynamodb": "aws_dynamodb_table",
    "dynamodb_table": "aws_dynamodb_table",
    "s3": "aws_s3_bucket",
    "s3_bucket": "aws_s3_bucket",
    "sqs": "aws_sqs_queue",
    "sqs_queue": "aws_sqs_queue",
    "sns": "aws_sns_topic",
    "sns_topic": "aws_sns_topic",
    "efs": "aws_efs_file_system",
    "fetch_msk_cluster": "aws_msk_cluster",
    "msk": "aws_msk_cluster",
    "msk_cluster": "aws_msk_cluster",
    "aws_elasticache_redis": "aws_elasticache",
    "aws_rds_postgres": "aws_rds_instance",
    "fsd_service": "service",
    "http_service": "service",
    "api": "service",
}
_CLIENT = "the client in the service has this setting: set it there, or in a variable of `environment`"
_SCHEMA = words(
    "key_schema attribute_definitions attributes hash_key partition_key range_key sort_key primary_key "
    "node_type instance_class allocated_storage storage db_instance_class cache_node_type engine_version"
)
"""Keys that only a resource has that the stack makes."""
_ALWAYS_EXIST = words("aws_msk_cluster kafka_topic aws_secretsmanager_secret aws_ssm_parameter aws_kms_key")


def type_of(given: str) -> str | None:
    """The type of a spec for one of the dialect; None if there is none."""
    word = given.strip().lower().replace("-", "_")
    if word in _OWN_TYPES:
        return _OWN_TYPES[word]
    known = {*TYPES.values(), "sqlite_database", "aws_ssm_parameter", "aws_kms_key", "service"} - {""}
    return word if word in known else TYPES.get(word) or None


def permissions_of(value: SourceValue) -> str | list[str]:
    """The permissions that a mode means: a word, or a list of IAM actions. Raises UnfitError."""
    if isinstance(value.data, list):
        words = value.words
        if all(":" in each for each in words):
            return words
        meant = {_MODES.get(snake(each)) for each in words}
        if None in meant:
            raise UnfitError("must be read, write or read_write")
        return meant.pop() or BOTH if len(meant) == 1 else BOTH
    found = _MODES.get(snake(value.text.strip()))
    if found is None:
        raise UnfitError("must be read, write or read_write")
    return found


def _mode(value: SourceValue, block: Block) -> KeyOutcome | None:
    if block.get("type") == "service":
        return carried("type")
    given = permissions_of(value)
    if block.get("type") == "sqlite_database":
        return changed("a service reads and writes the file of its own database", "type")
    to = "unmanaged.permissions" if block.get("unmanaged") is not None else "permissions"
    word = value.text.strip() if not isinstance(value.data, list) else ""
    return (
        carried(to)
        if given == word or isinstance(given, list)
        else changed(f"{word or 'the list'} means {given} here", to)
    )


def _made(convert: Convert) -> Convert:
    """A key of a resource that the stack makes, which an existing one has from elsewhere."""

    def inner(value: SourceValue, block: Block) -> KeyOutcome | None:
        if block.get("unmanaged") is not None:
            return not_carried(
                "an existing resource has its own settings; without `unmanaged`, the stack makes one with this"
            )
        return convert(value, block)

    return inner


def _made_put(paths: str, to: str, make: Callable[..., Convert], *limits: int) -> Iterator[SourceKey]:
    return _made_keys(paths, to, make(to, *limits))


def _made_keys(paths: str, to: str, convert: Convert, *, whole: bool = False) -> Iterator[SourceKey]:
    return keys(paths, to, _made(convert), whole=whole)


_COMMON = (
    *keys("type kind", "type", nothing),
    *keys(" ".join(DEPENDENCY_NAMES), "name", lambda value, block: _named(value, block)),
    *keys("mode access access_mode permissions permission", "permissions", _mode, whole=True),
    *keys("unmanaged.permissions unmanaged.mode", "unmanaged.permissions", _mode, whole=True),
    *keys("unmanaged existing", "unmanaged", nothing),
    *keys("description comment required", "", lambda value, block: changed("a dependency has no description", "name")),
    *keys("tags", note="the tags of a spec are those of all its resources: metadata.tags", whole=True),
    *keys("arn unmanaged.arn", "unmanaged.arn", lambda value, block: _arn(value, block)),
)


def _named(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.text else not_carried("it is empty")


def _arn(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith(("arn:", "${")):
        raise UnfitError("must be an ARN")
    block.put("unmanaged.arn", given)


COMMON = table(*_COMMON)


def _type(*found: SourceKey) -> Table:
    own = {key.path for key in found}
    return table(*(key for key in _COMMON if key.path not in own), *found)


def _fields(name: str, kind: str, names: tuple[str, ...], kinds: tuple[str, ...]) -> Convert:
    """A list of maps such as ``{attribute_name: id, key_type: HASH}``."""

    def convert(value: SourceValue, block: Block) -> None:
        found = []
        for each in value.items():
            first, second = get(each, *names), get(each, *kinds)
            if first is None or second is None:
                raise UnfitError(f"must be a list of {names[0]} and {kinds[0]}")
            found.append({"name": first.text, "type": second.text.upper()})
        block.put(name, found)

    return convert


_key_schema = _fields("keySchema", "type", ("name", "attribute_name", "attribute"), ("type", "key_type"))
_attributes = _fields("attributes", "type", ("name", "attribute_name", "attribute"), ("type", "attribute_type"))


def _key(kind: str) -> Convert:
    """``hash_key: id``, or with its type as ``{name: id, type: S}``."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        own = get(value, "name") if isinstance(value.data, dict) else value
        if own is None:
            raise UnfitError("must have a `name`")
        given = get(value, "type")
        block.add("keySchema", {"name": own.text, "type": kind})
        declared = [each["name"] for each in block.get("attributes") or ()]
        if own.text not in declared:
            block.add("attributes", {"name": own.text, "type": given.text.upper()[:1] if given else "S"})
        return None if given else changed("as a text: `attributes` has its type", "keySchema attributes")

    return convert


def _index(value: SourceValue, block: Block) -> Block | None:
    """An index: of a table that is made with its key, and otherwise the access to it alone."""
    own = get(value, "name", "index_name") if isinstance(value.data, dict) else value
    if own is None:
        raise UnfitError("must have a `name`")
    schema, hashed = get(value, "key_schema"), get(value, "hash_key", "partition_key")
    entry: dict[str, Any] = {"name": own.text}
    if block.get("unmanaged") is None and (schema or hashed):
        entry["keySchema"] = _schema_of(schema) if schema else [{"name": hashed.text, "type": "HASH"}] if hashed else []
        ranged = get(value, "range_key", "sort_key")
        entry["keySchema"] += [{"name": ranged.text, "type": "RANGE"}] if ranged else []
        projection = get(value, "projection", "projection_type")
        if projection is not None:
            entry["projection"] = projection.text.upper()
        to = "globalSecondaryIndexes"
    else:
        mode = get(value, "mode", "access", "permissions")
        given = permissions_of(mode) if mode else READ
        entry["permissions"] = given if isinstance(given, list) else READ
        to = "indexes"
    block.add(to, entry)
    if value.is_text():
        note(value, block, carried(to))
    for name, child in value.children():
        if child.data is not None:
            known = snake(name) in _OF_INDEX
            note(child, block, carried(to) if known else not_carried("it is not a key of an index"))
    return None


_OF_INDEX = words("name index_name mode access permissions key_schema hash_key partition_key range_key") | {
    "sort_key",
    "projection",
    "projection_type",
    "type",
}


def _schema_of(value: SourceValue) -> list[dict[str, str]]:
    found = []
    for each in value.items():
        name, kind = get(each, "name", "attribute_name"), get(each, "type", "key_type")
        if name is None or kind is None:
            raise UnfitError("must be a list of attribute_name and key_type")
        found.append({"name": name.text, "type": kind.text.upper()})
    return found


def _stream(value: SourceValue, block: Block) -> None:
    if value.is_text() and value.text.upper() in _VIEWS:
        block.put("stream", value.text.upper())
    else:
        block.put("stream.enabled", value.flag)


_VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


def _stream_view(value: SourceValue, block: Block) -> KeyOutcome | None:
    if block.get("unmanaged") is not None:
        return changed("the table exists, and with it the form of its stream", "stream")
    block.put("stream.view", value.text.upper())
    return None


def _stream_mode(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = permissions_of(value)
    if given != READ and not isinstance(given, list):
        return changed("a stream can only be read", "stream")
    block.put("stream.permissions", given)
    return None


def _ttl(value: SourceValue, block: Block) -> None:
    own = get(value, "attribute", "attribute_name", "name") if isinstance(value.data, dict) else value
    if own is None:
        raise UnfitError("must be the name of an attribute")
    block.put("timeToLive", own.text)


def _billing(value: SourceValue, block: Block) -> None:
    given = value.text.upper().replace("-", "_")
    block.put("billingMode", "PAY_PER_REQUEST" if given in ("ON_DEMAND", "PAY_PER_REQUEST") else "PROVISIONED")


def _encryption_key(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text
    alias = re.fullmatch(r"\$\{kms:([\w/-]{1,250})\}", given.strip())
    if alias and block.get("type") != "aws_elasticache":
        return _named_key(alias[1], block)
    arn = translated(value, given)
    if not arn.startswith("arn:"):
        raise UnfitError("must be the ARN of a KMS key")
    block.put("encryption", arn)
    return carried("encryption")


def _named_key(name: str, block: Block) -> KeyOutcome:
    """A key that is known by its alias: the service may use it through the service that stores the data.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    statement = {
        "actions": actions,
        "resources": ["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"],
        "conditions": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{name}"}},
    }
    to = add_statement(block, statement)
    if not to:
        return not_carried(f"allow {' and '.join(actions)} with the key {name} in the existing role")
    return changed(
        f"the service may use the key with the alias {name}; `encryption` of a new resource needs its ARN", to
    )


def _encrypted(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.is_text() and value.text.lower() in ("kms", "aws:kms", "sse-kms", "sse_kms"):
        if block.get("unmanaged") is None:
            block.put("encryption", "kms")
            return carried("encryption")
        return changed("the resource exists, with its encryption", "unmanaged")
    if value.is_text() and (value.text.startswith("arn:") or value.text.startswith("${kms:")):
        return _encryption_key(value, block)
    if value.is_text() and value.text.lower() in ("aes256", "sse-s3", "s3", "owned", "aws", "sse"):
        return carried("encryption" if block.get("unmanaged") is None else "unmanaged")
    if not value.flag:
        return not_carried("the data is always encrypted")
    return carried("encryption" if block.get("unmanaged") is None else "unmanaged")


def _encryption() -> Iterator[SourceKey]:
    yield from keys("encryption encryption.enabled encryption.at_rest encrypted", "encryption", _encrypted)
    yield from keys("encryption.type encryption.algorithm", "encryption", _encrypted)
    yield from keys(
        "encryption.kms_key encryption.kms_key_id encryption.kms_key_arn encryption.key kms_key kms_key_id kms_key_arn",
        "encryption",
        _encryption_key,
    )


DYNAMODB = _type(
    *_made_keys("key_schema", "keySchema", _key_schema, whole=True),
    *_made_keys("attribute_definitions attributes", "attributes", _attributes, whole=True),
    *_made_keys("hash_key partition_key primary_key", "keySchema attributes", _key("HASH"), whole=True),
    *_made_keys("range_key sort_key", "keySchema attributes", _key("RANGE"), whole=True),
    *_made_keys("billing_mode", "billingMode", _billing),
    *_made_put("read_capacity", "readCapacity", put_number, 1, 40000),
    *_made_put("write_capacity", "writeCapacity", put_number, 1, 40000),
    *_made_keys("ttl time_to_live ttl_attribute", "timeToLive", _ttl, whole=True),
    *(
        items(f"{name}[]", "globalSecondaryIndexes", _index)
        for name in ("indexes", "indices", "global_secondary_indexes", "gsi")
    ),
    *keys("streams.enabled stream.enabled streams stream", "stream", _stream),
    *keys("streams.view_type stream.view_type streams.view stream_view_type", "stream.view", _stream_view),
    *keys("streams.mode stream.mode streams.permissions", "stream.permissions", _stream_mode, whole=True),
    *keys("point_in_time_recovery pitr", "type", nothing),
    *_made_put("deletion_protection", "deletionProtection", put_flag),
    *keys(
        "data_pipeline cdc",
        note="fsdcf has no pipeline to Kafka or Snowflake: read the `stream` of the table in a service of your own",
        whole=True,
    ),
    *_encryption(),
)


def _prefixes(value: SourceValue, block: Block) -> None:
    block.put("prefixes", [each.text for each in listed(value)])


def _lifecycle(value: SourceValue, block: Block) -> Block | None:
    if block.get("unmanaged") is not None:
        raise UnfitError("belongs to an existing bucket: change its lifecycle where the bucket is defined")
    entry: dict[str, Any] = {}
    rules: list[dict[str, Any]] = []
    for name, child in value.children():
        spelled, to = snake(name), "lifecycle"
        if spelled in _TRANSITIONS:
            rules.append({"transitionAfterDays": child.number, "storageClass": _TRANSITIONS[spelled]})
        elif spelled in _EXPIRY:
            rules.append({"expireAfterDays": child.number})
        elif spelled in ("prefix", "storage_class"):
            entry["prefix" if spelled == "prefix" else "storageClass"] = child.text
        elif spelled in ("transition_days", "transition_after_days"):
            rules.append({"transitionAfterDays": child.number})
        elif spelled in ("name", "id", "enabled", "status"):
            pass
        else:
            note(child, block, not_carried("a rule has a prefix, an expiry and transitions to storage classes"))
            continue
        note(child, block, carried(to))
    for rule in rules:
        block.add("lifecycle", {**entry, **rule})
    return None


_TRANSITIONS = {
    "transition_to_ia": "STANDARD_IA",
    "transition_to_glacier": "GLACIER",
    "transition_to_deep_archive": "DEEP_ARCHIVE",
    "transition_to_glacier_ir": "GLACIER_IR",
    "transition_to_intelligent_tiering": "INTELLIGENT_TIERING",
}
_EXPIRY = words("expire_after_days expiration_days expire_days expiration expire_after delete_after expires")
S3 = _type(
    *keys("prefix prefixes", "prefixes", _prefixes, whole=True),
    *(items(f"{name}[]", "lifecycle", _lifecycle) for name in ("lifecycle", "lifecycle_rules")),
    *keys("versioning versioned versioning.enabled", "type", nothing),
    *keys(
        "public_read public public_access website cdn",
        note="a bucket is private: CloudFront reads it, with `distributions`, or the service signs URLs",
        whole=True,
    ),
    *keys(
        "object_lock",
        note="fsdcf does not set Object Lock: make the bucket outside of the stack, and keep it with `unmanaged`",
        whole=True,
    ),
    *keys(
        "cors", "cors", _made(lambda value, block: not_carried("write it as `cors: [{origins, methods}]`")), whole=True
    ),
    *_encryption(),
)

SQS = _type(
    *_made_put("visibility_timeout visibility_timeout_seconds", "visibilityTimeout", seconds, 0, 43200),
    *_made_put(
        "wait_time_seconds receive_wait_time receive_wait_time_seconds receive_message_wait_time_seconds wait_time",
        "receiveWaitTime",
        seconds,
        0,
        20,
    ),
    *_made_put(
        "message_retention message_retention_seconds retention retention_period "
        "message_retention_period retention_seconds",
        "messageRetention",
        seconds,
        60,
        1209600,
    ),
    *_made_put("delay delay_seconds delivery_delay", "deliveryDelay", seconds, 0, 900),
    *_made_put("max_receive_count max_receives", "maxReceiveCount", put_number, 1, 1000),
    *_made_put(
        "dead_letter_queue.max_receive_count dlq.max_receive_count dead_letter.max_receive_count "
        "redrive_policy.max_receive_count",
        "maxReceiveCount",
        put_number,
        1,
        1000,
    ),
    *_made_put("dlq dead_letter_queue dead_letter dlq.enabled dead_letter_queue.enabled", "deadLetters", put_flag),
    *_made_put("fifo fifo_queue", "fifo", put_flag),
    *_made_put("content_based_deduplication", "contentBasedDeduplication", put_flag),
    *keys(
        "batch_size batch_window max_messages max_number_of_messages message_group_id polling", note=_CLIENT, whole=True
    ),
    *_encryption(),
)

SNS = _type(
    *_made_put("fifo fifo_topic", "fifo", put_flag),
    *keys(
        "subscriptions subscribers",
        note="write them as `subscriptions`, with `queue`, `existingQueue`, `email` or `https` each",
        whole=True,
    ),
    *keys("display_name message_group_id", note=_CLIENT),
    *_encryption(),
)


def _consumer(value: SourceValue, block: Block) -> None:
    block.put("consumers", [*(block.get("consumers") or ()), value.text])


KINESIS = _type(
    *_made_put("shards shard_count", "shards", put_number, 1, 10000),
    *_made_put("retention_hours retention retention_period", "retentionHours", put_number, 24, 8760),
    *keys("enhanced_fan_out.consumer_name consumer_name", "consumers", _consumer),
    *keys("enhanced_fan_out.enabled", "consumers", nothing),
    *keys(
        "shard_iterator_type batch_size iterator_type starting_position checkpoint_interval partition_key", note=_CLIENT
    ),
    *_encryption(),
)


def _at_parameter(block: Block, what: str) -> str:
    """The parameter with what a document does not have about an existing resource, such as its endpoint."""
    name = re.sub(r"\$\{[^{}]*\}", "", str(block.get("name")))
    stem = "-".join(filter(None, (re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-"), what)))
    return f"/{block.draft.name}/${{ENV}}/{stem}"


def _endpoint(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    host, _, port = given.rpartition(":") if re.search(r":\d{1,5}$", given) else (given, "", "")
    block.put("unmanaged.endpoint", host)
    if port:
        block.put("unmanaged.port", int(port))


def _credentials(value: SourceValue, block: Block) -> None:
    if not value.is_text():
        raise UnfitError("must name a secret")
    block.put("unmanaged.secret", stored(value.text))


_TLS = "RDS requires TLS where the stack makes the database: the client checks the certificate"

RDS = _type(
    *put("database database_name db_name", "database", text),
    *keys("credentials credentials_secret secret secret_arn", "unmanaged.secret", _credentials),
    *keys("endpoint host hostname", "unmanaged.endpoint", _endpoint),
    *put("port", "unmanaged.port", put_number, 1, 65535),
    *put("security_group security_group_id", "unmanaged.securityGroupId", text),
    *keys("engine", "engine", lambda value, block: _engine(value, block)),
    *_made_put("engine_version version", "version", text),
    *_made_put("instance_class db_instance_class", "instanceClass", text),
    *_made_put("allocated_storage storage", "storage", put_number, 20, 65536),
    *_made_put("multi_az", "multiAz", put_flag),
    *_made_put("backup_retention backup_retention_days backup_retention_period", "backupRetention", put_number, 0, 35),
    *_made_put("deletion_protection", "deletionProtection", put_flag),
    *keys(
        "ssl_mode ssl tls require_ssl sslmode",
        "type",
        lambda value, block: changed(_TLS, "type"),
        note=_TLS,
        whole=True,
    ),
    *keys(
        "connection connection_pool pool max_connections min_connections pool_size timeout", note=_CLIENT, whole=True
    ),
    *_encryption(),
)


def _engine(value: SourceValue, block: Block) -> None:
    given = value.text.lower().strip()
    for engine in ("postgres", "mysql", "mariadb", "valkey", "redis", "memcached"):
        if engine in given:
            block.put("engine", engine)
            return
    raise UnfitError("must be an engine of RDS or ElastiCache")


CACHE = _type(
    *keys("engine", "engine", _engine),
    *_made_put("engine_version version", "version", text),
    *keys("endpoint host hostname", "unmanaged.endpoint", _endpoint),
    *put("port", "unmanaged.port", put_number, 1, 65535),
    *put("security_group security_group_id", "unmanaged.securityGroupId", text),
    *_made_put("cluster.node_type node_type cache_node_type", "nodeType", text),
    *_made_put("cluster.num_shards num_shards shards cluster.shards", "shards", put_number, 1, 500),
    *_made_put(
        "cluster.replicas_per_shard replicas_per_shard replicas cluster.replicas num_replicas",
        "replicas",
        put_number,
        0,
        5,
    ),
    *keys(
        "cluster.mode cluster_mode cluster.enabled",
        "shards",
        lambda value, block: changed("a cache with several shards has the cluster mode", "type"),
    ),
    *keys("encryption.in_transit transit_encryption", "type", nothing),
    *keys(
        "encryption.auth_token auth_token",
        "type",
        lambda value, block: (
            changed(
                "ElastiCache has a user with a password that Secrets Manager makes; the service gets it as a secret",
                "type",
            )
            if block.get("unmanaged") is None
            else _token(value, block)
        ),
    ),
    *keys("connection ttl timeout pool database", note=_CLIENT, whole=True),
    *keys("encryption.at_rest encryption.enabled encryption", "encryption", _encrypted),
    *keys("encryption.kms_key kms_key", "encryption", _encryption_key),
)


def _token(value: SourceValue, block: Block) -> KeyOutcome:
    name = re.sub(r"\W", "_", f"{block.get('name')}_AUTH_TOKEN").upper()
    service = block.draft.block
    put_secret(service, name, stored(value.text))
    return changed(f"as the variable {name}", "." + service.key("secrets"))


def _brokers(value: SourceValue, block: Block) -> None:
    found = [each.strip() for item in listed(value) for each in re.split(r",(?![^{]*\})", item.text)]
    block.put("unmanaged.brokers", [translated(value, each) for each in found if each])


KAFKA = _type(
    *keys("bootstrap_servers brokers bootstrap bootstrap_brokers", "unmanaged.brokers", _brokers, whole=True),
    *put("consumer_group group group_id consumer_group_id", "consumerGroup", text),
    *keys("cluster_arn cluster", "unmanaged.cluster", lambda value, block: _cluster(value, block)),
    *put("security_group security_group_id", "unmanaged.securityGroupId", text),
    *keys(
        "auto_offset_reset enable_auto_commit max_poll_records session_timeout_ms heartbeat_interval_ms acks retries "
        "retry_backoff_ms compression_type compression batch_size linger_ms offset_reset serializer deserializer "
        "key_serializer value_serializer schema_registry schema schema_registry_url idempotent enable_idempotence "
        "isolation_level max_poll_interval_ms security_protocol sasl_mechanism client_id",
        note=_CLIENT,
        whole=True,
    ),
    *keys("partitions replication_factor retention_ms retention", note="the topic exists: fsdcf does not make topics"),
)


def _cluster(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith("arn:"):
        raise UnfitError("must be the ARN of an MSK cluster: write it as unmanaged.cluster")
    block.put("unmanaged.cluster", given)


MSK = _type(
    *keys("bootstrap_servers brokers", "unmanaged.brokers", _brokers, whole=True),
    *put("consumer_group group group_id", "consumerGroup", text),
    *put("security_group security_group_id", "unmanaged.securityGroupId", text),
    *keys(
        "topics",
        "topics",
        lambda value, block: block.put("topics", [_topic_name(each) for each in value.items()]),
        whole=True,
    ),
)


def _topic_name(value: SourceValue) -> str:
    own = get(value, "name", "topic") if isinstance(value.data, dict) else value
    if own is None:
        raise UnfitError("must be names of topics")
    return own.text


def _alias(value: SourceValue, block: Block) -> None:
    block.put("alias", value.text)


def _discovery(value: SourceValue, block: Block) -> KeyOutcome:
    """How a service is found: by DNS if its port is known, at a load balancer, and otherwise by Service Connect."""
    given = snake(value.text.strip())
    if given in ("alb", "load_balancer", "loadbalancer"):
        block.put("discovery", "loadBalancer")
        return carried("discovery")
    port = get(document_part(value), "port") or get(get(document_part(value), "discovery"), "port")
    if given in ("dns", "cloud_map", "cloudmap", "service_discovery") and port is not None:
        block.put("discovery.method", "dns")
        return carried("discovery.method")
    if given in ("service_mesh", "service_connect", "connect", "mesh"):
        return carried("type")
    return changed("by Service Connect: `discovery: dns` needs the `port` of the service", "type")


def document_part(value: SourceValue) -> SourceValue:
    """The dependency that a value below it is in."""
    index = next(number for number, step in enumerate(value.path) if step == "dependencies")
    return at(value, value.path[: index + 2])


def _discovery_namespace(value: SourceValue, block: Block) -> KeyOutcome:
    if block.get("discovery.method") != "dns":
        return name_space(value, block, "type")
    block.put("discovery.namespace", value.text.lower().strip("."))
    return carried("discovery.namespace")


_MESH = "Service Connect has time limits of its own: networking.serviceConnect of the service that is called"
SERVICE = _type(
    *keys("discovery.method discovery.type discovery", "type", _discovery),
    SourceKey("discovery.enabled", "type", convert=nothing),
    SourceKey("discovery.namespace", "type", convert=_discovery_namespace),
    *put("discovery.port port", "port", put_number, 1, 65535),
    *keys("discovery.name discovery.alias", "alias", _alias),
    *keys(
        "timeout discovery.timeout circuit_breaker retry retries async connection",
        note=f"{_CLIENT}; {_MESH}",
        whole=True,
    ),
)


SECRET = _type(
    *keys(
        "secrets keys",
        "unmanaged.permissions",
        lambda value, block: changed(
            "the service may read the whole secret; `${secrets:NAME:KEY}` in `environment` is the value of a key",
            "unmanaged.permissions",
        ),
        whole=True,
    ),
    *_encryption(),
)

OTHER = _type(*_encryption(), *put("mount_path mount_point", "mountPoint", text))
SQLITE = _type(
    *put("path file file_path database_path", "path", text),
    *put("ephemeral", "ephemeral", put_flag),
    *put("backup", "backup", put_flag),
)

TABLES: Mapping[str, Table] = {
    "aws_dynamodb_table": DYNAMODB,
    "aws_s3_bucket": S3,
    "aws_sqs_queue": SQS,
    "aws_sns_topic": SNS,
    "aws_kinesis_stream": KINESIS,
    "aws_rds_instance": RDS,
    "aws_elasticache": CACHE,
    "kafka_topic": KAFKA,
    "aws_msk_cluster": MSK,
    "service": SERVICE,
    "aws_secretsmanager_secret": SECRET,
    "sqlite_database": SQLITE,
}
"""The keys of a dependency by the type that it has in a spec."""


def enter(value: SourceValue, block: Block) -> Block | None:
    """Put a dependency into the spec, and report its keys."""
    if value.is_text():
        raise UnfitError("must be a map with `type` and `name`")
    given, own = get(value, "type", "kind"), get(value, *DEPENDENCY_NAMES)
    if given is None or own is None:
        raise UnfitError("must have a `type` and a `name`")
    kind = type_of(given.text)
    if kind is None:
        raise UnfitError(
            f"is of the type {given.text[:60]}, which a spec does not have: give the service access in"
            " taskRole.statements, and make the resource in a template of `addons`"
        )
    name = translated(own, own.text.strip())
    external = get(value, "external")
    if kind == "service" and external is not None and external.flag:
        _external(name, value, block)
        return None
    arn = name if name.startswith("arn:") else ""
    name = named(kind, re.split("[:/]", name)[-1] if arn else name)
    _check_name(kind, name)
    place = block.draft.dependency(kind, name)
    if arn:
        place.put("unmanaged.arn", arn)
    _access(kind, value, place)
    TABLES.get(kind, OTHER).convert(value, place)
    _complete(kind, value, place)
    return None


_VALID = {
    "aws_s3_bucket": (r"[a-z0-9][a-z0-9.-]{2,62}", "3 to 63 lower-case letters, digits, hyphens and dots"),
    "aws_dynamodb_table": (r"[\w.-]{3,255}", "3 to 255 letters, digits, _ . -"),
    "aws_efs_file_system": (r"fs-[0-9a-f]{8,40}|(?!fs-)[\w-]{1,99}", "an id such as fs-0123456789abcdef0"),
    "aws_dsql_cluster": (r"[a-z0-9]{26}", "the identifier of an existing cluster"),
}
"""The names that AWS allows, where the dialect may have others."""


def _check_name(kind: str, name: str) -> None:
    pattern, expected = _VALID.get(kind, ("", ""))
    if pattern and "${" not in name and not re.fullmatch(pattern, name):
        raise UnfitError(f"has a name that AWS does not allow, {name[:60]}: it has {expected}")


def _access(kind: str, value: SourceValue, place: Block) -> None:
    """Say whether the resource exists, and what the service may do with it."""
    if kind in ("service", "sqlite_database"):
        return
    unmanaged = get(value, "unmanaged", "existing")
    mode = get(unmanaged, "permissions", "mode") or get(
        value, "mode", "access", "access_mode", "permissions", "permission"
    )
    given: str | list[str] | None = None
    if mode is not None:
        try:
            given = permissions_of(mode)
        except UnfitError:
            given = None
    below = get(value, "cluster")
    schema = any(snake(name) in _SCHEMA for each in (value, below) if each for name, _ in each.children())
    exists = (
        unmanaged is not None
        or place.get("unmanaged.arn") is not None
        or isinstance(given, list)
        or kind in _ALWAYS_EXIST
    )
    exists = exists or (not schema and (mode is not None or kind == "aws_dynamodb_table" or _credentialed(kind, value)))
    before = place.get("unmanaged.permissions") or place.get("permissions")
    if before and given and before != given:
        given = BOTH if isinstance(before, str) and isinstance(given, str) else given
    if not exists:
        if given is not None:
            place.put("permissions", given)
        return
    secretive = kind in ("aws_ssm_parameter", "aws_kms_key")
    if given is not None or not secretive:
        place.put("unmanaged.permissions", given or before or (READ if kind == "aws_secretsmanager_secret" else BOTH))
    else:
        place.put("unmanaged", {})


def _credentialed(kind: str, value: SourceValue) -> bool:
    return (
        kind == "aws_rds_instance" and get(value, "credentials", "credentials_secret", "endpoint", "host") is not None
    )


def _complete(kind: str, value: SourceValue, place: Block) -> None:
    """Add what an existing resource needs, and the document does not have: the place of its host name."""
    if kind == "kafka_topic" and not place.get("unmanaged.brokers") and not place.get("unmanaged.cluster"):
        parameter = f"/{place.draft.name}/${{ENV}}/kafka-brokers"
        place.put("unmanaged.brokers", [f"${{ssm:{parameter}}}"])
        what = f"its brokers are not in the document: store them in the parameter {parameter}"
        note(get(value, "type", "kind") or value, place, changed(what, "unmanaged.brokers"))
    if kind == "aws_efs_file_system" and place.get("unmanaged") is not None and not place.get("name").startswith("fs-"):
        parameter = _at_parameter(place, "id")
        place.put("name", f"${{ssm:{parameter}}}")
        what = f"its id is not in the document: store it, fs-…, in the parameter {parameter}"
        note(get(value, *DEPENDENCY_NAMES) or value, place, changed(what, "name"))
    if kind not in ("aws_rds_instance", "aws_elasticache") or place.get("unmanaged") is None:
        return
    if place.get("unmanaged.endpoint") is None:
        parameter = _at_parameter(place, "endpoint")
        place.put("unmanaged.endpoint", f"${{ssm:{parameter}}}")
        what = f"its host name is not in the document: store it in the parameter {parameter}"
        note(get(value, "type", "kind") or value, place, changed(what, "unmanaged.endpoint"))
    if kind == "aws_rds_instance" and place.get("unmanaged.secret") is None:
        secret = f"{place.draft.name}/${{ENV}}/{place.get('name')}"
        place.put("unmanaged.secret", f"secretsmanager:{secret}")
        what = f"its user and password are not in the document: store them in the secret {secret}, as JSON"
        note(get(value, "name", *DEPENDENCY_NAMES) or value, place, changed(what, "unmanaged.secret"))
    if kind == "aws_rds_instance" and place.get("unmanaged.permissions") in (READ, WRITE, BOTH):
        place.get("unmanaged").pop("permissions")
        mode = get(value, "mode", "access")
        if mode is not None:
            note(mode, place, changed("the user in the secret decides what it may do", "unmanaged.secret"))


def _external(name: str, value: SourceValue, block: Block) -> None:
    """An address outside of the environment: variables, as the dialect's placeholders have them."""
    stem = re.sub(r"\W", "_", name).upper()
    for key, child in value.children():
        spelled = snake(key)
        if child.data is None:
            continue
        if spelled in ("endpoint", "url", "host"):
            outcome = put_variable(block, f"{stem}_URL", translated(child, child.text))
        elif spelled in ("api_key", "token", "secret", "credentials") and "${" in child.text:
            outcome = put_variable(block, f"{stem}_{spelled.upper()}", translated(child, child.text))
        elif spelled in ("api_key", "token", "secret", "credentials"):
            outcome = put_variable(block, f"{stem}_{spelled.upper()}", child.text)
        elif spelled in ("type", "kind", "name", "mode", "external", "service_name"):
            outcome = changed("an address outside of the environment is a variable", f"environment.{stem}_URL")
        else:
            outcome = not_carried(_CLIENT)
        note(child, block, outcome)
