"""A DynamoDB table: on demand, encrypted, recoverable to any second of the last 35 days, and kept when the stack goes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from troposphere import dynamodb

from fsdcf.compiler.access import actions, check_permissions, granted, is_list
from fsdcf.compiler.stack import CompiledType, Grant, Names, Site, Stack
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import Violation
from fsdcf.language.model.common import Dependency
from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key

_SOURCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-table.html"
SCHEMA = Rule(
    "S310",
    "a table without a key schema",
    "A managed table needs `keySchema` and `attributes`. A table that exists already is `unmanaged`, or has a list of IAM actions.",
    _SOURCE,
)
ATTRIBUTE = Rule(
    "S311",
    "a key without its attribute, or an attribute without a key",
    "DynamoDB wants the type of every attribute that is part of a key, and of no other.",
    _SOURCE,
)
KEYS = Rule(
    "S312",
    "a key schema that DynamoDB refuses",
    "A key is one HASH attribute and at most one RANGE attribute, another one, in this order.",
    "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_KeySchemaElement.html",
)
INDEX = Rule(
    "S313",
    "indexes that DynamoDB refuses",
    "Index names are unique, a table has 20 at most, and nonKeyAttributes belong to the projection INCLUDE.",
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
)
CAPACITY = Rule(
    "S314",
    "capacity that does not fit the billing mode",
    "PROVISIONED needs read and write capacity; on demand there is none.",
    _SOURCE,
)

_NAME = r"[A-Za-z0-9_.-]{3,255}"
_READ = ("BatchGetItem", "ConditionCheckItem", "DescribeTable", "GetItem", "Query", "Scan")
_WRITE = ("BatchWriteItem", "DeleteItem", "DescribeTable", "PutItem", "UpdateItem")
STREAM = tuple(f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"))
LEVELS = {"read": tuple(f"dynamodb:{name}" for name in _READ), "write": tuple(f"dynamodb:{name}" for name in _WRITE)}


@dataclass(frozen=True, eq=False, repr=False)
class KeyElement:
    """One attribute of a key: the partition key or the sort key."""

    name: Annotated[str, Key("Name of the attribute.", also=("attributeName", "attribute_name"))]
    type: Annotated[
        str,
        Key(
            "HASH for the partition key, RANGE for the sort key.",
            also=("keyType", "key_type"),
            allowed=("HASH", "RANGE"),
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False)
class AttributeType:
    """The type of an attribute that a key uses: S, N or B."""

    name: Annotated[str, Key("Name of the attribute.", also=("attributeName", "attribute_name"), longest=255)]
    type: Annotated[
        str,
        Key(
            "S for text, N for numbers, B for bytes.", also=("attributeType", "attribute_type"), allowed=("S", "N", "B")
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False)
class Index:
    """A global secondary index."""

    name: Annotated[
        str,
        Key(
            "Name of the index.",
            also=("indexName", "index_name"),
            pattern=_NAME,
            expects="3 to 255 letters, digits, _ . -",
        ),
    ]
    key_schema: Annotated[tuple[KeyElement, ...], Key("Key of the index.", also=("key_schema",), fewest=1)]
    projection: Annotated[str, Key("Attributes that the index holds.", allowed=("ALL", "KEYS_ONLY", "INCLUDE"))] = "ALL"
    non_key_attributes: Annotated[
        tuple[str, ...], Key("Further attributes, for the projection INCLUDE.", also=("non_key_attributes",))
    ] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DynamoDbTable(Dependency):
    """A DynamoDB table."""

    name: Annotated[
        String,
        Key(
            "Physical name of the table.",
            also=("table_name", "tableName"),
            pattern=_NAME,
            expects="3 to 255 letters, digits, _ . -",
        ),
    ]
    key_schema: Annotated[tuple[KeyElement, ...], Key("Key of the table.", also=("key_schema",), fewest=1)] = ()
    attributes: Annotated[
        tuple[AttributeType, ...],
        Key("Types of the attributes in keys.", also=("attribute_definitions", "attributeDefinitions"), fewest=1),
    ] = ()
    global_secondary_indexes: Annotated[
        tuple[Index, ...], Key("Global secondary indexes.", also=("global_secondary_indexes",))
    ] = ()
    time_to_live: Annotated[
        str | None, Key("Attribute that holds the time when an item expires.", also=("time_to_live", "ttl"))
    ] = None
    stream: Annotated[
        bool | str,
        Key(
            "What the stream of changes holds; `true` is NEW_AND_OLD_IMAGES.",
            pattern="KEYS_ONLY|NEW_IMAGE|OLD_IMAGE|NEW_AND_OLD_IMAGES",
            expects="true, KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES",
        ),
    ] = False
    billing_mode: Annotated[
        str,
        Key(
            "PAY_PER_REQUEST, or PROVISIONED with capacities.",
            also=("billing_mode",),
            allowed=("PAY_PER_REQUEST", "PROVISIONED"),
        ),
    ] = "PAY_PER_REQUEST"
    read_capacity: Annotated[
        int | None, Key("Read units per second, when provisioned.", also=("read_capacity",), minimum=1, maximum=40000)
    ] = None
    write_capacity: Annotated[
        int | None, Key("Write units per second, when provisioned.", also=("write_capacity",), minimum=1, maximum=40000)
    ] = None


def managed(table: DynamoDbTable) -> bool:
    """A table of the stack's own: not unmanaged, and not a mere list of actions."""
    return table.unmanaged is None and not (is_list(table) and not table.key_schema)


def check(table: DynamoDbTable) -> Iterator[Violation]:
    yield from check_permissions(table)
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
    schemas: list[tuple[tuple[str | int, ...], tuple[KeyElement, ...]]] = [(("keySchema",), table.key_schema)]
    schemas += [
        (("globalSecondaryIndexes", i, "keySchema"), one.key_schema)
        for i, one in enumerate(table.global_secondary_indexes)
    ]
    for path, schema in schemas:
        if [element.type for element in schema] not in (["HASH"], ["HASH", "RANGE"]):
            yield Violation(KEYS, path, "a key is one HASH and at most one RANGE", "HASH first, then RANGE")
        elif len({element.name for element in schema}) < len(schema):
            yield Violation(
                KEYS, path, f"`{schema[0].name}` is both HASH and RANGE", "leave RANGE out, or name another attribute"
            )
    yield from _attributes(table, schemas)
    yield from _indexes(table)
    yield from _capacity(table)


def _attributes(
    table: DynamoDbTable, schemas: list[tuple[tuple[str | int, ...], tuple[KeyElement, ...]]]
) -> Iterator[Violation]:
    known = [attribute.name for attribute in table.attributes]
    used = {element.name for _, schema in schemas for element in schema}
    for path, schema in schemas:
        for index, element in enumerate(schema):
            if element.name not in known:
                hint = f"add `{{name: {element.name}, type: S}}` to attributes"
                yield Violation(ATTRIBUTE, (*path, index, "name"), f"the key `{element.name}` has no attribute", hint)
    for index, name in enumerate(known):
        if name not in used:
            hint = "leave it out: other attributes have no type"
            yield Violation(ATTRIBUTE, ("attributes", index, "name"), f"`{name}` is part of no key", hint)
        elif name in known[:index]:
            yield Violation(ATTRIBUTE, ("attributes", index, "name"), f"`{name}` is there twice", "keep one")


def _indexes(table: DynamoDbTable) -> Iterator[Violation]:
    counts = Counter(index.name for index in table.global_secondary_indexes)
    for number, index in enumerate(table.global_secondary_indexes):
        path = ("globalSecondaryIndexes", number)
        if counts[index.name] > 1:
            yield Violation(INDEX, (*path, "name"), f"two indexes are named `{index.name}`", "give each its own name")
        if bool(index.non_key_attributes) != (index.projection == "INCLUDE"):
            yield Violation(INDEX, path, "nonKeyAttributes go with the projection INCLUDE", "write both, or neither")
    if len(table.global_secondary_indexes) > 20:
        yield Violation(
            INDEX, ("globalSecondaryIndexes",), f"{len(table.global_secondary_indexes)} indexes", "20 at most", key=True
        )


def _capacity(table: DynamoDbTable) -> Iterator[Violation]:
    units = {"readCapacity": table.read_capacity, "writeCapacity": table.write_capacity}
    given = [name for name, wanted in units.items() if wanted is not None]
    if table.billing_mode == "PROVISIONED" and len(given) < 2:
        yield Violation(
            CAPACITY,
            ("billingMode",),
            "PROVISIONED needs readCapacity and writeCapacity",
            "add them, or leave billingMode out",
        )
    elif table.billing_mode != "PROVISIONED" and given:
        yield Violation(
            CAPACITY,
            (given[0],),
            "an on-demand table has no capacity",
            "leave it out, or set `billingMode: PROVISIONED`",
            key=True,
        )


def compile(table: DynamoDbTable, names: Names, site: Site, stack: Stack) -> Grant:
    """The table, where it is managed, and access to it and its indexes."""
    physical = fragment(table.name, {})
    if managed(table):
        title = names.id("Table")
        _add(stack, title, physical, table, names)
        attributes = {"name": f"${{{title}}}", "arn": f"${{{title}.Arn}}"}
        if table.stream:
            attributes["streamArn"] = f"${{{title}.StreamArn}}"
        stack.output(names.id("TableName"), f"DynamoDB table {names.local}", intrinsic(attributes["name"]))
    else:
        arn = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{physical}"
        attributes = {"name": physical, "arn": arn}
    return Grant({names.variable("TABLE_NAME"): attributes["name"]}, _statements(table, attributes), attributes)


def _statements(table: DynamoDbTable, attributes: dict[str, str]) -> tuple[dict[str, Any], ...]:
    """Access to the table and its indexes; who may read has the stream too, and a list of actions has what it names of it.

    ListStreams names a table and no stream, so that the ARN of one stream would not allow it: AWS's own policy has all of the table's.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-read-stream-only.html
    """
    arn = attributes["arn"]
    wanted = actions(table, LEVELS)
    of_table = [action for action in wanted if action not in STREAM]
    of_stream = [action for action in wanted if action in STREAM]
    if "streamArn" in attributes and granted(table) in ("read", "readWrite", "read_write"):
        of_stream = list(STREAM)
    statements = (
        {"Effect": "Allow", "Action": of_table, "Resource": [intrinsic(arn), intrinsic(f"{arn}/index/*")]},
        {"Effect": "Allow", "Action": of_stream, "Resource": [intrinsic(f"{arn}/stream/*")]},
    )
    return tuple(statement for statement in statements if statement["Action"])


def _add(stack: Stack, title: str, physical: str, table: DynamoDbTable, names: Names) -> None:
    resource = dynamodb.Table(
        title,
        TableName=intrinsic(physical),
        KeySchema=_keys(table.key_schema),
        AttributeDefinitions=[
            dynamodb.AttributeDefinition(AttributeName=one.name, AttributeType=one.type)
            for one in sorted(table.attributes, key=lambda one: one.name)
        ],
        BillingMode=table.billing_mode,
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        SSESpecification=dynamodb.SSESpecification(SSEEnabled=True),
        DeletionProtectionEnabled=True,
    )
    if table.billing_mode == "PROVISIONED":
        resource.ProvisionedThroughput = _throughput(table)
    if table.global_secondary_indexes:
        resource.GlobalSecondaryIndexes = [_index(one, table) for one in table.global_secondary_indexes]
    if table.time_to_live:
        resource.TimeToLiveSpecification = dynamodb.TimeToLiveSpecification(
            AttributeName=table.time_to_live, Enabled=True
        )
    if table.stream:
        resource.StreamSpecification = dynamodb.StreamSpecification(
            StreamViewType="NEW_AND_OLD_IMAGES" if table.stream is True else table.stream
        )
    # A rollback cannot delete a table with deletion protection: it is kept, and adopted by the next create.
    resource.DeletionPolicy = "Retain"
    resource.UpdateReplacePolicy = "Retain"
    stack.add(resource, names.origin, {(): names.origin})


def _index(index: Index, table: DynamoDbTable) -> dynamodb.GlobalSecondaryIndex:
    projection = dynamodb.Projection(ProjectionType=index.projection)
    if index.non_key_attributes:
        projection.NonKeyAttributes = list(index.non_key_attributes)
    out = dynamodb.GlobalSecondaryIndex(IndexName=index.name, KeySchema=_keys(index.key_schema), Projection=projection)
    if table.billing_mode == "PROVISIONED":
        out.ProvisionedThroughput = _throughput(table)
    return out


def _throughput(table: DynamoDbTable) -> dynamodb.ProvisionedThroughput:
    return dynamodb.ProvisionedThroughput(
        ReadCapacityUnits=table.read_capacity, WriteCapacityUnits=table.write_capacity
    )


def _keys(schema: tuple[KeyElement, ...]) -> list[dynamodb.KeySchema]:
    return [dynamodb.KeySchema(AttributeName=element.name, KeyType=element.type) for element in schema]


TYPE = CompiledType(
    name="aws_dynamodb_table",
    category="dynamodb",
    doc="A DynamoDB table: on demand, with point-in-time recovery, encryption and deletion protection.",
    model=DynamoDbTable,
    attributes=lambda table: ("name", "arn", "streamArn") if table.stream and managed(table) else ("name", "arn"),
    compile=compile,
    check=check,
    managed=managed,
    reserved_names=("public-route",),
    managed_keys=(
        *("keySchema", "attributes", "globalSecondaryIndexes", "timeToLive", "stream"),
        *("billingMode", "readCapacity", "writeCapacity"),
    ),
)
