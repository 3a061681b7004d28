"""A DynamoDB table: its resources, and the specs that DynamoDB would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.dependencies.made import admits, as_text, codes, findings, make

KIND = "aws_dynamodb_table"
HASH = {"name": "id", "type": "HASH"}
RANGE = {"name": "at", "type": "RANGE"}
ID = {"name": "id", "type": "S"}
AT = {"name": "at", "type": "N"}
TABLE: dict[str, Any] = {"keySchema": [HASH], "attributes": [ID]}
BOTH: dict[str, Any] = {"keySchema": [HASH, RANGE], "attributes": [ID, AT]}


def index(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "keySchema": [HASH], **keys}


def written(**keys: Any) -> dict[str, Any]:
    return {"type": KIND, "name": "${ENV}-ledger", **keys}


def test_a_table_is_safe_by_default() -> None:
    title, table = make(KIND, "${ENV}-ledger", **BOTH).the("AWS::DynamoDB::Table")
    properties = table["Properties"]
    assert title == "LedgerTable"
    assert properties["TableName"] == "staging-ledger"
    assert properties["BillingMode"] == "PAY_PER_REQUEST" and "ProvisionedThroughput" not in properties
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "SSESpecification" not in properties  # encrypted by DynamoDB's own key, which is free
    assert properties["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert properties["KeySchema"] == [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    types = {one["AttributeName"]: one["AttributeType"] for one in properties["AttributeDefinitions"]}
    assert types == {"id": "S", "at": "N"}


def test_the_grant_covers_the_table_and_its_indexes() -> None:
    made = make(KIND, "${ENV}-ledger", **TABLE)
    assert made.grant.environment == {"LEDGER_TABLE_NAME": "${LedgerTable}"}
    assert made.arns("dynamodb:Query") == {"${LedgerTable.Arn}", "${LedgerTable.Arn}/index/*"}
    assert not made.actions() & {"dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:CreateTable"}


def test_an_existing_table_is_scoped_by_its_name() -> None:
    made = make(KIND, "prod.ledger", unmanaged={"permissions": "read"})
    home = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table"
    arns = made.arns("dynamodb:GetItem")
    assert admits(arns, f"{home}/prod.ledger") and admits(arns, f"{home}/prod.ledger/index/by-day")
    assert not admits(arns, f"{home}/prod.ledger2") and not admits(arns, f"{home}/other/index/by-day")
    assert "dynamodb:PutItem" not in made.actions()


@pytest.mark.parametrize(
    "keys",
    [
        {
            "key_schema": [{"attribute_name": "id", "key_type": "HASH"}],
            "attribute_definitions": [{"attribute_name": "id", "attribute_type": "S"}],
        },
        {
            "keySchema": [{"attributeName": "id", "keyType": "HASH"}],
            "attributeDefinitions": [{"attributeName": "id", "attributeType": "S"}],
        },
    ],
)
def test_spellings_mean_the_same(keys: dict[str, Any]) -> None:
    assert make(KIND, "ledger", **keys).resources == make(KIND, "ledger", **TABLE).resources


def test_the_order_of_attributes_does_not_matter() -> None:
    turned = {**BOTH, "attributes": [AT, ID]}
    assert make(KIND, "ledger", **turned).resources == make(KIND, "ledger", **BOTH).resources


def test_indexes_with_their_projections() -> None:
    indexes = [
        index("everything"),
        index("keys", projection="KEYS_ONLY"),
        index("some", projection="INCLUDE", nonKeyAttributes=["total"]),
    ]
    table = make(KIND, "ledger", **TABLE, globalSecondaryIndexes=indexes).the("AWS::DynamoDB::Table")[1]
    projections = {one["IndexName"]: one["Projection"] for one in table["Properties"]["GlobalSecondaryIndexes"]}
    assert projections == {
        "everything": {"ProjectionType": "ALL"},
        "keys": {"ProjectionType": "KEYS_ONLY"},
        "some": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]},
    }


def test_provisioned_capacity_also_applies_to_the_indexes() -> None:
    keys = {"billingMode": "PROVISIONED", "readCapacity": 5, "writeCapacity": 7}
    table = make(KIND, "ledger", **TABLE, **keys, globalSecondaryIndexes=[index("all")]).the("AWS::DynamoDB::Table")[1]
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
    assert table["Properties"]["ProvisionedThroughput"] == units
    assert table["Properties"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == units


@pytest.mark.parametrize(
    ("keys", "enabled"),
    [
        ({"timeToLive": "expires"}, True),
        ({"ttl": "expires"}, True),
        ({"timeToLive": {"attribute": "expires"}}, True),
        ({"time_to_live": {"attributeName": "expires", "enabled": True}}, True),
        ({"timeToLive": {"attribute": "expires", "enabled": False}}, False),
    ],
)
def test_time_to_live(keys: dict[str, Any], enabled: bool) -> None:
    table = make(KIND, "ledger", **TABLE, **keys).the("AWS::DynamoDB::Table")[1]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": enabled}


@pytest.mark.parametrize(
    ("written_ttl", "code"),
    [({"enabled": False}, "S103"), ("", "S105"), ({"attribute": ""}, "S105"), ({"attribute": "a", "on": True}, "S101")],
)
def test_a_time_to_live_that_says_too_little_is_refused(written_ttl: Any, code: str) -> None:
    assert [found for found, _ in findings(written(**TABLE, timeToLive=written_ttl))] == [code]


CUSTOMER_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("keys", "specification"),
    [
        ({"encryption": "owned"}, None),
        ({"encryption": "kms"}, {"SSEEnabled": True, "SSEType": "KMS"}),
        ({"encryption": CUSTOMER_KEY}, {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": CUSTOMER_KEY}),
        ({"kmsKeyArn": CUSTOMER_KEY}, {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": CUSTOMER_KEY}),
    ],
)
def test_encryption_by_a_kms_key_is_asked_for(keys: dict[str, Any], specification: Any) -> None:
    made = make(KIND, "ledger", **TABLE, **keys)
    assert made.the("AWS::DynamoDB::Table")[1]["Properties"].get("SSESpecification") == specification
    customers = bool(specification and "KMSMasterKeyId" in specification)
    assert made.arns("kms:Decrypt") == ({CUSTOMER_KEY} if customers else set())


def test_the_key_of_an_existing_table_is_for_use_through_dynamodb() -> None:
    made = make(KIND, "ledger", unmanaged={"permissions": "read"}, encryption=CUSTOMER_KEY)
    (statement,) = (each for each in made.statements() if "kms:Decrypt" in each["Action"])
    through = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert as_text(through) == "dynamodb.${AWS::Region}.${AWS::URLSuffix}"
    assert set(made.resources) == set(made.grant.waits) == {"LedgerDynamodbKeyAccess"}


@pytest.mark.parametrize("encryption", ["none", "alias/mine", "arn:aws:kms:us-east-1:123456789012:alias/mine"])
def test_encryption_by_an_unknown_key_is_refused(encryption: str) -> None:
    assert findings(written(**TABLE, encryption=encryption)) == [("S105", encryption)]


@pytest.mark.parametrize(("stream", "view"), [("KEYS_ONLY", "KEYS_ONLY"), (True, "NEW_AND_OLD_IMAGES")])
def test_a_stream_is_an_attribute_and_can_be_read(stream: Any, view: str) -> None:
    made = make(KIND, "ledger", **TABLE, stream=stream)
    assert made.the("AWS::DynamoDB::Table")[1]["Properties"]["StreamSpecification"] == {"StreamViewType": view}
    assert made.grant.values["streamArn"] == "${LedgerTable.StreamArn}"
    assert made.arns("dynamodb:GetRecords") == made.arns("dynamodb:ListStreams") == {"${LedgerTable.Arn}/stream/*"}


@pytest.mark.parametrize("stream", [None, False])
def test_without_a_stream_there_is_no_attribute(stream: Any) -> None:
    made = make(KIND, "ledger", **TABLE, **({} if stream is None else {"stream": stream}))
    assert "StreamSpecification" not in made.the("AWS::DynamoDB::Table")[1]["Properties"]
    assert "streamArn" not in made.grant.values and "dynamodb:GetRecords" not in made.actions()


def test_a_stream_of_another_view_is_refused() -> None:
    assert findings(written(**TABLE, stream="EVERYTHING")) == [("S105", "EVERYTHING")]


def test_write_access_does_not_include_the_stream() -> None:
    made = make(KIND, "ledger", **TABLE, stream="NEW_IMAGE", permissions="write")
    assert "dynamodb:GetRecords" not in made.actions() and "dynamodb:GetItem" not in made.actions()


def test_access_to_the_stream_alone() -> None:
    made = make(KIND, "ledger", **TABLE, streams={"mode": "consumer"}, permissions="write")
    assert made.arns("dynamodb:GetRecords") == {"${LedgerTable.Arn}/stream/*"}
    assert "dynamodb:GetItem" not in made.actions()
    made = make(KIND, "ledger", **TABLE, stream={"enabled": False, "mode": "read"})
    assert "streamArn" not in made.grant.values and "dynamodb:GetRecords" not in made.actions()


def test_access_to_single_indexes_replaces_that_to_all() -> None:
    made = make(KIND, "ledger", unmanaged={"mode": "read"}, indexes=[{"name": "by-time", "mode": "rw"}])
    table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/ledger"
    assert made.arns("dynamodb:Query") == {table, f"{table}/index/by-time"}
    assert made.arns("dynamodb:GetItem") == {table}


def test_a_list_of_stream_actions_reaches_the_stream() -> None:
    actions = ["dynamodb:GetRecords", "dynamodb:GetItem"]
    assert "${LedgerTable.Arn}/stream/*" in make(KIND, "ledger", **TABLE, stream="NEW_IMAGE", permissions=actions).arns(
        "dynamodb:GetRecords"
    )
    home = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table"
    made = make(KIND, "ledger", permissions=actions)
    assert admits(made.arns("dynamodb:GetRecords"), f"{home}/ledger/stream/2026-01-01T00:00:00.000")
    assert not admits(made.arns("dynamodb:GetItem"), f"{home}/ledger/stream/2026-01-01T00:00:00.000")


def test_a_list_of_actions_with_a_schema_is_a_managed_table() -> None:
    made = make(KIND, "ledger", **TABLE, permissions=["dynamodb:GetItem"])
    assert made.the("AWS::DynamoDB::Table")[0] == "LedgerTable"
    assert made.actions() == {"dynamodb:GetItem"}


def test_a_managed_table_needs_a_schema() -> None:
    assert codes(written()) == codes(written(permissions="read")) == ["S310"]


def test_keys_and_attributes_must_match() -> None:
    assert findings(written(keySchema=[HASH, RANGE], attributes=[ID])) == [("S311", "at")]
    assert findings(written(keySchema=[HASH], attributes=[ID, {"name": "total", "type": "N"}])) == [("S311", "total")]
    assert codes(written(keySchema=[HASH], attributes=[ID, ID])) == ["S311"]
    of_index = [{"name": "daily", "keySchema": [{"name": "day", "type": "HASH"}]}]
    assert findings(written(**TABLE, globalSecondaryIndexes=of_index)) == [("S311", "day")]


@pytest.mark.parametrize(
    "schema",
    [
        [RANGE],
        [RANGE, HASH],
        [HASH, {"name": "at", "type": "HASH"}],
        [HASH, {"name": "id", "type": "RANGE"}],
        [HASH, RANGE, RANGE],
    ],
    ids=["no HASH", "wrong order", "two HASH", "one attribute twice", "three"],
)
def test_a_key_is_one_hash_and_one_range(schema: list[dict[str, str]]) -> None:
    names = {one["name"] for one in schema}
    attributes = [one for one in (ID, AT) if one["name"] in names]
    assert codes(written(keySchema=schema, attributes=attributes)) == ["S312"]
    both = [{"name": "other", "keySchema": schema}]
    assert codes(written(**BOTH, globalSecondaryIndexes=both)) == ["S312"]


def test_indexes_that_are_refused() -> None:
    assert codes(written(**TABLE, globalSecondaryIndexes=[index("same"), index("same")])) == ["S313", "S313"]
    assert codes(written(**TABLE, globalSecondaryIndexes=[index("some", projection="INCLUDE")])) == ["S313"]
    assert codes(written(**TABLE, globalSecondaryIndexes=[index("all", nonKeyAttributes=["x"])])) == ["S313"]
    many = [index(f"by-{number}") for number in range(21)]
    assert codes(written(**TABLE, globalSecondaryIndexes=many[:20])) == []
    assert findings(written(**TABLE, globalSecondaryIndexes=many)) == [("S104", "globalSecondaryIndexes")]


def test_capacity_goes_with_provisioned() -> None:
    assert findings(written(**TABLE, billingMode="PROVISIONED", readCapacity=1)) == [("S314", "PROVISIONED")]
    assert findings(written(**TABLE, writeCapacity=1)) == [("S314", "writeCapacity")]


SCALED: dict[str, Any] = {"billingMode": "PROVISIONED", "readCapacity": {"min": 5, "max": 9}, "writeCapacity": 7}
LOCAL = {"name": "by-time", "keySchema": [HASH, RANGE]}


def test_scaled_capacity_has_a_target_for_the_table_and_for_each_index() -> None:
    own = index("by-id", readCapacity=3, writeCapacity={"min": 1, "max": 2, "target": 20})
    made = make(KIND, "ledger", **TABLE, **SCALED, globalSecondaryIndexes=[index("all"), own])
    targets = {
        name: one["Properties"]
        for name, one in made.resources.items()
        if one["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget"
    }
    scaled = {(as_text(one["ResourceId"]), one["ScalableDimension"], one["MaxCapacity"]) for one in targets.values()}
    assert scaled == {
        ("table/${LedgerTable}", "dynamodb:table:ReadCapacityUnits", 9),
        ("table/${LedgerTable}/index/all", "dynamodb:index:ReadCapacityUnits", 9),
        ("table/${LedgerTable}/index/by-id", "dynamodb:index:WriteCapacityUnits", 2),
    }
    policies = [one for one in made.resources.values() if one["Type"].endswith("::ScalingPolicy")]
    assert {one["Properties"]["ScalingTargetId"]["Ref"] for one in policies} == set(targets)
    tracked = [one["Properties"]["TargetTrackingScalingPolicyConfiguration"] for one in policies]
    assert sorted(one["TargetValue"] for one in tracked) == [20, 70, 70]
    begun = made.resources["LedgerTable"]["Properties"]["ProvisionedThroughput"]
    assert begun == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}


def test_names_that_join_to_the_same_words_have_their_own_targets() -> None:
    pairs = [("abc-def", "ghi"), ("abc", "def-ghi")]
    made = [{*make(KIND, name, **TABLE, **SCALED, globalSecondaryIndexes=[index(of)]).resources} for name, of in pairs]
    assert not made[0] & made[1]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({**TABLE, "localSecondaryIndexes": [LOCAL], "attributes": [ID, AT]}, ["S313"]),
        ({**BOTH, "localSecondaryIndexes": [{**LOCAL, "keySchema": [HASH]}]}, ["S313"]),
        ({**BOTH, "localSecondaryIndexes": [{**LOCAL, "keySchema": [{**RANGE, "type": "HASH"}]}]}, ["S313"]),
        ({**BOTH, "localSecondaryIndexes": [LOCAL], "globalSecondaryIndexes": [index("by-time")]}, ["S313"] * 2),
        ({**BOTH, "localSecondaryIndexes": [{**LOCAL, "name": f"by-{number}"} for number in range(6)]}, ["S104"]),
        ({**TABLE, **SCALED, "readCapacity": {"min": 9, "max": 5}}, ["S314"]),
        ({**TABLE, **SCALED, "readCapacity": {"min": 1, "max": 5, "target": 95}}, ["S104"]),
        ({**TABLE, **SCALED, "readCapacity": {"min": 1}}, ["S103"]),
        ({**TABLE, "readCapacity": {"min": 1, "max": 5}}, ["S314"]),
        ({**TABLE, "globalSecondaryIndexes": [index("all", writeCapacity=1)]}, ["S314"]),
        ({**TABLE, **SCALED, "warmThroughput": {"read": 5, "write": 7}}, []),
        ({**TABLE, **SCALED, "warmThroughput": {"read": 4, "write": 7}}, ["S540"]),
        ({**TABLE, **SCALED, "globalSecondaryIndexes": [index("all", warmThroughput={"write": 6})]}, ["S540"]),
        ({**TABLE, "warmThroughput": {"read": 12000, "write": 3999}}, ["S540"]),
        ({**TABLE, "warmThroughput": {}}, ["S540"]),
        ({**TABLE, "tableClass": "COLD"}, ["S106"]),
    ],
)
def test_what_the_further_keys_refuse(keys: dict[str, Any], found: list[str]) -> None:
    assert codes(written(**keys)) == found
