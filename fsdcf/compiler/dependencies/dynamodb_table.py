"""A DynamoDB table: on demand, with point-in-time recovery, and kept when the stack is deleted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from troposphere import Ref, Sub, dynamodb
from troposphere import applicationautoscaling as autoscaling

from fsdcf.compiler.access import actions, check_access, check_permissions, granted, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of, permit_key
from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule, SpecPath, joined
from fsdcf.language.dependency import EncryptedDependency, Violation, Violations
from fsdcf.language.model.common import OWNED, encryption_key, permissions_key
from fsdcf.language.names import logical_id
from fsdcf.language.placeholders import String
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

_SOURCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-table.html"
SCHEMA = Rule(
    "S310",
    "a table without a key schema",
    "A managed table needs `keySchema` and `attributes`. For an existing table, use `unmanaged` or a list of IAM"
    " actions.",
    _SOURCE,
)
ATTRIBUTE = Rule(
    "S311",
    "a key without its attribute, or an attribute without a key",
    "DynamoDB needs the type of every attribute that is part of a key, and of no other attribute.",
    _SOURCE,
)
KEYS = Rule(
    "S312",
    "a key schema that DynamoDB rejects",
    "A key is one HASH attribute, then at most one RANGE attribute, which must be a different one.",
    "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_KeySchemaElement.html",
)
INDEX = Rule(
    "S313",
    "indexes that DynamoDB rejects",
    "Index names are unique, and nonKeyAttributes belong to the projection INCLUDE: each once, and at most 100 in all"
    " indexes together. A local index has the HASH key of its table, which needs a RANGE key, and a RANGE key of its"
    " own.",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
)
CAPACITY = Rule(
    "S314",
    "capacity that does not match the billing mode",
    "PROVISIONED needs read and write capacity; an on-demand table cannot have any. Capacity that is scaled has a"
    " minimum that is not above its maximum.",
    _SOURCE,
)
WARM = Rule(
    "S540",
    "a warm throughput below what the table has anyway",
    "A table on demand is ready for 12,000 read units and 4,000 write units per second, a provisioned one for its"
    " capacity. DynamoDB refuses a lower warm throughput.",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html",
)

INDEX_ACCESS = Rule(
    "S640",
    "access to an index or a stream that DynamoDB does not have",
    "The indexes in `indexes` are those of the table, each once. An index and a stream are only read: what writes the"
    " table changes them.",
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html",
)

_NAME = r"[A-Za-z0-9_.-]{3,}"
_ATTRIBUTE = r".{1,255}"
_MOST_UNITS = 40000
_WARM = {"read": 12000, "write": 4000}
"""What a new table on demand serves at once.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html"""
_MOST_PROJECTED = 100
"""Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""
_OF_INDEX = ("dynamodb:Query", "dynamodb:Scan")
"""What reads an index.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html"""
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
LEVELS = {
    "read": (
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
    ),
    "write": (
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ),
}


@spec_record
class KeyElement(SnakeCaseRecord):
    """One attribute of a key: the partition key or the sort key."""

    name: str = spec_key(
        "Name of the attribute.",
        also=("attributeName", "attribute_name"),
        pattern=_ATTRIBUTE,
        expects="1 to 255 characters",
    )
    type: str = spec_key(
        "HASH for the partition key, RANGE for the sort key.", also=("keyType", "key_type"), allowed=("HASH", "RANGE")
    )


@spec_record
class AttributeType(SnakeCaseRecord):
    """The type of an attribute that a key uses: S, N or B."""

    name: str = spec_key(
        "Name of the attribute.",
        also=("attributeName", "attribute_name"),
        pattern=_ATTRIBUTE,
        expects="1 to 255 characters",
    )
    type: str = spec_key(
        "S for text, N for numbers, B for bytes.", also=("attributeType", "attribute_type"), allowed=("S", "N", "B")
    )


@spec_record
class ScaledCapacity(SnakeCaseRecord):
    """Capacity that follows the load."""

    minimum: int = spec_key("Lowest number of units per second.", name="min", minimum=1, maximum=_MOST_UNITS)
    maximum: int = spec_key("Highest number of units per second.", name="max", minimum=1, maximum=_MOST_UNITS)
    target: int = spec_key("Share of the capacity in use to keep, in percent.", default=70, minimum=20, maximum=90)


def _capacity_key(verb: str, default: str = "") -> Any:
    """The key with the capacity of a table or an index for a ``verb``."""
    return spec_key(
        f"{verb} units per second, when provisioned; a map scales them with the load.",
        default=None,
        minimum=1,
        maximum=_MOST_UNITS,
        computed_default=default,
    )


@spec_record
class WarmThroughput(SnakeCaseRecord):
    """Units per second that DynamoDB serves at once, before the load has grown."""

    read: int | None = spec_key(
        "Read units per second.", default=None, also=("readUnitsPerSecond", "read_units_per_second"), minimum=1
    )
    write: int | None = spec_key(
        "Write units per second.", default=None, also=("writeUnitsPerSecond", "write_units_per_second"), minimum=1
    )


def _warm_key(of: str) -> Any:
    """The key `warmThroughput` of a table or an index."""
    return spec_key(f"What the {of} serves at once; it can grow, and is charged when it does.", default=None)


@spec_record
class LocalIndex(SnakeCaseRecord):
    """A local secondary index, which a table has from its creation."""

    name: str = spec_key(
        "Name of the index.",
        also=("indexName", "index_name"),
        pattern=_NAME,
        longest=255,
        expects="3 to 255 letters, digits, _ . -",
    )
    key_schema: tuple[KeyElement, ...] = spec_key("Key of the index.", fewest=1)
    projection: str = spec_key(
        "Attributes that the index contains.", default="ALL", allowed=("ALL", "KEYS_ONLY", "INCLUDE")
    )
    non_key_attributes: tuple[str, ...] = spec_key(
        "Further attributes, for the projection INCLUDE.",
        default=(),
        most=20,
        pattern=_ATTRIBUTE,
        expects="1 to 255 characters",
    )


@spec_record
class Index(LocalIndex):
    """A global secondary index."""

    read_capacity: int | ScaledCapacity | None = _capacity_key("Read", "that of the table")
    write_capacity: int | ScaledCapacity | None = _capacity_key("Write", "that of the table")
    warm_throughput: WarmThroughput | None = _warm_key("index")


@spec_record
class TimeToLive(SnakeCaseRecord):
    """When items expire."""

    attribute: str = spec_key(
        "Attribute that contains the time when an item expires, in seconds since 1970.",
        also=("attributeName", "attribute_name"),
        pattern=_ATTRIBUTE,
        expects="1 to 255 characters",
    )
    enabled: bool = spec_key(
        "Let items expire. `false` switches it off, which DynamoDB does only if the attribute is still named.",
        default=True,
    )


_VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


@spec_record
class Stream(SnakeCaseRecord):
    """The stream of changes."""

    enabled: bool = spec_key("Have a stream, or read that of an existing table.", default=True)
    view: str | None = spec_key(
        "Content of the stream, in a table of the stack.",
        default=None,
        also=("viewType", "view_type", "streamViewType", "stream_view_type"),
        allowed=_VIEWS,
        computed_default="NEW_AND_OLD_IMAGES",
    )
    permissions: str | tuple[str, ...] | None = permissions_key(
        "Access of the service to the stream: read, or a list of IAM actions.",
        default=None,
        computed_default="read, if the service may read the table",
    )


@spec_record
class IndexAccess(SnakeCaseRecord):
    """Access to one index."""

    name: str = spec_key(
        "Name of an index of the table.",
        also=("indexName", "index_name"),
        pattern=_NAME,
        longest=255,
        expects="3 to 255 letters, digits, _ . -",
    )
    permissions: str | tuple[str, ...] = permissions_key(
        "Access of the service: read (readWrite is the same, since an index is written through its table), or a list of"
        " IAM actions.",
        default="read",
    )


@spec_record
class DynamoDbTable(EncryptedDependency):
    """A DynamoDB table."""

    name: String = spec_key(
        "Physical name of the table.",
        also=("table_name", "tableName"),
        pattern=_NAME,
        longest=255,
        expects="3 to 255 letters, digits, _ . -",
    )
    key_schema: tuple[KeyElement, ...] = spec_key("Key of the table.", default=(), fewest=1)
    attributes: tuple[AttributeType, ...] = spec_key(
        "Types of the attributes in keys.", default=(), also=("attribute_definitions", "attributeDefinitions"), fewest=1
    )
    global_secondary_indexes: tuple[Index, ...] = spec_key("Global secondary indexes.", default=(), most=20)
    local_secondary_indexes: tuple[LocalIndex, ...] = spec_key(
        "Local secondary indexes; a change replaces the table with an empty one.", default=(), most=5
    )
    time_to_live: str | TimeToLive | None = spec_key(
        "Attribute that contains the time when an item expires; a map switches it off.",
        default=None,
        also=("ttl",),
        pattern=_ATTRIBUTE,
        expects="an attribute of 1 to 255 characters",
    )
    indexes: tuple[IndexAccess, ...] = spec_key(
        "Access to single indexes, each with its own permissions, in place of that of the table to all of them.",
        default=(),
        most=25,
    )
    stream: bool | str | Stream = spec_key(
        "Content of the stream of changes; `true` is NEW_AND_OLD_IMAGES. For an existing table, `true` lets the service"
        " read its stream.",
        default=False,
        also=("streams",),
        pattern="|".join(_VIEWS),
        expects="true, KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES",
    )
    billing_mode: str = spec_key(
        "PAY_PER_REQUEST, or PROVISIONED with capacities.",
        default="PAY_PER_REQUEST",
        allowed=("PAY_PER_REQUEST", "PROVISIONED"),
    )
    read_capacity: int | ScaledCapacity | None = _capacity_key("Read")
    write_capacity: int | ScaledCapacity | None = _capacity_key("Write")
    warm_throughput: WarmThroughput | None = _warm_key("table")
    table_class: str = spec_key(
        "STANDARD, or STANDARD_INFREQUENT_ACCESS for cheaper storage and dearer requests.",
        default="STANDARD",
        allowed=("STANDARD", "STANDARD_INFREQUENT_ACCESS"),
    )
    encryption: String | None = encryption_key("aws/dynamodb")
    deletion_protection: bool = spec_key(
        "Refuse to delete the table, outside of its stack too; the stack keeps it in any case.",
        default=True,
        also=("deletionProtectionEnabled", "deletion_protection_enabled"),
    )

    @property
    def stream_details(self) -> Stream | None:
        """The stream, with defaults if none are written; None without one."""
        if isinstance(self.stream, Stream):
            return self.stream if self.stream.enabled else None
        return Stream(view=self.stream if isinstance(self.stream, str) else None) if self.stream else None


_Schemas = list[tuple[SpecPath, tuple[KeyElement, ...]]]
"""Key schemas, each with its path."""


def managed(table: DynamoDbTable) -> bool:
    """Whether the stack makes the table: a list of actions without a key schema is for a table that exists already."""
    return is_managed(table) or (table.unmanaged is None and bool(table.key_schema))


def key_attributes(table: DynamoDbTable) -> tuple[tuple[str, str, str], ...]:
    """The attributes of a table's key: name, HASH or RANGE, and S, N or B. Empty for a table that exists already."""
    kinds = {attribute.name: attribute.type for attribute in table.attributes}
    return tuple((key.name, key.type, kinds[key.name]) for key in table.key_schema) if managed(table) else ()


def check(table: DynamoDbTable) -> Violations:
    yield from check_permissions(table)
    yield from _parts(table)
    if not managed(table):
        return
    if not table.key_schema:
        yield Violation(
            SCHEMA,
            (),
            "a managed table needs keySchema and attributes",
            "add them, or `unmanaged: {permissions: …}`",
            key=True,
        )
        return
    schemas: _Schemas = [(("keySchema",), table.key_schema)]
    schemas += [((*path, "keySchema"), index.key_schema) for path, index in _indexes_of(table)]
    for path, schema in schemas:
        if [element.type for element in schema] not in (["HASH"], ["HASH", "RANGE"]):
            yield Violation(KEYS, path, "a key is one HASH and at most one RANGE", "HASH first, then RANGE")
        elif len({element.name for element in schema}) < len(schema):
            yield Violation(
                KEYS, path, f"`{schema[0].name}` is both HASH and RANGE", "leave RANGE out, or name another attribute"
            )
    yield from _attributes(table, schemas)
    yield from _indexes(table)
    yield from _local_indexes(table)
    yield from _capacity(table)


def _parts(table: DynamoDbTable) -> Violations:
    """Check the access to the indexes and the stream."""
    known = {index.name for _, index in _indexes_of(table)} if managed(table) else set()
    counts = Counter(index.name for index in table.indexes)
    for number, index in enumerate(table.indexes):
        path: SpecPath = ("indexes", number)
        if managed(table) and index.name not in known:
            names = [f"`{name}`" for name in sorted(known)]
            hint = f"write {joined(names)}" if names else "declare it in globalSecondaryIndexes"
            yield Violation(INDEX_ACCESS, (*path, "name"), f"the table has no index `{index.name}`", hint)
        elif counts[index.name] > 1:
            yield Violation(INDEX_ACCESS, (*path, "name"), f"`{index.name}` is listed twice", "keep one of them")
        yield from check_access(index.permissions, (*path, "permissions"))
        if index.permissions == "write":
            yield _unwritten((*path, "permissions"), "an index")
    stream = table.stream_details
    if stream is None:
        return
    if stream.permissions is not None:
        yield from check_access(stream.permissions, ("stream", "permissions"))
    if stream.permissions == "write":
        yield _unwritten(("stream", "permissions"), "a stream")
    if stream.view is not None and not managed(table):
        at = ("stream", "view") if isinstance(table.stream, Stream) else "stream"
        hint = "leave it out, or write `stream: true`"
        yield Violation(INDEX_ACCESS, at, "the stream of an existing table has its own content", hint)


def _unwritten(path: SpecPath, what: str) -> Violation:
    message = f"{what} is only read: it follows what is written to its table"
    return Violation(INDEX_ACCESS, path, message, "write `read`, or leave it out")


def _attributes(table: DynamoDbTable, schemas: _Schemas) -> Violations:
    known = [attribute.name for attribute in table.attributes]
    used = {element.name for _, schema in schemas for element in schema}
    for path, schema in schemas:
        for index, element in enumerate(schema):
            if element.name not in known:
                hint = f"add `{{name: {element.name}, type: S}}` to attributes"
                yield Violation(ATTRIBUTE, (*path, index, "name"), f"the key `{element.name}` has no attribute", hint)
    for index, name in enumerate(known):
        if name not in used:
            hint = "leave it out: only attributes of keys have a declared type"
            yield Violation(ATTRIBUTE, ("attributes", index, "name"), f"`{name}` is not part of a key", hint)
        elif name in known[:index]:
            yield Violation(ATTRIBUTE, ("attributes", index, "name"), f"`{name}` is declared twice", "keep one of them")


def _indexes_of(table: DynamoDbTable) -> Iterator[tuple[SpecPath, LocalIndex]]:
    """Every index of a table, with its path."""
    for key, indexes in (
        ("globalSecondaryIndexes", table.global_secondary_indexes),
        ("localSecondaryIndexes", table.local_secondary_indexes),
    ):
        yield from (((key, number), index) for number, index in enumerate(indexes))


def _indexes(table: DynamoDbTable) -> Violations:
    indexes = list(_indexes_of(table))
    counts = Counter(index.name for _, index in indexes)
    for path, index in indexes:
        if counts[index.name] > 1:
            yield Violation(INDEX, (*path, "name"), f"two indexes are named `{index.name}`", "give each its own name")
        if bool(index.non_key_attributes) != (index.projection == "INCLUDE"):
            yield Violation(INDEX, path, "nonKeyAttributes go with the projection INCLUDE", "write both, or neither")
        repeated = [name for name, count in Counter(index.non_key_attributes).items() if count > 1]
        if repeated:
            message = f"`{repeated[0]}` is listed twice"
            yield Violation(INDEX, (*path, "nonKeyAttributes"), message, "keep one of them", key=True)
    further = sum(len(index.non_key_attributes) for _, index in indexes)
    if further > _MOST_PROJECTED:
        message = f"the indexes have {further} nonKeyAttributes, and DynamoDB accepts {_MOST_PROJECTED} in a table"
        yield Violation(INDEX, indexes[-1][0][:1], message, "use `projection: ALL` for some of them", key=True)


def _local_indexes(table: DynamoDbTable) -> Violations:
    """Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html"""
    if table.local_secondary_indexes and len(table.key_schema) < 2:
        message, hint = "a table with local indexes needs a RANGE key", "add a RANGE key to the table's keySchema"
        yield Violation(INDEX, "localSecondaryIndexes", message, hint, key=True)
    partition = table.key_schema[0].name
    for number, index in enumerate(table.local_secondary_indexes):
        path = ("localSecondaryIndexes", number, "keySchema")
        if index.key_schema[0].name != partition:
            hint = f"write `{{name: {partition}, type: HASH}}`, or make it one of globalSecondaryIndexes"
            yield Violation(INDEX, path, f"a local index has the HASH key of its table, `{partition}`", hint)
        elif len(index.key_schema) < 2:
            yield Violation(INDEX, path, "a local index needs a RANGE key", "add the attribute that it sorts by")


class _Throughput(NamedTuple):
    """The capacity of a table or of an index: its path, and what it has for reads and for writes."""

    path: SpecPath
    read: int | ScaledCapacity | None
    write: int | ScaledCapacity | None
    warm: WarmThroughput | None


def _throughputs(table: DynamoDbTable) -> Iterator[_Throughput]:
    """The capacity that is written for the table and its global indexes."""
    yield _Throughput((), table.read_capacity, table.write_capacity, table.warm_throughput)
    for number, index in enumerate(table.global_secondary_indexes):
        path = ("globalSecondaryIndexes", number)
        yield _Throughput(path, index.read_capacity, index.write_capacity, index.warm_throughput)


def _capacity(table: DynamoDbTable) -> Violations:
    is_provisioned = table.billing_mode == "PROVISIONED"
    if is_provisioned and None in (table.read_capacity, table.write_capacity):
        message, hint = "PROVISIONED needs readCapacity and writeCapacity", "add them, or leave billingMode out"
        yield Violation(CAPACITY, "billingMode", message, hint)
    for path, read, write, warm in _throughputs(table):
        for key, capacity in (("readCapacity", read), ("writeCapacity", write)):
            if capacity is not None and not is_provisioned:
                hint = "leave it out, or set `billingMode: PROVISIONED`"
                yield Violation(CAPACITY, (*path, key), "an on-demand table has no capacity", hint, key=True)
            elif isinstance(capacity, ScaledCapacity) and capacity.minimum > capacity.maximum:
                message = f"the minimum {capacity.minimum} is above the maximum {capacity.maximum}"
                yield Violation(CAPACITY, (*path, key, "min"), message, "write at most the maximum")
        if warm is not None and warm.read is None and warm.write is None:
            yield Violation(WARM, (*path, "warmThroughput"), "it sets neither read nor write", "write one of them")
        least = _WARM
        if is_provisioned:
            own = {"read": read or table.read_capacity, "write": write or table.write_capacity}
            least = {verb: _units(one) for verb, one in own.items() if one is not None}
        for verb, lowest in least.items():
            wanted = None if warm is None else getattr(warm, verb)
            if wanted is not None and wanted < lowest:
                message = f"it is ready for {lowest} {verb} units per second anyway"
                hint = f"write at least {lowest}, or leave it out"
                yield Violation(WARM, (*path, "warmThroughput", verb), message, hint)


def _units(capacity: int | ScaledCapacity) -> int:
    """The units to begin with."""
    return capacity if isinstance(capacity, int) else capacity.minimum


def compile(table: DynamoDbTable, names: Names, context: Context) -> Grant:
    """A managed table, and access to the table and its indexes."""
    grant = Grant()
    physical, encryption = fragment(table.name), encryption_of(table, context)
    if managed(table):
        title = names.id("Table")
        grant.add(_table(title, physical, table, encryption), names.origin, {(): names.origin})
        for index, verb, capacity in _scaled(table):
            _scale(grant, names, title, index, verb, capacity)
        attributes = {"name": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
        if table.stream_details:
            attributes["streamArn"] = f"${{{title}.StreamArn}}"
        grant.output(names.id("TableName"), f"DynamoDB table {names.local}", intrinsic(attributes["name"]))
    else:
        arn = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{physical}"
        attributes = {"name": physical, "arn": arn}
    grant.environment[names.variable("TABLE_NAME")] = attributes["name"]
    grant.values = attributes
    grant.statements = _statements(table, attributes)
    permit_key(grant, encryption, "dynamodb", names, *grant.of(dynamodb.Table))
    return grant


def _statements(table: DynamoDbTable, attributes: dict[str, str]) -> list[dict[str, Any]]:
    """Access to the table, its indexes and its stream.

    Read access includes the stream, and all indexes if none are listed. A list of actions includes those of the stream
    that it names.

    ListStreams takes a table instead of a stream, which the ARN of one stream would not permit: as in AWS's own policy,
    the resource is every stream of the table.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-read-stream-only.html
    """
    arn = attributes["arn"]
    wanted = actions(table, LEVELS)
    of_table = [action for action in wanted if action not in STREAM]
    of_indexes: dict[tuple[str, ...], list[str]] = {}
    for index in sorted(table.indexes, key=lambda index: index.name):
        listed = index.permissions if isinstance(index.permissions, tuple) else _OF_INDEX
        of_indexes.setdefault(tuple(sorted({*listed})), []).append(index.name)
    every = [] if table.indexes else [intrinsic(f"{arn}/index/*")]
    statements = [
        allow(of_table, [intrinsic(arn), *every]),
        *(allow([*those], [intrinsic(f"{arn}/index/{name}") for name in names]) for those, names in of_indexes.items()),
        allow(_of_stream(table, wanted), [intrinsic(f"{arn}/stream/*")]),
    ]
    return [each for each in statements if each["Action"]]


def _of_stream(table: DynamoDbTable, wanted: Sequence[str]) -> list[str]:
    """The actions on the stream; ``wanted`` are those that the table's permissions name."""
    stream, listed = table.stream_details, [action for action in wanted if action in STREAM]
    if stream is None:
        return listed
    if isinstance(stream.permissions, tuple):
        return sorted({*listed, *stream.permissions})
    is_read = stream.permissions is not None or granted(table) in ("read", "readWrite", "read_write")
    return list(STREAM) if is_read else listed


def _table(title: str, physical: str, table: DynamoDbTable, encryption: String) -> dynamodb.Table:
    stream = table.stream_details
    indexes = sorted(table.global_secondary_indexes, key=lambda index: index.name)
    local = sorted(table.local_secondary_indexes, key=lambda index: index.name)
    wanted = table.time_to_live
    expiry = TimeToLive(attribute=wanted) if isinstance(wanted, str) else wanted
    key = present(KMSMasterKeyId=customer_key(encryption))
    return dynamodb.Table(
        title,
        TableName=intrinsic(physical),
        KeySchema=_keys(table.key_schema),
        AttributeDefinitions=[
            dynamodb.AttributeDefinition(AttributeName=attribute.name, AttributeType=attribute.type)
            for attribute in sorted(table.attributes, key=lambda attribute: attribute.name)
        ],
        BillingMode=table.billing_mode,
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        DeletionProtectionEnabled=table.deletion_protection,
        **present(
            ProvisionedThroughput=_throughput(table, table),
            WarmThroughput=_warm(table.warm_throughput),
            TableClass=table.table_class != "STANDARD" and table.table_class,
            GlobalSecondaryIndexes=[_global_index(index, table) for index in indexes],
            LocalSecondaryIndexes=[dynamodb.LocalSecondaryIndex(**_index(index)) for index in local],
            TimeToLiveSpecification=expiry
            and dynamodb.TimeToLiveSpecification(AttributeName=expiry.attribute, Enabled=expiry.enabled),
            SSESpecification=encryption != OWNED and dynamodb.SSESpecification(SSEEnabled=True, SSEType="KMS", **key),
            StreamSpecification=stream
            and dynamodb.StreamSpecification(StreamViewType=stream.view or "NEW_AND_OLD_IMAGES"),
        ),
        # A rollback cannot delete a table with deletion protection. It is kept, and the next creation adopts it.
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def _index(index: LocalIndex) -> dict[str, Any]:
    further = present(NonKeyAttributes=sorted(index.non_key_attributes))
    return {
        "IndexName": index.name,
        "KeySchema": _keys(index.key_schema),
        "Projection": dynamodb.Projection(ProjectionType=index.projection, **further),
    }


def _global_index(index: Index, table: DynamoDbTable) -> dynamodb.GlobalSecondaryIndex:
    capacity = present(ProvisionedThroughput=_throughput(index, table), WarmThroughput=_warm(index.warm_throughput))
    return dynamodb.GlobalSecondaryIndex(**_index(index), **capacity)


def _throughput(own: DynamoDbTable | Index, table: DynamoDbTable) -> dynamodb.ProvisionedThroughput | None:
    """The capacity of a table or of an index, by default that of its table."""
    read, write = own.read_capacity or table.read_capacity, own.write_capacity or table.write_capacity
    if read is None or write is None:
        return None
    return dynamodb.ProvisionedThroughput(ReadCapacityUnits=_units(read), WriteCapacityUnits=_units(write))


def _warm(throughput: WarmThroughput | None) -> dynamodb.WarmThroughput | None:
    if throughput is None:
        return None
    units = present(ReadUnitsPerSecond=throughput.read, WriteUnitsPerSecond=throughput.write)
    return dynamodb.WarmThroughput(**units)


def _scaled(table: DynamoDbTable) -> Iterator[tuple[str, str, ScaledCapacity]]:
    """What follows the load: the name of the index, empty for the table, ``Read`` or ``Write``, and the bounds."""
    indexes = sorted(table.global_secondary_indexes, key=lambda index: index.name)
    owners: list[DynamoDbTable | Index] = [table, *indexes]
    for own in owners:
        read, write = own.read_capacity or table.read_capacity, own.write_capacity or table.write_capacity
        for verb, capacity in (("Read", read), ("Write", write)):
            if isinstance(capacity, ScaledCapacity):
                yield own.name if isinstance(own, Index) else "", verb, capacity


def _scale(grant: Grant, names: Names, table: str, index: str, verb: str, capacity: ScaledCapacity) -> None:
    """Let Application Auto Scaling keep the use of a capacity at its target, by its service-linked role.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-dynamodb.html
    """

    def title(suffix: str) -> str:
        return logical_id(f"{names.local}/{index}", verb + suffix) if index else names.id(f"Table{verb}{suffix}")

    target = autoscaling.ScalableTarget(
        title("ScalableTarget"),
        ServiceNamespace="dynamodb",
        ScalableDimension=f"dynamodb:{'index' if index else 'table'}:{verb}CapacityUnits",
        ResourceId=Sub(f"table/${{{table}}}{f'/index/{index}' if index else ''}"),
        MinCapacity=capacity.minimum,
        MaxCapacity=capacity.maximum,
    )
    tracking = autoscaling.TargetTrackingScalingPolicyConfiguration(
        PredefinedMetricSpecification=autoscaling.PredefinedMetricSpecification(
            PredefinedMetricType=f"DynamoDB{verb}CapacityUtilization"
        ),
        TargetValue=capacity.target,
    )
    policy = autoscaling.ScalingPolicy(
        title("ScalingPolicy"),
        PolicyName=f"{verb.lower()}-utilization",
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref(target),
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    grant.add(target, names.origin)
    grant.add(policy, names.origin)


def _keys(schema: tuple[KeyElement, ...]) -> list[dynamodb.KeySchema]:
    return [dynamodb.KeySchema(AttributeName=element.name, KeyType=element.type) for element in schema]


TYPE = CompiledType(
    name="aws_dynamodb_table",
    category="dynamodb",
    doc="A DynamoDB table: on demand, encrypted, with point-in-time recovery and deletion protection.",
    model=DynamoDbTable,
    attributes=lambda table: ("name", "arn", *["streamArn"] * (managed(table) and table.stream_details is not None)),
    compile=compile,
    check=check,
    managed=managed,
    reserved_names=("public-route",),
    managed_keys=(
        *("keySchema", "attributes", "globalSecondaryIndexes", "localSecondaryIndexes", "timeToLive"),
        *("billingMode", "readCapacity", "writeCapacity", "warmThroughput", "tableClass", "deletionProtection"),
    ),
)
