"""DynamoDB: tables."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.planned import PlannedResource, items, mapping, text_of
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    ADOPTED,
    NEVER,
    AccessActions,
    DeletionProtection,
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
TABLE = "AWS::DynamoDB::Table"

_AIRBYTE = f"airbyte.com on DynamoDB; {PRICE_LIST}"
_ARN = "arn:{partition}:dynamodb:{region}:{account}:table/{id}"
_STREAM = {"StreamArn": frozenset({"StreamSpecification"})}
_DEFINITIONS = frozenset({"AttributeDefinitions"})


def _price_tables(context: PricingContext, tables: Resources) -> CostItems:
    for table in tables:
        kind = table.text("TableClass", "STANDARD")
        if kind == "STANDARD":
            yield from _price(context, table)
        else:
            yield Unpriced(f"Table {table.name}", f"no price for the class {kind}", (table.name,))


def _price(context: PricingContext, table: PlannedResource) -> CostItems:
    properties = table.properties
    indexes = items(properties.get("GlobalSecondaryIndexes"))
    copies = 1 + len(indexes)
    words = f" × {copies} (table and indexes)" if indexes else ""
    if properties.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        for verb, factor in (("write", copies), ("read", 1)):
            assumed = f"dynamodb-{verb}s-per-second"
            rate = context.assumed[assumed]
            how = f"{number(rate)} units/s" + (words if factor > 1 else "")
            quantity = rate * factor * SECONDS / MILLION
            yield context.line(f"dynamodb.{verb}", f"DynamoDB {verb} requests", quantity, how, table, assumed)
    else:
        for verb, key in (("write", "WriteCapacityUnits"), ("read", "ReadCapacityUnits")):
            throughputs = [mapping(mapping(one).get("ProvisionedThroughput")) for one in (properties, *indexes)]
            units = sum((at_least_zero(one.get(key)) for one in throughputs), Decimal(0))
            how = f"{number(units)} units × {HOURS} h"
            yield context.line(f"dynamodb.{verb[0]}cu", f"DynamoDB {verb} capacity", units * HOURS, how, table)
    size = context.assumed["dynamodb-gigabytes"]
    how = f"{number(size)} GB{words}"
    yield context.line("dynamodb.storage", "DynamoDB storage", size * copies, how, table, "dynamodb-gigabytes")
    if _is_recoverable(properties.get("PointInTimeRecoverySpecification")):
        unit = "GB, the table without its indexes"
        yield context.usage("dynamodb.pitr", "DynamoDB point-in-time recovery", "dynamodb-gigabytes", unit, table)
    yield from requests_to(text_of(mapping(properties.get("SSESpecification")).get("SSEEnabled")) == "true", table)
    if properties.get("StreamSpecification"):
        yield Unpriced(f"Stream of {table.name}", "its readers are not in the template", (table.name,))


def _is_recoverable(specification: Any) -> bool:
    return text_of(mapping(specification).get("PointInTimeRecoveryEnabled")) == "true"


def _details(properties: Properties) -> Iterator[str]:
    indexes = len(items(properties.get("GlobalSecondaryIndexes")))
    words = [f"{indexes} index{'es' if indexes > 1 else ''}"] if indexes else []
    words += ["stream"] if properties.get("StreamSpecification") else []
    if words:
        yield ", ".join(words)


def _expires_otherwise(before: Any, after: Any) -> bool:
    """Whether items expire that did not, or by another attribute."""
    old, new = mapping(before), mapping(after)
    was_on, is_on = (text_of(one.get("Enabled")) == "true" for one in (old, new))
    return is_on and (not was_on or old.get("AttributeName") != new.get("AttributeName"))


def _redefines_attribute(before: Any, after: Any) -> bool:
    """Whether an attribute that both sides define has another type."""
    old, new = ({one.get("AttributeName"): one.get("AttributeType") for one in side or ()} for side in (before, after))
    return any(old[name] != new[name] for name in old.keys() & new.keys())


def _other_time_to_live(before: Any, after: Any) -> Refusal | None:
    """A time to live that is on has one attribute, and is switched off by a specification that names it.

    Without the specification CloudFormation fails, or leaves it on.
    Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html,
    https://github.com/aws/aws-cdk/issues/25655 and https://github.com/aws/aws-cdk/issues/10576
    """
    old, new = mapping(before), mapping(after)
    attribute = text_of(old.get("AttributeName"))
    if text_of(old.get("Enabled")) != "true" or text_of(new.get("AttributeName")) == attribute:
        return None
    off = f"`timeToLive: {{attribute: {attribute}, enabled: false}}`"
    if not new:
        why = f"the time to live by {attribute} leaves the template while it is on: the update fails, or it stays on"
        return Refusal(why, f"write {off} to switch it off")
    why = f"the time to live by {attribute} is on, and DynamoDB refuses another attribute until it is off"
    reason = f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"
    return Refusal(
        why, f"1. write {off}, and deploy; 2. write the new attribute, at the earliest an hour later", reason
    )


def _other_view(before: Any, after: Any) -> Refusal | None:
    """DynamoDB does not change the view type of a stream that is on: it needs a new stream, with another ARN.

    CloudFormation's page says that it makes the new stream.
    Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html and StreamSpecification
    in the template reference of CloudFormation
    """
    old, new = (text_of(mapping(one).get("StreamViewType")) for one in (before, after))
    if not old or not new or old == new:
        return None
    why = f"DynamoDB refuses to change a stream that is on from {old} to {new}: that is a new stream, with another ARN"
    return Refusal(why, f"1. write `stream: false`, and deploy; 2. write `stream: {new}`, and point its readers to it")


RECORDS = (
    ResourceType(
        TABLE,
        PricingRule(
            "data",
            _price_tables,
            (
                price("dynamodb.write", "0.625", "million write units", _AIRBYTE, "2025-07-21"),
                price("dynamodb.read", "0.125", "million read units", _AIRBYTE, "2025-07-21"),
                price("dynamodb.storage", "0.25", "GB-month", PRICE_LIST, "2026-11-24"),
                price("dynamodb.pitr", "0.20", "GB-month", PRICE_LIST, "2026-11-24"),
                price("dynamodb.wcu", "0.00065", "WCU-hour", PRICE_LIST, "2026-11-24"),
                price("dynamodb.rcu", "0.00013", "RCU-hour", PRICE_LIST, "2026-11-24"),
            ),
            (
                assumption(
                    "dynamodb-writes-per-second",
                    "1",
                    "units/s",
                    "write request units for each table on demand; indexes take as many again",
                ),
                assumption("dynamodb-reads-per-second", "5", "units/s", "read request units for each table on demand"),
                assumption("dynamodb-gigabytes", "5", "GB", "in each table; an index holds as much again"),
            ),
        ),
        Simulation(
            attributes={"Arn": _ARN, "StreamArn": f"{_ARN}/stream/2027-01-01T00:00:00.000"},
            create=31.0,
            update=12.0,
            delete=12.0,
            protection=DeletionProtection(
                lambda properties: properties.get("DeletionProtectionEnabled") in (True, "true"),
                "Resource cannot be deleted as it is currently protected against deletion."
                " Disable deletion protection first.",
                "GeneralServiceException",
                "DeletionProtectionEnabled",
            ),
        ),
        DeployPermissions(
            only_with={
                # The handlers also make the replicas of a global table.
                NEVER: ("dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan", "dynamodb:*Replica"),
                "ImportSourceSpecification": ("s3:*", "logs:*", "dynamodb:ImportTable", "dynamodb:DescribeImport"),
                "KinesisStreamSpecification": (
                    "kinesis:*",
                    "dynamodb:EnableKinesis*",
                    "dynamodb:DisableKinesis*",
                    "dynamodb:UpdateKinesis*",
                ),
                "ResourcePolicy": ("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"),
                "SSESpecification.KMSMasterKeyId": ("kms:*",),
            },
            arns=named_by("dynamodb", "TableName", ("table", "table/{}"), ("table", "table/{}/index/*")),
        ),
        retained=True,
        taken_over=ADOPTED,
        data=StoredData(
            "its items",
            expiry=(
                Expiry("TimeToLiveSpecification", _expires_otherwise, "lets items expire by another attribute"),
                Expiry(
                    "PointInTimeRecoverySpecification",
                    lambda before, after: _is_recoverable(before) and not _is_recoverable(after),
                    "drops its continuous backups",
                ),
            ),
        ),
        # An edited attribute definition or another key replaces the table, one definition more or less does not.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
        updates=Updates(
            _STREAM,
            edited=_DEFINITIONS,
            replaced_if={"AttributeDefinitions": _redefines_attribute, "KeySchema": lambda before, after: True},
            refused={"TimeToLiveSpecification": _other_time_to_live, "StreamSpecification": _other_view},
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html,
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-switching-capacity-modes.html and
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.tableclasses.html
            limited={
                "TimeToLiveSpecification": "DynamoDB refuses another change of the time to live for up to an hour",
                "BillingMode": "a table can change to on-demand four times in 24 hours",
                "TableClass": "a table can change its class twice in 30 days",
            },
        ),
        drawing=Drawing(
            "database", "DynamoDB table", "TableName", _details, arn_service="dynamodb", arn_name="(?:[^/]*/)?([^/]*).*"
        ),
        access=AccessActions(reading=("dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect")),
        before_deletion=(
            "disable the deletion protection of the table: aws dynamodb update-table --no-deletion-protection-enabled"
        ),
    ),
    ForeignType(
        "AWS::DynamoDB::GlobalTable",
        data=StoredData("its items"),
        updates=Updates(_STREAM, edited=_DEFINITIONS),
    ),
)
